// Turns what is in the page into what the server has drawn, keeping every node
// that can be kept, and with it focus, selection, scroll and what was typed.

import { Idiomorph } from "idiomorph";
import { draw_again, path_in } from "./attributes.js";
import { is_busy } from "./events.js";
import {
  caret_of, hear, is_field, live_of, place_caret, show_live, word_of,
} from "./field.js";

const STATE = { input: ["value", "checked"], option: ["selected"] };
const is_state = (el, name) => STATE[el.localName]?.includes(name);

const is_kept = (el, name) =>
  (name === "aria-busy" && is_busy(el)) ||
  el.getAttribute("data-preserve-attr")?.split(/\s+/).includes(name);

function sync_attribute(el, fresh, name) {
  const value = fresh.getAttribute(name);
  if (el.getAttribute(name) === value) return;
  if (value === null) el.removeAttribute(name);
  else el.setAttribute(name, value);
}

function sync_attributes(el, fresh) {
  const names = [...el.getAttributeNames(), ...fresh.getAttributeNames()];
  for (const name of new Set(names))
    if (!is_kept(el, name)) sync_attribute(el, fresh, name);
}

const is_choice = (el) =>
  el.localName === "select" || /^(checkbox|radio)$/.test(el.type);

/** A control that tells of each change at once shows what the server makes of
 * it; one that waits for its form keeps what the user did. */
function is_controlled(el) {
  const tells = (name) => /^data-on:(change|input|click)/.test(name);
  return is_choice(el) && !is_busy(el) && el.getAttributeNames().some(tells);
}

/** After a morph: what the control shows now. */
function settle(el, before) {
  const word = word_of(el);
  const touched = before.live !== before.word;
  const typing = touched && el === document.activeElement;
  const path = path_in(el, "bind");
  if (path) {
    show_live(el, before.live);
    place_caret(el, before.caret); // the morph may have moved it
    hear(el, path, typing);
    return;
  }
  const keeps = touched &&
    (word === before.word ? !is_controlled(el) : typing && !is_choice(el));
  show_live(el, keeps ? before.live : word);
  if (keeps) place_caret(el, before.caret);
}

let before = new Map(); // of each field under way

const callbacks = {
  beforeNodeMorphed(old, fresh) {
    if (old.nodeType !== Node.ELEMENT_NODE) return true;
    const both = (name) => old.hasAttribute(name) && fresh.hasAttribute(name);
    if (both("data-ignore-morph")) return false;
    if (both("data-stube-preserve")) {
      sync_attributes(old, fresh);
      draw_again(old);
      return false;
    }
    if (is_field(old))
      before.set(old, {
        word: word_of(old),
        live: live_of(old),
        path: path_in(old, "bind"),
        caret: caret_of(old),
      });
    return true;
  },

  // Idiomorph would set a field's live state along with its attribute. We do
  // both ourselves, knowing what was typed.
  beforeAttributeUpdated(name, el) {
    return !is_kept(el, name) && !is_state(el, name);
  },

  afterNodeMorphed(old, fresh) {
    if (old.nodeType !== Node.ELEMENT_NODE) return;
    for (const name of STATE[old.localName] ?? [])
      if (!is_kept(old, name)) sync_attribute(old, fresh, name);
    const was = before.get(old);
    if (was && path_in(old, "bind") !== was.path) {
      // It has become another instance's field, which the observer binds soon.
      show_live(old, word_of(old));
      return;
    }
    if (was) settle(old, was);
    draw_again(old);
  },
};

/** Morphs `target` itself ("outer") or its children ("inner") into `content`, a
 * node, a fragment or a list. Returns what stands in its place. */
export function morph(target, content, style) {
  before = new Map();
  const morphStyle = style === "inner" ? "innerHTML" : "outerHTML";
  const config = { morphStyle, restoreFocus: false, callbacks };
  return Idiomorph.morph(target, content, config);
}
