/* Immutable bytes with a count of holders: the head of a conversation is held
 * by the conversation, by a store, and by a commit under way, and copied for
 * none. */
#ifndef BASE_BLOB_H
#define BASE_BLOB_H

#include "base/base.h"

typedef struct Blob {
  size_t refs;
  size_t len;
  char bytes[];
} Blob;

Blob *blob_new(Slice s); /* a copy, held once */
static inline Blob *blob_hold(Blob *b) {
  b->refs++;
  return b;
}
void blob_drop(Blob *b); /* NULL is fine */
static inline Slice blob_view(const Blob *b) { return slice(b->bytes, b->len); }

#endif
