/* Code by hash: what is loaded is kept in the store, and what a conversation
 * was saved with comes from there when it is no longer loaded (S26).
 *
 * The code goes into the same queue as the heads, before any head that needs
 * it. A revived chunk registers nothing: its definitions are kept aside, so
 * that bodies and hooks that wait find themselves; only a component that nobody
 * defines any more comes back as it was. */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "kernel/state.h"
#include "lua/loader.h"

/* --- keeping --- */

static void on_kept(void *ud, Err e) {
  Kernel *k = ud;
  if (!e) return;
  k->n_kept_chunks = 0; /* before the next head, once more */
  log_with(k->config.log, LOG_ERROR, "code could not be saved",
           { "error", slice_str(err_words(e)) });
}

static bool is_kept(Kernel *k, const Chunk *c) {
  Blob *there;
  Slice key = slice((const char *)c->digest, DIGEST_BYTES);
  if (store_get(k->store, STORE_CODE, key, &there)) return false;
  blob_drop(there);
  return true;
}

void code_keep(Kernel *k) {
  size_t n = loader_count(k->vm);
  if (k->app || k->n_kept_chunks == n || loader_is_loading(k->vm)) return;
  StoreRow *rows = xcalloc(n, sizeof *rows);
  StoreItem item = { .is_rows = true, .rows = rows };
  Buf bytes = { 0 };
  for (size_t i = k->n_kept_chunks < n ? k->n_kept_chunks : 0; i < n; i++) {
    const Chunk *c = loader_at(k->vm, i);
    if (c->is_embedded || c->is_old || is_kept(k, c)) continue;
    buf_clear(&bytes);
    chunk_write(c, &bytes);
    rows[item.n_rows++] = (StoreRow){
      STORE_CODE, blob_new(slice((const char *)c->digest, DIGEST_BYTES)),
      blob_new(buf_view(&bytes))
    };
  }
  buf_free(&bytes);
  k->n_kept_chunks = n;
  if (item.n_rows) store_commit(k->store, &item, on_kept, k);
  for (size_t i = 0; i < item.n_rows; i++) {
    blob_drop(rows[i].key);
    blob_drop(rows[i].value);
  }
  free(rows);
}

/* --- versions --- */

uint64_t code_version(const uint8_t digest[DIGEST_BYTES]) {
  uint64_t v = 0;
  for (int i = 0; i < 8; i++) v = v << 8 | digest[i];
  return v;
}

void code_settle(Kernel *k) {
  for (size_t i = 0; i < k->defs->n; i++) {
    Def *def = k->defs->all[i];
    if (!def->chunk || def->chunk > loader_count(k->vm)) continue;
    const Chunk *c = loader_at(k->vm, def->chunk - 1);
    def->version = c->is_embedded ? 0 : code_version(c->digest);
    def->chunk = 0;
  }
}

/* --- reviving --- */

static bool find_code(void *ud, lua_State *L, const uint8_t *digest) {
  Kernel *k = ud;
  Blob *bytes;
  Slice key = slice((const char *)digest, DIGEST_BYTES);
  if (k->find_code) return k->find_code(k->find_code_ud, L, digest);
  if (k->app) k = k->app; /* a replay keeps no code */
  if (store_get(k->store, STORE_CODE, key, &bytes)) return false;
  lua_pushlstring(L, bytes->bytes, bytes->len);
  blob_drop(bytes);
  return true;
}

static void add_root(lua_State *L, int roots, const char *name) {
  lua_createtable(L, 2, 0);
  lua_pushstring(L, name);
  lua_rawseti(L, -2, 1);
  lua_insert(L, -2);
  lua_rawseti(L, -2, 2);
  lua_rawseti(L, roots, (lua_Integer)lua_rawlen(L, roots) + 1);
}

static int by_module(const void *a, const void *b) {
  return strcmp((*(const Chunk *const *)a)->module,
                (*(const Chunk *const *)b)->module);
}

/* Names what the chunks from `first` on made, in the order of a first load's
 * walk: globals, modules by name, definitions. */
static void name_revived(Kernel *k, lua_State *L, size_t first) {
  size_t n = 0, count = loader_count(k->vm) - first;
  const Chunk **modules = xcalloc(count, sizeof *modules);
  lua_newtable(L);
  int roots = lua_gettop(L);
  loader_push_old_globals(L);
  add_root(L, roots, "_G");
  for (size_t i = 0; i < count; i++) {
    const Chunk *c = loader_at(k->vm, first + i);
    if (c->is_old && c->module) modules[n++] = c;
  }
  qsort(modules, n, sizeof *modules, by_module);
  for (size_t i = 0; i < n; i++) {
    loader_push_old(L, modules[i]);
    add_root(L, roots, modules[i]->module);
  }
  free(modules);
  lua_rawgeti(L, LUA_REGISTRYINDEX, k->defs->old_ref);
  add_root(L, roots, "definitions");
  persist_collect_old(k->persist);
}

bool code_revive(Kernel *k, const uint8_t digest[DIGEST_BYTES]) {
  lua_State *L = vm_lua(k->vm);
  size_t first = loader_count(k->vm);
  lua_newtable(L);
  k->defs->old_ref = luaL_ref(L, LUA_REGISTRYINDEX);
  int status = loader_revive(k->vm, digest, find_code, k);
  if (status == LUA_OK) {
    code_settle(k);
    name_revived(k, L, first);
  } else {
    vm_push_error_text(L, -1);
    if (k->why)
      kernel_trouble(k, NULL, "old code could not be revived", "error",
                     slice_str(lua_tostring(L, -1)));
    else
      log_with(k->config.log, LOG_ERROR, "old code could not be revived",
               { "error", slice_str(lua_tostring(L, -1)) },
               { "traceback", vm_traceback(k->vm) });
    lua_pop(L, 2);
  }
  luaL_unref(L, LUA_REGISTRYINDEX, k->defs->old_ref);
  k->defs->old_ref = LUA_NOREF;
  return status == LUA_OK;
}

typedef struct Search {
  uint64_t version;
  uint8_t digest[DIGEST_BYTES];
  bool found;
} Search;

static bool see_digest(void *ud, Slice key, Slice value) {
  Search *s = ud;
  (void)value;
  if (key.len != DIGEST_BYTES) return false;
  memcpy(s->digest, key.ptr, DIGEST_BYTES);
  s->found = code_version(s->digest) == s->version;
  return false;
}

bool code_revive_version(Kernel *k, uint64_t version) {
  Search s = { .version = version };
  char from[8];
  for (int i = 0; i < 8; i++) from[i] = (char)(version >> (56 - 8 * i));
  if (!version || store_scan(k->store, STORE_CODE, slice(from, sizeof from),
                             see_digest, &s))
    return false;
  return s.found && code_revive(k, s.digest);
}

void code_define_old(Kernel *k, lua_State *L, Slice id, int definition) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, k->defs->old_ref);
  lua_pushvalue(L, definition);
  lua_setfield(L, -2, id.ptr);
  lua_pop(L, 1);
}
