/* Visitors and their tokens: whose is whose, and what a renewal changes. */
#include "host/served.h"

#define APP "spec/c/host/boundary.lua"

enum { LOGIN, FAIL, LATER, TWICE };

static void page_of(const Client *c, const char *end, char out[300]) {
  snprintf(out, 300, "%.*s%s", (int)(strstr(c->url[0], "/ix-1") - c->url[0]),
           c->url[0], end);
}

static int page(Client *c, const char *cookie) {
  char path[300];
  page_of(c, "", path);
  snprintf(c->cookie, sizeof c->cookie, "%s", cookie);
  return ask(c, "GET", path, "", (Slice){ 0 });
}

static int click(Client *c, int which, const char *cookie) {
  snprintf(c->cookie, sizeof c->cookie, "%s", cookie);
  return post(c, c->url[which], JSON OURS, SLICE("{}"));
}

/* The cookie that the last answer gave, or "". */
static const char *given(const Client *c, char out[128]) {
  const char *at = strstr(c->reply.ptr, "Set-Cookie: ");
  out[0] = '\0';
  if (at) sscanf(at, "Set-Cookie: %127[^;]", out);
  return out;
}

static void expect_given(Client *c, const char *cookie) {
  char now[128];
  claim(c, strcmp(given(c, now), cookie) == 0,
        "the cookie is \"%s\", not \"%s\"", now, cookie);
}

/* --- whose is whose --- */

static void strangers(Client *c) {
  char own[128], other[128];
  visit(c, "/login");
  snprintf(own, sizeof own, "%s", c->cookie);
  EXPECT(c, 200, page(c, own));
  expect_given(c, "");
  /* Every bit of it counts. */
  for (size_t i = strlen("stube_sid="); i < strlen(own); i += 7) {
    snprintf(other, sizeof other, "%s", own);
    other[i] = other[i] == 'A' ? 'B' : 'A';
    if (i + 1 == strlen(own)) continue; /* its last bits may be padding */
    EXPECT(c, 403, page(c, other));
    EXPECT(c, 403, click(c, LOGIN, other));
  }
  snprintf(other, sizeof other, "stube_sid=%043d", 0);
  EXPECT(c, 403, page(c, other));
  EXPECT(c, 403, page(c, "stube_sid=short"));
  EXPECT(c, 403, page(c, ""));
  /* One that nobody has made is not taken for a visitor's. */
  snprintf(c->cookie, sizeof c->cookie, "%s", other);
  EXPECT(c, 200, ask(c, "GET", "/login", "", (Slice){ 0 }));
  claim(c, given(c, own)[0] && strcmp(own, other) != 0,
        "a planted token was accepted");
}

static void one_visitor(Client *c) {
  char own[128];
  visit(c, "/login");
  snprintf(own, sizeof own, "%s", c->cookie);
  EXPECT(c, 200, ask(c, "GET", "/login", "", (Slice){ 0 }));
  expect_given(c, ""); /* known already */
}

/* --- renewing --- */

static void renewals(Client *c) {
  char a[128], b[128], other[128];
  Client second = { .port = c->port };
  visit(c, "/login");
  snprintf(a, sizeof a, "%s", c->cookie);
  /* Another page of the same visitor. */
  snprintf(second.cookie, sizeof second.cookie, "%s", a);
  claim(c, ask(&second, "GET", "/login", "", (Slice){ 0 }) == 200, "no page");
  sscanf(strstr(second.reply.ptr, "@post('"), "@post('%255[^']", second.url[0]);

  EXPECT(c, 204, click(c, LOGIN, a));
  given(c, b);
  claim(c, b[0] && strcmp(a, b) != 0, "no new token");
  claim(c, strstr(c->reply.ptr, "HttpOnly; SameSite=Lax") != NULL,
        "it can be read by scripts");
  /* That answer may be lost: until the new token is shown, the page that
   * renewed is told again, and no other page is. */
  EXPECT(c, 200, page(c, a));
  expect_given(c, b);
  EXPECT(&second, 200, page(&second, a));
  expect_given(&second, "");
  snprintf(c->cookie, sizeof c->cookie, "%s", a);
  EXPECT(c, 200, ask(c, "GET", "/login", "", (Slice){ 0 }));
  expect_given(c, "");

  EXPECT(c, 200, page(c, b));
  expect_given(c, "");
  claim(c, strstr(c->reply.ptr, ">1</output>") != NULL,
        "the page is another's");
  EXPECT(&second, 200, page(&second, b)); /* its pages are all kept */

  EXPECT(c, 403, page(c, a));
  EXPECT(c, 403, click(c, LOGIN, a));
  EXPECT(&second, 403, page(&second, a));
  snprintf(c->cookie, sizeof c->cookie, "%s", a);
  EXPECT(c, 200, ask(c, "GET", "/login", "", (Slice){ 0 }));
  claim(c, given(c, other)[0] && strcmp(other, b) != 0,
        "who has the old token only is a stranger");
  EXPECT(c, 200, page(c, b));
  claim(c, !second.failure[0], "%.400s", second.failure);
  buf_free(&second.reply);
}

static void repeated_renewals(Client *c) {
  char a[128], b[128], d[128];
  visit(c, "/login");
  snprintf(a, sizeof a, "%s", c->cookie);
  EXPECT(c, 204, click(c, LOGIN, a));
  given(c, b);
  EXPECT(c, 204, click(c, LOGIN, a)); /* the answer was lost */
  given(c, d);
  claim(c, strcmp(b, d) != 0, "renewed, and still the same");
  EXPECT(c, 200, page(c, b));
  expect_given(c, d);
  EXPECT(c, 200, page(c, d));
  EXPECT(c, 403, page(c, a));
  EXPECT(c, 403, page(c, b));
  /* Once a turn, whatever the turn says. */
  EXPECT(c, 204, click(c, TWICE, d));
  given(c, a);
  EXPECT(c, 200, page(c, a));
  EXPECT(c, 403, page(c, d));
  /* Many that nobody looks at: only the newest few are good. */
  for (int i = 0; i < VISITOR_TOKENS_MAX; i++)
    EXPECT(c, 204, click(c, LOGIN, a));
  EXPECT(c, 204, click(c, LOGIN, a));
  EXPECT(c, 403, click(c, LOGIN, a));
}

static void failed_renewals(Client *c) {
  char a[128];
  visit(c, "/login");
  snprintf(a, sizeof a, "%s", c->cookie);
  EXPECT(c, 204, click(c, FAIL, a));
  expect_given(c, "");
  EXPECT(c, 200, page(c, a));
  expect_given(c, "");
}

/* A renewal in a turn of its own: no answer can tell of it, so a stream does.
 */
static void later_renewals(Client *c) {
  char a[128], b[128], path[300];
  visit(c, "/login");
  snprintf(a, sizeof a, "%s", c->cookie);
  page_of(c, "/sse?at=1.0", path);
  int fd = dial(c);
  dprintf(fd, "GET %s HTTP/1.1\r\nHost: x\r\nCookie: %s\r\n\r\n", path, a);
  EXPECT(c, 204, click(c, LATER, a));
  expect_given(c, "");
  Buf in = { 0 };
  do {
    char *at = buf_reserve(&in, 4097);
    ssize_t n = recv(fd, at, 4096, 0);
    if (n <= 0) break;
    in.len += (size_t)n;
    in.ptr[in.len] = '\0';
  } while (!strstr(in.ptr, "event: stube-session\n"));
  claim(c, in.len && strstr(in.ptr, "stube-session"), "the page is not told");
  page_of(c, "/session", path);
  EXPECT(c, 403, post(c, path, "", (Slice){ 0 }));
  EXPECT(c, 200, post(c, path, OURS, (Slice){ 0 }));
  given(c, b);
  claim(c, b[0] && strcmp(a, b) != 0, "no new token");
  snprintf(c->cookie, sizeof c->cookie, "%s", b);
  EXPECT(c, 204, post(c, path, OURS, (Slice){ 0 }));
  expect_given(c, "");
  EXPECT(c, 403, page(c, a));
  EXPECT(c, 200, page(c, b));
  /* The stream that was opened before goes on. */
  buf_clear(&in);
  EXPECT(c, 204, click(c, LOGIN, b));
  claim(c, recv(fd, path, sizeof path, 0) > 0, "the stream was cut");
  close(fd);
  buf_free(&in);
}

/* --- on disk --- */

static Client kept;
static char old_cookie[128], new_cookie[128];

static void renew_and_stop(Client *c) {
  kept = (Client){ .port = c->port };
  visit(&kept, "/login");
  snprintf(old_cookie, sizeof old_cookie, "%s", kept.cookie);
  EXPECT(&kept, 204, click(&kept, LOGIN, old_cookie));
  given(&kept, new_cookie);
  claim(c, !kept.failure[0], "%.400s", kept.failure);
}

/* The answer was lost, and the host was stopped: the page still learns it. */
static void show_and_stop(Client *c) {
  kept.port = c->port;
  EXPECT(&kept, 200, page(&kept, old_cookie));
  expect_given(&kept, new_cookie);
  EXPECT(&kept, 200, page(&kept, new_cookie));
  claim(c, !kept.failure[0], "%.400s", kept.failure);
}

static void find_the_old_one_dead(Client *c) {
  kept.port = c->port;
  EXPECT(&kept, 403, page(&kept, old_cookie));
  EXPECT(&kept, 200, page(&kept, new_cookie));
  claim(c, !kept.failure[0], "%.400s", kept.failure);
  buf_free(&kept.reply);
}

/* --- the tests --- */

static void a_token_that_we_did_not_make_is_nobodys(void **state) {
  (void)state;
  serve_app(APP, NULL, strangers);
}

static void a_visitor_keeps_its_token(void **state) {
  (void)state;
  serve_app(APP, NULL, one_visitor);
}

static void a_renewed_token_replaces_the_old_one_once_shown(void **state) {
  (void)state;
  serve_app(APP, NULL, renewals);
}

static void renewing_again_replaces_all_before(void **state) {
  (void)state;
  serve_app(APP, NULL, repeated_renewals);
}

static void a_failed_turn_renews_nothing(void **state) {
  (void)state;
  serve_app(APP, NULL, failed_renewals);
}

static void a_turn_without_a_visitor_renews_through_the_stream(void **state) {
  (void)state;
  serve_app(APP, NULL, later_renewals);
}

static void renewals_outlive_restarts(void **state) {
  (void)state;
  TempPath dir;
  temp_make(dir);
  serve_app(APP, dir, renew_and_stop);
  serve_app(APP, dir, show_and_stop);
  serve_app(APP, dir, find_the_old_one_dead);
  temp_remove(dir);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_token_that_we_did_not_make_is_nobodys),
    cmocka_unit_test(a_visitor_keeps_its_token),
    cmocka_unit_test(
        a_renewed_token_replaces_the_old_one_once_shown), /* 16.7 */
    cmocka_unit_test(renewing_again_replaces_all_before),
    cmocka_unit_test(a_failed_turn_renews_nothing),
    cmocka_unit_test(a_turn_without_a_visitor_renews_through_the_stream),
    cmocka_unit_test(renewals_outlive_restarts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
