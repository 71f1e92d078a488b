/* Deltas: whatever the two are, the second comes back; and nearly equal ones
 * cost little. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernel/delta.h"

static uint64_t dice = 88172645463325252u;

static uint32_t roll(uint32_t n) {
  dice ^= dice << 13;
  dice ^= dice >> 7;
  dice ^= dice << 17;
  return (uint32_t)(dice >> 32) % n;
}

/* The delta's length; fails when it does not bring `wanted` back. */
static size_t there_and_back(Slice base, Slice wanted) {
  Buf delta = { 0 }, got = { 0 };
  delta_make(base, wanted, &delta);
  assert_int_equal(OK, delta_apply(base, buf_view(&delta), wanted.len, &got));
  assert_true(slice_eq(buf_view(&got), wanted));
  size_t len = delta.len;
  buf_free(&delta);
  buf_free(&got);
  return len;
}

static void brings_back_what_it_was_made_of(void **state) {
  (void)state;
  static const char *const texts[] = {
    "",
    "a",
    "ab",
    "abcdefgh",
    "abcdefgh12345678abcdefgh",
    "12345678abcdefgh12345678",
    "the same, the same, the same, the same",
    "the same, the sane, the same, the same, the same",
  };
  for (size_t i = 0; i < countof(texts); i++)
    for (size_t j = 0; j < countof(texts); j++)
      there_and_back(slice_str(texts[i]), slice_str(texts[j]));
}

/* Random edits of random bytes, of few letters so that much repeats. */
static void brings_back_after_any_edits(void **state) {
  (void)state;
  enum { MOST = 3000 };
  char a[MOST], b[2 * MOST];
  for (int round = 0; round < 3000; round++) {
    size_t n = roll(MOST), m = 0;
    uint32_t letters = 1 + roll(256);
    for (size_t i = 0; i < n; i++) a[i] = (char)roll(letters);
    uint32_t rate = 1 + roll(200);
    for (size_t i = 0; i < n; i++) {
      switch (roll(rate)) {
      case 0: b[m++] = (char)roll(letters); break;     /* changed */
      case 1: b[m++] = a[i], b[m++] = (char)roll(256); /* one more */
      case 2: break;                                   /* one less */
      case 3: i = roll((uint32_t)n); break;            /* from elsewhere */
      default: b[m++] = a[i];
      }
      if (m + 2 > sizeof b) break;
    }
    there_and_back(slice(a, n), slice(b, m));
  }
}

/* A list of 50 numbered lines. */
static Slice lines(Buf *b, int without, int changed, const char *first) {
  buf_clear(b);
  buf_puts(b, first);
  for (int i = 1; i <= 50; i++)
    if (i != without)
      buf_printf(b, "%d: item number %d is %s\n", i, i,
                 i == changed ? "done" : "to do");
  return buf_view(b);
}

static void costs_little_for_little_changes(void **state) {
  (void)state;
  Buf a = { 0 }, b = { 0 };
  Slice base = lines(&a, 0, 0, "");
  assert_in_range(there_and_back(base, lines(&b, 0, 0, "")), 1, 8);
  assert_in_range(there_and_back(base, lines(&b, 0, 25, "")), 1, 20);
  assert_in_range(there_and_back(base, lines(&b, 25, 0, "")), 1, 20);
  assert_in_range(there_and_back(base, lines(&b, 0, 0, "new\n")), 1, 20);
  /* Three far from each other: a piece in front, one gone, one changed. */
  assert_in_range(there_and_back(base, lines(&b, 10, 40, "new\n")), 1, 50);
  buf_free(&a);
  buf_free(&b);
}

static void finds_what_was_moved(void **state) {
  (void)state;
  Buf a = { 0 }, b = { 0 };
  Slice base = lines(&a, 0, 0, "");
  buf_put(&b, base.ptr + 700, base.len - 700);
  buf_put(&b, base.ptr, 700);
  assert_in_range(there_and_back(base, buf_view(&b)), 1, 30);
  buf_free(&a);
  buf_free(&b);
}

/* Each byte changed, each end: applied it is refused or gives something of the
 * length it may have. */
static void damaged_is_refused_or_bounded(void **state) {
  (void)state;
  Buf a = { 0 }, b = { 0 }, delta = { 0 }, got = { 0 };
  Slice base = lines(&a, 0, 0, ""), wanted = lines(&b, 10, 40, "new\n");
  delta_make(base, wanted, &delta);
  for (size_t i = 0; i < delta.len; i++) {
    for (int v = 0; v < 256; v++) {
      char was = delta.ptr[i];
      delta.ptr[i] = (char)v;
      buf_clear(&got);
      Err e = delta_apply(base, buf_view(&delta), wanted.len, &got);
      assert_true(e == OK || e == ERR_BAD_INPUT);
      assert_true(got.len <= wanted.len);
      delta.ptr[i] = was;
    }
    buf_clear(&got);
    assert_int_equal(ERR_BAD_INPUT,
                     delta_apply(base, slice(delta.ptr, i), wanted.len, &got));
  }
  buf_clear(&got);
  assert_int_equal(ERR_BAD_INPUT,
                   delta_apply(base, buf_view(&delta), wanted.len - 1, &got));
  buf_byte(&delta, 0);
  buf_clear(&got);
  assert_int_equal(ERR_BAD_INPUT,
                   delta_apply(base, buf_view(&delta), wanted.len, &got));
  buf_free(&a);
  buf_free(&b);
  buf_free(&delta);
  buf_free(&got);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(brings_back_what_it_was_made_of),
    cmocka_unit_test(brings_back_after_any_edits),
    cmocka_unit_test(costs_little_for_little_changes),
    cmocka_unit_test(finds_what_was_moved),
    cmocka_unit_test(damaged_is_refused_or_bounded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
