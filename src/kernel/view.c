#include "kernel/view.h"

#include <lauxlib.h>

#include "kernel/state.h"
#include "kernel/wreck.h"

Kernel *view_kernel(lua_State *L) {
  Kernel *k = kernel_of(L);
  if (k->config.is_worker)
    luaL_error(L, "there are no conversations in a worker (s.io, "
                  "s.background)");
  if (!k->store)
    luaL_error(L, "there are no conversations before the app is served");
  return k;
}

Slice view_cid(lua_State *L, int idx) {
  Slice cid;
  cid.ptr = luaL_checklstring(L, idx, &cid.len);
  return cid;
}

uint64_t view_turn(lua_State *L, int idx) {
  if (lua_isnoneornil(L, idx)) return 0;
  if (lua_type(L, idx) == LUA_TSTRING &&
      strcmp(lua_tostring(L, idx), "wreck") == 0)
    return TURN_WRECK;
  int is_turn;
  lua_Integer turn = lua_tointegerx(L, idx, &is_turn);
  if (!is_turn || lua_type(L, idx) != LUA_TNUMBER)
    luaL_error(L, "a turn is a number, or \"wreck\", not a %s",
               luaL_typename(L, idx));
  if (turn < 1) luaL_error(L, "turns are numbered from 1");
  return (uint64_t)turn;
}

void view_close(View *v) {
  if (!v->kernel) return;
  View **at = &v->kernel->views;
  while (*at != v) at = &(*at)->next;
  *at = v->next;
  v->kernel = NULL;
  if (v->conv) conv_free(v->conv);
  v->conv = NULL;
  buf_free(&v->state);
}

void views_free(Kernel *k) {
  while (k->views) view_close(k->views);
}

static int gc_view(lua_State *L) {
  view_close(lua_touserdata(L, 1));
  return 0;
}

View *view_open(lua_State *L, Kernel *k, Slice cid) {
  View *v = lua_newuserdatauv(L, sizeof *v, 0);
  *v = (View){ .next = k->views, .kernel = k };
  k->views = v;
  if (luaL_newmetatable(L, "stube.view")) {
    lua_pushcfunction(L, gc_view);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  v->conv = conv_snapshot(k, cid);
  if (!v->conv) luaL_error(L, "the conversation %s is gone", cid.ptr);
  return v;
}

static void take_wreck(lua_State *L, Kernel *k, View *v) {
  const Wreck *w = wreck_of(k, slice_str(v->conv->cid));
  if (!w) luaL_error(L, "no turn of it has failed");
  if (!w->state)
    luaL_error(L, "what turn %I left could not be kept: %s",
               (lua_Integer)w->turn, w->why->bytes);
  buf_slice(&v->state, blob_view(w->state));
  v->left_ms = k->steady;
}

View *view_at(lua_State *L, Kernel *k, Slice cid, uint64_t turn) {
  View *v = view_open(L, k, cid);
  int steps = 0;
  if (turn == TURN_WRECK) {
    take_wreck(L, k, v);
    return v;
  }
  Err e = turn ? history_find(k, v->conv, turn, &steps) : OK;
  if (!e) e = history_state(k, v->conv, steps, &v->state, &v->left_ms);
  if (e == ERR_CONFLICT)
    luaL_error(L, "what stood at turn %I is not kept", (lua_Integer)turn);
  if (e) luaL_error(L, "%s", err_words(e));
  return v;
}

Conv *view_revive(lua_State *L, Kernel *k, Slice cid, uint64_t turn) {
  View *v = view_at(L, k, cid, turn);
  if (image_revive(k, v->conv, buf_view(&v->state)))
    luaL_error(L, "what is in the conversation %s cannot be read", cid.ptr);
  return v->conv;
}
