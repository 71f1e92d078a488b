/* Lua element trees to escaped HTML (the markup of docs/guide.md).
 *
 * Pure: the instance that is drawn comes in as a context of a few callbacks,
 * and the bytes go into a Buf. Failures are Lua errors whose message starts
 * with the component and the path, each step with its place among its parent's
 * elements: `todo/list: section > div[2] > ul[1]: ...`. The same tree gives the
 * same bytes. */
#ifndef HTML_HTML_H
#define HTML_HTML_H

#include "base/buf.h"

#include <lua.h>

typedef struct HtmlContext HtmlContext;
struct HtmlContext {
  Slice component; /* "todo/list": for messages and the root's class; may be
                      empty */
  Slice id;        /* the root element's id ("ix-3"); empty draws a bare tree */
  /* Appends the URL that sends `event` ("-": only what was typed) to `to`
   * (empty: to the instance drawn now) with the value at stack index `value`
   * (0: none). Raises when the component has no such event. NULL: this tree can
   * have no events. */
  void (*event_url)(const HtmlContext *ctx, lua_State *L, Slice to, Slice event,
                    int value, Buf *out);
  /* Appends the signal's name for a bound field ("ix3.draft", "zoom" for
   * "$zoom") and pushes the field's present value (nil for the page's own).
   * Raises when the path is not valid. */
  void (*bind)(const HtmlContext *ctx, lua_State *L, Slice path, Buf *signal);
  /* Draws what stands in a slot. `wrap` is the index of the element given to
   * s.slot, or 0; html_render_part draws it. */
  void (*slot)(const HtmlContext *ctx, lua_State *L, Slice name, int wrap,
               Buf *out);
  void *ud;
};

/* The registry names of the metatables (luaL_getmetatable): what is drawn as it
 * stands; a list of children, also s.list and the lists of JSON; a slot's
 * place. The values are plain tables, so they can be saved. */
#define HTML_RAW "stube.raw"   /* { html } */
#define HTML_LIST "stube.list" /* { child, ... } */
#define HTML_SLOT "stube.slot" /* { name, element or nil } */
#define HTML_EMBED \
  "stube.embed" /* made by the kernel; drawing one is an error */

/* Makes the metatables but the embed's and pushes a table of the functions that
 * make such values: raw(html), each(list, fn), list(t), slot(name, [element]).
 */
int html_open(lua_State *L);

/* Appends the HTML of the tree at `idx`. With ctx->id, exactly one root element
 * that carries id, class and data-stube-component (these two only with
 * ctx->component); a list or text is wrapped in a div. Raises on bad markup, on
 * RENDER_BYTES_MAX and when `out` fails; `out` is then cut back to where it
 * was. Leaves the Lua stack level. The callbacks may raise, run Lua code and
 * render other trees; they find LUA_MINSTACK free slots. */
void html_render(lua_State *L, int idx, const HtmlContext *ctx, Buf *out);
/* The same of one element that others will stand in (not the root of
 * ctx->id). */
typedef struct HtmlPart {
  Slice id;   /* of the element, unless it has one of its own */
  bool is_id; /* set: it has none of its own */
  size_t end; /* set: where its content ends in `out`; 0: it holds nothing */
} HtmlPart;
void html_render_part(lua_State *L, int idx, const HtmlContext *ctx,
                      HtmlPart *part, Buf *out);

/* --- escaping, for whoever writes HTML. Bytes that are not UTF-8 become
 * U+FFFD. --- */
void html_text(Buf *out, Slice s);      /* & < >, and " ' too */
void html_attribute(Buf *out, Slice s); /* between double quotes */
/* Text of a script or style element: it cannot end the element. */
void html_raw_text(Buf *out, Slice s);
/* A string literal in single quotes, quotes included; not yet escaped for HTML.
 */
void html_js_string(Buf *out, Slice s);
/* Percent-encodes all but letters, digits and - _ . ~ */
void html_url_component(Buf *out, Slice s);
bool html_is_utf8(Slice s);

#endif
