#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "host/storecmd.h"

/* A terminal's line is written over; a file gets fewer, whole ones. */
#define FIRST_MS 1000
#define TERMINAL_MS 250
#define FILE_MS 10000

static uint64_t now_ms(void) { return clock_mono_ns() / 1000000; }

const char *with_commas(char out[32], uint64_t n) {
  char digits[24];
  int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
  int at = 0;
  for (int i = 0; i < len; i++) {
    if (i && (len - i) % 3 == 0) out[at++] = ',';
    out[at++] = digits[i];
  }
  out[at] = '\0';
  return out;
}

const char *as_size(char out[32], uint64_t bytes) {
  static const char *const units[] = { "KB", "MB", "GB", "TB" };
  if (bytes < 1000) {
    snprintf(out, 32, "%llu bytes", (unsigned long long)bytes);
    return out;
  }
  size_t unit = 0;
  uint64_t tenths = bytes / 100; /* of a kilobyte */
  while (tenths >= 10000 && unit + 1 < countof(units)) {
    tenths /= 1000;
    unit++;
  }
  snprintf(out, 32, "%llu.%llu %s", (unsigned long long)(tenths / 10),
           (unsigned long long)(tenths % 10), units[unit]);
  return out;
}

void progress_begin(Progress *p, const char *verb, const char *what,
                    uint64_t total) {
  *p = (Progress){ .verb = verb, .what = what, .total = total };
  p->began_ms = now_ms();
  p->next_ms = p->began_ms + FIRST_MS;
}

uint64_t progress_ms(const Progress *p) { return now_ms() - p->began_ms; }

void progress_at(Progress *p, uint64_t done) {
  char a[32], b[32];
  uint64_t now = now_ms();
  if (now < p->next_ms) return;
  bool is_terminal = isatty(STDERR_FILENO);
  const char *so_far = p->what ? with_commas(a, done) : as_size(a, done);
  fprintf(stderr, "%s%s: %s", is_terminal ? "\r" : "", p->verb, so_far);
  if (p->total)
    fprintf(stderr, " of %s",
            p->what ? with_commas(b, p->total) : as_size(b, p->total));
  fprintf(stderr, "%s%s%s", p->what ? " " : "", p->what ? p->what : "",
          is_terminal ? "   " : "\n");
  p->is_shown = is_terminal;
  p->next_ms = now + (is_terminal ? TERMINAL_MS : FILE_MS);
}

void progress_end(Progress *p) {
  if (p->is_shown) fputc('\n', stderr);
  p->is_shown = false;
}
