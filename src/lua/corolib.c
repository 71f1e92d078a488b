/* The library `coroutine` as app code sees it.
 *
 * It behaves like Lua's own, with these differences. What waits inside a
 * coroutine parks it: resume and wrap yield their own thread in turn (coro.c).
 * A parked coroutine is "normal", for the task it is part of goes on with it:
 * resuming or closing it raises. A task is no coroutine of the app's: it cannot
 * yield, and coroutine.running says of it what Lua says of the main thread. */
#include "lua/coro.h"
#include "lua/guts.h"
#include "lua/state.h"

#include <lauxlib.h>

typedef enum Step {
  STEP_VALUES, /* ended or yielded: its values are on L's stack */
  STEP_ERROR,  /* the error value is on L's stack */
  STEP_PARKED, /* it waits: L must yield too */
} Step;

static lua_State *check_coroutine(lua_State *L, int idx) {
  lua_State *co = lua_tothread(L, idx);
  luaL_argexpected(L, co, idx, "coroutine");
  return co;
}

/* Resumes `co` with the `nargs` values on top of L; `*n` counts what is there
 * afterwards instead. */
static Step step(lua_State *L, lua_State *co, int nargs, int *n) {
  Vm *vm = vm_of(L);
  *n = 1;
  if (budget_charge(vm)) budget_raise(L);
  if (!lua_checkstack(co, nargs)) {
    lua_pushliteral(L, "too many arguments to resume");
    return STEP_ERROR;
  }
  lua_xmove(L, co, nargs);
  Link link = { co, vm->link };
  vm->link = &link;
  budget_arm(co);
  int nres;
  int status = lua_resume(co, L, nargs, &nres);
  vm->link = link.up;
  if (vm->budget.doom || vm->budget.pending) budget_arm(L);
  if (status == LUA_YIELD && coro_is_parked(co)) return STEP_PARKED;
  if (status == LUA_OK || status == LUA_YIELD) {
    if (!lua_checkstack(L, nres + 1)) {
      lua_pop(co, nres);
      lua_pushliteral(L, "too many results to resume");
      return STEP_ERROR;
    }
    lua_xmove(co, L, nres);
    *n = nres;
    return STEP_VALUES;
  }
  lua_xmove(co, L, 1);
  return STEP_ERROR;
}

static void refuse_parked(lua_State *L, lua_State *co, const char *what) {
  if (coro_is_parked(co))
    luaL_error(
        L,
        "cannot %s a coroutine that waits: the code that resumed it goes on "
        "with it",
        what);
}

/* --- resume: the coroutine stays in slot 1 --- */

static int resume(lua_State *L, lua_State *co, int nargs) {
  int n;
  switch (step(L, co, nargs, &n)) {
  case STEP_PARKED:
    lua_settop(L, 1);
    return lua_yieldk(L, 0, 0, corolib_k_resume);
  case STEP_VALUES:
    lua_pushboolean(L, 1);
    lua_insert(L, -(n + 1));
    return n + 1;
  case STEP_ERROR: break;
  }
  lua_pushboolean(L, 0);
  lua_insert(L, -2);
  return 2;
}

int corolib_k_resume(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  return resume(L, check_coroutine(L, 1), lua_gettop(L) - 1);
}

static int f_resume(lua_State *L) {
  lua_State *co = check_coroutine(L, 1);
  refuse_parked(L, co, "resume");
  return resume(L, co, lua_gettop(L) - 1);
}

/* --- wrap: the coroutine is upvalue 1 --- */

/* Raises the error value on top of L, which ended `co` or was raised by the
 * attempt to resume it. */
static int raise_through_wrap(lua_State *L, lua_State *co) {
  int status = lua_status(co);
  if (status != LUA_OK && status != LUA_YIELD) {
    trace_capture(L, -1, co, 0);
    status = coro_closethread(co, L);
    ASSERT(status != LUA_OK);
    lua_xmove(co, L,
              1); /* value, and what it is after closing: often the same */
    trace_carry(L, -2, -1);
    lua_remove(L, -2);
  }
  if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
    luaL_where(L, 1);
    lua_pushvalue(L, -2);
    lua_concat(L, 2); /* value where..value */
    trace_carry(L, -2, -1);
    lua_remove(L, -2);
  }
  return lua_error(L);
}

static int call_wrapped(lua_State *L, lua_State *co) {
  int n;
  switch (step(L, co, lua_gettop(L), &n)) {
  case STEP_PARKED:
    lua_settop(L, 0);
    return lua_yieldk(L, 0, 0, corolib_k_wrap);
  case STEP_VALUES: return n;
  case STEP_ERROR: break;
  }
  return raise_through_wrap(L, co);
}

int corolib_k_wrap(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  return call_wrapped(L, check_coroutine(L, lua_upvalueindex(1)));
}

int coro_wrapped(lua_State *L) {
  lua_State *co = check_coroutine(L, lua_upvalueindex(1));
  refuse_parked(L, co, "resume");
  return call_wrapped(L, co);
}

/* --- the rest --- */

static int f_create(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_State *co = lua_newthread(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  return 1;
}

static int f_wrap(lua_State *L) {
  f_create(L);
  lua_pushcclosure(L, coro_wrapped, 1);
  return 1;
}

static int f_yield(lua_State *L) {
  if (L == vm_of(L)->task)
    return luaL_error(
        L, "coroutine.yield outside of a coroutine: a task ends its part "
           "with s.await, s.sleep, s.receive or s.io");
  if (!lua_isyieldable(L) && L != vm_of(L)->L)
    return luaL_error(L, "cannot yield %s", coro_why_not(L));
  return lua_yield(L, lua_gettop(L));
}

static const char *status_of(lua_State *L, lua_State *co) {
  if (L == co) return "running";
  switch (lua_status(co)) {
  case LUA_YIELD: return coro_is_parked(co) ? "normal" : "suspended";
  case LUA_OK: {
    lua_Debug ar;
    if (lua_getstack(co, 0, &ar)) return "normal"; /* it runs, below L */
    return lua_gettop(co) == 0 ? "dead" : "suspended";
  }
  default: return "dead"; /* by an error */
  }
}

static int f_status(lua_State *L) {
  lua_pushstring(L, status_of(L, check_coroutine(L, 1)));
  return 1;
}

static int f_isyieldable(lua_State *L) {
  lua_State *co = lua_isnone(L, 1) ? L : check_coroutine(L, 1);
  lua_pushboolean(L, co != vm_of(L)->task && lua_isyieldable(co));
  return 1;
}

static int f_running(lua_State *L) {
  bool is_task = L == vm_of(L)->task;
  if (is_task) coro_known(L);
  bool is_main = lua_pushthread(L);
  lua_pushboolean(L, is_main || is_task);
  return 2;
}

static int f_close(lua_State *L) {
  lua_State *co = check_coroutine(L, 1);
  refuse_parked(L, co, "close");
  const char *status = status_of(L, co);
  if (strcmp(status, "dead") != 0 && strcmp(status, "suspended") != 0)
    return luaL_error(L, "cannot close a %s coroutine", status);
  if (budget_charge(vm_of(L))) budget_raise(L);
  if (coro_closethread(co, L) == LUA_OK) {
    lua_pushboolean(L, 1);
    return 1;
  }
  lua_pushboolean(L, 0);
  lua_xmove(co, L, 1);
  return 2;
}

void coro_open(lua_State *L) {
  static const luaL_Reg functions[] = {
    { "create", f_create },   { "resume", f_resume },
    { "wrap", f_wrap },       { "yield", f_yield },
    { "status", f_status },   { "isyieldable", f_isyieldable },
    { "running", f_running }, { "close", f_close },
    { NULL, NULL },
  };
  luaL_newlib(L, functions);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_pushvalue(L, -2);
  lua_setfield(L, -2, "coroutine");
  lua_pop(L, 1);
  lua_setglobal(L, "coroutine");
  coro_open_pool(L);
  Vm *vm = vm_of(L);
  size_t n = 0;
  while (vm->yields[n]) n++;
  vm->yields[n++] = f_resume;
  vm->yields[n++] = coro_wrapped;
  ASSERT(n < countof(vm->yields));
}
