/* Running app code: each run is a coroutine, from its start or from where it
 * waited, to its end or to where it waits. What it called becomes work. */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "kernel/state.h"
#include "lua/coro.h"

/* Moves what the code called since it began or last waited onto the work stack.
 */
static void push_effects(Kernel *k, lua_State *L, uint32_t iid, uint32_t task) {
  Turn *t = &k->turn;
  lua_rawgeti(L, LUA_REGISTRYINDEX, k->effects_ref);
  for (uint32_t i = t->n_effects; i >= 1; i--) {
    lua_rawgeti(L, -1, i);
    turn_push(k, L, (Work){ .kind = WORK_EFFECT, .iid = iid, .task = task });
    lua_pushnil(L);
    lua_rawseti(L, -2, i);
  }
  lua_pop(L, 1);
  t->n_effects = 0;
}

static uint32_t count_tasks(const Conv *c, uint32_t iid) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < c->n_tasks; i++) n += c->tasks[i].iid == iid;
  return n;
}

typedef struct Run {
  uint32_t iid;
  uint32_t task; /* 0: it has not waited yet */
  bool is_body;
  const char *where;
} Run;

/* The code waits: it becomes a task, if it is none yet. */
static void run_waits(Kernel *k, lua_State *L, int co, Run *r) {
  Conv *c = k->turn.conv;
  if (!r->task) {
    if (count_tasks(c, r->iid) >= INST_TASKS_MAX)
      luaL_error(L,
                 "%s: %d tasks of this instance wait already (is a button "
                 "that awaits clicked again and again?)",
                 r->where, INST_TASKS_MAX);
    if (c->n_tasks >= CONV_TASKS_MAX)
      luaL_error(L, "%s: %d tasks of this conversation wait already", r->where,
                 CONV_TASKS_MAX);
    lua_pushvalue(L, co);
    uint32_t thread = conv_keep(c, L);
    Task *t = conv_add_task(c, r->iid);
    t->thread = thread;
    t->is_body = r->is_body;
    r->task = t->id;
  }
  push_effects(k, L, r->iid, r->task);
}

static void drop_task(Kernel *k, lua_State *L, const Run *r) {
  if (!r->task) return;
  Conv *c = k->turn.conv;
  later_forget_task(c, L, r->task);
  conv_release(c, L, conv_task(c, r->task)->thread);
  conv_remove_task(c, r->task);
}

static void run_done(Kernel *k, lua_State *L, lua_State *co, int n, Run *r) {
  drop_task(k, L, r);
  if (n == 0)
    lua_pushnil(L);
  else {
    lua_settop(co, lua_gettop(co) - n + 1); /* the first result */
    lua_xmove(co, L, 1);
  }
  coro_give(k->vm, co);
  if (r->is_body) {
    lua_createtable(L, 2, 0);
    lua_pushliteral(L, "answer");
    lua_rawseti(L, -2, 1);
    lua_insert(L, -2);
    lua_rawseti(L, -2, 2);
    effect_append(k, L);
  } else {
    effect_returned(k, L, -1, r->where);
    lua_pop(L, 1);
  }
  push_effects(k, L, r->iid, 0);
}

static void run_failed(Kernel *k, lua_State *L, lua_State *co, Run *r) {
  Conv *c = k->turn.conv;
  lua_xmove(co, L, 1);
  drop_task(k, L, r);
  coro_give(k->vm, co);
  k->turn.n_effects = 0; /* none of a failed stretch */
  Inst *in = conv_inst(c, r->iid);
  bool taken = r->is_body && !budget_doom(k->vm) &&
               effect_takes_error(k, L, in);
  if (taken)
    effect_answer(k, L, in, false);
  else
    turn_fail(k, L, r->iid, r->where, vm_traceback(k->vm));
}

/* What the code has left in `self`, before anything comes of it. */
static void check_shape(Kernel *k, lua_State *L, const Run *r) {
  const Inst *in = conv_inst(k->turn.conv, r->iid);
  if (!in->def->has_shape || k->turn.failed) return;
  conv_push(k->turn.conv, L, in->self);
  if (!shape_holds(k, L, in->def, -1))
    turn_fail(k, L, r->iid, r->where, (Slice){ 0 });
  lua_pop(L, 1);
}

/* Runs the thread at index `co` of L, with `nargs` values on its stack. */
static void run(Kernel *k, lua_State *L, int co_idx, int nargs, Run r) {
  Turn *t = &k->turn;
  lua_State *co = lua_tothread(L, co_idx);
  if (++t->n_resumes > TURN_RESUMES_MAX)
    luaL_error(L,
               "%s: over %d tasks and hooks ran in one turn: does a flow "
               "await without ever showing anything?",
               r.where, TURN_RESUMES_MAX);
  t->iid = r.iid;
  t->task = r.task;
  t->n_effects = 0;
  Inst *in = conv_inst(t->conv, r.iid);
  in->touched = in->asks = true;
  int n = 0;
  switch (coro_run(k->vm, co, nargs, &n)) {
  case CORO_DONE: run_done(k, L, co, n, &r); break;
  case CORO_WAITS: run_waits(k, L, co_idx, &r); break;
  case CORO_FAILED: run_failed(k, L, co, &r); return;
  }
  check_shape(k, L, &r);
}

/* The function of the definition, if it has one, with `self` or a body's args.
 */
static void run_hook(Kernel *k, lua_State *L, Inst *in, const char *name,
                     Run r) {
  const Conv *c = k->turn.conv;
  if (!def_get(k, L, in->def, name)) return;
  int code = lua_gettop(L);
  lua_State *co = coro_take(k->vm);
  int co_idx = lua_gettop(L);
  lua_pushvalue(L, code);
  conv_push(c, L, r.is_body ? in->args : in->self);
  if (lua_isnil(L, -1)) lua_newtable(L), lua_replace(L, -2);
  lua_xmove(L, co, 2);
  run(k, L, co_idx, 1, r);
}

void run_start(Kernel *k, lua_State *L, Inst *in) {
  if (in->def->is_flow)
    run_hook(k, L, in, "body",
             (Run){ .iid = in->iid, .is_body = true, .where = "the flow" });
  else
    run_hook(k, L, in, "start", (Run){ .iid = in->iid, .where = "start" });
}

void run_wakeup(Kernel *k, lua_State *L, Inst *in) {
  run_hook(k, L, in, "wakeup", (Run){ .iid = in->iid, .where = "wakeup" });
}

/* The `ev` table is on top of L. */
void run_event(Kernel *k, lua_State *L, Inst *in) {
  Conv *c = k->turn.conv;
  int ev = lua_gettop(L);
  Slice name;
  lua_getfield(L, ev, "event");
  name.ptr = lua_tolstring(L, -1, &name.len);
  in->touched = in->asks = true;
  if (slice_eq(name, SLICE("-"))) return; /* only what was typed */
  bool is_named = def_handler(k, L, in->def, name);
  if (!is_named && !def_get(k, L, in->def, "handle")) return;
  int code = lua_gettop(L);
  lua_State *co = coro_take(k->vm);
  int co_idx = lua_gettop(L);
  lua_pushvalue(L, code);
  conv_push(c, L, in->self);
  if (is_named) lua_getfield(L, ev, "payload");
  lua_pushvalue(L, ev);
  int nargs = is_named ? 3 : 2;
  lua_xmove(L, co, nargs + 1);
  char where[EVENT_NAME_MAX + 4] = "handle";
  if (is_named) {
    size_t len = name.len < EVENT_NAME_MAX ? name.len : EVENT_NAME_MAX;
    memcpy(where, "on.", 3);
    memcpy(where + 3, name.ptr, len);
    where[3 + len] = '\0';
  }
  run(k, L, co_idx, nargs, (Run){ .iid = in->iid, .where = where });
}

/* The answer is on top of L. */
void run_update(Kernel *k, lua_State *L, Inst *in) {
  int args = lua_gettop(L);
  if (!def_get(k, L, in->def, "update")) return;
  lua_State *co = coro_take(k->vm);
  int co_idx = lua_gettop(L);
  lua_pushvalue(L, args + 1);
  conv_push(k->turn.conv, L, in->self);
  lua_pushvalue(L, args);
  lua_xmove(L, co, 3);
  run(k, L, co_idx, 2, (Run){ .iid = in->iid, .where = "update" });
}

void run_stop(Kernel *k, lua_State *L, Inst *in) {
  Turn *t = &k->turn;
  if (!in->started) return;
  int top = lua_gettop(L);
  if (def_get(k, L, in->def, "stop")) {
    uint32_t was_iid = t->iid;
    t->iid = in->iid;
    t->n_effects = 0;
    conv_push(t->conv, L, in->self);
    const char *was = coro_ban(k->vm, "stop");
    lua_call(L, 1, 0);
    coro_ban(k->vm, was);
    t->iid = was_iid;
    push_effects(k, L, in->iid, 0);
  }
  lua_settop(L, top);
}

void run_close(Kernel *k, lua_State *L, Inst *in, uint32_t task) {
  Turn *t = &k->turn;
  Conv *c = t->conv;
  uint32_t handle = conv_task(c, task)->thread, was_iid = t->iid;
  later_forget_task(c, L, task);
  conv_push(c, L, handle);
  lua_State *co = lua_tothread(L, -1);
  conv_release(c, L, handle);
  conv_remove_task(c, task);
  t->iid = in->iid;
  t->n_effects = 0;
  in->touched = in->asks = true;
  if (coro_close(k->vm, co) == CORO_FAILED) {
    lua_xmove(co, L, 1);
    lua_error(L);
  }
  lua_pop(L, 1);
  t->iid = was_iid;
  push_effects(k, L, in->iid, 0);
}

/* Pushes what the table at `idx` holds, for `co`; how many that are. */
static int push_packed(lua_State *L, lua_State *co, int idx) {
  lua_getfield(L, idx, "n");
  lua_Integer n = lua_tointeger(L, -1);
  lua_pop(L, 1);
  if (n < 0 || n > IO_VALUES_MAX) n = 0;
  luaL_checkstack(L, (int)n + 4, "results");
  if (!lua_checkstack(co, (int)n + 4)) luaL_error(L, "no room for results");
  for (lua_Integer i = 1; i <= n; i++) lua_rawgeti(L, idx, i);
  return (int)n;
}

void run_resume(Kernel *k, lua_State *L, const Work *w) {
  Task *t = conv_task(k->turn.conv, w->task);
  if (!t) return;
  int value = lua_gettop(L);
  t->awaits = 0;
  later_resumed(k->turn.conv, L, w->task);
  conv_push(k->turn.conv, L, t->thread);
  lua_State *co = lua_tothread(L, -1);
  int n = 1;
  lua_pushboolean(L, w->ok);
  if (w->is_packed)
    n = push_packed(L, co, value);
  else
    lua_pushvalue(L, value);
  if (w->why) lua_pushstring(L, w->why), n++;
  lua_xmove(L, co, n + 1);
  run(k, L, value + 1, n + 1,
      (Run){ .iid = w->iid,
             .task = w->task,
             .is_body = t->is_body,
             .where = t->is_body ? "the flow" : "a handler that waited" });
}
