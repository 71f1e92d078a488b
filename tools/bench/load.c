/* The load of the benchmark: one thread, one epoll, closed loop (each
 * connection has one request under way). It prints one line of key=value.
 *
 *   load get    --port P --path /page    [--connections N] [bounds] [--pid PID]
 *   load events --port P --path /counter [--connections N] [bounds] [--pid PID]
 *   load idle   --port P --path /page    --count N --pid PID
 *   load start  --path /page --count N -- COMMAND ARGUMENTS...
 *   load crowd  --port P --path /counter --visits N [--pid PID]
 *   load age    --port P --path /counter --count N --pid PID
 *   load sleepers  --port P --people DIR --visits N [bounds] [--pid PID]
 *
 * Bounds: --seconds S, --count N (whichever comes first), --warmup S before
 * them.
 *
 * get     pages without cookie, so that each makes a new conversation
 * events  round trips (visit.h), each connection in a conversation of its own
 * idle    memory of a conversation that was used once and then left
 * start   from running the command to the first page, each time anew
 * crowd, age, sleepers: crowd.c, sleepers.c
 *
 * What is not as expected ends the run with code 1 and no result; only what
 * began after the warm-up and ended before the end is counted. */
#include "fail.h"
#include "http.h"
#include "load.h"
#include "page.h"
#include "server.h"
#include "visit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_MAX_S 20  /* for a start, an answer and an end */
#define IDLE_WARMUP 200 /* conversations before the first look at memory */

/* --- get ---------------------------------------------------------------------
 */

typedef struct Getter {
  Http http;
  uint64_t sent_ns;
  char cid[64]; /* of its last page */
} Getter;

static void check_new(Getter *g, Slice cid) {
  if (cid.len >= sizeof g->cid) unexpected("endless cid", cid);
  if (slice_is(cid, g->cid)) unexpected("the same conversation twice", cid);
  memcpy(g->cid, cid.ptr, cid.len);
  g->cid[cid.len] = '\0';
}

static void mode_get(const Options *o) {
  Getter *all = xcalloc(o->connections, sizeof *all);
  Buf request = { 0 };
  Answer a;
  Stretch r;
  struct epoll_event events[EVENTS_AT_ONCE];
  put_page_request(&request, o->port, o->path);
  http_open(&all[0].http, o->port);
  http_send(&all[0].http, buf_view(&request));
  http_expect(&all[0].http, 200, &a);
  check_new(&all[0], page_cid(&a));
  size_t body = a.body.len, head = a.head.len, elements = page_elements(&a);

  for (size_t i = 1; i < o->connections; i++) http_open(&all[i].http, o->port);
  stretch_start(&r, o, BUSY_LOOP);
  for (size_t i = 0; i < o->connections; i++) {
    stretch_watch(&r, all[i].http.fd, i);
    all[i].sent_ns = now_ns();
    http_send(&all[i].http, buf_view(&request));
  }
  for (int n; (n = stretch_wait(&r, events)) >= 0;) {
    for (int i = 0; i < n; i++) {
      Getter *g = &all[events[i].data.u64];
      http_recv(&g->http);
      if (!http_answer(&g->http, &a)) continue;
      check_new(g, page_cid(&a));
      g->sent_ns = stretch_add(&r, g->sent_ns);
      http_send(&g->http, buf_view(&request));
    }
  }
  printf("mode=get ");
  stretch_print(&r);
  printf(" page_bytes=%zu head_bytes=%zu elements=%zu\n", body, head, elements);
}

/* --- events ------------------------------------------------------------------
 */

static void mode_events(const Options *o) {
  Visit *all = xcalloc(o->connections, sizeof *all);
  Http *mains = xcalloc(o->connections, sizeof *mains);
  Stretch r;
  struct epoll_event events[EVENTS_AT_ONCE];
  for (size_t i = 0; i < o->connections; i++) {
    all[i].main = &mains[i];
    http_open(all[i].main, o->port);
    visit_start(&all[i], o->port, o->path);
  }
  stretch_start(&r, o, BUSY_LOOP);
  for (size_t i = 0; i < o->connections; i++) {
    stretch_watch(&r, all[i].main->fd, 2 * i);
    stretch_watch(&r, all[i].stream.fd, 2 * i + 1);
    visit_send(&all[i]);
  }
  for (int n; (n = stretch_wait(&r, events)) >= 0;) {
    for (int i = 0; i < n; i++) {
      Visit *v = &all[events[i].data.u64 / 2];
      bool is_stream = events[i].data.u64 % 2;
      http_recv(is_stream ? &v->stream : v->main);
      if (!(is_stream ? visit_take_events(v) : visit_take_answer(v))) continue;
      stretch_add(&r, v->sent_ns);
      visit_send(v);
    }
  }
  printf("mode=events ");
  stretch_print(&r);
  printf(" patch_bytes=%zu answer_bytes=%zu\n", all[0].patch_bytes,
         all[0].answer_bytes);
}

/* --- idle --------------------------------------------------------------------
 */

static void mode_idle(const Options *o) {
  Http main = { 0 };
  Visit v = { .main = &main };
  Memory before = { 0 }, after;
  uint64_t start = 0;
  if (!o->pid) fail("idle needs --pid");
  http_open(&main, o->port);
  for (uint64_t i = 0; i < IDLE_WARMUP + o->count; i++) {
    if (i == IDLE_WARMUP) {
      before = memory_settled(o->pid);
      start = now_ns();
    }
    visit_start(&v, o->port, o->path);
    visit_click(&v);
    visit_leave(&v);
  }
  double seconds = (double)(now_ns() - start) / 1e9;
  after = memory_settled(o->pid);
  double n = (double)o->count;
  printf("mode=idle count=%llu seconds=%.3f bytes=%.0f anon_bytes=%.0f "
         "rss_before=%llu rss_after=%llu\n",
         (unsigned long long)o->count, seconds,
         ((double)after.resident - (double)before.resident) / n,
         ((double)after.anon - (double)before.anon) / n,
         (unsigned long long)before.resident,
         (unsigned long long)after.resident);
}

/* --- start -------------------------------------------------------------------
 */

static uint64_t start_once(const Options *o, uint64_t *anon) {
  Server server;
  Http h = { 0 };
  Answer a;
  Buf request = { 0 };
  alarm(START_MAX_S);
  uint64_t begin = now_ns();
  server_start(&server, o->command, STDERR_FILENO);
  int port = server_port(&server);
  put_page_request(&request, port, o->path);
  http_open(&h, port);
  http_send(&h, buf_view(&request));
  http_expect(&h, 200, &a);
  uint64_t took = now_ns() - begin;
  page_cid(&a);
  *anon = memory_now(server.pid).anon;
  http_close(&h);
  int status = server_end(&server, SIGTERM);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    fail("%s did not end with 0 after SIGTERM", o->command[0]);
  buf_free(&request);
  return took;
}

static int by_size(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

static void mode_start(const Options *o) {
  if (!o->command || o->count < 1 || o->count > 1000)
    fail("start needs a count of 1 to 1000 and -- COMMAND");
  uint64_t *took = xcalloc(o->count, sizeof *took);
  uint64_t anon = 0; /* about the same each time */
  for (uint64_t i = 0; i < o->count; i++) took[i] = start_once(o, &anon);
  qsort(took, o->count, sizeof *took, by_size);
  printf("mode=start count=%llu ms=%.2f min_ms=%.2f max_ms=%.2f "
         "anon_bytes=%llu anon_mb=%.1f\n",
         (unsigned long long)o->count, (double)took[o->count / 2] / 1e6,
         (double)took[0] / 1e6, (double)took[o->count - 1] / 1e6,
         (unsigned long long)anon, (double)anon / 1e6);
  free(took);
}

/* --- arguments ---------------------------------------------------------------
 */

static Options options(int argc, char **argv) {
  Options o = {
    .path = "/page", .connections = 1, .count = UINT64_MAX, .seconds = 3600
  };
  int i = 2;
  for (; i + 1 < argc && strcmp(argv[i], "--"); i += 2) {
    const char *name = argv[i], *value = argv[i + 1];
    if (!strcmp(name, "--port"))
      o.port = atoi(value);
    else if (!strcmp(name, "--path"))
      o.path = value;
    else if (!strcmp(name, "--connections"))
      o.connections = strtoul(value, NULL, 10);
    else if (!strcmp(name, "--people"))
      o.people = value;
    else if (!strcmp(name, "--visits"))
      o.visits = strtoul(value, NULL, 10);
    else if (!strcmp(name, "--count"))
      o.count = strtoull(value, NULL, 10);
    else if (!strcmp(name, "--seconds"))
      o.seconds = strtod(value, NULL);
    else if (!strcmp(name, "--warmup"))
      o.warmup = strtod(value, NULL);
    else if (!strcmp(name, "--pid"))
      o.pid = atoi(value);
    else
      fail("unknown option %s", name);
  }
  if (i + 1 < argc)
    o.command = argv + i + 1;
  else if (i < argc)
    fail("%s needs a value", argv[i]);
  if (o.connections < 1 || o.connections > CONNECTIONS_MAX)
    fail("between 1 and %d connections", CONNECTIONS_MAX);
  return o;
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    void (*run)(const Options *);
  } modes[] = { { "get", mode_get },          { "events", mode_events },
                { "idle", mode_idle },        { "start", mode_start },
                { "crowd", mode_crowd },      { "age", mode_age },
                { "sleepers", mode_sleepers } };
  if (argc < 2) fail("usage: load MODE [options]");
  Options o = options(argc, argv);
  for (size_t i = 0; i < countof(modes); i++) {
    if (strcmp(argv[1], modes[i].name)) continue;
    modes[i].run(&o);
    return 0;
  }
  fail("unknown mode %s", argv[1]);
}
