// What an expression can do besides reading and setting signals: post an event,
// and open the page's stream.

import { path_in } from "./attributes.js";
import { on_shown } from "./entries.js";
import { enqueue, is_pending } from "./events.js";
import { on_sent } from "./field.js";
import { flush } from "./later.js";
import { apply } from "./patch.js";
import * as signals from "./signals.js";
import { open_stream } from "./stream.js";

// Not sent again until it is answered, unless it says `queue: true`.
const ONCE = new Set(["click", "submit"]);
const BUSY = new Set(["click", "submit", "change"]);

/** The fields of a form by name; a name that stands twice has a list. Files are
 * for multipart forms only. */
function form_fields(form_data) {
  const fields = Object.create(null);
  for (const [name, value] of form_data)
    if (typeof value === "string")
      fields[name] = name in fields ? [fields[name], value].flat() : value;
  return fields;
}

/** The instance's signal namespace: "ix3" for .../conv/CID/ix-3/save. */
function namespace_of(url) {
  return /\/conv\/[^/]+\/ix-(\d+)\//.exec(url.pathname)?.[1];
}

function our_url(text) {
  const url = new URL(text, document.baseURI);
  if (url.origin !== location.origin) throw new Error(`${text} is not ours`);
  return url;
}

function post({ el, evt }, target, { contentType, queue } = {}) {
  const url = our_url(target);
  const type = evt?.type ?? "";
  if (ONCE.has(type) && !queue && is_pending(el, url.href)) return;
  flush();

  const marks = BUSY.has(type) ? [el] : [];
  const n = namespace_of(url);
  let body = signals.snapshot(n && `ix${n}`, on_sent);
  let headers = { "Content-Type": "application/json" };
  if (contentType === "form") {
    const form = el.closest("form");
    if (!form.noValidate && type !== "submit" && !form.reportValidity()) return;
    const { submitter = null } = evt ?? {};
    if (submitter) marks.push(submitter);
    const form_data = new FormData(form, submitter);
    if (form.getAttribute("enctype") === "multipart/form-data") {
      body = form_data;
      headers = {}; // the browser writes the boundary
    } else body.$form = form_fields(form_data);
  }
  if (!(body instanceof FormData)) body = JSON.stringify(body);
  const path = path_in(el, "indicator");
  const indicator = path && ((on) => signals.set(path, on));
  enqueue({
    control: el,
    url: url.href,
    body,
    headers,
    marks,
    indicator,
    collapse: type === "input",
  });
}

function get(_, target) {
  open_stream(our_url(target).href, async (event, data, id) => {
    try {
      await apply(event, data, id);
    } finally {
      if (id) on_shown(id);
    }
  });
}

export const actions = { post, get };
