/* IP addresses, and blocks of them: "127.0.0.1", "10.0.0.0/8", "fd00::/8". An
 * IPv4 address and the same mapped into IPv6 are one. */
#ifndef HTTP_ADDR_H
#define HTTP_ADDR_H

#include "base/buf.h"

typedef struct AddrBlock {
  uint8_t bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
  int bits;          /* of them count: 128 for one address */
} AddrBlock;

/* False, and nothing is written, for anything else. */
bool addr_block_parse(Slice text, AddrBlock *out);
/* Appends it as text that parses to the same block. */
void addr_block_write(const AddrBlock *b, Buf *out);
/* Is the address (as req_peer gives it) in one of the blocks? */
bool addr_in(Slice address, const AddrBlock *blocks, size_t n);
/* Is it this machine's own? */
bool addr_is_loopback(Slice address);

#endif
