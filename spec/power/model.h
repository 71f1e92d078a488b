/* The conversations that commits.c writes and replay.c expects. Step t of
 * conversation k leaves, all in one commit:
 *
 *   head    text that only (k, t) has, of 20 to 9,000 bytes; each seventh step
 *           removes the conversation instead
 *   atom    "k" -> t
 *   due     t and k -> nothing, in the place of the step before
 *   points  one for each step since the conversation began, t -> t
 */
#ifndef SPEC_POWER_MODEL_H
#define SPEC_POWER_MODEL_H

#include <stdio.h>

#include "base/buf.h"
#include "store/store.h"

#define MODEL_CONVS 40
#define MODEL_LIFE 7

static inline uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

/* The next of a row of numbers. */
static inline uint64_t draw(uint64_t *state) { return mix((*state)++); }

static inline void model_key(uint8_t key[CID_RAW], unsigned k) {
  memset(key, 0, CID_RAW);
  key[0] = (uint8_t)k;
  key[CID_RAW - 1] = (uint8_t)k;
}

static inline bool model_has_head(unsigned t) { return t % MODEL_LIFE != 0; }
/* The revision of the head after step t. */
static inline unsigned model_revision(unsigned t) { return t % MODEL_LIFE; }

static inline void model_head(Buf *out, unsigned k, unsigned t) {
  uint64_t random = mix(k * 1000003u + t);
  size_t len = random % 4 ? 20 + random % 300 : 20 + random % 9000;
  buf_printf(out, "%u %u ", k, t);
  while (out->len < len) buf_byte(out, (char)('a' + draw(&random) % 26));
}

static inline void put_be(Buf *out, uint64_t v) {
  for (int shift = 56; shift >= 0; shift -= 8)
    buf_byte(out, (char)(v >> shift));
}

static inline void model_due(Buf *key, unsigned k, unsigned t) {
  put_be(key, mix(k + t) % 1000);
  buf_printf(key, "%u.%u", k, t);
}

static inline void model_point(Buf *key, unsigned k, unsigned t) {
  uint8_t raw[CID_RAW];
  model_key(raw, k);
  buf_put(key, raw, sizeof raw);
  put_be(key, t);
}

#endif
