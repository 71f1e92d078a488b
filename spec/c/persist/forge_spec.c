/* Coroutines that Lua cannot have left so: made here by changing suspended ones
 * in memory, saved, and refused when they are read. What damages of saved bytes
 * seldom hit. */
#include "harness.h"

#include "persist/graph.h"

static Host h;
static Buf bytes;

static int open_host(void **state) {
  (void)state;
  h = host_open();
  persist_collect(h.persist);
  return 0;
}

static int close_host(void **state) {
  (void)state;
  lua_settop(h.L, 0);
  host_close(&h);
  buf_free(&bytes);
  return 0;
}

/* Saves { co }, which is on top of the stack. */
static void save(void) {
  lua_createtable(h.L, 1, 0);
  lua_insert(h.L, -2);
  lua_rawseti(h.L, -2, 1);
  encode_ok(&h, &bytes);
}

static void accepted(void) {
  save();
  decode_ok(&h, &bytes);
  lua_settop(h.L, 0);
}

static void refused(const char *why) {
  save();
  if (persist_decode(h.persist, h.L, buf_view(&bytes)) != ERR_BAD_INPUT)
    fail_msg("accepted, or: %s", lua_tostring(h.L, -1));
  if (!strstr(lua_tostring(h.L, -1), why))
    fail_msg("%s\nand not %s", lua_tostring(h.L, -1), why);
  lua_settop(h.L, 0);
}

static const Continuation *named(const char *name) {
  for (int i = 0; i < h.persist->ncontinuations; i++)
    if (strcmp(h.persist->continuations[i].name, name) == 0)
      return &h.persist->continuations[i];
  fail_msg("no continuation %s", name);
  return NULL;
}

/* --- C functions that wait in their middle --- */

static int f_yields_itself(lua_State *L) {
  const Continuation *k = named(lua_tostring(L, 1));
  lua_settop(L, (int)lua_tointeger(L, 2));
  return lua_yieldk(L, 0, k->ctx, k->k);
}

static int f_calls(lua_State *L) {
  const Continuation *k = named(lua_tostring(L, 1));
  int n = (int)lua_tointeger(L, 2);
  lua_replace(L, 1);
  lua_settop(L, n < 1 ? 1 : n); /* callee and, below it, n values */
  if (n > 0) lua_pushvalue(L, 1);
  lua_callk(L, 0, LUA_MULTRET, k->ctx, k->k);
  return 0;
}

/* A coroutine in which the function `instead` stands where `f` has called
 * lua_yieldk or lua_callk with the continuation `name` and `n` values. */
static lua_State *middle(lua_CFunction f, const char *name, int n,
                         const char *instead) {
  lua_State *co = lua_newthread(h.L);
  int nresults;
  lua_pushcfunction(co, f);
  lua_pushstring(co, name);
  lua_pushinteger(co, n);
  lua_getglobal(co, "wait");
  lua_insert(co, 2); /* f wait name n */
  lua_pushvalue(co, 2);
  lua_remove(co, 2); /* f name n wait */
  assert_int_equal(lua_resume(co, h.L, 3, &nresults), LUA_YIELD);
  if (instead) {
    lua_getglobal(h.L, instead);
    setobj(h.L, s2v(co->base_ci.next->func.p), s2v(h.L->top.p - 1));
    lua_pop(h.L, 1);
  }
  return co;
}

static void xpcall_cannot_wait_itself(void **s) {
  (void)s;
  middle(f_yields_itself, "xpcall", 0, "xpcall");
  refused("a C function in another place");
}
static void pairs_cannot_wait_itself(void **s) {
  (void)s;
  middle(f_yields_itself, "pairs", 0, "pairs");
  refused("a C function in another place");
}
static void dofile_cannot_wait_itself(void **s) {
  (void)s;
  middle(f_yields_itself, "dofile", 1, "dofile");
  refused("a C function in another place");
}

/* wait() runs in a task only; this yields as it does. */
static int f_inner(lua_State *L) {
  lua_settop(L, 0);
  return lua_yieldk(L, 0, 0, named("wait")->k);
}

static lua_State *calling(const char *name, int n, const char *instead) {
  lua_pushcfunction(h.L, f_inner);
  lua_setglobal(h.L, "wait");
  persist_collect(h.persist); /* it has a name */
  return middle(f_calls, name, n, instead);
}

static void what_waits_calls_nobody(void **s) {
  (void)s;
  calling("wait", 1, "print");
  refused("a C function in another place");
}
static void dofile_keeps_its_path(void **s) {
  (void)s;
  calling("dofile", 1, "dofile");
  accepted();
  calling("dofile", 0, "dofile");
  refused("a value is missing");
}
static void xpcall_keeps_its_values(void **s) {
  (void)s;
  calling("xpcall", 3, "xpcall");
  accepted();
  calling("xpcall", 2, "xpcall");
  refused("a value is missing");
}
static void another_s_continuation_is_not_even_saved(void **s) {
  (void)s;
  calling("xpcall", 3, "pairs");
  lua_createtable(h.L, 1, 0);
  lua_insert(h.L, -2);
  lua_rawseti(h.L, -2, 1);
  assert_int_equal(persist_encode(h.persist, h.L, -1, &bytes), ERR_APP);
  assert_string_equal(lua_tostring(h.L, -1),
                      "[1], a C function: a C function that waits in its "
                      "middle cannot be saved; call it without waiting inside");
}

/* --- protected calls --- */

static void a_protected_call_keeps_its_hooks(void **s) {
  (void)s;
  run_text(&h, "guard", "function guard() pcall(coroutine.yield) end");
  for (int forged = 0; forged <= 1; forged++) {
    lua_State *co = lua_newthread(h.L);
    int nresults;
    lua_getglobal(co, "guard");
    assert_int_equal(lua_resume(co, h.L, 0, &nresults), LUA_YIELD);
    CallInfo *ci = co->base_ci.next->next;
    assert_true(ci->callstatus & CIST_YPCALL);
    if (!forged) {
      accepted();
    } else {
      ci->callstatus = (unsigned short)(ci->callstatus & ~CIST_OAH);
      refused("a protected call without hooks");
    }
  }
}

/* --- bytes that claim much --- */

static void refused_bytes(const char *why) {
  assert_int_equal(persist_decode(h.persist, h.L, buf_view(&bytes)),
                   ERR_BAD_INPUT);
  if (!strstr(lua_tostring(h.L, -1), why))
    fail_msg("%s\nand not %s", lua_tostring(h.L, -1), why);
  lua_settop(h.L, 0);
}

static void repeat(int tag, int n) {
  for (int i = 0; i < n; i++) buf_byte(&bytes, (char)tag);
}

static void names_within_names_are_refused(void **s) {
  (void)s;
  buf_puts(&bytes, "\1\10\1"); /* version; a table of one key, */
  buf_byte(&bytes, T_SMALL_INT);
  repeat(T_CCLOSURE, 1000000);
  refused_bytes("a name is missing");
}

static void loops_within_loops_are_limited(void **s) {
  (void)s;
  buf_puts(&bytes, "\1\10\1");
  buf_byte(&bytes, T_SMALL_INT);
  for (int i = 0; i < 1000; i++) buf_puts(&bytes, "\15\1"); /* REST of one */
  refused_bytes("too many loops over pairs()");
}

static void coroutines_are_limited(void **s) {
  (void)s;
  for (int extra = 0; extra <= 1; extra++) {
    lua_newtable(h.L);
    for (int i = 1; i <= PERSIST_THREADS_MAX + extra; i++) {
      lua_newthread(h.L);
      lua_rawseti(h.L, -2, i);
    }
    buf_clear(&bytes);
    if (extra) {
      assert_int_equal(persist_encode(h.persist, h.L, -1, &bytes), ERR_TOO_BIG);
      assert_string_equal(lua_tostring(h.L, -1),
                          "[2001]: there are more than 2000 coroutines");
      lua_settop(h.L, 0);
    } else {
      encode_ok(&h, &bytes);
      decode_ok(&h, &bytes);
      lua_settop(h.L, 0);
    }
  }
  buf_clear(&bytes);
  buf_puts(&bytes, "\1\2");
  buf_varint(&bytes, 200000);
  repeat(T_THREAD, 200000);
  refused_bytes("too many coroutines");
}

#define spec(f) cmocka_unit_test_setup_teardown(f, open_host, close_host)

int main(void) {
  const struct CMUnitTest tests[] = {
    spec(xpcall_cannot_wait_itself),
    spec(pairs_cannot_wait_itself),
    spec(dofile_cannot_wait_itself),
    spec(what_waits_calls_nobody),
    spec(dofile_keeps_its_path),
    spec(xpcall_keeps_its_values),
    spec(another_s_continuation_is_not_even_saved),
    spec(a_protected_call_keeps_its_hooks),
    spec(names_within_names_are_refused),
    spec(loops_within_loops_are_limited),
    spec(coroutines_are_limited),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
