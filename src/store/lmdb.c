/* The LMDB backend: one writer thread, group commit, full sync.
 *
 *   loop:    queue -> [mutex] -> taken -> ... -> [mutex] -> done -> poll
 *   writer:            one transaction takes all that has queued meanwhile
 *
 * An answer leaves only when mdb_txn_commit has returned. A batch fails as a
 * whole: its items were computed one on top of the other (S42). The database:
 *
 *   head   raw cid (22 bytes, minting order) -> revision (8 bytes, LE), head
 *   meta   "format" -> FORMAT
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
  MDB_dbi head, meta;
  int lock_fd;
  StoreNotify notify;
  void *notify_ud;
  pthread_t writer;
  bool has_writer;
  pthread_mutex_t mutex; /* of what follows */
  pthread_cond_t wake;
  Pendings queue, done;
  size_t under_way; /* taken by the writer */
  bool is_stopping;
} Lmdb;

/* --- the writer thread --- */

static void put_revision(uint8_t out[REVISION_BYTES], uint64_t v) {
  for (int i = 0; i < REVISION_BYTES; i++) out[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get_revision(const MDB_val *v) {
  const uint8_t *in = v->mv_data;
  uint64_t r = 0;
  if (v->mv_size < REVISION_BYTES) return 0;
  for (int i = 0; i < REVISION_BYTES; i++) r |= (uint64_t)in[i] << (8 * i);
  return r;
}

/* One item into the open transaction; an LMDB code, or MDB_KEYEXIST when
 * another revision is there. */
static int put_item(Lmdb *s, MDB_txn *txn, const StoreItem *item) {
  uint8_t raw[CID_RAW];
  memcpy(raw, item->key, sizeof raw);
  MDB_val key = { sizeof raw, raw }, old;
  int e = mdb_get(txn, s->head, &key, &old);
  if (e && e != MDB_NOTFOUND) return e;
  if ((e ? 0 : get_revision(&old)) != item->expected) return MDB_KEYEXIST;
  if (!item->head) return e ? 0 : mdb_del(txn, s->head, &key, NULL);
  MDB_val value = { REVISION_BYTES + item->head->len, NULL };
  e = mdb_put(txn, s->head, &key, &value, MDB_RESERVE);
  if (e) return e;
  put_revision(value.mv_data, item->expected + 1);
  memcpy((uint8_t *)value.mv_data + REVISION_BYTES, item->head->bytes,
         item->head->len);
  return 0;
}

static void write_batch(Lmdb *s, Pendings *batch) {
  MDB_txn *txn = NULL;
  int e = mdb_txn_begin(s->env, NULL, 0, &txn);
  for (size_t i = 0; i < batch->n && !e; i++)
    e = put_item(s, txn, &batch->list[i].item);
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

static Err load(Store *store, const uint8_t raw[CID_RAW], Blob **head,
                uint64_t *revision) {
  Lmdb *s = (Lmdb *)store;
  MDB_txn *txn;
  uint8_t copy[CID_RAW];
  memcpy(copy, raw, sizeof copy);
  MDB_val key = { sizeof copy, copy }, value;
  if (mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn) != 0)
    return ERR_UNAVAILABLE;
  int e = mdb_get(txn, s->head, &key, &value);
  Err result = e == MDB_NOTFOUND ? ERR_NOT_FOUND : e ? ERR_UNAVAILABLE : OK;
  if (!e && value.mv_size < REVISION_BYTES) result = ERR_IO;
  if (!result) {
    *revision = get_revision(&value);
    *head = blob_new(slice((const char *)value.mv_data + REVISION_BYTES,
                           value.mv_size - REVISION_BYTES));
  }
  mdb_txn_abort(txn);
  return result;
}

static size_t count(const Store *store) {
  const Lmdb *s = (const Lmdb *)store;
  MDB_txn *txn;
  MDB_stat stat = { 0 };
  if (mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn) != 0) return 0;
  if (mdb_stat(txn, s->head, &stat) != 0) stat.ms_entries = 0;
  mdb_txn_abort(txn);
  return stat.ms_entries;
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

static int open_tables(Lmdb *s) {
  MDB_txn *txn;
  int e = mdb_txn_begin(s->env, NULL, 0, &txn);
  if (e) return e;
  e = mdb_dbi_open(txn, "head", MDB_CREATE, &s->head);
  if (!e) e = mdb_dbi_open(txn, "meta", MDB_CREATE, &s->meta);
  MDB_val key = { 6, "format" }, value;
  if (!e) e = mdb_get(txn, s->meta, &key, &value);
  if (e == MDB_NOTFOUND) {
    value = (MDB_val){ sizeof FORMAT - 1, FORMAT };
    e = mdb_put(txn, s->meta, &key, &value, 0);
  } else if (!e && (value.mv_size != sizeof FORMAT - 1 ||
                    memcmp(value.mv_data, FORMAT, value.mv_size) != 0)) {
    e = MDB_VERSION_MISMATCH;
  }
  if (e) {
    mdb_txn_abort(txn);
    return e;
  }
  return mdb_txn_commit(txn);
}

Store *store_lmdb_open(const char *dir, StoreNotify notify, void *ud, char *why,
                       size_t size) {
  static const StoreBackend backend = { commit, poll, load, count, release };
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
  if (!e) e = mdb_env_set_maxdbs(s->env, 8);
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
