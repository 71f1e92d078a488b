#include "kernel/deed.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "kernel/state.h"
#include "kernel/view.h"

/* --- posting --- */

/* An event that code has made, until it is answered. */
typedef struct Posted {
  Event ev;
  Kernel *kernel;
  char *name, *to;
  Blob *parts; /* { value, signals, form } as plain data, or NULL */
  uint32_t n_turns;
  Buf why;    /* of a refusal */
  int ticket; /* the table that is told, or LUA_NOREF */
  bool answered, forgotten;
} Posted;

static void posted_free(Posted *p) {
  luaL_unref(vm_lua(p->kernel->vm), LUA_REGISTRYINDEX, p->ticket);
  blob_drop(p->parts);
  buf_free(&p->why);
  free(p->name);
  free(p->to);
  free(p);
}

/* Pushes true; or nil, and why not. */
static int push_result(lua_State *L, const Kernel *k, const Posted *p,
                       Err result) {
  if (!result) {
    lua_pushboolean(L, 1);
    return 1;
  }
  lua_pushnil(L);
  if (p->why.len)
    lua_pushlstring(L, p->why.ptr, p->why.len);
  else if (result == ERR_CONFLICT)
    lua_pushliteral(L, "that turn is not kept");
  else if (result == ERR_APP && k->turn.error.len)
    lua_pushlstring(L, k->turn.error.ptr, k->turn.error.len);
  else
    lua_pushstring(L, err_words(result));
  return 2;
}

/* ticket.done, and .ok or .why. */
static void fill_ticket(lua_State *L, const Posted *p, Err result) {
  luaL_checkstack(L, 6, "a ticket");
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->ticket);
  lua_pushboolean(L, 1);
  lua_setfield(L, -2, "done");
  lua_pushboolean(L, !result);
  lua_setfield(L, -2, "ok");
  if (push_result(L, p->kernel, p, result) == 2) {
    if (lua_getfield(L, -3, "why") == LUA_TNIL) {
      lua_pop(L, 1);
      lua_setfield(L, -3, "why");
    } else {
      lua_pop(L, 2); /* that of its turn says more */
    }
  }
  lua_pop(L, 2);
}

static void on_answer(Event *ev, Err result) {
  Posted *p = (Posted *)ev;
  p->answered = true;
  ev->result = result;
  if (p->ticket != LUA_NOREF) fill_ticket(vm_lua(p->kernel->vm), p, result);
  if (p->forgotten) posted_free(p);
}

static Posted *posted_new(Kernel *k) {
  Posted *p = xcalloc(1, sizeof *p);
  p->kernel = k;
  p->ev.answer = on_answer;
  p->ticket = LUA_NOREF;
  return p;
}

/* The conversation of the id at 1. Raises inside a turn, and when it is gone.
 */
static Conv *deed_conv(lua_State *L, Kernel *k, const char *of) {
  Slice cid = view_cid(L, 1);
  if (k->in_turn)
    luaL_error(L,
               slice_is(cid, k->turn.conv->cid)
                   ? "a turn cannot wait for another one of its own "
                     "conversation: use s.%s"
                   : "%s of another conversation cannot be used inside a turn",
               of);
  Conv *c = kernel_find(k, cid);
  if (!c || conv_ended(c))
    luaL_error(L, "the conversation %s is gone", cid.ptr);
  return c;
}

/* Posts it. What its turn came to, as far as that is known: one that waits
 * behind another counts as done. Its commit is still under way. */
static Err post(Kernel *k, Conv *c, Posted *p) {
  if (conv_stops(c) && !p->ev.deed)
    buf_printf(&p->why, "it is stopped%s%s",
               c->stopped && c->stopped[0] ? ": " : "",
               c->stopped ? c->stopped : "");
  kernel_post(k, c, &p->ev);
  if (p->answered) return p->ev.result;
  return c->running == &p->ev ? p->ev.result : OK;
}

/* The same, for Lua. */
static int post_and_tell(lua_State *L, Kernel *k, Conv *c, Posted *p) {
  Err result = post(k, c, p);
  int n = push_result(L, k, p, result);
  p->forgotten = true;
  if (p->answered) posted_free(p);
  return n;
}

/* --- events --- */

/* Sets `path` of the table at `into` to the value on top of L, popped; inner
 * tables are made on the way. */
static void put_signal(lua_State *L, int own, int shared) {
  Slice name;
  name.ptr = lua_tolstring(L, -2, &name.len);
  bool is_shared = name.len && name.ptr[0] == '$';
  lua_pushvalue(L, -1);
  field_set(L, is_shared ? shared : own,
            is_shared ? slice(name.ptr + 1, name.len - 1) : name);
}

/* Pushes signals as a page would post them: those of the instance in a table of
 * its own. The given ones, by name, are on top of L, and replaced. */
static void spread_signals(lua_State *L, uint32_t iid) {
  char space[16];
  int given = lua_gettop(L);
  snprintf(space, sizeof space, "ix%u", iid);
  lua_newtable(L);
  lua_newtable(L);
  for (lua_pushnil(L); lua_next(L, given); lua_pop(L, 1))
    put_signal(L, given + 2, given + 1);
  lua_setfield(L, given + 1, space);
  lua_remove(L, given);
}

/* Has the instance such an event? Else the words are in `why`. */
static bool has_event(Kernel *k, lua_State *L, const Def *def, Posted *p) {
  Slice name = p->ev.name;
  if (slice_eq(name, SLICE("-"))) return true;
  bool has = def_handler(k, L, def, name);
  lua_pop(L, 1);
  if (!has) {
    has = def_get(k, L, def, "handle");
    lua_pop(L, 1);
  }
  if (has) return true;
  buf_printf(&p->why, "\"%s\" has no event \"%s\"", def->id, p->name);
  def_get(k, L, def, "on");
  nearest_key(L, -1, name, &p->why);
  lua_pop(L, 1);
  return false;
}

/* The port of Event: value, signals, form. */
static Err push_parts(Event *ev, lua_State *L) {
  Posted *p = (Posted *)ev;
  Kernel *k = p->kernel;
  const Inst *in = conv_inst(k->turn.conv, k->turn.failed_iid);
  if (!has_event(k, L, in->def, p)) return ERR_NOT_FOUND;
  if (!p->parts) {
    lua_settop(L, lua_gettop(L) + 3);
    return OK;
  }
  message_push(k, L, p->parts);
  int parts = lua_gettop(L);
  lua_getfield(L, parts, "value");
  if (lua_getfield(L, parts, "signals") == LUA_TTABLE)
    spread_signals(L, in->iid);
  lua_getfield(L, parts, "form");
  lua_remove(L, parts);
  return OK;
}

static void refuse_event(lua_State *L) {
  luaL_error(L,
             "an event is \"name\" or { \"name\", value, signals = {}, form "
             "= {}, to = \"ix-3\" }, not a %s",
             luaL_typename(L, 2));
}

static void check_table(lua_State *L, int table, const char *field) {
  int type = lua_getfield(L, table, field);
  if (type != LUA_TNIL && type != LUA_TTABLE)
    luaL_error(L, "an event's %s are a table, not a %s", field,
               lua_typename(L, type));
  lua_setfield(L, -2, field);
}

/* Signals have names that can be fields. */
static void check_signals(lua_State *L, int table) {
  if (lua_getfield(L, table, "signals") != LUA_TTABLE) {
    lua_pop(L, 1);
    return;
  }
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    Slice name = { 0 };
    if (lua_type(L, -2) == LUA_TSTRING)
      name.ptr = lua_tolstring(L, -2, &name.len);
    field_check_name(L, name, "the signal");
  }
  lua_pop(L, 1);
}

/* Reads the event at 2. Raises, in the name of its caller. */
static Posted *read_event(lua_State *L, Kernel *k) {
  const char *to = "";
  lua_settop(L, 2);
  if (lua_type(L, 2) == LUA_TSTRING) {
    lua_pushvalue(L, 2);
    lua_pushnil(L);
  } else if (lua_istable(L, 2) && lua_rawgeti(L, 2, 1) == LUA_TSTRING) {
    lua_createtable(L, 0, 3);
    lua_rawgeti(L, 2, 2);
    lua_setfield(L, -2, "value");
    lua_getfield(L, 2, "signals");
    lua_setfield(L, -2, "signals");
    check_table(L, 4, "signals");
    check_signals(L, 4);
    lua_getfield(L, 2, "form");
    lua_setfield(L, -2, "form");
    check_table(L, 4, "form");
    if (lua_getfield(L, 2, "to") != LUA_TNIL) to = luaL_checkstring(L, -1);
    lua_settop(L, 5); /* keeps `to` where it is */
  } else {
    refuse_event(L);
  }
  const char *name = effect_event_name(L, 3, "send");
  Blob *parts = lua_isnil(L, 4) ? NULL
                                : plain_new(k, L, 4, "send", "the event",
                                            HTTP_EVENT_BODY_MAX);
  Posted *p = posted_new(k);
  p->parts = parts;
  p->name = xstrdup(name);
  p->to = xstrdup(to);
  p->ev.name = slice_str(p->name);
  p->ev.to = p->to;
  p->ev.push = push_parts;
  return p;
}

int deed_f_send(lua_State *L) {
  Kernel *k = view_kernel(L);
  Conv *c = deed_conv(L, k, "send");
  return post_and_tell(L, k, c, read_event(L, k));
}

/* The turn has its number when this returns; what it comes to is in the ticket
 * once it is kept. */
int deed_f_send_async(lua_State *L) {
  Kernel *k = view_kernel(L);
  Conv *c = deed_conv(L, k, "send_async");
  Posted *p = read_event(L, k);
  lua_createtable(L, 0, 4);
  int ticket = lua_gettop(L);
  lua_pushboolean(L, 0);
  lua_setfield(L, ticket, "done");
  lua_pushvalue(L, ticket);
  p->ticket = luaL_ref(L, LUA_REGISTRYINDEX);
  Err result = post(k, c, p);
  if (!p->answered && c->running == &p->ev) {
    lua_pushinteger(L, (lua_Integer)c->turn);
    lua_setfield(L, ticket, "turn");
    if (result && push_result(L, k, p, result) == 2) {
      lua_setfield(L, ticket, "why");
      lua_pop(L, 1);
    }
  }
  p->forgotten = true;
  if (p->answered) posted_free(p);
  lua_settop(L, ticket);
  return 1;
}

/* --- turns that are done to it --- */

int deed_f_back(lua_State *L) {
  Kernel *k = view_kernel(L);
  uint64_t turn = view_turn(L, 2);
  Conv *c = deed_conv(L, k, "back");
  Posted *p = posted_new(k);
  p->ev.is_back = true;
  p->ev.to_turn = turn;
  return post_and_tell(L, k, c, p);
}

static int f_begin_compact(lua_State *L) {
  Kernel *k = kernel_of(L);
  const Arrival *a = lua_touserdata(L, 1);
  k->turn.compacts = k->turn.must_save = true;
  k->turn.keeps = ((const Posted *)a->ev)->n_turns;
  return 0;
}

static int f_begin_finish(lua_State *L) {
  Kernel *k = kernel_of(L);
  k->turn.from_outside = true;
  effect_finish(k, L);
  return 0;
}

static const EventDeed compacting = { "compact", f_begin_compact };
static const EventDeed finishing = { "finish", f_begin_finish };

int deed_f_compact(lua_State *L) {
  Kernel *k = view_kernel(L);
  int is_number = 1;
  lua_Integer n = lua_isnoneornil(L, 2) ? 0 : lua_tointegerx(L, 2, &is_number);
  if (!is_number || lua_type(L, 2) == LUA_TSTRING || n < 0 ||
      n > HISTORY_TURNS_MAX)
    luaL_error(L, "compact wants a number of turns, %d at most",
               HISTORY_TURNS_MAX);
  Conv *c = deed_conv(L, k, "compact");
  Posted *p = posted_new(k);
  p->ev.deed = &compacting;
  p->n_turns = (uint32_t)n;
  return post_and_tell(L, k, c, p);
}

int deed_f_finish(lua_State *L) {
  Kernel *k = view_kernel(L);
  Conv *c = deed_conv(L, k, "finish");
  Posted *p = posted_new(k);
  p->ev.deed = &finishing;
  return post_and_tell(L, k, c, p);
}

/* --- without a turn --- */

int deed_f_stop(lua_State *L) {
  Kernel *k = view_kernel(L);
  Slice why = { 0 };
  Conv *c = deed_conv(L, k, "stop");
  if (!lua_isnoneornil(L, 2)) why.ptr = luaL_checklstring(L, 2, &why.len);
  if (why.len > STOP_WORDS_MAX || (why.ptr && strlen(why.ptr) != why.len))
    luaL_error(L, "stop: the reason has %d bytes at most, and no zero byte",
               STOP_WORDS_MAX);
  conv_stop(k, c, why);
  lua_pushboolean(L, 1);
  return 1;
}

static int tell(lua_State *L, const char *why) {
  if (!why) {
    lua_pushboolean(L, 1);
    return 1;
  }
  lua_pushnil(L);
  lua_pushstring(L, why);
  return 2;
}

int deed_f_resume(lua_State *L) {
  Kernel *k = view_kernel(L);
  Conv *c = deed_conv(L, k, "resume");
  return tell(L,
              conv_resume(k, c) ? "it cannot be read as things stand" : NULL);
}

int deed_f_close(lua_State *L) {
  Kernel *k = view_kernel(L);
  Slice cid = view_cid(L, 1);
  Conv *c = deed_conv(L, k, "close");
  if (c->provisional) return tell(L, "nobody has come to it yet");
  if (c->busy || c->later.is_unsaved)
    return tell(L, "what it did is just being kept");
  if (c->is_followed) return tell(L, "a page of it is open");
  conv_sleep(k, c);
  conv_unload(k, c);
  c = kernel_known(k, cid);
  if (!c || c->busy) return tell(L, NULL); /* it goes when that is kept */
  return tell(L, "it has something to do just now");
}
