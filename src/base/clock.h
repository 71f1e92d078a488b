/* The three clocks. Pure layers take times as arguments; only the host and the
 * budget read these. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_read(clockid_t id) {
  struct timespec ts;
  clock_gettime(id, &ts);
  return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static inline uint64_t clock_wall_ms(void) {
  return clock_read(CLOCK_REALTIME) / 1000000;
}
static inline uint64_t clock_mono_ns(void) {
  return clock_read(CLOCK_MONOTONIC);
}
static inline uint64_t clock_cpu_ns(void) {
  return clock_read(CLOCK_THREAD_CPUTIME_ID);
}

#endif
