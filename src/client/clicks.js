// A double click that changes the page with its first half must not hit with
// its second whatever has come to stand there; nor must a key that is held
// down.

const CONTROL =
  "a, button, input, select, textarea, summary, label, [tabindex]";

function control_of(target) {
  const el = target.closest?.(CONTROL) ?? target;
  return (el.localName === "label" && el.control) || el;
}

/** What the control would do: the same node with another event is another one.
 * */
function deed(el) {
  const urls = [...(el.attributes ?? [])]
    .filter(({ name }) => name.startsWith("data-on:click"))
    .map(({ value }) => value);
  const form = el.form?.getAttribute?.("action") ?? "";
  return [...urls, form].join("\n").replace(/\bm=[^&']*/g, "");
}

let first = null; // what the first of a series of clicks or key strokes hit

function guard(evt, is_repeat) {
  const el = control_of(evt.target);
  const does = deed(el);
  if (!is_repeat) first = { el, does };
  else if (first && (first.el !== el || first.does !== does)) {
    evt.preventDefault();
    evt.stopImmediatePropagation();
  }
}

/** Starts, before anything else listens. */
export function watch_clicks() {
  // `detail` counts the clicks of a series; 0 is a click by key or script.
  addEventListener("click", (evt) => {
    if (evt.detail) guard(evt, evt.detail > 1);
  }, true);
  addEventListener("keydown", (evt) => {
    if (evt.key === "Enter" || evt.key === " ") guard(evt, evt.repeat);
  }, true);
}
