/* A conversation's Lua values and suspended coroutines, to bytes and back.
 *
 * The graph is everything reachable from one root table. What belongs to the host
 * (the standard library, modules, their file-level locals, definitions) is saved by
 * name; functions by the hash of their code; all else by value, shared parts and
 * cycles kept. Same graph, same bytes (tables with object keys exempt).
 *
 * Bytes are trusted only after a keyed checksum, which is not checked here; even so
 * a damaged graph is refused and never crashes. */
#ifndef PERSIST_PERSIST_H
#define PERSIST_PERSIST_H

#include "base/buf.h"
#include "lua/vm.h"

typedef struct Persist Persist; /* what is known of one Vm: names and code */

Persist *persist_new(Vm *vm);
void persist_free(Persist *p);

/* Adds the value on top of the stack as a named root of what is static, and pops it.
 * package.loaded and the globals are roots already. */
void persist_add_root(Persist *p, const char *name);
/* Walks the roots, file-level locals included, and names all that is static. Called
 * after each load, before any conversation exists or goes on. */
void persist_collect(Persist *p);

/* Appends the graph of the table at `idx`. On failure `out` is as it was and an error
 * message is pushed that names the path and what to do. Never raises. */
Err persist_encode(Persist *p, lua_State *L, int idx, Buf *out);
/* Pushes the decoded root table, or an error message on failure. Never raises. */
Err persist_decode(Persist *p, lua_State *L, Slice bytes);

/* How an error names the first step from the root: the kernel's instances and tasks
 * ("flow \"shop/order\""). `key` is the root's key. Optional. */
typedef void (*PersistDescribe)(void *ud, lua_State *L, int key, Buf *out);
void persist_describe(Persist *p, PersistDescribe describe, void *ud);

#endif
