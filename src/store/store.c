/* What all backends share: the calls, and lists of commits under way. */
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
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

void store_fetch(Store *s, const uint8_t key[CID_RAW], StoreFetched done,
                 void *ud) {
  s->backend->fetch(s, key, done, ud);
}

Err store_get(Store *s, StoreTable table, Slice key, Blob **value) {
  return s->backend->get(s, table, key, value);
}

Err store_scan(Store *s, StoreTable table, Slice from, StoreSee see, void *ud) {
  return s->backend->scan(s, table, from, see, ud);
}

Err store_damaged(Store *s, StoreTable table, StoreSee see, void *ud) {
  return s->backend->damaged(s, table, see, ud);
}

bool store_ready(const Store *s) { return s->backend->ready(s); }

const char *store_trouble(const Store *s) { return s->backend->trouble(s); }

void store_set_limit(Store *s, uint64_t bytes) {
  s->backend->set_limit(s, bytes);
}

void store_set_relaxed(Store *s, bool relaxed) {
  s->backend->set_relaxed(s, relaxed);
}

size_t store_count(const Store *s) { return s->backend->count(s); }

StoreStats store_stats(const Store *s) { return s->backend->stats(s); }

void store_free(Store *s) {
  if (s) s->backend->free(s);
}

/* --- commits under way --- */

void pendings_move(Pendings *p, const Pending *item) {
  if (p->n == p->cap) {
    p->cap = p->cap ? p->cap * 2 : 16;
    p->list = xrealloc(p->list, p->cap * sizeof *p->list);
  }
  p->list[p->n++] = *item;
}

static StoreRow *hold_rows(const StoreItem *item) {
  StoreRow *rows = xmalloc(item->n_rows * sizeof *rows);
  for (size_t i = 0; i < item->n_rows; i++) {
    const StoreRow *row = &item->rows[i];
    ASSERT(row->table < STORE_TABLES);
    ASSERT(row->table != STORE_HEAD ||
           (row->value && row->key->len == CID_RAW));
    ASSERT(row->key->len >= 1 && row->key->len <= STORE_KEY_MAX);
    blob_hold(row->key);
    if (row->value) blob_hold(row->value);
    rows[i] = *row;
  }
  return rows;
}

void pending_fail(Store *s, Pending *p, Err result) {
  if (p->result) return;
  p->result = result;
  s->n_untold++;
}

void pendings_add(Store *s, Pendings *p, const StoreItem *item, StoreDone done,
                  void *ud) {
  pendings_move(p, &(Pending){ *item, done, ud, OK, clock_mono_ns() });
  Pending *added = &p->list[p->n - 1];
  if (item->head) blob_hold(item->head);
  if (item->n_rows) added->item.rows = hold_rows(item);
  if (s->n_untold) pending_fail(s, added, ERR_UNAVAILABLE);
}

static void drop_item(const StoreItem *item) {
  blob_drop(item->head);
  if (!item->n_rows) return;
  for (size_t i = 0; i < item->n_rows; i++) {
    blob_drop(item->rows[i].key);
    blob_drop(item->rows[i].value);
  }
  free((StoreRow *)(uintptr_t)item->rows);
}

void pendings_finish(Store *s, Pendings *p) {
  Pendings batch = *p;
  *p = (Pendings){ 0 };
  for (size_t i = 0; i < batch.n; i++) {
    drop_item(&batch.list[i].item);
    if (batch.list[i].result) s->n_untold--; /* told now */
    batch.list[i].done(batch.list[i].ud, batch.list[i].result);
  }
  if (p->list) {
    free(batch.list);
  } else { /* keep the memory for the next batch */
    p->list = batch.list;
    p->cap = batch.cap;
  }
}

/* --- heads to be read --- */

void fetches_add(Fetches *f, const Fetch *fetch) {
  if (f->first + f->n == f->cap && f->first > f->n) {
    memcpy(f->list, f->list + f->first, f->n * sizeof *f->list);
    f->first = 0;
  } else if (f->first + f->n == f->cap) {
    f->cap = f->cap ? f->cap * 2 : 16;
    f->list = xrealloc(f->list, f->cap * sizeof *f->list);
  }
  f->list[f->first + f->n++] = *fetch;
}

Fetch fetches_take(Fetches *f) {
  f->n--;
  return f->list[f->first++];
}

void fetches_finish(Fetches *f) {
  Fetches batch = *f;
  *f = (Fetches){ 0 };
  while (batch.n) {
    Fetch one = fetches_take(&batch);
    one.done(one.ud, one.result, one.head, one.revision);
  }
  free(batch.list);
}

/* --- counting --- */

static size_t bucket(uint64_t value, uint64_t first) {
  size_t i = 0;
  while (i < STORE_BUCKETS - 1 && value > first << i) i++;
  return i;
}

void stats_count(StoreStats *s, const Pending *list, size_t n) {
  uint64_t now = clock_mono_ns();
  bool kept = true;
  for (size_t i = 0; i < n; i++) kept = kept && list[i].result == OK;
  if (!kept) {
    s->failures++;
    return;
  }
  s->commits++;
  s->items += n;
  s->batch[bucket(n, 1)]++;
  for (size_t i = 0; i < n; i++) {
    uint64_t us = (now - list[i].since_ns) / 1000;
    s->latency[bucket(us, 64)]++;
    s->latency_us += us;
  }
}
