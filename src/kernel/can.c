#include "kernel/can.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/nearest.h"
#include "kernel/state.h"

/* KEEP IN STEP: capabilities (can.h). */
static const struct {
  const char *name;
  Can can;
} names[] = {
  { "io", CAN_IO },       { "publish", CAN_PUBLISH }, { "after", CAN_AFTER },
  { "spawn", CAN_SPAWN }, { "atom", CAN_ATOM },       { "script", CAN_SCRIPT },
};

static const char *name_of(uint32_t can) {
  size_t i = 0;
  while (!(names[i].can & can)) i++;
  return names[i].name;
}

/* --- checking --- */

static const Limits *own_limits(const Kernel *k) {
  static const Limits none;
  return k->in_turn ? &k->turn.conv->limits : &none;
}

/* The component whose code runs. */
static const char *who(const Kernel *k) {
  const Inst *in = conv_inst(k->turn.conv, k->turn.iid);
  return in ? in->def->id : "its code";
}

void can_check(const Kernel *k, lua_State *L, Can needed, const char *of) {
  const Limits *l = own_limits(k);
  if (!l->by || (l->can & needed) == needed) return;
  luaL_error(L,
             "%s: %s lacks the capability \"%s\": its conversation was limited "
             "by %s",
             of, who(k), name_of(needed), l->by);
}

/* --- giving --- */

static uint32_t read_name(lua_State *L, const char *of) {
  if (lua_type(L, -1) != LUA_TSTRING)
    luaL_error(L, "%s: can is a list of names, not of a %s", of,
               luaL_typename(L, -1));
  Slice name;
  name.ptr = lua_tolstring(L, -1, &name.len);
  Nearest n = nearest_to(name);
  for (size_t i = 0; i < countof(names); i++) {
    if (slice_is(name, names[i].name)) return names[i].can;
    nearest_try(&n, slice_str(names[i].name));
  }
  if (n.found.ptr)
    luaL_error(L, "%s: there is no capability \"%s\"; did you mean \"%s\"?", of,
               name.ptr, n.found.ptr);
  luaL_error(L,
             "%s: there is no capability \"%s\" (io, publish, after, spawn, "
             "atom, script)",
             of, name.ptr);
  return 0;
}

static uint32_t read_list(lua_State *L, int idx, const char *of) {
  uint32_t can = 0;
  if (!lua_istable(L, idx))
    luaL_error(L, "%s: can is a list of names, not a %s", of,
               luaL_typename(L, idx));
  for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TNUMBER)
      luaL_error(L, "%s: can is a list of names: { \"io\", \"after\" }", of);
    can |= read_name(L, of);
  }
  return can;
}

/* "shop/agent in AaIVaE..." */
static char *running_code(const Kernel *k) {
  char words[LIMITED_BY_MAX];
  if (!k->in_turn) return xstrdup("code outside of conversations");
  snprintf(words, sizeof words, "%.*s in %s", LIMITED_BY_MAX - CID_LEN - 10,
           who(k), k->turn.conv->cid);
  return xstrdup(words);
}

static char *dup_words(const char *s) { return s ? xstrdup(s) : NULL; }

bool can_read(const Kernel *k, lua_State *L, int idx, const char *of,
              uint32_t *can) {
  const Limits *own = own_limits(k);
  if (lua_isnil(L, idx)) return false;
  *can = read_list(L, lua_absindex(L, idx), of);
  uint32_t more = own->by ? *can & ~own->can : 0;
  if (more)
    luaL_error(L,
               "%s: %s cannot give the capability \"%s\", which it lacks: its "
               "conversation was limited by %s",
               of, who(k), name_of(more), own->by);
  return true;
}

bool kernel_read_can(const Kernel *k, lua_State *L, int idx, const char *of,
                     uint32_t *can) {
  return can_read(k, L, idx, of, can);
}

Limits can_give(const Kernel *k, const uint32_t *can) {
  const Limits *own = own_limits(k);
  if (can) return (Limits){ *can, running_code(k) };
  return (Limits){ own->can, dup_words(own->by) };
}

Limits can_meet(const Kernel *k, const Limits *of) {
  const Limits *own = own_limits(k);
  if (!own->by) return (Limits){ of->can, dup_words(of->by) };
  if (of->by && (of->can & own->can) == of->can)
    return (Limits){ of->can, xstrdup(of->by) };
  return (Limits){ of->by ? of->can & own->can : own->can, xstrdup(own->by) };
}

/* --- in the header --- */

void can_put(Buf *b, const Limits *l) {
  put_text(b, l->by);
  buf_varint(b, l->can);
}

void can_get(Reader *r, Limits *l) {
  free(l->by);
  *l = (Limits){ 0 };
  if (r->err || !r->in.len) return;
  l->by = get_text(r);
  l->can = get_u32(r);
}

/* --- for people --- */

void can_push(lua_State *L, const Limits *l) {
  lua_newtable(L);
  for (size_t i = 0; i < countof(names); i++) {
    if (!(l->can & names[i].can)) continue;
    lua_pushstring(L, names[i].name);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  }
}

void can_show(const Limits *l, Buf *out) {
  size_t before = out->len;
  for (size_t i = 0; i < countof(names); i++) {
    if (!(l->can & names[i].can)) continue;
    if (out->len > before) buf_lit(out, ", ");
    buf_puts(out, names[i].name);
  }
  if (out->len == before) buf_lit(out, "nothing");
}
