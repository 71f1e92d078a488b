/* What is written collects in `raw` until the connection is flushed; then all
 * of it passes encode(), the one place where bytes of a stream become bytes on
 * the wire. A compressor will live there: it sees whole events and knows when
 * to flush. */
#include "http/stream.h"

#include "base/limits.h"
#include "http/inside.h"
#include "http/reply.h"

#include <stdlib.h>

struct Stream {
  HttpReq *req; /* holds its place in the queue */
  Buf raw;      /* written in this iteration */
  void (*on_close)(void *ud);
  void *ud;
  uint64_t last_ms; /* when something was last sent */
  bool is_chunked;
};

/* All bytes of a stream pass here, whole events at a time, never none of them
 * (an empty chunk would be the last). */
static void encode(Stream *s, Slice events, Buf *out) {
  if (!s->is_chunked) {
    buf_slice(out, events);
    return;
  }
  char size[18] = { [16] = '\r', [17] = '\n' };
  size_t at = 16;
  for (size_t n = events.len; n; n >>= 4)
    size[--at] = "0123456789abcdef"[n & 15];
  buf_put(out, size + at, sizeof size - at);
  buf_slice(out, events);
  buf_lit(out, "\r\n");
}

Stream *stream_start(HttpReq *req, const HttpHeader *headers, size_t n,
                     void (*on_close)(void *ud), void *ud) {
  if (req->server->is_draining) {
    http_reply_err(req, ERR_UNAVAILABLE); /* drain has cut the others already */
    return NULL;
  }
  HttpHeader *all = arena_alloc(&req->arena, (n + 1) * sizeof *all);
  all[0] = http_block(SLICE("Content-Type: text/event-stream\r\n"
                            "Cache-Control: no-cache\r\n"
                            "X-Accel-Buffering: no\r\n"));
  for (size_t i = 0; i < n; i++) all[i + 1] = headers[i];
  if (!req_is_connected(req) || req->method == METHOD_HEAD) {
    http_reply(req, 200, all, n + 1, (Slice){ 0 });
    return NULL;
  }
  Conn *c = req->conn;
  put_head(req, queue_out(req), 200, all, n + 1, -1);
  Stream *s = xcalloc(1, sizeof *s);
  s->req = req;
  s->on_close = on_close;
  s->ud = ud;
  s->is_chunked = req->minor >= 1;
  s->last_ms = server_now(req->server);
  req->stream = s;
  c->nstreams++;
  c->server->stats.streams++;
  conn_dirty(c);
  return s;
}

void stream_flush(Stream *s) {
  if (s->raw.len == 0) return;
  encode(s, buf_view(&s->raw), queue_out(s->req));
  s->last_ms = server_now(s->req->server);
  if (s->raw.cap > KIB(4))
    buf_free(&s->raw);
  else
    buf_clear(&s->raw);
}

size_t stream_unsent(const Stream *s) {
  const HttpReq *req = s->req;
  size_t queued = s->raw.len + req->answer.len;
  return req->conn->first == req ? queued + conn_unsent(req->conn) : queued;
}

void stream_write(Stream *s, Slice events) {
  Conn *c = s->req->conn;
  if (c->is_closing || events.len == 0) return;
  size_t max = c->server->config.limits.unsent;
  /* What this iteration has collected may be on its way already. */
  if (stream_unsent(s) + events.len > max) conn_flush(c);
  size_t unsent = stream_unsent(s);
  if (c->is_closing) return;
  if (unsent && unsent + events.len > max) {
    conn_close(c);
    return;
  }
  buf_slice(&s->raw, events);
  conn_dirty(c);
}

void stream_tick(Stream *s, uint64_t now_ms) {
  Conn *c = s->req->conn;
  if (now_ms < s->last_ms + c->server->config.limits.stream_keepalive_ms)
    return;
  s->last_ms = now_ms;
  /* A client that lags has enough to read. */
  if (stream_unsent(s) == 0) stream_write(s, SLICE(":\n\n"));
}

static void free_stream(Stream *s) {
  s->req->server->stats.streams--;
  buf_free(&s->raw);
  free(s);
}

void stream_conn_closed(Stream *s) {
  void (*on_close)(void *ud) = s->on_close;
  void *ud = s->ud;
  free_stream(s);
  if (on_close) on_close(ud);
}

void stream_close(Stream *s, bool clean) {
  HttpReq *req = s->req;
  Conn *c = req->conn;
  if (!c->is_closing) {
    stream_flush(s);
    if (!clean) conn_flush(c);
  }
  req->stream = NULL;
  c->nstreams--;
  free_stream(s);
  if (c->is_closing) {
    /* The queue lets go of it when the socket is closed. */
    req->is_answered = true;
  } else if (clean) {
    if (req->minor >= 1) buf_lit(queue_out(req), "0\r\n\r\n");
    c->is_paused = true; /* what came meanwhile can be read now */
    queue_done(req);
  } else {
    req->is_answered = true;
    conn_close(c);
  }
}
