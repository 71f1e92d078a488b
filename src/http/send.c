/* The writing half of a connection.
 *
 * Answers collect in `out` and leave together: as much as the socket takes at
 * once, the rest with one uv_write, and meanwhile `out` collects again. So at
 * most one write is under way, and nothing here ever waits. */
#include "http/inside.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

size_t conn_unsent(const Conn *c) {
  size_t with_uv = uv_stream_get_write_queue_size((const uv_stream_t *)&c->tcp);
  return c->out.len + with_uv;
}

void conn_dirty(Conn *c) {
  if (c->is_dirty || c->is_closing) return;
  c->is_dirty = true;
  c->dirty_next = NULL;
  *c->server->dirty_end = c;
  c->server->dirty_end = &c->dirty_next;
}

/* --- the queue of answers ----------------------------------------------------
 */

static void put_continue(HttpReq *req) {
  if (!req->wants_continue) return;
  req->wants_continue = false;
  buf_lit(&req->conn->out, "HTTP/1.1 100 Continue\r\n\r\n");
  conn_dirty(req->conn);
}

void queue_push(Conn *c, HttpReq *req) {
  if (c->last)
    c->last->next = req;
  else
    c->first = req;
  c->last = req;
  c->nqueued++;
  c->held += req->held;
  if (req == c->first) put_continue(req);
}

Buf *queue_out(HttpReq *req) {
  Conn *c = req->conn;
  return req == c->first ? &c->out : &req->answer;
}

static HttpReq *pop(Conn *c) {
  HttpReq *req = c->first;
  c->first = req->next;
  if (!c->first) c->last = NULL;
  c->nqueued--;
  c->held -= req->held;
  req->next = NULL;
  return req;
}

/* The handler may still owe an answer: then the request is its alone now. */
static void let_go(HttpReq *req) {
  req->conn = NULL;
  req->next = NULL;
  if (!req->is_handed_over || req->is_answered) server_give_req(req);
}

static void drop_queue(Conn *c) {
  while (c->first) {
    HttpReq *req = pop(c);
    if (req == c->reading) c->reading = NULL;
    if (req->stream) {
      Stream *s = req->stream;
      req->stream = NULL;
      req->is_answered = true;
      c->nstreams--;
      stream_conn_closed(s);
    }
    if (req->feed) {
      req->is_answered = true;
      feed_conn_closed(req->feed);
    }
    let_go(req);
  }
}

void queue_drop_last(Conn *c) {
  HttpReq *gone = c->last, *before = NULL;
  ASSERT(gone && !gone->is_handed_over);
  for (HttpReq *req = c->first; req != gone; req = req->next) before = req;
  if (before)
    before->next = NULL;
  else
    c->first = NULL;
  c->last = before;
  c->nqueued--;
  c->held -= gone->held;
  if (c->reading == gone) c->reading = NULL;
  server_give_req(gone);
}

void queue_done(HttpReq *req) {
  Conn *c = req->conn;
  req->is_answered = true;
  while (c->first && c->first->is_answered) {
    HttpReq *done = pop(c);
    bool goes_on = done->is_keep_alive;
    let_go(done);
    if (!goes_on) {
      c->is_stopped = true;
      drop_queue(c);
    } else if (c->first) {
      /* Its bytes so far; what follows goes straight to `out`. */
      buf_slice(&c->out, buf_view(&c->first->answer));
      buf_clear(&c->first->answer);
      put_continue(c->first);
    }
  }
  conn_dirty(c);
}

/* --- the socket
 * ---------------------------------------------------------------- */

static void on_closed(uv_handle_t *h) {
  Conn *c = h->data;
  drop_queue(c);
  server_forget(c);
  conn_free(c);
}

void conn_close(Conn *c) {
  if (c->is_closing) return;
  c->is_closing = true;
  c->deadline_ms = 0;
  uv_close((uv_handle_t *)&c->tcp, on_closed);
}

static void on_shutdown(uv_shutdown_t *w, int status) {
  Conn *c = w->data;
  if (status < 0 || c->is_at_end) conn_close(c);
}

/* Our end first, then theirs: closing at once could reset the connection, and
 * the client would lose an answer it has not read yet. */
static void start_lingering(Conn *c) {
  c->is_lingering = true;
  buf_free(&c->in);
  c->head_since_ms = 0;
  c->deadline_ms = server_now(c->server) + c->server->config.limits.linger_ms;
  c->shutdown.data = c;
  if (uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp, on_shutdown) != 0)
    conn_close(c);
  else
    conn_resume(c);
}

static void on_written(uv_write_t *w, int status) {
  Conn *c = w->data;
  c->is_writing = false;
  buf_free(&c->writing);
  if (status < 0)
    conn_close(c);
  else
    conn_dirty(c);
}

static void write_rest(Conn *c, size_t sent) {
  c->writing = c->out;
  c->out = (Buf){ 0 };
  c->is_writing = true;
  c->write.data = c;
  c->write_left = c->writing.len - sent;
  c->write_deadline_ms = server_now(c->server) +
                         c->server->config.limits.write_idle_ms;
  uv_buf_t buf = uv_buf_init(c->writing.ptr + sent,
                             (unsigned)(c->writing.len - sent));
  int e = uv_write(&c->write, (uv_stream_t *)&c->tcp, &buf, 1, on_written);
  if (e) {
    c->is_writing = false;
    buf_free(&c->writing);
    conn_close(c);
  }
}

/* How much the socket takes at once; negative when it is of no use any more.
 * uv_try_write would write as to any file, which the kernel makes a tenth
 * slower: half of what a turn costs is this. */
static ssize_t send_some(Conn *c) {
  uv_os_fd_t fd;
  ssize_t n;
  if (uv_fileno((uv_handle_t *)&c->tcp, &fd)) return -1;
  do {
    n = send(fd, c->out.ptr, c->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  return n < 0 && (errno == EAGAIN || errno == ENOBUFS) ? 0 : n;
}

static void write_out(Conn *c) {
  if (c->is_writing || c->out.len == 0) return;
  ssize_t n = send_some(c);
  if (n < 0) {
    conn_close(c);
    return;
  }
  size_t sent = (size_t)n;
  c->server->stats.bytes_out += c->out.len;
  if (sent < c->out.len)
    write_rest(c, sent);
  else if (c->out.cap > KIB(16))
    buf_free(&c->out);
  else
    buf_clear(&c->out);
}

static void flush_streams(Conn *c) {
  if (c->nstreams == 0) return;
  for (HttpReq *req = c->first; req; req = req->next)
    if (req->stream) stream_flush(req->stream);
}

void conn_flush(Conn *c) {
  if (c->is_closing) return;
  flush_streams(c);
  write_out(c);
  if (c->is_closing || c->is_lingering) return;
  if (c->first && c->first->feed) feed_pull(c->first->feed);
  if (c->is_paused) conn_resume(c);
  if (c->first || c->is_writing || c->out.len) return;
  bool is_done = c->is_stopped || (c->is_at_end && !c->is_paused) ||
                 (c->server->is_draining && conn_is_idle(c));
  if (is_done)
    start_lingering(c);
  else if (!c->deadline_ms)
    conn_set_deadline(c);
}
