/* Hashes, each for one purpose (P5 has their costs). */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/base.h"

#define KEY_BYTES 32
#define DIGEST_BYTES 32
#define MAC_RAW 12 /* 96 bits of SipHash-2-4-128 (S37) */
#define MAC_LEN 16 /* its text */

typedef struct MacKey {
  uint8_t bytes[16];
} MacKey;

/* What a rendering, an answer or a signal looked like: equal or not. Not
 * secret. */
uint64_t hash64(Slice s);

/* BLAKE2b-256: the name of a piece of code. */
void digest(uint8_t out[DIGEST_BYTES], Slice s);

/* A key for one purpose, derived from the host's key and its name: a cid. */
MacKey mac_key(const uint8_t host_key[KEY_BYTES], Slice name);

/* All 128 bits of it. */
void mac_whole(uint8_t out[16], const MacKey *key, Slice s);
/* MAC_LEN characters over `s` (no NUL). */
void mac(char out[MAC_LEN], const MacKey *key, Slice s);

#endif
