/* The few things this layer needs of Lua's inside, each as a small function, so
 * that a new Lua release is a question of this file. */
#ifndef LUA_GUTS_H
#define LUA_GUTS_H

#include "base/base.h"

#include <lua.h>
#include <lobject.h>
#include <lstate.h>

/* The continuation a suspended thread's innermost frame would go on with: NULL
 * when it has none, or is not suspended inside a C function. */
static inline lua_KFunction guts_continuation(lua_State *co) {
  if (co->status != LUA_YIELD || isLua(co->ci)) return NULL;
  return co->ci->u.c.k;
}

/* The thread in the first slot of a suspended thread's innermost (C) frame, or
 * in the first upvalue of its function; NULL when there is none. */
static inline lua_State *guts_slot_thread(lua_State *co) {
  StkId slot = co->ci->func.p + 1;
  return slot < co->top.p && ttisthread(s2v(slot)) ? thvalue(s2v(slot)) : NULL;
}

static inline lua_State *guts_upvalue_thread(lua_State *co) {
  const TValue *f = s2v(co->ci->func.p);
  if (!ttisCclosure(f) || clCvalue(f)->nupvalues < 1) return NULL;
  const TValue *up = &clCvalue(f)->upvalue[0];
  return ttisthread(up) ? thvalue(up) : NULL;
}

/* Is the frame of `ar` (from lua_getstack) the one whose allocation started a
 * finalizer? */
static inline bool guts_runs_finalizer(const lua_Debug *ar) {
  return (ar->i_ci->callstatus & CIST_FIN) != 0;
}

/* The error about to be raised reaches no message handler and no pcall that
 * could be suspended, and hooks are on again although a hook raises it (S17).
 * The pcalls that are left stand on the C stack, at most 200; the others may be
 * ten thousands, and Lua walks the whole stack at each it comes back to. */
static inline void guts_prepare_doom(lua_State *L) {
  L->errfunc = 0;
  L->allowhook = 1;
  for (CallInfo *ci = L->ci; ci; ci = ci->previous)
    ci->callstatus = (unsigned short)(ci->callstatus & ~CIST_YPCALL);
}

/* What an ended thread may still carry of its former life. */
static inline void guts_forget(lua_State *co) {
  co->errfunc = 0;
  co->allowhook = 1;
  co->nCcalls = 0;
  co->oldpc = 0;
}

static inline bool guts_is_fresh(lua_State *co) {
  return co->status == LUA_OK && co->ci == &co->base_ci &&
         co->openupval == NULL && co->tbclist.p == co->stack.p;
}

/* The main prototype of the Lua function at `idx`. */
static inline const void *guts_proto(lua_State *L, int idx) {
  return ((const LClosure *)lua_topointer(L, idx))->p;
}

#endif
