#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base64.h"

/* RFC 4648, 10. */
static void test_what_the_standard_says(void **state) {
  (void)state;
  static const char *const pairs[][2] = {
    { "", "" },
    { "f", "Zg==" },
    { "fo", "Zm8=" },
    { "foo", "Zm9v" },
    { "foob", "Zm9vYg==" },
    { "fooba", "Zm9vYmE=" },
    { "foobar", "Zm9vYmFy" },
  };
  for (size_t i = 0; i < countof(pairs); i++) {
    Buf text = { 0 }, back = { 0 };
    base64_put(&text, slice_str(pairs[i][0]));
    assert_true(slice_is(buf_view(&text), pairs[i][1]));
    assert_true(base64_take(buf_view(&text), &back));
    assert_true(slice_is(buf_view(&back), pairs[i][0]));
    buf_free(&text);
    buf_free(&back);
  }
}

static void test_every_byte_comes_back(void **state) {
  (void)state;
  char all[256];
  Buf text = { 0 }, back = { 0 };
  for (int i = 0; i < 256; i++) all[i] = (char)i;
  for (size_t len = 0; len <= sizeof all; len++) {
    buf_clear(&text);
    buf_clear(&back);
    base64_put(&text, slice(all, len));
    assert_true(base64_take(buf_view(&text), &back));
    assert_true(slice_eq(buf_view(&back), slice(all, len)));
  }
  buf_free(&text);
  buf_free(&back);
}

static void test_what_is_none_is_refused(void **state) {
  (void)state;
  static const char *const bad[] = { "Z",     "Zg",   "Zg=",    "Zg===", "Z===",
                                     "Zm9v ", "Zm9-", "Zm\n9v", "Zh==",  "=" };
  Buf out = { 0 };
  buf_puts(&out, "before");
  for (size_t i = 0; i < countof(bad); i++) {
    assert_false(base64_take(slice_str(bad[i]), &out));
    assert_true(slice_is(buf_view(&out), "before"));
  }
  buf_free(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_what_the_standard_says),
    cmocka_unit_test(test_every_byte_comes_back),
    cmocka_unit_test(test_what_is_none_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
