/* The record of code, for the files of this folder that load some. */
#ifndef LUA_CHUNKS_H
#define LUA_CHUNKS_H

#include "lua/loader.h"
#include "lua/state.h"

typedef struct Embedded {
  const char *name;
  Slice source;
} Embedded;

struct Loader {
  char *folder; /* of the app's modules, or NULL */
  int depth;    /* loads under way */
  size_t n_embedded, n_chunks, n_old;
  Embedded *embedded;
  Chunk **chunks;                /* pointers, for callers keep them */
  Chunk *loading;                /* whose main function runs now, or NULL */
  const struct Revival *revival; /* the one under way, or NULL */
  bool prefers_old;              /* see loader_prefer_old */
  void (*on_required)(void *ud); /* or NULL */
  void *on_required_ud;
};

/* --- chunks.c --- */
void chunks_open(lua_State *L);
/* Records the main function on top of the stack, which stays there. `as` says
 * what it is; its texts are copied. Its digest is that of its code alone, until
 * chunk_finish. */
Chunk *chunk_record(lua_State *L, const Chunk *as);
/* Notes that the chunk being loaded requires the module `name`, which has been
 * loaded. Modules inside the binary and C modules do not count. */
void chunk_requires(Loader *ld, const char *name);
/* Its main function has run, and what it requires is known. */
void chunk_finish(Chunk *c);
/* The digest that a chunk of this code and these requirements has. */
void chunk_digest(uint8_t out[DIGEST_BYTES], const uint8_t code[DIGEST_BYTES],
                  const ChunkNeed *needs, size_t n);
/* Drops the newest ones, a failed load's. */
void chunks_forget(lua_State *L, size_t keep);

/* --- loader.c --- */

/* Compiles `as->source` and records it, and pushes the main function; or pushes
 * the message and returns a Lua status. */
int loader_compile(lua_State *L, const Chunk *as, Chunk **out);

/* A load: all or nothing. */
typedef struct Load {
  size_t n_chunks;
  const char *ban;
  Chunk *loading;
} Load;
Load load_begin(lua_State *L); /* pushes one value */
/* `at` is where that value is; it stays. */
void load_end(lua_State *L, const Load *load, int at, bool ok);

/* --- revive.c --- */

/* Inside a chunk that is being revived: pushes the module that it required when
 * it was new. False, and nothing pushed, elsewhere and for modules that it did
 * not require then. Raises when that one cannot be had. */
bool revive_required(lua_State *L, const char *name);
/* Pushes the newest revived module of that name; or nothing, and false. */
bool revive_push_module(lua_State *L, const char *name);

#endif
