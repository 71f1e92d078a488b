/* A whole host in this process, and a client in a thread that speaks raw HTTP
 * to it. */
#ifndef SPEC_HOST_SERVED_H
#define SPEC_HOST_SERVED_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/host.h"
#include "temp.h"

/* --- the client --- */

typedef struct Client {
  int port;
  int ready; /* read end of the host's standard output */
  void (*run)(struct Client *c);
  char failure[2048]; /* the first claim that did not hold */
  Buf reply;
  char cookie[128];
  char url[8][256]; /* event URLs of the last page, in order */
  int n_urls;
} Client;

static inline void claim(Client *c, bool holds, const char *fmt, ...) {
  if (holds || c->failure[0]) return;
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(c->failure, sizeof c->failure, fmt, ap);
  va_end(ap);
}

static inline int dial(const Client *c) {
  struct sockaddr_in to = { .sin_family = AF_INET,
                            .sin_port = htons((uint16_t)c->port) };
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct timeval patience = { .tv_sec = 20 };
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0) return fd;
  close(fd);
  return -1;
}

/* Sends bytes on a fresh connection, reads to the end. 0 when nothing came. */
static inline int exchange(Client *c, const char *bytes, size_t len) {
  int fd = dial(c);
  buf_clear(&c->reply);
  if (fd < 0) return 0;
  size_t sent = 0;
  while (sent < len) {
    ssize_t n = send(fd, bytes + sent, len - sent, MSG_NOSIGNAL);
    if (n <= 0) break; /* refused early: the answer is there to read */
    sent += (size_t)n;
  }
  shutdown(fd, SHUT_WR);
  for (;;) {
    char *at = buf_reserve(&c->reply, 4096);
    ssize_t n = recv(fd, at, 4096, 0);
    if (n <= 0) break;
    c->reply.len += (size_t)n;
  }
  close(fd);
  buf_put(&c->reply, "", 1);
  int status = 0;
  sscanf(c->reply.ptr, "HTTP/1.1 %d", &status);
  return status;
}

/* One request; `headers` are whole lines. */
static inline int ask(Client *c, const char *method, const char *path,
                      const char *headers, Slice body) {
  Buf b = { 0 };
  buf_printf(&b, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s", method,
             path, headers);
  if (c->cookie[0]) buf_printf(&b, "Cookie: %s\r\n", c->cookie);
  if (body.len || strcmp(method, "POST") == 0)
    buf_printf(&b, "Content-Length: %zu\r\n", body.len);
  buf_lit(&b, "\r\n");
  buf_slice(&b, body);
  int status = exchange(c, b.ptr, b.len);
  buf_free(&b);
  return status;
}

#define JSON "Content-Type: application/json\r\n"
#define OURS "Sec-Fetch-Site: same-origin\r\n"

static inline int post(Client *c, const char *url, const char *headers,
                       Slice body) {
  return ask(c, "POST", url, headers, body);
}

/* GETs a page as a new visitor; notes cookie and event URLs. */
static inline void visit(Client *c, const char *path) {
  c->cookie[0] = '\0';
  c->n_urls = 0;
  claim(c, ask(c, "GET", path, "", (Slice){ 0 }) == 200, "GET %s: %.80s", path,
        c->reply.ptr);
  const char *cookie = strstr(c->reply.ptr, "Set-Cookie: ");
  if (cookie) sscanf(cookie, "Set-Cookie: %127[^;]", c->cookie);
  const char *at = c->reply.ptr;
  while ((at = strstr(at, "@post('")) && c->n_urls < 8) {
    char *url = c->url[c->n_urls++];
    sscanf(at, "@post('%255[^']", url);
    char *amp = strstr(url, "&amp;");
    if (amp) memmove(amp + 1, amp + 5, strlen(amp + 5) + 1);
    at += 7;
  }
}

/* Reads a stream until it has said `wanted`. */
static inline bool hears(int fd, Buf *heard, const char *wanted) {
  for (;;) {
    char *at = buf_reserve(heard, 1025);
    at[0] = '\0';
    if (heard->len && strstr(heard->ptr, wanted)) return true;
    ssize_t n = recv(fd, at, 1024, 0);
    if (n <= 0) return false;
    at[n] = '\0';
    heard->len += (size_t)n;
  }
}

static inline void *run_client(void *ud) {
  Client *c = ud;
  char line[128] = "";
  size_t n = 0;
  while (n < sizeof line - 1 && read(c->ready, line + n, 1) == 1 &&
         line[n] != '\n')
    n++;
  line[n] = '\0';
  claim(c,
        sscanf(line, "stube: listening on http://127.0.0.1:%d", &c->port) == 1,
        "the ready line is \"%s\"", line);
  if (!c->failure[0]) c->run(c);
  kill(getpid(), SIGTERM);
  return NULL;
}

/* Serves `app` while `run` speaks to it; ends with SIGTERM. `store` may be
 * NULL, and so may `setup`, which changes settings. */
static inline void serve_app_as(const char *app, const char *store,
                                void (*setup)(Host *h),
                                void (*run)(Client *c)) {
  int out[2];
  assert_int_equal(pipe(out), 0);
  int saved = dup(STDOUT_FILENO);
  fflush(stdout);
  dup2(out[1], STDOUT_FILENO);
  Host *h = host_new();
  h->log.level = LOG_OFF;
  h->settings.port = 0;
  h->settings.in_memory = !store;
  h->settings.store = store ? xstrdup(store) : NULL;
  if (setup) setup(h);
  bool ok = host_load(h, app) && host_open(h);
  Client c = { .ready = out[0], .run = run };
  pthread_t thread;
  if (ok) {
    pthread_create(&thread, NULL, run_client, &c);
    ok = host_serve(h);
    pthread_join(thread, NULL);
  }
  host_free(h);
  fflush(stdout);
  dup2(saved, STDOUT_FILENO);
  close(saved);
  close(out[0]);
  close(out[1]);
  buf_free(&c.reply);
  if (c.failure[0]) fail_msg("%s", c.failure);
  assert_true(ok);
}

static inline void serve_app(const char *app, const char *store,
                             void (*run)(Client *c)) {
  serve_app_as(app, store, NULL, run);
}

#define EXPECT(c, status, call)                                               \
  do {                                                                        \
    int got = (call);                                                         \
    claim((c), got == (status), "%s: %d, not %d: %.200s", #call, got, status, \
          (c)->reply.ptr);                                                    \
  } while (0)

#endif
