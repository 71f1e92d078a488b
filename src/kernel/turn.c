/* One event to its end, all or nothing.
 *
 *   event -> work stack -> folded, reconciled, drawn -> head -> store ->
 * release |  a failure anywhere: back to the last head, a banner instead
 *
 * Every step that may raise runs in one protected call (f_step and its kin),
 * and touches only the conversation and the turn, both of which a failure
 * throws away. */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "base/clock.h"
#include "kernel/state.h"
#include "lua/coro.h"

/* --- the turn's own lists --- */

void turn_push(Kernel *k, lua_State *L, Work w) {
  Turn *t = &k->turn;
  if (t->n_work == t->cap_work) {
    t->cap_work = t->cap_work ? t->cap_work * 2 : 32;
    t->work = xrealloc(t->work, t->cap_work * sizeof *t->work);
  }
  t->work[t->n_work++] = w;
  lua_rawgeti(L, LUA_REGISTRYINDEX, k->work_ref);
  lua_insert(L, -2);
  lua_rawseti(L, -2, t->n_work);
  lua_pop(L, 1);
}

/* Takes the newest work; pushes its value. */
static Work pop(Kernel *k, lua_State *L) {
  Turn *t = &k->turn;
  lua_rawgeti(L, LUA_REGISTRYINDEX, k->work_ref);
  lua_rawgeti(L, -1, t->n_work);
  lua_pushnil(L);
  lua_rawseti(L, -3, t->n_work);
  lua_remove(L, -2);
  return t->work[--t->n_work];
}

void turn_piece(Kernel *k, FragmentKind kind, PatchMode mode, Slice selector,
                Slice body) {
  Turn *t = &k->turn;
  if (t->n_pieces == t->cap_pieces) {
    t->cap_pieces = t->cap_pieces ? t->cap_pieces * 2 : 8;
    t->pieces = xrealloc(t->pieces, t->cap_pieces * sizeof *t->pieces);
  }
  Piece p = { kind, mode, t->bytes.len, selector.len, 0, body.len };
  buf_slice(&t->bytes, selector);
  p.body = t->bytes.len;
  buf_slice(&t->bytes, body);
  t->pieces[t->n_pieces++] = p;
}

/* What pages hold may differ from what a head says of them (a banner, for one):
 * the next drawing of each instance is sent, whatever it is. */
static void distrust_pages(Conv *c) {
  for (uint32_t i = 0; i < c->n_insts; i++) c->insts[i]->drawn = 0;
}

static void begin(Kernel *k, Conv *c) {
  Turn *t = &k->turn;
  ASSERT(!k->in_turn);
  k->in_turn = true;
  t->conv = c;
  t->iid = t->task = t->failed_iid = 0;
  t->n_effects = t->n_resumes = t->n_folded = 0;
  t->n_pieces = 0;
  t->failed = t->finished = false;
  t->no_effects = NULL;
  coro_ban(k->vm, NULL); /* an error may have jumped past the end of a ban */
  buf_clear(&t->bytes);
  buf_clear(&t->error);
  buf_clear(&t->place);
  buf_clear(&t->trace);
}

/* Forgets what a failure left behind. */
static void clear_work(Kernel *k) {
  Turn *t = &k->turn;
  lua_State *L = vm_lua(k->vm);
  field_forget(k, L);
  if (t->n_work == 0 && t->n_effects == 0) return;
  t->n_work = t->n_effects = 0;
  lua_newtable(L);
  lua_rawseti(L, LUA_REGISTRYINDEX, k->work_ref);
  lua_newtable(L);
  lua_rawseti(L, LUA_REGISTRYINDEX, k->effects_ref);
}

/* --- failing --- */

void turn_fail(Kernel *k, lua_State *L, uint32_t iid, const char *where,
               Slice trace) {
  Turn *t = &k->turn;
  if (t->failed) {
    lua_pop(L, 1);
    return;
  }
  t->failed = true;
  t->failed_iid = iid;
  Doom doom = budget_doom(k->vm);
  char words[128];
  size_t len;
  if (doom) {
    budget_words(k->vm, doom, words, sizeof words);
    buf_puts(&t->error, words);
  } else {
    vm_push_error_text(L, -1);
    const char *text = lua_tolstring(L, -1, &len);
    buf_put(&t->error, text, len);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  const Inst *in = conv_inst(t->conv, iid);
  char id[16];
  snprintf(id, sizeof id, "ix-%u", iid);
  buf_printf(&t->place, "%s of %s (%s)", where, in ? in->def->id : "?", id);
  buf_slice(&t->trace, trace);
  log_with(k->config.log, LOG_ERROR, "a turn failed and was put back",
           { "component", slice_str(in ? in->def->id : "?") },
           { "in", slice_str(where) }, { "instance", slice_str(id) },
           { "conversation", slice_str(t->conv->cid) },
           { "error", buf_view(&t->error) }, { "traceback", trace });
}

/* --- running code --- */

/* Moves what the code called since it began or last waited onto the work stack.
 */
static void push_effects(Kernel *k, lua_State *L, uint32_t iid, uint32_t task) {
  Turn *t = &k->turn;
  lua_rawgeti(L, LUA_REGISTRYINDEX, k->effects_ref);
  for (uint32_t i = t->n_effects; i >= 1; i--) {
    lua_rawgeti(L, -1, i);
    turn_push(k, L, (Work){ .kind = WORK_EFFECT, .iid = iid, .task = task });
    lua_pushnil(L);
    lua_rawseti(L, -2, i);
  }
  lua_pop(L, 1);
  t->n_effects = 0;
}

static uint32_t count_tasks(const Conv *c, uint32_t iid) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < c->n_tasks; i++) n += c->tasks[i].iid == iid;
  return n;
}

typedef struct Run {
  uint32_t iid;
  uint32_t task; /* 0: it has not waited yet */
  bool is_body;
  const char *where;
} Run;

/* The code waits: it becomes a task, if it is none yet. */
static void run_waits(Kernel *k, lua_State *L, int co, Run *r) {
  Conv *c = k->turn.conv;
  if (!r->task) {
    if (count_tasks(c, r->iid) >= INST_TASKS_MAX)
      luaL_error(L,
                 "%s: %d tasks of this instance wait already (is a button "
                 "that awaits clicked again and again?)",
                 r->where, INST_TASKS_MAX);
    if (c->n_tasks >= CONV_TASKS_MAX)
      luaL_error(L, "%s: %d tasks of this conversation wait already", r->where,
                 CONV_TASKS_MAX);
    lua_pushvalue(L, co);
    uint32_t thread = conv_keep(c, L);
    Task *t = conv_add_task(c, r->iid);
    t->thread = thread;
    t->is_body = r->is_body;
    r->task = t->id;
  }
  push_effects(k, L, r->iid, r->task);
}

static void drop_task(Kernel *k, lua_State *L, const Run *r) {
  if (!r->task) return;
  Conv *c = k->turn.conv;
  conv_release(c, L, conv_task(c, r->task)->thread);
  conv_remove_task(c, r->task);
}

static void run_done(Kernel *k, lua_State *L, lua_State *co, int n, Run *r) {
  drop_task(k, L, r);
  if (n == 0)
    lua_pushnil(L);
  else {
    lua_settop(co, lua_gettop(co) - n + 1); /* the first result */
    lua_xmove(co, L, 1);
  }
  coro_give(k->vm, co);
  if (r->is_body) {
    lua_createtable(L, 2, 0);
    lua_pushliteral(L, "answer");
    lua_rawseti(L, -2, 1);
    lua_insert(L, -2);
    lua_rawseti(L, -2, 2);
    effect_append(k, L);
  } else {
    effect_returned(k, L, -1, r->where);
    lua_pop(L, 1);
  }
  push_effects(k, L, r->iid, 0);
}

static void run_failed(Kernel *k, lua_State *L, lua_State *co, Run *r) {
  Conv *c = k->turn.conv;
  lua_xmove(co, L, 1);
  drop_task(k, L, r);
  coro_give(k->vm, co);
  k->turn.n_effects = 0; /* none of a failed stretch */
  Inst *in = conv_inst(c, r->iid);
  bool taken = r->is_body && !budget_doom(k->vm) &&
               effect_takes_error(k, L, in);
  if (taken)
    effect_answer(k, L, in, false);
  else
    turn_fail(k, L, r->iid, r->where, vm_traceback(k->vm));
}

/* Runs the thread at index `co` of L, with `nargs` values on its stack. */
static void run(Kernel *k, lua_State *L, int co_idx, int nargs, Run r) {
  Turn *t = &k->turn;
  lua_State *co = lua_tothread(L, co_idx);
  if (++t->n_resumes > TURN_RESUMES_MAX)
    luaL_error(L,
               "%s: over %d tasks and hooks ran in one turn: does a flow "
               "await without ever showing anything?",
               r.where, TURN_RESUMES_MAX);
  t->iid = r.iid;
  t->task = r.task;
  t->n_effects = 0;
  conv_inst(t->conv, r.iid)->touched = true;
  int n = 0;
  switch (coro_run(k->vm, co, nargs, &n)) {
  case CORO_DONE: run_done(k, L, co, n, &r); break;
  case CORO_WAITS: run_waits(k, L, co_idx, &r); break;
  case CORO_FAILED: run_failed(k, L, co, &r); break;
  }
}

static void run_start(Kernel *k, lua_State *L, Inst *in) {
  Conv *c = k->turn.conv;
  bool is_body = in->def->is_flow;
  if (!def_get(k, L, in->def, is_body ? "body" : "start")) return;
  int code = lua_gettop(L);
  lua_State *co = coro_take(k->vm);
  int co_idx = lua_gettop(L);
  lua_pushvalue(L, code);
  if (is_body) {
    conv_push(c, L, in->args);
    if (lua_isnil(L, -1)) lua_newtable(L), lua_replace(L, -2);
  } else {
    conv_push(c, L, in->self);
  }
  lua_xmove(L, co, 2);
  run(k, L, co_idx, 1,
      (Run){ .iid = in->iid,
             .is_body = is_body,
             .where = is_body ? "the flow" : "start" });
}

/* The `ev` table is on top of L. */
static void run_event(Kernel *k, lua_State *L, Inst *in) {
  Conv *c = k->turn.conv;
  int ev = lua_gettop(L);
  Slice name;
  lua_getfield(L, ev, "event");
  name.ptr = lua_tolstring(L, -1, &name.len);
  in->touched = true;
  if (slice_eq(name, SLICE("-"))) return; /* only what was typed */
  bool is_named = def_handler(k, L, in->def, name);
  if (!is_named && !def_get(k, L, in->def, "handle")) return;
  int code = lua_gettop(L);
  lua_State *co = coro_take(k->vm);
  int co_idx = lua_gettop(L);
  lua_pushvalue(L, code);
  conv_push(c, L, in->self);
  if (is_named) lua_getfield(L, ev, "payload");
  lua_pushvalue(L, ev);
  int nargs = is_named ? 3 : 2;
  lua_xmove(L, co, nargs + 1);
  char where[EVENT_NAME_MAX + 4] = "handle";
  if (is_named) {
    size_t len = name.len < EVENT_NAME_MAX ? name.len : EVENT_NAME_MAX;
    memcpy(where, "on.", 3);
    memcpy(where + 3, name.ptr, len);
    where[3 + len] = '\0';
  }
  run(k, L, co_idx, nargs, (Run){ .iid = in->iid, .where = where });
}

/* The answer is on top of L. */
static void run_resume(Kernel *k, lua_State *L, const Work *w) {
  Task *t = conv_task(k->turn.conv, w->task);
  if (!t) return;
  int value = lua_gettop(L);
  t->awaits = 0;
  conv_push(k->turn.conv, L, t->thread);
  lua_State *co = lua_tothread(L, -1);
  lua_pushboolean(L, w->ok);
  lua_pushvalue(L, value);
  lua_xmove(L, co, 2);
  run(k, L, value + 1, 2,
      (Run){ .iid = w->iid,
             .task = w->task,
             .is_body = t->is_body,
             .where = t->is_body ? "the flow" : "a handler that waited" });
}

/* --- steps; each runs in a protected call --- */

static int f_step(lua_State *L) {
  Kernel *k = kernel_of(L);
  Turn *t = &k->turn;
  Work w = pop(k, L);
  t->failed_iid = w.iid;
  if (w.kind == WORK_EFFECT) {
    if (++t->n_folded > TURN_EFFECTS_MAX)
      luaL_error(L, "over %d effects in one turn", TURN_EFFECTS_MAX);
    t->iid = w.iid;
    effect_fold(k, L, w.iid, w.task);
    return 0;
  }
  Inst *in = conv_inst(t->conv, w.iid);
  if (!in) return 0; /* what was meant for a removed instance vanishes */
  switch (w.kind) {
  case WORK_START: run_start(k, L, in); break;
  case WORK_EVENT: run_event(k, L, in); break;
  case WORK_RESUME: run_resume(k, L, &w); break;
  case WORK_EFFECT: break;
  }
  return 0;
}

/* Brings declared children in step with what the code changed. */
static int f_reconcile(lua_State *L) {
  Kernel *k = kernel_of(L);
  Conv *c = k->turn.conv;
  uint32_t last = c->next_id; /* new ones were just made */
  for (uint32_t i = 0; i < c->n_insts && c->insts[i]->iid <= last; i++) {
    Inst *in = c->insts[i];
    if (!in->touched) continue;
    k->turn.failed_iid = in->iid;
    uint32_t iid = in->iid;
    instance_reconcile(k, L, in);
    while (i < c->n_insts && c->insts[i]->iid < iid) i++;
    if (i >= c->n_insts || c->insts[i]->iid != iid) i--;
  }
  return 0;
}

static int f_draw(lua_State *L) {
  Kernel *k = kernel_of(L);
  if (k->turn.drawing_page)
    draw_page(k, L, lua_touserdata(L, 1));
  else
    draw_changes(k, L);
  return 0;
}

static bool protect(Kernel *k, lua_CFunction f, void *arg, const char *where) {
  lua_State *L = vm_lua(k->vm);
  lua_pushcfunction(L, f);
  lua_pushlightuserdata(L, arg);
  if (vm_call(L, 1, 0) == LUA_OK) return true;
  turn_fail(k, L, k->turn.failed_iid, where, vm_traceback(k->vm));
  return false;
}

static bool settle(Kernel *k) {
  Turn *t = &k->turn;
  for (;;) {
    while (t->n_work && !t->failed)
      if (!protect(k, f_step, NULL, "an effect")) break;
    if (t->failed) return false;
    if (t->finished) return true;
    if (!protect(k, f_reconcile, NULL, "children")) return false;
    if (!t->n_work) return true;
  }
}

/* Draws what changed, or the whole page into `page`. */
static bool draw(Kernel *k, Buf *page) {
  Turn *t = &k->turn;
  t->drawing_page = page != NULL;
  bool ok = protect(k, f_draw, page, "render");
  t->drawing_page = false;
  return ok;
}

static void measure(Kernel *k) {
  Turn *t = &k->turn;
  BudgetUse use;
  Doom doom = budget_doom(k->vm);
  if (doom && !t->failed) { /* swallowed by the app, and failed all the same */
    lua_pushnil(vm_lua(k->vm));
    turn_fail(k, vm_lua(k->vm), t->failed_iid, "the turn", (Slice){ 0 });
  }
  budget_stop(k->vm, &use);
  k->stats.turns++;
  if (t->failed) k->stats.failed_turns++;
  if (use.cpu_ns / 1000000 < k->config.cpu_warn_ms || doom) return;
  char ms[24];
  int n = snprintf(ms, sizeof ms, "%u", (unsigned)(use.cpu_ns / 1000000));
  log_with(k->config.log, LOG_WARN, "a slow turn",
           { "conversation", slice_str(t->conv->cid) },
           { "cpu_ms", slice(ms, (size_t)n) });
}

/* --- after the turn --- */

/* Moves the turn's pieces into the conversation's outbox: drawings first, then
 * what effects asked for (`explicit` of them), in the order they were called.
 */
static void fill_outbox(Kernel *k, uint32_t explicit) {
  Turn *t = &k->turn;
  Buf *out = &t->conv->outbox;
  for (uint32_t i = 0; i < t->n_pieces; i++) {
    const Piece *p = &t->pieces[(i + explicit) % t->n_pieces];
    buf_byte(out, (char)p->kind);
    buf_byte(out, (char)p->mode);
    buf_block(out, slice(t->bytes.ptr + p->selector, p->n_selector));
    buf_block(out, slice(t->bytes.ptr + p->body, p->n_body));
  }
}

static void release(Conv *c) {
  Kernel *k = c->kernel;
  Fragment batch[16];
  size_t n = 0;
  Slice in = buf_view(&c->outbox);
  while (in.len) {
    Fragment *f = &batch[n++];
    f->kind = (FragmentKind)in.ptr[0];
    f->mode = (PatchMode)in.ptr[1];
    in = slice(in.ptr + 2, in.len - 2);
    Err e = take_block(&in, &f->selector);
    if (!e) e = take_block(&in, &f->body);
    ASSERT(!e);
    if (n < countof(batch) && in.len) continue;
    c->fragment += (uint32_t)n;
    k->ports.release(k->ports.ud, c, c->turn, batch, n);
    n = 0;
  }
  buf_free(&c->outbox);
}

static void record_answer(Conv *c, const Event *ev, Err result) {
  if (!ev || !ev->page[0]) return;
  Answer *a = NULL;
  for (uint32_t i = 0; i < c->n_answers && !a; i++)
    if (strcmp(c->answers[i].page, ev->page) == 0) a = &c->answers[i];
  if (!a && c->n_answers < EVENT_PAGES_MAX) {
    a = &c->answers[c->n_answers++];
  } else { /* newest last; a ninth page drops the page that was quiet longest */
    if (!a) a = &c->answers[0];
    memmove(a, a + 1,
            (size_t)(c->answers + c->n_answers - (a + 1)) * sizeof *a);
    a = &c->answers[c->n_answers - 1];
  }
  memcpy(a->page, ev->page, sizeof a->page);
  a->number = ev->number;
  a->result = result;
}

/* Was this event answered before? Numbers below the last were, somehow. */
static bool find_answer(const Conv *c, const Event *ev, Err *result) {
  if (!ev->page[0]) return false;
  for (uint32_t i = 0; i < c->n_answers; i++) {
    const Answer *a = &c->answers[i];
    if (strcmp(a->page, ev->page) != 0 || ev->number > a->number) continue;
    *result = ev->number == a->number ? a->result : OK;
    return true;
  }
  return false;
}

static void run_event_turn(Kernel *k, Conv *c, Event *ev);

static void drain_queue(Kernel *k, Conv *c) {
  while (c->first && !c->busy) {
    Event *ev = c->first;
    c->first = ev->next;
    if (!c->first) c->last = NULL;
    c->n_waiting--;
    if (c->ended)
      ev->answer(ev, ERR_GONE);
    else
      run_event_turn(k, c, ev);
  }
}

static void bury(Kernel *k, Conv *c) {
  drain_queue(k, c);
  k->ports.ended(k->ports.ud, c);
  conv_unlist(k, c);
  conv_free(c);
}

static void on_committed(void *ud, Err e) {
  Conv *c = ud;
  Kernel *k = c->kernel;
  Event *ev = c->running;
  c->running = NULL;
  c->busy = false;
  if (e) {
    /* What ran is not kept, so it did not happen: back to what is. */
    log_with(k->config.log, LOG_ERROR, "a commit failed",
             { "conversation", slice_str(c->cid) },
             { "error", slice_str(err_words(e)) });
    blob_drop(c->pending);
    c->pending = NULL;
    c->ended = false;
    buf_free(&c->outbox);
    if (image_restore(k, c, blob_view(c->head), true)) c->ended = true;
    distrust_pages(c);
  } else {
    c->revision++;
    blob_drop(c->head);
    c->head = c->pending;
    c->pending = NULL;
    release(c);
  }
  if (ev) ev->answer(ev, e ? ERR_UNAVAILABLE : ev->result);
  if (c->ended)
    bury(k, c);
  else
    drain_queue(k, c);
}

static void commit(Kernel *k, Conv *c, Blob *head) {
  StoreItem item = { .expected = c->revision, .head = head };
  bool ok = cid_raw(slice_str(c->cid), item.key);
  ASSERT(ok);
  blob_drop(c->pending);
  c->pending = head;
  c->busy = true;
  store_commit(k->store, &item, on_committed, c);
}

/* Puts the conversation back and shows what happened in the failing instance's
 * place, or on the top frame when that is not on the page (S8). */
static void put_back(Kernel *k, Conv *c) {
  Turn *t = &k->turn;
  clear_work(k);
  t->n_pieces = 0;
  buf_clear(&t->bytes);
  if (image_restore(k, c, blob_view(c->head), false)) {
    c->ended = true;
    return;
  }
  distrust_pages(c);
  const Inst *in = conv_inst(c, t->failed_iid);
  while (in && !in->on_page) in = conv_inst(c, in->parent);
  if (!in) in = conv_inst(c, c->painted);
  if (!in) in = conv_inst(c, c->top);
  if (!in) return;
  Buf html = { 0 };
  draw_banner(k, c, in, &html);
  if (in->on_page)
    turn_piece(k, FRAG_ELEMENTS, PATCH_OUTER, (Slice){ 0 }, buf_view(&html));
  else
    turn_piece(k, FRAG_ELEMENTS, PATCH_INNER, SLICE("#root"), buf_view(&html));
  buf_free(&html);
}

/* Ends the turn: state to bytes, bytes to the store. */
static void conclude(Kernel *k, Conv *c, Event *ev, uint32_t explicit) {
  Turn *t = &k->turn;
  Blob *head = NULL;
  measure(k);
  if (!t->failed && !t->finished) {
    record_answer(c, ev, OK);
    Err e = image_encode(k, c, &head);
    if (e) turn_fail(k, vm_lua(k->vm), t->iid, "saving", (Slice){ 0 });
  }
  if (t->failed) {
    put_back(k, c);
    explicit = t->n_pieces;
    record_answer(c, ev, ERR_APP);
    if (!c->ended && image_encode(k, c, &head)) {
      lua_pop(vm_lua(k->vm), 1);
      c->ended =
          true; /* what was saved cannot be saved: nothing is left of it */
    }
  }
  if (t->finished && !t->failed) {
    turn_piece(k, FRAG_CLOSE, PATCH_OUTER, (Slice){ 0 }, (Slice){ 0 });
    explicit = 0;
    c->ended = true;
  }
  fill_outbox(k, explicit);
  for (uint32_t i = 0; i < c->n_insts; i++) c->insts[i]->touched = false;
  if (ev) ev->result = t->failed ? ERR_APP : OK;
  c->running = ev;
  k->in_turn = false;
  commit(k, c, c->ended ? NULL : head);
}

/* --- events --- */

typedef struct Arrival {
  Event *ev;
  uint32_t iid;
  Err refused;
} Arrival;

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

static void draw_now(Kernel *k, Conv *c, Event *ev) {
  begin(k, c);
  budget_start(k->vm, &k->config.budget);
  Err result = draw(k, ev->draw) ? OK : ERR_APP;
  measure(k);
  distrust_pages(c);
  if (result && conv_inst(c, c->top)) {
    buf_clear(ev->draw);
    draw_banner(k, c, conv_inst(c, c->top), ev->draw);
  }
  k->in_turn = false;
  ev->answer(ev, result);
}

static void run_event_turn(Kernel *k, Conv *c, Event *ev) {
  Err before;
  if (find_answer(c, ev, &before)) {
    ev->answer(ev, before);
    return;
  }
  if (conv_wake(k, c)) {
    ev->answer(ev, ERR_GONE);
    return;
  }
  if (ev->draw) {
    draw_now(k, c, ev);
    return;
  }
  uint32_t iid = ev->iid ? ev->iid : c->top;
  Inst *in = conv_inst(c, iid);
  if (!in) { /* a stale tab's click on something long gone */
    ev->answer(ev, OK);
    return;
  }
  conv_unprovision(k, c);
  begin(k, c);
  k->turn.failed_iid = iid;
  budget_start(k->vm, &k->config.budget);
  Arrival a = { .ev = ev, .iid = iid };
  uint32_t explicit = 0;
  bool arrived = protect(k, f_arrive, &a, "the event");
  if (a.refused) {
    budget_stop(k->vm, NULL);
    k->in_turn = false;
    ev->answer(ev, a.refused);
    return;
  }
  c->turn++;
  c->fragment = 0;
  if (arrived && settle(k)) {
    explicit = k->turn.n_pieces;
    if (!k->turn.finished) draw(k, NULL);
  }
  conclude(k, c, ev, explicit);
}

void kernel_post(Kernel *k, Conv *c, Event *ev) {
  ev->next = NULL;
  if (c->ended) {
    ev->answer(ev, ERR_GONE);
  } else if (!c->busy) {
    run_event_turn(k, c, ev);
  } else if (c->n_waiting >= EVENT_QUEUE_MAX) {
    ev->answer(ev, ERR_TOO_MANY);
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
  instance_place(c, in, &c->top);
  instance_start(k, in);
  return 0;
}

bool turn_boot(Kernel *k, Conv *c, int embed, Buf *page, bool *ended) {
  lua_State *L = vm_lua(k->vm);
  embed = lua_absindex(L, embed);
  c->turn = 1;
  begin(k, c);
  budget_start(k->vm, &k->config.budget);
  lua_pushcfunction(L, f_boot);
  lua_pushnil(L);
  lua_pushvalue(L, embed);
  if (vm_call(L, 2, 0) != LUA_OK)
    turn_fail(k, L, k->turn.failed_iid, "boot", vm_traceback(k->vm));
  else if (settle(k) && !k->turn.finished && draw(k, page) &&
           image_encode(k, c, &c->head))
    turn_fail(k, L, k->turn.iid, "saving", (Slice){ 0 });
  measure(k);
  bool ok = !k->turn.failed;
  *ended = k->turn.finished;
  if (ok) {
    fill_outbox(k, k->turn.n_pieces);
    for (uint32_t i = 0; i < c->n_insts; i++) c->insts[i]->touched = false;
  } else {
    clear_work(k);
    buf_clear(page);
    draw_banner(k, c, NULL, page);
  }
  k->in_turn = false;
  if (ok && !*ended) release(c);
  return ok;
}

void kernel_promote(Kernel *k, Conv *c) {
  if (!c->provisional || c->busy || c->ended) return;
  conv_unprovision(k, c);
  commit(k, c, blob_hold(c->head));
}
