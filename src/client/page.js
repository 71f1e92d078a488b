// What this load of the page is: its random name, under which its events are
// numbered; the last stream event it has applied; whether it is over. A page
// that comes back from the back/forward cache keeps all three, a reload has new
// ones.

const bytes = crypto.getRandomValues(new Uint8Array(8));
const letters =
  "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-";

export const page = {
  name: [...bytes].map((byte) => letters[byte & 63]).join(""),
  seen: "",
  over: false, // no event leaves and no stream opens any more
};

/** The URL of a conversation, or of something of it; this script lies two levels
 * under the base path. */
export function conv_url(cid, what) {
  const path = what ? `../conv/${cid}/${what}` : `../conv/${cid}`;
  return new URL(path, import.meta.url).href;
}
