/* The history while a turn changes it: points are put beside the present, rows
 * come and go, and the oldest leave when there is too much. What it does to
 * rows goes with the turn (turn_row); the rest is the head's once the turn has
 * succeeded. */
#ifndef KERNEL_TRAIL_H
#define KERNEL_TRAIL_H

#include "kernel/points.h"

typedef struct Trail {
  History history;
  Buf near[2]; /* the points in the head, by side, nearest first; a side that
                * has any has one here */
  Slice base;  /* the state that the nearest are deltas against */
  bool went;   /* the turn went back: all this is no longer the head's */
  uint64_t away_ms; /* since the present state was left, when it went */
  uint64_t spilled; /* the first row of the past that the turn wrote; 0: none */
  Buf state, other, delta, list; /* to work in */
} Trail;

void trail_free(Trail *t);

/* Puts a point next to the present; those behind it may move into a row. */
void trail_push(Kernel *k, const Conv *c, Trail *t, Side side, const Point *p);
/* A row of `len` bytes has been read, or goes: it leaves the store. */
void trail_remove_row(Kernel *k, const Conv *c, Trail *t, uint64_t turn,
                      size_t len);
/* Forgets all points of a side. */
void trail_drop(Kernel *k, const Conv *c, Trail *t, Side side);
/* Lets the oldest go when there are too many, or too large ones. */
void trail_trim(Kernel *k, const Conv *c, Trail *t);

#endif
