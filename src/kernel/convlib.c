/* What Lua may ask of any conversation, by cid: the primitives of
 * lua/stube/conversation.lua. Each looks at the last committed head, never at
 * a turn under way, and gives copies. */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "kernel/state.h"

/* The Kernel, which has conversations. */
static Kernel *kernel_here(lua_State *L) {
  Kernel *k = kernel_of(L);
  if (k->config.is_worker)
    luaL_error(L, "there are no conversations in a worker (s.io, "
                  "s.background)");
  return k;
}

static Slice check_cid(lua_State *L, int idx) {
  Slice cid;
  cid.ptr = luaL_checklstring(L, idx, &cid.len);
  return cid;
}

/* A snapshot while a function works with it. It hangs off a userdata, so that
 * an error on the way does not leak it. */
typedef struct View {
  Conv *conv;
  Buf state; /* at the turn that was asked for */
  uint64_t left_ms;
} View;

static void view_close(View *v) {
  if (v->conv) conv_free(v->conv);
  v->conv = NULL;
  buf_free(&v->state);
}

static int gc_view(lua_State *L) {
  view_close(lua_touserdata(L, 1));
  return 0;
}

/* Pushes it. Raises when there is no such conversation. */
static View *view_open(lua_State *L, Kernel *k, Slice cid) {
  View *v = lua_newuserdatauv(L, sizeof *v, 0);
  *v = (View){ 0 };
  if (luaL_newmetatable(L, "stube.view")) {
    lua_pushcfunction(L, gc_view);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  v->conv = conv_snapshot(k, cid);
  if (!v->conv) luaL_error(L, "the conversation %s is gone", cid.ptr);
  return v;
}

/* A turn's number at `idx`, or 0 when it is absent. */
static uint64_t opt_turn(lua_State *L, int idx) {
  if (lua_isnoneornil(L, idx)) return 0;
  lua_Integer turn = luaL_checkinteger(L, idx);
  luaL_argcheck(L, turn >= 1, idx, "turns are numbered from 1");
  return (uint64_t)turn;
}

/* --- which there are --- */

typedef struct Find {
  Slice prefix;
  uint8_t from[CID_RAW];
  char first[CID_LEN + 1];
  size_t n;
} Find;

static void found(Find *f, const char *cid) {
  if (f->n && memcmp(f->first, cid, CID_LEN) == 0) return;
  if (!f->n++) memcpy(f->first, cid, CID_LEN);
}

static bool see_head(void *ud, Slice key, Slice head) {
  Find *f = ud;
  char cid[CID_LEN + 1] = "";
  (void)head;
  base64url(cid, key.ptr, CID_RAW);
  if (!slice_starts(slice(cid, CID_LEN), f->prefix)) return false;
  found(f, cid);
  return f->n < 2;
}

/* find(prefix) -> cid or nil; raises when several begin so. */
static int f_find(lua_State *L) {
  Kernel *k = kernel_here(L);
  Find f = { .prefix = check_cid(L, 1) };
  luaL_argcheck(L, f.prefix.len >= CID_PREFIX_MIN && f.prefix.len <= CID_LEN, 1,
                "the id of a conversation, or how it begins (8 characters at "
                "least), is wanted");
  char lowest[CID_LEN];
  memset(lowest, 'A', sizeof lowest);
  memcpy(lowest, f.prefix.ptr, f.prefix.len);
  if (!cid_raw(slice(lowest, sizeof lowest), f.from)) return 0;
  for (const Conv *c = kernel_next(k, NULL); c; c = kernel_next(k, c))
    if (!conv_ended(c) && slice_starts(slice(c->cid, CID_LEN), f.prefix))
      found(&f, c->cid);
  store_scan(k->store, STORE_HEAD, slice((const char *)f.from, CID_RAW),
             see_head, &f);
  if (f.n > 1)
    return luaL_error(L, "several conversations begin with \"%s\"",
                      f.prefix.ptr);
  if (f.n == 0) return 0;
  lua_pushlstring(L, f.first, CID_LEN);
  return 1;
}

typedef struct List {
  lua_State *L;
  lua_Integer n, max;
  uint8_t after[CID_RAW];
} List;

static bool list_head(void *ud, Slice key, Slice head) {
  List *l = ud;
  char cid[CID_LEN];
  (void)head;
  if (memcmp(key.ptr, l->after, CID_RAW) == 0) return true;
  base64url(cid, key.ptr, CID_RAW);
  lua_pushlstring(l->L, cid, CID_LEN);
  lua_rawseti(l->L, -2, ++l->n);
  return l->n < l->max;
}

/* list([after]) -> the cids of the saved ones behind it, oldest first */
static int f_list(lua_State *L) {
  Kernel *k = kernel_here(L);
  List l = { .L = L, .max = CONV_LIST_MAX };
  if (!lua_isnoneornil(L, 1))
    luaL_argcheck(L, cid_raw(check_cid(L, 1), l.after), 1,
                  "the id of a conversation is wanted");
  lua_newtable(L);
  store_scan(k->store, STORE_HEAD, slice((const char *)l.after, CID_RAW),
             list_head, &l);
  return 1;
}

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
static int f_turns(lua_State *L) {
  Kernel *k = kernel_here(L);
  View *v = view_open(L, k, check_cid(L, 1));
  const History *h = &v->conv->history;
  lua_newtable(L);
  history_walk(k, v->conv, PAST, see_point, L);
  push_point(L, h->turn, h->began_ms, slice_str(h->event));
  lua_newtable(L);
  history_walk(k, v->conv, FUTURE, see_point, L);
  view_close(v);
  return 3;
}

static int refuse(lua_State *L, Err e, uint64_t turn) {
  if (e == ERR_CONFLICT)
    return luaL_error(L, "what stood at turn %I is not kept",
                      (lua_Integer)turn);
  return luaL_error(L, "%s", err_words(e));
}

/* Pushes a view with the state at a turn (0: the present). Raises. */
static View *view_at(lua_State *L, Kernel *k, Slice cid, uint64_t turn) {
  View *v = view_open(L, k, cid);
  int steps = 0;
  Err e = turn ? history_find(k, v->conv, turn, &steps) : OK;
  if (!e) e = history_state(k, v->conv, steps, &v->state, &v->left_ms);
  if (e) refuse(L, e, turn);
  return v;
}

/* fork(cid, [turn]) -> the fork's cid */
static int f_fork(lua_State *L) {
  Kernel *k = kernel_here(L);
  if (k->in_turn && k->turn.no_effects)
    luaL_error(L, "fork cannot be used in %s", k->turn.no_effects);
  if (k->in_turn && k->turn.is_volatile)
    luaL_error(L, "fork cannot be used in the turn of a volatile timer, which "
                  "may be lost");
  View *v = view_at(L, k, check_cid(L, 1), opt_turn(L, 2));
  const Conv *f = conv_fork(k, v->conv, buf_view(&v->state), v->left_ms);
  view_close(v);
  if (!f) return luaL_error(L, "over %d forks in one turn", TURN_FORKS_MAX);
  lua_pushlstring(L, f->cid, CID_LEN);
  return 1;
}

typedef struct BackEvent {
  Event ev;
  bool answered, forgotten;
} BackEvent;

static void back_answered(Event *ev, Err result) {
  BackEvent *b = (BackEvent *)ev;
  b->answered = true;
  b->ev.result = result;
  if (b->forgotten) free(b);
}

/* back(cid, [turn]) -> true, or nil and why not. True: it went there, or goes
 * once the turn under way is kept. */
static int f_back(lua_State *L) {
  Kernel *k = kernel_here(L);
  uint64_t turn = opt_turn(L, 2);
  Slice cid = check_cid(L, 1);
  if (k->in_turn)
    return luaL_error(L, slice_is(cid, k->turn.conv->cid)
                             ? "a turn cannot wait for another one of its own "
                               "conversation: use s.back"
                             : "back of another conversation cannot be used "
                               "inside a turn");
  Conv *c = kernel_find(k, cid);
  if (!c || conv_ended(c))
    return luaL_error(L, "the conversation %s is gone", cid.ptr);
  BackEvent *b = xcalloc(1, sizeof *b);
  b->ev.is_back = true;
  b->ev.to_turn = turn;
  b->ev.answer = back_answered;
  kernel_post(k, c, &b->ev);
  if (!b->answered) {
    b->forgotten = true;
    lua_pushboolean(L, 1);
    return 1;
  }
  Err e = b->ev.result;
  free(b);
  if (!e) {
    lua_pushboolean(L, 1);
    return 1;
  }
  lua_pushnil(L);
  lua_pushstring(L, e == ERR_CONFLICT ? "that turn is not kept" : err_words(e));
  return 2;
}

/* --- what is in it --- */

/* Pushes a view whose conversation is awake, as it was at a turn. Raises. */
static const Conv *revive(lua_State *L, Slice cid, uint64_t turn) {
  Kernel *k = kernel_here(L);
  View *v = view_at(L, k, cid, turn);
  Err e = image_revive(k, v->conv, buf_view(&v->state));
  if (e)
    luaL_error(L, "what is in the conversation %s cannot be read", cid.ptr);
  return v->conv;
}

/* state(cid, [iid], [turn]) -> a copy of `self`; without an iid, of the frame
 * that shows; nil when there is no such instance */
static int f_state(lua_State *L) {
  uint32_t iid = 0;
  if (!lua_isnoneornil(L, 2)) {
    iid = iid_parse(slice_str(luaL_checkstring(L, 2)));
    luaL_argcheck(L, iid, 2, "the id of an instance is wanted, as \"ix-3\"");
  }
  const Conv *c = revive(L, check_cid(L, 1), opt_turn(L, 3));
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
static int f_tree(lua_State *L) {
  const Conv *c = revive(L, check_cid(L, 1), opt_turn(L, 2));
  push_chain(L, c, c->top);
  view_close(lua_touserdata(L, -2));
  return 1;
}

void kernel_open_convlib(lua_State *L) {
  static const luaL_Reg functions[] = {
    { "find", f_find }, { "list", f_list }, { "turns", f_turns },
    { "fork", f_fork }, { "back", f_back }, { "state", f_state },
    { "tree", f_tree }, { NULL, NULL },
  };
  luaL_newlib(L, functions);
}
