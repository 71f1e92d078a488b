/* The LMDB backend: one writer thread, group commit, full sync.
 *
 *   loop:    queue -> [mutex] -> taken -> ... -> [mutex] -> done -> poll
 *   writer:            one transaction takes all that has queued meanwhile
 *
 * An answer leaves only when mdb_txn_commit has returned. A batch fails as a
 * whole: its items were computed one on top of the other (S42). The database:
 *
 *   head   raw cid (22 bytes, minting order) -> revision (8 bytes, LE), head
 *          raw cid, turn (8 bytes, BE) -> a history point: so that both are on
 *          one page (P2)
 *   code, due, topic, msg, atom, meta   the other tables of store.h
 *   info   "format" -> FORMAT;  "count" -> conversations (8 bytes, LE)
 *
 * DIR/lock is the right to serve: held by one process. */
#include "store/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"

#define FORMAT "1"
#define REVISION_BYTES 8

typedef struct Lmdb {
  Store store;
  MDB_env *env;
  MDB_dbi tables[STORE_TABLES]; /* head and point are one */
  MDB_dbi info;
  int lock_fd;
  StoreNotify notify;
  void *notify_ud;
  pthread_t writer;
  bool has_writer;
  pthread_mutex_t mutex; /* of what follows */
  pthread_cond_t wake;
  Pendings queue, done;
  StoreStats stats;
  uint64_t n_heads;
  size_t under_way; /* taken by the writer */
  bool is_stopping;
} Lmdb;

/* --- the writer thread --- */

static const char *const table_names[STORE_TABLES] = { "head", "head",  "code",
                                                       "due",  "topic", "msg",
                                                       "atom", "meta" };

static void put_u64(uint8_t out[REVISION_BYTES], uint64_t v) {
  for (int i = 0; i < REVISION_BYTES; i++) out[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get_u64(const MDB_val *v) {
  const uint8_t *in = v->mv_data;
  uint64_t r = 0;
  if (v->mv_size < REVISION_BYTES) return 0;
  for (int i = 0; i < REVISION_BYTES; i++) r |= (uint64_t)in[i] << (8 * i);
  return r;
}

/* Removes a conversation: its head and, right behind it, its points. */
static int remove_head(Lmdb *s, MDB_txn *txn, const uint8_t raw[CID_RAW]) {
  MDB_cursor *cursor;
  int e = mdb_cursor_open(txn, s->tables[STORE_HEAD], &cursor);
  if (e) return e;
  for (;;) {
    MDB_val key = { CID_RAW, (void *)(uintptr_t)raw };
    e = mdb_cursor_get(cursor, &key, NULL, MDB_SET_RANGE);
    if (e || memcmp(key.mv_data, raw, CID_RAW) != 0) break;
    if ((e = mdb_cursor_del(cursor, 0)) != 0) break;
  }
  mdb_cursor_close(cursor);
  return e == MDB_NOTFOUND ? 0 : e;
}

/* The head of an item; an LMDB code, or MDB_KEYEXIST when another revision is
 * there. `*heads` counts conversations. */
static int put_head(Lmdb *s, MDB_txn *txn, const StoreItem *item,
                    uint64_t *heads) {
  uint8_t raw[CID_RAW];
  memcpy(raw, item->key, sizeof raw);
  MDB_val key = { sizeof raw, raw }, old;
  int e = mdb_get(txn, s->tables[STORE_HEAD], &key, &old);
  bool is_new = e == MDB_NOTFOUND;
  if (e && !is_new) return e;
  if ((is_new ? 0 : get_u64(&old)) != item->expected) return MDB_KEYEXIST;
  if (!item->head) {
    if (!is_new) --*heads;
    return is_new ? 0 : remove_head(s, txn, raw);
  }
  MDB_val value = { REVISION_BYTES + item->head->len, NULL };
  e = mdb_put(txn, s->tables[STORE_HEAD], &key, &value, MDB_RESERVE);
  if (e) return e;
  put_u64(value.mv_data, item->expected + 1);
  memcpy((uint8_t *)value.mv_data + REVISION_BYTES, item->head->bytes,
         item->head->len);
  if (is_new) ++*heads;
  return 0;
}

static int put_row(Lmdb *s, MDB_txn *txn, const StoreRow *row) {
  MDB_val key = { row->key->len, row->key->bytes };
  if (row->value) {
    MDB_val value = { row->value->len, row->value->bytes };
    return mdb_put(txn, s->tables[row->table], &key, &value, 0);
  }
  int e = mdb_del(txn, s->tables[row->table], &key, NULL);
  return e == MDB_NOTFOUND ? 0 : e;
}

static int put_item(Lmdb *s, MDB_txn *txn, const StoreItem *item,
                    uint64_t *heads) {
  int e = item->is_rows ? 0 : put_head(s, txn, item, heads);
  for (size_t i = 0; i < item->n_rows && !e; i++)
    e = put_row(s, txn, &item->rows[i]);
  return e;
}

static int put_count(Lmdb *s, MDB_txn *txn, uint64_t heads) {
  uint8_t bytes[8];
  put_u64(bytes, heads);
  MDB_val key = { 5, "count" }, value = { sizeof bytes, bytes };
  return mdb_put(txn, s->info, &key, &value, 0);
}

static void write_batch(Lmdb *s, Pendings *batch) {
  MDB_txn *txn = NULL;
  uint64_t heads = s->n_heads;
  int e = mdb_txn_begin(s->env, NULL, 0, &txn);
  for (size_t i = 0; i < batch->n && !e; i++)
    e = put_item(s, txn, &batch->list[i].item, &heads);
  if (!e && heads != s->n_heads) e = put_count(s, txn, heads);
  if (e && txn)
    mdb_txn_abort(txn);
  else if (!e)
    e = mdb_txn_commit(txn);
  if (e == EIO)
    die("the store cannot be written (%s): nobody can say what is on disk; "
        "stopping",
        mdb_strerror(e));
  for (size_t i = 0; i < batch->n; i++)
    batch->list[i].result = e == 0              ? OK
                            : e == MDB_KEYEXIST ? ERR_CONFLICT
                                                : ERR_UNAVAILABLE;
  pthread_mutex_lock(&s->mutex);
  if (!e) s->n_heads = heads;
  stats_count(&s->stats, batch->list, batch->n);
  pthread_mutex_unlock(&s->mutex);
}

static void *run_writer(void *ud) {
  Lmdb *s = ud;
  pthread_mutex_lock(&s->mutex);
  for (;;) {
    while (!s->queue.n && !s->is_stopping)
      pthread_cond_wait(&s->wake, &s->mutex);
    if (!s->queue.n) break;
    Pendings batch = s->queue;
    s->queue = (Pendings){ 0 };
    s->under_way = batch.n;
    pthread_mutex_unlock(&s->mutex);
    write_batch(s, &batch);
    pthread_mutex_lock(&s->mutex);
    for (size_t i = 0; i < batch.n; i++)
      pendings_move(&s->done, &batch.list[i]);
    s->under_way = 0;
    free(batch.list);
    s->notify(s->notify_ud);
  }
  pthread_mutex_unlock(&s->mutex);
  return NULL;
}

/* --- the loop's side --- */

static void commit(Store *store, const StoreItem *item, StoreDone done,
                   void *ud) {
  Lmdb *s = (Lmdb *)store;
  pthread_mutex_lock(&s->mutex);
  pendings_add(&s->queue, item, done, ud);
  pthread_cond_signal(&s->wake);
  pthread_mutex_unlock(&s->mutex);
}

static size_t poll(Store *store) {
  Lmdb *s = (Lmdb *)store;
  pthread_mutex_lock(&s->mutex);
  Pendings done = s->done;
  s->done = (Pendings){ 0 };
  pthread_mutex_unlock(&s->mutex);
  pendings_finish(&done);
  free(done.list);
  pthread_mutex_lock(&s->mutex);
  size_t n = s->queue.n + s->under_way + s->done.n;
  pthread_mutex_unlock(&s->mutex);
  return n;
}

static Err from_mdb(int e) {
  return e == MDB_NOTFOUND ? ERR_NOT_FOUND : e ? ERR_UNAVAILABLE : OK;
}

static Err load(Store *store, const uint8_t raw[CID_RAW], Blob **head,
                uint64_t *revision) {
  Lmdb *s = (Lmdb *)store;
  MDB_txn *txn;
  uint8_t copy[CID_RAW];
  memcpy(copy, raw, sizeof copy);
  MDB_val key = { sizeof copy, copy }, value;
  if (mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn) != 0)
    return ERR_UNAVAILABLE;
  int e = mdb_get(txn, s->tables[STORE_HEAD], &key, &value);
  Err result = from_mdb(e);
  if (!e && value.mv_size < REVISION_BYTES) result = ERR_IO;
  if (!result) {
    *revision = get_u64(&value);
    *head = blob_new(slice((const char *)value.mv_data + REVISION_BYTES,
                           value.mv_size - REVISION_BYTES));
  }
  mdb_txn_abort(txn);
  return result;
}

static Err get(Store *store, StoreTable table, Slice k, Blob **value) {
  Lmdb *s = (Lmdb *)store;
  MDB_txn *txn;
  MDB_val key = { k.len, (void *)(uintptr_t)k.ptr }, found;
  if (mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn) != 0)
    return ERR_UNAVAILABLE;
  int e = mdb_get(txn, s->tables[table], &key, &found);
  if (!e) *value = blob_new(slice(found.mv_data, found.mv_size));
  mdb_txn_abort(txn);
  return from_mdb(e);
}

/* Shows one row of `table`; rows of the other table in its database are passed
 * over. */
static bool show(StoreTable table, const MDB_val *key, const MDB_val *value,
                 StoreSee see, void *ud) {
  Slice k = slice(key->mv_data, key->mv_size);
  Slice v = slice(value->mv_data, value->mv_size);
  if (table == STORE_HEAD) {
    if (k.len != CID_RAW || v.len < REVISION_BYTES) return true;
    v = slice(v.ptr + REVISION_BYTES, v.len - REVISION_BYTES);
  } else if (table == STORE_POINT && k.len == CID_RAW) {
    return true;
  }
  return see(ud, k, v);
}

static Err scan(Store *store, StoreTable table, Slice from, StoreSee see,
                void *ud) {
  Lmdb *s = (Lmdb *)store;
  MDB_txn *txn;
  MDB_cursor *cursor;
  if (mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn) != 0)
    return ERR_UNAVAILABLE;
  int e = mdb_cursor_open(txn, s->tables[table], &cursor);
  if (!e) {
    MDB_val key = { from.len, (void *)(uintptr_t)from.ptr }, value;
    e = mdb_cursor_get(cursor, &key, &value,
                       from.len ? MDB_SET_RANGE : MDB_FIRST);
    while (!e && show(table, &key, &value, see, ud))
      e = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    mdb_cursor_close(cursor);
  }
  mdb_txn_abort(txn);
  return e == MDB_NOTFOUND ? OK : from_mdb(e);
}

static uint64_t locked(const Store *store, StoreStats *stats) {
  Lmdb *s = (Lmdb *)(uintptr_t)store;
  pthread_mutex_lock(&s->mutex);
  uint64_t n = s->n_heads;
  if (stats) *stats = s->stats;
  pthread_mutex_unlock(&s->mutex);
  return n;
}

static size_t count(const Store *store) { return locked(store, NULL); }

static StoreStats stats(const Store *store) {
  const Lmdb *s = (const Lmdb *)store;
  StoreStats out;
  MDB_envinfo info;
  MDB_stat stat;
  locked(store, &out);
  if (mdb_env_info(s->env, &info) == 0 && mdb_env_stat(s->env, &stat) == 0)
    out.bytes = (info.me_last_pgno + 1) * (uint64_t)stat.ms_psize;
  return out;
}

/* Takes a half-open store too. What is queued is still written. */
static void release(Store *store) {
  Lmdb *s = (Lmdb *)store;
  if (s->has_writer) {
    pthread_mutex_lock(&s->mutex);
    s->is_stopping = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->mutex);
    pthread_join(s->writer, NULL);
    poll(store);
  }
  if (s->env) mdb_env_close(s->env);
  if (s->lock_fd >= 0) close(s->lock_fd);
  pthread_mutex_destroy(&s->mutex);
  pthread_cond_destroy(&s->wake);
  free(s->queue.list);
  free(s->done.list);
  free(s);
}

/* --- opening --- */

static void *no(char *why, size_t size, const char *fmt, const char *a,
                const char *b) {
  snprintf(why, size, fmt, a, b);
  return NULL;
}

static int open_lock(const char *dir) {
  char path[4096];
  snprintf(path, sizeof path, "%s/lock", dir);
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

/* Reads a fact of `info`, or writes it when it is not there. */
static int fact(Lmdb *s, MDB_txn *txn, const char *name, MDB_val *value) {
  MDB_val key = { strlen(name), (void *)(uintptr_t)name }, found;
  int e = mdb_get(txn, s->info, &key, &found);
  if (e == MDB_NOTFOUND) return mdb_put(txn, s->info, &key, value, 0);
  if (!e) *value = found;
  return e;
}

static int open_tables(Lmdb *s) {
  MDB_txn *txn;
  int e = mdb_txn_begin(s->env, NULL, 0, &txn);
  if (e) return e;
  for (int t = 0; t < STORE_TABLES && !e; t++)
    e = mdb_dbi_open(txn, table_names[t], MDB_CREATE, &s->tables[t]);
  if (!e) e = mdb_dbi_open(txn, "info", MDB_CREATE, &s->info);
  MDB_val format = { sizeof FORMAT - 1, FORMAT };
  if (!e) e = fact(s, txn, "format", &format);
  if (!e && (format.mv_size != sizeof FORMAT - 1 ||
             memcmp(format.mv_data, FORMAT, format.mv_size) != 0))
    e = MDB_VERSION_MISMATCH;
  uint8_t none[8] = { 0 };
  MDB_val heads = { sizeof none, none };
  if (!e) e = fact(s, txn, "count", &heads);
  if (e) {
    mdb_txn_abort(txn);
    return e;
  }
  s->n_heads = get_u64(&heads);
  return mdb_txn_commit(txn);
}

Store *store_lmdb_open(const char *dir, StoreNotify notify, void *ud, char *why,
                       size_t size) {
  static const StoreBackend backend = { commit, poll,  load,  get,
                                        scan,   count, stats, release };
  if (mkdir(dir, 0700) != 0 && errno != EEXIST)
    return no(why, size, "cannot make the store's folder %s: %s", dir,
              strerror(errno));
  Lmdb *s = xcalloc(1, sizeof *s);
  s->store.backend = &backend;
  s->notify = notify;
  s->notify_ud = ud;
  pthread_mutex_init(&s->mutex, NULL);
  pthread_cond_init(&s->wake, NULL);
  s->lock_fd = open_lock(dir);
  if (s->lock_fd < 0) {
    release(&s->store);
    return no(why, size, "the store %s is in use by another process%s", dir,
              "");
  }
  int e = mdb_env_create(&s->env);
  if (!e) e = mdb_env_set_mapsize(s->env, STORE_MAP_BYTES);
  if (!e) e = mdb_env_set_maxdbs(s->env, STORE_TABLES + 1);
  if (!e) e = mdb_env_open(s->env, dir, MDB_NOTLS | MDB_NORDAHEAD, 0600);
  if (!e) e = open_tables(s);
  if (!e) e = pthread_create(&s->writer, NULL, run_writer, s);
  if (e) {
    no(why, size,
       e == MDB_VERSION_MISMATCH ? "the store %s was written by a newer stube%s"
                                 : "cannot open the store %s: %s",
       dir, e == MDB_VERSION_MISMATCH ? "" : mdb_strerror(e));
    release(&s->store);
    return NULL;
  }
  s->has_writer = true;
  return &s->store;
}
