/* What the commands of `stube store` have in common: a host that serves
 * nothing, and ids by the batch. */
#include <lua.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "host/storecmd.h"

static void no_release(void *ud, Conv *c, FragmentId first, const Fragment *f,
                       size_t n) {
  (void)ud, (void)c, (void)first, (void)f, (void)n;
}
static void no_end(void *ud, Conv *c) { (void)ud, (void)c; }
static bool may_forget(void *ud, Conv *c) {
  (void)ud, (void)c;
  return true;
}

/* What the binary's own modules make has names, as in every host. */
static void load_own(Host *h) {
  lua_State *L = vm_lua(h->vm);
  int top = lua_gettop(L);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "stube");
  int status = vm_call(L, 1, 1);
  ASSERT(status == LUA_OK);
  lua_settop(L, top);
  kernel_collect(h->kernel);
}

/* Around a store; takes it. */
static Host *host_around(const StoreCmd *c, Store *s, bool is_new) {
  char why[512];
  Host *h = host_new();
  h->store = s;
  if (!key_load(c->dir, is_new, h->kernel_config.key, why, sizeof why)) {
    store_fail(c, "%s", why);
    host_free(h);
    return NULL;
  }
  host_start(h, no_release, no_end, may_forget);
  load_own(h);
  kernel_configure(h->kernel, &h->kernel_config);
  kernel_open(h->kernel, h->store);
  return h;
}

Host *store_host(const StoreCmd *c) {
  Store *s = store_look(c);
  return s ? host_around(c, s, false) : NULL;
}

static void no_news(void *ud) { (void)ud; }

Host *store_host_to_write(const StoreCmd *c) {
  char why[512];
  Store *s = store_lmdb_open(c->dir, no_news, NULL, why, sizeof why);
  if (s) return host_around(c, s, store_count(s) == 0);
  store_fail(c, "%s", why);
  return NULL;
}

const StoreTableName store_tables[] = {
  { "message", STORE_MSG },
  { "atom", STORE_ATOM },
};
const size_t n_store_tables = countof(store_tables);

/* --- ids --- */

static bool see_key(void *ud, Slice key, Slice head) {
  StoreKeys *k = ud;
  (void)head;
  memcpy(k->list[k->n++], key.ptr, CID_RAW);
  return k->n < STORE_BATCH;
}

void store_keys(Store *s, const uint8_t *after, StoreKeys *out) {
  uint8_t from[CID_RAW] = { 0 };
  if (after) { /* the next one there can be */
    memcpy(from, after, CID_RAW);
    for (size_t i = CID_RAW; i-- > 0 && ++from[i] == 0;) continue;
  }
  out->n = 0;
  store_scan(s, STORE_HEAD, slice((const char *)from, CID_RAW), see_key, out);
}

void cid_of(char out[CID_LEN + 1], const uint8_t key[CID_RAW]) {
  base64url(out, key, CID_RAW);
  out[CID_LEN] = '\0';
}

const char *as_time(char out[32], uint64_t ms) {
  time_t s = (time_t)(ms / 1000);
  struct tm tm;
  gmtime_r(&s, &tm);
  strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm);
  return out;
}
