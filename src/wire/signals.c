#include "wire/signals.h"

#include "base/limits.h"
#include "html/html.h"
#include "wire/form.h"

#include <jansson.h>
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define INTEGER_MAX 9007199254740992 /* 2^53: past it JavaScript rounds */

static const char null_key[] = "stube.null value";

static int f_null_text(lua_State *L) {
  lua_pushliteral(L, "null");
  return 1;
}

void signals_open(lua_State *L) {
  lua_newtable(L);
  luaL_newmetatable(L, SIGNALS_NULL);
  lua_pushcfunction(L, f_null_text);
  lua_setfield(L, -2, "__tostring");
  lua_setmetatable(L, -2);
  lua_setfield(L, LUA_REGISTRYINDEX, null_key);
}

void signals_push_null(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, null_key);
  ASSERT(lua_istable(L, -1)); /* signals_open was called */
}

/* --- inward --- */

/* Pushes a value; false (and something on the stack) when it is too deep. */
static bool push_json(lua_State *L, const json_t *v, int depth) {
  switch (json_typeof(v)) {
  case JSON_NULL: lua_pushnil(L); return true;
  case JSON_TRUE: lua_pushboolean(L, 1); return true;
  case JSON_FALSE: lua_pushboolean(L, 0); return true;
  case JSON_INTEGER: lua_pushinteger(L, json_integer_value(v)); return true;
  case JSON_REAL: lua_pushnumber(L, json_real_value(v)); return true;
  case JSON_STRING:
    lua_pushlstring(L, json_string_value(v), json_string_length(v));
    return true;
  case JSON_ARRAY: {
    if (depth == JSON_DEPTH_MAX) return false;
    size_t n = json_array_size(v);
    luaL_checkstack(L, 4, "JSON");
    lua_createtable(L, (int)n, 0);
    if (n == 0) luaL_setmetatable(L, HTML_LIST);
    for (size_t i = 0; i < n; i++) {
      const json_t *item = json_array_get(v, i);
      if (json_is_null(item))
        signals_push_null(L);
      else if (!push_json(L, item, depth + 1))
        return false;
      lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return true;
  }
  case JSON_OBJECT: {
    if (depth == JSON_DEPTH_MAX) return false;
    luaL_checkstack(L, 5, "JSON");
    lua_createtable(L, 0, (int)json_object_size(v));
    const char *key;
    json_t *item;
    json_object_foreach((json_t *)v, key, item) {
      if (json_is_null(item)) continue;
      lua_pushstring(L, key);
      if (!push_json(L, item, depth + 1)) return false;
      lua_rawset(L, -3);
    }
    return true;
  }
  default: return false;
  }
}

typedef struct Decoding {
  const json_t *json;
  bool ok;
} Decoding;

/* (decoding) -> value */
static int decode_protected(lua_State *L) {
  Decoding *d = lua_touserdata(L, 1);
  lua_settop(L, 0);
  d->ok = push_json(L, d->json, 0);
  return 1;
}

static Err decode(lua_State *L, Slice text, size_t flags) {
  luaL_checkstack(L, 4, "JSON");
  json_t *json = json_loadb(text.ptr, text.len,
                            flags | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL,
                            NULL);
  if (!json) return ERR_BAD_INPUT;
  if (!(flags & JSON_DECODE_ANY) && !json_is_object(json)) {
    json_decref(json);
    return ERR_BAD_INPUT;
  }
  /* Protected, so that a jump does not leak the tree. */
  Decoding d = { json, false };
  lua_pushcfunction(L, decode_protected);
  lua_pushlightuserdata(L, &d);
  int status = lua_pcall(L, 1, 1, 0);
  json_decref(json);
  if (status) lua_error(L);
  if (!d.ok) {
    lua_pop(L, 1);
    return ERR_BAD_INPUT;
  }
  return OK;
}

Err signals_decode(lua_State *L, Slice body) {
  while (body.len && strchr(" \t\r\n", body.ptr[0]) && body.ptr[0])
    body = slice(body.ptr + 1, body.len - 1);
  while (body.len && strchr(" \t\r\n", body.ptr[body.len - 1]) &&
         body.ptr[body.len - 1])
    body.len--;
  if (!body.len || slice_is(body, "{}")) {
    lua_newtable(L);
    return OK;
  }
  return decode(L, body, 0);
}

Err json_decode(lua_State *L, Slice text) {
  /* What event URLs mostly carry. */
  if (text.len > 0 && text.len <= 15) {
    lua_Integer n = 0;
    size_t i = 0;
    while (i < text.len && char_is_digit(text.ptr[i]))
      n = n * 10 + (text.ptr[i++] - '0');
    if (i == text.len && (text.ptr[0] != '0' || text.len == 1)) {
      lua_pushinteger(L, n);
      return OK;
    }
  }
  return decode(L, text, JSON_DECODE_ANY);
}

/* --- outward --- */

/* Where the encoder is, for messages; `what` is the first. */
typedef struct Level {
  const struct Level *up;
  const void *table;
  const char *key; /* of the value below, or NULL: by its place */
  lua_Integer place;
} Level;

typedef struct Encoding {
  lua_State *L;
  const void *list, *null; /* metatables */
  const char *problem;
  char path[256];
  int digits; /* of the real that needs most */
} Encoding;

static size_t write_path(const Level *l, char *out, size_t size) {
  size_t n = l->up ? write_path(l->up, out, size) : 0;
  if (n >= size) return size;
  int more = l->key
                 ? snprintf(out + n, size - n, "%s%.60s", n ? "." : "", l->key)
                 : snprintf(out + n, size - n, "[%lld]", (long long)l->place);
  return more > 0 ? n + (size_t)more : n;
}

static json_t *refuse(Encoding *e, const Level *at, const char *problem) {
  if (!e->problem) {
    e->problem = problem;
    e->path[0] = '\0';
    if (at) write_path(at, e->path, sizeof e->path);
  }
  return NULL;
}

static json_t *encode_value(Encoding *e, const Level *at, int depth);

/* The value on top is a list of n items. */
static json_t *encode_list(Encoding *e, const Level *at, lua_Integer n,
                           int depth) {
  lua_State *L = e->L;
  json_t *list = json_array();
  for (lua_Integer i = 1; i <= n; i++) {
    Level level = { at, lua_topointer(L, -1), NULL, i };
    lua_rawgeti(L, -1, i);
    json_t *item = lua_isnil(L, -1)
                       ? refuse(e, &level, "a hole in a list (use s.null)")
                       : encode_value(e, &level, depth + 1);
    lua_pop(L, 1);
    if (!item || json_array_append_new(list, item)) {
      json_decref(list);
      return NULL;
    }
  }
  return list;
}

static json_t *encode_object(Encoding *e, const Level *at, int depth) {
  lua_State *L = e->L;
  json_t *object = json_object();
  const void *self = lua_topointer(L, -1);
  lua_pushnil(L);
  while (lua_next(L, -2)) {
    Level level = { at, self, "?", 0 };
    json_t *item = NULL;
    size_t len = 0;
    const char *key = NULL;
    if (lua_type(L, -2) == LUA_TSTRING)
      level.key = key = lua_tolstring(L, -2, &len);
    if (!key)
      refuse(e, at, "a table has both names and positions, or holes");
    else if (strlen(key) != len || !html_is_utf8(slice(key, len)))
      refuse(e, &level, "a name that is not UTF-8 text");
    else
      item = encode_value(e, &level, depth + 1);
    lua_pop(L, 1);
    if (!item || json_object_set_new_nocheck(object, key, item)) {
      lua_pop(L, 1);
      json_decref(object);
      return NULL;
    }
  }
  return object;
}

/* 0 for a table without items, -1 when its integer keys are not 1 to n alone.
 */
static lua_Integer list_length(lua_State *L) {
  lua_Integer n = 0, most = 0;
  lua_pushnil(L);
  while (lua_next(L, -2)) {
    lua_pop(L, 1);
    if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < 1) {
      lua_pop(L, 1);
      return -1;
    }
    if (lua_tointeger(L, -1) > most) most = lua_tointeger(L, -1);
    n++;
  }
  return n == most ? n : -1;
}

static json_t *encode_table(Encoding *e, const Level *at, int depth) {
  lua_State *L = e->L;
  const void *self = lua_topointer(L, -1), *mt = NULL;
  if (!lua_checkstack(L, 6)) return refuse(e, at, "the Lua stack is full");
  if (lua_getmetatable(L, -1)) {
    mt = lua_topointer(L, -1);
    lua_pop(L, 1);
  }
  if (mt && mt == e->null) return json_null();
  for (const Level *l = at; l; l = l->up)
    if (l->table == self) return refuse(e, at, "a table contains itself");
  if (depth == JSON_DEPTH_MAX)
    return refuse(e, at, "tables nested too deep for JSON");
  lua_Integer n = list_length(L);
  if (mt && mt == e->list) {
    if (n < 0)
      return refuse(e, at, "a list with a hole or a name (use s.null)");
    return encode_list(e, at, n, depth);
  }
  return n > 0 ? encode_list(e, at, n, depth) : encode_object(e, at, depth);
}

/* The shortest of 15 to 17 digits that reads back the same. */
static int digits_of(double d) {
  char text[40];
  for (int digits = 15; digits < 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, d);
    if (strtod(text, NULL) == d) return digits;
  }
  return 17;
}

static json_t *encode_number(Encoding *e, const Level *at) {
  lua_State *L = e->L;
  if (lua_isinteger(L, -1)) {
    lua_Integer i = lua_tointeger(L, -1);
    if (i > INTEGER_MAX || i < -INTEGER_MAX)
      return refuse(
          e, at,
          "an integer beyond 2^53, which browsers round (send a string)");
    return json_integer(i);
  }
  double d = lua_tonumber(L, -1);
  if (isnan(d) || isinf(d)) return refuse(e, at, "a number that is not finite");
  if (d == floor(d) && fabs(d) <= INTEGER_MAX)
    return json_integer((json_int_t)d);
  int digits = digits_of(d);
  if (digits > e->digits) e->digits = digits;
  return json_real(d);
}

/* The value on top of the stack, or NULL and e->problem. Raises nothing. */
static json_t *encode_value(Encoding *e, const Level *at, int depth) {
  lua_State *L = e->L;
  switch (lua_type(L, -1)) {
  case LUA_TNIL: return json_null();
  case LUA_TBOOLEAN: return json_boolean(lua_toboolean(L, -1));
  case LUA_TNUMBER: return encode_number(e, at);
  case LUA_TSTRING: {
    size_t len;
    const char *s = lua_tolstring(L, -1, &len);
    json_t *v = json_stringn(s, len);
    return v ? v : refuse(e, at, "a string that is not UTF-8");
  }
  case LUA_TTABLE: return encode_table(e, at, depth);
  case LUA_TFUNCTION: return refuse(e, at, "a function cannot be sent as JSON");
  default: return refuse(e, at, "a value of this type cannot be sent as JSON");
  }
}

static int put_json(const char *bytes, size_t len, void *out) {
  buf_put(out, bytes, len);
  return 0;
}

static const void *metatable(lua_State *L, const char *name) {
  lua_getfield(L, LUA_REGISTRYINDEX, name);
  const void *p = lua_topointer(L, -1);
  lua_pop(L, 1);
  return p;
}

/* What most events carry needs no tree. */
static bool encode_simple(lua_State *L, int idx, Buf *out) {
  size_t len;
  const char *s;
  switch (lua_type(L, idx)) {
  case LUA_TNIL: buf_lit(out, "null"); return true;
  case LUA_TBOOLEAN:
    buf_puts(out, lua_toboolean(L, idx) ? "true" : "false");
    return true;
  case LUA_TNUMBER: {
    lua_Integer i = lua_tointeger(L, idx);
    if (!lua_isinteger(L, idx) || i < 0 || i > INTEGER_MAX) return false;
    buf_uint(out, (uint64_t)i);
    return true;
  }
  case LUA_TSTRING:
    s = lua_tolstring(L, idx, &len);
    for (size_t i = 0; i < len; i++)
      if (s[i] < ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\') return false;
    buf_byte(out, '"'); /* plain ASCII */
    buf_put(out, s, len);
    buf_byte(out, '"');
    return true;
  default: return false;
  }
}

void json_encode(lua_State *L, int idx, const char *what, Buf *out) {
  if (encode_simple(L, idx, out)) return;
  luaL_checkstack(L, 8, "JSON");
  Encoding e = { .L = L,
                 .list = metatable(L, HTML_LIST),
                 .null = metatable(L, SIGNALS_NULL),
                 .digits = 15 };
  Level first = { NULL, NULL, what, 0 };
  lua_pushvalue(L, idx);
  json_t *json = encode_value(&e, *what ? &first : NULL, 0);
  lua_pop(L, 1);
  if (json) {
    json_dump_callback(
        json, put_json, out,
        (size_t)(JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY) |
            JSON_REAL_PRECISION((size_t)e.digits));
    json_decref(json);
  } else {
    luaL_error(L, "%s%s%s", e.path, e.path[0] ? ": " : "",
               e.problem ? e.problem : "not JSON");
  }
}

/* --- event values --- */

void event_value_encode(lua_State *L, int idx, Buf *out) {
  size_t at = out->len;
  json_encode(L, idx, "value", out);
  if (out->err) return;
  bool plain = true;
  for (size_t i = at; i < out->len && plain; i++)
    plain = char_is_word(out->ptr[i]);
  if (plain) return; /* 7, true */
  Buf json = { 0 };
  buf_put(&json, out->ptr + at, out->len - at);
  out->len = at;
  html_url_component(out, buf_view(&json));
  buf_free(&json);
}

Err event_value_decode(lua_State *L, Slice raw) {
  if (!raw.len) return ERR_BAD_INPUT;
  luaL_checkstack(L, 6, "JSON");
  Err e = form_push(L, raw);
  if (e) return e;
  size_t len;
  const char *text = lua_tolstring(L, -1, &len);
  e = json_decode(L, slice(text, len)); /* text [value] */
  lua_remove(L, e ? -1 : -2);
  return e;
}
