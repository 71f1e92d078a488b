/* The writer thread: all that has queued meanwhile becomes one record of the
 * redo log, and an answer leaves only when that is on the disk: one write and
 * one sync for a batch, however large the database is. What the log holds goes
 * into the database a little later, by the applier (apply.c).
 *
 * What the log cannot take, or the database may refuse, goes straight into the
 * database: a batch that is too large, one for which the disk has no room, and
 * all of them while the database is in trouble or near its limit. */
#include <errno.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/limits.h"
#include "store/guts.h"
#include "store/record.h"

#define LINGER 4 /* the part of a write's time: a quarter */

/* --- a record, while it is made --- */

typedef struct Draft {
  Lmdb *s;
  Redo *r;
  MDB_txn *txn;     /* a look at the database, when there is need for one */
  uint64_t applied; /* what it sees at least */
  uint64_t heads;
} Draft;

static void end_look(Draft *d) {
  if (d->txn) read_end(d->s, d->txn);
  d->txn = NULL;
}

/* The revision in the database; 0 when there is none. The checksum is not
 * looked at: what replaces a damaged head heals it. */
static Err look(Draft *d, const uint8_t *raw, uint64_t *revision) {
  if (!d->txn && read_begin(d->s, &d->txn)) {
    d->txn = NULL;
    return ERR_UNAVAILABLE;
  }
  MDB_val key = val_of(slice((const char *)raw, CID_RAW)), found;
  *revision = 0;
  int e = mdb_get(d->txn, d->s->tables[STORE_HEAD], &key, &found);
  if (e) return e == MDB_NOTFOUND ? OK : ERR_UNAVAILABLE;
  *revision = found.mv_size < RECORD_SUM_BYTES + RECORD_REVISION_BYTES
                  ? UINT64_MAX /* no item expects that */
                  : u64_get((const uint8_t *)found.mv_data + RECORD_SUM_BYTES);
  return OK;
}

static bool is_known(const Recent *r) {
  return r && r->revision != RECENT_UNKNOWN;
}

/* The newest revision of a conversation, this record's included. */
static Err get_revision(Draft *d, const uint8_t *raw, uint64_t *revision) {
  Lmdb *s = d->s;
  const Recent *found = recents_find(&d->r->recents, raw);
  if (is_known(found)) {
    *revision = found->revision;
    return OK;
  }
  pthread_mutex_lock(&s->redo_mutex);
  found = s->to_apply ? recents_find(&s->to_apply->recents, raw) : NULL;
  bool known = is_known(found);
  if (known) *revision = found->revision;
  uint64_t applied = s->redo_applied;
  pthread_mutex_unlock(&s->redo_mutex);
  if (known) return OK;
  if (d->applied != applied) end_look(d);
  d->applied = applied;
  return look(d, raw, revision);
}

static Err check(Draft *d, const uint8_t *raw, uint64_t expected) {
  uint64_t revision;
  Err e = get_revision(d, raw, &revision);
  return e ? e : revision == expected ? OK : ERR_CONFLICT;
}

/* Adds an item, if what it expects is there. */
static Err add(Draft *d, const StoreItem *item) {
  Err e = item->is_rows ? OK : check(d, item->key, item->expected);
  for (size_t i = 0; i < item->n_rows && !e; i++)
    if (item->rows[i].table == STORE_HEAD)
      e = check(d, (const uint8_t *)item->rows[i].key->bytes, 0);
  if (e) return e;
  pthread_mutex_lock(&d->s->redo_mutex);
  redo_put(d->r, item);
  pthread_mutex_unlock(&d->s->redo_mutex);
  if (!item->is_rows && item->head && !item->expected) d->heads++;
  if (!item->is_rows && !item->head && item->expected) d->heads--;
  for (size_t i = 0; i < item->n_rows; i++)
    d->heads += item->rows[i].table == STORE_HEAD;
  return OK;
}

static void undo(Draft *d) {
  pthread_mutex_lock(&d->s->redo_mutex);
  redo_undo(d->r);
  pthread_mutex_unlock(&d->s->redo_mutex);
}

/* --- keeping it --- */

#define MARGIN ((uint64_t)4 * STORE_REDO_BYTES)

/* In the last eighth of its limit, or on a disk that is nearly full, the
 * database alone can say what fits: what the log took it might not take. */
static bool is_near_limit(Lmdb *s) {
  struct statvfs disk;
  uint64_t limit = s->limit, margin = limit / 8;
  if (margin < MARGIN) margin = MARGIN;
  pthread_mutex_lock(&s->mutex);
  uint64_t bytes = s->stats.bytes;
  pthread_mutex_unlock(&s->mutex);
  if (limit < margin || bytes > limit - margin) return true;
  return fstatvfs(s->active->fd, &disk) == 0 &&
         (uint64_t)disk.f_bavail * disk.f_frsize < MARGIN;
}

/* The record is on the disk when this returns 0. */
static int keep(Lmdb *s, Redo *r, uint64_t number, bool relaxed) {
  if (r->bytes.len > STORE_REDO_BYTES || s->trouble || is_near_limit(s))
    return apply_now(s, false);
  int e = redo_write(r, !relaxed);
  if (e == EIO)
    die("the store %s cannot be written (%s): nobody can say what is on disk; "
        "stopping",
        s->dir, strerror(e));
  if (e) return apply_now(s, false);
  pthread_mutex_lock(&s->redo_mutex);
  redo_keep(r, number);
  pthread_mutex_unlock(&s->redo_mutex);
  return 0;
}

static void set_results(Lmdb *s, Pending *list, size_t n, Err e) {
  for (size_t i = 0; i < n && e; i++) pending_fail(&s->store, &list[i], e);
  stats_count(&s->stats, list, n);
}

/* The items before a conflict do not depend on it and are written without it;
 * those behind it fall (S42). */
static void write_batch(Lmdb *s, const Pendings *batch, bool relaxed) {
  Draft d = { .s = s, .r = s->active, .heads = s->redo_heads };
  uint64_t number = s->redo_last + 1;
  size_t n = 0;
  Err refused = OK;
  pthread_mutex_lock(&s->redo_mutex);
  redo_begin(d.r);
  pthread_mutex_unlock(&s->redo_mutex);
  while (n < batch->n && !(refused = add(&d, &batch->list[n].item))) n++;
  end_look(&d);
  redo_seal(d.r, number, d.heads);
  int e = n ? keep(s, d.r, number, relaxed) : 0;
  if (e || !n) undo(&d);
  if (!e && n) {
    pthread_mutex_lock(&s->redo_mutex);
    s->redo_last = number;
    s->redo_heads = d.heads;
    pthread_mutex_unlock(&s->redo_mutex);
  }
  pthread_mutex_lock(&s->mutex);
  s->n_heads = s->redo_heads;
  if (n) set_results(s, batch->list, n, e ? ERR_UNAVAILABLE : OK);
  if (n < batch->n) {
    pending_fail(&s->store, &batch->list[n], refused);
    set_results(s, batch->list + n, batch->n - n, ERR_UNAVAILABLE);
  }
  pthread_mutex_unlock(&s->mutex);
}

/* Moves the batch to what is done. If something of it failed, what has queued
 * behind it was computed on top of that, and fails too. */
static void hand_back(Lmdb *s, Pendings *batch) {
  bool failed = batch->list[batch->n - 1].result != OK;
  for (size_t i = 0; i < batch->n; i++)
    pendings_move(&s->done, &batch->list[i]);
  for (size_t i = 0; i < s->queue.n && failed; i++) {
    pending_fail(&s->store, &s->queue.list[i], ERR_UNAVAILABLE);
    pendings_move(&s->done, &s->queue.list[i]);
  }
  if (failed) s->queue.n = 0;
  s->n_done = s->done.n + s->fetched.n;
  batch->n = 0;
}

/* --- handing over to the applier --- */

/* When the active file is due: 0 at once, UINT64_MAX not by itself. The mutex
 * is held. */
static uint64_t due_ns(const Lmdb *s) {
  const Redo *r = s->active;
  if (!r->first || s->to_apply) return UINT64_MAX;
  if (r->bytes.len >= STORE_REDO_BYTES / 2 ||
      r->recents.n >= STORE_REDO_CONVS || r->first <= s->wanted_applied)
    return 0;
  return r->since_ns +
         (s->wants_relaxed ? STORE_SYNC_MS : STORE_REDO_MS) * 1000000ull;
}

static void hand_over(Lmdb *s) {
  pthread_mutex_lock(&s->redo_mutex);
  s->to_apply = s->active;
  s->active = &s->redo[s->active == &s->redo[0]];
  pthread_cond_broadcast(&s->applied);
  pthread_mutex_unlock(&s->redo_mutex);
}

/* --- waiting for work --- */

/* Until `wanted` items are queued, the end, or a time on the monotonic clock:
 * the given one, or that of handing over. */
static void wait_until(Lmdb *s, size_t wanted, uint64_t until_ns) {
  s->wanted = wanted;
  while (s->queue.n < wanted && !s->is_stopping) {
    uint64_t due = due_ns(s);
    if (due > until_ns) due = until_ns;
    if (due == UINT64_MAX) {
      pthread_cond_wait(&s->wake, &s->mutex);
      continue;
    }
    struct timespec at = { .tv_sec = (time_t)(due / 1000000000u),
                           .tv_nsec = (long)(due % 1000000000u) };
    if (due <= clock_mono_ns() ||
        pthread_cond_timedwait(&s->wake, &s->mutex, &at))
      return;
  }
}

/* Sleeps until there is a batch, something to hand over, or the end. `n` items
 * were handed back just now, after `took_ns`.
 *
 * Who waited for them may well commit again at once. With some queued already,
 * writes of half the items each would take turns for ever, each for the price
 * of a whole one: so a little of a write's time is spent on letting the others
 * come. Nobody queued: nobody waits, and the first one is written at once. */
static void wait_for_work(Lmdb *s, size_t n, uint64_t took_ns) {
  if (s->queue.n && n)
    wait_until(s, s->queue.n + n, clock_mono_ns() + took_ns / LINGER);
  if (s->queue.n || s->is_stopping) return;
  wait_until(s, 1, UINT64_MAX);
}

void *write_run(void *lmdb) {
  Lmdb *s = lmdb;
  Pendings batch = { 0 };
  size_t n = 0;
  uint64_t took_ns = 0;
  pthread_mutex_lock(&s->mutex);
  for (;;) {
    wait_for_work(s, n, took_ns);
    if (due_ns(s) <= clock_mono_ns()) {
      pthread_mutex_unlock(&s->mutex);
      hand_over(s);
      pthread_mutex_lock(&s->mutex);
    }
    if (!s->queue.n && s->is_stopping) break;
    n = 0;
    if (!s->queue.n) continue;
    Pendings taken = s->queue;
    s->queue = batch; /* its memory */
    batch = taken;
    n = s->under_way = batch.n;
    bool relaxed = s->wants_relaxed;
    pthread_mutex_unlock(&s->mutex);
    took_ns = clock_mono_ns();
    write_batch(s, &batch, relaxed);
    took_ns = clock_mono_ns() - took_ns;
    pthread_mutex_lock(&s->mutex);
    hand_back(s, &batch);
    s->under_way = 0;
    s->notify(s->notify_ud);
  }
  pthread_mutex_unlock(&s->mutex);
  if (s->active->first || s->to_apply) apply_now(s, true);
  free(batch.list);
  return NULL;
}
