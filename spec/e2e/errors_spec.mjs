// /error-frame and /error-answer: what fails, and where that shows.

import assert from "node:assert/strict";
import { button, eventually, see, test } from "./harness.mjs";

test("a handler that fails is a banner in its place, and Try again undoes nothing",
  async (t) => {
    const { page } = t;
    await page.goto(await t.server.at("/error-frame"));
    await page.getByRole("heading", { name: "Error frame demo" }).waitFor();
    await see(page, "Counter: 0");
    await button(page, "+1").click();
    await see(page, "Counter: 1");
    await button(page, "Boom").click();
    const alert = page.getByRole("alert");
    await alert.waitFor();
    assert.match(await alert.innerText(), /Boom! This handler always fails\./);
    assert.match(await alert.getAttribute("class"), /\bstube-error\b/);
    assert.equal(await page.getByText(/Counter: |Error frame demo|\+1/).count(), 0);
    await button(page, "Try again").click();
    await see(page, "Counter: 1");
    await button(page, "+1").click();
    await see(page, "Counter: 2");
  });

const open_form = async (t) => {
  await t.page.goto(await t.server.at("/error-answer"));
  await t.page.getByRole("heading", { name: "answer-error demo" }).waitFor();
  await button(t.page, "Open edit form").click();
  await t.page.getByLabel("Title:").waitFor();
};

test("an answer that is an error comes to its caller; the second save succeeds",
  async (t) => {
    const { page } = t;
    await open_form(t);
    await page.locator("input[name=draft]").fill("hello");
    await button(page, "Save").click();
    await see(page, "Save failed: Slug already taken (mock 409)");
    assert.equal(await page.getByRole("alert").count(), 1);
    assert.equal(await page.getByLabel("Title:").inputValue(), "hello");
    await button(page, "Save").click();
    await see(page, "Saved: hello");
    assert.equal(await page.getByLabel("Title:").count(), 0);
    await button(page, "Open edit form").click();
    await page.getByLabel("Title:").fill("the third");
    await button(page, "Save").click();
    await see(page, "Save failed: Slug already taken (mock 409)");
  });

test("Cancel closes the form and saves nothing (defect 16)", async (t) => {
  const { page } = t;
  await open_form(t);
  await page.getByLabel("Title:").fill("hello");
  await button(page, "Cancel").click();
  await button(page, "Open edit form").waitFor();
  assert.equal(await page.getByText("Saved:").count(), 0);
});

test("attempts of one visitor are not another's (defect 16)", async (t) => {
  await open_form(t);
  await t.page.getByLabel("Title:").fill("mine");
  await button(t.page, "Save").click();
  await see(t.page, "Save failed: Slug already taken (mock 409)");
  const page = await (await t.newContext()).newPage();
  await open_form({ page, server: t.server });
  await page.getByLabel("Title:").fill("yours");
  await button(page, "Save").click();
  await eventually("it fails for them as well", () =>
    page.getByText("Save failed").count());
});
