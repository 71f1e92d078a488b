#include "client.h"

#include "http/file.h"

static void serve(World *w, HttpReq *req) {
  HttpHeader h = HEADER("X-Content-Type-Options", "nosniff");
  file_reply(req, w->more, &h, 1);
}

/* Asks for the file: `what` is the method, `query` may be "", `lines` are whole
 * header lines. The answer stays in the returned client. */
static Client *ask(World *w, const char *method, const char *query,
                   const char *lines) {
  Client *c = connect_to(w);
  char text[500];
  snprintf(text, sizeof text, "%s /f.js%s HTTP/1.1\r\nHost: h\r\n%s\r\n",
           method, query, lines);
  send_text(c, text);
  expect(c, "\r\n\r\n");
  settle_down(c);
  return c;
}

static void assert_answer(World *w, const char *lines, int status,
                          const char *range, const char *body) {
  Client *c = ask(w, "GET", "", lines);
  char text[200];
  if (atoi(c->in.ptr + 9) != status)
    fail_msg("%d instead of %d for %s", atoi(c->in.ptr + 9), status, lines);
  if (range) {
    snprintf(text, sizeof text, "Content-Range: %s\r\n", range);
    expect(c, text);
  } else
    assert_null(found(c, "Content-Range"));
  snprintf(text, sizeof text, "\r\n\r\n%s", body);
  expect(c, text);
  size_t head = (size_t)(found(c, "\r\n\r\n") - c->in.ptr) + 4;
  assert_int_equal(c->in.len - head, strlen(body));
  hang_up(c);
}

static World *world_with(File *f) {
  World *w = world_running();
  w->more = f;
  w->on_request = serve;
  return w;
}

static void test_a_file_has_type_tag_and_body(void **state) {
  (void)state;
  File f = file_of(SLICE("x/f.js"), SLICE("0123456789"));
  World *w = world_with(&f);
  Client *c = ask(w, "GET", "", "");
  assert_non_null(found(c, "HTTP/1.1 200 OK\r\n"));
  assert_non_null(found(c, "Content-Type: text/javascript; charset=utf-8\r\n"));
  assert_non_null(found(c, "Cache-Control: no-cache\r\n"));
  assert_non_null(found(c, "X-Content-Type-Options: nosniff\r\n"));
  assert_non_null(found(c, "Accept-Ranges: bytes\r\n"));
  assert_non_null(found(c, f.hash));
  assert_non_null(found(c, "\r\n\r\n0123456789"));
  hang_up(c);
  c = ask(w, "HEAD", "", "Range: bytes=0-1\r\n");
  assert_non_null(found(c, "HTTP/1.1 200 OK\r\n"));
  assert_non_null(found(c, "Content-Length: 10\r\n"));
  assert_null(found(c, "0123456789"));
  hang_up(c);
  world_end(w);
}

static void test_only_the_right_hash_may_be_kept_for_ever(void **state) {
  (void)state;
  File f = file_of(SLICE("f.css"), SLICE("x")),
       g = file_of(SLICE("g"), SLICE("y"));
  assert_int_equal(strlen(f.hash), FILE_HASH_LEN);
  assert_string_not_equal(f.hash, g.hash);
  World *w = world_with(&f);
  char query[64];
  snprintf(query, sizeof query, "?a=b&v=%s", f.hash);
  Client *c = ask(w, "GET", query, "");
  assert_non_null(found(c, "immutable"));
  hang_up(c);
  snprintf(query, sizeof query, "?v=%s", g.hash);
  c = ask(w, "GET", query, "");
  assert_null(found(c, "immutable"));
  hang_up(c);
  world_end(w);
}

static void test_a_known_tag_is_304(void **state) {
  (void)state;
  File f = file_of(SLICE("f.js"), SLICE("0123456789"));
  World *w = world_with(&f);
  static const struct {
    const char *form;
    int status;
  } cases[] = {
    { "If-None-Match: \"%s\"\r\n", 304 },
    { "If-None-Match: W/\"%s\"\r\n", 304 },
    { "If-None-Match: \"x\", \"%s\"\r\n", 304 },
    { "If-None-Match: *\r\n", 304 },
    { "If-None-Match: \"x%s\"\r\n", 200 },
    { "If-None-Match: %s\r\n", 200 },
    { "If-None-Match:\r\n", 200 },
    { "If-None-Match: \"%s\"\r\nRange: bytes=0-1\r\n", 304 },
  };
  for (size_t i = 0; i < countof(cases); i++) {
    char lines[200];
    snprintf(lines, sizeof lines, cases[i].form, f.hash);
    assert_answer(w, lines, cases[i].status, NULL,
                  cases[i].status == 304 ? "" : "0123456789");
  }
  world_end(w);
}

static void test_one_range_is_a_part(void **state) {
  (void)state;
  File f = file_of(SLICE("f.js"), SLICE("0123456789"));
  World *w = world_with(&f);
  static const struct {
    const char *range;
    int status;
    const char *content_range, *body;
  } cases[] = {
    { "bytes=0-3", 206, "bytes 0-3/10", "0123" },
    { "bytes=9-9", 206, "bytes 9-9/10", "9" },
    { "bytes=7-", 206, "bytes 7-9/10", "789" },
    { "bytes=5-99", 206, "bytes 5-9/10", "56789" },
    { "bytes=-3", 206, "bytes 7-9/10", "789" },
    { "bytes=-99", 206, "bytes 0-9/10", "0123456789" },
    { "bytes=10-", 416, "bytes */10", "" },
    { "bytes=-0", 416, "bytes */10", "" },
    { "bytes=3-2", 200, NULL, "0123456789" },
    { "bytes=0-1,3-4", 200, NULL, "0123456789" },
    { "bytes=-", 200, NULL, "0123456789" },
    { "bytes=a-b", 200, NULL, "0123456789" },
    { "bytes=1-2x", 200, NULL, "0123456789" },
    { "bytes=99999999999999999999-", 200, NULL, "0123456789" },
    { "lines=1-2", 200, NULL, "0123456789" },
  };
  for (size_t i = 0; i < countof(cases); i++) {
    char lines[100];
    snprintf(lines, sizeof lines, "Range: %s\r\n", cases[i].range);
    assert_answer(w, lines, cases[i].status, cases[i].content_range,
                  cases[i].body);
  }
  char lines[200];
  snprintf(lines, sizeof lines, "Range: bytes=0-0\r\nIf-Range: \"%s\"\r\n",
           f.hash);
  assert_answer(w, lines, 206, "bytes 0-0/10", "0");
  assert_answer(w, "Range: bytes=0-0\r\nIf-Range: \"old\"\r\n", 200, NULL,
                "0123456789");
  world_end(w);
}

static void test_an_empty_file_is_a_file(void **state) {
  (void)state;
  File f = file_of(SLICE("f.js"), SLICE(""));
  World *w = world_with(&f);
  assert_answer(w, "", 200, NULL, "");
  assert_answer(w, "Range: bytes=0-\r\n", 416, "bytes */0", "");
  assert_answer(w, "Range: bytes=-1\r\n", 416, "bytes */0", "");
  world_end(w);
}

static void test_types_go_by_the_name(void **state) {
  (void)state;
  assert_true(slice_is(file_type(SLICE("a.SVG")), "image/svg+xml"));
  assert_true(slice_is(file_type(SLICE("a.woff2")), "font/woff2"));
  assert_true(slice_is(file_type(SLICE(".js")), "application/octet-stream"));
  assert_true(slice_is(file_type(SLICE("js")), "application/octet-stream"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_a_file_has_type_tag_and_body),
    cmocka_unit_test(test_only_the_right_hash_may_be_kept_for_ever),
    cmocka_unit_test(test_a_known_tag_is_304),
    cmocka_unit_test(test_one_range_is_a_part),
    cmocka_unit_test(test_an_empty_file_is_a_file),
    cmocka_unit_test(test_types_go_by_the_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
