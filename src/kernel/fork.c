/* Conversations looked at, and begun, from outside of their turns: a snapshot
 * is the last committed head of one; a fork is a new one that begins where a
 * snapshot stands. The source is touched by neither.
 *
 * A fork is kept with the turn that made it, or at once outside of turns
 * (born.h). */
#include <stdlib.h>

#include "kernel/state.h"

Conv *conv_snapshot(Kernel *k, Slice cid) {
  uint8_t key[CID_RAW];
  const Conv *known = kernel_known(k, cid);
  if (!cid_raw(cid, key) || (known && conv_ended(known))) return NULL;
  Conv *c = conv_new(k);
  conv_clear(c);
  conv_name(k, c, cid);
  if (known)
    c->head = blob_hold(known->head);
  else if (store_load(k->store, key, &c->head, &c->revision))
    c->head = NULL;
  if (c->head && !image_header(c, blob_view(c->head))) return c;
  conv_free(c);
  return NULL;
}

/* --- forks --- */

Conv *conv_fork(Kernel *k, const Conv *snapshot, Slice state,
                uint64_t left_ms) {
  Conv *f = conv_mint(k);
  conv_clear(f);
  f->owner = snapshot->owner ? xstrdup(snapshot->owner) : NULL;
  f->title = snapshot->title ? xstrdup(snapshot->title) : NULL;
  f->back = snapshot->back ? xstrdup(snapshot->back) : NULL;
  f->origin = snapshot->origin ? blob_hold(snapshot->origin) : NULL;
  f->limits = can_meet(k, &snapshot->limits);
  f->next_id = snapshot->next_id; /* no iid in a page means another one */
  f->turn = 1;
  f->woken = 0;
  f->rests_since = snapshot->rests_since ? snapshot->rests_since : left_ms;
  f->history = (History){ .turn = 1, .began_ms = k->steady };
  f->head = image_head(k, f, SLICE("\0\0"), state); /* two empty lists */
  born_add(k, f);
  return f;
}

/* --- a fork that somebody opens --- */

/* As after going back: timers have the time that was left, and messages are
 * heard from here on. */
void fork_open(Kernel *k, Conv *c) {
  Rewind none = { 0 };
  uint64_t away_ms = k->steady > c->rests_since ? k->steady - c->rests_since
                                                : 0;
  turn_begin(k, c);
  budget_start(k->vm, &k->config.budget);
  c->turn++;
  c->fragment = 0;
  c->rests_since = 0;
  rewind_end(k, c, &none, away_ms);
  turn_conclude(k, c, NULL, 0);
}
