#include "http/server.h"

#include "base/id.h"
#include "base/limits.h"
#include "http/inside.h"

#include <stdlib.h>
#include <time.h>

#define TICK_MS 1000
/* While draining, time is short and exact ends matter more than idle wake-ups.
 */
#define DRAIN_TICK_MS 20
#define SPARE_MAX 256
#define BACKLOG 511

typedef struct Listener {
  uv_tcp_t tcp;
  struct Listener *next;
} Listener;

HttpLimits http_limits_default(void) {
  return (HttpLimits){
    .request_line = HTTP_REQUEST_LINE_MAX,
    .header_bytes = HTTP_HEADER_BYTES_MAX,
    .headers = HTTP_HEADERS_MAX,
    .body = HTTP_EVENT_BODY_MAX,
    .pipeline = HTTP_PIPELINE_MAX,
    .pipeline_bytes = HTTP_PIPELINE_BYTES,
    .connections_per_ip = HTTP_CONNECTIONS_PER_IP,
    .connections = HTTP_CONNECTIONS_MAX,
    .unsent = SSE_UNSENT_MAX,
    .header_timeout_ms = HTTP_HEADER_TIMEOUT_MS,
    .body_idle_ms = HTTP_BODY_IDLE_MS,
    .keepalive_ms = HTTP_KEEPALIVE_MS,
    .write_idle_ms = HTTP_WRITE_IDLE_MS,
    .linger_ms = HTTP_LINGER_MS,
    .stream_keepalive_ms = SSE_KEEPALIVE_MS,
  };
}

/* --- time ----------------------------------------------------------------- */

uint64_t server_now(const HttpServer *s) {
  return s->config.now_ms ? s->config.now_ms(s->config.ud) : uv_now(s->loop);
}

/* Written by hand: strftime would speak the process's language. */
static void refresh_date(HttpServer *s) {
  static const char days[] = "SunMonTueWedThuFriSat";
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  time_t now = time(NULL);
  if ((uint64_t)now == s->date_s) return;
  s->date_s = (uint64_t)now;
  struct tm tm;
  gmtime_r(&now, &tm);
  snprintf(s->date, sizeof s->date,
           "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n",
           days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon,
           (tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* --- the end -------------------------------------------------------------- */

static void free_if_nobody(HttpServer *s) {
  if (!s->is_freed || s->nreqs) return;
  while (s->spare) {
    HttpReq *req = s->spare;
    s->spare = req->next;
    arena_free(&req->arena);
    buf_free(&req->body);
    buf_free(&req->answer);
    free(req);
  }
  peers_free(s->peers);
  buf_free(&s->error_headers);
  free(s);
}

static void on_own_closed(uv_handle_t *h) {
  HttpServer *s = h->data;
  if (--s->nhandles == 0 && s->on_drained) s->on_drained(s->drained_ud);
}

/* Once the last connection and the last listener are closed, so are our own. */
static void close_if_drained(HttpServer *s) {
  if (!s->is_draining || s->is_down || s->conns || s->listeners) return;
  s->is_down = true;
  uv_close((uv_handle_t *)&s->tick, on_own_closed);
  uv_close((uv_handle_t *)&s->prepare, on_own_closed);
  uv_close((uv_handle_t *)&s->check, on_own_closed);
}

void http_server_free(HttpServer *s) {
  ASSERT(s->is_down && s->nhandles == 0);
  s->is_freed = true;
  free_if_nobody(s);
}

/* --- the loop's phases ------------------------------------------------------
 */

void http_server_flush(HttpServer *s) {
  Conn *c = s->dirty;
  s->dirty = NULL;
  s->dirty_end = &s->dirty;
  while (c) {
    Conn *next = c->dirty_next;
    c->is_dirty = false;
    conn_flush(c);
    c = next;
  }
}

static void on_prepare(uv_prepare_t *h) { http_server_flush(h->data); }
static void on_check(uv_check_t *h) { http_server_flush(h->data); }

void http_server_tick(HttpServer *s) {
  uint64_t now = server_now(s);
  refresh_date(s);
  bool is_overdue = s->is_draining && now >= s->drain_deadline_ms;
  for (Conn *c = s->conns, *next; c; c = next) {
    next = c->next;
    if (is_overdue || (s->is_draining && conn_is_idle(c)))
      conn_close(c);
    else
      conn_tick(c, now);
  }
  close_if_drained(s);
}

static void on_tick(uv_timer_t *h) { http_server_tick(h->data); }

/* --- requests to use again ---------------------------------------------------
 */

HttpReq *server_take_req(HttpServer *s, Conn *c) {
  HttpReq *req = s->spare;
  if (req) {
    s->spare = req->next;
    s->nspare--;
    req->next = NULL;
  } else
    req = xcalloc(1, sizeof *req);
  req->server = s;
  req->conn = c;
  s->nreqs++;
  return req;
}

/* Empty, but with its small memory kept. */
static void wipe(HttpReq *req) {
  Arena arena = req->arena;
  Buf body = req->body, answer = req->answer;
  arena_reset(&arena);
  if (body.cap > KIB(4)) buf_free(&body);
  if (answer.cap > KIB(4)) buf_free(&answer);
  buf_clear(&body);
  buf_clear(&answer);
  *req = (HttpReq){ .arena = arena, .body = body, .answer = answer };
}

void server_give_req(HttpReq *req) {
  HttpServer *s = req->server;
  s->nreqs--;
  if (s->nspare < SPARE_MAX) {
    wipe(req);
    req->next = s->spare;
    s->spare = req;
    s->nspare++;
  } else {
    arena_free(&req->arena);
    buf_free(&req->body);
    buf_free(&req->answer);
    free(req);
  }
  free_if_nobody(s);
}

/* --- connections -------------------------------------------------------------
 */

void server_forget(Conn *c) {
  HttpServer *s = c->server;
  if (c->prev)
    c->prev->next = c->next;
  else
    s->conns = c->next;
  if (c->next) c->next->prev = c->prev;
  if (c->peer) peers_leave(s->peers, c->peer);
  s->stats.connections--;
  close_if_drained(s);
}

static void link_conn(HttpServer *s, Conn *c) {
  c->next = s->conns;
  if (s->conns) s->conns->prev = c;
  s->conns = c;
  s->stats.connections++;
}

/* Tells why in one write, if the socket takes it, and hangs up. */
static void turn_away(Conn *c, const char *answer) {
  uv_buf_t buf = uv_buf_init((char *)(uintptr_t)answer,
                             (unsigned)strlen(answer));
  uv_try_write((uv_stream_t *)&c->tcp, &buf, 1);
  c->server->stats.refused++;
  conn_close(c);
}

#define TURNED_AWAY(status, words)                      \
  "HTTP/1.1 " status "\r\nContent-Type: text/plain\r\n" \
  "Connection: close\r\nRetry-After: 10\r\nContent-Length: " words

static void set_address(Conn *c, const struct sockaddr *addr) {
  if (uv_ip_name(addr, c->address, sizeof c->address) != 0) return;
  /* An IPv4 client of an IPv6 socket has its usual name. */
  if (strncmp(c->address, "::ffff:", 7) == 0 && strchr(c->address, '.'))
    memmove(c->address, c->address + 7, strlen(c->address) - 6);
  c->address_len = (uint8_t)strlen(c->address);
}

static void on_connection(uv_stream_t *listener, int status) {
  HttpServer *s = listener->data;
  if (status < 0) return; /* the client gave up between; libuv goes on */
  Conn *c = conn_new(s);
  link_conn(s, c);
  struct sockaddr_storage addr;
  int len = sizeof addr;
  if (uv_accept(listener, (uv_stream_t *)&c->tcp) != 0 ||
      uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&addr, &len) != 0) {
    conn_close(c);
    return;
  }
  s->stats.accepted++;
  set_address(c, (struct sockaddr *)&addr);
  const HttpLimits *max = &s->config.limits;
  if (s->stats.connections > max->connections) {
    turn_away(c, TURNED_AWAY("503 Service Unavailable", "8\r\n\r\nTry soon"));
    return;
  }
  c->peer = peers_enter(s->peers, (struct sockaddr *)&addr,
                        max->connections_per_ip);
  if (!c->peer)
    turn_away(c,
              TURNED_AWAY("429 Too Many Requests",
                          "37\r\n\r\nToo many connections from one address"));
  else
    conn_start(c);
}

/* --- listening ---------------------------------------------------------------
 */

HttpServer *http_server_new(uv_loop_t *loop, const HttpConfig *config) {
  HttpServer *s = xcalloc(1, sizeof *s);
  s->loop = loop;
  s->dirty_end = &s->dirty;
  s->config = *config;
  buf_slice(&s->error_headers, config->error_headers);
  s->config.error_headers = buf_view(&s->error_headers);
  uint64_t seed;
  if (uv_random(NULL, NULL, &seed, sizeof seed, 0, NULL) != 0)
    die("the system gives no random numbers");
  s->peers = peers_new(seed);
  s->tick.data = s->prepare.data = s->check.data = s;
  uv_timer_init(loop, &s->tick);
  uv_prepare_init(loop, &s->prepare);
  uv_check_init(loop, &s->check);
  s->nhandles = 3;
  uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS);
  uv_prepare_start(&s->prepare, on_prepare);
  uv_check_start(&s->check, on_check);
  /* Only sockets keep the loop alive. */
  uv_unref((uv_handle_t *)&s->tick);
  uv_unref((uv_handle_t *)&s->prepare);
  uv_unref((uv_handle_t *)&s->check);
  refresh_date(s);
  return s;
}

/* Numeric addresses first; only a name asks the resolver, which may block: this
 * is start-up, where nothing else runs yet. */
static int resolve(uv_loop_t *loop, const char *host, int port,
                   struct sockaddr_storage *out) {
  if (port < 0 || port > 65535) return UV_EINVAL;
  if (uv_ip4_addr(host, port, (struct sockaddr_in *)out) == 0) return 0;
  if (uv_ip6_addr(host, port, (struct sockaddr_in6 *)out) == 0) return 0;
  uv_getaddrinfo_t ask;
  char service[8];
  snprintf(service, sizeof service, "%d", port);
  struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
  int e = uv_getaddrinfo(loop, &ask, NULL, host, service, &hints);
  if (e) return e;
  memcpy(out, ask.addrinfo->ai_addr, ask.addrinfo->ai_addrlen);
  uv_freeaddrinfo(ask.addrinfo);
  return 0;
}

static int port_of(const uv_tcp_t *tcp) {
  struct sockaddr_storage addr;
  int len = sizeof addr;
  if (uv_tcp_getsockname(tcp, (struct sockaddr *)&addr, &len) != 0) return 0;
  return addr.ss_family == AF_INET6
             ? ntohs(((struct sockaddr_in6 *)&addr)->sin6_port)
             : ntohs(((struct sockaddr_in *)&addr)->sin_port);
}

static void on_listener_closed(uv_handle_t *h) {
  Listener *l = (Listener *)h;
  HttpServer *s = h->data;
  Listener **link = &s->listeners;
  while (*link != l) link = &(*link)->next;
  *link = l->next;
  free(l);
  close_if_drained(s);
}

int http_server_listen(HttpServer *s, const char *host, int port,
                       int *real_port) {
  ASSERT(!s->is_draining);
  struct sockaddr_storage addr = { 0 };
  int e = resolve(s->loop, host, port, &addr);
  if (e) return e;
  Listener *l = xcalloc(1, sizeof *l);
  l->tcp.data = s;
  e = uv_tcp_init(s->loop, &l->tcp);
  if (e) {
    free(l);
    return e;
  }
  l->next = s->listeners;
  s->listeners = l;
  e = uv_tcp_bind(&l->tcp, (struct sockaddr *)&addr, 0);
  if (!e) e = uv_listen((uv_stream_t *)&l->tcp, BACKLOG, on_connection);
  if (e) {
    uv_close((uv_handle_t *)&l->tcp, on_listener_closed);
    return e;
  }
  if (real_port) *real_port = port_of(&l->tcp);
  return 0;
}

/* Idle connections are not closed here but at the next tick, after one more
 * poll: a request may be in the kernel's hands already, and it is in flight
 * too. */
void http_server_drain(HttpServer *s, uint64_t within_ms,
                       void (*on_drained)(void *ud), void *ud) {
  uint64_t deadline = server_now(s) + within_ms;
  if (s->is_draining) {
    if (deadline < s->drain_deadline_ms) s->drain_deadline_ms = deadline;
    return;
  }
  s->is_draining = true;
  s->drain_deadline_ms = deadline;
  s->on_drained = on_drained;
  s->drained_ud = ud;
  for (Listener *l = s->listeners; l; l = l->next)
    if (!uv_is_closing((uv_handle_t *)&l->tcp))
      uv_close((uv_handle_t *)&l->tcp, on_listener_closed);
  for (Conn *c = s->conns, *next; c; c = next) {
    next = c->next;
    if (c->nstreams == 0) continue;
    conn_flush(c);
    conn_close(c);
  }
  uv_timer_start(&s->tick, on_tick, DRAIN_TICK_MS, DRAIN_TICK_MS);
  uv_ref((uv_handle_t *)&s->tick); /* ends by itself: on_drained must come */
}

bool http_server_is_draining(const HttpServer *s) { return s->is_draining; }
HttpStats http_server_stats(const HttpServer *s) { return s->stats; }
