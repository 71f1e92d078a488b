/* What a backend of the store fills in. */
#ifndef STORE_BACKEND_H
#define STORE_BACKEND_H

#include "store/store.h"

typedef struct StoreBackend {
  void (*commit)(Store *s, const StoreItem *item, StoreDone done, void *ud);
  size_t (*poll)(Store *s);
  Err (*load)(Store *s, const uint8_t key[CID_RAW], Blob **head,
              uint64_t *revision);
  size_t (*count)(const Store *s);
  void (*free)(Store *s);
} StoreBackend;

/* The first member of every backend's own struct. */
struct Store {
  const StoreBackend *backend;
};

/* One commit under way. */
typedef struct Pending {
  StoreItem item; /* holds its head */
  StoreDone done;
  void *ud;
  Err result;
} Pending;

/* A list of them, in order. */
typedef struct Pendings {
  Pending *list;
  size_t n, cap;
} Pendings;

void pendings_add(Pendings *p, const StoreItem *item, StoreDone done, void *ud);
/* Takes over what `item` holds. */
void pendings_move(Pendings *p, const Pending *item);
/* Calls `done` of each, drops the heads, empties the list. What is added to `p`
 * from inside a `done` stays for the next time. */
void pendings_finish(Pendings *p);

#endif
