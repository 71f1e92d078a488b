/* The traceback of the last failure, kept beside its error value.
 *
 * Error values stay what the app raised (S20), so the traceback cannot travel
 * inside them. It is taken where the error was raised, before anything is
 * unwound. When the same value is raised again in another coroutine (at an
 * await, in the caller of a wrap), the two are joined; raised again in the same
 * one, the first already holds all there is. */
#include "lua/state.h"

#include <lauxlib.h>

static const char key_value; /* registry key of the error value */

static bool is_kept(lua_State *L, int idx) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &key_value);
  bool same = lua_rawequal(L, -1, idx);
  lua_pop(L, 1);
  return same;
}

static void keep(lua_State *L, int idx) {
  lua_pushvalue(L, idx);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &key_value);
}

static void add(Buf *out, const char *text, size_t len) {
  size_t room = TRACEBACK_MAX - out->len;
  buf_put(out, text, len < room ? len : room);
}

void trace_capture(lua_State *L, int idx, lua_State *of, int level) {
  static const char head[] = "stack traceback:";
  Vm *vm = vm_of(L);
  vm->n_traces++;
  if (vm->budget.doom && vm->budget.traced) return;
  idx = lua_absindex(L, idx);
  bool joined = vm->trace_carried && is_kept(L, idx);
  vm->trace_carried = false;
  if (joined && vm->trace_of == of) return;
  size_t len;
  luaL_traceback(L, of, NULL, level);
  const char *text = lua_tolstring(L, -1, &len);
  if (joined) {
    static const char next[] = "\nfrom the coroutine:";
    add(&vm->trace, next, sizeof next - 1);
    text += sizeof head - 1;
    len -= sizeof head - 1;
  } else {
    buf_clear(&vm->trace);
  }
  add(&vm->trace, text, len);
  lua_pop(L, 1);
  vm->trace_of = of;
  keep(L, idx);
}

void trace_carry(lua_State *L, int from, int to) {
  if (!vm_of(L)->trace.len || !is_kept(L, lua_absindex(L, from))) return;
  keep(L, to);
  vm_of(L)->trace_carried = true;
}

void vm_bring_traceback(lua_State *L, int idx, Slice trace) {
  Vm *vm = vm_of(L);
  vm->n_traces++;
  vm->trace_carried = true;
  vm->trace_of = NULL;
  buf_clear(&vm->trace);
  add(&vm->trace, trace.ptr, trace.len);
  keep(L, idx);
}

void trace_clear(Vm *vm) {
  buf_clear(&vm->trace);
  vm->trace_carried = false;
  vm->n_traces++;
}

int trace_handler(lua_State *L) {
  trace_capture(L, 1, L, 1);
  return 1;
}

Slice vm_traceback(const Vm *vm) { return buf_view(&vm->trace); }
