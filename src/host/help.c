/* `stube help NAME`: what s.help says of a public name. */
#include <lauxlib.h>
#include <stdio.h>

#include "host/host.h"

/* f(name) -> text or nil */
static int f_ask(lua_State *L) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "stube");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "help");
  bool all = strcmp(lua_tostring(L, 1), "all") == 0;
  if (!all) lua_pushvalue(L, 1);
  lua_call(L, !all, 1);
  return 1;
}

int host_help(Host *h, const char *name) {
  lua_State *L = vm_lua(h->vm);
  host_start(h, live_release, live_ended, live_forget);
  lua_pushcfunction(L, f_ask);
  lua_pushstring(L, name);
  bool ok = vm_call(L, 1, 1) == LUA_OK && lua_isstring(L, -1);
  if (ok)
    printf("%s\n", lua_tostring(L, -1));
  else
    fprintf(stderr,
            "stube: nothing is called \"%s\"; `stube help all` has the "
            "names\n",
            name);
  lua_pop(L, 1);
  return ok ? 0 : 2;
}
