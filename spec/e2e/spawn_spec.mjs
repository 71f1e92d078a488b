// Conversations that code begins, as visitors meet them.

import assert from "node:assert/strict";
import { button, eventually, see, test, with_store } from "./harness.mjs";

const open = async ({ page, server }, path) => {
  server.app = "spec/e2e/app/spawn.lua";
  await page.goto(await server.at(path));
};
const shows = (page, wanted) => eventually(`it shows ${wanted}`, async () => {
  const now = await page.locator("output").textContent({ timeout: 1000 });
  return now === String(wanted) || Promise.reject(Error(now));
});
const status = async (context, url) => (await context.request.get(url)).status();

test("what a page spawns hears messages, and its owner opens it from a link",
  (t) => with_store(t, async () => {
    const { page } = t;
    await open(t, "/boss");
    await button(page, "Hire").click();
    await page.getByRole("link", { name: "Watcher of ann" }).waitFor();
    await button(page, "Ring").click();
    await page.locator("button:not([aria-busy])", { hasText: "Ring" }).waitFor();
    await button(page, "Ring").click(); // one before the answer would not count
    await page.getByRole("link", { name: "Watcher of ann" }).click();
    await see(page, "Watcher of ann");
    await shows(page, 2);
    assert.equal(await page.title(), "Watch");
    await button(page, "+").click();
    await shows(page, 3);
    await t.server.restart();
    await page.reload();
    await shows(page, 3);
    await button(page, "+").click();
    await shows(page, 4);
    const stranger = await t.newContext();
    assert.equal(await status(stranger, page.url()), 403);
  }));

test("nobody opens what is nobody's", async (t) => {
  const { page } = t;
  await open(t, "/boss");
  await button(page, "Hire for nobody").click();
  const link = page.getByRole("link", { name: "Watcher of nobody" });
  const url = await link.evaluate((a) => a.href);
  assert.equal(await status(t.context, url), 403);
  const answer = await t.context.request.get(await t.server.at("/hire"));
  const { cid } = await answer.json();
  assert.equal(await status(t.context, await t.server.at(`/conv/${cid}`)), 403);
});

test("what it may not do is said where it does it, and by whom it was limited",
  async (t) => {
    const { page } = t;
    await open(t, "/boss");
    await button(page, "Hire").click();
    await page.getByRole("link", { name: "Watcher of ann" }).click();
    await button(page, "Script").click();
    await page.getByText(/spec\/watcher lacks the capability "script": its conversation was limited by spec\/boss in /)
      .first().waitFor();
    await open(t, "/limited");
    await button(page, "Script").click();
    await page.getByText(/spec\/limited lacks .* limited by the mount \/limited/).first().waitFor();
    assert.notEqual(await page.title(), "ran");
  });
