#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "http/addr.h"

static bool in(const char *address, const char *block) {
  AddrBlock b;
  assert_true(addr_block_parse(slice_str(block), &b));
  return addr_in(slice_str(address), &b, 1);
}

static void test_a_block_holds_what_begins_as_it_does(void **state) {
  (void)state;
  assert_true(in("10.1.2.3", "10.0.0.0/8"));
  assert_false(in("11.1.2.3", "10.0.0.0/8"));
  assert_true(in("192.168.7.255", "192.168.4.0/22"));
  assert_false(in("192.168.8.0", "192.168.4.0/22"));
  assert_true(in("1.2.3.4", "1.2.3.4"));
  assert_false(in("1.2.3.5", "1.2.3.4"));
  assert_true(in("1.2.3.5", "1.2.3.4/31"));
  assert_true(in("fd00:1::9", "fd00::/8"));
  assert_false(in("fe00:1::9", "fd00::/8"));
  assert_true(in("9.9.9.9", "0.0.0.0/0"));
  assert_false(in("::2", "0.0.0.0/0"));
  assert_true(in("9.9.9.9", "::/0"));
}

static void test_mapped_addresses_are_the_same(void **state) {
  (void)state;
  assert_true(in("::ffff:10.1.2.3", "10.0.0.0/8"));
  assert_true(in("10.1.2.3", "::ffff:10.1.2.3"));
}

static void test_the_own_machine_is_known(void **state) {
  (void)state;
  const char *own[] = { "127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1" };
  const char *others[] = { "128.0.0.1", "::2",       "::",        "10.0.0.1",
                           "",          "localhost", "127.0.0.1x" };
  for (size_t i = 0; i < countof(own); i++)
    assert_true(addr_is_loopback(slice_str(own[i])));
  for (size_t i = 0; i < countof(others); i++)
    assert_false(addr_is_loopback(slice_str(others[i])));
}

static void test_what_is_no_block_is_refused(void **state) {
  (void)state;
  const char *bad[] = { "",          "/8",           "10.0.0/8",
                        "10.0.0.0/", "10.0.0.0/33",  "::1/129",
                        "::1/-1",    "10.0.0.0/8x",  "10.0.0.0/0008",
                        "host",      "10.0.0.0/8/8", "1.2.3.4 " };
  AddrBlock b;
  for (size_t i = 0; i < countof(bad); i++)
    assert_false(addr_block_parse(slice_str(bad[i]), &b));
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_a_block_holds_what_begins_as_it_does),
    cmocka_unit_test(test_mapped_addresses_are_the_same),
    cmocka_unit_test(test_the_own_machine_is_known),
    cmocka_unit_test(test_what_is_no_block_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
