/* What Lua may ask of any conversation, by cid: the primitives of
 * lua/stube/conversation.lua. Each looks at the last committed head, never at
 * a turn under way, and gives copies. */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "kernel/deed.h"
#include "kernel/replay.h"
#include "kernel/state.h"
#include "kernel/view.h"
#include "kernel/wreck.h"

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
  Kernel *k = view_kernel(L);
  Find f = { .prefix = view_cid(L, 1) };
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
  Kernel *k = view_kernel(L);
  List l = { .L = L, .max = CONV_LIST_MAX };
  if (!lua_isnoneornil(L, 1))
    luaL_argcheck(L, cid_raw(view_cid(L, 1), l.after), 1,
                  "the id of a conversation is wanted");
  lua_newtable(L);
  store_scan(k->store, STORE_HEAD, slice((const char *)l.after, CID_RAW),
             list_head, &l);
  return 1;
}

/* --- a fork --- */

/* fork(cid, [turn]) -> the fork's cid */
static int f_fork(lua_State *L) {
  Kernel *k = view_kernel(L);
  born_check(k, L, "fork");
  View *v = view_at(L, k, view_cid(L, 1), view_turn(L, 2));
  const Conv *f = conv_fork(k, v->conv, buf_view(&v->state), v->left_ms);
  view_close(v);
  lua_pushlstring(L, f->cid, CID_LEN);
  return 1;
}

void kernel_open_convlib(lua_State *L) {
  static const luaL_Reg functions[] = {
    { "find", f_find },
    { "list", f_list },
    { "fork", f_fork },
    { "spawn", spawn_f_spawn },
    { "turns", look_f_turns },
    { "state", look_f_state },
    { "tree", look_f_tree },
    { "html", look_f_html },
    { "inspect", look_f_inspect },
    { "wreck", wreck_f_get },
    { "send", deed_f_send },
    { "send_async", deed_f_send_async },
    { "back", deed_f_back },
    { "compact", deed_f_compact },
    { "finish", deed_f_finish },
    { "stop", deed_f_stop },
    { "resume", deed_f_resume },
    { "close", deed_f_close },
    { "replay", replay_f_open },
    { "within", replay_f_within },
    { "advance", replay_f_advance },
    { "effects", journal_f_effects },
    { NULL, NULL },
  };
  luaL_newlib(L, functions);
}
