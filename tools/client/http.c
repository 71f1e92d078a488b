#include "http.h"

#include "fail.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECV_BYTES 16384
#define WAIT_MS 10000

static bool try_open_from(Http *h, int port, unsigned n) {
  struct sockaddr_in to = { .sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  struct sockaddr_in from = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK + n) };
  int one = 1;
  h->taken = h->read = h->left = 0;
  h->is_chunked = h->has_ended = false;
  buf_clear(&h->in);
  buf_clear(&h->text);
  h->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (h->fd < 0) fail("cannot make a socket: %s", strerror(errno));
  if (n && bind(h->fd, (struct sockaddr *)&from, sizeof from))
    fail("cannot use the address 127.0.0.%u: %s", 1 + n, strerror(errno));
  if (connect(h->fd, (struct sockaddr *)&to, sizeof to)) {
    close(h->fd);
    h->fd = -1;
    return false;
  }
  setsockopt(h->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return true;
}

bool http_try_open(Http *h, int port) { return try_open_from(h, port, 0); }

void http_open_from(Http *h, int port, unsigned n) {
  if (!try_open_from(h, port, n))
    fail("cannot connect to 127.0.0.1:%d: %s", port, strerror(errno));
}

void http_open(Http *h, int port) { http_open_from(h, port, 0); }

void http_close(Http *h) {
  if (h->fd >= 0) close(h->fd);
  buf_free(&h->in);
  buf_free(&h->text);
  h->fd = -1;
}

bool http_try_send(Http *h, Slice request) {
  ssize_t n = send(h->fd, request.ptr, request.len,
                   MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) return false;
  if (n != (ssize_t)request.len)
    fail("cannot send a request: %s", n < 0 ? strerror(errno) : "cut short");
  return true;
}

void http_send(Http *h, Slice request) {
  if (!http_try_send(h, request)) fail("cannot send a request: closed");
}

bool http_try_recv(Http *h) {
  buf_drop(&h->in, h->taken);
  h->taken = 0;
  char *to = buf_reserve(&h->in, RECV_BYTES);
  ssize_t n = recv(h->fd, to, RECV_BYTES, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (n < 0 && errno != ECONNRESET)
    fail("cannot read an answer: %s", strerror(errno));
  if (n <= 0) return false;
  h->in.len += (size_t)n;
  return true;
}

void http_recv(Http *h) {
  if (!http_try_recv(h)) unexpected("connection was closed", buf_view(&h->in));
}

void http_wait(Http *h) {
  struct pollfd p = { .fd = h->fd, .events = POLLIN };
  if (poll(&p, 1, WAIT_MS) != 1)
    unexpected("no answer for 10 s", buf_view(&h->in));
  http_recv(h);
}

/* --- answers -----------------------------------------------------------------
 */

static Slice pending(const Http *h) {
  return slice(h->in.ptr + h->taken, h->in.len - h->taken);
}

Slice header(Slice head, const char *name) {
  size_t len = strlen(name);
  const char *end = head.ptr + head.len;
  for (const char *p = head.ptr, *nl; (nl = memchr(p, '\n', (size_t)(end - p)));
       p = nl + 1) {
    if ((size_t)(nl - p) <= len || p[len] != ':' || strncasecmp(p, name, len))
      continue;
    const char *v = p + len + 1, *e = nl;
    while (v < e && *v == ' ') v++;
    while (e > v && (e[-1] == '\r' || e[-1] == ' ')) e--;
    return slice(v, (size_t)(e - v));
  }
  return slice(NULL, 0);
}

static bool take_head(Http *h, Answer *a) {
  Slice in = pending(h);
  const char *end = in.len ? memmem(in.ptr, in.len, "\r\n\r\n", 4) : NULL;
  if (!end) return false;
  a->head = slice(in.ptr, (size_t)(end + 4 - in.ptr));
  if (in.len < 12 || memcmp(in.ptr, "HTTP/1.1 ", 9))
    unexpected("not an HTTP/1.1 answer", in);
  a->status = atoi(in.ptr + 9);
  a->body = slice(in.ptr + a->head.len, 0);
  Slice coding = header(a->head, "transfer-encoding");
  h->is_chunked = slice_is(coding, "chunked");
  if (coding.len && !h->is_chunked) unexpected("unknown coding", in);
  return true;
}

/* Moves what is inside of chunks to `text`; true when the last one was there.
 */
static bool unchunk(Http *h) {
  for (;;) {
    Slice in = pending(h);
    if (h->left) {
      if (in.len == 0) return false;
      size_t n = in.len < h->left ? in.len : h->left;
      /* The last two bytes of `left` are the line end after the chunk. */
      size_t data = h->left > 2 ? h->left - 2 : 0;
      buf_put(&h->text, in.ptr, n < data ? n : data);
      h->left -= n;
      h->taken += n;
      continue;
    }
    const char *nl = in.len ? memmem(in.ptr, in.len, "\r\n", 2) : NULL;
    if (!nl) return false;
    char *end;
    size_t size = strtoul(in.ptr, &end, 16);
    if (end == in.ptr || (*end != '\r' && *end != ';'))
      unexpected("not a chunk", in);
    if (size == 0) {
      if ((size_t)(in.ptr + in.len - nl) < 4) return false;
      h->taken += (size_t)(nl + 4 - in.ptr);
      h->has_ended = true;
      return true;
    }
    h->taken += (size_t)(nl + 2 - in.ptr);
    h->left = size + 2;
  }
}

bool http_answer(Http *h, Answer *a) {
  size_t start = h->taken;
  if (!take_head(h, a)) return false;
  if (a->status == 204 || a->status == 304) {
    h->taken += a->head.len;
    return true;
  }
  if (h->is_chunked) {
    buf_clear(&h->text);
    h->left = 0;
    h->taken += a->head.len;
    if (!unchunk(h)) { /* from the start again when more has come */
      h->taken = start;
      return false;
    }
    a->body = buf_view(&h->text);
    return true;
  }
  Slice length = header(a->head, "content-length");
  if (!length.len) unexpected("answer without a length", a->head);
  a->body.len = strtoul(length.ptr, NULL, 10);
  if (pending(h).len < a->head.len + a->body.len) return false;
  h->taken += a->head.len + a->body.len;
  return true;
}

void http_expect(Http *h, int status, Answer *a) {
  while (!http_answer(h, a)) http_wait(h);
  if (a->status != status) unexpected("other status", a->head);
}

/* --- streams -----------------------------------------------------------------
 */

bool http_stream(Http *h, Answer *a) {
  if (!take_head(h, a)) return false;
  h->taken += a->head.len;
  h->left = 0;
  Slice type = header(a->head, "content-type");
  if (a->status != 200 || !slice_starts(type, SLICE("text/event-stream")))
    unexpected("not a stream", a->head);
  return true;
}

bool http_event(Http *h, Slice *event) {
  if (h->read) {
    buf_drop(&h->text, h->read);
    h->read = 0;
  }
  if (h->is_chunked && unchunk(h)) unexpected("stream ended", pending(h));
  if (!h->is_chunked) {
    buf_put(&h->text, pending(h).ptr, pending(h).len);
    h->taken = h->in.len;
  }
  while (h->text.len > h->read) {
    Slice text = slice(h->text.ptr + h->read, h->text.len - h->read);
    bool is_event = text.ptr[0] != ':' && text.ptr[0] != '\n';
    const char *end = is_event ? memmem(text.ptr, text.len, "\n\n", 2)
                               : memchr(text.ptr, '\n', text.len);
    if (!end) return false;
    *event = slice(text.ptr, (size_t)(end - text.ptr) + (is_event ? 2 : 1));
    h->read += event->len;
    if (is_event) return true;
  }
  return false;
}

/* --- finding -----------------------------------------------------------------
 */

Slice between(Slice text, const char *before, char end) {
  size_t len = strlen(before);
  const char *p = text.len ? memmem(text.ptr, text.len, before, len) : NULL;
  if (!p) return slice(NULL, 0);
  p += len;
  const char *e = memchr(p, end, (size_t)(text.ptr + text.len - p));
  return e ? slice(p, (size_t)(e - p)) : slice(NULL, 0);
}

_Noreturn void unexpected(const char *what, Slice came) {
  fail("%s; this came (%zu bytes):\n%.*s", what, came.len,
       (int)(came.len < 600 ? came.len : 600), came.ptr);
}
