/* What saving costs: bytes, and microseconds to encode and to decode, for
 * states of about 0.1, 1 and 20 KB. Medians of many runs. From the project's
 * root:
 *
 *   cc -O2 -Isrc -isystem build/lua/src tools/bench/persist.c
 *     build/libpersist.a build/liblua.a build/libbase.a build/libluavm.a
 *     -lsodium -lm -ldl -o build/bench-persist */
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

static void measure(const char *what, int rows, int with_task) {
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
  if (with_task) {
    lua_State *co = coro_take(vm); /* root self body co */
    lua_pushvalue(L, -2);
    lua_xmove(L, co, 1);
    int n;
    if (coro_run(vm, co, 0, &n) != CORO_WAITS) abort();
    lua_setfield(L, 1, "task");
  }
  lua_settop(L, 1);
  int batch = rows > 100 ? 2 : 20; /* so few that the heap does not grow */
  static uint64_t enc[ROUNDS], dec[ROUNDS];
  Buf out = { 0 };
  for (int r = 0; r < ROUNDS; r++) {
    uint64_t t = clock_mono_ns();
    for (int i = 0; i < batch; i++) {
      buf_clear(&out);
      if (persist_encode(p, L, 1, &out))
        fprintf(stderr, "%s\n", lua_tostring(L, -1)), abort();
    }
    enc[r] = clock_mono_ns() - t;
    lua_gc(L, LUA_GCSTOP);
    t = clock_mono_ns();
    for (int i = 0; i < batch; i++) {
      if (persist_decode(p, L, buf_view(&out)))
        fprintf(stderr, "%s\n", lua_tostring(L, -1)), abort();
      lua_pop(L, 1);
    }
    dec[r] = clock_mono_ns() - t;
    lua_gc(L, LUA_GCRESTART);
    lua_gc(L, LUA_GCCOLLECT);
  }
  printf("%-34s %7zu bytes  encode %7.2f us  decode %7.2f us\n", what, out.len,
         median(enc, batch), median(dec, batch));
  buf_free(&out);
  lua_settop(L, 0);
  vm_free(vm);
  persist_free(p);
}

int main(void) {
  measure("small state", 0, 0);
  measure("small state, flow 3 calls deep", 0, 1);
  measure("1 KB of state", 15, 0);
  measure("1 KB of state, flow 3 calls deep", 15, 1);
  measure("20 KB of state, flow", 330, 1);
  return 0;
}
