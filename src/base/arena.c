#include "base/arena.h"

#include "base/limits.h"

#include <stdalign.h>
#include <stdlib.h>

#ifdef HAS_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define POISON(p, n) ((void)0)
#define UNPOISON(p, n) ((void)0)
#endif

struct ArenaBlock {
  ArenaBlock *older;
  size_t size; /* bytes in `data` */
  alignas(max_align_t) char data[];
};

static void start_block(Arena *a, ArenaBlock *b) {
  a->next = b->data;
  a->end = b->data + b->size;
  POISON(b->data, b->size);
}

void *arena_alloc(Arena *a, size_t n) {
  size_t unit = alignof(max_align_t);
  n = (n + unit - 1) / unit * unit;
  if ((size_t)(a->end - a->next) < n) {
    size_t size = n > ARENA_BLOCK_BYTES ? n : ARENA_BLOCK_BYTES;
    ArenaBlock *b = xmalloc(sizeof *b + size);
    *b = (ArenaBlock){ a->blocks, size };
    a->blocks = b;
    start_block(a, b);
  }
  void *p = a->next;
  a->next += n;
  UNPOISON(p, n);
  return p;
}

char *arena_dup(Arena *a, Slice s) {
  char *p = arena_alloc(a, s.len + 1);
  if (s.len) memcpy(p, s.ptr, s.len);
  p[s.len] = '\0';
  return p;
}

/* Frees every block but the last, which is the oldest and of the usual size. */
void arena_reset(Arena *a) {
  while (a->blocks &&
         (a->blocks->older || a->blocks->size > ARENA_BLOCK_BYTES)) {
    ArenaBlock *b = a->blocks;
    a->blocks = b->older;
    UNPOISON(b->data, b->size);
    free(b);
  }
  if (a->blocks)
    start_block(a, a->blocks);
  else
    a->next = a->end = NULL;
}

void arena_free(Arena *a) {
  while (a->blocks) {
    ArenaBlock *b = a->blocks;
    a->blocks = b->older;
    UNPOISON(b->data, b->size);
    free(b);
  }
  *a = (Arena){ 0 };
}
