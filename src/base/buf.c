#include "base/buf.h"

#include "base/limits.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_free(Buf *b) {
  free(b->ptr);
  *b = (Buf){ .max = b->max };
}

static bool grow(Buf *b, size_t n) {
  if (b->err) return false;
  if (n > SIZE_MAX / 4 - b->len || (b->max && b->len + n > b->max)) {
    b->err = ERR_TOO_BIG;
    return false;
  }
  if (b->len + n <= b->cap) return true;
  size_t cap = b->cap ? b->cap : BUF_FIRST_BYTES;
  while (cap < b->len + n) cap *= 2;
  if (b->max && cap > b->max) cap = b->max; /* buf_byte asks only for room */
  b->ptr = xrealloc(b->ptr, cap);
  b->cap = cap;
  return true;
}

char *buf_reserve(Buf *b, size_t n) {
  return grow(b, n) ? b->ptr + b->len : NULL;
}

void buf_put(Buf *b, const void *ptr, size_t len) {
  if (len == 0 || !grow(b, len)) return;
  memcpy(b->ptr + b->len, ptr, len);
  b->len += len;
}

void buf_printf(Buf *b, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  ASSERT(n >= 0);
  if (!grow(b, (size_t)n + 1)) return;
  va_start(ap, fmt);
  vsnprintf(b->ptr + b->len, (size_t)n + 1, fmt, ap);
  va_end(ap);
  b->len += (size_t)n;
}

size_t uint_text(char *out, uint64_t v) {
  char digits[20];
  size_t at = sizeof digits;
  do digits[--at] = (char)('0' + v % 10);
  while (v /= 10);
  memcpy(out, digits + at, sizeof digits - at);
  return sizeof digits - at;
}

void buf_uint(Buf *b, uint64_t v) {
  char *at = buf_reserve(b, 20);
  if (at) b->len += uint_text(at, v);
}

void buf_drop(Buf *b, size_t n) {
  ASSERT(n <= b->len);
  if (n && n < b->len) memmove(b->ptr, b->ptr + n, b->len - n);
  b->len -= n;
}

void buf_be64(Buf *b, uint64_t v) {
  for (int shift = 56; shift >= 0; shift -= 8) buf_byte(b, (char)(v >> shift));
}

uint64_t read_be64(const char *from) {
  uint64_t v = 0;
  for (int i = 0; i < 8; i++) v = v << 8 | (uint8_t)from[i];
  return v;
}

void buf_varint(Buf *b, uint64_t v) {
  if (v < 0x80) {
    buf_byte(b, (char)v);
    return;
  }
  char bytes[10];
  size_t n = 0;
  for (; v >= 0x80; v >>= 7) bytes[n++] = (char)(v | 0x80);
  bytes[n++] = (char)v;
  buf_put(b, bytes, n);
}

Err take_varint(Slice *in, uint64_t *out) {
  uint64_t v = 0;
  for (size_t i = 0; i < in->len && i < 10; i++) {
    uint8_t byte = (uint8_t)in->ptr[i];
    if (i == 9 && byte > 1) return ERR_BAD_INPUT;
    v |= (uint64_t)(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      *out = v;
      in->ptr += i + 1;
      in->len -= i + 1;
      return OK;
    }
  }
  return ERR_BAD_INPUT;
}

void buf_block(Buf *b, Slice s) {
  buf_varint(b, s.len);
  buf_slice(b, s);
}

Err take_block(Slice *in, Slice *out) {
  Slice rest = *in;
  uint64_t len;
  Err e = take_varint(&rest, &len);
  if (e) return e;
  if (len > rest.len) return ERR_BAD_INPUT;
  *out = slice(rest.ptr, (size_t)len);
  *in = slice(rest.ptr + len, rest.len - (size_t)len);
  return OK;
}
