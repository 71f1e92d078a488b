#include "store/record.h"

#include "base/hash.h"

void u64_put(uint8_t out[8], uint64_t v) {
  for (int i = 0; i < 8; i++) out[i] = (uint8_t)(v >> (8 * i));
}

uint64_t u64_get(const uint8_t in[8]) {
  uint64_t v = 0;
  for (int i = 0; i < 8; i++) v |= (uint64_t)in[i] << (8 * i);
  return v;
}

/* Turned by one bit, so that key and content that change places differ. */
static uint64_t sum_of(Slice key, Slice content) {
  uint64_t k = hash64(key);
  return hash64(content) ^ (k << 1 | k >> 63);
}

void record_seal(Slice key, uint8_t *record, size_t len) {
  Slice content = slice((const char *)record + RECORD_SUM_BYTES,
                        len - RECORD_SUM_BYTES);
  u64_put(record, sum_of(key, content));
}

bool record_open(Slice key, Slice record, Slice *content) {
  if (record.len < RECORD_SUM_BYTES) return false;
  Slice rest = slice(record.ptr + RECORD_SUM_BYTES,
                     record.len - RECORD_SUM_BYTES);
  if (u64_get((const uint8_t *)record.ptr) != sum_of(key, rest)) return false;
  *content = rest;
  return true;
}
