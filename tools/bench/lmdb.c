/* A bare writer of LMDB beside which stube is measured: the same database, the
 * same keys, values of the same sizes, as many under way, and the same policy:
 * one thread gives, another takes all that has queued meanwhile and puts it in
 * one transaction with full sync. No HTTP, no Lua, no checks.
 *
 *   lmdb DIR look N      what the N newest conversations keep, as key=value
 *   lmdb DIR newest N    puts to any of those; N may be "all"
 *
 * The last one stays. Each line on standard input is one measurement and one
 * line of answer, until "end":
 *
 *   OUTSTANDING SECONDS WARMUP ROWS BYTES
 *
 * ROWS a put (0 to 1) are new rows of BYTES beside the head, as history makes
 * them; they are removed after it.
 *
 * Each put writes what it finds, in place, so a server that serves the same
 * database, and does nothing meanwhile, need not know. That is less work than
 * the server's own, which looks for a head before it replaces it. */
#include "fail.h"
#include "measure.h"

#include "base/id.h"

#include <errno.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define MAP_BYTES ((size_t)1 << 40)
#define TABLES_MAX 16
#define OUTSTANDING_MAX 256
/* Of our rows, beyond every turn number of the server's. */
#define ROW_KEY (CID_RAW + 8)

static void check(int e, const char *what) {
  if (e) fail("%s: %s", what, mdb_strerror(e));
}

/* --- the database ------------------------------------------------------------
 */

typedef struct Db {
  MDB_env *env;
  MDB_dbi heads;
  uint8_t (*keys)[CID_RAW]; /* whom puts go to */
  size_t n;
} Db;

static void db_open(Db *db, const char *dir) {
  MDB_txn *txn;
  check(mdb_env_create(&db->env), "env");
  check(mdb_env_set_mapsize(db->env, MAP_BYTES), "map");
  check(mdb_env_set_maxdbs(db->env, TABLES_MAX), "tables");
  check(mdb_env_open(db->env, dir, MDB_NOTLS | MDB_NORDAHEAD, 0600), dir);
  check(mdb_txn_begin(db->env, NULL, 0, &txn), "begin");
  check(mdb_dbi_open(txn, "head", 0, &db->heads), "head");
  check(mdb_txn_commit(txn), "commit");
}

/* Takes the keys of `max` conversations, the newest first. */
static void db_take_keys(Db *db, size_t max) {
  MDB_txn *txn;
  MDB_cursor *cursor;
  MDB_val key;
  size_t cap = 0;
  check(mdb_txn_begin(db->env, NULL, MDB_RDONLY, &txn), "begin");
  check(mdb_cursor_open(txn, db->heads, &cursor), "cursor");
  int e = mdb_cursor_get(cursor, &key, NULL, MDB_LAST);
  for (; !e && db->n < max; e = mdb_cursor_get(cursor, &key, NULL, MDB_PREV)) {
    if (key.mv_size != CID_RAW) continue; /* a row of history */
    if (db->n == cap) {
      cap = cap ? 2 * cap : 1024;
      db->keys = xrealloc(db->keys, cap * sizeof *db->keys);
    }
    memcpy(db->keys[db->n++], key.mv_data, CID_RAW);
  }
  if (e && e != MDB_NOTFOUND) check(e, "scan");
  if (db->n == 0) fail("no conversation is there");
  mdb_cursor_close(cursor);
  mdb_txn_abort(txn);
}

/* What the newest keep: heads, rows of history, and their bytes. */
static void look(Db *db, size_t max) {
  MDB_txn *txn;
  MDB_cursor *cursor;
  MDB_val key, value;
  size_t n[2] = { 0 }, bytes[2] = { 0 };
  check(mdb_txn_begin(db->env, NULL, MDB_RDONLY, &txn), "begin");
  check(mdb_cursor_open(txn, db->heads, &cursor), "cursor");
  int e = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
  for (; !e && n[0] < max; e = mdb_cursor_get(cursor, &key, &value, MDB_PREV)) {
    n[key.mv_size != CID_RAW]++;
    bytes[key.mv_size != CID_RAW] += value.mv_size;
  }
  if (e && e != MDB_NOTFOUND) check(e, "scan");
  printf("heads=%zu head_bytes=%.0f rows=%zu row_bytes=%.0f\n", n[0],
         n[0] ? (double)bytes[0] / (double)n[0] : 0, n[1],
         n[1] ? (double)bytes[1] / (double)n[1] : 0);
  mdb_cursor_close(cursor);
  mdb_txn_abort(txn);
}

/* --- puts --------------------------------------------------------------------
 */

typedef struct Put {
  const uint8_t *key;
  size_t slot;  /* which of those under way */
  uint64_t row; /* the number of a row that goes with it; 0: none */
  uint64_t since_ns;
} Put;

typedef struct Puts {
  Put list[OUTSTANDING_MAX];
  size_t n;
} Puts;

typedef struct Writer {
  Db *db;
  size_t row_bytes;
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t work, kept;
  Puts queue, done; /* under the mutex */
  bool is_stopping;
} Writer;

/* A row that the server will never look for: its turn has the highest bit. */
static void row_key(uint8_t out[ROW_KEY], const uint8_t *key, uint64_t row) {
  uint64_t turn = row | (uint64_t)1 << 63;
  memcpy(out, key, CID_RAW);
  for (int i = 0; i < 8; i++)
    out[CID_RAW + i] = (uint8_t)(turn >> (8 * (7 - i)));
}

static void put_one(const Writer *w, MDB_txn *txn, MDB_cursor *cursor,
                    const Put *p) {
  static char bytes[65536];
  MDB_val key = { CID_RAW, (void *)(uintptr_t)p->key }, value;
  check(mdb_cursor_get(cursor, &key, &value, MDB_SET), "a head");
  if (value.mv_size > sizeof bytes) fail("a head of %zu bytes", value.mv_size);
  memcpy(bytes, value.mv_data, value.mv_size);
  value.mv_data = bytes; /* it lay in a page that is about to be copied */
  check(mdb_cursor_put(cursor, &key, &value, MDB_CURRENT), "put");
  if (!p->row) return;
  uint8_t name[ROW_KEY];
  row_key(name, p->key, p->row);
  key = (MDB_val){ sizeof name, name };
  value = (MDB_val){ w->row_bytes, bytes };
  check(mdb_put(txn, w->db->heads, &key, &value, 0), "put a row");
}

static void write_batch(const Writer *w, const Puts *batch) {
  MDB_txn *txn;
  MDB_cursor *cursor;
  check(mdb_txn_begin(w->db->env, NULL, 0, &txn), "begin");
  check(mdb_cursor_open(txn, w->db->heads, &cursor), "cursor");
  for (size_t i = 0; i < batch->n; i++)
    put_one(w, txn, cursor, &batch->list[i]);
  mdb_cursor_close(cursor);
  check(mdb_txn_commit(txn), "commit");
}

static void *write_run(void *ud) {
  static Puts batch;
  Writer *w = ud;
  pthread_mutex_lock(&w->mutex);
  for (;;) {
    while (!w->queue.n && !w->is_stopping)
      pthread_cond_wait(&w->work, &w->mutex);
    if (!w->queue.n) break;
    batch = w->queue;
    w->queue.n = 0;
    pthread_mutex_unlock(&w->mutex);
    write_batch(w, &batch);
    pthread_mutex_lock(&w->mutex);
    memcpy(w->done.list + w->done.n, batch.list, batch.n * sizeof *batch.list);
    w->done.n += batch.n;
    pthread_cond_signal(&w->kept);
  }
  pthread_mutex_unlock(&w->mutex);
  return NULL;
}

/* --- one measurement ---------------------------------------------------------
 */

typedef struct Given {
  size_t outstanding, row_bytes;
  double seconds, warmup, rows;
} Given;

typedef struct Run {
  Writer w;
  Given given;
  uint64_t dice, n_rows;
  double rows_due;
  Put *with_rows; /* those that wrote one */
  size_t cap_rows;
} Run;

/* The put after one that is done: to any of every n-th conversation, so that
 * no batch has two for one. */
static Put next_put(Run *r, size_t slot) {
  size_t step = r->given.outstanding, n = (r->w.db->n - slot + step - 1) / step;
  size_t i = slot + step * (size_t)(roll(&r->dice) % n);
  Put p = { .key = r->w.db->keys[i], .slot = slot, .since_ns = now_ns() };
  r->rows_due += r->given.rows;
  if (r->rows_due < 1) return p;
  r->rows_due -= 1;
  p.row = ++r->n_rows;
  if (r->n_rows > r->cap_rows) {
    r->cap_rows = r->cap_rows ? 2 * r->cap_rows : 1024;
    r->with_rows = xrealloc(r->with_rows, r->cap_rows * sizeof p);
  }
  r->with_rows[r->n_rows - 1] = p;
  return p;
}

/* All at once: who waited for an answer asks again when it has come. */
static void give(Run *r, const Puts *done) {
  Puts *queue = &r->w.queue;
  pthread_mutex_lock(&r->w.mutex);
  for (size_t i = 0; i < done->n; i++)
    queue->list[queue->n++] = next_put(r, done->list[i].slot);
  pthread_cond_signal(&r->w.work);
  pthread_mutex_unlock(&r->w.mutex);
}

/* Waits for what is kept, some of it at least. */
static void take(Writer *w, Puts *out) {
  pthread_mutex_lock(&w->mutex);
  while (!w->done.n) pthread_cond_wait(&w->kept, &w->mutex);
  *out = w->done;
  w->done.n = 0;
  pthread_mutex_unlock(&w->mutex);
}

static void remove_rows(Run *r) {
  MDB_txn *txn;
  check(mdb_txn_begin(r->w.db->env, NULL, 0, &txn), "begin");
  for (size_t i = 0; i < r->n_rows; i++) {
    uint8_t name[ROW_KEY];
    row_key(name, r->with_rows[i].key, r->with_rows[i].row);
    MDB_val key = { sizeof name, name };
    check(mdb_del(txn, r->w.db->heads, &key, NULL), "remove a row");
  }
  check(mdb_txn_commit(txn), "commit");
  free(r->with_rows);
}

static void measure(Db *db, const Given *given) {
  static Hist hist;
  static Puts done;
  Run r = { .w = { .db = db, .row_bytes = given->row_bytes },
            .given = *given,
            .dice = DICE };
  memset(&hist, 0, sizeof hist);
  pthread_mutex_init(&r.w.mutex, NULL);
  pthread_cond_init(&r.w.work, NULL);
  pthread_cond_init(&r.w.kept, NULL);
  if (pthread_create(&r.w.thread, NULL, write_run, &r.w))
    fail("cannot start a thread");
  uint64_t begin = now_ns() + (uint64_t)(given->warmup * 1e9);
  uint64_t end = begin + (uint64_t)(given->seconds * 1e9), now;
  size_t under_way = given->outstanding;
  if (under_way > db->n) fail("fewer conversations than puts under way");
  for (done.n = 0; done.n < under_way; done.n++)
    done.list[done.n] = (Put){ .slot = done.n };
  give(&r, &done);
  while (under_way) {
    take(&r.w, &done);
    now = now_ns();
    for (size_t i = 0; i < done.n; i++) {
      uint64_t since = done.list[i].since_ns;
      if (since >= begin && now <= end) hist_add(&hist, now - since);
    }
    if (now < end)
      give(&r, &done);
    else
      under_way -= done.n;
  }
  pthread_mutex_lock(&r.w.mutex);
  r.w.is_stopping = true;
  pthread_cond_signal(&r.w.work);
  pthread_mutex_unlock(&r.w.mutex);
  pthread_join(r.w.thread, NULL);
  remove_rows(&r);
  printf("mode=lmdb outstanding=%zu rows_a_put=%.3f count=%llu per_s=%.0f "
         "p50_us=%.1f p99_us=%.1f\n",
         given->outstanding, given->rows, (unsigned long long)hist.total,
         (double)hist.total / given->seconds, hist_us(&hist, 0.5),
         hist_us(&hist, 0.99));
}

static void obey(Db *db) {
  char line[200];
  printf("ready\n");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin) && strcmp(line, "end\n") != 0) {
    Given g;
    if (sscanf(line, "%zu %lf %lf %lf %zu", &g.outstanding, &g.seconds,
               &g.warmup, &g.rows, &g.row_bytes) != 5 ||
        g.outstanding < 1 || g.outstanding > OUTSTANDING_MAX || g.rows < 0 ||
        g.rows > 1 || g.row_bytes > 2000)
      fail("not \"OUTSTANDING SECONDS WARMUP ROWS BYTES\": %s", line);
    measure(db, &g);
    fflush(stdout);
  }
}

int main(int argc, char **argv) {
  Db db = { 0 };
  const char *what = argc > 2 ? argv[2] : "";
  size_t n = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
  if (argc > 3 && !strcmp(argv[3], "all")) n = SIZE_MAX;
  if (argc < 3) fail("usage: lmdb DIR look N | newest N");
  db_open(&db, argv[1]);
  if (!strcmp(what, "look") && n) {
    look(&db, n);
  } else if (!strcmp(what, "newest") && n) {
    db_take_keys(&db, n);
    obey(&db);
  } else {
    fail("look N or newest N, not %s", what);
  }
  mdb_env_close(db.env);
  return 0;
}
