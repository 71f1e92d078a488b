/* Tables to bytes: an array with its holes, and the other keys in an order that
 * does not depend on where they happen to lie. */
#include "persist/write.h"

#include <stdlib.h>

enum { RANK_INT, RANK_FLOAT, RANK_BOOL, RANK_STRING, RANK_OBJECT };

/* The first seven bytes of a string, as a number that sorts like them. A short
 * one is read by its end, with part of its header, which is shifted out. */
static inline uint64_t first_bytes(const TString *s) {
  size_t len = tsslen(s);
  const char *at = getstr(s);
  uint64_t bits;
  _Static_assert(offsetof(TString, contents) >= 8,
                 "a short string reads its header");
  if (len >= 8) {
    memcpy(&bits, at, 8);
  } else if (len > 0) {
    memcpy(&bits, (const char *)s + offsetof(TString, contents) + len - 8, 8);
    bits = IS_LITTLE ? bits >> 8 * (8 - len) : bits << 8 * (8 - len);
  } else {
    return 0;
  }
  return (IS_LITTLE ? __builtin_bswap64(bits) : bits) >> 8;
}

static inline uint64_t rank_of(const Node *n) {
  uint64_t kind, bits = 0;
  switch (keytt(n)) {
  case ctb(LUA_VSHRSTR):
  case ctb(LUA_VLNGSTR):
    kind = RANK_STRING;
    bits = first_bytes(keystrval(n));
    break;
  case LUA_VNUMINT:
    kind = RANK_INT;
    bits = ((uint64_t)keyival(n) ^ UINT64_C(1) << 63) >> 8;
    break;
  case LUA_VNUMFLT: kind = RANK_FLOAT; break;
  case LUA_VFALSE: kind = RANK_BOOL; break;
  case LUA_VTRUE: kind = RANK_BOOL, bits = 1; break;
  default: kind = RANK_OBJECT;
  }
  return kind << 56 | bits;
}

static int compare_keys(const void *a, const void *b) {
  const Key *x = a, *y = b;
  if (x->rank != y->rank) return x->rank < y->rank ? -1 : 1;
  switch (x->rank >> 56) {
  case RANK_INT: {
    lua_Integer i = keyival(x->node), j = keyival(y->node);
    return (i > j) - (i < j);
  }
  case RANK_FLOAT: {
    lua_Number i = keyval(x->node).n, j = keyval(y->node).n;
    return (i > j) - (i < j);
  }
  case RANK_STRING: {
    const TString *s = keystrval(x->node), *t = keystrval(y->node);
    size_t n = tsslen(s), m = tsslen(t);
    int c = memcmp(getstr(s), getstr(t), n < m ? n : m);
    return c ? c : (n > m) - (n < m);
  }
  default: return x->node < y->node ? -1 : x->node > y->node;
  }
}

static void sort_keys(Key *keys, uint32_t n) {
  if (n > 24) {
    qsort(keys, n, sizeof *keys, compare_keys);
    return;
  }
  for (uint32_t i = 1; i < n; i++) {
    Key k = keys[i];
    uint32_t at = i;
    for (; at > 0; at--) {
      const Key *before = &keys[at - 1];
      if (before->rank < k.rank) break;
      if (before->rank == k.rank && compare_keys(before, &k) <= 0) break;
      keys[at] = *before;
    }
    keys[at] = k;
  }
}

/* --- records: tables whose keys are a few names ---
 *
 * Lists of records are what state is made of. Records made alike have the same
 * keys at the same nodes, so the order of their keys and the strings' numbers
 * are remembered by what the nodes hold. */

static Shape *shape_of(Encoder *e, Node *const *nodes, uint32_t n,
                       bool *is_known) {
  uintptr_t h = n;
  for (uint32_t i = 0; i < n; i++)
    h = h * 31 + ((uintptr_t)keyval(nodes[i]).gc >> 4) +
        (uintptr_t)(nodes[i] - nodes[0]);
  Shape *s = &e->p->shapes[map_hash(h) % SHAPES];
  *is_known = s->use == e->p->use && s->n == n;
  for (uint32_t i = 0; i < n && *is_known; i++)
    *is_known = s->keys[i] == keyval(nodes[i]).gc;
  return s;
}

static void put_record(Encoder *e, Node *const *nodes, uint32_t n) {
  bool is_known;
  Shape *s = shape_of(e, nodes, n, &is_known);
  put_number(e, n);
  if (is_known) {
    for (uint32_t i = 0; i < n; i++) {
      put_string_again(e, s->ids[i]);
      put_value(e, gval(nodes[s->order[i]]));
    }
    return;
  }
  Key keys[SHAPE_KEYS_MAX];
  uint32_t ids[SHAPE_KEYS_MAX];
  for (uint32_t i = 0; i < n; i++)
    keys[i] = (Key){ rank_of(nodes[i]), nodes[i], i };
  sort_keys(keys, n);
  for (uint32_t i = 0; i < n; i++) {
    ids[i] = put_string(e, keystrval(keys[i].node));
    put_value(e, gval(keys[i].node));
  }
  *s = (Shape){ .use = e->p->use, .n = n };
  for (uint32_t i = 0; i < n; i++) {
    s->keys[i] = keyval(nodes[i]).gc;
    s->ids[i] = ids[i];
    s->order[i] = (uint8_t)keys[i].index;
  }
}

static bool is_weak(const Encoder *e, const Table *mt) {
  const TValue *mode = luaH_getshortstr((Table *)(uintptr_t)mt,
                                        G(e->L)->tmname[TM_MODE]);
  return ttisstring(mode) && strpbrk(getstr(tsvalue(mode)), "kv");
}

static void put_array(Encoder *e, const Table *t, uint32_t n) {
  for (uint32_t i = 0; i < n;) {
    uint32_t from = i;
    while (i < n && isempty(&t->array[i])) i++;
    put_nils(e, i - from);
    if (i < n) put_value(e, &t->array[i++]);
  }
}

/* How much of the array is kept, and in `*limit` its alimit. With one border
 * `#` needs neither the nils behind it nor the hint in alimit, which reading
 * `#` alone may change; with several it depends on both. A queue that has
 * emptied costs nothing. */
static uint32_t kept_array(const Table *t, uint32_t *limit) {
  uint32_t asize = luaH_realasize(t), full = 0, end = asize;
  *limit = t->alimit;
  if (asize && *limit == asize && !isempty(&t->array[asize - 1])) return asize;
  while (full < asize && !isempty(&t->array[full])) full++;
  while (end > full && isempty(&t->array[end - 1])) end--;
  if (end > full) return asize;
  return *limit = full;
}

static uint32_t collect_keys(Persist *p, Table *t) {
  uint32_t n = 0;
  for (int i = 0; i < sizenode(t); i++) {
    Node *node = gnode(t, i);
    if (isempty(gval(node))) continue;
    vec_room(p->keys, n, p->keys_cap);
    p->keys[n++] = (Key){ rank_of(node), node, 0 };
  }
  return n;
}

void table_save(Encoder *e, Table *t) {
  Persist *p = e->p;
  uint32_t limit, asize = kept_array(t, &limit), nkeys = 0;
  int flags = 0;
  if (t->metatable) {
    flags |= TABLE_META;
    if (is_weak(e, t->metatable)) {
      put_byte(e, TABLE_META);
      put_metatable(e, t->metatable);
      return;
    }
  }
  if (asize) flags |= TABLE_ARRAY;
  if (limit != asize) flags |= TABLE_ALIMIT;
  Node *nodes[SHAPE_KEYS_MAX];
  bool is_record = true;
  for (int i = 0; i < sizenode(t) && is_record; i++) {
    Node *node = gnode(t, i);
    if (isempty(gval(node))) continue;
    if (nkeys < SHAPE_KEYS_MAX && keyisshrstr(node))
      nodes[nkeys++] = node;
    else
      is_record = false;
  }
  if (!is_record) nkeys = collect_keys(p, t);
  if (nkeys) flags |= TABLE_HASH;
  need(e, WRITE_SLACK);
  raw_byte(e, flags);
  if (flags & TABLE_META) put_metatable(e, t->metatable);
  if (flags & TABLE_ARRAY) {
    put_number(e, asize);
    if (flags & TABLE_ALIMIT) put_number(e, limit);
    put_array(e, t, asize);
  }
  if ((flags & TABLE_HASH) && is_record) {
    put_record(e, nodes, nkeys);
  } else if (flags & TABLE_HASH) {
    sort_keys(p->keys, nkeys);
    put_number(e, nkeys);
    /* put_value never comes back here, so p->keys stays as it is. */
    for (uint32_t i = 0; i < nkeys; i++) {
      TValue key;
      getnodekey(e->L, &key, p->keys[i].node);
      put_value(e, &key);
      put_value(e, gval(p->keys[i].node));
    }
  }
}

/* --- what is left of a pairs() loop --- */

/* Place of the control value in traversal order: array, then nodes. */
static bool place_of(lua_State *L, const Table *t, uint32_t asize,
                     const TValue *control, uint32_t *place) {
  (void)L;
  if (ttisnil(control)) {
    *place = 0;
    return true;
  }
  if (ttisinteger(control) && (lua_Unsigned)ivalue(control) - 1u < asize) {
    *place = (uint32_t)ivalue(control);
    return true;
  }
  for (int i = 0; i < sizenode(t); i++) {
    const Node *n = gnode(t, i);
    bool same;
    if (keyisdead(n)) {
      same = iscollectable(control) && gckey(n) == gcvalue(control);
    } else {
      TValue key;
      getnodekey(L, &key, n);
      same = !ttisnil(&key) && luaV_rawequalobj(&key, control);
    }
    if (same) {
      *place = asize + (uint32_t)i + 1;
      return true;
    }
  }
  return false;
}

void put_rest(Encoder *e, Table *t, const TValue *control) {
  uint32_t asize = luaH_realasize(t), place;
  if (++e->rests > PERSIST_PAIRS_MAX)
    refuse(e, ERR_TOO_BIG, NULL, "more than %d loops over pairs() wait at once",
           PERSIST_PAIRS_MAX);
  if (!place_of(e->L, t, asize, control, &place))
    refuse(
        e, ERR_APP, NULL,
        "a waiting loop over pairs() has lost its place, since new fields were "
        "set in the table; collect the keys first");
  new_item(e, NULL);
  uint32_t n = 0;
  for (uint32_t i = place; i < asize; i++) n += !isempty(&t->array[i]);
  uint32_t from = place > asize ? place - asize : 0;
  for (uint32_t i = from; i < (uint32_t)sizenode(t); i++)
    n += !isempty(gval(gnode(t, i)));
  need(e, 12);
  raw_byte(e, T_REST);
  raw_number(e, n);
  TValue key;
  for (uint32_t i = place; i < asize; i++) {
    if (isempty(&t->array[i])) continue;
    setivalue(&key, (lua_Integer)i + 1);
    put_value(e, &key);
  }
  for (uint32_t i = from; i < (uint32_t)sizenode(t); i++) {
    if (isempty(gval(gnode(t, i)))) continue;
    getnodekey(e->L, &key, gnode(t, i));
    put_value(e, &key);
  }
}
