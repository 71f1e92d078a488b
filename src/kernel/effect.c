/* Effects: one function each, and the table that is their language. An effect
 * is a plain table {op, ...}; folding runs inside a protected call, so a
 * function here may raise half-way: the turn fails and the conversation is put
 * back. */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "kernel/state.h"
#include "kernel/visitor.h"

typedef void (*FoldFunction)(Kernel *k, lua_State *L, Origin o, int effect);
typedef void (*CheckFunction)(Kernel *k, lua_State *L, const Inst *in,
                              int first);

/* --- appending --- */

void effect_append(Kernel *k, lua_State *L) {
  if (k->turn.no_effects)
    luaL_error(L, "effects cannot be used in %s", k->turn.no_effects);
  if (k->turn.n_effects >= TURN_EFFECTS_MAX)
    luaL_error(L, "over %d effects in one turn", TURN_EFFECTS_MAX);
  lua_rawgeti(L, LUA_REGISTRYINDEX, k->effects_ref);
  lua_insert(L, -2);
  lua_rawseti(L, -2, ++k->turn.n_effects);
  lua_pop(L, 1);
}

static bool is_effect(lua_State *L, int idx) {
  if (!lua_istable(L, idx)) return false;
  bool is = lua_rawgeti(L, idx, 1) == LUA_TSTRING &&
            effect_known(lua_tostring(L, -1));
  lua_pop(L, 1);
  return is;
}

static void refuse_returned(lua_State *L, int idx, const char *where) {
  if (lua_istable(L, idx) && lua_getfield(L, idx, "type") == LUA_TSTRING)
    luaL_error(L,
               "%s returned an embed: did you mean s.await(...) or "
               "s.call(...)?",
               where);
  if (lua_istable(L, idx) && lua_rawgeti(L, idx, 1) == LUA_TSTRING)
    luaL_error(L,
               "%s returned a table that starts with \"%s\", which is no "
               "effect; change self in place, and return nothing",
               where, lua_tostring(L, -1));
  luaL_error(L,
             "%s returned a %s; a handler changes self in place and returns "
             "nothing, or effects as data",
             where, luaL_typename(L, idx));
}

void effect_returned(Kernel *k, lua_State *L, int idx, const char *where) {
  idx = lua_absindex(L, idx);
  if (lua_isnil(L, idx)) return;
  if (is_effect(L, idx)) {
    lua_pushvalue(L, idx);
    effect_append(k, L);
    return;
  }
  if (!lua_istable(L, idx)) refuse_returned(L, idx, where);
  lua_Integer n = (lua_Integer)lua_rawlen(L, idx);
  if (n == 0 && (lua_pushnil(L), lua_next(L, idx)))
    refuse_returned(L, idx, where);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, idx, i);
    if (!is_effect(L, -1))
      refuse_returned(L, lua_istable(L, -1) ? lua_gettop(L) : idx, where);
    effect_append(k, L);
  }
}

/* --- what they share --- */

int effect_args(lua_State *L, int effect, int n) {
  for (int i = 0; i < n; i++) lua_rawgeti(L, effect, i + 2);
  return lua_gettop(L) - n + 1;
}

const char *effect_event_name(lua_State *L, int idx, const char *of) {
  size_t len;
  if (lua_type(L, idx) != LUA_TSTRING)
    luaL_error(L, "%s: an event's name must be a string, not a %s", of,
               luaL_typename(L, idx));
  const char *name = lua_tolstring(L, idx, &len);
  if (len == 0 || len > EVENT_NAME_MAX)
    luaL_error(L, "%s: an event's name has 1 to %d bytes", of, EVENT_NAME_MAX);
  return name;
}

void effect_check_event(Kernel *k, lua_State *L, const Inst *in, int idx,
                        const char *of) {
  const char *name = effect_event_name(L, idx, of);
  lua_pushfstring(L, "%s: ", of);
  def_check_event(k, L, in->def, slice_str(name), lua_tostring(L, -1));
  lua_pop(L, 1);
}

void effect_push_event(lua_State *L, const char *name, int payload,
                       const char *slot, const char *key, uint32_t from) {
  payload = lua_absindex(L, payload);
  lua_createtable(L, 0, 5);
  lua_pushstring(L, name);
  lua_setfield(L, -2, "event");
  lua_pushvalue(L, payload);
  lua_setfield(L, -2, "payload");
  if (slot) lua_pushstring(L, slot), lua_setfield(L, -2, "slot");
  if (key) lua_pushstring(L, key), lua_setfield(L, -2, "key");
  if (!from) return;
  lua_pushfstring(L, "ix-%d", (int)from);
  lua_setfield(L, -2, "from");
}

/* --- history --- */

static void check_back(Kernel *k, lua_State *L, const Inst *in, int first) {
  int is_turn;
  (void)in;
  if (lua_isnoneornil(L, first)) return;
  lua_Integer turn = lua_tointegerx(L, first, &is_turn);
  if (!is_turn)
    luaL_error(L,
               "back wants a turn's number, or nothing for one step, not a "
               "%s",
               luaL_typename(L, first));
  if (turn < 1) luaL_error(L, "back: turns are numbered from 1");
  int steps;
  if (history_find(k, k->turn.conv, (uint64_t)turn, &steps))
    luaL_error(L, "back: what stood at turn %I is not kept", turn);
}

static void fold_back(Kernel *k, lua_State *L, Origin o, int effect) {
  (void)o;
  Conv *c = k->turn.conv;
  int turn = effect_args(L, effect, 1), steps = -1;
  bool one = lua_isnil(L, turn), isolated = k->turn.isolates;
  check_back(k, L, NULL, turn);
  if (one && (isolated || !c->history.n[PAST])) return;
  lua_Integer to = lua_tointeger(L, turn);
  if (!one && (isolated || history_find(k, c, (uint64_t)to, &steps)))
    luaL_error(L, "back: what stood at turn %I is not kept", to);
  Err e = history_go(k, c, steps);
  if (e) luaL_error(L, "back: %s", err_words(e));
  k->turn.rewinds = true;
  turn_clear(k); /* what was still to do was meant for what is gone */
  upgrade_all(k, L);
}

static void fold_isolate(Kernel *k, lua_State *L, Origin o, int effect) {
  (void)L, (void)o, (void)effect;
  k->turn.isolates = k->turn.must_save = true;
}

/* --- reaching the page --- */

static PatchMode mode_named(lua_State *L, const char *name) {
  for (int i = 0; i < PATCH_MODES; i++)
    if (strcmp(patch_mode_name((PatchMode)i), name) == 0) return (PatchMode)i;
  luaL_error(L,
             "patch: mode \"%s\" is none of outer, inner, replace, prepend, "
             "append, before, after, remove",
             name);
  return PATCH_OUTER;
}

static void check_patch(Kernel *k, lua_State *L, const Inst *in, int first) {
  (void)k, (void)in;
  int opts = first + 1;
  if (lua_isnil(L, opts)) return;
  if (!lua_istable(L, opts))
    luaL_error(L, "patch: its options must be a table, not a %s",
               luaL_typename(L, opts));
  for (lua_pushnil(L); lua_next(L, opts); lua_pop(L, 1)) {
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2)
                                                      : "";
    bool is_mode = strcmp(name, "mode") == 0;
    if (!is_mode && strcmp(name, "selector") != 0)
      luaL_error(L, "patch: there is no option \"%s\" (mode, selector)",
                 luaL_tolstring(L, -2, NULL));
    if (lua_type(L, -1) != LUA_TSTRING)
      luaL_error(L, "patch: %s must be a string, not a %s", name,
                 luaL_typename(L, -1));
    if (is_mode) mode_named(L, lua_tostring(L, -1));
    if (!is_mode) effect_selector(L, lua_gettop(L), "patch");
  }
}

static void fold_patch(Kernel *k, lua_State *L, Origin o, int effect) {
  int markup = effect_args(L, effect, 2);
  PatchMode mode = PATCH_OUTER;
  Slice selector = { 0 };
  check_patch(k, L, o.in, markup);
  if (lua_istable(L, markup + 1)) {
    if (lua_getfield(L, markup + 1, "mode") != LUA_TNIL)
      mode = mode_named(L, lua_tostring(L, -1));
    if (lua_getfield(L, markup + 1, "selector") != LUA_TNIL)
      selector.ptr = lua_tolstring(L, -1, &selector.len);
  }
  buf_clear(&k->scratch);
  if (!lua_isnil(L, markup)) draw_markup(k, L, o.in, markup, &k->scratch);
  turn_piece(k, FRAG_ELEMENTS, mode, selector, buf_view(&k->scratch));
}

/* Also what cannot be JSON, which the signals then stand in `scratch` as. */
static void check_patch_signals(Kernel *k, lua_State *L, const Inst *in,
                                int first) {
  (void)in;
  if (!lua_istable(L, first))
    luaL_error(L, "patch_signals wants a table, not a %s",
               luaL_typename(L, first));
  buf_clear(&k->scratch);
  k->ports.json(L, first, "patch_signals: the signals", &k->scratch);
}

static void fold_patch_signals(Kernel *k, lua_State *L, Origin o, int effect) {
  check_patch_signals(k, L, o.in, effect_args(L, effect, 1));
  turn_piece(k, FRAG_SIGNALS, PATCH_OUTER, (Slice){ 0 }, buf_view(&k->scratch));
}

static void check_execute_script(Kernel *k, lua_State *L, const Inst *in,
                                 int first) {
  (void)k, (void)in;
  if (lua_type(L, first) != LUA_TSTRING)
    luaL_error(L, "execute_script wants JavaScript as a string, not a %s",
               luaL_typename(L, first));
}

static void fold_execute_script(Kernel *k, lua_State *L, Origin o, int effect) {
  int args = effect_args(L, effect, 1);
  Slice js;
  check_execute_script(k, L, o.in, args);
  js.ptr = lua_tolstring(L, args, &js.len);
  turn_piece(k, FRAG_SCRIPT, PATCH_OUTER, (Slice){ 0 }, js);
}

/* --- the visitor --- */

static void check_renew_session(Kernel *k, lua_State *L, const Inst *in,
                                int first) {
  (void)in, (void)first;
  visitor_check(k, L);
}

static void fold_renew_session(Kernel *k, lua_State *L, Origin o, int effect) {
  (void)o, (void)effect;
  visitor_renew(k, L);
}

/* --- the table --- */

enum {
  HOMELESS = 1, /* may be asked for by an instance that is gone by then */
  WAITS = 2,    /* ends a task's part in the turn: never data of an app's */
  LASTS = 4,    /* must be saved at once: not in a volatile timer's turn */
  MOVES = 8,    /* the visitor is somewhere else: an entry for Back (S34) */
};

/* In the flags: what the conversation must be able to do. */
#define NEEDS(can) ((int)(can) << 8)

/* KEEP IN STEP: effects (lua/stube.lua, lib.c). */
static const struct {
  const char *op;
  FoldFunction fold;
  CheckFunction check; /* of its arguments, or NULL */
  int flags;
} effects[] = {
  { "call", fold_call, check_call, MOVES },            /* cover the caller */
  { "await", fold_await, check_await, WAITS | MOVES }, /* the same, and wait */
  /* leave, give the caller a value, or an error */
  { "answer", fold_answer, NULL, LASTS | MOVES },
  { "answer_error", fold_answer_error, NULL, LASTS | MOVES },
  { "become", fold_become, check_become,
    MOVES },                                  /* take its place and caller */
  { "cancel", fold_cancel, check_cancel, 0 }, /* end what was called */
  { "finish", fold_finish, NULL, HOMELESS | LASTS },   /* end it all */
  { "back", fold_back, check_back, HOMELESS | LASTS }, /* be what one was */
  { "isolate", fold_isolate, NULL,
    HOMELESS | LASTS },                           /* no way back from here */
  { "patch", fold_patch, check_patch, HOMELESS }, /* extra elements */
  { "patch_signals", fold_patch_signals, check_patch_signals, HOMELESS },
  { "execute_script", fold_execute_script, check_execute_script,
    HOMELESS | NEEDS(CAN_SCRIPT) },
  { "history", fold_history, check_history, HOMELESS }, /* another address */
  { "scroll_to", fold_scroll_to, check_scroll_to, HOMELESS },
  { "focus", fold_focus, check_focus, HOMELESS },
  /* another token for who visits, as at a login */
  { "renew_session", fold_renew_session, check_renew_session,
    HOMELESS | LASTS },
  { "show", fold_show, check_show, 0 }, /* what a flow is meanwhile */
  { "after", fold_after, check_after, NEEDS(CAN_AFTER) }, /* an event later */
  { "sleep", fold_sleep, check_sleep, WAITS | NEEDS(CAN_AFTER) },
  { "send", fold_send, check_send, 0 }, /* an event for another instance */
  { "subscribe", fold_subscribe, check_subscribe, 0 },
  { "unsubscribe", fold_unsubscribe, check_unsubscribe, 0 },
  { "publish", fold_publish, check_publish,
    HOMELESS | LASTS | NEEDS(CAN_PUBLISH) },
  { "publish_local", fold_publish_local, check_publish_local, HOMELESS },
  { "receive", fold_receive, check_receive, WAITS },
  { "io", fold_io, NULL,
    WAITS | LASTS | NEEDS(CAN_IO) }, /* a function in a worker thread */
  { "background", fold_background, check_background,
    HOMELESS | LASTS | NEEDS(CAN_IO) },
};

static size_t effect_index(const char *op) {
  size_t i = 0;
  while (i < countof(effects) && strcmp(effects[i].op, op) != 0) i++;
  return i;
}

bool effect_known(const char *op) {
  size_t i = effect_index(op);
  return i < countof(effects) && !(effects[i].flags & WAITS);
}

static void check_may(const Kernel *k, lua_State *L, size_t i) {
  can_check(k, L, (Can)(effects[i].flags >> 8), effects[i].op);
}

static void check_lasts(const Kernel *k, lua_State *L, size_t i) {
  if (effects[i].flags & LASTS) turn_check_lasts(k, L, effects[i].op);
}

void effect_check_may(Kernel *k, lua_State *L, const char *op) {
  check_may(k, L, effect_index(op));
}

void effect_check(Kernel *k, lua_State *L, const char *op, int first) {
  size_t i = effect_index(op);
  const Inst *in = conv_inst(k->turn.conv, k->turn.iid);
  ASSERT(i < countof(effects));
  check_may(k, L, i);
  check_lasts(k, L, i);
  if (effects[i].check && in) effects[i].check(k, L, in, first);
}

void effect_fold(Kernel *k, lua_State *L, uint32_t iid, uint32_t task) {
  int effect = lua_gettop(L);
  luaL_checkstack(L, 20, "effects");
  if (lua_rawgeti(L, effect, 1) != LUA_TSTRING)
    luaL_error(L, "an effect is a table that starts with its name");
  const char *op = lua_tostring(L, -1);
  Origin o = { conv_inst(k->turn.conv, iid), task };
  size_t i = effect_index(op);
  if (i == countof(effects)) luaL_error(L, "there is no effect \"%s\"", op);
  check_may(k, L, i);
  check_lasts(k, L, i);
  journal_effect(k, L, effect);
  if (o.in && effects[i].flags & MOVES) k->turn.moves = true;
  if (o.in || effects[i].flags & HOMELESS) effects[i].fold(k, L, o, effect);
  lua_settop(L, effect - 1);
}
