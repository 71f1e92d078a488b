/* Numbers: a clock, a histogram of round trips, what another process uses. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "base/base.h"

#include <sys/types.h>

uint64_t now_ns(void);

/* Nanoseconds of CPU that a process has used; 0 of one that is not ours to ask.
 */
uint64_t cpu_ns(pid_t pid);

/* Nanoseconds that all CPUs together were busy, to 10 ms. */
uint64_t busy_ns(void);

/* Numbers that look random, the same in each run: from a state that is not 0.
 */
static inline uint64_t roll(uint64_t *dice) {
  *dice ^= *dice << 13;
  *dice ^= *dice >> 7;
  *dice ^= *dice << 17;
  return *dice;
}
#define DICE 88172645463325252u

/* Resident bytes of a process, `anon` without what is mapped from files. */
typedef struct Memory {
  uint64_t resident;
  uint64_t anon;
} Memory;

Memory memory_now(pid_t pid);
/* Waits (up to 3 s) until they stand still, so that what the process does after
 * its last answer is in them. */
Memory memory_settled(pid_t pid);

/* A value below 128 ns is exact; above, a bucket is under 1 % wide. */
#define HIST_BUCKETS (37 * 128)

typedef struct Hist {
  uint64_t total;
  uint64_t count[HIST_BUCKETS];
} Hist;

void hist_add(Hist *h, uint64_t ns);
/* The time within which `share` (0 to 1) of them ended, in microseconds. */
double hist_us(const Hist *h, double share);

#endif
