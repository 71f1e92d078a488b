#include "base/base64.h"

#include <sodium.h>

#define VARIANT sodium_base64_VARIANT_ORIGINAL

void base64_put(Buf *out, Slice bytes) {
  size_t size = sodium_base64_encoded_len(bytes.len, VARIANT); /* with a NUL */
  char *to = buf_reserve(out, size);
  if (!to) return;
  sodium_bin2base64(to, size, (const uint8_t *)bytes.ptr, bytes.len, VARIANT);
  out->len += size - 1;
}

bool base64_take(Slice text, Buf *out) {
  size_t n;
  const char *end;
  uint8_t *to = (uint8_t *)buf_reserve(out, text.len + 1);
  if (text.len == 0) return true;
  if (!to ||
      sodium_base642bin(to, text.len, text.ptr, text.len, NULL, &n, &end,
                        VARIANT) ||
      end != text.ptr + text.len)
    return false;
  out->len += n;
  return true;
}
