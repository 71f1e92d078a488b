/* The host and its store: opened, polled by the loop, and its troubles told to
 * whoever reads the log. */
#include <stdio.h>

#include "host/host.h"

#define POLL_ROUNDS 64 /* in one loop iteration: others want their turn too */

static void on_kept(uv_async_t *a) { keep_poll(a->data); }

/* On the writer's thread. */
static void notify(void *ud) { uv_async_send(&((Host *)ud)->kept); }

bool keep_open(Host *h) {
  char why[512];
  const Settings *s = &h->settings;
  uv_async_init(&h->loop, &h->kept, on_kept);
  uv_unref((uv_handle_t *)&h->kept);
  h->kept.data = h;
  if (s->in_memory) {
    h->store = store_memory_new();
    return true;
  }
  h->store = store_lmdb_open(s->store, notify, h, why, sizeof why);
  if (h->store && key_load(s->store, store_count(h->store) == 0,
                           h->kernel_config.key, why, sizeof why)) {
    return true;
  }
  fprintf(stderr,
          "stube: %s\n(--store DIR keeps it elsewhere, --store memory does "
          "without)\n",
          why);
  return false;
}

void keep_begin(Host *h) {
  store_set_limit(h->store, h->settings.store_max);
  if (h->settings.in_memory || !h->settings.relaxed) return;
  log_plain(&h->log, LOG_WARN,
            "durability is relaxed: when this machine stops without warning, "
            "the last second of what visitors were told is kept can be lost");
  store_set_relaxed(h->store, true);
}

/* Once when it begins, once when it ends: not for each commit that fails. */
static void note_trouble(Host *h) {
  const char *now = store_trouble(h->store);
  if (now == h->trouble) return;
  h->trouble = now;
  if (now)
    log_with(&h->log, LOG_ERROR,
             "the store cannot be written; visitors can "
             "look, and what they do is refused",
             { "because", slice_str(now) });
  else
    log_plain(&h->log, LOG_INFO, "the store is written again");
}

void keep_poll(Host *h) {
  for (int i = 0; i < POLL_ROUNDS && store_ready(h->store); i++)
    store_poll(h->store);
  if (store_ready(h->store)) uv_async_send(&h->kept);
  note_trouble(h);
  if (h->server) http_server_flush(h->server);
}

void keep_between(void *host) {
  Host *h = host;
  if (store_ready(h->store)) keep_poll(h);
}
