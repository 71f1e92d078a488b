#include "persist/watch.h"

#include "base/buf.h"

#include <stdlib.h>

static const TValue *value_of(const Names *n, uint32_t name) {
  return gco2upv(val_(&n->list[name].value).gc)->v.p;
}

/* Those of files of the app. A library's, outside of its folder, may be caches;
 * revived code's are of those who run it. */
static bool is_watched(const Names *n, const Name *name) {
  return name->kind == NAME_VARIABLE && name->chunk != NO_CHUNK &&
         !name->is_old && code_chunk(n->code, name->chunk)->chunkname[1] != '/';
}

static void watch_variables(Watch *w, const Names *n) {
  w->n = 0;
  for (uint32_t i = 0; i < n->n; i++) {
    if (!is_watched(n, &n->list[i])) continue;
    if (w->n == w->cap) {
      w->cap = w->cap ? w->cap * 2 : 64;
      w->list = xrealloc(w->list, w->cap * sizeof *w->list);
    }
    w->list[w->n++] = (Watched){ .name = i, .was = *value_of(n, i) };
  }
}

static void watch_globals(Watch *w, lua_State *L) {
  lua_newtable(L);
  lua_pushglobaltable(L);
  for (lua_pushnil(L); lua_next(L, -2);) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -5);
  }
  lua_pop(L, 1);
  if (!w->globals)
    w->globals = luaL_ref(L, LUA_REGISTRYINDEX);
  else
    lua_rawseti(L, LUA_REGISTRYINDEX, w->globals);
}

void watch_begin(Watch *w, const Names *n, lua_State *L) {
  watch_variables(w, n);
  watch_globals(w, L);
}

void watch_free(Watch *w) {
  free(w->list);
  *w = (Watch){ 0 };
}

static bool is_same(const TValue *a, const TValue *b) {
  if (rawtt(a) != rawtt(b)) return false;
  if (ttisnil(a) || ttisboolean(a)) return true;
  return memcmp(&val_(a), &val_(b), sizeof val_(a)) == 0;
}

static void look_at_variables(Watch *w, const Names *n,
                              void (*see)(void *ud, Slice name), void *ud) {
  Buf path = { 0 };
  for (uint32_t i = 0; i < w->n; i++) {
    Watched *v = &w->list[i];
    if (v->is_told || is_same(&v->was, value_of(n, v->name))) continue;
    v->is_told = true;
    size_t len = n->list[v->name].path_len;
    buf_clear(&path);
    char *at = buf_reserve(&path, len);
    names_write(n, v->name, at + len);
    see(ud, slice(at, len));
  }
  buf_free(&path);
}

/* One that was told of has the copy itself in its place. */
static void look_at_globals(const Watch *w, lua_State *L,
                            void (*see)(void *ud, Slice name), void *ud) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, w->globals);
  lua_pushglobaltable(L);
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    lua_pushvalue(L, -2);
    lua_rawget(L, -5); /* what was there */
    bool is_news = !lua_rawequal(L, -1, -2) && !lua_rawequal(L, -1, -5);
    lua_pop(L, 1);
    if (!is_news || lua_type(L, -2) != LUA_TSTRING) continue;
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -5);
    lua_rawset(L, -6);
    lua_pushfstring(L, "global %s", lua_tostring(L, -2));
    see(ud, slice_str(lua_tostring(L, -1)));
    lua_pop(L, 1);
  }
  lua_pop(L, 2);
}

void watch_look(Watch *w, const Names *n, lua_State *L,
                void (*see)(void *ud, Slice name), void *ud) {
  look_at_variables(w, n, see, ud);
  if (w->globals) look_at_globals(w, L, see, ud);
}
