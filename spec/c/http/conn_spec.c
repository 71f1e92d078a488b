#include "client.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"

/* --- the ordinary
 * ---------------------------------------------------------------- */

static void test_answers_and_keeps_the_connection(void **state) {
  (void)state;
  World *w = world_running();
  Client *c = connect_to(w);
  send_text(c, GET("/one?a=1"));
  expect(c, "GET /one?a=1 []");
  assert_non_null(found(c, "HTTP/1.1 200 OK\r\nDate: "));
  assert_non_null(found(c, "Content-Length: 15\r\n"));
  assert_null(found(c, "Connection:"));
  forget(c);
  send_text(c, "POST /two HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
  expect(c, "POST /two [abc]");
  assert_int_equal(http_server_stats(w->server).connections, 1);
  assert_int_equal(http_server_stats(w->server).requests, 2);
  hang_up(c);
  assert_int_equal(http_server_stats(w->server).connections, 0);
  world_end(w);
}

static void test_a_request_may_come_byte_by_byte(void **state) {
  (void)state;
  World *w = world_running();
  Client *c = connect_to(w);
  const char *text = "\r\nPOST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
                     "chunked\r\n\r\n3;ext=1\r\nabc\r\nA\r\n0123456789\r\n0\r\n"
                     "Trailer: t\r\n\r\nPUT /y HTTP/1.1\r\nHost: h\r\n"
                     "Content-Length: 2\r\n\r\nhi" GET("/z");
  for (const char *p = text; *p; p++) send_bytes(c, slice(p, 1));
  expect(c, "GET /z []");
  assert_non_null(found(c, "POST /x [abc0123456789]"));
  assert_non_null(found(c, "PUT /y [hi]"));
  hang_up(c);
  world_end(w);
}

static void test_any_split_of_the_bytes_gives_the_same(void **state) {
  (void)state;
  World *w = world_running();
  const char *text =
      "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi"
      "POST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked"
      "\r\n\r\n2\r\nyo\r\n0\r\n\r\n" GET("/c");
  for (size_t at = 1; at < strlen(text); at++) {
    Client *c = connect_to(w);
    send_bytes(c, slice(text, at));
    send_text(c, text + at);
    expect(c, "GET /c []");
    assert_non_null(found(c, "POST /a [hi]"));
    assert_non_null(found(c, "POST /b [yo]"));
    hang_up(c);
  }
  world_end(w);
}

static void test_head_has_the_length_and_no_body(void **state) {
  (void)state;
  World *w = world_running();
  Client *c = connect_to(w);
  send_text(c, "HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n");
  expect(c, "\r\n\r\n");
  settle_down(c);
  assert_non_null(found(c, "Content-Length: 10\r\n"));
  assert_null(found(c, "HEAD /x"));
  forget(c);
  send_text(c, GET("/next"));
  expect(c, "GET /next []");
  hang_up(c);
  world_end(w);
}

static void answer_204(World *w, HttpReq *req) {
  (void)w;
  http_reply(req, 204, NULL, 0, SLICE("never sent"));
}

static void test_204_has_neither_body_nor_length(void **state) {
  (void)state;
  World *w = world_running();
  w->on_request = answer_204;
  Client *c = connect_to(w);
  send_text(c, GET("/"));
  expect(c, "\r\n\r\n");
  settle_down(c);
  assert_null(found(c, "Content-Length"));
  assert_null(found(c, "never sent"));
  hang_up(c);
  world_end(w);
}

static void look(World *w, HttpReq *req) {
  (void)w;
  assert_true(slice_is(req_header(req, "x-one"), "a b"));
  assert_true(slice_is(req_header(req, "X-Empty"), ""));
  assert_non_null(req_header(req, "X-Empty").ptr);
  assert_null(req_header(req, "x-none").ptr);
  assert_true(slice_is(req_header(req, "x-last"), "z"));
  assert_true(slice_is(req_cookie(req, "sid"), "abc"));
  assert_true(slice_is(req_cookie(req, "other"), "1"));
  assert_null(req_cookie(req, "none").ptr);
  assert_true(slice_is(req_peer(req), "127.0.0.1"));
  assert_true(req_is_connected(req));
  assert_true(req_is_keep_alive(req));
  size_t n;
  const HttpHeader *all = req_headers(req, &n);
  assert_int_equal(n, 6);
  assert_true(slice_is(all[0].name, "Host"));
  assert_null(req_ud(req));
  reply_echo(req);
}

static void test_headers_and_cookies_are_found(void **state) {
  (void)state;
  World *w = world_running();
  w->on_request = look;
  Client *c = connect_to(w);
  send_text(c, "GET / HTTP/1.1\r\nHost: h\r\nX-One: \t a b \t\r\nX-Empty:\r\n"
               "Cookie: sid=abc; x=y\r\nCookie: other=1\r\nX-LAST:z\r\n\r\n");
  expect(c, "GET / []");
  hang_up(c);
  world_end(w);
}

static void test_http_1_0_closes_unless_asked(void **state) {
  (void)state;
  World *w = world_running();
  Client *c = connect_to(w);
  send_text(c, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  expect(c, "GET /a []");
  assert_non_null(found(c, "Connection: keep-alive\r\n"));
  forget(c);
  send_text(c, "GET /b HTTP/1.0\r\n\r\n");
  expect_closed(c);
  assert_non_null(found(c, "GET /b []"));
  assert_non_null(found(c, "Connection: close\r\n"));
  assert_false(c->is_reset);
  hang_up(c);
  world_end(w);
}

static void test_connection_close_ends_it_and_ignores_the_rest(void **state) {
  (void)state;
  World *w = world_running();
  Client *c = connect_to(w);
  send_text(
      c, "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" GET("/b"));
  expect_closed(c);
  assert_non_null(found(c, "GET /a []"));
  assert_null(found(c, "GET /b"));
  assert_int_equal(w->nseen, 1);
  hang_up(c);
  world_end(w);
}

static void test_absolute_targets_and_upgrades_are_plain_requests(
    void **state) {
  (void)state;
  World *w = world_running();
  Client *c = connect_to(w);
  send_text(c, "GET http://h:80/abs?x HTTP/1.1\r\nHost: h:80\r\n\r\n"
               "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n"
               "Upgrade: websocket\r\n\r\n"
               "GET http://h HTTP/1.1\r\nHost: h\r\n\r\n"
               "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
  expect(c, "OPTIONS * []");
  assert_non_null(found(c, "GET /abs?x []"));
  assert_non_null(found(c, "GET /ws []"));
  assert_non_null(found(c, "GET / []"));
  hang_up(c);
  world_end(w);
}

static void test_paths_are_decoded_and_normalised(void **state) {
  (void)state;
  static const struct {
    const char *target, *path;
  } good[] = {
    { "/a%20b", "/a b" },
    { "//a///b", "/a/b" },
    { "/%E2%82%ac", "/\xe2\x82\xac" },
    { "/a/", "/a/" },
    { "/%41?%zz", "/A" },
    { "/...", "/..." },
    { "/..a/.b", "/..a/.b" },
    { "/a+b;c=d", "/a+b;c=d" },
  };
  static const char *const bad[] = {
    "/%00",      "/a%2Fb",     "/a%2fb",    "/../x", "/a/..", "/./a",
    "/%2e%2E/x", "/a/%2e",     "/%",        "/%1",   "/%zz",  "/%ff",
    "/%c0%af",   "/%ed%a0%80", "/%0a",      "/%7f",  "/a#b",  "a",
    "*x",        "http:/x",    "/\xc3\xa9", "/a\tb",
  };
  World *w = world_running();
  for (size_t i = 0; i < countof(good); i++) {
    Client *c = connect_to(w);
    char text[200];
    snprintf(text, sizeof text, GET("%s"), good[i].target);
    send_text(c, text);
    snprintf(text, sizeof text, "GET %s", good[i].path);
    expect(c, text);
    hang_up(c);
  }
  w->nseen = 0;
  for (size_t i = 0; i < countof(bad); i++) {
    char text[200];
    snprintf(text, sizeof text, GET("%s"), bad[i]);
    if (status_of(w, slice_str(text)) != 400) fail_msg("took %s", bad[i]);
  }
  assert_int_equal(w->nseen, 0);
  world_end(w);
}

/* --- pipelines
 * --------------------------------------------------------------------- */

static void test_answers_keep_the_order_of_requests(void **state) {
  (void)state;
  World *w = world_running();
  Client *c = connect_to(w);
  send_text(c, GET("/later/1") GET("/now/2") GET("/later/3") GET("/later/4"));
  spin(w);
  assert_int_equal(w->nlater, 3);
  answer_later(w, 2);
  answer_later(w, 1);
  expect_nothing(c);
  answer_later(w, 0);
  expect(c, "/later/4 []");
  const char *one = found(c, "/later/1 []"), *two = found(c, "/now/2 []"),
             *three = found(c, "/later/3 []"), *four = found(c, "/later/4 []");
  assert_true(one < two && two < three && three < four);
  hang_up(c);
  world_end(w);
}

static void test_answers_of_one_read_leave_in_one_write(void **state) {
  (void)state;
  World *w = world_running();
  Client *c = connect_to(w);
  Buf b = { 0 };
  for (int i = 0; i < 16; i++) buf_lit(&b, GET("/x"));
  assert_int_equal(send(c->fd, b.ptr, b.len, 0), b.len);
  spin(w);
  receive(c);
  assert_int_equal(count(c, "GET /x []"), 16);
  buf_free(&b);
  hang_up(c);
  world_end(w);
}

static void test_late_answers_for_many_connections_all_leave(void **state) {
  (void)state;
  World *w = world_running();
  Client *cs[20];
  for (size_t i = 0; i < countof(cs); i++) {
    cs[i] = connect_to(w);
    send_text(cs[i], GET("/later"));
  }
  spin(w);
  for (size_t i = 0; i < countof(cs); i++) answer_later(w, i);
  for (size_t i = 0; i < countof(cs); i++) {
    expect(cs[i], "GET /later []");
    hang_up(cs[i]);
  }
  world_end(w);
}

/* --- connections that die
 * ------------------------------------------------------------ */

static void test_an_answer_to_nobody_does_nothing(void **state) {
  (void)state;
  World *w = world_running();
  Client *polite = connect_to(w), *rude = connect_to(w);
  send_text(polite, GET("/later/a") GET("/later/b"));
  send_text(rude, GET("/later/c") GET("/later/d"));
  spin(w);
  assert_int_equal(w->nlater, 4);
  hang_up_rudely(rude);
  assert_int_equal(http_server_stats(w->server).connections, 1);
  assert_false(req_is_connected(w->later[2]));
  assert_true(slice_is(req_path(w->later[2]), "/later/c"));
  answer_later(w, 3);
  answer_later(w, 2);
  hang_up(polite);
  answer_later(w, 1);
  answer_later(w, 0);
  spin(w);
  assert_int_equal(http_server_stats(w->server).connections, 0);
  assert_healthy(w);
  world_end(w);
}

static void test_a_request_outlives_even_the_server(void **state) {
  (void)state;
  World *w = world_running();
  Client *c = connect_to(w);
  send_text(c,
            "POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi");
  spin(w);
  HttpReq *req = w->later[0];
  hang_up(c);
  world_end(w);
  assert_true(slice_is(req_path(req), "/later"));
  assert_true(slice_is(req_body(req), "hi"));
  reply_echo(req);
}

static void test_a_client_that_only_ends_its_half_is_answered(void **state) {
  (void)state;
  World *w = world_running();
  Client *c = connect_to(w);
  send_text(c, GET("/later") GET("/now") "GET /half");
  shutdown(c->fd, SHUT_WR);
  spin(w);
  answer_later(w, 0);
  expect_closed(c);
  assert_non_null(found(c, "GET /later []"));
  assert_non_null(found(c, "GET /now []"));
  assert_int_equal(count(c, "HTTP/1.1"), 2);
  assert_false(c->is_reset);
  hang_up(c);
  world_end(w);
}

static void test_a_body_cut_short_reaches_nobody(void **state) {
  (void)state;
  World *w = world_running();
  Client *c = connect_to(w);
  send_text(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf");
  hang_up(c);
  c = connect_to(w);
  send_text(c,
            GET("/later") "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n"
                          "\r\nhalf");
  hang_up_rudely(c);
  answer_later(w, 0);
  assert_int_equal(w->nseen, 1);
  world_end(w);
}

static void answer_big(World *w, HttpReq *req) {
  if (slice_starts(req_path(req), SLICE("/big")))
    http_reply(req, 200, NULL, 0, *(Slice *)w->more);
  else
    reply_echo(req);
}

static void test_a_slow_reader_gets_all_and_delays_nobody(void **state) {
  (void)state;
  World *w = world_running();
  Buf big = { 0 };
  for (int i = 0; i < 2000000; i++) buf_byte(&big, (char)('a' + i % 26));
  Slice view = buf_view(&big);
  w->more = &view;
  w->on_request = answer_big;
  Client *c = connect_narrow(w, 4096);
  send_text(c, GET("/big/1") GET("/big/2") GET("/after"));
  spin(w);
  assert_healthy(w);
  expect(c, "GET /after []");
  const char *first = found(c, "\r\n\r\n");
  assert_memory_equal(first + 4, big.ptr, big.len);
  assert_int_equal(c->in.len > 2 * big.len, 1);
  hang_up(c);
  buf_free(&big);
  world_end(w);
}

static void test_a_client_that_never_reads_costs_a_bounded_amount(
    void **state) {
  (void)state;
  World *w = world_new();
  w->config.limits.pipeline_bytes = KIB(64);
  world_start(w);
  Buf big = { 0 };
  for (int i = 0; i < 100000; i++) buf_byte(&big, 'x');
  Slice view = buf_view(&big);
  w->more = &view;
  w->on_request = answer_big;
  Client *c = connect_narrow(w, 4096);
  for (int i = 0; i < 5000; i++) {
    const char *text = GET("/big");
    if (send(c->fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) break;
    uv_run(&w->loop, UV_RUN_NOWAIT);
  }
  /* What the system's buffers took, and what one pause lets through. */
  assert_true(w->nseen < 100);
  assert_healthy(w);
  hang_up(c);
  buf_free(&big);
  world_end(w);
}

/* --- Expect
 * -------------------------------------------------------------------------- */

#define EXPECTING(length)                                   \
  "POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n" \
  "Content-Length: " length "\r\n\r\n"

static void test_100_continue_comes_before_the_body(void **state) {
  (void)state;
  World *w = world_running();
  Client *c = connect_to(w);
  send_text(c, EXPECTING("2"));
  expect(c, "HTTP/1.1 100 Continue\r\n\r\n");
  assert_int_equal(w->nseen, 0);
  send_text(c, "hi");
  expect(c, "POST /x [hi]");
  hang_up(c);
  world_end(w);
}

static void test_100_continue_waits_for_earlier_answers(void **state) {
  (void)state;
  World *w = world_running();
  Client *c = connect_to(w);
  send_text(c, GET("/later") EXPECTING("2"));
  expect_nothing(c);
  answer_later(w, 0);
  expect(c, "100 Continue");
  assert_true(found(c, "GET /later []") < found(c, "100 Continue"));
  send_text(c, "hi");
  expect(c, "POST /x [hi]");
  hang_up(c);
  world_end(w);
}

static void test_a_refused_body_is_not_asked_for(void **state) {
  (void)state;
  World *w = world_running();
  Client *c = connect_to(w);
  send_text(c, EXPECTING("999999999"));
  expect_closed(c);
  assert_non_null(found(c, "HTTP/1.1 413 "));
  assert_null(found(c, "100 Continue"));
  hang_up(c);
  assert_int_equal(
      status_of(w, SLICE("POST / HTTP/1.1\r\nHost: h\r\nExpect: tea\r\n"
                         "Content-Length: 1\r\n\r\n")),
      417);
  assert_int_equal(w->nseen, 0);
  world_end(w);
}

static Err only_small(void *ud, HttpReq *req, size_t *max) {
  (void)ud;
  if (slice_is(req_path(req), "/forbidden")) return ERR_FORBIDDEN;
  *max = slice_is(req_path(req), "/none") ? 0 : 4;
  return OK;
}

static void test_the_host_decides_how_long_a_body_may_be(void **state) {
  (void)state;
  World *w = world_new();
  w->config.on_headers = only_small;
  world_start(w);
#define CHUNKED "HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
#define LENGTH "HTTP/1.1\r\nHost: h\r\nContent-Length: "
  static const struct {
    const char *text;
    int status;
  } cases[] = {
    { "POST /x " LENGTH "4\r\n\r\nabcd", 200 },
    { "POST /x " LENGTH "5\r\n\r\nabcde", 413 },
    { "POST /none " LENGTH "1\r\n\r\na", 413 },
    { "POST /none " LENGTH "0\r\n\r\n", 200 },
    { "POST /none " CHUNKED "0\r\n\r\n", 200 },
    { "POST /none " CHUNKED "1\r\na\r\n0\r\n\r\n", 413 },
    { "POST /x " CHUNKED "2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n", 200 },
    { "POST /x " CHUNKED "2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n", 413 },
    { "POST /x " CHUNKED "fffffffffffffff\r\n", 413 },
    { "POST /forbidden " LENGTH "1\r\n\r\na", 403 },
  };
  for (size_t i = 0; i < countof(cases); i++) {
    int status = status_of(w, slice_str(cases[i].text));
    if (status != cases[i].status)
      fail_msg("%d instead of %d for %s", status, cases[i].status,
               cases[i].text);
  }
  world_end(w);
}

/* --- answers that are errors
 * ----------------------------------------------------------- */

static void test_errors_are_html_or_json_as_asked(void **state) {
  (void)state;
  World *w = world_new();
  w->config.error_headers = SLICE("X-Extra: yes\r\n");
  world_start(w);
  Client *c = connect_to(w);
  send_text(c,
            "GET /%00 HTTP/1.1\r\nHost: h\r\nAccept: application/json\r\n\r\n");
  expect_closed(c);
  assert_non_null(found(c, "Content-Type: application/json\r\n"));
  assert_non_null(found(c, "X-Extra: yes\r\n"));
  assert_non_null(found(c, "{\"status\":400,\"error\":\"Bad Request\","));
  hang_up(c);
  c = connect_to(w);
  send_text(c, "GET /%00 HTTP/1.1\r\nHost: h\r\n"
               "Accept: text/html, application/json\r\n\r\n");
  expect_closed(c);
  assert_non_null(found(c, "<h1>400 Bad Request</h1>"));
  hang_up(c);
  world_end(w);
}

static void answer_hostile(World *w, HttpReq *req) {
  (void)w;
  HttpHeader h[] = { { SLICE_INIT("X-A"), SLICE_INIT("1\r\nX-Evil: 2\0\x7f") },
                     { SLICE_INIT("X B"), SLICE_INIT("out") },
                     { SLICE_INIT("content-length"), SLICE_INIT("out") },
                     { SLICE_INIT("Transfer-encoding"), SLICE_INIT("out") },
                     { SLICE_INIT("Connection"), SLICE_INIT("out") },
                     { SLICE_INIT("date"), SLICE_INIT("out") } };
  if (slice_is(req_path(req), "/error"))
    http_reply_error(req, 404, SLICE("<b>\"&"), h, countof(h));
  else if (slice_is(req_path(req), "/100"))
    http_reply(req, 100, NULL, 0, SLICE("x"));
  else
    http_reply(req, 299, h, countof(h), SLICE("x"));
}

static void test_an_answer_cannot_be_split_by_its_headers(void **state) {
  (void)state;
  World *w = world_running();
  w->on_request = answer_hostile;
  Client *c = connect_to(w);
  send_text(c, GET("/100") GET("/x") GET("/error"));
  expect(c, "</html>");
  assert_non_null(found(c, "HTTP/1.1 500 Internal Server Error\r\n"));
  assert_non_null(found(c, "HTTP/1.1 299 Unknown\r\n"));
  assert_non_null(found(c, "X-A: 1  X-Evil: 2  \r\n"));
  assert_non_null(found(c, "&lt;b&gt;&quot;&amp;"));
  assert_null(found(c, "out"));
  hang_up(c);
  Buf b = { 0 };
  HttpHeader good = HEADER("A", "b"), bad = HEADER("A", "b\r\nC: d");
  assert_int_equal(http_headers_build(&b, &bad, 1), ERR_BAD_INPUT);
  assert_int_equal(b.len, 0);
  assert_int_equal(http_headers_build(&b, &good, 1), OK);
  assert_true(slice_is(buf_view(&b), "A: b\r\n"));
  buf_free(&b);
  world_end(w);
}

/* --- draining
 * ------------------------------------------------------------------------------
 */

static void test_drain_closes_idle_and_answers_what_is_in_flight(void **state) {
  (void)state;
  World *w = world_running();
  Client *idle = connect_to(w), *used = connect_to(w), *busy = connect_to(w),
         *half = connect_to(w), *in_kernel = connect_to(w);
  send_text(used, GET("/"));
  expect(used, "GET / []");
  send_text(busy, GET("/later"));
  send_text(half, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab");
  spin(w);
  const char *text = GET("/unread");
  assert_true(send(in_kernel->fd, text, strlen(text), 0) > 0);
  http_server_drain(w->server, 60000, world_drained, w);
  assert_true(http_server_is_draining(w->server));
  expect_closed(idle);
  expect_closed(used);
  expect_closed(in_kernel);
  assert_non_null(found(in_kernel, "GET /unread []"));
  assert_false(w->is_drained);
  send_text(half, "cd");
  expect_closed(half);
  assert_non_null(found(half, "POST /x [abcd]"));
  assert_non_null(found(half, "Connection: close\r\n"));
  answer_later(w, 0);
  expect_closed(busy);
  assert_non_null(found(busy, "GET /later []"));
  assert_non_null(found(busy, "Connection: close\r\n"));
  hang_up(idle);
  hang_up(used);
  hang_up(in_kernel);
  hang_up(half);
  assert_false(w->is_drained);
  hang_up(busy);
  wait_drained(w);
  struct sockaddr_in to = { .sin_family = AF_INET,
                            .sin_port = htons((uint16_t)w->port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), -1);
  close(fd);
  world_end(w);
}

static void test_drain_answers_a_whole_pipeline(void **state) {
  (void)state;
  World *w = world_running();
  Client *c = connect_to(w);
  send_text(c, GET("/later/1") GET("/later/2"));
  spin(w);
  http_server_drain(w->server, 60000, world_drained, w);
  spin(w);
  answer_later(w, 0);
  spin(w);
  answer_later(w, 1);
  expect_closed(c);
  assert_non_null(found(c, "/later/1 []"));
  assert_non_null(found(c, "/later/2 []"));
  assert_int_equal(count(c, "Connection: close"), 1);
  hang_up(c);
  wait_drained(w);
  world_end(w);
}

static void free_server(void *ud) {
  World *w = ud;
  http_server_free(w->server);
  w->is_drained = true;
}

static void test_a_drained_server_may_be_freed_at_once(void **state) {
  (void)state;
  World *w = world_running();
  Client *c = connect_to(w);
  http_server_drain(w->server, 1000, free_server, w);
  wait_drained(w);
  expect_closed(c);
  hang_up(c);
  uv_run(&w->loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&w->loop), 0);
  free(w);
}

static void test_drain_ends_at_its_deadline(void **state) {
  (void)state;
  World *w = world_running();
  Client *c = connect_to(w);
  send_text(c, GET("/later"));
  spin(w);
  http_server_drain(w->server, 5000, world_drained, w);
  pass(w, 4999);
  assert_false(w->is_drained);
  assert_true(req_is_connected(w->later[0]));
  pass(w, 1);
  wait_drained(w);
  expect_closed(c);
  answer_later(w, 0);
  hang_up(c);
  world_end(w);
}

/* --- listening
 * -------------------------------------------------------------------------------
 */

static void test_listening_says_what_is_wrong(void **state) {
  (void)state;
  World *w = world_running();
  int port = -1;
  assert_int_equal(http_server_listen(w->server, "127.0.0.1", w->port, &port),
                   UV_EADDRINUSE);
  assert_int_equal(port, -1);
  assert_int_equal(http_server_listen(w->server, "127.0.0.1", 70000, &port),
                   UV_EINVAL);
  assert_int_equal(http_server_listen(w->server, "192.0.2.1", 0, &port),
                   UV_EADDRNOTAVAIL);
  spin(w);
  assert_healthy(w);
  world_end(w);
}

static void test_ipv6_is_heard_too(void **state) {
  (void)state;
  World *w = world_running();
  int port;
  if (http_server_listen(w->server, "::1", 0, &port) == 0) {
    struct sockaddr_in6 to = { .sin6_family = AF_INET6,
                               .sin6_port = htons((uint16_t)port),
                               .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    Client c = { .w = w, .fd = socket(AF_INET6, SOCK_STREAM, 0) };
    assert_int_equal(connect(c.fd, (struct sockaddr *)&to, sizeof to), 0);
    send_text(&c, GET("/later"));
    spin(w);
    assert_true(slice_is(req_peer(w->later[0]), "::1"));
    answer_later(w, 0);
    expect(&c, "GET /later []");
    close(c.fd);
    buf_free(&c.in);
  }
  world_end(w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_answers_and_keeps_the_connection),
    cmocka_unit_test(test_a_request_may_come_byte_by_byte),
    cmocka_unit_test(test_any_split_of_the_bytes_gives_the_same),
    cmocka_unit_test(test_head_has_the_length_and_no_body),
    cmocka_unit_test(test_204_has_neither_body_nor_length),
    cmocka_unit_test(test_headers_and_cookies_are_found),
    cmocka_unit_test(test_http_1_0_closes_unless_asked),
    cmocka_unit_test(test_connection_close_ends_it_and_ignores_the_rest),
    cmocka_unit_test(test_absolute_targets_and_upgrades_are_plain_requests),
    cmocka_unit_test(test_paths_are_decoded_and_normalised),
    cmocka_unit_test(test_answers_keep_the_order_of_requests),
    cmocka_unit_test(test_answers_of_one_read_leave_in_one_write),
    cmocka_unit_test(test_late_answers_for_many_connections_all_leave),
    cmocka_unit_test(test_an_answer_to_nobody_does_nothing),
    cmocka_unit_test(test_a_request_outlives_even_the_server),
    cmocka_unit_test(test_a_client_that_only_ends_its_half_is_answered),
    cmocka_unit_test(test_a_body_cut_short_reaches_nobody),
    cmocka_unit_test(test_a_slow_reader_gets_all_and_delays_nobody),
    cmocka_unit_test(test_a_client_that_never_reads_costs_a_bounded_amount),
    cmocka_unit_test(test_100_continue_comes_before_the_body),
    cmocka_unit_test(test_100_continue_waits_for_earlier_answers),
    cmocka_unit_test(test_a_refused_body_is_not_asked_for),
    cmocka_unit_test(test_the_host_decides_how_long_a_body_may_be),
    cmocka_unit_test(test_errors_are_html_or_json_as_asked),
    cmocka_unit_test(test_an_answer_cannot_be_split_by_its_headers),
    cmocka_unit_test(test_drain_closes_idle_and_answers_what_is_in_flight),
    cmocka_unit_test(test_drain_answers_a_whole_pipeline),
    cmocka_unit_test(test_a_drained_server_may_be_freed_at_once),
    cmocka_unit_test(test_drain_ends_at_its_deadline),
    cmocka_unit_test(test_listening_says_what_is_wrong),
    cmocka_unit_test(test_ipv6_is_heard_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
