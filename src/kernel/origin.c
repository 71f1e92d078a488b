/* What the app says of the request that a conversation began with: its context
 * and its principal (s.context, s.principal).
 *
 * Both are plain data, encoded once and kept in the header, so going back and
 * failed turns leave them alone. Each call of the API decodes them: what code
 * does to the copy it got is gone with it. */
#include "kernel/origin.h"

#include <lauxlib.h>

#include "kernel/state.h"

static void put(lua_State *L, int idx, const char *what) {
  plain_check(L, idx, what, what);
  lua_pushvalue(L, idx);
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

bool kernel_alike(const Conv *a, const Conv *b) {
  if (!a->origin || !b->origin) return a->origin == b->origin;
  return slice_eq(blob_view(a->origin), blob_view(b->origin));
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
