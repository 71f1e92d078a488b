/* Can these be the instances and tasks that a kernel left at the end of a turn?
 * What its other files take on trust is tried here once, so that a damaged or
 * forged head is refused instead of followed in circles.
 *
 *   ids      each its own, none past the counter
 *   places   each instance stands in one: on the page, or in a slot of its
 *            parent, which is older; each place is a chain that ends
 *   callers  are older, and in the same slot or around it
 *   later    timers and subscriptions belong to who is there (wakes.c)
 *   handles  each a value of its own: a table for self, for a task a thread
 *            that waits
 *
 * Older is the smaller id, so there are no circles. */
#include <lua.h>

#include "kernel/state.h"
#include "lua/coro.h"

#define HANDLES_MAX (4 * CONV_INSTANCES_MAX)             /* holes included */
#define IDS_MAX (UINT32_MAX - 1000 * CONV_INSTANCES_MAX) /* more can follow */

/* --- places --- */

/* Walks a chain; false when one of it belongs elsewhere, or was met before.
 * `touched` marks who was met: nobody is, between turns. At the bottom of a
 * declared place stands the declared child, which nobody called. */
static bool chain_holds(const Conv *c, uint32_t top, uint32_t parent,
                        bool is_declared, uint32_t *n) {
  Inst *in = NULL;
  for (uint32_t iid = top; iid; ++*n) {
    in = conv_inst(c, iid);
    if (!in || in->parent != parent || in->touched) return false;
    in->touched = true;
    iid = in->below;
  }
  return !is_declared || (in && !in->caller);
}

static bool chains_hold(const Conv *c, uint32_t *n) {
  if (!c->top || !chain_holds(c, c->top, 0, false, n)) return false;
  for (uint32_t i = 0; i < c->n_insts; i++) {
    const Inst *in = c->insts[i];
    for (uint32_t j = 0; j < in->n_kids; j++) {
      const Kid *kid = in->kids[j];
      if (!chain_holds(c, kid->top, in->iid, kid->declared, n)) return false;
    }
  }
  return true;
}

static bool places_hold(const Conv *c) {
  uint32_t n = 0;
  bool ok = chains_hold(c, &n) && n == c->n_insts;
  for (uint32_t i = 0; i < c->n_insts; i++) c->insts[i]->touched = false;
  return ok;
}

/* --- ids --- */

static bool caller_holds(const Conv *c, const Inst *in) {
  if (!in->caller) return !in->caller_task;
  const Inst *caller = conv_inst(c, in->caller);
  if (!caller || in->caller >= in->iid) return false;
  if (caller->parent != in->parent && caller->iid != in->parent) return false;
  const Task *t = conv_task(c, in->caller_task);
  return !in->caller_task || (t && t->iid == in->caller);
}

static bool ids_hold(const Conv *c) {
  if (c->next_id > IDS_MAX || c->n_insts > CONV_INSTANCES_MAX ||
      c->n_tasks > CONV_TASKS_MAX)
    return false;
  for (uint32_t i = 0; i < c->n_insts; i++) {
    const Inst *in = c->insts[i];
    uint32_t last = i ? c->insts[i - 1]->iid : 0;
    if (in->iid <= last || in->iid > c->next_id || in->parent >= in->iid ||
        !caller_holds(c, in))
      return false;
  }
  for (uint32_t i = 0; i < c->n_tasks; i++) {
    const Task *t = &c->tasks[i];
    if (!t->id || t->id > c->next_id || conv_task(c, t->id) != t ||
        !conv_inst(c, t->iid))
      return false;
  }
  return true;
}

/* --- handles --- */

typedef struct Handles {
  lua_State *L; /* the root is on top */
  uint8_t used[HANDLES_MAX / 8 + 1];
} Handles;

/* Is it a value of its own, of that type? LUA_TNONE: of any. That two handles
 * have one table is nothing bad; two tasks with one thread are. */
static bool take(Handles *h, uint32_t handle, int type) {
  if (!handle || handle > HANDLES_MAX) return false;
  uint8_t bit = (uint8_t)(1 << (handle & 7));
  if (h->used[handle >> 3] & bit) return false;
  h->used[handle >> 3] |= bit;
  int found = lua_rawgeti(h->L, -1, handle);
  lua_State *co = lua_tothread(h->L, -1);
  lua_pop(h->L, 1);
  if (found != type && (type != LUA_TNONE || found == LUA_TNIL)) return false;
  return type != LUA_TTHREAD ||
         (lua_status(co) == LUA_YIELD && coro_is_parked(co));
}

static bool threads_differ(const Conv *c, lua_State *L) {
  const void *threads[CONV_TASKS_MAX];
  for (uint32_t i = 0; i < c->n_tasks; i++) {
    lua_rawgeti(L, -1, c->tasks[i].thread);
    threads[i] = lua_topointer(L, -1);
    lua_pop(L, 1);
    for (uint32_t j = 0; j < i; j++)
      if (threads[i] == threads[j]) return false;
  }
  return true;
}

static bool handles_hold(const Conv *c, lua_State *L) {
  Handles h = { .L = L };
  for (uint32_t i = 0; i < c->n_insts; i++) {
    const Inst *in = c->insts[i];
    if (!take(&h, in->self, LUA_TTABLE)) return false;
    if (in->args && !take(&h, in->args, LUA_TNONE)) return false;
    if (in->shown && !take(&h, in->shown, LUA_TNONE)) return false;
  }
  for (uint32_t i = 0; i < c->n_tasks; i++)
    if (!take(&h, c->tasks[i].thread, LUA_TTHREAD)) return false;
  if (!threads_differ(c, L)) return false;
  const Later *l = &c->later;
  for (uint32_t i = 0; i < l->n_timers; i++)
    if (l->timers[i].value && !take(&h, l->timers[i].value, LUA_TNONE))
      return false;
  return true;
}

bool image_holds(const Conv *c, lua_State *L) {
  return ids_hold(c) && places_hold(c) && later_holds(c) && handles_hold(c, L);
}
