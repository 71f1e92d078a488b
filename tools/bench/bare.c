/* What libuv and llhttp can do at best: a server that answers with ready bytes.
 *
 * It has the URLs of the real one, pages and patches of a given size, and no
 * more thought than a counter per conversation, so that the same load can
 * measure both; the distance between them is what stube itself costs. Bytes
 * that change (the cid, the counter) have a fixed width and are written into
 * the ready answers.
 *
 *   bare [--page-bytes N] [--head-bytes N] [--patch-bytes N]
 *
 * listens on a free port of 127.0.0.1, prints it as the real one does, and ends
 * with 0 on SIGTERM. */
#include "base/base.h"
#include "base/buf.h"

#include <llhttp.h>
#include <uv.h>

#include <stdio.h>
#include <stdlib.h>

#define CID_DIGITS 22 /* as long as a real one */
#define NUMBER_DIGITS 10
#define URL_MAX 256
#define READ_BYTES 65536
#define BACKLOG 1024

typedef struct Conn Conn;
typedef struct Server Server;

typedef struct Conversation {
  Conn *stream; /* NULL while nobody listens */
  uint64_t clicks;
} Conversation;

/* A ready answer, and where in it the digits go. */
typedef struct Ready {
  Buf bytes;
  size_t at[8];
  size_t n;
} Ready;

struct Server {
  uv_loop_t loop;
  uv_tcp_t listener;
  uv_signal_t stop;
  llhttp_settings_t settings;
  char in[READ_BYTES]; /* what libuv reads is parsed before it reads again */
  Ready page, patch;
  Conversation *convs; /* by cid */
  size_t nconvs, cap;
};

struct Conn {
  uv_tcp_t tcp;
  llhttp_t parser;
  Server *server;
  size_t cid; /* whose stream this is, or none (SIZE_MAX) */
  size_t url_len;
  char url[URL_MAX];
};

/* --- writing -----------------------------------------------------------------
 */

typedef struct Late {
  uv_write_t request;
  char bytes[];
} Late;

static void on_written(uv_write_t *w, int status) {
  (void)status;
  free(w);
}

/* At once, and what the socket does not take later. */
static void put(Conn *c, Slice s) {
  uv_stream_t *to = (uv_stream_t *)&c->tcp;
  uv_buf_t b = uv_buf_init((char *)s.ptr, (unsigned)s.len);
  int n = uv_try_write(to, &b, 1);
  size_t done = n > 0 ? (size_t)n : 0;
  if (done == s.len || (n < 0 && n != UV_EAGAIN)) return;
  Late *late = xmalloc(sizeof *late + s.len - done);
  memcpy(late->bytes, s.ptr + done, s.len - done);
  b = uv_buf_init(late->bytes, (unsigned)(s.len - done));
  if (uv_write(&late->request, to, &b, 1, on_written)) free(late);
}

static void put_ready(Conn *c, Ready *r, uint64_t number, size_t digits) {
  char text[32];
  for (size_t i = digits; i-- > 0; number /= 10)
    text[i] = (char)('0' + number % 10);
  for (size_t i = 0; i < r->n; i++)
    memcpy(r->bytes.ptr + r->at[i], text, digits);
  put(c, buf_view(&r->bytes));
}

/* --- the ready answers -------------------------------------------------------
 */

/* Appends text in which each '@' stands for the digits. */
static void put_template(Ready *r, const char *text, size_t digits) {
  for (; *text; text++) {
    if (*text == '@') {
      ASSERT(r->n < countof(r->at));
      r->at[r->n++] = r->bytes.len;
      for (size_t i = 0; i < digits; i++) buf_byte(&r->bytes, '0');
    } else
      buf_byte(&r->bytes, *text == '^' ? '@' : *text);
  }
}

static void pad(Buf *b, size_t len) {
  while (b->len < len) buf_byte(b, "<p>filler</p>\n"[b->len % 14]);
}

static void make_page(Ready *page, size_t head_bytes, size_t page_bytes) {
  static const char end[] = "</section></div>\n</body></html>";
  Ready body = { 0 };
  put_template(
      &body,
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<title>Bare</title></head>\n"
      "<body data-stube-cid=\"@\" "
      "data-init=\"^get(&#39;/conv/@/sse?at=1.0&#39;, "
      "{openWhenHidden: true})\">\n"
      "<div id=\"root\"><section id=\"ix-1\"><output>0</output>\n"
      "<button data-on:click=\"^post(&#39;/conv/@/ix-1/inc?m=0&#39;)\">More"
      "</button>\n",
      CID_DIGITS);
  pad(&body.bytes, page_bytes - (sizeof end - 1));
  buf_puts(&body.bytes, end);

  Buf head = { 0 };
  buf_printf(&head,
             "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"
             "Content-Length: %zu\r\nCache-Control: no-store\r\n",
             body.bytes.len);
  buf_slice(&page->bytes, buf_view(&head));
  put_template(page,
               "Set-Cookie: stube_sid=@; Path=/; HttpOnly; SameSite=Lax\r\n",
               CID_DIGITS);
  if (page->bytes.len + 12 < head_bytes) {
    buf_puts(&page->bytes, "X-Pad: ");
    while (page->bytes.len + 4 < head_bytes) buf_byte(&page->bytes, 'x');
    buf_puts(&page->bytes, "\r\n");
  }
  buf_puts(&page->bytes, "\r\n");
  for (size_t i = 0; i < body.n; i++)
    page->at[page->n++] = page->bytes.len + body.at[i];
  buf_slice(&page->bytes, buf_view(&body.bytes));
  buf_free(&body.bytes);
  buf_free(&head);
}

static void make_patch(Ready *patch, size_t patch_bytes) {
  static const char end[] = "</section>\n\n";
  Ready event = { 0 };
  put_template(&event,
               "event: datastar-patch-elements\nid: @.1\n"
               "data: elements <section id=\"ix-1\"><output>@</output>",
               NUMBER_DIGITS);
  while (event.bytes.len + sizeof end - 1 < patch_bytes)
    buf_byte(&event.bytes, 'x');
  buf_puts(&event.bytes, end);
  buf_printf(&patch->bytes, "%zx\r\n", event.bytes.len);
  for (size_t i = 0; i < event.n; i++)
    patch->at[patch->n++] = patch->bytes.len + event.at[i];
  buf_slice(&patch->bytes, buf_view(&event.bytes));
  buf_puts(&patch->bytes, "\r\n");
  buf_free(&event.bytes);
}

/* --- requests ----------------------------------------------------------------
 */

static int on_url(llhttp_t *p, const char *at, size_t len) {
  Conn *c = p->data;
  if (c->url_len + len >= URL_MAX) return HPE_USER;
  memcpy(c->url + c->url_len, at, len);
  c->url_len += len;
  return 0;
}

static size_t new_conversation(Server *s) {
  if (s->nconvs == s->cap) {
    s->cap = s->cap ? 2 * s->cap : 1024;
    s->convs = xrealloc(s->convs, s->cap * sizeof *s->convs);
  }
  s->convs[s->nconvs] = (Conversation){ NULL, 0 };
  return s->nconvs++;
}

static int on_request(llhttp_t *p) {
  Conn *c = p->data;
  Server *s = c->server;
  char *rest;
  c->url[c->url_len] = '\0';
  c->url_len = 0;
  if (strncmp(c->url, "/conv/", 6)) {
    put_ready(c, &s->page, new_conversation(s), CID_DIGITS);
    return 0;
  }
  size_t cid = strtoul(c->url + 6, &rest, 10);
  if (cid >= s->nconvs) {
    put(c, SLICE("HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"));
  } else if (llhttp_get_method(p) == HTTP_GET && !strncmp(rest, "/sse", 4)) {
    c->cid = cid;
    s->convs[cid].stream = c;
    put(c, SLICE("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                 "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n"
                 "\r\n"));
  } else {
    Conversation *v = &s->convs[cid];
    v->clicks++;
    if (v->stream) put_ready(v->stream, &s->patch, v->clicks, NUMBER_DIGITS);
    put(c, SLICE("HTTP/1.1 204 No Content\r\n\r\n"));
  }
  return 0;
}

/* --- connections -------------------------------------------------------------
 */

static void on_closed(uv_handle_t *h) { free(h->data); }

static void drop(Conn *c) {
  if (uv_is_closing((uv_handle_t *)&c->tcp)) return;
  if (c->cid != SIZE_MAX) c->server->convs[c->cid].stream = NULL;
  uv_close((uv_handle_t *)&c->tcp, on_closed);
}

static void on_alloc(uv_handle_t *h, size_t size, uv_buf_t *out) {
  Conn *c = h->data;
  (void)size;
  *out = uv_buf_init(c->server->in, READ_BYTES);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b) {
  Conn *c = stream->data;
  if (n == 0) return;
  if (n < 0 || llhttp_execute(&c->parser, b->base, (size_t)n) != HPE_OK)
    drop(c);
}

static void on_connection(uv_stream_t *listener, int status) {
  Server *s = listener->data;
  if (status < 0) return;
  Conn *c = xcalloc(1, sizeof *c);
  c->server = s;
  c->cid = SIZE_MAX;
  c->tcp.data = c;
  llhttp_init(&c->parser, HTTP_REQUEST, &s->settings);
  c->parser.data = c;
  uv_tcp_init(&s->loop, &c->tcp);
  if (uv_accept(listener, (uv_stream_t *)&c->tcp)) {
    drop(c);
    return;
  }
  uv_tcp_nodelay(&c->tcp, 1);
  uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
}

static void close_handle(uv_handle_t *h, void *arg) {
  Server *s = arg;
  if (h->type == UV_TCP && h != (uv_handle_t *)&s->listener)
    drop(h->data);
  else if (!uv_is_closing(h))
    uv_close(h, NULL);
}

static void on_signal(uv_signal_t *signal, int number) {
  (void)number;
  uv_walk(signal->loop, close_handle, signal->data);
}

static void check(int err, const char *what) {
  if (err) die("bare: %s: %s", what, uv_strerror(err));
}

int main(int argc, char **argv) {
  size_t page_bytes = 6000, head_bytes = 0, patch_bytes = 300;
  for (int i = 1; i + 1 < argc; i += 2) {
    size_t n = strtoul(argv[i + 1], NULL, 10);
    if (!strcmp(argv[i], "--page-bytes"))
      page_bytes = n;
    else if (!strcmp(argv[i], "--head-bytes"))
      head_bytes = n;
    else if (!strcmp(argv[i], "--patch-bytes"))
      patch_bytes = n;
    else
      die("bare: unknown option %s", argv[i]);
  }
  Server *s = xcalloc(1, sizeof *s);
  make_page(&s->page, head_bytes, page_bytes);
  make_patch(&s->patch, patch_bytes);
  llhttp_settings_init(&s->settings);
  s->settings.on_url = on_url;
  s->settings.on_message_complete = on_request;

  struct sockaddr_in at;
  int len = sizeof at;
  check(uv_loop_init(&s->loop), "loop");
  check(uv_tcp_init(&s->loop, &s->listener), "socket");
  s->listener.data = s;
  uv_ip4_addr("127.0.0.1", 0, &at);
  check(uv_tcp_bind(&s->listener, (struct sockaddr *)&at, 0), "bind");
  check(uv_listen((uv_stream_t *)&s->listener, BACKLOG, on_connection),
        "listen");
  check(uv_tcp_getsockname(&s->listener, (struct sockaddr *)&at, &len), "name");
  check(uv_signal_init(&s->loop, &s->stop), "signal");
  s->stop.data = s;
  check(uv_signal_start(&s->stop, on_signal, SIGTERM), "signal");
  printf("bare: listening on http://127.0.0.1:%d\n", ntohs(at.sin_port));
  fflush(stdout);

  uv_run(&s->loop, UV_RUN_DEFAULT);
  check(uv_loop_close(&s->loop), "close");
  buf_free(&s->page.bytes);
  buf_free(&s->patch.bytes);
  free(s->convs);
  free(s);
  return 0;
}
