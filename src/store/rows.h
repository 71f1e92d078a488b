/* An ordered map in memory: keys of bytes to blobs. A skip list, so that adding
 * at either end and walking on from a key are cheap. */
#ifndef STORE_ROWS_H
#define STORE_ROWS_H

#include "store/store.h"

typedef struct Rows Rows;

Rows *rows_new(void);
void rows_free(Rows *r);
/* Sets the value of a key (held by the map), or removes it when NULL. */
void rows_set(Rows *r, Slice key, Blob *value);
/* Borrowed, or NULL. */
Blob *rows_get(const Rows *r, Slice key);
/* Shows what stands at `from` and after it, until `see` returns false. */
void rows_scan(const Rows *r, Slice from, StoreSee see, void *ud);
/* Removes all keys that begin with `prefix`. */
void rows_drop(Rows *r, Slice prefix);

#endif
