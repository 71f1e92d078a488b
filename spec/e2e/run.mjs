#!/usr/bin/env node
// Runs the browser specs: `node spec/e2e/run.mjs [FILTER]`, where FILTER is a
// part of "file: claim". STUBE names the binary (default build/stube), CHROMIUM
// the browser. The client's own specs need no stube; `client/` as the filter
// runs just those.

import { readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { run_files } from "./harness.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const files = readdirSync(here, { recursive: true })
  .filter((name) => name.endsWith("_spec.mjs"))
  .sort()
  .map((name) => path.join(here, name));

const { passed, failed } = await run_files(files, process.argv[2] ?? "");
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed || !passed ? 1 : 0);
