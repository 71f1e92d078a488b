/* Reader threads: heads that may have to come from the disk, so that the loop
 * never waits for one. There are several, so that one slow place on the disk
 * does not hold up the others. */
#include "store/guts.h"

static void *run(void *lmdb) {
  Lmdb *s = lmdb;
  pthread_mutex_lock(&s->mutex);
  for (;;) {
    while (!s->to_fetch.n && !s->is_stopping)
      pthread_cond_wait(&s->wake_reader, &s->mutex);
    if (!s->to_fetch.n) break;
    Fetch f = fetches_take(&s->to_fetch);
    s->n_fetching++;
    pthread_mutex_unlock(&s->mutex);
    f.result = read_head(&s->store, f.key, &f.head, &f.revision);
    pthread_mutex_lock(&s->mutex);
    s->n_fetching--;
    s->stats.fetches++;
    fetches_add(&s->fetched, &f);
    s->n_done++;
    s->notify(s->notify_ud);
  }
  pthread_mutex_unlock(&s->mutex);
  return NULL;
}

static void start(Lmdb *s) {
  for (size_t i = 0; i < STORE_READERS; i++)
    lmdb_thread(&s->readers[i], run, s);
  s->has_readers = true;
}

void fetch_head(Store *store, const uint8_t key[CID_RAW], StoreFetched done,
                void *ud) {
  Lmdb *s = (Lmdb *)store;
  Fetch f = { .done = done, .ud = ud };
  memcpy(f.key, key, sizeof f.key);
  pthread_mutex_lock(&s->mutex);
  if (!s->has_readers) start(s); /* who only looks has no use for them */
  fetches_add(&s->to_fetch, &f);
  pthread_cond_signal(&s->wake_reader);
  pthread_mutex_unlock(&s->mutex);
}
