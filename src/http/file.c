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
  { ".htm", SLICE_INIT("text/html; charset=utf-8") },
  { ".md", SLICE_INIT("text/markdown; charset=utf-8") },
  { ".csv", SLICE_INIT("text/csv; charset=utf-8") },
  { ".xml", SLICE_INIT("application/xml") },
  { ".webmanifest", SLICE_INIT("application/manifest+json") },
  { ".avif", SLICE_INIT("image/avif") },
  { ".woff", SLICE_INIT("font/woff") },
  { ".ttf", SLICE_INIT("font/ttf") },
  { ".otf", SLICE_INIT("font/otf") },
  { ".mp3", SLICE_INIT("audio/mpeg") },
  { ".ogg", SLICE_INIT("audio/ogg") },
  { ".wav", SLICE_INIT("audio/wav") },
  { ".mp4", SLICE_INIT("video/mp4") },
  { ".webm", SLICE_INIT("video/webm") },
  { ".zip", SLICE_INIT("application/zip") },
  { ".gz", SLICE_INIT("application/gzip") },
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
  while (n < s->len && char_is_digit(s->ptr[n]) && n < 18)
    v = v * 10 + (uint64_t)(s->ptr[n++] - '0');
  if (n == 0 || (n < s->len && char_is_digit(s->ptr[n]))) return false;
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

static HttpHeader *add(FilePlan *p, const char *name, Slice value) {
  HttpHeader *h = &p->headers[p->n++];
  ASSERT(p->n <= countof(p->headers));
  *h = (HttpHeader){ slice_str(name), value };
  return h;
}

/* The client's copy is good still. */
static bool is_known(const HttpReq *req, Slice etag, Slice modified) {
  Slice tags = req_header(req, "if-none-match");
  if (tags.ptr) return names_etag(tags, etag);
  Slice since = req_header(req, "if-modified-since");
  /* Browsers give back what they got, so no date has to be read. */
  return since.ptr && modified.len && slice_eq(since, modified);
}

static Slice put_range(Arena *a, const FilePlan *p, uint64_t size) {
  char text[80];
  int len = p->status == 206
                ? snprintf(text, sizeof text, "bytes %ju-%ju/%ju",
                           (uintmax_t)p->from,
                           (uintmax_t)(p->from + p->len - 1), (uintmax_t)size)
                : snprintf(text, sizeof text, "bytes */%ju", (uintmax_t)size);
  return slice(arena_dup(a, slice(text, (size_t)len)), (size_t)len);
}

void file_plan(HttpReq *req, Slice etag, Slice modified, Slice type,
               uint64_t size, FilePlan *out) {
  FilePlan *p = out;
  *p = (FilePlan){ .status = 200, .len = size };
  add(p, "ETag", etag);
  if (modified.len) add(p, "Last-Modified", modified);
  if (is_known(req, etag, modified)) {
    p->status = 304;
    p->len = 0;
    return;
  }
  add(p, "Content-Type", type);
  add(p, "Accept-Ranges", SLICE("bytes"));
  Slice range = req_header(req, "range"),
        if_range = req_header(req, "if-range");
  bool is_same = !if_range.ptr || slice_eq(if_range, etag) ||
                 (modified.len && slice_eq(if_range, modified));
  if (!range.ptr || req_method(req) != METHOD_GET || !is_same) return;
  uint64_t from = 0, to = 0;
  RangeKind kind = read_range(range, size, &from, &to);
  if (kind == RANGE_ALL) return;
  p->status = kind == RANGE_PART ? 206 : 416;
  p->from = from;
  p->len = kind == RANGE_PART ? to - from + 1 : 0;
  add(p, "Content-Range", put_range(req_arena(req), p, size));
}

void file_reply(HttpReq *req, const File *f, const HttpHeader *headers,
                size_t n) {
  Arena *a = req_arena(req);
  char etag[FILE_HASH_LEN + 3];
  snprintf(etag, sizeof etag, "\"%s\"", f->hash);
  FilePlan p;
  file_plan(req, slice(etag, sizeof etag - 1), (Slice){ 0 }, f->type,
            f->body.len, &p);
  HttpHeader *all = arena_alloc(a, (n + p.n + 1) * sizeof *all);
  size_t nall = 0;
  for (size_t i = 0; i < n; i++) all[nall++] = headers[i];
  for (size_t i = 0; i < p.n; i++) all[nall++] = p.headers[i];
  all[nall++] = names_version(req_query(req), f->hash)
                    ? HEADER("Cache-Control",
                             "public, max-age=31536000, immutable")
                    : HEADER("Cache-Control", "no-cache");
  http_reply(req, p.status, all, nall, slice(f->body.ptr + p.from, p.len));
}
