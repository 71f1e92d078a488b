import assert from "node:assert/strict";
import { eventually, see, test } from "../harness.mjs";
import { on, open_page } from "../fake_server.mjs";

const PAGE = `<p id="p">first</p><button ${on("click", "go")}>Go</button>`;
const backs = (fake) => fake.events.filter((e) => e.iid === "back");
const path_of = (page) => page.url().replace(/^https?:\/\/[^/]+/, "");
const entries = (page) => page.evaluate(() => history.length);

/** Clicks, and the server answers with a turn that has an entry of its own. */
async function move(fake, page, { turn, was, text, url }) {
  const n = fake.events.length;
  await page.click("text=Go");
  await fake.event(n + 1);
  const said = { turn, ...(url && { url }), push: "PAGE", was };
  await fake.address(said, `${turn}.1`);
  await fake.patch(`<p id="p">${text}</p>`, { id: `${turn}.2` });
  await see(page, text);
}

/** The n-th Back (from 1) that the server was asked for. */
async function back(fake, n) {
  await eventually(`Back ${n} arrives`, () => backs(fake).length >= n);
  return backs(fake)[n - 1].body;
}

const at = (page, path) =>
  eventually(`the address is ${path}`, () => path_of(page) === path);

test("an entry is made by the page that caused the turn, and by no other",
  async (t) => {
    const fake = await open_page(t, PAGE);
    const before = await entries(t.page);
    await t.page.click("text=Go");
    await fake.event(1);
    await fake.address({ turn: 2, url: "/x?n=1", push: "somebody", was: 1 }, "2.1");
    await at(t.page, "/x?n=1");
    assert.equal(await entries(t.page), before);
    await move(fake, t.page, { turn: 3, was: 2, text: "third", url: "/x?n=2" });
    await at(t.page, "/x?n=2");
    assert.equal(await entries(t.page), before + 1);
    await t.page.goBack();
    assert.deepEqual(await back(fake, 1), { turn: 2 });
    await at(t.page, "/x?n=1");
  });

test("an entry keeps the turn that it was left with, whatever came in between",
  async (t) => {
    const fake = await open_page(t, PAGE);
    await fake.patch(`<p id="p">second</p>`, { id: "2.1" });
    await move(fake, t.page, { turn: 5, was: 4, text: "fifth" });
    await fake.patch(`<p id="p">seventh</p>`, { id: "7.1" });
    await see(t.page, "seventh");
    await t.page.goBack();
    assert.deepEqual(await back(fake, 1), { turn: 4 });
    await t.page.goForward();
    assert.deepEqual(await back(fake, 2), { turn: 7 });
  });

test("a state that was gone back to keeps its name", async (t) => {
  const fake = await open_page(t, PAGE);
  await move(fake, t.page, { turn: 2, was: 1, text: "second" });
  await t.page.goBack();
  await back(fake, 1);
  await fake.address({ turn: 1, back: "PAGE 2" }, "3.1");
  await fake.patch(`<p id="p">first again</p>`, { id: "3.2" });
  await see(t.page, "first again");
  await t.page.goForward();
  assert.deepEqual(await back(fake, 2), { turn: 2 });
  await fake.address({ turn: 2, back: "PAGE 2" }, "4.1");
  await fake.patch(`<p id="p">second again</p>`, { id: "4.2" });
  await see(t.page, "second again");
  await t.page.goBack();
  assert.deepEqual(await back(fake, 3), { turn: 1 });
});

test("a turn that is not kept: the entry is replaced, and nothing is said",
  async (t) => {
    t.expect_errors(/409/);
    const fake = await open_page(t, PAGE);
    fake.answer = (event) => event.iid === "back"
      ? [409, { "Content-Type": "application/json" }, '{"turn":6}\n'] : 204;
    await move(fake, t.page, { turn: 2, was: 1, text: "second", url: "/x?n=2" });
    await t.page.goBack();
    await back(fake, 1);
    await at(t.page, "/x?n=2");
    assert.equal(await t.page.evaluate(() => history.state.stube.turn), 6);
    assert.equal(await t.page.textContent("#p"), "second");
    assert.equal(await t.page.locator(".stube-notice:visible").count(), 0);
    await t.page.click("text=Go");
    await eventually("the page lives", () => fake.events.at(-1).name === "go");
  });

test("Back waits for the click before it, and is repeated under its number",
  async (t) => {
    t.expect_errors(/ERR_|Failed/);
    const fake = await open_page(t, PAGE);
    await move(fake, t.page, { turn: 2, was: 1, text: "second" });
    fake.answer = (event, attempt) => (attempt ? 204 : "lose");
    await t.page.click("text=Go");
    await t.page.goBack();
    await eventually("both were answered", () => backs(fake).length === 2);
    const [click, , first, second] = fake.events.slice(1);
    assert.equal(click.name, "go");
    assert.equal(first.id, second.id);
    assert.equal(Number(first.id.split(".")[1]), 3);
  });

test("of Backs that could not be sent yet, the last one counts", async (t) => {
  const fake = await open_page(t, PAGE);
  for (let turn = 2; turn <= 4; turn++)
    await move(fake, t.page, { turn, was: turn - 1, text: `turn ${turn}` });
  let answered;
  fake.answer = () => new Promise((resolve) => (answered = () => resolve(204)));
  await t.page.click("text=Go");
  await fake.event(4);
  await t.page.goBack();
  await t.page.goBack();
  await t.page.goBack();
  const held = answered;
  fake.answer = () => 204;
  held();
  assert.deepEqual(await back(fake, 1), { turn: 1 });
  await t.page.goForward();
  assert.deepEqual(await back(fake, 2), { turn: 2 });
});

test("what was typed comes back behind the last event of the turn, signals too",
  async (t) => {
    const form = `<form id="ix-1" data-stube-component="spec/form">
      <input id="a" data-bind:ix1.a value="">
      <input id="b" name="b"><input id="pw" name="pw" type="password">
      <input id="c" name="c" type="checkbox"></form>`;
    const fake = await open_page(t, form + PAGE);
    await t.page.fill("#a", "bound");
    await t.page.fill("#b", "plain");
    await t.page.fill("#pw", "secret");
    await t.page.check("#c");
    await move(fake, t.page, { turn: 2, was: 1, text: "second" });
    await fake.frame(`<p id="q">another</p>`);
    await see(t.page, "another");
    await t.page.goBack();
    await back(fake, 1);
    await fake.address({ turn: 1, back: "PAGE 3" }, "3.1");
    await fake.patch(form + PAGE, { selector: "#root", mode: "inner", id: "3.2" });
    await fake.send("datastar-patch-signals", [`signals {"ix1":{"a":""}}`], "3.3");
    await eventually("the fields are as they were left", async () =>
      await t.page.inputValue("#a") === "bound" &&
      await t.page.inputValue("#b") === "plain" && await t.page.isChecked("#c"));
    assert.equal(await t.page.inputValue("#pw"), "");
    await t.page.click("text=Go");
    const { body } = await eventually("it is sent", () =>
      fake.events.at(-1).name === "go" && fake.events.at(-1));
    assert.equal(body.ix1.a, "bound");
  });

test("a reload goes on with the conversation of its entry, typed text included",
  async (t) => {
    const field = (value) => `<div id="ix-1" data-stube-component="spec/x">
      <input id="a" name="a" value="${value}">
      <input id="off" name="off" autocomplete="off"></div>`;
    const fake = await open_page(t, field("") + PAGE);
    await t.page.fill("#a", "typed");
    await t.page.fill("#off", "typed");
    fake.lives = { c1: field("drawn") + `<p id="p">lives</p>` };
    fake.cid = "c2";
    await t.page.reload();
    await see(t.page, "lives");
    assert.deepEqual(fake.resumed, ["/conv/c1?instead=c2"]);
    await eventually("its stream is open", () =>
      fake.streams.at(-1).url.startsWith("/conv/c1/"));
    assert.equal(await t.page.inputValue("#a"), "typed");
    assert.equal(await t.page.inputValue("#off"), ""); // as browsers have it
    assert.equal(await t.page.evaluate(() =>
      document.getElementById("root").inert), false);
  });

test("a reload begins afresh when the server says so", async (t) => {
  const fake = await open_page(t, PAGE);
  fake.cid = "c2";
  fake.root = `<p id="p">fresh</p>`;
  await t.page.reload();
  await see(t.page, "fresh");
  await eventually("its stream is open", () =>
    fake.streams.at(-1).url.startsWith("/conv/c2/"));
  assert.deepEqual(fake.resumed, ["/conv/c1?instead=c2"]);
  await t.page.reload();
  await eventually("it is its own", () => fake.streams.length === 3);
  assert.equal(fake.resumed.length, 1);
});

test("a visit of the address that is shown is a visit", async (t) => {
  const fake = await open_page(t, PAGE);
  fake.lives = { c1: `<p id="p">old</p>` };
  fake.cid = "c2";
  fake.root = `<p id="p">fresh</p>`;
  await t.page.goto(t.page.url());
  await see(t.page, "fresh");
  await eventually("its stream is open", () =>
    fake.streams.at(-1).url.startsWith("/conv/c2/"));
  assert.deepEqual(fake.resumed, []);
});

test("Back to an entry of another conversation loads that", async (t) => {
  const fake = await open_page(t, PAGE);
  await move(fake, t.page, { turn: 2, was: 1, text: "second" });
  fake.cid = "c2";
  fake.root = `<p id="p">fresh</p>`;
  await t.page.reload();
  await see(t.page, "fresh");
  fake.lives = { c1: `<p id="p">old</p>` };
  fake.stands = 2;
  await t.page.goBack();
  await see(t.page, "old");
  assert.deepEqual(await back(fake, 1), { turn: 1 });
});

test("the address of the page is put right, and a #part left alone", async (t) => {
  const fake = await open_page(t, PAGE);
  fake.data = `data-stube-address="/right?n=1"`;
  await t.page.goto(`${fake.origin}/?wrong#part`);
  await at(t.page, "/right?n=1");
  await t.page.evaluate(() => (location.hash = "here"));
  await at(t.page, "/right?n=1#here");
  await fake.address({ turn: 1, url: "/right?n=1" }, "2.1");
  await fake.patch(`<p id="p">drawn</p>`, { id: "2.2" });
  await see(t.page, "drawn");
  assert.equal(path_of(t.page), "/right?n=1#here");
  await fake.address({ turn: 3, url: "/right?n=2" }, "3.1");
  await at(t.page, "/right?n=2");
});

test("an address that is not ours is refused, and the page lives on", async (t) => {
  const fake = await open_page(t, PAGE);
  const url = "https://example.org/";
  await fake.address({ turn: 2, url }, "2.1");
  await move(fake, t.page, { turn: 3, was: 2, text: "third", url });
  assert.equal(path_of(t.page), "/");
  await t.page.goBack();
  assert.deepEqual(await back(fake, 1), { turn: 2 });
});

test("many changes of the address are few of the browser's history", async (t) => {
  await t.page.addInitScript(() => {
    window.changes = 0;
    const { replaceState } = history;
    history.replaceState = function (...args) {
      window.changes++;
      return replaceState.apply(this, args);
    };
  });
  const fake = await open_page(t, PAGE);
  for (let n = 1; n <= 200; n++) await fake.address({ turn: 1, url: `/x?n=${n}` });
  await at(t.page, "/x?n=200");
  assert.ok(await t.page.evaluate(() => window.changes) < 20);
});

test("scroll and focus reach their element; one that is not there is no error",
  async (t) => {
    const fake = await open_page(t, PAGE +
      `<h2 id="title">Title</h2><div><input id="field"></div>
       <svg width="9" height="3000"></svg><p id="end">end</p>`);
    await fake.send("stube-focus", ["#none"]);
    await fake.send("stube-scroll", [".none"]);
    await fake.send("stube-focus", ["#field"]);
    await eventually("the field has the focus", () =>
      t.page.evaluate(() => document.activeElement.id === "field"));
    await fake.send("stube-focus", ["#title"]);
    await eventually("the heading has the focus", () =>
      t.page.evaluate(() => document.activeElement.id === "title"));
    assert.equal(await t.page.evaluate(() => document.activeElement.tabIndex), -1);
    await fake.send("stube-scroll", ["#end"]);
    await eventually("it is in view", () => t.page.evaluate(() =>
      document.getElementById("end").getBoundingClientRect().bottom <= innerHeight));
  });

test("a page without a conversation leaves the history alone", async (t) => {
  const fake = await open_page(t, PAGE);
  fake.stands = "";
  await t.page.goto(`${fake.origin}/?other`);
  await eventually("its stream is open", () => fake.streams.length === 2);
  assert.equal(await t.page.evaluate(() => history.state), null);
  await fake.address({ turn: 2, url: "/x" });
  await fake.patch(`<p id="p">second</p>`);
  await see(t.page, "second");
  assert.equal(path_of(t.page), "/?other");
});
