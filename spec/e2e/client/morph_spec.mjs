import assert from "node:assert/strict";
import { eventually, see, test } from "../harness.mjs";
import { on, on_submit, open_page } from "../fake_server.mjs";

const state = (page, selector) => page.$eval(selector, (el) => ({
  value: el.value,
  focused: document.activeElement === el,
  selection: [el.selectionStart, el.selectionEnd],
  marked: !!el.marked,
}));
const mark = (page, selector) => page.$eval(selector, (el) => (el.marked = true));

const view = (n, value, rest = "") => `<section id="ix-1"><h1>n ${n}</h1>${rest}
  <label>Draft <input id="i" data-bind="ix1.draft" name="draft" value="${value}"></label>
  <button ${on("click", "save")}>Save</button></section>`;

test("a morph keeps focus, selection, typed text and the node", async (t) => {
  const fake = await open_page(t, view(1, ""));
  await t.page.type("#i", "hello world");
  await t.page.$eval("#i", (el) => el.setSelectionRange(2, 5));
  await mark(t.page, "#i");
  await fake.patch(view(2, "", "<p>something new above</p>"));
  await see(t.page, "n 2");
  assert.deepEqual(await state(t.page, "#i"),
    { value: "hello world", focused: true, selection: [2, 5], marked: true });
});

test("the late echo of what was typed does not overwrite what followed", async (t) => {
  const fake = await open_page(t, `<section id="ix-1"><h1>n 1</h1>
    <input id="i" data-bind="ix1.draft" value="" ${on("input", "typed")}></section>`);
  const echo = (n, value) => fake.patch(`<section id="ix-1"><h1>n ${n}</h1>
    <input id="i" data-bind="ix1.draft" value="${value}" ${on("input", "typed")}></section>`);
  await t.page.type("#i", "h");
  await fake.event(1);
  fake.answer = () => new Promise(() => {}); // what follows stays unanswered
  await t.page.type("#i", "ello");
  await echo(2, "h");
  await see(t.page, "n 2");
  assert.equal((await state(t.page, "#i")).value, "hello");
  await t.page.$eval("#i", (el) => el.blur());
  await echo(3, "h");
  await see(t.page, "n 3");
  assert.equal((await state(t.page, "#i")).value, "hello");
});

test("the answer to one line does not wipe the next, which is being typed", async (t) => {
  const fake = await open_page(t, `<form ${on_submit("add")}>
    <input id="i" data-bind="ix1.draft" value=""><b id="now"></b></form>`);
  const answered = async (text) => {
    await fake.signals({ ix1: { draft: "" } });
    await fake.patch(`<b id="now">${text}</b>`);
    await see(t.page, text);
  };
  await t.page.fill("#i", "milk");
  await t.page.keyboard.press("Enter");
  await t.page.keyboard.press("ControlOrMeta+A");
  await t.page.keyboard.type("br");
  await answered("milk is in");
  assert.equal((await state(t.page, "#i")).value, "br");
  await t.page.keyboard.type("ead");
  await t.page.keyboard.press("Enter");
  await answered("bread is in");
  assert.equal((await state(t.page, "#i")).value, "");
});

test("late echoes in a textarea leave the caret where the user types", async (t) => {
  const area = (text) => `<section id="ix-1"><h1>n ${text.length}</h1>
    <textarea id="i" data-bind="ix1.draft" ${on("input", "typed")}>${text}</textarea></section>`;
  const fake = await open_page(t, area(""));
  fake.answer = () => new Promise(() => {});
  await t.page.focus("#i");
  for (const key of "hello") {
    await t.page.keyboard.press(key);
    const { value } = await state(t.page, "#i");
    const echo = value.slice(0, -1); // the server is one key behind
    await fake.patch(area(echo));
    await see(t.page, `n ${echo.length}`);
  }
  assert.deepEqual(await state(t.page, "#i"),
    { value: "hello", focused: true, selection: [5, 5], marked: false });
});

test("a field that becomes another instance's shows what that one holds", async (t) => {
  const step = (iid, value) => `<section id="ix-${iid}">
    <input id="i" data-bind="ix${iid}.answer" value="${value}"></section>`;
  const fake = await open_page(t, step(1, ""));
  await t.page.type("#i", "Ada");
  await fake.frame(step(2, ""));
  await eventually("it is empty", async () =>
    (await state(t.page, "#i")).value === "");
  await t.page.type("#i", "red");
  await fake.frame(step(3, "Ada"));
  await eventually("it holds the name", async () =>
    (await state(t.page, "#i")).value === "Ada");
});

test("the server's explicit change reaches even a focused field", async (t) => {
  const fake = await open_page(t, view(1, ""));
  await t.page.type("#i", "milk");
  await t.page.click("text=Save");
  await fake.event(1);
  await t.page.focus("#i");
  await fake.signals({ ix1: { draft: "" } });
  await fake.patch(view(2, ""));
  await see(t.page, "n 2");
  const now = await state(t.page, "#i");
  assert.deepEqual([now.value, now.focused], ["", true]);
});

test("a new word of the server shows in a field that nobody touches", async (t) => {
  const fake = await open_page(t, view(1, "old"));
  await fake.patch(view(2, "new"));
  await see(t.page, "n 2");
  assert.equal((await state(t.page, "#i")).value, "new");
  await t.page.click("text=Save");
  assert.deepEqual((await fake.event(1)).body, { ix1: { draft: "new" } });
});

test("unbound fields keep what was typed until the form is drawn anew", async (t) => {
  const form = (n, rest = "") => `<form id="f" ${on_submit("save")}><h1>n ${n}</h1>
    ${rest}<input id="i" name="t"><textarea id="a" name="a">old</textarea>
    <select id="s" name="s"><option selected>S<option>M</select>
    <input type="checkbox" id="c" name="c"></form>`;
  const fake = await open_page(t, form(1));
  await t.page.fill("#i", "typed");
  await t.page.fill("#a", "rewritten");
  await t.page.selectOption("#s", "M");
  await t.page.check("#c");
  await fake.patch(form(2, "<p>more</p>"));
  await see(t.page, "n 2");
  const values = () => t.page.$eval("#f", (f) =>
    [f.t.value, f.a.value, f.s.value, f.c.checked]);
  assert.deepEqual(await values(), ["typed", "rewritten", "M", true]);
  await fake.patch(form(3).replace(">old<", ">new<").replace("S<option", "S<option selected")
    .replace("<option selected>S", "<option>S"));
  await see(t.page, "n 3");
  assert.deepEqual(await values(), ["typed", "new", "M", true]);
});

test("a box that tells at once shows what the server makes of it", async (t) => {
  const box = (n, checked) => `<section id="ix-1"><h1>n ${n}</h1>
    <input type="checkbox" id="c" ${checked} ${on("change", "toggle")}></section>`;
  const fake = await open_page(t, box(1, ""));
  await t.page.check("#c");
  await fake.event(1);
  await eventually("answered", () =>
    t.page.$eval("#c", (el) => !el.hasAttribute("aria-busy")));
  await fake.patch(box(2, "")); // refused
  await see(t.page, "n 2");
  assert.equal(await t.page.isChecked("#c"), false);
  await t.page.check("#c");
  await fake.patch(box(3, "checked"));
  await see(t.page, "n 3");
  assert.equal(await t.page.isChecked("#c"), true);
});

test("an input method's composition is not broken off", async (t) => {
  const fake = await open_page(t, view(1, ""));
  await t.page.focus("#i");
  const cdp = await t.context.newCDPSession(t.page);
  await cdp.send("Input.imeSetComposition",
    { text: "にほ", selectionStart: 2, selectionEnd: 2 });
  await fake.patch(view(2, "", "<p>other</p>"));
  await fake.signals({ ix1: { draft: "server" } });
  await fake.patch(view(3, "server"));
  await see(t.page, "n 3");
  const now = await state(t.page, "#i");
  assert.deepEqual([now.value, now.focused], ["にほ", true]);
  await cdp.send("Input.insertText", { text: "日本" });
  await eventually("composition ended", async () =>
    (await state(t.page, "#i")).value !== "にほ");
});

test("preserved children are the browser's, attributes the server's", async (t) => {
  const host = (n) => `<section id="ix-1"><h1>n ${n}</h1>
    <div id="w" data-stube-preserve data-n="${n}"><canvas></canvas></div></section>`;
  const fake = await open_page(t, host(1));
  await t.page.$eval("#w", (el) => el.append("drawn by script"));
  await mark(t.page, "#w canvas");
  await fake.patch(host(2));
  await see(t.page, "n 2");
  assert.ok(await t.page.$eval("#w canvas", (el) => el.marked));
  assert.equal(await t.page.getAttribute("#w", "data-n"), "2");
  assert.match(await t.page.textContent("#w"), /drawn by script/);
});

test("data-ignore-morph and data-preserve-attr leave the browser's state", async (t) => {
  const host = (n) => `<section id="ix-1"><h1>n ${n}</h1>
    <div id="w" data-ignore-morph>${n}</div>
    <details id="d" data-preserve-attr="open"><summary>s</summary>${n}</details>
    </section>`;
  const fake = await open_page(t, host(1));
  await t.page.click("summary");
  await fake.patch(host(2));
  await see(t.page, "n 2");
  assert.equal(await t.page.textContent("#w"), "1");
  assert.ok(await t.page.$eval("#d", (el) => el.open));
});

test("keyed items stay themselves when they change places", async (t) => {
  const list = (ids) => `<ul id="l">${ids.map((id) =>
    `<li id="ix-1:li:${id}"><input id="in-${id}" value=""></li>`).join("")}</ul>`;
  const fake = await open_page(t, list([1, 2, 3]));
  await t.page.type("#in-3", "three");
  await mark(t.page, "#in-3");
  await fake.patch(list([3, 1, 4]));
  await eventually("4 is there", () => t.page.$("#in-4"));
  const now = await state(t.page, "#in-3");
  assert.deepEqual([now.value, now.focused, now.marked], ["three", true, true]);
  assert.deepEqual(await t.page.$$eval("#l li", (all) => all.map((el) => el.id)),
    ["ix-1:li:3", "ix-1:li:1", "ix-1:li:4"]);
});

test("what signals have drawn survives a morph of the same element", async (t) => {
  const host = (n) => `<section id="ix-1" data-signals="{who: 'Ada', open: false}">
    <h1>n ${n}</h1><b id="b" data-text="$who" data-class:on="!$open"></b>
    <i id="i" data-show="$open">hidden</i></section>`;
  const fake = await open_page(t, host(1));
  await fake.patch(host(2));
  await see(t.page, "n 2");
  assert.equal(await t.page.textContent("#b"), "Ada");
  assert.equal(await t.page.getAttribute("#b", "class"), "on");
  assert.equal(await t.page.isVisible("#i"), false);
});

test("unsent typing survives its component being covered and shown again", async (t) => {
  const fake = await open_page(t, view(1, ""));
  await t.page.type("#i", "draft");
  await fake.frame(`<section id="ix-2"><h1>cover</h1></section>`);
  await see(t.page, "cover");
  await fake.frame(view(3, ""));
  await see(t.page, "n 3");
  assert.equal((await state(t.page, "#i")).value, "draft");
});

test("scroll positions stay where they were", async (t) => {
  const box = (n) => `<section id="ix-1"><h1>n ${n}</h1>
    <div id="box" class="tall">${Array.from({ length: 60 },
      (_, i) => `<p>row ${i} of ${n}</p>`).join("")}</div></section>`;
  const fake = await open_page(t, box(1));
  await t.page.evaluate(() => {
    Object.assign(document.querySelector("#box").style,
      { height: "100px", overflow: "auto" });
    document.querySelector("#box").setAttribute("data-preserve-attr", "style");
    document.querySelector("#box").scrollTop = 300;
  });
  await fake.patch(box(2).replace(`class="tall"`,
    `class="tall" data-preserve-attr="style"`));
  await see(t.page, "n 2");
  assert.equal(await t.page.$eval("#box", (el) => el.scrollTop), 300);
});
