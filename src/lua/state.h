/* The inside of a Vm, for the files of this folder. Each part belongs to one
 * file, named beside it; the others ask that file's functions. */
#ifndef LUA_STATE_H
#define LUA_STATE_H

#include <stdatomic.h>

#include "base/buf.h"
#include "base/limits.h"
#include "lua/blocks.h"
#include "lua/budget.h"
#include "lua/vm.h"

typedef struct Loader Loader;

/* budget.c */
typedef struct Budget {
  bool active;  /* between budget_start and budget_stop */
  bool over;    /* the heap grew past the cap; not yet looked at */
  bool pending; /* the allocator asks for a look at the next instruction */
  bool traced;  /* the doom's traceback is kept: later ones say less */
  Doom doom;    /* kept after budget_stop, until the next start */
  int exempt;   /* open budget_exempt_begin calls */
  BudgetLimits limits;
  uint64_t cpu_start; /* this thread's CPU clock, ns */
  uint64_t cpu_last;  /* when it was last read */
  uint64_t spent;     /* instructions charged since then */
  uint64_t every;     /* instructions between two readings */
  int stride;         /* instructions between two calls of the hook */
  size_t base;        /* heap bytes that growth is measured from */
  size_t exempt_from; /* heap bytes when the outermost exemption began */
  size_t alarm; /* heap bytes past which `over` is set; SIZE_MAX is never */
  size_t request_max; /* the largest single request that is granted */
} Budget;

/* One that stands still while another counts. */
typedef struct Outer {
  Budget budget;
  uint64_t cpu; /* the clocks, when it stopped */
  size_t bytes;
} Outer;

/* coro.c: who resumed whom, innermost first. Lives on the C stack of the
 * resumes. */
typedef struct Link {
  lua_State *thread;
  struct Link *up;
} Link;

struct Vm {
  lua_State *L;
  void *owner;
  size_t bytes;  /* of the Lua heap (vm.c) */
  Blocks blocks; /* its small blocks */
  Budget budget;
  Outer outer[BUDGET_DEPTH_MAX];
  int n_outer;
  uint64_t cpu_read, cpu_read_at; /* budget.c: a reading, and its mono time */
  atomic_bool interrupted;        /* budget.c: by another thread */
  Link root, *link; /* the running thread is link->thread; the last is main */
  lua_State *task;  /* the task that runs, or NULL */
  const char *ban;  /* where waiting is forbidden just now, or NULL */
  char reason[128]; /* text of coro_cannot_wait's last answer */
  int n_pool;       /* threads that wait to be used again */
  lua_CFunction
      yields[8];        /* C functions that can be suspended; NULL ends them */
  Buf trace;            /* trace.c: the last failure's traceback */
  uint64_t n_traces;    /* captures so far */
  const void *trace_of; /* the thread it was taken from, to compare only */
  bool trace_carried;   /* its error value was raised again somewhere else */
  Loader *loader;       /* NULL before loader_open */
#ifdef STUBE_HARD       /* vm.c */
  unsigned hard_count;  /* allocations */
#endif
};

/* --- trace.c --- */

/* Keeps the traceback of `of` from `level` for the error value at `idx` of L.
 * When that value was carried here (below), it is appended to what is kept. */
void trace_capture(lua_State *L, int idx, lua_State *of, int level);
/* If the kept failure is that of the value at `from`, it goes on as the value
 * at `to` (often the same): raised again at an await, by a wrap, by require. */
void trace_carry(lua_State *L, int from, int to);
void trace_clear(Vm *vm);
/* A message handler that captures and leaves the value as it is. */
int trace_handler(lua_State *L);

/* --- budget.c --- */

/* The allocator's part: may a block of `osize` become `nsize`? (and afterwards)
 */
static inline bool budget_grants(const Vm *vm, size_t nsize) {
  return nsize <= vm->budget.request_max;
}
void budget_refused(Vm *vm);
void budget_grown(Vm *vm, size_t by);

/* Charges one resume; true when the turn is doomed. */
bool budget_charge(Vm *vm);
/* Raises the doom in L, past every handler. */
_Noreturn void budget_raise(lua_State *L);

/* Lends app code outside of a turn, or in a doomed one, a small budget of its
 * own (closing, error texts). Pass what it returned to budget_unborrow. */
typedef struct Borrowed {
  bool taken;
  Budget saved;
} Borrowed;
Borrowed budget_borrow(Vm *vm);
void budget_unborrow(Vm *vm, const Borrowed *borrowed);

/* --- coro.c --- */

void coro_open_pool(lua_State *L);
/* Why L itself cannot be suspended, as coro_cannot_wait says it. */
const char *coro_why_not(lua_State *L);
lua_State *coro_inner(lua_State *co);
void coro_known(lua_State *co);
/* lua_closethread, with __close functions counted like any app code. */
int coro_closethread(lua_State *co, lua_State *from);
int coro_k_wait(lua_State *L, int status, lua_KContext ctx);

/* --- corolib.c, safelib.c --- */
int corolib_k_resume(lua_State *L, int status, lua_KContext ctx);
int corolib_k_wrap(lua_State *L, int status, lua_KContext ctx);
int safelib_k_dofile(lua_State *L, int status, lua_KContext ctx);
void safelib_open(lua_State *L);

/* --- chunks.c --- */
void loader_close(Vm *vm);

#endif
