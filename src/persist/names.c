/* The list of names: given, kept with their objects, found by path and by
 * address.
 *
 * A name holds its own step alone, so that long chains cost no more than short
 * ones; paths are hashed as a whole, step by step. */
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
    if (memcmp(end, n->text + n->list[i].step, n->list[i].len) != 0)
      return false;
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

static bool is_of(const Names *n, const Name *name, uint32_t chunk) {
  if (name->chunk == chunk) return true;
  return name->chunk != NO_CHUNK && /* the same code, loaded twice */
         memcmp(code_chunk(n->code, name->chunk)->digest,
                code_chunk(n->code, chunk)->digest, DIGEST_BYTES) == 0;
}

uint32_t names_find(const Names *n, NameKind kind, Slice path, uint32_t chunk) {
  uint32_t h = hash_bytes(hash_start(kind), path.ptr, path.len);
  uint32_t i = n->buckets[h & (n->nbuckets - 1)];
  for (; i != NO_NAME; i = n->list[i].next)
    if (n->list[i].hash == h && n->list[i].kind == kind && path_is(n, i, path))
      break;
  uint32_t newest = i;
  for (; i != NO_NAME; i = n->list[i].older)
    if (chunk == NO_CHUNK ? !n->list[i].is_old : is_of(n, &n->list[i], chunk))
      return i;
  return chunk == NO_CHUNK ? newest : NO_NAME;
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
uint32_t names_step(const Names *n, NameKind kind, uint32_t parent,
                    Slice step) {
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
  uint32_t len = (parent == NO_NAME ? 0 : n->list[parent].path_len) +
                 (uint32_t)step.len;
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

const void *names_address(const TValue *v) {
  if (iscollectable(v) || rawtt(v) == TAG_UPVALUE) return val_(v).gc;
  if (ttislcf(v)) return (const void *)(uintptr_t)fvalue(v);
  return pvalue(v);
}

bool names_can_hold(const TValue *v) {
  switch (ttypetag(v)) {
  case LUA_VTABLE:
  case LUA_VLCL:
  case LUA_VCCL:
  case LUA_VLCF:
  case LUA_VUSERDATA:
  case LUA_VLIGHTUSERDATA:
  case LUA_VTHREAD: return true;
  default: return false;
  }
}

uint32_t names_add(Names *n, lua_State *L, NameKind kind, uint32_t parent,
                   Slice step, const TValue *v, uint32_t chunk) {
  char numbered[32];
  Buf longer = { 0 };
  uint32_t older = names_step(n, kind, parent, step);
  for (int i = 2; older != NO_NAME && n->list[older].walk == n->walk; i++) {
    snprintf(numbered, sizeof numbered, " #%d", i);
    buf_clear(&longer);
    buf_slice(&longer, step);
    buf_puts(&longer, numbered);
    older = names_step(n, kind, parent, buf_view(&longer));
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
                  .is_old = n->walks_old,
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
  *map_at(&n->objects, names_address(v)) = i;
  anchor(n, L, v);
  if (n->n > n->nbuckets) grow_buckets(n);
  return i;
}

uint32_t names_chunk(const Names *n, const ProtoInfo *info) {
  return code_chunk(n->code, info->chunk)->is_embedded ? NO_CHUNK : info->chunk;
}

/* Names an object unless it has a name. */
void names_object(Names *n, lua_State *L, uint32_t parent, Slice step,
                  const TValue *v) {
  if (!names_can_hold(v)) return;
  if (names_of(n, names_address(v)) != NO_NAME) return;
  uint32_t chunk = NO_CHUNK;
  if (ttisLclosure(v)) {
    const ProtoInfo *info = code_find(n->code, clLvalue(v)->p);
    if (info) chunk = names_chunk(n, info);
  }
  names_add(n, L, NAME_OBJECT, parent, step, v, chunk);
}

void names_add_root(Names *n, lua_State *L, const char *name) {
  vec_room(n->roots, n->nroots, n->roots_cap);
  int ref = luaL_ref(L, LUA_REGISTRYINDEX);
  n->roots[n->nroots++] = (NameRoot){ xstrdup(name), ref };
}
