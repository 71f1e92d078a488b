// /multicounter, three children that know nothing of each other.

import assert from "node:assert/strict";
import { button, eventually, test } from "./harness.mjs";

const counters = (page) => page.locator(".stube-counter");

async function numbers(page) {
  const texts = await counters(page).allTextContents();
  return texts.map((text) => Number(/^−(-?\d+)\+$/.exec(text.replace(/\s/g, ""))?.[1]));
}
const show = (page, ...wanted) =>
  eventually(`the counters show ${wanted}`, async () => {
    const now = await numbers(page);
    return now.join() === wanted.join() || Promise.reject(Error(now.join()));
  });
const press = (page, n, name) => button(counters(page).nth(n), name).click();

test("it shows three counters, at 0, 5 and 10", async (t) => {
  await t.page.goto(await t.server.at("/multicounter"));
  await t.page.getByRole("heading", { name: "Multicounter", exact: true }).waitFor();
  await show(t.page, 0, 5, 10);
});

test("each counts by itself", async (t) => {
  await t.page.goto(await t.server.at("/multicounter"));
  await press(t.page, 0, "+");
  await show(t.page, 1, 5, 10);
  await press(t.page, 2, "−");
  await show(t.page, 1, 5, 9);
  await press(t.page, 1, "−");
  await show(t.page, 1, 4, 9);
});

test("what a script has set on a sibling survives", async (t) => {
  await t.page.goto(await t.server.at("/multicounter"));
  await show(t.page, 0, 5, 10);
  await counters(t.page).nth(1).evaluate((el) => el.setAttribute("data-mark", "mine"));
  await press(t.page, 0, "+");
  await show(t.page, 1, 5, 10);
  assert.equal(await counters(t.page).nth(1).getAttribute("data-mark"), "mine");
});

test("every counter is a component with an id of its own", async (t) => {
  await t.page.goto(await t.server.at("/multicounter"));
  await show(t.page, 0, 5, 10);
  const ids = await t.page.$$eval("[data-stube-component]", (all) =>
    all.map((el) => el.id));
  assert.ok(ids.length >= 4, `${ids}`);
  assert.equal(new Set(ids).size, ids.length);
});

test("two pages count apart, and one conversation in two tabs together", async (t) => {
  const url = await t.server.at("/multicounter");
  const other = await t.context.newPage();
  await t.page.goto(url);
  await other.goto(url);
  await press(t.page, 0, "+");
  await show(t.page, 1, 5, 10);
  await show(other, 0, 5, 10);
  const cid = await t.page.getAttribute("body", "data-stube-cid");
  await other.goto(await t.server.at(`/conv/${cid}`));
  await show(other, 1, 5, 10);
  await press(other, 1, "+");
  await show(other, 1, 6, 10);
  await show(t.page, 1, 6, 10);
  await other.close();
  await press(t.page, 2, "+");
  await show(t.page, 1, 6, 11);
});
