/* Declared children: who lives in an instance, as `children` says. A function
 * is asked after every change, and what stands in the slots is brought in step.
 *
 * A wanted list is flat: slot, key or false, embed, three items a child, in the
 * order of slot names and then of the list. */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "kernel/state.h"
#include "lua/coro.h"

/* Are these args what the child was made from? By the hash of their encoding.
 */
static uint64_t hash_args(Kernel *k, lua_State *L, const Def *def, int args) {
  if (lua_isnil(L, args)) return 1;
  Buf b = { .max = k->config.head_bytes_max };
  k->describes = lua_pushfstring(L, "component \"%s\", its args", def->id);
  Err e = persist_encode(k->persist, L, args, &b);
  k->describes = NULL;
  lua_remove(L, e ? -2 : -1);
  uint64_t h = e ? 0 : hash64(buf_view(&b));
  buf_free(&b);
  if (e) lua_error(L);
  return h;
}

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
    reads_drop((Inst *)in, READ_CHILDREN);
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
  Inst *child = instance_make_at(k, L, embed, in->iid, depth + 1);
  conv_push(k->turn.conv, L, child->args);
  child->args_hash = hash_args(k, L, child->def, lua_gettop(L));
  lua_pop(L, 1);
  Kid *kid = inst_kid(in, slot, key);
  if (!kid) kid = inst_add_kid(in, slot, key);
  kid->declared = true;
  instance_place(k->turn.conv, child, &kid->top);
  return child;
}

void children_make(Kernel *k, lua_State *L, Inst *in, int depth) {
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
              child->args_hash == hash_args(k, L, def, lua_gettop(L));
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
    lua_pushvalue(L, top + 1);
    turn_push(k, L, (Work){ .kind = WORK_UPDATE, .iid = child->iid });
    child->args_hash = hash_args(k, L, def, top + 1);
    conv_release(c, L, child->args);
    lua_settop(L, top + 1);
    child->args = conv_keep(c, L);
  } else {
    instance_remove(k, L, child->iid);
    instance_start(k, make_declared(k, L, in, slot, key, embed, 0));
  }
  in->touched = true;
  lua_settop(L, top);
}

void children_reconcile(Kernel *k, lua_State *L, Inst *in) {
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
    instance_remove(k, L, bottom_of(c, kid->top)->iid);
    while (i < in->n_kids && in->kids[i].top) /* what covered it goes too */
      instance_remove(k, L, in->kids[i].top);
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
