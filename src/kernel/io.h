/* Functions that run beside the loop: s.io, s.background (S28).
 *
 *   io.c        what a conversation has asked for, and waits for: in its state
 *   io_runs.c   what is under way in this process
 *   io_call.c   the other side: one call in a worker's own Kernel
 *
 *   turn: entry --- commit ---> run --- ports.io_start ---> a worker
 *   turn: result, entry gone <--- agenda <--- kernel_io_done ----'
 *
 * The entry is in the head, with function and arguments as bytes, until the
 * turn that brings the result is kept. So a call runs at least once: the next
 * process finds the entry and runs it again, under the same id. What is under
 * way is known to this process alone, and to none of its heads.
 *
 * s.background has no entry: what the commit does not hand out is lost. */
#ifndef KERNEL_IO_H
#define KERNEL_IO_H

#include <lua.h>

#include "base/blob.h"
#include "kernel/bytes.h"
#include "kernel/kernel.h"

typedef struct Inst Inst;
typedef struct Origin Origin;
typedef struct Later Later;

/* Where STORE_DUE marks who waits for a call: no timer is due then. */
#define IO_DUE 0

/* A task waits for this. In the frames block. For the background: number and
 * call alone. */
typedef struct Io {
  uint32_t iid, task;
  uint32_t number; /* with the cid it makes the id; never used again */
  Blob *call;      /* function and arguments (persist_copy) */
} Io;

/* The id of a call: "<cid>-<number>", and a NUL. */
#define IO_ID_MAX (CID_LEN + 12)

typedef struct IoRun IoRun;
typedef struct IoRuns IoRuns;

/* --- io.c --- */

/* io([opts], fn, ...): checks what stands at 1 and behind it, and leaves bytes
 * and timeout at 1 and 2. Raises. */
void io_prepare(Kernel *k, lua_State *L);
void fold_io(Kernel *k, lua_State *L, Origin o, int effect);
void check_background(Kernel *k, lua_State *L, const Inst *in, int first);
void fold_background(Kernel *k, lua_State *L, Origin o, int effect);

/* What the turn gave to the background goes with its commit, or is dropped. */
void io_conclude(Kernel *k, Conv *c);
void io_unstage(Kernel *k);

/* The entry of a task, or NULL; and of that number. */
Io *io_of_task(const Conv *c, uint32_t task);
Io *io_numbered(const Conv *c, uint32_t number);
/* Nobody waits for it any more. */
void io_forget_task(Conv *c, uint32_t task);
void io_forget_inst(Conv *c, uint32_t iid);
void io_clear(Later *l);

/* At the end of the frames; nothing when there is none. */
void io_put(Buf *b, const Conv *c);
void io_get(Reader *r, Conv *c);
bool io_holds(const Conv *c);

/* Appends the message of what failed. */
void io_error_words(Kernel *k, const IoDone *done, Buf *out);
/* Did it come to this error? */
bool io_brought(Kernel *k, const Conv *c, uint32_t number, Slice error);
/* Resumes the task of the entry with what its run came to. Raises. */
void io_deliver(Kernel *k, lua_State *L, uint32_t number);

/* --- io_runs.c --- */

void io_runs_open(Kernel *k);
void io_runs_free(Kernel *k); /* and cancels them all */

/* Its commit is over: hands out what is new, cancels what nobody waits for. */
void io_committed(Kernel *k, Conv *c, bool kept);
/* Hands out what an awake conversation waits for and nobody runs: after a
 * start, it was begun by the process before. */
void io_launch(Kernel *k, Conv *c);
/* Is there something to hand out, or to deliver? */
bool io_owes(const Kernel *k, const Conv *c);
/* The number of an entry whose result is there, or 0. */
uint32_t io_ready(const Kernel *k, const Conv *c);
/* What that run came to; borrowed. */
IoDone io_outcome(const Kernel *k, const Conv *c, uint32_t number);
/* The process ends: only results are delivered. */
bool io_winds_down(const Kernel *k);
size_t io_under_way(const Kernel *k);
/* It cannot be woken: its results go, and are made anew when it can be. */
void io_abandon(Kernel *k, const Conv *c);

/* Conversations that only the store knows, and whose calls the last process had
 * begun. */
bool io_pending(const Kernel *k);
void io_step(Kernel *k);

#endif
