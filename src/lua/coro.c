/* Tasks and waiting.
 *
 *     kernel        coro_run(task) <-- CORO_WAITS
 *       |                ^
 *     task thread    f, resume|wrap         parked: its innermost frame is our
 *       |                ^                  resume or wrap, with continuation
 *     inner thread   g, resume|wrap         parked, likewise
 *       |                ^
 *     innermost      h, await               parked: continuation "wait"
 *
 * coro_wait yields the innermost thread. Whoever resumed it finds it parked and
 * yields its own thread in turn, until coro_run has the task back. To go on,
 * coro_run resumes the task; each continuation resumes the thread below it with
 * the same values, and the innermost returns or raises them.
 *
 * That a thread is parked is seen from its innermost frame alone (a C function
 * whose continuation is one of the three), so a thread made from saved bytes is
 * as good as one that never left. Each of those frames holds what it needs on
 * the stack: resume its coroutine in slot 1, wrap in its upvalue, wait nothing.
 *
 * Who resumed whom is a list of Links on the C stack. It is whole while app
 * code runs, because every resume is one of ours; a C module that resumes a
 * thread itself breaks it, and waiting in there is refused. */
#include "lua/coro.h"
#include "lua/guts.h"
#include "lua/state.h"

#include <lauxlib.h>
#include <stdio.h>

static const char key_pool; /* registry key: ended threads, a list */
static const char
    key_fresh; /* registry key: thread -> true while only we know it */

const CoroContinuation coro_continuations[] = {
  { "wait", coro_k_wait, false, 0 },
  { "resume", corolib_k_resume, false, 0 },
  { "wrap", corolib_k_wrap, false, 0 },
  { "dofile", safelib_k_dofile, true, 1 },
  { NULL, NULL, false, 0 },
};

/* --- parked threads --- */

bool coro_is_parked(lua_State *co) {
  lua_KFunction k = guts_continuation(co);
  return k == coro_k_wait || k == corolib_k_resume || k == corolib_k_wrap;
}

/* The thread that a parked one waits for, or NULL if it is the innermost. */
lua_State *coro_inner(lua_State *co) {
  lua_KFunction k = guts_continuation(co);
  if (k == corolib_k_resume) return guts_slot_thread(co);
  if (k == corolib_k_wrap) return guts_upvalue_thread(co);
  return NULL;
}

lua_State *coro_task(Vm *vm) { return vm->task; }

/* --- may it wait? --- */

/* Pushes the name under which package.loaded holds the function on top, or nil,
 * in the function's place. */
static void replace_by_name(lua_State *L) {
  int f = lua_gettop(L);
  luaL_checkstack(L, 8, "no room to name a function");
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_pushnil(L);
  while (lua_next(L, f + 1)) { /* f loaded module-name module */
    if (lua_type(L, f + 2) == LUA_TSTRING && lua_istable(L, f + 3)) {
      lua_pushnil(L);
      while (lua_next(L, f + 3)) { /* ... name value */
        if (lua_type(L, f + 4) == LUA_TSTRING && lua_rawequal(L, f, f + 5)) {
          const char *module = lua_tostring(L, f + 2);
          if (strcmp(module, LUA_GNAME) == 0)
            lua_pushvalue(L, f + 4);
          else
            lua_pushfstring(L, "%s.%s", module, lua_tostring(L, f + 4));
          lua_replace(L, f);
          lua_settop(L, f);
          return;
        }
        lua_pop(L, 1);
      }
    }
    lua_pop(L, 1);
  }
  lua_pushnil(L);
  lua_replace(L, f);
  lua_settop(L, f);
}

static bool can_yield(const Vm *vm, lua_CFunction f) {
  for (size_t i = 0; i < countof(vm->yields) && vm->yields[i]; i++)
    if (vm->yields[i] == f) return true;
  return false;
}

/* Lua only counts its calls that cannot be suspended. The innermost C function
 * that called something, and is none that can be suspended, is the one. */
const char *coro_why_not(lua_State *L) {
  Vm *vm = vm_of(L);
  lua_Debug ar;
  for (int level = 1; lua_getstack(L, level, &ar); level++) {
    if (guts_runs_finalizer(&ar)) return "inside __gc";
    lua_getinfo(L, "Sfn", &ar);
    bool is_culprit = *ar.what == 'C' && !can_yield(vm, lua_tocfunction(L, -1));
    if (!is_culprit) {
      lua_pop(L, 1);
      continue;
    }
    replace_by_name(L);
    const char *name = lua_tostring(L, -1);
    if (!name && strcmp(ar.namewhat, "for iterator") == 0)
      name = "the iterator of a for loop"; /* ipairs', by an __index */
    if (!name) name = ar.name ? ar.name : "a C function";
    snprintf(vm->reason, sizeof vm->reason,
             "inside %.60s: a C function that cannot be suspended", name);
    lua_pop(L, 1);
    return vm->reason;
  }
  return "inside a __close that runs while its coroutine is closed";
}

const char *coro_cannot_wait(lua_State *L) {
  Vm *vm = vm_of(L);
  if (vm->ban) {
    snprintf(vm->reason, sizeof vm->reason, "in %.100s", vm->ban);
    return vm->reason;
  }
  if (!vm->task) return "outside of a conversation's own code";
  if (vm->link->thread != L)
    return "inside a coroutine that a C module resumed";
  for (const Link *link = vm->link;; link = link->up) {
    if (!lua_isyieldable(link->thread)) return coro_why_not(link->thread);
    if (link->thread == vm->task) return NULL;
  }
}

const char *coro_ban(Vm *vm, const char *where) {
  const char *before = vm->ban;
  vm->ban = where;
  return before;
}

const char *coro_banned(const Vm *vm) { return vm->ban; }

int coro_k_wait(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  if (lua_toboolean(L, 1)) return lua_gettop(L) - 1;
  lua_settop(L, 2);
  trace_carry(L, 2, 2);
  return lua_error(L);
}

int coro_wait(lua_State *L) {
  const char *reason = coro_cannot_wait(L);
  if (reason) return luaL_error(L, "cannot wait %s", reason);
  if (vm_of(L)->budget.doom && vm_of(L)->budget.active) budget_raise(L);
  lua_settop(L, 0);
  return lua_yieldk(L, 0, 0, coro_k_wait);
}

/* --- tasks --- */

void coro_open_pool(lua_State *L) {
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &key_pool);
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "k");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &key_fresh);
}

/* The app got hold of this task's thread: see is_ours_alone. */
void coro_known(lua_State *co) {
  lua_rawgetp(co, LUA_REGISTRYINDEX, &key_fresh);
  lua_pushthread(co);
  lua_pushnil(co);
  lua_rawset(co, -3);
  lua_pop(co, 1);
}

lua_State *coro_take(Vm *vm) {
  lua_State *L = vm->L;
  luaL_checkstack(L, 3, "no room for a thread");
  lua_State *co;
  if (vm->n_pool > 0) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &key_pool);
    lua_rawgeti(L, -1, vm->n_pool);
    lua_pushnil(L);
    lua_rawseti(L, -3, vm->n_pool--);
    lua_remove(L, -2);
    co = lua_tothread(L, -1);
    ASSERT(co && guts_is_fresh(co) && lua_gettop(co) == 0);
  } else {
    co = lua_newthread(L);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &key_fresh);
    lua_pushvalue(L, -2);
    lua_pushboolean(L, 1);
    lua_rawset(L, -3);
    lua_pop(L, 1);
  }
  return co;
}

/* Does anybody else know this thread? Then it must never live a second life:
 * what they hold would be somebody else's task. coroutine.running tells;
 * threads that we did not make (the codec's) may be held from anywhere. */
static bool is_ours_alone(Vm *vm, lua_State *co) {
  lua_State *L = vm->L;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &key_fresh);
  lua_pushthread(co);
  lua_xmove(co, L, 1);
  bool ours = lua_rawget(L, -2) != LUA_TNIL;
  lua_pop(L, 2);
  return ours;
}

void coro_give(Vm *vm, lua_State *co) {
  lua_State *L = vm->L;
  luaL_checkstack(L, 3, "no room for a thread");
  ASSERT(co != vm->task && co != L);
  if (lua_status(co) != LUA_OK || !guts_is_fresh(co)) return;
  lua_settop(co, 0);
  if (vm->n_pool >= CORO_POOL_MAX || !is_ours_alone(vm, co)) return;
  guts_forget(co);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &key_pool);
  lua_pushthread(co);
  lua_xmove(co, L, 1);
  lua_rawseti(L, -2, ++vm->n_pool);
  lua_pop(L, 1);
}

/* Closes `co`: its __close functions are app code that runs on it. */
int coro_closethread(lua_State *co, lua_State *from) {
  Vm *vm = vm_of(co);
  Link link = { co, vm->link };
  vm->link = &link;
  budget_arm(co);
  int status = lua_closethread(co, from);
  vm->link = link.up;
  if (vm->budget.doom || vm->budget.pending) budget_arm(from);
  return status;
}

/* Closes a thread nobody runs, with a budget if the turn has none left. */
static int close_quietly(Vm *vm, lua_State *co) {
  const char *ban = coro_ban(vm, "__close");
  Borrowed borrowed = budget_borrow(vm);
  int status = coro_closethread(co, vm->link->thread);
  budget_unborrow(vm, &borrowed);
  coro_ban(vm, ban);
  return status;
}

CoroStatus coro_run(Vm *vm, lua_State *co, int nargs, int *nresults) {
  ASSERT(!vm->task);
  lua_State *from = vm->link->thread;
  Link link = { co, vm->link };
  budget_charge(vm);
  budget_arm(co);
  vm->link = &link;
  vm->task = co;
  int status = lua_resume(co, from, nargs, nresults);
  vm->task = NULL;
  vm->link = link.up;
  if (status == LUA_OK) return CORO_DONE;
  if (status == LUA_YIELD) {
    if (coro_is_parked(co)) return CORO_WAITS;
    /* Only a C module can do this: our coroutine.yield refuses. */
    close_quietly(vm, co);
    lua_settop(co, 0);
    lua_pushliteral(
        co, "a C function yielded from a task: only s.await and its kin "
            "can wait there");
    trace_clear(vm);
  } else {
    luaL_checkstack(from, 3, "no room for a traceback");
    lua_xmove(co, from, 1); /* a dead thread has no room to push on */
    trace_capture(from, -1, co, 0);
    lua_xmove(from, co, 1);
    close_quietly(vm, co);
  }
  *nresults = 1;
  return CORO_FAILED;
}

/* The threads below go first, as they would if the task were one stack. The
 * first error is the task's. */
CoroStatus coro_close(Vm *vm, lua_State *co) {
  ASSERT(co != vm->task);
  enum { DEEPEST = 256 }; /* more than Lua lets resume one another */
  lua_State *chain[DEEPEST], *from = vm->link->thread;
  int n = 0;
  for (lua_State *at = co; at && n < DEEPEST && coro_is_parked(at);
       at = coro_inner(at))
    chain[n++] = at;
  if (n == 0) chain[n++] = co; /* not started, or ended */
  int top = lua_gettop(from);
  luaL_checkstack(from, DEEPEST, "no room to close a task");
  while (n-- > 0) {
    bool failed = close_quietly(vm, chain[n]) != LUA_OK;
    if (failed) lua_xmove(chain[n], from, 1);
    lua_settop(chain[n], 0);
  }
  if (lua_gettop(from) == top) return CORO_DONE;
  lua_settop(from, top + 1);
  lua_xmove(from, co, 1);
  return CORO_FAILED;
}
