/* What the specs of this layer share: a fresh Vm for each test, Lua text in,
 * and a stand-in for the kernel: `wait(...)` waits, start and go_on run the
 * task. */
#ifndef SPEC_LUA_HARNESS_H
#define SPEC_LUA_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "lua/budget.h"
#include "lua/coro.h"
#include "lua/loader.h"
#include "lua/vm.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define UNUSED_FUNCTION __attribute__((unused))

static Vm *vm;
static lua_State *L;

static int f_wait(lua_State *co) { return coro_wait(co); }

/* cannot_wait() -> the reason, or nil */
static int f_cannot_wait(lua_State *co) {
  lua_pushstring(co, coro_cannot_wait(co));
  return 1;
}

static int setup(void **state) {
  (void)state;
  vm = vm_new();
  L = vm_lua(vm);
  loader_open(vm);
  lua_register(L, "wait", f_wait);
  lua_register(L, "cannot_wait", f_cannot_wait);
  lua_gc(L, LUA_GCCOLLECT);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  int top = lua_gettop(L);
  vm_free(vm);
  return top == 0
             ? 0
             : (fprintf(stderr, "the Lua stack is not level: %d\n", top), 1);
}

#define spec(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* --- plain code on the main thread --- */

static UNUSED_FUNCTION void compile(lua_State *on, const char *code) {
  if (luaL_loadbufferx(on, code, strlen(code), "=spec", "t") != LUA_OK)
    fail_msg("%s", lua_tostring(on, -1));
}

/* Runs code; its first result as text (until the next call), or "raised: ...".
 */
static UNUSED_FUNCTION const char *eval(const char *code) {
  static char text[4096];
  compile(L, code);
  int status = vm_call(L, 0, 1);
  vm_push_error_text(L, -1);
  snprintf(text, sizeof text, "%s%s", status ? "raised: " : "",
           lua_tostring(L, -1));
  lua_pop(L, 2);
  return text;
}

#define assert_eval(code, expected) assert_string_equal(eval(code), expected)

static UNUSED_FUNCTION void contains_(const char *text, const char *part,
                                      const char *file, int line) {
  if (!strstr(text, part)) {
    print_error("\"%s\"\n  does not hold \"%s\"\n", text, part);
    _fail(file, line);
  }
}
#define assert_contains(text, part) contains_(text, part, __FILE__, __LINE__)

/* --- tasks --- */

/* A task that waits, is anchored in the registry under its own address. */
static UNUSED_FUNCTION lua_State *take(void) {
  lua_State *co = coro_take(vm);
  lua_rawsetp(L, LUA_REGISTRYINDEX, co);
  return co;
}

static UNUSED_FUNCTION void give(lua_State *co) {
  coro_give(vm, co);
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, co);
}

static const char *const status_names[] = { "done", "waits", "failed" };

/* "done: 1 two", "waits", "failed: why": pops what is on the task's stack. */
static UNUSED_FUNCTION const char *outcome(lua_State *co, CoroStatus status,
                                           int n) {
  static char text[4096];
  size_t len = (size_t)snprintf(text, sizeof text, "%s", status_names[status]);
  for (int i = n; i > 0; i--) {
    vm_push_error_text(co, -i);
    len += (size_t)snprintf(text + len, sizeof text - len, "%s%s",
                            i == n ? ": " : " ", lua_tostring(co, -1));
    lua_pop(co, 1);
  }
  lua_pop(co, n);
  return text;
}

static UNUSED_FUNCTION const char *start(lua_State *co, const char *code) {
  compile(co, code);
  int n;
  CoroStatus status = coro_run(vm, co, 0, &n);
  return outcome(co, status, n);
}

/* Goes on with (true, values...): the expressions of `values`. */
static UNUSED_FUNCTION const char *go_on(lua_State *co, const char *values) {
  char code[1024];
  snprintf(code, sizeof code, "return true%s%s", *values ? ", " : "", values);
  int top = lua_gettop(L), n;
  compile(L, code);
  lua_call(L, 0, LUA_MULTRET);
  int nargs = lua_gettop(L) - top;
  lua_xmove(L, co, nargs);
  CoroStatus status = coro_run(vm, co, nargs, &n);
  return outcome(co, status, n);
}

/* Goes on with (false, error). */
static UNUSED_FUNCTION const char *go_wrong(lua_State *co, const char *error) {
  char code[1024];
  snprintf(code, sizeof code, "return %s", error);
  compile(L, code);
  lua_call(L, 0, 1);
  lua_pushboolean(co, 0);
  lua_xmove(L, co, 1);
  int n;
  CoroStatus status = coro_run(vm, co, 2, &n);
  return outcome(co, status, n);
}

#define assert_start(co, code, expected) \
  assert_string_equal(start(co, code), expected)
#define assert_go_on(co, values, expected) \
  assert_string_equal(go_on(co, values), expected)
#define assert_go_wrong(co, error, expected) \
  assert_string_equal(go_wrong(co, error), expected)

/* A task from start to its end, answered with nothing at each wait. */
static UNUSED_FUNCTION const char *through(const char *code) {
  lua_State *co = take();
  const char *text = start(co, code);
  while (strcmp(text, "waits") == 0) text = go_on(co, "");
  give(co);
  return text;
}

static UNUSED_FUNCTION const char *traceback(void) {
  static char text[TRACEBACK_MAX + 1];
  Slice s = vm_traceback(vm);
  if (s.len) memcpy(text, s.ptr, s.len);
  text[s.len] = 0;
  return text;
}

#endif
