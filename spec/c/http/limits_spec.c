/* Each maximum at its value and one past it. The values are the real ones of
 * base/limits.h where that is cheap; time is the spec's own. */
#include "client.h"

/* --- sizes
 * ------------------------------------------------------------------------- */

static void assert_status(World *w, Buf *request, int status) {
  int got = status_of(w, buf_view(request));
  if (got != status)
    fail_msg("%d instead of %d for %zu bytes: %.60s", got, status, request->len,
             request->ptr);
  buf_clear(request);
}

static void put_times(Buf *b, char c, size_t n) {
  while (n--) buf_byte(b, c);
}

/* "GET /xxx HTTP/1.1" of so many bytes, and its line end. */
static void put_line(Buf *b, size_t len) {
  buf_lit(b, "GET /");
  put_times(b, 'x', len - strlen("GET / HTTP/1.1"));
  buf_lit(b, " HTTP/1.1\r\n");
}

static void test_request_line(void **state) {
  (void)state;
  World *w = world_running();
  Buf b = { 0 };
  put_line(&b, HTTP_REQUEST_LINE_MAX);
  buf_lit(&b, "Host: h\r\n\r\n");
  assert_status(w, &b, 200);
  put_line(&b, HTTP_REQUEST_LINE_MAX + 1);
  buf_lit(&b, "Host: h\r\n\r\n");
  assert_status(w, &b, 414);
  /* The line need not end to be too long. */
  buf_lit(&b, "GET /");
  put_times(&b, 'x', HTTP_REQUEST_LINE_MAX - 3);
  assert_status(w, &b, 414);
  buf_free(&b);
  world_end(w);
}

/* A head whose header lines take so many bytes. */
static void put_headers(Buf *b, size_t bytes) {
  buf_lit(b, "GET / HTTP/1.1\r\n");
  size_t start = b->len;
  buf_lit(b, "Host: h\r\nX: ");
  put_times(b, 'x', bytes - (b->len - start) - 2);
  buf_lit(b, "\r\n\r\n");
}

static void test_header_bytes(void **state) {
  (void)state;
  World *w = world_running();
  Buf b = { 0 };
  put_headers(&b, HTTP_HEADER_BYTES_MAX);
  assert_status(w, &b, 200);
  put_headers(&b, HTTP_HEADER_BYTES_MAX + 1);
  assert_status(w, &b, 431);
  put_headers(&b, HTTP_HEADER_BYTES_MAX + 10);
  b.len -= 5; /* without its end */
  assert_status(w, &b, 431);
  buf_free(&b);
  world_end(w);
}

static void test_header_count(void **state) {
  (void)state;
  World *w = world_running();
  Buf b = { 0 };
  for (size_t extra = 0; extra <= 1; extra++) {
    buf_lit(&b, "GET / HTTP/1.1\r\nHost: h\r\n");
    for (size_t i = 1; i < HTTP_HEADERS_MAX + extra; i++)
      buf_lit(&b, "A: b\r\n");
    buf_lit(&b, "\r\n");
    assert_status(w, &b, extra ? 431 : 200);
  }
  buf_free(&b);
  world_end(w);
}

static void test_body(void **state) {
  (void)state;
  World *w = world_running();
  Buf b = { 0 };
  for (size_t extra = 0; extra <= 1; extra++) {
    buf_printf(&b, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n",
               HTTP_EVENT_BODY_MAX + extra);
    put_times(&b, 'x', HTTP_EVENT_BODY_MAX + extra);
    assert_status(w, &b, extra ? 413 : 200);
    buf_lit(&b,
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    size_t left = HTTP_EVENT_BODY_MAX + extra;
    for (size_t n; left; left -= n) {
      n = left < 10000 ? left : 10000;
      buf_printf(&b, "%zx\r\n", n);
      put_times(&b, 'x', n);
      buf_lit(&b, "\r\n");
    }
    buf_lit(&b, "0\r\n\r\n");
    assert_status(w, &b, extra ? 413 : 200);
  }
  assert_int_equal(w->nseen, 2);
  buf_free(&b);
  world_end(w);
}

static void test_framing_of_chunks(void **state) {
  (void)state;
  World *w = world_new();
  w->config.limits.header_bytes = 200;
  world_start(w);
  Buf b = { 0 };
  /* Before the first byte of data: "1;xx\r\n", 4 and the x's. */
  for (size_t extra = 0; extra <= 1; extra++) {
    buf_lit(
        &b,
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;");
    put_times(&b, 'x', 200 - 4 + extra);
    buf_lit(&b, "\r\na\r\n0\r\n\r\n");
    assert_status(w, &b, extra ? 400 : 200);
  }
  /* Trailers are framing too. */
  buf_lit(
      &b,
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
  for (int i = 0; i < 100; i++) buf_lit(&b, "A: b\r\n");
  buf_lit(&b, "\r\n");
  assert_status(w, &b, 400);
  /* The smallest chunks are no attack. */
  buf_lit(&b,
          "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 5000; i++) buf_lit(&b, "001\r\nx\r\n");
  buf_lit(&b, "0\r\n\r\n");
  assert_status(w, &b, 200);
  buf_free(&b);
  world_end(w);
}

static void test_path_segments(void **state) {
  (void)state;
  World *w = world_running();
  Buf b = { 0 };
  for (size_t extra = 0; extra <= 1; extra++) {
    buf_lit(&b, "GET ");
    for (size_t i = 0; i < HTTP_PATH_SEGMENTS_MAX + extra; i++)
      buf_lit(&b, "/a");
    buf_lit(&b, " HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_status(w, &b, extra ? 414 : 200);
  }
  buf_free(&b);
  world_end(w);
}

/* --- numbers
 * ----------------------------------------------------------------------- */

static void test_pipeline(void **state) {
  (void)state;
  World *w = world_running();
  Client *c = connect_to(w);
  for (int i = 0; i < HTTP_PIPELINE_MAX + 1; i++)
    send_text(c, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
  spin(w);
  assert_int_equal(w->nlater, HTTP_PIPELINE_MAX);
  answer_later(w, 1); /* not the oldest: its place is not free yet */
  spin(w);
  assert_int_equal(w->nlater, HTTP_PIPELINE_MAX);
  answer_later(w, 0);
  spin(w);
  assert_int_equal(w->nlater, HTTP_PIPELINE_MAX + 1);
  for (size_t i = 2; i < w->nlater; i++) answer_later(w, i);
  settle_down(c);
  assert_int_equal(count(c, "GET /later []"), HTTP_PIPELINE_MAX + 1);
  hang_up(c);
  world_end(w);
}

static void test_pipeline_bytes(void **state) {
  (void)state;
  World *w = world_new();
  w->config.limits.pipeline_bytes = 10000;
  world_start(w);
  Client *c = connect_to(w);
  Buf b = { 0 };
  for (int i = 0; i < 5; i++) {
    buf_lit(&b,
            "POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 6000\r\n\r\n");
    put_times(&b, 'x', 6000);
  }
  send_bytes(c, buf_view(&b));
  spin(w);
  assert_int_equal(w->nlater, 2); /* the second goes past it, the third waits */
  for (size_t i = 0; i < 5; i++) {
    assert_true(w->nlater > i);
    answer_later(w, i);
    spin(w);
  }
  settle_down(c);
  assert_int_equal(count(c, "POST /later [xxx"), 5);
  buf_free(&b);
  hang_up(c);
  world_end(w);
}

static void test_connections_per_address(void **state) {
  (void)state;
  World *w = world_new();
  w->config.limits.connections_per_ip = 8;
  world_start(w);
  Client *cs[8];
  for (size_t i = 0; i < 8; i++) cs[i] = connect_to(w);
  Client *over = connect_to(w);
  expect_closed(over);
  assert_non_null(found(over, "HTTP/1.1 429 Too Many Requests\r\n"));
  assert_non_null(found(over, "\r\n\r\nToo many connections from one address"));
  hang_up(over);
  assert_int_equal(http_server_stats(w->server).refused, 1);
  hang_up(cs[3]);
  assert_healthy(w);
  for (size_t i = 0; i < 8; i++)
    if (i != 3) hang_up(cs[i]);
  world_end(w);
}

static void test_connections_of_the_server(void **state) {
  (void)state;
  World *w = world_new();
  w->config.limits.connections = 2;
  world_start(w);
  Client *a = connect_to(w), *b = connect_to(w), *over = connect_to(w);
  expect_closed(over);
  assert_non_null(found(over, "HTTP/1.1 503 Service Unavailable\r\n"));
  assert_non_null(found(over, "Retry-After: "));
  hang_up(over);
  hang_up(b);
  assert_healthy(w);
  hang_up(a);
  world_end(w);
}

static void test_256_connections_of_one_address(void **state) {
  (void)state;
  World *w = world_running();
  Client **cs = xcalloc(HTTP_CONNECTIONS_PER_IP + 1, sizeof *cs);
  for (size_t i = 0; i <= HTTP_CONNECTIONS_PER_IP; i++) cs[i] = connect_to(w);
  assert_int_equal(http_server_stats(w->server).connections,
                   HTTP_CONNECTIONS_PER_IP);
  assert_int_equal(http_server_stats(w->server).refused, 1);
  for (size_t i = 0; i <= HTTP_CONNECTIONS_PER_IP; i++) hang_up(cs[i]);
  free(cs);
  world_end(w);
}

/* --- times
 * ------------------------------------------------------------------------- */

static bool is_open(Client *c) {
  settle_down(c);
  return !c->is_closed;
}

static void test_header_timeout(void **state) {
  (void)state;
  World *w = world_running();
  Client *silent = connect_to(w), *slow = connect_to(w);
  pass(w, HTTP_HEADER_TIMEOUT_MS - 1);
  assert_true(is_open(silent));
  send_text(slow, "G");
  pass(w, 1);
  assert_false(is_open(silent)); /* said nothing: gets nothing */
  assert_int_equal(silent->in.len, 0);
  /* Each byte buys no time: it counts from the first. */
  uint64_t ms = 1;
  for (; ms + 1000 < HTTP_HEADER_TIMEOUT_MS; ms += 1000) {
    send_text(slow, ms == 1 ? "ET " : "/");
    pass(w, 1000);
  }
  pass(w, HTTP_HEADER_TIMEOUT_MS - 1 - ms);
  assert_true(is_open(slow));
  assert_int_equal(slow->in.len, 0);
  pass(w, 1);
  expect_closed(slow);
  assert_non_null(found(slow, "HTTP/1.1 408 "));
  assert_non_null(found(slow, "Connection: close\r\n"));
  hang_up(slow);
  hang_up(silent);
  assert_int_equal(http_server_stats(w->server).timeouts, 2);
  assert_healthy(w);
  world_end(w);
}

static void test_body_idle(void **state) {
  (void)state;
  World *w = world_running();
  Client *c = connect_to(w);
  send_text(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n");
  pass(w, HTTP_BODY_IDLE_MS - 1);
  send_text(c, "a");
  pass(w, HTTP_BODY_IDLE_MS - 1);
  send_text(c, "b");
  pass(w, HTTP_BODY_IDLE_MS - 1);
  expect_nothing(c);
  pass(w, 1);
  expect_closed(c);
  assert_non_null(found(c, "HTTP/1.1 408 "));
  hang_up(c);
  assert_int_equal(w->nseen, 0);
  world_end(w);
}

static void test_keepalive(void **state) {
  (void)state;
  World *w = world_running();
  Client *c = connect_to(w);
  for (int i = 0; i < 3; i++) {
    send_text(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    expect(c, "GET / []");
    forget(c);
    pass(w, HTTP_KEEPALIVE_MS - 1);
    assert_true(is_open(c));
  }
  pass(w, 1);
  expect_closed(c);
  assert_int_equal(c->in.len, 0);
  hang_up(c);
  world_end(w);
}

static void test_a_waiting_answer_has_all_the_time(void **state) {
  (void)state;
  World *w = world_running();
  Client *c = connect_to(w);
  send_text(c, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
  spin(w);
  for (int i = 0; i < 10; i++) pass(w, HTTP_KEEPALIVE_MS);
  assert_true(is_open(c));
  answer_later(w, 0);
  expect(c, "GET /later []");
  pass(w, HTTP_KEEPALIVE_MS - 1);
  assert_true(is_open(c));
  pass(w, 1);
  expect_closed(c);
  hang_up(c);
  world_end(w);
}

static void test_linger(void **state) {
  (void)state;
  World *w = world_running();
  Client *c = connect_to(w);
  send_text(c, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  expect_closed(c); /* the server's half; ours stays open */
  send_text(c, "still talking");
  pass(w, HTTP_LINGER_MS - 1);
  assert_int_equal(http_server_stats(w->server).connections, 1);
  pass(w, 1);
  assert_int_equal(http_server_stats(w->server).connections, 0);
  hang_up(c);
  world_end(w);
}

static void test_linger_bytes(void **state) {
  (void)state;
  World *w = world_running();
  Client *c = connect_to(w);
  send_text(c, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  expect_closed(c);
  char *noise = xcalloc(1, HTTP_LINGER_BYTES);
  send_bytes(c, slice(noise, HTTP_LINGER_BYTES));
  spin(w);
  assert_int_equal(http_server_stats(w->server).connections, 1);
  send_bytes(c, slice(noise, 1));
  spin(w);
  assert_int_equal(http_server_stats(w->server).connections, 0);
  free(noise);
  hang_up(c);
  world_end(w);
}

static void answer_big(World *w, HttpReq *req) {
  http_reply(req, 200, NULL, 0, *(Slice *)w->more);
}

static void test_write_idle(void **state) {
  (void)state;
  World *w = world_running();
  Buf big = { 0 };
  put_times(&big, 'x', MIB(32));
  Slice view = buf_view(&big);
  w->more = &view;
  w->on_request = answer_big;
  Client *c = connect_narrow(w, 65536);
  send_text(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  for (int i = 0; i < 3; i++) { /* what is taken buys time */
    pass(w, HTTP_WRITE_IDLE_MS - 1);
    for (forget(c); c->in.len < MIB(5);) turn(c);
    pass(w, 1);
    assert_int_equal(http_server_stats(w->server).connections, 1);
  }
  pass(w, HTTP_WRITE_IDLE_MS - 1);
  assert_int_equal(http_server_stats(w->server).connections, 1);
  pass(w, 1);
  assert_int_equal(http_server_stats(w->server).connections, 0);
  hang_up(c);
  buf_free(&big);
  world_end(w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_request_line),
    cmocka_unit_test(test_header_bytes),
    cmocka_unit_test(test_header_count),
    cmocka_unit_test(test_body),
    cmocka_unit_test(test_framing_of_chunks),
    cmocka_unit_test(test_path_segments),
    cmocka_unit_test(test_pipeline),
    cmocka_unit_test(test_pipeline_bytes),
    cmocka_unit_test(test_connections_per_address),
    cmocka_unit_test(test_connections_of_the_server),
    cmocka_unit_test(test_256_connections_of_one_address),
    cmocka_unit_test(test_header_timeout),
    cmocka_unit_test(test_body_idle),
    cmocka_unit_test(test_keepalive),
    cmocka_unit_test(test_a_waiting_answer_has_all_the_time),
    cmocka_unit_test(test_linger),
    cmocka_unit_test(test_linger_bytes),
    cmocka_unit_test(test_write_idle),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
