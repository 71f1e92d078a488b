/* The Kernel itself: made of its parts, told what is loaded, begun again. */
#include "kernel/replay.h"
#include "kernel/state.h"
#include "kernel/view.h"
#include "kernel/visitor.h"
#include "kernel/wreck.h"
#include "lua/loader.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

void kernel_config_init(KernelConfig *c) {
  *c = (KernelConfig){
    .base_path = "",
    .development = true,
    .budget = { .cpu_ms = TURN_CPU_MS, .memory = TURN_MEMORY_MAX },
    .cpu_warn_ms = TURN_CPU_WARN_MS,
    .head_bytes_max = CONV_HEAD_BYTES_MAX,
    .queue_max = EVENT_QUEUE_MAX,
    .history_turns = HISTORY_TURNS_MAX,
    .history_bytes = HISTORY_BYTES_MAX,
    .hot_max = CONV_HOT_MAX,
    .provisional_max = CONV_PROVISIONAL_MAX,
    .provisional_ms = CONV_PROVISIONAL_MS,
    .io_waiting = IO_WAITING_MAX,
    .io_pending = CONV_IOS_MAX,
    .io_call = IO_CALL_BYTES_MAX,
  };
  random_bytes(c->key, sizeof c->key);
}

/* --- names of what is loaded --- */

static void add_definitions(Kernel *k) {
  lua_State *L = vm_lua(k->vm);
  luaL_checkstack(L, 4, "definitions");
  lua_newtable(L);
  for (size_t i = 0; i < k->defs->n; i++) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, k->defs->all[i]->ref);
    lua_setfield(L, -2, k->defs->all[i]->id);
  }
  persist_add_root(k->persist, "definitions");
}

void kernel_collect(Kernel *k) {
  add_definitions(k);
  persist_collect(k->persist);
  if (k->config.watches_variables) persist_watch(k->persist);
  code_settle(k);
  if (k->store) code_keep(k);
  for (size_t i = 0; i < k->n_buckets; i++) /* some may have waited for this */
    for (Conv *c = k->buckets[i]; c; c = c->hash_next) agenda_set(k, c);
}

void kernel_open(Kernel *k, Store *s) {
  k->store = s;
  code_keep(k);
  visitors_open(k);
}

/* A handler required a module: what that made is the host's too. */
static void on_required(void *ud) {
  Kernel *k = ud;
  add_definitions(k);
  persist_collect_new(k->persist);
  if (k->config.watches_variables) persist_watch(k->persist);
  code_settle(k);
}

static Kernel *make(Vm *vm, Persist *p, const KernelConfig *config,
                    const KernelPorts *ports, size_t n_buckets) {
  Kernel *k = xcalloc(1, sizeof *k);
  k->vm = vm;
  k->persist = p;
  k->config = *config;
  visitors_key(k);
  k->ports = *ports;
  k->n_buckets = n_buckets;
  k->buckets = xcalloc(k->n_buckets, sizeof(Conv *));
  k->signals_ref = k->journal = LUA_NOREF;
  lua_State *L = vm_lua(vm);
  int *refs[] = { &k->work_ref, &k->effects_ref };
  for (size_t i = 0; i < countof(refs); i++) {
    lua_newtable(L);
    *refs[i] = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  agenda_open(k);
  topics_open(k);
  io_runs_open(k);
  return k;
}

Kernel *kernel_new(Vm *vm, Persist *p, const KernelConfig *config,
                   const KernelPorts *ports) {
  lua_State *L = vm_lua(vm);
  Kernel *k = make(vm, p, config, ports, 1024);
  k->defs = defs_new(vm);
  chance_bytes(k, k->random, sizeof k->random);
  chance_bytes(k, &k->generation, sizeof k->generation);
  kernel_own(k);
  luaL_requiref(L, "stube.kernel", kernel_open_lib, 0);
  lua_pop(L, 1);
  return k;
}

Kernel *kernel_beside(Kernel *app, const KernelConfig *config,
                      const KernelPorts *ports) {
  Kernel *k = make(app->vm, app->persist, config, ports, 8);
  k->app = app;
  k->defs = app->defs;
  k->defs->n_sharers++;
  return k;
}

void kernel_own(Kernel *k) {
  vm_set_owner(k->vm, k);
  persist_describe(k->persist, image_describe, k);
  loader_on_required(k->vm, on_required, k);
}

static void forget_all(Kernel *k) {
  for (size_t i = 0; i < k->n_buckets; i++) {
    while (k->buckets[i]) {
      Conv *c = k->buckets[i];
      conv_unlist(k, c);
      k->ports.ended(k->ports.ud, c);
      conv_free(c);
    }
  }
  agenda_free(k);
  topics_free(k);
  io_runs_free(k);
}

void kernel_restart(Kernel *k, Store *s) {
  forget_all(k);
  wrecks_free(k);
  agenda_open(k);
  topics_open(k);
  io_runs_open(k);
  atoms_reopen(k);
  k->n_kept_chunks = 0;
  chance_bytes(k, &k->generation, sizeof k->generation);
  k->store = NULL;
  if (s) kernel_open(k, s);
}

void kernel_free(Kernel *k) {
  if (!k) return;
  lua_State *L = vm_lua(k->vm);
  replays_free(k);
  forget_all(k);
  defs_drop(k->defs);
  visitors_free(k);
  topics_unstage(k);
  io_unstage(k);
  atoms_undo(k);
  atoms_free(k);
  views_free(k);
  turn_free(&k->turn);
  wrecks_free(k);
  free(k->buckets);
  buf_free(&k->canvas.shells);
  buf_free(&k->canvas.names);
  free(k->canvas.holes);
  seats_free(k);
  buf_free(&k->scratch);
  buf_free(&k->json);
  buf_free(&k->head);
  buf_free(&k->part);
  buf_free(&k->state);
  trail_free(&k->trail);
  journal_free(k);
  luaL_unref(L, LUA_REGISTRYINDEX, k->work_ref);
  luaL_unref(L, LUA_REGISTRYINDEX, k->effects_ref);
  if (!k->app) vm_set_owner(k->vm, NULL);
  free(k);
}

void kernel_now(Kernel *k, uint64_t wall_ms, uint64_t steady_ms) {
  k->now = wall_ms;
  k->steady = steady_ms;
}

void kernel_configure(Kernel *k, const KernelConfig *config) {
  k->config = *config;
  visitors_key(k);
}

KernelStats kernel_stats(const Kernel *k) {
  KernelStats stats = k->stats;
  stats.io_under_way = io_under_way(k);
  return stats;
}

const char *patch_mode_name(PatchMode mode) {
  static const char *const names[] = {
    "outer",  "inner",  "replace", "prepend",
    "append", "before", "after",   "remove"
  };
  ASSERT(mode < PATCH_MODES);
  return names[mode];
}
