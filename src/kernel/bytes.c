#include "kernel/bytes.h"

uint64_t get_number(Reader *r) {
  uint64_t v = 0;
  if (!r->err) r->err = take_varint(&r->in, &v);
  return r->err ? 0 : v;
}

uint32_t get_u32(Reader *r) {
  uint64_t v = get_number(r);
  if (v > UINT32_MAX) r->err = ERR_BAD_INPUT;
  return r->err ? 0 : (uint32_t)v;
}

void get_bytes(Reader *r, void *out, size_t n) {
  if (!r->err && r->in.len < n) r->err = ERR_BAD_INPUT;
  if (r->err) {
    memset(out, 0, n);
    return;
  }
  memcpy(out, r->in.ptr, n);
  r->in = slice(r->in.ptr + n, r->in.len - n);
}

uint8_t get_byte(Reader *r) {
  uint8_t b;
  get_bytes(r, &b, 1);
  return b;
}

char *get_text(Reader *r) {
  uint64_t n = get_number(r);
  if (!r->err && n > r->in.len + 1) r->err = ERR_BAD_INPUT;
  if (r->err || n == 0) return NULL;
  char *s = dup_slice(slice(r->in.ptr, (size_t)n - 1));
  r->in = slice(r->in.ptr + n - 1, r->in.len - (size_t)n + 1);
  return s;
}

char *get_name(Reader *r) {
  char *s = get_text(r);
  if (s) return s;
  r->err = ERR_BAD_INPUT;
  return xstrdup("");
}

uint32_t get_count(Reader *r) {
  uint32_t n = get_u32(r);
  if (n > r->in.len) r->err = ERR_BAD_INPUT;
  return r->err ? 0 : n;
}

void *get_list(Reader *r, uint32_t *n, size_t size) {
  *n = get_count(r);
  return *n ? xcalloc(*n, size) : NULL;
}

void put_text(Buf *b, const char *s) {
  buf_varint(b, s ? strlen(s) + 1 : 0);
  if (s) buf_puts(b, s);
}
