/* What can only be measured inside the process, with a host that serves nobody:
 *
 *   bytes of memory per conversation that is awake, a counter and a flow that
 *   waits, and per one that sleeps
 *   the longest step of Lua's collector, with many conversations known and the
 *   hot set full of flows that wait
 *
 *   inside DIR APP KNOWN      DIR: for a store, not there yet
 *
 * Durability is relaxed here: nothing of this waits for a disk. Steps of the
 * collector are counted where Lua begins them (the linker's --wrap=luaC_step),
 * in CPU time of the thread, so that other programs are not in them. */
#include "base/clock.h"
#include "fail.h"
#include "host/host.h"
#include "measure.h"

#include <lua.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#define HOT_WARMUP 24
#define HOT 1000 /* with those before, the default hot set */
#define KNOWN_LEAST 10000
#define AT_ONCE 64 /* events under way */
#define WARM_PAGES 2000
#define TURNS 200000 /* while the collector is watched */
#define COLD_EACH 10 /* of these, one in so many goes to any conversation */

/* --- steps of the collector
 * -----------------------------------------------------------
 */

void __real_luaC_step(lua_State *L);
void __wrap_luaC_step(lua_State *L);

static struct { uint64_t n, total_ns, longest_ns; } steps;

void __wrap_luaC_step(lua_State *L) {
  uint64_t ns = clock_cpu_ns();
  __real_luaC_step(L);
  ns = clock_cpu_ns() - ns;
  steps.n++;
  steps.total_ns += ns;
  if (ns > steps.longest_ns) steps.longest_ns = ns;
}

/* --- conversations -----------------------------------------------------------
 */

typedef struct Person {
  char cid[CID_LEN + 1];
  bool is_flow;
} Person;

typedef struct People {
  Host *host;
  Person *list; /* room for all */
  size_t n;
  size_t under_way;
  uint64_t longest_ns; /* of a turn */
} People;

static void mint(People *p, bool is_flow) {
  Host *h = p->host;
  lua_State *L = vm_lua(h->vm);
  Buf page = { 0 };
  Conv *c;
  clock_now(h);
  lua_pushstring(L, is_flow ? "bench/flow" : "bench/counter");
  Mint m = { .owner = "bench", .embed = lua_gettop(L) };
  if (kernel_mint(h->kernel, &m, &c, &page) || !c) fail("no conversation");
  lua_pop(L, 1);
  buf_free(&page);
  Person *made = &p->list[p->n++];
  memcpy(made->cid, conv_cid(c), sizeof made->cid);
  made->is_flow = is_flow;
  kernel_promote(h->kernel, c);
}

typedef struct Click {
  Event ev;
  People *people;
} Click;

static void on_answer(Event *ev, Err result) {
  Click *c = (Click *)ev;
  if (result) fail("an event was answered: %s", err_words(result));
  c->people->under_way--;
  free(c);
}

static void click(People *p, size_t i) {
  Kernel *k = p->host->kernel;
  Click *c = xcalloc(1, sizeof *c);
  *c = (Click){ { .answer = on_answer }, p };
  c->ev.name = slice_str(p->list[i].is_flow ? "go" : "inc");
  p->under_way++;
  clock_now(p->host);
  uint64_t ns = clock_cpu_ns();
  Conv *conv = kernel_find(k, slice(p->list[i].cid, CID_LEN));
  if (!conv) fail("a conversation is gone");
  kernel_post(k, conv, &c->ev);
  ns = clock_cpu_ns() - ns;
  if (ns > p->longest_ns) p->longest_ns = ns;
}

static void settle(People *p) {
  store_settle(p->host->store);
  if (p->under_way) fail("%zu events have no answer", p->under_way);
}

/* Mints `n` and has each clicked once, which wakes it. */
static void gather(People *p, size_t n, bool are_flows, bool collects) {
  lua_State *L = vm_lua(p->host->vm);
  for (size_t end = p->n + n; p->n < end;) {
    size_t first = p->n;
    while (p->n < end && p->n < first + AT_ONCE) mint(p, are_flows);
    settle(p);
    for (size_t i = first; i < p->n; i++) click(p, i);
    settle(p);
    if (collects) lua_gc(L, LUA_GCCOLLECT);
  }
}

/* --- memory ------------------------------------------------------------------
 */

static bool see_one(void *ud, Slice key, Slice value) {
  (void)ud, (void)key, (void)value;
  return false;
}

/* What malloc has given out, after a collection. Lua's small objects lie in
 * slabs that are never given back, so it grows only with what is alive, as long
 * as garbage is collected before it piles up. The store's redo log, which is
 * bounded and nobody's, is in the database before: a scan waits for that. */
static size_t bytes_in_use(const Host *h) {
  store_scan(h->store, STORE_HEAD, SLICE(""), see_one, NULL);
  lua_gc(vm_lua(h->vm), LUA_GCCOLLECT);
  struct mallinfo2 m = mallinfo2();
  return m.uordblks + m.hblkhd;
}

static double growth(size_t before, size_t after, size_t n) {
  return ((double)after - (double)before) / (double)n;
}

static double hot_bytes(People *p, bool are_flows) {
  size_t before = bytes_in_use(p->host);
  gather(p, HOT, are_flows, true);
  return growth(before, bytes_in_use(p->host), HOT);
}

static void set_hot(Host *h, size_t max) {
  h->kernel_config.hot_max = max;
  kernel_configure(h->kernel, &h->kernel_config);
}

static void on_kept(void *ud, Err e) {
  (void)ud;
  if (e) fail("the store keeps nothing: %s", err_words(e));
}

/* LMDB keeps the memory of its largest transaction's pages for the next one:
 * so let it have had one that touches more pages than any that follows. */
static void warm_store(Store *s) {
  static StoreRow rows[WARM_PAGES];
  static const char page[KIB(3)];
  for (int round = 0; round < 2; round++) { /* put, removed */
    for (uint64_t i = 0; i < WARM_PAGES; i++) {
      Buf key = { 0 };
      buf_puts(&key, "bench");
      buf_be64(&key, i);
      rows[i] = (StoreRow){ STORE_META, blob_new(buf_view(&key)),
                            round ? NULL : blob_new(slice(page, sizeof page)) };
      buf_free(&key);
    }
    StoreItem item = { .is_rows = true, .rows = rows, .n_rows = WARM_PAGES };
    store_commit(s, &item, on_kept, NULL);
    store_settle(s);
    for (size_t i = 0; i < WARM_PAGES; i++) {
      blob_drop(rows[i].key);
      blob_drop(rows[i].value);
    }
  }
}

static void measure_memory(People *p, size_t known) {
  warm_store(p->host->store);
  gather(p, HOT_WARMUP, false, true);
  double counter = hot_bytes(p, false);
  set_hot(p->host, CONV_HOT_MAX + HOT);
  double flow = hot_bytes(p, true);
  set_hot(p->host, CONV_HOT_MAX);
  /* Each that comes now sends one to sleep. Garbage is as much as it will be
   * after the first of them. */
  size_t asleep = (known - p->n) / 2;
  gather(p, asleep, false, false);
  size_t before = bytes_in_use(p->host);
  gather(p, asleep - HOT, false, false);
  size_t after = bytes_in_use(p->host);
  gather(p, known - p->n, true, false);
  printf("hot_bytes=%.0f hot_flow_bytes=%.0f asleep_bytes=%.1f ", counter, flow,
         growth(before, after, asleep - HOT));
}

/* --- the collector -----------------------------------------------------------
 */

static void measure_collector(People *p) {
  uint64_t dice = DICE;
  steps.n = steps.total_ns = steps.longest_ns = p->longest_ns = 0;
  uint64_t cpu = clock_cpu_ns();
  for (size_t i = 0; i < TURNS; i++) {
    size_t whom = roll(&dice) % HOT;
    click(p, i % COLD_EACH ? p->n - 1 - whom : roll(&dice) % p->n);
    if (p->under_way >= AT_ONCE) settle(p);
  }
  settle(p);
  cpu = clock_cpu_ns() - cpu;
  printf("known=%zu turns=%d steps=%llu step_us=%.1f longest_step_ms=%.3f "
         "longest_turn_ms=%.3f turn_us=%.2f\n",
         p->n, TURNS, (unsigned long long)steps.n,
         (double)steps.total_ns / (double)steps.n / 1e3,
         (double)steps.longest_ns / 1e6, (double)p->longest_ns / 1e6,
         (double)cpu / TURNS / 1e3);
}

int main(int argc, char **argv) {
  size_t known = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
  if (known < KNOWN_LEAST)
    fail("usage: inside DIR APP KNOWN, which is %d at least", KNOWN_LEAST);
  Host *h = host_new();
  h->settings.store = xstrdup(argv[1]);
  if (!host_load(h, argv[2]) || !host_open(h)) return 1;
  store_set_relaxed(h->store, true);
  People p = { .host = h };
  p.list = xcalloc(known, sizeof *p.list);
  measure_memory(&p, known);
  measure_collector(&p);
  free(p.list);
  host_free(h);
  return 0;
}
