/* From the redo log into the database: what many commits left becomes one
 * transaction with full sync, beside those that follow. Nobody's answer waits
 * for it, unless it could not be acknowledged without (write.c).
 *
 * A transaction that did not end well (S43): what went wrong before its commit
 * is undone and known. An error of the commit itself leaves the outcome
 * unknown: the database is opened anew, and the number of its last transaction
 * says whether it is kept. A full disk and a reached limit are recovered from,
 * reads go on meanwhile, and what was acknowledged stays in the log. A disk
 * that refuses to write ends the process: what the page cache says then, nobody
 * can promise. */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "store/guts.h"
#include "store/record.h"

#define READERS_EVERY 4096 /* commits between two looks for dead readers */
#define RETRY_MS 1000      /* when what was acknowledged cannot be applied */

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

static int put_head(Lmdb *s, MDB_txn *txn, Slice raw, uint64_t revision,
                    Slice head) {
  const size_t before = RECORD_SUM_BYTES + RECORD_REVISION_BYTES;
  MDB_val key = val_of(raw), value = { before + head.len, NULL };
  int e = mdb_put(txn, s->tables[STORE_HEAD], &key, &value, MDB_RESERVE);
  if (e) return e;
  uint8_t *record = value.mv_data;
  u64_put(record + RECORD_SUM_BYTES, revision);
  memcpy(record + before, head.ptr, head.len);
  record_seal(raw, record, value.mv_size);
  return 0;
}

/* Is a head the last one that its file has of the conversation? Those before it
 * need not be written. `file` is NULL when that is not known. */
static bool is_newest(const Redo *file, Slice raw, Slice head) {
  const Recent *r = file
                        ? recents_find(&file->recents, (const uint8_t *)raw.ptr)
                        : NULL;
  return !r || r->revision == RECENT_UNKNOWN ||
         file->bytes.ptr + r->at == head.ptr;
}

static int put_newest(Lmdb *s, MDB_txn *txn, const Redo *file, Slice raw,
                      uint64_t revision, Slice head) {
  bool counts = is_newest(file, raw, head);
  return counts ? put_head(s, txn, raw, revision, head) : 0;
}

static int put_row(Lmdb *s, MDB_txn *txn, const Redo *file,
                   const RedoRow *row) {
  MDB_val key = val_of(row->key);
  if (row->table == STORE_HEAD) /* a conversation that begins */
    return put_newest(s, txn, file, row->key, 1, row->value);
  if (row->is_removed) {
    int e = mdb_del(txn, s->tables[row->table], &key, NULL);
    return e == MDB_NOTFOUND ? 0 : e;
  }
  MDB_val value = { RECORD_SUM_BYTES + row->value.len, NULL };
  int e = mdb_put(txn, s->tables[row->table], &key, &value, MDB_RESERVE);
  if (e) return e;
  memcpy((uint8_t *)value.mv_data + RECORD_SUM_BYTES, row->value.ptr,
         row->value.len);
  record_seal(row->key, value.mv_data, value.mv_size);
  return 0;
}

static int put_item(Lmdb *s, MDB_txn *txn, const Redo *file, Slice *in) {
  RedoItem item;
  RedoRow row;
  int e = 0;
  if (!redo_item(in, &item)) return MDB_CORRUPTED;
  Slice raw = slice((const char *)item.raw, CID_RAW);
  if (item.has_head)
    e = put_newest(s, txn, file, raw, item.expected + 1, item.head);
  else if (item.has_key && item.expected)
    e = remove_head(s, txn, raw);
  for (uint64_t i = 0; i < item.n_rows && !e; i++)
    e = redo_row(in, &row) ? put_row(s, txn, file, &row) : MDB_CORRUPTED;
  return e;
}

/* --- a transaction --- */

/* Records, and what the store is after them. */
typedef struct Batch {
  const Redo *files[REDO_FILES]; /* the older one first; NULL: none */
  Slice records;                 /* of before, when there are no files yet */
  bool may_grow;
  uint64_t number, heads;
  uint64_t bytes; /* in use: before, and then after it */
} Batch;

static int put_records(Lmdb *s, MDB_txn *txn, Batch *b, const Redo *file,
                       Slice in) {
  RedoRecord r;
  int e = 0;
  while (redo_record(&in, &r) && !e) {
    if (b->number < r.number) b->number = r.number;
    b->heads = r.heads;
    while (r.items.len && !e) e = put_item(s, txn, file, &r.items);
  }
  return e;
}

static int put_batch(Lmdb *s, MDB_txn *txn, Batch *b) {
  int e = put_records(s, txn, b, NULL, b->records);
  for (int i = 0; i < REDO_FILES && !e; i++)
    if (b->files[i])
      e = put_records(s, txn, b, b->files[i], buf_view(&b->files[i]->bytes));
  if (!e) e = env_put_number(s, txn, "count", b->heads);
  if (!e) e = env_put_number(s, txn, "redo", b->number);
  if (e) return e;
  uint64_t before = b->bytes;
  b->bytes = env_pages(s, txn) * s->page_bytes;
  /* What is as large as before may pass: removals make room. */
  bool grows = b->bytes > s->limit && b->bytes > before;
  return grows && !b->may_grow ? MDB_MAP_FULL : 0;
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
static int commit_batch(Lmdb *s, Batch *b) {
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

const char *apply_words(int e) {
  if (e == 0) return NULL;
  if (e == MDB_MAP_FULL) return "its limit is reached";
  return e == ENOSPC ? "the disk is full" : mdb_strerror(e);
}

int apply_records(Lmdb *s, Slice records, uint64_t number) {
  Batch b = {
    .records = records, .may_grow = true, .number = number, .heads = s->n_heads
  };
  int e = commit_batch(s, &b);
  if (!e) s->n_heads = b.heads;
  return e;
}

/* --- one at a time --- */

/* The redo mutex is held, here and in the next. */
static void begin_applying(Lmdb *s) {
  while (s->is_applying) pthread_cond_wait(&s->applied, &s->redo_mutex);
  s->is_applying = true;
}

static void end_applying(Lmdb *s, const Batch *b, int e) {
  s->is_applying = false;
  if (!e) s->redo_applied = b->number;
  s->trouble = apply_words(e);
  pthread_cond_broadcast(&s->applied);
  pthread_mutex_lock(&s->mutex);
  pthread_cond_signal(&s->wake); /* the writer may hand over the next */
  pthread_mutex_unlock(&s->mutex);
}

static int commit_and_count(Lmdb *s, Batch *b) {
  pthread_mutex_lock(&s->mutex);
  b->bytes = s->stats.bytes;
  pthread_mutex_unlock(&s->mutex);
  int e = commit_batch(s, b);
  pthread_mutex_lock(&s->mutex);
  if (!e) s->stats.bytes = b->bytes;
  pthread_mutex_unlock(&s->mutex);
  return e;
}

int apply_now(Lmdb *s, bool may_grow) {
  pthread_mutex_lock(&s->redo_mutex);
  begin_applying(s);
  Batch b = { .files = { s->to_apply, s->active }, .may_grow = may_grow };
  pthread_mutex_unlock(&s->redo_mutex);
  int e = commit_and_count(s, &b);
  pthread_mutex_lock(&s->redo_mutex);
  if (!e && s->to_apply) redo_clear(s->to_apply);
  if (!e) redo_clear(s->active);
  if (!e) s->to_apply = NULL;
  end_applying(s, &b, e);
  pthread_mutex_unlock(&s->redo_mutex);
  return e;
}

/* --- the thread --- */

static void pause_after_failure(Lmdb *s) {
  struct timespec at;
  uint64_t due = clock_mono_ns() + RETRY_MS * 1000000ull;
  at.tv_sec = (time_t)(due / 1000000000u);
  at.tv_nsec = (long)(due % 1000000000u);
  while (s->to_apply && s->trouble && !s->applier_may_end)
    if (pthread_cond_timedwait(&s->applied, &s->redo_mutex, &at)) return;
}

/* Applies what the writer has handed over. */
static int apply_next(Lmdb *s) {
  begin_applying(s);
  Redo *r = s->to_apply;
  Batch b = { .may_grow = true, .number = s->redo_applied };
  int e = 0;
  if (r) { /* or the writer was quicker (apply_now) */
    b.files[0] = r;
    pthread_mutex_unlock(&s->redo_mutex);
    e = commit_and_count(s, &b);
    pthread_mutex_lock(&s->redo_mutex);
  }
  if (r && !e) {
    redo_clear(r);
    s->to_apply = NULL;
  }
  end_applying(s, &b, e);
  return e;
}

/* What cannot be applied stays where it is, and is tried again. */
void *apply_run(void *lmdb) {
  Lmdb *s = lmdb;
  int e = 0;
  pthread_mutex_lock(&s->redo_mutex);
  for (;;) {
    while (!s->to_apply && !s->applier_may_end)
      pthread_cond_wait(&s->applied, &s->redo_mutex);
    if (e) pause_after_failure(s);
    if (s->applier_may_end) break;
    e = apply_next(s);
  }
  pthread_mutex_unlock(&s->redo_mutex);
  return NULL;
}
