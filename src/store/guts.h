/* The LMDB backend's inside, for its own files:
 *
 *   lmdb.c    the loop's side: queue, answers, numbers
 *   write.c   the writer thread: one transaction takes all that has queued
 *   read.c    rows, heads and scans
 *   fetch.c   the reader threads: heads that may have to come from the disk
 *   env.c     the folder: opened, locked, migrated, opened again
 *   record.c  how one row looks, and its checksum
 *
 *   loop:    queue -> [mutex] -> taken -> ... -> [mutex] -> done -> poll
 *   writer:                      write_batch
 *
 * The database, format 3 (each value is a record, see record.h):
 *
 *   head   raw cid (22 bytes, minting order) -> revision, head
 *          raw cid, turn (8 bytes, BE) -> a history point: so that both are on
 *          one page (P2)
 *   code, due, topic, msg, atom, meta, seen   the other tables of store.h
 *   info   "format" -> "3";  "count" -> conversations (8 bytes, LE); no records
 */
#ifndef STORE_GUTS_H
#define STORE_GUTS_H

#include <lmdb.h>
#include <pthread.h>

#include "base/limits.h"
#include "store/backend.h"

typedef struct Lmdb {
  Store store;
  char *dir;
  int lock_fd; /* DIR/lock, held: the right to serve; of a look: the data
                * file, held shared */
  /* Held shared by who reads, alone by who opens the environment anew. */
  pthread_rwlock_t env_lock;
  MDB_env *env;
  MDB_dbi tables[STORE_TABLES]; /* head and point are one */
  MDB_dbi info;
  size_t page_bytes;

  /* the writer's own */
  pthread_t writer;
  bool has_writer;
  bool is_relaxed; /* as the environment is now */
  bool is_unsynced;
  uint64_t synced_ns; /* of the last sync, when relaxed */
  Pendings spare;     /* memory for the next batch */

  pthread_t readers[STORE_READERS];
  bool has_readers;

  StoreNotify notify;
  void *notify_ud;
  pthread_mutex_t mutex; /* of what follows */
  pthread_cond_t wake;
  Pendings queue, done;
  Pendings told; /* the loop's: memory for the next `done` */
  Fetches to_fetch, fetched;
  size_t n_fetching; /* taken by a reader */
  pthread_cond_t wake_reader;
  StoreStats stats;
  uint64_t n_heads;
  size_t under_way; /* taken by the writer */
  size_t wanted;    /* the writer sleeps until so many are queued */
  bool wants_relaxed, is_stopping;

  /* looked at without it */
  atomic_size_t n_done; /* of `done` and `fetched` */
  _Atomic uint64_t
      limit; /* bytes in use before a batch that grows is refused */
  const char *_Atomic trouble;
} Lmdb;

/* --- env.c --- */

/* Opens folder, lock and database, and brings an older format up to ours. False
 * with one line for a person. */
bool env_open(Lmdb *s, bool look_only, char *why, size_t size);
void env_close(Lmdb *s);          /* a half-open one too */
void env_close_database(Lmdb *s); /* the lock stays */
void sync_folder(const char *path);
/* Closes and opens the database, for the writer: after a commit that failed, it
 * alone can say what is kept. An LMDB code. */
int env_reopen(Lmdb *s, size_t *last_txn);
/* Pages that hold something, as `txn` sees them. */
uint64_t env_pages(const Lmdb *s, MDB_txn *txn);
bool env_disk_is_full(const Lmdb *s);

/* --- write.c --- */
void *write_run(void *lmdb); /* the thread */

/* --- read.c --- */
Err read_head(Store *store, const uint8_t raw[CID_RAW], Blob **head,
              uint64_t *revision);
Err read_row(Store *store, StoreTable table, Slice key, Blob **value);
Err read_scan(Store *store, StoreTable table, Slice from, StoreSee see,
              void *ud);
Err read_damaged(Store *store, StoreTable table, StoreSee see, void *ud);

/* --- lmdb.c --- */
void lmdb_thread(pthread_t *thread, void *(*run)(void *), Lmdb *s);

/* --- fetch.c --- */
void fetch_head(Store *store, const uint8_t key[CID_RAW], StoreFetched done,
                void *ud);

static inline Slice slice_of(const MDB_val *v) {
  return slice(v->mv_data, v->mv_size);
}
static inline MDB_val val_of(Slice s) {
  return (MDB_val){ s.len, (void *)(uintptr_t)s.ptr };
}

#endif
