#include "store/recents.h"

#include <stdlib.h>

#define SPARE 256 /* slots that an empty one keeps */

/* Ids end in random bits. */
static size_t place(const Recents *r, const uint8_t raw[CID_RAW]) {
  uint64_t end;
  memcpy(&end, raw + CID_RAW - sizeof end, sizeof end);
  return (size_t)(end * 0x9E3779B97F4A7C15u >> 32) & (r->cap - 1);
}

/* Where `raw` is, or where it would go. */
static Recent *slot_of(const Recents *r, const uint8_t raw[CID_RAW]) {
  for (size_t i = place(r, raw);; i = (i + 1) & (r->cap - 1)) {
    Recent *s = &r->slots[i];
    if (s->generation != r->generation || !memcmp(s->raw, raw, CID_RAW))
      return s;
  }
}

static void grow(Recents *r) {
  Recents old = *r;
  r->cap = old.cap ? old.cap * 2 : 64;
  r->slots = xcalloc(r->cap, sizeof *r->slots);
  r->generation = 1;
  for (size_t i = 0; i < old.cap; i++) {
    if (old.slots[i].generation != old.generation) continue;
    Recent *s = slot_of(r, old.slots[i].raw);
    *s = old.slots[i];
    s->generation = r->generation;
  }
  free(old.slots);
}

const Recent *recents_find(const Recents *r, const uint8_t raw[CID_RAW]) {
  if (!r->n) return NULL;
  const Recent *s = slot_of(r, raw);
  return s->generation == r->generation ? s : NULL;
}

Recent *recents_at(Recents *r, const uint8_t raw[CID_RAW]) {
  if (r->n * 2 >= r->cap) grow(r);
  Recent *s = slot_of(r, raw);
  if (s->generation == r->generation) return s;
  *s = (Recent){ .generation = r->generation, .revision = RECENT_UNKNOWN };
  memcpy(s->raw, raw, CID_RAW);
  r->n++;
  return s;
}

void recents_clear(Recents *r) {
  r->n = 0;
  if (r->cap > SPARE || !++r->generation) recents_free(r);
}

void recents_free(Recents *r) {
  free(r->slots);
  *r = (Recents){ 0 };
}
