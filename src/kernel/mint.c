/* Conversations that begin with a page: provisional until somebody comes. */
#include <stdlib.h>

#include "kernel/state.h"

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
  conv_list(k, c);
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
  conv_heat(k, c);
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
