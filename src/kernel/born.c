#include "kernel/born.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "kernel/state.h"
#include "kernel/view.h"
#include "lua/loader.h"

void born_check(Kernel *k, lua_State *L, const char *of) {
  const Turn *t = &k->turn;
  if (!k->config.is_worker && (!k->store || loader_is_loading(k->vm)))
    luaL_error(L, "%s: no conversation can begin while scripts load", of);
  view_kernel(L);
  if (!k->in_turn) return;
  can_check(k, L, CAN_SPAWN, of);
  if (t->no_effects)
    luaL_error(L, "%s cannot be used in %s", of, t->no_effects);
  turn_check_lasts(k, L, of);
  if (t->is_boot) check_boots(k, L, of);
  if (t->n_born >= TURN_BORN_MAX)
    luaL_error(L, "%s: over %d conversations begun in one turn", of,
               TURN_BORN_MAX);
}

void born_add(Kernel *k, Conv *c) {
  Turn *t = &k->turn;
  if (!k->in_turn) {
    commit_new(k, c, blob_hold(c->head));
    return;
  }
  ASSERT(t->n_born < TURN_BORN_MAX);
  t->born[t->n_born++] = c;
  t->must_save = true;
}

void born_rows(Kernel *k, Conv *parent) {
  Turn *t = &k->turn;
  if (!t->n_born) return;
  ASSERT(!parent->born.n);
  parent->born.list = xmalloc(t->n_born * sizeof(Conv *));
  while (parent->born.n < t->n_born) {
    Conv *c = t->born[parent->born.n];
    parent->born.list[parent->born.n++] = c;
    agenda_drop(k, c);
    c->busy = true;
    c->pending = blob_hold(c->head);
    turn_row(k, STORE_HEAD, slice((const char *)c->key, CID_RAW),
             blob_hold(c->head));
    wakes_rows(k, c, false);
  }
  t->n_born = 0;
}

void born_drop(Kernel *k) {
  Turn *t = &k->turn;
  for (uint32_t i = 0; i < t->n_born; i++) conv_evict(k, t->born[i]);
  t->n_born = 0;
}

Born born_take(Conv *parent) {
  Born b = parent->born;
  parent->born = (Born){ 0 };
  return b;
}

/* None can be gone meanwhile: all that are left are busy. */
void born_committed(Kernel *k, Born *b, Err e) {
  for (uint32_t i = 0; i < b->n; i++) commit_born(k, b->list[i], e);
  free(b->list);
  *b = (Born){ 0 };
}
