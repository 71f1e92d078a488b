// /guess, a flow played to its end.

import assert from "node:assert/strict";
import { AWAY, button, eventually, see, test } from "./harness.mjs";

const field = (page) => page.locator("input[name=answer]");
const VERDICT = /^(Too low|Too high) — try again\. \(Attempt (\d+)\)$|^🎉 Got it!/u;

/** Guesses once, with real keys; gives back what the page then says, once that
 * is no longer `before`. */
async function guess(page, number, before) {
  await field(page).fill("");
  await field(page).pressSequentially(String(number));
  await button(page, "Guess").click();
  return eventually("the guess is judged", async () => {
    const now = await page.getByText(VERDICT).first().textContent({ timeout: 500 });
    return now !== before && now;
  });
}

/** Plays by halving until it is found; gives back the last text and the count.
 * */
async function play(page, from = { low: 1, high: 100, tries: 0, text: "" }) {
  let { low, high, tries, text } = from;
  while (!text.startsWith("🎉")) {
    const middle = Math.floor((low + high) / 2);
    text = await guess(page, middle, text);
    tries += 1;
    assert.ok(tries - from.tries <= 7, "halving takes 7 guesses at most");
    const [, side, attempt] = VERDICT.exec(text);
    if (!side) return { text, tries, target: middle };
    assert.equal(Number(attempt), tries);
    if (side === "Too low") low = middle + 1;
    else high = middle - 1;
  }
}

test("the page asks for a number, with the field ready to type in", async (t) => {
  await t.page.goto(await t.server.at("/guess"));
  await see(t.page, "Pick a number from 1 to 100.");
  assert.equal(await field(t.page).count(), 1);
  assert.equal(await field(t.page).getAttribute("type"), "number");
  assert.ok(await field(t.page).evaluate((el) => el === document.activeElement));
  await button(t.page, "Guess").waitFor();
});

test("it can be played to its end by halving, and then it is over", async (t) => {
  await t.page.goto(await t.server.at("/guess"));
  const { text, tries, target } = await play(t.page);
  const attempts = tries === 1 ? "1 attempt" : `${tries} attempts`;
  assert.equal(text, `🎉 Got it! ${target} in ${attempts}.`);
  const posts = [];
  await button(t.page, "Continue").click();
  await t.page.waitForTimeout(300);
  t.page.on("request", (r) => r.method() === "POST" && posts.push(r.url()));
  await see(t.page, text);
  if (await button(t.page, "Continue").isVisible())
    await button(t.page, "Continue").click();
  await t.page.waitForTimeout(200);
  assert.equal(posts.length, 0);
  assert.equal(await t.page.locator(".stube-gone").count(), 0);
});

test("each prompt starts empty and has the focus (23.2)", async (t) => {
  await t.page.goto(await t.server.at("/guess"));
  const text = await guess(t.page, 1, "");
  if (text.startsWith("🎉")) return; // one in a hundred
  assert.equal(await field(t.page).inputValue(), "");
  await eventually("it has the focus", () =>
    field(t.page).evaluate((el) => el === document.activeElement));
});

test("what is no number is asked for again and does not count", async (t) => {
  await t.page.goto(await t.server.at("/guess"));
  await see(t.page, "Pick a number from 1 to 100.");
  await button(t.page, "Guess").click();
  await see(t.page, "Please enter a number.");
  const text = await guess(t.page, 1, "");
  if (!text.startsWith("🎉")) assert.match(text, /\(Attempt 1\)$/);
});

test("Enter guesses as the button does", async (t) => {
  await t.page.goto(await t.server.at("/guess"));
  await see(t.page, "Pick a number from 1 to 100.");
  await t.page.keyboard.type("50");
  await t.page.keyboard.press("Enter");
  await t.page.getByText(VERDICT).first().waitFor();
});

test("two pages are two games", async (t) => {
  const url = await t.server.at("/guess");
  const other = await (await t.newContext()).newPage();
  await t.page.goto(url);
  await other.goto(url);
  await guess(t.page, 1, "");
  await see(other, "Pick a number from 1 to 100.");
});

test("without JavaScript the first paint is readable and the form works", async (t) => {
  const context = await t.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(await t.server.at("/guess"));
  await see(page, "Pick a number from 1 to 100.");
  await field(page).fill("1");
  await button(page, "Guess").click();
  await page.getByText(VERDICT).first().waitFor();
});

test("a server that is killed and holds all in memory ends the page", async (t) => {
  t.expect_errors(AWAY);
  await t.page.goto(await t.server.at("/guess"));
  await guess(t.page, 1, "");
  await t.server.restart();
  const card = t.page.getByRole("alertdialog", { name: "This page has ended" });
  await card.waitFor({ timeout: 20_000 });
});

test("a stream that is cut comes back and the game goes on", async (t) => {
  t.expect_errors(AWAY);
  await t.page.goto(await t.server.at("/guess"));
  const text = await guess(t.page, 100, "");
  if (text.startsWith("🎉")) return;
  await t.context.setOffline(true);
  await t.page.waitForTimeout(200);
  await t.context.setOffline(false);
  const rest = await play(t.page, { low: 1, high: 99, tries: 1, text });
  assert.match(rest.text, /^🎉 Got it!/u);
});
