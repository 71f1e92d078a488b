#include "kernel/history.h"

#include <stdio.h>

#include "kernel/delta.h"
#include "kernel/state.h"

static Side across(Side side) { return side == PAST ? FUTURE : PAST; }

static void set_list(Buf *b, Slice list) {
  buf_clear(b);
  buf_slice(b, list);
}

/* The lists in a head. One that cannot be read is empty. */
static void head_lists(const Conv *c, Slice *state, Slice lists[2]) {
  Image parts = { 0 };
  lists[PAST] = lists[FUTURE] = (Slice){ 0 };
  if (c->head && !image_parts(blob_view(c->head), &parts) &&
      !take_block(&parts.history, &lists[PAST]))
    take_block(&parts.history, &lists[FUTURE]);
  *state = parts.state;
}

/* Begins with what the last head says. */
static Trail *open_trail(Kernel *k, const Conv *c) {
  Trail *t = &k->trail;
  Slice lists[2];
  head_lists(c, &t->base, lists);
  set_list(&t->near[PAST], lists[PAST]);
  set_list(&t->near[FUTURE], lists[FUTURE]);
  t->history = c->history;
  t->went = false;
  t->spilled = t->away_ms = 0;
  return t;
}

/* --- a turn's end --- */

static void begin_present(Kernel *k, const Conv *c, History *h,
                          const Event *ev) {
  size_t len = ev && ev->name.len < sizeof h->event ? ev->name.len : 0;
  h->turn = c->turn;
  h->until = 0;
  h->began_ms = k->steady;
  if (len) memcpy(h->event, ev->name.ptr, len);
  h->event[len] = '\0';
}

/* The present as a point that is left now. */
static Point leave_present(const Kernel *k, const Conv *c, const History *h) {
  return (Point){ .turn = h->turn,
                  .until = h->until ? h->until : c->turn - 1,
                  .began_ms = h->began_ms,
                  .left_ms = k->steady,
                  .event = slice_str(h->event) };
}

/* Makes the nearest point of a side a delta against `state`. */
static void rebase(Kernel *k, const Conv *c, Trail *t, Side side, Slice state) {
  Slice in = buf_view(&t->near[side]);
  Point p;
  if (!in.len) return;
  buf_clear(&t->other);
  if (point_take(&in, &p) ||
      delta_apply(t->base, p.delta, HISTORY_STATE_MAX, &t->other)) {
    trail_drop(k, c, t, side);
    return;
  }
  buf_clear(&t->delta);
  delta_make(state, buf_view(&t->other), &t->delta);
  p.delta = buf_view(&t->delta);
  buf_clear(&t->list);
  point_put(&t->list, &p);
  buf_slice(&t->list, in);
  buf_swap(&t->list, &t->near[side]);
}

Slice history_turn(Kernel *k, Conv *c, const Event *ev, Slice state) {
  Trail *t = &k->trail;
  if (!t->went) open_trail(k, c);
  History *h = &t->history;
  bool changed = !slice_eq(t->base, state);
  bool is_new = ev && !t->went && changed;
  const Turn *turn = &k->turn;
  bool keeps = k->config.history_turns && !turn->isolates &&
               !(turn->compacts && !turn->keeps);
  if (!c->head) {
    begin_present(k, c, h, NULL);
  } else if (!keeps) {
    trail_drop(k, c, t, PAST);
    trail_drop(k, c, t, FUTURE);
    if (is_new) begin_present(k, c, h, ev);
  } else if (is_new && k->turn.had_io) { /* what was there is no point */
    trail_drop(k, c, t, FUTURE);
    rebase(k, c, t, PAST, state);
    begin_present(k, c, h, ev);
  } else if (is_new) {
    Point p = leave_present(k, c, h);
    trail_drop(k, c, t, FUTURE);
    buf_clear(&t->delta);
    delta_make(state, t->base, &t->delta);
    p.delta = buf_view(&t->delta);
    trail_push(k, c, t, PAST, &p);
    begin_present(k, c, h, ev);
  } else if (changed) {
    rebase(k, c, t, PAST, state);
    rebase(k, c, t, FUTURE, state);
  }
  if (turn->compacts) trail_drop(k, c, t, FUTURE);
  trail_trim(k, c, t);
  c->history = *h;
  t->went = false;
  buf_clear(&t->list);
  buf_block(&t->list, buf_view(&t->near[PAST]));
  buf_block(&t->list, buf_view(&t->near[FUTURE]));
  return buf_view(&t->list);
}

/* --- walking --- */

typedef struct Walk {
  Kernel *k;
  const Conv *c;
  Side side;
  uint64_t row, oldest;
  Slice list;   /* what is left of those at hand */
  Blob *held;   /* the row it lies in, or NULL: in the head */
  Trail *trail; /* not NULL: rows that were read leave the store */
} Walk;

static Walk walk_from(Kernel *k, const Conv *c, Side side, Slice near,
                      const History *h) {
  return (Walk){ .k = k,
                 .c = c,
                 .side = side,
                 .row = h->row[side],
                 .oldest = h->oldest,
                 .list = near };
}

static void walk_end(Walk *w) {
  blob_drop(w->held);
  w->held = NULL;
}

/* Reads the next row. */
static bool walk_on(Walk *w) {
  char key[POINT_KEY];
  PointRow row;
  Blob *value;
  uint64_t turn = w->row;
  if (!turn || (w->side == PAST && turn < w->oldest)) return false;
  if (store_get(w->k->store, STORE_POINT, point_key(key, w->c, turn), &value))
    return false;
  blob_drop(w->held);
  w->held = value;
  if (point_row_read(w->c, turn, blob_view(value), &row)) {
    char at[24];
    snprintf(at, sizeof at, "%llu", (unsigned long long)turn);
    kernel_trouble(w->k, w->c, "a row of history is damaged", "turn",
                   slice_str(at));
    return false;
  }
  if (w->trail) trail_remove_row(w->k, w->c, w->trail, turn, value->len);
  w->list = row.list;
  w->row = row.next;
  return true;
}

/* The next point, which lasts until the one after it; false at the end. */
static bool walk_next(Walk *w, Point *out) {
  if (!w->list.len && !walk_on(w)) return false;
  if (!point_take(&w->list, out)) return true;
  w->list = (Slice){ 0 };
  w->row = 0;
  return false;
}

void history_walk(Kernel *k, Conv *c, Side side, HistorySee see, void *ud) {
  Slice state, lists[2];
  Point p;
  head_lists(c, &state, lists);
  Walk w = walk_from(k, c, side, lists[side], &c->history);
  while (walk_next(&w, &p)) see(ud, &p);
  walk_end(&w);
}

Err history_find(Kernel *k, Conv *c, uint64_t turn, int *steps) {
  const History *h = &c->history;
  Slice state, lists[2];
  Point p;
  *steps = 0;
  if (turn > c->turn || turn == 0) return ERR_CONFLICT;
  if (turn == c->turn || (turn >= h->turn && (!h->until || turn <= h->until)))
    return OK;
  Side side = turn < h->turn ? PAST : FUTURE;
  head_lists(c, &state, lists);
  Walk w = walk_from(k, c, side, lists[side], h);
  Err e = ERR_CONFLICT;
  for (bool passed = false; e && !passed && walk_next(&w, &p);) {
    *steps += side == PAST ? -1 : 1;
    passed = side == PAST ? p.until < turn : p.turn > turn;
    if (p.turn <= turn && turn <= p.until) e = OK;
  }
  walk_end(&w);
  return e;
}

Err history_state(Kernel *k, Conv *c, int steps, Buf *out, uint64_t *left_ms) {
  Side side = steps < 0 ? PAST : FUTURE;
  Slice state, lists[2];
  Buf here = { 0 }, next = { 0 };
  Point p = { .left_ms = k->steady };
  head_lists(c, &state, lists);
  buf_slice(&here, state);
  Walk w = walk_from(k, c, side, lists[side], &c->history);
  Err e = OK;
  for (int n = steps < 0 ? -steps : steps; n && !e; n--) {
    buf_clear(&next);
    e = walk_next(&w, &p)
            ? delta_apply(buf_view(&here), p.delta, HISTORY_STATE_MAX, &next)
            : ERR_CONFLICT;
    buf_swap(&here, &next);
  }
  walk_end(&w);
  if (!e) buf_slice(out, buf_view(&here));
  if (!e) *left_ms = p.left_ms;
  buf_free(&here);
  buf_free(&next);
  return e;
}

/* --- going back, and forth --- */

/* Puts the present beside where it is left for, `t->other`. One that waits for
 * calls is no point: who comes back would wait for ever, or run them twice. */
static void leave(Kernel *k, const Conv *c, Trail *t, Side side, Point *present,
                  bool is_point) {
  if (is_point) {
    buf_clear(&t->delta);
    delta_make(buf_view(&t->other), buf_view(&t->state), &t->delta);
    present->delta = buf_view(&t->delta);
    trail_push(k, c, t, side, present);
    return;
  }
  Buf to = { 0 };
  buf_slice(&to, buf_view(&t->other));
  rebase(k, c, t, side, buf_view(&to));
  buf_swap(&to, &t->other);
  buf_free(&to);
}

/* One step: the present becomes a point on the other side. `present` is where
 * it was made and left; its event lies in `event`. */
static Err step(Kernel *k, const Conv *c, Trail *t, Walk *w, Point *present,
                char event[EVENT_NAME_MAX], bool is_point) {
  Point next;
  if (!walk_next(w, &next)) return ERR_CONFLICT;
  buf_clear(&t->other);
  Err e = delta_apply(buf_view(&t->state), next.delta, HISTORY_STATE_MAX,
                      &t->other);
  if (e) return e;
  leave(k, c, t, across(w->side), present, is_point);
  t->history.n[w->side]--;
  buf_swap(&t->other, &t->state);
  *present = next;
  memcpy(event, next.event.ptr, next.event.len);
  present->event.ptr = event;
  return OK;
}

/* The fields of a page that was painted from another state hold other values.
 */
static void distrust_fields(Conv *c) {
  for (uint32_t i = 0; i < c->n_insts; i++)
    for (uint32_t f = 0; f < c->insts[i]->n_fields; f++)
      c->insts[i]->fields[f].known = UINT64_MAX;
}

Err history_go(Kernel *k, Conv *c, int steps) {
  Trail *t = open_trail(k, c);
  History *h = &t->history;
  char event[EVENT_NAME_MAX];
  Point present = leave_present(k, c, h);
  Side side = steps < 0 ? PAST : FUTURE;
  set_list(&t->state, t->base);
  Walk w = walk_from(k, c, side, buf_view(&t->near[side]), h);
  w.trail = t;
  Err e = OK;
  bool is_point = !k->turn.had_io;
  for (int n = steps < 0 ? -steps : steps; n && !e; n--) {
    e = step(k, c, t, &w, &present, event, is_point);
    is_point = true;
  }
  if (!e && steps) {
    /* The nearest point is always in the head: a turn without a visitor makes
     * it anew. */
    if (!w.list.len && !walk_on(&w)) w.row = 0;
    set_list(&t->list, w.list);
    buf_swap(&t->list, &t->near[side]);
    h->row[side] = w.row;
    if (side == PAST && (!w.row || w.row < h->oldest))
      h->row[PAST] = h->oldest = 0;
    h->turn = present.turn;
    h->until = present.until;
    h->began_ms = present.began_ms;
    memcpy(h->event, present.event.ptr, present.event.len);
    h->event[present.event.len] = '\0';
    t->away_ms = k->steady > present.left_ms ? k->steady - present.left_ms : 0;
  }
  walk_end(&w);
  if (e) return e;
  Rewind r;
  rewind_begin(c, &r);
  e = image_revive(k, c, buf_view(&t->state));
  rewind_end(k, c, &r, t->away_ms);
  if (e) return e;
  distrust_fields(c);
  t->base = buf_view(&t->state);
  t->went = true;
  return OK;
}
