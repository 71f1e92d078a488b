/* One Lua state and what the host knows about it.
 *
 * A Vm owns its lua_State; every thread of it finds the Vm in its extra space
 * (codec-made threads must set that themselves). Nothing here is global, so
 * several Vms live in one process. */
#ifndef LUA_VM_H
#define LUA_VM_H

#include "base/base.h"

#include <lua.h>

typedef struct Vm Vm;

/* A state with the standard library as app code may use it: `coroutine` is ours
 * (coro.h), `load` takes text only, `os.exit`, `debug.sethook` and most of
 * `collectgarbage` are gone, setmetatable refuses __gc outside module load
 * (S18). */
Vm *vm_new(void);
void vm_free(Vm *vm);

/* The main thread. Kernel code works on it; app code runs in tasks (coro.h). */
lua_State *vm_lua(Vm *vm);
static inline Vm *vm_of(lua_State *L) { return *(Vm **)lua_getextraspace(L); }

/* Bytes of the Lua heap just now. */
size_t vm_bytes(const Vm *vm);

/* A pointer for the layer above (the kernel); the Vm only keeps it. */
void vm_set_owner(Vm *vm, void *owner);
void *vm_owner(const Vm *vm);

/* Calls the function below `nargs` arguments like lua_pcall. On failure the
 * stack holds the error value in place of function and arguments, and
 * vm_traceback() has the traceback (8 KiB at most), taken where it was raised.
 */
int vm_call(lua_State *L, int nargs, int nresults);

/* The text of the last failure's traceback; borrowed until the next failure. */
Slice vm_traceback(const Vm *vm);

/* The error value at `idx`, which is about to be raised at an await, comes from
 * another Vm and was raised there with this traceback: the next one is joined
 * to it. */
void vm_bring_traceback(lua_State *L, int idx, Slice trace);

/* Pushes a printable text for the error value at `idx`: a string as it is, a
 * table's
 * __tostring run protected, nil as "nil (error without a value)". Never raises.
 */
void vm_push_error_text(lua_State *L, int idx);

#endif
