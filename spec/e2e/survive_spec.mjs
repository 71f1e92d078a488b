// A store on disk: what is on the page goes on after kill -9.

import assert from "node:assert/strict";
import { button, eventually, is_saved, see, test, with_store } from "./harness.mjs";

test("the game goes on after kill -9 at every step", (t) =>
  with_store(t, async () => {
    const { page, server } = t;
    await page.goto(await server.at("/guess"));
    await is_saved(server);
    let low = 1, high = 100;
    for (let tries = 1; tries <= 8; tries++) {
      await server.restart();
      const guess = Math.floor((low + high) / 2);
      const before = await page.locator("label").textContent();
      await page.getByRole("spinbutton").fill(String(guess));
      await button(page, "Guess").click();
      const after = await eventually("the answer has come", async () => {
        const text = await page.locator("#root").innerText({ timeout: 1000 });
        return text.includes("Attempt " + tries) || text.includes("Got it")
          ? text : Promise.reject(Error(before));
      }, 20_000);
      if (after.includes("Got it")) {
        assert.match(after, new RegExp(`${guess} in ${tries} attempt`));
        return;
      }
      if (after.includes("Too low")) low = guess + 1;
      else high = guess - 1;
    }
    assert.fail("eight guesses were not enough");
  }));

const output_is = (page, wanted) =>
  eventually(`the page says ${wanted}`, async () => {
    const now = await page.locator("output").textContent({ timeout: 1000 });
    return now === wanted || Promise.reject(Error(now));
  }, 20_000);

test("a flow that sleeps goes on after kill -9", (t) =>
  with_store(t, async () => {
    const { page, server } = t;
    server.app = "spec/e2e/app/later.lua";
    await page.goto(await server.at("/tea"));
    await button(page, "Brew").click();
    for (const cup of ["Cup 1", "Cup 2", "Cup 3"]) {
      await page.getByText("Tea?").or(page.getByText(/^Cup/))
        .waitFor({ state: "detached" });
      await server.restart();
      await see(page, cup);
      await button(page, "Drink").click();
    }
    await see(page, "No more tea");
  }));

test("a timer goes off once, and its message is heard once, through kill -9",
  (t) =>
    with_store(t, async () => {
      const { page, context, server } = t;
      server.app = "spec/e2e/app/later.lua";
      await page.goto(await server.at("/bell"));
      const ear = await context.newPage();
      await ear.goto(await server.at("/ear"));
      await output_is(ear, "heard");
      let heard = "heard";
      for (let n = 1; n <= 5; n++) {
        await button(page, "Set").click();
        await page.locator("output", { hasText: `set ${n}, ` }).waitFor();
        // While it is set, while it has rung, and while neither is sure.
        await server.restart();
        if (n % 2) await page.locator("output", { hasText: `rung ${n}, ` }).waitFor();
        await server.restart();
        await output_is(page, `set ${n}, rung ${n}, over ${n}`);
        await output_is(ear, (heard += ` ${n}`));
      }
    }));

test("a script that was kept and never sent runs once, through kill -9", (t) =>
  with_store(t, async () => {
    const { page, server } = t;
    const log_is = (wanted) =>
      page.waitForFunction((w) => document.body.dataset.log === w, wanted);
    server.app = "spec/e2e/app/scripts.lua";
    await page.goto(await server.at("/"));
    await log_is("start ");
    await page.route("**/sse*", (route) => route.abort());
    await server.restart();
    await button(page, "Run").click();
    await page.locator("button:not([aria-busy])").waitFor(); // it is kept
    await server.restart();
    assert.equal(await page.locator("output").textContent(), "0");
    await page.unroute("**/sse*");
    await see(page, "ran 1");
    await log_is("start 1 ");
    await server.restart();
    await button(page, "Run").click();
    await see(page, "ran 2");
    await log_is("start 1 2 ");
  }));
