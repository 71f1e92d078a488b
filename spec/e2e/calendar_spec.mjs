// /calendar: a date picker whose answer a flow reads.

import assert from "node:assert/strict";
import { button, eventually, see, test } from "./harness.mjs";

const open = async ({ page, server }) => page.goto(await server.at("/calendar"));
const MONTHS = ["January", "February", "March", "April", "May", "June", "July",
  "August", "September", "October", "November", "December"];
const title = (d) => `${MONTHS[d.getMonth()]} ${d.getFullYear()}`;
const months_on = (n) => {
  const now = new Date();
  return new Date(now.getFullYear(), now.getMonth() + n, 1);
};

test("it shows this month, Monday first, in 42 cells", async (t) => {
  const { page } = t;
  await open(t);
  await see(page, title(months_on(0)));
  assert.deepEqual(await page.locator(".days b").allInnerTexts(),
    ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"]);
  assert.equal(await page.locator(".days button, .days span").count(), 42);
  const first = months_on(0);
  const days = new Date(first.getFullYear(), first.getMonth() + 1, 0).getDate();
  assert.equal(await page.locator(".days button").count(), days);
  const pointers = await page.locator(".days > *").evaluateAll((all) => all
    .filter((el) => getComputedStyle(el).cursor === "pointer").length);
  assert.equal(pointers, days, "what can be clicked says so");
  const before = await page.locator(".days > *").evaluateAll((all) =>
    all.slice(7).findIndex((el) => el.tagName === "BUTTON"));
  assert.equal(before, (first.getDay() + 6) % 7);
});

test("the arrows move by months, across years", async (t) => {
  const { page } = t;
  await open(t);
  for (let i = 1; i <= 13; i++) {
    await button(page, "›").click();
    await see(page, title(months_on(i)));
  }
  for (let i = 12; i >= -1; i--) {
    await button(page, "‹").click();
    await see(page, title(months_on(i)));
  }
});

test("a picked day is answered; another can be picked; Cancel ends", async (t) => {
  t.expect_errors(/410|Failed to load resource/);
  const { page } = t;
  await open(t);
  const cid = await page.getAttribute("body", "data-stube-cid");
  await button(page, "›").click();
  await see(page, title(months_on(1)));
  await page.getByRole("button", { name: /, 15 / }).click();
  await page.getByRole("heading", { name: "You picked" }).waitFor();
  assert.match(await page.locator("strong").textContent(), /^\d{4}-\d\d-15$/);
  await button(page, "Pick another").click();
  await see(page, title(months_on(0)));
  await button(page, "Cancel").click();
  await eventually("it is gone", async () => {
    const res = await page.request.get(await t.server.at(`/conv/${cid}`));
    return res.status() === 410;
  });
});

test("it can be used by keyboard alone", async (t) => {
  const { page } = t;
  await open(t);
  const day = page.getByRole("button", { name: /, 10 / });
  await day.focus();
  await page.keyboard.press("Enter");
  await see(page, "You picked");
  await page.keyboard.press("Enter"); // the focus is on "Pick another"
  await see(page, title(months_on(0)));
});
