#include "lua/blocks.h"

#include <stdlib.h>

#define SLAB_BYTES (64 * 1024)

struct Slab {
  Slab *older;
  _Alignas(BLOCK_UNIT) char bytes[SLAB_BYTES];
};

static size_t units(size_t n) { return (n + BLOCK_UNIT - 1) / BLOCK_UNIT; }

static void *take(Blocks *b, size_t n) {
  size_t u = units(n), len = u * BLOCK_UNIT;
  void *p = b->free[u];
  if (p) {
    b->free[u] = *(void **)p;
    return p;
  }
  if ((size_t)(b->end - b->next) < len) {
    Slab *s = malloc(sizeof *s);
    if (!s) return NULL;
    s->older = b->slabs;
    b->slabs = s;
    /* The rest of the old slab serves as one smaller block. */
    size_t rest = (size_t)(b->end - b->next) / BLOCK_UNIT;
    if (rest) {
      *(void **)b->next = b->free[rest];
      b->free[rest] = b->next;
    }
    b->next = s->bytes;
    b->end = s->bytes + SLAB_BYTES;
  }
  p = b->next;
  b->next += len;
  return p;
}

static void give(Blocks *b, void *p, size_t n) {
  *(void **)p = b->free[units(n)];
  b->free[units(n)] = p;
}

void *blocks_resize(Blocks *b, void *ptr, size_t osize, size_t nsize) {
  if (!ptr) return nsize <= BLOCK_MAX ? take(b, nsize) : malloc(nsize);
  if (osize > BLOCK_MAX && nsize > BLOCK_MAX) return realloc(ptr, nsize);
  if (osize <= BLOCK_MAX && nsize <= BLOCK_MAX && units(osize) == units(nsize))
    return ptr;
  void *p = nsize <= BLOCK_MAX ? take(b, nsize) : malloc(nsize);
  if (!p) return NULL;
  memcpy(p, ptr, osize < nsize ? osize : nsize);
  blocks_release(b, ptr, osize);
  return p;
}

void blocks_release(Blocks *b, void *ptr, size_t osize) {
  if (!ptr) return;
  if (osize <= BLOCK_MAX)
    give(b, ptr, osize);
  else
    free(ptr);
}

void blocks_free(Blocks *b) {
  while (b->slabs) {
    Slab *s = b->slabs;
    b->slabs = s->older;
    free(s);
  }
  *b = (Blocks){ 0 };
}
