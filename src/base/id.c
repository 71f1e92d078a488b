#include "base/id.h"

#include <sodium.h>

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The other way, plus one; 0: none of them. */
#define TWO(c, n) [c] = (n) + 1, [(c) + 1] = (n) + 2
#define EIGHT(c, n) \
  TWO(c, n), TWO(c + 2, n + 2), TWO(c + 4, n + 4), TWO(c + 6, n + 6)
static const uint8_t digits[256] = {
  EIGHT('A', 0),  EIGHT('I', 8),  EIGHT('Q', 16), TWO('Y', 24),
  EIGHT('a', 26), EIGHT('i', 34), EIGHT('q', 42), TWO('y', 50),
  EIGHT('0', 52), TWO('8', 60),   ['-'] = 63,     ['_'] = 64,
};
#undef EIGHT
#undef TWO

/* Its value; for what is none, one that is too large. */
static uint32_t digit(uint8_t c) { return (uint32_t)digits[c] - 1; }

void id_init(void) {
  if (sodium_init() < 0) die("libsodium could not be started");
}

size_t base64url(char *out, const void *raw, size_t len) {
  const uint8_t *in = raw;
  char *at = out;
  for (; len >= 3; len -= 3, in += 3) {
    uint32_t three = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
    *at++ = alphabet[three >> 18];
    *at++ = alphabet[three >> 12 & 63];
    *at++ = alphabet[three >> 6 & 63];
    *at++ = alphabet[three & 63];
  }
  if (len > 0) {
    uint32_t rest = (uint32_t)in[0] << 16 |
                    (len > 1 ? (uint32_t)in[1] << 8 : 0);
    *at++ = alphabet[rest >> 18];
    *at++ = alphabet[rest >> 12 & 63];
    if (len > 1) *at++ = alphabet[rest >> 6 & 63];
  }
  return (size_t)(at - out);
}

bool unbase64url(void *raw, size_t len, Slice text) {
  if (text.len != (len * 8 + 5) / 6) return false;
  const uint8_t *in = (const uint8_t *)text.ptr;
  uint8_t *out = raw;
  uint32_t wrong = 0;
  for (; len >= 3; len -= 3, in += 4) {
    uint32_t a = digit(in[0]), b = digit(in[1]), c = digit(in[2]),
             d = digit(in[3]);
    wrong |= a | b | c | d;
    *out++ = (uint8_t)(a << 2 | b >> 4);
    *out++ = (uint8_t)(b << 4 | c >> 2);
    *out++ = (uint8_t)(c << 6 | d);
  }
  /* One text per value: the unused bits are zero. */
  if (len > 0) {
    uint32_t a = digit(in[0]), b = digit(in[1]), c = len > 1 ? digit(in[2]) : 0;
    wrong |= a | b | c;
    *out++ = (uint8_t)(a << 2 | b >> 4);
    if (len > 1) *out++ = (uint8_t)(b << 4 | c >> 2);
    if (len > 1 ? c & 3 : b & 15) return false;
  }
  return wrong < 64;
}

void random_bytes(void *out, size_t len) { randombytes_buf(out, len); }

void cid_mint(char out[CID_LEN + 1], uint64_t now_ms) {
  uint8_t chance[CID_CHANCE];
  random_bytes(chance, sizeof chance);
  cid_make(out, now_ms, chance);
}

void cid_make(char out[CID_LEN + 1], uint64_t now_ms,
              const uint8_t chance[CID_CHANCE]) {
  uint8_t raw[CID_RAW];
  for (int i = 0; i < 6; i++) raw[i] = (uint8_t)(now_ms >> (8 * (5 - i)));
  memcpy(raw + 6, chance, CID_CHANCE);
  out[base64url(out, raw, sizeof raw)] = '\0';
}

bool cid_raw(Slice cid, uint8_t raw[CID_RAW]) {
  return unbase64url(raw, CID_RAW, cid);
}

bool token_eq(Slice a, Slice b) {
  return a.len == b.len && sodium_memcmp(a.ptr, b.ptr, a.len) == 0;
}
