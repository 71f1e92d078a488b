/* The states that a conversation can go back to, and those it went back from.
 *
 *   past ... p2 p1 [present] f1 f2 ... future
 *
 * Each is kept as a delta against its neighbour nearer to the present (P2). The
 * nearest stand in the head, so that most turns write nothing else; when they
 * outgrow HISTORY_HEAD_BYTES, all but the first move into one row of
 * STORE_POINT. So a turn costs the same however many there are, and none is in
 * memory.
 *
 * A visitor's turn that changes the state makes a point of the one before it
 * and ends the future. Others (timers, messages, failed turns) change the
 * present one in place (S33). */
#ifndef KERNEL_HISTORY_H
#define KERNEL_HISTORY_H

#include "kernel/trail.h"

/* The turn ends with `state`; `ev` is the visitor's event that caused it, or
 * NULL. Sets c->history, adds rows to the turn, and returns the history block
 * for the head; it lasts until the next turn. */
Slice history_turn(Kernel *k, Conv *c, const Event *ev, Slice state);

/* How many steps away is the state that stood at a turn: negative in the past,
 * 0 the present. ERR_CONFLICT when it is not kept. */
Err history_find(Kernel *k, Conv *c, uint64_t turn, int *steps);

/* Within a turn: makes the conversation what it was so many steps away; its
 * pages hold nothing of it. On failure the turn must fail. */
Err history_go(Kernel *k, Conv *c, int steps);

/* Appends the state so many steps away from the last committed one, and says
 * when it was left: the present one now. */
Err history_state(Kernel *k, Conv *c, int steps, Buf *out, uint64_t *left_ms);

/* Shows the points of a side, nearest first. */
typedef void (*HistorySee)(void *ud, const Point *p);
void history_walk(Kernel *k, Conv *c, Side side, HistorySee see, void *ud);

#endif
