/* A conversation's Lua values and suspended coroutines, to bytes and back.
 *
 * The graph is everything reachable from one root table. What belongs to the
 * host (the standard library, modules, their file-level locals, definitions) is
 * saved by name; functions by the hash of their code; all else by value, shared
 * parts and cycles kept. Same graph, same bytes (tables with object keys
 * exempt, and the order in which a waiting pairs() goes on).
 *
 * Bytes are trusted only after a keyed checksum, which is not checked here;
 * even so a damaged graph is refused and never crashes, neither when it is read
 * nor when what was accepted goes on. */
#ifndef PERSIST_PERSIST_H
#define PERSIST_PERSIST_H

#include "base/buf.h"
#include "base/hash.h"
#include "lua/vm.h"

typedef struct Persist Persist; /* what is known of one Vm: names and code */

/* Learns the standard library as it is: call it when the Vm's globals are in
 * place. The Vm must outlive all use, but not persist_free. */
Persist *persist_new(Vm *vm);
void persist_free(Persist *p);

/* Adds the value on top of the main thread's stack as a named root of what is
 * static, and pops it. package.loaded and the globals are roots already. */
void persist_add_root(Persist *p, const char *name);
/* Walks the roots, file-level locals included, and names all that is static.
 * Called after each load, before any conversation exists or goes on: what a
 * conversation left in a module's table would become the host's. Names that
 * were given stay; a path that leads to something else than before leads to the
 * newer, but a waiting function finds the version it began with. */
void persist_collect(Persist *p);

/* The same for roots that have come since the last walk; nothing else is
 * walked, so conversations may be awake. For a module that is required in a
 * turn. */
void persist_collect_new(Persist *p);
/* Names what revived chunks made: the table on top of the main thread's stack,
 * a list of {name, value} in the order a first load would have found them,
 * which is popped. Nothing else is walked, so conversations may be awake. */
void persist_collect_old(Persist *p);

/* Appends the graph of the table at `idx`. On failure `out` is as it was and an
 * error message is pushed that names the path and what to do: ERR_APP when
 * something in it cannot be saved, ERR_TOO_BIG past a limit (out->max among
 * them). Never raises. */
Err persist_encode(Persist *p, lua_State *L, int idx, Buf *out);
/* How a graph is written that goes to another Vm, or comes from one. */
typedef struct PersistCopy {
  /* Why this table must not be in it, or NULL: the end of a sentence. */
  const char *(*refuses)(void *ud, const void *table);
  void *ud;
  bool is_plain; /* no functions either */
} PersistCopy;

/* The same as a copy for somebody who has host's things of his own. Tables go
 * by value, also those of the host; by name go modules (what package.loaded
 * holds), metatables, functions, and what cannot be copied. No coroutines. */
Err persist_copy(Persist *p, lua_State *L, int idx, const PersistCopy *how,
                 Buf *out);

/* Pushes the decoded root table, or an error message on failure: ERR_BAD_INPUT
 * for damaged bytes, ERR_NOT_FOUND when a name or a chunk is not loaded here,
 * ERR_CONFLICT when a chunk is loaded with other code. Never raises. */
Err persist_decode(Persist *p, lua_State *L, Slice bytes);
/* Did the last decode fail for want of a chunk, and of which? Once that is
 * revived (loader_revive, persist_collect_old), it can be tried again. */
bool persist_missing(const Persist *p, uint8_t out[DIGEST_BYTES]);
/* Or for want of a name that no chunk gives? The path's first step: a module,
 * or a script. Borrowed until the next use. */
bool persist_missing_name(const Persist *p, Slice *out);

/* Appends the path by which the object at `idx` is known as the host's
 * ("shop/db: local cache"); false when it is not. */
bool persist_name(const Persist *p, lua_State *L, int idx, Buf *out);

/* From now on, variables of the app's files and globals should hold what they
 * hold. After each load; and persist_look shows those that code has set since
 * ("shop/db: local n", "global n"), each once. */
void persist_watch(Persist *p);
void persist_look(Persist *p, void (*see)(void *ud, Slice name), void *ud);

/* How an error names the first step from the root: the kernel's instances and
 * tasks
 * ("flow \"shop/order\""). `key` is the stack index of the root's key.
 * Optional. */
typedef void (*PersistDescribe)(void *ud, lua_State *L, int key, Buf *out);
void persist_describe(Persist *p, PersistDescribe describe, void *ud);

#endif
