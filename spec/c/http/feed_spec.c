#include "client.h"

#include "http/feed.h"

/* What a spec feeds: how often it was asked, and whether it answers at once. */
typedef struct Bowl {
  Feed *f;
  uint64_t length, given;
  size_t piece;
  int asked, gone;
  bool is_slow; /* answers only when the spec says so */
} Bowl;

static void give(Bowl *b) {
  static char bytes[KIB(64)];
  size_t n = b->piece;
  if (n > b->length - b->given) n = (size_t)(b->length - b->given);
  for (size_t i = 0; i < n; i++) bytes[i] = (char)('a' + (b->given + i) % 26);
  b->given += n;
  if (feed_write(b->f, slice(bytes, n))) b->f = NULL;
}

static void on_more(void *ud) {
  Bowl *b = ud;
  b->asked++;
  if (!b->is_slow) give(b);
}

static void on_gone(void *ud) {
  Bowl *b = ud;
  b->gone++;
  b->f = NULL;
}

static void serve(World *w, HttpReq *req) {
  Bowl *b = w->more;
  if (slice_starts(req_path(req), SLICE("/feed"))) {
    HttpHeader h = HEADER("X-Own", "1");
    b->f = feed_start(req, 200, &h, 1, b->length, on_more, on_gone, b);
  } else if (slice_starts(req_path(req), SLICE("/later"))) {
    w->later[w->nlater++] = req;
  } else {
    reply_echo(req);
  }
}

static World *world_feeding(Bowl *b, uint64_t length) {
  World *w = world_new();
  *b = (Bowl){ .length = length, .piece = KIB(64) };
  w->more = b;
  w->on_request = serve;
  world_start(w);
  return w;
}

static const char get_feed[] = "GET /feed HTTP/1.1\r\nHost: h\r\n\r\n";

/* The body is whole, and what follows it is another answer. */
static void expect_body(Client *c, uint64_t length) {
  expect(c, "\r\n\r\n");
  size_t head = (size_t)(found(c, "\r\n\r\n") + 4 - c->in.ptr);
  uint64_t start = clock_mono_ns();
  while (c->in.len < head + length) {
    turn(c);
    assert_true(clock_mono_ns() - start < PATIENCE_NS);
  }
  for (uint64_t i = 0; i < length; i++)
    assert_int_equal(c->in.ptr[head + i], (char)('a' + i % 26));
  buf_drop(&c->in, head + length);
}

static void test_pieces_make_one_body(void **state) {
  (void)state;
  Bowl b;
  World *w = world_feeding(&b, 1000001);
  Client *c = connect_to(w);
  send_text(c, get_feed);
  expect(c, "Content-Length: 1000001\r\n");
  assert_non_null(found(c, "X-Own: 1\r\n"));
  expect_body(c, 1000001);
  assert_null(b.f);
  assert_int_equal(b.gone, 0);
  send_text(c, "GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
  expect(c, "GET /next []");
  hang_up(c);
  world_end(w);
}

static void test_a_client_that_does_not_read_is_not_read_for(void **state) {
  (void)state;
  Bowl b;
  World *w = world_feeding(&b, MIB(64));
  Client *c = connect_narrow(w, 4096);
  send_bytes(c, slice_str(get_feed));
  spin(w);
  spin(w);
  int asked = b.asked;
  /* What the system's buffers take, and two pieces of ours. */
  assert_in_range(asked, 1, (int)(MIB(8) / KIB(64)));
  spin(w);
  assert_int_equal(b.asked, asked);
  for (uint64_t start = clock_mono_ns(); b.asked == asked; turn(c))
    assert_true(clock_mono_ns() - start < PATIENCE_NS);
  hang_up(c);
  assert_int_equal(b.gone, 1);
  world_end(w);
}

static void test_a_slow_source_is_asked_once(void **state) {
  (void)state;
  Bowl b;
  World *w = world_feeding(&b, 100);
  b.is_slow = true;
  b.piece = 60;
  Client *c = connect_to(w);
  send_text(c, get_feed);
  expect(c, "\r\n\r\n");
  forget(c);
  spin(w);
  assert_int_equal(b.asked, 1);
  expect_nothing(c);
  give(&b);
  settle_down(c);
  assert_int_equal(c->in.len, 60);
  assert_int_equal(b.asked, 2);
  give(&b);
  settle_down(c);
  assert_int_equal(c->in.len, 100);
  assert_int_equal(b.asked, 2);
  hang_up(c);
  assert_int_equal(b.gone, 0);
  world_end(w);
}

static void test_a_body_waits_for_its_turn(void **state) {
  (void)state;
  Bowl b;
  World *w = world_feeding(&b, 300000);
  Client *c = connect_to(w);
  send_text(c, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n"
               "GET /feed HTTP/1.1\r\nHost: h\r\n\r\n"
               "GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
  expect_nothing(c);
  assert_int_equal(b.asked, 0);
  answer_later(w, 0);
  expect(c, "GET /later []");
  buf_drop(&c->in, (size_t)(found(c, "GET /later []") + 13 - c->in.ptr));
  expect_body(c, 300000);
  expect(c, "GET /next []");
  hang_up(c);
  world_end(w);
}

static void test_a_client_that_leaves_is_told_of_once(void **state) {
  (void)state;
  Bowl b;
  World *w = world_feeding(&b, 1000);
  b.is_slow = true;
  Client *c = connect_to(w);
  send_text(c, get_feed);
  expect(c, "\r\n\r\n");
  hang_up_rudely(c);
  spin(w);
  assert_int_equal(b.gone, 1);
  assert_healthy(w);
  world_end(w);
}

static void test_a_cut_body_cannot_be_taken_for_whole(void **state) {
  (void)state;
  Bowl b;
  World *w = world_feeding(&b, 1000);
  b.is_slow = true;
  b.piece = 10;
  Client *c = connect_to(w);
  send_text(c, get_feed);
  expect(c, "\r\n\r\n");
  give(&b);
  expect(c, "abcdefghij");
  feed_cut(b.f);
  expect_closed(c);
  assert_int_equal(b.gone, 0);
  assert_healthy(w);
  hang_up(c);
  world_end(w);
}

static void test_nothing_is_fed_to_nobody(void **state) {
  (void)state;
  Bowl b;
  World *w = world_feeding(&b, 1000);
  Client *c = connect_to(w);
  send_text(c, "HEAD /feed HTTP/1.1\r\nHost: h\r\n\r\n");
  expect(c, "Content-Length: 1000\r\n");
  expect(c, "\r\n\r\n");
  assert_null(b.f);
  b.length = 0;
  forget(c);
  send_text(c, get_feed);
  expect(c, "Content-Length: 0\r\n");
  assert_null(b.f);
  assert_int_equal(b.asked, 0);
  hang_up(c);
  world_end(w);
}

static void test_draining_lets_it_end(void **state) {
  (void)state;
  Bowl b;
  World *w = world_feeding(&b, 200);
  b.is_slow = true;
  b.piece = 100;
  Client *c = connect_to(w);
  send_text(c, get_feed);
  expect(c, "\r\n\r\n");
  http_server_drain(w->server, 60000, world_drained, w);
  give(&b);
  spin(w);
  give(&b);
  settle_down(c);
  size_t head = (size_t)(found(c, "\r\n\r\n") + 4 - c->in.ptr);
  assert_int_equal(c->in.len - head, 200);
  assert_false(c->is_reset);
  hang_up(c);
  wait_drained(w);
  world_end(w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_pieces_make_one_body),
    cmocka_unit_test(test_a_client_that_does_not_read_is_not_read_for),
    cmocka_unit_test(test_a_slow_source_is_asked_once),
    cmocka_unit_test(test_a_body_waits_for_its_turn),
    cmocka_unit_test(test_a_client_that_leaves_is_told_of_once),
    cmocka_unit_test(test_a_cut_body_cannot_be_taken_for_whole),
    cmocka_unit_test(test_nothing_is_fed_to_nobody),
    cmocka_unit_test(test_draining_lets_it_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
