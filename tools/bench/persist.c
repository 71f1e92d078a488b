/* What saving costs: bytes, and microseconds to encode and to decode, for a
 * flow that waits three calls deep and for states that would be about 0.1, 1
 * and 20 KB of JSON.
 *
 *   cc -O2 -Isrc -isystem build/lua/src tools/bench/persist.c
 *     build/libpersist.a build/liblua.a build/libbase.a build/libluavm.a
 *     -lsodium -lm -ldl -o build/bench/persist
 *
 * Prints medians of many runs, of CPU time: `kb1_bytes=779 kb1_encode_us=1.4
 * kb1_decode_us=2.7`, and the same of `small` and `kb20`. The collector stands
 * still meanwhile. */
#include "base/clock.h"
#include "lua/coro.h"
#include "lua/loader.h"
#include "lua/vm.h"
#include "persist/persist.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>

static const char script[] =
    "local M = {}\n"
    "local function ask(order, what) local got = wait(); return got end\n"
    "local function item(order, i) local n = ask(order, 'item'); return n + i "
    "end\n"
    "local function flow(self) local order = self.order\n"
    "  for i = 1, 10 do order.total = item(order, i) end return order end\n"
    "local function rows(n) local t = {} for i = 1, n do\n"
    "  t[i] = { id = i, text = 'row number ' .. i, done = i % 3 == 0, price = "
    "i * 1.5 } end\n"
    "  return t end\n"
    "local function state(n) return { name = 'Ada', order = { total = 0, vat = "
    "0.19,\n"
    "  address = { street = 'Main Street 1', city = 'Berlin', zip = '10115' } "
    "},\n"
    "  items = rows(n), page = 1, filter = 'all', draft = '' } end\n"
    "function start(n) local self = state(n) return self, function() return "
    "flow(self) end end\n";

static int f_wait(lua_State *L) { return coro_wait(L); }

static int by_size(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

enum { ROUNDS = 401 };

static double median(uint64_t *ns, int batch) {
  qsort(ns, ROUNDS, sizeof *ns, by_size);
  return (double)ns[ROUNDS / 2] / batch / 1000;
}

static void measure(const char *what, int rows) {
  Vm *vm = vm_new();
  lua_State *L = vm_lua(vm);
  loader_open(vm);
  lua_register(L, "wait", f_wait);
  Persist *p = persist_new(vm);
  if (loader_run_text(vm, "shop", slice(script, sizeof script - 1))) abort();
  persist_collect(p);
  lua_newtable(L); /* root */
  lua_getglobal(L, "start");
  lua_pushinteger(L, rows);
  lua_call(L, 1, 2); /* root self body */
  lua_pushvalue(L, -2);
  lua_setfield(L, 1, "state");
  lua_State *co = coro_take(vm); /* root self body co */
  lua_pushvalue(L, -2);
  lua_xmove(L, co, 1);
  int n;
  if (coro_run(vm, co, 0, &n) != CORO_WAITS) abort();
  lua_setfield(L, 1, "task");
  lua_settop(L, 1);
  int batch = rows > 100 ? 2 : 20; /* so few that the heap does not grow */
  static uint64_t enc[ROUNDS], dec[ROUNDS];
  Buf out = { 0 };
  for (int r = 0; r < ROUNDS; r++) {
    uint64_t t = clock_cpu_ns();
    for (int i = 0; i < batch; i++) {
      buf_clear(&out);
      if (persist_encode(p, L, 1, &out))
        fprintf(stderr, "%s\n", lua_tostring(L, -1)), abort();
    }
    enc[r] = clock_cpu_ns() - t;
    lua_gc(L, LUA_GCSTOP);
    t = clock_cpu_ns();
    for (int i = 0; i < batch; i++) {
      if (persist_decode(p, L, buf_view(&out)))
        fprintf(stderr, "%s\n", lua_tostring(L, -1)), abort();
      lua_pop(L, 1);
    }
    dec[r] = clock_cpu_ns() - t;
    lua_gc(L, LUA_GCRESTART);
    lua_gc(L, LUA_GCCOLLECT);
  }
  printf("%s_bytes=%zu %s_encode_us=%.2f %s_decode_us=%.2f ", what, out.len,
         what, median(enc, batch), what, median(dec, batch));
  buf_free(&out);
  lua_settop(L, 0);
  vm_free(vm);
  persist_free(p);
}

int main(void) {
  measure("small", 0);
  measure("kb1", 15);
  measure("kb20", 330);
  printf("\n");
  return 0;
}
