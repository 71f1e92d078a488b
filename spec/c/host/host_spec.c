/* A whole host in this process, and a client in a thread that speaks raw HTTP
 * to it: who is refused what, and that no app code and no bytes bring it down.
 */
#include <arpa/inet.h>
#include <fcntl.h>
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

#define APP "spec/c/host/app.lua"

/* --- the client --- */

typedef struct Client {
  int port;
  int ready; /* read end of the host's standard output */
  void (*run)(struct Client *c);
  char failure[512]; /* the first claim that did not hold */
  Buf reply;
  char cookie[128];
  char url[8][256]; /* event URLs of the last page, in order */
  int n_urls;
} Client;

static void claim(Client *c, bool holds, const char *fmt, ...) {
  if (holds || c->failure[0]) return;
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(c->failure, sizeof c->failure, fmt, ap);
  va_end(ap);
}

static int dial(const Client *c) {
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
static int exchange(Client *c, const char *bytes, size_t len) {
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
static int ask(Client *c, const char *method, const char *path,
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

static int post(Client *c, const char *url, const char *headers, Slice body) {
  return ask(c, "POST", url, headers, body);
}

/* GETs a page as a new visitor; notes cookie and event URLs. */
static void visit(Client *c, const char *path) {
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

static void *run_client(void *ud) {
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

/* Serves APP while `run` speaks to it; ends with SIGTERM. `store` may be NULL.
 */
static void serve_with(const char *store, void (*run)(Client *c)) {
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
  bool ok = host_load(h, APP);
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

static void serve(void (*run)(Client *c)) { serve_with(NULL, run); }

/* --- who is refused what --- */

#define EXPECT(c, status, call)                                               \
  do {                                                                        \
    int got = (call);                                                         \
    claim((c), got == (status), "%s: %d, not %d: %.200s", #call, got, status, \
          (c)->reply.ptr);                                                    \
  } while (0)

static void refusals(Client *c) {
  visit(c, "/counter");
  const char *inc = c->url[0], *add = c->url[1];
  EXPECT(c, 404, ask(c, "GET", "/nowhere", "", (Slice){ 0 }));
  EXPECT(c, 405, ask(c, "DELETE", "/counter", "", (Slice){ 0 }));
  claim(c, strstr(c->reply.ptr, "Allow: ") != NULL, "405 without Allow");
  EXPECT(
      c, 410,
      ask(c, "GET", "/conv/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "", (Slice){ 0 }));
  EXPECT(c, 410, ask(c, "GET", "/conv/short/sse", "", (Slice){ 0 }));
  EXPECT(
      c, 410,
      post(c, "/conv/x/ix-1/inc?m=0123456789abcdef", JSON OURS, SLICE("{}")));

  EXPECT(c, 204, post(c, inc, JSON OURS, SLICE("{}")));
  EXPECT(c, 204, post(c, inc, OURS, (Slice){ 0 }));
  EXPECT(c, 204, post(c, add, JSON "Origin: http://x\r\n", SLICE("{}")));
  EXPECT(c, 204, post(c, inc, JSON, SLICE("{}"))); /* the signature decides */

  EXPECT(c, 403,
         post(c, inc, JSON "Sec-Fetch-Site: cross-site\r\n", SLICE("{}")));
  EXPECT(c, 403,
         post(c, inc, JSON "Sec-Fetch-Site: same-site\r\n", SLICE("{}")));
  EXPECT(c, 403, post(c, inc, JSON "Sec-Fetch-Site: none\r\n", SLICE("{}")));
  EXPECT(c, 403, post(c, inc, JSON "Origin: http://evil\r\n", SLICE("{}")));
  EXPECT(c, 403, post(c, inc, JSON "Origin: null\r\n", SLICE("{}")));

  char url[300];
  snprintf(url, sizeof url, "%.*s", (int)(strchr(inc, '?') - inc), inc);
  EXPECT(c, 403, post(c, url, JSON OURS, SLICE("{}")));
  snprintf(url, sizeof url, "%s", inc);
  url[strlen(url) - 1] ^= 1;
  EXPECT(c, 403, post(c, url, JSON OURS, SLICE("{}")));
  snprintf(url, sizeof url, "%s&p=1", inc);
  EXPECT(c, 403, post(c, url, JSON OURS, SLICE("{}")));
  snprintf(url, sizeof url, "%s", add);
  url[strlen(url) - 1] = '6'; /* p=5 was offered */
  EXPECT(c, 403, post(c, url, JSON OURS, SLICE("{}")));
  snprintf(url, sizeof url, "%s", inc);
  memcpy(strstr(url, "/ix-1/"), "/ix-2/", 6);
  EXPECT(c, 403, post(c, url, JSON OURS, SLICE("{}")));

  EXPECT(c, 400, post(c, inc, JSON OURS, SLICE("{")));
  EXPECT(c, 400, post(c, inc, JSON OURS, SLICE("[1]")));
  EXPECT(c, 400, post(c, inc, JSON OURS, SLICE("{\"a\":1,\"a\":2}")));
  EXPECT(c, 400, post(c, inc, JSON OURS, SLICE("{\"a\":\"\xff\"}")));
  EXPECT(c, 400, post(c, inc, JSON OURS "Stube-Event: x\r\n", SLICE("{}")));
  EXPECT(c, 400,
         post(c, inc, JSON OURS "Stube-Event: 123456789.1\r\n", SLICE("{}")));
  EXPECT(c, 400,
         post(c, inc,
              "Content-Type: application/x-www-form-urlencoded\r\n" OURS,
              SLICE("a=%zz")));
  EXPECT(c, 415,
         post(c, inc, "Content-Type: text/plain\r\n" OURS, SLICE("hi")));

  char own[128];
  snprintf(own, sizeof own, "%s", c->cookie);
  snprintf(c->cookie, sizeof c->cookie, "stube_sid=%043d", 1);
  EXPECT(c, 403, post(c, inc, JSON OURS, SLICE("{}")));
  c->cookie[0] = '\0';
  EXPECT(c, 403, post(c, inc, JSON OURS, SLICE("{}")));
  snprintf(url, sizeof url, "%.*s", (int)(strstr(inc, "/ix-1") - inc), inc);
  EXPECT(c, 403, ask(c, "GET", url, "", (Slice){ 0 }));
  strcat(url, "/sse?at=1.0");
  EXPECT(c, 403, ask(c, "GET", url, "", (Slice){ 0 }));

  /* 3 clicks and one of 5 were let through, nothing of the rest. */
  snprintf(c->cookie, sizeof c->cookie, "%s", own);
  snprintf(url, sizeof url, "%.*s", (int)(strstr(inc, "/ix-1") - inc), inc);
  EXPECT(c, 200, ask(c, "GET", url, "", (Slice){ 0 }));
  claim(c, strstr(c->reply.ptr, "<output>8</output>") != NULL,
        "the counter is not at 8");
  claim(c, strstr(c->reply.ptr, "<title>Counter &amp; more</title>") != NULL,
        "the title is lost on a reload");
}

static void depths_and_sizes(Client *c) {
  visit(c, "/counter");
  char deep[128] = "{\"a\":";
  for (int i = 0; i < 31; i++) strcat(deep, "[");
  for (int i = 0; i < 31; i++) strcat(deep, "]");
  strcat(deep, "}");
  EXPECT(c, 204, post(c, c->url[0], JSON OURS, slice_str(deep)));
  char deeper[128] = "{\"a\":";
  for (int i = 0; i < 32; i++) strcat(deeper, "[");
  for (int i = 0; i < 32; i++) strcat(deeper, "]");
  strcat(deeper, "}");
  EXPECT(c, 400, post(c, c->url[0], JSON OURS, slice_str(deeper)));

  size_t max = HTTP_EVENT_BODY_MAX;
  char *body = xmalloc(max + 1);
  memset(body, ' ', max + 1);
  body[0] = '{';
  body[max - 1] = '}';
  EXPECT(c, 204, post(c, c->url[0], JSON OURS, slice(body, max)));
  body[max - 1] = ' ';
  body[max] = '}';
  EXPECT(c, 413, post(c, c->url[0], JSON OURS, slice(body, max + 1)));
  free(body);
}

/* Opens the stream of the page last visited; its status and its socket. */
static int follow(Client *c, int *fd) {
  char bytes[512], first[64] = "";
  const char *url = c->url[0];
  int n = snprintf(bytes, sizeof bytes,
                   "GET %.*s/sse?at=1.0 HTTP/1.1\r\nHost: x\r\nCookie: %s\r\n"
                   "\r\n",
                   (int)(strstr(url, "/ix-1") - url), url, c->cookie);
  int status = 0;
  *fd = dial(c);
  if (*fd < 0 || send(*fd, bytes, (size_t)n, MSG_NOSIGNAL) != n) return 0;
  for (size_t got = 0; got < sizeof first - 1 && !strchr(first, '\n'); got++)
    if (recv(*fd, first + got, 1, 0) != 1) break;
  sscanf(first, "HTTP/1.1 %d", &status);
  return status;
}

static void streams(Client *c) {
  int fds[SSE_STREAMS_PER_CONV + 1];
  visit(c, "/counter");
  for (int i = 0; i < SSE_STREAMS_PER_CONV; i++)
    EXPECT(c, 200, follow(c, &fds[i]));
  EXPECT(c, 429, follow(c, &fds[SSE_STREAMS_PER_CONV]));
  for (size_t i = 0; i < countof(fds); i++)
    if (fds[i] >= 0) close(fds[i]);
}

static void repeats(Client *c) {
  visit(c, "/counter");
  for (int i = 0; i < 3; i++)
    EXPECT(c, 204,
           post(c, c->url[0], JSON OURS "Stube-Event: abc.1\r\n", SLICE("{}")));
  char url[256];
  snprintf(url, sizeof url, "%.*s",
           (int)(strstr(c->url[0], "/ix-1") - c->url[0]), c->url[0]);
  EXPECT(c, 200, ask(c, "GET", url, "", (Slice){ 0 }));
  claim(c, strstr(c->reply.ptr, "<output>1</output>") != NULL,
        "an event that was sent three times ran more than once");
}

/* The path of the conversation last visited, with `end` behind it. */
static void conv_path(Client *c, const char *end, char out[256]) {
  snprintf(out, 256, "%.*s%s", (int)(strstr(c->url[0], "/ix-1") - c->url[0]),
           c->url[0], end);
}

static void expect_count(Client *c, int n) {
  char url[256], wanted[64];
  conv_path(c, "", url);
  snprintf(wanted, sizeof wanted, "<output>%d</output>", n);
  EXPECT(c, 200, ask(c, "GET", url, "", (Slice){ 0 }));
  claim(c, strstr(c->reply.ptr, wanted) != NULL, "the counter is not at %d", n);
}

static void going_back(Client *c) {
  char back[256];
  visit(c, "/counter");
  conv_path(c, "/back", back);
  EXPECT(c, 409, post(c, back, OURS, (Slice){ 0 })); /* nothing yet */
  for (int i = 0; i < 5; i++)
    EXPECT(c, 204, post(c, c->url[0], JSON OURS, SLICE("{}")));
  EXPECT(c, 204, post(c, back, OURS, (Slice){ 0 }));
  expect_count(c, 4);
  EXPECT(c, 204, post(c, back, JSON OURS, SLICE("{\"turn\":2}")));
  expect_count(c, 1);
  EXPECT(c, 204, post(c, back, JSON "Origin: http://x\r\n", SLICE("{}")));
  expect_count(c, 0);
  for (int i = 0; i < 3; i++) /* a repeat is answered, and done once */
    EXPECT(c, 204,
           post(c, back, JSON OURS "Stube-Event: abc.1\r\n",
                SLICE("{\"turn\":6}")));
  expect_count(c, 5);

  EXPECT(c, 409, post(c, back, JSON OURS, SLICE("{\"turn\":99}")));
  claim(c, strstr(c->reply.ptr, "{\"turn\":10}") != NULL,
        "409 does not say the turn");
  EXPECT(c, 204, post(c, c->url[3], JSON OURS, SLICE("{}"))); /* seals */
  EXPECT(c, 409, post(c, back, JSON OURS, SLICE("{\"turn\":5}")));
  EXPECT(c, 409, post(c, back, OURS, (Slice){ 0 }));
  expect_count(c, 5);

  EXPECT(c, 400, post(c, back, JSON OURS, SLICE("{\"turn\":0}")));
  EXPECT(c, 400, post(c, back, JSON OURS, SLICE("{\"turn\":\"x\"}")));
  EXPECT(c, 400, post(c, back, JSON OURS, SLICE("[")));
  EXPECT(c, 400, post(c, back, OURS "Stube-Event: x\r\n", (Slice){ 0 }));
  EXPECT(c, 405, ask(c, "GET", back, "", (Slice){ 0 }));
  /* No signed URL vouches for it: it must say where it comes from. */
  EXPECT(c, 403, post(c, back, "", (Slice){ 0 }));
  EXPECT(c, 403, post(c, back, "Origin: http://evil\r\n", (Slice){ 0 }));
  EXPECT(c, 403, post(c, back, "Sec-Fetch-Site: none\r\n", (Slice){ 0 }));
  c->cookie[0] = '\0';
  EXPECT(c, 403, post(c, back, OURS, (Slice){ 0 }));
  EXPECT(
      c, 410,
      post(c, "/conv/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/back", OURS, (Slice){ 0 }));
}

static void plain_forms(Client *c) {
  visit(c, "/counter");
  const char *say = c->url[2];
  EXPECT(c, 303,
         post(c, say,
              "Content-Type: application/x-www-form-urlencoded\r\n"
              "Sec-Fetch-Site: same-origin\r\n",
              SLICE("said=a+%26+b")));
  claim(c, strstr(c->reply.ptr, "Location: /conv/") != NULL, "303 to nowhere");
  char url[256];
  snprintf(url, sizeof url, "%.*s", (int)(strstr(say, "/ix-1") - say), say);
  EXPECT(c, 200, ask(c, "GET", url, "", (Slice){ 0 }));
  claim(c, strstr(c->reply.ptr, "<p>a &amp; b</p>") != NULL,
        "the field is lost");
}

static void mounts(Client *c) {
  EXPECT(c, 200, ask(c, "GET", "/hello/Ada?g=Good%20day", "", (Slice){ 0 }));
  claim(c, strstr(c->reply.ptr, "Good day Ada") != NULL, "args are lost");
  claim(c, strstr(c->reply.ptr, "unsafe") == NULL, "the policy is unsafe");
  EXPECT(c, 400, ask(c, "GET", "/hello/Ada?g=%zz", "", (Slice){ 0 }));
  EXPECT(c, 500, ask(c, "GET", "/boot", "", (Slice){ 0 }));
  claim(c, strstr(c->reply.ptr, "no boot") != NULL, "the error is not shown");
  claim(c, strstr(c->reply.ptr, "Set-Cookie") == NULL, "a cookie for nothing");
  EXPECT(c, 200, ask(c, "HEAD", "/counter", "", (Slice){ 0 }));
  claim(c, strstr(c->reply.ptr, "Set-Cookie") == NULL, "HEAD mints");
  EXPECT(c, 200, ask(c, "GET", "/stube/client.js", "", (Slice){ 0 }));
  EXPECT(c, 200, ask(c, "GET", "/stube/ui.css", "", (Slice){ 0 }));
  EXPECT(c, 200, ask(c, "GET", "/stube/health", "", (Slice){ 0 }));
}

/* --- what app code does --- */

static void failing_handlers(Client *c) {
  Client other = { .port = c->port };
  visit(&other, "/counter");
  char failing[16][256];
  int n = 0;
  visit(c, "/failing");
  const char *at = c->reply.ptr;
  while ((at = strstr(at, "@post('")) && n < 16) {
    sscanf(at, "@post('%255[^']", failing[n++]);
    at += 7;
  }
  claim(c, n == 11, "%d failing handlers, not 11", n);
  for (int i = 0; i < n; i++) {
    EXPECT(c, 204, post(c, failing[i], JSON OURS, SLICE("{}")));
    EXPECT(&other, 204, post(&other, other.url[0], JSON OURS, SLICE("{}")));
  }
  char url[256];
  snprintf(url, sizeof url, "%.*s",
           (int)(strstr(failing[0], "/ix-1") - failing[0]), failing[0]);
  EXPECT(c, 200, ask(c, "GET", url, "", (Slice){ 0 }));
  claim(c, strstr(c->reply.ptr, "throw_nil</button>") != NULL,
        "the conversation did not outlive its failures: %.300s", c->reply.ptr);
  claim(c, !other.failure[0], "another conversation noticed: %.400s",
        other.failure);
  buf_free(&other.reply);
}

/* --- a store that was damaged --- */

/* Two visitors, remembered between two runs of the host. */
static Client stored[2];

static void leave_two(Client *c) {
  for (int i = 0; i < 2; i++) {
    stored[i] = (Client){ .port = c->port };
    visit(&stored[i], "/counter");
    EXPECT(&stored[i], 204,
           post(&stored[i], stored[i].url[1], JSON OURS, SLICE("{}")));
    claim(c, !stored[i].failure[0], "%.400s", stored[i].failure);
    buf_free(&stored[i].reply);
  }
}

static void find_one(Client *c) {
  static const int wanted[] = { 410, 200 };
  for (int i = 0; i < 2; i++) {
    Client *v = &stored[i];
    v->port = c->port;
    char url[256];
    snprintf(url, sizeof url, "%.*s",
             (int)(strstr(v->url[0], "/ix-1") - v->url[0]), v->url[0]);
    EXPECT(v, wanted[i], ask(v, "GET", url, "", (Slice){ 0 }));
    if (i == 1)
      claim(v, strstr(v->reply.ptr, "<output>5</output>") != NULL,
            "the other one has lost its state");
    claim(c, !v->failure[0], "%.400s", v->failure);
    buf_free(&v->reply);
  }
}

static void no_news(void *ud) { (void)ud; }
static void no_answer(void *ud, Err e) { *(Err *)ud = e; }

/* Changes one byte of the first visitor's head, in the middle. */
static void damage(const char *dir) {
  char why[256];
  Store *s = store_lmdb_open(dir, no_news, NULL, why, sizeof why);
  assert_non_null(s);
  StoreItem item = { 0 };
  assert_true(cid_raw(slice(strstr(stored[0].url[0], "/conv/") + 6, CID_LEN),
                      item.key));
  Blob *head;
  assert_int_equal(store_load(s, item.key, &head, &item.expected), OK);
  head->bytes[head->len / 2] ^= 1;
  item.head = head;
  Err e = ERR_IO;
  store_commit(s, &item, no_answer, &e);
  store_settle(s);
  assert_int_equal(e, OK);
  blob_drop(head);
  store_free(s);
}

static void a_damaged_head_ends_its_own_conversation_alone(void **state) {
  (void)state;
  char dir[] = "/tmp/stube-host-XXXXXX", command[64];
  assert_non_null(mkdtemp(dir));
  serve_with(dir, leave_two);
  damage(dir);
  serve_with(dir, find_one);
  snprintf(command, sizeof command, "rm -r %s", dir);
  assert_int_equal(system(command), 0);
}

/* --- where it is kept --- */

static void the_store_lies_beside_the_script(void **state) {
  (void)state;
  char dir[] = "/tmp/stube-host-XXXXXX", script[64], store[64], command[64];
  assert_non_null(mkdtemp(dir));
  snprintf(script, sizeof script, "%s/app.lua", dir);
  snprintf(store, sizeof store, "%s/.stube/data.mdb", dir);
  char *app = realpath(APP, NULL);
  assert_int_equal(symlink(app, script), 0);
  Host *h = host_new();
  assert_true(host_load(h, script));
  host_free(h);
  assert_int_equal(access(store, F_OK), 0);
  free(app);
  snprintf(command, sizeof command, "rm -r %s", dir);
  assert_int_equal(system(command), 0);
}

static void a_store_that_cannot_be_opened_is_not_served(void **state) {
  (void)state;
  Host *h = host_new();
  h->settings.store = xstrdup("/dev/null/store");
  int saved = dup(STDERR_FILENO), pipes[2];
  assert_int_equal(pipe(pipes), 0);
  dup2(pipes[1], STDERR_FILENO);
  bool ok = host_load(h, APP);
  dup2(saved, STDERR_FILENO);
  char said[512];
  ssize_t n = read(pipes[0], said, sizeof said - 1);
  said[n > 0 ? n : 0] = '\0';
  close(saved);
  close(pipes[0]);
  close(pipes[1]);
  host_free(h);
  assert_false(ok);
  assert_non_null(strstr(said, "/dev/null/store: Not a directory"));
  assert_non_null(strstr(said, "--store"));
}

/* --- bytes --- */

static void malformed(Client *c) {
  visit(c, "/counter");
  static const char *const nonsense[] = {
    "\r\n\r\n\r\n",
    "GET\r\n\r\n",
    "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    "GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /../etc HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET / HTTP/1.1\nHost: x\n\n",
    "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "POST /conv/a/b/c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nshort",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
  };
  uint32_t random = 12345;
  for (int i = 0; i < 1000 && !c->failure[0]; i++) {
    random = random * 1664525 + 1013904223;
    if (i % 3 == 0) {
      const char *s = nonsense[(random >> 8) % countof(nonsense)];
      exchange(c, s, strlen(s));
    } else if (i % 3 == 1) { /* a good request with one byte changed */
      char b[512];
      int n = snprintf(b, sizeof b,
                       "POST %s HTTP/1.1\r\nHost: x\r\nCookie: %s\r\n"
                       "Connection: close\r\nContent-Type: application/json\r\n"
                       "Content-Length: 11\r\n\r\n{\"ix1\":{}} ",
                       c->url[0], c->cookie);
      b[(random >> 8) % (uint32_t)n] = (char)(random >> 24);
      exchange(c, b, (size_t)n);
    } else { /* a good head with a body of noise */
      char body[64];
      for (size_t j = 0; j < sizeof body; j++)
        body[j] = (char)((random = random * 1664525 + 1013904223) >> 24);
      post(c, c->url[0], JSON OURS, slice(body, sizeof body));
    }
    if (i % 100 == 99)
      EXPECT(c, 200, ask(c, "GET", "/stube/health", "", (Slice){ 0 }));
  }
  EXPECT(c, 204, post(c, c->url[0], JSON OURS, SLICE("{}")));
}

/* --- the claims --- */

static void each_stranger_is_refused(void **state) {
  (void)state;
  serve(refusals);
}

static void bodies_are_bounded(void **state) {
  (void)state;
  serve(depths_and_sizes);
}

static void streams_are_bounded(void **state) {
  (void)state;
  serve(streams);
}

static void a_repeated_event_runs_once(void **state) {
  (void)state;
  serve(repeats);
}

static void one_goes_back_to_what_is_kept(void **state) {
  (void)state;
  serve(going_back);
}

static void a_form_works_without_the_client(void **state) {
  (void)state;
  serve(plain_forms);
}

static void mounts_pass_their_args(void **state) {
  (void)state;
  serve(mounts);
}

static void failing_code_harms_nobody_else(void **state) {
  (void)state;
  serve(failing_handlers);
}

static void a_thousand_malformed_requests_leave_it_healthy(void **state) {
  (void)state;
  serve(malformed);
}

static void a_script_that_does_not_load_is_no_app(void **state) {
  (void)state;
  int saved = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);
  dup2(null, STDERR_FILENO);
  Host *h = host_new();
  h->settings.in_memory = true;
  bool loaded = host_load(h, "spec/c/host/no_such.lua");
  host_free(h);
  dup2(saved, STDERR_FILENO);
  close(saved);
  close(null);
  assert_false(loaded);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(each_stranger_is_refused),
    cmocka_unit_test(bodies_are_bounded),
    cmocka_unit_test(streams_are_bounded),
    cmocka_unit_test(a_repeated_event_runs_once),
    cmocka_unit_test(one_goes_back_to_what_is_kept),
    cmocka_unit_test(a_form_works_without_the_client),
    cmocka_unit_test(mounts_pass_their_args),
    cmocka_unit_test(failing_code_harms_nobody_else),
    cmocka_unit_test(a_damaged_head_ends_its_own_conversation_alone),
    cmocka_unit_test(the_store_lies_beside_the_script),
    cmocka_unit_test(a_store_that_cannot_be_opened_is_not_served),
    cmocka_unit_test(a_thousand_malformed_requests_leave_it_healthy),
    cmocka_unit_test(a_script_that_does_not_load_is_no_app),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
