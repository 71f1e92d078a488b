/* The words every file uses: byte slices, assertions, checked allocation.
 *
 * Memory out is not an error anyone can handle here: state is transactional, so
 * the process says so and stops. Lua's own memory is metered apart (lua/vm.h).
 */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Is this an AddressSanitizer build? gcc and clang say so in two ways. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(HAS_ASAN)
#define HAS_ASAN 1
#endif

#define countof(a) (sizeof(a) / sizeof((a)[0]))

/* A borrowed run of bytes; never NUL-terminated by contract. */
typedef struct Slice {
  const char *ptr;
  size_t len;
} Slice;

#define SLICE(literal) ((Slice){ "" literal, sizeof(literal) - 1 })
#define SLICE_INIT(literal) \
  { "" literal, sizeof(literal) - 1 }

static inline Slice slice(const char *ptr, size_t len) {
  return (Slice){ ptr, len };
}

static inline Slice slice_str(const char *s) { return (Slice){ s, strlen(s) }; }

static inline bool slice_eq(Slice a, Slice b) {
  return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool slice_is(Slice a, const char *s) {
  return slice_eq(a, slice_str(s));
}

static inline bool slice_starts(Slice a, Slice prefix) {
  return a.len >= prefix.len &&
         (prefix.len == 0 || memcmp(a.ptr, prefix.ptr, prefix.len) == 0);
}

/* Of ASCII, whatever the locale. */
static inline bool char_is_digit(char c) { return c >= '0' && c <= '9'; }

/* [A-Za-z0-9_] */
static inline bool char_is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         char_is_digit(c);
}

/* Is it a word that begins with no digit, as a name in Lua? */
static inline bool slice_is_word(Slice s) {
  if (s.len == 0 || char_is_digit(s.ptr[0])) return false;
  for (size_t i = 0; i < s.len; i++)
    if (!char_is_word(s.ptr[i])) return false;
  return true;
}

/* Our own bugs stop the process, in release builds too. */
#define ASSERT(cond) \
  ((cond) ? (void)0 : assert_failed(#cond, __FILE__, __LINE__))

_Noreturn void assert_failed(const char *cond, const char *file, int line);

/* All of `s` as a number in decimal, of so many digits (19 at most). False when
 * it is none. */
bool slice_number(Slice s, size_t digits, uint64_t *out);

/* Prints one line on stderr and aborts. For what cannot go on (no memory). */
_Noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Like malloc and its kin, but they never return NULL. Free with free(). */
void *xmalloc(size_t n) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *p, size_t n) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
/* A NUL-terminated copy of a slice; the caller frees it. */
char *dup_slice(Slice s) __attribute__((malloc, returns_nonnull));

#endif
