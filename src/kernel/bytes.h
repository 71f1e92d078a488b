/* Reading what image.c and its kin wrote: the first failure sticks, and what
 * follows reads as nothing. A text is its length plus one (0: none) and its
 * bytes. */
#ifndef KERNEL_BYTES_H
#define KERNEL_BYTES_H

#include "base/buf.h"

typedef struct Reader {
  Slice in;
  Err err;
  uint64_t lacks; /* of a definition that is not there: its version, its id */
  char lacked[128];
} Reader;

uint64_t get_number(Reader *r);
uint32_t get_u32(Reader *r);
uint8_t get_byte(Reader *r);
void get_bytes(Reader *r, void *out, size_t n);
/* A copy, or NULL for a text that is absent. */
char *get_text(Reader *r);
/* The same; one that is absent is an error. Never NULL. */
char *get_name(Reader *r);
/* How many items follow: each takes a byte at least. */
uint32_t get_count(Reader *r);
/* The same, and zeroed room for them: NULL for none. */
void *get_list(Reader *r, uint32_t *n, size_t size);

void put_text(Buf *b, const char *s); /* NULL: absent */

#endif
