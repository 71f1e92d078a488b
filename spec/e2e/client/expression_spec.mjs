import assert from "node:assert/strict";
import { compile } from "../../../src/client/expression.js";
import { test } from "../harness.mjs";

function run(source, given = {}) {
  const store = { ...given.signals };
  const calls = [];
  const value = compile(source)({
    get: (path) => store[path],
    set: (path, v) => (store[path] = v),
    call: (name, args) => (calls.push([name, ...args]), given.answer),
    evt: given.evt,
    el: given.el,
  });
  return { value, store, calls };
}

const gives = (source, value, given) =>
  assert.deepEqual(run(source, given).value, value, source);

test("literals are what they are in JavaScript", async () => {
  gives("1", 1);
  gives("2.50", 2.5);
  gives("-3", -3);
  gives("true", true);
  gives("null", null);
  gives("undefined", undefined);
  gives(String.raw`'it\'s \\ a\nline \u2028'`, "it's \\ a\nline \u2028");
  gives(`"double 'quoted'"`, "double 'quoted'");
  gives("{a: 1, 'b-c': [true, 'x',],}", { a: 1, "b-c": [true, "x"] });
});

test("operators bind as in JavaScript", async () => {
  gives("!$a && $b || $c", "c", { signals: { a: 1, b: 2, c: "c" } });
  gives("1 < 2 === true", true);
  gives("!($n >= 3)", true, { signals: { n: 2 } });
  gives("$n != '2'", false, { signals: { n: 2 } });
  gives("$n !== '2'", true, { signals: { n: 2 } });
});

test("signals are read and assigned by path, and nothing else is assigned", async () => {
  gives("$ix3.address.street", "Elm", { signals: { "ix3.address.street": "Elm" } });
  const { store } = run("$a = $b = !$c; $d = 'x'", { signals: { c: true } });
  assert.deepEqual(store, { a: false, b: false, c: true, d: "x" });
  assert.throws(() => compile("evt.key = 'a'"), SyntaxError);
  assert.throws(() => compile("window = 1"), SyntaxError);
});

test("actions and confirm are called, and nothing else can be", async () => {
  const post = "@post('/conv/C/ix-3/inc?m=M&p=7', {contentType: 'form'})";
  const asked = run(`confirm('Sure?') && ${post}`, { answer: true });
  assert.deepEqual(asked.calls, [
    ["confirm", "Sure?"],
    ["post", "/conv/C/ix-3/inc?m=M&p=7", { contentType: "form" }],
  ]);
  assert.equal(run(`confirm('Sure?') && ${post}`, { answer: false }).calls.length, 1);
  for (const source of ["alert(1)", "el.remove()", "evt.target.x()", "$a()",
    "fetch('/')", "constructor", "(1)(2)", "`x`", "a => 1", "1 +", "el['x']"])
    assert.throws(() => compile(source), SyntaxError, source);
});

test("the event and the element can be read", async () => {
  gives("evt.key === 'Escape' && 'yes'", "yes", { evt: { key: "Escape" } });
  gives("el.value", "v", { el: { value: "v" } });
  gives("evt.target.missing.deeper", undefined, { evt: { target: {} } });
});

test("several statements run in order and the last one is the value", async () => {
  const { calls, value } = run("@a(1); @b(2);; 3", {});
  assert.deepEqual(calls, [["a", 1], ["b", 2]]);
  assert.equal(value, 3);
});
