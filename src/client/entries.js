// The browser's history, in step with the conversation's. An entry holds the
// conversation and the turn by which the server finds the state that it shows;
// Back and Forward ask for that. The page makes an entry when the server says so,
// of a turn that this page has caused.

import { enqueue } from "./events.js";
import { conv_url, page } from "./page.js";
import { recall, snapshot } from "./recall.js";
import { take_up } from "./resume.js";

const GAP_MS = 350; // browsers refuse over a hundred changes in half a minute

let here = null; // what the entry shown now holds: {cid, turn, at}
let address; // of what the page shows
let told = 0; // the turn of which the server has said by what name it is found
let asking = 0; // Backs that are not answered yet
let stood; // meanwhile: the address of what the page still shows
let last = null; // the id of the last event of the turn that went back
let is_undoing = false; // a Back that the user has thought better of
const left = new Map(); // at -> {turn, seen}: what an entry was left with

// What the tab shows is known to the next load of the page, too.
const NAME = "stube";
function note(seen) {
  try {
    const { cid, at } = here;
    sessionStorage[NAME] = JSON.stringify({ cid, at, seen });
  } catch {
    // Full, or forbidden: a reload then begins without it.
  }
}
function noted() {
  try {
    return JSON.parse(sessionStorage[NAME]);
  } catch {
    return null;
  }
}

let due;
let next_ms = 0;

function write_now() {
  clearTimeout(due);
  due = undefined;
  next_ms = performance.now() + GAP_MS;
  history.replaceState({ ...history.state, stube: here }, "", address);
}

function write() {
  due ??= setTimeout(write_now, Math.max(0, next_ms - performance.now()));
}

/** The server's word about the address; a #part of the page is the user's own. */
function stand_at(url) {
  const { href, origin } = new URL(url ?? address, address);
  const is_same = href === address || href === address.replace(/#.*/s, "");
  if (!is_same && origin === location.origin) address = href;
}

/** What a `stube-address` event says (src/kernel/standing.c). */
export function on_address({ turn, url, push, was, back }, id) {
  if (!here) return;
  told = parseInt(id);
  if (push === page.name && !asking) {
    left.set(here.at, { turn: +was, seen: snapshot() });
    here.turn = +was;
    write_now();
    here = { ...here, turn: +turn, at: here.at + 1 };
    for (const at of left.keys()) if (at >= here.at) left.delete(at);
    stand_at(url);
    history.pushState({ stube: here }, "", address);
    note();
  } else {
    here.turn = +turn;
    stand_at(url);
    stood = address;
    write();
  }
  const [name, n] = back?.split(" ") ?? [];
  if (name === page.name) last = `${told}.${n}`;
}

/** The page shows the stream's event `id`. */
export function on_shown(id) {
  const turn = parseInt(id);
  if (!here) return;
  if (turn > told && turn !== here.turn) {
    here.turn = turn;
    if (!asking) write();
  }
  if (id !== last) return;
  last = null;
  recall(left.get(here.at)?.seen);
}

/** Asks for the state of `turn`. */
function go_to(turn) {
  const is_queued = enqueue({
    control: window,
    collapse: true,
    url: conv_url(here.cid, "back"),
    body: JSON.stringify({ turn }),
    headers: { "Content-Type": "application/json" },
    marks: [],
    async answered(response) {
      asking--;
      if (response.status !== 409) return false;
      if (asking) return true; // for another one by now
      here.turn = (await response.json()).turn;
      address = stood;
      write_now();
      return true;
    },
  });
  if (is_queued) asking++;
}

function on_popstate({ state }) {
  clearTimeout(due); // that was for the entry before
  due = undefined;
  if (is_undoing) return void (is_undoing = false);
  const to = state?.stube;
  const from = here;
  if (!to) { // an entry that a link to a #part has made
    here = { ...from, at: from.at + 1 };
    address = location.href;
    return write_now();
  }
  if (to.cid !== from.cid || page.over) return location.reload();
  const turn = left.get(to.at)?.turn ?? to.turn;
  const { stubeAsk } = document.body.dataset;
  const is_back = to.at < from.at && turn !== from.turn;
  if (is_back && stubeAsk && !confirm(stubeAsk)) {
    is_undoing = true;
    return history.go(from.at - to.at);
  }
  if (!asking) { // else the page shows another entry's
    left.set(from.at, { turn: from.turn, seen: snapshot() });
    stood = address;
  }
  here = { ...to, turn };
  address = location.href;
  note();
  if (turn !== from.turn) go_to(turn);
}

/** Finds out which entry the page was loaded for: a reload goes on with its
 * conversation. Returns what is to be done when the page is bound. */
export async function begin_entries() {
  const tab = noted();
  // A visit of the address that is shown has the entry's state too, and is a visit.
  const [load] = performance.getEntriesByType("navigation");
  const wanted = load?.type !== "navigate" && history.state?.stube?.cid;
  const is_resumed = wanted && await take_up(wanted);
  const was = history.state?.stube; // the user may have gone on meanwhile
  const { stubeCid: cid, stubeTurn, stubeAddress } = document.body.dataset;
  if (!stubeTurn) return () => {};
  const next = tab?.cid === cid ? tab.at + 1 : 0; // a form without this script
  here = { cid, turn: +stubeTurn, at: was?.at ?? next };
  address = location.href;
  stand_at(stubeAddress);
  note();
  write_now();
  addEventListener("popstate", on_popstate);
  addEventListener("pagehide", () => {
    note(snapshot(true));
    write_now();
  });
  return () => {
    if (!tab || was?.cid !== cid) return;
    const is_same = tab.cid === cid && tab.at === was.at;
    if (is_same && is_resumed) recall(tab.seen);
    if (is_same || was.turn === here.turn) return;
    stood = address;
    go_to(was.turn);
  };
}
