/* Where requests meet the app: what it sees of them, what goes with the
 * conversation, and what becomes of its failures. */
#include "host/served.h"

#define APP "spec/c/host/boundary.lua"
#define HTML "Accept: text/html\r\n"

static const char *body(const Client *c) {
  const char *at = strstr(c->reply.ptr, "\r\n\r\n");
  return at ? at : c->reply.ptr;
}

static void shows(Client *c, const char *text) {
  claim(c, strstr(c->reply.ptr, text) != NULL, "no \"%s\" in: %.1500s", text,
        body(c));
}

static void hides(Client *c, const char *text) {
  claim(c, strstr(c->reply.ptr, text) == NULL, "\"%s\" in: %.1500s", text,
        body(c));
}

static int get(Client *c, const char *path, const char *headers) {
  return ask(c, "GET", path, headers, (Slice){ 0 });
}

/* --- what the app sees --- */

static void requests(Client *c) {
  visit(c, "/protected"); /* for a cookie of ours */
  strcat(c->cookie, "; a=1; b=\"2\"; a=3");
  EXPECT(c, 200,
         get(c, "/dump/J%C3%BCrgen?q=a+b&q=c&empty=",
             "X-One: 1\r\nX-One: 2\r\nAccept: */*\r\n"));
  shows(c, ">body=;cookies={a=1;b=2};"
           "headers={accept=*/*;connection=close;host=x;x-one=1, 2};"
           "ip=127.0.0.1;method=GET;params={name=J\xc3\xbcrgen};"
           "path=/dump/J\xc3\xbcrgen;query={empty=;q={1=a b;2=c}}</p>");
  hides(c, "stube_sid");
  c->cookie[0] = '\0';
  EXPECT(c, 400, get(c, "/dump/x?q=%zz", ""));
  /* Nobody said that there is a proxy. */
  EXPECT(c, 200, get(c, "/dump/x", "X-Forwarded-For: 9.9.9.9\r\n"));
  shows(c, "ip=127.0.0.1;");
}

static void behind_a_proxy(Client *c) {
  EXPECT(c, 200, get(c, "/dump/x", "X-Forwarded-For: 1.1.1.1, 9.9.9.9\r\n"));
  shows(c, "ip=9.9.9.9;");
  EXPECT(c, 200, get(c, "/dump/x", ""));
  shows(c, "ip=127.0.0.1;");
}

static void under_a_path(Client *c) {
  EXPECT(c, 404, get(c, "/dump/x", ""));
  EXPECT(c, 200, get(c, "/app/dump/x", ""));
  shows(c, "path=/dump/x;");
}

/* --- what goes with the conversation --- */

static void principals(Client *c) {
  visit(c, "/protected");
  shows(c, "signed-in users only");
  claim(c, c->n_urls == 0, "a stranger has a button");
  visit(c, "/protected?user=ada");
  shows(c, "Signed in as ada at x.");
  EXPECT(c, 204, post(c, c->url[0], JSON OURS, SLICE("{}")));
  char page[256];
  snprintf(page, sizeof page, "%.*s",
           (int)(strstr(c->url[0], "/ix-1") - c->url[0]), c->url[0]);
  EXPECT(c, 200, get(c, page, ""));
  shows(c, ">1</output>");
  shows(c, "Signed in as ada at x.");

  Client other = { .port = c->port };
  visit(&other, "/protected?user=eve");
  EXPECT(&other, 403, post(&other, c->url[0], JSON OURS, SLICE("{}")));
  claim(c, !other.failure[0], "%.400s", other.failure);
  buf_free(&other.reply);
  EXPECT(c, 200, get(c, page, ""));
  shows(c, ">1</output>"); /* nothing has changed */
}

static Client kept;

static void leave_one(Client *c) {
  kept = (Client){ .port = c->port };
  visit(&kept, "/protected?user=ada");
  EXPECT(&kept, 204, post(&kept, kept.url[0], JSON OURS, SLICE("{}")));
  claim(c, !kept.failure[0], "%.400s", kept.failure);
}

static void find_it(Client *c) {
  kept.port = c->port;
  char page[256];
  snprintf(page, sizeof page, "%.*s",
           (int)(strstr(kept.url[0], "/ix-1") - kept.url[0]), kept.url[0]);
  EXPECT(&kept, 200, get(&kept, page, ""));
  shows(&kept, "Signed in as ada at x.");
  claim(c, !kept.failure[0], "%.400s", kept.failure);
  buf_free(&kept.reply);
}

/* --- failures --- */

static void failures(Client *c) {
  EXPECT(c, 500, get(c, "/args-throw", HTML));
  shows(c, "boundary.lua:46: no args today");
  shows(c, "a mount&#39;s args (/args-throw)");
  shows(c, "stack traceback:");
  shows(c, "Content-Security-Policy: ");
  hides(c, "Set-Cookie");
  EXPECT(c, 500, get(c, "/args-throw", "Accept: application/json\r\n"));
  shows(c, "\"message\":\"boundary.lua:46: no args today\"");
  EXPECT(c, 500, get(c, "/args-number", HTML));
  shows(c, "must return a table, not a number");
  EXPECT(c, 500, get(c, "/args-await", HTML));
  shows(c, "boundary.lua:49: await works inside a conversation only (in a "
           "handler, a hook or a flow), not in a mount&#39;s args");
  EXPECT(c, 500, get(c, "/args-answer", HTML));
  shows(c, "answer works inside a conversation only");
  EXPECT(c, 500, get(c, "/args-loop", HTML));
  shows(c, "took more than 250 ms of CPU time");
  EXPECT(c, 500, get(c, "/protected?bad_context=1", HTML));
  shows(c, "context.db is a function");
  EXPECT(c, 500, get(c, "/protected?wait_context=1", HTML));
  shows(c, "not in context");
  visit(c, "/protected?user=ada"); /* and it goes on */
}

static void failures_in_production(Client *c) {
  static const char *const paths[] = { "/args-throw", "/args-number",
                                       "/protected?bad_context=1" };
  for (size_t i = 0; i < countof(paths); i++) {
    EXPECT(c, 500, get(c, paths[i], HTML));
    shows(c, "the application failed");
    hides(c, "boundary.lua");
    hides(c, "context.db");
  }
}

/* --- the tests --- */

static void a_request_is_a_table_of_plain_data(void **state) {
  (void)state;
  serve_app(APP, NULL, requests);
}

static void trust(Host *h) { h->settings.trust_proxy = true; }
static void a_trusted_proxy_says_who_asks(void **state) {
  (void)state;
  serve_app_as(APP, NULL, trust, behind_a_proxy);
}

static void move(Host *h) {
  free(h->settings.base_path);
  h->settings.base_path = xstrdup("/app");
}
static void the_app_does_not_see_its_base_path(void **state) {
  (void)state;
  serve_app_as(APP, NULL, move, under_a_path);
}

static void a_principal_is_the_conversations_alone(void **state) {
  (void)state;
  serve_app(APP, NULL, principals);
}

static void context_and_principal_outlive_a_restart(void **state) {
  (void)state;
  char dir[] = "/tmp/stube-host-XXXXXX", command[64];
  assert_non_null(mkdtemp(dir));
  serve_app(APP, dir, leave_one);
  serve_app(APP, dir, find_it);
  snprintf(command, sizeof command, "rm -r %s", dir);
  assert_int_equal(system(command), 0);
}

static void a_failure_is_told_to_who_develops(void **state) {
  (void)state;
  serve_app(APP, NULL, failures);
}

static void produce(Host *h) { h->settings.production = true; }
static void a_visitor_learns_nothing_of_a_failure(void **state) {
  (void)state;
  serve_app_as(APP, NULL, produce, failures_in_production);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_request_is_a_table_of_plain_data),
    cmocka_unit_test(a_trusted_proxy_says_who_asks),
    cmocka_unit_test(the_app_does_not_see_its_base_path),
    cmocka_unit_test(a_principal_is_the_conversations_alone),
    cmocka_unit_test(context_and_principal_outlive_a_restart),
    cmocka_unit_test(a_failure_is_told_to_who_develops),
    cmocka_unit_test(a_visitor_learns_nothing_of_a_failure),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
