/* A thread that asks the loop for a sign of life (S18).
 *
 * No hook ends app code that is inside of a C function (os.execute, a library
 * of the app's), and nobody is served meanwhile. So it is told of after a
 * second; and after `limits.blocked` the process ends, for whoever watches over
 * it to begin it again: what was answered is kept, and pages come back by
 * themselves. A process that was stopped, or a machine that slept, is not
 * blocked: time is counted in looks of this thread. */
#include <stdatomic.h>
#include <stdlib.h>

#include "host/host.h"

#define LOOK_MS 500
_Static_assert(LOOP_WARN_MS % LOOK_MS == 0, "it is told of at one look");

struct Watchdog {
  Host *host;
  uv_thread_t thread;
  uv_mutex_t mutex;
  uv_cond_t wake;
  bool ends;
  atomic_bool waits; /* for the loop's sign of life */
};

static void tell(const Host *h, uint64_t ms) {
  char text[24];
  const char *component = kernel_blamed(h->kernel);
  log_with(&h->log, LOG_ERROR,
           "one call keeps everybody waiting: use s.io for what takes long",
           { "ms", slice(text, uint_text(text, ms)) },
           { "component", slice_str(component ? component : "") });
}

static void give_up(const Host *h, uint64_t ms) {
  const char *component = kernel_blamed(h->kernel);
  die("one call%s%s has kept everybody waiting for %llu seconds "
      "(limits.blocked); stopping. What was answered is kept",
      component ? " of " : "", component ? component : "",
      (unsigned long long)(ms / 1000));
}

static void on_asked(uv_async_t *asked) {
  Host *h = asked->data;
  if (h->watchdog) atomic_store(&h->watchdog->waits, false);
}

static void look_until_told(Watchdog *w) {
  Host *h = w->host;
  for (uint64_t ms = 0; !w->ends;) {
    uv_cond_timedwait(&w->wake, &w->mutex, (uint64_t)LOOK_MS * 1000000);
    if (atomic_exchange(&w->waits, true)) {
      ms += LOOK_MS;
    } else {
      ms = 0;
      uv_async_send(&h->asked);
    }
    if (ms == LOOP_WARN_MS) tell(h, ms);
    if (ms >= h->settings.blocked_ms) give_up(h, ms);
  }
}

static void run(void *ud) {
  Watchdog *w = ud;
  uv_mutex_lock(&w->mutex);
  look_until_told(w);
  uv_mutex_unlock(&w->mutex);
}

void watchdog_start(Host *h) {
  Watchdog *w = xcalloc(1, sizeof *w);
  w->host = h;
  h->asked.data = h;
  if (uv_async_init(&h->loop, &h->asked, on_asked) ||
      uv_mutex_init(&w->mutex) || uv_cond_init(&w->wake) ||
      uv_thread_create(&w->thread, run, w))
    die("no thread can be started");
  h->watchdog = w;
}

void watchdog_stop(Host *h) {
  Watchdog *w = h->watchdog;
  if (!w) return;
  uv_mutex_lock(&w->mutex);
  w->ends = true;
  uv_cond_signal(&w->wake);
  uv_mutex_unlock(&w->mutex);
  uv_thread_join(&w->thread);
  uv_cond_destroy(&w->wake);
  uv_mutex_destroy(&w->mutex);
  free(w);
  h->watchdog = NULL;
}
