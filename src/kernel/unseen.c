/* The list is kept as it stands in the header, the oldest first:
 *
 *   turn, fragment, ms since 1970 (varints); kind (a byte); block body */
#include "kernel/unseen.h"

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

static bool sets_the_same(Slice a, Slice b) {
  for (;;) {
    Slice in_a = take_mark(&a), in_b = take_mark(&b);
    if (!slice_eq(in_a, in_b)) return false;
    if (!in_a.len) return true;
  }
}

/* --- a turn --- */

static Slice body_of(const Turn *t, const Piece *p) {
  return slice(t->bytes.ptr + p->body, p->n_body);
}

/* Do pieces from `i` on set the signals anew? */
static bool is_outdone(const Turn *t, const Fragment *f, uint32_t i,
                       uint32_t explicit) {
  if (f->kind != FRAG_SIGNALS) return false;
  for (; i < explicit; i++)
    if (t->pieces[i].kind == FRAG_SIGNALS &&
        sets_the_same(f->body, body_of(t, &t->pieces[i])))
      return true;
  return false;
}

static void put_older(const Kernel *k, const Conv *c, FragmentId seen,
                      uint32_t explicit, Buf *b) {
  Item item;
  if (!c->unseen) return;
  for (Slice in = blob_view(c->unseen); take(&in, &item);)
    if (fragment_after(item.id, seen) && !is_old(k, &item) &&
        !is_outdone(&k->turn, &item.f, 0, explicit))
      put(b, &item);
}

/* Numbered as fill_outbox puts them in order. */
static void put_new(const Kernel *k, const Conv *c, uint32_t explicit, Buf *b) {
  const Turn *t = &k->turn;
  uint32_t before = (t->told.len > 0) + t->n_pieces - explicit;
  for (uint32_t i = 0; i < explicit; i++) {
    const Piece *p = &t->pieces[i];
    if (!is_kept(p->kind)) continue;
    Item item = { .id = { c->turn, before + i + 1 }, .at_ms = k->steady };
    item.f.kind = p->kind;
    item.f.body = body_of(t, p);
    if (!is_outdone(t, &item.f, i + 1, explicit)) put(b, &item);
  }
}

/* The newest of it that are not too much. */
static Slice newest(Slice all) {
  Item item;
  while (all.len > UNSEEN_BYTES_MAX && take(&all, &item)) continue;
  return all;
}

void unseen_turn(Kernel *k, Conv *c, const Event *ev, uint32_t explicit) {
  bool may_add = false;
  for (uint32_t i = 0; i < explicit && !may_add; i++)
    may_add = is_kept(k->turn.pieces[i].kind);
  if (!c->unseen && !may_add) return;
  Buf *b = &k->part;
  buf_clear(b);
  put_older(k, c, ev ? ev->seen : (FragmentId){ 0 }, explicit, b);
  put_new(k, c, explicit, b);
  Slice now = newest(buf_view(b));
  blob_drop(c->unseen);
  c->unseen = now.len ? blob_new(now) : NULL;
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
