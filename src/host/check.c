/* `stube check app.lua`: loads the app without a store and without serving it,
 * and says what looks wrong (lua/stube/lint.lua). */
#include <lauxlib.h>
#include <stdio.h>

#include "host/host.h"

/* Pushes a set of the global names. */
static void push_globals(lua_State *L) {
  lua_newtable(L);
  lua_pushglobaltable(L);
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    lua_pushvalue(L, -2);
    lua_pushboolean(L, 1);
    lua_rawset(L, -6);
  }
  lua_pop(L, 1);
}

/* f(globals before, script) -> how many findings */
static int f_check(lua_State *L) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "stube.lint");
  lua_call(L, 1, 1);
  lua_pushvalue(L, 1);
  lua_call(L, 1, 2);
  int findings = lua_gettop(L) - 1;
  lua_Integer n = (lua_Integer)lua_rawlen(L, findings);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, findings, i);
    printf("%s: %s\n", lua_tostring(L, 2), lua_tostring(L, -1));
    lua_pop(L, 1);
  }
  if (!n) printf("%s is fine: %s\n", lua_tostring(L, 2), lua_tostring(L, -1));
  lua_pushinteger(L, n);
  return 1;
}

/* mounts, routes and folders, as far as the check looks at them */
int check_f_outline(lua_State *L) {
  const Host *h = host_of(L);
  if (!h) return luaL_error(L, "outline: there is no app in a worker");
  lua_createtable(L, 0, 3);
  lua_newtable(L);
  lua_Integer n = 0;
  for (const Mount *m = h->mounts; m; m = m->next) {
    lua_createtable(L, 0, 3);
    lua_pushstring(L, m->path);
    lua_setfield(L, -2, "path");
    lua_rawgeti(L, LUA_REGISTRYINDEX, m->embed);
    lua_setfield(L, -2, "embed");
    lua_pushboolean(L, m->args != LUA_NOREF);
    lua_setfield(L, -2, "has_args");
    lua_rawseti(L, -2, ++n);
  }
  lua_setfield(L, -2, "mounts");
  lua_pushinteger(L, (lua_Integer)routes_count(h));
  lua_setfield(L, -2, "routes");
  lua_pushinteger(L, (lua_Integer)folders_count(h));
  lua_setfield(L, -2, "folders");
  return 1;
}

int host_check(Host *h, const char *script) {
  lua_State *L = vm_lua(h->vm);
  lua_pushcfunction(L, f_check);
  push_globals(L);
  if (!host_load(h, script)) return 1;
  lua_pushstring(L, script);
  if (vm_call(L, 2, 1) != LUA_OK) {
    vm_push_error_text(L, -1);
    fprintf(stderr, "stube: %s\n", lua_tostring(L, -1));
    return 1;
  }
  return lua_tointeger(L, -1) ? 1 : 0;
}
