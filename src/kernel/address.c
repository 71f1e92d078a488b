/* What an address of this app may be. It is kept without the base path, so that
 * it holds when that changes, and in the form that browsers give it. One that
 * leads out of the app, in whatever way a browser reads it, is none. */
#include <ctype.h>
#include <lauxlib.h>
#include <lua.h>

#include "kernel/state.h"

/* Is this segment "." or "..", as a browser reads it? */
static bool is_dots(Slice s) {
  size_t dots = 0;
  while (s.len) {
    bool is_code = s.len >= 3 && s.ptr[0] == '%' && s.ptr[1] == '2' &&
                   (s.ptr[2] == 'e' || s.ptr[2] == 'E');
    if (s.ptr[0] != '.' && !is_code) return false;
    s = slice(s.ptr + (is_code ? 3 : 1), s.len - (is_code ? 3 : 1));
    dots++;
  }
  return dots == 1 || dots == 2;
}

const char *address_trouble(Slice s) {
  if (!s.len || s.ptr[0] != '/') return "must begin with \"/\"";
  if (s.len > ADDRESS_MAX) return "is too long";
  if (s.len > 1 && s.ptr[1] == '/') return "must not begin with \"//\"";
  bool in_path = true;
  size_t segment = 1;
  for (size_t i = 0; i <= s.len; i++) {
    unsigned char c = i < s.len ? (unsigned char)s.ptr[i] : '?';
    if (in_path && (c == '/' || c == '?' || c == '#')) {
      if (i && is_dots(slice(s.ptr + segment, i - segment)))
        return "must not hold \".\" or \"..\"";
      segment = i + 1;
      in_path = c == '/';
    }
    if (i == s.len) return NULL;
    if (c < ' ' || c == 0x7f || c == '\\')
      return "holds a byte that no address may hold";
    if (c == '%' && (i + 2 >= s.len || !isxdigit((unsigned char)s.ptr[i + 1]) ||
                     !isxdigit((unsigned char)s.ptr[i + 2])))
      return "holds a \"%\" without two hexadecimal digits";
  }
  return NULL;
}

/* What browsers encode by themselves. */
static void put_plain(Buf *out, Slice s) {
  static const char digits[] = "0123456789ABCDEF";
  for (size_t i = 0; i < s.len; i++) {
    unsigned char c = (unsigned char)s.ptr[i];
    if (c > ' ' && c < 0x7f && !strchr("\"<>`", c)) {
      buf_byte(out, (char)c);
      continue;
    }
    buf_byte(out, '%');
    buf_byte(out, digits[c >> 4]);
    buf_byte(out, digits[c & 15]);
  }
}

void address_take(Kernel *k, lua_State *L, int idx, const char *of, Buf *out) {
  Slice base = slice_str(k->config.base_path), s;
  if (lua_type(L, idx) != LUA_TSTRING)
    luaL_error(L, "%s an address must be a string, not a %s", of,
               luaL_typename(L, idx));
  s.ptr = lua_tolstring(L, idx, &s.len);
  bool is_under = slice_starts(s, base);
  if (is_under) s = slice(s.ptr + base.len, s.len - base.len);
  if (base.len) is_under &= s.len && s.ptr[0] == '/';
  const char *trouble = NULL;
  if (!is_under)
    trouble = "is not under the base path";
  else if (s.len > ADDRESS_MAX)
    trouble = "is too long";
  buf_clear(out);
  if (!trouble) put_plain(out, s);
  if (!trouble) trouble = address_trouble(s);
  if (!trouble) trouble = address_trouble(buf_view(out));
  if (!trouble) return;
  buf_clear(out);
  s.ptr = lua_tolstring(L, idx, &s.len);
  lua_pushlstring(L, s.ptr, s.len < 80 ? s.len : 80);
  luaL_error(L,
             "%s the address \"%s\" %s: it is a path of this app%s, as s.url "
             "gives it: s.url(\"/path\", { name = value })",
             of, lua_tostring(L, -1), trouble,
             base.len ? ", behind the base path" : "");
}
