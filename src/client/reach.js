// s.scroll_to and s.focus: what a turn wants to be seen, or used next.

/** Does the event to the element that `selector` finds first. */
export function reach(event, selector) {
  const el = document.querySelector(selector);
  if (!el) return console.warn(`stube: ${event}: nothing is "${selector}"`);
  if (event === "stube-scroll")
    return el.scrollIntoView({ block: "start", inline: "nearest" });
  el.focus();
  if (document.activeElement === el) return;
  el.tabIndex = -1; // like a heading: focused by us, passed over by Tab
  el.focus();
}
