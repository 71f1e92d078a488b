#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/limits.h"
#include "http/cookie.h"

static void test_values_are_found_as_browsers_send_them(void **state) {
  (void)state;
  Slice h = SLICE("a=1; b = two ;c=\"q\";; =no; nothing;d==;a=2; e=");
  assert_true(slice_is(cookie_find(h, SLICE("a")), "1"));
  assert_true(slice_is(cookie_find(h, SLICE("b")), "two"));
  assert_true(slice_is(cookie_find(h, SLICE("c")), "q"));
  assert_true(slice_is(cookie_find(h, SLICE("d")), "="));
  assert_true(slice_is(cookie_find(h, SLICE("e")), ""));
  assert_non_null(cookie_find(h, SLICE("e")).ptr);
  assert_null(cookie_find(h, SLICE("nothing")).ptr);
  assert_null(cookie_find(h, SLICE("A")).ptr);
  assert_null(cookie_find(h, SLICE("")).ptr);
  assert_null(cookie_find((Slice){ 0 }, SLICE("a")).ptr);
}

static void test_only_so_many_are_looked_at(void **state) {
  (void)state;
  Buf b = { 0 };
  for (int i = 0; i < HTTP_COOKIES_MAX - 1; i++) buf_printf(&b, "c%d=x; ", i);
  buf_puts(&b, "last=max; over=max1");
  assert_true(slice_is(cookie_find(buf_view(&b), SLICE("last")), "max"));
  assert_null(cookie_find(buf_view(&b), SLICE("over")).ptr);
  buf_free(&b);
}

static void assert_written(const Cookie *c, const char *text) {
  Buf b = { 0 };
  assert_int_equal(cookie_write(&b, c), OK);
  if (!slice_is(buf_view(&b), text))
    fail_msg("%.*s is not %s", (int)b.len, b.ptr, text);
  buf_free(&b);
}

static void test_set_cookie_is_safe_unless_said_otherwise(void **state) {
  (void)state;
  Cookie c = { .name = SLICE("sid"), .value = SLICE("abc_-") };
  assert_written(&c, "sid=abc_-; Path=/; HttpOnly; SameSite=Lax");
  c.is_secure = true;
  c.name = SLICE("__Host-sid");
  c.max_age_s = 60;
  c.same_site = SAME_SITE_STRICT;
  assert_written(&c, "__Host-sid=abc_-; Path=/; Max-Age=60; Secure; HttpOnly; "
                     "SameSite=Strict");
  c.name = SLICE("__Secure-sid");
  c.path = SLICE("/app");
  c.max_age_s = -1;
  c.same_site = SAME_SITE_NONE;
  c.is_readable = true;
  assert_written(&c, "__Secure-sid=abc_-; Path=/app; Max-Age=0; Secure; "
                     "SameSite=None");
}

static void test_what_a_browser_would_drop_is_refused(void **state) {
  (void)state;
  const Cookie bad[] = {
    { .name = SLICE("") },
    { .name = SLICE("a b") },
    { .name = SLICE("a=b") },
    { .name = SLICE("a"), .value = SLICE("x;y") },
    { .name = SLICE("a"), .value = SLICE("x\r\ny") },
    { .name = SLICE("a"), .value = SLICE("x y") },
    { .name = SLICE("a"), .value = SLICE("x\0y") },
    { .name = SLICE("a"), .path = SLICE("x") },
    { .name = SLICE("a"), .path = SLICE("/x;y") },
    { .name = SLICE("a"), .path = SLICE("/x\r\n") },
    { .name = SLICE("a"), .same_site = SAME_SITE_NONE },
    { .name = SLICE("__Host-a") },
    { .name = SLICE("__Host-a"), .is_secure = true, .path = SLICE("/x") },
    { .name = SLICE("__Secure-a") },
  };
  Buf b = { 0 };
  for (size_t i = 0; i < countof(bad); i++)
    assert_int_equal(cookie_write(&b, &bad[i]), ERR_BAD_INPUT);
  assert_int_equal(b.len, 0);
  buf_free(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_values_are_found_as_browsers_send_them),
    cmocka_unit_test(test_only_so_many_are_looked_at),
    cmocka_unit_test(test_set_cookie_is_safe_unless_said_otherwise),
    cmocka_unit_test(test_what_a_browser_would_drop_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
