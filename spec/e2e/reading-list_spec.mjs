// /reading-list: the address says which cards are open, and can be sent.

import assert from "node:assert/strict";
import { button, eventually, see, test } from "./harness.mjs";

const open = async ({ page, server }, query = "") =>
  page.goto(await server.at(`/reading-list${query}`));
const THREE = "?items=clojure,datastar,seaside";
const close = (page, title) => page.getByRole("button", { name: `Close ${title}` });

/** The cards' titles; the address and what the page says of it agree on `query`. */
const shows = (page, titles, query) =>
  eventually(`${titles.join(", ")} at "${query}"`, async () => {
    const { pathname, search } = new URL(page.url());
    const now = [await page.locator("article h2").allInnerTexts(), pathname + search,
      await page.getByText("URL: ").innerText({ timeout: 1000 })];
    const wanted = [titles, `/reading-list${query}`, `URL: /reading-list${query}`];
    return JSON.stringify(now) === JSON.stringify(wanted) ||
      Promise.reject(Error(JSON.stringify(now)));
  });
const offers = async (page, ...ids) => assert.deepEqual(
  await page.locator(".stube-actions button").allInnerTexts(),
  ids.map((id) => `Open ${id}`));

test("three cards of an address, each can be closed; the rest is offered",
  async (t) => {
    const { page } = t;
    await open(t, THREE);
    await page.getByRole("heading", { name: "Reading list", exact: true }).waitFor();
    await shows(page, ["Why Clojure?", "Datastar in one page",
      "Seaside's continuations"], THREE);
    assert.equal(await button(page, "Close").count(), 3);
    await offers(page, "kasten");
  });

test("Close takes card, address and button row along, in one entry (defect 16)",
  async (t) => {
    const { page } = t;
    await open(t, THREE);
    const entries = await page.evaluate(() => history.length);
    await close(page, "Datastar in one page").click();
    await shows(page, ["Why Clojure?", "Seaside's continuations"],
      "?items=clojure,seaside");
    await offers(page, "datastar", "kasten");
    assert.equal(await page.evaluate(() => history.length), entries);
  });

test("Open puts a card behind the others, which stay the same elements",
  async (t) => {
    const { page } = t;
    await open(t, "?items=seaside");
    await page.locator("article").evaluate((el) => { el.marked = true; });
    await button(page, "Open kasten").click();
    await shows(page, ["Seaside's continuations", "Notes desk concepts"],
      "?items=seaside,kasten");
    await offers(page, "clojure", "datastar");
    assert.equal(await page.locator("article").first().evaluate((el) => el.marked),
      true);
  });

test("all closed is the plain address; then all can be opened", async (t) => {
  const { page } = t;
  await open(t, THREE);
  for (let left = 2; left >= 0; left--) {
    await button(page, "Close").first().click();
    await eventually(`${left} cards`, async () =>
      (await page.locator("article").count()) === left);
  }
  await shows(page, [], "");
  for (const id of ["seaside", "kasten", "datastar", "clojure"]) {
    await button(page, `Open ${id}`).click();
    await button(page, `Open ${id}`).waitFor({ state: "detached" });
  }
  await offers(page);
  await shows(page, ["Seaside's continuations", "Notes desk concepts",
    "Datastar in one page", "Why Clojure?"],
  "?items=seaside,kasten,datastar,clojure");
});

test("the address in another browser gives the same cards, and another conversation",
  async (t) => {
    const { page } = t;
    await open(t, THREE);
    await close(page, "Why Clojure?").click();
    await shows(page, ["Datastar in one page", "Seaside's continuations"],
      "?items=datastar,seaside");
    const other = await (await t.newContext()).newPage();
    await other.goto(page.url());
    await shows(other, ["Datastar in one page", "Seaside's continuations"],
      "?items=datastar,seaside");
    await button(other, "Close").first().click();
    await shows(other, ["Seaside's continuations"], "?items=seaside");
    await shows(page, ["Datastar in one page", "Seaside's continuations"],
      "?items=datastar,seaside");
  });

test("a reload keeps the cards", async (t) => {
  const { page } = t;
  await open(t, THREE);
  await close(page, "Seaside's continuations").click();
  await shows(page, ["Why Clojure?", "Datastar in one page"],
    "?items=clojure,datastar");
  await page.reload();
  await shows(page, ["Why Clojure?", "Datastar in one page"],
    "?items=clojure,datastar");
});

test("an id that nobody knows is a card as well", async (t) => {
  const { page } = t;
  await open(t, "?items=nonsense,kasten");
  await shows(page, ["nonsense", "Notes desk concepts"], "?items=nonsense,kasten");
  await see(page, "(no body)");
  await close(page, "nonsense").click();
  await shows(page, ["Notes desk concepts"], "?items=kasten");
});

const nonsense = [
  ["?items=", []],
  ["?items=,,", []],
  ["?items=kasten,kasten", ["Notes desk concepts"]],
  ["?items=kasten&items=seaside", []],
  [`?items=${"x".repeat(41)},kasten`, ["Notes desk concepts"]],
  [`?items=${Array.from({ length: 30 }, (_, i) => i)}`,
    Array.from({ length: 20 }, (_, i) => String(i))],
];
test("whatever an address says, there is a page", async (t) => {
  for (const [query, titles] of nonsense) {
    await open(t, query);
    await button(t.page, "Open clojure").waitFor();
    assert.deepEqual(await t.page.locator("article h2").allInnerTexts(), titles, query);
  }
});
