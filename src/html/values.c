/* The values that markup knows by their metatable, as an app makes them. */
#include "html/html.h"

#include <lauxlib.h>

static int f_raw(lua_State *L) {
  luaL_checkstring(L, 1);
  lua_createtable(L, 1, 0);
  lua_pushvalue(L, 1);
  lua_rawseti(L, -2, 1);
  luaL_setmetatable(L, HTML_RAW);
  return 1;
}

static int f_list(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  luaL_setmetatable(L, HTML_LIST);
  return 1;
}

/* each(list, fn): a list of what fn(item, i) returned, nil and false left out.
 */
static int f_each(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_settop(L, 2);
  lua_Integer n = luaL_len(L, 1), kept = 0;
  lua_createtable(L, n < 0 || n > 100000 ? 0 : (int)n, 0);
  luaL_setmetatable(L, HTML_LIST);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_pushvalue(L, 2);
    lua_geti(L, 1, i);
    lua_pushinteger(L, i);
    lua_call(L, 2, 1);
    if (lua_toboolean(L, -1))
      lua_rawseti(L, 3, ++kept);
    else
      lua_pop(L, 1);
  }
  return 1;
}

static int f_slot(lua_State *L) {
  luaL_checkstring(L, 1);
  if (!lua_isnoneornil(L, 2)) {
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_rawgeti(L, 2, 1);
    luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, 2,
                  "an element such as {\"ul\"}");
    lua_pop(L, 1);
  }
  lua_settop(L, 2);
  lua_createtable(L, 2, 0);
  lua_pushvalue(L, 1);
  lua_rawseti(L, 3, 1);
  lua_pushvalue(L, 2);
  lua_rawseti(L, 3, 2);
  luaL_setmetatable(L, HTML_SLOT);
  return 1;
}

int html_open(lua_State *L) {
  static const char *const metatables[] = { HTML_RAW, HTML_LIST, HTML_SLOT };
  static const luaL_Reg functions[] = {
    { "raw", f_raw },   { "each", f_each }, { "list", f_list },
    { "slot", f_slot }, { NULL, NULL },
  };
  for (size_t i = 0; i < countof(metatables); i++) {
    luaL_newmetatable(L, metatables[i]);
    lua_pop(L, 1);
  }
  luaL_newlib(L, functions);
  return 1;
}
