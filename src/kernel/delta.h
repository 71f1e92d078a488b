/* What turns one run of bytes into another, for states that are nearly equal:
 * pieces copied from the base, and bytes of its own between them.
 *
 *   varint length of the result
 *   then, until it is reached:
 *     varint n, n bytes     its own
 *     varint n, varint skip n bytes of the base, `skip` (zigzag) on from where
 *                           the copy before ended; absent at the end
 *
 * Time grows with the bytes looked at, whatever they are. */
#ifndef KERNEL_DELTA_H
#define KERNEL_DELTA_H

#include "base/buf.h"

/* Appends to `out` what makes `wanted` from `base`. */
void delta_make(Slice base, Slice wanted, Buf *out);

/* Appends to `out` what `delta` makes of `base`, `max` bytes at most.
 * ERR_BAD_INPUT for what delta_make never writes; `out` then holds a part. */
Err delta_apply(Slice base, Slice delta, size_t max, Buf *out);

#endif
