/* What Lua may call: `stube.kernel`, on which lua/stube.lua builds the public
 * API. */
#include <lauxlib.h>
#include <lua.h>

#include "html/html.h"
#include "kernel/origin.h"
#include "kernel/state.h"
#include "lua/coro.h"
#include "lua/loader.h"

static Kernel *in_conversation(lua_State *L, const char *name) {
  Kernel *k = kernel_of(L);
  if (k && k->in_turn) return k;
  const char *where = coro_banned(vm_of(L));
  if (where)
    luaL_error(L,
               "%s works inside a conversation only (in a handler, a hook or "
               "a flow), not in %s",
               name, where);
  luaL_error(L,
             "%s works inside a conversation only: in a handler, a hook or a "
             "flow",
             name);
  return NULL;
}

/* --- definitions --- */

/* define(id, definition): registers it, for live instances too. */
static int f_define(lua_State *L) {
  Slice id;
  id.ptr = luaL_checklstring(L, 1, &id.len);
  luaL_checktype(L, 2, LUA_TTABLE);
  Kernel *k = kernel_of(L);
  lua_State *main = vm_lua(k->vm);
  if (loader_is_reviving(k->vm)) {
    const Def *def = def_find(k, id);
    code_define_old(k, L, id, 2);
    if (def && !def->is_old) return 0;
  }
  if (L != main) {
    lua_pushvalue(L, 2);
    lua_xmove(L, main, 1);
    def_set(k, id, lua_gettop(main));
    lua_pop(main, 1);
  } else {
    def_set(k, id, 2);
  }
  return 0;
}

/* reviving() -> is this code of the past, run once more? */
static int f_reviving(lua_State *L) {
  lua_pushboolean(L, loader_is_reviving(vm_of(L)));
  return 1;
}

/* definition(id) -> its table, or nil. */
static int f_definition(lua_State *L) {
  Slice id;
  id.ptr = luaL_checklstring(L, 1, &id.len);
  Kernel *k = kernel_of(L);
  const Def *def = def_find(k, id);
  if (def)
    lua_rawgeti(L, LUA_REGISTRYINDEX, def->ref);
  else
    lua_pushnil(L);
  return 1;
}

/* definitions() -> { id = definition }. */
static int f_definitions(lua_State *L) {
  Kernel *k = kernel_of(L);
  lua_createtable(L, 0, (int)k->defs->n);
  for (size_t i = 0; i < k->defs->n; i++) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, k->defs->all[i]->ref);
    lua_setfield(L, -2, k->defs->all[i]->id);
  }
  return 1;
}

/* source(module) -> the text of a module that is part of the binary and has
 * been loaded, or nil. */
static int f_source(lua_State *L) {
  const Vm *vm = vm_of(L);
  const char *name = luaL_checkstring(L, 1);
  for (size_t i = 0; i < loader_count(vm); i++) {
    const Chunk *c = loader_at(vm, i);
    if (!c->is_embedded || !c->module || strcmp(c->module, name) != 0) continue;
    lua_pushlstring(L, c->source.ptr, c->source.len);
    return 1;
  }
  return 0;
}

/* nearest(word, table) -> `; did you mean "x"?` for its nearest string key, or
 * "". */
static int f_nearest(lua_State *L) {
  Slice word;
  word.ptr = luaL_checklstring(L, 1, &word.len);
  luaL_checktype(L, 2, LUA_TTABLE);
  Buf hint = { .max = 200 };
  nearest_key(L, 2, word, &hint);
  lua_pushlstring(L, hint.ptr ? hint.ptr : "", hint.len);
  buf_free(&hint);
  return 1;
}

/* --- effects as calls --- */

/* One function for all of them; its upvalue is the effect's name. What it takes
 * is checked where it is called, so that an error names the caller's line. */
static int f_effect(lua_State *L) {
  int n = lua_gettop(L);
  Slice op;
  op.ptr = lua_tolstring(L, lua_upvalueindex(1), &op.len);
  Kernel *k = in_conversation(L, op.ptr);
  lua_settop(L, n > EFFECT_ARGS ? n : EFFECT_ARGS);
  effect_check(k, L, op.ptr, 1);
  lua_settop(L, n);
  lua_createtable(L, n + 1, 0);
  lua_insert(L, 1);
  for (int i = n; i >= 1; i--) lua_rawseti(L, 1, i + 1);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_rawseti(L, 1, 1);
  effect_append(k, L);
  return 0;
}

/* perform(effect): one effect as data. */
static int f_perform(lua_State *L) {
  Kernel *k = in_conversation(L, "perform");
  luaL_checktype(L, 1, LUA_TTABLE);
  if (lua_rawgeti(L, 1, 1) != LUA_TSTRING || !effect_known(lua_tostring(L, -1)))
    luaL_argerror(L, 1, "an effect is a table that starts with its name");
  effect_check_may(k, L, lua_tostring(L, -1));
  lua_settop(L, 1);
  effect_append(k, L);
  return 0;
}

/* --- waiting --- */

/* What all that wait begin with: the kernel, and two arguments. */
static Kernel *may_wait(lua_State *L, const char *name) {
  lua_settop(L, 2);
  Kernel *k = in_conversation(L, name);
  const char *why = coro_cannot_wait(L);
  if (why) luaL_error(L, "cannot %s %s", name, why);
  return k;
}

/* The effect with the two arguments, then the wait. */
static int wait_for(lua_State *L, Kernel *k, const char *op) {
  lua_settop(L, 2);
  lua_createtable(L, 3, 0);
  lua_pushstring(L, op);
  lua_rawseti(L, -2, 1);
  lua_insert(L, 1);
  lua_rawseti(L, 1, 3);
  lua_rawseti(L, 1, 2);
  effect_append(k, L);
  return coro_wait(L);
}

/* await(embed, [opts]) -> its answer; nil, "timeout". */
static int f_await(lua_State *L) {
  Kernel *k = may_wait(L, "await");
  effect_check(k, L, "await", 1);
  return wait_for(L, k, "await");
}

/* sleep(seconds) */
static int f_sleep(lua_State *L) {
  Kernel *k = may_wait(L, "sleep");
  effect_check(k, L, "sleep", 1);
  return wait_for(L, k, "sleep");
}

/* receive(topic, [timeout]) -> a message; nil, "timeout" or "gap". */
static int f_receive(lua_State *L) {
  Kernel *k = may_wait(L, "receive");
  effect_check(k, L, "receive", 1);
  return wait_for(L, k, "receive");
}

/* io([opts], fn, ...) -> what it returns; nil, "timeout". */
static int f_io(lua_State *L) {
  Kernel *k = in_conversation(L, "io");
  const char *why = coro_cannot_wait(L);
  if (why) luaL_error(L, "cannot wait for io %s", why);
  effect_check(k, L, "io", 1);
  io_prepare(k, L);
  return wait_for(L, k, "io");
}

/* background(fn, ...): nil in its arguments counts too. */
static int f_background(lua_State *L) {
  Kernel *k = in_conversation(L, "background");
  int n = lua_gettop(L);
  if (n == 0) lua_pushnil(L), n++;
  effect_check(k, L, "background", 1);
  lua_createtable(L, n + 1, 1);
  lua_insert(L, 1);
  for (int i = n; i >= 1; i--) lua_rawseti(L, 1, i + 1);
  lua_pushliteral(L, "background");
  lua_rawseti(L, 1, 1);
  lua_pushinteger(L, n);
  lua_setfield(L, 1, "n");
  effect_append(k, L);
  return 0;
}

/* io_id() -> of the call that this worker runs; nil elsewhere */
static int f_io_id(lua_State *L) {
  lua_pushstring(L, kernel_of(L)->io_id);
  return 1;
}

/* --- who and where --- */

static int f_conversation_id(lua_State *L) {
  Kernel *k = kernel_of(L);
  if (k->in_turn)
    lua_pushlstring(L, k->turn.conv->cid, CID_LEN);
  else
    lua_pushnil(L);
  return 1;
}

/* The instance whose code, or whose drawing, runs. */
static const Inst *current(const Kernel *k) {
  if (!k->in_turn) return NULL;
  bool draws = k->turn.no_effects && strcmp(k->turn.no_effects, "render") == 0;
  return conv_inst(k->turn.conv, draws ? k->turn.failed_iid : k->turn.iid);
}

static int f_id(lua_State *L) {
  const Inst *in = current(kernel_of(L));
  if (in)
    lua_pushfstring(L, "ix-%d", (int)in->iid);
  else
    lua_pushnil(L);
  return 1;
}

static int f_parent(lua_State *L) {
  const Inst *in = current(kernel_of(L));
  if (in && in->parent)
    lua_pushfstring(L, "ix-%d", (int)in->parent);
  else
    lua_pushnil(L);
  return 1;
}

/* --- for attributes that one writes by hand --- */

static Inst *check_current(Kernel *k, lua_State *L, const char *of) {
  const Inst *in = current(k);
  if (!in)
    luaL_error(L, "%s works in render, a handler, a hook or a flow only", of);
  return conv_inst(k->turn.conv, in->iid);
}

/* ref(field) -> its signal, as an expression names it: "$ix3.draft" */
static int f_ref(lua_State *L) {
  Slice path;
  Kernel *k = kernel_of(L);
  path.ptr = luaL_checklstring(L, 1, &path.len);
  const Inst *in = check_current(k, L, "ref");
  Buf *name = &k->json;
  buf_clear(name);
  buf_byte(name, '$');
  field_signal(L, in, path, "ref:", name);
  lua_pushlstring(L, name->ptr, name->len);
  return 1;
}

/* event_url(event) -> the signed URL that posts it: "name", or { "name", value,
 * to = } as in markup */
static int f_event_url(lua_State *L) {
  Slice name, to = { 0 };
  int value = 0;
  Kernel *k = kernel_of(L);
  lua_settop(L, 1);
  Inst *in = check_current(k, L, "event_url");
  if (lua_istable(L, 1)) {
    if (lua_rawgeti(L, 1, 2) != LUA_TNIL) value = 2;
    if (lua_getfield(L, 1, "to") == LUA_TSTRING)
      to.ptr = lua_tolstring(L, -1, &to.len);
    lua_rawgeti(L, 1, 1);
  }
  if (lua_type(L, -1) != LUA_TSTRING)
    luaL_argerror(L, 1, "an event is \"name\", or {\"name\", value}");
  name.ptr = lua_tolstring(L, -1, &name.len);
  Buf *url = &k->json;
  buf_clear(url);
  draw_event_url(k, L, in, to, name, value, "event_url: ", url);
  lua_pushlstring(L, url->ptr, url->len);
  return 1;
}

/* KEEP IN STEP: effects (effect.c, lua/stube.lua). */
static const char *const calls[] = {
  "call",    "answer",        "answer_error",   "become",
  "cancel",  "finish",        "back",           "isolate",
  "patch",   "patch_signals", "execute_script", "show",
  "after",   "send",          "subscribe",      "unsubscribe",
  "publish", "publish_local", "renew_session",  "history",
  "focus",   "scroll_to",
};

int kernel_open_lib(lua_State *L) {
  static const luaL_Reg functions[] = {
    { "define", f_define },
    { "reviving", f_reviving },
    { "atom_open", f_atom_open },
    { "atom_get", f_atom_get },
    { "atom_update", f_atom_update },
    { "atom_set", f_atom_set },
    { "atom_watch", f_atom_watch },
    { "definition", f_definition },
    { "definitions", f_definitions },
    { "nearest", f_nearest },
    { "source", f_source },
    { "perform", f_perform },
    { "await", f_await },
    { "sleep", f_sleep },
    { "receive", f_receive },
    { "io", f_io },
    { "background", f_background },
    { "io_id", f_io_id },
    { "conversation_id", f_conversation_id },
    { "id", f_id },
    { "parent", f_parent },
    { "ref", f_ref },
    { "event_url", f_event_url },
    { "context", origin_f_context },
    { "principal", origin_f_principal },
    { NULL, NULL },
  };
  luaL_newlib(L, functions);
  luaL_newmetatable(L, HTML_EMBED);
  lua_setfield(L, -2, "embed_meta");
  for (size_t i = 0; i < countof(calls); i++) {
    lua_pushstring(L, calls[i]);
    lua_pushcclosure(L, f_effect, 1);
    lua_setfield(L, -2, calls[i]);
  }
  kernel_open_convlib(L);
  lua_setfield(L, -2, "conversations");
  chance_open(L);
  return 1;
}
