#include "client.h"

#include "http/stream.h"

/* The streams a spec has open, and how often each was told of its end. */
typedef struct Open {
  Stream *s[8];
  int ends[8];
  size_t n;
} Open;

static void ended(void *ud) { ++*(int *)ud; }

static void start(World *w, HttpReq *req) {
  Open *o = w->more;
  if (!slice_starts(req_path(req), SLICE("/sse"))) {
    if (slice_starts(req_path(req), SLICE("/later")))
      w->later[w->nlater++] = req;
    else
      reply_echo(req);
    return;
  }
  HttpHeader h = HEADER("X-Own", "1");
  size_t i = o->n++;
  o->s[i] = stream_start(req, &h, 1, ended, &o->ends[i]);
}

static World *world_streaming(Open *o) {
  World *w = world_new();
  *o = (Open){ 0 };
  w->more = o;
  w->on_request = start;
  w->config.limits.unsent = KIB(64);
  world_start(w);
  return w;
}

static const char open_sse[] = "GET /sse HTTP/1.1\r\nHost: h\r\n\r\n";

static Client *streaming(World *w, int window) {
  Client *c = connect_narrow(w, window);
  send_text(c, open_sse);
  expect(c, "\r\n\r\n");
  return c;
}

static void test_writes_of_one_iteration_are_one_chunk(void **state) {
  (void)state;
  Open o;
  World *w = world_streaming(&o);
  Client *c = streaming(w, 0);
  assert_non_null(found(c, "Content-Type: text/event-stream\r\n"));
  assert_non_null(found(c, "Cache-Control: no-cache\r\n"));
  assert_non_null(found(c, "X-Accel-Buffering: no\r\n"));
  assert_non_null(found(c, "Transfer-Encoding: chunked\r\n"));
  assert_non_null(found(c, "X-Own: 1\r\n"));
  assert_null(found(c, "Content-Length"));
  assert_int_equal(http_server_stats(w->server).streams, 1);
  forget(c);
  stream_write(o.s[0], SLICE("data: one\n\n"));
  stream_write(o.s[0], SLICE(""));
  stream_write(o.s[0], SLICE("data: two\n\n"));
  assert_int_equal(stream_unsent(o.s[0]), 22);
  spin(w);
  assert_int_equal(stream_unsent(o.s[0]), 0);
  stream_write(o.s[0], SLICE("data: 3\n\n"));
  settle_down(c);
  assert_true(slice_is(buf_view(&c->in), "16\r\ndata: one\n\ndata: two\n\n\r\n"
                                         "9\r\ndata: 3\n\n\r\n"));
  stream_close(o.s[0], true);
  assert_int_equal(http_server_stats(w->server).streams, 0);
  hang_up(c);
  assert_int_equal(o.ends[0], 0);
  world_end(w);
}

static void test_a_clean_end_leaves_the_connection_usable(void **state) {
  (void)state;
  Open o;
  World *w = world_streaming(&o);
  Client *c = streaming(w, 0);
  send_text(c, "GET /behind HTTP/1.1\r\nHost: h\r\n\r\n");
  forget(c);
  settle_down(c);
  assert_int_equal(w->nseen, 1);
  stream_write(o.s[0], SLICE("data: x\n\n"));
  stream_close(o.s[0], true);
  expect(c, "GET /behind []");
  assert_non_null(found(c, "9\r\ndata: x\n\n\r\n0\r\n\r\nHTTP/1.1 200"));
  send_text(c, open_sse);
  spin(w);
  assert_int_equal(o.n, 2);
  stream_close(o.s[1], true);
  hang_up(c);
  assert_int_equal(o.ends[0] + o.ends[1], 0);
  world_end(w);
}

static void test_a_cut_has_no_final_chunk(void **state) {
  (void)state;
  Open o;
  World *w = world_streaming(&o);
  Client *c = streaming(w, 0);
  forget(c);
  stream_write(o.s[0], SLICE("data: x\n\n"));
  stream_close(o.s[0], false);
  expect_closed(c);
  assert_true(slice_is(buf_view(&c->in), "9\r\ndata: x\n\n\r\n"));
  hang_up(c);
  spin(w);
  assert_int_equal(o.ends[0], 0);
  world_end(w);
}

static void test_a_client_that_leaves_is_told_of_once(void **state) {
  (void)state;
  Open o;
  World *w = world_streaming(&o);
  hang_up(streaming(w, 0));
  assert_int_equal(o.ends[0], 1);
  hang_up_rudely(streaming(w, 0));
  assert_int_equal(o.ends[1], 1);
  Client *c = streaming(w, 0);
  close(c->fd);
  stream_write(o.s[2], SLICE("data: into the void\n\n"));
  spin(w);
  assert_int_equal(o.ends[2], 1);
  buf_free(&c->in);
  free(c);
  assert_int_equal(o.ends[0] + o.ends[1], 2);
  world_end(w);
}

/* Writes until the socket takes no more. */
static void clog_up(World *w, Stream *s) {
  static char block[KIB(32)];
  for (int i = 0; i < 1000 && stream_unsent(s) == 0; i++) {
    stream_write(s, slice(block, sizeof block));
    spin(w);
  }
  assert_true(stream_unsent(s) > 0);
  assert_true(stream_unsent(s) < KIB(64));
}

static void write_bytes(Stream *s, size_t n) {
  char *bytes = xcalloc(1, n);
  stream_write(s, slice(bytes, n));
  free(bytes);
}

static void test_unsent_bytes_at_max_are_kept_and_past_it_cut(void **state) {
  (void)state;
  Open o;
  World *w = world_streaming(&o);
  Client *c = streaming(w, 4096);
  clog_up(w, o.s[0]);
  write_bytes(o.s[0], KIB(64) - stream_unsent(o.s[0]));
  assert_int_equal(stream_unsent(o.s[0]), KIB(64));
  stream_write(o.s[0], SLICE("")); /* nothing is never too much */
  assert_int_equal(o.ends[0], 0);
  assert_int_equal(http_server_stats(w->server).connections, 1);
  stream_write(o.s[0], SLICE("x"));
  assert_int_equal(o.ends[0], 0); /* never from within the call */
  stream_write(o.s[0], SLICE("dropped"));
  spin(w);
  assert_int_equal(o.ends[0], 1);
  assert_int_equal(http_server_stats(w->server).connections, 0);
  expect_closed(c);
  assert_null(found(c, "\r\n0\r\n\r\n"));
  hang_up(c);
  world_end(w);
}

static void test_a_client_that_keeps_up_may_get_any_length(void **state) {
  (void)state;
  Open o;
  World *w = world_streaming(&o);
  Client *c = streaming(w, 4096);
  write_bytes(o.s[0], MIB(3));
  stream_write(o.s[0], SLICE(""));
  while (stream_unsent(o.s[0])) turn(c);
  stream_write(o.s[0], SLICE("data: after\n\n"));
  expect(c, "data: after");
  assert_int_equal(o.ends[0], 0);
  hang_up(c);
  world_end(w);
}

static void test_a_late_client_catches_up(void **state) {
  (void)state;
  Open o;
  World *w = world_streaming(&o);
  Client *c = streaming(w, 4096);
  clog_up(w, o.s[0]);
  stream_write(o.s[0], SLICE("data: at last\n\n"));
  expect(c, "data: at last");
  assert_int_equal(stream_unsent(o.s[0]), 0);
  hang_up(c);
  world_end(w);
}

static void test_closing_a_stream_that_was_cut_silences_it(void **state) {
  (void)state;
  Open o;
  World *w = world_streaming(&o);
  Client *c = streaming(w, 4096);
  clog_up(w, o.s[0]);
  write_bytes(o.s[0], KIB(64));
  stream_close(o.s[0], true);
  spin(w);
  assert_int_equal(o.ends[0], 0);
  hang_up(c);
  world_end(w);
}

static void test_silence_is_broken_every_15_seconds(void **state) {
  (void)state;
  Open o;
  World *w = world_streaming(&o);
  Client *c = streaming(w, 0);
  forget(c);
  pass(w, SSE_KEEPALIVE_MS - 1);
  expect_nothing(c);
  pass(w, 1);
  expect(c, "3\r\n:\n\n\r\n");
  forget(c);
  pass(w, 1);
  expect_nothing(c);
  stream_write(o.s[0], SLICE("data: x\n\n"));
  expect(c, "data: x");
  forget(c);
  pass(w, SSE_KEEPALIVE_MS - 1);
  expect_nothing(c);
  pass(w, 1);
  expect(c, ":\n\n");
  /* A stream has no other time limit. */
  for (int i = 0; i < 20; i++) pass(w, HTTP_KEEPALIVE_MS);
  settle_down(c);
  assert_int_equal(o.ends[0], 0);
  assert_int_equal(count(c, ":\n\n"), 21);
  hang_up(c);
  world_end(w);
}

static void test_a_client_that_takes_nothing_is_cut_in_time(void **state) {
  (void)state;
  Open o;
  World *w = world_streaming(&o);
  Client *c = streaming(w, 4096);
  clog_up(w, o.s[0]);
  pass(w, HTTP_WRITE_IDLE_MS - 1);
  assert_int_equal(o.ends[0], 0);
  pass(w, 1);
  assert_int_equal(o.ends[0], 1);
  hang_up(c);
  world_end(w);
}

static void test_a_stream_waits_for_its_turn(void **state) {
  (void)state;
  Open o;
  World *w = world_streaming(&o);
  Client *c = connect_to(w);
  send_text(c, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
  send_text(c, open_sse);
  spin(w);
  stream_write(o.s[0], SLICE("data: 1\n\n"));
  spin(w);
  stream_write(o.s[0], SLICE("data: 2\n\n"));
  expect_nothing(c);
  assert_true(stream_unsent(o.s[0]) > 0);
  answer_later(w, 0);
  stream_write(o.s[0], SLICE("data: 3\n\n"));
  expect(c, "data: 3\n\n");
  assert_true(found(c, "GET /later") < found(c, "text/event-stream"));
  assert_true(found(c, "data: 1") < found(c, "data: 2"));
  assert_int_equal(stream_unsent(o.s[0]), 0);
  hang_up(c);
  assert_int_equal(o.ends[0], 1);
  world_end(w);
}

static void test_there_is_no_stream_to_nobody(void **state) {
  (void)state;
  Open o;
  World *w = world_streaming(&o);
  Client *c = connect_to(w);
  send_text(c, "HEAD /sse HTTP/1.1\r\nHost: h\r\n\r\n");
  expect(c, "text/event-stream");
  assert_int_equal(o.n, 1);
  assert_null(o.s[0]);
  send_text(c, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
  spin(w);
  hang_up_rudely(c);
  int ends = 0;
  assert_null(stream_start(w->later[0], NULL, 0, ended, &ends));
  spin(w);
  assert_int_equal(ends, 0);
  world_end(w);
}

static void test_http_1_0_streams_until_the_end(void **state) {
  (void)state;
  Open o;
  World *w = world_streaming(&o);
  Client *c = connect_to(w);
  send_text(c, "GET /sse HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  expect(c, "Connection: close\r\n\r\n");
  assert_null(found(c, "chunked"));
  forget(c);
  stream_write(o.s[0], SLICE("data: x\n\n"));
  stream_close(o.s[0], true);
  expect_closed(c);
  assert_true(slice_is(buf_view(&c->in), "data: x\n\n"));
  hang_up(c);
  world_end(w);
}

static void test_a_client_that_talks_over_a_stream_is_cut(void **state) {
  (void)state;
  Open o;
  World *w = world_streaming(&o);
  Client *c = streaming(w, 0);
  static char noise[KIB(200)];
  send_bytes(c, slice(noise, sizeof noise));
  spin(w);
  assert_int_equal(o.ends[0], 1);
  hang_up(c);
  assert_healthy(w);
  world_end(w);
}

static void test_drain_cuts_streams(void **state) {
  (void)state;
  Open o;
  World *w = world_streaming(&o);
  Client *c = streaming(w, 0), *late = connect_to(w);
  forget(c);
  send_text(late, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
  spin(w);
  stream_write(o.s[0], SLICE("data: last\n\n"));
  http_server_drain(w->server, 60000, world_drained, w);
  assert_int_equal(o.ends[0], 0);
  expect_closed(c);
  assert_true(slice_is(buf_view(&c->in), "c\r\ndata: last\n\n\r\n"));
  assert_int_equal(o.ends[0], 1);
  int ends = 0;
  assert_null(stream_start(w->later[0], NULL, 0, ended, &ends));
  expect(late, "HTTP/1.1 503 ");
  expect_closed(late);
  hang_up(late);
  hang_up(c);
  wait_drained(w);
  world_end(w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_writes_of_one_iteration_are_one_chunk),
    cmocka_unit_test(test_a_clean_end_leaves_the_connection_usable),
    cmocka_unit_test(test_a_cut_has_no_final_chunk),
    cmocka_unit_test(test_a_client_that_leaves_is_told_of_once),
    cmocka_unit_test(test_unsent_bytes_at_max_are_kept_and_past_it_cut),
    cmocka_unit_test(test_a_client_that_keeps_up_may_get_any_length),
    cmocka_unit_test(test_a_late_client_catches_up),
    cmocka_unit_test(test_closing_a_stream_that_was_cut_silences_it),
    cmocka_unit_test(test_silence_is_broken_every_15_seconds),
    cmocka_unit_test(test_a_client_that_takes_nothing_is_cut_in_time),
    cmocka_unit_test(test_a_stream_waits_for_its_turn),
    cmocka_unit_test(test_there_is_no_stream_to_nobody),
    cmocka_unit_test(test_http_1_0_streams_until_the_end),
    cmocka_unit_test(test_a_client_that_talks_over_a_stream_is_cut),
    cmocka_unit_test(test_drain_cuts_streams),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
