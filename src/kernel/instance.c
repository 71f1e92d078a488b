/* Instances: made from embeds, kept in step with `children`, removed in order.
 */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "kernel/state.h"
#include "lua/coro.h"

#define CHILDREN_DEPTH_MAX 64 /* declared children within declared children */

/* --- state --- */

/* Pushes a deep copy of the plain table at `idx`. `seen` maps what was copied.
 */
static void copy_deep(lua_State *L, int idx, int seen, int depth) {
  idx = lua_absindex(L, idx);
  lua_pushvalue(L, idx);
  if (lua_rawget(L, seen) == LUA_TTABLE) return;
  lua_pop(L, 1);
  if (depth > 200) luaL_error(L, "init is nested too deeply (over 200)");
  luaL_checkstack(L, 8, "init");
  lua_newtable(L);
  lua_pushvalue(L, idx);
  lua_pushvalue(L, -2);
  lua_rawset(L, seen);
  for (lua_pushnil(L); lua_next(L, idx);) {
    lua_pushvalue(L, -2); /* copy key value key */
    if (lua_istable(L, -2))
      copy_deep(L, -2, seen, depth + 1);
    else
      lua_pushvalue(L, -2);
    lua_rawset(L, -5); /* copy key value */
    lua_pop(L, 1);
  }
  if (lua_getmetatable(L, idx)) lua_setmetatable(L, -2);
}

/* Lays the fields of the table at `from` over the table on top of the stack. */
static void lay_over(lua_State *L, int from) {
  if (lua_isnil(L, from)) return;
  for (lua_pushnil(L); lua_next(L, from);) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -4);
  }
}

/* Pushes the state of a new instance; the args (or nil) are at `args`. */
static void push_state(Kernel *k, lua_State *L, const Def *def, int args) {
  if (!lua_isnil(L, args) && !lua_istable(L, args))
    luaL_error(L, "the args of \"%s\" must be a table, not a %s", def->id,
               luaL_typename(L, args));
  def_get(k, L, def, "init");
  if (lua_isfunction(L, -1)) {
    if (lua_isnil(L, args))
      lua_newtable(L);
    else
      lua_pushvalue(L, args);
    const char *was = coro_ban(k->vm, "init");
    k->turn.no_effects = "init";
    lua_call(L, 1, 1);
    k->turn.no_effects = NULL;
    coro_ban(k->vm, was);
    int state = lua_gettop(L);
    if (!lua_istable(L, state))
      luaL_error(L, "%s must return the state, a table, not a %s",
                 def_place(k, L, def, "init"), luaL_typename(L, state));
    return;
  }
  if (lua_istable(L, -1)) {
    lua_newtable(L);
    copy_deep(L, -2, lua_gettop(L), 0);
    lua_replace(L, -3);
    lua_pop(L, 1);
  } else {
    lua_pop(L, 1);
    lua_newtable(L);
  }
  lay_over(L, args);
}

/* --- making --- */

Inst *instance_make_at(Kernel *k, lua_State *L, int embed, uint32_t parent,
                       int depth) {
  Conv *c = k->turn.conv;
  luaL_checkstack(L, 12, "too many instances");
  int top = lua_gettop(L);
  Def *def = embed_resolve(k, L, embed, NULL); /* args */
  int args = lua_gettop(L);
  if (depth > CHILDREN_DEPTH_MAX)
    luaL_error(L,
               "\"%s\" has children nested over %d deep: does it contain "
               "itself?",
               def->id, CHILDREN_DEPTH_MAX);
  if (c->n_insts >= CONV_INSTANCES_MAX)
    luaL_error(L, "a conversation may hold %d instances", CONV_INSTANCES_MAX);
  Inst *in = conv_add(c, def);
  in->parent = parent;
  turn_blame(k, in);
  push_state(k, L, def, args);
  if (!shape_holds(k, L, def, -1))
    luaL_error(L, "\"%s\" begins wrong: %s", def->id, lua_tostring(L, -1));
  in->self = conv_keep(c, L);
  lua_pushvalue(L, args);
  in->args = conv_keep(c, L);
  children_make(k, L, in, depth);
  lua_settop(L, top);
  return in;
}

Inst *instance_make(Kernel *k, lua_State *L, int embed, uint32_t parent) {
  return instance_make_at(k, L, lua_absindex(L, embed), parent, 0);
}

void instance_place(Conv *c, Inst *in, Kid *kid) {
  if (kid) inst_note_seats(conv_inst(c, in->parent));
  in->kid = kid;
  uint32_t *top = conv_place(c, in);
  in->below = *top;
  *top = in->iid;
}

void instance_place_below(Conv *c, Inst *in, Kid *kid) {
  Inst *lowest = conv_bottom(c, kid->top);
  if (!lowest) {
    instance_place(c, in, kid);
  } else {
    in->kid = kid;
    lowest->below = in->iid;
  }
}

void instance_called(Conv *c, Inst *in, Inst *caller) {
  if (in->caller) conv_inst(c, in->caller)->n_callees--;
  in->caller = caller ? caller->iid : 0;
  if (caller) caller->n_callees++;
}

void instance_start(Kernel *k, Inst *in) {
  lua_State *L = vm_lua(k->vm);
  Conv *c = k->turn.conv;
  if (!in->started) in->touched = true;
  /* The newest work goes first: children below their parent, last one deepest.
   */
  for (uint32_t i = in->n_kids; i-- > 0;)
    instance_start(k, conv_inst(c, in->kids[i]->top));
  if (in->started) return;
  in->started = true;
  lua_pushnil(L);
  turn_push(k, L, (Work){ .kind = WORK_START, .iid = in->iid });
}

/* --- removing --- */

static void close_tasks(Kernel *k, lua_State *L, Inst *in) {
  const Conv *c = k->turn.conv;
  for (uint32_t i = c->n_tasks; i-- > 0;)
    if (c->tasks[i].iid == in->iid) run_close(k, L, in, c->tasks[i].id);
}

/* Takes it out of its place's chain. What is uncovered shows in its parent's
 * next drawing; a frame's page is repainted because conv->painted is another's.
 */
static void unlink_place(Conv *c, Inst *in) {
  Kid *kid = in->kid;
  uint32_t *top = conv_place(c, in);
  if (*top == in->iid) {
    if (kid) inst_note_seats(conv_inst(c, in->parent));
    *top = in->below;
  } else {
    Inst *above = conv_inst(c, *top);
    while (above->below != in->iid) above = conv_inst(c, above->below);
    above->below = in->below;
  }
  if (kid && !kid->top && !kid->declared)
    inst_remove_kid(conv_inst(c, in->parent), kid);
}

/* Newest first. */
static void remove_callees(Kernel *k, lua_State *L, Inst *in) {
  const Conv *c = k->turn.conv;
  for (uint32_t i = c->n_insts; in->n_callees && i-- > 0;) {
    if (i >= c->n_insts) i = c->n_insts - 1;
    if (c->insts[i]->caller == in->iid) instance_remove(k, L, c->insts[i]->iid);
  }
}

void instance_restart(Kernel *k, lua_State *L, Inst *in) {
  remove_callees(k, L, in);
  close_tasks(k, L, in);
  later_forget_inst(k->turn.conv, L, in->iid);
  in->started = false;
  instance_start(k, in);
}

void instance_remove(Kernel *k, lua_State *L, uint32_t iid) {
  Conv *c = k->turn.conv;
  Inst *in = conv_inst(c, iid);
  if (!in || in->dying) return;
  luaL_checkstack(L, 8, "too many instances");
  in->dying = true;
  remove_callees(k, L, in);
  while (in->n_kids) {
    Kid *kid = in->kids[in->n_kids - 1];
    if (!kid->top)
      inst_remove_kid(in, kid);
    else
      instance_remove(k, L, kid->top);
  }
  run_stop(k, L, in);
  close_tasks(k, L, in);
  unlink_place(c, in);
  instance_called(c, in, NULL);
  later_forget_inst(c, L, iid);
  conv_release(c, L, in->self);
  conv_release(c, L, in->args);
  conv_release(c, L, in->shown);
  conv_remove(c, in);
}
