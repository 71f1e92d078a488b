/* s.spawn: a conversation that code begins.
 *
 * Its root is made at once, by its `init`, so whoever began it can look at it,
 * and an error is the caller's. It is kept with the turn that began it
 * (born.h); then comes its first turn, in which `start` and flows run, like the
 * turn of a timer that is due since then: a process that dies in between does
 * not forget it. One whose first turn fails has never begun, and ends.
 *
 * Nobody need ever come to it. It belongs to the visitor of who began it, or
 * to nobody; who is nobody's is never reaped (reap.c). */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "kernel/deed.h"
#include "kernel/origin.h"
#include "kernel/state.h"
#include "kernel/view.h"

/* --- the root --- */

static int f_make(lua_State *L) {
  Kernel *k = kernel_of(L);
  instance_place(k->turn.conv, instance_make(k, L, 1, 0), NULL);
  return 0;
}

/* Calls f_make with the embed at 1, in a turn aside that does no more than
 * that, and leaves the state in `out`. False: the error is on top of L. */
static bool make_root(lua_State *L, Kernel *k, Conv *c, Buf *out) {
  lua_State *main = vm_lua(k->vm);
  char words[128];
  Aside aside;
  luaL_checkstack(main, 10, "spawn");
  turn_set_aside(k, &aside);
  turn_begin(k, c);
  budget_start(k->vm, &k->config.budget);
  lua_pushcfunction(main, f_make);
  lua_pushvalue(L, 1);
  if (main != L) lua_xmove(L, main, 1);
  bool ok = vm_call(main, 1, 0) == LUA_OK && !image_state(k, c, out);
  Doom doom = budget_doom(k->vm);
  budget_words(k->vm, doom, words, sizeof words);
  budget_stop(k->vm, NULL);
  turn_take_up(k, &aside);
  atoms_begin(k); /* what it read there is another's copy */
  if (!ok && main != L) lua_xmove(main, L, 1);
  if (!doom) return ok;
  lua_pushfstring(L, "the beginning of what is spawned %s", words);
  return false;
}

/* --- what goes with it --- */

/* spawn(embed, [can], [owner], [title], [context], [principal]) -> cid
 * owner: nil, false for nobody, or the cid of one whose owner it is. */
enum { EMBED = 1, LIST, OWNER, TITLE, CONTEXT, PRINCIPAL, ARGS = PRINCIPAL };

static char *dup_text(const char *s) { return s ? xstrdup(s) : NULL; }

/* Replaces the owner at OWNER by a visitor's id, or nil. */
static void find_owner(lua_State *L, Kernel *k) {
  const char *owner = NULL;
  if (lua_isnil(L, OWNER)) {
    owner = k->in_turn ? k->turn.conv->owner : NULL;
  } else if (lua_isstring(L, OWNER)) {
    const Conv *c = kernel_find(k, view_cid(L, OWNER));
    if (!c || conv_ended(c))
      luaL_error(L, "spawn: owner: the conversation %s is gone",
                 lua_tostring(L, OWNER));
    owner = c->owner;
  }
  lua_pushstring(L, owner);
  lua_replace(L, OWNER);
}

/* What is not given is that of who spawns. */
static Blob *take_origin(lua_State *L, Kernel *k) {
  const Conv *own = k->in_turn ? k->turn.conv : NULL;
  bool is_given = !lua_isnil(L, CONTEXT) || !lua_isnil(L, PRINCIPAL);
  if (!is_given) return own && own->origin ? blob_hold(own->origin) : NULL;
  plain_check(L, CONTEXT, "spawn", "context");
  plain_check(L, PRINCIPAL, "spawn", "principal");
  if (lua_isnil(L, CONTEXT)) origin_f_context(L), lua_replace(L, CONTEXT);
  lua_settop(L, ARGS);
  if (lua_isnil(L, PRINCIPAL)) origin_f_principal(L), lua_replace(L, PRINCIPAL);
  lua_settop(L, ARGS);
  return kernel_origin(k, L, CONTEXT, PRINCIPAL);
}

int spawn_f_spawn(lua_State *L) {
  Kernel *k = kernel_of(L);
  uint32_t can;
  lua_settop(L, ARGS);
  luaL_checkstack(L, 20, "spawn");
  born_check(k, L, "spawn");
  kernel_check_embed(k, L, EMBED, "spawn");
  bool asks = can_read(k, L, LIST, "spawn", &can);
  find_owner(L, k);
  Blob *origin = take_origin(L, k); /* the last that raises */
  Conv *c = conv_mint(k);
  c->owner = dup_text(lua_tostring(L, OWNER));
  c->title = dup_text(lua_tostring(L, TITLE));
  c->origin = origin;
  c->limits = can_give(k, asks ? &can : NULL);
  chance_bytes(k, c->random, sizeof c->random);
  c->turn = 1;
  c->history = (History){ .turn = 1, .began_ms = k->steady };
  Buf state = { 0 };
  if (!make_root(L, k, c, &state)) {
    buf_free(&state);
    conv_evict(k, c);
    return lua_error(L);
  }
  wakes_compute(k, c, &c->later.wakes);
  c->head = image_head(k, c, SLICE("\0\0"), buf_view(&state));
  buf_free(&state);
  conv_clear(c);
  born_add(k, c);
  lua_pushlstring(L, c->cid, CID_LEN);
  return 1;
}

/* --- its first turn --- */

bool conv_unborn(const Conv *c) { return c->n_insts && !c->insts[0]->started; }

static int f_begin(lua_State *L) {
  Kernel *k = kernel_of(L);
  luaL_checkstack(L, 8, "the first turn");
  instance_start(k, k->turn.conv->insts[0]);
  return 0;
}

void spawn_begin(Kernel *k, Conv *c) {
  uint32_t explicit = 0;
  turn_begin(k, c);
  k->turn.is_birth = true;
  k->turn.failed_iid = c->top;
  c->woken = k->generation;
  budget_start(k->vm, &k->config.budget);
  if (turn_protect(k, f_begin, NULL, "the first turn") && turn_settle(k)) {
    explicit = k->turn.n_pieces;
    if (!k->turn.finished) turn_draw(k, NULL);
  }
  turn_conclude(k, c, NULL, explicit);
}
