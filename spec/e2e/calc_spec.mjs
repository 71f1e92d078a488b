// /calc: a pocket calculator that works from left to right.

import assert from "node:assert/strict";
import { button, eventually, test } from "./harness.mjs";

const open = async ({ page, server }) => page.goto(await server.at("/calc"));

async function press(page, keys) {
  for (const key of keys.split(" ")) await button(page, key).click();
}
const shows = (page, wanted) => eventually(`it shows ${wanted}`, async () => {
  const now = await page.locator("output").textContent({ timeout: 1000 });
  return now === wanted || Promise.reject(Error(now));
});

test("all keys are there, and it starts at 0", async (t) => {
  await open(t);
  await t.page.getByRole("heading", { name: "Calculator" }).waitFor();
  await shows(t.page, "0");
  const keys = await t.page.locator(".keys button").allInnerTexts();
  assert.equal(keys.join(" "), "C ± ÷ × 7 8 9 − 4 5 6 + 1 2 3 = 0 .");
  const high = async (key) => (await button(t.page, key).boundingBox()).height;
  assert.ok(await high("=") > 2 * await high("0"), "= spans two rows");
});

const cases = [
  ["3 + 4 =", "7"],
  ["9 + 3 × 2 =", "24", "from left to right"],
  ["8 ÷ 4 =", "2", "whole results have no decimal part"],
  ["1 ÷ 4 =", "0.25"],
  ["3 + 4 = 5", "5", "a digit after = starts a new number"],
  ["3 + 4", "4", "and so does one after an operator"],
  ["9 − 4 =", "5"],
  ["0 0 7", "7", "a leading zero is replaced"],
  ["1 . 5 . 2", "1.52", "one point a number"],
  [". 5 + 1 =", "1.5"],
  ["±", "0", "there is no minus zero"],
  ["5 ±", "-5"],
  ["5 ± ±", "5"],
  ["5 . ± 5", "-5.5", "a sign does not end a number"],
  ["5 ± − 2 =", "-7"],
  ["5 + × 3 =", "15", "the operator can be changed"],
  ["5 =", "5", "= without an operator changes nothing"],
  ["5 + 3 C + 2 =", "2", "C forgets everything"],
  ["8 ÷ 0 =", "Err"],
  ["8 ÷ 0 +", "Err", "also by an operator"],
  ["8 ÷ 0 = ±", "Err"],
  ["8 ÷ 0 = ×", "Err"],
  ["8 ÷ 0 = 2", "2"],
  ["8 ÷ 0 = ± × 2 =", "2", "operators and sign leave Err, a digit starts afresh"],
  ["8 ÷ 0 = C", "0"],
];

test("it computes; an operator after a division by zero shows Err (defect 15)", async (t) => {
  await open(t);
  for (const [keys, wanted] of cases) {
    await press(t.page, `C ${keys}`);
    await shows(t.page, wanted).catch((error) => {
      throw new Error(`${keys}: ${error.message}`);
    });
  }
});

test("it can be used by keyboard alone", async (t) => {
  const { page } = t;
  await open(t);
  await button(page, "7").focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab"); // 8
  await page.keyboard.press("Space");
  await shows(page, "78");
});
