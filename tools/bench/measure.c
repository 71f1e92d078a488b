#include "measure.h"

#include "fail.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static uint64_t clock_ns(clockid_t clock) {
  struct timespec t;
  if (clock_gettime(clock, &t)) return 0;
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t now_ns(void) { return clock_ns(CLOCK_MONOTONIC); }

uint64_t cpu_ns(pid_t pid) {
  clockid_t clock;
  return clock_getcpuclockid(pid, &clock) ? 0 : clock_ns(clock);
}

/* cpu  user nice system idle iowait irq softirq steal ... */
uint64_t busy_ns(void) {
  unsigned long long t[8] = { 0 };
  FILE *f = fopen("/proc/stat", "r");
  if (!f) return 0;
  int n = fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &t[0], &t[1],
                 &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]);
  fclose(f);
  if (n != 8) return 0;
  unsigned long long busy = t[0] + t[1] + t[2] + t[5] + t[6] + t[7];
  return busy * (1000000000u / (unsigned long long)sysconf(_SC_CLK_TCK));
}

/* --- memory ------------------------------------------------------------------
 */

/* Takes the two lines `resident` and `anon` (kB) of a file of /proc. */
static bool read_memory(const char *path, const char *resident,
                        const char *anon, Memory *out) {
  FILE *f = fopen(path, "r");
  if (!f) return false;
  *out = (Memory){ 0, 0 };
  char line[256];
  while (fgets(line, sizeof line, f)) {
    if (!strncmp(line, resident, strlen(resident)))
      out->resident = 1024 * strtoull(line + strlen(resident), NULL, 10);
    if (!strncmp(line, anon, strlen(anon)))
      out->anon = 1024 * strtoull(line + strlen(anon), NULL, 10);
  }
  fclose(f);
  return out->resident > 0;
}

/* The rollup counts pages; `status` may lag by some hundred kilobytes, which is
 * much when it is divided among small things. */
Memory memory_now(pid_t pid) {
  char path[64];
  Memory m;
  snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
  if (read_memory(path, "Rss:", "Anonymous:", &m)) return m;
  snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
  if (read_memory(path, "VmRSS:", "RssAnon:", &m)) return m;
  fail("cannot read the memory of process %d", (int)pid);
}

Memory memory_settled(pid_t pid) {
  Memory last = memory_now(pid);
  for (int tries = 0, same = 0; tries < 30 && same < 3; tries++) {
    usleep(100000);
    Memory m = memory_now(pid);
    same = m.resident == last.resident ? same + 1 : 0;
    last = m;
  }
  return last;
}

/* --- the histogram -----------------------------------------------------------
 */

/*   ns:      0 .. 127 | 128 .. 255 | 256 .. 511 | ...    one row of 128 buckets
 *   bucket:  one each | one each   | of 2       | of 4   for each power of two
 */
static size_t bucket_of(uint64_t ns) {
  if (ns < 128) return (size_t)ns;
  unsigned shift = 63u - (unsigned)__builtin_clzll(ns) - 7;
  size_t i = (shift + 1) * 128u + (size_t)((ns >> shift) & 127);
  return i < HIST_BUCKETS ? i : HIST_BUCKETS - 1;
}

static double middle_of(size_t i) {
  if (i < 128) return (double)i;
  unsigned shift = (unsigned)(i / 128 - 1);
  return (double)((128 + i % 128) << shift) + (double)(1ull << shift) / 2;
}

void hist_add(Hist *h, uint64_t ns) {
  h->total++;
  h->count[bucket_of(ns)]++;
}

double hist_us(const Hist *h, double share) {
  uint64_t wanted = (uint64_t)(share * (double)h->total), seen = 0;
  for (size_t i = 0; i < HIST_BUCKETS; i++) {
    seen += h->count[i];
    if (seen > wanted || (seen && seen == h->total)) return middle_of(i) / 1e3;
  }
  return 0;
}
