/* Embeds: what they ask for, and whether two ask for the same (S47).
 *
 * Of plain args (no metatable, nothing but text, numbers, booleans and such
 * tables) the hash is taken as they stand: a list of a thousand children is
 * compared after every change. All others are encoded first, which also
 * compares functions by their code and upvalues. */
#include <lauxlib.h>
#include <lua.h>

#include "kernel/state.h"

#define PLAIN_DEPTH_MAX 8
#define PLAIN_VALUES_MAX 1000

/* --- what it asks for --- */

/* "call: ", or nothing. */
static const char *prefix(lua_State *L, const char *of) {
  return of ? lua_pushfstring(L, "%s: ", of) : "";
}

Def *embed_resolve(Kernel *k, lua_State *L, int idx, const char *of) {
  idx = lua_absindex(L, idx);
  Slice id;
  if (lua_type(L, idx) == LUA_TSTRING) {
    id.ptr = lua_tolstring(L, idx, &id.len);
    lua_pushnil(L);
  } else if (lua_istable(L, idx)) {
    /* A component stands for itself without args; an embed says its type. */
    bool has_type = lua_getfield(L, idx, "type") == LUA_TSTRING;
    if (!has_type) {
      lua_pop(L, 1);
      if (luaL_getmetafield(L, idx, "__component") != LUA_TSTRING)
        luaL_error(L,
                   "%sa table is not an embed: call a component "
                   "(Editor { text = \"milk\" }) or give its id",
                   prefix(L, of));
    }
    id.ptr = lua_tolstring(L, -1, &id.len);
    if (has_type)
      lua_getfield(L, idx, "args");
    else
      lua_pushnil(L);
    lua_remove(L, -2); /* the string stays alive in the table or metatable */
  } else {
    luaL_error(L, "%san embed or a component's id is wanted, not a %s",
               prefix(L, of), luaL_typename(L, idx));
    return NULL;
  }
  Def *def = def_find(k, id);
  if (!def) {
    Buf hint = { .max = 200 };
    lua_rawgeti(L, LUA_REGISTRYINDEX, k->defs->ref);
    nearest_key(L, -1, id, &hint);
    lua_pop(L, 1);
    lua_pushlstring(L, hint.ptr ? hint.ptr : "", hint.len);
    buf_free(&hint);
    const char *near = lua_tostring(L, -1);
    luaL_error(L, "%sthere is no component \"%s\"%s", prefix(L, of), id.ptr,
               near);
  }
  return def;
}

void kernel_check_embed(Kernel *k, lua_State *L, int idx, const char *of) {
  embed_resolve(k, L, idx, of);
  lua_pop(L, 1);
}

bool embed_is(lua_State *L, int idx) {
  if (lua_type(L, idx) == LUA_TSTRING) return true;
  if (!lua_istable(L, idx)) return false;
  bool is = lua_getfield(L, idx, "type") == LUA_TSTRING;
  lua_pop(L, 1);
  if (!is && luaL_getmetafield(L, idx, "__component") != LUA_TNIL) {
    lua_pop(L, 1);
    return true;
  }
  return is;
}

/* --- are two the same? --- */

static uint64_t mix(uint64_t h, uint64_t v) {
  h = (h ^ v) * 0x9e3779b97f4a7c15u;
  return h ^ h >> 29;
}

static uint64_t hash_text(Slice s) {
  uint64_t h = s.len, word = 0;
  for (; s.len >= 8; s = slice(s.ptr + 8, s.len - 8)) {
    memcpy(&word, s.ptr, 8);
    h = mix(h, word);
  }
  word = 0;
  if (s.len) memcpy(&word, s.ptr, s.len);
  return mix(h, word);
}

/* Adds the value at `idx` to `*h`; false when it is not plain. */
static bool hash_plain(lua_State *L, int idx, int depth, int *left,
                       uint64_t *h) {
  lua_Number n;
  uint64_t bits;
  int type = lua_type(L, idx);
  if (--*left < 0) return false;
  switch (type) {
  case LUA_TNIL: *h = mix(*h, 1); return true;
  case LUA_TBOOLEAN: *h = mix(*h, 2 + (uint64_t)lua_toboolean(L, idx)); break;
  case LUA_TNUMBER:
    if (lua_isinteger(L, idx)) {
      *h = mix(mix(*h, 4), (uint64_t)lua_tointeger(L, idx));
    } else {
      n = lua_tonumber(L, idx);
      memcpy(&bits, &n, sizeof bits);
      *h = mix(mix(*h, 5), bits);
    }
    break;
  case LUA_TSTRING: {
    Slice s;
    s.ptr = lua_tolstring(L, idx, &s.len);
    *h = mix(mix(*h, 6), hash_text(s));
    break;
  }
  case LUA_TTABLE: {
    if (depth == PLAIN_DEPTH_MAX || lua_getmetatable(L, idx)) return false;
    /* A sum, for the order in which pairs come means nothing. */
    uint64_t sum = 7;
    for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1)) {
      uint64_t pair = 8;
      int top = lua_gettop(L);
      if (lua_type(L, -2) == LUA_TTABLE ||
          !hash_plain(L, top - 1, depth, left, &pair) ||
          !hash_plain(L, top, depth + 1, left, &pair))
        return false;
      sum += pair;
    }
    *h = mix(*h, sum);
    break;
  }
  default: return false;
  }
  return true;
}

uint64_t embed_hash(Kernel *k, lua_State *L, const Def *def, int args) {
  int top = lua_gettop(L), left = PLAIN_VALUES_MAX;
  uint64_t h = def->id_hash;
  luaL_checkstack(L, 4 * PLAIN_DEPTH_MAX, "args");
  args = lua_absindex(L, args);
  bool plain = hash_plain(L, args, 0, &left, &h);
  lua_settop(L, top);
  if (plain) return h;
  Buf b = { .max = k->config.head_bytes_max };
  k->describes = lua_pushfstring(L, "component \"%s\", its args", def->id);
  Err e = persist_encode(k->persist, L, args, &b);
  k->describes = NULL;
  lua_remove(L, e ? -2 : -1);
  h = e ? 0 : mix(def->id_hash, hash64(buf_view(&b)));
  buf_free(&b);
  if (e) lua_error(L);
  return h;
}
