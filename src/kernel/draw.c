/* What to draw after a turn, and drawing it (S45).
 *
 * An instance is drawn as a shell: its own HTML, with a hole for each slot that
 * it shows. `drawn` is the hash of the shell that the page holds. When a
 * drawing gives another, the whole instance is sent, holes filled; when it
 * gives the same, only what changed in the holes is (seats.c). So what stands
 * in a slot costs its neighbours nothing.
 *
 * Shells are drawn onto a stack of bytes, the kernel's canvas: while the holes
 * of one are filled, those of others come and go above it. */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "html/html.h"
#include "kernel/state.h"
#include "lua/coro.h"

typedef struct Pen {
  Kernel *k;
  Inst *in;
  uint32_t first_hole;
} Pen;

/* --- what the renderer asks --- */

/* The instance that `to` names, seen from `in`. */
static Inst *target(const Conv *c, lua_State *L, Inst *in, Slice to,
                    const char *of) {
  if (!to.len) return in;
  Inst *found = conv_target(c, in, to);
  if (!found) {
    lua_pushlstring(L, to.ptr, to.len);
    luaL_error(L,
               "%sto = \"%s\": there is no such instance (\"parent\", a slot's "
               "name or an instance's id is wanted)",
               of, lua_tostring(L, -1));
  }
  return found;
}

void draw_event_url(Kernel *k, lua_State *L, Inst *in, Slice to, Slice event,
                    int value, const char *of, Buf *out) {
  const Conv *c = k->turn.conv;
  in = target(c, L, in, to, of);
  if (event.len == 0 || event.len > EVENT_NAME_MAX)
    luaL_error(L, "%san event's name has 1 to %d bytes", of, EVENT_NAME_MAX);
  for (size_t i = 0; i < event.len; i++) {
    char ch = event.ptr[i];
    if (!char_is_word(ch) && ch != '-' && ch != '.' && ch != ':')
      luaL_error(L, "%san event's name has letters, digits and _ - . : only",
                 of);
  }
  def_check_event(k, L, in->def, event, of);
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

static void event_url(const HtmlContext *ctx, lua_State *L, Slice to,
                      Slice event, int value, Buf *out) {
  Pen *pen = ctx->ud;
  draw_event_url(pen->k, L, pen->in, to, event, value, "", out);
}

static void bind(const HtmlContext *ctx, lua_State *L, Slice path,
                 Buf *signal) {
  Pen *pen = ctx->ud;
  if (field_signal(L, pen->in, path, "bind =", signal)) {
    lua_pushnil(L);
    return;
  }
  conv_push(pen->k->turn.conv, L, pen->in->self);
  field_push(L, lua_gettop(L), path);
  lua_remove(L, -2);
  field_drawn(pen->k, L, pen->in, path);
}

/* --- holes --- */

static Slice hole_slot(const Kernel *k, const Hole *h) {
  return slice(k->canvas.names.ptr + h->name, h->n_name);
}

static Hole *add_hole(Kernel *k, Slice slot) {
  Canvas *v = &k->canvas;
  if (v->n_holes == v->cap_holes) {
    v->cap_holes = v->cap_holes ? v->cap_holes * 2 : 8;
    v->holes = xrealloc(v->holes, v->cap_holes * sizeof *v->holes);
  }
  Hole *h = &v->holes[v->n_holes++];
  *h = (Hole){ .name = v->names.len, .n_name = slot.len };
  buf_slice(&v->names, slot);
  return h;
}

static void check_drawn_once(const Pen *pen, lua_State *L, Slice slot) {
  const Canvas *v = &pen->k->canvas;
  for (uint32_t i = pen->first_hole; i < v->n_holes; i++) {
    if (!slice_eq(hole_slot(pen->k, &v->holes[i]), slot)) continue;
    lua_pushlstring(L, slot.ptr, slot.len);
    luaL_error(L, "the slot \"%s\" is drawn twice", lua_tostring(L, -1));
  }
}

/* The id of the element around a slot: "ix-3--rows". */
static Slice slot_id(const Inst *in, Slice slot, Buf *room) {
  buf_lit(room, "ix-");
  buf_uint(room, in->iid);
  buf_lit(room, "--");
  buf_slice(room, slot);
  return buf_view(room);
}

static int gc_buf(lua_State *L) {
  buf_free(lua_touserdata(L, 1));
  return 0;
}

Buf *draw_push_buf(lua_State *L) {
  Buf *b = lua_newuserdatauv(L, sizeof *b, 0);
  *b = (Buf){ 0 };
  if (luaL_newmetatable(L, "stube.buf")) {
    lua_pushcfunction(L, gc_buf);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  return b;
}

/* Leaves a hole where the slot's instances go. */
static void slot(const HtmlContext *ctx, lua_State *L, Slice name, int wrap,
                 Buf *out) {
  Pen *pen = ctx->ud;
  HtmlPart part = { .end = out->len };
  if (wrap) {
    Buf *id = draw_push_buf(L);
    part.id = slot_id(pen->in, name, id);
    html_render_part(L, wrap, ctx, &part, out);
    if (!part.end) luaL_error(L, "the element around a slot must hold others");
    buf_free(id);
    lua_pop(L, 1);
  }
  check_drawn_once(pen, L, name);
  Hole *h = add_hole(pen->k, name);
  h->at = part.end;
  h->is_named = part.is_id;
}

/* --- shells --- */

typedef struct Shell {
  size_t from, to; /* of the canvas' bytes */
  size_t names;
  uint32_t first, last; /* of its holes */
} Shell;

/* Pushes its markup. False, and nothing, when it draws nothing. */
static bool push_markup(Kernel *k, lua_State *L, Inst *in) {
  if (!def_get(k, L, in->def, "render")) {
    lua_pop(L, 1);
    if (in->shown) conv_push(k->turn.conv, L, in->shown);
    return in->shown != 0;
  }
  reads_drop(in, READ_RENDER);
  conv_push(k->turn.conv, L, in->self);
  const char *was = coro_ban(k->vm, "render");
  const char *had = k->turn.no_effects;
  k->turn.no_effects = "render";
  lua_call(L, 1, 1);
  k->turn.no_effects = had;
  coro_ban(k->vm, was);
  return true;
}

/* The markup is on top of L, and popped. */
static void render(Kernel *k, lua_State *L, Inst *in, Pen *pen) {
  Buf *out = &k->canvas.shells;
  char id[IID_TEXT];
  HtmlContext ctx = { .component = slice_str(in->def->id),
                      .id = iid_text(id, in->iid),
                      .event_url = event_url,
                      .bind = bind,
                      .slot = slot,
                      .ud = pen };
  html_render(L, lua_gettop(L), &ctx, out);
  lua_pop(L, 1);
}

/* Draws one onto the top of the canvas. */
static Shell draw_shell(Kernel *k, lua_State *L, Inst *in) {
  Canvas *v = &k->canvas;
  Shell s = { .from = v->shells.len,
              .names = v->names.len,
              .first = v->n_holes };
  Pen pen = { k, in, v->n_holes };
  turn_blame(k, in);
  luaL_checkstack(L, 20, "instances nested too deeply");
  if (push_markup(k, L, in)) {
    render(k, L, in, &pen);
  } else {
    buf_printf(&v->shells, "<div id=\"ix-%u\" hidden></div>", in->iid);
  }
  s.to = v->shells.len;
  s.last = v->n_holes;
  return s;
}

static void drop_shell(Kernel *k, const Shell *s) {
  k->canvas.shells.len = s->from;
  k->canvas.names.len = s->names;
  k->canvas.n_holes = s->first;
}

static uint64_t shell_hash(const Kernel *k, const Shell *s) {
  const Canvas *v = &k->canvas;
  uint64_t h = hash64(slice(v->shells.ptr + s->from, s->to - s->from));
  for (uint32_t i = s->first; i < s->last; i++) {
    const Hole *hole = &v->holes[i];
    h = (h ^ (hole->at - s->from)) * 0x9e3779b97f4a7c15u;
    h ^= hash64(hole_slot(k, hole));
  }
  return h ? h : 1;
}

/* Appends the whole instance and drops the shell. */
static void fill_shell(Kernel *k, lua_State *L, Inst *in, Shell *s, Buf *out) {
  const Canvas *v = &k->canvas;
  const Conv *c = k->turn.conv;
  size_t done = s->from, began = out->len;
  in->drawn = shell_hash(k, s);
  in->on_page = true;
  in->touched = false;
  for (uint32_t i = s->first; i < s->last; i++) {
    buf_put(out, v->shells.ptr + done, v->holes[i].at - done);
    done = v->holes[i].at;
    for (uint32_t j = 0; j < in->n_kids; j++) {
      const Kid *kid = in->kids[j];
      if (kid->top && slice_is(hole_slot(k, &v->holes[i]), kid->slot))
        draw_inst(k, L, conv_inst(c, kid->top), out);
    }
  }
  buf_put(out, v->shells.ptr + done, s->to - done);
  drop_shell(k, s);
  if (out->len - began > RENDER_BYTES_MAX || buf_status(out))
    luaL_error(L, "\"%s\" draws more than %d bytes", in->def->id,
               (int)RENDER_BYTES_MAX);
}

void draw_inst(Kernel *k, lua_State *L, Inst *in, Buf *out) {
  Shell s = draw_shell(k, L, in);
  fill_shell(k, L, in, &s, out);
}

void draw_markup(Kernel *k, lua_State *L, const Inst *in, int idx, Buf *out) {
  Pen pen = { .k = k, .in = (Inst *)in };
  HtmlContext ctx = { .event_url = event_url, .bind = bind, .ud = &pen };
  if (in) ctx.component = slice_str(in->def->id);
  html_render(L, idx, &ctx, out);
}

/* --- the page --- */

void draw_forget(const Conv *c, Inst *in) {
  in->on_page = false;
  for (uint32_t i = 0; i < in->n_kids; i++) {
    Inst *kid = conv_inst(c, in->kids[i]->top);
    if (kid) draw_forget(c, kid);
  }
  for (uint32_t i = 0; in->seats && i < in->seats->n; i++) {
    Inst *kid = conv_inst(c, in->seats->at[i].iid);
    if (kid && kid->on_page) draw_forget(c, kid);
  }
}

static void begin(Kernel *k) {
  buf_clear(&k->canvas.shells);
  buf_clear(&k->canvas.names);
  k->canvas.n_holes = 0;
  k->canvas.shells.max = 2 * RENDER_BYTES_MAX;
}

/* Hard mode: a drawing must not change what it draws (S45): the next one gives
 * the same, and leaves the same state. */
static void check_again(Kernel *k, lua_State *L, Inst *in, Slice first) {
#ifdef STUBE_HARD
  int top = lua_gettop(L);
  Buf *again = draw_push_buf(L), *before = draw_push_buf(L),
      *after = draw_push_buf(L);
  if (image_state(k, k->turn.conv, before) == OK) { /* else the turn fails */
    draw_inst(k, L, in, again);
    Err e = image_state(k, k->turn.conv, after);
    if (!slice_eq(first, buf_view(again)))
      luaL_error(L, "\"%s\" draws other markup each time", in->def->id);
    if (e || !slice_eq(buf_view(before), buf_view(after)))
      luaL_error(L, "the render of \"%s\" changes the state", in->def->id);
  }
  lua_settop(L, top);
#else
  (void)k, (void)L, (void)in, (void)first;
#endif
}

static void draw_frame(Kernel *k, lua_State *L, Buf *out) {
  Conv *c = k->turn.conv;
  begin(k);
  for (uint32_t i = 0; i < c->n_insts; i++) c->insts[i]->on_page = false;
  size_t from = out->len;
  draw_inst(k, L, conv_inst(c, c->top), out);
  check_again(k, L, conv_inst(c, c->top),
              slice(out->ptr + from, out->len - from));
  c->painted = c->top;
}

/* Tells the author of a call that nobody sees (S12): once, in its own turn. */
static void warn_unseen(const Kernel *k) {
  const Conv *c = k->turn.conv;
  if (!k->config.development || c->next_id == k->turn.next_id) return;
  for (uint32_t i = c->n_insts; i-- > 0;) {
    const Inst *in = c->insts[i];
    if (in->iid <= k->turn.next_id) return; /* made before */
    const Inst *parent = conv_inst(c, in->parent);
    if (!parent || !parent->on_page || in->on_page || !in->caller ||
        !conv_shows(c, in))
      continue;
    log_with(k->config.log, LOG_WARN,
             "something was called into a slot that is not drawn",
             { "component", slice_str(in->def->id) },
             { "slot", slice_str(in->kid->slot) },
             { "of", slice_str(parent->def->id) },
             { "conversation", slice_str(c->cid) });
  }
}

void draw_page(Kernel *k, lua_State *L, Buf *out) {
  Conv *c = k->turn.conv;
  if (!c->top) return;
  for (uint32_t i = 0; i < c->n_insts; i++) {
    Inst *in = c->insts[i];
    in->was_drawn = in->on_page ? in->drawn : 0;
    /* A fresh page takes its signals from the inputs as they are drawn. */
    for (uint32_t f = 0; f < in->n_fields; f++) in->fields[f].known = 0;
  }
  draw_frame(k, L, out);
  warn_unseen(k);
}

static bool patch_holes(Kernel *k, lua_State *L, Inst *in, const Shell *s) {
  for (uint32_t i = s->first; in->seats && i < s->last; i++) {
    const Hole hole = k->canvas.holes[i];
    if (!seats_patch(k, L, in, hole_slot(k, &hole), hole.is_named))
      return false;
  }
  return true;
}

/* Draws one that is on the page and sends what is new in it. */
static void draw_one(Kernel *k, lua_State *L, Inst *in) {
  Shell s = draw_shell(k, L, in);
  if (shell_hash(k, &s) == in->drawn && patch_holes(k, L, in, &s)) {
    in->touched = false;
    drop_shell(k, &s);
    return;
  }
  draw_forget(k->turn.conv, in);
  buf_clear(&k->scratch);
  fill_shell(k, L, in, &s, &k->scratch);
  check_again(k, L, in, buf_view(&k->scratch));
  turn_piece(k, FRAG_ELEMENTS, PATCH_OUTER, (Slice){ 0 },
             buf_view(&k->scratch));
}

/* Parents come before what stands in them, for they are older; a drawing of
 * the whole instance leaves nothing in it to be drawn. */
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
    begin(k);
    for (uint32_t i = 0; i < c->n_insts; i++) {
      Inst *in = c->insts[i];
      if (in->touched && in->on_page && conv_shows(c, in)) draw_one(k, L, in);
    }
  }
  warn_unseen(k);
  field_flush(k, L);
}
