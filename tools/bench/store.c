/* Durable puts: the store, and a bare LMDB writer that does the same ones.
 *
 *   store bare|store DIR [--population N] [--outstanding N] [--rows N]
 *         [--bytes N] [--seconds S]
 *
 * Heads of so many bytes are written to DIR first, keys in minting order; then
 * for some seconds the newest 1,024 of them are put again, in random order,
 * with full sync. Each put carries so many rows beside its head, which replace
 * one of their own. The bare writer commits `outstanding` puts at a time; the
 * store is given a new put for each that is done. Prints one line:
 *
 *   puts_s=N p50_us=N p99_us=N batch=N bytes=N [open_us=N]
 *
 * with how long it takes to open the store again. From the project's root:
 *
 *   cc -std=c11 -D_GNU_SOURCE -O2 -Isrc -Itools/client tools/bench/store.c
 *     tools/bench/measure.c tools/client/fail.c build/libstore.a
 *     build/libbase.a -llmdb -lsodium -lpthread -o build/bench-store */
#include <lmdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "measure.h"
#include "store/store.h"

#define HOT 1024

typedef struct Bench {
  const char *dir;
  uint64_t population, outstanding, rows, bytes;
  double seconds;
  Hist hist;
  uint64_t puts, commits, size;
  uint64_t began;
} Bench;

static void fail(const char *what, const char *why) {
  fprintf(stderr, "store: %s: %s\n", what, why);
  exit(1);
}

static uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

/* Six bytes of time, then sixteen that are random. */
static void key_of(uint64_t i, uint8_t key[CID_RAW]) {
  uint64_t a = mix(i), b = mix(a);
  for (int n = 0; n < 6; n++) key[n] = (uint8_t)(i >> (40 - 8 * n));
  memcpy(key + 6, &a, 8);
  memcpy(key + 14, &b, 8);
}

static uint64_t random_state = 1;
static uint64_t below(uint64_t n) { return mix(random_state++) % n; }

static uint64_t hot_of(const Bench *b, uint64_t n) {
  uint64_t hot = b->population < HOT ? b->population : HOT;
  return b->population - hot + n % hot;
}

static void report(Bench *b) {
  double s = (double)(now_ns() - b->began) / 1e9;
  printf("puts_s=%.0f p50_us=%.0f p99_us=%.0f batch=%.1f bytes=%llu",
         (double)b->puts / s, hist_us(&b->hist, 0.5), hist_us(&b->hist, 0.99),
         (double)b->puts / (double)b->commits, (unsigned long long)b->size);
}

/* --- bare --- */

static void check(int e, const char *what) {
  if (e) fail(what, mdb_strerror(e));
}

typedef struct Bare {
  MDB_env *env;
  MDB_dbi head, rows;
  char *bytes;
} Bare;

static void bare_put(Bare *w, const Bench *b, MDB_txn *txn, uint64_t i,
                     unsigned flags) {
  uint8_t raw[CID_RAW];
  key_of(i, raw);
  MDB_val key = { sizeof raw, raw }, value = { b->bytes, w->bytes };
  check(mdb_put(txn, w->head, &key, &value, flags), "put");
  for (uint64_t r = 0; r < b->rows && !flags; r++) {
    char name[32];
    key.mv_size = (size_t)snprintf(name, sizeof name, "%llu.%llu",
                                   (unsigned long long)i,
                                   (unsigned long long)r);
    key.mv_data = name;
    value.mv_size = 16;
    check(mdb_put(txn, w->rows, &key, &value, 0), "put");
  }
}

static void bare_open(Bare *w, Bench *b) {
  MDB_txn *txn;
  w->bytes = xcalloc(1, b->bytes + 16);
  check(mdb_env_create(&w->env), "create");
  check(mdb_env_set_mapsize(w->env, STORE_MAP_BYTES), "map");
  check(mdb_env_set_maxdbs(w->env, 4), "tables");
  check(mdb_env_open(w->env, b->dir, MDB_NOTLS | MDB_NORDAHEAD, 0600), "open");
  check(mdb_txn_begin(w->env, NULL, 0, &txn), "begin");
  check(mdb_dbi_open(txn, "head", MDB_CREATE, &w->head), "table");
  check(mdb_dbi_open(txn, "rows", MDB_CREATE, &w->rows), "table");
  check(mdb_txn_commit(txn), "commit");
}

static void bare_fill(Bare *w, Bench *b) {
  MDB_txn *txn;
  mdb_env_set_flags(w->env, MDB_NOSYNC, 1);
  for (uint64_t i = 0; i < b->population;) {
    check(mdb_txn_begin(w->env, NULL, 0, &txn), "begin");
    do bare_put(w, b, txn, i, MDB_APPEND);
    while (++i < b->population && i % 10000);
    check(mdb_txn_commit(txn), "commit");
  }
  check(mdb_env_sync(w->env, 1), "sync");
  mdb_env_set_flags(w->env, MDB_NOSYNC, 0);
}

static void run_bare(Bench *b) {
  Bare w;
  MDB_txn *txn;
  bare_open(&w, b);
  bare_fill(&w, b);
  b->began = now_ns();
  uint64_t end = b->began + (uint64_t)(b->seconds * 1e9);
  for (uint64_t now = b->began; now < end;) {
    uint64_t first = below(HOT);
    check(mdb_txn_begin(w.env, NULL, 0, &txn), "begin");
    for (uint64_t n = 0; n < b->outstanding; n++) /* no two are the same */
      bare_put(&w, b, txn, hot_of(b, first + n * 5), 0);
    check(mdb_txn_commit(txn), "commit");
    uint64_t then = now;
    now = now_ns();
    for (uint64_t n = 0; n < b->outstanding; n++)
      hist_add(&b->hist, now - then);
    b->puts += b->outstanding;
    b->commits++;
  }
  MDB_envinfo info;
  mdb_env_info(w.env, &info);
  b->size = (info.me_last_pgno + 1) * 4096;
  report(b);
  printf("\n");
  mdb_env_close(w.env);
}

/* --- the store --- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static bool has_news;

static void on_news(void *ud) {
  (void)ud;
  pthread_mutex_lock(&mutex);
  has_news = true;
  pthread_cond_signal(&wake);
  pthread_mutex_unlock(&mutex);
}

static void wait_for_news(void) {
  pthread_mutex_lock(&mutex);
  while (!has_news) pthread_cond_wait(&wake, &mutex);
  has_news = false;
  pthread_mutex_unlock(&mutex);
}

typedef struct Put {
  Bench *bench;
  struct Put *next; /* of those that are free */
  uint64_t i, revision, since;
} Put;

static Store *store;
static Put *free_puts; /* hot conversations that nothing is under way of */
static Put all[HOT];
static Blob *head;
static bool over;
static uint64_t n_busy;

static void submit(Bench *b);

static void on_put(void *ud, Err e) {
  Put *p = ud;
  if (e) fail("commit", err_words(e));
  uint64_t now = now_ns();
  p->revision++;
  p->bench->puts++;
  hist_add(&p->bench->hist, now - p->since);
  n_busy--;
  p->next = free_puts;
  free_puts = p;
  if (!over) submit(p->bench);
}

static void commit(Bench *b, uint64_t i, uint64_t revision, StoreDone done,
                   void *ud, uint64_t n_rows) {
  StoreRow rows[8];
  StoreItem item = {
    .expected = revision, .head = head, .rows = rows, .n_rows = n_rows
  };
  (void)b;
  key_of(i, item.key);
  for (uint64_t r = 0; r < n_rows; r++) {
    char name[32];
    int n = snprintf(name, sizeof name, "%llu.%llu", (unsigned long long)i,
                     (unsigned long long)r);
    rows[r] = (StoreRow){ STORE_DUE, blob_new(slice(name, (size_t)n)),
                          blob_new(slice(head->bytes, 16)) };
  }
  store_commit(store, &item, done, ud);
  for (uint64_t r = 0; r < n_rows; r++) {
    blob_drop(rows[r].key);
    blob_drop(rows[r].value);
  }
}

static void submit(Bench *b) {
  Put **at = &free_puts; /* one of some, so that the order is a random one */
  for (uint64_t n = below(8); n && (*at)->next; n--) at = &(*at)->next;
  Put *p = *at;
  *at = p->next;
  p->since = now_ns();
  n_busy++;
  commit(b, p->i, p->revision, on_put, p, b->rows);
}

static void on_fill(void *ud, Err e) {
  (void)ud;
  if (e) fail("commit", err_words(e));
}

static void run_store(Bench *b) {
  char why[256];
  char *zeros = xcalloc(1, b->bytes + 16);
  head = blob_new(slice(zeros, b->bytes));
  store = store_lmdb_open(b->dir, on_news, NULL, why, sizeof why);
  if (!store) fail("open", why);
  store_set_relaxed(store, true);
  for (uint64_t i = 0; i < b->population; i++) {
    commit(b, i, 0, on_fill, NULL, 0);
    if (i % 10000 == 9999) store_settle(store);
  }
  store_set_relaxed(store, false);
  commit(b, b->population, 0, on_fill, NULL, 0); /* which syncs */
  store_settle(store);
  for (uint64_t n = 0; n < HOT && n < b->population; n++) {
    all[n] = (Put){ b, free_puts, hot_of(b, n), 1, 0 };
    free_puts = &all[n];
  }
  uint64_t commits = store_stats(store).commits;
  b->began = now_ns();
  uint64_t end = b->began + (uint64_t)(b->seconds * 1e9);
  for (uint64_t n = 0; n < b->outstanding; n++) submit(b);
  while (now_ns() < end) {
    wait_for_news();
    while (store_ready(store)) store_poll(store);
  }
  StoreStats stats = store_stats(store);
  b->commits = stats.commits - commits;
  b->size = stats.bytes;
  report(b);
  over = true;
  store_settle(store);
  store_free(store);
  uint64_t then = now_ns();
  store = store_lmdb_open(b->dir, on_news, NULL, why, sizeof why);
  if (!store) fail("open", why);
  printf(" open_us=%.0f\n", (double)(now_ns() - then) / 1000);
  store_free(store);
}

int main(int argc, char **argv) {
  static Bench b = {
    .population = 1000, .outstanding = 64, .bytes = 700, .seconds = 2
  };
  if (argc < 3) fail("usage", "store bare|store DIR [options]");
  b.dir = argv[2];
  mkdir(b.dir, 0700);
  for (int i = 3; i + 1 < argc; i += 2) {
    double n = strtod(argv[i + 1], NULL);
    if (strcmp(argv[i], "--population") == 0)
      b.population = (uint64_t)n;
    else if (strcmp(argv[i], "--outstanding") == 0)
      b.outstanding = (uint64_t)n;
    else if (strcmp(argv[i], "--rows") == 0)
      b.rows = (uint64_t)n % 9;
    else if (strcmp(argv[i], "--bytes") == 0)
      b.bytes = (uint64_t)n;
    else if (strcmp(argv[i], "--seconds") == 0)
      b.seconds = n;
    else
      fail("unknown option", argv[i]);
  }
  if (strcmp(argv[1], "bare") == 0)
    run_bare(&b);
  else
    run_store(&b);
  return 0;
}
