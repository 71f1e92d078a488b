// The browser modules that components name.

import assert from "node:assert/strict";
import { eventually, test } from "./harness.mjs";

test("each module of a component is loaded once by every page (1.4, 21.8)", async (t) => {
  t.server.app = "spec/e2e/app/modules.lua";
  t.server.args = ["--base-path", "/sub"];
  await t.page.goto(await t.server.at("/sub/marked"));
  await eventually("both have run, once each", () =>
    t.page.evaluate(() => globalThis.marked === 2));
  const sources = await t.page.locator("head > script[src]").evaluateAll(
    (all) => all.map((el) => el.getAttribute("src")));
  assert.deepEqual(sources.slice(1),
    ["/sub/files/spec/mark.js", "/sub/stube/modules/spec/mark.js"]);
});

test("a module's path has two plain names, or is refused; a missing one is 404", async (t) => {
  t.server.app = "spec/e2e/app/modules.lua";
  const at = async (path) =>
    (await t.page.request.get(await t.server.at("/stube/modules/" + path))).status();
  assert.equal(await at("spec/mark.js"), 200);
  assert.equal(await at("spec/none.js"), 404);
  assert.equal(await at("spec/mark"), 400);
  assert.equal(await at("spec/.js"), 400);
  assert.equal(await at("sp%2e%2ec/mark.js"), 400);
  assert.equal(await at("spec/..%2fx.js"), 400);
});
