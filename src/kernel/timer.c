/* Timers of a conversation: events that come later, and tasks that sleep or
 * wait with a timeout. A few, so that a list will do. */
#include <lauxlib.h>
#include <lua.h>
#include <math.h>
#include <stdlib.h>

#include "kernel/state.h"

/* --- the list --- */

void timer_add(Conv *c, lua_State *L, Timer t) {
  Later *l = &c->later;
  if (l->n_timers >= CONV_TIMERS_MAX)
    luaL_error(L, "a conversation may hold %d timers", CONV_TIMERS_MAX);
  if (l->n_timers == l->cap_timers) {
    l->cap_timers = l->cap_timers ? l->cap_timers * 2 : 2;
    l->timers = xrealloc(l->timers, l->cap_timers * sizeof *l->timers);
  }
  t.value = conv_keep(c, L);
  l->timers[l->n_timers++] = t;
}

void timer_remove(Conv *c, lua_State *L, uint32_t index) {
  Later *l = &c->later;
  Timer *t = &l->timers[index];
  conv_release(c, L, t->value);
  free(t->event);
  memmove(t, t + 1, (l->n_timers - index - 1) * sizeof *t);
  l->n_timers--;
}

uint32_t timer_due(const Conv *c, uint64_t now) {
  const Later *l = &c->later;
  uint32_t best = l->n_timers;
  for (uint32_t i = 0; i < l->n_timers; i++) {
    if (l->timers[i].due > now) continue;
    if (best == l->n_timers || l->timers[i].due < l->timers[best].due) best = i;
  }
  return best;
}

void timer_of_task(Conv *c, lua_State *L, uint32_t task) {
  for (uint32_t i = 0; i < c->later.n_timers; i++) {
    if (c->later.timers[i].task != task) continue;
    timer_remove(c, L, i);
    return;
  }
}

/* --- arguments --- */

uint64_t timer_ms(lua_State *L, int idx, const char *of) {
  can_check(kernel_of(L), L, CAN_AFTER, of);
  if (lua_type(L, idx) != LUA_TNUMBER)
    luaL_error(L, "%s: a number of seconds is wanted, not a %s", of,
               luaL_typename(L, idx));
  lua_Number seconds = lua_tonumber(L, idx);
  if (!(seconds >= 0)) luaL_error(L, "%s: seconds cannot be %f", of, seconds);
  if (seconds > TIMER_SECONDS_MAX)
    luaL_error(L, "%s: %f seconds are more than %f", of, seconds,
               (lua_Number)TIMER_SECONDS_MAX);
  uint64_t ms = (uint64_t)ceil(seconds * 1000);
  return ms < TIMER_FLOOR_MS ? TIMER_FLOOR_MS : ms;
}

void timer_for_task(Kernel *k, lua_State *L, uint32_t iid, uint32_t task,
                    int idx, const char *of) {
  if (lua_isnil(L, idx)) return;
  uint64_t ms = timer_ms(L, idx, of);
  lua_pushnil(L);
  timer_add(
      k->turn.conv, L,
      (Timer){ .iid = iid, .task = task, .due = k->steady + ms, .span = ms });
}

/* --- effects --- */

/* after(seconds, event, [value], [opts]) */
void check_after(Kernel *k, lua_State *L, const Inst *in, int first) {
  timer_ms(L, first, "after");
  effect_check_event(k, L, in, first + 1, "after");
  int opts = first + 3;
  if (lua_isnil(L, opts)) return;
  if (!lua_istable(L, opts))
    luaL_error(L, "after: options are a table, not a %s",
               luaL_typename(L, opts));
  for (lua_pushnil(L); lua_next(L, opts); lua_pop(L, 1))
    if (lua_type(L, -2) != LUA_TSTRING ||
        strcmp(lua_tostring(L, -2), "volatile") != 0)
      luaL_error(L, "after: there is no option \"%s\" (volatile)",
                 luaL_tolstring(L, -2, NULL));
}

void fold_after(Kernel *k, lua_State *L, Origin o, int effect) {
  Conv *c = k->turn.conv;
  int args = effect_args(L, effect, 4);
  check_after(k, L, o.in, args);
  uint64_t ms = timer_ms(L, args, "after");
  const char *event = lua_tostring(L, args + 1);
  bool is_volatile = false;
  if (!lua_isnil(L, args + 3)) {
    lua_getfield(L, args + 3, "volatile");
    is_volatile = lua_toboolean(L, -1);
  }
  for (uint32_t i = 0; i < c->later.n_timers; i++) { /* an equal one */
    const Timer *t = &c->later.timers[i];
    if (t->iid != o.in->iid || !t->event || strcmp(t->event, event) != 0)
      continue;
    timer_remove(c, L, i);
    break;
  }
  lua_pushvalue(L, args + 2);
  timer_add(c, L,
            (Timer){ .iid = o.in->iid,
                     .due = k->steady + ms,
                     .span = ms,
                     .is_volatile = is_volatile });
  c->later.timers[c->later.n_timers - 1].event = xstrdup(event);
}

void check_sleep(Kernel *k, lua_State *L, const Inst *in, int first) {
  (void)k, (void)in;
  timer_ms(L, first, "s.sleep");
}

void fold_sleep(Kernel *k, lua_State *L, Origin o, int effect) {
  int args = effect_args(L, effect, 1);
  timer_for_task(k, L, o.in->iid, o.task, args, "s.sleep");
}
