/* Which conversations there are: found by cid, minted provisionally, swept. */
#include "base/clock.h"
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

/* --- the table --- */

static Conv **bucket(const Kernel *k, Slice cid) {
  return &k->buckets[hash64(cid) & (k->n_buckets - 1)];
}

static void grow(Kernel *k) {
  size_t n = k->n_buckets;
  Conv **old = k->buckets;
  k->n_buckets *= 4;
  k->buckets = xcalloc(k->n_buckets, sizeof(Conv *));
  for (size_t i = 0; i < n; i++) {
    while (old[i]) {
      Conv *c = old[i];
      old[i] = c->hash_next;
      Conv **b = bucket(k, slice(c->cid, CID_LEN));
      c->hash_next = *b;
      *b = c;
    }
  }
  free(old);
}

/* --- awake and asleep ---
 *
 * The collector's work grows with what is alive, so only a bounded number of
 * conversations is kept in Lua's memory. Falling asleep is invisible (S41). */

static void heat(Kernel *k, Conv *c) {
  c->awake = true;
  c->colder = k->hottest;
  c->hotter = NULL;
  if (k->hottest)
    k->hottest->hotter = c;
  else
    k->coldest = c;
  k->hottest = c;
  k->stats.hot++;
}

static void cool(Kernel *k, Conv *c) {
  if (!c->awake) return;
  c->awake = false;
  if (c->colder)
    c->colder->hotter = c->hotter;
  else
    k->coldest = c->hotter;
  if (c->hotter)
    c->hotter->colder = c->colder;
  else
    k->hottest = c->colder;
  k->stats.hot--;
}

void conv_sleep(Kernel *k, Conv *c) {
  ASSERT(!c->busy && c->head);
  cool(k, c);
  conv_clear(c);
}

void conv_unload(Kernel *k, Conv *c) {
  bool kept = c->revision && !c->awake && !c->busy && !c->first && !c->ended &&
              !c->later.is_unsaved && !agenda_needs(k, c);
  if (kept && seen_keep(k, c)) return; /* and then unload it */
  if (!kept || !k->ports.forget(k->ports.ud, c)) return;
  agenda_left(k, c);
  conv_unlist(k, c);
  conv_free(c);
}

bool conv_abandon(Kernel *k, Conv *c) {
  if (!k->ports.forget(k->ports.ud, c)) return false;
  conv_unlist(k, c);
  conv_free(c);
  return true;
}

void kernel_unfollowed(Kernel *k, Conv *c) {
  if (c->is_followed) conv_seen(k, c);
  c->is_followed = false;
  conv_unload(k, c);
}

Err conv_wake(Kernel *k, Conv *c) {
  Err e = OK;
#ifdef STUBE_HARD /* everything goes through bytes between any two turns */
  if (c->awake && !c->busy) conv_sleep(k, c);
#endif
  if (c->awake)
    cool(k, c);
  else
    e = image_restore(k, c, blob_view(c->head), false);
  if (e) { /* its record stays: another start may have the code */
    c->ended = c->lost = true;
    return e;
  }
  heat(k, c);
  for (Conv *cold = k->coldest; cold && k->stats.hot > k->config.hot_max;) {
    Conv *next = cold->hotter;
    if (cold != c && !cold->busy) {
      conv_sleep(k, cold);
      conv_unload(k, cold);
    }
    cold = next;
  }
  return OK;
}

static void list(Kernel *k, Conv *c) {
  c->is_listed = true;
  if (k->stats.conversations++ >= k->n_buckets) grow(k);
  Conv **b = bucket(k, slice(c->cid, CID_LEN));
  c->hash_next = *b;
  *b = c;
}

void conv_name(Kernel *k, Conv *c, Slice cid) {
  memcpy(c->cid, cid.ptr, CID_LEN);
  bool ok = cid_raw(cid, c->key);
  ASSERT(ok);
  c->mac_key = mac_key(k->config.key, cid);
}

Conv *conv_adopt(Kernel *k, Slice cid, Blob *head, uint64_t revision) {
  Conv *c = conv_new(k);
  conv_name(k, c, cid);
  c->head = head;
  c->revision = revision;
  conv_clear(c);
  if (image_header(c, blob_view(head))) {
    log_with(k->config.log, LOG_ERROR, "a head is damaged",
             { "conversation", slice_str(c->cid) });
    conv_free(c);
    return NULL;
  }
  c->turn++;
  wakes_copy(&c->later.kept, &c->later.wakes);
  list(k, c);
  agenda_set(k, c);
  return c;
}

Conv *kernel_known(const Kernel *k, Slice cid) {
  if (cid.len != CID_LEN) return NULL;
  Conv *c = *bucket(k, cid);
  while (c && memcmp(c->cid, cid.ptr, CID_LEN) != 0) c = c->hash_next;
  return c;
}

Conv *kernel_next(const Kernel *k, const Conv *c) {
  if (c && c->hash_next) return c->hash_next;
  size_t i = c ? hash64(slice(c->cid, CID_LEN)) & (k->n_buckets - 1) : SIZE_MAX;
  while (++i < k->n_buckets)
    if (k->buckets[i]) return k->buckets[i];
  return NULL;
}

Conv *kernel_find(Kernel *k, Slice cid) {
  uint8_t key[CID_RAW];
  Blob *head;
  uint64_t revision;
  Conv *c = kernel_known(k, cid);
  if (c || !cid_raw(cid, key) || store_load(k->store, key, &head, &revision))
    return c;
  return conv_adopt(k, cid, head, revision);
}

void conv_unlist(Kernel *k, Conv *c) {
  c->is_listed = false;
  conv_unprovision(k, c);
  cool(k, c);
  fetch_forget(k, c);
  agenda_drop(k, c);
  for (Conv **b = bucket(k, slice(c->cid, CID_LEN)); *b; b = &(*b)->hash_next) {
    if (*b != c) continue;
    *b = c->hash_next;
    k->stats.conversations--;
    return;
  }
}

/* --- provisional ones (S40) --- */

void conv_provision(Kernel *k, Conv *c) {
  c->provisional = true;
  c->older = k->newest;
  if (k->newest)
    k->newest->newer = c;
  else
    k->oldest = c;
  k->newest = c;
  k->stats.provisional++;
}

void conv_unprovision(Kernel *k, Conv *c) {
  if (!c->provisional) return;
  c->provisional = false;
  if (c->older)
    c->older->newer = c->newer;
  else
    k->oldest = c->newer;
  if (c->newer)
    c->newer->older = c->older;
  else
    k->newest = c->older;
  c->older = c->newer = NULL;
  k->stats.provisional--;
}

/* Nobody came: dropped, as if it had never been (S16). */
void conv_evict(Kernel *k, Conv *c) {
  conv_unlist(k, c);
  k->ports.ended(k->ports.ud, c);
  conv_free(c);
}

void kernel_unmint(Kernel *k, Conv *c) {
  if (c->provisional && !c->busy && !c->is_followed) conv_evict(k, c);
}

void kernel_sweep(Kernel *k) {
  while (k->oldest && k->oldest->minted_ms + k->config.provisional_ms <= k->now)
    conv_evict(k, k->oldest);
}

/* --- minting --- */

/* A boot that published, spawned, or asked workers: what it said is kept with
 * it, or by itself. */
static void promote_now(Kernel *k, Conv *c, bool ended) {
  c->ended = ended;
  k->n_boots++;
  topics_publish(k, c);
  io_conclude(k, c);
  atoms_conclude(k, c);
  commit_head(k, c, ended ? NULL : blob_hold(c->head));
}

Conv *conv_mint(Kernel *k) {
  Conv *c = conv_new(k);
  char cid[CID_LEN + 1];
  uint8_t chance[CID_CHANCE];
  chance_bytes(k, chance, sizeof chance);
  cid_make(cid, k->now, chance);
  conv_name(k, c, slice(cid, CID_LEN));
  c->minted_ms = c->later.seen = c->later.wakes.seen = k->now;
  c->woken = k->generation;
  list(k, c);
  return c;
}

Err kernel_mint(Kernel *k, const Mint *mint, Conv **out, Buf *page) {
  *out = NULL;
  while (k->stats.provisional >= k->config.provisional_max)
    conv_evict(k, k->oldest);
  Conv *c = conv_mint(k);
  c->owner = mint->owner ? xstrdup(mint->owner) : NULL;
  c->title = mint->title ? xstrdup(mint->title) : NULL;
  c->back = mint->back ? xstrdup(mint->back) : NULL;
  c->origin = mint->origin ? blob_hold(mint->origin) : NULL;
  if (mint->limited_by)
    c->limits = (Limits){ mint->can, xstrdup(mint->limited_by) };
  chance_bytes(k, c->random, sizeof c->random);
  heat(k, c);
  bool ended;
  bool ok = turn_boot(k, c, mint->embed, page, &ended);
  if (ok &&
      (k->turn.n_staged || k->turn.n_calls || k->turn.n_changes ||
       k->turn.n_born || c->later.n_ios)) { /* it has spoken already (S40) */
    promote_now(k, c, ended);
    if (!ended) *out = c;
    return OK;
  }
  if (!ok || ended) {
    Err e = ended ? OK : ERR_APP;
    conv_unlist(k, c);
    k->ports.ended(k->ports.ud, c);
    conv_free(c);
    return e;
  }
  conv_sleep(k, c); /* most are never heard of again */
  conv_provision(k, c);
  *out = c;
  return OK;
}

/* --- signed URLs (S37) --- */

void conv_mac(const Conv *c, uint32_t iid, Slice event, Slice p,
              char out[MAC_LEN]) {
  char stack[512];
  size_t len = sizeof iid + 1 + event.len + 1 + p.len;
  char *bytes = len <= sizeof stack ? stack : xmalloc(len);
  char *at = bytes;
  memcpy(at, &iid, sizeof iid);
  at += sizeof iid;
  *at++ = (char)event.len; /* so that no two pairs read the same */
  memcpy(at, event.ptr, event.len);
  at += event.len;
  *at++ = p.ptr ? 1 : 0;
  if (p.len) memcpy(at, p.ptr, p.len);
  mac(out, &c->mac_key, slice(bytes, len));
  if (bytes != stack) free(bytes);
}

bool conv_offered(const Conv *c, uint32_t iid, Slice event, Slice p,
                  Slice mac) {
  if (event.len > EVENT_NAME_MAX) return false;
  char right[MAC_LEN];
  conv_mac(c, iid, event, p, right);
  return token_eq(mac, slice(right, sizeof right));
}
