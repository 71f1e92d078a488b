/* The memory backend: an open-addressing table of blobs, and a queue that makes
 * its commits as asynchronous as a disk's, so that nothing is built on luck. */
#include "store/store.h"

#include <stdlib.h>

typedef struct Row {
  uint8_t key[CID_RAW];
  uint64_t revision; /* 0: an empty row */
  Blob *head;        /* NULL in a used row: removed */
} Row;

typedef struct Pending {
  StoreItem item;
  StoreDone done;
  void *ud;
  Err result; /* when settled */
} Pending;

struct Store {
  Row *rows;
  size_t cap, used,
      live; /* cap is a power of two; used counts removed rows too */
  Pending *queue;
  size_t n_queue, cap_queue;
  size_t n_settled; /* of the front of the queue, while held */
  bool hold;
};

/* The last bytes of a key are random: as good a hash as any. */
static size_t start_of(const uint8_t key[CID_RAW]) {
  size_t h;
  memcpy(&h, key + CID_RAW - sizeof h, sizeof h);
  return h;
}

static Row *find(const Store *s, const uint8_t key[CID_RAW]) {
  size_t i = start_of(key) & (s->cap - 1);
  while (s->rows[i].revision && memcmp(s->rows[i].key, key, CID_RAW) != 0)
    i = (i + 1) & (s->cap - 1);
  return &s->rows[i];
}

static void grow(Store *s) {
  Row *old = s->rows;
  size_t n = s->cap;
  s->cap = s->live * 4 < 64 ? 64 : s->cap;
  while (s->cap < s->live * 4) s->cap *= 2;
  s->rows = xcalloc(s->cap, sizeof *s->rows);
  s->used = 0;
  for (size_t i = 0; i < n; i++) {
    if (!old[i].head) continue;
    *find(s, old[i].key) = old[i];
    s->used++;
  }
  free(old);
}

Store *store_memory_new(void) {
  Store *s = xcalloc(1, sizeof *s);
  grow(s);
  return s;
}

void store_free(Store *s) {
  if (!s) return;
  s->hold = false;
  for (size_t i = s->n_settled; i < s->n_queue; i++)
    s->queue[i].result = ERR_UNAVAILABLE;
  s->n_settled = s->n_queue;
  s->hold = true;
  store_poll(s);
  for (size_t i = 0; i < s->cap; i++) blob_drop(s->rows[i].head);
  free(s->rows);
  free(s->queue);
  free(s);
}

void store_commit(Store *s, const StoreItem *item, StoreDone done, void *ud) {
  if (s->n_queue == s->cap_queue) {
    s->cap_queue = s->cap_queue ? s->cap_queue * 2 : 16;
    s->queue = xrealloc(s->queue, s->cap_queue * sizeof *s->queue);
  }
  s->queue[s->n_queue++] = (Pending){ *item, done, ud, OK };
  if (item->head) blob_hold(item->head);
}

static Err apply(Store *s, const StoreItem *item) {
  if ((s->used + 1) * 2 > s->cap) grow(s);
  Row *row = find(s, item->key);
  if ((row->head ? row->revision : 0) != item->expected) return ERR_CONFLICT;
  if (!row->revision) {
    memcpy(row->key, item->key, CID_RAW);
    s->used++;
  }
  if (!row->head && item->head) s->live++;
  if (row->head && !item->head) s->live--;
  blob_drop(row->head);
  row->head = item->head ? blob_hold(item->head) : NULL;
  row->revision = item->expected + 1;
  return OK;
}

size_t store_poll(Store *s) {
  size_t n = s->hold ? s->n_settled : s->n_queue;
  if (n == 0) return s->n_queue;
  /* What is queued from inside a `done` waits for the next poll. */
  Pending *batch = s->queue;
  size_t rest = s->n_queue - n, cap = s->cap_queue;
  s->queue = NULL;
  s->n_queue = s->cap_queue = s->n_settled = 0;
  if (rest) {
    s->queue = xmalloc(cap * sizeof *s->queue);
    s->cap_queue = cap;
    s->n_queue = rest;
    memcpy(s->queue, batch + n, rest * sizeof *s->queue);
  }
  bool broken = false;
  for (size_t i = 0; i < n; i++) {
    Pending *p = &batch[i];
    Err e = broken ? ERR_UNAVAILABLE : p->result;
    if (!e) e = apply(s, &p->item);
    if (e) broken = true;
    blob_drop(p->item.head);
    p->done(p->ud, e);
  }
  if (!s->queue) { /* keep the memory for the next batch */
    s->queue = batch;
    s->cap_queue = cap;
  } else {
    free(batch);
  }
  return s->n_queue;
}

Err store_load(Store *s, const uint8_t key[CID_RAW], Blob **head,
               uint64_t *revision) {
  Row *row = find(s, key);
  if (!row->head) return ERR_NOT_FOUND;
  *head = blob_hold(row->head);
  *revision = row->revision;
  return OK;
}

size_t store_count(const Store *s) { return s->live; }

void store_memory_hold(Store *s, bool hold) {
  s->hold = hold;
  if (hold) s->n_settled = 0;
}

void store_memory_settle(Store *s, Err result) {
  ASSERT(s->hold && s->n_settled < s->n_queue);
  s->queue[s->n_settled++].result = result;
}
