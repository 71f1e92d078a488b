/* Places: who is called takes one, and leaves it with an answer, for another,
 * or because it is no longer wanted.
 *
 *   call, await    cover the caller's place, or one in a slot of it
 *   answer         leave; the caller gets a value, or an error
 *   become         leave the place, and the caller, to another
 *   cancel         nobody waits for it any more
 *
 * The chains in places say what shows; the callers form a tree of their own
 * (S9). */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "kernel/state.h"

/* --- calling --- */

/* The place that a callee of `in` takes: in opts.slot, else the caller's own
 * (NULL is the page). */
static Kid *place_for(Kernel *k, lua_State *L, Inst *in, int opts,
                      uint32_t *parent) {
  *parent = in->parent;
  if (lua_isnoneornil(L, opts)) return in->kid;
  if (lua_getfield(L, opts, "slot") == LUA_TNIL) {
    lua_pop(L, 1);
    return in->kid;
  }
  Slice slot;
  slot.ptr = lua_tolstring(L, -1, &slot.len);
  if (!def_get(k, L, in->def, "render"))
    luaL_error(L,
               "\"%s\" draws nothing, so it has no slot \"%s\" for the "
               "callee",
               in->def->id, slot.ptr);
  Kid *kid = inst_kid(in, slot, NULL);
  if (!kid) {
    inst_note_seats(in);
    kid = inst_add_kid(in, slot, NULL);
  }
  lua_pop(L, 2);
  *parent = in->iid;
  return kid;
}

/* It is no effect that a handler can return, so only s.await gets here. */
#define AWAIT "s.await"

static void check_opts(lua_State *L, int idx, const char *of) {
  bool waits = strcmp(of, AWAIT) == 0;
  if (lua_isnoneornil(L, idx)) return;
  if (!lua_istable(L, idx))
    luaL_error(L, "%s: options are a table, not a %s", of,
               luaL_typename(L, idx));
  for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1)) {
    const char *name = luaL_tolstring(L, -2, NULL);
    bool is_slot = strcmp(name, "slot") == 0;
    if (!is_slot && !(waits && strcmp(name, "timeout") == 0))
      luaL_error(L, "%s: there is no option \"%s\" (slot%s)", of, name,
                 waits ? ", timeout" : "");
    if (is_slot && lua_type(L, -2) != LUA_TSTRING)
      luaL_error(L, "%s: the option slot must be a string, not a %s", of,
                 luaL_typename(L, -2));
    if (!is_slot) timer_ms(L, -2, AWAIT ": the option timeout");
    lua_pop(L, 1);
  }
}

static void check_embed(Kernel *k, lua_State *L, int idx, const char *of) {
  embed_resolve(k, L, idx, of);
  lua_pop(L, 1);
}

void check_call(Kernel *k, lua_State *L, const Inst *in, int first) {
  check_embed(k, L, first, "call");
  if (!lua_isnoneornil(L, first + 1))
    effect_check_event(k, L, in, first + 1, "call");
  check_opts(L, first + 2, "call");
}

void check_await(Kernel *k, lua_State *L, const Inst *in, int first) {
  (void)in;
  check_embed(k, L, first, AWAIT);
  check_opts(L, first + 1, AWAIT);
}

void check_become(Kernel *k, lua_State *L, const Inst *in, int first) {
  (void)in;
  check_embed(k, L, first, "become");
}

static size_t count_frames(const Conv *c) {
  size_t n = 0;
  for (uint32_t f = c->top; f; f = conv_inst(c, f)->below) n++;
  return n;
}

static Inst *call(Kernel *k, lua_State *L, Inst *in, int embed, int opts,
                  const char *of) {
  Conv *c = k->turn.conv;
  check_opts(L, opts, of);
  uint32_t parent;
  Kid *kid = place_for(k, L, in, opts, &parent);
  if (!parent && c->n_insts >= CONV_FRAMES_MAX &&
      count_frames(c) >= CONV_FRAMES_MAX)
    luaL_error(L,
               "%d frames are on the stack: does \"%s\" call itself without "
               "end?",
               CONV_FRAMES_MAX, in->def->id);
  Inst *callee = instance_make(k, L, embed, parent);
  instance_place(c, callee, kid);
  instance_called(c, callee, in);
  instance_start(k, callee);
  return callee;
}

void fold_call(Kernel *k, lua_State *L, Origin o, int effect) {
  lua_rawgeti(L, effect, 2);
  lua_rawgeti(L, effect, 3);
  lua_rawgeti(L, effect, 4);
  int embed = lua_gettop(L) - 2;
  const char *event = NULL;
  if (!lua_isnil(L, embed + 1)) event = effect_event_name(L, embed + 1, "call");
  Inst *callee = call(k, L, o.in, embed, embed + 2, "call");
  if (event) callee->event = xstrdup(event);
}

void fold_await(Kernel *k, lua_State *L, Origin o, int effect) {
  lua_rawgeti(L, effect, 2);
  lua_rawgeti(L, effect, 3);
  int embed = lua_gettop(L) - 1;
  Inst *callee = call(k, L, o.in, embed, embed + 1, AWAIT);
  callee->caller_task = o.task;
  conv_task(k->turn.conv, o.task)->awaits = callee->iid;
  if (lua_isnil(L, embed + 1)) return;
  lua_getfield(L, embed + 1, "timeout");
  timer_for_task(k, L, o.in->iid, o.task, lua_gettop(L), AWAIT);
}

/* --- answering --- */

/* The place of a declared child that was not called: it answers to its parent.
 */
static Kid *declared_place(const Inst *in) {
  return in->kid && in->kid->declared && !in->caller ? in->kid : NULL;
}

static bool has_error_event(Kernel *k, lua_State *L, const Inst *in,
                            const char *event) {
  lua_pushfstring(L, "%s_error", event);
  bool has = def_handler(k, L, in->def, slice_str(lua_tostring(L, -1)));
  lua_pop(L, 2);
  return has;
}

bool effect_takes_error(Kernel *k, lua_State *L, const Inst *in) {
  Conv *c = k->turn.conv;
  Kid *kid = declared_place(in);
  if (kid) return has_error_event(k, L, conv_inst(c, in->parent), kid->slot);
  if (!in->caller) return false;
  if (in->caller_task) return true;
  return in->event &&
         has_error_event(k, L, conv_inst(c, in->caller), in->event);
}

void effect_finish(Kernel *k, lua_State *L) {
  Conv *c = k->turn.conv;
  k->turn.finished = true;
  while (c->top) instance_remove(k, L, c->top);
}

void effect_answer(Kernel *k, lua_State *L, Inst *in, bool ok) {
  Conv *c = k->turn.conv;
  int value = lua_gettop(L);
  Kid *kid = declared_place(in);
  uint32_t iid = in->iid, caller = in->caller, task = in->caller_task;
  if (!ok && (caller || kid) && !effect_takes_error(k, L, in)) {
    lua_settop(L, value);
    lua_error(L); /* nobody takes it: the turn fails with this very error */
  }
  if (kid) { /* it stays; its parent hears of it */
    lua_pushfstring(L, ok ? "%s" : "%s_error", kid->slot);
    effect_push_event(L, lua_tostring(L, -1), value, kid->slot, kid->key, iid);
    if (kid->is_number && lua_stringtonumber(L, kid->key))
      lua_setfield(L, -2, "key");
    turn_push(k, L, (Work){ .kind = WORK_EVENT, .iid = in->parent });
  } else if (!caller) {
    effect_finish(k, L);
  } else if (task) {
    lua_pushvalue(L, value); /* below what `stop` asks for, which comes first */
    turn_push(k, L, (Work){ WORK_RESUME, caller, task, ok, NULL, false });
    instance_remove(k, L, iid);
  } else {
    char *event = in->event;
    in->event = NULL;
    if (event)
      lua_pushfstring(L, ok ? "%s" : "%s_error", event);
    else
      lua_pushnil(L);
    free(event);
    if (!lua_isnil(L, -1)) {
      effect_push_event(L, lua_tostring(L, -1), value, NULL, NULL, iid);
      turn_push(k, L, (Work){ .kind = WORK_EVENT, .iid = caller });
    } else {
      conv_inst(c, caller)->touched = true;
    }
    instance_remove(k, L, iid);
  }
  lua_settop(L, value - 1);
}

void fold_answer(Kernel *k, lua_State *L, Origin o, int effect) {
  lua_rawgeti(L, effect, 2);
  effect_answer(k, L, o.in, true);
}

void fold_answer_error(Kernel *k, lua_State *L, Origin o, int effect) {
  lua_rawgeti(L, effect, 2);
  effect_answer(k, L, o.in, false);
}

void fold_become(Kernel *k, lua_State *L, Origin o, int effect) {
  Conv *c = k->turn.conv;
  Inst *old = o.in;
  lua_rawgeti(L, effect, 2);
  Inst *in = instance_make(k, L, lua_gettop(L), old->parent);
  Inst *caller = conv_inst(c, old->caller);
  instance_called(c, in, caller);
  in->caller_task = old->caller_task;
  in->event = old->event;
  old->event = NULL;
  instance_called(c, old, NULL);
  old->caller_task = 0;
  Task *t = in->caller_task ? conv_task(c, in->caller_task) : NULL;
  if (t) t->awaits = in->iid;
  /* On top of the old one, which then leaves from below it. */
  in->kid = old->kid;
  in->below = old->iid;
  uint32_t *top = conv_place(c, old);
  if (*top == old->iid) {
    if (in->kid) inst_note_seats(conv_inst(c, in->parent));
    *top = in->iid;
  } else {
    Inst *above = conv_inst(c, *top);
    while (above->below != old->iid) above = conv_inst(c, above->below);
    above->below = in->iid;
  }
  instance_remove(k, L, old->iid);
  instance_start(k, in);
}

/* --- cancelling --- */

void check_cancel(Kernel *k, lua_State *L, const Inst *in, int first) {
  (void)k, (void)in;
  if (!lua_isnoneornil(L, first) && lua_type(L, first) != LUA_TSTRING)
    luaL_error(L, "cancel: a slot's name is a string, not a %s",
               luaL_typename(L, first));
}

/* The newest that `in` has called to a place, or NULL. */
static Inst *called_there(const Conv *c, const Inst *in, uint32_t top) {
  Inst *there = conv_inst(c, top);
  while (there && there->caller != in->iid) there = conv_inst(c, there->below);
  return there;
}

/* Newest first; the code that waits for one is closed behind it. */
void fold_cancel(Kernel *k, lua_State *L, Origin o, int effect) {
  const Conv *c = k->turn.conv;
  Inst *in = o.in;
  int arg = effect_args(L, effect, 1);
  check_cancel(k, L, in, arg);
  for (;;) {
    uint32_t top = in->kid ? in->kid->top : c->top;
    if (!lua_isnil(L, arg)) {
      const Kid *kid = inst_kid(in, slice_str(lua_tostring(L, arg)), NULL);
      top = kid ? kid->top : 0;
    }
    const Inst *callee = called_there(c, in, top);
    if (!callee) return;
    uint32_t task = callee->caller_task;
    instance_remove(k, L, callee->iid);
    if (task) run_close(k, L, in, task);
  }
}

/* --- ending --- */

void fold_finish(Kernel *k, lua_State *L, Origin o, int effect) {
  (void)o, (void)effect;
  effect_finish(k, L);
}
