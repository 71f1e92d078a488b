/* Where Lua code comes from. A chunk is compiled from text and recorded
 * (chunks.c) before it runs, so that what it makes while it runs can be named.
 * A load is all or nothing: when it fails, package.loaded and the record are as
 * they were before it, nested loads included.
 *
 * Chunk names are relative to the app's folder, for they are part of the dump
 * and so of the hash: an app that moved to another folder or machine is the
 * same code. */
#include "base/limits.h"
#include "lua/chunks.h"
#include "lua/coro.h"

#include <errno.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>

static const char
    key_require; /* registry key: names being required, outermost first */

/* --- compiling --- */

/* What lua accepts before the text: a byte order mark, a #! line (its line end
 * stays, so that line numbers do). */
static Slice skip_preamble(Slice s) {
  if (slice_starts(s, SLICE("\xef\xbb\xbf"))) s = slice(s.ptr + 3, s.len - 3);
  if (s.len && s.ptr[0] == '#')
    while (s.len && s.ptr[0] != '\n') s = slice(s.ptr + 1, s.len - 1);
  return s;
}

int loader_compile(lua_State *L, const Chunk *as, Chunk **out) {
  Slice text = skip_preamble(as->source);
  int status = luaL_loadbufferx(L, text.ptr ? text.ptr : "", text.len,
                                as->chunkname, "t");
  if (status != LUA_OK) return status;
  Chunk *c = chunk_record(L, as);
  if (out) *out = c;
  return LUA_OK;
}

/* Appends a file; false, with a message pushed, if it cannot be read. */
static bool read_file(lua_State *L, const char *path, Buf *out) {
  FILE *f = fopen(path, "rb");
  if (!f) {
    lua_pushfstring(L, "cannot open %s: %s", path, strerror(errno));
    return false;
  }
  out->max = SOURCE_BYTES_MAX;
  char piece[4096];
  size_t n;
  while ((n = fread(piece, 1, sizeof piece, f)) > 0) buf_put(out, piece, n);
  bool failed = ferror(f) != 0;
  int error = errno;
  fclose(f);
  if (failed)
    lua_pushfstring(L, "cannot read %s: %s", path, strerror(error));
  else if (buf_status(out))
    lua_pushfstring(L, "cannot load %s: larger than %d MiB", path,
                    (int)(SOURCE_BYTES_MAX / MIB(1)));
  return !failed && !buf_status(out);
}

/* Pushes `path` as seen from the app's folder, if it is in there. */
static const char *push_relative(lua_State *L, const char *path) {
  const char *folder = vm_of(L)->loader->folder;
  size_t len = folder ? strlen(folder) : 0;
  if (len && strncmp(path, folder, len) == 0 && path[len] == '/')
    path += len + 1;
  while (strncmp(path, "./", 2) == 0) path += 2;
  return lua_pushstring(L, path);
}

/* loader_compile of a file, of the module that is required as `module` when
 * that is not NULL. */
static int compile_file(lua_State *L, const char *module, const char *name,
                        const char *path, Chunk **out) {
  Buf source = { 0 };
  if (!read_file(L, path, &source)) {
    buf_free(&source);
    return LUA_ERRFILE;
  }
  const char *relative = push_relative(L, path);
  const char *chunkname = lua_pushfstring(L, "@%s", relative);
  if (!name) {
    size_t len = strlen(relative);
    if (len > 4 && strcmp(relative + len - 4, ".lua") == 0) len -= 4;
    name = lua_pushlstring(L, relative, len);
  } else {
    lua_pushnil(L);
  }
  int status = loader_compile(L,
                              &(Chunk){ .module = module,
                                        .name = name,
                                        .path = path,
                                        .chunkname = chunkname,
                                        .source = buf_view(&source) },
                              out);
  buf_free(&source);
  lua_replace(L, -4);
  lua_pop(L, 2);
  return status;
}

int loader_compile_file(lua_State *L, const char *path) {
  return compile_file(L, NULL, NULL, path, NULL);
}

/* --- a load: all or nothing --- */

/* Pushes a copy of package.loaded. */
Load load_begin(lua_State *L) {
  Vm *vm = vm_of(L);
  lua_newtable(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_pushnil(L);
  while (lua_next(L, -2)) { /* copy loaded key value */
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -5);
  }
  lua_pop(L, 1);
  vm->loader->depth++;
  return (Load){ vm->loader->n_chunks,
                 coro_ban(vm, "a module that is being loaded"),
                 vm->loader->loading };
}

/* `copy` is where load_begin pushed it. */
void load_end(lua_State *L, const Load *load, int copy, bool ok) {
  Vm *vm = vm_of(L);
  vm->loader->depth--;
  vm->loader->loading = load->loading;
  coro_ban(vm, load->ban);
  if (ok) return;
  chunks_forget(L, load->n_chunks);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  int loaded = lua_gettop(L);
  lua_pushnil(L);
  while (lua_next(L, loaded)) { /* to the old value, which is often nil */
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_pushvalue(L, -1);
    lua_rawget(L, copy);
    lua_rawset(L, loaded);
  }
  lua_pushnil(L);
  while (lua_next(L, copy)) { /* what the load removed */
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, loaded);
  }
  lua_pop(L, 1);
}

/* --- require --- */

/* Pushes the name with dots as slashes. */
static const char *push_slashed(lua_State *L, const char *name) {
  return luaL_gsub(L, name, ".", "/");
}

static const Embedded *find_embedded(const Loader *ld, lua_State *L,
                                     const char *slashed) {
  for (size_t i = 0; i < ld->n_embedded; i++) {
    bool same = strcmp(push_slashed(L, ld->embedded[i].name), slashed) == 0;
    lua_pop(L, 1);
    if (same) return &ld->embedded[i];
  }
  return NULL;
}

/* Pushes the file that package.searchpath finds, or nil and where it looked. */
static bool search_path(lua_State *L, const char *name, const char *templates) {
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(L, -1, LUA_LOADLIBNAME);
  lua_getfield(L, -1, "searchpath");
  lua_pushstring(L, name);
  lua_pushstring(L, templates);
  lua_call(L, 2, 2); /* loaded package path|nil message */
  lua_remove(L, -3);
  lua_remove(L, -3);
  return !lua_isnil(L, -2);
}

/* The searcher for Lua code: a loader and where from, or where it looked. */
static int f_search(lua_State *L) {
  Loader *ld = vm_of(L)->loader;
  const char *name = luaL_checkstring(L, 1);
  lua_settop(L, 1);
  const char *slashed = push_slashed(L, name); /* slot 2 */
  const Embedded *e = find_embedded(ld, L, slashed);
  if (e) {
    const char *path = lua_pushfstring(L, "%s.lua", slashed);
    const char *chunkname = lua_pushfstring(L, "@%s", path);
    if (loader_compile(L,
                       &(Chunk){ .module = name,
                                 .name = slashed,
                                 .path = path,
                                 .chunkname = chunkname,
                                 .source = e->source,
                                 .is_embedded = true },
                       NULL) != LUA_OK)
      return lua_error(L);
    lua_pushvalue(L, 3);
    return 2;
  }
  lua_getglobal(L, LUA_LOADLIBNAME);
  lua_getfield(L, -1, "path"); /* slot 4 */
  const char *rest = luaL_optstring(L, 4, "");
  const char *folder = ld->folder;
  const char *templates = folder
                              ? lua_pushfstring(L, "%s/?.lua;%s/?/init.lua%s%s",
                                                folder, folder,
                                                *rest ? ";" : "", rest)
                              : lua_pushstring(L, rest);
  if (!search_path(L, name, templates)) return 1; /* the message */
  lua_pop(L, 1);
  const char *path = lua_tostring(L, -1);
  if (compile_file(L, name, slashed, path, NULL) != LUA_OK)
    return luaL_error(L, "error loading module '%s':\n\t%s", name,
                      lua_tostring(L, -1));
  lua_pushstring(L, path);
  return 2;
}

/* Pushes a loader for `name` and its second argument; raises when there is
 * none. */
static void find_loader(lua_State *L, const char *name) {
  int at = lua_gettop(L) + 1;
  lua_getglobal(L, LUA_LOADLIBNAME);
  if (lua_getfield(L, -1, "searchers") != LUA_TTABLE)
    luaL_error(L, "'package.searchers' must be a table");
  lua_replace(L, at);
  lua_pushliteral(L, ""); /* where it was sought, in slot at + 1 */
  for (lua_Integer i = 1; lua_rawgeti(L, at, i) != LUA_TNIL; i++) {
    lua_pushstring(L, name);
    lua_call(L, 1, 2); /* searchers sought loader|message extra */
    if (lua_isfunction(L, -2)) {
      lua_remove(L, at);
      lua_remove(L, at);
      return;
    }
    if (lua_isstring(L, -2)) {
      lua_pushfstring(L, "%s\n\t%s", lua_tostring(L, at + 1),
                      lua_tostring(L, -2));
      lua_replace(L, at + 1);
    }
    lua_settop(L, at + 1);
  }
  luaL_where(L, 2); /* past require itself */
  lua_pushfstring(L, "%smodule '%s' not found:%s", lua_tostring(L, -1), name,
                  lua_tostring(L, at + 1));
  lua_error(L);
}

/* Name on the stack: finds, runs and stores the module; its value and where
 * from. */
static int load_module(lua_State *L) {
  const char *name = lua_tostring(L, 1);
  Loader *ld = vm_of(L)->loader;
  size_t known = ld->n_chunks;
  Chunk *outer = ld->loading;
  find_loader(L, name); /* name loader extra */
  if (ld->n_chunks > known) ld->loading = ld->chunks[ld->n_chunks - 1];
  lua_pushvalue(L, 2);
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 3);
  lua_call(L, 2, 1); /* name loader extra value */
  if (ld->loading != outer) chunk_finish(ld->loading);
  ld->loading = outer;
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  if (!lua_isnil(L, 4)) {
    lua_pushvalue(L, 4);
    lua_setfield(L, 5, name);
  }
  if (lua_getfield(L, 5, name) == LUA_TNIL) {
    lua_pushboolean(L, 1);
    lua_copy(L, -1, -2);
    lua_setfield(L, 5, name);
  }
  lua_pushvalue(L, 3);
  return 2;
}

/* Raises when `name` is among the names being required (slot `list`). */
static void refuse_cycle(lua_State *L, int list, const char *name) {
  lua_Integer n = (lua_Integer)lua_rawlen(L, list);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, list, i);
    if (strcmp(lua_tostring(L, -1), name) == 0) {
      luaL_Buffer b;
      luaL_buffinit(L, &b);
      for (; i <= n; i++) {
        lua_rawgeti(L, list, i);
        luaL_addvalue(&b);
        luaL_addstring(&b, " -> ");
      }
      luaL_addstring(&b, name);
      luaL_pushresult(&b);
      luaL_error(L, "modules require each other: %s", lua_tostring(L, -1));
    }
    lua_pop(L, 1);
  }
}

static int f_require(lua_State *L) {
  Loader *ld = vm_of(L)->loader;
  const char *name = luaL_checkstring(L, 1);
  lua_settop(L, 1);
  if (revive_required(L, name)) return 1;
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(L, 2, name);
  if (lua_toboolean(L, -1)) {
    chunk_requires(ld, name);
    return 1;
  }
  lua_settop(L, 1);
  if (ld->prefers_old && revive_push_module(L, name)) return 1;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &key_require); /* slot 2 */
  refuse_cycle(L, 2, name);
  lua_Integer n = (lua_Integer)lua_rawlen(L, 2);
  Load load = load_begin(L); /* slot 3 */
  lua_pushvalue(L, 1);
  lua_rawseti(L, 2, n + 1);
  lua_pushcfunction(L, load_module);
  lua_pushvalue(L, 1);
  int status = vm_call(L, 1, 2);
  lua_pushnil(L);
  lua_rawseti(L, 2, n + 1);
  load_end(L, &load, 3, status == LUA_OK);
  if (status == LUA_OK) {
    chunk_requires(ld, name);
    if (ld->depth == 0 && ld->on_required) ld->on_required(ld->on_required_ud);
    return 2;
  }
  trace_carry(L, -1, -1);
  return lua_error(L);
}

/* --- the interface --- */

static int open_require(lua_State *L) {
  chunks_open(L);
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &key_require);
  lua_register(L, "require", f_require);
  lua_getglobal(L, LUA_LOADLIBNAME);
  lua_getfield(L, -1, "searchers");
  lua_pushcfunction(L, f_search);
  lua_rawseti(L, -2, 2); /* in the place of Lua's own, after package.preload */
  return 0;
}

void loader_open(Vm *vm) {
  ASSERT(!vm->loader);
  vm->loader = xcalloc(1, sizeof(Loader));
  lua_pushcfunction(vm->L, open_require);
  if (lua_pcall(vm->L, 0, 0, 0) != LUA_OK)
    die("require cannot be installed: %s", lua_tostring(vm->L, -1));
}

void loader_add_embedded(Vm *vm, const char *name, Slice source) {
  Loader *ld = vm->loader;
  ld->embedded = xrealloc(ld->embedded,
                          (ld->n_embedded + 1) * sizeof(Embedded));
  ld->embedded[ld->n_embedded++] = (Embedded){ name, source };
}

void loader_on_required(Vm *vm, void (*fn)(void *ud), void *ud) {
  vm->loader->on_required = fn;
  vm->loader->on_required_ud = ud;
}

void loader_prefer_old(Vm *vm) { vm->loader->prefers_old = true; }

void loader_set_folder(Vm *vm, const char *dir) {
  free(vm->loader->folder);
  size_t len = strlen(dir);
  while (len > 1 && dir[len - 1] == '/') len--;
  vm->loader->folder = dup_slice(slice(dir, len));
}

/* Runs what `status` and the top of the stack say was compiled; slot `copy` is
 * replaced by the results. */
static int run(lua_State *L, const Load *load, int copy, int status, Chunk *c) {
  if (status == LUA_OK) {
    vm_of(L)->loader->loading = c;
    status = vm_call(L, 0, LUA_MULTRET);
    if (status == LUA_OK) chunk_finish(c);
  } else {
    trace_clear(vm_of(L));
  }
  load_end(L, load, copy, status == LUA_OK);
  lua_remove(L, copy);
  return status;
}

int loader_run_file(Vm *vm, const char *path) {
  lua_State *L = vm->L;
  Chunk *c = NULL;
  luaL_checkstack(L, 20, "no room to load");
  Load load = load_begin(L);
  int copy = lua_gettop(L);
  int status = compile_file(L, NULL, NULL, path, &c);
  return run(L, &load, copy, status, c);
}

int loader_run_text(Vm *vm, const char *name, Slice source) {
  lua_State *L = vm->L;
  Chunk *c = NULL;
  luaL_checkstack(L, 20, "no room to load");
  Load load = load_begin(L);
  int copy = lua_gettop(L);
  lua_pushfstring(L, "=%s", name);
  int status = loader_compile(L,
                              &(Chunk){ .name = name,
                                        .path = name,
                                        .chunkname = lua_tostring(L, -1),
                                        .source = source },
                              &c);
  lua_remove(L, -2);
  return run(L, &load, copy, status, c);
}
