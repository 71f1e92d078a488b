/* Lua's inside, for this layer alone: the headers, and the few macros over
 * them.
 *
 * Made for 5.4.7 to 5.4.9. What is relied upon beyond the headers is asserted
 * here. */
#ifndef PERSIST_GUTS_H
#define PERSIST_GUTS_H

#include <lua.h>
#include <lauxlib.h>

#include "lobject.h"
#include "lstate.h"
#include "lapi.h"
#include "ldebug.h"
#include "ldo.h"
#include "lfunc.h"
#include "lgc.h"
#include "lmem.h"
#include "lopcodes.h"
#include "lstring.h"
#include "ltable.h"
#include "ltm.h"
#include "lvm.h"

#include "base/base.h"

_Static_assert(LUA_VERSION_NUM == 504, "the codec knows Lua 5.4 alone");

#ifndef CIST_LEQ /* only with LUA_COMPAT_LT_LE, but its place is fixed */
#define CIST_LEQ (1 << 13)
#endif

#define TAG_UPVALUE ctb(LUA_VUPVAL) /* in our own object lists only */

/* Slots are counted from the stack's base; slot 0 belongs to the base frame. */
static inline int slot_of(const lua_State *co, const StackValue *at) {
  return (int)(at - co->stack.p);
}

static inline TValue *slot_value(lua_State *co, int slot) {
  return s2v(co->stack.p + slot);
}

static inline size_t offset_of_slot(int slot) {
  return (size_t)slot * sizeof(StackValue);
}

static inline int slot_of_offset(ptrdiff_t offset) {
  return (int)(offset / (ptrdiff_t)sizeof(StackValue));
}

static inline bool is_open(const UpVal *uv) { return uv->v.p != &uv->u.value; }

/* The thread whose stack an open upvalue points into. Its list has no way back
 * to the head but `previous` of the first entry, which is &thread->openupval;
 * whether such an address lies in a thread or in another upvalue shows in the
 * byte where an upvalue has its type: in a thread it is the low byte (on big
 * endian the high one) of `stack_last`, a multiple of 8 (or 0), and LUA_VUPVAL
 * is odd. */
#define UPVALUE_TYPE_FROM_NEXT \
  ((ptrdiff_t)offsetof(UpVal, tt) - (ptrdiff_t)offsetof(UpVal, u.open.next))
_Static_assert(offsetof(lua_State, openupval) + offsetof(UpVal, tt) -
                       offsetof(UpVal, u.open.next) ==
                   offsetof(lua_State, stack_last),
               "owner_of() knows another layout of lua_State");
_Static_assert(LUA_VUPVAL % 8 != 0 && LUA_VUPVAL != 0, "owner_of()");

static inline lua_State *owner_of(const UpVal *uv) {
  for (;;) {
    char *at = (char *)uv->u.open.previous;
    if (*(lu_byte *)(at + UPVALUE_TYPE_FROM_NEXT) != LUA_VUPVAL)
      return (lua_State *)(void *)(at - offsetof(lua_State, openupval));
    uv = (const UpVal *)(const void *)(at - offsetof(UpVal, u.open.next));
  }
}

static inline Proto *frame_proto(const CallInfo *ci) {
  return clLvalue(s2v(ci->func.p))->p;
}

/* Index of the instruction a suspended Lua frame waits in. */
static inline int frame_pc(const CallInfo *ci) {
  return (int)(ci->u.l.savedpc - frame_proto(ci)->code) - 1;
}

#endif
