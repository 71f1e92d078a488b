/* Fragments as events of a stream. */
#ifndef HOST_FRAME_H
#define HOST_FRAME_H

#include "kernel/kernel.h"

/* Who reads it. Ours knows events of our own (stube-address ...), which other
 * Datastar clients pass over; those get a script that does as much of it as can
 * be done without a client of ours. */
typedef enum Dialect { DIALECT_OURS, DIALECT_DATASTAR } Dialect;

/* Appends the event with the id <turn>.<n>; nothing when that reader has no use
 * for it. */
void frame_event(Buf *b, uint64_t turn, uint32_t n, const Fragment *f,
                 Dialect dialect);

#endif
