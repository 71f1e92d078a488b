/* Old code beside new (S26): a chunk that is no longer what its file says, run
 * once more from the text that was kept.
 *
 * It gets an environment of its own, so that its globals overwrite none; what
 * it reads and does not have comes from the globals of now. What it required
 * when it was new it gets as it was then: the module of now when that has the
 * same digest, else an old one, revived in turn. What it registers is the
 * business of whoever asks loader_is_reviving. */
#include <lauxlib.h>
#include <stdlib.h>

#include "base/limits.h"
#include "lua/chunks.h"

typedef struct Revival {
  LoaderFind find;
  void *ud;
} Revival;

static const char key_values; /* registry key: digest -> an old chunk's value */
static const char key_env;    /* registry key: of the revival under way */

/* --- a chunk as bytes ---
 *
 *   module NUL name NUL chunk name NUL       module is empty for a script
 *   count  (name NUL digest) ...             what it requires
 *   block  its text */

static void put_text(Buf *b, const char *s) { buf_put(b, s, strlen(s) + 1); }

void chunk_write(const Chunk *c, Buf *out) {
  put_text(out, c->module ? c->module : "");
  put_text(out, c->name);
  put_text(out, c->chunkname);
  buf_varint(out, c->n_needs);
  for (size_t i = 0; i < c->n_needs; i++) {
    put_text(out, c->needs[i].name);
    buf_put(out, c->needs[i].digest, DIGEST_BYTES);
  }
  buf_block(out, c->source);
}

static Err take_text(Slice *in, const char **out) {
  const char *end = in->len ? memchr(in->ptr, '\0', in->len) : NULL;
  if (!end) return ERR_BAD_INPUT;
  size_t len = (size_t)(end - in->ptr) + 1;
  *out = in->ptr;
  *in = slice(in->ptr + len, in->len - len);
  return OK;
}

static Err take_needs(Slice *in, Chunk *c) {
  uint64_t n;
  Err e = take_varint(in, &n);
  if (!e && n > in->len / DIGEST_BYTES) e = ERR_BAD_INPUT;
  if (e) return e;
  c->needs = xcalloc((size_t)n, sizeof *c->needs);
  for (; c->n_needs < n && !e; c->n_needs++) {
    ChunkNeed *need = &c->needs[c->n_needs];
    e = take_text(in, &need->name);
    if (!e && in->len < DIGEST_BYTES) e = ERR_BAD_INPUT;
    if (e) break;
    memcpy(need->digest, in->ptr, DIGEST_BYTES);
    *in = slice(in->ptr + DIGEST_BYTES, in->len - DIGEST_BYTES);
  }
  return e;
}

Err chunk_read(Slice bytes, Chunk *out) {
  Chunk c = { .is_old = true };
  Err e = take_text(&bytes, &c.module);
  if (!e) e = take_text(&bytes, &c.name);
  if (!e) e = take_text(&bytes, &c.chunkname);
  if (!e) e = take_needs(&bytes, &c);
  if (!e) e = take_block(&bytes, &c.source);
  if (!e && bytes.len) e = ERR_BAD_INPUT;
  if (e) {
    free(c.needs);
    return e;
  }
  if (!*c.module) c.module = NULL;
  c.path = c.name;
  *out = c;
  return OK;
}

/* --- values of old chunks --- */

void loader_push_old(lua_State *L, const Chunk *c) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &key_values) == LUA_TNIL) return;
  lua_pushlstring(L, (const char *)c->digest, DIGEST_BYTES);
  lua_rawget(L, -2);
  lua_remove(L, -2);
}

void loader_push_old_globals(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &key_env);
}

/* The value is on top of the stack, and stays. */
static void keep_value(lua_State *L, const Chunk *c) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &key_values) == LUA_TNIL) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &key_values);
  }
  lua_pushlstring(L, (const char *)c->digest, DIGEST_BYTES);
  lua_pushvalue(L, -3);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

bool revive_push_module(lua_State *L, const char *name) {
  const Vm *vm = vm_of(L);
  for (size_t i = loader_count(vm); i-- > 0;) {
    const Chunk *c = loader_at(vm, i);
    if (!c->is_old || !c->module || strcmp(c->module, name) != 0) continue;
    loader_push_old(L, c);
    if (!lua_isnil(L, -1)) return true;
    lua_pop(L, 1); /* it is only being loaded */
  }
  return false;
}

/* --- reviving; everything here raises --- */

/* Pushes the main function and records the chunk, checked against the digest
 * that was asked for. `bytes` is a string on the stack. */
static Chunk *compile_old(lua_State *L, const uint8_t *digest, Slice bytes) {
  Chunk as, *c;
  if (chunk_read(bytes, &as)) luaL_error(L, "old code is damaged");
  /* What raises below must not lose it. */
  size_t size = as.n_needs * sizeof *as.needs;
  ChunkNeed *needs = lua_newuserdatauv(L, size + 1, 0);
  if (size) memcpy(needs, as.needs, size);
  free(as.needs);
  as.needs = NULL;
  if (loader_compile(L, &as, &c) != LUA_OK) lua_error(L);
  uint8_t whole[DIGEST_BYTES];
  chunk_digest(whole, c->digest, needs, as.n_needs);
  if (memcmp(whole, digest, DIGEST_BYTES) != 0)
    luaL_error(L, "the code of \"%s\" was compiled by another version of Lua",
               as.name);
  memcpy(c->digest, whole, DIGEST_BYTES);
  c->needs = xcalloc(as.n_needs, sizeof *c->needs);
  for (; c->n_needs < as.n_needs; c->n_needs++) {
    c->needs[c->n_needs] = needs[c->n_needs];
    c->needs[c->n_needs].name = xstrdup(needs[c->n_needs].name);
  }
  lua_remove(L, -2);
  return c;
}

/* Pushes the value of the module `name` (NULL: of a script) of this digest. */
static void revive(lua_State *L, const char *name, const uint8_t *digest) {
  Loader *ld = vm_of(L)->loader;
  const Chunk *known = loader_find(vm_of(L), digest);
  luaL_checkstack(L, 10, "old code");
  if (known && known->is_old) {
    loader_push_old(L, known);
    return;
  }
  if (known && name) {
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    if (lua_getfield(L, -1, name) != LUA_TNIL) {
      lua_remove(L, -2);
      return;
    }
    lua_pop(L, 2);
  }
  if (ld->n_old >= CODE_OLD_MAX)
    luaL_error(L, "over %d pieces of old code are loaded already",
               CODE_OLD_MAX);
  if (!ld->revival->find(ld->revival->ud, L, digest))
    luaL_error(L, "the code that %s had is not in the store",
               name ? lua_pushfstring(L, "module '%s'", name) : "it");
  Slice bytes;
  bytes.ptr = lua_tolstring(L, -1, &bytes.len);
  size_t n_chunks = ld->n_chunks;
  Chunk *outer = ld->loading, *c = compile_old(L, digest, bytes);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &key_env);
  lua_setupvalue(L, -2, 1); /* a main function's only one is _ENV */
  ld->loading = c;
  lua_pushstring(L, name);
  int status = vm_call(L, 1, 1);
  ld->loading = outer;
  if (status != LUA_OK) { /* who required it may live without it */
    chunks_forget(L, n_chunks);
    trace_carry(L, -1, -1);
    lua_error(L);
  }
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_pushboolean(L, 1);
  }
  keep_value(L, c);
  ld->n_old++;
  lua_remove(L, -2); /* the bytes */
}

bool revive_required(lua_State *L, const char *name) {
  const Loader *ld = vm_of(L)->loader;
  const Chunk *c = ld->loading;
  if (!c || !c->is_old) return false;
  for (size_t i = 0; i < c->n_needs; i++) {
    if (strcmp(c->needs[i].name, name) != 0) continue;
    revive(L, name, c->needs[i].digest);
    return true;
  }
  return false;
}

static int f_revive(lua_State *L) {
  const uint8_t *digest = lua_touserdata(L, 1);
  if (loader_find(vm_of(L), digest)) return 0;
  lua_newtable(L); /* the environment: {} with __index = the globals */
  lua_createtable(L, 0, 1);
  lua_pushglobaltable(L);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, LUA_GNAME);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &key_env);
  revive(L, NULL, digest);
  return 0;
}

int loader_revive(Vm *vm, const uint8_t digest[DIGEST_BYTES], LoaderFind find,
                  void *ud) {
  lua_State *L = vm->L;
  Loader *ld = vm->loader;
  Revival revival = { find, ud };
  const Revival *outer = ld->revival;
  size_t n_old = ld->n_old;
  luaL_checkstack(L, 20, "no room to load");
  Load load = load_begin(L);
  int at = lua_gettop(L);
  ld->revival = &revival;
  lua_pushcfunction(L, f_revive);
  lua_pushlightuserdata(L, (void *)(uintptr_t)digest);
  int status = vm_call(L, 1, 0);
  ld->revival = outer;
  if (status != LUA_OK) ld->n_old = n_old;
  load_end(L, &load, at, status == LUA_OK);
  lua_remove(L, at);
  return status;
}
