// A page that is open when a hook begins to say no.

import assert from "node:assert/strict";
import { button, eventually, test } from "./harness.mjs";

async function open({ page, server }) {
  server.app = "spec/e2e/app/boundary.lua";
  await page.goto(await server.at("/page"));
}

const set = ({ page, server }, what) =>
  server.at("/set").then((url) => page.request.post(url, { data: what }));

const heading_is = (page, wanted) =>
  eventually(`the heading is ${wanted}`, async () =>
    (await page.locator("h1").textContent()) === wanted);

test("a refusal in plain text is shown in the app's words", async (t) => {
  t.expect_errors(/403/);
  await open(t);
  await set(t, { refuses: true });
  await button(t.page, "+1").click();
  await t.page.getByText("This shop is closed until nine.").waitFor();
  await set(t, {});
  await button(t.page, "+1").click();
  await eventually("the next click counts", async () =>
    (await t.page.locator("output").textContent()) === "1");
});

test("a click that is answered with a redirect leads there", async (t) => {
  await open(t);
  await set(t, { sends_away: true });
  await button(t.page, "+1").click();
  await heading_is(t.page, "Please sign in");
});

test("a stream that is answered with a redirect leads there", async (t) => {
  await open(t);
  await eventually("the stream is open", async () => {
    await button(t.page, "+1").click();
    return (await t.page.locator("output").textContent()) !== "0";
  });
  await set(t, { sends_away: true });
  // A page that was put away opens its stream anew.
  await t.page.evaluate(() => dispatchEvent(new PageTransitionEvent("pagehide")));
  await t.page.evaluate(() => dispatchEvent(new PageTransitionEvent("pageshow")));
  await heading_is(t.page, "Please sign in");
});

const cookie = async ({ context }) =>
  (await context.cookies()).find((c) => c.name === "stube_sid").value;

const count_is = (page, wanted) =>
  eventually(`the count is ${wanted}`, async () =>
    (await page.locator("output").textContent()) === wanted);

for (const label of ["Log in", "Log in later"]) {
  test(`"${label}" changes the visitor's cookie, and every page goes on`,
    async (t) => {
      const { page, context, server, newContext } = t;
      server.app = "spec/e2e/app/boundary.lua";
      const url = await server.at("/login-page");
      await page.goto(url);
      const second = await context.newPage();
      await second.goto(url);
      const before = await cookie(t);
      await button(page, label).click();
      await count_is(page, "10");
      await eventually("the cookie has changed", async () =>
        (await cookie(t)) !== before);
      for (const p of [page, second]) await button(p, "+1").click();
      await count_is(page, "11");
      await count_is(second, "1");

      // Who has the old cookie has nothing.
      const cid = await page.locator("body").getAttribute("data-stube-cid");
      const thief = await newContext();
      await thief.addCookies([{ name: "stube_sid", value: before, url }]);
      await eventually("the old cookie is nobody's", async () => {
        const stolen = await thief.request.get(await server.at(`/conv/${cid}`));
        return stolen.status() === 403;
      });
      const own = await context.request.get(await server.at(`/conv/${cid}`));
      assert.equal(own.status(), 200);
    });
}

test("a page whose time is over says so when it comes back; an open one stays " +
  "(20.4, defect 17)",
  async (t) => {
    const { page, context, server } = t;
    t.expect_errors(/410/);
    server.args = ["--conversation-ttl", "1s", "--reaper-interval", "1s"];
    await open(t);
    await button(page, "+1").click();
    await count_is(page, "1");
    const away = await context.newPage();
    await away.goto(page.url());
    await button(away, "+1").click();
    await count_is(away, "1");
    await away.evaluate(() => dispatchEvent(new PageTransitionEvent("pagehide")));
    const metrics = await server.at("/stube/metrics");
    await eventually("one conversation has ended", async () =>
      (await (await context.request.get(metrics)).text())
        .includes("\nstube_reaped_conversations_total 1\n"));
    await away.evaluate(() => dispatchEvent(new PageTransitionEvent("pageshow")));
    await away.getByText("This page has ended").waitFor();
    await button(page, "+1").click();
    await count_is(page, "2");
  });
