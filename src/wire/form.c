#include "wire/form.h"

#include "base/limits.h"

#include <lauxlib.h>

static int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Err percent_decode(Buf *out, Slice s, bool plus) {
  for (size_t i = 0; i < s.len; i++) {
    char c = s.ptr[i];
    if (c == '+' && plus) {
      c = ' ';
    } else if (c == '%') {
      int high = i + 2 < s.len ? hex(s.ptr[i + 1]) : -1;
      int low = i + 2 < s.len ? hex(s.ptr[i + 2]) : -1;
      if (high < 0 || low < 0) return ERR_BAD_INPUT;
      c = (char)(high * 16 + low);
      i += 2;
    }
    buf_byte(out, c);
  }
  return buf_status(out);
}

void percent_encode(Buf *out, Slice s) {
  static const char digits[] = "0123456789ABCDEF";
  for (size_t i = 0; i < s.len; i++) {
    unsigned char c = (unsigned char)s.ptr[i];
    bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                 (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.' ||
                 c == '~';
    if (plain) {
      buf_byte(out, (char)c);
    } else {
      char escape[3] = { '%', digits[c >> 4], digits[c & 15] };
      buf_put(out, escape, sizeof escape);
    }
  }
}

/* Takes the next name=value off the front. */
static bool next_pair(Slice *rest, Slice *name, Slice *value) {
  while (rest->len) {
    const char *amp = memchr(rest->ptr, '&', rest->len);
    size_t n = amp ? (size_t)(amp - rest->ptr) : rest->len;
    Slice pair = slice(rest->ptr, n);
    size_t used = n + (amp ? 1 : 0);
    *rest = slice(rest->ptr + used, rest->len - used);
    if (!n) continue;
    const char *eq = memchr(pair.ptr, '=', pair.len);
    size_t at = eq ? (size_t)(eq - pair.ptr) : pair.len;
    *name = slice(pair.ptr, at);
    *value = eq ? slice(eq + 1, pair.len - at - 1) : slice(pair.ptr + at, 0);
    return true;
  }
  return false;
}

Slice query_raw(Slice query, Slice name) {
  Slice n, v;
  while (next_pair(&query, &n, &v))
    if (slice_eq(n, name)) return v;
  return (Slice){ 0 };
}

/* Pushes one decoded text. */
static Err push_text(lua_State *L, Buf *scratch, Slice s) {
  buf_clear(scratch);
  Err e = percent_decode(scratch, s, true);
  if (!e) lua_pushlstring(L, scratch->ptr ? scratch->ptr : "", scratch->len);
  return e;
}

Err form_push(lua_State *L, Slice form) {
  Buf scratch = { 0 };
  Slice name, value;
  Err e = OK;
  size_t n = 0;
  lua_newtable(L);
  int fields = lua_gettop(L);
  while (!e && next_pair(&form, &name, &value)) {
    if (++n > FORM_FIELDS_MAX) e = ERR_BAD_INPUT;
    if (!e) e = push_text(L, &scratch, name);
    if (!e) e = push_text(L, &scratch, value);
    if (e) break;
    lua_pushvalue(L, -2);
    int before = lua_rawget(L, fields); /* name value before */
    if (before == LUA_TNIL) {
      lua_pop(L, 1);
      lua_rawset(L, fields);
      continue;
    }
    if (before != LUA_TTABLE) { /* the second of its name: now a list */
      lua_createtable(L, 4, 0);
      luaL_setmetatable(L, "stube.list");
      lua_insert(L, -2);
      lua_rawseti(L, -2, 1);
      lua_pushvalue(L, -3);
      lua_pushvalue(L, -2);
      lua_rawset(L, fields);
    }
    lua_insert(L, -2); /* name list value */
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    lua_pop(L, 2);
  }
  buf_free(&scratch);
  lua_settop(L, e ? fields - 1 : fields);
  return e;
}
