// /protected-counter: a page for those who are signed in.

import assert from "node:assert/strict";
import { button, eventually, see, test } from "./harness.mjs";

const open = async ({ page, server }, query = "") =>
  page.goto(await server.at(`/protected-counter${query}`));
const shows = (page, wanted) => eventually(`it shows ${wanted}`, async () => {
  const now = await page.locator("output").textContent({ timeout: 1000 });
  return now === String(wanted) || Promise.reject(Error(now));
});
const refusal = "This page is only available to a signed-in user.";

test("who is not signed in is told so, and has nothing to click", async (t) => {
  for (const query of ["", "?user=", "?user=a&user=b", "?name=ada"]) {
    await open(t, query);
    await t.page.getByRole("heading", { name: "Protected counter" }).waitFor();
    await see(t.page, refusal);
    assert.equal(await t.page.locator("button, output").count(), 0, query);
  }
});

test("who is signed in is named and can count", async (t) => {
  const { page } = t;
  await open(t, "?user=ada");
  await see(page, "Signed in as ada.");
  assert.equal(await page.getByText(refusal).count(), 0);
  await shows(page, 0);
  await button(page, "+").click();
  await shows(page, 1);
  await button(page, "−").click();
  await button(page, "−").click();
  await shows(page, -1);
});

test("a name is text, whatever it says", async (t) => {
  await open(t, `?user=${encodeURIComponent("<b>&amp;")}`);
  await see(t.page, "Signed in as <b>&amp;.");
});

test("who somebody is stays with the conversation, whatever is asked later",
  async (t) => {
    const { page } = t;
    await open(t, "?user=ada");
    await button(page, "+").click();
    await shows(page, 1);
    const cid = await page.getAttribute("body", "data-stube-cid");
    await page.goto(await t.server.at(`/conv/${cid}?user=eve`));
    await see(page, "Signed in as ada.");
    await shows(page, 1);
  });

test("an event's URL is worth nothing in another browser", async (t) => {
  const { page } = t;
  await open(t, "?user=ada");
  const [request] = await Promise.all([
    page.waitForRequest((r) => r.method() === "POST"),
    button(page, "+").click(),
  ]);
  await shows(page, 1);
  const context = await t.newContext();
  const other = await context.newPage();
  const headers = { "Sec-Fetch-Site": "same-origin", Origin: new URL(page.url()).origin };
  for (const query of ["", "?user=ada"]) { // signed in there or not
    await open({ page: other, server: t.server }, query);
    const answer = await context.request.post(request.url(), { data: {}, headers });
    assert.equal(answer.status(), 403);
  }
  await shows(other, 0);
  await button(page, "+").click();
  await shows(page, 2);
});

test("an event's URL of one conversation is refused by another of the same visitor",
  async (t) => {
    const { page, context } = t;
    await open(t, "?user=ada");
    const [request] = await Promise.all([
      page.waitForRequest((r) => r.method() === "POST"),
      button(page, "+").click(),
    ]);
    await shows(page, 1);
    await open(t);
    await see(page, refusal);
    const cid = await page.getAttribute("body", "data-stube-cid");
    const url = request.url().replace(/\/conv\/[\w-]+/, `/conv/${cid}`);
    const headers = { "Sec-Fetch-Site": "same-origin", Origin: new URL(url).origin };
    const answer = await context.request.post(url, { data: {}, headers });
    assert.equal(answer.status(), 403);
  });
