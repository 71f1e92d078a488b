#include "http/target.h"

#include "base/limits.h"

static int hex_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool utf8_is_valid(Slice s) {
  const uint8_t *p = (const uint8_t *)s.ptr, *end = p + s.len;
  while (p < end) {
    uint8_t c = *p++;
    if (c < 0x80) continue;
    int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
    if (c < 0xc2 || c > 0xf4 || end - p < more) return false;
    /* The second byte alone tells overlong forms, surrogates, and too large. */
    uint8_t low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    uint8_t high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (*p < low || *p > high) return false;
    while (--more)
      if ((*++p & 0xc0) != 0x80) return false;
    p++;
  }
  return true;
}

/* Decodes escapes in place of nothing else: `out` has room for all of `in`. */
static Err decode(Slice in, char *out, size_t *len, bool *is_ascii) {
  size_t n = 0;
  for (size_t i = 0; i < in.len; i++) {
    char c = in.ptr[i];
    if (c == '%') {
      int high = i + 2 < in.len ? hex_of(in.ptr[i + 1]) : -1;
      int low = high >= 0 ? hex_of(in.ptr[i + 2]) : -1;
      if (low < 0) return ERR_BAD_INPUT;
      c = (char)(high << 4 | low);
      if (c == '/') return ERR_BAD_INPUT;
      i += 2;
    }
    if ((unsigned char)c < 0x20 || c == 0x7f) return ERR_BAD_INPUT;
    if ((unsigned char)c >= 0x80) *is_ascii = false;
    /* An escaped slash is refused above, so this one parts segments. */
    if (c == '/' && n && out[n - 1] == '/') continue;
    out[n++] = c;
  }
  *len = n;
  return OK;
}

static Err check_segments(Slice path) {
  size_t count = 0;
  for (size_t at = 1; at < path.len;) {
    const char *seg = path.ptr + at;
    const char *slash = memchr(seg, '/', path.len - at);
    size_t len = slash ? (size_t)(slash - seg) : path.len - at;
    if ((len == 1 && seg[0] == '.') ||
        (len == 2 && seg[0] == '.' && seg[1] == '.'))
      return ERR_BAD_INPUT;
    if (++count > HTTP_PATH_SEGMENTS_MAX) return ERR_URI_TOO_LONG;
    at += len + 1;
  }
  return OK;
}

/* Nothing to decode, nothing to merge: true for nearly every request. */
static bool is_plain(Slice path) {
  for (size_t i = 0; i < path.len; i++) {
    if (path.ptr[i] == '%') return false;
    if (path.ptr[i] == '/' && i && path.ptr[i - 1] == '/') return false;
  }
  return true;
}

static Err normalise(Arena *a, Slice *path) {
  if (!is_plain(*path)) {
    char *out = arena_alloc(a, path->len);
    size_t len;
    bool is_ascii = true;
    Err e = decode(*path, out, &len, &is_ascii);
    if (e) return e;
    *path = slice(out, len);
    if (!is_ascii && !utf8_is_valid(*path)) return ERR_BAD_INPUT;
  }
  return check_segments(*path);
}

/* "http://authority" off the front of an absolute target; false when it is
 * empty. */
static bool take_authority(Slice *target, Slice *authority) {
  size_t skip = slice_starts(*target, SLICE("http://"))    ? 7
                : slice_starts(*target, SLICE("https://")) ? 8
                                                           : 0;
  if (!skip) return true;
  size_t at = skip;
  while (at < target->len && !strchr("/?", target->ptr[at])) at++;
  *authority = slice(target->ptr + skip, at - skip);
  *target = slice(target->ptr + at, target->len - at);
  return authority->len > 0;
}

Err target_parse(Arena *a, Slice target, Target *out) {
  /* Bytes that have no place in any target; '#' never leaves a browser. */
  for (size_t i = 0; i < target.len; i++) {
    unsigned char c = (unsigned char)target.ptr[i];
    if (c <= 0x20 || c >= 0x7f || c == '#') return ERR_BAD_INPUT;
  }
  Target t = { 0 };
  if (!take_authority(&target, &t.authority)) return ERR_BAD_INPUT;
  const char *q = memchr(target.ptr, '?', target.len);
  t.path = q ? slice(target.ptr, (size_t)(q - target.ptr)) : target;
  if (q) t.query = slice(q + 1, target.len - t.path.len - 1);
  if (t.authority.len && t.path.len == 0) t.path = SLICE("/");
  if (slice_is(t.path, "*") && !q) {
    *out = t;
    return OK;
  }
  if (t.path.len == 0 || t.path.ptr[0] != '/') return ERR_BAD_INPUT;
  Err e = normalise(a, &t.path);
  if (e) return e;
  *out = t;
  return OK;
}
