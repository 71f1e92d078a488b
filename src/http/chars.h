/* Sets of bytes that HTTP's grammar names, as bitmaps. Pure. */
#ifndef HTTP_CHARS_H
#define HTTP_CHARS_H

#include "base/base.h"

typedef struct CharSet {
  uint32_t bits[4]; /* of ASCII; nothing above it is in any set */
} CharSet;

/* token: header and cookie names. A-Z a-z 0-9 and !#$%&'*+-.^_`|~ */
#define TOKEN_CHARS ((CharSet){ { 0, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff } })
/* Host without its port's meaning: A-Z a-z 0-9 and -._~:[]% */
#define HOST_CHARS ((CharSet){ { 0, 0x07ff6020, 0xaffffffe, 0x47fffffe } })

static inline bool char_is_in(char c, CharSet set) {
  unsigned char u = (unsigned char)c;
  return u < 0x80 && (set.bits[u >> 5] >> (u & 31) & 1);
}

/* Not empty, and all of it in the set. */
static inline bool chars_are_in(Slice s, CharSet set) {
  for (size_t i = 0; i < s.len; i++)
    if (!char_is_in(s.ptr[i], set)) return false;
  return s.len > 0;
}

#endif
