// Golden heads, as golden_spec.mjs, of a conversation that waits for a worker:
// spec/golden/io-N.jsonl. A new format of what s.io saves gets a new one:
// GOLDEN_IO=N node spec/e2e/run.mjs golden_io.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { ROOT, eventually, test } from "./harness.mjs";
import { Visitor } from "./visitor.mjs";

const GOLDEN = path.join(ROOT, "spec/golden");
const stube = path.resolve(ROOT, process.env.STUBE ?? "build/stube");
const store = (...args) => execFileSync(stube, ["store", ...args]);

async function with_pipe(t, body) {
  const dir = mkdtempSync(path.join(tmpdir(), "stube-"));
  process.env.GOLDEN_PIPE = path.join(dir, "pipe");
  execFileSync("mkfifo", [process.env.GOLDEN_PIPE]);
  t.server.app = path.join(GOLDEN, "io.lua");
  t.server.store = path.join(dir, "store");
  try {
    await body(t.server.store);
  } finally {
    await t.server.kill();
    rmSync(dir, { recursive: true });
  }
}

async function waits(visitor) {
  assert.match((await visitor.look()).text, /It waits/);
}

async function hears(visitor, text) {
  const pipe = await open(process.env.GOLDEN_PIPE, "w"); // when the worker reads
  await pipe.write(text);
  await pipe.close();
  await eventually("the result is shown", async () =>
    (await visitor.look()).text.includes(`It says ${text} 3`));
}

const make = (t, name) => with_pipe(t, async (at) => {
  const v = await new Visitor(t.server).begin("/io");
  await waits(v);
  await t.server.kill();
  writeFileSync(path.join(GOLDEN, `io-${name}.jsonl`), store("export", "--store", at));
  writeFileSync(path.join(GOLDEN, `io-${name}.json`),
    `${JSON.stringify({ cid: v.cid, cookie: v.cookie })}\n`);
});

const check = (t, name) => with_pipe(t, async (at) => {
  store("import", path.join(GOLDEN, `${name}.jsonl`), "--store", at);
  store("check", "--store", at);
  const known = JSON.parse(readFileSync(path.join(GOLDEN, `${name}.json`)));
  const shown = store("show", known.cid, "--store", at).toString();
  assert.match(shown, new RegExp(`its body waits for the call ${known.cid}-\\d+`));
  const v = new Visitor(t.server, known);
  await waits(v);
  await hears(v, "hello");
});

if (process.env.GOLDEN_IO)
  test(`golden heads io-${process.env.GOLDEN_IO} are made`,
    (t) => make(t, process.env.GOLDEN_IO));
for (const name of readdirSync(GOLDEN).filter((f) => /^io-\d+\.jsonl$/.test(f))
  .map((f) => path.basename(f, ".jsonl")))
  test(`what waits for a worker as format ${name} saved it goes on`, (t) => check(t, name));
