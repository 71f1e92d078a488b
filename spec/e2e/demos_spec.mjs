// Every demo that examples/all.lua mounts: on a phone and on a desk, in light and in
// dark, and by keyboard alone. One page for each demo, resized in its place.

import assert from "node:assert/strict";
import { eventually, see, test } from "./harness.mjs";

const SIZES = [{ width: 360, height: 740 }, { width: 1440, height: 900 }];
const SCHEMES = ["light", "dark"];
const ROLES = ["button", "link", "textbox", "spinbutton", "checkbox", "tab"];
const MAX_TABS = 60; // a calendar has 34 controls
const CONTRAST = 4.5; // WCAG 2.2, level AA
// What Chromium says when markup with an `autofocus` comes: the client moves the focus.
const AUTOFOCUS = /^Autofocus processing was blocked/;

/** Runs in the page: what of its layout is wrong, as a list of texts. */
function wrong_layout() {
  const wrong = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth)
    wrong.push(`the page is ${root.scrollWidth} wide`);
  const scroller = (el) => { // a strip's controls are reached by scrolling it
    const parent = el.parentElement;
    if (!parent || parent === document.body) return null;
    return /auto|scroll/.test(getComputedStyle(parent).overflowX) ? parent
      : scroller(parent);
  };
  for (const el of document.querySelectorAll("a, button, input, select, textarea")) {
    const box = (scroller(el) ?? el).getBoundingClientRect();
    if (box.left < 0 || box.right > root.clientWidth)
      wrong.push(`${el.outerHTML} is outside: ${box.left} to ${box.right}`);
  }
  return wrong;
}

/** Runs in the page: texts that stand out too little from what is behind them. */
function faint(least) {
  const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const behind = (el) => (el ? [...behind(el.parentElement),
    getComputedStyle(el).backgroundColor] : ["white"]);
  const light = (colours) => { // relative luminance of colours laid over each other
    for (const colour of colours) {
      pen.fillStyle = colour;
      pen.fillRect(0, 0, 1, 1);
    }
    const [r, g, b] = [...pen.getImageData(0, 0, 1, 1).data].map((v) =>
      (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const opacity = (el) => (el ? getComputedStyle(el).opacity * opacity(el.parentElement)
    : 1);
  return [...document.querySelectorAll("#root *")].filter((el) => {
    const text = [...el.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    // What is less than solid says by that that it cannot be used.
    if (!text || opacity(el) < 1) return false;
    const ground = behind(el);
    const a = light(ground);
    const b = light([...ground, getComputedStyle(el).color]);
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < least;
  }).map((el) => el.outerHTML);
}

async function looks_well(page) {
  for (const role of ROLES) {
    const nameless = await page.getByRole(role).count() -
      await page.getByRole(role, { name: /\S/ }).count();
    assert.equal(nameless, 0, `each ${role} has a name`);
  }
  for (const size of SIZES) {
    await page.setViewportSize(size);
    assert.deepEqual(await page.evaluate(wrong_layout), [], `at ${size.width}`);
  }
  for (const colorScheme of SCHEMES) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    assert.deepEqual(await page.evaluate(faint, CONTRAST), [], colorScheme);
  }
}

/** The name of what has the focus: its label, or what it says. */
const focused = (page) => page.evaluate(() => {
  const el = document.activeElement;
  return (el.ariaLabel ?? el.labels?.[0]?.textContent ?? el.textContent).trim();
});

/** Hands that have a keyboard and nothing else. */
const hands = (page) => ({
  /** Tab until `name` has the focus; then a key, if one is given. */
  async at(name, key) {
    for (let i = 0; await focused(page) !== name; i++) {
      assert.ok(i < MAX_TABS, `no way to "${name}" by Tab`);
      await page.keyboard.press("Tab");
    }
    if (key) await page.keyboard.press(key);
  },
  type: (text) => page.keyboard.type(text),
  press: (key) => page.keyboard.press(key),
  sees: (text) => (text instanceof RegExp ? page.getByText(text).first().waitFor()
    : see(page, text)),
  gone: (text) => page.getByText(text, { exact: true }).waitFor({ state: "detached" }),
  shows: (wanted) => eventually(`it shows ${wanted}`, async () =>
    (await page.locator("output").allTextContents()).includes(wanted)),
  leads: (path) => page.waitForURL((url) => url.pathname + url.search === path),
});

/** What can be done by keyboard alone: a way through each demo. */
const demos = {
  "/": async ({ at, leads }) => {
    await at("Guess the number", "Enter");
    await leads("/guess");
  },
  "/guess": async ({ press, at, sees }) => {
    await press("Enter"); // the field has the focus
    await sees("Please enter a number.");
    await at("Guess", "Space");
    await sees("Please enter a number.");
  },
  "/dialogs": async ({ at, press, sees }) => {
    await at("Yes", "Enter");
    await sees("What's your name?");
    await press("Enter"); // as the field has the focus, and a name in it
    await sees("Pick a colour, Ada:");
    await at("green", "Space");
    await sees("Hello Ada — your colour is green.");
  },
  "/counter": async ({ at, shows, sees }) => {
    await at("Increase", "Enter");
    await shows("1");
    await at("Reset", "Space");
    await sees("Reset to zero?");
    await at("Yes", "Enter");
    await shows("0");
  },
  "/multicounter": async ({ at, shows }) => {
    await at("Decrease", "Enter");
    await shows("-1");
    await at("Increase", "Space");
    await shows("0");
  },
  "/wizard": async ({ type, press, at, sees }) => {
    await type("Grace");
    await press("Enter");
    await sees("Favourite colour?");
    await type("teal");
    await at("Next", "Space");
    await sees("All set, Grace!");
    await at("Start over", "Enter");
    await sees("What's your name?");
  },
  "/calc": async ({ at, shows }) => {
    await at("7", "Enter");
    await at("×", "Space");
    await at("6", "Enter");
    await at("=", "Enter");
    await shows("42");
  },
  "/tabs": async ({ at, type, sees }) => {
    await at("Notes", "Enter");
    await sees("Length: 0 chars");
    await at("About");
    await at("Notes"); // its field, behind the tabs
    await type("hello");
    await sees("Length: 5 chars");
  },
  "/calendar": async ({ at, sees, press }) => {
    await at("Next month", "Enter");
    await at("Cancel");
    await at("Previous month", "Space");
    const now = new Date();
    const day = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "2-digit",
      month: "long", year: "numeric" })
      .format(new Date(now.getFullYear(), now.getMonth(), 15))
      .replace(/^(\w+) /, "$1, ");
    await at(day, "Enter");
    await sees("You picked");
    await press("Enter"); // "Pick another" has the focus
    await sees("Mo");
  },
  "/todo": async ({ at, type, press, sees }) => {
    await at("New");
    await type("milk");
    await press("Enter");
    await sees("3 open · 0 done");
    await at("Done: milk", "Space");
    await sees("2 open · 1 done");
    await at("Remove: milk", "Enter");
    await sees("2 open · 0 done");
    await at("tick the box when done", "Enter");
    await at("Text");
  },
  "/columns": async ({ at, type, sees, gone }) => {
    await at("Add column", "Enter");
    await sees("D");
    await at("Notes of A");
    await type("typed");
    await at("Close B", "Space");
    await gone("B");
    await at("Remove last", "Enter");
    await gone("D");
  },
  "/url-counter": async ({ at, shows, leads }) => {
    await at("Increase", "Enter");
    await shows("1");
    await leads("/url-counter?n=1");
  },
  "/reading-list": async ({ at, sees, leads }) => {
    await at("Open kasten", "Enter");
    await sees("Notes desk concepts");
    await at("Close Notes desk concepts", "Space");
    await leads("/reading-list");
  },
  "/clock": async ({ at, shows, sees }) => {
    await at("Pause", "Enter");
    await sees("Resume");
    await at("Stop", "Space");
    await sees("Start");
    await at("Reset", "Enter");
    await shows("0");
  },
  "/durable": async ({ at, type, press, sees }) => {
    await type("A chair"); // the field has the focus
    await at("Amount");
    await type("240");
    await press("Enter");
    await sees("A chair: 240.00");
    await at("Withdraw", "Space");
    await sees("A chair was withdrawn.");
  },
  "/durable/desk": async ({ sees }) => sees("Nothing to do."),
  "/primes": async ({ type, press, sees }) => {
    await type("100");
    await press("Enter");
    await sees("Before 100 comes 97. The next one?");
  },
  "/shared-counter": async ({ at, shows, sees }) => {
    await at("Increase", "Enter");
    await shows("1");
    await at("Decrease", "Space");
    await shows("0");
    await sees("Last update: this tab");
  },
  "/chat": async ({ type, press, at, sees }) => {
    await type("hi"); // the field has the focus
    await press("Enter");
    await sees(/^Ada \d\d:\d\d\s*hi$/);
    await at("Message");
    await type("again");
    await at("Send", "Space");
    await sees(/^Ada \d\d:\d\d\s*again$/);
  },
  "/protected-counter?user=ada": async ({ at, shows }) => {
    await at("Increase", "Enter");
    await shows("1");
    await at("Decrease", "Space");
    await shows("0");
  },
  "/error-frame": async ({ at, sees }) => {
    await at("+1", "Enter");
    await sees("Counter: 1");
    await at("Boom", "Space");
    await sees("Something went wrong");
    await at("Try again", "Enter");
    await sees("Counter: 1");
  },
  "/error-answer": async ({ at, type, press, sees }) => {
    await at("Open edit form", "Enter");
    await at("Title:");
    await type("hello");
    await press("Enter");
    await sees("Save failed: Slug already taken (mock 409)");
    await at("Save", "Space");
    await sees("Saved: hello");
  },
};

for (const [path, way] of Object.entries(demos))
  test(`${path} fits, is legible and is done by keyboard alone`, async ({ page, server }) => {
    const said = [];
    page.on("console", (message) => said.push(message.text()));
    page.on("pageerror", (error) => said.push(error.message));
    await page.setViewportSize(SIZES[0]);
    await page.goto(await server.at(path));
    await page.locator("#root > *").first().waitFor();
    await looks_well(page);
    await way(hands(page));
    await looks_well(page);
    assert.deepEqual(said.filter((text) => !AUTOFOCUS.test(text)), []);
  });

test("each demo of the list is looked at", async ({ page, server }) => {
  await page.goto(await server.at("/"));
  const paths = await page.locator("#root a").evaluateAll((all) =>
    all.map((a) => a.getAttribute("href")));
  assert.ok(paths.length > 15);
  const looked_at = Object.keys(demos).map((path) => path.split("?")[0]);
  assert.deepEqual(paths.filter((path) => !looked_at.includes(path)), []);
});
