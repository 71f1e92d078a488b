#include <stdlib.h>
#include <unistd.h>

#include "store/backend.h"

void store_commit(Store *s, const StoreItem *item, StoreDone done, void *ud) {
  s->backend->commit(s, item, done, ud);
}

size_t store_poll(Store *s) { return s->backend->poll(s); }

void store_settle(Store *s) {
  while (store_poll(s)) usleep(200);
}

Err store_load(Store *s, const uint8_t key[CID_RAW], Blob **head,
               uint64_t *revision) {
  return s->backend->load(s, key, head, revision);
}

size_t store_count(const Store *s) { return s->backend->count(s); }

void store_free(Store *s) {
  if (s) s->backend->free(s);
}

void pendings_move(Pendings *p, const Pending *item) {
  if (p->n == p->cap) {
    p->cap = p->cap ? p->cap * 2 : 16;
    p->list = xrealloc(p->list, p->cap * sizeof *p->list);
  }
  p->list[p->n++] = *item;
}

void pendings_add(Pendings *p, const StoreItem *item, StoreDone done,
                  void *ud) {
  pendings_move(p, &(Pending){ *item, done, ud, OK });
  if (item->head) blob_hold(item->head);
}

void pendings_finish(Pendings *p) {
  Pendings batch = *p;
  *p = (Pendings){ 0 };
  for (size_t i = 0; i < batch.n; i++) {
    blob_drop(batch.list[i].item.head);
    batch.list[i].done(batch.list[i].ud, batch.list[i].result);
  }
  if (p->list) {
    free(batch.list);
  } else { /* keep the memory for the next batch */
    p->list = batch.list;
    p->cap = batch.cap;
  }
}
