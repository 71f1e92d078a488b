/* One call in a worker: from bytes to bytes, in a Kernel that has no store and
 * no conversations, and whose Vm belongs to the calling thread alone.
 *
 * Code comes as it does for a head of old code: what the call names by digest
 * is asked of whoever runs us, and run once in an environment of its own, with
 * what it required when it was new, registering nothing. It stays for later
 * calls, with what it holds: a module that keeps a database open is a
 * connection per worker. */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "kernel/state.h"
#include "lua/coro.h"

#define WHERE "a worker (s.io, s.background)"

void io_result_free(IoResult *r) {
  buf_free(&r->value);
  buf_free(&r->trace);
}

static void fail(IoResult *out, Slice message) {
  buf_clear(&out->value);
  buf_slice(&out->value, message);
  out->ok = false;
  out->is_text = true;
}

/* --- from bytes --- */

/* Loads the module that a name begins with: as the app has it, or one of C. */
static bool load_named(Kernel *k, lua_State *L, const IoCall *call,
                       Slice name) {
  uint8_t digest[DIGEST_BYTES];
  if (call->find_named(call->ud, name, digest) && !loader_find(k->vm, digest))
    return code_revive(k, digest);
  lua_getglobal(L, "require");
  lua_pushlstring(L, name.ptr, name.len);
  bool ok = vm_call(L, 1, 1) == LUA_OK;
  lua_pop(L, 1);
  return ok;
}

/* The code that the last decode lacked; false when it cannot be had. */
static bool load_missing(Kernel *k, lua_State *L, const IoCall *call,
                         Buf *tried) {
  uint8_t digest[DIGEST_BYTES];
  Slice name;
  bool ok;
  if (persist_missing(k->persist, digest)) {
    ok = code_revive(k, digest);
  } else if (persist_missing_name(k->persist, &name)) {
    /* Once for each: it may be there, and lack what is wanted of it. */
    for (Slice in = buf_view(tried), was; in.len && !take_block(&in, &was);)
      if (slice_eq(was, name)) return false;
    buf_block(tried, name);
    char *own = dup_slice(name); /* the codec's is gone with its next use */
    ok = load_named(k, L, call, slice_str(own));
    free(own);
  } else {
    return false;
  }
  if (ok) kernel_collect(k); /* also what it left in modules of before */
  return ok;
}

/* Pushes the list of function and arguments, or a message. */
static bool push_list(Kernel *k, lua_State *L, const IoCall *call) {
  Buf why = { 0 }, tried = { 0 };
  bool ok = false;
  k->find_code = call->find;
  k->find_code_ud = call->ud;
  k->why = &why;
  for (int tries = 0; !ok; tries++) {
    ok = !persist_decode(k->persist, L, call->call);
    if (ok || tries == IO_MODULES_MAX || !load_missing(k, L, call, &tried))
      break;
    lua_pop(L, 1);
  }
  k->why = NULL;
  if (!ok) {
    if (why.len) lua_pushlstring(L, why.ptr, why.len);
    lua_pushfstring(L, "io: a worker cannot have what it is to run: %s",
                    lua_tostring(L, -1));
    lua_replace(L, why.len ? -3 : -2);
    if (why.len) lua_pop(L, 1);
  }
  buf_free(&why);
  buf_free(&tried);
  return ok;
}

/* --- running --- */

/* f(list) -> the list of results */
static int f_run(lua_State *L) {
  lua_getfield(L, 1, "n");
  int n = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  luaL_checkstack(L, n + 10, "io");
  for (int i = 1; i <= n; i++) lua_rawgeti(L, 1, i);
  lua_call(L, n - 1, LUA_MULTRET);
  n = lua_gettop(L) - 1;
  if (n > IO_VALUES_MAX)
    luaL_error(L, "io: over %d results; give them back in a table",
               IO_VALUES_MAX);
  lua_createtable(L, n, 1);
  lua_insert(L, 2);
  lua_pushinteger(L, n);
  lua_setfield(L, 2, "n");
  for (int i = n; i >= 1; i--) lua_rawseti(L, 2, i);
  return 1;
}

static void describe_result(lua_State *L, int key, Buf *out) {
  buf_printf(out, "result %d", (int)lua_tointeger(L, key));
}

static void describe_error(lua_State *L, int key, Buf *out) {
  (void)L, (void)key;
  buf_lit(out, "the error");
}

/* Appends the list at the top of L; on failure pushes a message. */
static Err put_list(Kernel *k, lua_State *L, size_t max,
                    void (*describe)(lua_State *L, int key, Buf *out),
                    Buf *out) {
  static const PersistCopy how = { .is_plain = true };
  buf_clear(out);
  out->max = max;
  k->describe_item = describe;
  Err e = persist_copy(k->persist, L, lua_gettop(L), &how, out);
  k->describe_item = NULL;
  out->max = 0;
  return e;
}

static void take_results(Kernel *k, lua_State *L, const IoCall *call,
                         IoResult *out) {
  out->ok = true;
  Err e = put_list(k, L, call->result_max, describe_result, &out->value);
  if (!e) return;
  lua_pushfstring(L,
                  e == ERR_TOO_BIG ? "io: %s (see limits.io_result)" : "io: %s",
                  lua_tostring(L, -1));
  fail(out, slice_str(lua_tostring(L, -1)));
}

/* The error value is on top of L: as it is when it can be copied, else its
 * text.
 */
static void take_error(Kernel *k, lua_State *L, const IoCall *call, Doom doom,
                       IoResult *out) {
  char words[128], text[192];
  buf_slice(&out->trace, vm_traceback(k->vm));
  if (doom) {
    budget_words(k->vm, doom, words, sizeof words);
    snprintf(text, sizeof text, "io: the call %s%s", words,
             doom == DOOM_MEMORY ? " (limits.io_memory)" : "");
    fail(out, slice_str(text));
    return;
  }
  lua_createtable(L, 1, 0);
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, 1);
  if (!put_list(k, L, call->result_max, describe_error, &out->value)) return;
  vm_push_error_text(L, -3);
  size_t len;
  const char *error = lua_tolstring(L, -1, &len);
  fail(out, slice(error, len < call->result_max ? len : call->result_max));
}

void kernel_io_call(Kernel *k, const IoCall *call, IoResult *out) {
  lua_State *L = vm_lua(k->vm);
  int top = lua_gettop(L);
  luaL_checkstack(L, 20, "io");
  *out = (IoResult){ 0 };
  const char *was = coro_ban(k->vm, WHERE);
  k->io_id = call->id;
  if (push_list(k, L, call)) {
    lua_pushcfunction(L, f_run);
    lua_insert(L, -2);
    budget_start(k->vm, &call->budget);
    int status = vm_call(L, 1, 1);
    Doom doom = budget_stop(k->vm, NULL);
    if (status == LUA_OK && !doom)
      take_results(k, L, call, out);
    else
      take_error(k, L, call, doom, out);
  } else {
    size_t len;
    const char *message = lua_tolstring(L, -1, &len);
    fail(out, slice(message, len));
  }
  k->io_id = NULL;
  coro_ban(k->vm, was);
  lua_settop(L, top);
}

/* --- what workers ask for --- */

bool kernel_code(Kernel *k, const uint8_t digest[DIGEST_BYTES], Buf *out) {
  const Chunk *c = loader_find(k->vm, digest);
  Blob *bytes;
  if (c && !c->is_embedded) {
    chunk_write(c, out);
    return true;
  }
  Slice key = slice((const char *)digest, DIGEST_BYTES);
  if (!k->store || store_get(k->store, STORE_CODE, key, &bytes)) return false;
  buf_slice(out, blob_view(bytes));
  blob_drop(bytes);
  return true;
}

bool kernel_code_named(Kernel *k, Slice name, uint8_t digest[DIGEST_BYTES]) {
  const Chunk *c = loader_named(k->vm, name);
  if (c) memcpy(digest, c->digest, DIGEST_BYTES);
  return c != NULL;
}
