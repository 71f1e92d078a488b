// A page whose conversation somebody else looks after: a function of the app's, from a
// request of its own.

import assert from "node:assert/strict";
import { button, eventually, test } from "./harness.mjs";

async function open({ page, server }) {
  server.app = "spec/e2e/app/desk.lua";
  await page.goto(await server.at("/visited"));
  const cid = await page.locator("body").getAttribute("data-stube-cid");
  return async (deed, with_what) => {
    const url = await server.at("/desk");
    const answer = await page.request.post(url, { data: { cid, deed, with: with_what } });
    return answer.ok() ? answer.json() : answer.text();
  };
}

const count_is = (page, wanted) =>
  eventually(`the count is ${wanted}`, async () =>
    (await page.locator("output").textContent()) === wanted);

test("an event that code sends shows on the page as a click's would", async (t) => {
  const desk = await open(t);
  await button(t.page, "+1").click();
  await count_is(t.page, "1");
  assert.deepEqual(await desk("send", ["inc", 10]), { result: true });
  await count_is(t.page, "11");
  const failed = await desk("send", "fail");
  assert.match(failed.why, /on purpose/);
  await t.page.getByText("Something went wrong").waitFor();
  assert.match((await desk("wreck")).result.error, /on purpose/);
  assert.match((await desk("html")).result, /11/);
});

test("a stopped page says so and why; it goes on when it may (part B)", async (t) => {
  t.expect_errors(/410/);
  const desk = await open(t);
  await button(t.page, "+1").click();
  await count_is(t.page, "1");
  assert.deepEqual(await desk("stop", { why: "Somebody looks at it." }), { result: true });
  await t.page.getByRole("alertdialog", { name: "This page has been stopped" }).waitFor();
  await t.page.getByText("Somebody looks at it.").waitFor();
  const url = new URL(t.page.url());
  const cid = await t.page.locator("body").getAttribute("data-stube-cid");
  await t.page.goto(`${url.origin}/conv/${cid}`);
  await t.page.getByText("This page has been stopped").waitFor();
  await t.page.getByText("Somebody looks at it.").waitFor();
  assert.deepEqual(await desk("resume"), { result: true });
  await t.page.reload();
  await count_is(t.page, "1");
  await button(t.page, "+1").click();
  await count_is(t.page, "2");
});

test("a page whose conversation is finished by somebody else is told", async (t) => {
  const desk = await open(t);
  await button(t.page, "+1").click();
  await count_is(t.page, "1");
  assert.deepEqual(await desk("finish"), { result: true });
  await t.page.getByRole("alertdialog", { name: "This page has ended" }).waitFor();
  assert.equal(await desk("inspect"), "gone");
});

