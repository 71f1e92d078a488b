/* What the app says of the request that a conversation began with: its context
 * and its principal (s.context, s.principal).
 *
 * Both are plain data, encoded once and kept in the header, so going back and
 * failed turns leave them alone. Each call of the API decodes them: what code
 * does to the copy it got is gone with it. */
#include "kernel/origin.h"

#include <lauxlib.h>

#include "kernel/state.h"

/* --- only data --- */

static bool is_data(int type, bool is_key) {
  return type == LUA_TSTRING || type == LUA_TNUMBER || type == LUA_TBOOLEAN ||
         (!is_key && type == LUA_TTABLE);
}

/* Raises unless the value on top of L, which `path` names, is plain data. The
 * depth is bounded, so a circle is refused too. */
static void check_plain(lua_State *L, const char *what, const char *path,
                        int depth) {
  int table = lua_gettop(L);
  if (lua_isnil(L, table)) return;
  if (!is_data(lua_type(L, table), false))
    luaL_error(L,
               "%s is a %s; it is saved with the conversation, so it can be "
               "plain data only",
               path, luaL_typename(L, table));
  if (!lua_istable(L, table)) return;
  if (depth >= ORIGIN_DEPTH_MAX)
    luaL_error(L, "%s is nested over %d deep", what, ORIGIN_DEPTH_MAX);
  luaL_checkstack(L, 8, what);
  for (lua_pushnil(L); lua_next(L, table); lua_settop(L, table + 1)) {
    if (!is_data(lua_type(L, table + 1), true))
      luaL_error(L,
                 "%s has a key that is a %s; it is saved with the "
                 "conversation, so it can be plain data only",
                 path, luaL_typename(L, table + 1));
    lua_pushfstring(L,
                    lua_type(L, table + 1) == LUA_TSTRING ? "%s.%s" : "%s[%s]",
                    path, luaL_tolstring(L, table + 1, NULL));
    lua_pushvalue(L, table + 2);
    check_plain(L, what, lua_tostring(L, -2), depth + 1);
  }
}

static void put(lua_State *L, int idx, const char *what) {
  lua_pushvalue(L, idx);
  check_plain(L, what, what, 0);
  lua_setfield(L, -2, what);
}

Blob *kernel_origin(Kernel *k, lua_State *L, int context, int principal) {
  if (lua_isnil(L, context) && lua_isnil(L, principal)) return NULL;
  lua_createtable(L, 0, 2);
  put(L, context, "context");
  put(L, principal, "principal");
  Buf bytes = { .max = ORIGIN_BYTES_MAX };
  Err e = persist_encode(k->persist, L, lua_gettop(L), &bytes);
  if (e) {
    buf_free(&bytes);
    if (e == ERR_TOO_BIG)
      luaL_error(L, "context and principal: over %d bytes, all in all",
                 (int)ORIGIN_BYTES_MAX);
    luaL_error(L, "context and principal: %s", lua_tostring(L, -1));
  }
  lua_pop(L, 1);
  Blob *b = blob_new(buf_view(&bytes));
  buf_free(&bytes);
  return b;
}

/* --- s.context(), s.principal() --- */

static int push(lua_State *L, const char *what) {
  Kernel *k = kernel_of(L);
  const Conv *c = k->in_turn ? k->turn.conv : NULL;
  if (!c || !c->origin) {
    lua_pushnil(L);
    return 1;
  }
  luaL_checkstack(L, 40, what);
  if (persist_decode(k->persist, L, blob_view(c->origin)))
    return luaL_error(L, "%s: what was saved cannot be read: %s", what,
                      lua_tostring(L, -1));
  lua_getfield(L, -1, what);
  return 1;
}

int origin_f_context(lua_State *L) { return push(L, "context"); }
int origin_f_principal(lua_State *L) { return push(L, "principal"); }
