/* Instances: made from embeds, kept in step with `children`, removed in order.
 */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "kernel/state.h"
#include "lua/coro.h"

#define CHILDREN_DEPTH_MAX 64 /* declared children within declared children */

/* --- embeds --- */

Def *embed_resolve(Kernel *k, lua_State *L, int idx) {
  idx = lua_absindex(L, idx);
  Slice id;
  if (lua_type(L, idx) == LUA_TSTRING) {
    id.ptr = lua_tolstring(L, idx, &id.len);
    lua_pushnil(L);
  } else if (lua_istable(L, idx)) {
    /* A component stands for itself without args; an embed says its type. */
    bool has_type = lua_getfield(L, idx, "type") == LUA_TSTRING;
    if (!has_type) {
      lua_pop(L, 1);
      if (luaL_getmetafield(L, idx, "__component") != LUA_TSTRING)
        luaL_error(L, "a table is not an embed: call a component "
                      "(Editor { text = \"milk\" }) or give its id");
    }
    id.ptr = lua_tolstring(L, -1, &id.len);
    if (has_type)
      lua_getfield(L, idx, "args");
    else
      lua_pushnil(L);
    lua_remove(L, -2); /* the string stays alive in the table or metatable */
  } else {
    luaL_error(L, "an embed or a component's id is wanted, not a %s",
               luaL_typename(L, idx));
    return NULL;
  }
  Def *def = def_find(k, id);
  if (!def) {
    Buf hint = { .max = 200 };
    lua_rawgeti(L, LUA_REGISTRYINDEX, k->defs_ref);
    nearest_key(L, -1, id, &hint);
    lua_pop(L, 1);
    lua_pushlstring(L, hint.ptr ? hint.ptr : "", hint.len);
    buf_free(&hint);
    luaL_error(L, "there is no component \"%s\"%s", id.ptr,
               lua_tostring(L, -1));
  }
  return def;
}

void kernel_check_embed(Kernel *k, lua_State *L, int idx) {
  embed_resolve(k, L, idx);
  lua_pop(L, 1);
}

/* --- state --- */

/* Pushes a deep copy of the plain table at `idx`. `seen` maps what was copied.
 */
static void copy_deep(lua_State *L, int idx, int seen, int depth) {
  idx = lua_absindex(L, idx);
  lua_pushvalue(L, idx);
  if (lua_rawget(L, seen) == LUA_TTABLE) return;
  lua_pop(L, 1);
  if (depth > 200) luaL_error(L, "init is nested too deeply (over 200)");
  luaL_checkstack(L, 8, "init");
  lua_newtable(L);
  lua_pushvalue(L, idx);
  lua_pushvalue(L, -2);
  lua_rawset(L, seen);
  for (lua_pushnil(L); lua_next(L, idx);) {
    lua_pushvalue(L, -2); /* copy key value key */
    if (lua_istable(L, -2))
      copy_deep(L, -2, seen, depth + 1);
    else
      lua_pushvalue(L, -2);
    lua_rawset(L, -5); /* copy key value */
    lua_pop(L, 1);
  }
  if (lua_getmetatable(L, idx)) lua_setmetatable(L, -2);
}

/* Lays the fields of the table at `from` over the table on top of the stack. */
static void lay_over(lua_State *L, int from) {
  if (lua_isnil(L, from)) return;
  for (lua_pushnil(L); lua_next(L, from);) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -4);
  }
}

/* Pushes the state of a new instance; the args (or nil) are at `args`. */
static void push_state(Kernel *k, lua_State *L, const Def *def, int args) {
  if (!lua_isnil(L, args) && !lua_istable(L, args))
    luaL_error(L, "the args of \"%s\" must be a table, not a %s", def->id,
               luaL_typename(L, args));
  def_get(k, L, def, "init");
  if (lua_isfunction(L, -1)) {
    if (lua_isnil(L, args))
      lua_newtable(L);
    else
      lua_pushvalue(L, args);
    const char *was = coro_ban(k->vm, "init");
    k->turn.no_effects = "init";
    lua_call(L, 1, 1);
    k->turn.no_effects = NULL;
    coro_ban(k->vm, was);
    if (!lua_istable(L, -1))
      luaL_error(L, "init of \"%s\" must return the state, a table, not a %s",
                 def->id, luaL_typename(L, -1));
    return;
  }
  if (lua_istable(L, -1)) {
    lua_newtable(L);
    copy_deep(L, -2, lua_gettop(L), 0);
    lua_replace(L, -3);
    lua_pop(L, 1);
  } else {
    lua_pop(L, 1);
    lua_newtable(L);
  }
  lay_over(L, args);
}

/* Are these args what the child was made from? By the hash of their encoding.
 */
static uint64_t hash_args(Kernel *k, lua_State *L, int args) {
  if (lua_isnil(L, args)) return 1;
  Buf b = { .max = k->config.head_bytes_max };
  Err e = persist_encode(k->persist, L, args, &b);
  uint64_t h = e ? 0 : hash64(buf_view(&b));
  buf_free(&b);
  if (e) lua_error(L);
  return h;
}

/* --- making --- */

static void make_children(Kernel *k, lua_State *L, Inst *in, int depth);

static Inst *make(Kernel *k, lua_State *L, int embed, uint32_t parent,
                  int depth) {
  Conv *c = k->turn.conv;
  luaL_checkstack(L, 12, "too many instances");
  int top = lua_gettop(L);
  Def *def = embed_resolve(k, L, embed); /* args */
  int args = lua_gettop(L);
  if (depth > CHILDREN_DEPTH_MAX)
    luaL_error(L,
               "\"%s\" has children nested over %d deep: does it contain "
               "itself?",
               def->id, CHILDREN_DEPTH_MAX);
  if (c->n_insts >= CONV_INSTANCES_MAX)
    luaL_error(L, "a conversation may hold %d instances", CONV_INSTANCES_MAX);
  Inst *in = conv_add(c, def);
  in->parent = parent;
  k->turn.failed_iid = in->iid;
  push_state(k, L, def, args);
  in->self = conv_keep(c, L);
  lua_pushvalue(L, args);
  in->args = conv_keep(c, L);
  make_children(k, L, in, depth);
  lua_settop(L, top);
  return in;
}

Inst *instance_make(Kernel *k, lua_State *L, int embed, uint32_t parent) {
  return make(k, L, lua_absindex(L, embed), parent, 0);
}

void instance_place(Conv *c, Inst *in, uint32_t *top) {
  (void)c;
  in->below = *top;
  *top = in->iid;
}

void instance_start(Kernel *k, Inst *in) {
  lua_State *L = vm_lua(k->vm);
  Conv *c = k->turn.conv;
  if (!in->started) in->touched = true;
  /* The newest work goes first: children below their parent, last one deepest.
   */
  for (uint32_t i = in->n_kids; i-- > 0;)
    instance_start(k, conv_inst(c, in->kids[i].top));
  if (in->started) return;
  in->started = true;
  lua_pushnil(L);
  turn_push(k, L, (Work){ .kind = WORK_START, .iid = in->iid });
}

/* --- declared children ---
 *
 * A wanted list is flat: slot, key or nil, embed, three items a child, in the
 * order of slot names and then of the list. */

static void want_one(lua_State *L, int list, int slot, int key, int embed) {
  lua_Integer n = luaL_len(L, list);
  int at[] = { slot, key, embed };
  for (int i = 0; i < 3; i++) {
    if (at[i])
      lua_pushvalue(L, at[i]);
    else
      lua_pushboolean(L, 0);
    lua_rawseti(L, list, n + 1 + i);
  }
}

static bool is_embed(lua_State *L, int idx) {
  if (lua_type(L, idx) == LUA_TSTRING) return true;
  if (!lua_istable(L, idx)) return false;
  bool is = lua_getfield(L, idx, "type") == LUA_TSTRING;
  lua_pop(L, 1);
  if (!is && luaL_getmetafield(L, idx, "__component") != LUA_TNIL) {
    lua_pop(L, 1);
    return true;
  }
  return is;
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void want_list(lua_State *L, const Inst *in, int list, int slot,
                      int pairs) {
  lua_newtable(L); /* keys seen */
  int seen = lua_gettop(L);
  lua_Integer n = luaL_len(L, pairs);
  for (lua_Integer i = 1; i <= n; i++) {
    if (lua_geti(L, pairs, i) != LUA_TTABLE)
      luaL_error(L, "children.%s of \"%s\": item %d must be {key, embed}",
                 lua_tostring(L, slot), in->def->id, (int)i);
    int pair = lua_gettop(L);
    int type = lua_geti(L, pair, 1);
    if (type != LUA_TSTRING && type != LUA_TNUMBER)
      luaL_error(L,
                 "children.%s of \"%s\": the key of item %d must be a "
                 "string or a number, not a %s",
                 lua_tostring(L, slot), in->def->id, (int)i,
                 luaL_typename(L, -1));
    const char *key = luaL_tolstring(L, -1, NULL); /* pair key text */
    lua_replace(L, -2);
    lua_pushvalue(L, -1);
    if (lua_rawget(L, seen) != LUA_TNIL)
      luaL_error(L, "children.%s of \"%s\": the key \"%s\" stands twice",
                 lua_tostring(L, slot), in->def->id, key);
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_pushboolean(L, 1);
    lua_rawset(L, seen);
    lua_geti(L, pair, 2);
    want_one(L, list, slot, pair + 1, pair + 2);
    lua_settop(L, seen);
  }
  lua_pop(L, 1);
}

/* Pushes the wanted list. False (and nothing) when nothing is declared. */
static bool push_wanted(Kernel *k, lua_State *L, const Inst *in) {
  if (!def_get(k, L, in->def, "children")) {
    lua_pop(L, 1);
    return false;
  }
  if (lua_isfunction(L, -1)) {
    conv_push(k->turn.conv, L, in->self);
    const char *was = coro_ban(k->vm, "children");
    k->turn.no_effects = "children";
    lua_call(L, 1, 1);
    k->turn.no_effects = NULL;
    coro_ban(k->vm, was);
  }
  if (lua_isnil(L, -1)) lua_newtable(L), lua_replace(L, -2);
  if (!lua_istable(L, -1))
    luaL_error(L, "children of \"%s\" must be a table of slots, not a %s",
               in->def->id, luaL_typename(L, -1));
  int declared = lua_gettop(L);
  size_t n = 0;
  for (lua_pushnil(L); lua_next(L, declared); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING)
      luaL_error(L,
                 "children of \"%s\": a slot's name must be a string, not "
                 "a %s",
                 in->def->id, luaL_typename(L, -2));
    n++;
  }
  /* A userdata, so that an error on the way cannot leak it. */
  const char **names = lua_newuserdatauv(L, (n + 1) * sizeof *names, 0);
  n = 0;
  for (lua_pushnil(L); lua_next(L, declared); lua_pop(L, 1))
    names[n++] = lua_tostring(L, -2);
  qsort(names, n, sizeof *names, by_name);
  lua_newtable(L);
  int list = lua_gettop(L);
  for (size_t i = 0; i < n; i++) {
    lua_pushstring(L, names[i]);
    lua_getfield(L, declared, names[i]);
    if (is_embed(L, -1))
      want_one(L, list, list + 1, 0, list + 2);
    else if (lua_istable(L, -1))
      want_list(L, in, list, list + 1, list + 2);
    else if (lua_toboolean(L, -1))
      luaL_error(L,
                 "children.%s of \"%s\" must be an embed or a list of "
                 "{key, embed}, not a %s",
                 names[i], in->def->id, luaL_typename(L, -1));
    lua_settop(L, list);
  }
  lua_replace(L, declared);
  lua_settop(L, declared);
  return true;
}

/* Fills an empty kid from the embed at `embed`. */
static Inst *make_declared(Kernel *k, lua_State *L, Inst *in, Slice slot,
                           const char *key, int embed, int depth) {
  Inst *child = make(k, L, embed, in->iid, depth + 1);
  conv_push(k->turn.conv, L, child->args);
  child->args_hash = hash_args(k, L, lua_gettop(L));
  lua_pop(L, 1);
  Kid *kid = inst_kid(in, slot, key);
  if (!kid) kid = inst_add_kid(in, slot, key);
  kid->declared = true;
  instance_place(k->turn.conv, child, &kid->top);
  return child;
}

static void make_children(Kernel *k, lua_State *L, Inst *in, int depth) {
  if (!push_wanted(k, L, in)) return;
  int list = lua_gettop(L);
  lua_Integer n = luaL_len(L, list);
  for (lua_Integer i = 1; i <= n; i += 3) {
    Slice slot;
    lua_geti(L, list, i);
    slot.ptr = lua_tolstring(L, -1, &slot.len);
    lua_geti(L, list, i + 1);
    lua_geti(L, list, i + 2);
    make_declared(k, L, in, slot, lua_tostring(L, -2), lua_gettop(L), depth);
    lua_settop(L, list);
  }
  lua_pop(L, 1);
}

/* The declared child at the bottom of a place's chain. */
static Inst *bottom_of(const Conv *c, uint32_t top) {
  Inst *in = conv_inst(c, top);
  while (in && in->below) in = conv_inst(c, in->below);
  return in;
}

static bool is_same(Kernel *k, lua_State *L, const Inst *child, int embed) {
  Def *def = embed_resolve(k, L, embed);
  bool same = child->def == def &&
              child->args_hash == hash_args(k, L, lua_gettop(L));
  lua_pop(L, 1);
  return same;
}

/* Other args for the same child: its `update`, else it is made anew. */
static void change(Kernel *k, lua_State *L, Inst *in, Slice slot,
                   const char *key, Inst *child, int embed) {
  int top = lua_gettop(L);
  Conv *c = k->turn.conv;
  Def *def = embed_resolve(k, L, embed); /* args */
  if (child->def == def && def_get(k, L, def, "update")) {
    conv_push(c, L, child->self);
    lua_pushvalue(L, top + 1);
    const char *was = coro_ban(k->vm, "update");
    k->turn.iid = child->iid;
    lua_call(L, 2, 0);
    coro_ban(k->vm, was);
    child->touched = true;
    child->args_hash = hash_args(k, L, top + 1);
    conv_release(c, L, child->args);
    lua_settop(L, top + 1);
    child->args = conv_keep(c, L);
  } else {
    instance_remove(k, L, child->iid, false);
    instance_start(k, make_declared(k, L, in, slot, key, embed, 0));
  }
  in->touched = true;
  lua_settop(L, top);
}

void instance_reconcile(Kernel *k, lua_State *L, Inst *in) {
  Conv *c = k->turn.conv;
  if (!in->def->follows_state || !push_wanted(k, L, in)) return;
  int list = lua_gettop(L);
  lua_Integer n = luaL_len(L, list) / 3;
  /* Missing ones first: their keys may come back in another slot. */
  for (uint32_t i = in->n_kids; i-- > 0;) {
    Kid *kid = &in->kids[i];
    if (!kid->declared) continue;
    bool wanted = false;
    for (lua_Integer w = 0; w < n && !wanted; w++) {
      lua_geti(L, list, w * 3 + 1);
      lua_geti(L, list, w * 3 + 2);
      const char *key = lua_tostring(L, -1);
      wanted = strcmp(lua_tostring(L, -2), kid->slot) == 0 &&
               (key ? kid->key && strcmp(key, kid->key) == 0 : !kid->key);
      lua_pop(L, 2);
    }
    if (wanted) continue;
    instance_remove(k, L, bottom_of(c, kid->top)->iid, false);
    while (i < in->n_kids && in->kids[i].top) /* what covered it goes too */
      instance_remove(k, L, in->kids[i].top, false);
    if (i < in->n_kids && !in->kids[i].top) inst_remove_kid(in, &in->kids[i]);
    in->touched = true;
  }
  for (lua_Integer w = 0; w < n; w++) {
    Slice slot;
    lua_geti(L, list, w * 3 + 1);
    slot.ptr = lua_tolstring(L, -1, &slot.len);
    lua_geti(L, list, w * 3 + 2);
    lua_geti(L, list, w * 3 + 3);
    const char *key = lua_tostring(L, -2);
    Kid *kid = inst_kid(in, slot, key);
    Inst *child = kid ? bottom_of(c, kid->top) : NULL;
    if (!child) {
      instance_start(k, make_declared(k, L, in, slot, key, lua_gettop(L), 0));
      in->touched = true;
    } else if (!is_same(k, L, child, lua_gettop(L))) {
      change(k, L, in, slot, key, child, lua_gettop(L));
    }
    /* Into the wanted order, among the declared ones. */
    kid = inst_kid(in, slot, key);
    uint32_t at = (uint32_t)(kid - in->kids), to = (uint32_t)w;
    if (at != to) {
      Kid moved = *kid;
      if (at > to)
        memmove(in->kids + to + 1, in->kids + to, (at - to) * sizeof *kid);
      else
        memmove(in->kids + at, in->kids + at + 1, (to - at) * sizeof *kid);
      in->kids[to] = moved;
      in->touched = true;
    }
    lua_settop(L, list);
  }
  lua_pop(L, 1);
}

/* --- removing --- */

static void run_stop(Kernel *k, lua_State *L, Inst *in, bool quiet) {
  if (!in->started || !def_get(k, L, in->def, "stop")) {
    if (in->started) lua_pop(L, 1);
    return;
  }
  uint32_t was_iid = k->turn.iid;
  k->turn.iid = in->iid;
  conv_push(k->turn.conv, L, in->self);
  const char *was = coro_ban(k->vm, "stop");
  int status = LUA_OK;
  if (quiet)
    status = vm_call(L, 1, 0);
  else
    lua_call(L, 1, 0);
  coro_ban(k->vm, was);
  k->turn.iid = was_iid;
  if (status != LUA_OK) {
    vm_push_error_text(L, -1);
    log_with(k->config.log, LOG_ERROR, "stop failed",
             { "component", slice_str(in->def->id) },
             { "error", slice_str(lua_tostring(L, -1)) },
             { "traceback", vm_traceback(k->vm) });
    lua_pop(L, 2);
  }
}

static void close_tasks(Kernel *k, lua_State *L, uint32_t iid, bool quiet) {
  Conv *c = k->turn.conv;
  for (uint32_t i = c->n_tasks; i-- > 0;) {
    Task *t = &c->tasks[i];
    if (t->iid != iid) continue;
    uint32_t handle = t->thread;
    conv_push(c, L, handle);
    lua_State *co = lua_tothread(L, -1);
    conv_release(c, L, handle);
    conv_remove_task(c, t->id);
    if (coro_close(k->vm, co) == CORO_FAILED && !quiet) {
      lua_xmove(co, L, 1);
      lua_error(L);
    }
    lua_pop(L, 1);
  }
}

/* Takes it out of its place's chain. What is uncovered shows in its parent's
 * next drawing; a frame's page is repainted because conv->painted is another's.
 */
static void unlink_place(Conv *c, Inst *in) {
  Kid *kid;
  uint32_t *top = conv_place(c, in, &kid);
  if (*top == in->iid) {
    *top = in->below;
    if (in->parent) conv_inst(c, in->parent)->touched = true;
  } else {
    Inst *above = conv_inst(c, *top);
    while (above->below != in->iid) above = conv_inst(c, above->below);
    above->below = in->below;
  }
  if (kid && !kid->top && !kid->declared)
    inst_remove_kid(conv_inst(c, in->parent), kid);
}

void instance_remove(Kernel *k, lua_State *L, uint32_t iid, bool quiet) {
  Conv *c = k->turn.conv;
  Inst *in = conv_inst(c, iid);
  if (!in || in->dying) return;
  luaL_checkstack(L, 8, "too many instances");
  in->dying = true;
  for (uint32_t i = c->n_insts; i-- > 0;) { /* newest callees first */
    if (i >= c->n_insts) i = c->n_insts - 1;
    if (c->insts[i]->caller == iid)
      instance_remove(k, L, c->insts[i]->iid, quiet);
  }
  while (in->n_kids) {
    Kid *kid = &in->kids[in->n_kids - 1];
    if (!kid->top)
      inst_remove_kid(in, kid);
    else
      instance_remove(k, L, kid->top, quiet);
  }
  run_stop(k, L, in, quiet);
  close_tasks(k, L, iid, quiet);
  unlink_place(c, in);
  conv_release(c, L, in->self);
  conv_release(c, L, in->args);
  conv_remove(c, in);
}
