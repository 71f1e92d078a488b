/* The standard functions that app code may not have as they are (S18).
 *
 * Each is written anew, not wrapped: debug.getupvalue would hand out the
 * function inside a wrapper. What is refused says what to do instead. */
#include "lua/loader.h"
#include "lua/state.h"

#include <lauxlib.h>

/* --- load, loadfile, dofile: text only --- */

/* A binary chunk is not checked by Lua: one can crash the process. */
#define TEXT_ONLY "t"

enum { LOAD_SLOT = 5 }; /* keeps the reader's last string while it is parsed */

static const char *read_piece(lua_State *L, void *ud, size_t *size) {
  (void)ud;
  luaL_checkstack(L, 2, "too many nested functions");
  lua_pushvalue(L, 1);
  lua_call(L, 0, 1);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    *size = 0;
    return NULL;
  }
  if (!lua_isstring(L, -1))
    luaL_error(L, "reader function must return a string");
  lua_replace(L, LOAD_SLOT);
  return lua_tolstring(L, LOAD_SLOT, size);
}

/* The results of load: the function, with the environment at `env` if that is
 * not 0, or nil and the message on top. */
static int loaded(lua_State *L, int status, int env) {
  if (status != LUA_OK) {
    luaL_pushfail(L);
    lua_insert(L, -2);
    return 2;
  }
  if (env) {
    lua_pushvalue(L, env);
    if (!lua_setupvalue(L, -2, 1)) lua_pop(L, 1);
  }
  return 1;
}

static int f_load(lua_State *L) {
  size_t len;
  const char *text = lua_tolstring(L, 1, &len);
  const char *name = luaL_optstring(L, 2, text ? text : "=(load)");
  int env = lua_isnone(L, 4) ? 0 : 4;
  if (text)
    return loaded(L, luaL_loadbufferx(L, text, len, name, TEXT_ONLY), env);
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, LOAD_SLOT);
  return loaded(L, lua_load(L, read_piece, NULL, name, TEXT_ONLY), env);
}

static int f_loadfile(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  int env = lua_isnone(L, 3) ? 0 : 3;
  return loaded(L, luaL_loadfilex(L, path, TEXT_ONLY), env);
}

int safelib_k_dofile(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  return lua_gettop(L) - 1;
}

static int f_dofile(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  lua_settop(L, 1);
  if (luaL_loadfilex(L, path, TEXT_ONLY) != LUA_OK) return lua_error(L);
  lua_callk(L, 0, LUA_MULTRET, 0, safelib_k_dofile);
  return safelib_k_dofile(L, LUA_OK, 0);
}

/* --- finalizers and the collector --- */

/* A __gc runs with hooks off, where no budget can end it, at a time nobody
 * chose. */
static void check_metatable(lua_State *L, int idx) {
  if (!lua_istable(L, idx) || loader_is_loading(vm_of(L))) return;
  lua_pushliteral(L, "__gc");
  if (lua_rawget(L, idx) != LUA_TNIL)
    luaL_error(L, "__gc can only be set while a module is loaded: "
                  "use a <close> variable to free something in time");
  lua_pop(L, 1);
}

static int f_setmetatable(lua_State *L) {
  int type = lua_type(L, 2);
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_argexpected(L, type == LUA_TNIL || type == LUA_TTABLE, 2,
                   "nil or table");
  if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
    return luaL_error(L, "cannot change a protected metatable");
  check_metatable(L, 2);
  lua_settop(L, 2);
  lua_setmetatable(L, 1);
  return 1;
}

static int f_debug_setmetatable(lua_State *L) {
  int type = lua_type(L, 2);
  luaL_argexpected(L, type == LUA_TNIL || type == LUA_TTABLE, 2,
                   "nil or table");
  check_metatable(L, 2);
  lua_settop(L, 2);
  lua_setmetatable(L, 1);
  return 1;
}

static int f_collectgarbage(lua_State *L) {
  const char *what = luaL_optstring(L, 1, "collect");
  if (strcmp(what, "count") != 0)
    return luaL_error(
        L,
        "collectgarbage(\"%s\") is the host's to do: one state serves "
        "all conversations. collectgarbage(\"count\") works",
        what);
  lua_Number kib = (lua_Number)lua_gc(L, LUA_GCCOUNT);
  lua_pushnumber(L, kib + (lua_Number)lua_gc(L, LUA_GCCOUNTB) / 1024);
  return 1;
}

static void remove_field(lua_State *L, const char *library, const char *name) {
  lua_getglobal(L, library);
  lua_pushnil(L);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
}

void safelib_open(lua_State *L) {
  static const luaL_Reg globals[] = {
    { "load", f_load },
    { "loadfile", f_loadfile },
    { "dofile", f_dofile },
    { "setmetatable", f_setmetatable },
    { "collectgarbage", f_collectgarbage },
  };
  for (size_t i = 0; i < countof(globals); i++)
    lua_register(L, globals[i].name, globals[i].func);
  lua_getglobal(L, "debug");
  lua_pushcfunction(L, f_debug_setmetatable);
  lua_setfield(L, -2, "setmetatable");
  lua_pop(L, 1);
  remove_field(L, "debug", "sethook"); /* the hook is the budget's */
  remove_field(L, "os", "exit");       /* the process is everybody's */
  /* C functions that may stand on a suspended stack, for coro_why_not. */
  static const char *const names[] = { "pcall", "xpcall", "pairs", "dofile" };
  Vm *vm = vm_of(L);
  for (size_t i = 0; i < countof(names); i++) {
    lua_getglobal(L, names[i]);
    vm->yields[i] = lua_tocfunction(L, -1);
    lua_pop(L, 1);
  }
}
