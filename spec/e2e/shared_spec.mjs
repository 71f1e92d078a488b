// /shared-counter and /chat: one value, many browsers.

import assert from "node:assert/strict";
import { AWAY, button, eventually, see, test } from "./harness.mjs";

async function two(t, path) {
  const other = await (await t.newContext()).newPage();
  for (const page of [t.page, other]) await page.goto(await t.server.at(path));
  return [t.page, other];
}
const shows = (page, wanted) => eventually(`it shows ${wanted}`, async () => {
  const now = await page.locator("output").textContent({ timeout: 1000 });
  return now === String(wanted) || Promise.reject(Error(now));
});
const lines = (page) => page.locator("ol li").allInnerTexts();

test("a click in one browser shows in the other, and both say whose it was",
  async (t) => {
    const [a, b] = await two(t, "/shared-counter");
    for (const page of [a, b]) {
      await see(page, "Last update: initial");
      await see(page, "No broadcasts seen yet.");
    }
    await button(a, "+").click();
    await shows(a, 1);
    await shows(b, 1);
    await see(a, "Last update: this tab");
    await see(b, "Last update: another tab");
    for (const page of [a, b]) assert.equal((await lines(page)).length, 1);
    await button(b, "−").click();
    await shows(a, 0);
    await see(a, "Last update: another tab");
    const [newest, oldest] = await lines(a);
    assert.match(newest, /^0 another tab, \d\d:\d\d:\d\d$/);
    assert.match(oldest, /^1 this tab, \d\d:\d\d:\d\d$/);
    const late = await (await t.newContext()).newPage();
    await late.goto(await t.server.at("/shared-counter"));
    await shows(late, 0);
    assert.equal((await lines(late)).length, 2);
  });

test("rapid clicks in both come to the same value, none is lost (15.3, defect 16)", async (t) => {
  const [a, b] = await two(t, "/shared-counter");
  for (const page of [a, b]) await shows(page, 0);
  await Promise.all([a, b].map(async (page) => {
    for (let i = 0; i < 10; i++) await button(page, "+").click();
  }));
  await shows(a, 20);
  await shows(b, 20);
  const numbers = async (page) => (await lines(page)).map((line) => parseInt(line, 10));
  assert.deepEqual(await numbers(a), [20, 19, 18, 17, 16, 15, 14, 13]);
  assert.deepEqual(await numbers(b), await numbers(a));
});

const say = async (page, text) => {
  await page.getByLabel("Message").fill(text);
  await page.keyboard.press("Enter");
};
const said = (page) => page.getByRole("log").locator("li").allInnerTexts();

test("what one says all see; the box is cleared, another's draft is not (defect 16)",
  async (t) => {
    const [a, b] = await two(t, "/chat");
    await a.getByRole("heading", { name: "Chat" }).waitFor();
    await button(a, "Send").waitFor();
    assert.equal(await a.getByLabel("Name").inputValue(), "Ada");
    assert.equal(await a.getByLabel("Message").getAttribute("placeholder"), "Say hello");
    await b.getByLabel("Message").fill("still typing");
    await say(a, "hi");
    await eventually("both see it", async () =>
      (await said(a)).length === 1 && (await said(b)).length === 1);
    assert.match((await said(b))[0], /^Ada \d\d:\d\d\s+hi$/);
    await eventually("the box is empty", async () =>
      (await a.getByLabel("Message").inputValue()) === "");
    assert.equal(await b.getByLabel("Message").inputValue(), "still typing");
    await say(a, "   ");
    await a.getByLabel("Name").fill("");
    await say(a, "second");
    await eventually("it is anonymous", async () =>
      /^anonymous /.test((await said(b))[1] ?? ""));
    const late = await (await t.newContext()).newPage();
    await late.goto(await t.server.at("/chat"));
    assert.equal((await said(late)).length, 2);
    t.expect_errors(AWAY);
    await t.context.setOffline(true);
    await say(late, "while you were away");
    await t.context.setOffline(false);
    await eventually("it comes late, and once", async () =>
      (await said(a)).length === 3);
    await say(late, "and now");
    await eventually("and what comes then", async () =>
      (await said(a)).at(-1).endsWith("and now"));
    assert.equal((await said(a)).length, 4);
  });

test("thirty lines are kept", async (t) => {
  await t.page.goto(await t.server.at("/chat"));
  for (let i = 1; i <= 32; i++) {
    await say(t.page, `line ${i}`);
    await eventually("it is there", async () =>
      (await said(t.page)).at(-1)?.endsWith(`line ${i}`));
  }
  const all = await said(t.page);
  assert.equal(all.length, 30);
  assert.match(all[0], /line 3$/);
});
