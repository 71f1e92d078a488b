/* What to draw after a turn, and drawing it (S45).
 *
 * An instance is drawn when code of it ran; a drawing covers what stands in its
 * slots. `drawn` is the hash of what the page holds of an instance; a drawing
 * with the same hash is not sent. It is 0 when an inner part has been sent
 * since. */
#include <lauxlib.h>
#include <lua.h>

#include "html/html.h"
#include "kernel/state.h"
#include "lua/coro.h"

typedef struct Pen {
  Kernel *k;
  Inst *in;
} Pen;

static void draw_inst(Kernel *k, lua_State *L, Inst *in, Buf *out);

/* --- what the renderer asks --- */

/* The instance that `to` names, seen from `in`. */
static Inst *target(const Conv *c, lua_State *L, Inst *in, Slice to) {
  if (!to.len) return in;
  Inst *found = conv_target(c, in, to);
  if (!found) {
    lua_pushlstring(L, to.ptr, to.len);
    luaL_error(L,
               "to = \"%s\": there is no such instance (\"parent\", a slot's "
               "name or an instance's id is wanted)",
               lua_tostring(L, -1));
  }
  return found;
}

static void event_url(const HtmlContext *ctx, lua_State *L, Slice to,
                      Slice event, int value, Buf *out) {
  Pen *pen = ctx->ud;
  Kernel *k = pen->k;
  Conv *c = k->turn.conv;
  Inst *in = target(c, L, pen->in, to);
  if (event.len == 0 || event.len > EVENT_NAME_MAX)
    luaL_error(L, "an event's name has 1 to %d bytes", EVENT_NAME_MAX);
  for (size_t i = 0; i < event.len; i++) {
    unsigned char ch = (unsigned char)event.ptr[i];
    bool plain = ch == '_' || ch == '-' || ch == '.' || ch == ':' ||
                 (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') ||
                 (ch >= 'A' && ch <= 'Z');
    if (!plain)
      luaL_error(L, "an event's name has letters, digits and _ - . : only");
  }
  def_check_event(k, L, in->def, event, "");
  buf_puts(out, k->config.base_path);
  buf_lit(out, "/conv/");
  buf_put(out, c->cid, CID_LEN);
  buf_lit(out, "/ix-");
  buf_uint(out, in->iid);
  buf_byte(out, '/');
  buf_slice(out, event);
  buf_lit(out, "?m=");
  size_t at = out->len;
  char sign[MAC_LEN];
  memset(sign, '-', sizeof sign);
  buf_put(out, sign, sizeof sign);
  Slice p = { 0 };
  if (value) {
    buf_lit(out, "&p=");
    size_t from = out->len;
    k->ports.url_value(L, value, out);
    p = slice(out->ptr + from, out->len - from);
  }
  conv_mac(c, in->iid, event, p, sign);
  if (!buf_status(out)) memcpy(out->ptr + at, sign, sizeof sign);
}

static void bind(const HtmlContext *ctx, lua_State *L, Slice path,
                 Buf *signal) {
  Pen *pen = ctx->ud;
  if (path.len && path.ptr[0] == '$') { /* a signal of the whole page */
    buf_put(signal, path.ptr + 1, path.len - 1);
    lua_pushnil(L);
    return;
  }
  buf_lit(signal, "ix");
  buf_uint(signal, pen->in->iid);
  buf_byte(signal, '.');
  buf_slice(signal, path);
  conv_push(pen->k->turn.conv, L, pen->in->self);
  field_push(L, lua_gettop(L), path);
  lua_remove(L, -2);
  field_drawn(pen->k, L, pen->in, path);
}

static void draw_kids(Kernel *k, lua_State *L, Inst *in, Slice name, Buf *out) {
  for (uint32_t i = 0; i < in->n_kids; i++) {
    if (!slice_is(name, in->kids[i].slot) || !in->kids[i].top) continue;
    draw_inst(k, L, conv_inst(k->turn.conv, in->kids[i].top), out);
  }
}

/* Draws the kids aside, then the element around them. The Buf hangs off a
 * userdata, so that an error on the way does not leak it. */
static int gc_buf(lua_State *L) {
  buf_free(lua_touserdata(L, 1));
  return 0;
}

static Buf *push_buf(lua_State *L) {
  Buf *b = lua_newuserdatauv(L, sizeof *b, 0);
  *b = (Buf){ 0 };
  if (luaL_newmetatable(L, "stube.buf")) {
    lua_pushcfunction(L, gc_buf);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  return b;
}

static void slot(const HtmlContext *ctx, lua_State *L, Slice name, int wrap,
                 Buf *out) {
  Pen *pen = ctx->ud;
  if (!wrap) {
    draw_kids(pen->k, L, pen->in, name, out);
    return;
  }
  Buf *kids = push_buf(L);
  draw_kids(pen->k, L, pen->in, name, kids);
  HtmlContext inner = *ctx;
  inner.id = (Slice){ 0 }; /* a part of this instance, not its root */
  html_render_around(L, wrap, &inner, buf_view(kids), out);
  buf_free(kids);
  lua_pop(L, 1);
}

/* --- drawing --- */

void draw_markup(Kernel *k, lua_State *L, const Inst *in, int idx, Buf *out) {
  Pen pen = { k, (Inst *)in };
  HtmlContext ctx = {
    .event_url = event_url, .bind = bind, .slot = slot, .ud = &pen
  };
  if (in) ctx.component = slice_str(in->def->id);
  html_render(L, idx, &ctx, out);
}

static void forget_page(const Conv *c, const Inst *in) {
  ((Inst *)in)->on_page = false;
  for (uint32_t i = 0; i < in->n_kids; i++) {
    const Inst *kid = conv_inst(c, in->kids[i].top);
    if (kid) forget_page(c, kid);
  }
}

static void put_id(Buf *out, const Inst *in) {
  buf_lit(out, "id=\"ix-");
  buf_uint(out, in->iid);
  buf_byte(out, '"');
}

static void draw_inst(Kernel *k, lua_State *L, Inst *in, Buf *out) {
  size_t from = out->len;
  k->turn.failed_iid = in->iid;
  luaL_checkstack(L, 20, "instances nested too deeply");
  if (!def_get(k, L, in->def, "render")) {
    lua_pop(L, 1);
    buf_lit(out, "<div ");
    put_id(out, in);
    buf_lit(out, " hidden></div>");
  } else {
    reads_drop(in, READ_RENDER);
    conv_push(k->turn.conv, L, in->self);
    const char *was = coro_ban(k->vm, "render");
    const char *had = k->turn.no_effects;
    k->turn.no_effects = "render";
    lua_call(L, 1, 1);
    k->turn.no_effects = had;
    coro_ban(k->vm, was);
    Pen pen = { k, in };
    char id[IID_TEXT];
    HtmlContext ctx = { .component = slice_str(in->def->id),
                        .id = iid_text(id, in->iid),
                        .event_url = event_url,
                        .bind = bind,
                        .slot = slot,
                        .ud = &pen };
    html_render(L, lua_gettop(L), &ctx, out);
    lua_pop(L, 1);
  }
  in->drawn = hash64(slice(out->ptr + from, out->len - from));
  in->on_page = true;
}

#ifdef STUBE_HARD
/* A drawing must not change what it draws (S45): the next one gives the same,
 * and leaves the same state. */
static void draw_again(Kernel *k, lua_State *L, Inst *in, Slice first) {
  int top = lua_gettop(L);
  Buf *again = push_buf(L), *before = push_buf(L), *after = push_buf(L);
  if (image_state(k, k->turn.conv, before) == OK) { /* else the turn fails */
    draw_inst(k, L, in, again);
    Err e = image_state(k, k->turn.conv, after);
    if (!slice_eq(first, buf_view(again)))
      luaL_error(L, "\"%s\" draws other markup each time", in->def->id);
    if (e || !slice_eq(buf_view(before), buf_view(after)))
      luaL_error(L, "the render of \"%s\" changes the state", in->def->id);
  }
  lua_settop(L, top);
}
#endif

/* Draws one that no other drawing covers. */
static void draw_root(Kernel *k, lua_State *L, Inst *in, Buf *out) {
  size_t from = out->len;
  draw_inst(k, L, in, out);
#ifdef STUBE_HARD
  draw_again(k, L, in, slice(out->ptr + from, out->len - from));
#endif
  (void)from;
}

static void draw_frame(Kernel *k, lua_State *L, Buf *out) {
  Conv *c = k->turn.conv;
  for (uint32_t i = 0; i < c->n_insts; i++) c->insts[i]->on_page = false;
  draw_root(k, L, conv_inst(c, c->top), out);
  c->painted = c->top;
}

void draw_page(Kernel *k, lua_State *L, Buf *out) {
  Conv *c = k->turn.conv;
  if (!c->top) return;
  /* A fresh page takes its signals from the inputs as they are drawn. */
  for (uint32_t i = 0; i < c->n_insts; i++)
    for (uint32_t f = 0; f < c->insts[i]->n_fields; f++)
      c->insts[i]->fields[f].known = 0;
  draw_frame(k, L, out);
}

/* Will this one be drawn as part of one above it? */
static bool is_covered(const Conv *c, const Inst *in) {
  while (in->parent) {
    in = conv_inst(c, in->parent);
    if (in->touched) return true;
  }
  return false;
}

static void draw_one(Kernel *k, lua_State *L, Inst *in) {
  Conv *c = k->turn.conv;
  uint64_t before = in->drawn;
  forget_page(c, in);
  buf_clear(&k->scratch);
  draw_root(k, L, in, &k->scratch);
  if (buf_status(&k->scratch))
    luaL_error(L, "\"%s\" draws more than %d bytes", in->def->id,
               (int)RENDER_BYTES_MAX);
  if (in->drawn == before) return;
  turn_piece(k, FRAG_ELEMENTS, PATCH_OUTER, (Slice){ 0 },
             buf_view(&k->scratch));
  while (in->parent) { /* their last drawing held the old one */
    in = conv_inst(c, in->parent);
    in->drawn = 0;
  }
}

void draw_changes(Kernel *k, lua_State *L) {
  Conv *c = k->turn.conv;
  k->scratch.max = RENDER_BYTES_MAX;
  if (!c->top) return;
  if (c->painted != c->top) {
    buf_clear(&k->scratch);
    draw_frame(k, L, &k->scratch);
    turn_piece(k, FRAG_ELEMENTS, PATCH_INNER, SLICE("#root"),
               buf_view(&k->scratch));
  } else {
    for (uint32_t i = 0; i < c->n_insts; i++) {
      Inst *in = c->insts[i];
      if (in->touched && in->on_page && conv_shows(c, in) && !is_covered(c, in))
        draw_one(k, L, in);
    }
  }
  field_flush(k, L);
}

/* --- errors --- */

/* What an author wants to know; a visitor of a production app is told none of
 * it. */
static void put_details(const Turn *t, Buf *out) {
  buf_lit(out, "<p>");
  html_text(out, buf_view(&t->error));
  buf_lit(out, "</p><p><small>in ");
  html_text(out, buf_view(&t->place));
  buf_lit(out, "</small></p>");
  if (!t->trace.len) return;
  buf_lit(out, "<details><summary>Traceback</summary><pre>");
  html_text(out, buf_view(&t->trace));
  buf_lit(out, "</pre></details>");
}

static void put_retry(const Kernel *k, const Conv *c, const Inst *in,
                      Buf *out) {
  char sign[MAC_LEN];
  conv_mac(c, in->iid, SLICE("-"), (Slice){ 0 }, sign);
  buf_lit(out, "<button type=\"button\" class=\"stube-button\" "
               "data-on:click=\"@post(&#39;");
  html_attribute(out, slice_str(k->config.base_path));
  buf_printf(out, "/conv/%s/ix-%u/-?m=%.*s", c->cid, in->iid, MAC_LEN, sign);
  buf_lit(out, "&#39;)\">Try again</button>");
}

static void put_words(const Kernel *k, Buf *out) {
  buf_lit(out, "<strong>Something went wrong</strong>");
  if (k->config.development)
    put_details(&k->turn, out);
  else
    buf_lit(out, "<p>The step you just took could not be done. Nothing was "
                 "changed by it.</p>");
}

void draw_banner(Kernel *k, Conv *c, const Inst *in, Buf *out) {
  buf_lit(out, "<div");
  if (in) {
    buf_byte(out, ' ');
    put_id(out, in);
    buf_lit(out, " data-stube-component=\"");
    html_attribute(out, slice_str(in->def->id));
    buf_byte(out, '"');
  }
  buf_lit(out, " class=\"stube-error\" role=\"alert\">");
  if (k->turn.card.len)
    buf_slice(out, buf_view(&k->turn.card));
  else
    put_words(k, out);
  if (in) put_retry(k, c, in, out);
  buf_lit(out, "</div>");
}
