/* What `stube.drive` (drive.h) has for specs of s.io: real worker threads,
 * whose results come when the spec asks for them. */
#include <lauxlib.h>
#include <lua.h>

#include "base/limits.h"
#include "host/drive.h"
#include "host/host.h"
#include "host/worker.h"

/* patience(seconds): how long a call may take from now on. */
static int f_patience(lua_State *L) {
  Host *h = drive_host(L);
  h->workers->time_ms = (uint64_t)(luaL_checknumber(L, 1) * 1000);
  return 0;
}

/* workers({ n =, call =, result =, memory = bytes, waiting =,
 * pending = }): threads run what s.io asks for, with these limits; false: what
 * it asks for is kept, and nobody runs it, as at first. */
static int f_workers(lua_State *L) {
  Host *h = drive_host(L);
  Settings *s = &h->settings;
  KernelConfig *k = &h->kernel_config;
  bool is_whole = workers_close(h);
  if (!is_whole) return luaL_error(L, "workers: a thread does not end");
  k->has_workers = false;
  kernel_configure(h->kernel, k);
  if (!lua_toboolean(L, 1)) return 0;
  const struct {
    const char *name;
    uint64_t *wide;
    size_t *bytes;
    uint32_t *narrow;
    lua_Number otherwise;
  } all[] = {
    { "n", &s->io_workers, NULL, NULL, IO_WORKERS },
    { "memory", NULL, &s->io_memory, NULL, IO_MEMORY_MAX },
    { "result", NULL, &s->io_result, NULL, IO_RESULT_BYTES_MAX },
    { "call", NULL, &k->io_call, NULL, IO_CALL_BYTES_MAX },
    { "waiting", NULL, &k->io_waiting, NULL, IO_WAITING_MAX },
    { "pending", NULL, NULL, &k->io_pending, CONV_IOS_MAX },
  };
  for (size_t i = 0; i < countof(all); i++) {
    lua_getfield(L, 1, all[i].name);
    lua_Number v = luaL_optnumber(L, -1, all[i].otherwise);
    if (all[i].wide) *all[i].wide = (uint64_t)v;
    if (all[i].bytes) *all[i].bytes = (size_t)v;
    if (all[i].narrow) *all[i].narrow = (uint32_t)v;
  }
  workers_open(h);
  return 0;
}

/* What is due just now, and what that brings. */
static void run_due(Host *h) {
  drive_now(h);
  for (int i = 0; i < 1000 && kernel_due(h->kernel) <= h->steady_ms; i++) {
    kernel_tick(h->kernel);
    drive_settle(h);
  }
}

/* work([n]): until no more than n calls (none) run or wait for a worker, with
 * all that follows. */
static int f_work(lua_State *L) {
  enum { PATIENCE_MS = 30000, STEP_MS = 50 };
  Host *h = drive_host(L);
  lua_Integer n = luaL_optinteger(L, 1, 0);
  for (int left = PATIENCE_MS / STEP_MS; left > 0; left--) {
    drive_settle(h);
    run_due(h);
    workers_poll(h);
    run_due(h);
    WorkersStats s = workers_stats(h);
    if ((lua_Integer)(s.running + s.queued + s.ended) <= n &&
        !kernel_io_undelivered(h->kernel))
      return 0;
    workers_wait(h, STEP_MS);
  }
  return luaL_error(L, "work: it does not come to rest");
}

/* wait(f, [turns]): until f() is true; workers get the code they ask for
 * meanwhile, and with `turns` conversations go on. */
static int f_wait(lua_State *L) {
  enum { TIMES = 30000 };
  Host *h = drive_host(L);
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 2);
  for (int i = 0; i < TIMES; i++) {
    lua_pushvalue(L, 1);
    lua_call(L, 0, 1);
    if (lua_toboolean(L, -1)) return 0;
    lua_pop(L, 1);
    if (lua_toboolean(L, 2)) run_due(h);
    workers_wait(h, 1);
    workers_poll(h);
  }
  return luaL_error(L, "wait: it does not come");
}

/* calls() -> how many run, how many wait for a worker, how many workers are
 * lost */
static int f_calls(lua_State *L) {
  WorkersStats s = workers_stats(drive_host(L));
  lua_pushinteger(L, (lua_Integer)s.running);
  lua_pushinteger(L, (lua_Integer)s.queued);
  lua_pushinteger(L, (lua_Integer)s.lost);
  return 3;
}

void drive_workers_open(lua_State *L, Host *h) {
  static const luaL_Reg functions[] = {
    { "workers", f_workers }, { "work", f_work },         { "wait", f_wait },
    { "calls", f_calls },     { "patience", f_patience }, { NULL, NULL }
  };
  lua_pushlightuserdata(L, h);
  luaL_setfuncs(L, functions, 1);
}
