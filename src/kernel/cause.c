/* The turn of a timer, a letter, a message or a call's end: like an event's,
 * without anybody who waits for an answer (S8). It continues the numbers of the
 * turn before it, so that going back goes back to what a visitor did (S33). */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "kernel/state.h"

/* --- which --- */

static bool next_timer(Kernel *k, Conv *c, Cause *cause) {
  uint32_t i = timer_due(c, k->steady);
  if (i == c->later.n_timers) return false;
  const Timer *t = &c->later.timers[i];
  *cause = (Cause){
    .kind = CAUSE_TIMER, .index = i, .iid = t->iid, .task = t->task
  };
  return true;
}

static bool next_letter(Kernel *k, Conv *c, Cause *cause) {
  (void)k;
  uint32_t i = letter_next(c);
  if (i == c->later.n_letters) return false;
  *cause = (Cause){ .kind = CAUSE_LETTER, .letter = letter_take(c, i) };
  cause->iid = cause->letter.iid;
  cause->task = cause->letter.task;
  return true;
}

static bool next_atom(Kernel *k, Conv *c, Cause *cause) {
  (void)k;
  if (!atoms_owe(c)) return false;
  *cause = (Cause){ .kind = CAUSE_ATOM, .iid = c->top };
  return true;
}

static bool next_io(Kernel *k, Conv *c, Cause *cause) {
  uint32_t number = io_ready(k, c);
  if (!number) return false;
  const Io *io = io_numbered(c, number);
  *cause = (Cause){
    .kind = CAUSE_IO, .index = number, .iid = io->iid, .task = io->task
  };
  return true;
}

/* One of each kind in turn: an instance that sends itself letters without end
 * does not stop its clock. */
static bool next_cause(Kernel *k, Conv *c, Cause *cause) {
  static bool (*const next[])(Kernel *, Conv *,
                              Cause *) = { next_timer, next_letter, subs_news,
                                           next_atom, next_io };
  if (io_winds_down(k)) return next_io(k, c, cause);
  for (uint32_t i = 1; i <= countof(next); i++) {
    uint32_t kind = (c->later.last + i) % countof(next);
    if (!next[kind](k, c, cause)) continue;
    c->later.last = kind;
    return true;
  }
  return false;
}

void cause_free(Cause *cause) {
  letter_free(&cause->letter);
  free(cause->topic);
  blob_drop(cause->value);
  *cause = (Cause){ 0 };
}

/* --- what it does --- */

/* An event; its value is on top of L and is popped. */
static void bring_event(Kernel *k, lua_State *L, uint32_t iid,
                        const char *event, const char *topic, uint32_t from) {
  int value = lua_gettop(L);
  effect_push_event(L, event, value, NULL, NULL, from);
  if (topic) lua_pushstring(L, topic), lua_setfield(L, -2, "topic");
  turn_push(k, L, (Work){ .kind = WORK_EVENT, .iid = iid });
  lua_settop(L, value - 1);
}

/* Resumes a task with the value on top of L, popped. What it called meanwhile
 * has no one left to answer. */
static void wake_task(Kernel *k, lua_State *L, uint32_t iid, uint32_t task,
                      bool ok, const char *why) {
  const Task *t = conv_task(k->turn.conv, task);
  uint32_t callee = t ? t->awaits : 0;
  turn_push(k, L, (Work){ WORK_RESUME, iid, task, ok, why, false });
  if (callee) instance_remove(k, L, callee);
}

static void do_timer(Kernel *k, lua_State *L, const Cause *cause) {
  Conv *c = k->turn.conv;
  const Timer *t = &c->later.timers[cause->index];
  conv_push(c, L, t->value);
  if (!t->task) {
    bring_event(k, L, t->iid, t->event, NULL, 0);
    timer_remove(c, L, cause->index);
    return;
  }
  /* A sleep ends; what waited for something else has waited too long. */
  bool sleeps = !conv_task(c, t->task)->awaits && !io_of_task(c, t->task);
  for (uint32_t i = 0; i < c->later.n_subs; i++)
    if (c->later.subs[i].task == t->task && c->later.subs[i].waits)
      sleeps = false;
  timer_remove(c, L, cause->index);
  wake_task(k, L, cause->iid, cause->task, true, sleeps ? NULL : "timeout");
}

static void do_letter(Kernel *k, lua_State *L, const Cause *cause) {
  const Letter *letter = &cause->letter;
  switch (letter->kind) {
  case LETTER_EVENT:
    message_push(k, L, letter->value);
    bring_event(k, L, letter->iid, letter->event, letter->topic, letter->from);
    break;
  case LETTER_MESSAGE:
    message_push(k, L, letter->value);
    wake_task(k, L, letter->iid, letter->task, true, NULL);
    break;
  case LETTER_ERROR:
    lua_pushlstring(L, letter->value->bytes, letter->value->len);
    wake_task(k, L, letter->iid, letter->task, false, NULL);
    break;
  case LETTER_KINDS: break;
  }
}

static void do_news(Kernel *k, lua_State *L, const Cause *cause) {
  Conv *c = k->turn.conv;
  const char *event = c->later.subs[cause->index].event;
  subs_heard(c, cause);
  if (cause->value)
    message_push(k, L, cause->value);
  else
    lua_pushnil(L);
  if (cause->task)
    wake_task(k, L, cause->iid, cause->task, true, cause->value ? NULL : "gap");
  else
    bring_event(k, L, cause->iid, cause->value ? event : "gap", cause->topic,
                0);
}

static int f_cause(lua_State *L) {
  Kernel *k = kernel_of(L);
  const Cause *cause = &k->turn.cause;
  k->turn.failed_iid = cause->iid;
  luaL_checkstack(L, 12, "a cause");
  switch (cause->kind) {
  case CAUSE_TIMER: do_timer(k, L, cause); break;
  case CAUSE_LETTER: do_letter(k, L, cause); break;
  case CAUSE_NEWS: do_news(k, L, cause); break;
  case CAUSE_IO: io_deliver(k, L, cause->index); break;
  case CAUSE_ATOM: /* who read it is touched in any turn */
  case CAUSE_NONE:
  case CAUSE_KINDS: break;
  }
  return 0;
}

bool cause_turn(Kernel *k, Conv *c) {
  static const char *const words[] = { "",          "a timer", "a letter",
                                       "a message", "an atom", "a call's end" };
  Cause cause;
  if (conv_wake(k, c)) {
    io_abandon(k, c);
    return !conv_abandon(k, c);
  }
  switch (prelude_due(k, c)) {
  case PRELUDE_NONE: break;
  case PRELUDE_DUE: prelude_turn(k, c); return true;
  case PRELUDE_FAILED: return true; /* in no agenda until code has changed */
  }
  io_launch(k, c);
  if (!next_cause(k, c, &cause)) {
    wakes_compute(k, c, &c->later.wakes);
    agenda_set(k, c);
    return true;
  }
  Turn *t = &k->turn;
  turn_begin(k, c);
  t->cause = cause;
  if (cause.kind == CAUSE_TIMER) {
    t->is_volatile = c->later.timers[cause.index].is_volatile;
    t->may_wait = t->is_volatile || agenda_writes_much(k, c);
  }
  budget_start(k->vm, &k->config.budget);
  uint32_t explicit = 0;
  if (turn_protect(k, f_cause, NULL, words[cause.kind]) && turn_settle(k)) {
    explicit = t->n_pieces;
    if (!t->finished) turn_draw(k, NULL);
  }
  turn_conclude(k, c, NULL, explicit);
  return true;
}

/* --- when it failed --- */

/* The error was brought once, and nobody took it: the task ends, as if it had
 * never been (S16). It would wait for ever. */
static void drop_task(Conv *c, lua_State *L, uint32_t id) {
  Task *t = conv_task(c, id);
  if (!t) return;
  Inst *callee = conv_inst(c, t->awaits);
  if (callee) callee->caller_task = 0;
  later_forget_task(c, L, id);
  conv_release(c, L, t->thread);
  conv_remove_task(c, id);
}

void cause_consume(Kernel *k, Conv *c) {
  lua_State *L = vm_lua(k->vm);
  Turn *t = &k->turn;
  const Cause *cause = &t->cause;
  if (cause->kind == CAUSE_NONE) return;
  if (cause->kind == CAUSE_TIMER) timer_remove(c, L, cause->index);
  if (cause->kind == CAUSE_NEWS) subs_heard(c, cause);
  atoms_told(c);
  if (!cause->task) return;
  bool was_told = cause->kind == CAUSE_LETTER
                      ? cause->letter.kind == LETTER_ERROR
                      : cause->kind == CAUSE_IO &&
                            io_brought(k, c, cause->index, buf_view(&t->error));
  if (was_told) {
    drop_task(c, L, cause->task);
    return;
  }
  later_resumed(c, L, cause->task);
  letter_add(c, (Letter){ .kind = LETTER_ERROR,
                          .iid = cause->iid,
                          .task = cause->task,
                          .value = blob_new(buf_view(&t->error)) });
}
