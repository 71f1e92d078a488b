/* `stube.host`: what Lua may ask of the host. One table, no logic of its own.
 */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "host/host.h"
#include "lua/loader.h"
#include "wire/signals.h"

static const char host_key;

static Host *host_of(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &host_key);
  Host *h = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return h;
}

/* Code of the past, run once more for what waits in it, changes nothing here.
 */
static bool is_inert(lua_State *L) {
  return loader_is_reviving(host_of(L)->vm);
}

static char *option_text(lua_State *L, int opts, const char *name) {
  int type = lua_getfield(L, opts, name);
  if (type != LUA_TNIL && type != LUA_TSTRING)
    luaL_error(L, "mount: %s must be a string, not a %s", name,
               lua_typename(L, type));
  return type == LUA_TNIL ? NULL : xstrdup(lua_tostring(L, -1));
}

static Mount **find_mount(Host *h, const char *path) {
  Mount **m = &h->mounts;
  while (*m && strcmp((*m)->path, path) != 0) m = &(*m)->next;
  return m;
}

static void free_mount(Host *h, Mount *m) {
  luaL_unref(vm_lua(h->vm), LUA_REGISTRYINDEX, m->embed);
  luaL_unref(vm_lua(h->vm), LUA_REGISTRYINDEX, m->args);
  free(m->path);
  free(m->title);
  free(m);
}

static void unmount(Host *h, const char *path) {
  Mount **at = find_mount(h, path), *m = *at;
  if (!m) return;
  *at = m->next;
  if (h->router) endpoints_unmount(h, m);
  free_mount(h, m);
}

void mounts_free(Host *h) {
  while (h->mounts) unmount(h, h->mounts->path);
}

/* mount(path, embed, [opts]): a GET of the path begins a conversation. Mounting
 * a path again replaces it. */
static int f_mount(lua_State *L) {
  static const char *const known[] = { "title", "args", NULL };
  Host *h = host_of(L);
  const char *path = luaL_checkstring(L, 1);
  luaL_argcheck(L, path[0] == '/', 1, "a path begins with a slash");
  luaL_argcheck(L, strlen(path) < 1024, 1, "a path has under 1024 bytes");
  luaL_checkany(L, 2);
  if (is_inert(L)) return 0;
  lua_settop(L, 3);
  if (!lua_isnil(L, 3)) {
    luaL_checktype(L, 3, LUA_TTABLE);
    for (lua_pushnil(L); lua_next(L, 3); lua_pop(L, 1)) {
      bool ok = false;
      for (int i = 0; known[i] && lua_type(L, -2) == LUA_TSTRING; i++)
        ok = ok || strcmp(known[i], lua_tostring(L, -2)) == 0;
      if (ok) continue;
      luaL_tolstring(L, -2, NULL);
      luaL_error(L, "mount: there is no option \"%s\" (title, args)",
                 lua_tostring(L, -1));
    }
  } else {
    lua_newtable(L);
    lua_replace(L, 3);
  }
  if (lua_getfield(L, 3, "args") != LUA_TNIL)
    luaL_checktype(L, -1, LUA_TFUNCTION);
  kernel_check_embed(h->kernel, L, 2);
  char *title = option_text(L, 3, "title");
  unmount(h, path);
  Mount *m = xcalloc(1, sizeof *m);
  m->path = xstrdup(path);
  m->title = title;
  lua_pushvalue(L, 2);
  m->embed = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_getfield(L, 3, "args");
  m->args = lua_isnil(L, -1) ? (lua_pop(L, 1), LUA_NOREF)
                             : luaL_ref(L, LUA_REGISTRYINDEX);
  m->next = h->mounts;
  h->mounts = m;
  if (!h->router || endpoints_mount(h, m)) return 0;
  h->mounts = m->next;
  free_mount(h, m);
  return luaL_error(L, "mount: the path \"%s\" is malformed or taken", path);
}

/* unmount(path): conversations that live go on. */
static int f_unmount(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  if (!is_inert(L)) unmount(host_of(L), path);
  return 0;
}

/* mounts() -> list of paths, in order. */
static int f_mounts(lua_State *L) {
  lua_newtable(L);
  lua_Integer n = 0;
  for (Mount *m = host_of(L)->mounts; m; m = m->next) {
    lua_pushstring(L, m->path);
    lua_rawseti(L, -2, ++n);
  }
  lua_getglobal(L, "table");
  lua_getfield(L, -1, "sort");
  lua_pushvalue(L, -3);
  lua_call(L, 1, 0);
  lua_pop(L, 1);
  return 1;
}

/* config(table): settings of the app; the command line wins over them. */
static int f_config(lua_State *L) {
  Host *h = host_of(L);
  luaL_checktype(L, 1, LUA_TTABLE);
  if (is_inert(L)) return 0;
  if (h->is_serving)
    return luaL_error(L, "config: too late, the app is being served");
  settings_config(h, L, 1);
  kernel_configure(h->kernel, &h->kernel_config);
  return 0;
}

static int f_base_path(lua_State *L) {
  lua_pushstring(L, host_of(L)->settings.base_path);
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
  log_line(&host_of(L)->log, (LogLevel)lua_tointeger(L, lua_upvalueindex(1)),
           message, fields, n);
  return 0;
}

static int open_lib(lua_State *L) {
  static const luaL_Reg functions[] = {
    { "mount", f_mount },         { "unmount", f_unmount },
    { "mounts", f_mounts },       { "config", f_config },
    { "base_path", f_base_path }, { NULL, NULL },
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

void lib_bind(Host *h) {
  lua_State *L = vm_lua(h->vm);
  lua_pushlightuserdata(L, h);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &host_key);
  luaL_requiref(L, "stube.host", open_lib, 0);
  lua_pop(L, 1);
}
