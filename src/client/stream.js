// The conversation's stream: opened by fetch, so that it can say what it has
// seen and be told apart when the conversation is gone; reopened for ever
// otherwise.

import { page } from "./page.js";
import { notice, show_gone } from "./notice.js";
import { renew_session } from "./session.js";
import { sse_parser } from "./sse.js";
import { pause, retry_after, wake } from "./wait.js";

const SILENCE_MS = 45_000; // three of the server's comment lines
const GONE = new Set([401, 403, 404, 410]);

let abort = null; // of the connection that is open or being opened
let url = null;
let apply = null;
let last_id = ""; // the last that came on the stream; `?at=` says it until then
let was_refused = false; // a login in another tab may change the cookie just now
let first_ms; // what the server asked for with `retry:`

/** Applies what came in turn, each only when the one before is in the page. */
let applied = Promise.resolve();
function take({ event, id, data }) {
  applied = applied.then(async () => {
    if (event === "stube-close") {
      if (data[0] === "gone") show_gone();
      const stopped = /^stopped ?(.*)/s.exec(data[0]);
      if (stopped) show_gone("This page has been stopped", stopped[1]);
      return stop();
    }
    try {
      if (event === "stube-session") renew_session(url);
      else await apply(event, data, id);
    } catch (error) {
      console.error(error);
    }
    if (id) page.seen = last_id = id;
  });
}

/** One connection, to its end. Returns how long to wait at least before the
 * next, or nothing if there shall be none. */
async function connect(on_alive) {
  abort = new AbortController();
  const { signal } = abort;
  let timer;
  const listen = () => {
    clearTimeout(timer);
    timer = setTimeout(() => abort.abort(), SILENCE_MS);
  };
  listen();
  try {
    const headers = { Accept: "text/event-stream" };
    if (last_id) headers["Last-Event-ID"] = last_id;
    const response = await fetch(url, { headers, signal, cache: "no-store" });
    if (response.status === 403 && !was_refused) {
      was_refused = true;
      return 0;
    }
    if (GONE.has(response.status)) return show_gone(), stop();
    if (response.status === 204) {
      const elsewhere = response.headers.get("Stube-Go");
      if (elsewhere) location.assign(elsewhere);
      return stop();
    }
    if (!response.ok) return retry_after(response);
    was_refused = false;
    on_alive();
    const feed = sse_parser(take, (ms) => (first_ms = ms));
    const text = response.body.pipeThrough(new TextDecoderStream());
    for (const reader = text.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      listen();
      feed(value);
    }
    await applied;
  } catch {
    // Refused, cut, silent or put away: all the same to us.
  } finally {
    clearTimeout(timer);
  }
  return page.over ? undefined : 0;
}

async function run() {
  for (let n = 0; !page.over; n++) {
    const asked_ms = await connect(() => {
      n = 0;
      notice.lift("stream");
      wake();
    });
    if (page.over || asked_ms === undefined) return;
    notice.raise("stream");
    await pause(n, asked_ms, first_ms);
    await put_away;
  }
}

/** Ends it for good. */
export function stop() {
  page.over = true;
  notice.lift("stream");
  abort?.abort();
}

/** Opens the stream at `stream_url` and keeps it open; `on_event(event,
 * data, id)` applies one event. A page has one stream: a second call changes nothing. */
export function open_stream(stream_url, on_event) {
  if (url) return;
  url = stream_url;
  apply = on_event;
  page.seen = new URL(url, location.href).searchParams.get("at") ?? "";
  run();
}

// A page in the back/forward cache must hold no connection; when it is shown
// again it goes on from the last event it has applied.
let put_away = null;
let bring_back;
addEventListener("pagehide", () => {
  put_away = new Promise((resolve) => (bring_back = resolve));
  abort?.abort();
});
addEventListener("pageshow", () => {
  put_away = null;
  bring_back?.();
  wake();
});
