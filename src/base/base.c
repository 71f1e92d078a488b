#include "base/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

_Noreturn void assert_failed(const char *cond, const char *file, int line) {
  die("%s:%d: assertion failed: %s", file, line, cond);
}

_Noreturn void die(const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  fputs("stube: ", stderr);
  vfprintf(stderr, fmt, ap);
  fputc('\n', stderr);
  va_end(ap);
  abort();
}

bool slice_number(Slice s, size_t digits, uint64_t *out) {
  *out = 0;
  if (s.len == 0 || s.len > digits) return false;
  for (size_t i = 0; i < s.len; i++) {
    if (!char_is_digit(s.ptr[i])) return false;
    *out = *out * 10 + (uint64_t)(s.ptr[i] - '0');
  }
  return true;
}

void *xmalloc(size_t n) {
  void *p = malloc(n ? n : 1);
  if (!p) die("out of memory (%zu bytes)", n);
  return p;
}

void *xcalloc(size_t n, size_t size) {
  void *p = calloc(n ? n : 1, size ? size : 1);
  if (!p) die("out of memory (%zu x %zu bytes)", n, size);
  return p;
}

void *xrealloc(void *p, size_t n) {
  p = realloc(p, n ? n : 1);
  if (!p) die("out of memory (%zu bytes)", n);
  return p;
}

char *xstrdup(const char *s) { return dup_slice(slice_str(s)); }

char *dup_slice(Slice s) {
  char *p = xmalloc(s.len + 1);
  if (s.len) memcpy(p, s.ptr, s.len);
  p[s.len] = '\0';
  return p;
}
