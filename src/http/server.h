/* An HTTP/1.1 server on a libuv loop: listens, parses, bounds, hands each whole
 * request to one handler, sends the answers in order.
 *
 * It never blocks and belongs to the loop's thread. One coarse timer serves all
 * timeouts, so they fire up to a second late. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "base/err.h"
#include "http/req.h"

typedef struct uv_loop_s uv_loop_t;
typedef struct HttpServer HttpServer;

/* All maxima of one server; the reasons are in base/limits.h. */
typedef struct HttpLimits {
  size_t request_line;        /* bytes: 414 past it */
  size_t header_bytes;        /* bytes of all header lines together: 431 */
  size_t headers;             /* number of header lines: 431 */
  size_t body;                /* bytes, unless on_headers says otherwise: 413 */
  size_t pipeline;            /* requests of a connection read ahead */
  size_t pipeline_bytes;      /* their bytes: reading pauses past it */
  size_t connections_per_ip;  /* 429 and closed past it */
  size_t connections;         /* of the whole server: 503 and closed past it */
  size_t unsent;              /* bytes a stream's client may lag behind */
  uint64_t header_timeout_ms; /* from first byte to end of head: 408 */
  uint64_t body_idle_ms;      /* between two pieces of a body: 408 */
  uint64_t keepalive_ms;      /* between two requests: closed */
  uint64_t write_idle_ms;     /* client takes nothing of its answer: closed */
  uint64_t linger_ms;         /* client's last bytes are awaited: closed */
  uint64_t stream_keepalive_ms; /* silence after which a comment is sent */
} HttpLimits;

HttpLimits http_limits_default(void);

typedef struct HttpConfig {
  /* A whole request. It must be answered, now or later, on the loop's thread.
   */
  void (*on_request)(void *ud, HttpReq *req);
  /* Asked when the head of a request with a body has arrived (req_body is empty
   * still): how long may the body be? `*body_max` comes in as limits.body. An
   * Err refuses the request with its status at once. NULL: the default. The
   * body may never come, so what is kept for it belongs in req_arena. */
  Err (*on_headers)(void *ud, HttpReq *req, size_t *body_max);
  /* Called when what one connection had sent is read and handled, while others
   * may still wait for that. NULL: nothing is more urgent than they are. */
  void (*between)(void *ud);
  void *ud;
  HttpLimits limits;
  /* Lines that every error answer made here carries (http_headers_build);
   * copied. */
  Slice error_headers;
  /* Milliseconds that only grow; NULL is the loop's clock. For specs. */
  uint64_t (*now_ms)(void *ud);
} HttpConfig;

/* Never fails. `config` is copied. */
HttpServer *http_server_new(uv_loop_t *loop, const HttpConfig *config);

/* Listens on an IPv4 or IPv6 address or a host name; port 0 picks a free one.
 * The real port goes to `*real_port` (may be NULL). May be called several
 * times. Returns 0, or a negative libuv error for uv_strerror, and then changes
 * nothing. */
int http_server_listen(HttpServer *s, const char *host, int port,
                       int *real_port);

/* Shuts down: stops listening, cuts streams without their final chunk, closes
 * idle connections, lets requests in flight be answered, and after `within_ms`
 * closes whatever is left. Then `on_drained` is called, once, from the loop;
 * only then may the server be freed. A second call can only shorten the time.
 */
void http_server_drain(HttpServer *s, uint64_t within_ms,
                       void (*on_drained)(void *ud), void *ud);
bool http_server_is_draining(const HttpServer *s);

/* Frees a drained server. Requests that were never answered stay valid. */
void http_server_free(HttpServer *s);

/* Sends what is answered by now, and does not wait for the end of the loop's
 * iteration. Not from inside on_request. */
void http_server_flush(HttpServer *s);

/* What the timer does each second: for specs with a clock of their own. */
void http_server_tick(HttpServer *s);

typedef struct HttpStats {
  uint64_t connections; /* open now */
  uint64_t streams;     /* open now */
  uint64_t accepted;    /* connections since the start */
  uint64_t refused;     /* connections over a limit */
  uint64_t requests;    /* handed to the handler */
  uint64_t errors;      /* refused before the handler saw them */
  uint64_t timeouts;    /* connections that were too slow */
  uint64_t bytes_in, bytes_out;
} HttpStats;

HttpStats http_server_stats(const HttpServer *s);

#endif
