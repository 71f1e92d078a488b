/* The clock that never jumps: intervals hold whatever the wall clock does, and
 * it finds back to the wall clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/steady.h"

#define S UINT64_C(1000000) /* in microseconds */
#define HOUR (3600 * S)
#define START (UINT64_C(1700000000) * S)

typedef struct Clocks {
  Steady steady;
  uint64_t wall, mono;
} Clocks;

static Clocks begin(void) {
  Clocks c = { .wall = START, .mono = 77 * S };
  assert_int_equal(START / 1000, steady_ms(&c.steady, c.wall, c.mono));
  return c;
}

/* Lets `us` pass in steps of 10 ms; what it says then, in us. */
static uint64_t pass(Clocks *c, uint64_t us) {
  for (uint64_t at = 0; at < us; at += 10000) {
    c->wall += 10000;
    c->mono += 10000;
    steady_ms(&c->steady, c->wall, c->mono);
  }
  return c->steady.us;
}

static void goes_with_the_wall_clock(void **state) {
  (void)state;
  Clocks c = begin();
  assert_true(pass(&c, HOUR) == START + HOUR);
}

static void an_hour_forward_makes_nothing_due_at_once(void **state) {
  (void)state;
  Clocks c = begin();
  c.wall += HOUR;
  uint64_t after = pass(&c, 60 * S) - START;
  assert_true(after >= 60 * S && after <= 68 * S);
}

static void an_hour_back_holds_nothing_up(void **state) {
  (void)state;
  Clocks c = begin();
  c.wall -= HOUR;
  uint64_t after = pass(&c, 60 * S) - START;
  assert_true(after >= 52 * S && after <= 60 * S);
}

static void finds_back_to_the_wall_clock(void **state) {
  (void)state;
  for (int back = 0; back < 2; back++) {
    Clocks c = begin();
    c.wall = back ? c.wall - HOUR : c.wall + HOUR;
    pass(&c, 7 * HOUR);
    assert_true(c.steady.us != c.wall);
    pass(&c, HOUR + S);
    assert_true(c.steady.us == c.wall);
  }
}

static void never_goes_back(void **state) {
  (void)state;
  Clocks c = begin();
  uint64_t before = c.steady.us;
  c.wall -= 400 * HOUR;
  for (int i = 0; i < 1000; i++) {
    uint64_t now = pass(&c, 10000);
    assert_true(now > before);
    before = now;
  }
}

static void a_leap_of_more_than_a_day_is_taken_over(void **state) {
  (void)state;
  Clocks c = begin();
  c.wall += 25 * HOUR;
  pass(&c, 10000);
  assert_true(c.steady.us == c.wall);
}

static void time_asleep_has_passed(void **state) {
  (void)state;
  Clocks c = begin();
  c.wall += 8 * HOUR;
  c.mono += 8 * HOUR;
  assert_true(steady_ms(&c.steady, c.wall, c.mono) * 1000 == START + 8 * HOUR);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(goes_with_the_wall_clock),
    cmocka_unit_test(an_hour_forward_makes_nothing_due_at_once),
    cmocka_unit_test(an_hour_back_holds_nothing_up),
    cmocka_unit_test(finds_back_to_the_wall_clock),
    cmocka_unit_test(never_goes_back),
    cmocka_unit_test(a_leap_of_more_than_a_day_is_taken_over),
    cmocka_unit_test(time_asleep_has_passed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
