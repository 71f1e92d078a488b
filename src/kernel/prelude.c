/* Turns of their own before the next event, for what is due without anybody
 * asking: instances that older code made are brought up to date (upgrade.c),
 * one that was spawned begins (spawn.c), and `wakeup` is called once after a
 * process start, an import, a fork or a rewind (S41).
 *
 * The header has the generation of the process in which `wakeup` was last due;
 * 0 makes it due again, at once. A failure is shown as a banner, and not tried
 * again: what is in the header moves on (S8). */
#include <lauxlib.h>
#include <lua.h>

#include "kernel/state.h"

static bool wakes(const Conv *c) {
  for (uint32_t i = 0; i < c->n_insts; i++)
    if (c->insts[i]->def->wakes) return true;
  return false;
}

static bool wakeup_due(const Kernel *k, Conv *c) {
  if (c->woken == k->generation || c->rests_since) return false;
  if (wakes(c)) return true;
  c->woken = k->generation; /* nobody wants to know */
  return false;
}

Prelude prelude_due(const Kernel *k, Conv *c) {
  switch (upgrade_state(k, c)) {
  case UPGRADE_DUE: return PRELUDE_DUE;
  case UPGRADE_FAILED: return PRELUDE_FAILED;
  case UPGRADE_NONE: break;
  }
  bool begins = conv_unborn(c) && !c->rests_since;
  return begins || wakeup_due(k, c) ? PRELUDE_DUE : PRELUDE_NONE;
}

/* Parents and callers are older, and come first. */
static int f_wakeup(lua_State *L) {
  Kernel *k = kernel_of(L);
  const Conv *c = k->turn.conv;
  luaL_checkstack(L, 8, "wakeup");
  for (uint32_t i = c->n_insts; i-- > 0;) {
    if (!c->insts[i]->def->wakes) continue;
    lua_pushnil(L);
    turn_push(k, L, (Work){ .kind = WORK_WAKEUP, .iid = c->insts[i]->iid });
  }
  return 0;
}

void prelude_turn(Kernel *k, Conv *c) {
  bool upgrades = upgrade_state(k, c) == UPGRADE_DUE;
  uint32_t explicit = 0;
  conv_unprovision(k, c);
  if (!upgrades && conv_unborn(c)) {
    spawn_begin(k, c);
    return;
  }
  turn_begin(k, c);
  budget_start(k->vm, &k->config.budget);
  c->turn++;
  c->fragment = 0;
  if (upgrades)
    c->upgrade_failed = k->defs->n_made; /* until it has succeeded */
  else
    c->woken = k->generation;
  if (turn_protect(k, upgrades ? f_upgrade : f_wakeup, NULL,
                   upgrades ? "upgrade" : "wakeup") &&
      turn_settle(k)) {
    explicit = k->turn.n_pieces;
    if (!k->turn.finished) turn_draw(k, NULL);
  }
  if (upgrades && !k->turn.failed) c->upgrade_failed = 0;
  turn_conclude(k, c, NULL, explicit);
}

void prelude_at_once(Kernel *k, Conv *c) {
  if (c->woken || c->rests_since || c->busy || c->ended || conv_wake(k, c))
    return;
  if (prelude_due(k, c) == PRELUDE_DUE) prelude_turn(k, c);
}
