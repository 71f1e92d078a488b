import assert from "node:assert/strict";
import { eventually, see, test } from "../harness.mjs";
import { on, open_page } from "../fake_server.mjs";

const LIST = `<ul id="l"><li id="a">A</li><li id="b">B</li></ul>`;
const items = (page) => page.$$eval("#l li", (all) => all.map((el) => el.textContent));
const becomes = (page, wanted) =>
  eventually(`the list is ${wanted}`, async () => {
    const now = (await items(page)).join();
    return now === wanted;
  });

test("each mode puts the elements where it says", async (t) => {
  const fake = await open_page(t, LIST);
  const { page } = t;
  await page.evaluate(() => (document.querySelector("#a").marked = true));
  await fake.patch(`<li id="c">C</li>`, { mode: "append", selector: "#l" });
  await becomes(page, "A,B,C");
  await fake.patch(`<li>0</li>\n<li>1</li>`, { mode: "prepend", selector: "#l" });
  await becomes(page, "0,1,A,B,C");
  await fake.patch(`<li>x</li>`, { mode: "before", selector: "#b" });
  await becomes(page, "0,1,A,x,B,C");
  await fake.patch(`<li>y</li>`, { mode: "after", selector: "#b" });
  await becomes(page, "0,1,A,x,B,y,C");
  await fake.patch("", { mode: "remove", selector: "#c" });
  await becomes(page, "0,1,A,x,B,y");
  await fake.patch(`<li id="a">A2</li>\n<li id="b">B2</li>`);
  await becomes(page, "0,1,A2,x,B2,y");
  assert.ok(await page.$eval("#a", (el) => el.marked), "outer keeps the node");
  await fake.patch(`<li id="a">A3</li>`, { mode: "replace" });
  await becomes(page, "0,1,A3,x,B2,y");
  assert.ok(await page.$eval("#a", (el) => !el.marked), "replace does not");
  await fake.patch(`<li>only</li>`, { mode: "inner", selector: "#l" });
  await becomes(page, "only");
  await fake.patch(`<ol id="l"><li>other tag</li></ol>`);
  await becomes(page, "other tag");
});

test("an element that is on the page already is moved, not doubled", async (t) => {
  const row = (id, text = id) =>
    `<li id="${id}"><input id="${id}-input"><b>${text}</b></li>`;
  const fake = await open_page(t, `<ul id="l">${row("a")}${row("b")}${row("c")}</ul>`);
  const { page } = t;
  await page.fill("#a-input", "typed");
  await page.$eval("#a-input", (el) => {
    el.setSelectionRange(1, 3);
    el.marked = true;
  });
  await fake.patch(row("a", "A"), { mode: "after", selector: "#c" });
  await fake.patch("", { mode: "remove", selector: "#a:not(#c + #a)" });
  await becomes(page, "b,c,A");
  assert.deepEqual(await page.$eval("#a-input", (el) => [el.marked, el.value,
    el.selectionStart, document.activeElement === el]), [true, "typed", 1, true]);
  await fake.patch(row("c", "C"), { mode: "before", selector: "#b" });
  await fake.patch("", { mode: "remove", selector: "#c:not(:has(+ #b))" });
  await becomes(page, "C,b,A");
  await fake.patch(row("b", "B") + row("x"), { mode: "after", selector: "#c" });
  await becomes(page, "C,B,x,A");
  await fake.patch(row("a", "last") + row("y"), { mode: "replace", selector: "#x" });
  await becomes(page, "C,B,last,y");
});

test("svg and table parts keep their namespace and place", async (t) => {
  const fake = await open_page(t, `<svg id="s" viewBox="0 0 9 9"></svg>
    <table><tbody id="t"></tbody></table>`);
  await fake.patch(`<circle id="c" r="2"/>`,
    { mode: "append", selector: "#s", namespace: "svg" });
  await fake.patch(`<tr><td>cell</td></tr>`, { mode: "append", selector: "#t" });
  await see(t.page, "cell");
  assert.equal(await t.page.$eval("#c", (el) => el.namespaceURI),
    "http://www.w3.org/2000/svg");
});

test("signals are merged, kept with onlyIfMissing, removed with null", async (t) => {
  const fake = await open_page(t, `<button ${on("click", "go")}>Go</button>`);
  await fake.signals({ a: 1, deep: { x: 1, y: 2 } });
  await fake.signals({ a: 9, b: 2 }, { onlyIfMissing: true });
  await fake.signals({ deep: { x: null }, gone: null, list: [1, 2] });
  await fake.patch(`<i>done</i>`, { mode: "append", selector: "#root" });
  await see(t.page, "done");
  await t.page.click("text=Go");
  assert.deepEqual((await fake.event(1)).body,
    { a: 1, b: 2, deep: { y: 2 }, list: [1, 2] });
  await fake.signals({ deep: null });
  await fake.patch(`<i>again</i>`, { mode: "append", selector: "#root" });
  await see(t.page, "again");
  await t.page.click("text=Go");
  assert.deepEqual((await fake.event(2)).body, { a: 1, b: 2, list: [1, 2] });
});

test("stube:patched tells what was patched, after it was", async (t) => {
  const fake = await open_page(t, LIST);
  await t.page.evaluate(() => {
    window.heard = [];
    document.addEventListener("stube:patched", ({ detail }) =>
      window.heard.push([detail.selector, detail.mode,
        detail.patched.map((el) => el.id + el.isConnected).join()]));
  });
  await fake.patch(`<li id="a">A2</li>`);
  await fake.patch(`<li id="c">C</li>`, { mode: "append", selector: "#l" });
  await becomes(t.page, "A2,B,C");
  assert.deepEqual(await t.page.evaluate(() => window.heard),
    [["", "outer", "atrue"], ["#l", "append", "ctrue"]]);
});

test("a script is left out of a page without a nonce, and stops nothing", async (t) => {
  const fake = await open_page(t, LIST);
  await fake.patch(`<script data-effect="el.remove()">window.ran = 1</script>`,
    { mode: "append", selector: "body" });
  await fake.patch(`<li id="a">after</li>`);
  await see(t.page, "after");
  assert.equal(await t.page.evaluate(() => window.ran), undefined);
});

test("a view transition is waited for before the next patch", async (t) => {
  const fake = await open_page(t, LIST);
  await fake.patch(`<li id="a">moving</li>`, { useViewTransition: true });
  await fake.patch(`<li id="a">moved</li>`, { useViewTransition: true });
  await fake.patch(`<li id="a">last</li>`);
  await becomes(t.page, "last,B");
});

test("a patch for what is not there is skipped with a warning", async (t) => {
  const fake = await open_page(t, LIST);
  await fake.patch(`<li id="zzz">Z</li>\n<li id="a">found</li>`);
  await becomes(t.page, "found,B");
});

test("one event that makes no sense does not stop the stream", async (t) => {
  t.expect_errors(/JSON|no patch mode/);
  const fake = await open_page(t, LIST);
  await fake.send("datastar-patch-signals", ["signals {oops"]);
  await fake.patch("<p></p>", { mode: "sideways", selector: "#l" });
  await fake.send("some-later-invention", ["x y"]);
  await fake.patch(`<li id="a">alive</li>`);
  await becomes(t.page, "alive,B");
});

test("what becomes of the page is announced when the focus does not tell", async (t) => {
  const fake = await open_page(t, LIST);
  await fake.frame(`<section id="ix-9"><h1>Second page</h1><p>x</p></section>`);
  await eventually("it is announced", () =>
    t.page.$$eval("body > [role=status]", (all) =>
      all.some((el) => el.textContent === "Second page")));
});
