/* The memory backend: an open-addressing table of blobs, and a queue that makes
 * its commits as asynchronous as a disk's, so that nothing is built on luck. */
#include <stdlib.h>

#include "store/backend.h"

typedef struct Row {
  uint8_t key[CID_RAW];
  uint64_t revision; /* 0: an empty row */
  Blob *head;        /* NULL in a used row: removed */
} Row;

typedef struct Memory {
  Store store;
  Row *rows;
  size_t cap, used,
      live; /* cap is a power of two; used counts removed rows too */
  Pendings queue, ready;
  size_t n_settled; /* of the front of the queue, while held */
  bool hold;
} Memory;

/* The last bytes of a key are random: as good a hash as any. */
static size_t start_of(const uint8_t key[CID_RAW]) {
  size_t h;
  memcpy(&h, key + CID_RAW - sizeof h, sizeof h);
  return h;
}

static Row *find(const Memory *m, const uint8_t key[CID_RAW]) {
  size_t i = start_of(key) & (m->cap - 1);
  while (m->rows[i].revision && memcmp(m->rows[i].key, key, CID_RAW) != 0)
    i = (i + 1) & (m->cap - 1);
  return &m->rows[i];
}

static void grow(Memory *m) {
  Row *old = m->rows;
  size_t n = m->cap;
  m->cap = m->live * 4 < 64 ? 64 : m->cap;
  while (m->cap < m->live * 4) m->cap *= 2;
  m->rows = xcalloc(m->cap, sizeof *m->rows);
  m->used = 0;
  for (size_t i = 0; i < n; i++) {
    if (!old[i].head) continue;
    *find(m, old[i].key) = old[i];
    m->used++;
  }
  free(old);
}

static Err apply(Memory *m, const StoreItem *item) {
  if ((m->used + 1) * 2 > m->cap) grow(m);
  Row *row = find(m, item->key);
  if ((row->head ? row->revision : 0) != item->expected) return ERR_CONFLICT;
  if (!row->revision) {
    memcpy(row->key, item->key, CID_RAW);
    m->used++;
  }
  if (!row->head && item->head) m->live++;
  if (row->head && !item->head) m->live--;
  blob_drop(row->head);
  row->head = item->head ? blob_hold(item->head) : NULL;
  row->revision = item->expected + 1;
  return OK;
}

static void commit(Store *s, const StoreItem *item, StoreDone done, void *ud) {
  pendings_add(&((Memory *)s)->queue, item, done, ud);
}

static size_t poll(Store *s) {
  Memory *m = (Memory *)s;
  size_t n = m->hold ? m->n_settled : m->queue.n;
  if (n == 0) return m->queue.n;
  bool broken = false;
  for (size_t i = 0; i < n; i++) {
    Pending *p = &m->queue.list[i];
    if (broken) p->result = ERR_UNAVAILABLE;
    if (!p->result) p->result = apply(m, &p->item);
    broken = p->result != OK;
    pendings_move(&m->ready, p);
  }
  m->queue.n -= n;
  memmove(m->queue.list, m->queue.list + n, m->queue.n * sizeof(Pending));
  m->n_settled = 0;
  if (broken) /* what was computed on top of it falls with it */
    for (size_t i = 0; i < m->queue.n; i++)
      m->queue.list[i].result = ERR_UNAVAILABLE;
  pendings_finish(&m->ready);
  return m->queue.n;
}

static Err load(Store *s, const uint8_t key[CID_RAW], Blob **head,
                uint64_t *revision) {
  Row *row = find((Memory *)s, key);
  if (!row->head) return ERR_NOT_FOUND;
  *head = blob_hold(row->head);
  *revision = row->revision;
  return OK;
}

static size_t count(const Store *s) { return ((const Memory *)s)->live; }

static void release(Store *s) {
  Memory *m = (Memory *)s;
  for (size_t i = 0; i < m->queue.n; i++)
    m->queue.list[i].result = ERR_UNAVAILABLE;
  pendings_finish(&m->queue);
  for (size_t i = 0; i < m->cap; i++) blob_drop(m->rows[i].head);
  free(m->rows);
  free(m->queue.list);
  free(m->ready.list);
  free(m);
}

Store *store_memory_new(void) {
  static const StoreBackend backend = { commit, poll, load, count, release };
  Memory *m = xcalloc(1, sizeof *m);
  m->store.backend = &backend;
  grow(m);
  return &m->store;
}

void store_memory_hold(Store *s, bool hold) {
  Memory *m = (Memory *)s;
  m->hold = hold;
  m->n_settled = 0;
}

void store_memory_settle(Store *s, Err result) {
  Memory *m = (Memory *)s;
  ASSERT(m->hold && m->n_settled < m->queue.n);
  m->queue.list[m->n_settled++].result = result;
}
