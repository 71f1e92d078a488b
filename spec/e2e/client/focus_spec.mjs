import assert from "node:assert/strict";
import { eventually, see, test } from "../harness.mjs";
import { on, on_submit, open_page } from "../fake_server.mjs";

const focused = (page) =>
  page.evaluate(() => document.activeElement.getAttribute("aria-label") ??
    document.activeElement.textContent);
const focus_is = (page, wanted) =>
  eventually(`"${wanted}" has the focus`, async () =>
    (await focused(page)) === wanted || Promise.reject(Error(await focused(page))));

const counter = `<section id="ix-1"><h1>Counter</h1>
  <button ${on("click", "dec")}>−</button>
  <button ${on("click", "inc")}>+</button>
  <button ${on("click", "reset")}>Reset</button></section>`;
const dialog = (n, body, rest = "") => `<div id="ix-${n}" role="dialog"
  aria-modal="true" aria-labelledby="ix-${n}-t" class="stube-card stube-modal"
  ${on("keydown", "cancel", { iid: `ix-${n}`, mods: "__window",
    before: "evt.key === 'Escape' && " })} ${rest}>
  <p id="ix-${n}-t" class="stube-card__body">Question ${n}</p>${body}</div>`;
const buttons = (n) => `<button ${on("click", "no", { iid: `ix-${n}` })}>No</button>
  <button ${on("click", "yes", { iid: `ix-${n}` })}>Yes</button>`;

test("a dialog takes the focus, keeps Tab inside and gives the focus back",
  async (t) => {
    const fake = await open_page(t, counter);
    await t.page.focus("text=Reset");
    await t.page.keyboard.press("Enter");
    await fake.event(1);
    await fake.frame(dialog(2, buttons(2)));
    await focus_is(t.page, "No");
    await t.page.keyboard.press("Tab");
    await focus_is(t.page, "Yes");
    await t.page.keyboard.press("Tab");
    await focus_is(t.page, "No");
    await t.page.keyboard.press("Shift+Tab");
    await focus_is(t.page, "Yes");
    await t.page.keyboard.press("Enter");
    assert.equal((await fake.event(2)).name, "yes");
    await fake.frame(counter.replace("Counter", "Counter 0"));
    await see(t.page, "Counter 0");
    await focus_is(t.page, "Reset");
  });

test("dialogs one after another give the focus back to where it began", async (t) => {
  const fake = await open_page(t, counter);
  await t.page.focus("text=Reset");
  await fake.frame(dialog(2, buttons(2)));
  await focus_is(t.page, "No");
  await fake.frame(dialog(3, `<form ${on_submit("ok", "ix-3")}>
    <input aria-label="name" name="value"><button>OK</button></form>`));
  await focus_is(t.page, "name");
  await fake.frame(counter);
  await focus_is(t.page, "Reset");
});

test("a dialog beside its page gives the focus back to the same element", async (t) => {
  const fake = await open_page(t, `${counter}<div id="slot"></div>`);
  await t.page.focus("text=Reset");
  await fake.patch(dialog(2, buttons(2)), { selector: "#slot", mode: "inner" });
  await focus_is(t.page, "No");
  await t.page.evaluate(() => document.activeElement.blur());
  await t.page.keyboard.press("Tab");
  await focus_is(t.page, "No");
  await fake.patch(dialog(3, buttons(3)), { selector: "#slot", mode: "append" });
  await eventually("the newer dialog has it", () => t.page.evaluate(() =>
    document.activeElement.closest("[role=dialog]")?.id === "ix-3"));
  await fake.patch("", { selector: "#ix-3", mode: "remove" });
  await eventually("the older dialog has it again", () => t.page.evaluate(() =>
    document.activeElement.closest("[role=dialog]")?.id === "ix-2"));
  await fake.patch("", { selector: "#ix-2", mode: "remove" });
  await focus_is(t.page, "Reset");
});

test("autofocus in new content has the focus, in old content it does not move it",
  async (t) => {
    const form = (n) => `<section id="ix-${n}"><h1>n ${n}</h1>
      <button>first</button><input aria-label="in${n}" autofocus></section>`;
    const fake = await open_page(t, form(1));
    await fake.frame(form(2));
    await focus_is(t.page, "in2");
    await t.page.focus("text=first");
    await fake.patch(form(2).replace("n 2", "again"));
    await see(t.page, "again");
    assert.equal(await focused(t.page), "first");
  });

test("a dialog's own autofocus is preferred to its first control", async (t) => {
  const fake = await open_page(t, counter);
  await fake.frame(dialog(2, `<button>Cancel</button><button autofocus>OK</button>`));
  await focus_is(t.page, "OK");
});

test("a dialog without a control has the focus itself", async (t) => {
  const fake = await open_page(t, counter);
  await fake.frame(dialog(2, "", `aria-label="plain"`));
  await focus_is(t.page, "plain");
  await t.page.keyboard.press("Tab");
  await focus_is(t.page, "plain");
});

test("a dialog in the first paint has the focus", async (t) => {
  await open_page(t, dialog(1, buttons(1)));
  await focus_is(t.page, "No");
});

test("Escape is the event that the server drew", async (t) => {
  const fake = await open_page(t, dialog(1, buttons(1)));
  await t.page.keyboard.press("Escape");
  assert.equal((await fake.event(1)).name, "cancel");
});

test("an element replaced by its equal hands the focus and selection on", async (t) => {
  const field = (n) => `<section id="ix-1"><h1>n ${n}</h1>
    <input id="q" aria-label="q" value="hello"></section>`;
  const fake = await open_page(t, field(1));
  await t.page.focus("#q");
  await t.page.$eval("#q", (el) => el.setSelectionRange(1, 3));
  await fake.patch(field(2), { mode: "replace" });
  await see(t.page, "n 2");
  await focus_is(t.page, "q");
  assert.deepEqual(await t.page.$eval("#q", (el) =>
    [el.selectionStart, el.selectionEnd]), [1, 3]);
});

test("when a row is deleted, the focus goes to the row in its place", async (t) => {
  const rows = (...ids) => `<ul id="ix-1" data-stube-component="a/b">${ids.map((n) =>
    `<li id="ix-1:li:${n}">${n} <button aria-label="delete ${n}"
      ${on("click", ["del", n])}>✕</button></li>`).join("")}</ul>`;
  const fake = await open_page(t, rows(1, 2, 3));
  await t.page.focus("[aria-label='delete 2']");
  await t.page.keyboard.press("Enter");
  await fake.event(1);
  await fake.patch(rows(1, 3));
  await focus_is(t.page, "delete 3");
  await fake.patch(rows(1));
  await focus_is(t.page, "delete 1");
});

test("when what had the focus is gone, Tab goes on from the top of the page",
  async (t) => {
    const fake = await open_page(t, counter);
    await t.page.focus("text=Reset");
    await fake.frame(`<section id="ix-2"><h1>Next</h1><button>one</button></section>`);
    await see(t.page, "Next");
    assert.equal(await t.page.evaluate(() => document.activeElement.id), "root");
    await t.page.keyboard.press("Tab");
    await focus_is(t.page, "one");
  });
