/* What stands in the database for one row: a checksum of key and content, then
 * the content. So a bad sector, or a row that lies under another's key, is an
 * error for that row alone.
 *
 *   8 bytes    hash64 over content and key, little endian
 *   ...        content; of a head: revision (8 bytes, little endian), head
 *
 * Against accidents, not forgers: heads carry a keyed checksum of their own. */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include "base/base.h"

#define RECORD_SUM_BYTES 8
#define RECORD_REVISION_BYTES 8

/* Writes the checksum of the content that stands behind it, at
 * record + RECORD_SUM_BYTES. */
void record_seal(Slice key, uint8_t *record, size_t len);
/* The content of a record; false when it is damaged. */
bool record_open(Slice key, Slice record, Slice *content);

void u64_put(uint8_t out[8], uint64_t v); /* little endian */
uint64_t u64_get(const uint8_t in[8]);

#endif
