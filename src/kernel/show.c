/* s.show: what an instance without a `render` (a flow) is while it waits for
 * time or a message. It is a value of the conversation's graph, and drawn when
 * a drawing is asked for: the frame that waits holds no markup. */
#include <lauxlib.h>
#include <lua.h>

#include "kernel/state.h"

/* show(markup) */
void check_show(Kernel *k, lua_State *L, const Inst *in, int first) {
  int type = lua_type(L, first);
  if (type != LUA_TTABLE && type != LUA_TSTRING && type != LUA_TNUMBER &&
      type != LUA_TNIL)
    luaL_error(L, "show: markup is wanted, not a %s", lua_typename(L, type));
  bool draws = def_get(k, L, in->def, "render");
  lua_pop(L, 1);
  if (draws)
    luaL_error(L,
               "show: \"%s\" has a render, which is drawn when self changes; "
               "show is for flows without one",
               in->def->id);
}

void fold_show(Kernel *k, lua_State *L, Origin o, int effect) {
  Conv *c = k->turn.conv;
  int args = effect_args(L, effect, 1);
  check_show(k, L, o.in, args);
  conv_release(c, L, o.in->shown);
  lua_pushvalue(L, args);
  o.in->shown = conv_keep(c, L);
  o.in->touched = true;
}
