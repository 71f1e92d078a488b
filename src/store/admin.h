/* What an operator does to an LMDB store as a whole, beside or in place of the
 * process that serves it. */
#ifndef STORE_ADMIN_H
#define STORE_ADMIN_H

#include "store/store.h"

/* Told how many bytes are written; false stops. */
typedef bool (*StoreProgress)(void *ud, uint64_t bytes);

/* Writes a copy of the whole database to `fd`, as of one moment, without the
 * pages that hold nothing. While it lasts, whoever serves the store cannot use
 * such pages again, so `progress` should bound the time. ERR_IO with one line
 * for a person in `why`; ERR_TIMEOUT when it was stopped. */
Err store_copy(Store *s, int fd, StoreProgress progress, void *ud, char *why,
               size_t size);

/* How many conversations a copy holds; false when it is no whole database of
 * ours. */
bool store_copy_count(const char *path, uint64_t *n);

/* Puts such a copy in the place of the database in `dir`, which nobody may
 * serve or look at. What was there before stays until the copy is whole and on
 * disk. `before` and `after` are the sizes of the files. */
Err store_compact(const char *dir, StoreProgress progress, void *ud,
                  uint64_t *before, uint64_t *after, char *why, size_t size);

#endif
