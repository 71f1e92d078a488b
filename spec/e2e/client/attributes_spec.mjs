import assert from "node:assert/strict";
import { eventually, test } from "../harness.mjs";
import { on, on_submit, open_page, url } from "../fake_server.mjs";

test("a click posts its signed URL with number, seen id and JSON", async (t) => {
  const fake = await open_page(t,
    `<button ${on("click", ["toggle", 7])}>Go</button>`);
  await t.page.click("text=Go");
  const first = await fake.event(1);
  assert.equal(first.name, "toggle");
  assert.equal(first.query.get("m"), "MAC");
  assert.equal(first.query.get("p"), "7");
  assert.match(first.id, /^[A-Za-z0-9_-]{1,8}\.1$/);
  assert.equal(first.seen, "1.0");
  assert.equal(first.type, "application/json");
  await eventually("it is answered", () =>
    t.page.$eval("button", (el) => !el.hasAttribute("aria-busy")));
  await t.page.click("text=Go");
  assert.equal((await fake.event(2)).id, first.id.replace(/1$/, "2"));
});

test("a bound field is its signal, both ways", async (t) => {
  const fake = await open_page(t, `
    <input id="i" data-bind="ix1.draft" name="draft" value="start">
    <b id="b" data-text="$ix1.draft"></b>
    <button ${on("click", "save")}>Save</button>`);
  await t.page.getByText("start", { exact: true }).waitFor();
  await t.page.fill("#i", "typed");
  assert.equal(await t.page.textContent("#b"), "typed");
  await t.page.click("text=Save");
  assert.deepEqual((await fake.event(1)).body, { ix1: { draft: "typed" } });
  await fake.signals({ ix1: { draft: "served" } });
  await eventually("the field follows", () =>
    t.page.inputValue("#i").then((v) => v === "served"));
});

test("every kind of control binds with its own type", async (t) => {
  const fake = await open_page(t, `
    <input type="checkbox" id="c" data-bind="ix1.done" checked>
    <input type="radio" name="r" value="a" id="ra" data-bind="ix1.pick">
    <input type="radio" name="r" value="b" id="rb" data-bind="ix1.pick" checked>
    <select id="s" data-bind="ix1.size"><option>S<option selected>M<option>L</select>
    <textarea id="t" data-bind="ix1.text">two
lines</textarea>
    <input type="number" id="n" data-bind="ix1.n" value="4">
    <select multiple id="m" data-bind="ix1.many"><option selected>x<option>y</select>
    <button ${on("click", "save")}>Save</button>`);
  await t.page.click("text=Save");
  assert.deepEqual((await fake.event(1)).body.ix1, {
    done: true, pick: "b", size: "M", text: "two\nlines", n: "4", many: ["x"],
  });
  await fake.signals({ ix1: { n: 5 } });
  await eventually("n is 5", () => t.page.inputValue("#n").then((v) => v === "5"));
  await t.page.uncheck("#c");
  await t.page.check("#ra");
  await t.page.selectOption("#s", "L");
  await t.page.selectOption("#m", ["x", "y"]);
  await t.page.fill("#n", "12");
  await t.page.click("text=Save");
  assert.deepEqual((await fake.event(2)).body.ix1, {
    done: false, pick: "a", size: "L", text: "two\nlines", n: 12, many: ["x", "y"],
  });
});

test("an event carries its instance's signals and the page's, no others", async (t) => {
  const fake = await open_page(t, `
    <div data-signals="{zoom: 2, _local: 1, ix1: {a: 1}, ix2: {b: 2}}"></div>
    <button ${on("click", "go", { iid: "ix-2" })}>Go</button>`);
  await t.page.click("text=Go");
  assert.deepEqual((await fake.event(1)).body, { zoom: 2, ix2: { b: 2 } });
});

test("a handler sees what was typed in the same event", async (t) => {
  const fake = await open_page(t,
    `<input id="i" ${on("input", "typed")} data-bind="ix1.q" value="">`);
  await t.page.type("#i", "x");
  assert.deepEqual((await fake.event(1)).body, { ix1: { q: "x" } });
});

test("a debounced event is sent once, and before the click that follows", async (t) => {
  const fake = await open_page(t, `
    <input id="i" data-bind="ix1.q" value=""
      ${on("input", "typed", { mods: "__debounce.60000ms" })}>
    <button ${on("click", "save")}>Save</button>`);
  await t.page.type("#i", "abc");
  assert.equal(fake.events.length, 0);
  await t.page.click("text=Save");
  await fake.event(2);
  assert.deepEqual(fake.events.map((e) => e.name), ["typed", "save"]);
  assert.deepEqual(fake.events[0].body, { ix1: { q: "abc" } });
});

test("a debounced event goes by itself when typing pauses", async (t) => {
  const began = Date.now();
  await t.page.clock.install({ time: began });
  const fake = await open_page(t, `<input id="i" data-bind="ix1.q" value=""
    ${on("input", "typed", { mods: "__debounce.300ms" })}>`);
  await t.page.clock.pauseAt(began + 3_600_000); // no time passes but ours
  await t.page.type("#i", "abc");
  await t.page.clock.runFor(299);
  assert.equal(fake.events.length, 0);
  await t.page.clock.runFor(10);
  assert.equal((await fake.event(1)).body.ix1.q, "abc");
});

test("a throttled event is sent at once and then not again for a while", async (t) => {
  const fake = await open_page(t, `
    <button id="a" ${on("click", "a",
      { mods: "__throttle.60000ms", options: "{queue: true}" })}>A</button>
    <button id="b" ${on("click", "b")}>B</button>`);
  for (let i = 0; i < 3; i++) await t.page.click("#a");
  await t.page.click("#b");
  await fake.event(2);
  assert.deepEqual(fake.events.map((e) => e.name), ["a", "b"]);
});

test("__once, __prevent, __stop, __outside and __window do what they say", async (t) => {
  const fake = await open_page(t, `
    <button id="once" ${on("click", "once",
      { mods: "__once", options: "{queue: true}" })}>1</button>
    <a id="a" href="/elsewhere" ${on("click", "link", { mods: "__prevent" })}>a</a>
    <div ${on("click", "outer")}>
      <button id="stop" ${on("click", "inner", { mods: "__stop" })}>s</button></div>
    <div id="menu" ${on("click", "away", { mods: "__outside" })}>menu</div>
    <p id="p">text</p>
    <i ${on("keydown", "esc", { mods: "__window",
      before: "evt.key === 'Escape' && " })}></i>`);
  const names = async (n) => {
    await fake.event(n);
    return fake.events.map((e) => e.name).slice(-1)[0];
  };
  await t.page.click("#menu");
  await t.page.keyboard.press("a");
  await t.page.keyboard.press("Escape");
  assert.equal(await names(1), "esc");
  await t.page.click("#p");
  assert.equal(await names(2), "away");
  await t.page.click("#once");
  await t.page.click("#once");
  await t.page.click("#a");
  await t.page.click("#stop");
  await eventually("all came", () => fake.events.some((e) => e.name === "inner"));
  const seen = fake.events.map((e) => e.name).filter((n) => n !== "away");
  assert.deepEqual(seen, ["esc", "once", "link", "inner"]);
  assert.equal(new URL(t.page.url()).pathname, "/");
});

test("confirm asks before anything is sent", async (t) => {
  const fake = await open_page(t, `<button
    ${on("click", "del", { before: "confirm('Sure?') && " })}>Del</button>`);
  const answers = [false, true];
  t.page.on("dialog", (dialog) => {
    assert.equal(dialog.message(), "Sure?");
    return answers.shift() ? dialog.accept() : dialog.dismiss();
  });
  await t.page.click("text=Del");
  assert.equal(fake.events.length, 0);
  await t.page.click("text=Del");
  assert.equal((await fake.event(1)).name, "del");
});

test("a form posts its fields by name, a repeated one as a list", async (t) => {
  const fake = await open_page(t, `<form ${on_submit("save")}>
    <input name="title"><input type="checkbox" name="tag" value="a" checked>
    <input type="checkbox" name="tag" value="b" checked>
    <input type="hidden" name="__proto__" value="p">
    <button name="how" value="fast">Save</button></form>`);
  await t.page.fill("[name=title]", "milk & <honey>");
  await t.page.keyboard.press("Enter");
  const { body, name } = await fake.event(1);
  assert.equal(name, "save");
  assert.deepEqual(Object.entries(body.$form), [
    ["title", "milk & <honey>"], ["tag", ["a", "b"]], ["__proto__", "p"],
    ["how", "fast"],
  ]);
  assert.equal(new URL(t.page.url()).pathname, "/");
});

test("a form that is not valid is not sent", async (t) => {
  const fake = await open_page(t, `<form ${on_submit("save")}>
    <input name="title" required><button>Save</button></form>`);
  await t.page.click("text=Save");
  await t.page.fill("[name=title]", "x");
  await t.page.click("text=Save");
  assert.equal((await fake.event(1)).body.$form.title, "x");
  assert.equal(fake.events.length, 1);
});

test("text, show, class, attr and indicator follow their signals", async (t) => {
  const fake = await open_page(t, `
    <div data-signals="{open: false, name: 'Ada'}"></div>
    <p id="p" data-text="$name" data-show="$open" data-class:is-open="$open"
      data-class="{quiet: !$open}" data-attr:title="$open && $name"
      data-attr:hidden="$none"></p>
    <button id="b" data-on:click="$open = !$open">flip</button>
    <button id="w" data-indicator="waiting" ${on("click", "slow")}>slow</button>
    <b id="busy" data-show="$waiting">…</b>`);
  const p = () => t.page.$eval("#p", (el) => ({
    text: el.textContent, shown: el.checkVisibility(), class: el.className,
    title: el.getAttribute("title"), hidden: el.hasAttribute("hidden"),
  }));
  assert.deepEqual(await p(),
    { text: "Ada", shown: false, class: "quiet", title: null, hidden: false });
  await t.page.click("#b");
  await fake.signals({ name: "Bo" });
  await eventually("Bo shows", async () => (await p()).text === "Bo");
  assert.deepEqual(await p(),
    { text: "Bo", shown: true, class: "is-open", title: "Bo", hidden: false });
  let answer;
  fake.answer = () => new Promise((resolve) => (answer = resolve));
  await t.page.click("#w");
  await t.page.waitForSelector("#busy", { state: "visible" });
  await eventually("the event came", () => answer);
  answer(204);
  await t.page.waitForSelector("#busy", { state: "hidden" });
});

test("data-init runs when its element comes, once", async (t) => {
  const fake = await open_page(t, `<div id="x"></div>`);
  const init = `<div id="x" data-init="@post('${url("ready").replace("&", "&amp;")}')">`;
  await fake.patch(`${init}a</div>`);
  await fake.event(1);
  await fake.patch(`${init}b</div>`);
  await t.page.getByText("b", { exact: true }).waitFor();
  assert.equal(fake.events.length, 1);
});

test("an attribute that changes is bound anew, one that goes is unbound", async (t) => {
  const fake = await open_page(t, `<button id="b" ${on("click", "one")}>B1</button>`);
  await fake.patch(`<button id="b" ${on("click", "two")}>B2</button>`);
  await t.page.click("text=B2");
  assert.equal((await fake.event(1)).name, "two");
  await fake.patch(`<button id="b">B3</button>`);
  await t.page.click("text=B3");
  assert.equal(fake.events.length, 1);
});

test("an expression outside the grammar is reported and harms nothing else", async (t) => {
  t.expect_errors(/not understood|expected/);
  const fake = await open_page(t, `
    <b data-text="alert(1)">x</b><button ${on("click", "ok")}>Go</button>`);
  await t.page.click("text=Go");
  assert.equal((await fake.event(1)).name, "ok");
});

test("an action reaches no other origin", async (t) => {
  t.expect_errors(/is not ours/);
  await open_page(t,
    `<button data-on:click="@post('https://example.org/x')">Go</button>`);
  await t.page.click("text=Go");
});
