/* File-level locals and globals that code sets once it is loaded (S27): all
 * visitors share them, nothing saves them, and no rollback puts them back. */
#ifndef PERSIST_WATCH_H
#define PERSIST_WATCH_H

#include "persist/names.h"

typedef struct Watched {
  uint32_t name; /* of a variable of the app's */
  bool is_told;
  TValue was; /* compared, and never looked into: it may be dead */
} Watched;

typedef struct Watch {
  Watched *list;
  uint32_t n, cap;
  int globals; /* registry reference of a copy of the globals; 0: none yet */
} Watch;

/* What they hold now is what they should. */
void watch_begin(Watch *w, const Names *n, lua_State *L);
void watch_free(Watch *w);
/* Shows each that holds something else than then, once. */
void watch_look(Watch *w, const Names *n, lua_State *L,
                void (*see)(void *ud, Slice name), void *ud);

#endif
