// /counter: one number, and a dialog called from a component that is on screen.

import assert from "node:assert/strict";
import { AWAY, button, eventually, see, test } from "./harness.mjs";

const open = async ({ page, server }) => page.goto(await server.at("/counter"));
const shows = (page, wanted) =>
  eventually(`the counter shows ${wanted}`, async () => {
    const now = await page.locator("output").textContent({ timeout: 1000 });
    return now === String(wanted) || Promise.reject(Error(now));
  });

test("it counts up and down", async (t) => {
  await open(t);
  await t.page.getByRole("heading", { name: "Counter", exact: true }).waitFor();
  await shows(t.page, 0);
  await button(t.page, "+").click();
  await shows(t.page, 1);
  await button(t.page, "−").click();
  await shows(t.page, 0);
  await button(t.page, "−").click();
  await shows(t.page, -1);
});

test("the number is in the first paint", async (t) => {
  const response = await t.page.request.get(await t.server.at("/counter"));
  assert.match(await response.text(), /<output[^>]*>0<\/output>/);
});

test("Reset asks first, and the caller comes back with the answer", async (t) => {
  const { page } = t;
  await open(t);
  await button(page, "+").click();
  await shows(page, 1);
  await button(page, "Reset").click();
  await see(page, "Reset to zero?");
  await button(page, "No").click();
  await shows(page, 1);
  await button(page, "Reset").click();
  await see(page, "Reset to zero?");
  await button(page, "Yes").click();
  await shows(page, 0);
  await button(page, "+").click();
  await shows(page, 1);
});

test("the focus comes back to Reset", async (t) => {
  const { page } = t;
  await open(t);
  await button(page, "+").click();
  await shows(page, 1);
  await button(page, "Reset").focus();
  await page.keyboard.press("Enter");
  await see(page, "Reset to zero?");
  await page.keyboard.press("Escape");
  await shows(page, 1);
  await eventually("Reset has the focus", () =>
    page.evaluate(() => document.activeElement.textContent === "Reset"));
});

test("Reset at zero asks nothing", async (t) => {
  const { page } = t;
  await open(t);
  await shows(page, 0);
  await button(page, "Reset").click();
  await button(page, "+").click();
  await shows(page, 1);
  assert.equal(await page.getByText("Reset to zero?").count(), 0);
});

test("a click while offline is applied once when the network is back", async (t) => {
  t.expect_errors(AWAY);
  const { page } = t;
  await open(t);
  await shows(page, 0);
  await t.context.setOffline(true);
  await button(page, "+").click();
  await page.waitForTimeout(500);
  await shows(page, 0);
  await t.context.setOffline(false);
  await shows(page, 1);
  await page.waitForTimeout(500);
  await shows(page, 1);
});

test("a lost answer is not a second click", async (t) => {
  t.expect_errors(AWAY);
  const { page } = t;
  await open(t);
  await shows(page, 0);
  let lost = 0;
  await page.route("**/conv/**", async (route) => {
    if (route.request().method() !== "POST" || lost > 1) return route.continue();
    lost += 1;
    await route.fetch(); // the server hears it, the page does not hear back
    await route.abort("connectionreset");
  });
  await button(page, "+").click();
  await eventually("it was lost twice", () => lost === 2);
  await shows(page, 1);
  await page.waitForTimeout(1500);
  await shows(page, 1);
  await button(page, "+").click();
  await shows(page, 2);
});

test("many clicks in a row all count", async (t) => {
  const { page } = t;
  await open(t);
  for (let n = 1; n <= 10; n++) {
    await button(page, "+").click();
    await shows(page, n);
  }
});

test("a reload shows a page that works", async (t) => {
  const { page } = t;
  await open(t);
  await button(page, "+").click();
  await shows(page, 1);
  await page.reload();
  await page.locator("output").waitFor();
  const before = Number(await page.locator("output").textContent());
  await button(page, "+").click();
  await shows(page, before + 1);
});

test("an event from another browser is refused and changes nothing", async (t) => {
  const { page } = t;
  await open(t);
  await shows(page, 0);
  const [request] = await Promise.all([
    page.waitForRequest((r) => r.method() === "POST"),
    button(page, "+").click(),
  ]);
  await shows(page, 1);
  const other = await t.newContext();
  const answer = await other.request.post(request.url(), {
    data: {},
    headers: { "Sec-Fetch-Site": "same-origin", Origin: new URL(page.url()).origin },
  });
  assert.equal(answer.status(), 403);
  await button(page, "+").click();
  await shows(page, 2);
});
