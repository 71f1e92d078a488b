/* A server and raw-bytes clients in one process and one loop, for the specs of
 * this layer. Nothing sleeps: the loop is turned until what is waited for is
 * there, and the server's clock is a number that a spec moves. */
#ifndef SPEC_HTTP_CLIENT_H
#define SPEC_HTTP_CLIENT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "http/reply.h"
#include "http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#define PATIENCE_NS 5000000000u /* a spec that waits longer has failed */
#define LATER_MAX 64

typedef struct World {
  uv_loop_t loop;
  HttpServer *server;
  HttpConfig config;
  int port;
  uint64_t now_ms;
  HttpReq *later[LATER_MAX]; /* requests to /later..., not answered yet */
  size_t nlater;
  size_t nseen; /* requests that reached the handler */
  void (*on_request)(struct World *w, HttpReq *req); /* instead of the usual */
  void *more;                                        /* a spec's own */
  bool is_drained;
} World;

typedef struct Client {
  World *w;
  int fd;
  Buf in;
  bool is_closed; /* the server's end came */
  bool is_reset;
} Client;

/* "GET /path?query [body]" as the answer's body. */
static inline void reply_echo(HttpReq *req) {
  Buf b = { 0 };
  Slice query = req_query(req);
  buf_puts(&b, method_name(req_method(req)));
  buf_byte(&b, ' ');
  buf_slice(&b, req_path(req));
  if (query.len) buf_byte(&b, '?');
  buf_slice(&b, query);
  buf_lit(&b, " [");
  buf_slice(&b, req_body(req));
  buf_byte(&b, ']');
  HttpHeader type = HEADER("Content-Type", "text/plain");
  http_reply(req, 200, &type, 1, buf_view(&b));
  buf_free(&b);
}

static inline void world_on_request(void *ud, HttpReq *req) {
  World *w = ud;
  w->nseen++;
  if (w->on_request) {
    w->on_request(w, req);
  } else if (slice_starts(req_path(req), SLICE("/later"))) {
    assert_true(w->nlater < LATER_MAX);
    w->later[w->nlater++] = req;
  } else
    reply_echo(req);
}

static inline uint64_t world_now(void *ud) { return ((World *)ud)->now_ms; }

/* Change w->config between these two. */
static inline World *world_new(void) {
  World *w = xcalloc(1, sizeof *w);
  uv_loop_init(&w->loop);
  w->now_ms = 1000000;
  w->config = (HttpConfig){ .on_request = world_on_request,
                            .ud = w,
                            .limits = http_limits_default(),
                            .now_ms = world_now };
  return w;
}

static inline void world_start(World *w) {
  w->server = http_server_new(&w->loop, &w->config);
  assert_int_equal(http_server_listen(w->server, "127.0.0.1", 0, &w->port), 0);
  assert_true(w->port > 0);
}

static inline World *world_running(void) {
  World *w = world_new();
  world_start(w);
  return w;
}

/* Turns the loop often enough for all that is under way on one machine. */
static inline void spin(World *w) {
  for (int i = 0; i < 20; i++) uv_run(&w->loop, UV_RUN_NOWAIT);
}

/* Lets time pass for the server. */
static inline void pass(World *w, uint64_t ms) {
  spin(w);
  w->now_ms += ms;
  http_server_tick(w->server);
  spin(w);
}

static inline void world_drained(void *ud) { ((World *)ud)->is_drained = true; }

static inline void wait_drained(World *w) {
  uint64_t start = clock_mono_ns();
  while (!w->is_drained) {
    uv_run(&w->loop, UV_RUN_NOWAIT);
    assert_true(clock_mono_ns() - start < PATIENCE_NS);
  }
}

/* Every handle must be closed, every byte freed (the sanitizers say so). */
static inline void world_end(World *w) {
  http_server_drain(w->server, 0, world_drained, w);
  wait_drained(w);
  http_server_free(w->server);
  uv_run(&w->loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&w->loop), 0);
  free(w);
}

static inline void answer_later(World *w, size_t i) {
  HttpReq *req = w->later[i];
  w->later[i] = NULL;
  reply_echo(req);
}

/* --- clients
 * ------------------------------------------------------------------ */

/* A receive window of `window` bytes, or the system's own for 0. */
static inline Client *connect_narrow(World *w, int window) {
  Client *c = xcalloc(1, sizeof *c);
  c->w = w;
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_true(c->fd >= 0);
  if (window) setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
  int one = 1;
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct sockaddr_in to = { .sin_family = AF_INET,
                            .sin_port = htons((uint16_t)w->port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  assert_int_equal(connect(c->fd, (struct sockaddr *)&to, sizeof to), 0);
  spin(w);
  return c;
}

static inline Client *connect_to(World *w) { return connect_narrow(w, 0); }

/* Takes what has arrived; one read. */
static inline size_t receive(Client *c) {
  if (c->is_closed) return 0;
  char *at = buf_reserve(&c->in, KIB(64));
  ssize_t n = recv(c->fd, at, KIB(64), MSG_DONTWAIT);
  if (n > 0) {
    c->in.len += (size_t)n;
    return (size_t)n;
  }
  if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
    c->is_closed = true;
    c->is_reset = n < 0;
  }
  return 0;
}

static inline void turn(Client *c) {
  uv_run(&c->w->loop, UV_RUN_NOWAIT);
  receive(c);
}

static inline void send_bytes(Client *c, Slice s) {
  uint64_t start = clock_mono_ns();
  while (s.len) {
    ssize_t n = send(c->fd, s.ptr, s.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN) return; /* the server has hung up */
    if (n > 0) s = slice(s.ptr + n, s.len - (size_t)n);
    turn(c);
    assert_true(clock_mono_ns() - start < PATIENCE_NS);
  }
}

static inline void send_text(Client *c, const char *text) {
  send_bytes(c, slice_str(text));
}

static inline const char *found(Client *c, const char *text) {
  return c->in.len ? memmem(c->in.ptr, c->in.len, text, strlen(text)) : NULL;
}

static inline size_t count(Client *c, const char *text) {
  size_t n = 0, len = strlen(text);
  const char *at = c->in.ptr, *end = at + c->in.len;
  while (at && (at = memmem(at, (size_t)(end - at), text, len))) n++, at += len;
  return n;
}

/* Waits until `text` has come. */
static inline void expect(Client *c, const char *text) {
  uint64_t start = clock_mono_ns();
  while (!found(c, text)) {
    bool is_over = c->is_closed || clock_mono_ns() - start > PATIENCE_NS;
    if (is_over) {
      print_error("waited for:\n%s\ngot:\n%.*s\n", text, (int)c->in.len,
                  c->in.ptr ? c->in.ptr : "");
      fail();
    }
    turn(c);
  }
}

/* All there is, once everything under way has come. */
static inline void settle_down(Client *c) {
  spin(c->w);
  while (receive(c)) spin(c->w);
}

static inline void expect_nothing(Client *c) {
  settle_down(c);
  if (c->in.len) print_error("came: %.*s\n", (int)c->in.len, c->in.ptr);
  assert_int_equal(c->in.len, 0);
  assert_false(c->is_closed);
}

static inline void expect_closed(Client *c) {
  uint64_t start = clock_mono_ns();
  while (!c->is_closed) {
    turn(c);
    if (clock_mono_ns() - start > PATIENCE_NS)
      fail_msg("still open after: %.*s", (int)c->in.len,
               c->in.ptr ? c->in.ptr : "");
  }
}

static inline void forget(Client *c) { buf_clear(&c->in); }

static inline void hang_up(Client *c) {
  close(c->fd);
  spin(c->w);
  buf_free(&c->in);
  free(c);
}

/* Closes so that the server sees a reset. */
static inline void hang_up_rudely(Client *c) {
  struct linger now = { .l_onoff = 1, .l_linger = 0 };
  setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  hang_up(c);
}

/* One request on one connection: the status it gets; 0 when it is closed
 * without. */
static inline int status_of(World *w, Slice request) {
  Client *c = connect_to(w);
  send_bytes(c, request);
  uint64_t start = clock_mono_ns();
  while (c->in.len < 12 && !c->is_closed) {
    turn(c);
    assert_true(clock_mono_ns() - start < PATIENCE_NS);
  }
  int status = c->in.len < 12 ? 0 : atoi(c->in.ptr + 9);
  hang_up(c);
  return status;
}

/* The server does what it is for. */
static inline void assert_healthy(World *w) {
  assert_int_equal(status_of(w, SLICE("GET /ok HTTP/1.1\r\nHost: h\r\n\r\n")),
                   200);
}

#endif
