// Polite announcements for screen readers: what now stands on the page, when
// the page changed as a whole and the focus does not tell it already.

let region;

/** Says `text` when the reader has finished what it is saying. */
export function announce(text) {
  if (!region) {
    region = document.createElement("div");
    region.setAttribute("role", "status");
    // Hidden from the eye by script, so that it needs no stylesheet of ours.
    Object.assign(region.style, {
      position: "fixed",
      width: "1px",
      height: "1px",
      overflow: "hidden",
      clipPath: "inset(50%)",
      whiteSpace: "nowrap",
    });
    document.body.append(region);
  }
  // A region that says the same again says nothing, and one that is new says
  // nothing at once: empty it, then fill it.
  region.textContent = "";
  setTimeout(() => (region.textContent = text), 60);
}

/** What a newly drawn part is about: its first heading or sentence. */
export function gist(el) {
  const first = el.querySelector("h1, h2, h3, legend, label, p");
  return (first ?? el).textContent.trim().replace(/\s+/g, " ").slice(0, 160);
}
