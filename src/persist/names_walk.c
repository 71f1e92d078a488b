/* Walks what the host holds, breadth first and in the order of keys, so that
 * another process that loaded the same scripts finds the same names.
 *
 * Not walked: what weak tables hold (it is not held), the stacks of the host's
 * own coroutines, the registry at large. Where a table has objects as keys,
 * those with a name lend it (`[shop/db .Order]`); keys without one cannot be
 * told apart. */
#include "persist/names.h"

#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

/* " .name", " [2]", " ["any text"]", or nothing for an object. */
static bool step_of_key(Buf *b, const TValue *k) {
  buf_clear(b);
  switch (ttypetag(k)) {
  case LUA_VNUMINT: buf_printf(b, " [%lld]", (long long)ivalue(k)); return true;
  case LUA_VNUMFLT: buf_printf(b, " [%.17g]", fltvalue(k)); return true;
  case LUA_VFALSE: buf_lit(b, " [false]"); return true;
  case LUA_VTRUE: buf_lit(b, " [true]"); return true;
  case LUA_VSHRSTR:
  case LUA_VLNGSTR: {
    Slice s = slice(getstr(tsvalue(k)), tsslen(tsvalue(k)));
    if (slice_is_word(s)) {
      buf_lit(b, " .");
      buf_slice(b, s);
      return true;
    }
    buf_lit(b, " [\"");
    for (size_t i = 0; i < s.len; i++) {
      if (s.ptr[i] == '"' || s.ptr[i] == '\\') buf_byte(b, '\\');
      buf_byte(b, s.ptr[i]);
    }
    buf_lit(b, "\"]");
    return true;
  }
  default: return false;
  }
}

/* --- walking --- */

typedef struct Entry {
  TValue key, value;
} Entry;

static int class_of(const TValue *k) {
  if (ttisinteger(k)) return 0;
  return ttisstring(k) ? 2 : 1;
}

static int compare_entries(const void *a, const void *b) {
  const TValue *x = &((const Entry *)a)->key, *y = &((const Entry *)b)->key;
  int by_class = class_of(x) - class_of(y);
  if (by_class) return by_class;
  if (ttisinteger(x)) return (ivalue(x) > ivalue(y)) - (ivalue(x) < ivalue(y));
  if (ttisstring(x)) {
    size_t nx = tsslen(tsvalue(x)), ny = tsslen(tsvalue(y));
    int c = memcmp(getstr(tsvalue(x)), getstr(tsvalue(y)), nx < ny ? nx : ny);
    return c ? c : (nx > ny) - (nx < ny);
  }
  if (rawtt(x) != rawtt(y)) return rawtt(x) - rawtt(y);
  return ttisfloat(x)
             ? (fltvalue(x) > fltvalue(y)) - (fltvalue(x) < fltvalue(y))
             : 0;
}

static bool is_weak(lua_State *L, const Table *t) {
  if (!t->metatable) return false;
  const TValue *mode = luaH_getshortstr(t->metatable, G(L)->tmname[TM_MODE]);
  return ttisstring(mode) && strpbrk(getstr(tsvalue(mode)), "kv");
}

static void walk_metatable(Names *n, lua_State *L, uint32_t i, Table *mt) {
  if (!mt) return;
  TValue v;
  sethvalue(L, &v, mt);
  names_object(n, L, i, SLICE(" (metatable)"), &v);
}

static void walk_table(Names *n, lua_State *L, uint32_t i, Table *t) {
  walk_metatable(n, L, i, t->metatable);
  if (is_weak(L, t)) return;
  Buf step = { 0 };
  unsigned asize = luaH_realasize(t);
  for (unsigned k = 0; k < asize; k++) {
    TValue key;
    setivalue(&key, (lua_Integer)k + 1);
    if (!names_can_hold(&t->array[k])) continue;
    step_of_key(&step, &key);
    names_object(n, L, i, buf_view(&step), &t->array[k]);
  }
  Entry *entries = xmalloc(sizeof *entries * (size_t)sizenode(t));
  size_t count = 0;
  bool has_object_keys = false;
  for (int k = 0; k < sizenode(t); k++) {
    Node *node = gnode(t, k);
    if (isempty(gval(node))) continue;
    TValue key;
    getnodekey(L, &key, node);
    if (!names_can_hold(&key)) {
      if (names_can_hold(gval(node)))
        entries[count++] = (Entry){ key, *gval(node) };
    } else {
      has_object_keys = true;
    }
  }
  qsort(entries, count, sizeof *entries, compare_entries);
  for (size_t k = 0; k < count; k++) {
    step_of_key(&step, &entries[k].key);
    names_object(n, L, i, buf_view(&step), &entries[k].value);
  }
  free(entries);
  buf_free(&step);
  if (has_object_keys) {
    vec_room(n->later, n->nlater, n->later_cap);
    n->later[n->nlater++] = i;
  }
}

/* The variable under upvalue `u` of a closure, and the object in it. */
static void walk_variable(Names *n, lua_State *L, uint32_t i, LClosure *cl,
                          int u) {
  UpVal *uv = cl->upvals[u];
  if (!uv || names_of(n, uv) != NO_NAME) return;
  const TString *known = cl->p->upvalues[u].name;
  const char *name = known ? getstr(known) : "?";
  const ProtoInfo *info = code_find(n->code, cl->p);
  TValue v;
  val_(&v).gc = obj2gco(uv);
  settt_(&v, TAG_UPVALUE);
  Buf step = { 0 };
  uint32_t at = NO_NAME;
  if (info && code_is_file_level(n->code, info, u)) {
    const char *file = code_chunk(n->code, info->chunk)->name;
    if (strcmp(name, "_ENV") == 0)
      buf_printf(&step, "%s: _ENV", file);
    else
      buf_printf(&step, "%s: local %s", file, name);
    uint32_t taken = names_step(n, NAME_VARIABLE, NO_NAME, buf_view(&step));
    if (taken == NO_NAME || n->list[taken].walk != n->walk)
      at = names_add(n, L, NAME_VARIABLE, NO_NAME, buf_view(&step), &v,
                     names_chunk(n, info));
  }
  if (at == NO_NAME) {
    buf_clear(&step);
    buf_printf(&step, " local %s", name);
    at = names_add(n, L, NAME_VARIABLE, i, buf_view(&step), &v,
                   info ? names_chunk(n, info) : NO_CHUNK);
  }
  buf_free(&step);
  names_object(n, L, at, SLICE(""), uv->v.p);
}

static void walk_object(Names *n, lua_State *L, uint32_t i) {
  TValue v = n->list[i].value;
  char step[40];
  switch (rawtt(&v)) {
  case ctb(LUA_VTABLE): walk_table(n, L, i, hvalue(&v)); break;
  case ctb(LUA_VLCL):
    for (int u = 0; u < clLvalue(&v)->nupvalues; u++)
      walk_variable(n, L, i, clLvalue(&v), u);
    break;
  case ctb(LUA_VCCL):
    for (int u = 0; u < clCvalue(&v)->nupvalues; u++) {
      snprintf(step, sizeof step, " (upvalue %d)", u + 1);
      names_object(n, L, i, slice_str(step), &clCvalue(&v)->upvalue[u]);
    }
    break;
  case ctb(LUA_VUSERDATA):
    walk_metatable(n, L, i, uvalue(&v)->metatable);
    for (int u = 0; u < uvalue(&v)->nuvalue; u++) {
      snprintf(step, sizeof step, " (user value %d)", u + 1);
      names_object(n, L, i, slice_str(step), &uvalue(&v)->uv[u].uv);
    }
    break;
  default: break;
  }
}

static void walk_queue(Names *n, lua_State *L) {
  while (n->walked < n->n) walk_object(n, L, n->walked++);
}

typedef struct NamedKey {
  uint32_t name;
  TValue value;
} NamedKey;

static int compare_named(const void *a, const void *b) {
  uint32_t x = ((const NamedKey *)a)->name, y = ((const NamedKey *)b)->name;
  return (x > y) - (x < y);
}

/* The values under object keys, once as many keys as possible have names. */
static void walk_object_keys(Names *n, lua_State *L, uint32_t i) {
  Table *t = hvalue(&n->list[i].value);
  NamedKey *named = xmalloc(sizeof *named * (size_t)sizenode(t));
  size_t count = 0;
  uint32_t unnamed = 0, first = NO_NAME;
  for (int k = 0; k < sizenode(t); k++) {
    if (isempty(gval(gnode(t, k)))) continue;
    TValue key;
    getnodekey(L, &key, gnode(t, k));
    if (!names_can_hold(&key)) continue;
    uint32_t name = names_of(n, names_address(&key));
    if (name != NO_NAME && !n->list[name].is_unclear) {
      named[count++] = (NamedKey){ name, *gval(gnode(t, k)) };
      continue;
    }
    uint32_t before = n->n;
    names_object(n, L, i, SLICE(" (a key)"), &key);
    names_object(n, L, i, SLICE(" (under a key)"), gval(gnode(t, k)));
    if (n->n == before) continue;
    if (unnamed++ == 0)
      first = before;
    else /* not the only one: none of them can be told apart */
      for (uint32_t at = first; at < n->n; at++) n->list[at].is_unclear = true;
  }
  qsort(named, count, sizeof *named, compare_named);
  Buf step = { 0 };
  for (size_t k = 0; k < count; k++) {
    size_t len = n->list[named[k].name].path_len;
    buf_clear(&step);
    buf_lit(&step, " [");
    char *at = buf_reserve(&step, len);
    names_write(n, named[k].name, at + len);
    step.len += len;
    buf_byte(&step, ']');
    names_object(n, L, i, buf_view(&step), &named[k].value);
  }
  buf_free(&step);
  free(named);
}

/* Names the entries of a table whose keys are text: "<prefix><key>". */
static void name_entries(Names *n, lua_State *L, const char *prefix, Table *t,
                         bool (*wanted)(lua_State *L, const Entry *e)) {
  Entry *entries = xmalloc(sizeof *entries * (size_t)sizenode(t));
  size_t count = 0;
  for (int k = 0; k < sizenode(t); k++) {
    Entry *e = &entries[count];
    if (isempty(gval(gnode(t, k)))) continue;
    getnodekey(L, &e->key, gnode(t, k));
    e->value = *gval(gnode(t, k));
    if (ttisstring(&e->key) && wanted(L, e)) count++;
  }
  qsort(entries, count, sizeof *entries, compare_entries);
  Buf name = { 0 };
  for (size_t k = 0; k < count; k++) {
    const TString *key = tsvalue(&entries[k].key);
    buf_clear(&name);
    buf_puts(&name, prefix);
    buf_put(&name, getstr(key), tsslen(key));
    names_object(n, L, NO_NAME, buf_view(&name), &entries[k].value);
  }
  buf_free(&name);
  free(entries);
}

static bool is_any(lua_State *L, const Entry *e) {
  (void)L;
  (void)e;
  return true;
}

/* luaL_newmetatable's: registry[name] with that name as __name. */
static bool is_class(lua_State *L, const Entry *e) {
  if (!ttistable(&e->value)) return false;
  const TValue *name = luaH_getstr(hvalue(&e->value),
                                   luaS_newliteral(L, "__name"));
  return ttisstring(name) && luaV_rawequalobj(name, &e->key);
}

static void walk_roots(Names *n, lua_State *L) {
  lua_pushglobaltable(L);
  names_object(n, L, NO_NAME, SLICE("_G"), s2v(L->top.p - 1));
  lua_pop(L, 1);
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  name_entries(n, L, "", hvalue(s2v(L->top.p - 1)), is_any);
  lua_pop(L, 1);
  for (uint32_t i = 0; i < n->nroots; i++) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, n->roots[i].ref);
    names_object(n, L, NO_NAME, slice_str(n->roots[i].name), s2v(L->top.p - 1));
    lua_pop(L, 1);
  }
  TValue v;
  for (int tag = 0; tag < LUA_NUMTYPES; tag++) {
    if (!G(L)->mt[tag]) continue;
    char name[40];
    snprintf(name, sizeof name, "%s metatable", lua_typename(L, tag));
    sethvalue(L, &v, G(L)->mt[tag]);
    names_object(n, L, NO_NAME, slice_str(name), &v);
  }
  setthvalue(L, &v, G(L)->mainthread);
  names_object(n, L, NO_NAME, SLICE("(main thread)"), &v);
  name_entries(n, L, "class ", hvalue(&G(L)->l_registry), is_class);
}

/* One walk from the roots that `roots` names; what it pushes on the stack of L
 * it pops. `first` is the first name whose contents it looks at. */
static void walk_from(Names *n, lua_State *L, uint32_t first,
                      void (*roots)(Names *n, lua_State *L)) {
  luaL_checkstack(L, 8, NULL);
  global_State *g = G(L);
  lu_byte stopped = g->gcstp;
  g->gcstp |= GCSTPGC;
  n->walk++;
  n->walked = first;
  n->nlater = 0;
  code_refresh(n->code);
  roots(n, L);
  walk_queue(n, L);
  for (uint32_t k = 0; k < n->nlater; k++) {
    walk_object_keys(n, L, n->later[k]);
    walk_queue(n, L);
  }
  g->gcstp = stopped;
}

void names_collect(Names *n, lua_State *L) { walk_from(n, L, 0, walk_roots); }

/* What has a name is not looked at again: it may hold what conversations put
 * there meanwhile. The same goes for old roots. */
void names_collect_new(Names *n, lua_State *L) {
  walk_from(n, L, n->n, walk_roots);
}

static void walk_old_roots(Names *n, lua_State *L) {
  lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(L, -1, i); /* roots root */
    lua_rawgeti(L, -1, 1);
    lua_rawgeti(L, -2, 2); /* roots root name value */
    names_object(n, L, NO_NAME, slice_str(lua_tostring(L, -2)),
                 s2v(L->top.p - 1));
    lua_pop(L, 3);
  }
}

void names_collect_old(Names *n, lua_State *L) {
  n->walks_old = true;
  walk_from(n, L, n->n, walk_old_roots);
  n->walks_old = false;
  lua_pop(L, 1);
}
