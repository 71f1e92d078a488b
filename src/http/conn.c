/* The reading half of a connection, and the only file that knows llhttp.
 *
 *        bytes            head whole            body whole
 *   (idle) ---> head arrives -----> body arrives ------> handed over, (idle)
 *                    |      \_________ no body ___________/
 *                    +---- refused: answered in its turn, nothing more is taken
 *
 * A head is collected until it is whole, checked byte by byte for what parsers
 * disagree about (head.c), copied into its request, and parsed there in one go:
 * so every slice of a request is one piece of its own memory. Bodies go through
 * the parser as they come. Reading pauses while too many requests are
 * unanswered or too many bytes unsent, so that one client costs a bounded
 * amount. */
#include "base/limits.h"
#include "http/head.h"
#include "http/inside.h"
#include "http/reply.h"
#include "http/target.h"

#include <llhttp.h>
#include <stdlib.h>

typedef struct Parser {
  Conn c; /* first: a Conn of conn_new is one of these */
  llhttp_t llhttp;
  HeadScan scan;
  HttpReq *req; /* whose head or body is being parsed */
  Slice target;
  uint64_t content_length;
  size_t body_max;
  Err err; /* why a callback stopped the parser */
  bool is_chunked;
  bool is_whole;   /* the message ended */
  bool is_in_head; /* else headers are trailers, which nobody wants */
  /* Of a chunked body: the bytes that are not data. */
  const char *framing; /* from here on, in this piece, nothing was checked */
  size_t framing_bytes;
  char framing_last;
} Parser;

/* --- what llhttp tells -----------------------------------------------------
 */

static int on_url(llhttp_t *l, const char *at, size_t len) {
  Parser *p = l->data;
  if (p->target.ptr)
    p->target.len += len;
  else
    p->target = slice(at, len);
  return 0;
}

static int on_header_field(llhttp_t *l, const char *at, size_t len) {
  Parser *p = l->data;
  if (!p->is_in_head) return 0;
  HttpReq *req = p->req;
  HttpHeader *h = req->nheaders ? &req->headers[req->nheaders - 1] : NULL;
  if (h && h->name.ptr + h->name.len == at)
    h->name.len += len;
  else
    req->headers[req->nheaders++] = (HttpHeader){ slice(at, len), { "", 0 } };
  return 0;
}

static int on_header_value(llhttp_t *l, const char *at, size_t len) {
  Parser *p = l->data;
  if (!p->is_in_head || len == 0) return 0;
  HttpHeader *h = &p->req->headers[p->req->nheaders - 1];
  if (h->value.len)
    h->value.len = (size_t)(at + len - h->value.ptr);
  else
    h->value = slice(at, len);
  return 0;
}

static int on_headers_complete(llhttp_t *l) {
  Parser *p = l->data;
  p->is_in_head = false;
  p->is_chunked = l->flags & F_CHUNKED;
  p->content_length = l->flags & F_CONTENT_LENGTH ? l->content_length : 0;
  p->req->is_keep_alive = llhttp_should_keep_alive(l);
  p->req->minor = l->http_minor;
  l->upgrade =
      0; /* no other protocol is spoken: the request stands for itself */
  return 0;
}

/* True while every CR in the framing is followed by LF and every LF is preceded
 * by CR, and there is not more of it than honest chunks need. */
static bool framing_is_ok(Parser *p, const char *end) {
  for (const char *at = p->framing; at < end; at++) {
    if ((p->framing_last == '\r') != (*at == '\n')) return false;
    p->framing_last = *at;
  }
  p->framing_bytes += (size_t)(end - p->framing);
  return p->framing_bytes <= p->c.server->config.limits.header_bytes +
                                 HTTP_CHUNK_OVERHEAD * p->req->body.len;
}

static int stop(Parser *p, Err e) {
  p->err = e;
  return HPE_USER;
}

static int on_chunk_header(llhttp_t *l) {
  Parser *p = l->data;
  bool fits = l->content_length <= p->body_max - p->req->body.len;
  return fits ? 0 : stop(p, ERR_TOO_BIG);
}

static int on_body(llhttp_t *l, const char *at, size_t len) {
  Parser *p = l->data;
  if (p->is_chunked) {
    if (!framing_is_ok(p, at)) return stop(p, ERR_BAD_INPUT);
    p->framing = at + len;
  }
  if (len > p->body_max - p->req->body.len) return stop(p, ERR_TOO_BIG);
  buf_put(&p->req->body, at, len);
  p->req->held += len;
  p->c.held += len;
  return 0;
}

static int on_message_complete(llhttp_t *l) {
  Parser *p = l->data;
  p->is_whole = true;
  return HPE_PAUSED; /* what follows is for our own scan first */
}

static const llhttp_settings_t settings = {
  .on_url = on_url,
  .on_header_field = on_header_field,
  .on_header_value = on_header_value,
  .on_headers_complete = on_headers_complete,
  .on_chunk_header = on_chunk_header,
  .on_body = on_body,
  .on_message_complete = on_message_complete,
};

static Err err_of(const Parser *p, llhttp_errno_t e) {
  if (p->err) return p->err;
  if (e == HPE_INVALID_METHOD) return ERR_NOT_IMPLEMENTED;
  if (e == HPE_INVALID_VERSION) return ERR_VERSION;
  return ERR_BAD_INPUT;
}

static HttpMethod method_of(const llhttp_t *l) {
  switch (l->method) {
  case HTTP_GET: return METHOD_GET;
  case HTTP_HEAD: return METHOD_HEAD;
  case HTTP_POST: return METHOD_POST;
  case HTTP_PUT: return METHOD_PUT;
  case HTTP_PATCH: return METHOD_PATCH;
  case HTTP_DELETE: return METHOD_DELETE;
  case HTTP_OPTIONS: return METHOD_OPTIONS;
  default: return METHOD_OTHER;
  }
}

/* --- one head ----------------------------------------------------------------
 */

/* Parses a whole head that is the request's own memory. */
static Err parse_head(Parser *p, HttpReq *req, Slice head, size_t nlines) {
  req->headers = arena_alloc(&req->arena, nlines * sizeof *req->headers);
  p->req = req;
  p->target = (Slice){ 0 };
  p->err = OK;
  p->is_whole = false;
  p->is_in_head = true;
  llhttp_reset(&p->llhttp);
  llhttp_errno_t e = llhttp_execute(&p->llhttp, head.ptr, head.len);
  if (p->llhttp.method == HTTP_CONNECT) return ERR_NOT_IMPLEMENTED;
  if (e != HPE_OK && e != HPE_PAUSED) return err_of(p, e);
  if (p->is_in_head) return ERR_BAD_INPUT; /* it saw another end than we did */
  llhttp_resume(&p->llhttp);
  req->method = method_of(&p->llhttp);
  HeadFacts facts;
  Err err = head_check(req->headers, req->nheaders, req->minor, &facts);
  if (err) return err;
  if (facts.is_chunked != p->is_chunked) return ERR_BAD_INPUT;
  req->wants_continue = facts.wants_continue;
  Target t;
  err = target_parse(&req->arena, p->target, &t);
  if (err) return err;
  if (t.authority.len && !slice_eq(t.authority, facts.host))
    return ERR_BAD_INPUT;
  req->path = t.path;
  req->query = t.query;
  return OK;
}

/* --- from bytes to requests
 * ---------------------------------------------------- */

/* The handler may answer at once, and the request be gone on return. */
static void hand_over(Conn *c, HttpReq *req) {
  c->reading = NULL;
  req->is_handed_over = true;
  if (!req->is_keep_alive) c->is_stopped = true;
  c->server->stats.requests++;
  c->server->config.on_request(c->server->config.ud, req);
}

static HttpReq *new_req(Conn *c) {
  HttpReq *req = server_take_req(c->server, c);
  req->minor = 1;
  req->peer = slice(arena_dup(&req->arena, slice(c->address, c->address_len)),
                    c->address_len);
  return req;
}

/* Answers in its turn with an error, and takes nothing more. `req` may be NULL,
 * new, or the one that was being read. */
static void refuse(Conn *c, HttpReq *req, Err e) {
  if (!req) req = new_req(c);
  req->is_keep_alive = false;
  req->wants_continue = false;
  req->is_handed_over = true;
  if (req != c->reading) queue_push(c, req);
  c->reading = NULL;
  c->is_stopped = true;
  c->is_paused = false;
  c->head_since_ms = 0;
  c->deadline_ms = 0;
  c->server->stats.errors++;
  http_reply_err(req, e);
}

/* Asks how long the body may be, and waits for it. */
static void await_body(Parser *p, HttpReq *req) {
  HttpServer *s = p->c.server;
  p->body_max = s->config.limits.body;
  Err e = OK;
  if (s->config.on_headers)
    e = s->config.on_headers(s->config.ud, req, &p->body_max);
  if (!e && p->content_length > p->body_max) e = ERR_TOO_BIG;
  if (e) {
    refuse(&p->c, req, e);
    return;
  }
  p->framing_bytes = 0;
  p->framing_last = '\n';
  p->c.reading = req;
  queue_push(&p->c, req);
}

/* Takes a head off the front of `in`; returns its length, 0 when it is not
 * whole. */
static size_t take_head(Parser *p, Slice in) {
  Conn *c = &p->c;
  Err err;
  HeadResult r = head_scan(&p->scan, in, &c->server->config.limits, &err);
  if (r == HEAD_MORE) {
    if (!c->head_since_ms) c->head_since_ms = server_now(c->server);
    return 0;
  }
  HeadScan scan = p->scan;
  p->scan = (HeadScan){ 0 };
  c->head_since_ms = 0;
  if (r == HEAD_REFUSED) {
    refuse(c, NULL, err);
    return in.len;
  }
  HttpReq *req = new_req(c);
  size_t len = scan.at - scan.line_at;
  char *head = arena_alloc(&req->arena, len);
  memcpy(head, in.ptr + scan.line_at, len);
  req->held = len;
  err = parse_head(p, req, slice(head, len), scan.lines);
  if (err) {
    refuse(c, req, err);
  } else if (p->is_whole) {
    req->wants_continue = false;
    queue_push(c, req);
    hand_over(c, req);
  } else
    await_body(p, req);
  return scan.at;
}

/* Gives `in` to the body that is arriving; returns how much of it was the body.
 */
static size_t take_body(Parser *p, Slice in) {
  HttpReq *req = p->c.reading;
  p->framing = in.ptr;
  llhttp_errno_t e = llhttp_execute(&p->llhttp, in.ptr, in.len);
  size_t used = in.len;
  if (e == HPE_PAUSED && p->is_whole) {
    used = (size_t)(llhttp_get_error_pos(&p->llhttp) - in.ptr);
    llhttp_resume(&p->llhttp);
  } else if (e != HPE_OK) {
    refuse(&p->c, req, err_of(p, e));
    return in.len;
  }
  if (p->is_chunked && !framing_is_ok(p, in.ptr + used)) {
    refuse(&p->c, req, ERR_BAD_INPUT);
    return in.len;
  }
  if (p->is_whole) hand_over(&p->c, req);
  return used;
}

static bool may_parse(const Conn *c) {
  if (c->is_closing || c->is_stopped || c->nstreams) return false;
  if (c->reading) return true;
  if (c->server->is_draining && c->first) return false;
  const HttpLimits *max = &c->server->config.limits;
  return c->nqueued < max->pipeline && c->held <= max->pipeline_bytes &&
         conn_unsent(c) <= max->pipeline_bytes;
}

static size_t parse(Conn *c, Slice in) {
  Parser *p = (Parser *)c;
  size_t at = 0;
  c->is_parsing = true;
  while (at < in.len && may_parse(c)) {
    Slice rest = slice(in.ptr + at, in.len - at);
    size_t n = c->reading ? take_body(p, rest) : take_head(p, rest);
    if (n == 0) break;
    at += n;
  }
  c->is_parsing = false;
  return at;
}

/* --- the socket
 * -------------------------------------------------------------------- */

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *buf) {
  (void)hint;
  HttpServer *s = ((Conn *)h->data)->server;
  *buf = uv_buf_init(s->read_buf, sizeof s->read_buf);
}

static void on_end(Conn *c) {
  c->is_at_end = true;
  c->is_reading = false;
  /* A stream's client that says no more has left; so has one we linger for. */
  if (c->is_lingering || c->nstreams) {
    conn_close(c);
    return;
  }
  if (c->reading) queue_drop_last(c);
  if (!c->is_paused) buf_free(&c->in);
  c->head_since_ms = 0;
  c->deadline_ms = 0;
  conn_dirty(c);
}

static void on_read(uv_stream_t *tcp, ssize_t n, const uv_buf_t *buf);

static void start_reading(Conn *c) {
  if (c->is_reading || c->is_at_end) return;
  c->is_reading = true;
  if (uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) != 0)
    conn_close(c);
}

static void stop_reading(Conn *c) {
  c->is_reading = false;
  uv_read_stop((uv_stream_t *)&c->tcp);
}

/* After parsing: is there something that has to wait, and for what? */
static void settle(Conn *c) {
  if (c->is_closing) return;
  if (c->is_stopped) buf_free(&c->in);
  if (c->in.len == 0) buf_free(&c->in);
  c->is_paused = c->in.len && !may_parse(c);
  if (c->is_stopped || (c->is_paused && !c->nstreams))
    stop_reading(c);
  else
    start_reading(c);
  /* Nobody waits for an answer with this much to say. */
  if (c->nstreams && c->in.len > HTTP_READ_BYTES) conn_close(c);
  conn_set_deadline(c);
}

static void on_read(uv_stream_t *tcp, ssize_t n, const uv_buf_t *buf) {
  Conn *c = tcp->data;
  if (n == 0 || c->is_closing) return;
  if (n < 0) {
    if (n == UV_EOF)
      on_end(c);
    else
      conn_close(c);
    return;
  }
  c->server->stats.bytes_in += (uint64_t)n;
  c->is_new = false;
  if (c->is_lingering) {
    c->lingered += (size_t)n;
    if (c->lingered > HTTP_LINGER_BYTES) conn_close(c);
    return;
  }
  Slice piece = slice(buf->base, (size_t)n);
  if (c->in.len == 0) {
    size_t used = parse(c, piece);
    buf_put(&c->in, piece.ptr + used, piece.len - used);
  } else {
    buf_slice(&c->in, piece);
    buf_drop(&c->in, parse(c, buf_view(&c->in)));
  }
  settle(c);
  HttpServer *s = c->server;
  if (s->config.between) s->config.between(s->config.ud);
}

void conn_resume(Conn *c) {
  if (c->is_closing || c->is_parsing) return;
  if (c->is_lingering) {
    start_reading(c);
    return;
  }
  if (c->in.len) buf_drop(&c->in, parse(c, buf_view(&c->in)));
  settle(c);
}

/* --- time
 * ----------------------------------------------------------------------------
 */

void conn_set_deadline(Conn *c) {
  if (c->is_closing || c->is_lingering) return;
  const HttpLimits *max = &c->server->config.limits;
  uint64_t now = server_now(c->server);
  if (c->is_stopped || c->is_at_end || c->nstreams || c->is_paused)
    c->deadline_ms = 0;
  else if (c->reading)
    c->deadline_ms = now + max->body_idle_ms;
  else if (c->head_since_ms)
    c->deadline_ms = c->head_since_ms + max->header_timeout_ms;
  else if (c->first || c->is_writing || c->out.len)
    c->deadline_ms = 0;
  else
    c->deadline_ms = now +
                     (c->is_new ? max->header_timeout_ms : max->keepalive_ms);
}

static void on_deadline(Conn *c) {
  c->deadline_ms = 0;
  c->server->stats.timeouts++;
  if (!c->is_lingering && (c->reading || c->head_since_ms))
    refuse(c, c->reading, ERR_TIMEOUT);
  else
    conn_close(c);
}

static void check_write(Conn *c, uint64_t now_ms) {
  size_t left = uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp);
  if (left < c->write_left) {
    c->write_left = left;
    c->write_deadline_ms = now_ms + c->server->config.limits.write_idle_ms;
  } else if (now_ms >= c->write_deadline_ms) {
    c->server->stats.timeouts++;
    conn_close(c);
  }
}

void conn_tick(Conn *c, uint64_t now_ms) {
  if (c->is_closing) return;
  if (c->deadline_ms && now_ms >= c->deadline_ms) on_deadline(c);
  if (c->is_writing) check_write(c, now_ms);
  if (c->nstreams == 0) return;
  for (HttpReq *req = c->first; req; req = req->next)
    if (req->stream) stream_tick(req->stream, now_ms);
}

bool conn_is_idle(const Conn *c) {
  return !c->first && !c->head_since_ms && !c->is_writing && !c->is_lingering &&
         c->in.len == 0 && c->out.len == 0;
}

/* --- from birth to death
 * ------------------------------------------------------------- */

Conn *conn_new(HttpServer *s) {
  Parser *p = xcalloc(1, sizeof *p);
  Conn *c = &p->c;
  c->server = s;
  c->is_new = true;
  c->tcp.data = c;
  if (uv_tcp_init(s->loop, &c->tcp) != 0) die("uv_tcp_init failed");
  llhttp_init(&p->llhttp, HTTP_REQUEST, &settings);
  p->llhttp.data = p;
  return c;
}

void conn_start(Conn *c) {
  uv_tcp_nodelay(&c->tcp, 1);
  conn_set_deadline(c);
  start_reading(c);
}

void conn_free(Conn *c) {
  ASSERT(!c->is_dirty && !c->first);
  buf_free(&c->in);
  buf_free(&c->out);
  buf_free(&c->writing);
  free(c);
}
