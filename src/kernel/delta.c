/* Greedy: what is common in front and at the end is taken off first, which is
 * all there is to do for most turns. In what remains, a copy goes on where the
 * last one ended (a value changed in place), or where a table of the base's
 * four-byte words says (something was moved). */
#include "kernel/delta.h"

#include <stdlib.h>

enum {
  WORD = 4,       /* bytes that are looked up */
  SAME_MIN = 4,   /* a copy that goes on costs three bytes at most */
  MOVED_MIN = 8,  /* and one from elsewhere six */
  NEAR = 8,       /* bytes that a value changed in place may take */
  SURE = 64,      /* as many bytes are no coincidence */
  HASTE = 64,     /* bytes in vain after which every second is tried, ... */
  TABLE_MIN = 16, /* below it, a table is not worth its making */
};

typedef struct Maker {
  Slice base, wanted;
  size_t copied; /* of the base: where the last copy ended */
  size_t done;   /* of what is wanted */
  Buf *out;
} Maker;

static size_t common_front(Slice a, Slice b) {
  size_t max = a.len < b.len ? a.len : b.len, n = 0;
  while (n + 8 <= max && memcmp(a.ptr + n, b.ptr + n, 8) == 0) n += 8;
  while (n < max && a.ptr[n] == b.ptr[n]) n++;
  return n;
}

static size_t common_end(Slice a, Slice b) {
  size_t max = a.len < b.len ? a.len : b.len, n = 0;
  const char *x = a.ptr + a.len, *y = b.ptr + b.len;
  while (n + 8 <= max && memcmp(x - n - 8, y - n - 8, 8) == 0) n += 8;
  while (n < max && x[-1 - (ptrdiff_t)n] == y[-1 - (ptrdiff_t)n]) n++;
  return n;
}

static Slice rest(Slice s, size_t from) {
  return slice(s.ptr + from, s.len - from);
}

static uint32_t word_at(Slice s, size_t at) {
  uint32_t w;
  memcpy(&w, s.ptr + at, sizeof w);
  return w;
}

/* Bytes of its own up to `at`, then `n` bytes of the base from `from`. */
static void put_copy(Maker *m, size_t at, size_t from, size_t n) {
  buf_block(m->out, slice(m->wanted.ptr + m->done, at - m->done));
  m->done = at + n;
  if (n == 0) return;
  uint64_t skip = from >= m->copied ? (uint64_t)(from - m->copied) << 1
                                    : (uint64_t)(m->copied - from) << 1 | 1;
  buf_varint(m->out, n);
  buf_varint(m->out, skip);
  m->copied = from + n;
}

/* --- the middle: words of the base, by where they stand ---
 *
 * Words with one hash form a chain, first position first. What is looked for
 * mostly stands soon after the last copy, so each chain keeps a cursor that
 * only moves on: a look costs the same however often a word repeats. */

typedef struct Table {
  uint32_t *first;  /* by hash: 1 + a position; 0: none */
  uint32_t *cursor; /* likewise */
  uint32_t *next;   /* by position */
  size_t from;      /* the position that `next` begins with */
  int shift;
} Table;

static size_t slot_of(const Table *t, uint32_t word) {
  return (word * 2654435761u) >> t->shift;
}

static Table index_base(Slice base, size_t from, size_t to) {
  int bits = 6;
  while (bits < 15 && ((size_t)1 << bits) < to - from) bits++;
  size_t n = (size_t)1 << bits;
  Table t = { .from = from, .shift = 32 - bits };
  t.first = xcalloc(2 * n + (to - from), sizeof *t.first);
  t.cursor = t.first + n;
  t.next = t.cursor + n;
  for (size_t i = to - WORD + 1; i-- > from;) {
    uint32_t *first = &t.first[slot_of(&t, word_at(base, i))];
    t.next[i - from] = *first;
    *first = (uint32_t)i + 1;
  }
  memcpy(t.cursor, t.first, n * sizeof *t.cursor);
  return t;
}

/* Where the base has (nearly always) this word: the nearest place after
 * `copied`, else the first. False when nowhere. */
static bool find_word(const Table *t, uint32_t word, size_t copied,
                      size_t *out) {
  uint32_t *at = &t->cursor[slot_of(t, word)];
  while (*at && *at - 1 < copied) *at = t->next[*at - 1 - t->from];
  uint32_t found = *at ? *at : t->first[slot_of(t, word)];
  *out = found - 1;
  return found;
}

/* The bytes of `wanted` from `at` on that the base has from `from` on. */
static size_t match(const Maker *m, size_t at, size_t from) {
  if (from >= m->base.len) return 0;
  return common_front(rest(m->wanted, at), rest(m->base, from));
}

/* A copy that could be made: `n` bytes of what is wanted from `at` on, which
 * the base has from `from` on. */
typedef struct Copy {
  size_t at, from, n;
} Copy;

/* The base goes on in the same place, or after a few bytes that are others,
 * which are looked at once. */
static Copy find_near(const Maker *m, size_t at) {
  size_t from = m->copied + (at - m->done), ahead = at == m->done ? NEAR : 0;
  for (size_t i = 0; i <= ahead && at + i < m->wanted.len; i++) {
    Copy c = { at + i, from + i, match(m, at + i, from + i) };
    if (c.n >= (i ? MOVED_MIN : SAME_MIN)) return c;
  }
  return (Copy){ 0 };
}

/* The base has it elsewhere. */
static Copy find_far(const Maker *m, const Table *t, size_t at) {
  Copy c = { .at = at };
  if (find_word(t, word_at(m->wanted, at), m->copied, &c.from))
    c.n = match(m, at, c.from);
  if (c.n < MOVED_MIN) return (Copy){ 0 };
  for (; c.at > m->done && c.from > 0 &&
         m->wanted.ptr[c.at - 1] == m->base.ptr[c.from - 1];
       c.n++)
    c.at--, c.from--;
  return c;
}

/* Copies what it finds before `end` of what is wanted. The table is made when
 * the first doubt arises. */
static void make_middle(Maker *m, size_t front, size_t back, size_t end) {
  Table t = { 0 };
  m->wanted.len = end;
  for (size_t at = m->done; at + WORD <= end;) {
    Copy near = find_near(m, at), far = { 0 };
    if (near.n < SURE && near.at + near.n < end) {
      if (!t.first) t = index_base(m->base, front, back);
      far = find_far(m, &t, at);
    }
    const Copy *best = far.n > near.n ? &far : &near;
    if (best->n) put_copy(m, best->at, best->from, best->n);
    at = best->n ? m->done : at + 1 + (at - m->done) / HASTE;
  }
  free(t.first);
}

static void make(Slice base, Slice wanted, Buf *out) {
  Maker m = { base, wanted, 0, 0, out };
  size_t front = common_front(base, wanted);
  size_t back = common_end(rest(base, front), rest(wanted, front));
  size_t end = wanted.len - back;
  buf_varint(out, wanted.len);
  if (front) put_copy(&m, 0, 0, front);
  if (end - front >= TABLE_MIN && base.len - front - back >= WORD &&
      base.len < UINT32_MAX)
    make_middle(&m, front, base.len - back, end);
  m.wanted = wanted;
  if (m.done < wanted.len) put_copy(&m, end, base.len - back, back);
}

/* --- applying --- */

static Err take_copy(Slice *in, Slice base, size_t *copied, Slice *out) {
  uint64_t n, skip;
  Err e = take_varint(in, &n);
  if (!e) e = take_varint(in, &skip);
  if (e) return e;
  uint64_t by = skip >> 1, at = *copied;
  if (skip & 1 ? by > at : by > base.len - at) return ERR_BAD_INPUT;
  at = skip & 1 ? at - by : at + by;
  if (n > base.len - at) return ERR_BAD_INPUT;
  *out = slice(base.ptr + at, (size_t)n);
  *copied = (size_t)(at + n);
  return OK;
}

Err delta_apply(Slice base, Slice delta, size_t max, Buf *out) {
  uint64_t wanted;
  size_t copied = 0;
  Err e = take_varint(&delta, &wanted);
  if (!e && wanted > max) e = ERR_BAD_INPUT;
  while (!e && wanted) {
    Slice own, copy = { 0 };
    e = take_block(&delta, &own);
    if (!e && own.len > wanted) e = ERR_BAD_INPUT;
    if (e) break;
    buf_slice(out, own);
    wanted -= own.len;
    if (!wanted) break;
    e = take_copy(&delta, base, &copied, &copy);
    if (!e && (copy.len == 0 || copy.len > wanted)) e = ERR_BAD_INPUT;
    if (e) break;
    buf_slice(out, copy);
    wanted -= copy.len;
  }
  if (!e && delta.len) e = ERR_BAD_INPUT;
  return e ? e : buf_status(out);
}

void delta_make(Slice base, Slice wanted, Buf *out) {
  size_t from = out->len;
  make(base, wanted, out);
#ifdef STUBE_HARD
  Buf back = { 0 };
  Err e = delta_apply(base, slice(out->ptr + from, out->len - from), wanted.len,
                      &back);
  ASSERT(e == OK && slice_eq(buf_view(&back), wanted));
  buf_free(&back);
#endif
  (void)from;
}
