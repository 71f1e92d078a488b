/* What can be seen of a conversation: its history, the state of its instances,
 * their tree, its page. */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "kernel/deed.h"
#include "kernel/state.h"
#include "kernel/view.h"

/* --- its history --- */

static void push_point(lua_State *L, uint64_t turn, uint64_t began_ms,
                       Slice event) {
  lua_createtable(L, 0, 4);
  lua_pushinteger(L, (lua_Integer)turn);
  lua_setfield(L, -2, "turn");
  lua_pushnumber(L, (lua_Number)began_ms / 1000);
  lua_setfield(L, -2, "time");
  if (!event.len) return;
  lua_pushlstring(L, event.ptr, event.len);
  lua_setfield(L, -2, "event");
}

static void see_point(void *ud, const Point *p) {
  lua_State *L = ud;
  push_point(L, p->turn, p->began_ms, p->event);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

/* turns(cid) -> past, present, future: each point a table; the past and the
 * future are lists, nearest first */
int look_f_turns(lua_State *L) {
  Kernel *k = view_kernel(L);
  View *v = view_open(L, k, view_cid(L, 1));
  const History *h = &v->conv->history;
  lua_newtable(L);
  history_walk(k, v->conv, PAST, see_point, L);
  push_point(L, h->turn, h->began_ms, slice_str(h->event));
  lua_newtable(L);
  history_walk(k, v->conv, FUTURE, see_point, L);
  view_close(v);
  return 3;
}

/* --- what is in it --- */

/* state(cid, [iid], [turn]) -> a copy of `self`; without an iid, of the frame
 * that shows; nil when there is no such instance */
int look_f_state(lua_State *L) {
  uint32_t iid = 0;
  if (!lua_isnoneornil(L, 2)) {
    iid = iid_parse(slice_str(luaL_checkstring(L, 2)));
    luaL_argcheck(L, iid, 2, "the id of an instance is wanted, as \"ix-3\"");
  }
  const Conv *c = view_revive(L, view_kernel(L), view_cid(L, 1),
                              view_turn(L, 3));
  const Inst *in = conv_inst(c, iid ? iid : c->top);
  conv_push(c, L, in ? in->self : 0);
  view_close(lua_touserdata(L, -2));
  return 1;
}

static void set_text(lua_State *L, const char *field, const char *text) {
  if (!text) return;
  lua_pushstring(L, text);
  lua_setfield(L, -2, field);
}

static void push_node(lua_State *L, const Conv *c, const Inst *in);

/* The newest of a chain, with what it covers. */
static void push_chain(lua_State *L, const Conv *c, uint32_t top) {
  const Inst *in = conv_inst(c, top);
  push_node(L, c, in);
  lua_pushvalue(L, -1);
  while (in->below) { /* the newest, the one above */
    in = conv_inst(c, in->below);
    push_node(L, c, in);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "below");
    lua_replace(L, -2);
  }
  lua_pop(L, 1);
}

static void push_node(lua_State *L, const Conv *c, const Inst *in) {
  char id[IID_TEXT];
  lua_Integer n = 0, tasks = 0;
  Slice text = iid_text(id, in->iid);
  luaL_checkstack(L, 8, "instances nested too deeply");
  lua_createtable(L, (int)in->n_kids, 3);
  lua_pushlstring(L, text.ptr, text.len);
  lua_setfield(L, -2, "iid");
  set_text(L, "type", in->def->id);
  for (uint32_t i = 0; i < c->n_tasks; i++) tasks += c->tasks[i].iid == in->iid;
  lua_pushinteger(L, tasks);
  lua_setfield(L, -2, "tasks");
  for (uint32_t i = 0; i < in->n_kids; i++) {
    const Kid *kid = in->kids[i];
    if (!kid->top) continue;
    push_chain(L, c, kid->top);
    set_text(L, "slot", kid->slot);
    set_text(L, "key", kid->key);
    lua_rawseti(L, -2, ++n);
  }
}

/* tree(cid, [turn]) -> the frame that shows: { iid, type, tasks, below, slot,
 * key, and the instances in its slots as items } */
int look_f_tree(lua_State *L) {
  const Conv *c = view_revive(L, view_kernel(L), view_cid(L, 1),
                              view_turn(L, 2));
  push_chain(L, c, c->top);
  view_close(lua_touserdata(L, -2));
  return 1;
}

/* --- its page --- */

static int f_draw(lua_State *L) {
  draw_page(kernel_of(L), L, lua_touserdata(L, 1));
  return 0;
}

/* html(cid, [turn]) -> its page, as somebody would see it who comes to it now.
 * Drawn in a turn of its own, which leaves nothing behind. */
int look_f_html(lua_State *L) {
  Kernel *k = view_kernel(L);
  lua_State *main = vm_lua(k->vm);
  if (k->in_turn && k->turn.no_effects)
    luaL_error(L, "html cannot be used in %s", k->turn.no_effects);
  Conv *c = view_revive(L, k, view_cid(L, 1), view_turn(L, 2));
  View *v = lua_touserdata(L, -1);
  Buf *out = draw_push_buf(L);
  Aside aside;
  luaL_checkstack(main, 10, "html");
  turn_set_aside(k, &aside);
  turn_begin(k, c);
  budget_start(k->vm, &k->config.budget);
  lua_pushcfunction(main, f_draw);
  lua_pushlightuserdata(main, out);
  int status = vm_call(main, 1, 0);
  Doom doom = budget_stop(k->vm, NULL);
  turn_take_up(k, &aside);
  view_close(v);
  if (status != LUA_OK) {
    vm_push_error_text(main, -1);
    lua_remove(main, -2);
    if (main != L) lua_xmove(main, L, 1);
    return luaL_error(L, "its page cannot be drawn: %s", lua_tostring(L, -1));
  }
  if (doom)
    return luaL_error(L, "its page takes too much time or memory to be drawn");
  lua_pushlstring(L, out->ptr ? out->ptr : "", out->len);
  return 1;
}

/* --- all in all --- */

static void set_number(lua_State *L, const char *field, uint64_t n) {
  lua_pushinteger(L, (lua_Integer)n);
  lua_setfield(L, -2, field);
}

static void set_seconds(lua_State *L, const char *field, uint64_t ms) {
  lua_pushnumber(L, (lua_Number)ms / 1000);
  lua_setfield(L, -2, field);
}

static void set_iid(lua_State *L, uint32_t iid) {
  char id[IID_TEXT];
  Slice text = iid_text(id, iid);
  lua_pushlstring(L, text.ptr, text.len);
  lua_setfield(L, -2, "iid");
}

static void push_timers(lua_State *L, const Conv *c) {
  lua_newtable(L);
  for (uint32_t i = 0; i < c->later.n_timers; i++) {
    const Timer *t = &c->later.timers[i];
    lua_createtable(L, 0, 3);
    set_iid(L, t->iid);
    set_text(L, "event", t->event);
    set_seconds(L, "due", t->due);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

static void push_subs(lua_State *L, const Conv *c) {
  lua_newtable(L);
  for (uint32_t i = 0; i < c->later.n_subs; i++) {
    const Sub *s = &c->later.subs[i];
    lua_createtable(L, 0, 3);
    set_iid(L, s->iid);
    set_text(L, "topic", s->topic);
    set_text(L, "event", s->event);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

static void set_digest(lua_State *L, Slice head) {
  uint8_t raw[DIGEST_BYTES];
  char text[DIGEST_BYTES * 4 / 3 + 2];
  digest(raw, head);
  lua_pushlstring(L, text, base64url(text, raw, sizeof raw));
  lua_setfield(L, -2, "digest");
}

/* The components of the frames, lowest first. */
static void push_frames(lua_State *L, const Conv *c) {
  lua_Integer n = 0;
  for (const Inst *in = conv_inst(c, c->top); in; in = conv_inst(c, in->below))
    n++;
  lua_createtable(L, (int)n, 0);
  for (const Inst *in = conv_inst(c, c->top); in;
       in = conv_inst(c, in->below)) {
    lua_pushstring(L, in->def->id);
    lua_rawseti(L, -2, n--);
  }
}

/* inspect(cid) -> what is known of it, but its values */
int look_f_inspect(lua_State *L) {
  Kernel *k = view_kernel(L);
  Conv *c = view_revive(L, k, view_cid(L, 1), 0);
  View *v = lua_touserdata(L, -1);
  const Conv *known = kernel_known(k, slice_str(c->cid));
  lua_createtable(L, 0, 16);
  set_text(L, "cid", c->cid);
  set_text(L, "title", c->title);
  set_text(L, "status",
           conv_stops(known ? known : c) ? "stopped"
           : known && known->provisional ? "provisional"
                                         : "live");
  set_text(L, "why", c->stopped);
  set_number(L, "turn", c->turn);
  set_seconds(L, "minted", c->minted_ms);
  set_seconds(L, "seen", c->later.seen);
  set_number(L, "instances", c->n_insts);
  set_number(L, "tasks", c->n_tasks);
  set_number(L, "letters", c->later.n_letters);
  set_number(L, "back", c->history.n[PAST]);
  set_number(L, "forward", c->history.n[FUTURE]);
  set_number(L, "bytes", c->head->len + c->history.bytes);
  set_digest(L, blob_view(c->head));
  push_frames(L, c);
  lua_setfield(L, -2, "frames");
  push_timers(L, c);
  lua_setfield(L, -2, "timers");
  push_subs(L, c);
  lua_setfield(L, -2, "subscriptions");
  if (c->limits.by) {
    can_push(L, &c->limits);
    lua_setfield(L, -2, "can");
    set_text(L, "limited_by", c->limits.by);
  }
  view_close(v);
  return 1;
}
