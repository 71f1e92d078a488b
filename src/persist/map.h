/* From addresses to numbers: open addressing, cleared by counting up a
 * generation. */
#ifndef PERSIST_MAP_H
#define PERSIST_MAP_H

#include "base/base.h"

#define MAP_NONE UINT32_MAX

typedef struct MapSlot {
  uintptr_t key;
  uint32_t value;
  uint32_t generation; /* in use when it is the map's */
} MapSlot;

/* Zero-initialised is not valid: map_init. */
typedef struct Map {
  MapSlot *slots;
  uint32_t mask; /* a power of two, less one */
  uint32_t n;
  uint32_t generation;
} Map;

void map_init(Map *m);
void map_free(Map *m);
void map_grow(Map *m);
/* Forgets all, keeps the memory unless it is much. */
void map_clear(Map *m);

static inline uint32_t map_hash(uintptr_t key) {
  return (uint32_t)(((uint64_t)key >> 3) * 0x9E3779B97F4A7C15u >> 32);
}

static inline uint32_t map_find(const Map *m, const void *key) {
  uint32_t i = map_hash((uintptr_t)key) & m->mask;
  for (;; i = (i + 1) & m->mask) {
    const MapSlot *s = &m->slots[i];
    if (s->generation != m->generation) return MAP_NONE;
    if (s->key == (uintptr_t)key) return s->value;
  }
}

/* Where `key` has its number, for the caller to read or set; a new one has
 * MAP_NONE there. Valid until the next call. */
static inline uint32_t *map_at(Map *m, const void *key) {
  if (m->n * 2 > m->mask) map_grow(m);
  uint32_t i = map_hash((uintptr_t)key) & m->mask;
  for (;; i = (i + 1) & m->mask) {
    MapSlot *s = &m->slots[i];
    if (s->generation != m->generation) {
      *s = (MapSlot){ (uintptr_t)key, MAP_NONE, m->generation };
      m->n++;
      return &s->value;
    }
    if (s->key == (uintptr_t)key) return &s->value;
  }
}

/* Room for one more in a growing array of `n`; the array may move. */
#define vec_room(ptr, n, cap) \
  ((n) < (cap) ? (void)0      \
               : (void)((ptr) = vec_grow((ptr), &(cap), sizeof *(ptr))))
void *vec_grow(void *ptr, uint32_t *cap, size_t size);

#endif
