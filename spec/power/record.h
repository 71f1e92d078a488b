/* What record.c writes and replay.c reads: each change of a file in the folder
 * RECORD_DIR, in the order they were begun, each sync when it was done.
 *
 *   Entry, then `len` bytes: of RECORD_WRITE what was written, of RECORD_FILE
 *   and RECORD_RENAME a name in the folder ("" is the folder itself) */
#ifndef SPEC_POWER_RECORD_H
#define SPEC_POWER_RECORD_H

#include <stdint.h>

typedef enum RecordKind {
  RECORD_FILE,   /* a file was made, or first opened: `file` is its number */
  RECORD_WRITE,  /* at `at`; begins here */
  RECORD_SIZE,   /* set to `at` */
  RECORD_SYNC,   /* done: what of `file` began before entry number `at` */
  RECORD_WROTE,  /* done, with O_DSYNC: the write of entry number `at` */
  RECORD_RENAME, /* `file` bears this name from now on */
  RECORD_UNLINK, /* `file` has no name */
  RECORD_MAPPED, /* for writing: what follows is not all in the record */
} RecordKind;

typedef struct Entry {
  uint32_t kind, file;
  uint64_t at, len;
} Entry;

#endif
