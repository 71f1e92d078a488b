// A store on disk: what is on the page goes on after kill -9.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { AWAY, button, eventually, test } from "./harness.mjs";

/** Runs `body` with a server that keeps its conversations in a folder. */
async function with_store(t, body) {
  const dir = mkdtempSync(path.join(tmpdir(), "stube-"));
  t.server.store = path.join(dir, "store");
  t.expect_errors(AWAY);
  try {
    await body();
  } finally {
    await t.server.kill();
    rmSync(dir, { recursive: true });
  }
}

test("the game goes on after kill -9 at every step", (t) =>
  with_store(t, async () => {
    const { page, server } = t;
    await page.goto(await server.at("/guess"));
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
