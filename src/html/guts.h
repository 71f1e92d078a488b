/* Reading Lua tables without the API's calls: what a renderer does most.
 *
 * Only looks, and pushes what it saw; never writes into an object, so no
 * barrier is needed. Whatever is held over code that could run Lua must stand
 * on the stack: see push_value. KEEP IN STEP: the pinned Lua
 * (tools/fetch-lua), 5.4.7 to 5.4.9. */
#ifndef HTML_GUTS_H
#define HTML_GUTS_H

#include "base/base.h"

#include <lua.h>

#include <lobject.h>
#include <lgc.h>
#include <lstate.h>
#include <ltable.h>

/* What few elements need stays out of the functions that all of them run
 * through. */
#define RARE __attribute__((noinline))

/* The slots of the array part, used or not. They can move when Lua code runs.
 */
static inline unsigned array_size(const Table *t) {
  return isrealasize(t) ? t->alimit : luaH_realasize(t);
}

/* The first item, which says what a table is; NULL when the array part is
 * empty. */
static inline const TValue *array_first(const Table *t) {
  return t->alimit ? &t->array[0] : NULL;
}

static inline Slice string_slice(const TString *s) {
  return slice(getstr(s), tsslen(s));
}

static inline Slice value_slice(const TValue *v) {
  return string_slice(tsvalue(v));
}

/* Makes room for `n` pushes, raising when the stack is full. */
static inline void want_stack(lua_State *L, int n) {
  if (L->ci->top.p - L->top.p < n && !lua_checkstack(L, n + 32)) {
    lua_pushliteral(L, "the Lua stack is full");
    lua_error(L);
  }
}

/* Pushes a copy: the object lives and stays put while it stands there. The
 * caller has made room. */
static inline void push_value(lua_State *L, const TValue *v) {
  setobj2s(L, L->top.p, v);
  L->top.p++;
}

static inline void push_table(lua_State *L, Table *t) {
  sethvalue2s(L, L->top.p, t);
  L->top.p++;
}

static inline void push_string(lua_State *L, TString *s) {
  setsvalue2s(L, L->top.p, s);
  L->top.p++;
}

/* The value at an absolute stack index, valid until the stack moves. */
static inline const TValue *stack_value(lua_State *L, int idx) {
  return s2v(L->ci->func.p + idx);
}

#endif
