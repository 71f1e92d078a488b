// The two things the client itself has to say: quietly, that it is reconnecting
// (or that something was refused), and plainly, that the page has ended.

const QUIET_MS = 1200; // a blip shorter than this is nobody's business
const REFUSED_MS = 6000;
const WORDS_MAX = 200;
const REFUSED = "That could not be done. Reloading the page may help.";
const TOO_LARGE = "That was too large to send.";

function element(tag, attributes, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    el.setAttribute(name, value);
  el.append(...children);
  return el;
}

const bar = element("div", { class: "stube-notice", role: "status" });
bar.hidden = true;
const reasons = new Set();
let timer; // until it is said that we reconnect
let refusal; // until what was refused has been shown long enough

function say(text) {
  clearTimeout(timer);
  clearTimeout(refusal);
  refusal = undefined;
  if (!bar.isConnected) document.body.append(bar);
  bar.textContent = text;
  bar.hidden = !text;
}

export const notice = {
  /** Something waits for the server; it is said if it goes on for a while. */
  raise(reason) {
    if (!reasons.size) {
      clearTimeout(timer);
      timer = setTimeout(() => say("Reconnecting…"), QUIET_MS);
    }
    reasons.add(reason);
  },

  /** It no longer does. */
  lift(reason) {
    if (!reasons.delete(reason) || reasons.size) return;
    clearTimeout(timer);
    if (!refusal) say("");
  },

  /** An event came back with this status and is not sent again; `words` may say
   * why. */
  refused(status, words) {
    say(words.slice(0, WORDS_MAX) || (status === 413 ? TOO_LARGE : REFUSED));
    refusal = setTimeout(() => say(""), REFUSED_MS);
  },
};

/** The card for a page whose conversation is gone, or takes nothing more. */
export function show_gone(title = "This page has ended",
                          text = "Reload it to start afresh.") {
  if (document.querySelector("body > .stube-gone")) return;
  reasons.clear();
  say("");
  const reload = element("button", {
    type: "button",
    class: "stube-button stube-button--primary",
  }, "Reload");
  reload.addEventListener("click", () => location.reload());
  document.body.append(
    element(
      "div",
      {
        class: "stube-gone",
        role: "alertdialog",
        "aria-modal": "true",
        "aria-labelledby": "stube-gone-title",
        "aria-describedby": "stube-gone-text",
      },
      element("h2", { id: "stube-gone-title" }, title),
      element("p", { id: "stube-gone-text" }, text),
      element("div", { class: "stube-actions" }, reload),
    ),
  );
  reload.focus();
}
