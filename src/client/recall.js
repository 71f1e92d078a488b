// What an entry of the history looked like when it was left, as browsers keep it
// for pages of their own: what the user had typed, and how far it was scrolled.

import { path_in } from "./attributes.js";
import { is_field, live_of, read, show_live, word_of } from "./field.js";
import { peek, set } from "./signals.js";

const SECRET = new Set(["password", "hidden"]);

/** The page's fields by what tells them apart: whose they are, and which. */
function fields() {
  const all = new Map();
  for (const el of document.querySelectorAll("#root :is(input,textarea,select)")) {
    if (!is_field(el) || SECRET.has(el.type)) continue;
    const owner = el.closest("[data-stube-component]");
    const names = [owner?.id, el.type, el.name, el.getAttribute("value")];
    let key = (/^(radio|checkbox)$/.test(el.type) ? names : names.slice(0, 3))
      .join(" ");
    while (all.has(key)) key += "+";
    all.set(key, el);
  }
  return all;
}

const may_be_kept = (el) =>
  (el.getAttribute("autocomplete") ?? el.form?.autocomplete) !== "off";

/** How the page looks now. With `outlives` it outlives the page: then it has
 * nothing of fields that say autocomplete="off". */
export function snapshot(outlives) {
  const typed = [...fields()]
    .filter(([, el]) => live_of(el) !== word_of(el))
    .filter(([, el]) => !outlives || may_be_kept(el))
    .map(([key, el]) => [key, live_of(el)]);
  return { scroll: [scrollX, scrollY], typed };
}

/** Makes the page look like that again, as far as it is the same. */
export function recall({ scroll, typed } = {}) {
  if (!scroll) return;
  const now = fields();
  for (const [key, live] of typed) {
    const el = now.get(key);
    if (!el) continue;
    show_live(el, live);
    const path = path_in(el, "bind");
    const value = path && read(el, peek(path));
    if (value !== undefined) set(path, value);
  }
  scrollTo(...scroll);
}
