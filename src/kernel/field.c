/* bind: an input and a field of `self` are one.
 *
 * A Field remembers the hash of the value that the client has. What was typed
 * sets field and hash together before any code runs; a drawing whose value has
 * another hash asks for a signal patch. So a late answer never rewrites what is
 * being typed, and an assignment in code always reaches the input. */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "kernel/state.h"

/* Takes the next segment of "address.street". */
static Slice take_segment(Slice *path) {
  const char *dot = memchr(path->ptr, '.', path->len);
  Slice s = slice(path->ptr, dot ? (size_t)(dot - path->ptr) : path->len);
  size_t used = s.len + (dot ? 1 : 0);
  *path = slice(path->ptr + used, path->len - used);
  return s;
}

static void check_path(lua_State *L, Slice path, const char *of) {
  bool is_shared = path.len && path.ptr[0] == '$';
  Slice rest = is_shared ? slice(path.ptr + 1, path.len - 1) : path;
  bool ok = rest.len > 0 && path.len <= EVENT_NAME_MAX &&
            path.ptr[path.len - 1] != '.';
  while (ok && rest.len) ok = slice_is_word(take_segment(&rest));
  if (ok) return;
  lua_pushlstring(L, path.ptr, path.len);
  luaL_error(L,
             "%s \"%s\": a field is named by letters, digits and _, "
             "inner ones after a dot (\"address.street\"), a signal of the "
             "page after $ (\"$zoom\")",
             of, lua_tostring(L, -1));
}

/* ix3 holds what is bound in one instance: nobody else's. */
static void check_shared(lua_State *L, Slice name, const char *of) {
  Slice top = take_segment(&name);
  bool is_inst = top.len > 2 && memcmp(top.ptr, "ix", 2) == 0;
  for (size_t i = 2; i < top.len && is_inst; i++)
    is_inst = top.ptr[i] >= '0' && top.ptr[i] <= '9';
  if (is_inst)
    luaL_error(L,
               "%s: a signal of the page cannot be named as the fields of an "
               "instance are (ix and a number)",
               of);
}

bool field_signal(lua_State *L, const Inst *in, Slice path, const char *of,
                  Buf *out) {
  check_path(L, path, of);
  if (path.ptr[0] == '$') {
    Slice name = slice(path.ptr + 1, path.len - 1);
    check_shared(L, name, of);
    buf_slice(out, name);
    return true;
  }
  buf_lit(out, "ix");
  buf_uint(out, in->iid);
  buf_byte(out, '.');
  buf_slice(out, path);
  return false;
}

void field_push(lua_State *L, int self, Slice path) {
  check_path(L, path, "bind =");
  lua_pushvalue(L, self);
  while (path.len) {
    Slice s = take_segment(&path);
    if (!lua_istable(L, -1)) {
      lua_pop(L, 1);
      lua_pushnil(L);
      return;
    }
    lua_pushlstring(L, s.ptr, s.len);
    lua_rawget(L, -2);
    lua_remove(L, -2);
  }
}

void field_check_name(lua_State *L, Slice path, const char *of) {
  check_path(L, path, of);
}

void field_set(lua_State *L, int self, Slice path) {
  int value = lua_gettop(L);
  lua_pushvalue(L, self);
  for (;;) {
    Slice s = take_segment(&path);
    lua_pushlstring(L, s.ptr, s.len);
    if (!path.len) break;
    lua_pushvalue(L, -1);
    if (lua_rawget(L, -3) != LUA_TTABLE) {
      lua_pop(L, 1);
      lua_newtable(L);
      lua_pushvalue(L, -2);
      lua_pushvalue(L, -2);
      lua_rawset(L, -5);
    }
    lua_replace(L, -3); /* the inner table in place of the outer */
    lua_pop(L, 1);
  }
  lua_pushvalue(L, value);
  lua_rawset(L, -3);
  lua_settop(L, value - 1);
}

/* Of the value on top of the stack; equal for what looks equal in an input. */
static uint64_t hash_value(Kernel *k, lua_State *L) {
  uint64_t h;
  size_t len;
  switch (lua_type(L, -1)) {
  case LUA_TNIL: h = 1; break;
  case LUA_TBOOLEAN: h = 2 + (uint64_t)lua_toboolean(L, -1); break;
  case LUA_TSTRING:
  case LUA_TNUMBER: {
    const char *s = luaL_tolstring(L, -1, &len);
    h = hash64(slice(s, len));
    lua_pop(L, 1);
    break;
  }
  default:
    buf_clear(&k->json);
    k->ports.json(L, lua_gettop(L), "", &k->json);
    h = hash64(buf_view(&k->json));
  }
  return h ? h : 4;
}

/* Makes what was posted (on top of the stack) a value of the field's type. A
 * field that began as a number is nil while its text is none. */
static void convert(lua_State *L, char kind) {
  int type = lua_type(L, -1);
  if (kind == 'n' && type == LUA_TSTRING) {
    if (!lua_stringtonumber(L, lua_tostring(L, -1))) lua_pushnil(L);
    lua_replace(L, -2);
  } else if (kind == 'b' && type != LUA_TBOOLEAN) {
    bool on = type == LUA_TSTRING ? lua_rawlen(L, -1) > 0
                                  : lua_toboolean(L, -1);
    lua_pop(L, 1);
    lua_pushboolean(L, on);
  } else if (kind == 's' && type == LUA_TNUMBER) {
    luaL_tolstring(L, -1, NULL);
    lua_replace(L, -2);
  }
}

static void take(Kernel *k, lua_State *L, Inst *in, Field *f) {
  convert(L, f->kind);
  f->known = hash_value(k, L);
  conv_push(k->turn.conv, L, in->self);
  lua_insert(L, -2);
  field_set(L, lua_gettop(L) - 1, slice_str(f->path));
  lua_pop(L, 1);
}

void field_merge(Kernel *k, lua_State *L, Inst *in, int idx) {
  if (!in->n_fields) return;
  char space[16];
  snprintf(space, sizeof space, "ix%u", in->iid);
  lua_getfield(L, idx, space);
  int mine = lua_gettop(L);
  for (uint32_t i = 0; i < in->n_fields && lua_istable(L, mine); i++) {
    field_push(L, mine, slice_str(in->fields[i].path));
    if (lua_isnil(L, -1))
      lua_pop(L, 1);
    else
      take(k, L, in, &in->fields[i]);
  }
  lua_settop(L, mine - 1);
}

void field_merge_form(Kernel *k, lua_State *L, Inst *in, int idx) {
  for (uint32_t i = 0; i < in->n_fields; i++) {
    Field *f = &in->fields[i];
    lua_getfield(L, idx, f->path);
    /* A browser leaves an unticked box out of its form. */
    if (lua_isnil(L, -1) && f->kind != 'b')
      lua_pop(L, 1);
    else
      take(k, L, in, f);
  }
}

/* --- drawing --- */

/* Asks for {"ix3": {path: value}}; the value is on top of the stack. */
static void ask(Kernel *k, lua_State *L, const Inst *in, const Field *f) {
  int value = lua_gettop(L);
  if (k->signals_ref == LUA_NOREF) {
    lua_newtable(L);
    k->signals_ref = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, k->signals_ref);
  char space[16];
  snprintf(space, sizeof space, "ix%u", in->iid);
  luaL_getsubtable(L, -1, space);
  if (!lua_isnil(L, value))
    lua_pushvalue(L, value);
  else if (f->kind == 'b')
    lua_pushboolean(L, 0);
  else
    lua_pushliteral(L, "");
  field_set(L, lua_gettop(L) - 1, slice_str(f->path));
  lua_settop(L, value);
}

static char kind_of(lua_State *L) {
  switch (lua_type(L, -1)) {
  case LUA_TNUMBER: return 'n';
  case LUA_TBOOLEAN: return 'b';
  case LUA_TSTRING: return 's';
  default: return 0;
  }
}

void field_drawn(Kernel *k, lua_State *L, Inst *in, Slice path) {
  uint64_t h = hash_value(k, L);
  Field *f = inst_field(in, path);
  if (!f) {
    f = inst_add_field(in, path);
    f->known = h;
    f->kind = kind_of(L);
  }
  if (f->known && f->known != h) ask(k, L, in, f);
  f->known = h;
}

void field_flush(Kernel *k, lua_State *L) {
  if (k->signals_ref == LUA_NOREF) return;
  lua_rawgeti(L, LUA_REGISTRYINDEX, k->signals_ref);
  buf_clear(&k->scratch);
  k->ports.json(L, lua_gettop(L), "", &k->scratch);
  turn_piece(k, FRAG_SIGNALS, PATCH_OUTER, (Slice){ 0 }, buf_view(&k->scratch));
  lua_pop(L, 1);
  field_forget(k, L);
}

void field_forget(Kernel *k, lua_State *L) {
  luaL_unref(L, LUA_REGISTRYINDEX, k->signals_ref);
  k->signals_ref = LUA_NOREF;
}
