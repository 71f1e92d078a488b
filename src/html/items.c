/* A table's items in order: the array part, then what integer keys the hash
 * part has (a table built by t[#t + 1] = ..., or one with holes). */
#include "html/draw.h"

#include <stdlib.h>

static int compare(const void *a, const void *b) {
  lua_Integer x = *(const lua_Integer *)a, y = *(const lua_Integer *)b;
  return (x > y) - (x < y);
}

Keys items_check(Render *r, Table *t) {
  Keys keys = { 0, NULL };
  if (isdummy(t)) return keys;
  for (unsigned i = 0, n = (unsigned)sizenode(t); i < n; i++) {
    const Node *node = gnode(t, i);
    if (isempty(gval(node))) continue;
    switch (keytt(node)) {
    case LUA_VNUMINT:
      if (keyival(node) < 1)
        trouble(r, "an item stands at position %I (the first one is 1)",
                (LUAI_UACINT)keyival(node));
      keys.loose++;
      break;
    case ctb(LUA_VSHRSTR):
    case ctb(LUA_VLNGSTR): keys.string = keystrval(node); break;
    default:
      trouble(r, "a key of the table is neither a position nor a name but a %s",
              lua_typename(r->L, novariant(keytt(node))));
    }
  }
  return keys;
}

void items_start(Items *it, lua_State *L, Table *t, lua_Integer first,
                 size_t loose) {
  unsigned size = array_size(t);
  *it = (Items){ .t = t, .next = first, .left = loose };
  if (!loose) return;
  if (size == 0 && first > 1) it->left--; /* the tag is in the hash part too */
  lua_Integer from = first > size ? first : (lua_Integer)size + 1;
  size_t run = 0;
  while (run < it->left && !isempty(luaH_getint(t, from + (lua_Integer)run)))
    run++;
  if (run == it->left) return;
  want_stack(L, 1);
  lua_Integer *keys = lua_newuserdatauv(L, loose * sizeof *keys, 0);
  size_t n = 0;
  for (unsigned i = 0, nodes = (unsigned)sizenode(t); i < nodes; i++) {
    const Node *node = gnode(t, i);
    if (!isempty(gval(node)) && keytt(node) == LUA_VNUMINT &&
        keyival(node) >= first && n < loose)
      keys[n++] = keyival(node);
  }
  qsort(keys, n, sizeof *keys, compare);
  it->keys = keys;
  it->left = n;
}

const TValue *items_next(Items *it, lua_Integer *key) {
  for (;;) {
    const TValue *v;
    if (it->next <= array_size(it->t)) {
      *key = it->next++;
      v = &it->t->array[*key - 1];
    } else if (!it->left) {
      return NULL;
    } else {
      it->left--;
      *key = it->keys ? *it->keys++ : it->next++;
      v = luaH_getint(it->t, *key);
    }
    if (!l_isfalse(v)) return v;
  }
}
