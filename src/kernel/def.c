/* Definitions by id. A Def lives as long as its kernels, and instances point at
 * it; registering an id again swaps the table it refers to, for all of them at
 * once. */
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/nearest.h"
#include "kernel/state.h"
#include "lua/loader.h"

Def *def_find(Kernel *k, Slice id) {
  lua_State *L = vm_lua(k->vm);
  lua_rawgeti(L, LUA_REGISTRYINDEX, k->defs->ref);
  lua_pushlstring(L, id.ptr, id.len);
  lua_rawget(L, -2);
  Def *def = lua_touserdata(L, -1);
  lua_pop(L, 2);
  return def;
}

static Def *add(Kernel *k, Slice id) {
  Def *def = xcalloc(1, sizeof *def);
  def->id = dup_slice(id);
  def->id_hash = hash64(id);
  def->ref = LUA_NOREF;
  Defs *d = k->defs;
  d->all = xrealloc(d->all, (d->n + 1) * sizeof *d->all);
  d->all[d->n++] = def;
  return def;
}

Def *def_set(Kernel *k, Slice id, int idx) {
  lua_State *L = vm_lua(k->vm);
  Def *def = def_find(k, id);
  if (!def) {
    def = add(k, id);
    lua_rawgeti(L, LUA_REGISTRYINDEX, k->defs->ref);
    lua_pushlstring(L, id.ptr, id.len);
    lua_pushlightuserdata(L, def);
    lua_rawset(L, -3);
    lua_pop(L, 1);
  }
  luaL_unref(L, LUA_REGISTRYINDEX, def->ref);
  lua_pushvalue(L, idx);
  def->ref = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_rawgeti(L, LUA_REGISTRYINDEX, def->ref);
  def->is_flow = lua_getfield(L, -1, "body") == LUA_TFUNCTION;
  lua_pop(L, 1);
  def->wakes = lua_getfield(L, -1, "wakeup") != LUA_TNIL;
  lua_pop(L, 1);
  def->has_url = lua_getfield(L, -1, "url") != LUA_TNIL;
  lua_pop(L, 1);
  def->has_children = lua_getfield(L, -1, "children") != LUA_TNIL;
  lua_pop(L, 1);
  def->has_shape = lua_getfield(L, -1, "state") != LUA_TNIL;
  lua_pop(L, 1);
  int policy = lua_getfield(L, -1, "upgrade");
  def->upgrades = policy == LUA_TFUNCTION ||
                  (policy == LUA_TSTRING &&
                   strcmp(lua_tostring(L, -1), "keep") != 0);
  lua_pop(L, 2);
  k->defs->n_made++;
  def->is_old = loader_is_reviving(k->vm);
  def->chunk = loader_loading_index(k->vm);
  if (!def->chunk) def->version++; /* made by no file: other than before */
  return def;
}

Defs *defs_new(Vm *vm) {
  lua_State *L = vm_lua(vm);
  Defs *d = xcalloc(1, sizeof *d);
  lua_newtable(L);
  d->ref = luaL_ref(L, LUA_REGISTRYINDEX);
  d->old_ref = LUA_NOREF;
  return d;
}

void defs_drop(Defs *d) {
  if (d->n_sharers--) return;
  for (size_t i = 0; i < d->n; i++) {
    free(d->all[i]->id);
    free(d->all[i]);
  }
  free(d->all);
  free(d);
}

bool def_get(Kernel *k, lua_State *L, const Def *def, const char *name) {
  (void)k;
  lua_rawgeti(L, LUA_REGISTRYINDEX, def->ref);
  lua_getfield(L, -1, name);
  lua_remove(L, -2);
  return !lua_isnil(L, -1);
}

const char *def_place(Kernel *k, lua_State *L, const Def *def,
                      const char *part) {
  lua_Debug at;
  luaL_checkstack(L, 4, part);
  lua_pushlstring(L, part, strcspn(part, "."));
  def_get(k, L, def, lua_tostring(L, -1));
  if (!lua_isfunction(L, -1))
    return lua_pushfstring(L, "%s of \"%s\"", part, def->id);
  lua_getinfo(L, ">S", &at);
  return lua_pushfstring(L, "%s of \"%s\" (%s:%d)", part, def->id, at.short_src,
                         at.linedefined);
}

bool def_handler(Kernel *k, lua_State *L, const Def *def, Slice event) {
  if (!def_get(k, L, def, "on")) return false;
  lua_pushlstring(L, event.ptr, event.len);
  lua_rawget(L, -2);
  lua_remove(L, -2);
  return !lua_isnil(L, -1);
}

void def_check_event(Kernel *k, lua_State *L, const Def *def, Slice event,
                     const char *of) {
  if (slice_eq(event, SLICE("-"))) return;
  bool has = def_handler(k, L, def, event);
  lua_pop(L, 1);
  if (has) return;
  has = def_get(k, L, def, "handle");
  lua_pop(L, 1);
  if (has) return;
  Buf hint = { .max = 200 };
  def_get(k, L, def, "on");
  nearest_key(L, -1, event, &hint);
  lua_pop(L, 1);
  lua_pushlstring(L, hint.ptr ? hint.ptr : "", hint.len);
  buf_free(&hint);
  lua_pushlstring(L, event.ptr, event.len);
  luaL_error(L, "%s\"%s\" has no event \"%s\"%s", of, def->id,
             lua_tostring(L, -1), lua_tostring(L, -2));
}

void nearest_key(lua_State *L, int table, Slice wanted, Buf *out) {
  Nearest near = nearest_to(wanted);
  if (!lua_istable(L, table)) return;
  table = lua_absindex(L, table);
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING) continue;
    Slice key;
    key.ptr = lua_tolstring(L, -2, &key.len);
    nearest_try(&near, key);
  }
  if (near.found.ptr)
    buf_printf(out, "; did you mean \"%.*s\"?", (int)near.found.len,
               near.found.ptr);
}
