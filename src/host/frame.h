/* Fragments as events of a stream. */
#ifndef HOST_FRAME_H
#define HOST_FRAME_H

#include "kernel/kernel.h"

/* Who reads it. Ours knows events of our own (stube-address ...), which other
 * Datastar clients pass over; those get a script that does as much of it as can
 * be done without a client of ours. */
typedef enum Dialect { DIALECT_OURS, DIALECT_DATASTAR } Dialect;

/* "17.3". */
void frame_put_id(Buf *b, FragmentId id);
bool frame_take_id(Slice s, FragmentId *out); /* false: it is none */

/* Appends the event; `id` is NULL for one after which a reader could not go on.
 * Of what that reader has no use for comes the id alone. */
void frame_event(Buf *b, const FragmentId *id, const Fragment *f,
                 Dialect dialect);

#endif
