#include "base/hash.h"

#include "base/id.h"

#include <sodium.h>

uint64_t hash64(Slice s) {
  static const uint8_t key[crypto_shorthash_KEYBYTES] = "stube/equality.";
  uint64_t h;
  crypto_shorthash((uint8_t *)&h, (const uint8_t *)s.ptr, s.len, key);
  return h;
}

void digest(uint8_t out[DIGEST_BYTES], Slice s) {
  crypto_generichash(out, DIGEST_BYTES, (const uint8_t *)s.ptr, s.len, NULL, 0);
}

MacKey mac_key(const uint8_t host_key[KEY_BYTES], Slice name) {
  MacKey key;
  crypto_generichash(key.bytes, sizeof key.bytes, (const uint8_t *)name.ptr,
                     name.len, host_key, KEY_BYTES);
  return key;
}

void mac_whole(uint8_t out[16], const MacKey *key, Slice s) {
  crypto_shorthash_siphashx24(out, (const uint8_t *)s.ptr, s.len, key->bytes);
}

void mac(char out[MAC_LEN], const MacKey *key, Slice s) {
  uint8_t full[crypto_shorthash_siphashx24_BYTES];
  crypto_shorthash_siphashx24(full, (const uint8_t *)s.ptr, s.len, key->bytes);
  base64url(out, full, MAC_RAW);
}
