#include "http/reply.h"

#include "http/chars.h"
#include "http/inside.h"

#include <strings.h>

/* Code, name. Those without a body are told apart by number. */
#define STATUS_LIST(X)                      \
  X(200, "OK")                              \
  X(201, "Created")                         \
  X(202, "Accepted")                        \
  X(204, "No Content")                      \
  X(206, "Partial Content")                 \
  X(301, "Moved Permanently")               \
  X(302, "Found")                           \
  X(303, "See Other")                       \
  X(304, "Not Modified")                    \
  X(307, "Temporary Redirect")              \
  X(308, "Permanent Redirect")              \
  X(400, "Bad Request")                     \
  X(401, "Unauthorized")                    \
  X(403, "Forbidden")                       \
  X(404, "Not Found")                       \
  X(405, "Method Not Allowed")              \
  X(406, "Not Acceptable")                  \
  X(408, "Request Timeout")                 \
  X(409, "Conflict")                        \
  X(410, "Gone")                            \
  X(411, "Length Required")                 \
  X(412, "Precondition Failed")             \
  X(413, "Content Too Large")               \
  X(414, "URI Too Long")                    \
  X(415, "Unsupported Media Type")          \
  X(416, "Range Not Satisfiable")           \
  X(417, "Expectation Failed")              \
  X(418, "I'm a Teapot")                    \
  X(422, "Unprocessable Content")           \
  X(428, "Precondition Required")           \
  X(429, "Too Many Requests")               \
  X(431, "Request Header Fields Too Large") \
  X(451, "Unavailable For Legal Reasons")   \
  X(500, "Internal Server Error")           \
  X(501, "Not Implemented")                 \
  X(502, "Bad Gateway")                     \
  X(503, "Service Unavailable")             \
  X(504, "Gateway Timeout")                 \
  X(505, "HTTP Version Not Supported")

static Slice status_line(int status) {
  switch (status) {
#define X(code, words) \
  case code: return SLICE("HTTP/1.1 " #code " " words "\r\n");
    STATUS_LIST(X)
#undef X
  default: return (Slice){ 0 };
  }
}

const char *http_status_words(int status) {
  switch (status) {
#define X(code, words) \
  case code: return words;
    STATUS_LIST(X)
#undef X
  default: return "Unknown";
  }
}

/* --- headers ----------------------------------------------------------------
 */

static bool is_control(char c) {
  return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

bool http_header_ok(HttpHeader h) {
  if (h.name.len == 0) return true;
  if (!chars_are_in(h.name, TOKEN_CHARS)) return false;
  for (size_t i = 0; i < h.value.len; i++)
    if (is_control(h.value.ptr[i])) return false;
  return true;
}

Err http_headers_build(Buf *out, const HttpHeader *headers, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (!http_header_ok(headers[i])) return ERR_BAD_INPUT;
  for (size_t i = 0; i < n; i++) {
    if (headers[i].name.len) {
      buf_slice(out, headers[i].name);
      buf_lit(out, ": ");
    }
    buf_slice(out, headers[i].value);
    if (headers[i].name.len) buf_lit(out, "\r\n");
  }
  return buf_status(out);
}

static char *copy(char *at, Slice s) {
  if (s.len) memcpy(at, s.ptr, s.len);
  return at + s.len;
}

static char *copy_value(char *at, Slice s) {
  for (size_t i = 0; i < s.len; i++)
    *at++ = is_control(s.ptr[i]) ? ' ' : s.ptr[i];
  return at;
}

/* What put_head writes itself. */
static bool is_framing(Slice name) {
  switch (name.len) {
  case 4: return strncasecmp(name.ptr, "date", 4) == 0;
  case 10: return strncasecmp(name.ptr, "connection", 10) == 0;
  case 14: return strncasecmp(name.ptr, "content-length", 14) == 0;
  case 17: return strncasecmp(name.ptr, "transfer-encoding", 17) == 0;
  default: return false;
  }
}

static char *copy_header(char *at, HttpHeader h) {
  if (h.name.len == 0) return copy(at, h.value);
  if (!chars_are_in(h.name, TOKEN_CHARS) || is_framing(h.name)) return at;
  at = copy(at, h.name);
  at = copy(at, SLICE(": "));
  at = copy_value(at, h.value);
  return copy(at, SLICE("\r\n"));
}

static char *copy_uint(char *at, uint64_t v) {
  char digits[20];
  size_t n = sizeof digits;
  do digits[--n] = (char)('0' + v % 10);
  while (v /= 10);
  return copy(at, slice(digits + n, sizeof digits - n));
}

static bool has_no_body(int status) { return status == 204 || status == 304; }

/* The rest of what put_head writes itself: status line of an unlisted status,
 * Date, Connection, Content-Length or Transfer-Encoding, the empty line. */
#define HEAD_BYTES 256

void put_head(HttpReq *req, Buf *b, int status, const HttpHeader *headers,
              size_t n, int64_t length) {
  HttpServer *s = req->server;
  bool is_http10 = req->minor == 0;
  /* The last answer before the server goes says so; the queue closes after it.
   */
  if (s->is_draining && req->conn->last == req) req->is_keep_alive = false;
  if (length < 0 && is_http10) req->is_keep_alive = false;
  size_t need = HEAD_BYTES + req->added.name.len + req->added.value.len + 4;
  for (size_t i = 0; i < n; i++)
    need += headers[i].name.len + headers[i].value.len + 4;
  char *at = buf_reserve(b, need), *start = at;
  Slice line = status_line(status);
  if (line.len)
    at = copy(at, line);
  else
    at += sprintf(at, "HTTP/1.1 %d Unknown\r\n", status % 1000);
  at = copy(at, slice_str(s->date));
  for (size_t i = 0; i < n; i++) at = copy_header(at, headers[i]);
  if (req->added.name.len) at = copy_header(at, req->added);
  if (length >= 0 && !has_no_body(status)) {
    at = copy(at, SLICE("Content-Length: "));
    at = copy_uint(at, (uint64_t)length);
    at = copy(at, SLICE("\r\n"));
  } else if (length < 0 && !is_http10)
    at = copy(at, SLICE("Transfer-Encoding: chunked\r\n"));
  if (!req->is_keep_alive)
    at = copy(at, SLICE("Connection: close\r\n"));
  else if (is_http10)
    at = copy(at, SLICE("Connection: keep-alive\r\n"));
  at = copy(at, SLICE("\r\n"));
  b->len += (size_t)(at - start);
}

/* --- answers
 * ------------------------------------------------------------------ */

void http_reply(HttpReq *req, int status, const HttpHeader *headers, size_t n,
                Slice body) {
  ASSERT(req->is_handed_over && !req->is_answered && !req->stream);
  if (status < 200 || status > 599) status = 500;
  if (!req->conn) {
    server_give_req(req);
    return;
  }
  Buf *out = queue_out(req);
  put_head(req, out, status, headers, n, (int64_t)body.len);
  if (req->method != METHOD_HEAD && !has_no_body(status)) buf_slice(out, body);
  queue_done(req);
}

static void put_html(Buf *b, Slice s) {
  for (size_t i = 0; i < s.len; i++) {
    char c = s.ptr[i];
    if (c == '<')
      buf_lit(b, "&lt;");
    else if (c == '>')
      buf_lit(b, "&gt;");
    else if (c == '&')
      buf_lit(b, "&amp;");
    else if (c == '"')
      buf_lit(b, "&quot;");
    else
      buf_byte(b, c);
  }
}

static void put_json(Buf *b, Slice s) {
  buf_byte(b, '"');
  for (size_t i = 0; i < s.len; i++) {
    unsigned char c = (unsigned char)s.ptr[i];
    if (c == '"' || c == '\\')
      buf_printf(b, "\\%c", c);
    else if (c < 0x20)
      buf_printf(b, "\\u%04x", c);
    else
      buf_byte(b, (char)c);
  }
  buf_byte(b, '"');
}

static const char *find(Slice in, const char *what) {
  return in.ptr ? memmem(in.ptr, in.len, what, strlen(what)) : NULL;
}

/* Which of the two the client names first; a page when it names neither. */
static bool wants_json(const HttpReq *req) {
  Slice accept = req_header(req, "accept");
  const char *json = find(accept, "json"), *html = find(accept, "text/html");
  return json && (!html || json < html);
}

void http_reply_error(HttpReq *req, int status, Slice words,
                      const HttpHeader *headers, size_t n) {
  bool is_json = wants_json(req);
  const char *title = http_status_words(status);
  Buf b = { 0 };
  if (is_json) {
    buf_printf(&b, "{\"status\":%d,\"error\":\"%s\",\"message\":", status,
               title);
    put_json(&b, words);
    buf_lit(&b, "}\n");
  } else {
    buf_printf(
        &b,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<title>%d %s</title></head>\n<body><h1>%d %s</h1>\n<p>",
        status, title, status, title);
    put_html(&b, words);
    buf_lit(&b, "</p></body></html>\n");
  }
  HttpHeader *all = arena_alloc(&req->arena, (n + 4) * sizeof *all);
  size_t nall = 0;
  all[nall++] = is_json ? HEADER("Content-Type", "application/json")
                        : HEADER("Content-Type", "text/html; charset=utf-8");
  all[nall++] = HEADER("Cache-Control", "no-store");
  all[nall++] = HEADER("X-Content-Type-Options", "nosniff");
  all[nall++] = http_block(req->server->config.error_headers);
  for (size_t i = 0; i < n; i++) all[nall++] = headers[i];
  http_reply(req, status, all, nall, buf_view(&b));
  buf_free(&b);
}

void http_reply_err(HttpReq *req, Err e) {
  bool is_for_now = e == ERR_TOO_MANY || e == ERR_UNAVAILABLE;
  HttpHeader retry = { SLICE_INIT("Retry-After"), SLICE_INIT("1") };
  http_reply_error(req, err_status(e), slice_str(err_words(e)), &retry,
                   is_for_now);
}
