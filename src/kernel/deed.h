/* What is done to a conversation from outside of its turns: by the REPL, by a
 * function of a request, by a spec.
 *
 *   send, send_async   an event, as a click would bring it
 *   back, compact, finish   turns that are done to it
 *   stop, resume       it takes no events, and nothing happens by itself
 *   close              it leaves memory
 *
 * Each posts an Event, so it waits behind a turn under way and is kept like
 * one. None of it inside a turn: that could not be undone when it fails. */
#ifndef KERNEL_DEED_H
#define KERNEL_DEED_H

#include "kernel/conv.h"

/* A turn that does this instead of bringing an event. */
typedef struct EventDeed {
  const char *words;   /* "finish" */
  lua_CFunction begin; /* leaves the turn's first work; gets the Event */
} EventDeed;

int deed_f_send(lua_State *L);       /* (cid, event) -> true; nil, why */
int deed_f_send_async(lua_State *L); /* (cid, event) -> a table, filled later */
int deed_f_back(lua_State *L);       /* (cid, [turn]) -> true; nil, why */
int deed_f_compact(lua_State *L);    /* (cid, [turns]) -> true; nil, why */
int deed_f_finish(lua_State *L);     /* (cid) -> true; nil, why */
int deed_f_stop(lua_State *L);       /* (cid, [why]) -> true */
int deed_f_resume(lua_State *L);     /* (cid) -> true; nil, why */
int deed_f_close(lua_State *L);      /* (cid) -> true; nil, why */

/* --- stop.c --- */

bool conv_stops(const Conv *c); /* it is stopped, or just being so */
/* From now on it takes no events; `why` is for its visitor. Kept at once, or
 * behind the commit under way. */
void conv_stop(Kernel *k, Conv *c, Slice why);
/* It goes on. An Err when it cannot be woken. */
Err conv_resume(Kernel *k, Conv *c);
/* A commit is over: what was asked for meanwhile. */
void conv_stop_late(Kernel *k, Conv *c);

#endif
