/* The LMDB backend, as the loop sees it: what it queues for the writer thread,
 * and what comes back. See guts.h for the whole. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "store/guts.h"

static void commit(Store *store, const StoreItem *item, StoreDone done,
                   void *ud) {
  Lmdb *s = (Lmdb *)store;
  pthread_mutex_lock(&s->mutex);
  /* Nothing is queued or under way while failures wait to be told. */
  bool refused = store->n_untold || !s->has_writer;
  Pendings *to = refused ? &s->done : &s->queue;
  pendings_add(store, to, item, done, ud);
  if (refused) pending_fail(store, &to->list[to->n - 1], ERR_UNAVAILABLE);
  s->n_done = s->done.n + s->fetched.n;
  if (s->queue.n >= s->wanted) pthread_cond_signal(&s->wake);
  pthread_mutex_unlock(&s->mutex);
}

static bool ready(const Store *store) { return ((const Lmdb *)store)->n_done; }

static size_t poll(Store *store) {
  Lmdb *s = (Lmdb *)store;
  pthread_mutex_lock(&s->mutex);
  Pendings done = s->done;
  s->done = s->told;
  Fetches fetched = s->fetched;
  s->fetched = (Fetches){ 0 };
  s->n_done = 0;
  pthread_mutex_unlock(&s->mutex);
  s->told = (Pendings){ 0 };
  pendings_finish(store, &done);
  free(s->told.list); /* of a poll from inside a `done` */
  s->told = done;
  fetches_finish(&fetched);
  pthread_mutex_lock(&s->mutex);
  size_t n = s->queue.n + s->under_way + s->done.n + s->to_fetch.n +
             s->n_fetching + s->fetched.n;
  pthread_mutex_unlock(&s->mutex);
  return n;
}

/* --- numbers and settings --- */

static StoreStats stats(const Store *store) {
  Lmdb *s = (Lmdb *)(uintptr_t)store;
  pthread_mutex_lock(&s->mutex);
  StoreStats copy = s->stats;
  pthread_mutex_unlock(&s->mutex);
  pthread_mutex_lock(&s->redo_mutex);
  for (int i = 0; i < REDO_FILES; i++) copy.redo_bytes += s->redo[i].kept;
  pthread_mutex_unlock(&s->redo_mutex);
  return copy;
}

static size_t count(const Store *store) {
  Lmdb *s = (Lmdb *)(uintptr_t)store;
  pthread_mutex_lock(&s->mutex);
  size_t n = s->n_heads;
  pthread_mutex_unlock(&s->mutex);
  return n;
}

static const char *trouble(const Store *store) {
  return ((const Lmdb *)store)->trouble;
}

static void set_limit(Store *store, uint64_t bytes) {
  ((Lmdb *)store)->limit = bytes;
}

static void set_relaxed(Store *store, bool relaxed) {
  Lmdb *s = (Lmdb *)store;
  pthread_mutex_lock(&s->mutex);
  s->wants_relaxed = relaxed;
  pthread_mutex_unlock(&s->mutex);
}

/* --- opening and closing --- */

static void stop_applier(Lmdb *s) {
  pthread_mutex_lock(&s->redo_mutex);
  s->applier_may_end = true;
  pthread_cond_broadcast(&s->applied);
  pthread_mutex_unlock(&s->redo_mutex);
  pthread_join(s->applier, NULL);
}

static void stop_threads(Lmdb *s) {
  pthread_mutex_lock(&s->mutex);
  s->is_stopping = true;
  pthread_cond_signal(&s->wake);
  pthread_cond_broadcast(&s->wake_reader);
  pthread_mutex_unlock(&s->mutex);
  if (s->has_writer) pthread_join(s->writer, NULL);
  if (s->has_writer) stop_applier(s);
  for (size_t i = 0; i < STORE_READERS && s->has_readers; i++)
    pthread_join(s->readers[i], NULL);
  s->has_writer = s->has_readers = false;
}

/* Takes a half-open store too. What is queued is still written, and what is in
 * the redo log goes to the database, or else stays there for the next start. */
static void release(Store *store) {
  Lmdb *s = (Lmdb *)store;
  stop_threads(s);
  while (s->n_done) poll(store);
  redo_close(s->redo);
  if (s->active && !s->active->first && !s->to_apply) redo_remove(s->dir);
  env_close(s);
  pthread_rwlock_destroy(&s->env_lock);
  pthread_mutex_destroy(&s->mutex);
  pthread_mutex_destroy(&s->redo_mutex);
  pthread_cond_destroy(&s->applied);
  pthread_cond_destroy(&s->wake);
  pthread_cond_destroy(&s->wake_reader);
  free(s->to_fetch.list);
  free(s->fetched.list);
  free(s->queue.list);
  free(s->done.list);
  free(s->told.list);
  free(s->dir);
  free(s);
}

void lmdb_thread(pthread_t *thread, void *(*run)(void *), Lmdb *s) {
  int e = pthread_create(thread, NULL, run, s);
  if (e) die("a thread cannot be started: %s", strerror(e));
}

static void nobody(void *ud) { (void)ud; }

static Lmdb *new_store(const char *dir) {
  static const StoreBackend backend = {
    .commit = commit,
    .poll = poll,
    .load = read_head,
    .fetch = fetch_head,
    .get = read_row,
    .scan = read_scan,
    .damaged = read_damaged,
    .ready = ready,
    .trouble = trouble,
    .set_limit = set_limit,
    .set_relaxed = set_relaxed,
    .count = count,
    .stats = stats,
    .free = release,
  };
  Lmdb *s = xcalloc(1, sizeof *s);
  s->store.backend = &backend;
  s->dir = xstrdup(dir);
  s->notify = nobody;
  s->lock_fd = -1;
  for (int i = 0; i < REDO_FILES; i++) s->redo[i].fd = -1;
  s->limit = STORE_BYTES_MAX;
  pthread_rwlock_init(&s->env_lock, NULL);
  pthread_mutex_init(&s->mutex, NULL);
  pthread_mutex_init(&s->redo_mutex, NULL);
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&s->wake, &attr);
  pthread_cond_init(&s->applied, &attr);
  pthread_cond_init(&s->wake_reader, NULL);
  pthread_condattr_destroy(&attr);
  return s;
}

Store *store_lmdb_open(const char *dir, StoreNotify notify, void *ud, char *why,
                       size_t size) {
  Lmdb *s = new_store(dir);
  s->notify = notify;
  s->notify_ud = ud;
  s->would_serve = true;
  if (!env_open(s, false, why, size)) {
    release(&s->store);
    return NULL;
  }
  int e = redo_open(dir, s->redo, s->to_apply);
  if (e) {
    snprintf(why, size, "cannot open the store %s: its redo log: %s", dir,
             strerror(e));
    release(&s->store);
    return NULL;
  }
  sync_folder(dir);
  s->active = &s->redo[0];
  s->has_writer = true;
  lmdb_thread(&s->writer, write_run, s);
  lmdb_thread(&s->applier, apply_run, s);
  return &s->store;
}

Store *store_lmdb_hold(const char *dir, char *why, size_t size) {
  Lmdb *s = new_store(dir);
  bool is_open = env_open(s, false, why, size);
  if (is_open && !s->to_apply) return &s->store;
  if (is_open)
    snprintf(why, size,
             "the newest turns of the store %s are in its redo log, and the "
             "database has no room for them: %s",
             dir, s->trouble);
  release(&s->store);
  return NULL;
}

/* Waits for who serves the store to bring redo record `number` into the
 * database; not for ever: it may be stopped, or have no room. */
static void await_server(Lmdb *s, uint64_t number) {
  uint64_t until = clock_mono_ns() + STORE_LOOK_MS * 1000000ull;
  do {
    MDB_txn *txn;
    if (read_begin(s, &txn)) return;
    int e = env_numbers(s, txn);
    read_end(s, txn);
    if (e || s->redo_applied >= number) return;
    usleep(2000);
  } while (clock_mono_ns() < until);
}

/* What was acknowledged before this is seen, though it may be in the redo log
 * yet: who serves the store brings it into the database, or, when nobody does
 * any more, we. */
Store *store_lmdb_look(const char *dir, char *why, size_t size) {
  uint64_t newest = redo_newest(dir);
  Store *held = newest ? store_lmdb_hold(dir, why, size) : NULL;
  store_free(held);
  Lmdb *s = new_store(dir);
  if (env_open(s, true, why, size)) {
    if (newest && !held) await_server(s, newest);
    return &s->store;
  }
  release(&s->store);
  return NULL;
}
