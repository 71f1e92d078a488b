/* Scripts and modules: found, compiled, recorded (S25, S26).
 *
 * Every chunk that runs is kept: its name, path, source, content hash and main
 * prototype, so that a function a conversation made can be saved as (hash,
 * number of the prototype in preorder). Binary chunks are refused. */
#ifndef LUA_LOADER_H
#define LUA_LOADER_H

#include "base/buf.h"
#include "base/hash.h"
#include "lua/vm.h"

typedef struct Chunk {
  const char *name; /* "shop/db", or the script's name without .lua */
  const char *path; /* as given, for messages */
  uint8_t digest[DIGEST_BYTES]; /* of the dumped chunk, debug information
                                   included */
  const void *proto;            /* its main prototype (a Proto *), kept alive */
  Slice source;                 /* its text */
} Chunk;

/* Installs `require` for Lua modules: embedded ones first, then the script's
 * folder (DIR/?.lua, DIR/?/init.lua), then package.path. C modules through
 * package.cpath. */
void loader_open(Vm *vm);
/* Lua modules inside the binary: name and source; both must outlive the Vm. */
void loader_add_embedded(Vm *vm, const char *name, Slice source);
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

size_t loader_count(const Vm *vm);
const Chunk *loader_at(const Vm *vm, size_t i);

#endif
