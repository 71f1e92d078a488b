/* What a backend of the store fills in. */
#ifndef STORE_BACKEND_H
#define STORE_BACKEND_H

#include <stdatomic.h>

#include "store/store.h"

typedef struct StoreBackend {
  void (*commit)(Store *s, const StoreItem *item, StoreDone done, void *ud);
  size_t (*poll)(Store *s);
  Err (*load)(Store *s, const uint8_t key[CID_RAW], Blob **head,
              uint64_t *revision);
  void (*fetch)(Store *s, const uint8_t key[CID_RAW], StoreFetched done,
                void *ud);
  Err (*get)(Store *s, StoreTable table, Slice key, Blob **value);
  Err (*scan)(Store *s, StoreTable table, Slice from, StoreSee see, void *ud);
  Err (*damaged)(Store *s, StoreTable table, StoreSee see, void *ud);
  bool (*ready)(const Store *s);
  const char *(*trouble)(const Store *s);
  void (*set_limit)(Store *s, uint64_t bytes);
  void (*set_relaxed)(Store *s, bool relaxed);
  size_t (*count)(const Store *s);
  StoreStats (*stats)(const Store *s);
  void (*free)(Store *s);
} StoreBackend;

/* The first member of every backend's own struct. */
struct Store {
  const StoreBackend *backend;
  /* Commits that failed and whose callers do not know yet. What is committed
   * meanwhile was computed on top of them, and fails too (S42). */
  atomic_size_t n_untold;
};

/* One commit under way. */
typedef struct Pending {
  StoreItem item; /* holds its head; its rows are a copy and hold theirs */
  StoreDone done;
  void *ud;
  Err result;
  uint64_t since_ns; /* on the monotonic clock: when it was queued */
} Pending;

/* One head to be read. */
typedef struct Fetch {
  uint8_t key[CID_RAW];
  StoreFetched done;
  void *ud;
  Err result;
  Blob *head;
  uint64_t revision;
} Fetch;

/* A queue of them: list[first] is the oldest of n. */
typedef struct Fetches {
  Fetch *list;
  size_t first, n, cap;
} Fetches;

void fetches_add(Fetches *f, const Fetch *fetch);
Fetch fetches_take(Fetches *f); /* the oldest; there is one */
/* Calls `done` of each. What is added from inside a `done` stays. */
void fetches_finish(Fetches *f);

/* A list of commits, in order. */
typedef struct Pendings {
  Pending *list;
  size_t n, cap;
} Pendings;

/* Fails at once what was computed on top of a failure. */
void pendings_add(Store *s, Pendings *p, const StoreItem *item, StoreDone done,
                  void *ud);
/* Takes over what `item` holds. */
void pendings_move(Pendings *p, const Pending *item);
/* Gives it a result other than OK, unless it has one. */
void pending_fail(Store *s, Pending *p, Err result);
/* Calls `done` of each, drops what they hold, empties the list. What is added
 * to `p` from inside a `done` stays for the next time. */
void pendings_finish(Store *s, Pendings *p);

/* Counts a transaction of the `n` at `list`, which have their results. */
void stats_count(StoreStats *s, const Pending *list, size_t n);

#endif
