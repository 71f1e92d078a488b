/* /stube/metrics and /stube/health: what they say, and to whom. */
#include "host/served.h"

#define APP "spec/c/host/app.lua"

static uint64_t number_of(Client *c, const char *name) {
  unsigned long long n = 0;
  char line[128];
  int len = snprintf(line, sizeof line, "\nstube_%s ", name);
  const char *at = strstr(c->reply.ptr, line);
  claim(c, at != NULL, "there is no %s", name);
  if (at) sscanf(at + len, "%llu", &n);
  return n;
}

#define EQUAL(c, name, wanted)                                      \
  do {                                                              \
    uint64_t found = number_of((c), (name));                        \
    claim((c), found == (wanted), "%s is %llu, not %llu", (name),   \
          (unsigned long long)found, (unsigned long long)(wanted)); \
  } while (0)

static void read_metrics(Client *c) {
  EXPECT(c, 200, ask(c, "GET", "/stube/metrics", "", (Slice){ 0 }));
}

static void numbers(Client *c) {
  visit(c, "/failing");
  visit(c, "/counter");
  EXPECT(c, 204, post(c, c->url[0], JSON OURS, SLICE("{}")));
  for (int i = 0; i < 3; i++)
    EXPECT(c, 204,
           post(c, c->url[1], JSON OURS "Stube-Event: p.1\r\n", SLICE("{}")));
  read_metrics(c);
  claim(c, strstr(c->reply.ptr, "text/plain; version=0.0.4") != NULL,
        "not Prometheus' type");
  EQUAL(c, "conversations{state=\"hot\"}", 1u);
  EQUAL(c, "conversations{state=\"asleep\"}", 0u);
  EQUAL(c, "conversations{state=\"provisional\"}", 1u);
  EQUAL(c, "turns_total", 4u);
  EQUAL(c, "failed_turns_total", 0u);
  EQUAL(c, "repeated_events_total", 2u);
  EQUAL(c, "store_conversations", 1u);
  EQUAL(c, "store_writable", 1u);
  uint64_t commits = number_of(c, "store_commits_total");
  claim(c, commits >= 2, "%d commits", (int)commits);
  EQUAL(c, "store_batch_items_count", commits);
  EQUAL(c, "store_batch_items_bucket{le=\"+Inf\"}", commits);
  uint64_t items = number_of(c, "store_items_total");
  EQUAL(c, "store_commit_seconds_count", items);
  EQUAL(c, "store_commit_seconds_bucket{le=\"+Inf\"}", items);
  claim(c, number_of(c, "lua_bytes") > 10000, "Lua has no memory");
}

static void count_the_sleeping(Client *c) {
  read_metrics(c);
  EQUAL(c, "conversations{state=\"hot\"}", 0u);
  EQUAL(c, "conversations{state=\"asleep\"}", 1u);
  EQUAL(c, "conversations{state=\"provisional\"}", 0u);
  claim(c, number_of(c, "store_bytes") > 4096, "the store has no bytes");
}

static void refuse_what_was_forwarded(Client *c) {
  static const char *const headers[] = { "X-Forwarded-For: 127.0.0.1\r\n",
                                         "Forwarded: for=127.0.0.1\r\n",
                                         "X-Real-IP: 127.0.0.1\r\n",
                                         "Via: 1.1 proxy\r\n" };
  for (size_t i = 0; i < countof(headers); i++)
    EXPECT(c, 403, ask(c, "GET", "/stube/metrics", headers[i], (Slice){ 0 }));
  EXPECT(c, 405, ask(c, "POST", "/stube/metrics", "", (Slice){ 0 }));
  EXPECT(c, 200, ask(c, "GET", "/stube/health", headers[0], (Slice){ 0 }));
  claim(c, strstr(c->reply.ptr, "\r\n\r\nok\n") != NULL, "not healthy");
}

static void nobody(Client *c) {
  EXPECT(c, 404, ask(c, "GET", "/stube/metrics", "", (Slice){ 0 }));
}

static void everybody(Client *c) {
  EXPECT(c, 200,
         ask(c, "GET", "/stube/metrics", "Via: 1.1 proxy\r\n", (Slice){ 0 }));
}

static void test_metrics_count_what_happened(void **state) {
  (void)state;
  TempPath dir;
  temp_make(dir);
  serve_app(APP, dir, numbers);
  serve_app(APP, dir, count_the_sleeping);
  temp_remove(dir);
}

static void test_metrics_are_for_this_machine(void **state) {
  (void)state;
  serve_app(APP, NULL, refuse_what_was_forwarded);
}

/* An app whose only line sets `metrics`. */
static void serve_set(const char *setting, void (*run)(Client *c)) {
  TempPath script;
  char text[128];
  snprintf(text, sizeof text, "require 'stube'.config { metrics = %s }\n",
           setting);
  temp_file(script, text);
  serve_app(script, NULL, run);
  temp_remove(script);
}

static void test_a_setting_says_who_else(void **state) {
  (void)state;
  serve_set("false", nobody);
  serve_set("true", everybody);
  serve_set("{ '10.0.0.0/8', 'fd00::1' }", refuse_what_was_forwarded);
  serve_set("{}", refuse_what_was_forwarded);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_metrics_count_what_happened),
    cmocka_unit_test(test_metrics_are_for_this_machine),
    cmocka_unit_test(test_a_setting_says_who_else),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
