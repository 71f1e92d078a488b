/* Coroutines that can wait for the outside, and that the codec can save
 * (S13-S16).
 *
 * A task is a thread that the kernel resumes from its trampoline. Whatever
 * waits (await, sleep, receive, io) ends in coro_wait: it yields with a mark.
 * Inside coroutines of the app's own, our resume and wrap see the mark and
 * yield their own thread in turn, up to the task; the answer travels back down
 * the same way.
 *
 * No Lua frame of ours stands on a suspended stack: only C frames whose
 * continuations are in coro_continuations, so that they can be saved by name.
 */
#ifndef LUA_CORO_H
#define LUA_CORO_H

#include "lua/vm.h"

typedef enum CoroStatus {
  CORO_DONE,   /* returned: its results are on its stack */
  CORO_WAITS,  /* coro_wait was called at some depth */
  CORO_FAILED, /* raised: the error value is on its stack; vm_traceback() has
                  the rest */
} CoroStatus;

/* Replaces the global `coroutine` by ours. */
void coro_open(lua_State *L);

/* Pushes a thread on the main thread's stack and returns it: a fresh one, or
 * one that coro_give kept. The caller anchors it. */
lua_State *coro_take(Vm *vm);
/* Takes back a thread that is done, failed or closed. It is used again only if
 * it came from coro_take and app code never got hold of it; else it is left to
 * the collector. */
void coro_give(Vm *vm, lua_State *co);

/* Resumes a task from outside any other: a fresh one with function and `nargs`
 * arguments on its stack, a waiting one with (true, values...) or (false,
 * error) as its `nargs` values. `nresults` counts what is on its stack
 * afterwards, which the caller pops. A failed task is closed: its __close
 * functions have run, its traceback is kept, and its thread can be given back.
 */
CoroStatus coro_run(Vm *vm, lua_State *co, int nargs, int *nresults);

/* Does app code run in a task just now? Its thread, or NULL. */
lua_State *coro_task(Vm *vm);

/* NULL when L may wait, else why not, as the end of a sentence ("inside
 * table.sort: a C function that cannot be suspended"). Checks every thread up
 * to the task and the ban below. */
const char *coro_cannot_wait(lua_State *L);
/* While set, waiting raises "cannot wait in <where>": "render", "init" ... NULL
 * allows it again. Returns what was set. */
const char *coro_ban(Vm *vm, const char *where);
const char *coro_banned(const Vm *vm); /* what is set */

/* Ends the task's part of this turn: `return coro_wait(L)` from a C function,
 * whose caller gets the values the task is resumed with. Its own stack is
 * cleared first. Raises when L cannot wait: who notes elsewhere what is waited
 * for asks coro_cannot_wait before. */
int coro_wait(lua_State *L);

/* The function that coroutine.wrap's results are closures of: upvalue 1 is the
 * coroutine, and no name in package.loaded leads to it. */
int coro_wrapped(lua_State *L);

/* Is this thread suspended by coro_wait (at its own level or in one below)? */
bool coro_is_parked(lua_State *co);

/* Closes the to-be-closed variables of a waiting task and of the coroutines
 * that wait below it, innermost first, and leaves it dead. They may not wait,
 * and outside of a turn have a small budget of their own. CORO_DONE, or
 * CORO_FAILED with the error value on its stack. */
CoroStatus coro_close(Vm *vm, lua_State *co);

/* Every continuation of ours that can stand on a suspended stack, by its saved
 * name. Ends with a NULL name. The context of all of them is 0: what they need
 * is on the stack. */
typedef struct CoroContinuation {
  const char *name;
  lua_KFunction k;
  bool calls; /* it goes on when what it called returns; the others wait
                 themselves, as a stack's innermost frame */
  int below;  /* values it counts on, below what was called */
} CoroContinuation;
extern const CoroContinuation coro_continuations[];

#endif
