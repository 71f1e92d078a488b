/* One table, no logic of its own. */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "host/host.h"
#include "lua/loader.h"
#include "wire/signals.h"

static const char env_key; /* registry: the LibEnv */

static const LibEnv *env_of(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &env_key);
  const LibEnv *env = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return env;
}

Host *host_of(lua_State *L) { return env_of(L)->host; }

bool host_is_inert(lua_State *L) {
  return !host_of(L) || loader_is_reviving(vm_of(L));
}

/* config(table): settings of the app; the command line wins over them. */
static int f_config(lua_State *L) {
  Host *h = host_of(L);
  luaL_checktype(L, 1, LUA_TTABLE);
  if (host_is_inert(L)) return 0;
  if (h->is_serving)
    return luaL_error(L, "config: too late, the app is being served");
  settings_config(h, L, 1);
  kernel_configure(h->kernel, &h->kernel_config);
  return 0;
}

static int f_base_path(lua_State *L) {
  lua_pushstring(L, *env_of(L)->base_path);
  return 1;
}

/* log.info(message, [fields]) and its kin. */
static int f_log(lua_State *L) {
  enum { MAX = 16 };
  LogField fields[MAX];
  size_t n = 0;
  const char *message = luaL_checkstring(L, 1);
  lua_settop(L, 2);
  if (!lua_isnil(L, 2)) {
    luaL_checktype(L, 2, LUA_TTABLE);
    luaL_checkstack(L, 2 * MAX + 4, "log");
    for (lua_pushnil(L); lua_next(L, 2) && n < MAX;) {
      luaL_argcheck(L, lua_type(L, -2) == LUA_TSTRING, 2, "fields have names");
      fields[n].key = lua_tostring(L, -2);
      fields[n].value.ptr = luaL_tolstring(L, -1, &fields[n].value.len);
      n++;
      lua_remove(L, -2); /* the value; its text stays until we return */
      lua_insert(L, 3);
    }
  }
  log_line(env_of(L)->log, (LogLevel)lua_tointeger(L, lua_upvalueindex(1)),
           message, fields, n);
  return 0;
}

static int open_lib(lua_State *L) {
  static const luaL_Reg functions[] = {
    { "mount", mount_f_mount },    { "unmount", mount_f_unmount },
    { "mounts", mount_f_mounts },  { "config", f_config },
    { "base_path", f_base_path },  { "route", route_f_route },
    { "before", route_f_before },  { "outline", check_f_outline },
    { "static", folder_f_static }, { NULL, NULL },
  };
  static const struct {
    const char *name;
    LogLevel level;
  } levels[] = { { "debug", LOG_DEBUG },
                 { "info", LOG_INFO },
                 { "warn", LOG_WARN },
                 { "error", LOG_ERROR } };
  luaL_newlib(L, functions);
  lua_newtable(L);
  for (size_t i = 0; i < countof(levels); i++) {
    lua_pushinteger(L, levels[i].level);
    lua_pushcclosure(L, f_log, 1);
    lua_setfield(L, -2, levels[i].name);
  }
  lua_setfield(L, -2, "log");
  signals_open(L);
  signals_push_null(L);
  lua_setfield(L, -2, "null");
  return 1;
}

void lib_bind(lua_State *L, const LibEnv *env) {
  lua_pushlightuserdata(L, (void *)(uintptr_t)env);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &env_key);
  luaL_requiref(L, "stube.host", open_lib, 0);
  lua_pop(L, 1);
}
