// Where the focus is while the page changes under it: it stays where it was,
// goes to what asks for it, moves into a dialog, is kept there, and comes back
// to the element that had it, or to that element's equal, when the dialog is
// gone.

const DIALOG = "[role=dialog], [role=alertdialog]";
const STOPS =
  "a[href], button, input:not([type=hidden]), select, textarea, summary," +
  "[contenteditable=true], [tabindex]";

const root = () => document.getElementById("root") ?? document.body;
const all = (selector) => [...document.querySelectorAll(selector)];

function stops_in(el) {
  return [...el.querySelectorAll(STOPS)].filter((stop) =>
    stop.tabIndex >= 0 && !stop.disabled && stop.checkVisibility());
}

/** What makes an element the same one to a user, whatever node it is. */
function signature(el) {
  const names = ["type", "name", "value", "href", "aria-label"];
  const said = names.map((name) => el.getAttribute(name));
  const does = el.getAttributeNames()
    .filter((name) => name.startsWith("data-on:"))
    .map((name) => name + el.getAttribute(name).replace(/\bm=[^&']*/g, ""));
  const text = el.matches("input, select, textarea") ? "" : el.textContent;
  return [el.localName, ...said, ...does, text].join("\n");
}

function alike(el, scope) {
  return [...scope.querySelectorAll(el.localName)]
    .filter((other) => signature(other) === signature(el));
}

/** How to find the focused element again. The element itself is kept: it may
 * leave the page, but not change once it has. */
function describe(el) {
  if (!el || el === document.body || el === root()) return null;
  const scope = el.parentElement?.closest("[data-stube-component]") ??
    el.parentElement?.closest("[id]") ?? document.body;
  const { selectionStart, selectionEnd } = el;
  return {
    el,
    id: el.id,
    scope: scope.id,
    nth: alike(el, scope).indexOf(el),
    stop: stops_in(scope).indexOf(el),
    selection: [selectionStart, selectionEnd],
  };
}

function find({ el, id, scope, nth, stop }) {
  if (el.isConnected) return el;
  if (id && document.getElementById(id)) return document.getElementById(id);
  const place = scope && document.getElementById(scope);
  if (!place) return null;
  const same = alike(el, place);
  if (same.length) return same[nth] ?? same[0];
  // It is gone, but not its component: on to what stands there now, as when the
  // row is deleted whose button was pressed.
  const stops = stop < 0 ? [] : stops_in(place);
  return stops[Math.min(stop, stops.length - 1)];
}

/** Focuses the described element's successor. False if it has none. */
function return_to(place) {
  const el = place && find(place);
  if (!el) return false;
  el.focus();
  const [start, end] = place.selection;
  if (el !== place.el && start !== null && start !== undefined)
    el.setSelectionRange?.(start, end);
  return document.activeElement === el;
}

function enter(dialog) {
  const wanted = dialog.querySelector("[autofocus]") ?? stops_in(dialog)[0];
  if (!wanted) dialog.tabIndex = -1;
  (wanted ?? dialog).focus();
}

/** The open dialogs, oldest first, each with the place to go back to. */
let dialogs = [];

/** True while a dialog is open. */
export const in_dialog = () => dialogs.length > 0;

/** Notes what is focused; the function it returns is called when the page has
 * changed, and puts the focus where it now belongs. */
export function hold_focus() {
  const active = document.activeElement;
  const place = describe(active);
  const autofocus = new Set(all("[autofocus]"));

  return () => {
    const open = all(DIALOG);
    const gone = dialogs.filter(({ dialog }) => !dialog.isConnected);
    const fresh = open.filter((el) => !dialogs.some((d) => d.dialog === el));
    // A dialog in the place of another goes back where that one would have.
    const back = gone.length ? gone[0].back : place;
    dialogs = dialogs.filter(({ dialog }) => dialog.isConnected);
    dialogs.push(...fresh.map((dialog) => ({ dialog, back })));

    const wanted = all("[autofocus]").filter((el) => !autofocus.has(el));
    if (fresh.length) return enter(fresh.at(-1));
    if (wanted.length) return wanted.at(-1).focus();
    const is_lost =
      document.activeElement === document.body || !document.activeElement;
    if (!is_lost) return;
    if (gone.length && return_to(gone[0].back)) return;
    if (return_to(place)) return;
    if (dialogs.length) return enter(dialogs.at(-1).dialog);
    // What had the focus is gone for good: go on from the top of what replaced
    // it, not from the top of the browser's window.
    if (place || gone.length) {
      root().tabIndex = -1;
      root().style.outline = "none";
      root().focus({ preventScroll: true });
    }
  };
}

/** Keeps Tab inside the open modal dialog, if there is one. */
function keep_inside(evt) {
  if (evt.key !== "Tab" || evt.defaultPrevented) return;
  const modal = all(DIALOG)
    .filter((el) => el.ariaModal === "true" && el.checkVisibility()).at(-1);
  if (!modal) return;
  const stops = stops_in(modal);
  const [first, last] = [stops[0] ?? modal, stops.at(-1) ?? modal];
  const active = document.activeElement;
  const at_end = active === (evt.shiftKey ? first : last);
  if (!at_end && modal.contains(active) && active !== modal) return;
  if (active === modal && !evt.shiftKey && stops.length) return;
  evt.preventDefault();
  (evt.shiftKey ? last : first).focus();
}

/** Starts: a dialog that the page was painted with has the focus too. */
export function watch_focus() {
  addEventListener("keydown", keep_inside);
  hold_focus()();
}
