/* What one turn may use: CPU and Lua memory (S17, S18, S19).
 *
 * Past either, the turn is doomed: an error is raised at the next instruction
 * of app code, again after every pcall that swallows it, until all app code has
 * ended. */
#ifndef LUA_BUDGET_H
#define LUA_BUDGET_H

#include "lua/vm.h"

typedef struct BudgetLimits {
  uint64_t cpu_ms; /* CPU of this thread */
  size_t memory;   /* bytes the Lua heap may grow by */
} BudgetLimits;

typedef enum Doom {
  DOOM_NONE,
  DOOM_CPU,
  DOOM_MEMORY,
  DOOM_STOPPED /* budget_interrupt */
} Doom;

typedef struct BudgetUse {
  uint64_t cpu_ns; /* 0 when it was too little to be looked at */
  size_t bytes;
} BudgetUse;

/* From here to budget_stop, app code is counted. They nest, BUDGET_DEPTH_MAX
 * deep: the outer one stands still meanwhile. */
void budget_start(Vm *vm, const BudgetLimits *limits);
/* Ends the count and returns what doomed it, or DOOM_NONE. `use` may be NULL.
 */
Doom budget_stop(Vm *vm, BudgetUse *use);
/* What doomed the one that counts, or after its stop the last one. */
Doom budget_doom(const Vm *vm);
/* "took more than 250 ms of CPU time", "used more than 64 MiB of memory". */
void budget_words(const Vm *vm, Doom doom, char *out, size_t size);

/* Sets the count hook on a thread. Called at every resume (coro.c) and by
 * whoever calls app code on the main thread (vm_call does). Outside of a turn
 * it removes it. */
void budget_arm(lua_State *L);

/* From any thread: what this Vm runs within a budget is doomed at its next look
 * at the clock, and so is all that starts later, until it is taken back. Code
 * that is inside a C function does not notice before that returns. */
void budget_interrupt(Vm *vm, bool stops);

/* Between these (they nest), allocation is neither metered nor refused and
 * nothing is raised: kernel and codec, never app code. The CPU they take is the
 * turn's. */
void budget_exempt_begin(Vm *vm);
void budget_exempt_end(Vm *vm);

#endif
