/* Instances that older code made, brought up to date: a turn of its own before
 * the next event (S26, prelude.c).
 *
 *   component   upgrade(old_self): changes it, or returns another
 *   flow        "keep": ends with the code it began with (nothing to do here)
 *               "restart": begins again with its args
 *               upgrade(args, locals): args to begin again with, or nil to keep
 *
 * When one fails the conversation stays as it was and says so to whoever comes,
 * until the code has changed again. */
#include <lauxlib.h>
#include <lua.h>

#include "kernel/state.h"
#include "lua/coro.h"

static bool is_behind(const Inst *in) {
  const Def *def = in->def;
  return def->upgrades && def->version && def->version != in->version;
}

UpgradeState upgrade_state(const Kernel *k, Conv *c) {
  if (c->up_to_date == k->defs->n_made) return UPGRADE_NONE;
  for (uint32_t i = 0; i < c->n_insts; i++)
    if (is_behind(c->insts[i]))
      return c->upgrade_failed == k->defs->n_made ? UPGRADE_FAILED
                                                  : UPGRADE_DUE;
  c->up_to_date = k->defs->n_made;
  return UPGRADE_NONE;
}

/* Pushes a table of the named locals of a waiting body, as they stand. */
static void push_locals(lua_State *L, lua_State *co) {
  lua_Debug ar;
  int level = 0;
  while (lua_getstack(co, level, &ar)) level++;
  lua_newtable(L);
  if (level == 0 || !lua_getstack(co, level - 1, &ar)) return;
  luaL_checkstack(co, 2, "locals");
  const char *name;
  for (int i = 1; (name = lua_getlocal(co, &ar, i)) != NULL; i++) {
    lua_xmove(co, L, 1);
    if (name[0] == '(')
      lua_pop(L, 1);
    else
      lua_setfield(L, -2, name); /* an inner one of that name wins */
  }
}

static void push_body_locals(lua_State *L, const Conv *c, const Inst *in) {
  for (uint32_t i = 0; i < c->n_tasks; i++) {
    const Task *t = &c->tasks[i];
    if (t->iid != in->iid || !t->is_body) continue;
    conv_push(c, L, t->thread);
    lua_State *co = lua_tothread(L, -1);
    push_locals(L, co);
    lua_remove(L, -2);
    return;
  }
  lua_newtable(L);
}

/* Calls the policy (a function, on top of L) and leaves its one result. */
static void call_policy(Kernel *k, lua_State *L, const Inst *in) {
  const Conv *c = k->turn.conv;
  int nargs = 1;
  if (in->def->is_flow) {
    conv_push(c, L, in->args);
    if (lua_isnil(L, -1)) lua_newtable(L), lua_replace(L, -2);
    push_body_locals(L, c, in);
    nargs = 2;
  } else {
    conv_push(c, L, in->self);
  }
  const char *was = coro_ban(k->vm, "upgrade");
  k->turn.no_effects = "upgrade";
  lua_call(L, nargs, 1);
  k->turn.no_effects = NULL;
  coro_ban(k->vm, was);
  int result = lua_gettop(L);
  if (!lua_isnil(L, result) && !lua_istable(L, result))
    luaL_error(L, "%s returned a %s; it returns %s, or nothing",
               def_place(k, L, in->def, "upgrade"), luaL_typename(L, result),
               in->def->is_flow ? "args to begin again with" : "the new self");
}

/* Puts the table on top of L in the place of a value of the graph; pops it. */
static void replace_value(Conv *c, lua_State *L, uint32_t *handle) {
  uint32_t old = *handle;
  *handle = conv_keep(c, L);
  conv_release(c, L, old);
}

static void upgrade(Kernel *k, lua_State *L, Inst *in) {
  Conv *c = k->turn.conv;
  int top = lua_gettop(L);
  turn_blame(k, in);
  in->version = in->def->version;
  in->touched = in->asks = true;
  def_get(k, L, in->def, "upgrade");
  if (lua_isfunction(L, -1)) {
    call_policy(k, L, in);
    bool changed = !lua_isnil(L, -1);
    if (changed) replace_value(c, L, in->def->is_flow ? &in->args : &in->self);
    if (changed && in->def->is_flow) instance_restart(k, L, in);
  } else if (in->def->is_flow) {
    instance_restart(k, L, in);
  }
  lua_settop(L, top);
}

/* Oldest first, so that a flow that begins again takes what it called along. */
void upgrade_all(Kernel *k, lua_State *L) {
  Conv *c = k->turn.conv;
  for (uint32_t i = 0; i < c->n_insts; i++)
    if (is_behind(c->insts[i])) {
      upgrade(k, L, c->insts[i]);
      i = UINT32_MAX; /* what stands where has changed: from the start */
    }
}

int f_upgrade(lua_State *L) {
  upgrade_all(kernel_of(L), L);
  return 0;
}
