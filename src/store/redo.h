/* The redo log: what was acknowledged and is not in the database yet, in two
 * files that take turns, and as the same bytes in memory.
 *
 *   redo.0, redo.1   records, from the beginning of the file:
 *
 *     8 bytes   hash64 over what follows; all numbers are little endian
 *     8 bytes   the record's number, one more than that of the one before
 *     8 bytes   how many conversations the store has after it
 *     4 bytes   length of its items
 *     ...       items, one batch of them
 *
 *   item   1 byte    1: of a conversation, 2: with a head
 *          22 bytes  raw cid, then the revision that is replaced (varint) and
 *                    the head (a block), as far as there are such
 *          varint    number of its rows
 *   row    1 byte    table; 128 more: it is removed
 *          block     key, then the value unless it is removed
 *
 * A file is begun again when all that it held is in the database. What is left
 * of before has numbers that do not follow. */
#ifndef STORE_REDO_H
#define STORE_REDO_H

#include "base/buf.h"
#include "store/recents.h"
#include "store/store.h"

#define REDO_FILES 2
#define REDO_HEADER 28

typedef struct Redo {
  int fd;
  size_t size;       /* of the file */
  Buf bytes;         /* its records */
  size_t at;         /* where the newest record begins */
  size_t kept;       /* bytes of records that are kept */
  uint64_t first;    /* number of the oldest record; 0: there is none */
  uint64_t last;     /* of the newest */
  uint32_t tables;   /* a bit for each that has rows here */
  uint64_t since_ns; /* of the oldest record, on the monotonic clock */
  Recents recents;
  Recent *undo; /* what was noted there before the newest record */
  size_t n_undo, cap_undo;
} Redo;

/* --- writing: begin, put, seal, write, and then keep it or not --- */

void redo_begin(Redo *r);
/* Adds an item, and the conversations it is about to the recents: with their
 * new revisions and heads. */
void redo_put(Redo *r, const StoreItem *item);
void redo_seal(Redo *r, uint64_t number, uint64_t heads);
/* Writes the newest record to the file, and to the disk when `sync`: 0 or an
 * errno, and then it is as if it had not been written. */
int redo_write(Redo *r, bool sync);
void redo_keep(Redo *r, uint64_t number);
/* Records that were read from the files, and are not in the database. */
void redo_adopt(Redo *r, Slice records);
/* Forgets the newest record. */
void redo_undo(Redo *r);
/* All of it is in the database. */
void redo_clear(Redo *r);

/* --- reading --- */

typedef struct RedoRecord {
  uint64_t number, heads;
  Slice items;
} RedoRecord;

typedef struct RedoItem {
  bool has_key, has_head;
  const uint8_t *raw;
  uint64_t expected;
  Slice head;
  uint64_t n_rows;
} RedoItem;

typedef struct RedoRow {
  StoreTable table;
  bool is_removed;
  Slice key, value;
} RedoRow;

/* Takes a record off the front of `in`; false when no sound one is there. */
bool redo_record(Slice *in, RedoRecord *out);
/* The same of a record's items and their rows; false when they are cut. */
bool redo_item(Slice *in, RedoItem *out);
bool redo_row(Slice *in, RedoRow *out);

/* What is kept of a conversation, not what is under way; NULL when nothing is
 * known of it. */
const Recent *redo_recent(const Redo *r, const uint8_t raw[CID_RAW]);
/* The newest kept value of a row, held for the caller, or NULL when it is
 * removed; false when nothing is known of it. It looks at every item. */
bool redo_find(const Redo *r, StoreTable table, Slice key, Blob **value);

/* --- files --- */

/* Reads the records of the store in `dir` that follow number `after`, in their
 * order, from both files: into `out`, and the newest one's number, or `after`.
 * An errno when that fails; files that are not there hold nothing. */
int redo_read(const char *dir, uint64_t after, Buf *out, uint64_t *last);
/* The number of the newest record that was written there; 0: none is found. */
uint64_t redo_newest(const char *dir);
/* Opens both files, empty unless `as_they_are`; an errno. */
int redo_open(const char *dir, Redo files[REDO_FILES], bool as_they_are);
void redo_close(Redo files[REDO_FILES]);
/* All that they held is in the database. */
void redo_remove(const char *dir);

#endif
