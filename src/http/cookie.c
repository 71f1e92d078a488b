#include "http/cookie.h"

#include "base/limits.h"
#include "http/chars.h"

static Slice trim(Slice s) {
  while (s.len && (*s.ptr == ' ' || *s.ptr == '\t')) s.ptr++, s.len--;
  while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
    s.len--;
  return s;
}

/* Up to ';', which is taken too. */
static Slice take_pair(Slice *header) {
  const char *end = memchr(header->ptr, ';', header->len);
  size_t len = end ? (size_t)(end - header->ptr) : header->len;
  Slice pair = slice(header->ptr, len);
  size_t used = end ? len + 1 : len;
  *header = slice(header->ptr + used, header->len - used);
  return pair;
}

bool cookie_next(Slice *header, Slice *name, Slice *value) {
  while (header->len) {
    Slice pair = take_pair(header);
    const char *eq = memchr(pair.ptr, '=', pair.len);
    if (!eq) continue;
    size_t at = (size_t)(eq - pair.ptr);
    Slice n = trim(slice(pair.ptr, at));
    if (n.len == 0) continue;
    Slice v = trim(slice(eq + 1, pair.len - at - 1));
    if (v.len >= 2 && v.ptr[0] == '"' && v.ptr[v.len - 1] == '"')
      v = slice(v.ptr + 1, v.len - 2);
    *name = n;
    *value = v;
    return true;
  }
  return false;
}

Slice cookie_find(Slice header, Slice name) {
  Slice n, v;
  for (size_t i = 0; i < HTTP_COOKIES_MAX && cookie_next(&header, &n, &v); i++)
    if (slice_eq(n, name)) return v;
  return (Slice){ 0 };
}

static bool all_of(Slice s, bool (*is_ok)(unsigned char c)) {
  for (size_t i = 0; i < s.len; i++)
    if (!is_ok((unsigned char)s.ptr[i])) return false;
  return true;
}

static bool is_value_byte(unsigned char c) {
  return c > 0x20 && c < 0x7f && !strchr("\",;\\", c);
}
static bool is_path_byte(unsigned char c) {
  return c >= 0x20 && c < 0x7f && c != ';';
}

static bool is_allowed(const Cookie *c, Slice path) {
  if (!chars_are_in(c->name, TOKEN_CHARS) || !all_of(c->value, is_value_byte) ||
      !all_of(path, is_path_byte) || path.ptr[0] != '/')
    return false;
  if (slice_starts(c->name, SLICE("__Host-")))
    return c->is_secure && slice_is(path, "/");
  if (slice_starts(c->name, SLICE("__Secure-"))) return c->is_secure;
  return c->same_site != SAME_SITE_NONE || c->is_secure;
}

Err cookie_write(Buf *out, const Cookie *c) {
  static const char *const same_site[] = { "Lax", "Strict", "None" };
  Slice path = c->path.len ? c->path : SLICE("/");
  if (!is_allowed(c, path)) return ERR_BAD_INPUT;
  buf_slice(out, c->name);
  buf_byte(out, '=');
  buf_slice(out, c->value);
  buf_lit(out, "; Path=");
  buf_slice(out, path);
  if (c->max_age_s) {
    buf_lit(out, "; Max-Age=");
    buf_uint(out, c->max_age_s > 0 ? (uint64_t)c->max_age_s : 0);
  }
  if (c->is_secure) buf_lit(out, "; Secure");
  if (!c->is_readable) buf_lit(out, "; HttpOnly");
  buf_lit(out, "; SameSite=");
  buf_puts(out, same_site[c->same_site]);
  return OK;
}
