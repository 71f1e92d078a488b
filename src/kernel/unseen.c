/* The list is kept as it stands in the header, the oldest first:
 *
 *   turn, fragment, ms since 1970 (varints); kind (a byte); block body */
#include "kernel/unseen.h"

#include <stdlib.h>

#include "base/hash.h"
#include "kernel/state.h"

typedef struct Item {
  FragmentId id;
  uint64_t at_ms;
  Fragment f;
} Item;

static bool is_kept(FragmentKind kind) {
  return kind == FRAG_SIGNALS || kind == FRAG_SCRIPT;
}

static void put(Buf *b, const Item *item) {
  buf_varint(b, item->id.turn);
  buf_varint(b, item->id.n);
  buf_varint(b, item->at_ms);
  buf_byte(b, (char)item->f.kind);
  buf_block(b, item->f.body);
}

/* False at the end, and when these are no such bytes. */
static bool take(Slice *in, Item *out) {
  Reader r = { .in = *in };
  if (!in->len) return false;
  *out = (Item){ .at_ms = 0 };
  out->id.turn = get_number(&r);
  out->id.n = get_u32(&r);
  out->at_ms = get_number(&r);
  out->f.kind = (FragmentKind)get_byte(&r);
  if (!r.err) r.err = take_block(&r.in, &out->f.body);
  if (r.err || !is_kept(out->f.kind)) return false;
  *in = r.in;
  return true;
}

static bool is_old(const Kernel *k, const Item *item) {
  return item->at_ms + UNSEEN_MS < k->steady;
}

/* --- which signals are set ---
 *
 * Who sets the same ones in each turn, a second's tick, need not keep them all:
 * the newest stand for those before. They are JSON of ours. */

static void pass(Slice *in, size_t n) { *in = slice(in->ptr + n, in->len - n); }

/* With its quotes. */
static Slice take_string(Slice *in) {
  size_t n = 1;
  while (n < in->len && in->ptr[n] != '"') n += in->ptr[n] == '\\' ? 2 : 1;
  n = n < in->len ? n + 1 : in->len;
  Slice s = slice(in->ptr, n);
  pass(in, n);
  return s;
}

/* The next name, or brace; values and arrays are passed over. Empty at the end.
 */
static Slice take_mark(Slice *in) {
  size_t arrays = 0; /* around it */
  while (in->len) {
    char c = *in->ptr;
    if (c == '"') {
      Slice s = take_string(in);
      if (!arrays && in->len && *in->ptr == ':') return s;
      continue;
    }
    Slice s = slice(in->ptr, 1);
    pass(in, 1);
    if (c == '[') arrays++;
    if (c == ']' && arrays) arrays--;
    if (!arrays && (c == '{' || c == '}')) return s;
  }
  return (Slice){ 0 };
}

/* The same for patches of the same names. Never 0. */
static uint64_t what_is_set(Slice json) {
  uint64_t all = 1;
  for (Slice mark; (mark = take_mark(&json)).len;)
    all = all * 31 + hash64(mark);
  return all ? all : 1;
}

/* --- a turn --- */

/* What is to be kept, the newest first: so it ends where there is enough. */
typedef struct Newest {
  Buf *bytes;
  struct Kept {
    size_t at;
    uint64_t sets; /* 0: it is no signals */
  } * list;
  uint32_t n, cap;
  bool is_full;
} Newest;

static void keep(Newest *l, const Item *item) {
  uint64_t sets = item->f.kind == FRAG_SIGNALS ? what_is_set(item->f.body) : 0;
  for (uint32_t i = 0; i < l->n; i++)
    if (sets && l->list[i].sets == sets) return;
  size_t at = l->bytes->len;
  put(l->bytes, item);
  if (l->bytes->len > UNSEEN_BYTES_MAX) {
    l->bytes->len = at;
    l->is_full = true;
    return;
  }
  if (l->n == l->cap) {
    l->cap = l->cap ? l->cap * 2 : 16;
    l->list = xrealloc(l->list, l->cap * sizeof *l->list);
  }
  l->list[l->n++] = (struct Kept){ at, sets };
}

/* Numbered as fill_outbox puts them in order. */
static void keep_new(Newest *l, const Turn *t, uint64_t now_ms,
                     uint32_t explicit) {
  uint32_t before = (t->told.len > 0) + t->n_pieces - explicit;
  for (uint32_t i = explicit; i-- > 0 && !l->is_full;) {
    const Piece *p = &t->pieces[i];
    if (!is_kept(p->kind)) continue;
    Item item = { .id = { t->conv->turn, before + i + 1 }, .at_ms = now_ms };
    item.f.kind = p->kind;
    item.f.body = slice(t->bytes.ptr + p->body, p->n_body);
    keep(l, &item);
  }
}

static void keep_older(Newest *l, const Kernel *k, const Conv *c,
                       FragmentId seen) {
  Item *list = NULL, item;
  uint32_t n = 0, cap = 0;
  Slice in = c->unseen ? blob_view(c->unseen) : (Slice){ 0 };
  while (take(&in, &item)) {
    if (!fragment_after(item.id, seen) || is_old(k, &item)) continue;
    if (n == cap) list = xrealloc(list, (cap = cap * 2 + 16) * sizeof *list);
    list[n++] = item;
  }
  while (n > 0 && !l->is_full) keep(l, &list[--n]);
  free(list);
}

static Blob *in_order(const Newest *l) {
  Buf b = { 0 };
  size_t end = l->bytes->len;
  if (!l->n) return NULL;
  for (uint32_t i = l->n; i-- > 0; end = l->list[i].at)
    buf_put(&b, l->bytes->ptr + l->list[i].at, end - l->list[i].at);
  Blob *all = blob_new(buf_view(&b));
  buf_free(&b);
  return all;
}

void unseen_turn(Kernel *k, Conv *c, const Event *ev, uint32_t explicit) {
  bool may_add = false;
  for (uint32_t i = 0; i < explicit && !may_add; i++)
    may_add = is_kept(k->turn.pieces[i].kind);
  if (!c->unseen && !may_add) return;
  Newest l = { .bytes = &k->part };
  buf_clear(l.bytes);
  keep_new(&l, &k->turn, k->steady, explicit);
  keep_older(&l, k, c, ev ? ev->seen : (FragmentId){ 0 });
  Blob *now = in_order(&l);
  free(l.list);
  blob_drop(c->unseen);
  c->unseen = now;
}

void conv_see_unseen(const Conv *c, FragmentId after,
                     void (*see)(void *ud, const Fragment *f), void *ud) {
  Item item;
  if (!c->unseen) return;
  for (Slice in = blob_view(c->unseen); take(&in, &item);)
    if (fragment_after(item.id, after) && !is_old(c->kernel, &item))
      see(ud, &item.f);
}

/* --- in the header --- */

void unseen_put(Buf *b, const Conv *c) {
  buf_block(b, c->unseen ? blob_view(c->unseen) : (Slice){ 0 });
}

void unseen_get(Reader *r, Conv *c) {
  Slice list = { 0 };
  Item item;
  blob_drop(c->unseen);
  c->unseen = NULL;
  if (!r->err && r->in.len) r->err = take_block(&r->in, &list);
  if (r->err || !list.len) return;
  c->unseen = blob_new(list);
  while (take(&list, &item)) continue;
  if (list.len) r->err = ERR_BAD_INPUT;
}
