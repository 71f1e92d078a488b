// A visitor's token was renewed, as at a login: the page asks for the new one,
// which comes as a cookie, and asks once more, so that the server sees that it
// has come and takes the old one for nothing.

import { pause } from "./wait.js";

const TRIES = 5;

/** `stream_url` is the page's stream's. */
export async function renew_session(stream_url) {
  const url = new URL(stream_url);
  url.pathname = url.pathname.replace(/\/sse$/, "/session");
  url.search = "";
  for (let n = 0; n < TRIES; n++) {
    try {
      const response = await fetch(url, { method: "POST" });
      if (response.status !== 200) return;
    } catch {
      await pause(n);
    }
  }
}
