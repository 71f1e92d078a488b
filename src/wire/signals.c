#include "wire/signals.h"

#include <jansson.h>
#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>

#include "base/limits.h"
#include "wire/form.h"

#define LIST "stube.list"             /* KEEP IN STEP: html.h HTML_LIST */
#define INTEGER_MAX ((lua_Integer)1 << 53)

static const char null_key;

void signals_open(lua_State *L) {
  lua_pushlightuserdata(L, (void *)&null_key);
  lua_setfield(L, -2, "null");
}

/* --- in --- */

/* Depth of the brackets outside strings; jansson has a bound of its own, but a far
 * larger one. */
static bool is_shallow(Slice s) {
  size_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < s.len; i++) {
    char c = s.ptr[i];
    if (in_string) {
      if (c == '\\') i++;
      else if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > JSON_DEPTH_MAX) return false;
    } else if ((c == '}' || c == ']') && depth) {
      depth--;
    }
  }
  return true;
}

/* The depth is bounded, so this recursion is. */
static void push_json(lua_State *L, const json_t *v) {
  luaL_checkstack(L, 4, "JSON");
  switch (json_typeof(v)) {
  case JSON_OBJECT: {
    const char *key;
    json_t *item;
    lua_createtable(L, 0, (int)json_object_size(v));
    json_object_foreach((json_t *)v, key, item) {
      if (json_is_null(item)) continue;
      push_json(L, item);
      lua_setfield(L, -2, key);
    }
    break;
  }
  case JSON_ARRAY:
    lua_createtable(L, (int)json_array_size(v), 0);
    luaL_getmetatable(L, LIST);
    lua_setmetatable(L, -2);
    for (size_t i = 0; i < json_array_size(v); i++) {
      const json_t *item = json_array_get(v, i);
      if (json_is_null(item)) lua_pushlightuserdata(L, (void *)&null_key);
      else push_json(L, item);
      lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    break;
  case JSON_STRING:
    lua_pushlstring(L, json_string_value(v), json_string_length(v));
    break;
  case JSON_INTEGER: lua_pushinteger(L, json_integer_value(v)); break;
  case JSON_REAL: lua_pushnumber(L, json_real_value(v)); break;
  case JSON_TRUE: lua_pushboolean(L, 1); break;
  case JSON_FALSE: lua_pushboolean(L, 0); break;
  case JSON_NULL: lua_pushnil(L); break;
  }
}

static int f_push(lua_State *L) {
  push_json(L, lua_touserdata(L, 1));
  return 1;
}

Err signals_push(lua_State *L, Slice json) {
  if (json.len == 0 || slice_is(json, "{}")) {
    lua_newtable(L);
    return OK;
  }
  if (!is_shallow(json)) return ERR_BAD_INPUT;
  json_error_t why;
  json_t *v = json_loadb(json.ptr, json.len,
                         JSON_DECODE_ANY | JSON_REJECT_DUPLICATES |
                             JSON_ALLOW_NUL,
                         &why);
  if (!v) return ERR_BAD_INPUT;
  /* Lua may run out of memory half-way: the tree must not be lost then. */
  lua_pushcfunction(L, f_push);
  lua_pushlightuserdata(L, v);
  int status = lua_pcall(L, 1, 1, 0);
  json_decref(v);
  if (status != LUA_OK) lua_error(L);
  return OK;
}

/* --- out --- */

static json_t *build(lua_State *L, int idx, int depth, const char **why);

static json_t *build_list(lua_State *L, int idx, int depth, const char **why) {
  json_t *list = json_array();
  lua_Integer n = (lua_Integer)lua_rawlen(L, idx);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, idx, i);
    json_t *item = build(L, lua_gettop(L), depth + 1, why);
    lua_pop(L, 1);
    if (!item) {
      json_decref(list);
      return NULL;
    }
    json_array_append_new(list, item);
  }
  return list;
}

static json_t *build_object(lua_State *L, int idx, int depth,
                            const char **why) {
  json_t *object = json_object();
  for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1)) {
    json_t *item = NULL;
    if (lua_type(L, -2) != LUA_TSTRING)
      *why = "an object has strings as keys (a list has no holes)";
    else item = build(L, lua_gettop(L), depth + 1, why);
    if (item && json_object_set_new(object, lua_tostring(L, -2), item) == 0)
      continue;
    if (!*why) *why = "a key is not UTF-8";
    lua_pop(L, 2);
    json_decref(object);
    return NULL;
  }
  return object;
}

static bool is_list(lua_State *L, int idx) {
  bool is = false;
  if (lua_getmetatable(L, idx)) {
    luaL_getmetatable(L, LIST);
    is = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
  }
  if (is) return true;
  lua_Integer n = (lua_Integer)lua_rawlen(L, idx), seen = 0;
  if (n == 0) return false;
  for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1)) {
    if (!lua_isinteger(L, -2)) return lua_pop(L, 2), false;
    seen++;
  }
  return seen == n;
}

static json_t *build(lua_State *L, int idx, int depth, const char **why) {
  size_t len;
  json_t *v = NULL;
  if (depth > JSON_DEPTH_MAX || !lua_checkstack(L, 8)) {
    *why = "it is nested too deeply, or contains itself";
    return NULL;
  }
  switch (lua_type(L, idx)) {
  case LUA_TNIL: return json_null();
  case LUA_TBOOLEAN: return json_boolean(lua_toboolean(L, idx));
  case LUA_TSTRING: {
    const char *s = lua_tolstring(L, idx, &len);
    v = json_stringn(s, len);
    if (!v) *why = "a string is not UTF-8";
    return v;
  }
  case LUA_TNUMBER:
    if (lua_isinteger(L, idx)) {
      lua_Integer i = lua_tointeger(L, idx);
      if (i <= INTEGER_MAX && i >= -INTEGER_MAX) return json_integer(i);
      *why = "an integer is beyond 2^53, which a browser would round";
    } else {
      lua_Number n = lua_tonumber(L, idx);
      if (n == floor(n) && fabs(n) <= (lua_Number)INTEGER_MAX)
        return json_integer((json_int_t)n);
      v = json_real(n);
      if (!v) *why = "NaN and infinities are no JSON";
    }
    return v;
  case LUA_TTABLE:
    return is_list(L, idx) ? build_list(L, idx, depth, why)
                           : build_object(L, idx, depth, why);
  case LUA_TLIGHTUSERDATA:
    if (lua_touserdata(L, idx) == &null_key) return json_null();
    break;
  default: break;
  }
  *why = "functions, threads and userdata are no JSON";
  return NULL;
}

static int dump_into(const char *bytes, size_t len, void *ud) {
  buf_put(ud, bytes, len);
  return 0;
}

void signals_write(lua_State *L, int idx, Buf *out) {
  const char *why = NULL;
  if (lua_isinteger(L, idx)) { /* most values of event URLs */
    lua_Integer i = lua_tointeger(L, idx);
    if (i >= 0 && i <= INTEGER_MAX) {
      buf_uint(out, (uint64_t)i);
      return;
    }
  }
  json_t *v = build(L, lua_absindex(L, idx), 0, &why);
  if (!v) luaL_error(L, "this cannot be sent to a page: %s", why);
  json_dump_callback(v, dump_into, out,
                     JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY |
                         JSON_REAL_PRECISION(17));
  json_decref(v);
}

void signals_write_url_value(lua_State *L, int idx, Buf *out) {
  Buf json = { 0 };
  signals_write(L, idx, &json); /* on failure nothing is in it yet */
  percent_encode(out, buf_view(&json));
  buf_free(&json);
}

Err signals_push_url_value(lua_State *L, Slice text) {
  Buf json = { 0 };
  Err e = percent_decode(&json, text, false);
  if (!e && json.len == 0) e = ERR_BAD_INPUT;
  if (!e) e = signals_push(L, buf_view(&json));
  buf_free(&json);
  return e;
}
