// The data-* attributes that the server's markup may carry, bound to their
// elements. An observer sees every element that comes, changes or goes, whoever
// did it; `catch_up` makes it look at once.

import { compile } from "./expression.js";
import { hear, is_field, on_typed, read, write } from "./field.js";
import { debounce, throttle } from "./later.js";
import * as signals from "./signals.js";

let actions = {};
const bound = new WeakMap(); // element -> name -> {value, stop, again}
const compiled = new Map();
const COMPILED_MAX = 500; // every instance has URLs of its own: do not hoard

function program(source) {
  if (compiled.size > COMPILED_MAX) compiled.clear();
  if (!compiled.has(source)) compiled.set(source, compile(source));
  return compiled.get(source);
}

/** A function of an event (or nothing) that runs `source` for `el`. */
function runner(el, source) {
  const run = program(source);
  const call = (evt) => (name, args) => {
    if (name === "confirm") return window.confirm(args[0]);
    if (!Object.hasOwn(actions, name)) throw new Error(`no action @${name}`);
    return actions[name]({ el, evt }, ...args);
  };
  const reach = { get: signals.get, set: signals.set, el };
  return (evt) => run({ ...reach, evt, call: call(evt) });
}

/** Keeps `draw` up to date with the signals it reads. */
function live(draw) {
  return { stop: signals.effect(draw), again: () => signals.untracked(draw) };
}

const camel = (key) => key.replace(/-([a-z])/g, (_, c) => c.toUpperCase());
const path_of = (key, value) => (key ? camel(key) : value.replace(/^\$/, ""));

/** `data-x:key="expr"` is one pair, `data-x="{key: expr}"` several. */
function pairs(el, key, value) {
  const run = runner(el, value);
  return () => (key ? [[key, run()]] : Object.entries(run() ?? {}));
}

function milliseconds(text = "0") {
  return parseFloat(text) * (/\ds$/.test(text) ? 1000 : 1);
}

// KEEP IN STEP: data-* attributes (the markup renderer, docs). In this order: a
// signal is there before what reads it, and data-init runs last.
const kinds = {
  signals(el, key, value, mods) {
    const run = runner(el, value);
    const tree = key
      ? camel(key).split(".").reduceRight((v, k) => ({ [k]: v }), run())
      : run();
    signals.patch(tree, { onlyIfMissing: "ifmissing" in mods });
  },

  indicator(el, key, value) {
    signals.patch({ [path_of(key, value)]: false }, { onlyIfMissing: true });
  },

  bind(el, key, value) {
    const path = path_of(key, value);
    if (!is_field(el)) return;
    hear(el, path, false);
    const typed = (evt) => {
      if (evt.type === "input") on_typed(el, path);
      const now = read(el, signals.peek(path));
      if (now !== undefined) signals.set(path, now);
    };
    // On the way down, so that the value is there before any handler of the
    // event.
    el.addEventListener("input", typed, true);
    el.addEventListener("change", typed, true);
    const { stop, again } = live(() => write(el, signals.get(path)));
    const unbind = () => {
      stop();
      el.removeEventListener("input", typed, true);
      el.removeEventListener("change", typed, true);
    };
    return { stop: unbind, again };
  },

  text(el, key, value) {
    const run = runner(el, value);
    return live(() => {
      const text = String(run() ?? "");
      if (el.textContent !== text) el.textContent = text;
    });
  },

  // The policy forbids style attributes, but not a script that sets them.
  "stube-style"(el, key, value) {
    const again = () => { el.style.cssText = value; };
    again();
    return { stop: () => el.removeAttribute("style"), again };
  },

  show(el, key, value) {
    const run = runner(el, value);
    return live(() => {
      if (!run()) el.style.display = "none";
      else if (el.style.display === "none") el.style.removeProperty("display");
    });
  },

  class(el, key, value) {
    const all = pairs(el, key, value);
    return live(() => {
      for (const [names, on] of all())
        for (const name of names.split(/\s+/)) el.classList.toggle(name, !!on);
    });
  },

  attr(el, key, value) {
    const all = pairs(el, key, value);
    return live(() => {
      for (const [name, now] of all())
        if (now === false || now === null || now === undefined)
          el.removeAttribute(name);
        else el.setAttribute(name, now === true ? "" : now);
    });
  },

  on(el, key, value, mods) {
    const run = runner(el, value);
    const is_wide = "window" in mods || "outside" in mods;
    const target = is_wide ? window : el;
    let fire = run;
    if ("debounce" in mods) fire = debounce(run, milliseconds(mods.debounce));
    else if ("throttle" in mods)
      fire = throttle(run, milliseconds(mods.throttle));
    const listener = (evt) => {
      if ("outside" in mods && evt.composedPath().includes(el)) return;
      // A key that ends a word of an input method is not ours yet.
      if (evt.isComposing && key.startsWith("key")) return;
      if ("prevent" in mods) evt.preventDefault();
      if ("stop" in mods) evt.stopPropagation();
      if ("once" in mods) target.removeEventListener(key, listener);
      fire(evt);
    };
    target.addEventListener(key, listener);
    const stop = () => {
      target.removeEventListener(key, listener);
      fire.cancel?.();
    };
    return { stop };
  },

  init(el, key, value) {
    runner(el, value)();
  },
};
const order = Object.keys(kinds);

function parse(name) {
  const [head, ...rest] = name.slice("data-".length).split("__");
  const [kind, ...key] = head.split(":");
  const mods = {};
  for (const mod of rest) {
    const [modifier, ...tags] = mod.split(".");
    mods[modifier] = tags.join(".");
  }
  return { kind, key: key.join(":"), mods };
}

function release(el, name) {
  const all = bound.get(el);
  all?.get(name)?.stop?.();
  all?.delete(name);
}

function release_all(el) {
  for (const name of bound.get(el)?.keys() ?? []) release(el, name);
}

function bind_one(el, name, value, { kind, key, mods }) {
  const all = bound.get(el) ?? new Map();
  if (all.get(name)?.value === value) return;
  release(el, name);
  bound.set(el, all);
  let hooks;
  try {
    hooks = kinds[kind](el, key, value, mods);
  } catch (error) {
    console.error(`stube: ${name}: ${error.message}`, el);
  }
  all.set(name, { value, ...hooks });
}

/** Binds what is new on these elements; a list, so that the signals of all
 * stand before anything reads them. */
function bind(elements) {
  const work = [];
  for (const el of elements)
    for (const { name, value } of el.attributes) {
      if (!name.startsWith("data-")) continue;
      const parsed = parse(name);
      const rank = order.indexOf(parsed.kind);
      if (rank >= 0) work.push({ rank, el, name, value, parsed });
    }
  work.sort((a, b) => a.rank - b.rank);
  for (const { el, name, value, parsed } of work)
    bind_one(el, name, value, parsed);
}

function with_inner(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return [];
  return [node, ...node.querySelectorAll("*")];
}

function on_changes(records) {
  const fresh = new Set();
  for (const { target, attributeName, addedNodes, removedNodes } of records) {
    if (attributeName?.startsWith("data-")) {
      if (!target.hasAttribute(attributeName)) release(target, attributeName);
      fresh.add(target);
    }
    // A node that was only moved is connected: it keeps what it has.
    for (const node of removedNodes)
      if (!node.isConnected) with_inner(node).forEach(release_all);
    for (const node of addedNodes)
      if (node.isConnected) with_inner(node).forEach((el) => fresh.add(el));
  }
  bind([...fresh].filter((el) => el.isConnected));
}

const observer = new MutationObserver(on_changes);

/** Binds what changed since the last time, now rather than soon. */
export function catch_up() {
  on_changes(observer.takeRecords());
}

/** Writes again what the signals say of `el`, after something has overwritten
 * it. */
export function draw_again(el) {
  for (const { again } of bound.get(el)?.values() ?? []) again?.();
}

/** The signal that `el` is bound to, or the one its data-indicator names. */
export function path_in(el, wanted) {
  for (const name of bound.get(el)?.keys() ?? []) {
    const { kind, key } = parse(name);
    if (kind === wanted) return path_of(key, el.getAttribute(name) ?? "");
  }
}

/** Binds the whole page, and all that will come to it. An action is a function
 * of `{el, evt}` and the arguments of its call. */
export function bind_page(all_actions) {
  actions = all_actions;
  observer.observe(document.documentElement, {
    subtree: true,
    childList: true,
    attributes: true,
  });
  bind(with_inner(document.documentElement));
}
