/* Scripts and modules: found, compiled, recorded (S25, S26).
 *
 * Every chunk that runs is kept: its name, path, source, digest and main
 * prototype, so that a function a conversation made can be saved as (digest,
 * number of the prototype in preorder), and revived when its file has changed
 * since. Binary chunks are refused. */
#ifndef LUA_LOADER_H
#define LUA_LOADER_H

#include "base/buf.h"
#include "base/hash.h"
#include "lua/vm.h"

/* A module that a chunk required while it loaded. */
typedef struct ChunkNeed {
  const char *name;
  uint8_t digest[DIGEST_BYTES];
} ChunkNeed;

typedef struct Chunk {
  const char *module;    /* what it was required as; NULL for a script */
  const char *name;      /* "shop/db", or the script's name without .lua */
  const char *path;      /* as given, for messages */
  const char *chunkname; /* as Lua knows it: "@shop/db.lua" */
  uint8_t digest[DIGEST_BYTES]; /* of its code and all it requires (chunks.c) */
  const void *proto;            /* its main prototype (a Proto *), kept alive */
  Slice source;                 /* its text */
  ChunkNeed *needs;
  size_t n_needs;
  bool is_embedded; /* part of the binary: known by name alone */
  bool is_old;      /* revived */
} Chunk;

/* Installs `require` for Lua modules: embedded ones first, then the script's
 * folder (DIR/?.lua, DIR/?/init.lua), then package.path. C modules through
 * package.cpath. */
void loader_open(Vm *vm);
/* Lua modules inside the binary: name and source; both must outlive the Vm. */
void loader_add_embedded(Vm *vm, const char *name, Slice source);
/* `fn` is called whenever a module has been required at run time, not while
 * another chunk loads: before anyone uses it. */
void loader_on_required(Vm *vm, void (*fn)(void *ud), void *ud);
/* The folder that modules of the app are found in. */
void loader_set_folder(Vm *vm, const char *dir);

/* Compiles and runs a script. 0 and its results on the stack, or a Lua status
 * and the error value, with vm_traceback(). A file that cannot be read and a
 * syntax error are failures of the same kind. Registers it as a chunk on
 * success. */
int loader_run_file(Vm *vm, const char *path);
int loader_run_text(Vm *vm, const char *name, Slice source);

/* Compiles and records a script, and pushes its main function; or pushes the
 * message and returns a Lua status. For whoever runs it as no module: a test
 * runner. */
int loader_compile_file(lua_State *L, const char *path);

/* Is a chunk being loaded (module load time, where __gc may be set)? */
bool loader_is_loading(const Vm *vm);

/* 1 + the index of the chunk whose main function runs now, or 0. */
size_t loader_loading_index(const Vm *vm);

/* --- old code beside new (revive.c) --- */

/* A chunk as bytes: what it is called, what it requires, its text. */
void chunk_write(const Chunk *c, Buf *out);
/* Reads them. Everything in `out` is inside `bytes` but its needs, which the
 * caller frees. ERR_BAD_INPUT. */
Err chunk_read(Slice bytes, Chunk *out);

/* Pushes, as a string, the bytes of the chunk of that digest; or pushes nothing
 * and returns false. */
typedef bool (*LoaderFind)(void *ud, lua_State *L,
                           const uint8_t digest[DIGEST_BYTES]);
/* Runs the chunk of this digest, and what it requires that has changed since,
 * from the text that `find` knows. 0, or a Lua status and the error value, with
 * vm_traceback(); then nothing of it is kept. */
int loader_revive(Vm *vm, const uint8_t digest[DIGEST_BYTES], LoaderFind find,
                  void *ud);
/* Does the code that loads now belong to the past? Then it registers nothing.
 */
bool loader_is_reviving(const Vm *vm);
/* Pushes what a revived chunk returned. */
void loader_push_old(lua_State *L, const Chunk *c);
/* Pushes the globals that the newest revival wrote. */
void loader_push_old_globals(lua_State *L);

/* From now on `require` gives a revived module where no other of that name is
 * loaded: for a Vm whose code all comes by loader_revive. */
void loader_prefer_old(Vm *vm);

/* --- the record --- */
size_t loader_count(const Vm *vm);
const Chunk *loader_at(const Vm *vm, size_t i);
/* The newest with this digest, or NULL. */
const Chunk *loader_find(const Vm *vm, const uint8_t digest[DIGEST_BYTES]);
/* The newest of the app's own code that is a module of this name, or a script;
 * or NULL. */
const Chunk *loader_named(const Vm *vm, Slice name);

#endif
