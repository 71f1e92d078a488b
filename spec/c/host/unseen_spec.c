/* A page whose stream was cut: what it gets when it comes back, to the same
 * process and to the next one. */
#include "served.h"

#define APP "spec/c/host/app.lua"

static Client left; /* whom several hosts see */

static void begin(Client *c) {
  left = (Client){ .port = c->port };
  visit(&left, "/scripted");
}

static void press(Client *c, const char *seen) {
  char headers[160];
  snprintf(headers, sizeof headers, JSON OURS "%s%s%s",
           seen ? "Stube-Seen: " : "", seen ? seen : "", seen ? "\r\n" : "");
  left.port = c->port;
  EXPECT(&left, 204, post(&left, left.url[0], headers, SLICE("{}")));
}

/* What the stream of a page that holds `at` says until it has said `last`. The
 * caller frees. */
static Buf follow(Client *c, const char *at, const char *last) {
  char bytes[512];
  Buf heard = { 0 };
  const char *url = left.url[0];
  left.port = c->port;
  int n = snprintf(bytes, sizeof bytes,
                   "GET %.*s/sse?at=1.0 HTTP/1.1\r\nHost: x\r\nCookie: %s\r\n"
                   "Last-Event-ID: %s\r\n\r\n",
                   (int)(strstr(url, "/ix-1") - url), url, left.cookie, at);
  int fd = dial(&left);
  claim(c, fd >= 0 && send(fd, bytes, (size_t)n, MSG_NOSIGNAL) == n,
        "nobody listens");
  claim(c, hears(fd, &heard, last), "the stream never says %s: %.300s", last,
        heard.len ? heard.ptr : "");
  close(fd);
  claim(c, !left.failure[0], "%.400s", left.failure);
  return heard;
}

/* The line behind the id of the event that says where the page stands. */
#define STANDS "data: turn "

static void expect_order(Client *c, const char *at, const char *const *parts) {
  Buf heard = follow(c, at, STANDS);
  const char *from = heard.ptr;
  for (; *parts && from; parts++) {
    from = strstr(from, *parts);
    claim(c, from != NULL, "\"%s\" is missing, or out of order, in: %.1200s",
          *parts, heard.ptr);
  }
  buf_free(&heard);
}

static void expect_without(Client *c, const char *at, const char *unwanted) {
  Buf heard = follow(c, at, STANDS);
  claim(c, strstr(heard.ptr, "selector #root") != NULL, "it is not drawn anew");
  claim(c, strstr(heard.ptr, unwanted) == NULL, "\"%s\" comes again: %.1200s",
        unwanted, heard.ptr);
  buf_free(&heard);
}

static void press_twice(Client *c) {
  begin(c);
  press(c, NULL);
  press(c, NULL);
}

/* Bound signals are newer in the page that is drawn; scripts may look for what
 * it has. Who is cut off before the end must not count as one who has it. */
static void come_back(Client *c) {
  expect_order(c, "1.0",
               (const char *const[]){ "signals {\"ran\":2}", "selector #root",
                                      "<p", ">2", "began()", "run(1)", "run(2)",
                                      "stube-address", NULL });
  expect_order(c, "2.2",
               (const char *const[]){ "signals {\"ran\":2}", "selector #root",
                                      "run(2)", NULL });
  expect_without(c, "2.2", "run(1)");
  expect_without(c, "2.2", "began()");
  expect_without(c, "1.0", "\"ran\":1");
  expect_without(c, "3.3", "run(");
  Buf heard = follow(c, "1.0", STANDS);
  const char *id = strstr(heard.ptr, "\nid: ");
  const char *last = strstr(heard.ptr, "stube-address");
  claim(c, id && last && id > last && !strstr(id + 1, "\nid: "),
        "another event than the last has an id: %.1200s", heard.ptr);
  buf_free(&heard);
}

static void acknowledge(Client *c) {
  press(c, "2.3");
  expect_without(c, "1.0", "run(1)");
  EXPECT(&left, 400,
         post(&left, left.url[0], JSON OURS "Stube-Seen: x\r\n", SLICE("{}")));
  EXPECT(
      &left, 400,
      post(&left, left.url[0], JSON OURS "Stube-Seen: -1.0\r\n", SLICE("{}")));
  EXPECT(
      &left, 400,
      post(&left, left.url[0], JSON OURS "Stube-Seen: 1.2.3\r\n", SLICE("{}")));
  claim(c, !left.failure[0], "%.400s", left.failure);
}

static void scripts_and_signals_outlive_the_process(void **state) {
  (void)state;
  TempPath dir;
  temp_make(dir);
  serve_app(APP, dir, press_twice);
  serve_app(APP, dir, come_back);
  serve_app(APP, dir, acknowledge);
  buf_free(&left.reply);
  temp_remove(dir);
}

/* The page that a visit answers with is made before its boot's effects. */
static void begin_and_follow(Client *c) {
  begin(c);
  claim(c, strstr(left.reply.ptr, "/sse?at=1.0&#39;") != NULL,
        "the page says that it holds what its boot asked for: %.400s",
        left.reply.ptr);
  press(c, NULL);
  Buf heard = follow(c, "1.0", "run(1)");
  const char *began = strstr(heard.ptr, "began()");
  claim(c, began && strstr(began, "run(1)"), "its boot's script is lost: %s",
        heard.ptr);
  buf_free(&heard);
}

static void what_a_boot_asks_for_comes_with_the_stream(void **state) {
  (void)state;
  serve_app(APP, NULL, begin_and_follow);
  buf_free(&left.reply);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(scripts_and_signals_outlive_the_process),
    cmocka_unit_test(what_a_boot_asks_for_comes_with_the_stream),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
