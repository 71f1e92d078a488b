/* What no page has said that it has: signals and scripts that effects asked for
 * (S38).
 *
 * When a stream cannot go on where it was cut (the process is another one, or
 * it was away for long), its page is drawn anew. That makes up for all that the
 * page missed, but for what is no part of the state. So the header keeps these
 * until a page says that it has them (Event.seen), or for UNSEEN_MS; the oldest
 * go when they are too many. */
#ifndef KERNEL_UNSEEN_H
#define KERNEL_UNSEEN_H

#include "kernel/bytes.h"
#include "kernel/kernel.h"

/* The turn is about to be encoded: forgets what `ev` (or NULL) says is seen and
 * what is too old, and adds what effects asked for. Its pieces are complete;
 * the first `explicit` of them are those of effects. */
void unseen_turn(Kernel *k, Conv *c, const Event *ev, uint32_t explicit);

/* In the header: a block. Reading checks all of it. */
void unseen_put(Buf *b, const Conv *c);
void unseen_get(Reader *r, Conv *c);

#endif
