/* What stands in a slot, from what the page shows to what it should.
 *
 *   page  a b c d e      stay: the longest run that is in order already (b d e)
 *   now   b x d a e      a moves, c leaves, x comes
 *
 * Patches name their place by a neighbour that is right already, from left to
 * right; so they hold one after the other, whatever stands in between. Only a
 * slot that shows nothing needs the element around it.
 *
 * To move is to insert what is on the page a second time and to remove the
 * first one, which the selector tells by its neighbour. Our client moves the
 * element instead of inserting another, so that it keeps focus and state, and
 * then finds nothing to remove. */
#include <stdlib.h>

#include "kernel/state.h"

#define NOWHERE UINT32_MAX

/* The parts of the list that differ, and what is worked out about them. */
struct Row {
  uint32_t *old, n_old; /* iids, as the page shows them */
  uint32_t *now, n_now;
  uint32_t *was;    /* of each now: its index in old, or NOWHERE */
  uint32_t *before; /* of each now: who comes before it in a run in order */
  uint32_t *ends;   /* of runs by length: the last one's index in now */
  bool *stays;      /* of each now */
  bool *gone;       /* of each old: it is to be removed */
  uint32_t cap;
  Buf html, selector;
};

static void make_room(Row *r, uint32_t n) {
  if (n <= r->cap) return;
  r->cap = 2 * n;
  r->old = xrealloc(r->old, r->cap * sizeof *r->old);
  r->now = xrealloc(r->now, r->cap * sizeof *r->now);
  r->was = xrealloc(r->was, r->cap * sizeof *r->was);
  r->before = xrealloc(r->before, r->cap * sizeof *r->before);
  r->ends = xrealloc(r->ends, r->cap * sizeof *r->ends);
  r->stays = xrealloc(r->stays, r->cap * sizeof *r->stays);
  r->gone = xrealloc(r->gone, r->cap * sizeof *r->gone);
}

void seats_free(Kernel *k) {
  Row *r = k->row;
  if (!r) return;
  free(r->old);
  free(r->now);
  free(r->was);
  free(r->before);
  free(r->ends);
  free(r->stays);
  free(r->gone);
  buf_free(&r->html);
  buf_free(&r->selector);
  free(r);
}

/* --- what differs --- */

static void read(Row *r, const Inst *in, Slice slot) {
  uint32_t n = in->n_kids > in->seats->n ? in->n_kids : in->seats->n;
  make_room(r, n + 1);
  r->n_old = r->n_now = 0;
  for (uint32_t i = 0; i < in->seats->n; i++)
    if (slice_is(slot, in->seats->at[i].slot))
      r->old[r->n_old++] = in->seats->at[i].iid;
  for (uint32_t i = 0; i < in->n_kids; i++)
    if (in->kids[i]->top && slice_is(slot, in->kids[i]->slot))
      r->now[r->n_now++] = in->kids[i]->top;
}

typedef struct Span {
  uint32_t left, right; /* the neighbours of what differs; 0: none */
} Span;

/* Cuts off what both ends have in common. */
static Span trim(Row *r) {
  Span s = { 0 };
  uint32_t n = r->n_old < r->n_now ? r->n_old : r->n_now, head = 0, tail = 0;
  while (head < n && r->old[head] == r->now[head]) head++;
  while (head + tail < n &&
         r->old[r->n_old - 1 - tail] == r->now[r->n_now - 1 - tail])
    tail++;
  if (head) s.left = r->now[head - 1];
  if (tail) s.right = r->now[r->n_now - tail];
  r->n_old -= head + tail;
  r->n_now -= head + tail;
  memmove(r->old, r->old + head, r->n_old * sizeof *r->old);
  memmove(r->now, r->now + head, r->n_now * sizeof *r->now);
  return s;
}

/* Where each one was. */
static void match(Row *r, const Conv *c) {
  for (uint32_t i = 0; i < r->n_old; i++) {
    Inst *in = conv_inst(c, r->old[i]);
    r->gone[i] = true;
    if (in) in->mark = i + 1;
  }
  for (uint32_t i = 0; i < r->n_now; i++) {
    const Inst *in = conv_inst(c, r->now[i]);
    r->was[i] = in->mark ? in->mark - 1 : NOWHERE;
    if (in->mark) r->gone[in->mark - 1] = false;
  }
  for (uint32_t i = 0; i < r->n_old; i++) {
    Inst *in = conv_inst(c, r->old[i]);
    if (in) in->mark = 0;
  }
}

/* Marks a longest run of those that stand in their old order. Returns how many
 * others of the old ones there are, which must move. */
static uint32_t find_stays(Row *r) {
  uint32_t len = 0, matched = 0;
  for (uint32_t i = 0; i < r->n_now; i++) {
    r->stays[i] = false;
    if (r->was[i] == NOWHERE) continue;
    matched++;
    /* The longest run that it can end: `ends` is in the order of `was`. */
    uint32_t lo = 0, hi = len;
    while (lo < hi) {
      uint32_t mid = lo + (hi - lo) / 2;
      if (r->was[r->ends[mid]] < r->was[i])
        lo = mid + 1;
      else
        hi = mid;
    }
    r->before[i] = lo ? r->ends[lo - 1] : NOWHERE;
    r->ends[lo] = i;
    if (lo == len) len++;
  }
  for (uint32_t i = len ? r->ends[len - 1] : NOWHERE; i != NOWHERE;
       i = r->before[i])
    r->stays[i] = true;
  return matched - len;
}

/* --- patches --- */

static void put_id(Buf *b, uint32_t iid) {
  buf_lit(b, "#ix-");
  buf_uint(b, iid);
}

/* A slot's name may hold anything; in a selector all but words is escaped. */
static void put_slot_id(Buf *b, const Inst *in, Slice slot) {
  put_id(b, in->iid);
  buf_lit(b, "--");
  for (size_t i = 0; i < slot.len; i++) {
    unsigned char c = (unsigned char)slot.ptr[i];
    bool is_word = char_is_word((char)c) || c == '-' || c >= 0x80;
    if (c < ' ' || c == 0x7f) {
      buf_printf(b, "\\%x ", c);
    } else {
      if (!is_word) buf_byte(b, '\\');
      buf_byte(b, (char)c);
    }
  }
}

static void draw(Kernel *k, lua_State *L, uint32_t iid, Buf *out) {
  draw_inst(k, L, conv_inst(k->turn.conv, iid), out);
}

/* Puts what r->html holds at what r->selector says. */
static void put(Kernel *k, PatchMode mode) {
  Row *r = k->row;
  turn_piece(k, FRAG_ELEMENTS, mode, buf_view(&r->selector),
             buf_view(&r->html));
  buf_clear(&r->selector);
  buf_clear(&r->html);
}

/* Puts what r->html holds behind `left`, or, when that is 0, before `right`. */
static void put_beside(Kernel *k, uint32_t left, uint32_t right) {
  put_id(&k->row->selector, left ? left : right);
  put(k, left ? PATCH_AFTER : PATCH_BEFORE);
}

static void move(Kernel *k, lua_State *L, uint32_t iid, uint32_t left,
                 uint32_t right) {
  Buf *b = &k->row->selector;
  draw(k, L, iid, &k->row->html);
  put_beside(k, left, right);
  put_id(b, iid);
  buf_lit(b, ":not(");
  if (left) {
    put_id(b, left);
    buf_lit(b, " + ");
    put_id(b, iid);
    buf_byte(b, ')');
  } else {
    buf_lit(b, ":has(+ ");
    put_id(b, right);
    buf_lit(b, "))");
  }
  put(k, PATCH_REMOVE);
}

static void remove_gone(Kernel *k) {
  Row *r = k->row;
  Conv *c = k->turn.conv;
  for (uint32_t i = 0; i < r->n_old; i++) {
    if (!r->gone[i]) continue;
    if (r->selector.len) buf_byte(&r->selector, ',');
    put_id(&r->selector, r->old[i]);
    Inst *in = conv_inst(c, r->old[i]);
    if (in) draw_forget(c, in); /* covered by another one */
  }
  if (r->selector.len) put(k, PATCH_REMOVE);
}

/* The first one between two that stay which is to be removed, or NOWHERE. */
static uint32_t gone_between(const Row *r, uint32_t from, uint32_t to) {
  while (from < to && !r->gone[from]) from++;
  return from < to ? from : NOWHERE;
}

/* The index in `old` of the next one that stays, from `i` on. */
static uint32_t next_stay(const Row *r, uint32_t i) {
  while (i < r->n_now && !r->stays[i]) i++;
  return i < r->n_now ? r->was[i] : r->n_old;
}

/* Draws the run of new ones that starts at `i`; returns where it ends. */
static uint32_t draw_run(Kernel *k, lua_State *L, uint32_t i) {
  Row *r = k->row;
  for (; i < r->n_now && r->was[i] == NOWHERE; i++)
    draw(k, L, r->now[i], &r->html);
  return i;
}

static uint32_t first_stay(const Row *r, uint32_t right) {
  for (uint32_t i = 0; i < r->n_now; i++)
    if (r->stays[i]) return r->now[i];
  return right;
}

static void patch(Kernel *k, lua_State *L, const Inst *in, Slice slot,
                  Span span) {
  Row *r = k->row;
  uint32_t left = span.left, right = first_stay(r, span.right);
  uint32_t since = 0;    /* in old: behind the last one that stays */
  bool is_beside = true; /* nothing was put behind that one yet */
  for (uint32_t i = 0; i < r->n_now;) {
    uint32_t iid = r->now[i];
    if (r->stays[i]) {
      since = r->was[i++] + 1;
      is_beside = true;
    } else if (r->was[i] != NOWHERE) {
      move(k, L, iid, left, right);
      i++;
      is_beside = false;
    } else {
      uint32_t next = draw_run(k, L, i);
      uint32_t old = is_beside ? gone_between(r, since, next_stay(r, next))
                               : NOWHERE;
      if (old != NOWHERE) { /* it leaves its place to them */
        r->gone[old] = false;
        Inst *covered = conv_inst(k->turn.conv, r->old[old]);
        if (covered) draw_forget(k->turn.conv, covered);
        put_id(&r->selector, r->old[old]);
        put(k, PATCH_REPLACE);
      } else if (left || right) {
        put_beside(k, left, right);
      } else {
        put_slot_id(&r->selector, in, slot);
        put(k, PATCH_APPEND);
      }
      i = next;
      iid = r->now[i - 1];
      is_beside = false;
    }
    left = iid;
  }
  remove_gone(k);
}

bool seats_patch(Kernel *k, lua_State *L, Inst *in, Slice slot, bool is_named) {
  if (!k->row) k->row = xcalloc(1, sizeof *k->row);
  Row *r = k->row;
  buf_clear(&r->html);
  buf_clear(&r->selector);
  read(r, in, slot);
  if (!r->n_old && r->n_now && !is_named) return false; /* nobody to ask for */
  uint32_t all = r->n_now;
  Span span = trim(r);
  match(r, k->turn.conv);
  uint32_t moves = find_stays(r);
  /* Many moves cost more than one drawing of everything. */
  if (moves > 2 + all / 8) return false;
  patch(k, L, in, slot, span);
  return true;
}
