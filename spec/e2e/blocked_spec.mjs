// One call that keeps the loop from going round.

import assert from "node:assert/strict";
import { once } from "node:events";
import { eventually, test, with_store } from "./harness.mjs";
import { Visitor } from "./visitor.mjs";

const said = ({ server }, pattern) => eventually(`the log says ${pattern}`, async () =>
  server.log.some((line) => pattern.test(line)));

test("a call that takes over a second is told of, with its component, once", async (t) => {
  t.server.app = "spec/e2e/app/blocked.lua";
  const v = await new Visitor(t.server).begin("/");
  await v.click("Nap");
  assert.match(v.text, /^10/);
  const waiting = /error one call keeps everybody waiting.* component=e2e\/blocked/;
  await said(t, waiting);
  assert.match((await v.click("Count")).text, /^11/);
  assert.equal(t.server.log.filter((line) => waiting.test(line)).length, 1);
});

test("one that does not return ends the process, and nothing answered is lost", (t) =>
  with_store(t, async () => {
    t.server.app = "spec/e2e/app/blocked.lua";
    t.server.args = ["--limit", "blocked=2s"];
    const v = await new Visitor(t.server).begin("/");
    await v.click("Count");
    const ended = once(t.server.child, "exit");
    await assert.rejects(v.click("Sleep"));
    assert.deepEqual(await ended, [null, "SIGABRT"]);
    await said(t, /one call of e2e\/blocked has kept everybody waiting for 2 seconds/);
    await t.server.restart();
    assert.match((await v.look()).text, /^1 /);
  }));
