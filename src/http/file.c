#include "http/file.h"

#include "base/hash.h"
#include "base/id.h"
#include "http/reply.h"

#include <stdio.h>
#include <strings.h>

static const struct {
  const char *end;
  Slice type;
} types[] = {
  { ".js", SLICE_INIT("text/javascript; charset=utf-8") },
  { ".mjs", SLICE_INIT("text/javascript; charset=utf-8") },
  { ".css", SLICE_INIT("text/css; charset=utf-8") },
  { ".html", SLICE_INIT("text/html; charset=utf-8") },
  { ".txt", SLICE_INIT("text/plain; charset=utf-8") },
  { ".json", SLICE_INIT("application/json") },
  { ".map", SLICE_INIT("application/json") },
  { ".svg", SLICE_INIT("image/svg+xml") },
  { ".png", SLICE_INIT("image/png") },
  { ".jpg", SLICE_INIT("image/jpeg") },
  { ".jpeg", SLICE_INIT("image/jpeg") },
  { ".gif", SLICE_INIT("image/gif") },
  { ".webp", SLICE_INIT("image/webp") },
  { ".ico", SLICE_INIT("image/x-icon") },
  { ".woff2", SLICE_INIT("font/woff2") },
  { ".wasm", SLICE_INIT("application/wasm") },
  { ".pdf", SLICE_INIT("application/pdf") },
};

Slice file_type(Slice name) {
  for (size_t i = 0; i < countof(types); i++) {
    size_t len = strlen(types[i].end);
    if (name.len > len &&
        strncasecmp(name.ptr + name.len - len, types[i].end, len) == 0)
      return types[i].type;
  }
  return SLICE("application/octet-stream");
}

File file_of(Slice name, Slice body) {
  File f = { .body = body, .type = file_type(name) };
  uint8_t full[DIGEST_BYTES];
  digest(full, body);
  base64url(f.hash, full, 16);
  return f;
}

/* --- conditions
 * ---------------------------------------------------------------- */

/* Whether a list of entity tags names this one ("*" does). `W/` makes no
 * difference for If-None-Match. */
static bool names_etag(Slice list, Slice etag) {
  while (list.len) {
    const char *comma = memchr(list.ptr, ',', list.len);
    size_t len = comma ? (size_t)(comma - list.ptr) : list.len;
    Slice tag = slice(list.ptr, len);
    size_t used = comma ? len + 1 : len;
    list = slice(list.ptr + used, list.len - used);
    while (tag.len && strchr(" \t", *tag.ptr)) tag.ptr++, tag.len--;
    while (tag.len && strchr(" \t", tag.ptr[tag.len - 1])) tag.len--;
    if (slice_is(tag, "*")) return true;
    if (slice_starts(tag, SLICE("W/"))) tag = slice(tag.ptr + 2, tag.len - 2);
    if (slice_eq(tag, etag)) return true;
  }
  return false;
}

/* Whether the query says v=<hash>. */
static bool names_version(Slice query, const char *hash) {
  while (query.len) {
    const char *amp = memchr(query.ptr, '&', query.len);
    size_t len = amp ? (size_t)(amp - query.ptr) : query.len;
    if (len == 2 + FILE_HASH_LEN && memcmp(query.ptr, "v=", 2) == 0 &&
        memcmp(query.ptr + 2, hash, FILE_HASH_LEN) == 0)
      return true;
    size_t used = amp ? len + 1 : len;
    query = slice(query.ptr + used, query.len - used);
  }
  return false;
}

/* --- ranges
 * ---------------------------------------------------------------------- */

typedef enum RangeKind { RANGE_ALL, RANGE_PART, RANGE_NONE } RangeKind;

/* Digits off the front; false when there are none, or they are too many. */
static bool take_number(Slice *s, uint64_t *out) {
  uint64_t v = 0;
  size_t n = 0;
  while (n < s->len && s->ptr[n] >= '0' && s->ptr[n] <= '9' && n < 18)
    v = v * 10 + (uint64_t)(s->ptr[n++] - '0');
  if (n == 0 || (n < s->len && s->ptr[n] >= '0' && s->ptr[n] <= '9'))
    return false;
  *out = v;
  *s = slice(s->ptr + n, s->len - n);
  return true;
}

/* What cannot be read, and lists of ranges, mean the whole: that is always
 * right. */
static RangeKind read_range(Slice s, uint64_t size, uint64_t *from,
                            uint64_t *to) {
  if (s.len < 6 || strncasecmp(s.ptr, "bytes=", 6) != 0) return RANGE_ALL;
  s = slice(s.ptr + 6, s.len - 6);
  uint64_t first = 0, last = 0;
  bool has_first = take_number(&s, &first);
  if (s.len == 0 || s.ptr[0] != '-') return RANGE_ALL;
  s = slice(s.ptr + 1, s.len - 1);
  bool has_last = take_number(&s, &last);
  if (s.len || (!has_first && !has_last)) return RANGE_ALL;
  if (has_first && has_last && last < first) return RANGE_ALL;
  if (!has_first) { /* the last so many */
    if (last == 0 || size == 0) return RANGE_NONE;
    *from = last < size ? size - last : 0;
    *to = size - 1;
    return RANGE_PART;
  }
  if (first >= size) return RANGE_NONE;
  *from = first;
  *to = has_last && last < size ? last : size - 1;
  return RANGE_PART;
}

/* --- the answer
 * --------------------------------------------------------------------- */

void file_reply(HttpReq *req, const File *f, const HttpHeader *headers,
                size_t n) {
  Arena *a = req_arena(req);
  char etag[FILE_HASH_LEN + 3];
  snprintf(etag, sizeof etag, "\"%s\"", f->hash);
  Slice tag = slice(etag, sizeof etag - 1);
  HttpHeader *all = arena_alloc(a, (n + 5) * sizeof *all);
  size_t nall = 0;
  for (size_t i = 0; i < n; i++) all[nall++] = headers[i];
  all[nall++] = (HttpHeader){ SLICE("ETag"), tag };
  all[nall++] = names_version(req_query(req), f->hash)
                    ? HEADER("Cache-Control",
                             "public, max-age=31536000, immutable")
                    : HEADER("Cache-Control", "no-cache");
  Slice known = req_header(req, "if-none-match");
  if (known.ptr && names_etag(known, tag)) {
    http_reply(req, 304, all, nall, (Slice){ 0 });
    return;
  }
  all[nall++] = (HttpHeader){ SLICE("Content-Type"), f->type };
  all[nall++] = HEADER("Accept-Ranges", "bytes");
  uint64_t size = f->body.len, from = 0, to = 0;
  Slice range = req_header(req, "range"),
        if_range = req_header(req, "if-range");
  RangeKind kind = RANGE_ALL;
  if (range.ptr && req_method(req) == METHOD_GET &&
      (!if_range.ptr || slice_eq(if_range, tag)))
    kind = read_range(range, size, &from, &to);
  if (kind == RANGE_ALL) {
    http_reply(req, 200, all, nall, f->body);
    return;
  }
  char text[80];
  int len = kind == RANGE_PART
                ? snprintf(text, sizeof text, "bytes %ju-%ju/%ju",
                           (uintmax_t)from, (uintmax_t)to, (uintmax_t)size)
                : snprintf(text, sizeof text, "bytes */%ju", (uintmax_t)size);
  all[nall++] = (HttpHeader){ SLICE("Content-Range"),
                              slice(text, (size_t)len) };
  if (kind == RANGE_PART)
    http_reply(req, 206, all, nall,
               slice(f->body.ptr + from, (size_t)(to - from + 1)));
  else
    http_reply(req, 416, all, nall, (Slice){ 0 });
}
