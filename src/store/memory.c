/* The memory backend: an open-addressing table of heads, ordered rows beside
 * it, and a queue that makes its commits as asynchronous as a disk's, so that
 * nothing is built on luck. */
#include <stdlib.h>

#include "store/backend.h"
#include "store/rows.h"

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
  Rows *tables[STORE_TABLES]; /* STORE_HEAD's is not used */
  StoreStats stats;
  Pendings queue, ready;
  Fetches fetches;
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

static Err apply_head(Memory *m, const StoreItem *item) {
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
  if (!item->head)
    rows_drop(m->tables[STORE_POINT], slice((const char *)item->key, CID_RAW));
  return OK;
}

/* A row of STORE_HEAD: a conversation that begins. */
static StoreItem first_head(const StoreRow *row) {
  StoreItem first = { .head = row->value };
  memcpy(first.key, row->key->bytes, CID_RAW);
  return first;
}

static bool begins_what_is_there(const Memory *m, const StoreItem *item) {
  for (size_t i = 0; i < item->n_rows; i++)
    if (item->rows[i].table == STORE_HEAD &&
        find(m, first_head(&item->rows[i]).key)->head)
      return true;
  return false;
}

static Err apply(Memory *m, const StoreItem *item) {
  if (begins_what_is_there(m, item)) return ERR_CONFLICT;
  Err e = item->is_rows ? OK : apply_head(m, item);
  for (size_t i = 0; i < item->n_rows && !e; i++) {
    const StoreRow *row = &item->rows[i];
    StoreItem first;
    if (row->table == STORE_HEAD)
      first = first_head(row), e = apply_head(m, &first);
    else
      rows_set(m->tables[row->table], blob_view(row->key), row->value);
  }
  return e;
}

static void commit(Store *s, const StoreItem *item, StoreDone done, void *ud) {
  pendings_add(s, &((Memory *)s)->queue, item, done, ud);
}

static Err load(Store *s, const uint8_t key[CID_RAW], Blob **head,
                uint64_t *revision) {
  Row *row = find((Memory *)s, key);
  if (!row->head) return ERR_NOT_FOUND;
  *head = blob_hold(row->head);
  *revision = row->revision;
  return OK;
}

/* Read at once and told later: as old as a read can be when it is told. */
static void fetch(Store *s, const uint8_t key[CID_RAW], StoreFetched done,
                  void *ud) {
  Memory *m = (Memory *)s;
  Fetch f = { .done = done, .ud = ud };
  memcpy(f.key, key, sizeof f.key);
  f.result = load(s, key, &f.head, &f.revision);
  m->stats.fetches++;
  fetches_add(&m->fetches, &f);
}

static size_t poll(Store *s) {
  Memory *m = (Memory *)s;
  if (!m->hold) fetches_finish(&m->fetches);
  size_t n = m->hold ? m->n_settled : m->queue.n;
  if (n == 0) return m->queue.n + m->fetches.n;
  bool broken = false;
  for (size_t i = 0; i < n; i++) {
    Pending *p = &m->queue.list[i];
    Err e = broken ? ERR_UNAVAILABLE : p->result ? OK : apply(m, &p->item);
    if (e) pending_fail(s, p, e);
    broken = p->result != OK;
    stats_count(&m->stats, p, 1);
    pendings_move(&m->ready, p);
  }
  m->queue.n -= n;
  memmove(m->queue.list, m->queue.list + n, m->queue.n * sizeof(Pending));
  m->n_settled = 0;
  if (broken) /* what was computed on top of it falls with it */
    for (size_t i = 0; i < m->queue.n; i++)
      pending_fail(s, &m->queue.list[i], ERR_UNAVAILABLE);
  pendings_finish(s, &m->ready);
  return m->queue.n + m->fetches.n;
}

static Err get(Store *s, StoreTable table, Slice key, Blob **value) {
  Blob *found = rows_get(((Memory *)s)->tables[table], key);
  if (!found) return ERR_NOT_FOUND;
  *value = blob_hold(found);
  return OK;
}

static int by_key(const void *a, const void *b) {
  return memcmp((*(Row *const *)a)->key, (*(Row *const *)b)->key, CID_RAW);
}

/* Heads have no order here: they are sorted for whoever wants to see all. */
static void scan_heads(const Memory *m, Slice from, StoreSee see, void *ud) {
  const Row **sorted = xmalloc((m->live + 1) * sizeof *sorted);
  size_t n = 0;
  for (size_t i = 0; i < m->cap; i++) {
    const Row *row = &m->rows[i];
    size_t len = from.len < CID_RAW ? from.len : CID_RAW;
    if (row->head && (!len || memcmp(row->key, from.ptr, len) >= 0))
      sorted[n++] = row;
  }
  qsort(sorted, n, sizeof *sorted, by_key);
  for (size_t i = 0; i < n; i++)
    if (!see(ud, slice((const char *)sorted[i]->key, CID_RAW),
             blob_view(sorted[i]->head)))
      break;
  free(sorted);
}

typedef struct Whose {
  Slice raw;
  StoreSee see;
  void *ud;
} Whose;

static bool see_whose(void *ud, Slice key, Slice value) {
  Whose *w = ud;
  return slice_starts(key, w->raw) && w->see(w->ud, key, value);
}

static Err scan(Store *s, StoreTable table, Slice from, StoreSee see,
                void *ud) {
  const Memory *m = (const Memory *)s;
  Whose whose = { slice(from.ptr, CID_RAW), see, ud };
  if (table == STORE_HEAD)
    scan_heads(m, from, see, ud);
  else if (table == STORE_POINT && from.len >= CID_RAW)
    rows_scan(m->tables[table], from, see_whose, &whose);
  else
    rows_scan(m->tables[table], from, see, ud);
  return OK;
}

/* Nothing here is damaged, troubled, limited or synced. */
static Err damaged(Store *s, StoreTable table, StoreSee see, void *ud) {
  (void)s, (void)table, (void)see, (void)ud;
  return OK;
}
static const char *trouble(const Store *s) {
  (void)s;
  return NULL;
}
static void set_limit(Store *s, uint64_t bytes) { (void)s, (void)bytes; }
static void set_relaxed(Store *s, bool relaxed) { (void)s, (void)relaxed; }

static bool ready(const Store *s) {
  const Memory *m = (const Memory *)s;
  return m->hold ? m->n_settled : m->queue.n || m->fetches.n;
}

static size_t count(const Store *s) { return ((const Memory *)s)->live; }

static StoreStats stats(const Store *s) { return ((const Memory *)s)->stats; }

static void release(Store *s) {
  Memory *m = (Memory *)s;
  for (size_t i = 0; i < m->queue.n; i++)
    pending_fail(s, &m->queue.list[i], ERR_UNAVAILABLE);
  pendings_finish(s, &m->queue);
  for (size_t i = 0; i < m->cap; i++) blob_drop(m->rows[i].head);
  for (int t = 0; t < STORE_TABLES; t++) rows_free(m->tables[t]);
  free(m->rows);
  fetches_finish(&m->fetches);
  free(m->fetches.list);
  free(m->queue.list);
  free(m->ready.list);
  free(m);
}

Store *store_memory_new(void) {
  static const StoreBackend backend = {
    .commit = commit,
    .poll = poll,
    .load = load,
    .fetch = fetch,
    .get = get,
    .scan = scan,
    .damaged = damaged,
    .ready = ready,
    .trouble = trouble,
    .set_limit = set_limit,
    .set_relaxed = set_relaxed,
    .count = count,
    .stats = stats,
    .free = release,
  };
  Memory *m = xcalloc(1, sizeof *m);
  for (int t = 0; t < STORE_TABLES; t++) m->tables[t] = rows_new();
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
  Pending *p = &m->queue.list[m->n_settled++];
  if (result) pending_fail(s, p, result);
}
