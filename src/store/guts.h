/* The LMDB backend's inside, for its own files:
 *
 *   lmdb.c    the loop's side: queue, answers, numbers
 *   write.c   the writer thread: one record of the redo log takes all that has
 *             queued
 *   redo.c    the redo log: what is acknowledged and not in the database yet
 *   apply.c   from there into the database
 *   await.c   what readers do about it
 *   read.c    rows, heads and scans
 *   fetch.c   the reader threads: heads that may have to come from the disk
 *   env.c     the folder: opened, locked, migrated, opened again
 *   record.c  how one row looks, and its checksum
 *
 *   loop:    queue -> [mutex] -> taken -> ... -> [mutex] -> done -> poll
 *   writer:                      a record of the active redo file
 *   applier:                     the other file -> one transaction
 *
 * The database, format 4 (each value is a record, see record.h):
 *
 *   head   raw cid (22 bytes, minting order) -> revision, head
 *          raw cid, turn (8 bytes, BE) -> a history point: so that both are on
 *          one page (P2)
 *   code, due, topic, msg, atom, meta, seen   the other tables of store.h
 *   info   no records: "format" -> "4"; 8 bytes each, LE: "count" ->
 *          conversations, "redo" -> number of the newest redo record in here
 */
#ifndef STORE_GUTS_H
#define STORE_GUTS_H

#include <lmdb.h>
#include <pthread.h>

#include "base/limits.h"
#include "store/backend.h"
#include "store/redo.h"

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

  bool would_serve;
  pthread_t writer, applier;
  bool has_writer; /* and an applier */

  /* The redo log. The writer alone changes the active file, with the mutex;
   * the other one is empty, or `to_apply`. */
  pthread_mutex_t redo_mutex; /* of what follows */
  pthread_cond_t applied;     /* something was, or could not be */
  Redo redo[REDO_FILES], *active;
  Redo *_Atomic to_apply;
  uint64_t redo_last;    /* number of the newest record */
  uint64_t redo_applied; /* of the newest one in the database */
  uint64_t redo_heads;   /* conversations after the newest record */
  bool is_applying;      /* somebody is: one at a time */
  bool applier_may_end;

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
  size_t under_way;        /* taken by the writer */
  size_t wanted;           /* the writer sleeps until so many are queued */
  uint64_t wanted_applied; /* somebody waits for this redo record */
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
/* Closes and opens the database, for who applies: after a commit that failed,
 * it alone can say what is kept. An LMDB code. */
int env_reopen(Lmdb *s, size_t *last_txn);
/* What the database says of itself: conversations, redo records, bytes. */
int env_numbers(Lmdb *s, MDB_txn *txn);
int env_put_number(Lmdb *s, MDB_txn *txn, const char *name, uint64_t n);
/* Pages that hold something, as `txn` sees them. */
uint64_t env_pages(const Lmdb *s, MDB_txn *txn);
bool env_disk_is_full(const Lmdb *s);

/* --- write.c --- */
void *write_run(void *lmdb); /* the thread */

/* --- apply.c --- */
void *apply_run(void *lmdb); /* the thread */
/* Brings the redo log, and the newest record of the active file with it, into
 * the database before it returns: 0, or an LMDB code or an errno, and nothing
 * has changed. For the writer. */
int apply_now(Lmdb *s, bool may_grow);
/* Records of before, when the store is opened; `number` is what the newest one
 * on the disk has, though it may not follow. */
int apply_records(Lmdb *s, Slice records, uint64_t number);
/* Why the database cannot be written, in words, or NULL for 0. */
const char *apply_words(int e);

/* --- await.c --- */
/* Waits until what was acknowledged of a conversation (`raw`), or of a table
 * when that is NULL, is in the database. ERR_UNAVAILABLE when it cannot be
 * brought there just now. */
Err await_applied(Lmdb *s, StoreTable table, const uint8_t *raw);
/* The same for all that was. */
Err await_all(Lmdb *s);
/* What was acknowledged and is not in the database yet: a head held for the
 * caller, or NULL when it was removed. False when the database knows as much.
 */
bool await_find_head(Lmdb *s, const uint8_t *raw, Blob **head,
                     uint64_t *revision);
/* The same of a row; it looks at all there is. */
bool await_find_row(Lmdb *s, StoreTable table, Slice key, Blob **value);

/* --- read.c --- */
/* A look at the database: between the two no one opens it anew. */
Err read_begin(Lmdb *s, MDB_txn **txn);
void read_end(Lmdb *s, MDB_txn *txn);
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
