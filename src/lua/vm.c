/* A Vm: its memory, its standard library, calls that cannot escape.
 *
 * The allocator counts the bytes of the heap and asks the budget (S19). It
 * grants nearly everything: a refusal costs Lua a full collection and is an
 * error that app code can catch in a loop, while a doomed turn ends by itself.
 */
#include "lua/coro.h"
#include "lua/guts.h"
#include "lua/state.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>

#ifdef STUBE_HARD
/* Blocks always move, and bytes are junk before they are used and after they
 * are freed, so that stale pointers show. */
static void *resize(Vm *vm, void *ptr, size_t osize, size_t nsize) {
  (void)vm;
  char *p = malloc(nsize);
  if (!p) return NULL;
  memset(p, 0xcd, nsize);
  if (ptr) {
    memcpy(p, ptr, osize < nsize ? osize : nsize);
    memset(ptr, 0xdb, osize);
    free(ptr);
  }
  return p;
}
static void release(Vm *vm, void *ptr, size_t osize) {
  (void)vm;
  if (ptr) memset(ptr, 0xdb, osize);
  free(ptr);
}

#elif defined(HAS_ASAN)
static void *resize(Vm *vm, void *ptr, size_t osize, size_t nsize) {
  (void)vm, (void)osize;
  return realloc(ptr, nsize);
}
static void release(Vm *vm, void *ptr, size_t osize) {
  (void)vm, (void)osize;
  free(ptr);
}
#else
static void *resize(Vm *vm, void *ptr, size_t osize, size_t nsize) {
  return blocks_resize(&vm->blocks, ptr, osize, nsize);
}
static void release(Vm *vm, void *ptr, size_t osize) {
  blocks_release(&vm->blocks, ptr, osize);
}
#endif

static void *allocate(void *ud, void *ptr, size_t osize, size_t nsize) {
  Vm *vm = ud;
  if (!ptr) osize = 0; /* then it is the kind of object */
  if (nsize == 0) {
    release(vm, ptr, osize);
    vm->bytes -= osize;
    return NULL;
  }
  if (nsize > osize && !budget_grants(vm, nsize)) {
    budget_refused(vm);
    return NULL;
  }
  void *p = resize(vm, ptr, osize, nsize);
  if (!p) return NULL;
  vm->bytes = vm->bytes - osize + nsize;
  if (nsize > osize) budget_grown(vm, nsize - osize);
  return p;
}

#ifdef STUBE_HARD
/* Asked by Lua (tools/lua-patches/hard-collect.patch), which collects
 * everything when told so: at every allocation of codec and names, which are
 * exempt from the meter, and at every HARD_EVERYth of all others. What they
 * hold without an anchor is then gone, and shows. */
#define HARD_EVERY 251
extern int (*lua_hardtest)(lua_Alloc f, void *ud);
static int must_collect(lua_Alloc f, void *ud) {
  Vm *vm = ud;
  return f == allocate &&
         (vm->budget.exempt || ++vm->hard_count % HARD_EVERY == 0);
}
#endif

static int on_panic(lua_State *L) {
  const char *text = lua_tostring(L, -1);
  die("Lua raised an error outside of every protected call: %s",
      text ? text : "?");
}

static void open_libraries(lua_State *L) {
  static const luaL_Reg libs[] = {
    { LUA_GNAME, luaopen_base },       { LUA_LOADLIBNAME, luaopen_package },
    { LUA_TABLIBNAME, luaopen_table }, { LUA_IOLIBNAME, luaopen_io },
    { LUA_OSLIBNAME, luaopen_os },     { LUA_STRLIBNAME, luaopen_string },
    { LUA_MATHLIBNAME, luaopen_math }, { LUA_UTF8LIBNAME, luaopen_utf8 },
    { LUA_DBLIBNAME, luaopen_debug },
  };
  for (size_t i = 0; i < countof(libs); i++) {
    luaL_requiref(L, libs[i].name, libs[i].func, 1);
    lua_pop(L, 1);
  }
}

/* Bytes that Lua allocates between two steps of its collector, as a power of
 * two: small, for a step stands between a visitor and an answer. At Lua's own
 * 2^13 the whole hot set is marked in one. */
#define GC_STEP_LOG2 10

static int open_all(lua_State *L) {
  open_libraries(L);
  safelib_open(L);
  coro_open(L);
  return 0;
}

Vm *vm_new(void) {
  Vm *vm = xcalloc(1, sizeof *vm);
  vm->budget.alarm = SIZE_MAX;
  vm->budget.request_max = SIZE_MAX;
#ifdef STUBE_HARD
  lua_hardtest = must_collect;
#endif
  vm->L = lua_newstate(allocate, vm);
  if (!vm->L) die("no memory for a Lua state");
  lua_atpanic(vm->L, on_panic);
  lua_gc(vm->L, LUA_GCINC, 0, 0, GC_STEP_LOG2);
  *(Vm **)lua_getextraspace(vm->L) = vm; /* threads copy it from the main one */
  vm->root.thread = vm->L;
  vm->link = &vm->root;
  lua_pushcfunction(vm->L, open_all);
  if (lua_pcall(vm->L, 0, 0, 0) != LUA_OK)
    die("Lua's libraries cannot be opened: %s", lua_tostring(vm->L, -1));
  return vm;
}

void vm_free(Vm *vm) {
  if (!vm) return;
  lua_close(vm->L);
  blocks_free(&vm->blocks);
  loader_close(vm);
  buf_free(&vm->trace);
  free(vm);
}

lua_State *vm_lua(Vm *vm) { return vm->L; }
void vm_set_owner(Vm *vm, void *owner) { vm->owner = owner; }
void *vm_owner(const Vm *vm) { return vm->owner; }
size_t vm_bytes(const Vm *vm) { return vm->bytes; }

int vm_call(lua_State *L, int nargs, int nresults) {
  Vm *vm = vm_of(L);
  uint64_t n_traces = vm->n_traces;
  int at = lua_gettop(L) -
           nargs; /* the function; the handler takes its place */
  lua_pushcfunction(L, trace_handler);
  lua_insert(L, at);
  budget_arm(L);
  int status = lua_pcall(L, nargs, nresults, at);
  lua_remove(L, at);
  /* Lua calls no handler when memory or the C stack ran out. */
  if (status != LUA_OK && vm->n_traces == n_traces) trace_clear(vm);
  return status;
}

static int f_error_text(lua_State *L) {
  luaL_tolstring(L, 1, NULL);
  return 1;
}

void vm_push_error_text(lua_State *L, int idx) {
  idx = lua_absindex(L, idx);
  if (!lua_checkstack(L, 4)) die("no stack left for an error's text");
  int type = lua_type(L, idx);
  if (type == LUA_TSTRING) {
    lua_pushvalue(L, idx);
  } else if (type == LUA_TNIL || type == LUA_TNONE) {
    lua_pushliteral(L, "nil (error without a value)");
  } else if (type != LUA_TNUMBER && type != LUA_TBOOLEAN &&
             luaL_getmetafield(L, idx, "__tostring") == LUA_TNIL) {
    lua_pushfstring(L, "(error object is a %s)", lua_typename(L, type));
  } else {
    if (type != LUA_TNUMBER && type != LUA_TBOOLEAN) lua_pop(L, 1);
    lua_pushcfunction(L, f_error_text);
    lua_pushvalue(L, idx);
    Borrowed borrowed = budget_borrow(vm_of(L));
    budget_arm(L);
    int status = lua_pcall(L, 1, 1, 0);
    budget_unborrow(vm_of(L), &borrowed);
    if (status != LUA_OK) {
      lua_pop(L, 1);
      lua_pushfstring(L, "(error object is a %s whose __tostring failed)",
                      lua_typename(L, type));
    }
  }
}
