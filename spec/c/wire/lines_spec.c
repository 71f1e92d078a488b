#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "wire/lines.h"

static FILE *file_of(const char *text) {
  FILE *f = tmpfile();
  assert_non_null(f);
  fputs(text, f);
  rewind(f);
  return f;
}

static void test_what_is_written_reads_the_same(void **state) {
  (void)state;
  FILE *f = tmpfile();
  Buf bytes = { 0 }, why = { 0 };
  uint64_t n = 0;
  Line *out = line_new();
  line_set_text(out, "text", "a \"b\"\n\u00e9");
  line_set_text(out, "none", NULL);
  line_set_text(out, "broken", "\xff");
  line_set_number(out, "n", 12345678901234567u);
  line_set_bytes(out, "bytes", slice("\0\xff\n", 3));
  line_set_list(out, "list");
  for (uint64_t i = 0; i < 3; i++)
    line_set_number(line_add(out, "list"), "i", i);
  assert_true(line_write(f, out));
  line_free(out);
  rewind(f);
  Line *in = line_read(f, 1000, &why);
  assert_non_null(in);
  assert_string_equal(line_text(in, "text"), "a \"b\"\n\u00e9");
  assert_null(line_text(in, "none"));
  assert_null(line_text(in, "broken"));
  assert_true(line_number(in, "n", &n));
  assert_int_equal(n, 12345678901234567u);
  assert_true(line_bytes(in, "bytes", &bytes));
  assert_true(slice_eq(buf_view(&bytes), slice("\0\xff\n", 3)));
  assert_int_equal(line_count(in, "list"), 3);
  assert_true(line_number(line_item(in, "list", 2), "i", &n));
  assert_int_equal(n, 2);
  line_free(in);
  assert_null(line_read(f, 1000, &why)); /* and that is the end */
  assert_int_equal(why.len, 0);
  buf_free(&bytes);
  buf_free(&why);
  fclose(f);
}

static void test_what_is_no_object_is_refused_line_by_line(void **state) {
  (void)state;
  FILE *f = file_of(
      "[1]\n{\"a\":}\n\n{\"a\":1,\"a\":2}\n{\"a\":1} x\n{\"a\":1}");
  Buf why = { 0 };
  for (int i = 0; i < 5; i++) {
    assert_null(line_read(f, 1000, &why));
    assert_true(why.len > 0);
  }
  Line *last = line_read(f, 1000, &why);
  assert_non_null(last);
  line_free(last);
  assert_null(line_read(f, 1000, &why));
  assert_int_equal(why.len, 0);
  buf_free(&why);
  fclose(f);
}

static void test_a_line_is_bounded(void **state) {
  (void)state;
  FILE *f = file_of("{\"a\":1}\n{\"ab\":1}\n{\"a\":2}\n");
  Buf why = { 0 };
  Line *l = line_read(f, 7, &why);
  assert_non_null(l);
  line_free(l);
  assert_null(line_read(f, 7, &why));
  assert_true(slice_is(buf_view(&why), "it has over 7 bytes"));
  l = line_read(f, 7, &why);
  assert_non_null(l);
  line_free(l);
  buf_free(&why);
  fclose(f);
}

static void test_fields_of_another_kind_are_none(void **state) {
  (void)state;
  FILE *f = file_of(
      "{\"text\":1,\"n\":-1,\"m\":1.5,\"bytes\":\"!\",\"list\":{}}\n");
  Buf why = { 0 }, out = { 0 };
  uint64_t n = 7;
  Line *l = line_read(f, 1000, &why);
  assert_non_null(l);
  assert_null(line_text(l, "text"));
  assert_false(line_number(l, "n", &n));
  assert_false(line_number(l, "m", &n));
  assert_false(line_number(l, "nothing", &n));
  assert_int_equal(n, 7);
  assert_false(line_bytes(l, "bytes", &out));
  assert_false(line_bytes(l, "text", &out));
  assert_int_equal(line_count(l, "list"), 0);
  assert_int_equal(line_count(l, "nothing"), 0);
  line_free(l);
  buf_free(&why);
  buf_free(&out);
  fclose(f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_what_is_written_reads_the_same),
    cmocka_unit_test(test_what_is_no_object_is_refused_line_by_line),
    cmocka_unit_test(test_a_line_is_bounded),
    cmocka_unit_test(test_fields_of_another_kind_are_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
