/* What the files of this layer know of each other; nobody above includes it.
 *
 *   server  listening sockets, the timer, the list of connections, draining
 *   conn    reading: bytes -> HttpReq, the only file that knows llhttp
 *   send    writing: answers in order, one write an iteration, closing
 *   reply   one answer -> bytes            stream  one open answer -> chunks
 *   feed    one answer whose body comes piece by piece
 *
 * A connection keeps its requests in a queue, oldest first. Only the oldest may
 * write into the connection's `out`; the others collect their bytes in `answer`
 * until it is their turn. */
#ifndef HTTP_INSIDE_H
#define HTTP_INSIDE_H

#include "base/buf.h"
#include "base/limits.h"
#include "http/feed.h"
#include "http/peers.h"
#include "http/req.h"
#include "http/server.h"
#include "http/stream.h"

#include <uv.h>

typedef struct Conn Conn;

struct HttpReq {
  Conn *conn;         /* NULL once the connection is gone */
  HttpServer *server; /* lives as long as any request of it */
  HttpReq *next;      /* in the connection's queue, or among the spare ones */
  Arena arena;        /* the head as it came, and what was made of it */
  Slice path, query, peer;
  HttpHeader *headers;
  size_t nheaders;
  HttpHeader added; /* goes with its answer; its name is empty: nothing does */
  Buf body;         /* its `max` is this request's own limit */
  Buf answer;       /* bytes that wait for their turn */
  Stream *stream;   /* the open answer, if it is one */
  Feed *feed;       /* who brings the rest of its body, if somebody does */
  void *ud;         /* the handler's */
  size_t held;      /* bytes counted in the connection's `held` */
  HttpMethod method;
  uint8_t minor;       /* of HTTP/1.x */
  bool is_keep_alive;  /* the connection goes on after this answer */
  bool is_handed_over; /* the handler has it and owes an answer */
  bool is_answered;    /* the whole answer is in `out` or `answer` */
  bool wants_continue; /* 100 is owed before the body comes */
};

/* What one connection is, the parser aside (conn.c puts it behind this). */
struct Conn {
  uv_tcp_t tcp;
  HttpServer *server;
  Conn *prev, *next; /* in the server's list */
  Conn *dirty_next;  /* in its list of those with something to do */
  Peer *peer;        /* who it counts for */
  char address[46];  /* of the other end, as text */
  uint8_t address_len;

  /* reading */
  Buf in;                 /* came, but not parsed yet */
  HttpReq *reading;       /* whose body is arriving; also the queue's last */
  uint64_t head_since_ms; /* first byte of the head that is arriving; 0: none */
  uint64_t deadline_ms;   /* for the next byte; 0: nothing is expected */

  /* answering */
  HttpReq *first, *last; /* not wholly answered, or waiting behind such */
  size_t nqueued;
  size_t nstreams; /* how many of them are open streams */
  size_t held;     /* bytes of their heads and bodies */

  /* writing */
  Buf out;     /* goes out at the end of this iteration */
  Buf writing; /* is with libuv */
  uv_write_t write;
  uv_shutdown_t shutdown;
  size_t write_left;          /* of `writing`, when last looked at */
  uint64_t write_deadline_ms; /* for libuv to get rid of some of it */
  size_t lingered;            /* bytes thrown away since our end */

  bool is_dirty;
  bool is_new;       /* nothing has come yet */
  bool is_reading;   /* libuv has been told to */
  bool is_parsing;   /* a handler may be running below us */
  bool is_paused;    /* something unparsed waits for answers to leave */
  bool is_at_end;    /* the other end will send no more */
  bool is_stopped;   /* no request is taken any more: close when all is sent */
  bool is_writing;   /* `write` is under way */
  bool is_lingering; /* our end is sent, theirs is awaited */
  bool is_closing;   /* uv_close was called */
};

struct HttpServer {
  uv_loop_t *loop;
  HttpConfig config;
  Buf error_headers;
  uv_timer_t tick;
  uv_prepare_t prepare; /* answers made by timers leave before the poll */
  uv_check_t check;     /* answers made by the poll leave after it */
  struct Listener *listeners;
  size_t nhandles; /* of our own and the listeners, not closed yet */
  Conn *conns;
  Conn *dirty;      /* with something to do, in the order they got it */
  Conn **dirty_end; /* where the next one goes */
  Peers *peers;
  HttpReq *spare; /* answered requests, to be used again */
  size_t nspare;
  size_t nreqs; /* not spare */
  HttpStats stats;
  char date[40]; /* "Date: ...\r\n" */
  uint64_t date_s;
  uint64_t drain_deadline_ms;
  void (*on_drained)(void *ud);
  void *drained_ud;
  bool is_draining;
  bool is_down;  /* own handles are being closed, or are */
  bool is_freed; /* goes with the last request */
  char read_buf[HTTP_READ_BYTES];
};

/* --- server.c --- */
uint64_t server_now(const HttpServer *s);
void server_forget(Conn *c); /* the connection is closed; frees nothing */
HttpReq *server_take_req(HttpServer *s, Conn *c);
void server_give_req(HttpReq *req);

/* --- conn.c --- */
Conn *conn_new(HttpServer *s); /* with its tcp handle initialised */
void conn_start(Conn *c);
void conn_free(Conn *c);
void conn_resume(Conn *c); /* parses what waited, reads on */
void conn_tick(Conn *c, uint64_t now_ms);
/* Nothing has come of a request, and nothing is owed or unsent. */
bool conn_is_idle(const Conn *c);
void conn_set_deadline(Conn *c);

/* --- send.c --- */
void conn_dirty(Conn *c); /* will be flushed in this iteration */
void conn_flush(Conn *c);
void conn_close(Conn *c); /* at once; requests become nobody's */
size_t conn_unsent(const Conn *c);
void queue_push(Conn *c, HttpReq *req);
/* Where the bytes of this request's answer go just now. */
Buf *queue_out(HttpReq *req);
/* The answer is whole; ends the request. */
void queue_done(HttpReq *req);
/* The newest, not handed over yet, will never be whole. */
void queue_drop_last(Conn *c);

/* --- reply.c --- */
/* Appends status line and headers; `length` < 0: chunked, or up to the end. */
void put_head(HttpReq *req, Buf *b, int status, const HttpHeader *headers,
              size_t n, int64_t length);

/* --- stream.c --- */
void stream_flush(Stream *s); /* collected bytes become a chunk */
void stream_tick(Stream *s, uint64_t now_ms); /* comment lines */
void stream_conn_closed(Stream *s);           /* tells its owner; frees it */

/* --- feed.c --- */
void feed_pull(Feed *f); /* it is its turn: asks for more, if there is room */
void feed_conn_closed(Feed *f); /* tells its owner; frees it */

#endif
