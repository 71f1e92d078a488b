/* A conversation on its way from one store to another.
 *
 * Heads and rows of history are signed with their store's key, which stays
 * where it is. So they travel bare, are looked at where they arrive like bytes
 * from a stranger, and are signed with the key there. */
#ifndef KERNEL_TRANSFER_H
#define KERNEL_TRANSFER_H

#include "kernel/kernel.h"

/* Append what is signed, without the signature. ERR_BAD_INPUT, and nothing is
 * appended, when that is not right. */
Err transfer_head(Kernel *k, Slice cid, Slice head, Buf *out);
Err transfer_point(Kernel *k, Slice cid, uint64_t turn, Slice row, Buf *out);
/* The turn in the key of a row of history; 0 when it is none of this
 * conversation's. */
uint64_t transfer_turn(Slice cid, Slice key);

typedef struct TransferPoint {
  uint64_t turn;
  Slice row; /* bare */
} TransferPoint;

typedef struct Transfer {
  Slice cid;
  Slice head; /* bare */
  const TransferPoint *points;
  size_t n_points;
} Transfer;

/* Queues its commit, with all rows that belong to it; `done` comes from
 * store_poll. There must be no conversation of that id. ERR_BAD_INPUT, and
 * nothing is queued, for bytes that are no conversation's. What is deeper
 * inside is not looked at: that is inspect_check's, once it is there. */
Err transfer_in(Kernel *k, const Transfer *t, StoreDone done, void *ud);
/* Queues the removal of a conversation whose head this is. */
void transfer_remove(Kernel *k, Slice cid, Slice head, uint64_t revision,
                     StoreDone done, void *ud);

#endif
