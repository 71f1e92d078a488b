/* Conversations looked at from outside, by whoever has their head: `stube store
 * ls`, `show`, `check`.
 *
 * No turn runs and nothing is written. To read what waits takes the code that
 * waits, so the files it came from are loaded once more, from the store, when
 * they are not loaded already. */
#ifndef KERNEL_INSPECT_H
#define KERNEL_INSPECT_H

#include "kernel/kernel.h"

/* What a head says without its graph. */
typedef struct Outline {
  uint64_t turn, minted_ms;
  uint64_t due_ms; /* when it wakes by itself; 0: never */
  uint32_t n_ios;  /* calls that it waits for */
  uint64_t bytes;  /* of head and history */
  uint32_t n_insts, n_tasks;
  Buf root;  /* id of the component it began with */
  Buf where; /* its frames, lowest first: "demo/guess > ui/prompt" */
} Outline;

/* ERR_BAD_INPUT for a head that is not this conversation's as it was saved.
 * `out` is zero at first; its Bufs are written anew. */
Err outline_read(Kernel *k, Slice cid, Slice head, Outline *out);
void outline_free(Outline *o);

/* Appends all that is in a conversation, for a person. On failure, and when
 * only a part could be read, the reason is appended to `why`. */
Err inspect_show(Kernel *k, Slice cid, Slice head, Buf *out, Buf *why);

/* Are these a message's bytes? ERR_BAD_INPUT. */
Err inspect_plain(Kernel *k, Slice bytes);

/* Reads the whole record: the head, every state of its history, its rows in the
 * store. ERR_NOT_FOUND when code is missing, ERR_BAD_INPUT when something is
 * damaged; then `why` says what. */
Err inspect_check(Kernel *k, Slice cid, Slice head, Buf *why);

#endif
