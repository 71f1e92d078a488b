#include "kernel/trail.h"

#include "kernel/state.h"

void trail_free(Trail *t) {
  buf_free(&t->near[PAST]);
  buf_free(&t->near[FUTURE]);
  buf_free(&t->state);
  buf_free(&t->other);
  buf_free(&t->delta);
  buf_free(&t->list);
}

/* --- rows --- */

/* What this turn does to a row, if anything. */
static StoreRow *turn_does(Kernel *k, Slice key) {
  for (uint32_t i = k->turn.n_rows; i-- > 0;) {
    StoreRow *row = &k->turn.rows[i];
    if (row->table == STORE_POINT && slice_eq(blob_view(row->key), key))
      return row;
  }
  return NULL;
}

void trail_remove_row(Kernel *k, const Conv *c, Trail *t, uint64_t turn,
                      size_t len) {
  char key[POINT_KEY];
  turn_row(k, STORE_POINT, point_key(key, c, turn), NULL);
  t->history.bytes -= len < t->history.bytes ? len : t->history.bytes;
}

/* Moves all but the first point, which is `first` bytes, into a row. */
static void spill(Kernel *k, const Conv *c, Trail *t, Side side, size_t first) {
  Buf *near = &t->near[side];
  History *h = &t->history;
  char key[POINT_KEY];
  uint64_t turn;
  Blob *row = point_row_make(
      c, h->row[side], slice(near->ptr + first, near->len - first), &turn);
  near->len = first;
  h->row[side] = turn;
  h->bytes += row->len;
  if (side == PAST && !t->spilled) t->spilled = turn;
  if (side == PAST && !h->oldest) h->oldest = turn;
  turn_row(k, STORE_POINT, point_key(key, c, turn), row);
}

void trail_push(Kernel *k, const Conv *c, Trail *t, Side side, const Point *p) {
  Buf *near = &t->near[side];
  buf_clear(&t->list);
  point_put(&t->list, p);
  size_t first = t->list.len;
  buf_slice(&t->list, buf_view(near));
  buf_swap(&t->list, near);
  t->history.n[side]++;
  if (near->len > HISTORY_HEAD_BYTES && near->len > first)
    spill(k, c, t, side, first);
}

/* Shows the rows of a side that the store has and this turn has not touched,
 * those of the past from the oldest on. */
typedef bool (*SeeRow)(void *ud, uint64_t turn, Slice row);

typedef struct RowScan {
  Kernel *k;
  const Conv *c;
  uint64_t below;
  SeeRow see;
  void *ud;
} RowScan;

static bool see_row(void *ud, Slice key, Slice row) {
  RowScan *s = ud;
  uint64_t turn;
  if (!point_key_read(s->c, key, &turn) || turn >= s->below) return false;
  return turn_does(s->k, key) || s->see(s->ud, turn, row);
}

static void scan_rows(Kernel *k, const Conv *c, const Trail *t, Side side,
                      SeeRow see, void *ud) {
  char from[POINT_KEY];
  uint64_t here = t->history.turn;
  RowScan s = { k, c, side == PAST ? here : UINT64_MAX, see, ud };
  store_scan(k->store, STORE_POINT,
             point_key(from, c, side == PAST ? 0 : here + 1), see_row, &s);
}

typedef struct Removal {
  Kernel *k;
  const Conv *c;
  Trail *t;
  uint32_t n_max; /* until no more points than this are left, */
  size_t max;     /* and no more bytes */
  uint64_t stays; /* the first row that stays */
} Removal;

static bool remove_all(void *ud, uint64_t turn, Slice row) {
  Removal *r = ud;
  trail_remove_row(r->k, r->c, r->t, turn, row.len);
  return true;
}

static bool is_in(const Trail *t, Side side, uint64_t turn) {
  return side == PAST ? turn < t->history.turn : turn > t->history.turn;
}

void trail_drop(Kernel *k, const Conv *c, Trail *t, Side side) {
  History *h = &t->history;
  if (h->row[side]) {
    scan_rows(k, c, t, side, remove_all, &(Removal){ .k = k, .c = c, .t = t });
    for (uint32_t i = 0; i < k->turn.n_rows; i++) { /* those it just wrote */
      StoreRow *row = &k->turn.rows[i];
      uint64_t turn;
      if (row->table != STORE_POINT || !row->value ||
          !point_key_read(c, blob_view(row->key), &turn) ||
          !is_in(t, side, turn))
        continue;
      h->bytes -= row->value->len;
      blob_drop(row->value);
      row->value = NULL;
    }
  }
  h->n[side] = 0;
  h->row[side] = 0;
  if (side == PAST) h->oldest = t->spilled = 0;
  buf_clear(&t->near[side]);
}

/* --- the budget --- */

static size_t total_bytes(const Trail *t) {
  return t->history.bytes + t->near[PAST].len + t->near[FUTURE].len;
}

static bool fits(const Trail *t, uint32_t n_max, size_t max) {
  return t->history.n[PAST] + t->history.n[FUTURE] <= n_max &&
         total_bytes(t) <= max;
}

/* How many of a row's `n` first points may stay. */
static uint32_t may_stay(const Removal *r, uint32_t n) {
  const History *h = &r->t->history;
  uint32_t all = h->n[PAST] + h->n[FUTURE];
  uint32_t over = all > r->n_max ? all - r->n_max : 0;
  return total_bytes(r->t) <= r->max && over < n ? n - over : 0;
}

/* Writes a row anew with its `n` first points. */
static void cut_row(Removal *r, uint64_t turn, const PointRow *row,
                    uint32_t n) {
  History *h = &r->t->history;
  char key[POINT_KEY];
  Slice list = point_first(row->list, n);
  Blob *rest = point_row_make(r->c, row->next, list, &turn);
  h->bytes += rest->len;
  h->n[PAST] -= row->n - n;
  turn_row(r->k, STORE_POINT, point_key(key, r->c, turn), rest);
}

static bool remove_oldest(void *ud, uint64_t turn, Slice value) {
  Removal *r = ud;
  History *h = &r->t->history;
  PointRow row = { 0 };
  r->stays = turn;
  if (fits(r->t, r->n_max, r->max)) return false;
  if (point_row_read(r->c, turn, value, &row)) row.n = 0;
  uint32_t n = may_stay(r, row.n);
  trail_remove_row(r->k, r->c, r->t, turn, value.len);
  if (n) {
    cut_row(r, turn, &row, n);
    return false;
  }
  r->stays = 0;
  h->n[PAST] -= row.n < h->n[PAST] ? row.n : h->n[PAST];
  return true;
}

/* The same for the row that this turn wrote, when there is no older one. */
static void cut_spilled(Removal *r) {
  char key[POINT_KEY];
  Trail *t = r->t;
  const StoreRow *put = turn_does(r->k, point_key(key, r->c, t->spilled));
  PointRow row;
  if (!put || !put->value) return;
  Blob *was = blob_hold(put->value);
  uint32_t n = 0;
  if (!point_row_read(r->c, t->spilled, blob_view(was), &row))
    n = may_stay(r, row.n);
  if (n) {
    t->history.bytes -= was->len;
    cut_row(r, t->spilled, &row, n);
  }
  blob_drop(was);
}

/* Keeps no more of the nearest past than fits. */
static void cut_near(Trail *t, uint32_t n_max, size_t max) {
  History *h = &t->history;
  Slice in = buf_view(&t->near[PAST]);
  Point p;
  size_t kept = 0;
  uint32_t n = 0;
  t->near[PAST].len = 0;
  while (in.len && n < n_max && !point_take(&in, &p)) {
    size_t end = (size_t)(in.ptr - t->near[PAST].ptr);
    if (h->bytes + end > max) break;
    kept = end;
    n++;
  }
  t->near[PAST].len = kept;
  h->n[PAST] = n;
}

/* Lets the oldest go when there is too much: a sixteenth at once, so that the
 * reading and removing is done in one turn of many; by bytes in whole rows. */
void trail_trim(Kernel *k, const Conv *c, Trail *t) {
  History *h = &t->history;
  uint32_t n_max = k->config.history_turns;
  size_t max = k->config.history_bytes;
  bool is_asked = k->turn.compacts && k->turn.keeps < n_max;
  if (is_asked) n_max = k->turn.keeps;
  if (fits(t, n_max, max)) return;
  if (!is_asked) n_max -= n_max / 16;
  max -= max / 16;
  Removal r = { k, c, t, n_max, max, 0 };
  if (h->row[PAST]) {
    scan_rows(k, c, t, PAST, remove_oldest, &r);
    h->oldest = r.stays ? r.stays : t->spilled;
    if (!h->oldest) h->row[PAST] = 0;
    if (!r.stays && t->spilled && !fits(t, n_max, max)) cut_spilled(&r);
  }
  if (!fits(t, n_max, max)) trail_drop(k, c, t, FUTURE);
  if (fits(t, n_max, max)) return;
  buf_swap(&t->list, &t->near[PAST]); /* only the head's are left to keep */
  trail_drop(k, c, t, PAST);
  buf_swap(&t->list, &t->near[PAST]);
  cut_near(t, n_max, max);
}
