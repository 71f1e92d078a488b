/* What the specs of this layer share: hosts with a codec, Lua text in, one
 * error or value out. A host is a Vm that loaded its scripts and collected its
 * names. */
#ifndef SPEC_PERSIST_HARNESS_H
#define SPEC_PERSIST_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "lua/coro.h"
#include "lua/loader.h"
#include "lua/vm.h"
#include "persist/persist.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>

#define UNUSED_FUNCTION __attribute__((unused))

typedef struct Host {
  Vm *vm;
  lua_State *L;
  Persist *persist;
} Host;

static int f_wait(lua_State *L) { return coro_wait(L); }

/* closing_c(x) -> 7, 8 after x was closed */
static int f_closing_c(lua_State *L) {
  lua_settop(L, 1);
  lua_toclose(L, 1);
  lua_pushinteger(L, 7);
  lua_pushinteger(L, 8);
  return 2;
}

static UNUSED_FUNCTION void run_text(Host *h, const char *name,
                                     const char *text) {
  if (loader_run_text(h->vm, name, slice_str(text)) != LUA_OK)
    fail_msg("%s: %s", name, lua_tostring(h->L, -1));
  lua_settop(h->L, 0);
  persist_collect(h->persist);
}

static UNUSED_FUNCTION void run_file(Host *h, const char *path) {
  if (loader_run_file(h->vm, path) != LUA_OK)
    fail_msg("%s: %s", path, lua_tostring(h->L, -1));
  lua_settop(h->L, 0);
  persist_collect(h->persist);
}

static UNUSED_FUNCTION Host host_open(void) {
  Host h = { .vm = vm_new() };
  h.L = vm_lua(h.vm);
  loader_open(h.vm);
  lua_register(h.L, "wait", f_wait);
  lua_register(h.L, "closing_c", f_closing_c);
  h.persist = persist_new(h.vm);
  assert_int_equal(lua_gettop(h.L), 0);
  return h;
}

static UNUSED_FUNCTION void host_close(Host *h) {
  assert_int_equal(lua_gettop(h->L), 0);
  vm_free(h->vm);
  persist_free(h->persist);
}

/* Pushes the value of the global function `name` called with nothing. */
static UNUSED_FUNCTION void call_global(Host *h, const char *name) {
  lua_getglobal(h->L, name);
  if (vm_call(h->L, 0, 1) != LUA_OK)
    fail_msg("%s: %s", name, lua_tostring(h->L, -1));
}

/* Encodes the table on top of the stack and pops it. */
static UNUSED_FUNCTION void encode_ok(Host *h, Buf *out) {
  buf_clear(out);
  if (persist_encode(h->persist, h->L, -1, out) != OK)
    fail_msg("encode: %s", lua_tostring(h->L, -1));
  lua_pop(h->L, 1);
}

/* Pushes the decoded table. */
static UNUSED_FUNCTION void decode_ok(Host *h, const Buf *bytes) {
  if (persist_decode(h->persist, h->L, buf_view(bytes)) != OK)
    fail_msg("decode: %s", lua_tostring(h->L, -1));
}

#endif
