/* What a turn may use, counted by Lua's count hook and by the allocator.
 *
 * The hook is set on every thread that is resumed; all of them charge one
 * counter, and when enough was charged the thread's CPU clock is read. The
 * clock decides; the counter only says when to look. Slow instructions (each of
 * them a long C call) show as a long time between two looks, and the next looks
 * come sooner. Big allocations are charged too, since clearing and copying them
 * is what they cost.
 *
 * Past the memory cap nothing is refused. The allocator, which may not raise,
 * sets the hook to the next instruction; there everything is collected once, so
 * that garbage does not count, and what is left decides.
 *
 * A doomed turn raises at every instruction of app code (S17), and four things
 * make that certain: a count of 1, or `while true do pcall(loop) end` never
 * ends; no message handler, or `xpcall(loop, loop)` never ends; hooks allowed
 * again, or a loop in
 * __close never ends; no pcall above the C stack, or `pcall` of itself, nested
 * a hundred thousand times, takes minutes to unwind. */
#include "lua/budget.h"
#include "base/clock.h"
#include "lua/guts.h"
#include "lua/state.h"

#include <lauxlib.h>
#include <stdio.h>

#define SLOW_NS 1000000u /* between two looks: then look sooner */
#define SLOW_STRIDE 50   /* instructions between two hooks after that */
#define NEAR_NS 200000u  /* a reading so old is still a turn's start */
#define ALLOC_BYTES_CHARGE \
  64                   /* bytes that cost about as much as an instruction */
#define ALLOC_BIG 1024 /* smaller ones are not charged */

static void on_count(lua_State *L, lua_Debug *ar);

static bool is_counting(const Budget *b) { return b->active && !b->exempt; }

static size_t growth(const Vm *vm) {
  return vm->bytes > vm->budget.base ? vm->bytes - vm->budget.base : 0;
}

static void set_alarm(Vm *vm) {
  Budget *b = &vm->budget;
  bool on = is_counting(b);
  b->request_max = on ? b->limits.memory : SIZE_MAX;
  b->alarm = on && !b->doom ? b->base + b->limits.memory : SIZE_MAX;
}

/* The thread's CPU clock is a system call and the monotonic one is not. Of what
 * was read before, no more CPU time has passed than time. */
static uint64_t cpu_near(Vm *vm) {
  uint64_t now = clock_mono_ns();
  if (now - vm->cpu_read_at > NEAR_NS) {
    vm->cpu_read = clock_cpu_ns();
    vm->cpu_read_at = now;
  }
  return vm->cpu_read;
}

static void begin(Vm *vm, const BudgetLimits *limits) {
  uint64_t now = cpu_near(vm);
  vm->budget = (Budget){
    .active = true,
    .limits = *limits,
    .cpu_start = now,
    .cpu_last = now,
    .every = BUDGET_CLOCK_EVERY,
    .stride = BUDGET_HOOK_EVERY,
    .base = vm->bytes,
    .exempt = vm->budget.exempt,
    .exempt_from = vm->bytes,
  };
  set_alarm(vm);
}

void budget_start(Vm *vm, const BudgetLimits *limits) {
  if (vm->budget.active) {
    ASSERT(vm->n_outer < BUDGET_DEPTH_MAX);
    vm->outer[vm->n_outer++] = (Outer){ vm->budget, clock_cpu_ns(), vm->bytes };
    vm->budget.exempt = 0;
  } else {
    trace_clear(vm); /* a traceback is kept for one turn (S20) */
  }
  begin(vm, limits);
}

/* The one around goes on as if nothing had been in between. */
static void go_on(Vm *vm) {
  const Outer *o = &vm->outer[--vm->n_outer];
  Budget *b = &vm->budget;
  *b = o->budget;
  uint64_t between = clock_cpu_ns() - o->cpu;
  b->cpu_start += between;
  b->cpu_last += between;
  b->base += vm->bytes;
  b->base -= o->bytes < b->base ? o->bytes : b->base;
  set_alarm(vm);
  budget_arm(vm->L);
  budget_arm(vm->link->thread);
}

Doom budget_stop(Vm *vm, BudgetUse *use) {
  Budget *b = &vm->budget;
  ASSERT(b->active);
  if (use) {
    /* The clock is a system call: a turn that was too short to be looked at is
     * not worth one. */
    bool looked = b->cpu_last != b->cpu_start || b->doom;
    use->cpu_ns = looked ? clock_cpu_ns() - b->cpu_start : 0;
    use->bytes = growth(vm);
  }
  Doom doom = b->doom;
  b->active = false;
  set_alarm(vm);
  lua_sethook(vm->L, NULL, 0, 0);
  if (vm->n_outer) go_on(vm);
  return doom;
}

Doom budget_doom(const Vm *vm) { return vm->budget.doom; }

void budget_interrupt(Vm *vm, bool stops) {
  atomic_store_explicit(&vm->interrupted, stops, memory_order_relaxed);
}

void budget_words(const Vm *vm, Doom doom, char *out, size_t size) {
  const BudgetLimits *limits = &vm->budget.limits;
  if (doom == DOOM_NONE)
    snprintf(out, size, "kept within its budget");
  else if (doom == DOOM_STOPPED)
    snprintf(out, size, "was stopped");
  else if (doom == DOOM_CPU)
    snprintf(out, size, "took more than %llu ms of CPU time",
             (unsigned long long)limits->cpu_ms);
  else if (limits->memory % MIB(1) == 0)
    snprintf(out, size, "used more than %zu MiB of memory",
             limits->memory / MIB(1));
  else
    snprintf(out, size, "used more than %zu KiB of memory",
             limits->memory / KIB(1));
}

void budget_arm(lua_State *L) {
  const Budget *b = &vm_of(L)->budget;
  if (!b->active) { /* a thread of a former turn: it need not stop anywhere */
    if (lua_gethook(L) == on_count) lua_sethook(L, NULL, 0, 0);
    return;
  }
  int count = b->doom || b->pending ? 1 : b->stride;
  if (lua_gethook(L) != on_count || lua_gethookcount(L) != count)
    lua_sethook(L, on_count, LUA_MASKCOUNT, count);
}

/* --- the allocator's part --- */

/* Setting a hook is safe even here: Lua lets signal handlers do it. */
static void look_soon(Vm *vm) {
  if (vm->budget.pending || vm->budget.doom) return;
  vm->budget.pending = true;
  lua_sethook(vm->link->thread, on_count, LUA_MASKCOUNT, 1);
}

void budget_grown(Vm *vm, size_t by) {
  Budget *b = &vm->budget;
  if (by >= ALLOC_BIG) {
    b->spent += by / ALLOC_BYTES_CHARGE;
    if (b->spent >= b->every && is_counting(b)) look_soon(vm);
  }
  if (vm->bytes > b->alarm) {
    b->over = true;
    b->alarm = SIZE_MAX;
    look_soon(vm);
  }
}

/* A refusal has cost a full collection: look at the clock at once. */
void budget_refused(Vm *vm) {
  vm->budget.spent += vm->budget.every;
  look_soon(vm);
}

/* --- looking --- */

static void doom(Vm *vm, Doom why) {
  vm->budget.doom = why;
  set_alarm(vm);
}

static void look_at_clock(Vm *vm) {
  Budget *b = &vm->budget;
  uint64_t now = clock_cpu_ns();
  bool slow = now - b->cpu_last > SLOW_NS;
  b->stride = slow ? SLOW_STRIDE : BUDGET_HOOK_EVERY;
  b->every = slow ? SLOW_STRIDE : BUDGET_CLOCK_EVERY;
  b->cpu_last = now;
  b->spent = 0;
  if (now - b->cpu_start >= b->limits.cpu_ms * 1000000u) doom(vm, DOOM_CPU);
  if (atomic_load_explicit(&vm->interrupted, memory_order_relaxed))
    doom(vm, DOOM_STOPPED);
}

static void look(Vm *vm) {
  Budget *b = &vm->budget;
  b->pending = false;
  look_at_clock(vm);
  if (b->doom || !b->over) return;
  b->over = false;
  lua_gc(vm->link->thread, LUA_GCCOLLECT);
  if (growth(vm) > b->limits.memory) {
    doom(vm, DOOM_MEMORY);
    return;
  }
  /* Half the cap more, or the next collection would follow at once. */
  size_t next = vm->bytes + b->limits.memory / 2;
  set_alarm(vm);
  if (b->alarm < next) b->alarm = next;
}

static void on_count(lua_State *L, lua_Debug *ar) {
  (void)ar;
  Vm *vm = vm_of(L);
  Budget *b = &vm->budget;
  if (!is_counting(b)) return;
  if (!b->doom) {
    b->spent += (uint64_t)lua_gethookcount(L);
    if (b->pending || b->spent >= b->every) look(vm);
  }
  if (b->doom) budget_raise(L);
  budget_arm(L);
}

bool budget_charge(Vm *vm) {
  Budget *b = &vm->budget;
  if (!is_counting(b)) return false;
  b->spent += RESUME_CHARGE;
  if (!b->doom && b->spent >= b->every) look(vm);
  return b->doom != DOOM_NONE;
}

void budget_raise(lua_State *L) {
  Vm *vm = vm_of(L);
  char words[80];
  budget_words(vm, vm->budget.doom, words, sizeof words);
  budget_arm(L);
  guts_prepare_doom(L);
  luaL_where(
      L, 0); /* the function the hook is in; of a C function it says nothing */
  if (lua_rawlen(L, -1) == 0) {
    lua_pop(L, 1);
    luaL_where(L, 1);
  }
  lua_pushfstring(L, "this turn %s", words);
  lua_concat(L, 2);
  if (!vm->budget.traced) {
    trace_capture(L, -1, L, 0);
    vm->budget.traced = true;
  }
  lua_error(L);
  __builtin_unreachable();
}

/* --- exemptions and loans --- */

void budget_exempt_begin(Vm *vm) {
  Budget *b = &vm->budget;
  if (b->exempt++ == 0) b->exempt_from = vm->bytes;
  set_alarm(vm);
}

void budget_exempt_end(Vm *vm) {
  Budget *b = &vm->budget;
  ASSERT(b->exempt > 0);
  if (--b->exempt > 0) return;
  /* What it made is not the turn's; what it collected may have been. */
  if (vm->bytes > b->exempt_from) b->base += vm->bytes - b->exempt_from;
  set_alarm(vm);
}

Borrowed budget_borrow(Vm *vm) {
  static const BudgetLimits small = { CLEANUP_CPU_MS, CLEANUP_MEMORY_MAX };
  Borrowed borrowed = { .taken = !is_counting(&vm->budget) || vm->budget.doom };
  if (!borrowed.taken) return borrowed;
  borrowed.saved = vm->budget;
  vm->budget.exempt = 0;
  begin(vm, &small);
  return borrowed;
}

void budget_unborrow(Vm *vm, const Borrowed *borrowed) {
  if (!borrowed->taken) return;
  vm->budget = borrowed->saved;
  set_alarm(vm);
  budget_arm(vm->link->thread);
}
