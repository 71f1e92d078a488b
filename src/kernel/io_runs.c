/* The calls that are under way in this process: handed to workers, or ended and
 * not yet delivered. A few at most (KernelConfig.io_waiting), found by their
 * own number, and by whose they are.
 *
 * None of this is in a head. A conversation says which calls it waits for
 * (Wakes.ios); what of that nobody runs is handed out, and what is run for
 * nobody is cancelled. So a rolled back turn, a failed commit, a step back in
 * time need no care of their own: what counts is what was kept. It may leave
 * memory meanwhile; the result fetches it.
 *
 * A row in STORE_DUE, at time 0, marks those that wait for calls. After a start
 * they are looked for, a window at a time, while there is room for more runs.
 */
#include <stdio.h>
#include <stdlib.h>

#include "kernel/state.h"

#define N_BUCKETS 256 /* a power of two */

struct IoRun {
  IoRun *next;  /* of its bucket */
  uint64_t run; /* its number for the host */
  uint8_t key[CID_RAW];
  uint32_t number;     /* of the call */
  bool is_background;  /* it has no entry */
  bool is_done;        /* its result is here */
  bool ok, is_text;    /* then */
  Blob *value, *trace; /* likewise */
};

struct IoRuns {
  IoRun *buckets[N_BUCKETS]; /* by whose they are */
  size_t n;
  uint64_t last_run;
  bool is_swept;   /* what the last process had begun has been found */
  bool has_missed; /* but for some, for which there was no room */
  bool winds_down; /* the process ends: nothing new is begun */
  size_t fetching; /* by the sweep */
  uint8_t from[8 + CID_RAW]; /* rows before this one were looked at */
};

/* --- the table --- */

static IoRun **bucket(const Kernel *k, const uint8_t key[CID_RAW]) {
  uint64_t h = hash64(slice((const char *)key, CID_RAW));
  return &k->runs->buckets[h & (N_BUCKETS - 1)];
}

static IoRun *find(const Kernel *k, const Conv *c, uint32_t number) {
  IoRun *r = *bucket(k, c->key);
  while (r && (r->number != number || memcmp(r->key, c->key, CID_RAW) != 0))
    r = r->next;
  return r;
}

static IoRun **find_run(const Kernel *k, uint64_t run) {
  for (size_t i = 0; i < N_BUCKETS; i++)
    for (IoRun **at = &k->runs->buckets[i]; *at; at = &(*at)->next)
      if ((*at)->run == run) return at;
  return NULL;
}

static IoRun *add(Kernel *k, const Conv *c, uint32_t number) {
  IoRun *r = xcalloc(1, sizeof *r);
  IoRun **b = bucket(k, c->key);
  r->run = ++k->runs->last_run;
  r->number = number;
  memcpy(r->key, c->key, CID_RAW);
  r->next = *b;
  *b = r;
  k->runs->n++;
  return r;
}

/* Takes it out of the table; whoever runs it is told. */
static void drop(Kernel *k, IoRun **at) {
  IoRun *r = *at;
  *at = r->next;
  k->runs->n--;
  if (!r->is_done) k->ports.io_cancel(k->ports.ud, r->run);
  blob_drop(r->value);
  blob_drop(r->trace);
  free(r);
}

void io_runs_open(Kernel *k) { k->runs = xcalloc(1, sizeof *k->runs); }

void io_runs_free(Kernel *k) {
  if (!k->runs) return;
  for (size_t i = 0; i < N_BUCKETS; i++)
    while (k->runs->buckets[i]) drop(k, &k->runs->buckets[i]);
  free(k->runs);
  k->runs = NULL;
}

/* --- handing out --- */

static bool may_start(const Kernel *k) {
  return k->config.has_workers && !k->runs->winds_down;
}

static void end(IoRun *r, const IoDone *done) {
  r->is_done = true;
  r->ok = done->ok;
  r->is_text = done->is_text;
  r->value = blob_new(done->value);
  r->trace = blob_new(done->trace);
}

static bool has_room(const Kernel *k) {
  return k->runs->n < k->config.io_waiting;
}

static void refuse(const Kernel *k, IoRun *r) {
  char words[160];
  snprintf(words, sizeof words,
           "io: %zu calls run or wait for a worker already "
           "(limits.io_waiting)",
           k->config.io_waiting);
  end(r, &(IoDone){ .is_text = true, .value = slice_str(words) });
}

static void start(Kernel *k, const Conv *c, const IoRun *r, const Blob *call) {
  char id[IO_ID_MAX];
  snprintf(id, sizeof id, "%s-%u", c->cid, r->number);
  k->ports.io_start(k->ports.ud, r->run, slice_str(id), blob_view(call),
                    r->is_background);
}

/* The process before had begun it: it may as well wait for room. */
static bool is_old(const Conv *c, uint32_t number) {
  const Wakes *w = &c->later.kept;
  for (uint32_t i = 0; i < w->n_ios; i++)
    if (w->ios[i] == number) return true;
  return false;
}

void io_launch(Kernel *k, Conv *c) {
  const Wakes *w = &c->later.wakes;
  if (!may_start(k)) return;
  for (uint32_t i = 0; i < w->n_ios; i++) {
    const Io *io = io_numbered(c, w->ios[i]);
    if (!io || find(k, c, io->number)) continue;
    bool fits = has_room(k);
    if (!fits && is_old(c, io->number)) {
      k->runs->has_missed = true;
      continue;
    }
    IoRun *r = add(k, c, io->number);
    if (fits)
      start(k, c, r, io->call);
    else
      refuse(k, r);
  }
}

static void launch_background(Kernel *k, Conv *c) {
  const Later *l = &c->later;
  for (uint32_t i = 0; i < l->n_calls; i++) {
    if (!k->config.has_workers) continue;
    if (may_start(k) && has_room(k)) {
      IoRun *r = add(k, c, l->calls[i].number);
      r->is_background = true;
      start(k, c, r, l->calls[i].call);
      continue;
    }
    log_with(k->config.log, LOG_ERROR,
             "a function in the background was dropped",
             { "conversation", slice_str(c->cid) },
             { "because", may_start(k)
                              ? SLICE("too many calls run or wait for a worker "
                                      "(limits.io_waiting)")
                              : SLICE("the process ends") });
  }
}

static bool is_wanted(const Conv *c, const IoRun *r) {
  const Wakes *w = &c->later.wakes;
  if (r->is_background) return true;
  for (uint32_t i = 0; i < w->n_ios && !c->ended; i++)
    if (w->ios[i] == r->number) return true;
  return false;
}

static void cancel(Kernel *k, const Conv *c) {
  IoRun **at = bucket(k, c->key);
  while (*at) {
    bool is_ours = memcmp((*at)->key, c->key, CID_RAW) == 0;
    if (is_ours && !is_wanted(c, *at))
      drop(k, at);
    else
      at = &(*at)->next;
  }
}

void io_committed(Kernel *k, Conv *c, bool kept) {
  Later *l = &c->later;
  if (kept) {
    if (k->runs->n) cancel(k, c);
    launch_background(k, c);
    if (c->awake && !c->ended) io_launch(k, c);
  }
  while (l->n_calls) blob_drop(l->calls[--l->n_calls].call);
}

/* --- results --- */

bool io_owes(const Kernel *k, const Conv *c) {
  const Wakes *w = &c->later.wakes;
  for (uint32_t i = 0; i < w->n_ios; i++) {
    const IoRun *r = find(k, c, w->ios[i]);
    if (r ? r->is_done : may_start(k) && has_room(k)) return true;
  }
  return false;
}

uint32_t io_ready(const Kernel *k, const Conv *c) {
  for (uint32_t i = 0; i < c->later.n_ios; i++) {
    const IoRun *r = find(k, c, c->later.ios[i].number);
    if (r && r->is_done) return r->number;
  }
  return 0;
}

IoDone io_outcome(const Kernel *k, const Conv *c, uint32_t number) {
  const IoRun *r = find(k, c, number);
  ASSERT(r && r->is_done);
  return (IoDone){ r->ok, r->is_text, blob_view(r->value),
                   blob_view(r->trace) };
}

static void abandon(Kernel *k, const uint8_t key[CID_RAW]) {
  IoRun **at = bucket(k, key);
  while (*at) {
    bool is_ours = memcmp((*at)->key, key, CID_RAW) == 0;
    if (is_ours && !(*at)->is_background)
      drop(k, at);
    else
      at = &(*at)->next;
  }
}

void io_abandon(Kernel *k, const Conv *c) { abandon(k, c->key); }

/* Nobody hears of it but who reads the log. */
static void end_background(Kernel *k, const IoRun *r, const IoDone *done) {
  char cid[CID_LEN + 1] = "";
  base64url(cid, r->key, CID_RAW);
  if (done->ok) return;
  Buf words = { 0 };
  io_error_words(k, done, &words);
  log_with(k->config.log, LOG_ERROR, "a function in the background failed",
           { "conversation", slice_str(cid) }, { "error", buf_view(&words) },
           { "traceback", done->trace });
  buf_free(&words);
}

typedef struct IoArrival {
  Kernel *kernel;
  uint8_t key[CID_RAW];
} IoArrival;

static void on_found(void *ud, Conv *c, Err e) {
  IoArrival a = *(IoArrival *)ud;
  free(ud);
  (void)e;
  if (c)
    agenda_set(a.kernel, c);
  else
    abandon(a.kernel, a.key); /* it is gone, or cannot be read */
}

void kernel_io_done(Kernel *k, uint64_t run, const IoDone *done) {
  IoRun **at = find_run(k, run), *r = at ? *at : NULL;
  char cid[CID_LEN];
  if (!r || r->is_done) return;
  k->stats.ios++;
  if (!done->ok) k->stats.failed_ios++;
  end(r, done);
  if (r->is_background) {
    end_background(k, r, done);
    drop(k, at);
    return;
  }
  IoArrival *a = xcalloc(1, sizeof *a);
  a->kernel = k;
  memcpy(a->key, r->key, CID_RAW);
  base64url(cid, r->key, CID_RAW);
  kernel_fetch(k, slice(cid, CID_LEN), on_found, a);
}

void kernel_wind_down(Kernel *k) { k->runs->winds_down = true; }

bool kernel_io_undelivered(const Kernel *k) {
  for (size_t i = 0; i < N_BUCKETS; i++)
    for (const IoRun *r = k->runs->buckets[i]; r; r = r->next)
      if (r->is_done) return true;
  return false;
}

bool io_winds_down(const Kernel *k) { return k->runs->winds_down; }

size_t io_under_way(const Kernel *k) { return k->runs->n; }

/* --- after a start --- */

bool io_pending(const Kernel *k) {
  const IoRuns *rs = k->runs;
  return may_start(k) && (!rs->is_swept || rs->has_missed) && !rs->fetching &&
         rs->n <= k->config.io_waiting / 2;
}

typedef struct Window {
  size_t n;
  uint8_t rows[LATER_WINDOW][8 + CID_RAW];
} Window;

static bool see_row(void *ud, Slice key, Slice value) {
  (void)value;
  Window *w = ud;
  if (key.len != sizeof w->rows[0]) return true;
  if (read_be64(key.ptr) != IO_DUE || w->n == LATER_WINDOW) return false;
  memcpy(w->rows[w->n++], key.ptr, key.len);
  return true;
}

static void on_swept(void *ud, Conv *c, Err e) {
  Kernel *k = ud;
  (void)e;
  k->runs->fetching--;
  if (c) agenda_set(k, c);
}

void io_step(Kernel *k) {
  IoRuns *rs = k->runs;
  Window w = { 0 };
  if (rs->is_swept) { /* once more, for those that were missed */
    rs->is_swept = rs->has_missed = false;
    memset(rs->from, 0, sizeof rs->from);
  }
  store_scan(k->store, STORE_DUE,
             slice((const char *)rs->from, sizeof rs->from), see_row, &w);
  rs->is_swept = w.n < LATER_WINDOW;
  rs->fetching += w.n;
  for (size_t i = 0; i < w.n; i++) {
    char cid[CID_LEN];
    base64url(cid, w.rows[i] + 8, CID_RAW);
    kernel_fetch(k, slice(cid, CID_LEN), on_swept, k);
  }
  if (!w.n) return;
  memcpy(rs->from, w.rows[w.n - 1], sizeof rs->from);
  for (size_t i = sizeof rs->from; i-- > 0 && ++rs->from[i] == 0;) continue;
}
