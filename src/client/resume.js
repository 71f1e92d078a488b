// A reload: the server has begun another conversation, knowing nothing of the
// history entry that the page was loaded for. When that holds one that goes on,
// the page takes it up instead, if the server says that it may.

import { hold_focus } from "./focus.js";
import { conv_url } from "./page.js";

const ANSWER_MS = 10_000;

/** Makes the page one of the conversation `cid`, if it is another's and that
 * lives. True when it did. */
export async function take_up(cid) {
  const { body } = document;
  const root = document.getElementById("root");
  const fresh = body.dataset.stubeCid;
  if (!root || !fresh || fresh === cid) return false;
  root.inert = true; // what is there now is not what a click would be about
  try {
    const response = await fetch(`${conv_url(cid)}?instead=${fresh}`, {
      headers: { Accept: "text/html" },
      cache: "no-store",
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const text = response.ok ? await response.text() : "";
    const other = new DOMParser().parseFromString(text, "text/html");
    if (other.body.dataset.stubeCid !== cid) return false;
    for (const { name, value } of other.body.attributes)
      body.setAttribute(name, value);
    document.title = other.title;
    const place_focus = hold_focus();
    root.replaceChildren(...other.getElementById("root").childNodes);
    root.inert = false;
    place_focus();
    return true;
  } catch {
    return false; // the one that has begun is as good as any
  } finally {
    root.inert = false;
  }
}
