#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "http/route.h"

#include <stdio.h>

static int targets[8]; /* only their addresses matter */
#define T(i) ((void *)&targets[i])

static Err add(Router *r, HttpMethod m, const char *pattern, void *target) {
  return router_add(r, m, slice_str(pattern), target);
}

static void *get(const Router *r, const char *path, RouteMatch *m) {
  return router_find(r, METHOD_GET, slice_str(path), m) == ROUTE_FOUND
             ? m->target
             : NULL;
}

static void test_a_literal_wins_over_a_name_over_a_tail(void **state) {
  (void)state;
  Router *r = router_new("");
  RouteMatch m;
  assert_int_equal(add(r, METHOD_GET, "/*rest", T(0)), OK);
  assert_int_equal(add(r, METHOD_GET, "/:a/:b", T(1)), OK);
  assert_int_equal(add(r, METHOD_GET, "/conv/:cid", T(2)), OK);
  assert_int_equal(add(r, METHOD_GET, "/conv/new", T(3)), OK);
  assert_int_equal(add(r, METHOD_GET, "/", T(4)), OK);
  assert_ptr_equal(get(r, "/conv/new", &m), T(3));
  assert_int_equal(m.nparams, 0);
  assert_ptr_equal(get(r, "/conv/x", &m), T(2));
  assert_true(slice_is(route_param(&m, "cid"), "x"));
  assert_ptr_equal(get(r, "/other/x", &m), T(1));
  assert_true(slice_is(route_param(&m, "a"), "other"));
  assert_true(slice_is(route_param(&m, "b"), "x"));
  assert_null(route_param(&m, "cid").ptr);
  assert_ptr_equal(get(r, "/one", &m), T(0));
  assert_ptr_equal(get(r, "/one/two/three.js", &m), T(0));
  assert_true(slice_is(route_param(&m, "rest"), "one/two/three.js"));
  assert_ptr_equal(get(r, "/", &m), T(4));
  router_free(r);
}

static void test_a_look_up_goes_back_where_a_literal_leads_nowhere(
    void **state) {
  (void)state;
  Router *r = router_new("");
  RouteMatch m;
  add(r, METHOD_GET, "/a/b/c", T(0));
  add(r, METHOD_GET, "/a/:x/d", T(1));
  add(r, METHOD_GET, "/:y/b/e", T(2));
  add(r, METHOD_GET, "/a/*z", T(3));
  assert_ptr_equal(get(r, "/a/b/d", &m), T(1));
  assert_true(slice_is(route_param(&m, "x"), "b"));
  assert_ptr_equal(get(r, "/q/b/e", &m), T(2));
  assert_ptr_equal(get(r, "/a/b/f", &m), T(3));
  assert_true(slice_is(route_param(&m, "z"), "b/f"));
  assert_null(get(r, "/q/b", &m));
  assert_null(get(r, "/a", &m));
  router_free(r);
}

static void test_another_method_is_405_with_what_would_do(void **state) {
  (void)state;
  Router *r = router_new("");
  RouteMatch m;
  add(r, METHOD_GET, "/a/b", T(0));
  add(r, METHOD_POST, "/a/:x", T(1));
  add(r, METHOD_HEAD, "/h", T(2));
  assert_int_equal(router_find(r, METHOD_DELETE, SLICE("/a/b"), &m),
                   ROUTE_METHOD);
  assert_string_equal(m.allow, "GET, HEAD, POST, OPTIONS");
  assert_int_equal(router_find(r, METHOD_OTHER, SLICE("/a/c"), &m),
                   ROUTE_METHOD);
  assert_string_equal(m.allow, "POST, OPTIONS");
  assert_int_equal(router_find(r, METHOD_OPTIONS, SLICE("/a/c"), &m),
                   ROUTE_OPTIONS);
  assert_string_equal(m.allow, "POST, OPTIONS");
  assert_int_equal(router_find(r, METHOD_OPTIONS, SLICE("*"), &m),
                   ROUTE_OPTIONS);
  assert_int_equal(router_find(r, METHOD_GET, SLICE("*"), &m), ROUTE_NONE);
  assert_int_equal(router_find(r, METHOD_OPTIONS, SLICE("/no"), &m),
                   ROUTE_NONE);
  assert_int_equal(router_find(r, METHOD_GET, SLICE("/h"), &m), ROUTE_METHOD);
  /* The method decides before the literal does. */
  assert_int_equal(router_find(r, METHOD_POST, SLICE("/a/b"), &m), ROUTE_FOUND);
  assert_ptr_equal(m.target, T(1));
  assert_int_equal(router_find(r, METHOD_HEAD, SLICE("/a/b"), &m), ROUTE_FOUND);
  assert_ptr_equal(m.target, T(0));
  router_free(r);
}

static void test_every_method_fits_in_allow(void **state) {
  (void)state;
  Router *r = router_new("");
  RouteMatch m;
  for (HttpMethod i = METHOD_GET; i < METHOD_COUNT; i++)
    assert_int_equal(router_add(r, i, SLICE("/x"), T(0)), OK);
  assert_int_equal(router_find(r, METHOD_OTHER, SLICE("/x"), &m), ROUTE_METHOD);
  assert_string_equal(m.allow, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
  assert_int_equal(router_find(r, METHOD_OPTIONS, SLICE("/x"), &m),
                   ROUTE_FOUND);
  router_free(r);
}

static void test_routes_come_and_go(void **state) {
  (void)state;
  Router *r = router_new("");
  RouteMatch m;
  assert_int_equal(add(r, METHOD_GET, "/a/:x/c", T(0)), OK);
  assert_int_equal(add(r, METHOD_GET, "/a/:other/c", T(1)), ERR_CONFLICT);
  assert_int_equal(add(r, METHOD_POST, "/a/:other/c", T(1)), OK);
  assert_int_equal(add(r, METHOD_GET, "/a", T(2)), OK);
  assert_ptr_equal(router_remove(r, METHOD_GET, SLICE("/a/:x/c")), T(0));
  assert_null(router_remove(r, METHOD_GET, SLICE("/a/:x/c")));
  assert_null(router_remove(r, METHOD_GET, SLICE("/a/b/c")));
  assert_null(get(r, "/a/b/c", &m));
  assert_int_equal(router_find(r, METHOD_POST, SLICE("/a/b/c"), &m),
                   ROUTE_FOUND);
  assert_true(slice_is(route_param(&m, "other"), "b"));
  assert_ptr_equal(router_remove(r, METHOD_POST, SLICE("/a/:y/c")), T(1));
  assert_ptr_equal(get(r, "/a", &m), T(2));
  assert_ptr_equal(router_remove(r, METHOD_GET, SLICE("/a/")), T(2));
  assert_int_equal(router_find(r, METHOD_GET, SLICE("/a"), &m), ROUTE_NONE);
  for (int i = 0; i < 1000; i++) {
    char pattern[32];
    snprintf(pattern, sizeof pattern, "/m%d/:x", i * 7919 % 1000);
    assert_int_equal(add(r, METHOD_GET, pattern, T(3)), OK);
  }
  for (int i = 0; i < 1000; i++) {
    char pattern[32];
    snprintf(pattern, sizeof pattern, "/m%d/y", i);
    assert_ptr_equal(get(r, pattern, &m), T(3));
    snprintf(pattern, sizeof pattern, "/m%d/:q", i);
    assert_ptr_equal(router_remove(r, METHOD_GET, slice_str(pattern)), T(3));
  }
  router_free(r);
}

static void test_all_stands_under_the_base_path(void **state) {
  (void)state;
  static const char *const bases[] = { "/app/x", "/app/x/" };
  RouteMatch m;
  for (size_t i = 0; i < countof(bases); i++) {
    Router *r = router_new(bases[i]);
    add(r, METHOD_GET, "/a", T(0));
    add(r, METHOD_GET, "/", T(1));
    assert_ptr_equal(get(r, "/app/x/a", &m), T(0));
    assert_ptr_equal(get(r, "/app/x/a/", &m), T(0));
    assert_ptr_equal(get(r, "/app/x", &m), T(1));
    assert_ptr_equal(get(r, "/app/x/", &m), T(1));
    assert_null(get(r, "/a", &m));
    assert_null(get(r, "/app/xa", &m));
    assert_null(get(r, "/", &m));
    router_free(r);
  }
}

static void test_malformed_patterns_are_refused(void **state) {
  (void)state;
  static const char *const bad[] = { "",      "a",      "/:",    "/*",
                                     "/*a/b", "/:a/:a", "/:a/*a" };
  Router *r = router_new("");
  for (size_t i = 0; i < countof(bad); i++)
    assert_int_equal(add(r, METHOD_GET, bad[i], T(0)), ERR_BAD_INPUT);
  router_free(r);
}

static void test_segments_are_bounded(void **state) {
  (void)state;
  Router *r = router_new("");
  RouteMatch m;
  char pattern[4 * HTTP_PATH_SEGMENTS_MAX + 8] = "", path[sizeof pattern] = "";
  for (int i = 0; i < HTTP_PATH_SEGMENTS_MAX; i++) {
    char seg[8];
    snprintf(seg, sizeof seg, "/:%c%c", 'a' + i % 26, 'a' + i / 26);
    strcat(pattern, seg);
    strcat(path, "/x");
  }
  assert_int_equal(add(r, METHOD_GET, pattern, T(0)), OK);
  assert_ptr_equal(get(r, path, &m), T(0));
  assert_int_equal(m.nparams, HTTP_PATH_SEGMENTS_MAX);
  strcat(pattern, "/:z");
  strcat(path, "/x");
  assert_int_equal(add(r, METHOD_GET, pattern, T(0)), ERR_BAD_INPUT);
  assert_null(get(r, path, &m));
  router_free(r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_a_literal_wins_over_a_name_over_a_tail),
    cmocka_unit_test(test_a_look_up_goes_back_where_a_literal_leads_nowhere),
    cmocka_unit_test(test_another_method_is_405_with_what_would_do),
    cmocka_unit_test(test_every_method_fits_in_allow),
    cmocka_unit_test(test_routes_come_and_go),
    cmocka_unit_test(test_all_stands_under_the_base_path),
    cmocka_unit_test(test_malformed_patterns_are_refused),
    cmocka_unit_test(test_segments_are_bounded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
