/* A clock that tells the time of day and never jumps.
 *
 * Intervals are measured by a clock that only counts; the wall clock is set by
 * people, by NTP, by whoever mounts a disk in another machine. This one goes
 * with the counting clock and is led towards the wall clock slowly, an eighth
 * faster or slower at most: an hour that is set back neither holds up what is
 * due in a minute, nor does an hour set forward make it due at once. Only a
 * leap forward of more than a day is taken over as it is, as after a long stop:
 * then the clock had been wrong before. */
#ifndef BASE_STEADY_H
#define BASE_STEADY_H

#include <stdint.h>

typedef struct Steady {
  uint64_t us;      /* since 1970; 0: not started */
  uint64_t mono_us; /* of the counting clock, at that time */
} Steady;

/* What it says now, in milliseconds since 1970. The counting clock should count
 * while the machine sleeps. */
uint64_t steady_ms(Steady *s, uint64_t wall_us, uint64_t mono_us);

#endif
