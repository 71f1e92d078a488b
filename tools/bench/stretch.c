#include "load.h"

#include "fail.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define STUCK_NS 10000000000u /* nothing at all for so long is a failure */

void stretch_start(Stretch *s, const Options *o, Busy server) {
  memset(s, 0, sizeof *s);
  s->o = o;
  s->may_spin = sysconf(_SC_NPROCESSORS_ONLN) > (long)server;
  s->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (s->epoll < 0) fail("epoll: %s", strerror(errno));
  s->last_ns = now_ns();
  s->begin_ns = s->last_ns + (uint64_t)(o->warmup * 1e9);
  s->end_ns = s->begin_ns + (uint64_t)(o->seconds * 1e9);
}

void stretch_watch(Stretch *s, int fd, uint64_t data) {
  struct epoll_event e = { .events = EPOLLIN, .data.u64 = data };
  if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e))
    fail("epoll: %s", strerror(errno));
}

/* What was used until now, less what the fields say already. */
static void take_use(Stretch *s) {
  s->cpu_ns = cpu_ns(getpid()) - s->cpu_ns;
  s->server_cpu_ns = s->o->pid ? cpu_ns(s->o->pid) - s->server_cpu_ns : 0;
  s->busy_ns = busy_ns() - s->busy_ns;
}

static void begin(Stretch *s, uint64_t now) {
  s->has_begun = true;
  s->begin_ns = now;
  take_use(s);
}

static void end(Stretch *s, uint64_t now) {
  s->has_ended = true;
  s->end_ns = now;
  take_use(s);
}

uint64_t stretch_add(Stretch *s, uint64_t sent_ns) {
  uint64_t now = now_ns();
  if (!s->has_begun && now >= s->begin_ns) begin(s, now);
  if (s->has_begun && !s->has_ended && now <= s->end_ns &&
      s->hist.total < s->o->count && sent_ns >= s->begin_ns)
    hist_add(&s->hist, now - sent_ns);
  s->last_ns = now;
  return now;
}

/* It polls without sleeping when there is a core for that: to wake a sleeper
 * costs the one who sends, so a client that sleeps would be paid for by the
 * server. */
int stretch_wait(Stretch *s, struct epoll_event *events) {
  uint64_t now = now_ns();
  if (!s->has_ended && (now >= s->end_ns || s->hist.total >= s->o->count)) {
    end(s, now);
    return -1;
  }
  int n = epoll_wait(s->epoll, events, EVENTS_AT_ONCE, s->may_spin ? 0 : 100);
  if (n < 0 && errno != EINTR) fail("epoll: %s", strerror(errno));
  if (n <= 0 && now - s->last_ns > STUCK_NS)
    fail("no round trip ended for 10 s (%llu before)",
         (unsigned long long)s->hist.total);
  return n < 0 ? 0 : n;
}

void stretch_print(Stretch *s) {
  double wall = (double)(s->end_ns - s->begin_ns), n = (double)s->hist.total;
  double client = (double)s->cpu_ns, server = (double)s->server_cpu_ns;
  double others = (double)s->busy_ns - client - server;
  if (!s->has_begun || s->hist.total == 0) fail("nothing was measured");
  printf("connections=%zu count=%llu seconds=%.3f per_s=%.0f p50_us=%.1f "
         "p99_us=%.1f max_us=%.1f client_cpu=%.2f server_cpu=%.2f "
         "others_cpu=%.2f server_us=%.2f",
         s->o->connections, (unsigned long long)s->hist.total, wall / 1e9,
         n / wall * 1e9, hist_us(&s->hist, 0.5), hist_us(&s->hist, 0.99),
         hist_us(&s->hist, 1), client / wall, server / wall,
         others > 0 ? others / wall : 0, server / 1e3 / n);
  close(s->epoll);
}
