/* Capabilities: what a conversation may do beyond its own state and page.
 *
 * Most may do all. One that was limited (by s.spawn, by its mount) has a list
 * of what it may, and words that say who limited it; both are in the header of
 * its head, so nothing rewinds them. Who begins another one gives at most what
 * it has itself. What is not in a list is refused, so a capability that a later
 * version adds is nobody's who was limited before. */
#ifndef KERNEL_CAN_H
#define KERNEL_CAN_H

#include <lua.h>

#include "kernel/bytes.h"
#include "kernel/kernel.h"

/* KEEP IN STEP: capabilities (can.c, docs/guide.md). */
typedef enum Can {
  CAN_ANYWAY = 0,  /* it needs none */
  CAN_IO = 1,      /* s.io, s.background */
  CAN_PUBLISH = 2, /* s.publish */
  CAN_AFTER = 4,   /* s.after, s.sleep, timeouts */
  CAN_SPAWN = 8,   /* s.spawn, c:fork */
  CAN_ATOM = 16,   /* atom:update, atom:set */
  CAN_SCRIPT = 32, /* s.execute_script */
} Can;

/* What a conversation may do. */
typedef struct Limits {
  uint32_t can; /* of enum Can */
  char *by;     /* who says so, in words; NULL: it may do all */
} Limits;

/* Raises, for the function `of`, unless the conversation whose turn runs may do
 * it. Outside of turns all is allowed. */
void can_check(const Kernel *k, lua_State *L, Can needed, const char *of);

/* Reads a list of capabilities; false for nil. Raises when it is none, and when
 * the conversation whose turn runs lacks one of them: nobody gives what it does
 * not have. */
bool can_read(const Kernel *k, lua_State *L, int idx, const char *of,
              uint32_t *can);
/* Limits for one that the running code begins: to what was read, or (NULL) to
 * what it may itself. The caller frees `by`. */
Limits can_give(const Kernel *k, const uint32_t *can);
/* The limits of `of`, and those of the conversation whose turn runs, if one
 * does. The caller frees `by`. */
Limits can_meet(const Kernel *k, const Limits *of);

/* At the end of a header; of one that is limited. What is not there reads as
 * one that may do all. */
void can_put(Buf *b, const Limits *l);
void can_get(Reader *r, Limits *l);

/* Pushes a list of their names. */
void can_push(lua_State *L, const Limits *l);
/* Appends them: "io, after". */
void can_show(const Limits *l, Buf *out);

#endif
