/* One HTTP request, as a handler reads it.
 *
 * A request is whole when the handler gets it: head and body have arrived, and
 * all framing and limits were checked. It stays valid until it is answered
 * (http_reply and its kin, or stream_start), however late, also when its
 * connection dies meanwhile: answering is then a no-op that frees it. Every
 * request must be answered exactly once; that call ends it and all its slices.
 */
#ifndef HTTP_REQ_H
#define HTTP_REQ_H

#include "base/arena.h"
#include "base/base.h"

typedef struct HttpReq HttpReq;

typedef enum HttpMethod {
  METHOD_OTHER, /* known to HTTP, but nothing here answers it: 405 */
  METHOD_GET,
  METHOD_HEAD,
  METHOD_POST,
  METHOD_PUT,
  METHOD_PATCH,
  METHOD_DELETE,
  METHOD_OPTIONS,
  METHOD_COUNT
} HttpMethod;

typedef struct HttpHeader {
  Slice name, value;
} HttpHeader;

const char *method_name(HttpMethod m); /* "GET"; METHOD_OTHER is "OTHER" */
HttpMethod method_named(Slice name); /* METHOD_OTHER when it is none of these */

HttpMethod req_method(const HttpReq *req);

/* Decoded and normalised: begins with '/', runs of '/' are one, UTF-8 without
 * control characters. Refused with 400 before any handler: "." and ".."
 * segments (also as %2e), %00 and other control characters, %2F (a slash inside
 * a segment would make two URLs of one path), broken escapes, broken UTF-8.
 * "OPTIONS *" has the path "*". */
Slice req_path(const HttpReq *req);

/* What follows '?', as sent; empty when there is none. */
Slice req_query(const HttpReq *req);

/* The first value of a header, without surrounding blanks; its ptr is NULL when
 * the header is absent. Names compare without case. */
Slice req_header(const HttpReq *req, const char *name);
const HttpHeader *req_headers(const HttpReq *req, size_t *n);

/* Is the body of this type? "application/json; charset=utf-8" is
 * "application/json". */
bool req_is_type(const HttpReq *req, const char *type);

/* The value of a cookie (the first of its name); its ptr is NULL when absent.
 */
Slice req_cookie(const HttpReq *req, const char *name);

/* The whole body, dechunked; empty when there is none. */
Slice req_body(const HttpReq *req);

/* The other end's address as text ("127.0.0.1", "::1"), without its port. */
Slice req_peer(const HttpReq *req);

/* False when the connection is closed after this answer. */
bool req_is_keep_alive(const HttpReq *req);
/* False once nobody can receive the answer any more. */
bool req_is_connected(const HttpReq *req);

/* Goes with the answer to this request, whatever that is: a header line, once.
 * What cannot be sent is left out. */
void req_add_header(HttpReq *req, HttpHeader h);

/* Memory that lives as long as the request. */
Arena *req_arena(HttpReq *req);

/* One pointer of the handler's own, NULL at first. */
void *req_ud(const HttpReq *req);
void req_set_ud(HttpReq *req, void *ud);

#endif
