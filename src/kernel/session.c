/* Which conversations there are: found by cid, awake or asleep. */
#include <stdlib.h>

#include "kernel/state.h"

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

void conv_heat(Kernel *k, Conv *c) {
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
  conv_heat(k, c);
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

void conv_list(Kernel *k, Conv *c) {
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
  conv_list(k, c);
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
