/* The words everything stands on: buffers, numbers, ids, nearest words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/arena.h"
#include "base/blob.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/log.h"
#include "base/nearest.h"

#include <unistd.h>

static void a_buffer_remembers_its_first_failure(void **state) {
  (void)state;
  Buf b = { .max = 5 };
  buf_puts(&b, "12345");
  assert_int_equal(buf_status(&b), OK);
  buf_byte(&b, '6');
  assert_int_equal(buf_status(&b), ERR_TOO_BIG);
  buf_drop(&b, 3);
  buf_puts(&b, "x");
  assert_true(slice_is(buf_view(&b), "45")); /* nothing more is taken */
  buf_clear(&b);
  buf_puts(&b, "again");
  assert_int_equal(buf_status(&b), OK);
  buf_free(&b);
}

static void a_word_has_letters_digits_and_underscores(void **state) {
  (void)state;
  static const char all[] =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
  for (int c = 0; c < 256; c++) {
    const char *at = memchr(all, c, sizeof all - 1);
    assert_int_equal(char_is_word((char)c), at != NULL);
    assert_int_equal(char_is_digit((char)c), at && at < all + 10);
  }
  assert_true(slice_is_word(SLICE("_")) && slice_is_word(SLICE("a1_B")));
  assert_false(slice_is_word((Slice){ 0 }) || slice_is_word(SLICE("1a")));
  assert_false(slice_is_word(SLICE("a-b")) || slice_is_word(SLICE("a\0")));
}

static void numbers_come_back_as_they_went(void **state) {
  (void)state;
  static const uint64_t all[] = { 0,     1,          127,        128,
                                  16383, 1ull << 32, 1ull << 63, UINT64_MAX };
  Buf b = { 0 };
  for (size_t i = 0; i < countof(all); i++) buf_varint(&b, all[i]);
  Slice in = buf_view(&b);
  for (size_t i = 0; i < countof(all); i++) {
    uint64_t v;
    assert_int_equal(take_varint(&in, &v), OK);
    assert_true(v == all[i]);
  }
  assert_int_equal(in.len, 0);
  uint64_t v;
  in = SLICE("\x80");
  assert_int_equal(take_varint(&in, &v), ERR_BAD_INPUT);
  in = SLICE("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02");
  assert_int_equal(take_varint(&in, &v), ERR_BAD_INPUT);
  buf_clear(&b);
  buf_uint(&b, UINT64_MAX);
  assert_true(slice_is(buf_view(&b), "18446744073709551615"));
  buf_free(&b);
}

static void a_block_is_bounded_by_what_is_left(void **state) {
  (void)state;
  Slice in = SLICE("\x05xy"), out = SLICE("untouched");
  assert_int_equal(take_block(&in, &out), ERR_BAD_INPUT);
  assert_int_equal(in.len, 3);
  assert_true(slice_is(out, "untouched"));
}

static void base64_has_one_text_for_each_value(void **state) {
  (void)state;
  uint8_t raw[] = { 0, 0x10, 0x83, 0xfb, 0xff }, back[5];
  char text[8];
  size_t n = base64url(text, raw, sizeof raw);
  assert_true(slice_is(slice(text, n), "ABCD-_8"));
  assert_true(unbase64url(back, sizeof back, slice(text, n)));
  assert_memory_equal(raw, back, sizeof raw);
  assert_false(unbase64url(back, sizeof back, SLICE("ABCD-_9")));
  assert_false(unbase64url(back, sizeof back, SLICE("ABCD-_")));
  assert_false(unbase64url(back, sizeof back, SLICE("ABCD+/8")));
}

static void base64_is_that_of_libsodium(void **state) {
  (void)state;
  const int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  uint8_t raw[192], back[192];
  char text[260], right[260];
  for (size_t i = 0; i < sizeof raw; i++) raw[i] = (uint8_t)(i * 167 + i / 3);
  for (size_t len = 0; len <= sizeof raw; len++) {
    size_t n = base64url(text, raw, len);
    sodium_bin2base64(right, sizeof right, raw, len, variant);
    assert_true(slice_is(slice(text, n), right));
    assert_true(unbase64url(back, len, slice(text, n)));
    assert_memory_equal(raw, back, len);
  }
  for (int c = 0; c < 256; c++)
    for (size_t at = 0; at < 6; at++) {
      char some[] = "AAAAAA"; /* four bytes: a whole group, and one over */
      some[at] = (char)c;
      const char *good = at < 5 ? "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz0123456789-_"
                                : "AQgw"; /* with four bits unused */
      bool is = c && strchr(good, c);
      assert_int_equal(unbase64url(back, 4, slice(some, 6)), is);
    }
}

static void cids_are_distinct_and_sort_by_time(void **state) {
  (void)state;
  id_init();
  char a[CID_LEN + 1], b[CID_LEN + 1];
  uint8_t raw_a[CID_RAW], raw_b[CID_RAW];
  cid_mint(a, 1000);
  cid_mint(b, 1001);
  assert_true(cid_raw(slice_str(a), raw_a) && cid_raw(slice_str(b), raw_b));
  assert_true(memcmp(raw_a, raw_b, CID_RAW) < 0);
  cid_mint(b, 1000);
  assert_string_not_equal(a, b);
  assert_false(cid_raw(SLICE("short"), raw_a));
}

static void a_mac_depends_on_key_and_bytes(void **state) {
  (void)state;
  uint8_t host[KEY_BYTES] = { 7 };
  MacKey one = mac_key(host, SLICE("cid-1")),
         two = mac_key(host, SLICE("cid-2"));
  char a[MAC_LEN], b[MAC_LEN];
  mac(a, &one, SLICE("inc"));
  mac(b, &one, SLICE("inc"));
  assert_memory_equal(a, b, MAC_LEN);
  mac(b, &one, SLICE("ind"));
  assert_memory_not_equal(a, b, MAC_LEN);
  mac(b, &two, SLICE("inc"));
  assert_memory_not_equal(a, b, MAC_LEN);
}

static void an_arena_gives_apart_and_takes_back_whole(void **state) {
  (void)state;
  Arena a = { 0 };
  for (int round = 0; round < 3; round++) {
    char *x = arena_dup(&a, SLICE("first")), *big = arena_alloc(&a, 100000);
    memset(big, 'x', 100000);
    char *y = arena_dup(&a, SLICE("second"));
    assert_string_equal(x, "first");
    assert_string_equal(y, "second");
    assert_int_equal((uintptr_t)arena_alloc(&a, 1) % sizeof(void *), 0);
    arena_reset(&a);
  }
  arena_free(&a);
}

static void a_blob_lives_until_its_last_holder(void **state) {
  (void)state;
  Blob *b = blob_new(SLICE("bytes"));
  Blob *same = blob_hold(b);
  blob_drop(b);
  assert_true(slice_is(blob_view(same), "bytes"));
  blob_drop(same);
  blob_drop(NULL);
}

static void a_log_line_forges_nothing(void **state) {
  (void)state;
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  Log log = { .level = LOG_INFO, .fd = ends[1] };
  char line[512];
  log_with(&log, LOG_WARN, "odd\nmessage", { "key", SLICE("a\x1b[31m\"b") });
  ssize_t n = read(ends[0], line, sizeof line - 1);
  line[n > 0 ? n : 0] = '\0';
  assert_non_null(strstr(line, "warn  odd\\nmessage key=a\\x1b[31m\"b\n"));
  log.json = true;
  log_with(&log, LOG_ERROR, "odd\nmessage", { "key", SLICE("a\x1b\"b") });
  n = read(ends[0], line, sizeof line - 1);
  line[n > 0 ? n : 0] = '\0';
  assert_non_null(strstr(line, "\"message\":\"odd\\nmessage\""));
  assert_non_null(strstr(line, "\"key\":\"a\\u001b\\\"b\"}\n"));
  close(ends[0]);
  close(ends[1]);
}

static const char *nearest(const char *wanted) {
  static const char *const names[] = { "debounce", "throttle", "to", "key",
                                       "kex" };
  Nearest n = nearest_to(slice_str(wanted));
  for (size_t i = 0; i < countof(names); i++)
    nearest_try(&n, slice_str(names[i]));
  return n.found.ptr;
}

static void only_near_words_are_offered(void **state) {
  (void)state;
  assert_string_equal(nearest("debonce"), "debounce");
  assert_string_equal(nearest("debuonce"), "debounce");
  assert_string_equal(nearest("trottle"), "throttle");
  assert_string_equal(nearest("ke"), "kex"); /* as near as "key": by name */
  assert_null(nearest("window"));
  assert_null(nearest(""));
  assert_null(nearest("a very long name that no option would ever have, and "
                      "longer still than that"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_buffer_remembers_its_first_failure),
    cmocka_unit_test(a_word_has_letters_digits_and_underscores),
    cmocka_unit_test(numbers_come_back_as_they_went),
    cmocka_unit_test(a_block_is_bounded_by_what_is_left),
    cmocka_unit_test(base64_has_one_text_for_each_value),
    cmocka_unit_test(base64_is_that_of_libsodium),
    cmocka_unit_test(cids_are_distinct_and_sort_by_time),
    cmocka_unit_test(a_mac_depends_on_key_and_bytes),
    cmocka_unit_test(an_arena_gives_apart_and_takes_back_whole),
    cmocka_unit_test(a_blob_lives_until_its_last_holder),
    cmocka_unit_test(a_log_line_forges_nothing),
    cmocka_unit_test(only_near_words_are_offered),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
