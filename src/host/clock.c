/* The host's clocks, and the one libuv timer that wakes the kernel. Asked again
 * after each turn of the loop, for every commit can bring something nearer. */
#include "base/clock.h"
#include "host/host.h"

/* While the machine sleeps libuv's clock stands still and ours does not. */
#define LOOK_MS 10000

void clock_now(Host *h) {
  uint64_t wall_us = clock_read(CLOCK_REALTIME) / 1000;
  uint64_t mono_us = clock_read(CLOCK_BOOTTIME) / 1000;
  h->steady_ms = steady_ms(&h->steady, wall_us, mono_us);
  kernel_now(h->kernel, wall_us / 1000, h->steady_ms);
}

static void on_due(uv_timer_t *t) {
  Host *h = t->data;
  clock_now(h);
  kernel_tick(h->kernel);
}

void clock_arm(Host *h) {
  uint64_t due = h->is_stopping ? UINT64_MAX : kernel_due(h->kernel);
  if (due == UINT64_MAX) {
    uv_timer_stop(&h->due);
    return;
  }
  clock_now(h);
  uint64_t wait = due > h->steady_ms ? due - h->steady_ms : 0;
  uv_timer_start(&h->due, on_due, wait < LOOK_MS ? wait : LOOK_MS, 0);
}

void clock_start(Host *h) {
  uv_timer_init(&h->loop, &h->due);
  h->due.data = h;
}
