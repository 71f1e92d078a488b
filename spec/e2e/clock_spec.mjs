// /clock: timers, paused and resumed.

import assert from "node:assert/strict";
import { AWAY, button, eventually, see, test, with_store } from "./harness.mjs";

const open = async ({ page, server }) => page.goto(await server.at("/clock"));
const ticks = async (page) =>
  Number(/(\d+) ticks/.exec(await page.locator("#root").innerText())[1]);
const turbo = async (page) => Number(await page.locator("output").nth(1).textContent());
const grows = (what, page, by = 1) => {
  let first;
  return eventually(`${what.name} grow by ${by}`, async () => {
    const now = await what(page);
    first ??= now;
    return now >= first + by;
  });
};

test("both count by themselves, and the time is shown", async (t) => {
  await open(t);
  await t.page.getByRole("heading", { name: "Timers" }).waitFor();
  assert.match(await t.page.locator("output").first().textContent(), /^\d\d:\d\d:\d\d$/);
  for (const name of ["Live clock", "Turbo counter"])
    await t.page.getByRole("heading", { name }).waitFor();
  await t.page.getByText(/^\d+ ticks delivered by /).waitFor();
  await grows(turbo, t.page, 3);
  await grows(ticks, t.page, 2);
});

test("Pause stops the ticks, Resume goes on with one timer", async (t) => {
  const { page } = t;
  await open(t);
  await grows(ticks, page);
  for (let i = 0; i < 3; i++) { // no faster afterwards
    await button(page, "Pause").click();
    await button(page, "Resume").waitFor();
    await button(page, "Resume").click();
    await button(page, "Pause").waitFor();
  }
  t.expect_errors(AWAY); // nor by a stream that was cut, or by a reload
  await t.context.setOffline(true);
  await t.context.setOffline(false);
  await page.reload();
  await grows(ticks, page);
  const began = performance.now();
  const first = await ticks(page);
  await eventually("three ticks", async () => (await ticks(page)) >= first + 3);
  assert.ok(performance.now() - began > 1900, "three ticks take over two seconds");
  await button(page, "Pause").click();
  await button(page, "Resume").waitFor();
  const still = await ticks(page);
  await grows(turbo, page, 5); // over a second
  assert.equal(await ticks(page), still);
});

test("Reset begins anew and goes on; Stop stops", async (t) => {
  const { page } = t;
  await open(t);
  await grows(turbo, page, 4);
  await button(page, "Reset").click();
  await eventually("it is small again", async () => (await turbo(page)) < 4);
  const began = performance.now();
  await grows(turbo, page, 5);
  assert.ok(performance.now() - began > 950, "five steps take over a second");
  await button(page, "Stop").click();
  await button(page, "Start").waitFor();
  const still = await turbo(page);
  await grows(ticks, page, 1);
  assert.equal(await turbo(page), still);
});

test("it goes on after the server was away", (t) => with_store(t, async () => {
  await open(t);
  await see(t.page, "Live clock");
  await grows(ticks, t.page);
  await t.server.restart("SIGTERM");
  await grows(ticks, t.page, 2);
}));
