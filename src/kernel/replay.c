#include "kernel/replay.h"

#include <lauxlib.h>
#include <lua.h>
#include <math.h>
#include <stdlib.h>

#include "kernel/state.h"
#include "kernel/view.h"

#define META "stube.replay"

struct Replay {
  Replay *next; /* of its app's */
  Kernel *kernel;
  Store *store;
  bool is_dropped; /* nobody in Lua has it any more */
};

static const Log silent = { .level = LOG_OFF };

/* --- what reaches outside goes nowhere --- */

static void on_release(void *ud, Conv *c, FragmentId first, const Fragment *f,
                       size_t n) {
  (void)ud, (void)c, (void)first, (void)f, (void)n;
}

static void on_ended(void *ud, Conv *c) { (void)ud, (void)c; }

static bool may_forget(void *ud, Conv *c) {
  (void)ud, (void)c;
  return true;
}

static void on_io_start(void *ud, uint64_t run, Slice id, Slice call,
                        bool is_background) {
  (void)ud, (void)run, (void)id, (void)call, (void)is_background;
}

static void on_io_cancel(void *ud, uint64_t run) { (void)ud, (void)run; }

/* --- one comes and goes --- */

static Replay *replay_new(Kernel *app, uint64_t seed, uint64_t now_ms) {
  Replay *r = xcalloc(1, sizeof *r);
  KernelConfig config = app->config;
  KernelPorts ports = {
    .release = on_release,
    .ended = on_ended,
    .forget = may_forget,
    .io_start = on_io_start,
    .io_cancel = on_io_cancel,
    .json = app->ports.json,
    .url_value = app->ports.url_value,
  };
  memset(config.key, 0, sizeof config.key); /* its URLs lead nowhere */
  config.log = &silent;
  config.event_rate = 0;
  config.has_workers = false;
  r->kernel = kernel_beside(app, &config, &ports);
  r->kernel->random[0] = seed;
  r->kernel->random[1] = 0xff;
  r->kernel->generation = 1;
  for (int i = 0; i < 16; i++) { /* away from the zeros */
    uint64_t word;
    chance_bytes(r->kernel, &word, sizeof word);
  }
  kernel_now(r->kernel, now_ms, now_ms);
  journal_open(r->kernel);
  r->store = store_memory_new();
  kernel_open(r->kernel, r->store);
  r->next = app->replays;
  app->replays = r;
  return r;
}

static void replay_free(Replay *r) {
  kernel_free(r->kernel);
  store_free(r->store);
  free(r);
}

/* A collection may come at any time, so it only takes note. */
static void free_dropped(Kernel *app) {
  for (Replay **at = &app->replays; *at;) {
    Replay *r = *at;
    if (!r->is_dropped) {
      at = &r->next;
      continue;
    }
    *at = r->next;
    replay_free(r);
  }
}

void replays_free(Kernel *app) {
  while (app->replays) {
    Replay *r = app->replays;
    app->replays = r->next;
    replay_free(r);
  }
}

static int gc_replay(lua_State *L) {
  Replay **box = lua_touserdata(L, 1);
  if (vm_owner(vm_of(L)) && *box) (*box)->is_dropped = true;
  *box = NULL;
  return 0;
}

/* --- playing --- */

/* Until all that is due by then has happened, each at its time. */
static void go_on(Replay *r, lua_State *L, uint64_t until) {
  Kernel *k = r->kernel;
  for (int i = 0; i < REPLAY_PASSES_MAX; i++) {
    store_settle(r->store);
    uint64_t due = kernel_due(k);
    if (due > until) {
      kernel_now(k, until, until);
      return;
    }
    if (due > k->steady) kernel_now(k, due, due);
    kernel_tick(k);
  }
  luaL_error(L, "the replay does not come to rest: over %d turns by itself",
             REPLAY_PASSES_MAX);
}

static Kernel *outside_of_turns(lua_State *L, const char *of) {
  Kernel *k = view_kernel(L);
  if (k->in_turn || k->app)
    luaL_error(L, "%s cannot be used inside a turn, or a replay", of);
  return k;
}

static Replay *check_replay(lua_State *L, int idx) {
  Replay **box = luaL_checkudata(L, idx, META);
  ASSERT(*box);
  return *box;
}

/* Calls the function below `n` arguments while the replay owns the Vm; nothing
 * of it is under way afterwards. */
static int call_owned(lua_State *L, Replay *r, int n, int n_results) {
  kernel_own(r->kernel);
  int status = lua_pcall(L, n, n_results, 0);
  store_settle(r->store);
  kernel_own(r->kernel->app);
  return status;
}

/* A function that works in the replay at 1, called as it is here. */
static int within(lua_State *L, lua_CFunction f) {
  Replay *r = check_replay(L, 1);
  int n = lua_gettop(L);
  outside_of_turns(L, "a replay");
  lua_pushcfunction(L, f);
  lua_insert(L, 1);
  int status = call_owned(L, r, n, LUA_MULTRET);
  if (status != LUA_OK) return lua_error(L);
  return lua_gettop(L);
}

static int call(lua_State *L) {
  Replay *r = check_replay(L, 1);
  lua_call(L, lua_gettop(L) - 2, LUA_MULTRET);
  go_on(r, L, r->kernel->steady);
  return lua_gettop(L) - 1;
}

int replay_f_within(lua_State *L) { return within(L, call); }

static int advance(lua_State *L) {
  Replay *r = check_replay(L, 1);
  lua_Number seconds = lua_type(L, 2) == LUA_TNUMBER ? lua_tonumber(L, 2) : -1;
  if (!(seconds >= 0 && seconds <= TIMER_SECONDS_MAX))
    luaL_error(L, "advance: seconds are a number from 0 to %f",
               (lua_Number)TIMER_SECONDS_MAX);
  go_on(r, L, r->kernel->steady + (uint64_t)ceil(seconds * 1000));
  return 0;
}

int replay_f_advance(lua_State *L) { return within(L, advance); }

/* (replay, embed, context, principal) -> cid */
static int boot(lua_State *L) {
  Replay *r = check_replay(L, 1);
  Kernel *k = r->kernel;
  lua_State *main = vm_lua(k->vm);
  Buf page = { 0 };
  Conv *c;
  kernel_check_embed(k, L, 2, "replay");
  Blob *origin = kernel_origin(k, L, 3, 4);
  lua_settop(L, 2);
  if (main != L) lua_xmove(L, main, 1);
  Mint mint = { .embed = lua_gettop(main), .origin = origin };
  Err e = kernel_mint(k, &mint, &c, &page);
  lua_pop(main, 1);
  blob_drop(origin);
  buf_free(&page);
  if (e) {
    lua_pushlstring(L, k->turn.error.ptr, k->turn.error.len);
    return lua_error(L);
  }
  if (!c) luaL_error(L, "replay: it has ended as soon as it began");
  char cid[CID_LEN + 1];
  memcpy(cid, c->cid, sizeof cid);
  kernel_promote(k, c);
  go_on(r, L, k->steady);
  lua_pushlstring(L, cid, CID_LEN);
  return 1;
}

static uint64_t option(lua_State *L, const char *name, uint64_t otherwise) {
  int is_number;
  if (lua_isnoneornil(L, 2) || lua_getfield(L, 2, name) == LUA_TNIL)
    return otherwise;
  lua_Integer n = lua_tointegerx(L, -1, &is_number);
  if (!is_number || n < 0 || n > REPLAY_NUMBER_MAX)
    luaL_error(L, "replay: its %s is a whole number, from 0 to %I", name,
               (lua_Integer)REPLAY_NUMBER_MAX);
  return (uint64_t)n;
}

int replay_f_open(lua_State *L) {
  Kernel *app = outside_of_turns(L, "replay");
  free_dropped(app);
  uint64_t seed = option(L, "seed", 1);
  uint64_t time = option(L, "time", REPLAY_BEGINS);
  Replay **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  if (luaL_newmetatable(L, META)) {
    lua_pushcfunction(L, gc_replay);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  int replay = lua_gettop(L);
  *box = replay_new(app, seed, time * 1000);
  lua_pushcfunction(L, boot);
  lua_pushvalue(L, replay);
  lua_pushvalue(L, 1);
  for (int i = 0; i < 2; i++) {
    if (lua_istable(L, 2))
      lua_getfield(L, 2, i ? "principal" : "context");
    else
      lua_pushnil(L);
  }
  if (call_owned(L, *box, 4, 1) != LUA_OK) return lua_error(L);
  lua_pushvalue(L, replay);
  lua_insert(L, -2);
  return 2;
}
