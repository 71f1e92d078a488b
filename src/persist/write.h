/* Bytes of a graph, written in the encoder's hot path: room is asked for first,
 * then bytes go where `w` points. */
#ifndef PERSIST_WRITE_H
#define PERSIST_WRITE_H

#include "persist/graph.h"

#define WRITE_SLACK 32 /* more than any one small thing needs */
#define IS_LITTLE (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)

/* Makes room for `n` bytes; stops with ERR_TOO_BIG when there is none. */
void write_more(Encoder *e, size_t n);

static inline void need(Encoder *e, size_t n) {
  if ((size_t)(e->end - e->w) < n) write_more(e, n);
}

/* --- into room that need() made --- */

static inline void raw_byte(Encoder *e, int byte) { *e->w++ = (char)byte; }

static inline void raw_number(Encoder *e, uint64_t v) {
  while (v >= 0x80) {
    *e->w++ = (char)(v | 0x80);
    v >>= 7;
  }
  *e->w++ = (char)v;
}

static inline void raw_bytes(Encoder *e, const void *ptr, size_t len) {
  memcpy(e->w, ptr, len);
  e->w += len;
}

static inline uint64_t zigzag(int64_t v) {
  return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

/* --- with their own room --- */

static inline void put_byte(Encoder *e, int byte) {
  need(e, 1);
  raw_byte(e, byte);
}

static inline void put_number(Encoder *e, uint64_t v) {
  need(e, 10);
  raw_number(e, v);
}

static inline void put_signed(Encoder *e, int64_t v) {
  put_number(e, zigzag(v));
}

/* Writes a string in full or by its number, which it returns. */
uint32_t put_string(Encoder *e, TString *s);
static inline void put_string_again(Encoder *e, uint32_t id) {
  need(e, 6);
  if (id < 64)
    raw_byte(e, T_STRING_NEAR + (int)id);
  else
    raw_byte(e, T_STRING_REF), raw_number(e, id);
}

#endif
