/* One turn: a stack of work, run to its end.
 *
 *   event -> work -> folded, reconciled, drawn -> commit.c
 *                 |  a failure anywhere: back to the last head, a banner
 * instead
 *
 * Every step that may raise runs in one protected call (turn_protect), and
 * touches only the conversation and the turn, both of which a failure throws
 * away. */
#include <lauxlib.h>
#include <lua.h>
#include <stdatomic.h>
#include <stdlib.h>

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

void turn_begin(Kernel *k, Conv *c) {
  Turn *t = &k->turn;
  ASSERT(!k->in_turn);
  k->in_turn = true;
  t->conv = c;
  t->iid = t->task = t->failed_iid = 0;
  t->n_effects = t->n_resumes = t->n_folded = 0;
  t->n_pieces = 0;
  t->failed = t->finished = t->isolates = k->trail.went = false;
  standing_begin(k, c);
  t->may_wait = t->is_volatile = t->must_save = false;
  t->is_boot = t->is_birth = t->from_outside = t->compacts = false;
  t->cause = (Cause){ 0 };
  t->next_id = c->next_id;
  t->n_letters = c->later.n_letters;
  t->had_io = c->later.n_ios > 0;
  topics_unstage(k);
  io_unstage(k);
  atoms_begin(k);
  t->no_effects = NULL;
  coro_ban(k->vm, NULL); /* an error may have jumped past the end of a ban */
  buf_clear(&t->bytes);
  buf_clear(&t->error);
  buf_clear(&t->place);
  buf_clear(&t->trace);
  buf_clear(&t->card);
  t->is_told = false;
  journal_begin(k);
}

void turn_set_aside(Kernel *k, Aside *out) {
  *out = (Aside){ k->turn, k->in_turn, coro_banned(k->vm),
                  journal_set_aside(k) };
  k->turn = (Turn){ 0 };
  k->in_turn = false;
}

void turn_free(Turn *t) {
  free(t->calls);
  free(t->changes);
  free(t->staged);
  free(t->work);
  free(t->pieces);
  free(t->rows);
  buf_free(&t->bytes);
  buf_free(&t->error);
  buf_free(&t->place);
  buf_free(&t->trace);
  buf_free(&t->card);
  buf_free(&t->asked);
  buf_free(&t->told);
}

void turn_take_up(Kernel *k, const Aside *aside) {
  field_forget(k, vm_lua(k->vm));
  turn_free(&k->turn);
  k->turn = aside->turn;
  k->in_turn = aside->in_turn;
  journal_take_up(k, aside->journal);
  coro_ban(k->vm, aside->ban);
}

/* Forgets what a failure left behind. */
void turn_clear(Kernel *k) {
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

void turn_blame(Kernel *k, const Inst *in) {
  k->turn.failed_iid = in->iid;
  atomic_store_explicit(&k->blamed, in->def->id, memory_order_release);
}

const char *kernel_blamed(const Kernel *k) {
  return atomic_load_explicit(&k->blamed, memory_order_acquire);
}

void turn_check_lasts(const Kernel *k, lua_State *L, const char *of) {
  if (k->turn.is_volatile)
    luaL_error(L,
               "%s: the turn of a volatile timer may be lost, so it can only "
               "change state",
               of);
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
    lua_pushstring(L, words);
    lua_replace(L, -2);
    failure_keep(L, -1);
  } else {
    failure_keep(L, -1);
    vm_push_error_text(L, -1);
    const char *text = lua_tolstring(L, -1, &len);
    buf_put(&t->error, text, len);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  const Inst *in = conv_inst(t->conv, iid);
  t->failed_def = in ? in->def : NULL;
  snprintf(t->failed_where, sizeof t->failed_where, "%s", where);
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
  turn_blame(k, in);
  switch (w.kind) {
  case WORK_START: run_start(k, L, in); break;
  case WORK_WAKEUP: run_wakeup(k, L, in); break;
  case WORK_EVENT: run_event(k, L, in); break;
  case WORK_UPDATE: run_update(k, L, in); break;
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
    if (!in->asks) continue;
    in->asks = false;
    turn_blame(k, in);
    uint32_t iid = in->iid;
    children_reconcile(k, L, in);
    while (i < c->n_insts && c->insts[i]->iid < iid) i++;
    if (i >= c->n_insts || c->insts[i]->iid != iid) i--;
  }
  return 0;
}

/* Atoms that were read have changed. */
static int f_touch(lua_State *L) {
  Kernel *k = kernel_of(L);
  luaL_checkstack(L, 12, "atoms");
  atoms_touch(k, L, k->turn.conv);
  return 0;
}

static bool must_reconcile(const Conv *c) {
  for (uint32_t i = 0; i < c->n_insts; i++)
    if (c->insts[i]->asks && c->insts[i]->def->has_children) return true;
  return false;
}

static int f_draw(lua_State *L) {
  Kernel *k = kernel_of(L);
  if (k->turn.drawing_page)
    draw_page(k, L, lua_touserdata(L, 1));
  else
    draw_changes(k, L);
  return 0;
}

bool turn_protect(Kernel *k, lua_CFunction f, void *arg, const char *where) {
  lua_State *L = vm_lua(k->vm);
  lua_pushcfunction(L, f);
  lua_pushlightuserdata(L, arg);
  if (vm_call(L, 1, 0) == LUA_OK) return true;
  turn_fail(k, L, k->turn.failed_iid, where, vm_traceback(k->vm));
  return false;
}

bool turn_settle(Kernel *k) {
  Turn *t = &k->turn;
  for (;;) {
    while (t->n_work && !t->failed)
      if (!turn_protect(k, f_step, NULL, "an effect")) break;
    if (t->failed) return false;
    if (t->finished) return standing_project(k);
    if (t->conv->n_interests &&
        !turn_protect(k, f_touch, NULL, "an atom's change"))
      return false;
    if (must_reconcile(t->conv) &&
        !turn_protect(k, f_reconcile, NULL, "children"))
      return false;
    if (!t->n_work) return standing_project(k);
  }
}

/* Draws what changed, or the whole page into `page`. */
bool turn_draw(Kernel *k, Buf *page) {
  Turn *t = &k->turn;
  t->drawing_page = page != NULL;
  bool ok = turn_protect(k, f_draw, page, "render");
  t->drawing_page = false;
  return ok;
}

void turn_measure(Kernel *k) {
  shared_look(k);
  Turn *t = &k->turn;
  BudgetUse use;
  Doom doom = budget_doom(k->vm);
  if (doom) gate_doomed(k, t->conv);
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
