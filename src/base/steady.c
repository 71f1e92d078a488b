#include "base/steady.h"

#define LEAD 8 /* a correction takes this part of the time that passes */
#define LEAP_US (UINT64_C(24) * 3600 * 1000000)

uint64_t steady_ms(Steady *s, uint64_t wall_us, uint64_t mono_us) {
  uint64_t passed = mono_us > s->mono_us ? mono_us - s->mono_us : 0;
  if (!s->us)
    s->us = wall_us;
  else
    s->us += passed;
  if (wall_us > s->us + LEAP_US) {
    s->us = wall_us;
  } else {
    uint64_t apart = wall_us > s->us ? wall_us - s->us : s->us - wall_us;
    uint64_t step = apart < passed / LEAD ? apart : passed / LEAD;
    if (wall_us > s->us)
      s->us += step;
    else
      s->us -= step;
  }
  s->mono_us = mono_us;
  return s->us / 1000;
}
