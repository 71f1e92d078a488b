/* What must not get in: requests that two readers could read in two ways, and
 * noise. Whatever comes, the next client is served. */
#include "client.h"

#define HEAD(lines) "POST /x HTTP/1.1\r\n" lines "\r\n"
#define CHUNKED(body) HEAD("Host: h\r\nTransfer-Encoding: chunked\r\n") body

static const struct {
  Slice text;
  int status;
} malformed[] = {
#define BAD(text, status) \
  { SLICE_INIT(text), status }
  /* two lengths */
  BAD(HEAD(
          "Host: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n") "0"
                                                                            "\r"
                                                                            "\n"
                                                                            "\r"
                                                                            "\n",
      400),
  BAD(HEAD(
          "Host: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n") "0"
                                                                            "\r"
                                                                            "\n"
                                                                            "\r"
                                                                            "\n",
      400),
  BAD(HEAD("Host: h\r\nContent-Length: 3\r\nContent-Length: 3\r\n") "abc", 400),
  BAD(HEAD("Host: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n") "abcd",
      400),
  BAD(HEAD("Host: h\r\nContent-Length: 3, 3\r\n") "abc", 400),
  BAD(HEAD("Host: h\r\nTransfer-Encoding: chunked\r\n"
           "Transfer-Encoding: chunked\r\n") "0\r\n\r\n",
      400),
  BAD(HEAD("Host: h\r\nContent-Length: 0\r\nContent-Length: 0\r\n"), 400),
  /* lengths that are none */
  BAD(HEAD("Host: h\r\nContent-Length: +3\r\n") "abc", 400),
  BAD(HEAD("Host: h\r\nContent-Length: -3\r\n") "abc", 400),
  BAD(HEAD("Host: h\r\nContent-Length: 0x3\r\n") "abc", 400),
  BAD(HEAD("Host: h\r\nContent-Length: 3 4\r\n") "abc", 400),
  BAD(HEAD("Host: h\r\nContent-Length: 99999999999999999999999\r\n"), 400),
  BAD(HEAD("Host: h\r\nContent-Length: 18446744073709551615\r\n"), 413),
  BAD(HEAD("Host: h\r\nContent-Length : 3\r\n") "abc", 400),
  BAD(HEAD("Host: h\r\nContent-Length\t: 3\r\n") "abc", 400),
  /* codings */
  BAD(HEAD("Host: h\r\nTransfer-Encoding: gzip\r\n"), 0),
  BAD(HEAD("Host: h\r\nTransfer-Encoding: gzip, chunked\r\n") "0\r\n\r\n", 501),
  BAD(HEAD("Host: h\r\nTransfer-Encoding: chunked, gzip\r\n") "0\r\n\r\n", 0),
  BAD(HEAD("Host: h\r\nTransfer-Encoding: chunked, identity\r\n") "0\r\n\r\n",
      0),
  BAD(HEAD("Host: h\r\nTransfer-Encoding: xchunked\r\n") "0\r\n\r\n", 0),
  BAD(HEAD("Host: h\r\nTransfer-Encoding: \"chunked\"\r\n") "0\r\n\r\n", 0),
  BAD(HEAD("Host: h\r\nTransfer-Encoding:\x0b"
           "chunked\r\n") "0\r\n\r\n",
      0),
  BAD(HEAD("Host: h\r\nTransfer-Encoding : chunked\r\n") "0\r\n\r\n", 400),
  BAD(HEAD("Host: h\r\nTransfer-Encoding:\r\n chunked\r\n") "0\r\n\r\n", 400),
  BAD("POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
  /* chunks */
  BAD(CHUNKED("x\r\n"), 400),
  BAD(CHUNKED("-1\r\n"), 400),
  BAD(CHUNKED("0x1\r\na\r\n0\r\n\r\n"), 400),
  BAD(CHUNKED(" 1\r\na\r\n0\r\n\r\n"), 400),
  BAD(CHUNKED("1 \r\na\r\n0\r\n\r\n"), 400),
  BAD(CHUNKED("\r\n"), 400),
  BAD(CHUNKED(";\r\n"), 400),
  BAD(CHUNKED("1\na\r\n0\r\n\r\n"), 400),
  BAD(CHUNKED("1\r\na\n0\r\n\r\n"), 400),
  BAD(CHUNKED("1\r\nab\r\n0\r\n\r\n"), 400),
  BAD(CHUNKED("1\r\na\r\n0\n\r\n"), 400),
  BAD(CHUNKED("1\r\na\r\n0\r\n\n"), 400),
  BAD(CHUNKED("1\r\na\r\n0\r\nA: b\n\r\n"), 400),
  BAD(CHUNKED("1\r\na\r\n0\r\nA: b\rC: d\r\n\r\n"), 400),
  BAD(CHUNKED("1;a\nb\r\na\r\n0\r\n\r\n"), 400),
  BAD(CHUNKED("1\r\ra\r\n0\r\n\r\n"), 400),
  BAD(CHUNKED("10000000000000001\r\n"), 400),
  /* line ends */
  BAD("GET / HTTP/1.1\nHost: h\n\n", 400),
  BAD("GET / HTTP/1.1\r\nHost: h\n\r\n", 400),
  BAD("GET / HTTP/1.1\r\nHost: h\r\n\n", 400),
  BAD("GET / HTTP/1.1\r\nHost: h\r\nA: b\rContent-Length: 3\r\n\r\n", 400),
  BAD("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\r\n\r\n", 400),
  BAD("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n", 400),
  BAD("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\tc\r\n\r\n", 400),
  BAD("GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400),
  BAD("\n\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
  BAD("\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
  /* Host */
  BAD("GET / HTTP/1.1\r\n\r\n", 400),
  BAD("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
  BAD("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
  BAD("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400),
  BAD("GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
  BAD("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
  BAD("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
  BAD("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400),
  BAD("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", 400),
  BAD("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", 400),
  BAD("GET http:///x HTTP/1.1\r\nHost: b\r\n\r\n", 0),
  BAD("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  /* request lines */
  BAD("GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
  BAD("GET /  HTTP/1.1\r\nHost: h\r\n\r\n", 400),
  BAD("GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 400),
  BAD(" GET / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
  BAD("GET\t/\tHTTP/1.1\r\nHost: h\r\n\r\n", 400),
  BAD("GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400),
  BAD("GET / http/1.1\r\nHost: h\r\n\r\n", 400),
  BAD("GET / HTTP/1.1x\r\nHost: h\r\n\r\n", 400),
  BAD("GET / HTTP/11\r\nHost: h\r\n\r\n", 400),
  BAD("GET / FTP/1.1\r\nHost: h\r\n\r\n", 400),
  BAD("GET /\r\n\r\n", 400),
  BAD("GET\r\n\r\n", 400),
  BAD("/ HTTP/1.1\r\n\r\n", 400),
  BAD("get / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
  BAD("GE\0T / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
  BAD("GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505),
  BAD("GET / HTTP/1.2\r\nHost: h\r\n\r\n", 505),
  BAD("GET / HTTP/0.9\r\nHost: h\r\n\r\n", 505),
  BAD("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
  BAD("BREW / HTTP/1.1\r\nHost: h\r\n\r\n", 501),
  BAD("GETX / HTTP/1.1\r\nHost: h\r\n\r\n", 501),
  BAD("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", 501),
  /* headers */
  BAD("GET / HTTP/1.1\r\nHost: h\r\nNo colon\r\n\r\n", 400),
  BAD("GET / HTTP/1.1\r\nHost: h\r\n: empty\r\n\r\n", 400),
  BAD("GET / HTTP/1.1\r\nHost: h\r\nA(: b\r\n\r\n", 400),
  BAD("GET / HTTP/1.1\r\nHost: h\r\nA\x80: b\r\n\r\n", 400),
  BAD("GET / HTTP/1.1\r\nHost: h\r\nA: \0\r\n\r\n", 400),
  BAD("GET / HTTP/1.1\r\nHost: h\r\nA: \x01\r\n\r\n", 400),
  BAD("GET / HTTP/1.1\r\nHost: h\r\nA: \x7f\r\n\r\n", 400),
  BAD("GET / HTTP/1.1\r\nHost: h\r\nA\0B: c\r\n\r\n", 400),
  /* other protocols */
  BAD("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
  BAD("SSH-2.0-OpenSSH_9\r\n", 400),
  BAD("\xff\xfe\xfd", 400),
#undef BAD
};

/* Behind every one comes a request that must not be believed. */
static const char smuggled[] = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";

static bool was_smuggled;

static void watch(World *w, HttpReq *req) {
  (void)w;
  if (slice_is(req_path(req), "/smuggled")) was_smuggled = true;
  reply_echo(req);
}

static void test_each_is_refused_and_ends_the_connection(void **state) {
  (void)state;
  World *w = world_running();
  w->on_request = watch;
  for (size_t i = 0; i < countof(malformed); i++) {
    Slice text = malformed[i].text;
    Client *c = connect_to(w);
    size_t before = w->nseen;
    was_smuggled = false;
    send_bytes(c, text);
    send_text(c, smuggled);
    settle_down(c);
    if (!c->is_closed) fail_msg("still open:\n%.*s", (int)text.len, text.ptr);
    int status = c->in.len < 12 ? 0 : atoi(c->in.ptr + 9);
    bool is_right = malformed[i].status ? status == malformed[i].status
                                        : status == 400 || status == 501;
    if (!is_right || was_smuggled || w->nseen != before ||
        count(c, "HTTP/1.1 ") != 1)
      fail_msg("%d instead of %d, %zu handled, for:\n%.*s", status,
               malformed[i].status, w->nseen - before, (int)text.len, text.ptr);
    assert_non_null(found(c, "Connection: close\r\n"));
    assert_non_null(found(c, "</html>"));
    hang_up(c);
  }
  assert_healthy(w);
  assert_int_equal(http_server_stats(w->server).errors, countof(malformed));
  world_end(w);
}

static void test_each_is_refused_in_its_turn_when_pipelined(void **state) {
  (void)state;
  World *w = world_running();
  for (size_t i = 0; i < countof(malformed); i++) {
    Client *c = connect_to(w);
    w->nlater = 0;
    send_text(c, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    send_bytes(c, malformed[i].text);
    expect_nothing(c);
    assert_int_equal(w->nlater, 1);
    answer_later(w, 0);
    settle_down(c);
    Slice text = malformed[i].text;
    if (!c->is_closed) fail_msg("still open:\n%.*s", (int)text.len, text.ptr);
    assert_non_null(found(c, "GET /later []"));
    assert_int_equal(count(c, "HTTP/1.1 "), 2);
    hang_up(c);
  }
  world_end(w);
}

static uint32_t next(uint32_t *seed) {
  *seed = *seed * 1664525 + 1013904223;
  return *seed >> 8;
}

/* Cuts, doubles, swaps and breaks bytes of things that are nearly right. */
static void mutate(Buf *b, uint32_t *seed) {
  for (uint32_t n = next(seed) % 4 + 1; n && b->len > 1; n--) {
    size_t at = next(seed) % b->len;
    static const char nasty[] = "\r\n :;,0123fF\0\x80\xff\t/%?#";
    switch (next(seed) % 4) {
    case 0: b->ptr[at] = nasty[next(seed) % (sizeof nasty - 1)]; break;
    case 1: b->ptr[at] = (char)next(seed); break;
    case 2: b->len = at + 1; break;
    default: {
      size_t len = next(seed) % (b->len - at) + 1;
      char *copy = dup_slice(slice(b->ptr + at, len));
      buf_put(b, copy, len);
      free(copy);
    }
    }
  }
}

static void test_a_thousand_broken_requests_of_every_kind_harm_nobody(
    void **state) {
  (void)state;
  static const char *const seeds[] = {
    "GET /a/b?c=d HTTP/1.1\r\nHost: h\r\nCookie: a=b; c=d\r\nAccept: "
    "*/*\r\n\r\n",
    HEAD("Host: h\r\nContent-Length: 10\r\n") "0123456789",
    CHUNKED("a;x=y\r\n0123456789\r\n5\r\nabcde\r\n0\r\nT: u\r\n\r\n"),
    HEAD("Host: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n") "abc",
    "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "GET http://h/%41/../x HTTP/1.1\r\nHost: h\r\nUpgrade: x\r\n"
    "Connection: upgrade\r\n\r\n",
  };
  World *w = world_running();
  uint32_t seed = 20261121;
  Client *bystander = connect_to(w);
  for (int i = 0; i < 1000; i++) {
    Buf b = { 0 };
    size_t kind = next(&seed) % (countof(seeds) + 1);
    if (kind < countof(seeds))
      buf_puts(&b, seeds[kind]);
    else
      buf_slice(&b, malformed[next(&seed) % countof(malformed)].text);
    mutate(&b, &seed);
    Client *c = connect_to(w);
    size_t cut = next(&seed) % (b.len + 1);
    send_bytes(c, slice(b.ptr, cut));
    send_bytes(c, slice(b.ptr + cut, b.len - cut));
    settle_down(c);
    if (next(&seed) % 2)
      hang_up(c);
    else
      hang_up_rudely(c);
    buf_free(&b);
    if (i % 100) continue;
    forget(bystander);
    send_text(bystander, "GET /still/here HTTP/1.1\r\nHost: h\r\n\r\n");
    expect(bystander, "GET /still/here []");
  }
  hang_up(bystander);
  spin(w);
  assert_int_equal(http_server_stats(w->server).connections, 0);
  assert_healthy(w);
  world_end(w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_each_is_refused_and_ends_the_connection),
    cmocka_unit_test(test_each_is_refused_in_its_turn_when_pipelined),
    cmocka_unit_test(test_a_thousand_broken_requests_of_every_kind_harm_nobody),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
