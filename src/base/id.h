/* Names that cannot be guessed: conversation ids, owner tokens, nonces, and the
 * text form of bytes (base64url, unpadded). */
#ifndef BASE_ID_H
#define BASE_ID_H

#include "base/buf.h"

/* 6 bytes of mint time (ms, big endian), 16 of randomness */
#define CID_RAW 22
#define CID_CHANCE 16
/* its text */
#define CID_LEN 30
/* 256 bits as text */
#define TOKEN_LEN 43

/* Must be called once before anything else here; stops the process on failure.
 */
void id_init(void);

/* `n` bytes of base64url text for `len` raw bytes: n = (len * 8 + 5) / 6. */
size_t base64url(char *out, const void *raw, size_t len);
/* Reads text into exactly `len` raw bytes; false when it is anything else. */
bool unbase64url(void *raw, size_t len, Slice text);

/* Writes CID_LEN characters and a NUL. Raw ones sort in minting order (P1). */
void cid_mint(char out[CID_LEN + 1], uint64_t now_ms);
/* The same of given randomness. */
void cid_make(char out[CID_LEN + 1], uint64_t now_ms,
              const uint8_t chance[CID_CHANCE]);
bool cid_raw(Slice cid, uint8_t raw[CID_RAW]);

/* Takes the same time whatever differs. */
bool token_eq(Slice a, Slice b);

void random_bytes(void *out, size_t len);

#endif
