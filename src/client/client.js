// The browser's half of stube, in the order in which it is best read:
//
//   page.js        what this load of the page is
//   stream.js      the conversation's stream (sse.js framing, wait.js patience)
//   patch.js       what the stream says, done to the page
//   morph.js       one drawing turned into the next (focus.js, announce.js)
//   signals.js     values that page and server share (field.js: typed ones)
//   attributes.js  data-* attributes of elements (expression.js, later.js)
//   actions.js     what they can do
//   events.js      events on their way to the server, each applied once
//   entries.js     Back and Forward (resume.js: reloads, recall.js: what was left)
//   reach.js       what shall be seen or used next
//   notice.js      the little that the client itself has to say
//   clicks.js      a double click is one deed
//
// It speaks the Datastar protocol for the closed set of attributes that the
// server's markup carries. No eval, no inline script or style.

import { actions } from "./actions.js";
import { bind_page } from "./attributes.js";
import { watch_clicks } from "./clicks.js";
import { begin_entries } from "./entries.js";
import { watch_focus } from "./focus.js";

watch_clicks();
const arrive = await begin_entries();
watch_focus();
bind_page(actions);
arrive();
