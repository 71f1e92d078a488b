// /wizard: steps in the style of s.call, with Back as an answer.

import assert from "node:assert/strict";
import { button, eventually, see, test } from "./harness.mjs";

const open = async ({ page, server }) => page.goto(await server.at("/wizard"));
const field = (page, label) => page.getByLabel(label, { exact: true });
const holds = (page, label, value) => eventually(`${label} holds ${value}`,
  async () => (await field(page, label).inputValue({ timeout: 1000 })) === value);

async function to_summary({ page }) {
  await field(page, "What's your name?").fill("Ada");
  await button(page, "Next").click();
  await field(page, "Favourite colour?").fill("rebeccapurple");
  await page.keyboard.press("Enter");
  await see(page, "All set, Ada!");
}

test("two steps lead to a decorated summary, in the colour that was named",
  async (t) => {
    await open(t);
    const hint = (label) => field(t.page, label).getAttribute("placeholder");
    assert.equal(await hint("What's your name?"), "Ada");
    await t.page.locator("input[name=answer]").waitFor();
    for (const name of ["Next", "Back"]) await button(t.page, name).waitFor();
    await button(t.page, "Next").click(); // without a name
    assert.equal(await hint("Favourite colour?"), "rebeccapurple");
    await button(t.page, "Back").click();
    await to_summary(t);
    await t.page.getByRole("heading", { name: "All set, Ada!" }).waitFor();
    const word = t.page.getByText("rebeccapurple", { exact: true });
    assert.equal(await word.evaluate((el) => getComputedStyle(el).color),
      "rgb(102, 51, 153)");
    await see(t.page, "Decorated with extends");
    assert.match(await t.page.locator("#root").innerText(),
      /Your favourite colour is rebeccapurple\./);
  });

test("Back leads through the steps with what was typed; Next keeps it",
  async (t) => {
    const { page } = t;
    await open(t);
    await to_summary(t);
    await button(page, "Back").click();
    await holds(page, "Favourite colour?", "rebeccapurple");
    await button(page, "Back").click();
    await holds(page, "What's your name?", "Ada");
    await button(page, "Next").click();
    await holds(page, "Favourite colour?", "rebeccapurple");
    await button(page, "Next").click();
    await see(page, "All set, Ada!");
    await see(page, "rebeccapurple");
  });

test("Start over begins with an empty field", async (t) => {
  await open(t);
  await to_summary(t);
  await button(t.page, "Start over").click();
  await holds(t.page, "What's your name?", "");
  await button(t.page, "Next").click();
  await holds(t.page, "Favourite colour?", "");
});

test("Back on the first step ends the conversation", async (t) => {
  t.expect_errors(/410|Failed to load resource/);
  await open(t);
  const cid = await t.page.getAttribute("body", "data-stube-cid");
  await button(t.page, "Back").click();
  await eventually("it is gone", async () => {
    const res = await t.page.request.get(await t.server.at(`/conv/${cid}`));
    return res.status() === 410;
  });
});

test("a colour cannot smuggle in other properties", async (t) => {
  const { page } = t;
  await open(t);
  await field(page, "What's your name?").fill("Eve");
  await button(page, "Next").click();
  await field(page, "Favourite colour?").fill("red; position: fixed");
  await button(page, "Next").click();
  await see(page, "All set, Eve!");
  assert.equal(await page.locator("strong[data-stube-style]").count(), 0);
});
