// The browser's Back and Forward, reloads and addresses, on a real server.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import path from "node:path";
import {
  AWAY, button, eventually, is_saved, ROOT, see, test, with_store,
} from "./harness.mjs";

async function open({ page, server }, path, app = "spec/e2e/app/back.lua") {
  server.app = app;
  await page.goto(await server.at(path));
}

const SLOW_MS = 20_000; // a server that has to come back first

const says = (page, selector, wanted) =>
  eventually(`${selector} says ${wanted}`, async () => {
    const now = await page.locator(selector).first().textContent({ timeout: 1000 });
    return now.trim() === String(wanted) || Promise.reject(Error(now));
  }, SLOW_MS);

const asks = (page, text) =>
  eventually(`it asks ${text}`, async () => {
    const now = await page.locator("label").first().textContent({ timeout: 1000 });
    return now.trim() === text || Promise.reject(Error(now));
  }, SLOW_MS);

const holds = (page, label, wanted) =>
  eventually(`${label} holds ${wanted}`, async () => {
    const now = await page.getByLabel(label, { exact: true })
      .inputValue({ timeout: 1000 });
    return now === wanted || Promise.reject(Error(now));
  });

async function give(page, label, text) {
  await asks(page, label);
  await page.getByLabel(label, { exact: true }).fill(text);
  await button(page, "Next").click();
}

/** Several entries at once; the page may be gone before it has answered. */
const go = (page, n) => page.evaluate((by) => {
  setTimeout(() => history.go(by));
}, n);

const entries = (page) => page.evaluate(() => history.length);
const cid_of = (page) => page.getAttribute("body", "data-stube-cid");

test("Back over a wizard's steps returns each, with what was typed; Forward " +
  "leads through them again", async (t) => {
  const { page } = t;
  await open(t, "/wizard", "examples/all.lua");
  await give(page, "What's your name?", "Ada");
  await give(page, "Favourite colour?", "red");
  await see(page, "All set, Ada!");
  await page.goBack();
  await holds(page, "Favourite colour?", "red");
  await page.goBack();
  await holds(page, "What's your name?", "Ada");
  await page.goForward();
  await holds(page, "Favourite colour?", "red");
  await page.goForward();
  await see(page, "All set, Ada!");
  await page.goBack();
  await page.goBack();
  await give(page, "What's your name?", "Eve");
  await give(page, "Favourite colour?", "blue");
  await see(page, "All set, Eve!");
});

test("a flow that was gone back in waits where it waited, and goes on from there",
  async (t) => {
    const { page } = t;
    await open(t, "/steps");
    await give(page, "Name?", "Ada");
    await give(page, "Town?", "London");
    await give(page, "Food?", "pie");
    await see(page, "Ada of London eats pie");
    await page.goBack();
    await asks(page, "Food?");
    await page.goBack();
    await holds(page, "Town?", "London");
    await give(page, "Town?", "Rome");
    await give(page, "Food?", "pasta");
    await see(page, "Ada of Rome eats pasta");
  });

test("several entries at once, back and forth", async (t) => {
  const { page } = t;
  await open(t, "/steps");
  await give(page, "Name?", "Ada");
  await give(page, "Town?", "London");
  await give(page, "Food?", "pie");
  await see(page, "Ada of London eats pie");
  await go(page, -3);
  await asks(page, "Name?");
  await go(page, 2);
  await asks(page, "Food?");
  // Faster than any answer.
  await page.evaluate(() => (history.back(), history.back()));
  await asks(page, "Name?");
  await go(page, 3);
  await see(page, "Ada of London eats pie");
});

test("what was typed and not sent, unbound fields and the focus come back; a " +
  "password does not", async (t) => {
  const { page } = t;
  await open(t, "/steps");
  await page.getByLabel("Note").fill("first");
  await page.getByLabel("Secret").fill("hush");
  await give(page, "Name?", "Ada");
  await asks(page, "Town?");
  await page.getByLabel("Town?").fill("half");
  await page.getByLabel("Note").fill("second");
  await page.goBack();
  await holds(page, "Name?", "Ada");
  await holds(page, "Note", "first");
  assert.equal(await page.getByLabel("Secret").inputValue(), "");
  assert.equal(await page.evaluate(() => document.activeElement.type), "text");
  await page.goForward();
  await holds(page, "Town?", "half");
  await holds(page, "Note", "second");
  await button(page, "Next").click();
  await give(page, "Food?", "pie");
  await see(page, "Ada of half eats pie");
});

test("only turns that call, answer or become make entries", async (t) => {
  const { page } = t;
  await open(t, "/counted");
  const before = await entries(page);
  for (let n = 1; n <= 3; n++) {
    await button(page, "+").click();
    await says(page, "output", n);
  }
  assert.equal(await entries(page), before);
  await button(page, "Ask").click();
  await see(page, "Sure?");
  assert.equal(await entries(page), before + 1);
  await button(page, "Yes").click();
  await says(page, "output", 103);
  assert.equal(await entries(page), before + 2);
  await button(page, "+").click();
  await says(page, "output", 104);
  await page.goBack();
  await see(page, "Sure?");
  await page.goBack();
  await says(page, "output", 3); // as the first entry was left
  await page.goForward();
  await page.goForward();
  await says(page, "output", 104); // and the last
});

test("Back past an isolate stays where it is, in an entry that says so",
  async (t) => {
    const { page } = t;
    t.expect_errors(/409/);
    await open(t, "/pay");
    await give(page, "What?", "Tea");
    await give(page, "How much?", "5");
    await see(page, "Tea is paid");
    for (let n = 0; n < 2; n++) {
      const [answer] = await Promise.all([
        page.waitForResponse((r) => r.url().endsWith("/back")),
        page.goBack(),
      ]);
      assert.equal(answer.status(), 409);
      await see(page, "Tea is paid");
    }
    assert.equal(await page.locator(".stube-notice:visible").count(), 0);
    await page.goForward(); // the entry of the same state: nothing to ask for
    await see(page, "Tea is paid");
    await button(page, "Fine").click();
    await see(page, "Good bye");
    await page.goBack();
    await see(page, "Tea is paid");
  });

test("Back in one tab of two repaints the other, which gets no entries",
  async (t) => {
    const { page, context, server } = t;
    await open(t, "/steps");
    const other = await context.newPage();
    await other.goto(await server.at(`/conv/${await cid_of(page)}`));
    await asks(other, "Name?");
    const before = await entries(other);
    await give(page, "Name?", "Ada");
    await asks(page, "Town?");
    await asks(other, "Town?");
    await page.goBack();
    await asks(page, "Name?");
    await asks(other, "Name?");
    assert.equal(await entries(other), before);
    // The other goes on; Back there undoes that, and here it is seen.
    await give(other, "Name?", "Eve");
    await give(other, "Town?", "Rome");
    await asks(other, "Food?");
    await asks(page, "Food?");
    await other.goBack();
    await asks(other, "Town?");
    await asks(page, "Town?");
    await give(page, "Town?", "Paris");
    await give(page, "Food?", "pie");
    await see(other, "Eve of Paris eats pie");
  });

test("Back after kill -9, and Forward after another", (t) =>
  with_store(t, async () => {
    const { page, server } = t;
    await open(t, "/steps");
    await is_saved(server);
    await give(page, "Name?", "Ada");
    await give(page, "Town?", "London");
    await asks(page, "Food?");
    await server.restart();
    await page.goBack();
    await asks(page, "Town?");
    await server.kill();
    await page.goForward(); // nobody is there: it is asked for until somebody is
    await server.start();
    await asks(page, "Food?");
    await server.restart();
    await go(page, -2);
    await holds(page, "Name?", "Ada");
    await give(page, "Name?", "Eve");
    await give(page, "Town?", "Rome");
    await give(page, "Food?", "pasta");
    await see(page, "Eve of Rome eats pasta");
  }));

test("a reload goes on, also after Back; the entries around it stay good",
  async (t) => {
    const { page } = t;
    await open(t, "/steps");
    const cid = await cid_of(page);
    await give(page, "Name?", "Ada");
    await give(page, "Town?", "London");
    await asks(page, "Food?");
    await page.reload();
    await asks(page, "Food?");
    assert.equal(await cid_of(page), cid);
    await page.goBack();
    await asks(page, "Town?");
    await page.getByLabel("Town?").fill("Lon");
    await page.reload();
    await asks(page, "Town?");
    await holds(page, "Town?", "Lon"); // as browsers keep it
    await page.goForward();
    await asks(page, "Food?");
    await go(page, -2);
    await asks(page, "Name?");
    await give(page, "Name?", "Eve");
    await give(page, "Town?", "Rome");
    await give(page, "Food?", "pasta");
    await see(page, "Eve of Rome eats pasta");
    assert.equal(await cid_of(page), cid);
  });

test("a reload after Back, through kill -9", (t) =>
  with_store(t, async () => {
    const { page, server } = t;
    await open(t, "/steps");
    await is_saved(server);
    await give(page, "Name?", "Ada");
    await give(page, "Town?", "London");
    await asks(page, "Food?");
    await page.goBack();
    await asks(page, "Town?");
    await server.restart();
    await page.reload();
    await asks(page, "Town?");
    await page.goForward();
    await asks(page, "Food?");
  }));

test("a reload goes on for who began it: not after a login or logout elsewhere",
  async (t) => {
    const { page, context, server } = t;
    await open(t, "/who");
    const sign = (value) =>
      context.addCookies([{ name: "who", value, url: page.url() }]);
    const provisional = async () => {
      const { text } = await page.request.get(await server.at("/stube/metrics"))
        .then(async (r) => ({ text: await r.text() }));
      return /^stube_conversations\{state="provisional"\} (\d+)/m.exec(text)[1];
    };
    const cid = await cid_of(page);
    await button(page, "+").click();
    await says(page, "output", 1);
    for (let n = 0; n < 3; n++) {
      await page.reload();
      await says(page, "output", 1);
      assert.equal(await cid_of(page), cid);
    }
    assert.equal(await provisional(), "0"); // what a reload began has given way
    await sign("ada");
    await page.reload();
    await says(page, "h1", "ada");
    await says(page, "output", 0);
    await button(page, "+").click();
    await says(page, "output", 1);
    await page.reload();
    await says(page, "output", 1);
    await context.clearCookies({ name: "who" });
    await page.reload();
    await says(page, "h1", "nobody");
    await says(page, "output", 0);
  });

test("who comes back from elsewhere finds the entry that was left, or the one " +
  "that was chosen", async (t) => {
  const { page, server } = t;
  await open(t, "/steps");
  await give(page, "Name?", "Ada");
  await give(page, "Town?", "London");
  await asks(page, "Food?");
  await page.goto(await server.at("/stube/health"));
  await page.goBack();
  await asks(page, "Food?");
  await page.goto(await server.at("/stube/health"));
  await go(page, -2);
  await asks(page, "Town?");
  await page.goForward();
  await asks(page, "Food?");
});

test("another visit of the address is another conversation; Back finds the first",
  async (t) => {
    const { page, server } = t;
    await open(t, "/steps");
    const cid = await cid_of(page);
    await give(page, "Name?", "Ada");
    await asks(page, "Town?");
    await page.goto(await server.at("/steps?again"));
    await asks(page, "Name?");
    assert.notEqual(await cid_of(page), cid);
    await give(page, "Name?", "Eve");
    await asks(page, "Town?"); // now this has an entry of its own
    await go(page, -2);
    await eventually("the first is back", async () => await cid_of(page) === cid);
    await asks(page, "Town?");
    await page.goBack();
    await holds(page, "Name?", "");
  });

test("after the end, Back and a reload begin afresh", async (t) => {
  const { page } = t;
  await open(t, "/pay");
  const cid = await cid_of(page);
  await give(page, "What?", "Tea");
  await give(page, "How much?", "5");
  await button(page, "Fine").click();
  await button(page, "Bye").click();
  await eventually("it is over", async () => {
    await page.reload();
    return await cid_of(page) !== cid;
  });
  await asks(page, "What?");
  await give(page, "What?", "Coffee");
  await asks(page, "How much?");
  await page.goBack();
  await asks(page, "What?");
  await page.goBack(); // an entry of the conversation that is over
  await eventually("it begins", async () => await cid_of(page) !== cid);
  await asks(page, "What?");
});

test("an undo of the app's own is no entry, and what comes after it can be gone " +
  "back from", async (t) => {
  const { page } = t;
  await open(t, "/counted");
  const before = await entries(page);
  await button(page, "+").click();
  await says(page, "output", 1);
  await button(page, "+").click();
  await says(page, "output", 2);
  await button(page, "Undo").click();
  await says(page, "output", 1);
  assert.equal(await entries(page), before);
  await button(page, "Ask").click();
  await see(page, "Sure?");
  await page.goBack();
  await says(page, "output", 1);
  await page.goForward();
  await see(page, "Sure?");
  await button(page, "Yes").click();
  await says(page, "output", 101);
});

test("a clock that ticks is in nobody's way", async (t) => {
  const { page } = t;
  await open(t, "/ticking");
  const ticks = async () => Number(await page.locator("small").textContent());
  const ticks_on = async () => {
    const n = await ticks();
    await eventually("it ticks", async () => await ticks() > n + 3);
  };
  await button(page, "+").click();
  await says(page, "output", 1);
  await ticks_on();
  await button(page, "Ask").click();
  await see(page, "Sure?");
  await page.goBack();
  await says(page, "output", 1);
  await ticks_on();
  await page.goForward();
  await see(page, "Sure?");
  await page.goBack();
  await says(page, "output", 1);
  await ticks_on();
  await button(page, "+").click();
  await says(page, "output", 2);
  const before = await entries(page);
  await button(page, "Ask").click();
  await see(page, "Sure?");
  assert.equal(await entries(page), before); // in the place of what was ahead
  await page.goBack();
  await says(page, "output", 2);
});

test("a page that makes no entries is left by Back", async (t) => {
  const { page, server } = t;
  await open(t, "/stube/health");
  await page.goto(await server.at("/ignored"));
  const before = await entries(page);
  await button(page, "Ask").click();
  await see(page, "Sure?");
  await button(page, "Yes").click();
  await says(page, "output", 100);
  assert.equal(await entries(page), before);
  await page.goBack();
  await see(page, "ok");
  await page.goForward();
  await says(page, "output", 100);
});

test("a page that asks first goes back, or stays, as the user says", async (t) => {
  const { page } = t;
  await open(t, "/asked");
  await button(page, "Ask").click();
  await see(page, "Sure?");
  const answer = (how) => new Promise((resolve) =>
    page.once("dialog", async (dialog) => {
      await dialog[how]();
      resolve(dialog.message());
    }));
  const going_back = () => page.evaluate(() => history.back());
  const [question] = await Promise.all([answer("dismiss"), going_back()]);
  assert.equal(question, "Undo this?");
  await see(page, "Sure?");
  await Promise.all([answer("accept"), going_back()]);
  await says(page, "output", 0);
  await page.goForward(); // nothing is lost by that: no question
  await see(page, "Sure?");
  await button(page, "Yes").click();
  await says(page, "output", 100);
});

test("how far each entry was scrolled comes back with it", async (t) => {
  const { page } = t;
  await open(t, "/long");
  const scrolled = (y) => eventually(`scrolled to ${y}`, async () =>
    Math.abs(await page.evaluate(() => scrollY) - y) < 3);
  await button(page, "Row 80").scrollIntoViewIfNeeded();
  const y = await page.evaluate(() => scrollY);
  assert.ok(y > 500);
  await button(page, "Row 80").click();
  await button(page, "Close").waitFor();
  await page.evaluate(() => scrollTo(0, 300));
  await page.goBack();
  await button(page, "Row 81").waitFor();
  await scrolled(y);
  await page.goForward();
  await button(page, "Close").waitFor();
  await scrolled(300);
});

test("s.history sets the address, as a call and as data; Back follows it",
  async (t) => {
    const { page } = t;
    await open(t, "/tabs");
    const at = (tab, search) => eventually(`tab ${tab} at ${search}`, async () => {
      const now = await page.locator("h1").textContent({ timeout: 1000 });
      return now === `Tab ${tab}` && new URL(page.url()).search === search;
    });
    const before = await entries(page);
    await button(page, "two").click();
    await at("two", "?tab=two");
    await button(page, "Data").click();
    await at("data", "?tab=data");
    assert.equal(await entries(page), before + 1);
    await page.goBack();
    await at("one", "");
    await page.goForward();
    await at("data", "?tab=data");
    await page.reload();
    await at("data", "?tab=data");
  });

test("s.scroll_to and s.focus find their element, after what was drawn",
  async (t) => {
    const { page } = t;
    await open(t, "/tabs");
    await button(page, "Field").click();
    await eventually("the field has the focus", () =>
      page.evaluate(() => document.activeElement.id === "field"));
    await button(page, "Title").click();
    await eventually("the heading has the focus", () =>
      page.evaluate(() => document.activeElement.localName === "h1"));
    await button(page, "Down").click();
    await says(page, "h1", "Tab down");
    await eventually("the end is in view", () => page.evaluate(() => {
      const { top, bottom } = document.getElementById("end").getBoundingClientRect();
      return top >= 0 && bottom <= innerHeight;
    }));
  });

test("the address is kept with the conversation, and shown by the store", (t) =>
  with_store(t, async () => {
    const { page, server } = t;
    await open(t, "/tabs");
    await is_saved(server);
    await button(page, "two").click();
    await says(page, "h1", "Tab two");
    const cid = await cid_of(page);
    await server.kill();
    const binary = path.resolve(ROOT, process.env.STUBE ?? "build/stube");
    const { stdout } = spawnSync(binary,
      ["store", "show", cid, "--store", server.store], { encoding: "utf8" });
    assert.match(stdout, /^ {2}address {2}\/tabs\?tab=two$/m);
    await server.start();
    await page.goto(await server.at(`/conv/${cid}`));
    await says(page, "h1", "Tab two");
    await eventually("the address is its own", () =>
      page.url().endsWith("/tabs?tab=two"));
  }));

test("links to a part of the page are the browser's own", async (t) => {
  const { page } = t;
  await open(t, "/tabs");
  await button(page, "two").click();
  await says(page, "h1", "Tab two");
  await page.getByText("To the end").click();
  await eventually("it is there", () => page.url().endsWith("?tab=two#end"));
  await page.goBack();
  await eventually("it is back", () => page.url().endsWith("?tab=two"));
  await says(page, "h1", "Tab two");
  await page.goBack();
  await says(page, "h1", "Tab one");
  await go(page, 2);
  await says(page, "h1", "Tab two");
  await button(page, "one").click();
  await says(page, "h1", "Tab one");
});

test("what happens without a visitor changes the address and makes no entries",
  async (t) => {
    const { page } = t;
    await open(t, "/counting");
    const before = await entries(page);
    for (let n = 1; n <= 3; n++) {
      await button(page, "Go").click();
      await says(page, "output", n);
      await eventually("so does the address", () =>
        new URL(page.url()).search === `?n=${n}`);
    }
    assert.equal(await entries(page), before);
  });

test("a wrong address is the author's error, named in its place", async (t) => {
  const { page } = t;
  await open(t, "/wrong");
  await button(page, "+").click();
  const said = await page.getByRole("alert").textContent();
  assert.match(said, /url of "spec\/wrong" \(.*back\.lua:\d+\):/);
  assert.match(said, /"https:\/\/example\.org\/" must begin with "\/"/);
  assert.equal(new URL(page.url()).pathname, "/wrong");
  await button(page, "Try again").click();
  await says(page, "output", 0);
});

test("all of it under a base path", async (t) => {
  const { page, server } = t;
  server.args = ["--base-path", "/deep/app"];
  await open(t, "/deep/app/tabs");
  await button(page, "two").click();
  await says(page, "h1", "Tab two");
  assert.equal(new URL(page.url()).pathname, "/deep/app/tabs");
  await page.goBack();
  await says(page, "h1", "Tab one");
  await page.goForward();
  await says(page, "h1", "Tab two");
  await page.reload();
  await says(page, "h1", "Tab two");
  await page.goBack();
  await says(page, "h1", "Tab one");
});

test("Back while the server is away is done when it is there", (t) =>
  with_store(t, async () => {
    const { page, server } = t;
    const answers = [];
    page.on("response", (r) => {
      if (r.url().endsWith("/back"))
        answers.push(`${r.status()} ${r.request().postData()}`);
    });
    await open(t, "/steps");
    await is_saved(server);
    await give(page, "Name?", "Ada");
    await asks(page, "Town?");
    await server.kill();
    await page.goBack();
    await page.goForward();
    await page.goBack();
    await server.start();
    // The first was on its way; of the others, the last counts.
    for (const [n, turn] of [[1, 1], [2, 1]])
      await eventually(`${n} were answered`, () =>
        answers.length >= n && answers[n - 1] === `204 {"turn":${turn}}`);
    await holds(page, "Name?", "Ada");
    await give(page, "Name?", "Eve");
    await asks(page, "Town?");
  }));

test("a page of another Datastar client gets the same as scripts", async (t) => {
  const { page, server } = t;
  t.expect_errors(AWAY);
  await open(t, "/tabs");
  const stream = await page.evaluate(async () => {
    const [path] = /\/conv\/[^']+\/sse\?at=[\d.]+/.exec(document.body.outerHTML);
    const headers = { "Datastar-Request": "true" };
    const { body } = await fetch(path, { headers });
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    window.heard = "";
    (async () => {
      for (let r = await reader.read(); !r.done; r = await reader.read())
        window.heard += r.value;
    })().catch(() => {});
    return path;
  });
  assert.ok(await server.at(stream));
  for (const name of ["two", "Field", "Down"]) await button(page, name).click();
  const heard = await eventually("the last has come", async () => {
    const text = await page.evaluate(() => window.heard);
    return text.includes("scrollIntoView") && text;
  });
  assert.match(heard, /history\.replaceState\(history\.state,"","\/tabs\?tab=two"\)/);
  assert.match(heard, /document\.querySelector\("#field"\)\?\.focus\(\)/);
  assert.match(heard, /document\.querySelector\("#end"\)\?\.scrollIntoView\(/);
  assert.doesNotMatch(heard, /stube-(address|scroll|focus)/);
});
