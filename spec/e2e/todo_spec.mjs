// /todo: rows that are edited in their place.

import assert from "node:assert/strict";
import { button, eventually, see, test } from "./harness.mjs";

const open = async ({ page, server }) => page.goto(await server.at("/todo"));
const rows = (page) => page.locator("li");
const editors = (page) => page.getByLabel("Text", { exact: true });
const label = (page, text) => button(page, text);
const foot = (page, text) => see(page, text);

async function add(page, text) {
  await page.getByPlaceholder("What needs doing?").fill(text);
  await page.keyboard.press("Enter");
}

test("a row is added, the box is empty again; blanks add nothing", async (t) => {
  const { page } = t;
  await open(t);
  await page.getByRole("heading", { name: "Todo" }).waitFor();
  assert.deepEqual(await rows(page).locator(".label").allInnerTexts(),
    ["click a label to edit it", "tick the box when done"]);
  await page.locator("input[name=draft]").waitFor();
  await button(page, "Add").waitFor();
  await foot(page, "2 open · 0 done");
  await add(page, "milk");
  await foot(page, "3 open · 0 done");
  assert.equal(await rows(page).count(), 3);
  await eventually("the box is empty", async () =>
    (await page.getByPlaceholder("What needs doing?").inputValue()) === "");
  await add(page, "   ");
  await add(page, "bread");
  await foot(page, "4 open · 0 done");
  await button(page, "✕").nth(2).click();
  await foot(page, "3 open · 0 done");
  await label(page, "milk").waitFor({ state: "detached" });
});

test("a tick strikes the text through and counts, and back", async (t) => {
  const { page } = t;
  await open(t);
  const box = page.getByRole("checkbox").first();
  await box.check();
  await foot(page, "1 open · 1 done");
  assert.match(await label(page, "click a label to edit it")
    .evaluate((el) => getComputedStyle(el).textDecorationLine), /line-through/);
  await box.uncheck();
  await foot(page, "2 open · 0 done");
});

test("a label becomes its row's editor; Save keeps, Cancel and blanks do not",
  async (t) => {
    const { page } = t;
    await open(t);
    await label(page, "click a label to edit it").click();
    await editors(page).waitFor();
    assert.equal(await editors(page).count(), 1);
    assert.equal(await editors(page).getAttribute("name"), "text");
    await label(page, "tick the box when done").waitFor();
    assert.equal(await editors(page).inputValue(), "click a label to edit it");
    await editors(page).fill("  edited  ");
    await button(page, "Save").click();
    await label(page, "edited").waitFor();
    for (const [text, how] of [["   ", "Save"], ["other", "Cancel"]]) {
      await label(page, "edited").click();
      await editors(page).fill(text);
      await button(page, how).click();
      await label(page, "edited").waitFor();
      assert.equal(await editors(page).count(), 0);
    }
  });

test("the editor moves to the row that is clicked next (7.7, defect 16)", async (t) => {
  const { page } = t;
  await open(t);
  await label(page, "click a label to edit it").click();
  await editors(page).waitFor();
  await label(page, "tick the box when done").click();
  await eventually("it is in the second row", async () =>
    (await rows(page).nth(1).getByLabel("Text", { exact: true }).count()) === 1 &&
    (await editors(page).count()) === 1);
  assert.equal(await editors(page).inputValue(), "tick the box when done");
  await label(page, "click a label to edit it").waitFor();
  await editors(page).fill("second");
  await button(page, "Save").click();
  await label(page, "second").waitFor();
  await label(page, "click a label to edit it").click(); // and once more
  await editors(page).waitFor();
});

test("removing the row under edit takes its editor along", async (t) => {
  const { page } = t;
  await open(t);
  await label(page, "click a label to edit it").click();
  await editors(page).waitFor();
  await rows(page).first().getByRole("button", { name: "Remove: " }).click();
  await foot(page, "1 open · 0 done");
  assert.equal(await editors(page).count(), 0);
  await label(page, "tick the box when done").click();
  await editors(page).waitFor();
});

test("it can be done by keyboard alone", async (t) => {
  const { page } = t;
  await open(t);
  await label(page, "tick the box when done").focus();
  await page.keyboard.press("Enter");
  await eventually("the editor has the focus", () => page.evaluate(() =>
    document.activeElement.getAttribute("aria-label") === "Text"));
  await page.keyboard.press("Control+A");
  await page.keyboard.type("typed");
  await page.keyboard.press("Enter");
  await label(page, "typed").waitFor();
});
