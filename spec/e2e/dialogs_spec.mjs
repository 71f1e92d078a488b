// /dialogs, confirm, prompt, choose and info, by mouse and by
// key.

import assert from "node:assert/strict";
import { button, eventually, see, test } from "./harness.mjs";

const open = async ({ page, server }) => page.goto(await server.at("/dialogs"));
const dialog = (page) => page.getByRole("dialog");
const name_field = (page) =>
  page.getByRole("textbox", { name: "What's your name?" });

const focus_is = (page, wanted) =>
  eventually(`"${wanted}" has the focus`, async () => {
    const now = await page.evaluate(() => {
      const el = document.activeElement;
      return el.localName === "input" ? el.value : el.textContent;
    });
    return now === wanted || Promise.reject(Error(now));
  });

/** Presses Tab until the button of this name has the focus. */
async function tab_to(page, name) {
  for (let i = 0; i < 8; i++) {
    const now = await page.evaluate(() => document.activeElement.textContent);
    if (now === name) return;
    await page.keyboard.press("Tab");
    assert.ok(await page.evaluate(() =>
      !!document.activeElement.closest("[role=dialog]")), "Tab stays inside");
  }
  assert.fail(`no way to "${name}" by Tab`);
}

async function is_over(page) {
  await page.waitForTimeout(300);
  const posts = [];
  page.on("request", (r) => r.method() === "POST" && posts.push(r.url()));
  const ok = button(page, "OK");
  if (await ok.isVisible()) await ok.click();
  await page.waitForTimeout(200);
  assert.deepEqual(posts, []);
  assert.equal(await page.locator(".stube-gone").count(), 0);
}

test("it asks whether to play, in a dialog that has the focus", async (t) => {
  await open(t);
  await see(t.page, "Ready to play?");
  await button(t.page, "No").waitFor();
  await button(t.page, "Yes").waitFor();
  assert.equal(await dialog(t.page).count(), 1);
  assert.equal(await dialog(t.page).getAttribute("aria-modal"), "true");
  await eventually("the focus is inside", () => t.page.evaluate(() =>
    !!document.activeElement.closest("[role=dialog]")));
});

test("a dialog is named by its text", async (t) => {
  await open(t);
  await t.page.getByRole("dialog", { name: "Ready to play?" }).waitFor();
  await button(t.page, "Yes").click();
  await t.page.getByRole("dialog", { name: "What's your name?" }).waitFor();
});

test("No says maybe next time, OK ends it", async (t) => {
  await open(t);
  await button(t.page, "No").click();
  await see(t.page, "Maybe next time.");
  await button(t.page, "OK").click();
  await is_over(t.page);
});

test("Yes, the untouched name and a colour lead to the greeting", async (t) => {
  await open(t);
  await button(t.page, "Yes").click();
  assert.equal(await name_field(t.page).inputValue(), "Ada");
  await button(t.page, "Cancel").waitFor();
  await button(t.page, "OK").click();
  await see(t.page, "Pick a colour, Ada:");
  for (const name of ["red", "green", "blue", "Cancel"])
    await button(t.page, name).waitFor();
  await button(t.page, "red").click();
  await see(t.page, "Hello Ada — your colour is red.");
  await button(t.page, "OK").click();
  await is_over(t.page);
});

test("a name that is typed is the one that is used", async (t) => {
  await open(t);
  await button(t.page, "Yes").click();
  await name_field(t.page).fill("");
  await name_field(t.page).pressSequentially("<Zoë & co>");
  await button(t.page, "OK").click();
  await see(t.page, "Pick a colour, <Zoë & co>:");
  await button(t.page, "blue").click();
  await see(t.page, "Hello <Zoë & co> — your colour is blue.");
});

test("Cancel at the name says so", async (t) => {
  await open(t);
  await button(t.page, "Yes").click();
  await name_field(t.page).waitFor();
  await button(t.page, "Cancel").click();
  await see(t.page, "Cancelled.");
  await button(t.page, "OK").click();
  await is_over(t.page);
});

test("Cancel at the colour says maybe later", async (t) => {
  await open(t);
  await button(t.page, "Yes").click();
  await button(t.page, "OK").click();
  await see(t.page, "Pick a colour, Ada:");
  await button(t.page, "Cancel").click();
  await see(t.page, "OK Ada, maybe later.");
});

test("a double click on Yes goes one step", async (t) => {
  await open(t);
  await button(t.page, "Yes").dblclick();
  await name_field(t.page).waitFor();
  await t.page.waitForTimeout(300);
  assert.ok(await name_field(t.page).isVisible());
});

test("a double click on OK goes one step", async (t) => {
  await open(t);
  await button(t.page, "Yes").click();
  await name_field(t.page).waitFor();
  await button(t.page, "OK").dblclick();
  await see(t.page, "Pick a colour, Ada:");
  await t.page.waitForTimeout(300);
  assert.ok(await button(t.page, "green").isVisible());
});

test("all of it can be done by key alone", async (t) => {
  await open(t);
  const { page } = t;
  const { keyboard } = page;
  await see(page, "Ready to play?");
  await tab_to(page, "Yes");
  await keyboard.press("Enter");
  await name_field(page).waitFor();
  await focus_is(page, "Ada");
  await keyboard.press("Control+A");
  await keyboard.type("Grace");
  await keyboard.press("Enter");
  await see(page, "Pick a colour, Grace:");
  await tab_to(page, "green");
  await keyboard.press("Space");
  await see(page, "Hello Grace — your colour is green.");
  await focus_is(page, "OK");
  await keyboard.press("Enter");
  await is_over(page);
});

test("Escape cancels each of them", async (t) => {
  const { page } = t;
  await open(t);
  await see(page, "Ready to play?");
  await button(page, "Yes").click();
  await name_field(page).waitFor();
  await page.keyboard.press("Escape");
  await see(page, "Cancelled.");
  await open(t);
  await button(page, "Yes").click();
  await button(page, "OK").click();
  await see(page, "Pick a colour, Ada:");
  await page.keyboard.press("Escape");
  await see(page, "OK Ada, maybe later.");
  await open(t);
  await see(page, "Ready to play?");
  await page.keyboard.press("Escape");
  await see(page, "Maybe next time.");
});

test("Tab goes round inside the dialog, in both directions (23.3)", async (t) => {
  const { page } = t;
  await open(t);
  await see(page, "Ready to play?");
  await tab_to(page, "Yes");
  await page.keyboard.press("Tab");
  await focus_is(page, "No");
  await page.keyboard.press("Shift+Tab");
  await focus_is(page, "Yes");
});
