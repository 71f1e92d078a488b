/* Conversations that nobody has come to for long: s.config{ conversation_ttl }.
 *
 * A sign of life is an event, a page, a stream, of a visitor; timers and
 * messages are none. The newest is in the header (Wakes.seen), and an index of
 * the store leads from it to the conversation, so that only those are looked at
 * whose time is over:
 *
 *     STORE_SEEN   last sign of life (steady ms, 8 bytes), raw cid -> nothing
 *
 * Neither is written anew at each sign, but when the last one that was kept is
 * an eighth of the ttl old, an hour at most (seen_step). So nobody ends before
 * its time, and most an eighth after it. */
#include <lua.h>
#include <stdlib.h>

#include "kernel/state.h"

#define HOUR_MS 3600000
#define SECOND_MS 1000

static uint64_t min64(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* How old the sign that is kept may be before a newer one is. */
static uint64_t step(const Kernel *k) {
  uint64_t ms = k->config.ttl_ms ? k->config.ttl_ms / 8 : HOUR_MS;
  return ms < SECOND_MS ? SECOND_MS : min64(ms, HOUR_MS);
}

/* --- signs of life --- */

/* Nobody can come to one that is nobody's: it is in no index, and stays. */
uint64_t seen_of(const Kernel *k, const Conv *c, uint64_t kept) {
  if (!c->owner) return 0;
  return c->later.seen >= kept + step(k) ? c->later.seen : kept;
}

StoreRow seen_row(const Conv *c, uint64_t seen, bool is_there) {
  Buf key = { 0 };
  buf_be64(&key, seen);
  buf_put(&key, c->key, sizeof c->key);
  StoreRow row = { STORE_SEEN, blob_new(buf_view(&key)),
                   is_there ? blob_new((Slice){ 0 }) : NULL };
  buf_free(&key);
  return row;
}

void conv_seen(Kernel *k, Conv *c) { c->later.seen = k->steady; }

/* The store has an old sign, and can be told. */
static bool is_owed(const Kernel *k, const Conv *c) {
  bool can = c->owner && c->revision && !c->busy && !c->ended &&
             !c->provisional && !k->in_turn;
  return can && c->later.seen >= c->later.wakes.seen + step(k);
}

bool seen_keep(Kernel *k, Conv *c) {
  if (!is_owed(k, c)) return false;
  c->later.wakes.seen = c->later.seen;
  commit_again(k, c);
  return true;
}

void kernel_followed(Kernel *k, Conv *c) {
  c->is_followed = true;
  conv_seen(k, c);
  seen_keep(k, c);
}

/* Those that are followed show it now and then, or a crash would leave signs
 * from long ago. */
static void keep_followed(Kernel *k) {
  int n = REAP_WINDOW;
  for (size_t i = 0; i < k->n_buckets && n; i++) {
    Conv *next;
    for (Conv *c = k->buckets[i]; c && n; c = next) {
      next = c->hash_next;
      if (!c->is_followed) continue;
      conv_seen(k, c);
      uint64_t age = k->steady - min64(k->steady, c->later.wakes.seen);
      if (age > k->config.ttl_ms / 2 && seen_keep(k, c)) n--;
    }
  }
}

/* --- the end --- */

static int f_end(lua_State *L) {
  effect_finish(kernel_of(L), L);
  return 0;
}

/* It ends all the same: what a failing `stop` hook asked for is dropped. */
static void end_regardless(Kernel *k) {
  Turn *t = &k->turn;
  turn_clear(k);
  failure_tell(k);
  turn_drop_rows(k);
  born_drop(k);
  topics_unstage(k);
  io_unstage(k);
  t->n_pieces = 0;
  t->failed = false;
  t->finished = true;
}

void conv_end(Kernel *k, Conv *c) {
  ASSERT(!c->busy && !c->provisional);
  k->stats.reaped++;
  agenda_drop(k, c);
  if (conv_wake(k, c)) { /* its code is gone, and so is its time */
    born_drop(k);
    turn_drop_rows(k);
    commit_head(k, c, NULL);
    return;
  }
  turn_begin(k, c);
  k->turn.from_outside = true;
  budget_start(k->vm, &k->config.budget);
  c->turn++;
  c->fragment = 0;
  if (!turn_protect(k, f_end, NULL, "stop") || !turn_settle(k)) {
    budget_stop(k->vm, NULL);
    end_regardless(k);
    budget_start(k->vm, &k->config.budget); /* turn_conclude stops it */
  }
  turn_conclude(k, c, NULL, 0);
}

/* --- whose time is over --- */

typedef struct Window {
  uint64_t until;
  size_t n;
  uint8_t rows[REAP_WINDOW][8 + CID_RAW];
} Window;

static bool see_row(void *ud, Slice key, Slice value) {
  (void)value;
  Window *w = ud;
  if (key.len != sizeof w->rows[0]) return true;
  if (read_be64(key.ptr) > w->until || w->n == REAP_WINDOW) return false;
  memcpy(w->rows[w->n++], key.ptr, key.len);
  return true;
}

static uint64_t last_sign(const Kernel *k) {
  uint64_t over = k->config.ttl_ms + step(k);
  return k->steady > over ? k->steady - over : 0;
}

typedef struct Search {
  Kernel *kernel;
  uint8_t row[8 + CID_RAW];
} Search;

static void on_dropped(void *ud, Err e) { (void)ud, (void)e; }

/* A row that leads nowhere. */
static void drop_row(Kernel *k, const Search *s) {
  StoreRow row = { STORE_SEEN,
                   blob_new(slice((const char *)s->row, sizeof s->row)), NULL };
  StoreItem item = { .is_rows = true, .rows = &row, .n_rows = 1 };
  store_commit(k->store, &item, on_dropped, NULL);
  blob_drop(row.key);
}

static void on_found(void *ud, Conv *c, Err e) {
  Search s = *(Search *)ud;
  Kernel *k = s.kernel;
  free(ud);
  k->reaper.under_way--;
  if (!c) {
    if (e == ERR_NOT_FOUND) drop_row(k, &s);
    return;
  }
  bool is_quiet = !c->is_followed && !c->busy && !c->provisional && !c->ended &&
                  !c->first;
  if (!is_quiet) return;
  if (c->later.seen <= last_sign(k))
    conv_end(k, c);
  else if (read_be64((const char *)s.row) != c->later.kept.seen)
    drop_row(k, &s);
  else if (!seen_keep(k, c))
    kernel_unfollowed(k, c);
}

bool kernel_reap(Kernel *k) {
  Reaper *r = &k->reaper;
  Window w = { .until = last_sign(k) };
  if (!k->config.ttl_ms || r->under_way) return r->under_way > 0;
  if (!r->began) r->began = k->steady;
  keep_followed(k);
  /* Pages that were open before this start may show that they are. */
  if (k->steady < r->began + min64(k->config.ttl_ms, HOUR_MS)) return false;
  store_scan(k->store, STORE_SEEN, slice((const char *)r->from, sizeof r->from),
             see_row, &w);
  for (size_t i = 0; i < w.n; i++) {
    char cid[CID_LEN];
    Search *s = xcalloc(1, sizeof *s);
    s->kernel = k;
    memcpy(s->row, w.rows[i], sizeof s->row);
    base64url(cid, s->row + 8, CID_RAW);
    r->under_way++;
    kernel_fetch(k, slice(cid, CID_LEN), on_found, s);
  }
  /* Behind the last one, so that one which cannot be read holds up nobody; and
   * from the start again when these were all. */
  if (w.n < REAP_WINDOW) {
    memset(r->from, 0, sizeof r->from);
    return false;
  }
  memcpy(r->from, w.rows[w.n - 1], sizeof r->from);
  for (size_t i = sizeof r->from; i-- > 0 && ++r->from[i] == 0;) continue;
  return true;
}

bool kernel_end_all(Kernel *k, size_t max) {
  size_t n = 0;
  char(*cids)[CID_LEN] = xmalloc(max * sizeof *cids);
  for (size_t i = 0; i < k->n_buckets && n < max; i++)
    for (Conv *c = k->buckets[i]; c && n < max; c = c->hash_next)
      if (!c->busy && !c->provisional && !c->ended)
        memcpy(cids[n++], c->cid, CID_LEN);
  for (size_t i = 0; i < n; i++) {
    Conv *c = kernel_known(k, slice(cids[i], CID_LEN));
    if (c && !c->busy && !c->ended) conv_end(k, c);
  }
  free(cids);
  return n > 0;
}
