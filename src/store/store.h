/* Where heads are kept: small, asynchronous, and the same for every backend
 * (S42).
 *
 * A commit takes one item: all of it is kept or nothing, in the order the items
 * were given. `done` is called later, never from inside store_commit, from
 * store_poll on the caller's thread. Keys sort in minting order. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/blob.h"
#include "base/err.h"
#include "base/id.h"

typedef struct Store Store;

typedef void (*StoreDone)(void *ud, Err result);

typedef struct StoreItem {
  uint8_t key[CID_RAW];
  uint64_t expected; /* the revision it replaces; 0: there is none yet */
  Blob *head;        /* the new head (held by the store while it needs it), or
                      * NULL to remove the conversation */
} StoreItem;

/* Queues one item. `done` gets OK when it is kept; ERR_CONFLICT when another
 * revision is there; ERR_UNAVAILABLE when it could not be written. If one
 * fails, all that were queued behind it fail too (they were computed on top of
 * it). */
void store_commit(Store *s, const StoreItem *item, StoreDone done, void *ud);

/* Calls `done` of what has completed. Returns how many are still under way. */
size_t store_poll(Store *s);

/* Waits until nothing is under way, calling every `done`. For the end. */
void store_settle(Store *s);

/* The newest head, held for the caller, and its revision. ERR_NOT_FOUND. */
Err store_load(Store *s, const uint8_t key[CID_RAW], Blob **head,
               uint64_t *revision);

size_t store_count(const Store *s); /* conversations it holds */
void store_free(Store *s);          /* what is queued fails */

/* --- the memory backend: nothing outlives the process --- */
Store *store_memory_new(void);

/* --- the LMDB backend: a folder that outlives the process, also kill -9 --- */

/* Called on the writer's thread when store_poll has something to do. */
typedef void (*StoreNotify)(void *ud);
/* Opens or makes the store in `dir` (0700, its files 0600). NULL when that
 * fails, with one line for a person in `why`. */
Store *store_lmdb_open(const char *dir, StoreNotify notify, void *ud, char *why,
                       size_t size);

/* For specs: from now on commits complete only through store_memory_settle. */
void store_memory_hold(Store *s, bool hold);
/* Completes the oldest held commit with `result` at the next poll. */
void store_memory_settle(Store *s, Err result);

#endif
