/* The end of a host, in order:
 *
 *   no new conversation is begun (503, and health says so), no timer fires
 *   what ends with the process (a store in memory) ends now: `stop` hooks run,
 *     pages are told
 *   nobody can connect; streams are cut without their final chunk, so that
 *     their pages come back by themselves, to the next process
 *   requests in flight are answered, with their commits
 *   what was left unsaved is saved; the store is settled and closed
 *
 * With a store on disk no `stop` hook runs: conversations sleep, and go on. A
 * second signal waits for nobody. */
#include "base/clock.h"
#include "host/host.h"

#define DRAIN_MS 10000 /* for requests in flight */
#define END_MS 5000    /* for `stop` hooks, all in all */
#define END_BATCH 256

static void end_all(Host *h) {
  uint64_t start = clock_mono_ns();
  while (kernel_end_all(h->kernel, END_BATCH)) {
    store_settle(h->store);
    if ((clock_mono_ns() - start) / 1000000 < END_MS) continue;
    log_plain(&h->log, LOG_WARN, "stop hooks take too long: some did not run");
    return;
  }
}

static void on_drained(void *ud) {
  Host *h = ud;
  store_settle(h->store); /* what the last requests committed */
  if (h->settings.in_memory) end_all(h);
  kernel_flush(h->kernel);
  store_settle(h->store);
  uv_stop(&h->loop);
}

void stop_now(Host *h) { http_server_drain(h->server, 0, on_drained, h); }

void stop_begin(Host *h) {
  if (h->is_stopping) {
    log_plain(&h->log, LOG_INFO, "stopping at once");
    stop_now(h);
    return;
  }
  h->is_stopping = true;
  log_plain(&h->log, LOG_INFO, "stopping: finishing what is under way");
  clock_arm(h); /* stops it */
  uv_timer_stop(&h->sweep);
  uv_timer_stop(&h->reap);
  if (h->settings.in_memory) {
    store_settle(h->store);
    end_all(h);
  }
  http_server_drain(h->server, DRAIN_MS, on_drained, h);
}
