// Golden heads, as golden_spec.mjs, of a conversation that was spawned and limited:
// spec/golden/can-N.jsonl. A new format of what the header says of that gets a new one:
// GOLDEN_CAN=N node spec/e2e/run.mjs golden_can.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { ROOT, test } from "./harness.mjs";
import { Visitor } from "./visitor.mjs";

const GOLDEN = path.join(ROOT, "spec/golden");
const stube = path.resolve(ROOT, process.env.STUBE ?? "build/stube");
const store = (...args) => execFileSync(stube, ["store", ...args]);

async function with_store(t, body) {
  const dir = mkdtempSync(path.join(tmpdir(), "stube-"));
  t.server.app = path.join(GOLDEN, "can.lua");
  t.server.store = path.join(dir, "store");
  try {
    await body(t.server.store);
  } finally {
    await t.server.kill();
    rmSync(dir, { recursive: true });
  }
}

const make = (t, name) => with_store(t, async (at) => {
  const boss = await new Visitor(t.server).begin("/boss");
  await boss.click("Hire");
  const cid = /made (\S+)/.exec(boss.text)[1];
  const known = { cid, cookie: boss.cookie };
  assert.match((await new Visitor(t.server, known).look()).text, /it has begun/);
  await t.server.kill();
  writeFileSync(path.join(GOLDEN, `can-${name}.jsonl`), store("export", "--store", at));
  writeFileSync(path.join(GOLDEN, `can-${name}.json`), `${JSON.stringify(known)}\n`);
});

const check = (t, name) => with_store(t, async (at) => {
  store("import", path.join(GOLDEN, `${name}.jsonl`), "--store", at);
  store("check", "--store", at);
  const known = JSON.parse(readFileSync(path.join(GOLDEN, `${name}.json`)));
  assert.match(store("show", known.cid, "--store", at).toString(),
    /^ {2}may {6}after \(limited by golden\/boss in \S+\)$/m);
  const v = await new Visitor(t.server, known).look();
  assert.match(v.text, /it has begun;/);
  assert.match((await v.click("Time")).text, /it may wait/);
  assert.match((await v.click("Script")).text,
    /execute_script: golden\/agent lacks the capability "script".* by golden\/boss in /);
});

if (process.env.GOLDEN_CAN)
  test(`golden heads can-${process.env.GOLDEN_CAN} are made`,
    (t) => make(t, process.env.GOLDEN_CAN));
for (const name of readdirSync(GOLDEN).filter((f) => /^can-\d+\.jsonl$/.test(f))
  .map((f) => path.basename(f, ".jsonl")))
  test(`one that was limited as format ${name} saved it goes on, and is`,
    (t) => check(t, name));
