/* A turn that failed, told to the app (s.config{ on_error = ... }), which may
 * say what stands in the failed instance's place. Asked once a turn, when the
 * turn's budget has been stopped and nothing of it is left to run. */
#include <lua.h>
#include <stdio.h>

#include "kernel/state.h"

static const char value_key; /* registry: what the failed turn raised */

void failure_keep(lua_State *L, int idx) {
  lua_pushvalue(L, idx);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &value_key);
}

void failure_tell(Kernel *k) {
  Turn *t = &k->turn;
  if (!t->failed || t->is_told || !k->ports.failed) return;
  t->is_told = true;
  lua_State *L = vm_lua(k->vm);
  char iid[IID_TEXT + 1] = "";
  if (t->failed_iid) {
    Slice s = iid_text(iid, t->failed_iid);
    iid[s.len] = '\0';
  }
  TurnFailure f = { .cid = t->conv->cid,
                    .iid = iid,
                    .component = t->failed_def ? t->failed_def->id : "",
                    .where = t->failed_where,
                    .error = buf_view(&t->error),
                    .trace = buf_view(&t->trace) };
  const char *no_effects = t->no_effects;
  t->no_effects = "on_error";
  lua_rawgetp(L, LUA_REGISTRYINDEX, &value_key);
  k->ports.failed(k->ports.ud, &f, &t->card);
  lua_pop(L, 1);
  t->no_effects = no_effects;
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &value_key);
}
