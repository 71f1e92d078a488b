#include "base/blob.h"

#include <stdlib.h>

Blob *blob_new(Slice s) {
  Blob *b = xmalloc(sizeof *b + s.len);
  b->refs = 1;
  b->len = s.len;
  if (s.len) memcpy(b->bytes, s.ptr, s.len);
  return b;
}

void blob_drop(Blob *b) {
  if (b && --b->refs == 0) free(b);
}
