/* What a turn wants to be seen, or used next. */
#include <lauxlib.h>
#include <lua.h>

#include "kernel/state.h"

void effect_selector(lua_State *L, int idx, const char *of) {
  if (lua_type(L, idx) != LUA_TSTRING)
    luaL_error(L, "%s: a selector must be a string, not a %s", of,
               luaL_typename(L, idx));
  size_t len;
  const char *s = lua_tolstring(L, idx, &len);
  if (!len) luaL_error(L, "%s: a selector is not empty", of);
  for (size_t i = 0; i < len; i++)
    if (s[i] == '\n' || s[i] == '\r' || !s[i])
      luaL_error(L, "%s: a selector has no line ends", of);
}

static void reach(Kernel *k, lua_State *L, int effect, const char *of,
                  FragmentKind kind) {
  int args = effect_args(L, effect, 1);
  Slice s;
  effect_selector(L, args, of);
  s.ptr = lua_tolstring(L, args, &s.len);
  turn_piece(k, kind, PATCH_OUTER, s, (Slice){ 0 });
}

/* scroll_to(selector) */
void check_scroll_to(Kernel *k, lua_State *L, const Inst *in, int first) {
  (void)k, (void)in;
  effect_selector(L, first, "scroll_to");
}

void fold_scroll_to(Kernel *k, lua_State *L, Origin o, int effect) {
  (void)o;
  reach(k, L, effect, "scroll_to", FRAG_SCROLL);
}

/* focus(selector) */
void check_focus(Kernel *k, lua_State *L, const Inst *in, int first) {
  (void)k, (void)in;
  effect_selector(L, first, "focus");
}

void fold_focus(Kernel *k, lua_State *L, Origin o, int effect) {
  (void)o;
  reach(k, L, effect, "focus", FRAG_FOCUS);
}
