/* Conversations that a turn begins: forks (fork.c) and spawned ones (spawn.c).
 *
 * Each is named, listed and readable at once. Its first head is one more row of
 * the turn's own item: so both are kept or neither is, whatever happens in
 * between. Until then it is busy, and who comes for it waits. A turn that fails
 * takes them along, and so does a commit that fails. */
#ifndef KERNEL_BORN_H
#define KERNEL_BORN_H

#include "kernel/conv.h"

/* Raises, for the function `of`, where none can begin just now. */
void born_check(Kernel *k, lua_State *L, const char *of);
/* It has its head, and sleeps. It is kept with the turn; by itself, outside of
 * turns. */
void born_add(Kernel *k, Conv *c);
/* The rows of those that the turn began, whose commit comes next. */
void born_rows(Kernel *k, Conv *parent);
void born_drop(Kernel *k); /* the turn failed */

/* Those whose heads are in the commit that has just ended. */
typedef struct Born Born;
Born born_take(Conv *parent);
void born_committed(Kernel *k, Born *b, Err e); /* frees the list */

#endif
