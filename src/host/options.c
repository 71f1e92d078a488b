/* Tables of options, as the last argument of an API function. */
#include <lauxlib.h>

#include "base/nearest.h"
#include "host/boundary.h"

#define PATH_BYTES_MAX 1024

const char *options_path(lua_State *L, int idx) {
  static const char *const ours[] = { "/conv", "/stube" };
  size_t len;
  const char *path = luaL_checklstring(L, idx, &len);
  luaL_argcheck(L, path[0] == '/', idx, "a path begins with a slash");
  luaL_argcheck(L, len < PATH_BYTES_MAX, idx, "a path has under 1024 bytes");
  luaL_argcheck(L, strlen(path) == len, idx, "a path has no zero byte");
  for (size_t i = 0; i < countof(ours); i++) {
    size_t n = strlen(ours[i]);
    bool is_ours = strncmp(path, ours[i], n) == 0 &&
                   (path[n] == '/' || path[n] == '\0');
    if (is_ours)
      luaL_error(L, "the path \"%s\" is taken: %s/ is the framework's", path,
                 ours[i]);
  }
  return path;
}

void options_check(lua_State *L, int idx, const char *of,
                   const char *const names[]) {
  idx = lua_absindex(L, idx);
  if (lua_isnoneornil(L, idx)) return;
  luaL_checktype(L, idx, LUA_TTABLE);
  for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1)) {
    size_t i = 0;
    bool is_text = lua_type(L, -2) == LUA_TSTRING;
    const char *key = is_text ? lua_tostring(L, -2) : "";
    while (names[i] && strcmp(names[i], key) != 0) i++;
    if (names[i]) continue;
    if (!is_text)
      luaL_error(L, "%s: its options have names, not a %s as key", of,
                 luaL_typename(L, -2));
    Nearest n = nearest_to(slice_str(key));
    for (i = 0; names[i]; i++) nearest_try(&n, slice_str(names[i]));
    if (n.found.ptr)
      luaL_error(L, "%s: there is no option \"%s\"; did you mean \"%s\"?", of,
                 key, n.found.ptr);
    luaL_error(L, "%s: there is no option \"%s\"", of, key);
  }
}
