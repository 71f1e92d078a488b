/* Worker threads: functions of s.io and s.background run in them, each in a Lua
 * state of its own, however long they block.
 *
 *   workers.c   the loop's side: what is to run, what came of it, what is late
 *   worker.c    one thread: its state, one job after the other
 *
 *   the loop --- queue ---> worker --- done ---> the loop
 *      '<-- need: code by digest ---'  '--- answer --->'
 *
 * Who may touch what (there is no other sharing):
 *
 *   the loop's thread   the Host, its Vm and Kernel, the uv handles; all calls
 * of this header but worker_run a worker's thread   its own Vm, Persist and
 * Kernel, from their making to their end; they are freed by the thread that
 * made them nobody, once set    what stands above the mutex in Workers and in
 * Worker with the mutex      what stands below it
 *
 * A Job is the loop's until it is in the queue and again when it is in `done`;
 * between taking and giving it back, its bytes and its result are the worker's.
 * `is_dropped` is the loop's all the time. What crosses over is copied: a Blob
 * counts its holders without a lock, so none is ever given to a thread. Two
 * things are used by both without the mutex: budget_interrupt, which is atomic,
 * and the log, of which each line is one write.
 *
 * A thread that does not return from C cannot be stopped. It is lost: whoever
 * waits gets an error, another thread takes its place, and it is told to leave
 * when it comes back. If it never does, its part of the memory is left to the
 * end of the process. */
#ifndef HOST_WORKER_H
#define HOST_WORKER_H

#include <uv.h>

#include "base/log.h"
#include "host/lib.h"
#include "kernel/kernel.h"

typedef struct Host Host;
typedef struct Workers Workers;

typedef struct Job {
  struct Job *next; /* in the queue, or in `done` */
  uint64_t run;     /* the kernel's number */
  char *id;
  char *call;
  size_t len;
  bool is_background;
  bool is_dropped; /* nobody waits for it any more */
  IoResult result;
} Job;

/* Code that a worker asks the loop for: by digest, or the digest by name. */
typedef struct Need {
  uint8_t digest[DIGEST_BYTES];
  const char *name; /* or NULL */
  bool is_answered, is_found;
  Buf bytes; /* of the answer; the worker's once it is answered */
} Need;

typedef struct Worker {
  struct Worker *next;
  Workers *workers;
  uv_thread_t thread;
  LibEnv env;
  char *path, *cpath; /* package.path of the app when it was made */

  Vm *vm; /* the thread's own; here for budget_interrupt, while it is there */
  Job *job;
  uint64_t began_ns; /* then; steady */
  Need *need;        /* it waits for this */
  bool is_lost;   /* its job took too long; another thread stands in for it */
  bool has_ended; /* it can be joined */
} Worker;

struct Workers {
  Host *host;
  uv_async_t wake; /* a worker has news */
  uv_timer_t late;
  int n_handles; /* open ones */
  Log log;
  char *base_path, *folder;
  bool development;
  size_t max; /* threads that are not lost */
  uint64_t time_ms;
  size_t memory, result_max;

  uv_mutex_t mutex;
  uv_cond_t work, answers; /* for workers */
  uv_cond_t news;          /* for a loop that waits */
  Job *first, **last, *done;
  Worker *all;
  size_t n_queued, n_idle, n_threads, n_lost;
  bool has_news, is_stopping;
  bool is_closed;   /* the loop has no ears any more */
  bool has_no_room; /* the system gives no thread just now */
};

/* --- worker.c: on a worker's thread --- */
void worker_run(void *worker);

#endif
