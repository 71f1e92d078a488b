#include "http/req.h"

#include "http/cookie.h"
#include "http/inside.h"
#include "http/reply.h"

#include <strings.h>

/* KEEP IN STEP: HttpMethod */
static const char *const names[METHOD_COUNT] = { "OTHER",  "GET",    "HEAD",
                                                 "POST",   "PUT",    "PATCH",
                                                 "DELETE", "OPTIONS" };

const char *method_name(HttpMethod m) {
  ASSERT(m < METHOD_COUNT);
  return names[m];
}

HttpMethod method_named(Slice name) {
  for (HttpMethod m = METHOD_GET; m < METHOD_COUNT; m++)
    if (slice_is(name, names[m])) return m;
  return METHOD_OTHER;
}

HttpMethod req_method(const HttpReq *req) { return req->method; }
Slice req_path(const HttpReq *req) { return req->path; }
Slice req_query(const HttpReq *req) { return req->query; }
Slice req_body(const HttpReq *req) { return buf_view(&req->body); }
Slice req_peer(const HttpReq *req) { return req->peer; }
Arena *req_arena(HttpReq *req) { return &req->arena; }
void *req_ud(const HttpReq *req) { return req->ud; }
void req_set_ud(HttpReq *req, void *ud) { req->ud = ud; }
bool req_is_keep_alive(const HttpReq *req) { return req->is_keep_alive; }

bool req_is_connected(const HttpReq *req) {
  return req->conn && !req->conn->is_closing;
}

const HttpHeader *req_headers(const HttpReq *req, size_t *n) {
  *n = req->nheaders;
  return req->headers;
}

Slice req_header(const HttpReq *req, const char *name) {
  size_t len = strlen(name);
  for (size_t i = 0; i < req->nheaders; i++) {
    const HttpHeader *h = &req->headers[i];
    if (h->name.len == len && strncasecmp(h->name.ptr, name, len) == 0)
      return h->value;
  }
  return (Slice){ 0 };
}

/* HTTP/2 front ends may hand cookies over as several headers. */
Slice req_cookie(const HttpReq *req, const char *name) {
  for (size_t i = 0; i < req->nheaders; i++) {
    const HttpHeader *h = &req->headers[i];
    if (h->name.len != 6 || strncasecmp(h->name.ptr, "cookie", 6) != 0)
      continue;
    Slice value = cookie_find(h->value, slice_str(name));
    if (value.ptr) return value;
  }
  return (Slice){ 0 };
}

bool req_is_type(const HttpReq *req, const char *type) {
  Slice header = req_header(req, "Content-Type");
  size_t len = strlen(type);
  if (header.len < len || strncasecmp(header.ptr, type, len) != 0) return false;
  return header.len == len || header.ptr[len] == ';' || header.ptr[len] == ' ';
}

static Slice keep(HttpReq *req, Slice s) {
  return slice(arena_dup(&req->arena, s), s.len);
}

void req_add_header(HttpReq *req, HttpHeader h) {
  ASSERT(!req->added.name.len);
  if (h.name.len && http_header_ok(h))
    req->added = (HttpHeader){ keep(req, h.name), keep(req, h.value) };
}
