/* `stube test`: busted inside the host, and `stube.drive`, with which specs
 * mint and drive conversations without a socket. The memory store is polled by
 * hand, so a spec can hold a commit, fail it, and look at what is visible
 * meanwhile. Time stands still unless a spec advances it. */
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "host/host.h"
#include "lua/loader.h"

static const char drive_key; /* registry: released fragments, oldest first */

/* --- ports: what is released is kept for the spec --- */

static void drive_release(void *ud, Conv *c, uint64_t turn, const Fragment *f,
                          size_t n) {
  static const char *const kinds[] = { "elements", "signals", "script",
                                       "address",  "scroll",  "focus",
                                       "renewed",  "close" };
  Host *h = ud;
  lua_State *L = vm_lua(h->vm);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &drive_key);
  for (size_t i = 0; i < n; i++) {
    lua_createtable(L, 0, 6);
    lua_pushstring(L, kinds[f[i].kind]);
    lua_setfield(L, -2, "kind");
    lua_pushstring(L, patch_mode_name(f[i].mode));
    lua_setfield(L, -2, "mode");
    lua_pushlstring(L, f[i].selector.ptr, f[i].selector.len);
    lua_setfield(L, -2, "selector");
    lua_pushlstring(L, f[i].body.ptr, f[i].body.len);
    lua_setfield(L, -2, "body");
    lua_pushinteger(L, (lua_Integer)turn);
    lua_setfield(L, -2, "turn");
    lua_pushstring(L, conv_cid(c));
    lua_setfield(L, -2, "cid");
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  }
  lua_pop(L, 1);
}

static void drive_ended(void *ud, Conv *c) { (void)ud, (void)c; }

static bool drive_forget(void *ud, Conv *c) {
  (void)ud, (void)c;
  return true;
}

/* --- events --- */

typedef struct DriveEvent {
  Event ev;
  Host *host;
  int ref;    /* the spec's event table */
  int result; /* the table that says what became of it */
  char *name;
} DriveEvent;

static Err drive_push(Event *ev, lua_State *L) {
  DriveEvent *d = (DriveEvent *)ev;
  lua_rawgeti(L, LUA_REGISTRYINDEX, d->ref);
  lua_getfield(L, -1, "value");
  lua_getfield(L, -2, "signals");
  lua_getfield(L, -3, "form");
  lua_remove(L, -4);
  return OK;
}

static void drive_answer(Event *ev, Err result) {
  DriveEvent *d = (DriveEvent *)ev;
  lua_State *L = vm_lua(d->host->vm);
  lua_rawgeti(L, LUA_REGISTRYINDEX, d->result);
  lua_pushstring(L, err_name(result));
  lua_setfield(L, -2, "result");
  lua_pop(L, 1);
  luaL_unref(L, LUA_REGISTRYINDEX, d->ref);
  luaL_unref(L, LUA_REGISTRYINDEX, d->result);
  free(d->name);
  free(d);
}

static Host *drive_host(lua_State *L) {
  return lua_touserdata(L, lua_upvalueindex(1));
}

static Conv *check_conv(lua_State *L, Host *h) {
  Slice cid;
  cid.ptr = luaL_checklstring(L, 1, &cid.len);
  return kernel_find(h->kernel, cid);
}

/* The kernel works on the main thread's stack; specs may run in coroutines. */
static lua_State *to_main(lua_State *L, Host *h, int n) {
  lua_State *main = vm_lua(h->vm);
  if (main != L) lua_xmove(L, main, n);
  return main;
}

/* --- time --- */

static void tell_time(Host *h) {
  kernel_now(h->kernel, h->steady_ms, h->steady_ms);
}

/* All that a spec does not hold back is kept. */
void drive_settle(Host *h) {
  if (h->is_held)
    store_poll(h->store);
  else
    store_settle(h->store);
}

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
      tell_time(h);
      return 0;
    }
    if (due > h->steady_ms) h->steady_ms = due;
    tell_time(h);
    kernel_tick(h->kernel);
  }
  return luaL_error(L, "advance: it does not come to rest");
}

/* skip(seconds): the clock leaps, and nothing happens meanwhile. */
static int f_skip(lua_State *L) {
  Host *h = drive_host(L);
  h->steady_ms += (uint64_t)(int64_t)(luaL_checknumber(L, 1) * 1000);
  tell_time(h);
  return 0;
}

/* commits() -> items that the store has kept */
static int f_commits(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)store_stats(drive_host(L)->store).items);
  return 1;
}

/* tick(): one pass of what is due now. */
static int f_tick(lua_State *L) {
  Host *h = drive_host(L);
  tell_time(h);
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

/* --- conversations --- */

/* mint(embed, [context], [principal], [back]) -> cid or nil, html */
static int f_mint(lua_State *L) {
  Host *h = drive_host(L);
  Buf html = { 0 };
  Conv *c;
  char *back = lua_isnoneornil(L, 4) ? NULL : xstrdup(luaL_checkstring(L, 4));
  lua_settop(L, 3);
  Blob *origin = kernel_origin(h->kernel, L, 2, 3);
  tell_time(h);
  lua_settop(L, 1);
  lua_State *main = to_main(L, h, 1);
  Mint mint = {
    .owner = "spec", .back = back, .embed = lua_gettop(main), .origin = origin
  };
  kernel_mint(h->kernel, &mint, &c, &html);
  free(back);
  blob_drop(origin);
  if (main != L) lua_pop(main, 1);
  if (c)
    lua_pushstring(L, conv_cid(c));
  else
    lua_pushnil(L);
  lua_pushlstring(L, html.ptr, html.len);
  buf_free(&html);
  return 2;
}

/* post(cid, { to =, event =, value =, signals =, form =, page =, n = }) -> a
 * table whose `result` is set once the event is answered */
static int f_post(lua_State *L) {
  Host *h = drive_host(L);
  Conv *c = check_conv(L, h);
  luaL_checktype(L, 2, LUA_TTABLE);
  if (!c) return luaL_error(L, "there is no such conversation");
  DriveEvent *d = xcalloc(1, sizeof *d);
  lua_getfield(L, 2, "event");
  d->name = xstrdup(lua_tostring(L, -1) ? lua_tostring(L, -1) : "-");
  d->ev.name = slice_str(d->name);
  lua_getfield(L, 2, "back"); /* true, or a turn */
  d->ev.is_back = lua_toboolean(L, -1);
  d->ev.to_turn = (uint64_t)lua_tointeger(L, -1);
  lua_getfield(L, 2, "to");
  if (lua_isstring(L, -1))
    d->ev.iid = iid_parse(slice_str(lua_tostring(L, -1)));
  lua_getfield(L, 2, "page");
  if (lua_isstring(L, -1))
    snprintf(d->ev.page, sizeof d->ev.page, "%s", lua_tostring(L, -1));
  lua_getfield(L, 2, "n");
  d->ev.number = (uint64_t)lua_tointeger(L, -1);
  d->ev.push = drive_push;
  d->ev.answer = drive_answer;
  d->host = h;
  lua_pushvalue(L, 2);
  d->ref = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_newtable(L);
  lua_pushvalue(L, -1);
  d->result = luaL_ref(L, LUA_REGISTRYINDEX);
  tell_time(h);
  kernel_post(h->kernel, c, &d->ev);
  return 1;
}

/* promote(cid): somebody is really there. */
static int f_promote(lua_State *L) {
  Host *h = drive_host(L);
  Conv *c = check_conv(L, h);
  tell_time(h);
  if (c) kernel_promote(h->kernel, c);
  return 0;
}

typedef struct DriveFetch {
  Host *host;
  int result; /* the table that says what became of it */
} DriveFetch;

static void drive_found(void *ud, Conv *c, Err e) {
  DriveFetch *f = ud;
  lua_State *L = vm_lua(f->host->vm);
  lua_rawgeti(L, LUA_REGISTRYINDEX, f->result);
  lua_pushboolean(L, c != NULL);
  lua_setfield(L, -2, "found");
  lua_pushstring(L, err_name(e));
  lua_setfield(L, -2, "result");
  lua_pop(L, 1);
  luaL_unref(L, LUA_REGISTRYINDEX, f->result);
  free(f);
}

/* fetch(cid) -> a table whose `found` and `result` are set once it is known */
static int f_fetch(lua_State *L) {
  Host *h = drive_host(L);
  Slice cid;
  cid.ptr = luaL_checklstring(L, 1, &cid.len);
  DriveFetch *f = xcalloc(1, sizeof *f);
  lua_newtable(L);
  lua_pushvalue(L, -1);
  *f = (DriveFetch){ h, luaL_ref(L, LUA_REGISTRYINDEX) };
  kernel_fetch(h->kernel, cid, drive_found, f);
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

/* take() -> the fragments released since the last call */
static int f_take(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &drive_key);
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &drive_key);
  return 1;
}

typedef struct DrawEvent {
  Event ev;
  bool done;
} DrawEvent;

static void drawn(Event *ev, Err result) {
  (void)result;
  ((DrawEvent *)ev)->done = true;
}

/* page(cid) -> its whole HTML */
static int f_page(lua_State *L) {
  Host *h = drive_host(L);
  Conv *c = check_conv(L, h);
  if (!c || conv_busy(c)) return luaL_error(L, "gone, or busy");
  Buf html = { 0 };
  DrawEvent d = { .ev = { .draw = &html, .answer = drawn } };
  kernel_post(h->kernel, c, &d.ev);
  for (int i = 0; i < 100 && !d.done; i++) /* a turn may have to come before */
    drive_settle(h);
  ASSERT(d.done);
  drive_settle(h); /* that it was looked at may be kept */
  lua_pushlstring(L, html.ptr, html.len);
  buf_free(&html);
  return 1;
}

/* stands(cid) -> what a page of it says of address and turn */
static int f_stands(lua_State *L) {
  const Conv *c = check_conv(L, drive_host(L));
  Buf b = { 0 };
  if (!c) return luaL_error(L, "there is no such conversation");
  conv_put_standing(c, &b);
  lua_pushlstring(L, b.ptr, b.len);
  buf_free(&b);
  return 1;
}

/* alive(cid) -> is there such a conversation? */
static int f_alive(lua_State *L) {
  Conv *c = check_conv(L, drive_host(L));
  lua_pushboolean(L, c && !conv_ended(c));
  return 1;
}

/* offered(cid, iid, event, p or nil, mac) -> was this URL made by us? */
static int f_offered(lua_State *L) {
  Conv *c = check_conv(L, drive_host(L));
  Slice p = { 0 };
  if (!lua_isnoneornil(L, 4)) p.ptr = luaL_checklstring(L, 4, &p.len);
  lua_pushboolean(L, c && conv_offered(c, (uint32_t)luaL_checkinteger(L, 2),
                                       slice_str(luaL_checkstring(L, 3)), p,
                                       slice_str(luaL_checkstring(L, 5))));
  return 1;
}

/* collect(): names what is static, as after a load. */
static int f_collect(lua_State *L) {
  kernel_collect(drive_host(L)->kernel);
  return 0;
}

static int f_stats(lua_State *L) {
  KernelStats s = kernel_stats(drive_host(L)->kernel);
  lua_newtable(L);
  lua_pushinteger(L, (lua_Integer)s.conversations);
  lua_setfield(L, -2, "conversations");
  lua_pushinteger(L, (lua_Integer)s.turns);
  lua_setfield(L, -2, "turns");
  lua_pushinteger(L, (lua_Integer)s.failed_turns);
  lua_setfield(L, -2, "failed_turns");
  StoreStats store = store_stats(drive_host(L)->store);
  lua_pushinteger(L, (lua_Integer)store.fetches);
  lua_setfield(L, -2, "fetches");
  return 1;
}

/* styles() -> the stylesheet of all components */
static int f_styles(lua_State *L) {
  Buf css = { 0 };
  kernel_styles(drive_host(L)->kernel, &css);
  lua_pushlstring(L, css.ptr ? css.ptr : "", css.len);
  buf_free(&css);
  return 1;
}

/* log(level): "error" lines of failed turns would drown a spec's output. */
static int f_log(lua_State *L) {
  drive_host(L)->log.level = lua_toboolean(L, 1) ? LOG_INFO : LOG_OFF;
  return 0;
}

/* logged(f) -> what is logged while f runs. */
static int f_logged(lua_State *L) {
  Log *log = &drive_host(L)->log, was = *log;
  luaL_checktype(L, 1, LUA_TFUNCTION);
  FILE *file = tmpfile();
  if (!file) return luaL_error(L, "no temporary file");
  lua_settop(L, 1);
  *log = (Log){ .level = LOG_DEBUG, .fd = fileno(file) };
  int status = lua_pcall(L, 0, 0, 0);
  *log = was;
  char text[8192];
  rewind(file);
  size_t n = fread(text, 1, sizeof text, file);
  fclose(file);
  if (status != LUA_OK) return lua_error(L);
  lua_pushlstring(L, text, n);
  return 1;
}

/* hot(n): how many conversations stay in Lua's memory; without a number, the
 * default. */
static int f_hot(lua_State *L) {
  Host *h = drive_host(L);
  h->kernel_config.hot_max = (size_t)luaL_optinteger(L, 1, CONV_HOT_MAX);
  kernel_configure(h->kernel, &h->kernel_config);
  return 0;
}

/* budget(ms): the CPU a turn may use; without a number, the default. */
static int f_budget(lua_State *L) {
  Host *h = drive_host(L);
  h->kernel_config.budget.cpu_ms = (uint64_t)luaL_optinteger(L, 1, TURN_CPU_MS);
  kernel_configure(h->kernel, &h->kernel_config);
  return 0;
}

/* production(bool): as with --prod. */
static int f_production(lua_State *L) {
  Host *h = drive_host(L);
  h->kernel_config.development = !lua_toboolean(L, 1);
  kernel_configure(h->kernel, &h->kernel_config);
  return 0;
}

/* event_rate(n): events a second of one conversation; 0: any. */
static int f_event_rate(lua_State *L) {
  Host *h = drive_host(L);
  h->kernel_config.event_rate = (uint32_t)luaL_checkinteger(L, 1);
  kernel_configure(h->kernel, &h->kernel_config);
  return 0;
}

/* history(turns, bytes): what one conversation's may hold; the defaults. */
static int f_history(lua_State *L) {
  Host *h = drive_host(L);
  h->kernel_config.history_turns = (uint32_t)luaL_optinteger(L, 1,
                                                             HISTORY_TURNS_MAX);
  h->kernel_config.history_bytes = (size_t)luaL_optinteger(L, 2,
                                                           HISTORY_BYTES_MAX);
  kernel_configure(h->kernel, &h->kernel_config);
  return 0;
}

/* reap(): ends those whose time is over. */
static int f_reap(lua_State *L) {
  Host *h = drive_host(L);
  tell_time(h);
  while (kernel_reap(h->kernel)) drive_settle(h);
  drive_settle(h);
  return 0;
}

/* follow(cid, bool): a page has its stream open, or has it no more. */
static int f_follow(lua_State *L) {
  Host *h = drive_host(L);
  Conv *c = check_conv(L, h);
  tell_time(h);
  if (!c) return luaL_error(L, "there is no such conversation");
  if (lua_toboolean(L, 2))
    kernel_followed(h->kernel, c);
  else
    kernel_unfollowed(h->kernel, c);
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

static void open_drive(Host *h) {
  static const luaL_Reg functions[] = {
    { "mint", f_mint },
    { "post", f_post },
    { "poll", f_poll },
    { "hold", f_hold },
    { "settle", f_settle },
    { "take", f_take },
    { "page", f_page },
    { "alive", f_alive },
    { "stats", f_stats },
    { "offered", f_offered },
    { "collect", f_collect },
    { "log", f_log },
    { "logged", f_logged },
    { "styles", f_styles },
    { "production", f_production },
    { "event_rate", f_event_rate },
    { "budget", f_budget },
    { "hot", f_hot },
    { "history", f_history },
    { "fetch", f_fetch },
    { "due", f_due },
    { "advance", f_advance },
    { "tick", f_tick },
    { "promote", f_promote },
    { "restart", f_restart },
    { "reap", f_reap },
    { "follow", f_follow },
    { "rows", f_rows },
    { "skip", f_skip },
    { "commits", f_commits },
    { "stands", f_stands },
    { NULL, NULL },
  };
  lua_State *L = vm_lua(h->vm);
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &drive_key);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_newtable(L);
  lua_pushlightuserdata(L, h);
  luaL_setfuncs(L, functions, 1);
  drive_workers_open(L, h);
#ifdef STUBE_HARD
  lua_pushboolean(L, true);
  lua_setfield(L, -2, "is_hard");
#endif
  lua_setfield(L, -2, "stube.drive");
  lua_pop(L, 1);
}

/* --- busted --- */

static const char runner[] =
    "package.path = '/usr/share/lua/5.4/?.lua;/usr/share/lua/5.4/?/init.lua;'\n"
    "  .. package.path\n"
    "package.cpath = '/usr/lib/x86_64-linux-gnu/lua/5.4/?.so;' .. "
    "package.cpath\n"
    "local compat = require 'busted.compatibility'\n"
    "local code = 0\n"
    "compat.exit = function(n) code = n; error('busted ends here', 0) end\n"
    "local ok, e = pcall(require 'busted.runner', { standalone = false })\n"
    "if not ok and e ~= 'busted ends here' then error(e, 0) end\n"
    "return code\n";

/* loadfile(path) for busted: spec files are recorded, so that functions in them
 * can be saved like those of an app. */
static int f_loadfile(lua_State *L) {
  if (loader_compile_file(L, luaL_checkstring(L, 1)) == LUA_OK) return 1;
  lua_pushnil(L);
  lua_insert(L, -2);
  return 2;
}

int host_test(Host *h, int argc, char **argv) {
  h->settings.in_memory = true;
  host_start(h, drive_release, drive_ended, drive_forget);
  bool opened = host_open(h);
  ASSERT(opened); /* a store in memory always does */
  open_drive(h);
  lua_State *L = vm_lua(h->vm);
  lua_newtable(L);
  lua_pushliteral(L, "stube test");
  lua_rawseti(L, -2, 0);
  for (int i = 0; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setglobal(L, "arg");
  lua_pushcfunction(L, f_loadfile);
  lua_setglobal(L, "loadfile");
  int status = luaL_loadbufferx(L, runner, sizeof runner - 1, "=stube test",
                                "t");
  if (status == LUA_OK) status = vm_call(L, 0, 1);
  if (status != LUA_OK) {
    vm_push_error_text(L, -1);
    fprintf(stderr,
            "stube test: %s\n(busted is needed: make setup, or Debian's "
            "package lua-busted)\n",
            lua_tostring(L, -1));
    return 1;
  }
  int code = (int)lua_tointeger(L, -1);
  return code ? 1 : 0;
}
