/* The writer thread: one transaction takes all that has queued meanwhile, and
 * an answer leaves only when its commit has returned.
 *
 * A transaction that did not end well (S43): what went wrong before the commit
 * is undone and known. An error of the commit itself leaves the outcome
 * unknown: the database is opened anew, and the number of its last transaction
 * says whether the batch is kept. A full disk and a reached limit are
 * recovered from, reads go on meanwhile. A disk that refuses to write ends the
 * process: what the page cache says then, nobody can promise. */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "store/guts.h"
#include "store/record.h"

#define LINGER 8           /* the part of a commit's time: an eighth */
#define READERS_EVERY 4096 /* commits between two looks for dead readers */

/* --- items --- */

/* Removes a conversation: its head and, right behind it, its points. */
static int remove_head(Lmdb *s, MDB_txn *txn, Slice raw) {
  MDB_cursor *cursor;
  int e = mdb_cursor_open(txn, s->tables[STORE_HEAD], &cursor);
  if (e) return e;
  for (;;) {
    MDB_val key = val_of(raw);
    e = mdb_cursor_get(cursor, &key, NULL, MDB_SET_RANGE);
    if (e || !slice_starts(slice_of(&key), raw)) break;
    if ((e = mdb_cursor_del(cursor, 0)) != 0) break;
  }
  mdb_cursor_close(cursor);
  return e == MDB_NOTFOUND ? 0 : e;
}

/* The revision under `raw`; 0 when there is none. The checksum is not looked
 * at: what replaces a damaged head heals it. */
static int get_revision(Lmdb *s, MDB_txn *txn, Slice raw, uint64_t *revision) {
  MDB_val key = val_of(raw), found;
  *revision = 0;
  int e = mdb_get(txn, s->tables[STORE_HEAD], &key, &found);
  if (e) return e == MDB_NOTFOUND ? 0 : e;
  *revision = found.mv_size < RECORD_SUM_BYTES + RECORD_REVISION_BYTES
                  ? UINT64_MAX /* no item expects that */
                  : u64_get((const uint8_t *)found.mv_data + RECORD_SUM_BYTES);
  return 0;
}

/* The head of an item; an LMDB code, or MDB_KEYEXIST when another revision is
 * there. `*heads` counts conversations. */
static int put_head(Lmdb *s, MDB_txn *txn, const StoreItem *item,
                    uint64_t *heads) {
  const size_t before = RECORD_SUM_BYTES + RECORD_REVISION_BYTES;
  Slice raw = slice((const char *)item->key, CID_RAW);
  uint64_t revision;
  int e = get_revision(s, txn, raw, &revision);
  if (e) return e;
  if (revision != item->expected) return MDB_KEYEXIST;
  if (!item->head) {
    if (!revision) return 0;
    --*heads;
    return remove_head(s, txn, raw);
  }
  MDB_val key = val_of(raw), value = { before + item->head->len, NULL };
  e = mdb_put(txn, s->tables[STORE_HEAD], &key, &value, MDB_RESERVE);
  if (e) return e;
  uint8_t *record = value.mv_data;
  u64_put(record + RECORD_SUM_BYTES, revision + 1);
  memcpy(record + before, item->head->bytes, item->head->len);
  record_seal(raw, record, value.mv_size);
  if (!revision) ++*heads;
  return 0;
}

static int put_row(Lmdb *s, MDB_txn *txn, const StoreRow *row) {
  MDB_val key = val_of(blob_view(row->key));
  if (!row->value) {
    int e = mdb_del(txn, s->tables[row->table], &key, NULL);
    return e == MDB_NOTFOUND ? 0 : e;
  }
  MDB_val value = { RECORD_SUM_BYTES + row->value->len, NULL };
  int e = mdb_put(txn, s->tables[row->table], &key, &value, MDB_RESERVE);
  if (e) return e;
  memcpy((uint8_t *)value.mv_data + RECORD_SUM_BYTES, row->value->bytes,
         row->value->len);
  record_seal(blob_view(row->key), value.mv_data, value.mv_size);
  return 0;
}

/* A row of STORE_HEAD: a conversation that begins. */
static int put_first_head(Lmdb *s, MDB_txn *txn, const StoreRow *row,
                          uint64_t *heads) {
  StoreItem first = { .head = row->value };
  memcpy(first.key, row->key->bytes, CID_RAW);
  return put_head(s, txn, &first, heads);
}

static int put_item(Lmdb *s, MDB_txn *txn, const StoreItem *item,
                    uint64_t *heads) {
  int e = item->is_rows ? 0 : put_head(s, txn, item, heads);
  for (size_t i = 0; i < item->n_rows && !e; i++) {
    const StoreRow *row = &item->rows[i];
    e = row->table == STORE_HEAD ? put_first_head(s, txn, row, heads)
                                 : put_row(s, txn, row);
  }
  return e;
}

static int put_count(Lmdb *s, MDB_txn *txn, uint64_t heads) {
  uint8_t bytes[8];
  u64_put(bytes, heads);
  MDB_val key = { 5, "count" }, value = { sizeof bytes, bytes };
  return mdb_put(txn, s->info, &key, &value, 0);
}

/* --- a transaction --- */

typedef struct Batch {
  const Pending *list;
  size_t n;
  size_t at;      /* the item that failed, if one did */
  uint64_t heads; /* then in the store */
  uint64_t bytes; /* then in use */
} Batch;

static int put_batch(Lmdb *s, MDB_txn *txn, Batch *b) {
  int e = 0;
  for (b->at = 0; b->at < b->n && !e; b->at++)
    e = put_item(s, txn, &b->list[b->at].item, &b->heads);
  if (e) {
    b->at--;
    return e;
  }
  if (b->heads != s->n_heads) e = put_count(s, txn, b->heads);
  if (e) return e;
  uint64_t before = b->bytes;
  b->bytes = env_pages(s, txn) * s->page_bytes;
  /* What is as large as before may pass: removals make room. */
  return b->bytes > s->limit && b->bytes > before ? MDB_MAP_FULL : 0;
}

/* Was transaction `id`, whose commit said `e`, kept after all? What is seen may
 * be in the page cache alone: it counts once it is synced. */
static bool was_kept(Lmdb *s, size_t id, int e) {
  size_t last = 0;
  int again = env_reopen(s, &last);
  if (!again && last >= id) again = mdb_env_sync(s->env, 1);
  if (again)
    die("a commit to the store %s failed (%s), and it cannot be opened again "
        "(%s); stopping",
        s->dir, mdb_strerror(e), mdb_strerror(again));
  return last >= id;
}

/* All of the batch or nothing. 0 when it is kept. */
static int write_once(Lmdb *s, Batch *b) {
  MDB_txn *txn;
  int dead, e = mdb_txn_begin(s->env, NULL, 0, &txn);
  if (e) return e;
  size_t id = mdb_txn_id(txn);
  /* Who looked at the store and was killed holds its pages back. */
  if (id % READERS_EVERY == 0) mdb_reader_check(s->env, &dead);
  bool in_doubt = false;
  e = put_batch(s, txn, b);
  if (e) {
    mdb_txn_abort(txn);
  } else {
    e = mdb_txn_commit(txn);
    in_doubt = e != 0;
  }
  if (e == EDQUOT || (e == EIO && env_disk_is_full(s))) e = ENOSPC;
  if (e == EIO)
    die("the store %s cannot be written (%s): nobody can say what is on disk; "
        "stopping",
        s->dir, strerror(e));
  return in_doubt && was_kept(s, id, e) ? 0 : e;
}

/* --- what it means for the items --- */

static const char *words_of(int e) {
  if (e == 0 || e == MDB_KEYEXIST) return NULL;
  if (e == MDB_MAP_FULL) return "its limit is reached";
  return e == ENOSPC ? "the disk is full" : mdb_strerror(e);
}

static void set_results(Lmdb *s, Pending *list, size_t n, int e) {
  for (size_t i = 0; i < n && e; i++)
    pending_fail(&s->store, &list[i], ERR_UNAVAILABLE);
  stats_count(&s->stats, list, n);
}

/* The items before a conflict do not depend on it and are written without it;
 * those behind it fall (S42). */
static void write_batch(Lmdb *s, Pendings *batch) {
  Batch b = { batch->list, batch->n, 0, s->n_heads, s->stats.bytes };
  int e = write_once(s, &b);
  size_t n = b.n;
  if (e == MDB_KEYEXIST) {
    n = b.at;
    b = (Batch){ batch->list, n, 0, s->n_heads, s->stats.bytes };
    e = n ? write_once(s, &b) : 0;
  }
  const char *trouble = words_of(e);
  pthread_mutex_lock(&s->mutex);
  s->trouble = trouble;
  if (!e) {
    s->n_heads = b.heads;
    s->stats.bytes = b.bytes;
  }
  if (n) set_results(s, batch->list, n, e);
  if (n < batch->n) {
    pending_fail(&s->store, &batch->list[n], ERR_CONFLICT);
    set_results(s, batch->list + n, batch->n - n, MDB_KEYEXIST);
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

/* --- relaxed durability --- */

static void sync_now(Lmdb *s) {
  int e = s->is_unsynced ? mdb_env_sync(s->env, 1) : 0;
  if (e)
    die("the store %s cannot be synced (%s): nobody can say what is on disk; "
        "stopping",
        s->dir, mdb_strerror(e));
  s->is_unsynced = false;
  s->synced_ns = clock_mono_ns();
}

static bool sync_is_due(const Lmdb *s) {
  return s->is_unsynced &&
         clock_mono_ns() - s->synced_ns >= STORE_SYNC_MS * 1000000ull;
}

static void relax(Lmdb *s, bool relaxed) {
  if (s->is_relaxed == relaxed) return;
  sync_now(s);
  mdb_env_set_flags(s->env, MDB_NOSYNC, relaxed);
  s->is_relaxed = relaxed;
}

/* --- waiting for work --- */

/* Until `wanted` items are queued, the end, or a time on the monotonic clock.
 */
static void wait_until(Lmdb *s, size_t wanted, uint64_t due_ns) {
  struct timespec at = { .tv_sec = (time_t)(due_ns / 1000000000u),
                         .tv_nsec = (long)(due_ns % 1000000000u) };
  int e = 0;
  s->wanted = wanted;
  while (s->queue.n < wanted && !s->is_stopping && !e) {
    if (due_ns == UINT64_MAX)
      pthread_cond_wait(&s->wake, &s->mutex);
    else
      e = pthread_cond_timedwait(&s->wake, &s->mutex, &at);
  }
}

/* Sleeps until there is a batch, a sync, or the end. `n` items were handed
 * back just now, after `took_ns`.
 *
 * Who waited for them may well commit again at once. With some queued already,
 * commits of half the items each would take turns for ever, each for the price
 * of a whole one: so a little of a commit's time is spent on letting the others
 * come. Nobody queued: nobody waits, and the first one is written at once. */
static void wait_for_work(Lmdb *s, size_t n, uint64_t took_ns) {
  if (s->queue.n && n)
    wait_until(s, s->queue.n + n, clock_mono_ns() + took_ns / LINGER);
  if (s->queue.n || s->is_stopping) return;
  wait_until(s, 1,
             s->is_unsynced ? s->synced_ns + STORE_SYNC_MS * 1000000ull
                            : UINT64_MAX);
}

void *write_run(void *lmdb) {
  Lmdb *s = lmdb;
  Pendings batch = { 0 };
  size_t n = 0;
  uint64_t took_ns = 0;
  pthread_mutex_lock(&s->mutex);
  for (;;) {
    wait_for_work(s, n, took_ns);
    if (!s->queue.n && s->is_stopping) break;
    Pendings taken = s->queue;
    s->queue = batch; /* its memory */
    batch = taken;
    n = s->under_way = batch.n;
    bool relaxed = s->wants_relaxed;
    pthread_mutex_unlock(&s->mutex);
    relax(s, relaxed);
    took_ns = clock_mono_ns();
    if (batch.n) write_batch(s, &batch);
    took_ns = clock_mono_ns() - took_ns;
    s->is_unsynced = s->is_unsynced || (relaxed && batch.n);
    if (sync_is_due(s)) sync_now(s);
    pthread_mutex_lock(&s->mutex);
    if (!batch.n) continue;
    hand_back(s, &batch);
    s->under_way = 0;
    s->notify(s->notify_ud);
  }
  pthread_mutex_unlock(&s->mutex);
  sync_now(s);
  free(batch.list);
  return NULL;
}
