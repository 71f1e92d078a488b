/* A whole host, spoken to from outside: who is refused what, and that no app
 * code and no bytes bring it down. */
#include "host/served.h"

#include <fcntl.h>

#define APP "spec/c/host/app.lua"

static void serve_with(const char *store, void (*run)(Client *c)) {
  serve_app(APP, store, run);
}

static void serve(void (*run)(Client *c)) { serve_with(NULL, run); }

/* --- who is refused what --- */

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

/* The path of the conversation last visited, with `end` behind it. */
static void conv_path(Client *c, const char *end, char out[256]) {
  snprintf(out, 256, "%.*s%s", (int)(strstr(c->url[0], "/ix-1") - c->url[0]),
           c->url[0], end);
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

static void two_streams(Client *c) {
  int older, newer;
  Buf heard = { 0 };
  visit(c, "/counter");
  EXPECT(c, 200, follow(c, &older));
  EXPECT(c, 200, follow(c, &newer));
  EXPECT(c, 204, post(c, c->url[0], JSON OURS, SLICE("{}")));
  claim(c, hears(older, &heard, "<output>1</output>"), "the older is deaf");
  buf_clear(&heard);
  close(older);
  for (int n = 1; n <= 3; n++) { /* one of these finds it closed */
    char wanted[64];
    snprintf(wanted, sizeof wanted, "<output>%d</output>", n + 1);
    EXPECT(c, 204, post(c, c->url[0], JSON OURS, SLICE("{}")));
    claim(c, hears(newer, &heard, wanted), "the newer went with the older");
  }
  close(newer);
  buf_free(&heard);
}

static void turns_that_nobody_saw(Client *c) {
  int fd;
  Buf heard = { 0 };
  visit(c, "/counter");
  for (int i = 0; i < 3; i++)
    EXPECT(c, 204, post(c, c->url[0], JSON OURS, SLICE("{}")));
  EXPECT(c, 200, follow(c, &fd)); /* of a page that was painted at turn 1 */
  EXPECT(c, 204, post(c, c->url[0], JSON OURS, SLICE("{}")));
  claim(c, hears(fd, &heard, "<output>4</output>"), "the last is missing");
  const char *at = heard.ptr;
  for (int n = 1; n <= 4 && at; n++) {
    char wanted[64];
    snprintf(wanted, sizeof wanted, "<output>%d</output>", n);
    at = strstr(at, wanted);
    claim(c, at != NULL, "%d is lost, or out of order", n);
  }
  close(fd);
  buf_free(&heard);
}

/* Asks for the streams of ids that are near one that is there. */
static void streams_of_nobody(Client *c) {
  char url[256];
  visit(c, "/counter");
  conv_path(c, "/sse?at=1.0", url);
  for (size_t i = 0; i < CID_LEN; i++) {
    char *at = url + strlen("/conv/") + i, was = *at;
    *at = was == 'A' ? 'B' : 'A';
    EXPECT(c, 410, ask(c, "GET", url, "", (Slice){ 0 }));
    *at = was;
  }
  EXPECT(c, 200, ask(c, "GET", "/stube/metrics", "", (Slice){ 0 }));
  claim(c, strstr(c->reply.ptr, "\nstube_streams 0\n") != NULL,
        "a stream is open");
  claim(c,
        strstr(c->reply.ptr, "{state=\"provisional\"} 1\n") != NULL &&
            strstr(c->reply.ptr, "{state=\"asleep\"} 0\n") != NULL,
        "one is registered: %s", c->reply.ptr);
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
  claim(c, strstr(c->reply.ptr, "{\"turn\":6}") != NULL,
        "409 does not say by which turn it stands");
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

/* A new page of failing handlers: the URLs of their events. */
static int visit_failing(Client *c, char failing[16][256]) {
  int n = 0;
  visit(c, "/failing");
  const char *at = c->reply.ptr;
  while ((at = strstr(at, "@post('")) && n < 16) {
    sscanf(at, "@post('%255[^']", failing[n++]);
    at += 7;
  }
  return n;
}

/* One whose turns take too much again and again has to wait. */
static void failing_twice(Client *c) {
  char failing[16][256];
  int n = visit_failing(c, failing), refused = 0;
  for (int i = 0; i < n; i++)
    refused += post(c, failing[i], JSON OURS, SLICE("{}")) == 429;
  claim(c, refused > 0, "two turns took too much, and it goes on");
  claim(c, strstr(c->reply.ptr, "Retry-After: ") != NULL, "no Retry-After");
}

static void failing_handlers(Client *c) {
  Client other = { .port = c->port };
  visit(&other, "/counter");
  char failing[16][256];
  int n = visit_failing(c, failing);
  claim(c, n == 11, "%d failing handlers, not 11", n);
  for (int i = 0; i < n; i++) {
    visit_failing(c, failing);
    EXPECT(c, 204, post(c, failing[i], JSON OURS, SLICE("{}")));
    EXPECT(&other, 204, post(&other, other.url[0], JSON OURS, SLICE("{}")));
    char url[256];
    snprintf(url, sizeof url, "%.*s",
             (int)(strstr(failing[0], "/ix-1") - failing[0]), failing[0]);
    EXPECT(c, 200, ask(c, "GET", url, "", (Slice){ 0 }));
    claim(c, strstr(c->reply.ptr, "throw_nil</button>") != NULL,
          "the conversation did not outlive its failure %d: %.300s", i,
          c->reply.ptr);
  }
  failing_twice(c);
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
  TempPath dir;
  temp_make(dir);
  serve_with(dir, leave_two);
  damage(dir);
  serve_with(dir, find_one);
  temp_remove(dir);
}

/* --- where it is kept --- */

static void the_store_lies_beside_the_script(void **state) {
  (void)state;
  TempPath dir;
  char script[64], store[64];
  temp_make(dir);
  snprintf(script, sizeof script, "%s/app.lua", dir);
  snprintf(store, sizeof store, "%s/.stube/data.mdb", dir);
  char *app = realpath(APP, NULL);
  assert_int_equal(symlink(app, script), 0);
  Host *h = host_new();
  assert_true(host_load(h, script) && host_open(h));
  host_free(h);
  assert_int_equal(access(store, F_OK), 0);
  free(app);
  temp_remove(dir);
}

/* What a host says that will not serve from a store. */
static void refused_store(const char *store, char *said, size_t size) {
  Host *h = host_new();
  h->settings.store = xstrdup(store);
  int saved = dup(STDERR_FILENO), pipes[2];
  assert_int_equal(pipe(pipes), 0);
  dup2(pipes[1], STDERR_FILENO);
  bool ok = host_load(h, APP) && host_open(h);
  dup2(saved, STDERR_FILENO);
  ssize_t n = read(pipes[0], said, size - 1);
  said[n > 0 ? n : 0] = '\0';
  close(saved);
  close(pipes[0]);
  close(pipes[1]);
  host_free(h);
  assert_false(ok);
}

static void a_store_that_cannot_be_opened_is_not_served(void **state) {
  (void)state;
  char said[512];
  refused_store("/dev/null/store", said, sizeof said);
  assert_non_null(strstr(said, "/dev/null/store: Not a directory"));
  assert_non_null(strstr(said, "--store"));
}

static void a_store_without_its_key_is_not_served(void **state) {
  (void)state;
  TempPath dir;
  char key[64], said[512];
  temp_make(dir);
  serve_with(dir, leave_two);
  snprintf(key, sizeof key, "%s/key", dir);
  assert_int_equal(unlink(key), 0);
  refused_store(dir, said, sizeof said);
  assert_non_null(strstr(said, "/key is missing"));
  temp_remove(dir);
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

static void an_older_stream_leaves_the_newer_alone_defect_8(void **state) {
  (void)state;
  serve(two_streams);
}

static void what_nobody_saw_comes_in_order_defect_10(void **state) {
  (void)state;
  serve(turns_that_nobody_saw);
}

static void a_stream_of_nobody_is_refused_defect_9(void **state) {
  (void)state;
  serve(streams_of_nobody);
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
    cmocka_unit_test(bodies_are_bounded), /* 12.9 */
    cmocka_unit_test(streams_are_bounded),
    cmocka_unit_test(an_older_stream_leaves_the_newer_alone_defect_8),
    cmocka_unit_test(
        what_nobody_saw_comes_in_order_defect_10), /* 3.g, B:subscribe */
    cmocka_unit_test(a_stream_of_nobody_is_refused_defect_9),
    cmocka_unit_test(a_repeated_event_runs_once),
    cmocka_unit_test(one_goes_back_to_what_is_kept), /* 10.7 */
    cmocka_unit_test(a_form_works_without_the_client),
    cmocka_unit_test(mounts_pass_their_args), /* 11.7 */
    cmocka_unit_test(failing_code_harms_nobody_else),
    cmocka_unit_test(a_damaged_head_ends_its_own_conversation_alone),
    cmocka_unit_test(the_store_lies_beside_the_script),
    cmocka_unit_test(a_store_that_cannot_be_opened_is_not_served),
    cmocka_unit_test(a_store_without_its_key_is_not_served),
    cmocka_unit_test(a_thousand_malformed_requests_leave_it_healthy),
    cmocka_unit_test(a_script_that_does_not_load_is_no_app),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
