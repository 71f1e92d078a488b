// The page's signals: a flat map from dotted path to one reactive leaf. A leaf
// whose value is undefined is missing, so reading a signal before it exists
// still subscribes to it, and removing one still tells its readers.

import { batch, signal } from "@preact/signals-core";

export { effect, untracked } from "@preact/signals-core";

const leaves = new Map();

function leaf(path) {
  if (!leaves.has(path)) leaves.set(path, signal());
  return leaves.get(path);
}

/** The value at `path`, subscribing the effect that runs; undefined if none. */
export const get = (path) => leaf(path).value;

/** The same, subscribing nobody. */
export const peek = (path) => leaves.get(path)?.peek();

/** Sets one leaf and returns the value, as an assignment does. */
export function set(path, value) {
  return (leaf(path).value = value);
}

function remove_below(path) {
  for (const [other, s] of leaves)
    if (other.startsWith(path + ".")) s.value = undefined;
}

const is_tree = (value) =>
  value !== null && typeof value === "object" && !Array.isArray(value);

/** Lays a tree of values over the signals: null removes, and with
 * `onlyIfMissing` what is there stays. `allow(path, value)` is asked of each leaf
 * before it is written. */
export function patch(tree, { onlyIfMissing = false, allow } = {}) {
  const walk = (value, path) => {
    if (is_tree(value)) {
      if (path && !onlyIfMissing && peek(path) !== undefined) set(path);
      for (const [key, inner] of Object.entries(value))
        walk(inner, path ? `${path}.${key}` : key);
      return;
    }
    if (onlyIfMissing && peek(path) !== undefined) return;
    if (allow?.(path, value) === false) return;
    if (value === null || peek(path) === undefined) remove_below(path);
    set(path, value ?? undefined);
  };
  batch(() => walk(tree, ""));
}

/** What an event to the instance of `namespace` ("ix3") carries: its own
 * signals and the page-wide ones, as a tree; never another instance's, nor
 * `_local` ones. `sent(path, value)` is told of each. */
export function snapshot(namespace, sent) {
  const tree = Object.create(null);
  for (const [path, s] of leaves) {
    const value = s.peek();
    const keys = path.split(".");
    const [top] = keys;
    const is_local = keys.some((key) => key.startsWith("_"));
    const is_foreign = top !== namespace && /^ix\d+$/.test(top);
    if (value === undefined || is_local || is_foreign) continue;
    const last = keys.pop();
    let node = tree;
    for (const key of keys) node = node[key] ??= Object.create(null);
    node[last] = value;
    sent?.(path, value);
  }
  return tree;
}
