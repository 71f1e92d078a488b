/* The loop's side of the worker threads (worker.h). Threads are made when there
 * is something to run and nobody idle, and stay. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "host/host.h"
#include "host/worker.h"

#define END_MS 1000 /* for threads to end, when nobody waits for their jobs */
#define NS_PER_MS 1000000u

static void free_job(Job *job) {
  io_result_free(&job->result);
  free(job->id);
  free(job->call);
  free(job);
}

/* --- beginning --- */

static void on_wake(uv_async_t *a) { workers_poll(a->data); }
static void on_late(uv_timer_t *t) { workers_poll(t->data); }

void workers_open(Host *h) {
  const Settings *s = &h->settings;
  Workers *ws = xcalloc(1, sizeof *ws);
  *ws = (Workers){ .host = h,
                   .n_handles = 2,
                   .log = h->log,
                   .base_path = xstrdup(s->base_path),
                   .folder = h->folder ? xstrdup(h->folder) : NULL,
                   .development = !s->production,
                   .max = s->io_workers,
                   .time_ms = s->io_ms,
                   .memory = s->io_memory,
                   .result_max = s->io_result };
  ws->last = &ws->first;
  uv_async_init(&h->loop, &ws->wake, on_wake);
  uv_timer_init(&h->loop, &ws->late);
  uv_unref((uv_handle_t *)&ws->wake);
  uv_unref((uv_handle_t *)&ws->late);
  ws->wake.data = ws->late.data = h;
  bool ok = !uv_mutex_init(&ws->mutex) && !uv_cond_init(&ws->work) &&
            !uv_cond_init(&ws->answers) && !uv_cond_init(&ws->news);
  if (!ok) die("no mutex for worker threads");
  h->workers = ws;
  h->kernel_config.has_workers = true;
  kernel_configure(h->kernel, &h->kernel_config);
}

static void free_worker(Worker *w) {
  free(w->path);
  free(w->cpath);
  free(w);
}

static char *path_of(lua_State *L, const char *name) {
  lua_getglobal(L, LUA_LOADLIBNAME);
  lua_getfield(L, -1, name);
  const char *path = lua_tostring(L, -1);
  char *own = xstrdup(path ? path : "");
  lua_pop(L, 2);
  return own;
}

/* With the mutex. */
static bool may_spawn(const Workers *ws) {
  return !ws->is_stopping && !ws->has_no_room &&
         ws->n_threads - ws->n_lost < ws->max &&
         ws->n_threads < ws->max + IO_LOST_MAX;
}

/* With the mutex: nobody will take what is queued. */
static bool is_stuck(const Workers *ws) {
  return ws->first && ws->n_threads == ws->n_lost && !may_spawn(ws);
}

/* With the mutex. */
static bool start_thread(Workers *ws, Worker *w) {
  int e = uv_thread_create(&w->thread, worker_run, w);
  if (!e) return true;
  ws->has_no_room = true;
  log_with(&ws->log, LOG_ERROR, "a worker thread cannot be started",
           { "error", slice_str(uv_strerror(e)) });
  return false;
}

/* With the mutex: as many threads as there are jobs for, and may be. */
static void spawn(Workers *ws) {
  lua_State *L = vm_lua(ws->host->vm);
  size_t coming = ws->n_idle;
  for (const Worker *w = ws->all; w; w = w->next)
    coming += !w->vm && !w->has_ended; /* they have no state yet */
  for (; coming < ws->n_queued && may_spawn(ws); coming++) {
    Worker *w = xcalloc(1, sizeof *w);
    w->workers = ws;
    w->env = (LibEnv){ NULL, &ws->log, &ws->base_path };
    w->path = path_of(L, "path");
    w->cpath = path_of(L, "cpath");
    if (!start_thread(ws, w)) {
      free_worker(w);
      return;
    }
    w->next = ws->all;
    ws->all = w;
    ws->n_threads++;
  }
}

/* --- the queue --- */

/* With the mutex: when the next of them will have taken too long; 0: none. */
static uint64_t next_deadline(const Workers *ws, uint64_t now) {
  uint64_t limit = ws->time_ms * NS_PER_MS, next = 0;
  if (ws->n_queued) next = now + limit; /* one may begin at any moment */
  for (const Worker *w = ws->all; w; w = w->next) {
    if (!w->job || w->is_lost) continue;
    if (!next || w->began_ns + limit < next) next = w->began_ns + limit;
  }
  return next;
}

/* Of all that may have begun since, none is late before the timer is. */
static void arm(Workers *ws) {
  uint64_t now = clock_mono_ns();
  uv_mutex_lock(&ws->mutex);
  uint64_t next = next_deadline(ws, now);
  uv_mutex_unlock(&ws->mutex);
  if (!next) {
    uv_timer_stop(&ws->late);
    return;
  }
  uint64_t wait = next > now ? (next - now) / NS_PER_MS + 1 : 0;
  uv_update_time(&ws->host->loop);
  uv_timer_start(&ws->late, on_late, wait, 0);
}

void workers_start(void *ud, uint64_t run, Slice id, Slice call,
                   bool is_background) {
  Workers *ws = ((Host *)ud)->workers;
  Job *job = xcalloc(1, sizeof *job);
  job->run = run;
  job->id = dup_slice(id);
  job->call = dup_slice(call);
  job->len = call.len;
  job->is_background = is_background;
  uv_mutex_lock(&ws->mutex);
  *ws->last = job;
  ws->last = &job->next;
  ws->n_queued++;
  ws->has_no_room = false; /* there may be by now */
  spawn(ws);
  uv_cond_signal(&ws->work);
  if (is_stuck(ws)) uv_async_send(&ws->wake);
  uv_mutex_unlock(&ws->mutex);
  arm(ws);
}

/* With the mutex. */
static void unqueue(Workers *ws, Job **at) {
  Job *job = *at;
  *at = job->next;
  if (!*at) ws->last = at;
  ws->n_queued--;
  free_job(job);
}

void workers_cancel(void *ud, uint64_t run) {
  Workers *ws = ((Host *)ud)->workers;
  if (!ws) return;
  uv_mutex_lock(&ws->mutex);
  for (Job **at = &ws->first; *at; at = &(*at)->next) {
    if ((*at)->run != run) continue;
    unqueue(ws, at);
    break;
  }
  for (Worker *w = ws->all; w; w = w->next) {
    if (!w->job || w->job->run != run) continue;
    w->job->is_dropped = true;
    budget_interrupt(w->vm, true);
  }
  for (Job *job = ws->done; job; job = job->next)
    if (job->run == run) job->is_dropped = true;
  uv_mutex_unlock(&ws->mutex);
}

/* --- what workers say --- */

static void answer(Host *h, Need *need) {
  need->is_found = need->name
                       ? kernel_code_named(h->kernel, slice_str(need->name),
                                           need->digest)
                       : kernel_code(h->kernel, need->digest, &need->bytes);
  need->is_answered = true;
}

static void answer_all(Host *h) {
  Workers *ws = h->workers;
  for (;;) {
    Need *need = NULL;
    uv_mutex_lock(&ws->mutex);
    ws->has_news = false; /* what comes from here on is for the next time */
    for (const Worker *w = ws->all; w && !need; w = w->next)
      if (w->need && !w->need->is_answered) need = w->need;
    if (need) {
      answer(h, need);
      uv_cond_broadcast(&ws->answers);
    }
    uv_mutex_unlock(&ws->mutex);
    if (!need) return;
  }
}

static void deliver(Host *h, Job *job) {
  const IoResult *r = &job->result;
  if (!job->is_dropped) {
    kernel_io_done(h->kernel, job->run,
                   &(IoDone){ r->ok, r->is_text, buf_view(&r->value),
                              buf_view(&r->trace) });
  }
  free_job(job);
}

static void deliver_all(Host *h) {
  Workers *ws = h->workers;
  uv_mutex_lock(&ws->mutex);
  Job *done = ws->done, *oldest = NULL;
  ws->done = NULL;
  uv_mutex_unlock(&ws->mutex);
  while (done) { /* they lie newest first */
    Job *next = done->next;
    done->next = oldest;
    oldest = done;
    done = next;
  }
  while (oldest) {
    Job *next = oldest->next;
    deliver(h, oldest);
    oldest = next;
  }
}

/* --- what takes too long --- */

static void give_up(Host *h, uint64_t run, const char *words) {
  kernel_io_done(h->kernel, run,
                 &(IoDone){ .is_text = true, .value = slice_str(words) });
}

/* The next whose time is over; its run, or 0 when there is none that anybody
 * waits for. */
static bool next_late(Workers *ws, uint64_t *run, char id[96]) {
  uint64_t limit = ws->time_ms * NS_PER_MS;
  bool found = false;
  uv_mutex_lock(&ws->mutex);
  uint64_t now = clock_mono_ns(); /* not before one of them has begun */
  for (Worker *w = ws->all; w && !found; w = w->next) {
    if (!w->job || w->is_lost || now - w->began_ns < limit) continue;
    found = true;
    *run = w->job->is_dropped ? 0 : w->job->run;
    snprintf(id, 96, "%s", w->job->id);
    w->job->is_dropped = true;
    w->is_lost = true;
    ws->n_lost++;
    budget_interrupt(w->vm, true); /* a loop in Lua ends at once */
  }
  uv_mutex_unlock(&ws->mutex);
  return found;
}

static void give_up_late(Host *h) {
  Workers *ws = h->workers;
  uint64_t run;
  char id[96], words[128];
  snprintf(words, sizeof words, "io: no result within %g s (limits.io_time)",
           (double)ws->time_ms / 1000);
  while (next_late(ws, &run, id)) {
    log_with(&h->log, LOG_WARN, "a call in a worker takes too long",
             { "call", slice_str(id) });
    if (run) give_up(h, run, words);
  }
}

/* Who waits for a thread when all are lost would wait for ever. */
static void give_up_queued(Host *h) {
  static const char words[] = "io: no worker is left: all of them are in C "
                              "functions that do not return";
  Workers *ws = h->workers;
  for (;;) {
    uint64_t run = 0;
    uv_mutex_lock(&ws->mutex);
    if (is_stuck(ws)) {
      run = ws->first->run;
      unqueue(ws, &ws->first);
    }
    uv_mutex_unlock(&ws->mutex);
    if (!run) return;
    give_up(h, run, words);
  }
}

/* --- the loop's turn --- */

static void join_ended(Workers *ws) {
  Worker *ended = NULL;
  uv_mutex_lock(&ws->mutex);
  for (Worker **at = &ws->all; *at;) {
    Worker *w = *at;
    if (!w->has_ended) {
      at = &w->next;
      continue;
    }
    *at = w->next;
    w->next = ended;
    ended = w;
  }
  uv_mutex_unlock(&ws->mutex);
  while (ended) {
    Worker *next = ended->next;
    uv_thread_join(&ended->thread);
    free_worker(ended);
    ended = next;
  }
}

void workers_poll(Host *h) {
  Workers *ws = h->workers;
  if (!ws) return;
  answer_all(h);
  deliver_all(h);
  give_up_late(h);
  give_up_queued(h);
  join_ended(ws);
  uv_mutex_lock(&ws->mutex);
  spawn(ws);
  uv_mutex_unlock(&ws->mutex);
  arm(ws);
}

void workers_wait(Host *h, uint64_t ms) {
  Workers *ws = h->workers;
  uint64_t now = clock_mono_ns(), until = now + ms * NS_PER_MS;
  uv_mutex_lock(&ws->mutex);
  uint64_t next = next_deadline(ws, now);
  if (next && next < until) until = next;
  while (!ws->has_news && now < until) {
    uv_cond_timedwait(&ws->news, &ws->mutex, until - now);
    now = clock_mono_ns();
  }
  uv_mutex_unlock(&ws->mutex);
}

WorkersStats workers_stats(Host *h) {
  Workers *ws = h->workers;
  WorkersStats s = { 0 };
  if (!ws) return s;
  uv_mutex_lock(&ws->mutex);
  s.queued = ws->n_queued;
  s.lost = ws->n_lost;
  for (const Worker *w = ws->all; w; w = w->next)
    s.running += w->job && !w->is_lost;
  for (const Job *job = ws->done; job; job = job->next) s.ended++;
  uv_mutex_unlock(&ws->mutex);
  return s;
}

/* --- the end --- */

/* What waits for an answer runs again when there is another process. */
static void drop_queued(Workers *ws) {
  uv_mutex_lock(&ws->mutex);
  for (Job **at = &ws->first; *at;) {
    if ((*at)->is_background)
      at = &(*at)->next;
    else
      unqueue(ws, at);
  }
  uv_mutex_unlock(&ws->mutex);
}

void workers_wind_down(Host *h) {
  kernel_wind_down(h->kernel);
  if (h->workers) drop_queued(h->workers);
}

bool workers_rest(Host *h) {
  WorkersStats s = workers_stats(h);
  return !s.running && !s.queued && !s.ended &&
         !kernel_io_undelivered(h->kernel);
}

static void free_workers(Workers *ws) {
  while (ws->done) {
    Job *next = ws->done->next;
    free_job(ws->done);
    ws->done = next;
  }
  while (ws->first) unqueue(ws, &ws->first);
  uv_cond_destroy(&ws->work);
  uv_cond_destroy(&ws->answers);
  uv_cond_destroy(&ws->news);
  uv_mutex_destroy(&ws->mutex);
  free(ws->base_path);
  free(ws->folder);
  free(ws);
}

/* The loop has closed a handle. What a thread still uses stays. */
static void on_closed(uv_handle_t *handle) {
  Workers *ws = handle->data;
  if (--ws->n_handles == 0 && !ws->all) free_workers(ws);
}

bool workers_close(Host *h) {
  Workers *ws = h->workers;
  if (!ws) return true;
  h->workers = NULL;
  uv_mutex_lock(&ws->mutex);
  ws->is_stopping = ws->is_closed = true;
  for (const Worker *w = ws->all; w; w = w->next)
    if (w->vm) budget_interrupt(w->vm, true);
  uv_cond_broadcast(&ws->work);
  uv_cond_broadcast(&ws->answers);
  uint64_t now = clock_mono_ns(), until = now + END_MS * (uint64_t)NS_PER_MS;
  while (ws->n_threads && now < until) {
    uv_cond_timedwait(&ws->news, &ws->mutex, until - now);
    now = clock_mono_ns();
  }
  uv_mutex_unlock(&ws->mutex);
  join_ended(ws);
  ws->wake.data = ws->late.data = ws;
  uv_timer_stop(&ws->late);
  uv_close((uv_handle_t *)&ws->wake, on_closed);
  uv_close((uv_handle_t *)&ws->late, on_closed);
  return !ws->all;
}
