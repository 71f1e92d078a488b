/* Conversations whose newest revision the database does not have yet, and where
 * it is in the redo log: open addressing, emptied by counting up a generation.
 */
#ifndef STORE_RECENTS_H
#define STORE_RECENTS_H

#include "base/id.h"

/* A conversation of which nothing is known here after all. */
#define RECENT_UNKNOWN UINT64_MAX

typedef struct Recent {
  uint8_t raw[CID_RAW];
  uint32_t generation; /* in use when it is the table's */
  uint64_t revision;   /* 0: removed */
  size_t at, len;      /* of its head among the log's bytes */
} Recent;

/* Zero-initialised is empty and valid. */
typedef struct Recents {
  Recent *slots;
  size_t n, cap; /* a power of two */
  uint32_t generation;
} Recents;

/* Borrowed until the next recents_at; NULL when there is none. */
const Recent *recents_find(const Recents *r, const uint8_t raw[CID_RAW]);
/* The one of `raw`; a new one has the revision RECENT_UNKNOWN. Valid until the
 * next call. */
Recent *recents_at(Recents *r, const uint8_t raw[CID_RAW]);
void recents_clear(Recents *r);
void recents_free(Recents *r);

#endif
