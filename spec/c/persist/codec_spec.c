/* Values: what comes back is what was there, and what cannot be saved says why.
 */
#include "two.h"

#include "lua/budget.h"

#include <math.h>

static const char library[] =
    "function each(t) local n = 0 for _ in pairs(t) do n = n + 1 end return n "
    "end\n"
    "function same(x, y, seen)\n"
    "  if x ~= x and y ~= y then return true end\n"
    "  if type(x) ~= 'table' or type(y) ~= 'table' then\n"
    "    return math.type(x) == math.type(y) and x == y and\n"
    "      (x ~= 0 or 1 / x == 1 / y or math.type(x) == 'integer')\n"
    "  end\n"
    "  seen = seen or {}\n"
    "  if seen[x] then return seen[x] == y end\n"
    "  seen[x] = y\n"
    "  for k, v in next, x do if not same(v, rawget(y, k), seen) then return "
    "false end end\n"
    "  for k in next, y do if rawget(x, k) == nil then return false end end\n"
    "  return #x == #y\n"
    "end\n"
    "Class = { __index = {} }\n";

static int open_two(void **state) {
  (void)state;
  open_both("library", library);
  return 0;
}

/* Asserts that `body`'s table is the same after a round trip into host a and b.
 */
static void expect_same(const char *body) {
  for (Host *to = &a;; to = &b) {
    make(&a, body);
    encode_ok(&a, &bytes);
    decode_ok(to, &bytes);
    lua_getglobal(to->L, "same");
    lua_insert(to->L, -2);
    make(to, body);
    lua_call(to->L, 2, 1);
    if (!lua_toboolean(to->L, -1)) fail_msg("not the same: %s", body);
    lua_settop(to->L, 0);
    if (to == &b) return;
  }
}

/* Decodes what `body` made and asserts `check`, where `t` is the copy. */
static void expect_copy(Host *to, const char *body, const char *check) {
  make(&a, body);
  encode_ok(&a, &bytes);
  lua_settop(to->L, 0);
  decode_ok(to, &bytes);
  lua_setglobal(to->L, "t");
  make(to, check);
  if (!lua_toboolean(to->L, -1)) fail_msg("%s, then not: %s", body, check);
  lua_settop(to->L, 0);
}

static void expect_refusal(Host *h, Err err, const char *message) {
  Buf out = { 0 };
  buf_puts(&out, "before");
  int top = lua_gettop(h->L);
  Err e = persist_encode(h->persist, h->L, -1, &out);
  assert_int_equal(lua_gettop(h->L), top + 1);
  if (e != err || !strstr(lua_tostring(h->L, -1), message))
    fail_msg("got %s: %s\nand not %s", err_name(e), lua_tostring(h->L, -1),
             message);
  assert_int_equal(out.len, 6);
  assert_int_equal(out.err, OK);
  buf_free(&out);
  lua_settop(h->L, 0);
}

static void refuses(const char *body, const char *message) {
  make(&a, body);
  expect_refusal(&a, ERR_APP, message);
}

/* --- values --- */

static void numbers_are_exact(void **s) {
  (void)s;
  expect_same(
      "return { 0, 1, 63, 64, -1, 127, 128, 1 << 31, 1 << 32, math.maxinteger,"
      " math.mininteger }");
  expect_same("return { 0.0, -0.0, 1.5, 1e308, 5e-324, 1 / 0, -1 / 0, 0 / 0, "
              "2^53, 0.1 }");
  expect_same(
      "return { [1.5] = 1, [-2^70] = 2, [math.mininteger] = 3, [2^53] = 4 }");
}

static void a_nan_keeps_its_bits(void **s) {
  (void)s;
  union {
    uint64_t bits;
    double d;
  } nan = { 0x7ff8dead00000001u };
  lua_newtable(a.L);
  lua_pushnumber(a.L, nan.d);
  lua_setfield(a.L, -2, "x");
  encode_ok(&a, &bytes);
  decode_ok(&a, &bytes);
  lua_getfield(a.L, -1, "x");
  nan.d = lua_tonumber(a.L, -1);
  assert_true(nan.bits == 0x7ff8dead00000001u);
  lua_settop(a.L, 0);
}

static void strings_are_exact(void **s) {
  (void)s;
  expect_same("return { '', 'a', 'nul\\0inside', ('x'):rep(31), ('x'):rep(32), "
              "('x'):rep(40),"
              " ('x'):rep(41), ('x'):rep(5000), '\\xff\\xfe' }");
  expect_same("local t = {} for i = 1, 200 do t[i] = 'string ' .. i; t['k' .. "
              "i] = t[i] end"
              " return t");
  expect_same("return { [('long'):rep(20)] = ('long'):rep(20) }");
}

static void booleans_and_mixed_keys_are_kept(void **s) {
  (void)s;
  expect_same("return { true, false, [true] = false, [false] = true, x = {}, "
              "[3.5] = {},"
              " [-1] = 1, [100] = 2 }");
}

static void sharing_and_cycles_are_kept(void **s) {
  (void)s;
  expect_copy(&b, "local x = {} return { x, x, { x } }",
              "return t[1] == t[2] and t[3][1] == t[1]");
  expect_copy(&b, "local x = {} x.me = x x[x] = x return x",
              "return t.me == t and t[t] == t and each(t) == 2");
}

static void nothing_recurses(void **s) {
  (void)s;
  expect_copy(
      &b, "local t = {} for i = 1, 100000 do t = { t } end return t",
      "local n = 0 while t[1] do t = t[1] n = n + 1 end return n == 100000");
}

static void length_with_holes_is_kept(void **s) {
  (void)s;
  expect_same("return { 1, nil, 3, nil, nil, nil, nil, nil }");
  expect_same("return { nil, nil, 3 }");
  expect_same("return { n = 1, nil, 2, nil }");
  expect_same("local t = {} for i = 1, 10 do t[i] = i end t[10] = nil t[9] = "
              "nil return t");
  expect_same("local t = {} for i = 1, 100 do t[i] = i end for i = 20, 90 do "
              "t[i] = nil end"
              " local n = #t return t");
  expect_same("local t = table.pack(nil, nil, 1, nil) return t");
  expect_same("local t = {} for i = 1, 64 do t[i] = i end for i = 1, 64 do "
              "t[i] = nil end return t");
  expect_same("local t = { 1, 2, 3, 4 } t[4] = nil local n = #t t[3] = nil n = "
              "#t return t");
}

static void length_of_random_tables_is_kept(void **s) {
  (void)s;
  char body[256];
  for (int seed = 1; seed <= 150; seed++) {
    snprintf(
        body, sizeof body,
        "local x = %d local function r(n) x = (x * 1103515245 + 12345) %% "
        "2147483648 "
        "return x // 65536 %% n + 1 end "
        "local t = {} for i = 1, r(60) do t[r(40)] = r(3) > 1 and i or nil "
        "if r(5) == 1 then t.len = #t end end return t",
        seed);
    expect_same(body);
  }
}

static void emptied_arrays_cost_nothing(void **s) {
  (void)s;
  make(&a, "local t = {} for i = 1, 1000 do t[i] = i end for i = 1, 1000 do "
           "t[i] = nil end"
           " return { t }");
  encode_ok(&a, &bytes);
  assert_true(bytes.len < 16);
}

static void metatables_are_kept(void **s) {
  (void)s;
  expect_copy(&b, "return { setmetatable({}, Class) }",
              "return getmetatable(t[1]) == Class");
  expect_copy(&b,
              "local mt = { __name = 'own' } return { setmetatable({}, mt), "
              "setmetatable({}, mt) }",
              "local mt = getmetatable(t[1]) return mt ~= Class and mt == "
              "getmetatable(t[2]) and"
              " mt.__name == 'own'");
  expect_copy(&b,
              "local mt = {} mt.__index = mt mt.hello = 5 return { "
              "setmetatable({}, mt) }",
              "return t[1].hello == 5");
}

static void metamethods_work_at_once(void **s) {
  (void)s;
  expect_copy(
      &b,
      "return { setmetatable({}, { __index = { deep = 1 }, __mode = 'x' }) }",
      "return t[1].deep == 1 and t[1].none == nil");
}

static void weak_tables_are_saved_empty(void **s) {
  (void)s;
  expect_copy(
      &b,
      "local keep = {} return { keep, setmetatable({ keep }, { __mode = 'v' }),"
      " setmetatable({ [keep] = 1 }, { __mode = 'k' }) }",
      "return #t[2] == 0 and next(t[3]) == nil and getmetatable(t[2]).__mode "
      "== 'v'");
}

static void same_graph_has_same_bytes(void **s) {
  (void)s;
  Buf other = { 0 };
  const char *body =
      "local t = { z = 1, a = 2, [10] = 3, [-5] = 4, [1.5] = 5, m = {} } "
      "for i = 1, 100 do t['key' .. i] = { name = 'n' .. i, id = i } end "
      "return t";
  make(&a, body);
  encode_ok(&a, &bytes);
  make(&b, body); /* another seed: other hashes, another order of nodes */
  encode_ok(&b, &other);
  assert_true(slice_eq(buf_view(&bytes), buf_view(&other)));
  make(&b, "local t = {} for i = 100, 1, -1 do t['key' .. i] = { id = i, name "
           "= 'n' .. i } end"
           " t.m = {} t.a = 2 t.z = 1 t[1.5] = 5 t[-5] = 4 t[10] = 3 return t");
  encode_ok(&b, &other); /* another history */
  assert_true(slice_eq(buf_view(&bytes), buf_view(&other)));
  buf_free(&other);
}

static void reading_a_length_changes_no_bytes(void **s) {
  (void)s;
  Buf other = { 0 };
  const char *bodies[] = {
    "t = { 1, 2, 3, 4, 5, 6, 7, 8, 9 } for i = 9, 6, -1 do t[i] = nil end "
    "return { t }",
    "t = { 1, 2, 3, 4, 5, 6, 7, 8 } t[8] = nil t.x = 1 return { t }",
    "t = {} for i = 1, 100 do t[i] = i end for i = 100, 71, -1 do t[i] = nil "
    "end return { t }",
  };
  for (size_t i = 0; i < countof(bodies); i++) {
    make(&a, bodies[i]);
    encode_ok(&a, &bytes);
    make(&a, "local n = #t t[n] = t[n] n = #t return { t }");
    encode_ok(&a, &other);
    assert_true(slice_eq(buf_view(&bytes), buf_view(&other)));
    decode_ok(&b, &bytes);
    encode_ok(&b, &other);
    assert_true(slice_eq(buf_view(&bytes), buf_view(&other)));
  }
  buf_free(&other);
}

static void a_round_trip_has_the_same_bytes(void **s) {
  (void)s;
  Buf other = { 0 };
  make(&a, "return { 1, nil, 3, x = { y = {} }, s = 'text', f = each }");
  encode_ok(&a, &bytes);
  decode_ok(&b, &bytes);
  encode_ok(&b, &other);
  assert_true(slice_eq(buf_view(&bytes), buf_view(&other)));
  buf_free(&other);
}

/* --- refusals --- */

static void a_file_is_refused_by_type_and_path(void **s) {
  (void)s;
  refuses("return { db = { conn = io.tmpfile() } }",
          "db.conn: a userdata of type FILE* cannot be saved; keep it at file "
          "level or open it "
          "when needed");
}

static void iterators_with_userdata_are_refused_by_name(void **s) {
  (void)s;
  refuses("return { it = ('a b'):gmatch('%a') }",
          "string.gmatch cannot be saved; collect");
  refuses("return { it = io.lines('/dev/null') }",
          "io.lines cannot be saved; read");
}

static void finalizers_are_refused(void **s) {
  (void)s;
  run_text(&a, "gc",
           "Gc = { __gc = function() end }  function new_gc() return nil end");
  lua_newtable(a.L);
  lua_newtable(a.L);
  lua_getglobal(a.L, "Gc");
  lua_setmetatable(a.L, -2);
  lua_setfield(a.L, -2, "thing");
  expect_refusal(&a, ERR_APP, "thing: a table with __gc cannot be saved");
}

static void functions_made_by_load_are_refused_by_name(void **s) {
  (void)s;
  refuses("return { f = load('return 1', '=typed') }",
          "f: the function at typed:0 was made by load and cannot be saved; "
          "define it in a module");
}

/* save(t) -> the error message, or nil */
static int f_save(lua_State *L) {
  Buf out = { 0 };
  int failed = persist_encode(a.persist, L, 1, &out) != OK;
  buf_free(&out);
  return failed;
}

static void running_coroutines_are_refused(void **s) {
  (void)s;
  lua_register(a.L, "save", f_save);
  run_text(
      &a, "running",
      "function inside() return coroutine.wrap(function()\n"
      "  return save { co = coroutine.running() } end)() end\n"
      "function outside() local co = coroutine.running()\n"
      "  return coroutine.wrap(function() return save { x = co } end)() end\n"
      "function both() return coroutine.wrap(outside)() end\n"
      "function fresh() return save { co = coroutine.create(inside) } end");
  make(&a, "return { inside(), both(), fresh() }");
  lua_rawgeti(a.L, -1, 1);
  assert_non_null(
      strstr(lua_tostring(a.L, -1), "co: a running coroutine cannot"));
  lua_rawgeti(a.L, -2, 2);
  assert_non_null(
      strstr(lua_tostring(a.L, -1), "x: a running coroutine cannot"));
  assert_int_equal(lua_rawlen(a.L, 1), 2);
  lua_settop(a.L, 0);
}

static void light_userdata_are_refused(void **s) {
  (void)s;
  lua_newtable(a.L);
  lua_pushlightuserdata(a.L, &bytes);
  lua_setfield(a.L, -2, "p");
  expect_refusal(&a, ERR_APP,
                 "p: a light userdata (an address) cannot be saved");
}

/* --- limits --- */

static void size_is_limited_to_the_byte(void **s) {
  (void)s;
  make(&a, "return { text = ('x'):rep(1000), { 1, 2, 3 } }");
  lua_pushvalue(a.L, -1);
  encode_ok(&a, &bytes);
  Buf out = { .max = bytes.len + 3 };
  buf_puts(&out, "abc");
  assert_int_equal(persist_encode(a.persist, a.L, -1, &out), OK);
  assert_int_equal(out.len, bytes.len + 3);
  buf_clear(&out);
  buf_puts(&out, "abcd");
  assert_int_equal(persist_encode(a.persist, a.L, -1, &out), ERR_TOO_BIG);
  assert_int_equal(out.len, 4);
  assert_non_null(strstr(lua_tostring(a.L, -1), "larger than 1"));
  lua_settop(a.L, 0);
  make(&a,
       "local t = {} for i = 1, 100000 do t[i] = 'text ' .. i end return t");
  assert_int_equal(persist_encode(a.persist, a.L, -1, &out), ERR_TOO_BIG);
  lua_settop(a.L, 0);
  buf_free(&out);
}

static void empty_places_are_limited(void **s) {
  (void)s;
  lua_createtable(a.L, PERSIST_NILS_MAX + 1, 0);
  lua_pushboolean(a.L, 1);
  lua_rawseti(a.L, -2, PERSIST_NILS_MAX + 1);
  encode_ok(&a, &bytes);
  decode_ok(&a, &bytes);
  lua_settop(a.L, 0);
  lua_createtable(a.L, PERSIST_NILS_MAX + 2, 0);
  lua_pushboolean(a.L, 1);
  lua_rawseti(a.L, -2, PERSIST_NILS_MAX + 2);
  expect_refusal(&a, ERR_TOO_BIG, "too many empty places");
}

/* Suspends `function(n)` and leaves { task = it } on the stack. */
static void wait_in(const char *function, lua_Integer n) {
  lua_State *co = coro_take(a.vm);
  lua_getglobal(a.L, function);
  lua_xmove(a.L, co, 1);
  lua_pushinteger(co, n);
  int nresults;
  assert_int_equal(coro_run(a.vm, co, 1, &nresults), CORO_WAITS);
  lua_newtable(a.L);
  lua_insert(a.L, -2);
  lua_setfield(a.L, -2, "task");
}

static void waiting_calls_are_limited(void **s) {
  (void)s;
  run_text(&a, "deep",
           "function deep(n) if n > 0 then return (deep(n - 1)) end return "
           "wait() end");
  for (int extra = 0; extra <= 1; extra++) {
    wait_in("deep",
            PERSIST_FRAMES_MAX - 2 + extra); /* deep(n) .. deep(0), wait */
    if (extra) {
      expect_refusal(&a, ERR_TOO_BIG, "more than 1000 calls wait");
    } else {
      encode_ok(&a, &bytes);
      decode_ok(&a, &bytes);
      lua_settop(a.L, 0);
    }
  }
}

static void stacks_are_limited(void **s) {
  (void)s;
  run_text(&a, "wide",
           "function wide(n) return (function(...) wait() return ... end)"
           "(table.unpack({}, 1, n)) end");
  wait_in("wide", PERSIST_SLOTS_MAX - 20);
  encode_ok(&a, &bytes);
  decode_ok(&a, &bytes);
  lua_settop(a.L, 0);
  wait_in("wide", PERSIST_SLOTS_MAX);
  expect_refusal(&a, ERR_TOO_BIG,
                 "a coroutine with more than 100000 values on its stack");
}

static void closing_variables_are_limited(void **s) {
  (void)s;
  run_text(&a, "close",
           "local mt = { __close = function() end }\n"
           "function close(n) local x <close> = setmetatable({}, mt)\n"
           "  if n > 1 then close(n - 1) else wait() end end");
  wait_in("close", PERSIST_CLOSING_MAX);
  encode_ok(&a, &bytes);
  decode_ok(&a, &bytes);
  lua_settop(a.L, 0);
  wait_in("close", PERSIST_CLOSING_MAX + 1);
  expect_refusal(&a, ERR_TOO_BIG,
                 "more than 256 variables of a coroutine wait to be closed");
}

static void waiting_pairs_are_limited(void **s) {
  (void)s;
  run_text(
      &a, "nest",
      "function nest(n) if n > 0 then for _ in pairs { 1 } do nest(n - 1) end "
      "else wait() end end");
  for (int extra = 0; extra <= 1; extra++) {
    wait_in("nest", PERSIST_PAIRS_MAX + extra);
    if (extra) {
      expect_refusal(&a, ERR_TOO_BIG, "more than 32 loops over pairs()");
    } else {
      encode_ok(&a, &bytes);
      decode_ok(&a, &bytes);
      lua_settop(a.L, 0);
    }
  }
}

/* --- the host's part --- */

static void saving_is_not_metered(void **s) {
  (void)s;
  make(&a,
       "local t = {} for i = 1, 2000 do t[i] = { 'text ' .. i } end return t");
  encode_ok(&a, &bytes);
  BudgetLimits limits = { .cpu_ms = 10000, .memory = KIB(16) };
  budget_start(a.vm, &limits);
  decode_ok(&a, &bytes);
  encode_ok(&a, &bytes);
  assert_int_equal(budget_stop(a.vm, NULL), DOOM_NONE);
}

static void the_collector_goes_on_as_before(void **s) {
  (void)s;
  make(&a,
       "local t = {} for i = 1, 500 do t[i] = { 'text ' .. i } end return t");
  encode_ok(&a, &bytes);
  int before = lua_gc(a.L, LUA_GCCOUNT);
  for (int i = 0; i < 2000; i++) {
    decode_ok(&a, &bytes);
    lua_settop(a.L, 0);
    lua_newtable(a.L); /* a chance for the collector */
    lua_settop(a.L, 0);
  }
  assert_true(lua_gc(a.L, LUA_GCCOUNT) < before + 4000);
  lua_gc(a.L, LUA_GCSTOP);
  decode_ok(&a, &bytes);
  assert_false(lua_gc(a.L, LUA_GCISRUNNING));
  lua_gc(a.L, LUA_GCRESTART);
  lua_settop(a.L, 0);
}

/* --- damage --- */

static void every_cut_is_refused(void **s) {
  (void)s;
  make(&a, "local mt = {} local t = { 1, 2.5, 'three', { x = setmetatable({}, "
           "mt) }, each } t.t = t return t");
  encode_ok(&a, &bytes);
  for (size_t len = 0; len < bytes.len; len++) {
    char *exact = malloc(len ? len : 1); /* so that ASan sees the end */
    memcpy(exact, bytes.ptr, len);
    assert_int_equal(persist_decode(a.persist, a.L, slice(exact, len)),
                     ERR_BAD_INPUT);
    assert_non_null(strstr(lua_tostring(a.L, -1), "damaged"));
    lua_settop(a.L, 0);
    free(exact);
  }
  buf_byte(&bytes, 0);
  assert_int_equal(persist_decode(a.persist, a.L, buf_view(&bytes)),
                   ERR_BAD_INPUT);
  lua_settop(a.L, 0);
}

static void lying_lengths_are_refused(void **s) {
  (void)s;
  static const char *const lies[] = {
    "\x01\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    "\x01\x02\xff\xff\xff\x7f\x10\xff\xff\xff\x7f",
    "\x01\x08\x01\x05\xff\xff\xff\xff\x0f",
    "\x01\x02\x80\x80\x10\x10\xff\xff\x0f",
    "\x01\x08\x01\x0d\xff\xff\xff\xff\x0f",
    "\x01\x01\x08",
    "\x02\x00\x00",
    "\x01\x08\x01\xff\x41\x00",
  };
  for (size_t i = 0; i < countof(lies); i++) {
    Err e = persist_decode(a.persist, a.L, slice_str(lies[i]));
    assert_int_equal(e, ERR_BAD_INPUT);
    lua_settop(a.L, 0);
  }
}

#define spec(f) cmocka_unit_test_setup_teardown(f, open_two, close_both)

int main(void) {
  const struct CMUnitTest tests[] = {
    spec(numbers_are_exact),
    spec(a_nan_keeps_its_bits),
    spec(strings_are_exact),
    spec(booleans_and_mixed_keys_are_kept),
    spec(sharing_and_cycles_are_kept),
    spec(nothing_recurses),
    spec(length_with_holes_is_kept),
    spec(length_of_random_tables_is_kept),
    spec(emptied_arrays_cost_nothing),
    spec(metatables_are_kept),
    spec(metamethods_work_at_once),
    spec(weak_tables_are_saved_empty),
    spec(same_graph_has_same_bytes),
    spec(reading_a_length_changes_no_bytes),
    spec(a_round_trip_has_the_same_bytes),
    spec(a_file_is_refused_by_type_and_path),
    spec(iterators_with_userdata_are_refused_by_name),
    spec(finalizers_are_refused),
    spec(functions_made_by_load_are_refused_by_name),
    spec(running_coroutines_are_refused),
    spec(light_userdata_are_refused),
    spec(size_is_limited_to_the_byte),
    spec(empty_places_are_limited),
    spec(waiting_calls_are_limited),
    spec(waiting_pairs_are_limited),
    spec(stacks_are_limited),
    spec(closing_variables_are_limited),
    spec(saving_is_not_metered),
    spec(the_collector_goes_on_as_before),
    spec(every_cut_is_refused),
    spec(lying_lengths_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
