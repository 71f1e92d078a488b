/* What failed turns left: the state as it stood when they were put back, for
 * who looks into it. Never a state that anything goes on from.
 *
 * The newest WRECKS_MAX of all conversations are kept, in memory only. */
#ifndef KERNEL_WRECK_H
#define KERNEL_WRECK_H

#include "kernel/conv.h"

typedef struct Wreck {
  char cid[CID_LEN + 1];
  uint64_t turn, at_ms; /* the turn that failed; when, by the wall clock */
  char *event;          /* what caused it, or NULL */
  char *component;      /* whose code failed, or NULL */
  uint32_t iid;
  char *where; /* "on.save" */
  Blob *error, *trace;
  Blob *state; /* NULL when it could not be encoded: */
  Blob *why;   /* then the reason */
} Wreck;

/* The turn under way has failed, and is not put back yet. */
void wreck_keep(Kernel *k, const Conv *c, const Event *ev);
/* The newest of a conversation, or NULL. */
const Wreck *wreck_of(const Kernel *k, Slice cid);
void wrecks_free(Kernel *k);

int wreck_f_get(lua_State *L); /* (cid) -> a table, or nil */

#endif
