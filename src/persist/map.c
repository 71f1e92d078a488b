#include "persist/map.h"

#include <stdlib.h>

#define FIRST_SLOTS 256u
#define KEPT_SLOTS 65536u /* a map that grew past it gives its memory back */

void map_init(Map *m) {
  *m = (Map){ .mask = FIRST_SLOTS - 1, .generation = 1 };
  m->slots = xcalloc(FIRST_SLOTS, sizeof *m->slots);
}

void map_free(Map *m) {
  free(m->slots);
  m->slots = NULL;
}

void map_clear(Map *m) {
  if (m->mask >= KEPT_SLOTS || m->generation == UINT32_MAX) {
    map_free(m);
    map_init(m);
    return;
  }
  m->generation++;
  m->n = 0;
}

void map_grow(Map *m) {
  Map bigger = { .mask = m->mask * 2 + 1, .generation = 1 };
  ASSERT(bigger.mask < UINT32_MAX / 2);
  bigger.slots = xcalloc((size_t)bigger.mask + 1, sizeof *bigger.slots);
  for (size_t i = 0; i <= m->mask; i++) {
    const MapSlot *s = &m->slots[i];
    if (s->generation == m->generation)
      *map_at(&bigger, (const void *)s->key) = s->value;
  }
  free(m->slots);
  *m = bigger;
}

void *vec_grow(void *ptr, uint32_t *cap, size_t size) {
  ASSERT(*cap < UINT32_MAX / 2);
  *cap = *cap ? *cap * 2 : 32;
  return xrealloc(ptr, *cap * size);
}
