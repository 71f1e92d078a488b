/* Growable bytes with sticky failure: append freely, ask once at the end.
 *
 * A Buf with a limit (`max`) that would outgrow it fails for good and holds
 * what it held; later appends do nothing. Zero-initialised is empty and valid.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/base.h"
#include "base/err.h"

typedef struct Buf {
  char *ptr;  /* `cap` bytes, or NULL while nothing was appended */
  size_t len; /* bytes in use */
  size_t cap;
  size_t max; /* most bytes it may hold; 0 is no limit */
  Err err;    /* the first failure */
} Buf;

void buf_free(Buf *b); /* frees the bytes; the Buf is empty and reusable */
static inline void buf_clear(
    Buf *b) { /* keeps the memory, forgets bytes and failure */
  b->len = 0;
  b->err = OK;
}
/* Makes room for `n` more bytes and returns where they go, or NULL when failed.
 * The caller writes there and then adds what it wrote to `len`. */
char *buf_reserve(Buf *b, size_t n);
void buf_put(Buf *b, const void *ptr, size_t len);
void buf_printf(Buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void buf_uint(Buf *b, uint64_t v); /* in decimal */
/* The same into plain memory (20 bytes at most, no NUL); returns how many. */
size_t uint_text(char *out, uint64_t v);
void buf_drop(Buf *b, size_t n); /* removes the first n bytes */
static inline void buf_swap(Buf *a, Buf *b) {
  Buf was = *a;
  *a = *b;
  *b = was;
}

static inline void buf_puts(Buf *b, const char *s) { buf_put(b, s, strlen(s)); }
static inline void buf_slice(Buf *b, Slice s) { buf_put(b, s.ptr, s.len); }
static inline Err buf_status(const Buf *b) { return b->err; }
static inline Slice buf_view(const Buf *b) { return slice(b->ptr, b->len); }

static inline void buf_byte(Buf *b, char c) {
  if (b->len < b->cap && !b->err)
    b->ptr[b->len++] = c;
  else
    buf_put(b, &c, 1);
}

#define buf_lit(b, literal) buf_put((b), "" literal, sizeof(literal) - 1)

/* 8 bytes, the highest first: as keys of a store, numbers then sort. */
void buf_be64(Buf *b, uint64_t v);
uint64_t read_be64(const char *from);

/* --- numbers of varying length (LEB128), shared by every saved format --- */
void buf_varint(Buf *b, uint64_t v);
/* Reads one from the front of `in`; ERR_BAD_INPUT when it is cut or over 64
 * bits. */
Err take_varint(Slice *in, uint64_t *out);
/* Length, then bytes. */
void buf_block(Buf *b, Slice s);
Err take_block(Slice *in, Slice *out);

#endif
