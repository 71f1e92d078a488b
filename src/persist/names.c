/* Walks what the host holds, breadth first and in the order of keys, so that another
 * process that loaded the same scripts finds the same names.
 *
 * Not walked: what weak tables hold (it is not held), the stacks of the host's own
 * coroutines, the registry at large. Where a table has objects as keys, those with a
 * name lend it (`[shop/db .Order]`); keys without one cannot be told apart. */
#include "persist/names.h"

#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#define FIRST_BUCKETS 1024u

void names_init(Names *n, lua_State *L, Code *code) {
  *n = (Names){ .code = code, .nbuckets = FIRST_BUCKETS };
  map_init(&n->objects);
  n->buckets = xmalloc(FIRST_BUCKETS * sizeof *n->buckets);
  memset(n->buckets, 0xff, FIRST_BUCKETS * sizeof *n->buckets);
  lua_newtable(L);
  n->anchors = luaL_ref(L, LUA_REGISTRYINDEX);
}

void names_free(Names *n) {
  map_free(&n->objects);
  free(n->list);
  free(n->buckets);
  free(n->text);
  free(n->later);
  for (uint32_t i = 0; i < n->nroots; i++) free(n->roots[i].name);
  free(n->roots);
}

/* --- paths --- */

static uint32_t hash_bytes(uint32_t h, const char *s, size_t len) {
  for (size_t i = 0; i < len; i++) h = (h ^ (uint8_t)s[i]) * 16777619u;
  return h;
}

static uint32_t hash_start(NameKind kind) {
  return 2166136261u + (uint32_t)kind;
}

void names_write(const Names *n, uint32_t i, char *end) {
  for (; i != NO_NAME; i = n->list[i].parent) {
    end -= n->list[i].len;
    memcpy(end, n->text + n->list[i].step, n->list[i].len);
  }
}

static bool path_is(const Names *n, uint32_t i, Slice path) {
  if (n->list[i].path_len != path.len) return false;
  const char *end = path.ptr + path.len;
  for (; i != NO_NAME; i = n->list[i].parent) {
    end -= n->list[i].len;
    if (memcmp(end, n->text + n->list[i].step, n->list[i].len) != 0) return false;
  }
  return true;
}

static bool same_path(const Names *n, uint32_t i, uint32_t parent, Slice step,
                      uint32_t path_len) {
  const Name *name = &n->list[i];
  if (name->path_len != path_len) return false;
  if (name->parent == parent)
    return slice_eq(slice(n->text + name->step, name->len), step);
  char *path = xmalloc((size_t)path_len + 1);
  if (parent != NO_NAME) names_write(n, parent, path + path_len - step.len);
  memcpy(path + path_len - step.len, step.ptr, step.len);
  bool same = path_is(n, i, slice(path, path_len));
  free(path);
  return same;
}

uint32_t names_find(const Names *n, NameKind kind, Slice path, uint32_t chunk) {
  uint32_t h = hash_bytes(hash_start(kind), path.ptr, path.len);
  uint32_t i = n->buckets[h & (n->nbuckets - 1)];
  for (; i != NO_NAME; i = n->list[i].next)
    if (n->list[i].hash == h && n->list[i].kind == kind && path_is(n, i, path))
      break;
  if (i == NO_NAME || chunk == NO_CHUNK) return i;
  for (uint32_t old = i; old != NO_NAME; old = n->list[old].older)
    if (n->list[old].chunk == chunk) return old;
  return i;
}

static void grow_buckets(Names *n) {
  n->nbuckets *= 2;
  size_t bytes = n->nbuckets * sizeof *n->buckets;
  n->buckets = xrealloc(n->buckets, bytes);
  memset(n->buckets, 0xff, bytes);
  for (uint32_t i = 0; i < n->n; i++) {
    uint32_t *b = &n->buckets[n->list[i].hash & (n->nbuckets - 1)];
    n->list[i].next = *b;
    *b = i; /* newer ones come first, as they must */
  }
}

/* The name at this path, or NO_NAME. */
static uint32_t find_step(const Names *n, NameKind kind, uint32_t parent, Slice step) {
  uint32_t h = parent == NO_NAME ? hash_start(kind) : n->list[parent].hash;
  /* A path's hash starts with its kind, and a variable's object begins anew. */
  if (parent != NO_NAME && n->list[parent].kind != kind) {
    size_t len = n->list[parent].path_len;
    char *path = xmalloc(len + 1);
    names_write(n, parent, path + len);
    h = hash_bytes(hash_start(kind), path, len);
    free(path);
  }
  h = hash_bytes(h, step.ptr, step.len);
  uint32_t len =
      (parent == NO_NAME ? 0 : n->list[parent].path_len) + (uint32_t)step.len;
  uint32_t i = n->buckets[h & (n->nbuckets - 1)];
  for (; i != NO_NAME; i = n->list[i].next)
    if (n->list[i].hash == h && n->list[i].kind == kind &&
        same_path(n, i, parent, step, len))
      return i;
  return NO_NAME;
}

/* --- naming --- */

/* Keeps the value for good. The collector stands still while we walk. */
static void anchor(Names *n, lua_State *L, const TValue *v) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, n->anchors);
  if (rawtt(v) == TAG_UPVALUE) {
    UpVal *uv = gco2upv(val_(v).gc);
    if (!n->holder || n->nheld == MAXUPVAL) {
      n->holder = luaF_newLclosure(L, MAXUPVAL);
      n->nheld = 0;
      setclLvalue2s(L, L->top.p, n->holder);
      L->top.p++;
      lua_rawseti(L, -2, ++n->nanchors);
    }
    n->holder->upvals[n->nheld++] = uv;
    luaC_objbarrier(L, n->holder, uv);
  } else {
    setobj2s(L, L->top.p, v);
    L->top.p++;
    lua_rawseti(L, -2, ++n->nanchors);
  }
  lua_pop(L, 1);
}

static const void *address_of(const TValue *v) {
  if (iscollectable(v) || rawtt(v) == TAG_UPVALUE) return val_(v).gc;
  if (ttislcf(v)) return (const void *)(uintptr_t)fvalue(v);
  return pvalue(v);
}

static bool can_be_named(const TValue *v) {
  switch (ttypetag(v)) {
  case LUA_VTABLE: case LUA_VLCL: case LUA_VCCL: case LUA_VLCF:
  case LUA_VUSERDATA: case LUA_VLIGHTUSERDATA: case LUA_VTHREAD:
    return true;
  default: return false;
  }
}

static uint32_t add(Names *n, lua_State *L, NameKind kind, uint32_t parent,
                    Slice step, const TValue *v, uint32_t chunk) {
  char numbered[32];
  Buf longer = { 0 };
  uint32_t older = find_step(n, kind, parent, step);
  for (int i = 2; older != NO_NAME && n->list[older].walk == n->walk; i++) {
    snprintf(numbered, sizeof numbered, " #%d", i);
    buf_clear(&longer);
    buf_slice(&longer, step);
    buf_puts(&longer, numbered);
    older = find_step(n, kind, parent, buf_view(&longer));
  }
  if (longer.len) step = buf_view(&longer);

  vec_room(n->list, n->n, n->cap);
  if (n->text_len + step.len > n->text_cap) {
    n->text_cap = (n->text_cap + step.len) * 2;
    n->text = xrealloc(n->text, n->text_cap);
  }
  uint32_t i = n->n++;
  Name *name = &n->list[i];
  *name = (Name){ .parent = parent,
                  .older = older,
                  .step = (uint32_t)n->text_len,
                  .len = (uint32_t)step.len,
                  .path_len = (uint32_t)step.len,
                  .chunk = chunk,
                  .walk = n->walk,
                  .kind = (uint8_t)kind,
                  .value = *v };
  memcpy(n->text + n->text_len, step.ptr, step.len);
  n->text_len += step.len;
  buf_free(&longer);
  uint32_t h = hash_start(kind);
  if (parent != NO_NAME) {
    const Name *up = &n->list[parent];
    name->path_len += up->path_len;
    name->is_unclear = up->is_unclear;
    if (up->kind == kind) {
      h = up->hash;
    } else {
      char *path = xmalloc((size_t)up->path_len + 1);
      names_write(n, parent, path + up->path_len);
      h = hash_bytes(h, path, up->path_len);
      free(path);
    }
  }
  name->hash = hash_bytes(h, n->text + name->step, name->len);
  uint32_t *b = &n->buckets[name->hash & (n->nbuckets - 1)];
  name->next = *b;
  *b = i;
  *map_at(&n->objects, address_of(v)) = i;
  anchor(n, L, v);
  if (n->n > n->nbuckets) grow_buckets(n);
  return i;
}

/* Names an object unless it has a name. */
static void name_object(Names *n, lua_State *L, uint32_t parent, Slice step,
                        const TValue *v) {
  if (!can_be_named(v)) return;
  if (names_of(n, address_of(v)) != NO_NAME) return;
  uint32_t chunk = NO_CHUNK;
  if (ttisLclosure(v)) {
    const ProtoInfo *info = code_find(n->code, clLvalue(v)->p);
    if (info) chunk = info->chunk;
  }
  add(n, L, NAME_OBJECT, parent, step, v, chunk);
}

static bool is_plain_name(Slice s) {
  if (s.len == 0 || (s.ptr[0] >= '0' && s.ptr[0] <= '9')) return false;
  for (size_t i = 0; i < s.len; i++) {
    char c = s.ptr[i];
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
          (c >= '0' && c <= '9')))
      return false;
  }
  return true;
}

/* " .name", " [2]", " ["any text"]", or nothing for an object. */
static bool step_of_key(Buf *b, const TValue *k) {
  buf_clear(b);
  switch (ttypetag(k)) {
  case LUA_VNUMINT: buf_printf(b, " [%lld]", (long long)ivalue(k)); return true;
  case LUA_VNUMFLT: buf_printf(b, " [%.17g]", fltvalue(k)); return true;
  case LUA_VFALSE: buf_lit(b, " [false]"); return true;
  case LUA_VTRUE: buf_lit(b, " [true]"); return true;
  case LUA_VSHRSTR: case LUA_VLNGSTR: {
    Slice s = slice(getstr(tsvalue(k)), tsslen(tsvalue(k)));
    if (is_plain_name(s)) {
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
  return ttisfloat(x) ? (fltvalue(x) > fltvalue(y)) - (fltvalue(x) < fltvalue(y)) : 0;
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
  name_object(n, L, i, SLICE(" (metatable)"), &v);
}

static void walk_table(Names *n, lua_State *L, uint32_t i, Table *t) {
  walk_metatable(n, L, i, t->metatable);
  if (is_weak(L, t)) return;
  Buf step = { 0 };
  unsigned asize = luaH_realasize(t);
  for (unsigned k = 0; k < asize; k++) {
    TValue key;
    setivalue(&key, (lua_Integer)k + 1);
    if (!can_be_named(&t->array[k])) continue;
    step_of_key(&step, &key);
    name_object(n, L, i, buf_view(&step), &t->array[k]);
  }
  Entry *entries = xmalloc(sizeof *entries * (size_t)sizenode(t));
  size_t count = 0;
  bool has_object_keys = false;
  for (int k = 0; k < sizenode(t); k++) {
    Node *node = gnode(t, k);
    if (isempty(gval(node))) continue;
    TValue key;
    getnodekey(L, &key, node);
    if (!can_be_named(&key)) {
      if (can_be_named(gval(node))) entries[count++] = (Entry){ key, *gval(node) };
    } else {
      has_object_keys = true;
    }
  }
  qsort(entries, count, sizeof *entries, compare_entries);
  for (size_t k = 0; k < count; k++) {
    step_of_key(&step, &entries[k].key);
    name_object(n, L, i, buf_view(&step), &entries[k].value);
  }
  free(entries);
  buf_free(&step);
  if (has_object_keys) {
    vec_room(n->later, n->nlater, n->later_cap);
    n->later[n->nlater++] = i;
  }
}

/* The variable under upvalue `u` of a closure, and the object in it. */
static void walk_variable(Names *n, lua_State *L, uint32_t i, LClosure *cl, int u) {
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
    if (strcmp(name, "_ENV") == 0) buf_printf(&step, "%s: _ENV", file);
    else buf_printf(&step, "%s: local %s", file, name);
    uint32_t taken = find_step(n, NAME_VARIABLE, NO_NAME, buf_view(&step));
    if (taken == NO_NAME || n->list[taken].walk != n->walk)
      at = add(n, L, NAME_VARIABLE, NO_NAME, buf_view(&step), &v, info->chunk);
  }
  if (at == NO_NAME) {
    buf_clear(&step);
    buf_printf(&step, " local %s", name);
    at = add(n, L, NAME_VARIABLE, i, buf_view(&step), &v,
             info ? info->chunk : NO_CHUNK);
  }
  buf_free(&step);
  name_object(n, L, at, SLICE(""), uv->v.p);
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
      name_object(n, L, i, slice_str(step), &clCvalue(&v)->upvalue[u]);
    }
    break;
  case ctb(LUA_VUSERDATA):
    walk_metatable(n, L, i, uvalue(&v)->metatable);
    for (int u = 0; u < uvalue(&v)->nuvalue; u++) {
      snprintf(step, sizeof step, " (user value %d)", u + 1);
      name_object(n, L, i, slice_str(step), &uvalue(&v)->uv[u].uv);
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
    if (!can_be_named(&key)) continue;
    uint32_t name = names_of(n, address_of(&key));
    if (name != NO_NAME && !n->list[name].is_unclear) {
      named[count++] = (NamedKey){ name, *gval(gnode(t, k)) };
      continue;
    }
    uint32_t before = n->n;
    name_object(n, L, i, SLICE(" (a key)"), &key);
    name_object(n, L, i, SLICE(" (under a key)"), gval(gnode(t, k)));
    if (n->n == before) continue;
    if (unnamed++ == 0) first = before;
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
    name_object(n, L, i, buf_view(&step), &named[k].value);
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
    name_object(n, L, NO_NAME, buf_view(&name), &entries[k].value);
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
  const TValue *name = luaH_getstr(hvalue(&e->value), luaS_newliteral(L, "__name"));
  return ttisstring(name) && luaV_rawequalobj(name, &e->key);
}

static void walk_roots(Names *n, lua_State *L) {
  lua_pushglobaltable(L);
  name_object(n, L, NO_NAME, SLICE("_G"), s2v(L->top.p - 1));
  lua_pop(L, 1);
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  name_entries(n, L, "", hvalue(s2v(L->top.p - 1)), is_any);
  lua_pop(L, 1);
  for (uint32_t i = 0; i < n->nroots; i++) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, n->roots[i].ref);
    name_object(n, L, NO_NAME, slice_str(n->roots[i].name), s2v(L->top.p - 1));
    lua_pop(L, 1);
  }
  TValue v;
  for (int tag = 0; tag < LUA_NUMTYPES; tag++) {
    if (!G(L)->mt[tag]) continue;
    char name[40];
    snprintf(name, sizeof name, "%s metatable", lua_typename(L, tag));
    sethvalue(L, &v, G(L)->mt[tag]);
    name_object(n, L, NO_NAME, slice_str(name), &v);
  }
  setthvalue(L, &v, G(L)->mainthread);
  name_object(n, L, NO_NAME, SLICE("(main thread)"), &v);
  name_entries(n, L, "class ", hvalue(&G(L)->l_registry), is_class);
}

void names_collect(Names *n, lua_State *L) {
  luaL_checkstack(L, 8, NULL);
  global_State *g = G(L);
  lu_byte stopped = g->gcstp;
  g->gcstp |= GCSTPGC;
  n->walk++;
  n->walked = 0;
  n->nlater = 0;
  code_refresh(n->code);
  walk_roots(n, L);
  walk_queue(n, L);
  for (uint32_t k = 0; k < n->nlater; k++) {
    walk_object_keys(n, L, n->later[k]);
    walk_queue(n, L);
  }
  g->gcstp = stopped;
}

void names_add_root(Names *n, lua_State *L, const char *name) {
  vec_room(n->roots, n->nroots, n->roots_cap);
  int ref = luaL_ref(L, LUA_REGISTRYINDEX);
  n->roots[n->nroots++] = (NameRoot){ xstrdup(name), ref };
}
