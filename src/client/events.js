// Events on their way to the server: numbered, in order, one at a time, each
// repeated under its number until it is answered. The server runs a number
// once, so a lost answer costs nothing. What is unanswered is in `queue`, and
// only there.

import { page } from "./page.js";
import { notice, show_gone } from "./notice.js";
import { stop } from "./stream.js";
import { pause, retry_after, wake } from "./wait.js";

const ANSWER_MS = 30_000; // then the connection counts as lost
const AGAIN = new Set([408, 425, 429, 502, 503, 504]);

const queue = [];
let number = 0;
let running = false;

let edits = 0; // how often the user has changed a field
addEventListener("input", () => edits++, true);

/** True if this control's event to `url` is unanswered, and nothing was typed
 * since: who types another line and submits that means another deed. */
export function is_pending(control, url) {
  const is_same = (e) => e.control === control && e.url === url;
  return queue.some((e) => is_same(e) && e.edits === edits);
}

/** True if the control waits for any answer. */
export function is_busy(control) {
  return queue.some((e) => e.marks.includes(control));
}

/** Queues an event. `control` is the element it came from; `marks` those that
 * are aria-busy until the answer; `indicator(on)` is told of both ends; with
 * `collapse` it replaces the one before it if that is the same and not yet
 * sent. `answered(response)` may take the answer, and is then true. False if
 * it is none of its own. */
export function enqueue(event) {
  if (page.over) return false;
  const { control, url, body, marks, indicator, collapse } = event;
  const last = queue.at(-1);
  const is_same = last?.control === control && last.url === url;
  if (collapse && is_same && queue.length > 1) {
    last.body = body;
    return false;
  }
  queue.push({ ...event, edits, id: `${page.name}.${++number}` });
  for (const el of marks) el.setAttribute("aria-busy", "true");
  indicator?.(true);
  if (!running) run();
  return true;
}

function settle(event) {
  queue.splice(queue.indexOf(event), 1);
  for (const el of event.marks)
    if (!is_busy(el)) el.removeAttribute("aria-busy");
  event.indicator?.(false);
}

/** What the app says of its refusal, if it says it as plain text. */
async function words_of(response) {
  const type = response.headers.get("Content-Type") ?? "";
  return type.startsWith("text/plain") ? (await response.text()).trim() : "";
}

/** One attempt. Returns true when it is answered for good, else the least
 * milliseconds to wait before the next. */
async function attempt(event) {
  const { url, body, headers, id } = event;
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: {
        ...headers,
        "Datastar-Request": "true",
        "Stube-Event": id,
        ...(page.seen && { "Stube-Seen": page.seen }),
      },
      body,
      redirect: "manual",
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    if (AGAIN.has(response.status)) return retry_after(response);
    if (await event.answered?.(response)) return true;
    const elsewhere = response.headers.get("Stube-Go");
    if (elsewhere) {
      stop();
      location.assign(elsewhere);
    } else if (response.status === 410) {
      stop();
      show_gone();
    } else if (response.status >= 400) {
      const words = await words_of(response);
      if (response.status === 403 && !words && !event.was_refused) {
        event.was_refused = true; // the cookie may be changing just now
        return 0;
      }
      notice.refused(response.status, words);
    }
    return true;
  } catch {
    return 0;
  }
}

async function run() {
  running = true;
  for (let n = 0; queue.length; ) {
    const event = queue[0];
    const answer = page.over || (await attempt(event));
    if (answer === true) {
      if (n > 0) wake();
      n = 0;
      notice.lift("event");
      settle(event);
    } else {
      notice.raise("event");
      await pause(n++, answer);
    }
  }
  running = false;
}
