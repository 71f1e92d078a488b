// /url-counter: the number is in the address, and each one is a history entry.

import assert from "node:assert/strict";
import { button, eventually, test } from "./harness.mjs";

async function open({ page, server }, query = "") {
  await page.goto(await server.at(`/url-counter${query}`));
}

/** The number, and an address that says the same. */
const shows = (page, n) => eventually(`it shows ${n}, and so does the address`,
  async () => {
    const now = await page.locator("output").textContent({ timeout: 1000 });
    const { pathname, search } = new URL(page.url());
    return (now === String(n) && pathname === "/url-counter" &&
      search === `?n=${n}`) || Promise.reject(Error(`${now} at ${page.url()}`));
  });

test("a heading, and the number of the address", async (t) => {
  await open(t, "?n=5");
  await t.page.getByRole("heading", { name: "URL-state counter", exact: true })
    .waitFor();
  await shows(t.page, 5);
});

for (const query of ["", "?n=", "?n=five", "?n=1.5", "?n=1&n=2", "?m=3"])
  test(`without a number it is 0: "${query}"`, async (t) => {
    await open(t, query);
    await shows(t.page, 0);
  });

test("+ and − change number and address, as new entries; Back shows the " +
  "matching number, and so does Forward (10.8, defect 16)", async (t) => {
  const { page } = t;
  await open(t, "?n=5");
  await shows(page, 5);
  const before = await page.evaluate(() => history.length);
  await button(page, "+").click();
  await shows(page, 6);
  await button(page, "−").click();
  await shows(page, 5);
  assert.equal(await page.evaluate(() => history.length), before + 2);
  await button(page, "−").click();
  await shows(page, 4);
  for (const n of [5, 6, 5]) {
    await page.goBack();
    await shows(page, n);
  }
  for (const n of [6, 5, 4]) {
    await page.goForward();
    await shows(page, n);
  }
  await button(page, "−").click();
  await shows(page, 3);
});

test("a reload keeps the number, also after Back", async (t) => {
  const { page } = t;
  await open(t, "?n=5");
  await button(page, "+").click();
  await shows(page, 6);
  await page.reload();
  await shows(page, 6);
  await button(page, "+").click();
  await shows(page, 7);
  await page.goBack();
  await shows(page, 6);
  await page.reload();
  await shows(page, 6);
  await page.goForward();
  await shows(page, 7);
});

test("the address in another browser is the number there, apart", async (t) => {
  await open(t, "?n=8");
  await button(t.page, "+").click();
  await shows(t.page, 9);
  const other = await (await t.newContext()).newPage();
  await other.goto(t.page.url());
  await shows(other, 9);
  await button(other, "+").click();
  await shows(other, 10);
  await shows(t.page, 9);
});

test("many clicks in a row are as many entries", async (t) => {
  const { page } = t;
  await open(t);
  await shows(page, 0);
  await page.evaluate(() => {
    const plus = [...document.querySelectorAll("button")].at(-1);
    for (let i = 0; i < 10; i++) plus.click();
  });
  await shows(page, 10);
  for (let n = 9; n >= 7; n--) {
    await page.goBack();
    await shows(page, n);
  }
});

for (const width of [360, 1440])
  test(`by keyboard, at ${width} pixels`, async (t) => {
    const { page } = t;
    await page.setViewportSize({ width, height: 700 });
    await open(t, "?n=5");
    const wide = () => document.documentElement.scrollWidth > innerWidth;
    assert.equal(await page.evaluate(wide), false);
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.ariaLabel),
      "Decrease");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await shows(page, 6);
    await page.keyboard.press("Space");
    await shows(page, 7);
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Enter");
    await shows(page, 6);
    await page.goBack(); // whose key is the browser window's
    await shows(page, 7);
    await page.goBack();
    await shows(page, 6);
    await page.goForward();
    await shows(page, 7);
    // The focus is where it was.
    await page.keyboard.press("Enter");
    await shows(page, 6);
  });
