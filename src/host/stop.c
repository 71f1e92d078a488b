/* The end of a host, in order:
 *
 *   no new conversation is begun (503, and health says so), no timer fires
 *   what ends with the process (a store in memory) ends now: `stop` hooks run,
 *     pages are told
 *   nobody can connect; streams are cut without their final chunk, so that
 *     their pages come back by themselves, to the next process
 *   requests in flight are answered, with their commits
 *   functions in worker threads may end, and their results are kept; the others
 *     run again when there is another process
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

static void end(Host *h) {
  h->finishes_ns = 0;
  if (!workers_rest(h))
    log_plain(&h->log, LOG_WARN,
              "functions in worker threads did not end in time: those of s.io "
              "run again in the next process, those of s.background do not");
  kernel_flush(h->kernel);
  store_settle(h->store);
  uv_stop(&h->loop);
}

void stop_look(Host *h) {
  if (!h->finishes_ns) return;
  clock_now(h);
  kernel_tick(h->kernel); /* results, and nothing else */
  uint64_t ms = (clock_mono_ns() - h->finishes_ns) / 1000000;
  if (h->is_hurried || ms >= IO_STOP_MS || workers_rest(h)) end(h);
}

static void on_end(uv_timer_t *t) { (void)t; } /* stop_look comes next */

static void on_drained(void *ud) {
  Host *h = ud;
  store_settle(h->store); /* what the last requests committed */
  if (h->settings.in_memory) end_all(h);
  workers_wind_down(h);
  h->finishes_ns = clock_mono_ns();
  if (h->workers) uv_timer_start(&h->end, on_end, IO_STOP_MS, 0);
  stop_look(h);
}

void stop_now(Host *h) { http_server_drain(h->server, 0, on_drained, h); }

void stop_begin(Host *h) {
  if (h->is_stopping) {
    log_plain(&h->log, LOG_INFO, "stopping at once");
    h->is_hurried = true;
    if (!h->finishes_ns) stop_now(h);
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
