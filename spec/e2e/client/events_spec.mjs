import assert from "node:assert/strict";
import { AWAY, button, eventually, see, test } from "../harness.mjs";
import { on, on_submit, open_page } from "../fake_server.mjs";

const TWO = `<button id="a" ${on("click", "a")}>A</button>
  <button id="b" ${on("click", "b")}>B</button>`;
const gate = () => {
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  return { open, opened };
};

test("a lost answer is asked for again under the same number", async (t) => {
  t.expect_errors(AWAY);
  const fake = await open_page(t, TWO);
  fake.answer = (_, attempt) => (attempt < 2 ? "lose" : 204);
  await t.page.click("#a");
  await t.page.click("#b");
  await eventually("B is done", () => fake.events.at(-1)?.name === "b");
  const [first] = fake.events;
  assert.deepEqual(fake.events.filter((e) => e.name === "a").map((e) => e.id),
    [first.id, first.id, first.id]);
  assert.deepEqual(fake.ran.map((id) => id.split(".")[1]), ["1", "2"]);
});

test("events are sent one at a time, in the order they were made", async (t) => {
  const fake = await open_page(t, TWO);
  const { open, opened } = gate();
  fake.answer = ({ name }) => (name === "a" ? opened.then(() => 204) : 204);
  await t.page.click("#a");
  await fake.event(1);
  await t.page.click("#b");
  await t.page.waitForTimeout(150);
  assert.deepEqual(fake.events.map((e) => e.name), ["a"]);
  open();
  await fake.event(2);
  assert.deepEqual(fake.events.map((e) => e.name), ["a", "b"]);
});

test("a control is aria-busy until its event is answered, also through a morph",
  async (t) => {
    const fake = await open_page(t, `<div id="d">${TWO}</div>`);
    const { open, opened } = gate();
    fake.answer = () => opened.then(() => 204);
    await t.page.click("#a");
    await fake.event(1);
    assert.equal(await t.page.getAttribute("#a", "aria-busy"), "true");
    await fake.patch(`<div id="d">${TWO}<i>new</i></div>`);
    await see(t.page, "new");
    assert.equal(await t.page.getAttribute("#a", "aria-busy"), "true");
    assert.equal(await t.page.getAttribute("#b", "aria-busy"), null);
    open();
    await eventually("it is free", () =>
      t.page.$eval("#a", (el) => !el.hasAttribute("aria-busy")));
  });

test("a second click on what is unanswered is not sent, unless it is allowed",
  async (t) => {
    const fake = await open_page(t, `${TWO}
      <button id="c" ${on("click", "c", { options: "{queue: true}" })}>C</button>`);
    const { open, opened } = gate();
    fake.answer = () => opened.then(() => 204);
    for (const id of ["#a", "#a", "#c", "#c", "#a"]) await t.page.click(id);
    await fake.event(1);
    open();
    await eventually("all came", () => fake.events.length >= 3);
    await t.page.waitForTimeout(100);
    assert.deepEqual(fake.events.map((e) => e.name), ["a", "c", "c"]);
  });

test("a double click that changes the page hits nothing with its second half",
  async (t) => {
    const yes = (n) => `<section id="ix-${n}"><button id="yes${n}"
      ${on("click", "yes", { iid: `ix-${n}` })}>Yes ${n}</button></section>`;
    const fake = await open_page(t, yes(1));
    const box = await t.page.locator("#yes1").boundingBox();
    const [x, y] = [box.x + 5, box.y + 5];
    await t.page.mouse.move(x, y);
    await t.page.mouse.down({ clickCount: 1 });
    await t.page.mouse.up({ clickCount: 1 });
    await fake.event(1);
    await fake.frame(yes(2));
    await see(t.page, "Yes 2");
    await t.page.mouse.down({ clickCount: 2 });
    await t.page.mouse.up({ clickCount: 2 });
    await t.page.waitForTimeout(100);
    assert.equal(fake.events.length, 1);
    await t.page.mouse.down({ clickCount: 1 });
    await t.page.mouse.up({ clickCount: 1 });
    assert.equal((await fake.event(2)).iid, "ix-2");
  });

test("quick clicks on one control that is answered in time all count", async (t) => {
  const fake = await open_page(t, TWO);
  const box = await t.page.locator("#a").boundingBox();
  await t.page.mouse.move(box.x + 5, box.y + 5);
  for (let n = 1; n <= 4; n++) {
    await t.page.mouse.down({ clickCount: n });
    await t.page.mouse.up({ clickCount: n });
    await fake.event(n);
    await eventually("it is free", () =>
      t.page.$eval("#a", (el) => !el.hasAttribute("aria-busy")));
  }
});

test("a double click submits a form once", async (t) => {
  const fake = await open_page(t, `<form ${on_submit("save")}>
    <input name="x" value="1"><button>Save</button></form>`);
  const { open, opened } = gate();
  fake.answer = () => opened.then(() => 204);
  await t.page.dblclick("text=Save");
  await fake.event(1);
  assert.equal(await t.page.getAttribute("text=Save", "aria-busy"), "true");
  open();
  await t.page.waitForTimeout(100);
  assert.equal(fake.events.length, 1);
});

test("another line typed while the first is unanswered is sent too", async (t) => {
  const fake = await open_page(t, `<form ${on_submit("add")}>
    <input id="i" data-bind="ix1.draft" value=""><button>Add</button></form>`);
  const { open, opened } = gate();
  fake.answer = () => opened.then(() => 204);
  for (const line of ["milk", "bread"]) {
    await t.page.fill("#i", line);
    await t.page.keyboard.press("Enter");
    await t.page.keyboard.press("Enter"); // the same line again: one deed
  }
  open();
  await fake.event(2);
  await t.page.waitForTimeout(100);
  assert.deepEqual(fake.events.map((e) => e.body.ix1.draft), ["milk", "bread"]);
});

test("a key that is held down goes no further than the control it was pressed on",
  async (t) => {
    const form = (n) => `<form id="ix-${n}" ${on_submit("ok", `ix-${n}`)}>
      <input name="v" aria-label="v${n}" autofocus><button>OK</button></form>`;
    const fake = await open_page(t, form(1));
    await t.page.focus("[aria-label=v1]");
    await t.page.keyboard.down("Enter");
    await fake.event(1);
    await fake.frame(form(2));
    await eventually("the next has the focus", () =>
      t.page.evaluate(() => document.activeElement.ariaLabel === "v2"));
    await t.page.keyboard.down("Enter"); // the key repeats
    await t.page.keyboard.down("Enter");
    await t.page.waitForTimeout(100);
    assert.equal(fake.events.length, 1);
    await t.page.keyboard.up("Enter");
    await t.page.keyboard.press("Enter");
    assert.equal((await fake.event(2)).iid, "ix-2");
  });

test("what is clicked while offline is applied once when the network is back",
  async (t) => {
    t.expect_errors(AWAY);
    const fake = await open_page(t, TWO);
    await t.context.setOffline(true);
    await t.page.click("#a");
    await t.page.click("#b");
    await t.page.waitForSelector(".stube-notice", { state: "visible" });
    assert.equal(fake.events.length, 0);
    await t.context.setOffline(false);
    await fake.event(2);
    await t.page.waitForSelector(".stube-notice", { state: "hidden" });
    assert.deepEqual(fake.events.map((e) => e.name), ["a", "b"]);
    assert.equal(fake.ran.length, 2);
  });

test("events survive a server that is killed and comes back", async (t) => {
  t.expect_errors(AWAY);
  const fake = await open_page(t, TWO);
  await fake.stop();
  await t.page.click("#a");
  await t.page.waitForTimeout(300);
  await fake.start();
  assert.equal((await fake.event(1)).name, "a");
  await eventually("the stream too", () => fake.is_streaming, 20_000);
});

test("429 and 503 are tried again, when the server says", async (t) => {
  t.expect_errors(AWAY);
  const fake = await open_page(t, TWO);
  const answers = [[503, { "Retry-After": "1" }], 429, 204];
  fake.answer = (_, attempt) => answers[attempt];
  const started = Date.now();
  await t.page.click("#a");
  await fake.event(3);
  assert.ok(Date.now() - started >= 1000);
  assert.equal(new Set(fake.events.map((e) => e.id)).size, 1);
});

/** What is sent when "a" is answered so, and then "b" is clicked. */
async function refused(t, status, n) {
  t.expect_errors(AWAY);
  const fake = await open_page(t, TWO);
  fake.answer = ({ name }) => (name === "a" ? status : 204);
  await t.page.click("#a");
  await t.page.waitForSelector(".stube-notice", { state: "visible" });
  await t.page.click("#b");
  await fake.event(n);
  assert.equal(await t.page.getAttribute("#a", "aria-busy"), null);
  return fake.events.map((e) => e.name);
}

for (const status of [400, 413, 500])
  test(`${status} is not sent again, is said, and the next event goes`, async (t) => {
    assert.deepEqual(await refused(t, status, 2), ["a", "b"]);
  });

test("403 is sent once more, for the cookie may just be changing, and then is said",
  async (t) => {
    assert.deepEqual(await refused(t, 403, 3), ["a", "a", "b"]);
  });

test("410 on an event shows that the page has ended and sends no more", async (t) => {
  t.expect_errors(AWAY);
  const fake = await open_page(t, TWO);
  fake.answer = () => 410;
  await t.page.click("#a");
  await t.page.getByRole("alertdialog", { name: "This page has ended" }).waitFor();
  await t.page.evaluate(() => document.querySelector("#b").click());
  await t.page.waitForTimeout(100);
  assert.equal(fake.events.length, 1);
  await eventually("the stream is closed", () => !fake.is_streaming);
  await button(t.page, "Reload").click();
  await eventually("it is reloaded", () => fake.is_streaming);
});

test("typing that is not yet sent is sent once, with its last text", async (t) => {
  const fake = await open_page(t, `<button id="a" ${on("click", "a")}>A</button>
    <input id="i" data-bind="ix1.q" value="" ${on("input", "typed")}>`);
  const { open, opened } = gate();
  fake.answer = () => opened.then(() => 204);
  await t.page.click("#a");
  await fake.event(1);
  await t.page.type("#i", "abc");
  open();
  await fake.event(2);
  await t.page.waitForTimeout(100);
  assert.deepEqual(fake.events.map((e) => e.name), ["a", "typed"]);
  assert.equal(fake.events[1].body.ix1.q, "abc");
});
