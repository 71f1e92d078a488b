/* Events: from the host to a turn, one at a time. The first of a conversation
 * is its boot; the others wait in a queue while a commit is under way. */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "kernel/deed.h"
#include "kernel/state.h"
#include "lua/coro.h"

/* Merges what was typed, then leaves the event as the turn's first work. */
static int f_arrive(lua_State *L) {
  Kernel *k = kernel_of(L);
  Arrival *a = lua_touserdata(L, 1);
  Event *ev = a->ev;
  Inst *in = conv_inst(k->turn.conv, a->iid);
  if (ev->push) a->refused = ev->push(ev, L);
  if (a->refused) return 0;
  lua_settop(L, 4); /* arg value signals form */
  if (lua_istable(L, 3)) field_merge(k, L, in, 3);
  if (lua_istable(L, 4)) field_merge_form(k, L, in, 4);
  lua_createtable(L, 0, 5);
  lua_pushlstring(L, ev->name.ptr, ev->name.len);
  lua_setfield(L, -2, "event");
  if (lua_isnil(L, 2)) lua_pushvalue(L, 4), lua_replace(L, 2);
  lua_pushvalue(L, 2);
  lua_setfield(L, -2, "payload");
  lua_pushvalue(L, 3);
  lua_setfield(L, -2, "signals");
  lua_pushvalue(L, 4);
  lua_setfield(L, -2, "form");
  turn_push(k, L, (Work){ .kind = WORK_EVENT, .iid = a->iid });
  return 0;
}

/* Going back is the whole of such a turn. */
static int f_arrive_back(lua_State *L) {
  const Arrival *a = lua_touserdata(L, 1);
  lua_createtable(L, 2, 0);
  lua_pushliteral(L, "back");
  lua_rawseti(L, -2, 1);
  if (a->ev->to_turn) {
    lua_pushinteger(L, (lua_Integer)a->ev->to_turn);
    lua_rawseti(L, -2, 2);
  }
  turn_push(kernel_of(L), L, (Work){ .kind = WORK_EFFECT });
  return 0;
}

/* Whom an event is for, or NULL. */
static Inst *receiver(const Conv *c, const Event *ev) {
  const Inst *top = conv_inst(c, c->top);
  if (ev->to && ev->to[0]) return conv_target(c, top, slice_str(ev->to));
  return conv_inst(c, ev->iid ? ev->iid : c->top);
}

/* May it go there? `*there` when it is there already. */
static Err check_back(Kernel *k, Conv *c, const Event *ev, bool *there) {
  int steps = 0;
  *there = false;
  if (!ev->to_turn) return c->history.n[PAST] ? OK : ERR_CONFLICT;
  Err e = history_find(k, c, ev->to_turn, &steps);
  *there = !e && steps == 0;
  return e;
}

/* Other pages may hold something else than the one that was drawn now. */
static void trust_what_agrees(Conv *c) {
  for (uint32_t i = 0; i < c->n_insts; i++)
    if (c->insts[i]->drawn != c->insts[i]->was_drawn) c->insts[i]->drawn = 0;
}

static void draw_now(Kernel *k, Conv *c, Event *ev) {
  conv_seen(k, c);
  turn_begin(k, c);
  budget_start(k->vm, &k->config.budget);
  uint32_t painted = c->painted;
  Err result = turn_draw(k, ev->draw) ? OK : ERR_APP;
  turn_measure(k);
  if (result || painted != c->painted)
    distrust_pages(c);
  else
    trust_what_agrees(c);
  failure_tell(k);
  if (result && conv_inst(c, c->top)) {
    c->painted = 0; /* the next turn paints it all */
    buf_clear(ev->draw);
    draw_banner(k, c, conv_inst(c, c->top), ev->draw);
  }
  k->in_turn = false;
  ev->answer(ev, result);
  seen_keep(k, c);
}

/* It waits for a turn that has to come before it. */
static void put_first(Conv *c, Event *ev) {
  ev->next = c->first;
  c->first = ev;
  if (!c->last) c->last = ev;
  c->n_waiting++;
}

void event_turn(Kernel *k, Conv *c, Event *ev) {
  Err before;
  if (conv_stops(c) && !ev->deed) { /* while it waited */
    ev->answer(ev, ERR_GONE);
    return;
  }
  if (find_answer(c, ev, &before)) {
    k->stats.repeats++;
    ev->answer(ev, before);
    return;
  }
  if (conv_wake(k, c)) {
    ev->answer(ev, ERR_GONE);
    return;
  }
  Prelude prelude = prelude_due(k, c);
  if (prelude == PRELUDE_DUE) {
    put_first(c, ev);
    prelude_turn(k, c);
    return;
  }
  if (ev->draw) {
    if (atoms_owe(c) && !c->provisional && !c->rests_since) {
      put_first(c, ev);
      agenda_drop(k, c);
      cause_turn(k, c);
    } else {
      draw_now(k, c, ev);
    }
    return;
  }
  if (c->rests_since) {
    put_first(c, ev);
    fork_open(k, c);
    return;
  }
  if (prelude == PRELUDE_FAILED) {
    ev->answer(ev, ERR_APP);
    return;
  }
  bool there = false;
  Err refused = ev->is_back ? check_back(k, c, ev, &there) : OK;
  if (refused || there) {
    ev->answer(ev, refused);
    return;
  }
  const Inst *in = receiver(c, ev);
  if (!in) { /* a stale tab's click on something long gone */
    ev->answer(ev, ev->to ? ERR_NOT_FOUND : OK);
    return;
  }
  uint32_t iid = in->iid;
  conv_unprovision(k, c);
  conv_seen(k, c);
  turn_begin(k, c);
  k->turn.failed_iid = iid;
  budget_start(k->vm, &k->config.budget);
  Arrival a = { .ev = ev, .iid = iid };
  uint32_t explicit = 0;
  lua_CFunction begin = ev->deed      ? ev->deed->begin
                        : ev->is_back ? f_arrive_back
                                      : f_arrive;
  bool arrived = turn_protect(k, begin, &a,
                              ev->deed ? ev->deed->words : "the event");
  if (a.refused) {
    budget_stop(k->vm, NULL);
    k->in_turn = false;
    ev->answer(ev, a.refused);
    return;
  }
  c->turn++;
  c->fragment = 0;
  if (arrived && turn_settle(k)) {
    explicit = k->turn.n_pieces;
    if (!k->turn.finished) turn_draw(k, NULL);
  }
  turn_conclude(k, c, ev, explicit);
}

void kernel_post(Kernel *k, Conv *c, Event *ev) {
  ev->next = NULL;
  Err refused = gate_check(k, c, ev);
  if (refused) {
    ev->answer(ev, refused);
  } else if (!c->busy) {
    event_turn(k, c, ev);
  } else {
    if (c->last)
      c->last->next = ev;
    else
      c->first = ev;
    c->last = ev;
    c->n_waiting++;
  }
}

/* --- booting --- */

static int f_boot(lua_State *L) {
  Kernel *k = kernel_of(L);
  Conv *c = k->turn.conv;
  Inst *in = instance_make(k, L, 2, 0);
  instance_place(c, in, NULL);
  instance_start(k, in);
  return 0;
}

bool turn_boot(Kernel *k, Conv *c, int embed, Buf *page, bool *ended) {
  lua_State *L = vm_lua(k->vm);
  embed = lua_absindex(L, embed);
  c->turn = 1;
  turn_begin(k, c);
  k->turn.is_boot = true;
  budget_start(k->vm, &k->config.budget);
  lua_pushcfunction(L, f_boot);
  lua_pushnil(L);
  lua_pushvalue(L, embed);
  if (vm_call(L, 2, 0) != LUA_OK)
    turn_fail(k, L, k->turn.failed_iid, "boot", vm_traceback(k->vm));
  else if (turn_settle(k) && !k->turn.finished && turn_draw(k, page) &&
           turn_state(k, c))
    turn_fail_saving(k, c);
  turn_measure(k);
  bool ok = !k->turn.failed;
  *ended = k->turn.finished;
  if (ok) {
    if (!*ended) c->head = turn_head(k, c, NULL, k->turn.n_pieces);
    journal_keep(k, c);
    fill_outbox(k, k->turn.n_pieces);
    conv_turn_over(c);
  } else {
    turn_clear(k);
    failure_tell(k);
    born_drop(k);
    topics_unstage(k);
    io_unstage(k);
    atoms_undo(k);
    buf_clear(page);
    draw_banner(k, c, NULL, page);
  }
  k->in_turn = false;
  if (ok && !*ended) release_outbox(c);
  return ok;
}

void kernel_promote(Kernel *k, Conv *c) {
  c->is_awaited = c->busy && !c->ended; /* then it is, when that has ended */
  if (c->busy || c->ended) return;
  if (c->rests_since) {
    if (!conv_wake(k, c)) fork_open(k, c);
  } else if (c->provisional) {
    conv_unprovision(k, c);
    commit_head(k, c, blob_hold(c->head));
  }
}
