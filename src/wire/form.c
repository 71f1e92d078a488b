#include "wire/form.h"

#include "base/limits.h"
#include "html/html.h"

#include <lauxlib.h>

bool form_next(Slice *rest, Slice *name, Slice *value) {
  while (rest->len) {
    const char *amp = memchr(rest->ptr, '&', rest->len);
    size_t n = amp ? (size_t)(amp - rest->ptr) : rest->len;
    Slice field = slice(rest->ptr, n);
    size_t skip = amp ? n + 1 : n;
    *rest = slice(rest->ptr + skip, rest->len - skip);
    if (!n) continue;
    const char *eq = memchr(field.ptr, '=', n);
    size_t len = eq ? (size_t)(eq - field.ptr) : n;
    *name = slice(field.ptr, len);
    *value = eq ? slice(eq + 1, n - len - 1) : slice(field.ptr + n, 0);
    return true;
  }
  return false;
}

static int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/* Writes at most raw.len bytes to `to`; false on a bad escape. */
static bool unescape(Slice raw, char *to, size_t *len) {
  size_t n = 0;
  for (size_t i = 0; i < raw.len; i++) {
    char c = raw.ptr[i];
    if (c == '+') {
      c = ' ';
    } else if (c == '%') {
      int high = i + 1 < raw.len ? hex(raw.ptr[i + 1]) : -1;
      int low = i + 2 < raw.len ? hex(raw.ptr[i + 2]) : -1;
      if (high < 0 || low < 0) return false;
      c = (char)(high << 4 | low);
      i += 2;
    }
    to[n++] = c;
  }
  *len = n;
  return true;
}

Err form_unescape(Slice raw, Buf *out) {
  if (!raw.len) return OK;
  char *to = buf_reserve(out, raw.len);
  if (!to) return ERR_TOO_BIG;
  size_t n;
  if (!unescape(raw, to, &n)) return ERR_BAD_INPUT;
  out->len += n;
  return OK;
}

bool form_find(Slice query, const char *name, Slice *value) {
  Slice n, v;
  while (form_next(&query, &n, &v)) {
    if (!slice_is(n, name)) continue;
    *value = v;
    return true;
  }
  return false;
}

Err form_push(lua_State *L, Slice raw) {
  if (!raw.len ||
      (!memchr(raw.ptr, '%', raw.len) && !memchr(raw.ptr, '+', raw.len))) {
    lua_pushlstring(L, raw.ptr, raw.len);
    return OK;
  }
  /* The bytes are Lua's all the while, so a jump leaks nothing. */
  luaL_Buffer b;
  size_t n;
  char *to = luaL_buffinitsize(L, &b, raw.len);
  bool ok = unescape(raw, to, &n);
  luaL_pushresultsize(&b, ok ? n : 0);
  if (!ok) lua_pop(L, 1);
  return ok ? OK : ERR_BAD_INPUT;
}

/* name value -> : adds one, making a list for a name that comes again. */
static void add_field(lua_State *L, int fields) {
  lua_pushvalue(L, -2);             /* name value name */
  int type = lua_rawget(L, fields); /* name value present */
  if (type == LUA_TNIL) {
    lua_pop(L, 1);
    lua_rawset(L, fields);
    return;
  }
  if (type != LUA_TTABLE) {
    lua_createtable(L, 2, 0); /* name value present list */
    lua_insert(L, -2);        /* name value list present */
    lua_rawseti(L, -2, 1);    /* name value list */
    lua_pushvalue(L, -3);     /* name value list name */
    lua_pushvalue(L, -2);     /* name value list name list */
    lua_rawset(L, fields);    /* name value list */
  }
  lua_insert(L, -2);                                      /* name list value */
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1); /* name list */
  lua_pop(L, 2);
}

Err form_decode(lua_State *L, Slice body) {
  int top = lua_gettop(L);
  Err e = OK;
  Slice name, value;
  luaL_checkstack(L, 10, "to read a form");
  lua_newtable(L);
  for (size_t n = 0; form_next(&body, &name, &value); n++) {
    if (n == FORM_FIELDS_MAX)
      e = ERR_TOO_BIG;
    else if (!(e = form_push(L, name)))
      e = form_push(L, value);
    if (e) {
      lua_settop(L, top);
      return e;
    }
    add_field(L, top + 1);
  }
  return OK;
}

void form_pair(Buf *out, bool *first, Slice name, Slice value) {
  if (!*first) buf_byte(out, '&');
  *first = false;
  html_url_component(out, name);
  buf_byte(out, '=');
  html_url_component(out, value);
}
