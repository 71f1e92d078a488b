/* A record of all code that was loaded.
 *
 * The digest of a chunk is that of its dump and of the digests of the modules
 * it required while it loaded. So one digest stands for a piece of code with
 * all that it is built on: equal digests are interchangeable, and a change in a
 * module changes whatever requires it. */
#include "lua/chunks.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "lua/guts.h"

static const char
    key_anchors; /* registry key: main functions of chunks, a list */

void chunks_open(lua_State *L) {
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &key_anchors);
}

static void free_chunk(Chunk *c) {
  for (size_t i = 0; i < c->n_needs; i++) free((char *)c->needs[i].name);
  free(c->needs);
  free((char *)c->module);
  free((char *)c->name);
  free((char *)c->path);
  free((char *)c->chunkname);
  free((char *)c->source.ptr);
  free(c);
}

void chunks_forget(lua_State *L, size_t keep) {
  Loader *ld = vm_of(L)->loader;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &key_anchors);
  while (ld->n_chunks > keep) {
    lua_pushnil(L);
    lua_rawseti(L, -2, (lua_Integer)ld->n_chunks);
    free_chunk(ld->chunks[--ld->n_chunks]);
  }
  lua_pop(L, 1);
}

void loader_close(Vm *vm) {
  Loader *ld = vm->loader;
  if (!ld) return;
  for (size_t i = 0; i < ld->n_chunks; i++) free_chunk(ld->chunks[i]);
  free(ld->chunks);
  free(ld->embedded);
  free(ld->folder);
  free(ld);
}

static int on_dump(lua_State *L, const void *piece, size_t len, void *out) {
  (void)L;
  buf_put(out, piece, len);
  return 0;
}

Chunk *chunk_record(lua_State *L, const Chunk *as) {
  Loader *ld = vm_of(L)->loader;
  Buf dump = { 0 };
  lua_dump(L, on_dump, &dump, 0);
  Chunk *c = xcalloc(1, sizeof *c);
  c->module = as->module ? xstrdup(as->module) : NULL;
  c->name = xstrdup(as->name);
  c->path = xstrdup(as->path);
  c->chunkname = xstrdup(as->chunkname);
  c->source = slice(dup_slice(as->source), as->source.len);
  c->is_embedded = as->is_embedded;
  c->is_old = as->is_old;
  c->proto = guts_proto(L, -1);
  digest(c->digest, buf_view(&dump));
  buf_free(&dump);
  ld->chunks = xrealloc(ld->chunks, (ld->n_chunks + 1) * sizeof(Chunk *));
  ld->chunks[ld->n_chunks++] = c;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &key_anchors);
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, (lua_Integer)ld->n_chunks);
  lua_pop(L, 1);
  return c;
}

/* The newest chunk that was loaded as this module. */
static const Chunk *find_module(const Loader *ld, const char *name) {
  for (size_t i = ld->n_chunks; i-- > 0;) {
    const Chunk *c = ld->chunks[i];
    if (c->module && !c->is_old && strcmp(c->module, name) == 0) return c;
  }
  return NULL;
}

void chunk_requires(Loader *ld, const char *name) {
  Chunk *c = ld->loading;
  if (!c) return;
  const Chunk *module = find_module(ld, name);
  if (!module || module->is_embedded) return;
  for (size_t i = 0; i < c->n_needs; i++)
    if (strcmp(c->needs[i].name, name) == 0) return;
  c->needs = xrealloc(c->needs, (c->n_needs + 1) * sizeof *c->needs);
  ChunkNeed *need = &c->needs[c->n_needs++];
  need->name = xstrdup(name);
  memcpy(need->digest, module->digest, DIGEST_BYTES);
}

void chunk_digest(uint8_t out[DIGEST_BYTES], const uint8_t code[DIGEST_BYTES],
                  const ChunkNeed *needs, size_t n) {
  Buf b = { 0 };
  buf_put(&b, code, DIGEST_BYTES);
  for (size_t i = 0; i < n; i++) {
    buf_block(&b, slice_str(needs[i].name));
    buf_put(&b, needs[i].digest, DIGEST_BYTES);
  }
  digest(out, buf_view(&b));
  buf_free(&b);
}

void chunk_finish(Chunk *c) {
  uint8_t code[DIGEST_BYTES];
  memcpy(code, c->digest, DIGEST_BYTES);
  chunk_digest(c->digest, code, c->needs, c->n_needs);
}

size_t loader_count(const Vm *vm) {
  return vm->loader ? vm->loader->n_chunks : 0;
}

const Chunk *loader_at(const Vm *vm, size_t i) {
  ASSERT(i < loader_count(vm));
  return vm->loader->chunks[i];
}

const Chunk *loader_find(const Vm *vm, const uint8_t digest[DIGEST_BYTES]) {
  for (size_t i = loader_count(vm); i-- > 0;)
    if (memcmp(vm->loader->chunks[i]->digest, digest, DIGEST_BYTES) == 0)
      return vm->loader->chunks[i];
  return NULL;
}

const Chunk *loader_named(const Vm *vm, Slice name) {
  for (size_t i = loader_count(vm); i-- > 0;) {
    const Chunk *c = vm->loader->chunks[i];
    if (c->is_old || c->is_embedded) continue;
    if (slice_is(name, c->name) || (c->module && slice_is(name, c->module)))
      return c;
  }
  return NULL;
}

bool loader_is_loading(const Vm *vm) {
  return !vm->loader || vm->loader->depth > 0;
}

size_t loader_loading_index(const Vm *vm) {
  const Loader *ld = vm->loader;
  for (size_t i = ld && ld->loading ? ld->n_chunks : 0; i > 0; i--)
    if (ld->chunks[i - 1] == ld->loading) return i;
  return 0;
}

bool loader_is_reviving(const Vm *vm) {
  const Loader *ld = vm->loader;
  return ld && ld->loading && ld->loading->is_old;
}
