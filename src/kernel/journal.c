/* What the turns of a replay asked for: the effects that were folded, in order,
 * as data. A failed turn's are not kept.
 *
 * One table: `turn`, the list of the turn under way; and by cid a table of
 * lists by turn, with the newest turn as `last`. */
#include <lauxlib.h>
#include <lua.h>

#include "kernel/state.h"
#include "kernel/view.h"

#define COPY_DEPTH_MAX 32

void journal_open(Kernel *k) {
  lua_State *L = vm_lua(k->vm);
  lua_newtable(L);
  k->journal = luaL_ref(L, LUA_REGISTRYINDEX);
}

void journal_free(Kernel *k) {
  luaL_unref(vm_lua(k->vm), LUA_REGISTRYINDEX, k->journal);
}

void journal_begin(Kernel *k) {
  lua_State *L = vm_lua(k->vm);
  if (k->journal == LUA_NOREF) return;
  luaL_checkstack(L, 3, "a journal");
  lua_rawgeti(L, LUA_REGISTRYINDEX, k->journal);
  lua_newtable(L);
  lua_setfield(L, -2, "turn");
  lua_pop(L, 1);
}

int journal_set_aside(Kernel *k) {
  lua_State *L = vm_lua(k->vm);
  if (k->journal == LUA_NOREF) return LUA_NOREF;
  luaL_checkstack(L, 3, "a journal");
  lua_rawgeti(L, LUA_REGISTRYINDEX, k->journal);
  lua_getfield(L, -1, "turn");
  int list = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_pop(L, 1);
  return list;
}

void journal_take_up(Kernel *k, int list) {
  lua_State *L = vm_lua(k->vm);
  if (k->journal == LUA_NOREF) return;
  lua_rawgeti(L, LUA_REGISTRYINDEX, k->journal);
  lua_rawgeti(L, LUA_REGISTRYINDEX, list);
  lua_setfield(L, -2, "turn");
  lua_pop(L, 1);
  luaL_unref(L, LUA_REGISTRYINDEX, list);
}

/* Pushes a copy of the value at `idx`: the app may change its tables after.
 * What lies deeper than anybody writes an effect is shared. `seen`: table ->
 * copy. */
static void copy(lua_State *L, int idx, int seen, int depth) {
  idx = lua_absindex(L, idx);
  luaL_checkstack(L, 8, "a journal");
  lua_pushvalue(L, idx);
  if (!lua_istable(L, idx) || depth == COPY_DEPTH_MAX) return;
  lua_rawget(L, seen);
  if (!lua_isnil(L, -1)) return;
  lua_pop(L, 1);
  lua_newtable(L);
  lua_pushvalue(L, idx);
  lua_pushvalue(L, -2);
  lua_rawset(L, seen);
  for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1)) {
    lua_pushvalue(L, -2);
    copy(L, -2, seen, depth + 1);
    lua_rawset(L, -5);
  }
  if (lua_getmetatable(L, idx)) lua_setmetatable(L, -2);
}

/* What was called, and not the bytes that a worker gets: { "io", fn, ... }. */
static bool push_io(Kernel *k, lua_State *L, int effect) {
  lua_rawgeti(L, effect, 1);
  bool is = strcmp(lua_tostring(L, -1), "io") == 0;
  lua_pop(L, 1);
  if (!is) return false;
  Slice call;
  lua_rawgeti(L, effect, 2);
  call.ptr = lua_tolstring(L, -1, &call.len);
  if (persist_decode(k->persist, L, call)) lua_error(L);
  lua_remove(L, -2);
  lua_getfield(L, -1, "n");
  lua_Integer n = lua_tointeger(L, -1);
  lua_createtable(L, (int)n + 1, 0);
  lua_pushliteral(L, "io");
  lua_rawseti(L, -2, 1);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, -3, i);
    lua_rawseti(L, -2, i + 1);
  }
  return true;
}

void journal_effect(Kernel *k, lua_State *L, int effect) {
  int top = lua_gettop(L);
  if (k->journal == LUA_NOREF) return;
  luaL_checkstack(L, 12, "a journal");
  lua_rawgeti(L, LUA_REGISTRYINDEX, k->journal);
  lua_getfield(L, -1, "turn");
  lua_newtable(L);
  if (!push_io(k, L, effect)) copy(L, effect, top + 3, 0);
  lua_rawseti(L, top + 2, (lua_Integer)lua_rawlen(L, top + 2) + 1);
  lua_settop(L, top);
}

void journal_keep(Kernel *k, const Conv *c) {
  lua_State *L = vm_lua(k->vm);
  if (k->journal == LUA_NOREF) return;
  luaL_checkstack(L, 4, "a journal");
  lua_rawgeti(L, LUA_REGISTRYINDEX, k->journal);
  luaL_getsubtable(L, -1, c->cid);
  lua_getfield(L, -2, "turn");
  lua_rawseti(L, -2, (lua_Integer)c->turn);
  lua_pushinteger(L, (lua_Integer)c->turn);
  lua_setfield(L, -2, "last");
  lua_pop(L, 2);
}

/* effects(cid, [turn]) -> what it asked for; of its newest turn, without one */
int journal_f_effects(lua_State *L) {
  Kernel *k = view_kernel(L);
  Slice cid = view_cid(L, 1);
  uint64_t turn = view_turn(L, 2);
  if (k->journal == LUA_NOREF)
    luaL_error(L, "effects are kept of replays only (s.replay)");
  lua_rawgeti(L, LUA_REGISTRYINDEX, k->journal);
  if (lua_getfield(L, -1, cid.ptr) != LUA_TTABLE)
    luaL_error(L, "the conversation %s has had no turn", cid.ptr);
  if (turn)
    lua_pushinteger(L, (lua_Integer)turn);
  else
    lua_getfield(L, -1, "last");
  lua_rawget(L, -2);
  if (lua_isnil(L, -1))
    luaL_error(L, "it has had no turn %I that is kept", (lua_Integer)turn);
  lua_newtable(L);
  copy(L, -2, lua_gettop(L), 0);
  return 1;
}
