/* GET /stube/metrics: numbers about the running host, as Prometheus reads them.
 *
 * They tell how busy an app is, so they are not for visitors: only this machine
 * may ask, and the addresses that s.config{ metrics = ... } names. A proxy on
 * this machine asks for others, so what bears a proxy's header is refused. */
#include <lua.h>

#include "base/clock.h"
#include "host/host.h"
#include "http/reply.h"

/* --- who may --- */

static bool is_forwarded(const HttpReq *req) {
  static const char *const headers[] = { "X-Forwarded-For", "Forwarded",
                                         "X-Real-IP", "Via" };
  for (size_t i = 0; i < countof(headers); i++)
    if (req_header(req, headers[i]).ptr) return true;
  return false;
}

static bool may(const Settings *s, const HttpReq *req) {
  if (s->metrics_for == METRICS_FOR_ALL) return true;
  if (is_forwarded(req)) return false;
  return addr_is_loopback(req_peer(req)) ||
         addr_in(req_peer(req), s->metrics_blocks, s->n_metrics_blocks);
}

/* --- the text --- */

static void put_head(Buf *b, const char *name, const char *type,
                     const char *help) {
  buf_printf(b, "# HELP stube_%s %s\n# TYPE stube_%s %s\n", name, help, name,
             type);
}

static void put_one(Buf *b, const char *name, const char *type,
                    const char *help, uint64_t value) {
  put_head(b, name, type, help);
  buf_printf(b, "stube_%s %llu\n", name, (unsigned long long)value);
}

static void put_labelled(Buf *b, const char *name, const char *label,
                         uint64_t value) {
  buf_printf(b, "stube_%s{%s} %llu\n", name, label, (unsigned long long)value);
}

/* Without the C library's help, which asks the locale for its comma. */
static void put_seconds(Buf *b, uint64_t us) {
  buf_printf(b, "%llu.%06llu", (unsigned long long)(us / 1000000),
             (unsigned long long)(us % 1000000));
}

/* Buckets of a Prometheus histogram hold all that is below them too. The last
 * one of ours has no upper end. */
static void put_histogram(Buf *b, const char *name,
                          const uint64_t counts[STORE_BUCKETS],
                          uint64_t first_us, uint64_t sum) {
  uint64_t n = 0;
  for (unsigned i = 0; i < STORE_BUCKETS; i++) {
    n += counts[i];
    buf_printf(b, "stube_%s_bucket{le=\"", name);
    if (i + 1 == STORE_BUCKETS)
      buf_lit(b, "+Inf");
    else if (first_us)
      put_seconds(b, first_us << i);
    else
      buf_uint(b, (uint64_t)1 << i);
    buf_printf(b, "\"} %llu\n", (unsigned long long)n);
  }
  buf_printf(b, "stube_%s_sum ", name);
  if (first_us)
    put_seconds(b, sum);
  else
    buf_uint(b, sum);
  buf_printf(b, "\nstube_%s_count %llu\n", name, (unsigned long long)n);
}

static void put_process(const Host *h, Buf *b) {
  lua_State *L = vm_lua(h->vm);
  size_t resident = 0;
  put_head(b, "info", "gauge", "What is running.");
  put_labelled(b, "info",
               "version=\"" STUBE_VERSION "\",lua=\"" LUA_RELEASE "\"", 1);
  put_head(b, "uptime_seconds", "gauge", "Since the process started.");
  buf_lit(b, "stube_uptime_seconds ");
  put_seconds(b, (clock_mono_ns() - h->started_ns) / 1000);
  buf_lit(b, "\n");
  if (uv_resident_set_memory(&resident) == 0)
    put_one(b, "resident_bytes", "gauge", "Memory of the process.", resident);
  put_one(b, "lua_bytes", "gauge", "Memory in use by Lua.",
          (uint64_t)lua_gc(L, LUA_GCCOUNT) * 1024 +
              (uint64_t)lua_gc(L, LUA_GCCOUNTB));
}

static void put_kernel(const Host *h, Buf *b) {
  KernelStats k = kernel_stats(h->kernel);
  size_t kept = store_count(h->store);
  put_head(b, "conversations", "gauge",
           "hot: in Lua's memory; asleep: in the store alone, or as bytes; "
           "provisional: a page was drawn, nobody came.");
  put_labelled(b, "conversations", "state=\"hot\"", k.hot);
  put_labelled(b, "conversations", "state=\"asleep\"",
               kept > k.hot ? kept - k.hot : 0);
  put_labelled(b, "conversations", "state=\"provisional\"", k.provisional);
  put_one(b, "turns_total", "counter", "Turns run, failed ones too.", k.turns);
  put_one(b, "failed_turns_total", "counter", "Turns that were put back.",
          k.failed_turns);
  put_one(b, "repeated_events_total", "counter",
          "Events that were answered before, and not run again.", k.repeats);
  put_one(b, "reaped_conversations_total", "counter",
          "Conversations that ended because nobody came.", k.reaped);
}

static void put_workers(Host *h, Buf *b) {
  KernelStats k = kernel_stats(h->kernel);
  WorkersStats w = workers_stats(h);
  put_head(b, "io_calls", "gauge",
           "Functions of s.io and s.background: running in a worker thread; "
           "queued for one.");
  put_labelled(b, "io_calls", "state=\"running\"", w.running);
  put_labelled(b, "io_calls", "state=\"queued\"", w.queued);
  put_one(b, "io_calls_total", "counter", "That have ended, failed ones too.",
          k.ios);
  put_one(b, "failed_io_calls_total", "counter", "That have failed.",
          k.failed_ios);
  put_one(b, "lost_workers", "gauge",
          "Threads in a C function that does not return.", w.lost);
}

static void put_http(const Host *h, Buf *b) {
  HttpStats s = http_server_stats(h->server);
  put_one(b, "streams", "gauge", "Event streams open.", s.streams);
  put_one(b, "connections", "gauge", "Connections open.", s.connections);
  put_one(b, "connections_total", "counter", "Connections accepted.",
          s.accepted);
  put_one(b, "connections_refused_total", "counter",
          "Connections over a limit.", s.refused);
  put_one(b, "connections_timed_out_total", "counter",
          "Connections that were too slow.", s.timeouts);
  put_one(b, "requests_total", "counter", "Requests handled.", s.requests);
  put_one(b, "malformed_requests_total", "counter",
          "Requests refused before they were looked at.", s.errors);
  put_one(b, "received_bytes_total", "counter", "From clients.", s.bytes_in);
  put_one(b, "sent_bytes_total", "counter", "To clients.", s.bytes_out);
}

static void put_store(const Host *h, Buf *b) {
  StoreStats s = store_stats(h->store);
  put_one(b, "store_conversations", "gauge", "Conversations kept.",
          store_count(h->store));
  put_one(b, "store_bytes", "gauge", "In use; the file may be larger.",
          s.bytes);
  put_one(b, "store_writable", "gauge", "0 while nothing can be saved.",
          store_trouble(h->store) == NULL);
  put_one(b, "store_redo_bytes", "gauge",
          "Kept in the redo log, and not in the database yet.", s.redo_bytes);
  put_one(b, "store_commits_total", "counter",
          "Batches kept, each with one sync.", s.commits);
  put_one(b, "store_failed_commits_total", "counter", "Batches not kept.",
          s.failures);
  put_one(b, "store_items_total", "counter",
          "Turns and other items in those that were kept.", s.items);
  put_one(b, "store_fetches_total", "counter",
          "Conversations read from the store.", s.fetches);
  put_head(b, "store_batch_items", "histogram", "Items that shared one batch.");
  put_histogram(b, "store_batch_items", s.batch, 0, s.items);
  put_head(b, "store_commit_seconds", "histogram",
           "From the end of a turn until it is kept.");
  put_histogram(b, "store_commit_seconds", s.latency, 64, s.latency_us);
}

void handle_metrics(Host *h, HttpReq *req, const RouteMatch *m) {
  (void)m;
  if (h->settings.metrics_for == METRICS_FOR_NOBODY) {
    http_reply_err(req, ERR_NOT_FOUND);
    return;
  }
  if (!may(&h->settings, req)) {
    http_reply_err(req, ERR_FORBIDDEN);
    return;
  }
  Buf b = { 0 };
  put_process(h, &b);
  put_kernel(h, &b);
  put_workers(h, &b);
  put_http(h, &b);
  put_store(h, &b);
  HttpHeader headers[] = {
    HEADER("Content-Type", "text/plain; version=0.0.4; charset=utf-8"),
    HEADER("Cache-Control", "no-store"),
  };
  http_reply(req, 200, headers, countof(headers), buf_view(&b));
  buf_free(&b);
}

void handle_health(Host *h, HttpReq *req, const RouteMatch *m) {
  (void)m;
  HttpHeader headers[] = {
    HEADER("Content-Type", "text/plain; charset=utf-8"),
    HEADER("Cache-Control", "no-store"),
  };
  Slice words = SLICE("ok\n");
  if (h->is_stopping)
    words = SLICE("stopping\n");
  else if (store_trouble(h->store))
    words = SLICE("ok, but nothing can be saved just now\n");
  http_reply(req, h->is_stopping ? 503 : 200, headers, countof(headers), words);
}
