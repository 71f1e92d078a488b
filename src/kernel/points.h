/* Points as bytes: lists of them, and the rows that hold what a head does not.
 *
 *   list: points, nearest to the present first
 *     point: varint turn, until - turn, began_ms, left_ms - began_ms;
 *            block event; block delta
 *   row:   varint its own key, varint the next row's (0: none), varint n,
 *          a list of n; 16 bytes of keyed checksum over all before
 *
 * The key of a row is the turn of its first point, so that a row that loses its
 * oldest ones is still found. */
#ifndef KERNEL_POINTS_H
#define KERNEL_POINTS_H

#include "kernel/conv.h"

/* A state and how it came about. Slices are borrowed. */
typedef struct Point {
  uint64_t turn;     /* the visitor's turn that made it */
  uint64_t until;    /* the last turn that it stood for */
  uint64_t began_ms; /* when it was made, and left; steady (base/steady.h) */
  uint64_t left_ms;
  Slice event; /* that turn's; empty: none, or unknown */
  Slice delta; /* against its neighbour nearer to the present */
} Point;

void point_put(Buf *list, const Point *p);
/* Takes the first. ERR_BAD_INPUT for what point_put never writes. */
Err point_take(Slice *list, Point *out);

/* Is it what a head has: the past's list and the future's, each as a block? */
bool points_hold(Slice history);

typedef struct PointRow {
  uint64_t next;
  uint32_t n;
  Slice list;
} PointRow;

/* A row of the list, which is not empty; `*key` is its turn. */
Blob *point_row_make(const Conv *c, uint64_t next, Slice list, uint64_t *key);
/* The first `n` of a list. */
Slice point_first(Slice list, uint32_t n);
/* ERR_BAD_INPUT for what is not this conversation's row of that key. */
Err point_row_read(const Conv *c, uint64_t key, Slice row, PointRow *out);

#define POINT_KEY (CID_RAW + 8)
Slice point_key(char out[POINT_KEY], const Conv *c, uint64_t turn);
/* The turn; false when it is not a key of this conversation. */
bool point_key_read(const Conv *c, Slice key, uint64_t *turn);

#endif
