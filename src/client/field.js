// One form control, seen from two sides: the server's word (its attributes or
// text, what it was drawn with) and what stands in it now, which the user may
// have changed. The rule of this file: what was typed gives way only to a word
// that is new and not merely the echo of what was sent.

import { peek, set } from "./signals.js";

const is = (el, ...names) => names.includes(el.localName);
const is_tick = (el) => el.type === "checkbox" || el.type === "radio";

/** True for a control that has a value of its own. */
export function is_field(el) {
  if (is(el, "input")) return el.type !== "file";
  return is(el, "textarea", "select");
}

const has_text = (el) => is(el, "textarea", "input") && !is_tick(el);
const chosen = (el, key) =>
  [...el.options].filter((o) => o[key]).map((o) => o.value);

/** The server's word, as something to compare. */
export function word_of(el) {
  if (is(el, "select")) {
    const words = chosen(el, "defaultSelected");
    if (el.multiple) return words.join("\n");
    return words.at(-1) ?? el.options[0]?.value ?? "";
  }
  return is_tick(el) ? el.defaultChecked : el.defaultValue;
}

/** What stands in it now, comparable with the word. */
export function live_of(el) {
  if (is(el, "select"))
    return el.multiple ? chosen(el, "selected").join("\n") : el.value;
  return is_tick(el) ? el.checked : el.value;
}

/** Puts `live` (as `live_of` gives it) into it. */
export function show_live(el, live) {
  if (live_of(el) === live) return;
  if (is(el, "select")) {
    const values = el.multiple ? live.split("\n") : [live];
    for (const o of el.options) o.selected = values.includes(o.value);
  } else if (is_tick(el)) el.checked = live;
  else write_text(el, live);
}

// While an input method composes, touching the value would break the word off.
let composing = null;
let postponed = null;
addEventListener("compositionstart", (evt) => (composing = evt.target), true);
addEventListener("compositionend", () => {
  const late = postponed;
  composing = postponed = null;
  late?.();
}, true);

function write_text(el, text) {
  if (el === composing) {
    postponed = () => write_text(el, text);
    return;
  }
  const caret = caret_of(el);
  el.value = text;
  place_caret(el, caret);
}

/** Where the user is in it; null in a field without the focus, and in types
 * like "number" that have no selection. */
export function caret_of(el) {
  if (el !== document.activeElement || !has_text(el)) return null;
  const { selectionStart, selectionEnd, selectionDirection } = el;
  if (selectionStart === null) return null;
  return [selectionStart, selectionEnd, selectionDirection];
}

export function place_caret(el, caret) {
  if (caret && el === document.activeElement) el.setSelectionRange(...caret);
}

const number_in = (el) => (el.value === "" ? NaN : Number(el.value));

/** What the control contributes to the signal it is bound to, which now is
 * `value`: a signal that is a list or a number stays one. Nothing if it has
 * nothing to say, like a radio button that is off. */
export function read(el, value) {
  if (el.type === "radio") return el.checked ? el.value : undefined;
  if (el.type === "checkbox") {
    if (!Array.isArray(value)) return el.checked;
    const others = value.filter((item) => item !== el.value);
    return el.checked ? [...others, el.value] : others;
  }
  if (is(el, "select") && el.multiple) return chosen(el, "selected");
  const number = typeof value === "number" ? number_in(el) : NaN;
  return Number.isNaN(number) ? el.value : number;
}

/** Shows the signal's `value` in the control. */
export function write(el, value) {
  if (value === undefined || value === null) return;
  if (el.type === "radio") el.checked = el.value === String(value);
  else if (el.type === "checkbox")
    el.checked = Array.isArray(value) ? value.includes(el.value) : !!value;
  else if (is(el, "select") && Array.isArray(value))
    for (const o of el.options) o.selected = value.includes(o.value);
  else if (typeof value === "number" && number_in(el) === value) return;
  else if (el.value !== String(value)) {
    if (has_text(el)) write_text(el, String(value));
    else el.value = value;
  }
}

// --- who has the last word about a bound signal ---

const words = new Map(); // path -> the server's last word, as text
const sent = new Map(); // path -> what was last sent of it, as text
const text_of = (value) =>
  Array.isArray(value) ? value.join("\n") : String(value);

let typing = null; // {el, path} of what the user types and no event has carried

/** The user has changed the control. */
export function on_typed(el, path) {
  typing = { el, path };
}

/** An event carries `value` of the signal. */
export function on_sent(path, value) {
  sent.set(path, text_of(value));
  if (typing?.path === path) typing = null;
}

/** The server patches the signal: that is its word, whatever was sent. Returns
 * false if the word comes too late: the answer to one line must not wipe the
 * next, which is being typed. */
export function on_patched(path, value) {
  words.set(path, text_of(value));
  sent.delete(path);
  return typing?.path !== path || typing.el !== document.activeElement;
}

/** A bound control was drawn, anew or again. Decides whether its signal takes
 * the word it was drawn with. `typing`: it has the focus and was changed by the
 * user. */
export function hear(el, path, typing) {
  if (el.type === "radio" && !el.defaultChecked) {
    if (el.checked && peek(path) === undefined) set(path, el.value);
    return;
  }
  // Several boxes on one list: none of them can speak for the whole.
  if (el.type === "checkbox" && Array.isArray(peek(path))) return;
  const word = el.type === "radio" ? el.value : String(word_of(el));
  const is_new = words.get(path) !== word;
  words.set(path, word);
  if (peek(path) === undefined) {
    // The first drawing: what stands in it may be more than the word, if the
    // browser has restored what was typed before a reload.
    set(path, read(el));
  } else if (is_new && !typing && sent.get(path) !== word) {
    if (el.type === "radio") el.checked = true;
    else show_live(el, word_of(el));
    set(path, read(el, peek(path)));
  }
}
