/* What a conversation's age costs: microseconds of CPU for a turn when it is
 * 100, 10,000 and 100,000 turns old, and bytes for a state that it can go back
 * to. A counter, and a list of 50 rows of which each turn ticks one.
 *
 * Prints one line: `counter_young_us= counter_grown_us= counter_old_us=
 * counter_bytes= list_...`, medians of blocks that take turns, so that what
 * disturbs the young disturbs the old. The store is in memory. */
#include "base/clock.h"
#include "html/html.h"
#include "kernel/state.h"
#include "lua/loader.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { YOUNG = 100, GROWN = 10000, OLD = 100000, BLOCK = 250, BLOCKS = 40 };

static const char script[] =
    "local component = require 'stube.component'\n"
    "component.component('bench/counter', {\n"
    "  init = { n = 0 },\n"
    "  render = function(self) return { 'p', self.n } end,\n"
    "  on = { go = function(self) self.n = self.n + 1 end } })\n"
    "component.component('bench/list', {\n"
    "  init = function()\n"
    "    local items = {}\n"
    "    for i = 1, 50 do items[i] = { id = i, done = false,\n"
    "      text = 'Buy item number ' .. i } end\n"
    "    return { items = items, turns = 0 }\n"
    "  end,\n"
    "  render = function(self) return { 'p', self.turns } end,\n"
    "  on = { go = function(self)\n"
    "    self.turns = self.turns + 1\n"
    "    local item = self.items[self.turns * 7 % 50 + 1]\n"
    "    item.done = not item.done\n"
    "  end } })\n";

static Vm *vm;
static Kernel *kernel;
static Store *store;
static Log quiet = { .level = LOG_OFF };

static void release(void *ud, Conv *c, FragmentId first, const Fragment *f,
                    size_t n) {
  (void)ud, (void)c, (void)first, (void)f, (void)n;
}
static void ended(void *ud, Conv *c) { (void)ud, (void)c; }
static bool forget(void *ud, Conv *c) {
  (void)ud, (void)c;
  return false;
}
static void json(lua_State *L, int idx, const char *what, Buf *out) {
  (void)L, (void)idx, (void)what;
  buf_lit(out, "{}");
}
static void url_value(lua_State *L, int idx, Buf *out) {
  (void)L, (void)idx;
  buf_lit(out, "1");
}

static void add_module(const char *name, const char *path, Buf *text) {
  FILE *f = fopen(path, "rb");
  if (!f) die("%s cannot be read", path);
  for (int c; (c = getc(f)) != EOF;) buf_byte(text, (char)c);
  fclose(f);
  loader_add_embedded(vm, name, buf_view(text));
}

static uint64_t cpu_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void answer(Event *ev, Err result) {
  (void)ev;
  if (result) die("an event failed: %s", err_words(result));
}

static void click(Conv *c) {
  Event ev = { .name = SLICE("go"), .answer = answer };
  kernel_post(kernel, c, &ev);
  while (conv_busy(c)) store_poll(store);
}

static Conv *mint(const char *id) {
  Buf page = { 0 };
  Conv *c;
  lua_pushstring(vm_lua(vm), id);
  Mint m = { .embed = lua_gettop(vm_lua(vm)) };
  if (kernel_mint(kernel, &m, &c, &page) || !c) die("%s does not boot", id);
  lua_pop(vm_lua(vm), 1);
  buf_free(&page);
  return c;
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *us) {
  qsort(us, BLOCKS, sizeof *us, by_size);
  return us[BLOCKS / 2];
}

static double block_us(Conv *c) {
  uint64_t from = cpu_now();
  for (int i = 0; i < BLOCK; i++) click(c);
  return (double)(cpu_now() - from) / BLOCK / 1000;
}

typedef struct Sum {
  const Conv *conv;
  size_t bytes;
} Sum;

static bool add_row(void *ud, Slice key, Slice row) {
  Sum *s = ud;
  uint64_t turn;
  if (point_key_read(s->conv, key, &turn)) s->bytes += key.len + row.len;
  return true;
}

/* Of a state that is kept: its part of the rows and of the head. */
static double bytes_each(const Conv *c) {
  Sum s = { c, 0 };
  Image parts;
  store_scan(store, STORE_POINT, (Slice){ 0 }, add_row, &s);
  if (image_parts(blob_view(c->head), &parts)) die("a head is damaged");
  return (double)(s.bytes + parts.history.len) / c->history.n[PAST];
}

static Conv *aged(const char *id, uint64_t turns) {
  Conv *c = mint(id);
  while (conv_turn(c) < turns) click(c);
  return c;
}

static void measure(const char *name, const char *id) {
  double young[BLOCKS], grown[BLOCKS], old[BLOCKS];
  Conv *middle = aged(id, GROWN), *last = aged(id, OLD);
  for (int i = 0; i < BLOCKS; i++) {
    young[i] = block_us(aged(id, YOUNG));
    grown[i] = block_us(middle);
    old[i] = block_us(last);
  }
  printf("%s_young_us=%.2f %s_grown_us=%.2f %s_old_us=%.2f %s_bytes=%.1f ",
         name, median(young), name, median(grown), name, median(old), name,
         bytes_each(last));
}

int main(void) {
  static Buf texts[2];
  id_init();
  vm = vm_new();
  loader_open(vm);
  Persist *persist = persist_new(vm);
  store = store_memory_new();
  KernelConfig config;
  kernel_config_init(&config);
  config.log = &quiet;
  KernelPorts ports = { .release = release,
                        .ended = ended,
                        .forget = forget,
                        .json = json,
                        .url_value = url_value };
  kernel = kernel_new(vm, persist, &config, &ports);
  kernel_open(kernel, store);
  uint64_t now = clock_wall_ms();
  kernel_now(kernel, now, now);
  luaL_requiref(vm_lua(vm), "stube.html", html_open, 0);
  lua_pop(vm_lua(vm), 1);
  add_module("stube.check", "lua/stube/check.lua", &texts[0]);
  add_module("stube.component", "lua/stube/component.lua", &texts[1]);
  if (loader_run_text(vm, "bench", slice(script, sizeof script - 1)))
    die("%s", lua_tostring(vm_lua(vm), -1));
  kernel_collect(kernel);
  measure("counter", "bench/counter");
  measure("list", "bench/list");
  printf("\n");
  kernel_free(kernel);
  store_free(store);
  vm_free(vm);
  persist_free(persist);
  for (size_t i = 0; i < countof(texts); i++) buf_free(&texts[i]);
  return 0;
}
