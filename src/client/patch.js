// What the stream says, done to the page: datastar-patch-elements in its eight
// modes, datastar-patch-signals, and events of our own.

import { announce, gist } from "./announce.js";
import { catch_up } from "./attributes.js";
import { on_address } from "./entries.js";
import { on_patched } from "./field.js";
import { hold_focus, in_dialog } from "./focus.js";
import { morph } from "./morph.js";
import { reach } from "./reach.js";
import { effect_script, run_script } from "./script.js";
import * as signals from "./signals.js";

/** `data: key value` lines as a map; the lines of one key are joined. */
function fields(data) {
  const map = {};
  for (const line of data) {
    const [, key, value] = /^(\S*) ?(.*)$/su.exec(line);
    map[key] = key in map ? `${map[key]}\n${value}` : value;
  }
  return map;
}

const WRAPPED = { svg: "svg", mathml: "math" };

/** The markup as a fragment. Scripts in it are left out: markup never runs code,
 * only the effect that is made for it does (script.js). */
function parse(markup, namespace) {
  const template = document.createElement("template");
  const tag = WRAPPED[namespace];
  template.innerHTML = tag ? `<${tag}>${markup}</${tag}>` : markup;
  const { content } = template;
  if (tag) content.replaceChildren(...content.firstChild.childNodes);
  content.querySelectorAll("script:not([src])").forEach((el) => el.remove());
  return content;
}

/** Where each mode inserts: the parent, and the node that comes behind. */
const SPOT = {
  replace: (target) => [target.parentNode, target],
  prepend: (target) => [target, target.firstChild],
  append: (target) => [target, null],
  before: (target) => [target.parentNode, target],
  after: (target) => [target.parentNode, target.nextSibling],
};

/** An id stands once on a page: an element whose id is there already comes as the
 * one that has it, which moves, and so keeps focus, scroll and what was typed.
 * (The server then removes what other clients have left behind.) */
function insert(mode, target, nodes) {
  const [parent, first] = SPOT[mode](target);
  let behind = first;
  const placed = nodes.map((node) => {
    const old = node.id && document.getElementById(node.id);
    if (!old || old.contains(mode === "replace" ? target : parent)) {
      parent.insertBefore(node, behind);
      return node;
    }
    if (old === behind) behind = old.nextSibling;
    else if (parent.moveBefore) parent.moveBefore(old, behind);
    else parent.insertBefore(old, behind);
    morph(old, [node], "outer");
    return old.isConnected ? old : document.getElementById(node.id);
  });
  if (mode === "replace") target.remove();
  return placed;
}

/** Does one mode to one target; returns the elements that it is about. */
function put(mode, target, fragment) {
  const nodes = [...fragment.childNodes];
  if (mode === "inner") {
    morph(target, fragment, "inner");
    return [target];
  }
  if (mode === "outer") {
    const { id, parentNode } = target;
    morph(target, nodes, "outer");
    if (target.isConnected) return [target];
    return [document.getElementById(id) ?? parentNode];
  }
  if (mode === "remove") {
    target.remove();
    return [target];
  }
  return insert(mode, target, nodes)
    .filter((node) => node.nodeType === Node.ELEMENT_NODE);
}

/** Pairs of a target and what goes there. Without a selector each element says
 * by its id which one it is. */
function targets(selector, mode, fragment) {
  if (selector)
    return [...document.querySelectorAll(selector)]
      .map((target) => [target, fragment.cloneNode(true)]);
  return [...fragment.children].flatMap((el) => {
    const target = el.id && document.getElementById(el.id);
    if (!target) {
      console.warn(`stube: no element "${el.id}" in the page to patch`);
      return [];
    }
    const own = document.createDocumentFragment();
    own.append(el);
    return [[target, own]];
  });
}

function patch_elements({ selector, mode = "outer", elements, namespace }) {
  if (!/^(outer|inner|remove)$/.test(mode) && !Object.hasOwn(SPOT, mode))
    throw new Error(`stube: no patch mode "${mode}"`);
  const fragment = parse(elements ?? "", namespace);
  const place_focus = hold_focus();
  const patched = targets(selector, mode, fragment)
    .flatMap(([target, content]) => put(mode, target, content));
  catch_up();
  place_focus();
  const is_frame = selector === "#root" && mode === "inner";
  if (is_frame && patched.length && !in_dialog()) announce(gist(patched[0]));
  const detail = { selector: selector ?? "", mode, patched };
  document.dispatchEvent(new CustomEvent("stube:patched", { detail }));
}

const moves = () => !matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Does `change` in a view transition; resolves when it is done, animated or
 * not: one that is skipped, in a hidden page or for the next one, is no error. */
function in_transition(change) {
  const transition = document.startViewTransition(change);
  transition.ready.catch(() => {});
  transition.finished.catch(() => {});
  return transition.updateCallbackDone;
}

/** Applies one event of the stream; resolves when the page shows it. Kinds that
 * it does not know are left alone. */
export async function apply(event, data, id) {
  const given = fields(data);
  if (event === "datastar-patch-signals") {
    const onlyIfMissing = given.onlyIfMissing === "true";
    const tree = JSON.parse(given.signals);
    signals.patch(tree, { onlyIfMissing, allow: on_patched });
  } else if (event === "datastar-patch-elements") {
    const wants = given.useViewTransition === "true";
    const script = effect_script(given);
    if (script) run_script(script);
    else if (wants && document.startViewTransition && moves())
      await in_transition(() => patch_elements(given));
    else patch_elements(given);
  } else if (event === "stube-address") on_address(given, id);
  else if (/^stube-(scroll|focus)$/.test(event)) reach(event, data[0]);
}
