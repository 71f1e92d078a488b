/* The way to what cannot be saved, in words: each as an author would read it.
 */
#include "harness.h"

static Host h;

#define FILE_WHY                                                          \
  ": a userdata of type FILE* cannot be saved; keep it at file level or " \
  "open it when needed"

static void describe(void *ud, lua_State *L, int key, Buf *out) {
  (void)ud;
  if (lua_type(L, key) == LUA_TSTRING)
    buf_printf(out, "flow \"%s\"", lua_tostring(L, key));
}

static int open_host(void **state) {
  (void)state;
  h = host_open();
  persist_describe(h.persist, describe, NULL);
  return 0;
}

static int close_host(void **state) {
  (void)state;
  lua_settop(h.L, 0);
  host_close(&h);
  return 0;
}

/* The table on top cannot be saved, since: */
static void refused(size_t max, const char *why) {
  Buf out = { .max = max };
  Err e = persist_encode(h.persist, h.L, -1, &out);
  if (e == OK || strcmp(lua_tostring(h.L, -1), why) != 0)
    fail_msg("%s\nand not\n%s", e ? lua_tostring(h.L, -1) : "saved", why);
  assert_int_equal(out.len, 0);
  buf_free(&out);
  lua_settop(h.L, 0);
}

/* A flow with this body, which stands on lines 2 and on of shop.lua, waits. */
static void flow_max(size_t max, const char *body, const char *why) {
  Buf text = { 0 };
  buf_puts(&text, "function order()\n");
  buf_puts(&text, body);
  buf_puts(&text, "\nend");
  buf_byte(&text, '\0');
  run_text(&h, "shop.lua", text.ptr);
  buf_free(&text);
  lua_newtable(h.L);
  lua_State *co = coro_take(h.vm);
  lua_getglobal(h.L, "order");
  lua_xmove(h.L, co, 1);
  int n;
  if (coro_run(h.vm, co, 0, &n) != CORO_WAITS)
    fail_msg("%s", lua_tostring(co, -1));
  lua_setfield(h.L, -2, "shop/order");
  refused(max, why);
}

static void flow(const char *body, const char *why) { flow_max(0, body, why); }

static void a_local_is_named_with_its_line(void **s) {
  (void)s;
  flow("local db = io.tmpfile()\n\nwait() return db",
       "flow \"shop/order\", local 'db' (shop.lua:4)" FILE_WHY);
}

static void an_inner_function_s_local_has_its_own_line(void **s) {
  (void)s;
  flow("local function ask(db) wait()\nreturn db end\nask(io.tmpfile())",
       "flow \"shop/order\", local 'db' (shop.lua:2)" FILE_WHY);
}

static void keys_come_before_the_line(void **s) {
  (void)s;
  flow("local cart = { items = { 1, { ['two words'] = io.tmpfile() } } } "
       "wait() return cart",
       "flow \"shop/order\", local 'cart'.items[2][\"two words\"] "
       "(shop.lua:2)" FILE_WHY);
  flow("local t = { [1.5] = { [true] = { [-1] = io.tmpfile() } } } wait() "
       "return t",
       "flow \"shop/order\", local 't'[1.5][true][-1] (shop.lua:2)" FILE_WHY);
}

static void an_upvalue_has_the_line_of_its_function(void **s) {
  (void)s;
  flow("local function make()\nlocal db = io.tmpfile()\nreturn function() "
       "return db end end\nlocal f = make()\nwait() return f",
       "flow \"shop/order\", local 'f' (shop.lua:6), upvalue 'db' "
       "(shop.lua:4)" FILE_WHY);
}

static void the_waiting_function_s_own_upvalue_needs_no_detour(void **s) {
  (void)s;
  flow("local db = { io.tmpfile() }\nlocal function ask()\nwait()\nreturn db "
       "end\ndo local d = db db = { f = d[1] } end return (ask())",
       "flow \"shop/order\", local 'db'.f (shop.lua:6)" FILE_WHY);
  flow("local function make(db)\nreturn function()\nwait()\nreturn db end "
       "end\nreturn make(io.tmpfile())()",
       "flow \"shop/order\", upvalue 'db' (shop.lua:3)" FILE_WHY);
}

static void a_metatable_and_a_key_are_steps(void **s) {
  (void)s;
  flow("local t = setmetatable({}, { f = io.tmpfile() }) wait() return t",
       "flow \"shop/order\", local 't' (shop.lua:2), its metatable.f" FILE_WHY);
  flow("local t = { x = { [io.tmpfile()] = 1 } } wait() return t",
       "flow \"shop/order\", local 't'.x (shop.lua:2), a key" FILE_WHY);
}

static void what_an_inner_coroutine_holds_is_its(void **s) {
  (void)s;
  flow("local co = coroutine.create(function()\nlocal db = io.tmpfile()\n"
       "coroutine.yield() return db end)\ncoroutine.resume(co)\nwait() return "
       "co",
       "flow \"shop/order\", local 'co' (shop.lua:6), its local 'db' "
       "(shop.lua:4)" FILE_WHY);
  flow("local gen = coroutine.wrap(function()\nlocal db = io.tmpfile()\n"
       "coroutine.yield() return db end)\ngen()\nwait() return gen",
       "flow \"shop/order\", local 'gen' (shop.lua:6), its local 'db' "
       "(shop.lua:4)" FILE_WHY);
}

static void what_has_no_name_is_described(void **s) {
  (void)s;
  flow("local function f(...) wait() return ... end f(1, io.tmpfile())",
       "flow \"shop/order\", a value of '...' (shop.lua:2)" FILE_WHY);
  flow("local function id(...) return ... end\nreturn id(io.tmpfile(), wait())",
       "flow \"shop/order\", a value in use (shop.lua:3)" FILE_WHY);
  flow("closing_c(setmetatable({ db = io.tmpfile() }, { __close = function() "
       "wait() end }))",
       "flow \"shop/order\", a C function's argument.db" FILE_WHY);
}

static void loops_are_described(void **s) {
  (void)s;
  flow("for w in ('a b'):gmatch('%a') do wait() end",
       "flow \"shop/order\", the iterator of a for loop (shop.lua:2): an "
       "iterator of string.gmatch cannot be saved; collect the matches in a "
       "table before waiting");
  flow("for l in io.lines('/dev/zero', 1) do wait() end",
       "flow \"shop/order\", the iterator of a for loop (shop.lua:2): an "
       "iterator of io.lines cannot be saved; read the lines into a table "
       "before waiting");
  flow("local function iter(f, i) if not i then return 1 end end\nfor _ in "
       "iter, io.tmpfile() do wait() end",
       "flow \"shop/order\", a for loop (shop.lua:3)" FILE_WHY);
  flow("for _ in pairs { 'first', [io.tmpfile()] = 1 } do wait() end",
       "flow \"shop/order\", what a loop over pairs() has still to give" //
       FILE_WHY);
}

static void functions_made_by_load_are_found(void **s) {
  (void)s;
  flow("local t = { f = load('return 1', '=typed') } wait() return t",
       "flow \"shop/order\", local 't'.f (shop.lua:2): the function at typed:0 "
       "was made by load and cannot be saved; define it in a module");
  flow("return load('local x = wait() return x', '=typed')()",
       "flow \"shop/order\", the running function (typed:1): the function "
       "at typed:0 was made by load and cannot be saved while it waits; define "
       "it "
       "in a module");
}

static void a_running_coroutine_is_found(void **s) {
  (void)s;
  flow("local outer, inner\n"
       "inner = coroutine.create(function() coroutine.yield() end)\n"
       "local t = { co = coroutine.running() } t.co = nil\n"
       "t.file = { io.tmpfile() } wait() return t",
       "flow \"shop/order\", local 't'.file[1] (shop.lua:5)" FILE_WHY);
}

static void without_a_description_the_key_is_the_first_step(void **s) {
  (void)s;
  lua_newtable(h.L);
  lua_newtable(h.L);
  luaL_dostring(h.L, "return io.tmpfile()");
  lua_setfield(h.L, -2, "conn");
  lua_rawseti(h.L, -2, 7);
  refused(0, "[7].conn" FILE_WHY);
  persist_describe(h.persist, NULL, NULL);
  flow("local db = io.tmpfile() wait() return db",
       "[\"shop/order\"], local 'db' (shop.lua:2)" FILE_WHY);
}

static void unreadable_keys_are_made_readable(void **s) {
  (void)s;
  flow("local t = { ['a\\nb\\0c\\127'] = io.tmpfile() } wait() return t",
       "flow \"shop/order\", local 't'[\"a?b?c?\"] (shop.lua:2)" FILE_WHY);
  flow(
      "local t = { [('x'):rep(39) .. '\u20ac' .. 'y'] = io.tmpfile() } wait() "
      "return t",
      "flow \"shop/order\", local 't'[\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
      "...\"] (shop.lua:2)" FILE_WHY);
}

static void a_long_way_loses_its_middle(void **s) {
  (void)s;
  Buf out = { 0 };
  luaL_dostring(h.L, "local t = { io.tmpfile() } for i = 1, 5000 do t = { "
                     "some_key = t } end return { ['shop/order'] = t }");
  assert_int_equal(persist_encode(h.persist, h.L, -1, &out), ERR_APP);
  const char *text = lua_tostring(h.L, -1);
  assert_ptr_equal(strstr(text, "flow \"shop/order\""), text);
  assert_non_null(strstr(text, " ... "));
  assert_non_null(strstr(text, ".some_key[1]" FILE_WHY));
  assert_true(strlen(text) < 1000);
  lua_settop(h.L, 0);
}

static void what_is_too_large_is_found(void **s) {
  (void)s;
  flow_max(
      4096,
      "local rows, name = {}, 'x' for i = 1, 2000 do rows[i] = i << 20 end\n"
      "wait() return rows, name",
      "all that is to be saved is larger than 4096 bytes; what did not "
      "fit any more is in flow \"shop/order\", local 'rows' (shop.lua:3)");
  flow_max(0,
           "local function down(n) if n == 0 then wait() else down(n - 1) end "
           "return n end\ndown(1000)",
           "flow \"shop/order\": more than 1000 calls wait for each other");
}

#define spec(f) cmocka_unit_test_setup_teardown(f, open_host, close_host)

int main(void) {
  const struct CMUnitTest tests[] = {
    spec(a_local_is_named_with_its_line),
    spec(an_inner_function_s_local_has_its_own_line),
    spec(keys_come_before_the_line),
    spec(an_upvalue_has_the_line_of_its_function),
    spec(the_waiting_function_s_own_upvalue_needs_no_detour),
    spec(a_metatable_and_a_key_are_steps),
    spec(what_an_inner_coroutine_holds_is_its),
    spec(what_has_no_name_is_described),
    spec(loops_are_described),
    spec(functions_made_by_load_are_found),
    spec(a_running_coroutine_is_found),
    spec(without_a_description_the_key_is_the_first_step),
    spec(unreadable_keys_are_made_readable),
    spec(a_long_way_loses_its_middle),
    spec(what_is_too_large_is_found),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
