/* Small blocks for the Lua heap: free lists by size, no header, no search.
 *
 * Lua says a block's size when it gives it back, so nothing is kept beside it.
 * What was taken from the system stays for reuse until the end. Sanitizer and
 * hard builds leave all to malloc, which sees more. */
#ifndef LUA_BLOCKS_H
#define LUA_BLOCKS_H

#include "base/base.h"

#define BLOCK_UNIT 16
#define BLOCK_MAX 512 /* larger ones are malloc's */

typedef struct Slab Slab;

typedef struct Blocks {
  void *free[BLOCK_MAX / BLOCK_UNIT + 1]; /* by units */
  char *next, *end; /* the unused rest of the newest slab */
  Slab *slabs;
} Blocks;

/* Like realloc and free; NULL when the system has none left. Zero-initialised
 * Blocks are empty and valid. */
void *blocks_resize(Blocks *b, void *ptr, size_t osize, size_t nsize);
void blocks_release(Blocks *b, void *ptr, size_t osize);
void blocks_free(Blocks *b); /* every block is gone */

#endif
