#include "http/addr.h"

#include <arpa/inet.h>

#define V4_BITS 96 /* of an IPv4 address that stand before it */

static bool parse(Slice text, uint8_t bytes[16], bool *is_v4) {
  char copy[INET6_ADDRSTRLEN];
  static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
  if (text.len == 0 || text.len >= sizeof copy) return false;
  memcpy(copy, text.ptr, text.len);
  copy[text.len] = '\0';
  *is_v4 = inet_pton(AF_INET, copy, bytes + 12) == 1;
  if (*is_v4) memcpy(bytes, mapped, sizeof mapped);
  return *is_v4 || inet_pton(AF_INET6, copy, bytes) == 1;
}

/* One to three digits. */
static bool parse_bits(Slice text, int *out) {
  int n = 0;
  if (text.len == 0 || text.len > 3) return false;
  for (size_t i = 0; i < text.len; i++) {
    if (text.ptr[i] < '0' || text.ptr[i] > '9') return false;
    n = 10 * n + text.ptr[i] - '0';
  }
  *out = n;
  return true;
}

bool addr_block_parse(Slice text, AddrBlock *out) {
  AddrBlock b = { .bits = 128 };
  bool is_v4;
  const char *slash = text.len ? memchr(text.ptr, '/', text.len) : NULL;
  size_t len = slash ? (size_t)(slash - text.ptr) : text.len;
  if (!parse(slice(text.ptr, len), b.bytes, &is_v4)) return false;
  if (slash) {
    if (!parse_bits(slice(slash + 1, text.len - len - 1), &b.bits))
      return false;
    if (is_v4) b.bits += V4_BITS;
    if (b.bits > 128) return false;
  }
  *out = b;
  return true;
}

static bool is_in(const uint8_t bytes[16], const AddrBlock *b) {
  size_t whole = (size_t)b->bits / 8;
  int rest = b->bits % 8;
  if (memcmp(bytes, b->bytes, whole) != 0) return false;
  return !rest || ((bytes[whole] ^ b->bytes[whole]) >> (8 - rest)) == 0;
}

void addr_block_write(const AddrBlock *b, Buf *out) {
  char text[INET6_ADDRSTRLEN];
  static const AddrBlock v4 = { { [10] = 0xff, 0xff }, V4_BITS };
  bool is_v4 = b->bits >= V4_BITS && is_in(b->bytes, &v4);
  inet_ntop(is_v4 ? AF_INET : AF_INET6, b->bytes + (is_v4 ? 12 : 0), text,
            sizeof text);
  buf_puts(out, text);
  if (b->bits < 128) buf_printf(out, "/%d", b->bits - (is_v4 ? V4_BITS : 0));
}

bool addr_in(Slice address, const AddrBlock *blocks, size_t n) {
  uint8_t bytes[16];
  bool is_v4;
  if (!parse(address, bytes, &is_v4)) return false;
  for (size_t i = 0; i < n; i++)
    if (is_in(bytes, &blocks[i])) return true;
  return false;
}

bool addr_is_loopback(Slice address) {
  static const AddrBlock own[] = {
    { { [10] = 0xff, 0xff, 127 }, V4_BITS + 8 }, /* 127.0.0.0/8 */
    { { [15] = 1 }, 128 },                       /* ::1 */
  };
  return addr_in(address, own, countof(own));
}
