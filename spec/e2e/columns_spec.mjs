// /columns: keyed children come and go; the others keep what is in them.

import assert from "node:assert/strict";
import { button, eventually, test } from "./harness.mjs";

const open = async ({ page, server }) => page.goto(await server.at("/columns"));
const titles = (page) => page.locator(".strip h2").allInnerTexts();
const shows = (page, wanted) => eventually(`the columns are ${wanted}`, async () => {
  const now = (await titles(page)).join(" ");
  return now === wanted || Promise.reject(Error(now));
});
const notes = (page, title) => page.getByLabel(`Notes of ${title}`, { exact: true });

test("a new column comes last, and the others are the same elements", async (t) => {
  const { page } = t;
  await open(t);
  await page.getByRole("heading", { name: "Columns" }).waitFor();
  await shows(page, "A B C");
  const third = page.locator(".strip > *").nth(2);
  await third.evaluate((el) => el.setAttribute("data-mark", "mine"));
  assert.equal(await page.getByPlaceholder("Notes…").count(), 3);
  await page.setViewportSize({ width: 360, height: 740 });
  await button(page, "Add column").click();
  await shows(page, "A B C D");
  assert.equal(await third.getAttribute("data-mark"), "mine");
  await eventually("the strip is scrolled to its end", () => page.locator(".strip")
    .evaluate((el) => el.scrollLeft > 0 &&
      el.scrollLeft + el.clientWidth > el.scrollWidth - 2));
  assert.equal(await page.evaluate(() => scrollX), 0);
  await button(page, "Remove last").click();
  await shows(page, "A B C");
});

test("× closes its own column; what is typed in the others stays", async (t) => {
  const { page } = t;
  await open(t);
  await notes(page, "A").fill("first");
  await notes(page, "C").fill("third");
  assert.equal(await page.getByRole("button", { name: "Close B" }).innerText(), "×");
  await page.getByRole("button", { name: "Close B" }).click();
  await shows(page, "A C");
  assert.equal(await notes(page, "A").inputValue(), "first");
  assert.equal(await notes(page, "C").inputValue(), "third");
  await button(page, "Add column").click();
  await shows(page, "A C D"); // a title is not used again
});

test("all can go, and come again; names go on after Z (defect 16)", async (t) => {
  const { page } = t;
  await open(t);
  for (const left of ["A B", "A", ""]) {
    await button(page, "Remove last").click();
    await shows(page, left);
  }
  await button(page, "Add column").click();
  await shows(page, "D");
  for (let i = 5; i <= 27; i++) {
    await button(page, "Add column").click();
    await eventually(`${i - 3} columns`, async () =>
      (await titles(page)).length === i - 3);
  }
  assert.deepEqual((await titles(page)).slice(-2), ["Z", "AA"]);
});

test("another's columns are another's (defect 16)", async (t) => {
  await open(t);
  const other = await (await t.newContext()).newPage();
  await open({ page: other, server: t.server });
  await t.page.getByRole("button", { name: "Close A" }).click();
  await shows(t.page, "B C");
  await shows(other, "A B C");
});
