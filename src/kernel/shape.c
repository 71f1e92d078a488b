/* What a definition's `state` says of the fields of `self`: checked while one
 * develops, after each run of the instance's code, so that the error names the
 * function that put something else there.
 *
 *   state = { n = "number", note = "string?", rows = { { id = "number" } } }
 *
 * A word, words parted by "|", with a "?" where nil will do; a table for a
 * table with such fields; a table with one item for a list of such items.
 * lua/stube/component.lua has checked all that when it was defined. */
#include <lauxlib.h>
#include <lua.h>

#include "kernel/state.h"

#define PATH_MAX_BYTES 200

typedef struct Look {
  lua_State *L;
  char path[PATH_MAX_BYTES]; /* "self.rows[2].id" */
  size_t len;
} Look;

static void step(Look *w, const char *format, const char *name, int at) {
  size_t room = sizeof w->path - w->len;
  int n = name ? snprintf(w->path + w->len, room, format, name)
               : snprintf(w->path + w->len, room, format, at);
  w->len += n > 0 && (size_t)n < room ? (size_t)n : 0;
}

static void back_to(Look *w, size_t len) {
  w->len = len;
  w->path[len] = '\0';
}

static bool is_word(lua_State *L, int value, Slice word) {
  if (slice_eq(word, SLICE("any"))) return true;
  if (slice_eq(word, SLICE("integer"))) {
    int is;
    if (lua_type(L, value) == LUA_TNUMBER) lua_tointegerx(L, value, &is);
    return lua_type(L, value) == LUA_TNUMBER && is;
  }
  return slice_is(word, luaL_typename(L, value));
}

static bool is_one_of(lua_State *L, int value, Slice words) {
  if (words.len && words.ptr[words.len - 1] == '?') {
    if (lua_isnil(L, value)) return true;
    words.len--;
  }
  for (;;) {
    const char *bar = memchr(words.ptr, '|', words.len);
    size_t len = bar ? (size_t)(bar - words.ptr) : words.len;
    if (is_word(L, value, slice(words.ptr, len))) return true;
    if (!bar) return false;
    words = slice(bar + 1, words.len - len - 1);
  }
}

/* Pushes what is wrong, and returns false. */
static bool complain(Look *w, int value, const char *wanted) {
  lua_State *L = w->L;
  size_t len;
  const char *text = NULL;
  if (lua_type(L, value) == LUA_TNUMBER || lua_type(L, value) == LUA_TSTRING ||
      lua_type(L, value) == LUA_TBOOLEAN)
    text = luaL_tolstring(L, value, &len);
  if (text)
    lua_pushfstring(L, " (%s%s)", len > 40 ? "" : text,
                    len > 40 ? "a long one" : "");
  else
    lua_pushliteral(L, "");
  lua_pushfstring(L, "%s is %s%s%s, and `state` says %s", w->path,
                  lua_isnil(L, value) ? "" : "a ", luaL_typename(L, value),
                  lua_tostring(L, -1), wanted);
  return false;
}

static bool holds(Look *w, int shape, int value);

/* Every item of the list is as the shape's one. */
static bool items_hold(Look *w, int shape, int value) {
  lua_State *L = w->L;
  size_t len = w->len;
  lua_Integer n = luaL_len(L, value);
  lua_rawgeti(L, shape, 1);
  int item = lua_gettop(L);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_geti(L, value, i);
    step(w, "[%d]", NULL, (int)i);
    if (!holds(w, item, item + 1)) return false;
    back_to(w, len);
    lua_settop(L, item);
  }
  lua_settop(L, item - 1);
  return true;
}

/* In the order of names, so that two mistakes always tell of the same one. */
static bool fields_hold(Look *w, int shape, int value) {
  lua_State *L = w->L;
  size_t len = w->len;
  int top = lua_gettop(L);
  const char *last = "";
  for (;;) {
    const char *next = NULL;
    lua_settop(L, top);
    for (lua_pushnil(L); lua_next(L, shape); lua_pop(L, 1)) {
      const char *name = lua_tostring(L, -2);
      if (strcmp(name, last) > 0 && (!next || strcmp(name, next) < 0))
        next = name;
    }
    if (!next) return true;
    lua_getfield(L, shape, next);
    lua_getfield(L, value, next);
    step(w, ".%s", next, 0);
    if (!holds(w, top + 1, top + 2)) return false;
    back_to(w, len);
    last = next;
  }
}

static bool holds(Look *w, int shape, int value) {
  lua_State *L = w->L;
  luaL_checkstack(L, 12, "state");
  if (lua_type(L, shape) == LUA_TSTRING) {
    Slice words;
    words.ptr = lua_tolstring(L, shape, &words.len);
    return is_one_of(L, value, words) || complain(w, value, words.ptr);
  }
  if (!lua_istable(L, value)) return complain(w, value, "a table");
  bool is_list = lua_rawgeti(L, shape, 1) != LUA_TNIL;
  lua_pop(L, 1);
  return is_list ? items_hold(w, shape, value) : fields_hold(w, shape, value);
}

typedef struct Checked {
  const Def *def;
  bool holds;
} Checked;

/* f(checked, self) -> what is wrong, or nothing. `self` may have metamethods,
 * which raise. */
static int f_check(lua_State *L) {
  Checked *c = lua_touserdata(L, 1);
  Look w = { .L = L, .len = strlen("self"), .path = "self" };
  lua_rawgeti(L, LUA_REGISTRYINDEX, c->def->ref);
  if (lua_getfield(L, -1, "state") != LUA_TTABLE) return 0;
  return holds(&w, lua_gettop(L), 2) ? 0 : 1;
}

bool shape_holds(Kernel *k, lua_State *L, const Def *def, int self) {
  Checked c = { .def = def };
  if (!def->has_shape || !k->config.development) return true;
  self = lua_absindex(L, self);
  lua_pushcfunction(L, f_check);
  lua_pushlightuserdata(L, &c);
  lua_pushvalue(L, self);
  if (vm_call(L, 2, 1) != LUA_OK || !lua_isnil(L, -1)) return false;
  lua_pop(L, 1);
  return true;
}
