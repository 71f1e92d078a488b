/* Many visitors at once, and one who stays for long.
 *
 * crowd: conversations minted together, each with its stream open, and events
 * to any of them, over fewer connections. The crowd stays while its
 * server is measured again and again: each line on standard input is one
 * measurement and one line of answer, until "end":
 *
 *   CONNECTIONS SECONDS WARMUP COUNT
 *
 * age: one conversation with many turns behind it, beside fresh ones. */
#include "fail.h"
#include "load.h"
#include "visit.h"

#include <stdio.h>
#include <stdlib.h>

/* Under HTTP_CONNECTIONS_PER_IP, with room for those that post. */
#define STREAMS_PER_ADDRESS 120

/* --- crowd -------------------------------------------------------------------
 */

/* A connection that posts, one event at a time, to any of every n-th visit of
 * the crowd: so two never post to the same. */
typedef struct Poster {
  Http http;
  size_t visit; /* whose event is under way */
  bool is_busy;
} Poster;

typedef struct Crowd {
  Visit *visits;
  Poster *posters;
  size_t *poster_of; /* of a visit whose event is under way */
  size_t n_visits, n_open;
  uint64_t dice;
} Crowd;

static void gather(Crowd *c, const Options *o) {
  Http main = { 0 };
  if (o->visits < 1 || o->visits > 10000)
    fail("crowd needs --visits, to 10000");
  c->n_visits = o->visits;
  c->visits = xcalloc(c->n_visits, sizeof *c->visits);
  c->poster_of = xcalloc(c->n_visits, sizeof *c->poster_of);
  c->posters = xcalloc(CONNECTIONS_MAX, sizeof *c->posters);
  http_open(&main, o->port);
  for (size_t i = 0; i < c->n_visits; i++) {
    c->visits[i].main = &main;
    c->visits[i].from = (unsigned)(1 + i / STREAMS_PER_ADDRESS);
    visit_start(&c->visits[i], o->port, o->path);
  }
  http_close(&main);
}

static void send_next(Crowd *c, size_t poster, size_t step) {
  Poster *p = &c->posters[poster];
  size_t n = (c->n_visits - poster + step - 1) / step;
  p->visit = poster + step * (size_t)(roll(&c->dice) % n);
  p->is_busy = true;
  c->poster_of[p->visit] = poster;
  c->visits[p->visit].main = &p->http;
  visit_send(&c->visits[p->visit]);
}

/* Takes what came for a visit's event; true when that ended the round trip. */
static bool take(Crowd *c, uint64_t data, Visit **visit) {
  size_t i = (size_t)(data / 2);
  if (data % 2) {
    *visit = &c->visits[i];
    http_recv(&(*visit)->stream);
    return visit_take_events(*visit);
  }
  *visit = &c->visits[c->posters[i].visit];
  http_recv(&c->posters[i].http);
  return c->posters[i].is_busy && visit_take_answer(*visit);
}

static void measure_crowd(Crowd *c, const Options *o) {
  Stretch s;
  struct epoll_event events[EVENTS_AT_ONCE];
  size_t n = o->connections, n_busy = n;
  for (; c->n_open < n; c->n_open++)
    http_open_from(&c->posters[c->n_open].http, o->port,
                   (unsigned)(c->n_open / STREAMS_PER_ADDRESS));
  stretch_start(&s, o, BUSY_LOOP_AND_WRITER);
  for (size_t i = 0; i < c->n_visits; i++)
    stretch_watch(&s, c->visits[i].stream.fd, 2 * i + 1);
  for (size_t i = 0; i < n; i++) {
    stretch_watch(&s, c->posters[i].http.fd, 2 * i);
    send_next(c, i, n);
  }
  while (n_busy) { /* what is under way at the end is waited for */
    int got = stretch_wait(&s, events);
    for (int i = 0; i < got; i++) {
      Visit *v;
      if (!take(c, events[i].data.u64, &v)) continue;
      size_t poster = c->poster_of[v - c->visits];
      stretch_add(&s, v->sent_ns);
      c->posters[poster].is_busy = false;
      if (s.has_ended)
        n_busy--;
      else
        send_next(c, poster, n);
    }
  }
  printf("mode=crowd visits=%zu ", c->n_visits);
  stretch_print(&s);
  printf(" patch_bytes=%zu\n", c->visits[0].patch_bytes);
}

void mode_crowd(const Options *o) {
  Crowd c = { .dice = DICE };
  char line[100];
  Options now = *o;
  gather(&c, o);
  printf("ready\n");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin) && strcmp(line, "end\n") != 0) {
    double count;
    if (sscanf(line, "%zu %lf %lf %lf", &now.connections, &now.seconds,
               &now.warmup, &count) != 4 ||
        count < 1 || now.connections < 1 || now.connections > CONNECTIONS_MAX ||
        now.connections > c.n_visits)
      fail("not \"CONNECTIONS SECONDS WARMUP COUNT\": %s", line);
    now.count = (uint64_t)count;
    measure_crowd(&c, &now);
    fflush(stdout);
  }
}

/* --- age ---------------------------------------------------------------------
 */

#define AGE_YOUNG 100 /* turns that a fresh one has behind it */
#define AGE_BLOCK 500 /* turns measured together */
#define AGE_PAIRS 9

/* Without sleeping: the processor must not pay for waking us. */
static void click_at_once(Visit *v) {
  visit_send(v);
  for (;;) {
    http_recv(v->main);
    if (visit_take_answer(v)) return;
    http_recv(&v->stream);
    if (visit_take_events(v)) return;
  }
}

typedef struct Block {
  double server_us, p50_us;
} Block;

static Block measure_block(Visit *v, pid_t server) {
  static Hist hist;
  memset(&hist, 0, sizeof hist);
  uint64_t cpu = cpu_ns(server);
  for (int i = 0; i < AGE_BLOCK; i++) {
    click_at_once(v);
    hist_add(&hist, now_ns() - v->sent_ns);
  }
  cpu = cpu_ns(server) - cpu;
  return (Block){ (double)cpu / AGE_BLOCK / 1e3, hist_us(&hist, 0.5) };
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *list) {
  qsort(list, AGE_PAIRS, sizeof *list, by_size);
  return list[AGE_PAIRS / 2];
}

void mode_age(const Options *o) {
  Http main = { 0 };
  Visit old = { .main = &main };
  double young_us[AGE_PAIRS], old_us[AGE_PAIRS], ratio[AGE_PAIRS],
      young_p50[AGE_PAIRS], old_p50[AGE_PAIRS];
  if (!o->pid || o->count < AGE_YOUNG || o->count > 10000000)
    fail("age needs --pid, and a count of turns");
  http_open(&main, o->port);
  visit_start(&old, o->port, o->path);
  for (uint64_t i = 0; i < o->count; i++) click_at_once(&old);
  for (int pair = 0; pair < AGE_PAIRS; pair++) {
    Visit young = { .main = &main };
    visit_start(&young, o->port, o->path);
    for (int i = 0; i < AGE_YOUNG; i++) click_at_once(&young);
    Block y = measure_block(&young, o->pid);
    Block a = measure_block(&old, o->pid);
    visit_leave(&young);
    buf_free(&young.post);
    young_us[pair] = y.server_us;
    old_us[pair] = a.server_us;
    young_p50[pair] = y.p50_us;
    old_p50[pair] = a.p50_us;
    ratio[pair] = a.server_us / y.server_us;
  }
  printf("mode=age turns=%llu young_us=%.2f old_us=%.2f ratio=%.3f "
         "young_p50_us=%.1f old_p50_us=%.1f\n",
         (unsigned long long)o->count, median(young_us), median(old_us),
         median(ratio), median(young_p50), median(old_p50));
}
