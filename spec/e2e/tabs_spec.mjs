// /tabs: children that are not drawn keep their state.

import assert from "node:assert/strict";
import { button, eventually, see, test } from "./harness.mjs";

const open = async ({ page, server }) => page.goto(await server.at("/tabs"));
const tab = (page, name) => page.getByRole("tab", { name, exact: true });

test("one tab shows; the others keep what was done in them", async (t) => {
  const { page } = t;
  await open(t);
  await page.getByRole("heading", { name: "Tabbed navigation" }).waitFor();
  assert.equal(await page.locator("textarea").count(), 0);
  assert.deepEqual(await page.locator("nav button").allInnerTexts(),
    ["Counter", "Notes", "About"]);
  await button(page, "+").click();
  await eventually("it counts", async () =>
    (await page.locator("output").textContent()) === "1");
  await tab(page, "Notes").click();
  await page.locator("textarea").pressSequentially("hello stube");
  await see(page, "Length: 11 chars");
  await tab(page, "Counter").click();
  await eventually("the notes are gone", async () =>
    (await page.locator("textarea").count()) === 0);
  assert.equal(await page.locator("output").textContent(), "1");
  await tab(page, "Notes").click();
  await eventually("the text is back", async () =>
    (await page.locator("textarea").inputValue({ timeout: 1000 })) === "hello stube");
  await tab(page, "About").click();
  await page.getByRole("heading", { name: "About" }).waitFor();
});

test("the open tab says so", async (t) => {
  await open(t);
  await tab(t.page, "Notes").focus();
  await t.page.keyboard.press("Enter");
  await eventually("Notes is selected", async () =>
    (await tab(t.page, "Notes").getAttribute("aria-selected")) === "true");
  assert.equal(await tab(t.page, "Counter").getAttribute("aria-selected"), "false");
});
