#include "base/id.h"

#include <sodium.h>

void id_init(void) {
  if (sodium_init() < 0) die("libsodium could not be started");
}

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t base64url(char *out, const void *raw, size_t len) {
  const uint8_t *in = raw;
  size_t n = 0;
  uint32_t acc = 0;
  unsigned bits = 0;
  for (size_t i = 0; i < len; i++) {
    acc = (acc << 8) | in[i];
    for (bits += 8; bits >= 6;) {
      bits -= 6;
      out[n++] = alphabet[(acc >> bits) & 63];
    }
    acc &= (1u << bits) - 1;
  }
  if (bits) out[n++] = alphabet[(acc << (6 - bits)) & 63];
  return n;
}

static int digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool unbase64url(void *raw, size_t len, Slice text) {
  if (text.len != (len * 8 + 5) / 6) return false;
  uint8_t *out = raw;
  uint32_t acc = 0;
  unsigned bits = 0;
  for (size_t i = 0; i < text.len; i++) {
    int d = digit(text.ptr[i]);
    if (d < 0) return false;
    acc = (acc << 6) | (uint32_t)d;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      *out++ = (uint8_t)(acc >> bits);
      acc &= (1u << bits) - 1;
    }
  }
  return acc == 0; /* one text per value: the unused bits are zero */
}

void random_bytes(void *out, size_t len) { randombytes_buf(out, len); }

void cid_mint(char out[CID_LEN + 1], uint64_t now_ms) {
  uint8_t raw[CID_RAW];
  for (int i = 0; i < 6; i++) raw[i] = (uint8_t)(now_ms >> (8 * (5 - i)));
  randombytes_buf(raw + 6, sizeof raw - 6);
  out[base64url(out, raw, sizeof raw)] = '\0';
}

bool cid_raw(Slice cid, uint8_t raw[CID_RAW]) {
  return unbase64url(raw, CID_RAW, cid);
}

bool token_eq(Slice a, Slice b) {
  return a.len == b.len && sodium_memcmp(a.ptr, b.ptr, a.len) == 0;
}
