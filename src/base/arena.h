/* Bump memory for one request: allocate piece by piece, give back all at once.
 * Under ASan what is not handed out is poisoned. Zero-initialised is empty and
 * valid. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/base.h"

typedef struct ArenaBlock ArenaBlock;

typedef struct Arena {
  ArenaBlock *blocks; /* newest first */
  char *next, *end;   /* the free part of the newest */
} Arena;

/* `n` bytes, aligned for any type, not cleared; they live until arena_reset. */
void *arena_alloc(Arena *a, size_t n);
/* A NUL-terminated copy. */
char *arena_dup(Arena *a, Slice s);
/* Forgets all that was handed out; keeps one block for the next request. */
void arena_reset(Arena *a);
void arena_free(Arena *a);

#endif
