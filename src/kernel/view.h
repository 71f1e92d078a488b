/* A conversation looked at from outside: a copy of its last committed head, or
 * of a state of its past, that nobody else knows. */
#ifndef KERNEL_VIEW_H
#define KERNEL_VIEW_H

#include "kernel/conv.h"

/* It hangs off a userdata, so that an error on the way does not leak it. */
typedef struct View {
  struct View *next; /* of the Kernel's, which closes those that are left */
  Kernel *kernel;
  Conv *conv;
  Buf state; /* at the turn that was asked for */
  uint64_t left_ms;
} View;

#define TURN_WRECK UINT64_MAX /* what a failed turn left (wreck.h) */

/* The Kernel. Raises before the app is served: until then there are none. */
Kernel *view_kernel(lua_State *L);
/* The id at `idx`. */
Slice view_cid(lua_State *L, int idx);
/* The turn at `idx`: a number, 0 when it is absent, TURN_WRECK for "wreck". */
uint64_t view_turn(lua_State *L, int idx);

/* Pushes one of the conversation as it is. Raises when there is none. */
View *view_open(lua_State *L, Kernel *k, Slice cid);
/* The same with the state at a turn. Raises when that is not kept. */
View *view_at(lua_State *L, Kernel *k, Slice cid, uint64_t turn);
/* The same, awake. */
Conv *view_revive(lua_State *L, Kernel *k, Slice cid, uint64_t turn);
/* Frees it now, and not when it is collected. */
void view_close(View *v);
void views_free(Kernel *k);

/* --- look.c --- */
int look_f_turns(lua_State *L);   /* (cid) -> past, present, future */
int look_f_state(lua_State *L);   /* (cid, [iid], [turn]) -> a copy of `self` */
int look_f_tree(lua_State *L);    /* (cid, [turn]) -> its instances */
int look_f_html(lua_State *L);    /* (cid, [turn]) -> its page */
int look_f_inspect(lua_State *L); /* (cid) -> what is known of it */

#endif
