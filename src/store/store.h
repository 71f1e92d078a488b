/* Where conversations are kept: small, asynchronous, and the same for every
 * backend (S42).
 *
 *   heads    the newest state of each conversation, replaced by revision
 *   tables   ordered rows of bytes: history, code, timers, messages, atoms
 *
 * A commit takes one item: its head and its rows, all of it or nothing, in the
 * order the items were given. `done` is called later, never from inside
 * store_commit, from store_poll on the caller's thread. Reads see what has been
 * kept, not what is under way. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/blob.h"
#include "base/err.h"
#include "base/id.h"

typedef struct Store Store;

typedef void (*StoreDone)(void *ud, Err result);

/* Numbers in keys are 8 bytes, big endian, so that rows sort by them. */
typedef enum StoreTable {
  STORE_HEAD,  /* raw cid -> head; StoreItem.head writes it. A row begins a
                * conversation, which may not be there yet: ERR_CONFLICT */
  STORE_POINT, /* raw cid, turn -> points of its history; goes with its head */
  STORE_CODE,  /* digest -> a chunk */
  STORE_DUE,   /* ms since 1970, raw cid -> nothing: its earliest timer */
  STORE_TOPIC, /* topic, NUL, raw cid -> nothing: it subscribes */
  STORE_MSG,   /* topic, NUL, sequence -> a message */
  STORE_ATOM,  /* name -> value */
  STORE_META,  /* the kernel's own facts */
  STORE_SEEN,  /* ms since 1970, raw cid -> nothing: its visitor was there */
  STORE_TABLES
} StoreTable;

/* One change of a row. Its blobs are held by the store while it needs them. */
typedef struct StoreRow {
  StoreTable table;
  Blob *key;   /* 1 to STORE_KEY_MAX bytes */
  Blob *value; /* NULL removes the row, which need not be there */
} StoreRow;

typedef struct StoreItem {
  uint8_t key[CID_RAW];
  bool is_rows;      /* no conversation is touched: key, expected and head are
                      * not looked at */
  uint64_t expected; /* the revision it replaces; 0: there is none yet */
  Blob *head;        /* the new head, or NULL to remove the conversation and its
                      * history */
  const StoreRow *rows; /* applied in order, after the head; copied */
  size_t n_rows;
} StoreItem;

/* Queues one item. `done` gets OK when it is kept; ERR_CONFLICT when another
 * revision is there; ERR_UNAVAILABLE when it could not be written. If one
 * fails, all that were queued behind it fail too (they were computed on top of
 * it). */
void store_commit(Store *s, const StoreItem *item, StoreDone done, void *ud);

/* Calls `done` of what has completed. Returns how many are still under way,
 * commits and fetches. */
size_t store_poll(Store *s);
/* Has store_poll something to do just now? Costs nothing to ask. */
bool store_ready(const Store *s);

/* Waits until nothing is under way, calling every `done`. For the end. */
void store_settle(Store *s);

/* The newest head, held for the caller, and its revision. ERR_NOT_FOUND; ERR_IO
 * when it is there and damaged, which says nothing of other rows. */
Err store_load(Store *s, const uint8_t key[CID_RAW], Blob **head,
               uint64_t *revision);

/* The same without waiting for a disk: `done` is called later, from store_poll,
 * with a head that is its to drop. */
typedef void (*StoreFetched)(void *ud, Err e, Blob *head, uint64_t revision);
void store_fetch(Store *s, const uint8_t key[CID_RAW], StoreFetched done,
                 void *ud);

/* A row's value, held for the caller. ERR_NOT_FOUND, ERR_IO as above. */
Err store_get(Store *s, StoreTable table, Slice key, Blob **value);

/* Shows the rows of a table whose keys are `from` or greater, in order, until
 * `see` returns false. The slices die with the call; `see` may not use the
 * store. Points are shown of one conversation only, when `from` begins with its
 * raw cid. ERR_IO when all was shown but rows that are damaged. */
typedef bool (*StoreSee)(void *ud, Slice key, Slice value);
Err store_scan(Store *s, StoreTable table, Slice from, StoreSee see, void *ud);
/* Shows the damaged rows of a table, as they are. */
Err store_damaged(Store *s, StoreTable table, StoreSee see, void *ud);

/* Why nothing can be written just now ("the disk is full"), or NULL. Reads go
 * on meanwhile, and each commit tries anew. */
const char *store_trouble(const Store *s);
/* Past this size commits that make the store larger fail. STORE_BYTES_MAX at
 * first. */
void store_set_limit(Store *s, uint64_t bytes);
/* Relaxed: commits are kept through a crash of the process at once, and through
 * one of the machine only after the next sync, each second; a crash of the
 * machine in between may damage the whole store. */
void store_set_relaxed(Store *s, bool relaxed);

size_t store_count(const Store *s); /* conversations it holds */
void store_free(Store *s);          /* what is queued fails */

/* --- numbers, for metrics and specs --- */

/* Bucket i counts up to 2^i items, or 64 us * 2^i; the last one the rest. */
#define STORE_BUCKETS 16

typedef struct StoreStats {
  uint64_t commits;                /* batches kept */
  uint64_t failures;               /* batches not kept */
  uint64_t items;                  /* in those that were kept */
  uint64_t batch[STORE_BUCKETS];   /* commits by their number of items */
  uint64_t latency[STORE_BUCKETS]; /* items by the time from store_commit until
                                    * they were kept */
  uint64_t latency_us;             /* the sum of those times */
  uint64_t fetches;                /* heads read by store_fetch */
  uint64_t bytes;                  /* in use; the file may be larger */
  uint64_t redo_bytes;             /* kept, and not in the database yet */
} StoreStats;
StoreStats store_stats(const Store *s);

/* --- the memory backend: nothing outlives the process --- */
Store *store_memory_new(void);

/* --- the LMDB backend: a folder that outlives the process, also kill -9 --- */

/* Called on the writer's thread when store_poll has something to do. */
typedef void (*StoreNotify)(void *ud);
/* Opens or makes the store in `dir` (0700, its files 0600). NULL when that
 * fails, with one line for a person in `why`. */
Store *store_lmdb_open(const char *dir, StoreNotify notify, void *ud, char *why,
                       size_t size);
/* A look at what is in `dir`, also while another process serves it: commits
 * fail with ERR_UNAVAILABLE. */
Store *store_lmdb_look(const char *dir, char *why, size_t size);

/* The same, held against everybody who would serve it. */
Store *store_lmdb_hold(const char *dir, char *why, size_t size);

/* For specs: from now on commits complete only through store_memory_settle, and
 * fetches not at all. */
void store_memory_hold(Store *s, bool hold);
/* Completes the oldest held commit with `result` at the next poll. */
void store_memory_settle(Store *s, Err result);

#endif
