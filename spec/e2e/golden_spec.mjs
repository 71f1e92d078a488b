// Golden heads: conversations that earlier versions saved go on in this one. Each
// spec/golden/N.jsonl is a store as text (`stube store export`), N.json beside it
// says who was where in it, and what was to come.
//
// A new format of heads gets a new pair, made by the version that writes it first:
// GOLDEN=N node spec/e2e/run.mjs golden. The old pairs stay.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { ROOT, test } from "./harness.mjs";
import { Visitor } from "./visitor.mjs";

const GOLDEN = path.join(ROOT, "spec/golden");
const MORE = 8; // clicks past the saved place that are compared

const store = (...args) => execFileSync(
  path.resolve(ROOT, process.env.STUBE ?? "build/stube"), ["store", ...args],
  { stdio: ["ignore", "pipe", "pipe"] });

async function with_store(t, body) {
  const dir = mkdtempSync(path.join(tmpdir(), "stube-"));
  t.server.app = path.join(GOLDEN, "app.lua");
  t.server.args = ["--store", path.join(dir, "store")];
  try {
    await body(path.join(dir, "store"));
  } finally {
    await t.server.kill();
    rmSync(dir, { recursive: true });
  }
}

/** What the page says before and after each of so many clicks. */
async function texts(visitor, label, clicks) {
  const all = [visitor.text];
  for (let i = 0; i < clicks; i++) all.push((await visitor.click(label)).text);
  return all;
}

const places = [
  ["/state", "Next", [1, 2, 3]],
  ["/flow", "Next", [1, 2, 3, 4, 5, 7, 8, 10, 12, 17, 19, 23]],
  ["/later", "Next", [1, 2, 3]],
  ["/later", "Slot", [1]],
];

/** What is to come from each place, seen by visitors that went ahead. */
async function look_ahead(server) {
  const all = [];
  for (const [mount, label, clicks] of places)
    for (const n of clicks) {
      const v = await new Visitor(server).begin(mount);
      const said = await texts(v, label, n);
      const is_slot = label === "Slot";
      const later = await texts(v, is_slot ? "Next" : label, is_slot ? 1 : MORE);
      all.push({ mount, label, n, said, later });
    }
  return all;
}

async function make(t, name) {
  await with_store(t, async (at) => {
    t.server.args = ["--store", "memory"];
    const ahead = await look_ahead(t.server);
    await t.server.kill();
    t.server.args = ["--store", at];
    const visitors = [];
    for (const { mount, label, n, said, later } of ahead) {
      const v = await new Visitor(t.server).begin(mount);
      assert.deepEqual(await texts(v, label, n), said);
      const next = label === "Slot" ? "Next" : label;
      visitors.push({ mount, label: next, cid: v.cid, cookie: v.cookie, later });
    }
    await t.server.kill();
    writeFileSync(path.join(GOLDEN, `${name}.jsonl`), store("export", "--store", at));
    writeFileSync(path.join(GOLDEN, `${name}.json`),
      `${JSON.stringify(visitors, null, 1)}\n`);
  });
}

async function check(t, name) {
  await with_store(t, async (at) => {
    store("import", path.join(GOLDEN, `${name}.jsonl`), "--store", at);
    store("check", "--store", at);
    const visitors = JSON.parse(readFileSync(path.join(GOLDEN, `${name}.json`)));
    assert.ok(visitors.length >= 19);
    for (const { mount, label, later, ...known } of visitors) {
      const v = await new Visitor(t.server, known).look();
      assert.equal(v.status, 200, `${mount}: ${later[0]}`);
      assert.deepEqual(await texts(v, label, later.length - 1), later);
    }
  });
}

const names = readdirSync(GOLDEN).filter((f) => /^\d+\.jsonl$/.test(f))
  .map((f) => path.basename(f, ".jsonl"));
if (process.env.GOLDEN)
  test(`golden heads ${process.env.GOLDEN} are made`, (t) => make(t, process.env.GOLDEN));
for (const name of names)
  test(`conversations that format ${name} saved go on (20.7)`, (t) => check(t, name));
