/* What `stube.drive` has of time, of the store and of the process: nothing
 * happens but what a spec lets happen. */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "host/drive.h"
#include "host/host.h"

/* --- time --- */

void drive_now(Host *h) { kernel_now(h->kernel, h->steady_ms, h->steady_ms); }

/* advance(seconds): lets time pass, with all that it brings, each at its time.
 */
static int f_advance(lua_State *L) {
  enum { PASSES_MAX = 1000000 };
  Host *h = drive_host(L);
  uint64_t target = h->steady_ms + (uint64_t)(luaL_checknumber(L, 1) * 1000);
  for (int i = 0; i < PASSES_MAX; i++) {
    drive_settle(h);
    uint64_t due = kernel_due(h->kernel);
    if (due > target) {
      h->steady_ms = target;
      drive_now(h);
      return 0;
    }
    if (due > h->steady_ms) h->steady_ms = due;
    drive_now(h);
    kernel_tick(h->kernel);
  }
  return luaL_error(L, "advance: it does not come to rest");
}

/* skip(seconds): the clock leaps, and nothing happens meanwhile. */
static int f_skip(lua_State *L) {
  Host *h = drive_host(L);
  h->steady_ms += (uint64_t)(int64_t)(luaL_checknumber(L, 1) * 1000);
  drive_now(h);
  return 0;
}

/* tick(): one pass of what is due now. */
static int f_tick(lua_State *L) {
  Host *h = drive_host(L);
  drive_now(h);
  kernel_tick(h->kernel);
  return 0;
}

/* due() -> seconds until something is due, or nil. */
static int f_due(lua_State *L) {
  Host *h = drive_host(L);
  uint64_t due = kernel_due(h->kernel);
  if (due == UINT64_MAX) return 0;
  lua_pushnumber(
      L, due <= h->steady_ms ? 0 : (lua_Number)(due - h->steady_ms) / 1000);
  return 1;
}

/* --- the store --- */

void drive_settle(Host *h) {
  if (h->is_held)
    store_poll(h->store);
  else
    store_settle(h->store);
}

/* commits() -> items that the store has kept */
static int f_commits(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)store_stats(drive_host(L)->store).items);
  return 1;
}

/* poll() -> how many commits are still under way */
static int f_poll(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)store_poll(drive_host(L)->store));
  return 1;
}

/* hold(bool): commits complete only through settle(), fetches not at all. */
static int f_hold(lua_State *L) {
  Host *h = drive_host(L);
  h->is_held = lua_toboolean(L, 1);
  store_memory_hold(h->store, h->is_held);
  return 0;
}

/* settle(ok): the oldest held commit succeeds or fails at the next poll. */
static int f_settle(lua_State *L) {
  store_memory_settle(drive_host(L)->store,
                      lua_toboolean(L, 1) ? OK : ERR_UNAVAILABLE);
  return 0;
}

/* reap(): ends those whose time is over. */
static int f_reap(lua_State *L) {
  Host *h = drive_host(L);
  drive_now(h);
  while (kernel_reap(h->kernel)) drive_settle(h);
  drive_settle(h);
  return 0;
}

/* rows(table) -> how many the store has: "seen" */
static bool count_row(void *ud, Slice key, Slice value) {
  (void)key, (void)value;
  ++*(lua_Integer *)ud;
  return true;
}

static int f_rows(lua_State *L) {
  static const char *const names[] = { "seen", "due", NULL };
  static const StoreTable tables[] = { STORE_SEEN, STORE_DUE };
  lua_Integer n = 0;
  store_scan(drive_host(L)->store, tables[luaL_checkoption(L, 1, NULL, names)],
             (Slice){ 0 }, count_row, &n);
  lua_pushinteger(L, n);
  return 1;
}

/* --- the process --- */

static void on_news(void *ud) { (void)ud; }

/* restart([dir]): as after kill -9: only what the store kept is there. With a
 * folder, on a store on disk in it from now on (again, when that is the one in
 * use); false: on a fresh one in memory. */
static int f_restart(lua_State *L) {
  Host *h = drive_host(L);
  char why[512];
  if (store_poll(h->store))
    return luaL_error(L, "restart: commits are under way");
  if (lua_isnoneornil(L, 1) && !h->settings.store) {
    kernel_restart(h->kernel, h->store);
    drive_settle(h);
    return 0;
  }
  if (!lua_isnoneornil(L, 1)) {
    free(h->settings.store);
    h->settings.store = lua_toboolean(L, 1) ? xstrdup(luaL_checkstring(L, 1))
                                            : NULL;
  }
  kernel_restart(h->kernel, NULL);
  store_free(h->store);
  h->store = h->settings.store ? store_lmdb_open(h->settings.store, on_news, h,
                                                 why, sizeof why)
                               : store_memory_new();
  if (!h->store) die("%s", why);
  kernel_restart(h->kernel, h->store);
  drive_settle(h);
  return 0;
}

void drive_time_open(lua_State *L, Host *h) {
  static const luaL_Reg functions[] = {
    { "advance", f_advance }, { "skip", f_skip },       { "tick", f_tick },
    { "due", f_due },         { "commits", f_commits }, { "poll", f_poll },
    { "hold", f_hold },       { "settle", f_settle },   { "reap", f_reap },
    { "rows", f_rows },       { "restart", f_restart }, { NULL, NULL },
  };
  lua_pushlightuserdata(L, h);
  luaL_setfuncs(L, functions, 1);
}
