/* Which conversation goes on next without a visitor.
 *
 *   heap     those in memory, by when something is due; what came first goes
 *            first among equals
 *   store    those asleep: rows of STORE_DUE, looked at when the earliest of
 *            them is due, a window at a time; who is found is fetched, and is
 *            then in the heap
 *
 * One pass of the loop runs a bounded number of turns, and a bounded number may
 * be under way: after a long stop, ten thousand overdue timers fire once each,
 * in order, and visitors come between.
 *
 * A conversation whose commit is under way stands in no agenda; it is put there
 * again when that is over. */
#include <lua.h>
#include <stdlib.h>

#include "kernel/deed.h"
#include "kernel/state.h"

/* --- the heap --- */

static bool before(const Conv *a, const Conv *b) {
  if (a->later.at != b->later.at) return a->later.at < b->later.at;
  return a->later.order < b->later.order;
}

static void put_at(Agenda *a, size_t i, Conv *c) {
  a->heap[i] = c;
  c->later.heap_at = i + 1;
}

static void rise(Agenda *a, size_t i, Conv *c) {
  while (i > 0 && before(c, a->heap[(i - 1) / 2])) {
    put_at(a, i, a->heap[(i - 1) / 2]);
    i = (i - 1) / 2;
  }
  put_at(a, i, c);
}

static void sink(Agenda *a, size_t i, Conv *c) {
  for (size_t kid; (kid = 2 * i + 1) < a->n; i = kid) {
    if (kid + 1 < a->n && before(a->heap[kid + 1], a->heap[kid])) kid++;
    if (!before(a->heap[kid], c)) break;
    put_at(a, i, a->heap[kid]);
  }
  put_at(a, i, c);
}

void agenda_drop(Kernel *k, Conv *c) {
  Agenda *a = &k->agenda;
  if (!c->later.heap_at) return;
  size_t i = c->later.heap_at - 1;
  c->later.heap_at = 0;
  Conv *last = a->heap[--a->n];
  if (last == c) return;
  if (i > 0 && before(last, a->heap[(i - 1) / 2]))
    rise(a, i, last);
  else
    sink(a, i, last);
}

static uint64_t next_time(Kernel *k, const Conv *c) {
  const Later *l = &c->later;
  if (c->busy || c->ended || c->provisional || c->rests_since || conv_stops(c))
    return NEVER;
  if (io_winds_down(k)) return io_owes(k, c) ? k->steady : NEVER;
  uint64_t at = l->wakes.due ? l->wakes.due : NEVER;
  if (l->is_unsaved && l->save_by < at) at = l->save_by;
  if (at > k->steady &&
      (io_owes(k, c) || waves_owe(k, &l->wakes) || atoms_owe(c)))
    at = k->steady;
  if (at < c->gate.cool_until) at = c->gate.cool_until;
  return at;
}

bool agenda_needs(Kernel *k, const Conv *c) {
  return next_time(k, c) <= k->steady;
}

void agenda_set(Kernel *k, Conv *c) {
  Agenda *a = &k->agenda;
  uint64_t at = next_time(k, c);
  if (c->later.heap_at && at == c->later.at) return;
  agenda_drop(k, c);
  if (at == NEVER) return;
  if (a->n == a->cap) {
    a->cap = a->cap ? a->cap * 2 : 64;
    a->heap = xrealloc(a->heap, a->cap * sizeof *a->heap);
  }
  c->later.at = at;
  c->later.order = ++a->order;
  a->n++;
  rise(a, a->n - 1, c);
}

/* --- those that only the store knows --- */

void agenda_left(Kernel *k, Conv *c) {
  Agenda *a = &k->agenda;
  uint64_t due = c->later.kept.due;
  agenda_drop(k, c);
  if (!due) return;
  if (due < a->store_due) a->store_due = due;
  Buf key = { 0 };
  buf_be64(&key, due);
  if (memcmp(key.ptr, a->from, key.len) < 0) { /* it was passed over */
    memset(a->from, 0, sizeof a->from);
    memcpy(a->from, key.ptr, key.len);
  }
  buf_free(&key);
}

typedef struct Window {
  uint64_t now;
  uint64_t next; /* due of the first row that is not due yet */
  size_t n;
  uint8_t rows[LATER_WINDOW][8 + CID_RAW];
} Window;

static bool see_due(void *ud, Slice key, Slice value) {
  (void)value;
  Window *w = ud;
  if (key.len != sizeof w->rows[0]) return true;
  uint64_t due = read_be64(key.ptr);
  if (due > w->now || w->n == LATER_WINDOW) {
    w->next = due;
    return false;
  }
  memcpy(w->rows[w->n++], key.ptr, key.len);
  return true;
}

static void on_found(void *ud, Conv *c, Err e) {
  Kernel *k = ud;
  (void)e;
  k->agenda.fetching--;
  if (c) agenda_set(k, c);
}

void agenda_fetch(Kernel *k, Slice raw) {
  char cid[CID_LEN];
  base64url(cid, raw.ptr, CID_RAW);
  k->agenda.fetching++;
  kernel_fetch(k, slice(cid, CID_LEN), on_found, k);
}

/* Those in memory are in the heap, whatever their row says. */
static void look_into_store(Kernel *k) {
  Agenda *a = &k->agenda;
  Window w = { .now = k->steady, .next = NEVER };
  store_scan(k->store, STORE_DUE, slice((const char *)a->from, sizeof a->from),
             see_due, &w);
  a->store_due = w.next;
  for (size_t i = 0; i < w.n; i++)
    agenda_fetch(k, slice((const char *)w.rows[i] + 8, CID_RAW));
  if (w.n == 0) return;
  /* Behind the last one. A head that cannot be read is not looked at again and
   * again. */
  memcpy(a->from, w.rows[w.n - 1], sizeof a->from);
  for (size_t i = sizeof a->from; i-- > 0 && ++a->from[i] == 0;) continue;
}

/* --- what is due --- */

static Conv *first_due(const Kernel *k) {
  const Agenda *a = &k->agenda;
  return a->n && a->heap[0]->later.at <= k->steady ? a->heap[0] : NULL;
}

uint64_t kernel_due(const Kernel *k) {
  const Agenda *a = &k->agenda;
  if (a->under_way >= LATER_UNDER_WAY_MAX) return NEVER;
  uint64_t due = a->n ? a->heap[0]->later.at : NEVER;
  if (a->fetching) return due; /* the store is looked into after that */
  if (waves_pending(k) || io_pending(k)) return 0;
  return a->store_due < due ? a->store_due : due;
}

/* Writes what a volatile turn left. */
static void save(Kernel *k, Conv *c) { commit_head(k, c, blob_hold(c->head)); }

static void run(Kernel *k, Conv *c) {
  Later *l = &c->later;
  agenda_drop(k, c); /* a turn or a commit puts it back */
  if (l->is_unsaved && l->save_by <= k->steady)
    save(k, c);
  else if (!cause_turn(k, c))
    return;
  if (!c->busy) return;
  l->is_counted = true;
  k->agenda.under_way++;
}

void kernel_tick(Kernel *k) {
  Agenda *a = &k->agenda;
  int n = LATER_TURNS_PER_PASS;
  /* Who is woken is loaded, so turns come first; but now and then a window all
   * the same, or what is always due would hide it. */
  bool is_free = !first_due(k) || ++a->passes % 8 == 0;
  if (is_free && io_pending(k)) io_step(k);
  if (is_free && !a->fetching && waves_pending(k)) waves_step(k);
  while (n-- > 0 && a->under_way < LATER_UNDER_WAY_MAX) {
    Conv *c = first_due(k);
    if (c)
      run(k, c);
    else if (!a->fetching && a->store_due <= k->steady)
      look_into_store(k);
    else
      break;
  }
}

void kernel_flush(Kernel *k) {
  for (size_t i = 0; i < k->n_buckets; i++)
    for (Conv *c = k->buckets[i]; c; c = c->hash_next)
      if (c->later.is_unsaved && !c->busy && !c->ended) save(k, c);
}

/* --- who writes much (S32) --- */

/* What was written leaks away at the rate that is allowed. */
static void leak(Kernel *k, Conv *c) {
  Later *l = &c->later;
  uint64_t gone = (k->steady - l->written_at) * CONV_WRITES_PER_S / 1000;
  l->written = gone < l->written ? l->written - gone : 0;
  l->written_at = k->steady;
}

void agenda_wrote(Kernel *k, Conv *c, size_t bytes) {
  leak(k, c);
  c->later.written += bytes;
}

bool agenda_writes_much(Kernel *k, Conv *c) {
  leak(k, c);
  return c->later.written > CONV_WRITES_PER_S;
}

/* --- beginning and end --- */

void agenda_open(Kernel *k) {
  k->agenda =
      (Agenda){ .from = { [7] = IO_DUE + 1 } }; /* behind io_runs' rows */
}

void agenda_free(Kernel *k) {
  free(k->agenda.heap);
  k->agenda = (Agenda){ 0 };
}
