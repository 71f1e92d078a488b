/* Lua values and waiting coroutines as text for a person.
 *
 * Bounded, and without running anything: no metamethod is called, so it shows
 * what is there also when that is broken. */
#ifndef LUA_SHOW_H
#define LUA_SHOW_H

#include <lua.h>

#include "base/buf.h"

typedef struct Show {
  int depth;     /* tables inside tables; deeper ones are `{...}` */
  size_t items;  /* of one table */
  size_t text;   /* bytes of one string */
  size_t value;  /* bytes of one value, all in all */
  size_t frames; /* calls of one coroutine */
  /* Appends what the host knows the object at `idx` by, or is NULL. */
  bool (*name)(void *ud, lua_State *L, int idx, Buf *out);
  void *ud;
} Show;

void show_init(Show *s); /* what fits a terminal; no names */

/* Appends the value at `idx` as one line of almost Lua: `{ n = 3, "x" }`. */
void show_value(const Show *s, lua_State *L, int idx, Buf *out);

/* The same; a table that would be a long line gets one for each item, each
 * begins with `indent`. A line end comes last. */
void show_lines(const Show *s, lua_State *L, int idx, const char *indent,
                Buf *out);

/* Appends the calls that stand on the waiting coroutine `co`, innermost first,
 * those of coroutines it waits for before its own: where each is, and its local
 * variables. Every line begins with `indent`. Uses the stack of `L`, which is
 * another thread. */
void show_stack(const Show *s, lua_State *L, lua_State *co, const char *indent,
                Buf *out);
/* Appends the place of the innermost Lua function of them: "shop.lua:31"; or
 * nothing when there is none. */
void show_place(lua_State *co, Buf *out);

#endif
