/* `stube test`: busted inside the host, over what `stube.drive` has. */
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>

#include "host/drive.h"
#include "host/host.h"
#include "lua/loader.h"

static const char runner[] =
    "local compat = require 'busted.compatibility'\n"
    "local code = 0\n"
    "compat.exit = function(n) code = n; error('busted ends here', 0) end\n"
    "local ok, e = pcall(require 'busted.runner', { standalone = false })\n"
    "if not ok and e ~= 'busted ends here' then error(e, 0) end\n"
    "return code\n";

/* loadfile(path) for busted: spec files are recorded, so that functions in them
 * can be saved like those of an app. */
static int f_loadfile(lua_State *L) {
  if (loader_compile_file(L, luaL_checkstring(L, 1)) == LUA_OK) return 1;
  lua_pushnil(L);
  lua_insert(L, -2);
  return 2;
}

int host_test(Host *h, int argc, char **argv) {
  h->settings.in_memory = true;
  host_start(h, drive_release, drive_ended, drive_forget);
  bool opened = host_open(h);
  ASSERT(opened); /* a store in memory always does */
  drive_open(h);
  lua_State *L = vm_lua(h->vm);
  lua_newtable(L);
  lua_pushliteral(L, "stube test");
  lua_rawseti(L, -2, 0);
  for (int i = 0; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setglobal(L, "arg");
  lua_pushcfunction(L, f_loadfile);
  lua_setglobal(L, "loadfile");
  int status = luaL_loadbufferx(L, runner, sizeof runner - 1, "=stube test",
                                "t");
  if (status == LUA_OK) status = vm_call(L, 0, 1);
  if (status != LUA_OK) {
    vm_push_error_text(L, -1);
    fprintf(stderr,
            "stube test: %s\n(busted is needed: make setup, or Debian's "
            "package lua-busted)\n",
            lua_tostring(L, -1));
    return 1;
  }
  int code = (int)lua_tointeger(L, -1);
  return code ? 1 : 0;
}
