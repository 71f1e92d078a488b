// A turn as the browser sees it: effects, failures, bound fields.

import assert from "node:assert/strict";
import { button, eventually, test } from "./harness.mjs";

async function open({ page, server }, path) {
  server.app = "spec/e2e/app/turns.lua";
  await page.goto(await server.at(path));
}

const text_is = (page, selector, wanted) =>
  eventually(`${selector} says ${wanted}`, async () => {
    const now = await page.locator(selector).textContent({ timeout: 1000 });
    return now === wanted || Promise.reject(Error(now));
  });

test("a script that an effect sends runs, under the strict policy", async (t) => {
  await open(t, "/effects");
  await button(t.page, "Script").click();
  await eventually("the title has changed", async () =>
    (await t.page.title()) === "ran </script>");
  assert.equal(await t.page.locator("body > script").count(), 0);
});

test("patched signals and extra elements arrive", async (t) => {
  await open(t, "/effects");
  await button(t.page, "Signals").click();
  await text_is(t.page, "#zoom", "7");
  await button(t.page, "Extra").click();
  await text_is(t.page, "#extra", "<one>");
});

test("a question that is declined sends nothing", async (t) => {
  await open(t, "/effects");
  t.page.once("dialog", (dialog) => dialog.dismiss());
  await button(t.page, "Careful").click();
  t.page.once("dialog", (dialog) => dialog.accept());
  await button(t.page, "Careful").click();
  await text_is(t.page, "output", "1");
});

test("bound fields of each kind reach the handler; assigning one clears it",
  async (t) => {
    const { page } = t;
    await open(t, "/effects");
    await page.getByLabel("Draft").fill("milk");
    await page.getByLabel("Wanted").check();
    await page.getByLabel("Kind").selectOption("fancy");
    await button(page, "Save").click();
    await text_is(page, "#saved", "milk/true/fancy");
    await eventually("the draft is empty", async () =>
      (await page.getByLabel("Draft").inputValue()) === "");
    assert.equal(await page.getByLabel("Kind").inputValue(), "fancy");
  });

test("a failed turn shows its banner in its place, and the rest lives on (22.4)",
  async (t) => {
    const { page } = t;
    await open(t, "/errors");
    await button(page, "+1").click();
    await text_is(page, "#loud", "1");
    await button(page, "Boom").click();
    const said = await page.getByRole("alert").textContent();
    assert.match(said, /turns\.lua:\d+: kaputt/);
    assert.match(said, /on\.boom of spec\/loud/);
    assert.equal(await button(page, "+1").count(), 0);
    await button(page, "Quiet").click();
    await text_is(page, "#quiet", "1");
    await button(page, "Try again").click();
    await text_is(page, "#loud", "1"); // 99 was put back
    await button(page, "+1").click();
    await text_is(page, "#loud", "2");
  });
