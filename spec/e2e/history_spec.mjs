// Going back as the page sees it, through kill -9 as well.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import path from "node:path";
import { button, eventually, ROOT, test, with_store } from "./harness.mjs";

/** Posts /back from the page itself; its status, and its body if it has one. */
function back(page, turn) {
  return page.evaluate(async (n) => {
    const [path] = /\/conv\/[\w-]+/.exec(document.body.innerHTML);
    const body = n === undefined ? undefined : JSON.stringify({ turn: n });
    const headers = body ? { "Content-Type": "application/json" } : {};
    const answer = await fetch(path + "/back", { method: "POST", headers, body });
    return [answer.status, answer.status === 409 ? await answer.json() : null];
  }, turn);
}

/** Each state that one could go to is in the store, and can be put together. */
function is_sound(server) {
  const binary = path.resolve(ROOT, process.env.STUBE ?? "build/stube");
  const { stdout, stderr } = spawnSync(binary,
    ["store", "check", "--store", server.store], { encoding: "utf8" });
  assert.match(stdout, /^1 conversations, .*, all sound\n$/, stderr);
}

const shows = (page, n) =>
  eventually(`the counter says ${n}`, async () => {
    const now = await page.locator("output").textContent({ timeout: 1000 });
    return now === String(n) || Promise.reject(Error(now));
  }, 20_000);

test("going back and forth repaints every tab, and goes on after kill -9", (t) =>
  with_store(t, async () => {
    const { page, context, server } = t;
    await page.goto(await server.at("/counter"));
    const plus = (where) => where.getByRole("button", { name: "Increase" });
    for (let n = 1; n <= 40; n++) {
      await plus(page).click();
      await shows(page, n);
    }
    const [conv] = /\/conv\/[\w-]+/.exec(await page.content());
    const other = await context.newPage();
    await other.goto(await server.at(conv));
    await shows(other, 40);

    assert.deepEqual(await back(page), [204, null]);
    await shows(page, 39);
    await shows(other, 39);
    assert.deepEqual(await back(page, 6), [204, null]); // 1 was the boot
    await shows(page, 5);
    await shows(other, 5);

    await server.kill();
    is_sound(server);
    await server.start();
    assert.deepEqual(await back(page, 31), [204, null]); // forward, from the store
    await shows(page, 30);
    await server.restart();
    await plus(other).click(); // something new: what was ahead is gone
    await shows(page, 31);
    await shows(other, 31);
    const [status, { turn }] = await back(page, 41);
    assert.equal(status, 409);
    assert.deepEqual(await back(page, turn), [204, null]); // it is there
    assert.deepEqual(await back(page, 2), [204, null]);
    await shows(page, 1);
    await shows(other, 1);
    await server.kill();
    is_sound(server);
  }));

test("a flow that was gone back in waits where it waited", (t) =>
  with_store(t, async () => {
    const { page, server } = t;
    await page.goto(await server.at("/guess"));
    const says = (text) =>
      eventually(`the page says ${text}`, async () =>
        (await page.locator("label").textContent({ timeout: 1000 })).includes(text),
      20_000);
    const guess = async (n) => {
      await page.getByRole("spinbutton").fill(String(n));
      await button(page, "Guess").click();
    };
    await guess(0);
    await says("Too low — try again. (Attempt 1)");
    await guess(101);
    await says("Too high — try again. (Attempt 2)");
    await guess(-5);
    await says("Too low — try again. (Attempt 3)");
    await server.restart();
    assert.deepEqual(await back(page), [204, null]);
    await says("Too high — try again. (Attempt 2)");
    assert.deepEqual(await back(page), [204, null]);
    await says("Too low — try again. (Attempt 1)");
    await server.restart();
    await guess(200);
    await says("Too high — try again. (Attempt 2)");
    // The number to guess is the one it was.
    let low = 1, high = 100;
    for (let tries = 3; tries <= 9; tries++) {
      const n = Math.floor((low + high) / 2);
      await guess(n);
      const text = await eventually("the answer has come", async () => {
        const now = await page.locator("#root").innerText({ timeout: 1000 });
        return (now.includes("Attempt " + tries) || now.includes("Got it")) && now;
      }, 20_000);
      if (text.includes("Got it")) {
        assert.match(text, new RegExp(`${n} in ${tries} attempts`));
        return;
      }
      if (text.includes("Too low")) low = n + 1;
      else high = n - 1;
    }
    assert.fail("seven guesses were not enough");
  }));
