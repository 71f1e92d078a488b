/* What app code may not have, and calls that cannot escape (S18 to S20). */
#include "lua/harness.h"

/* --- the library --- */

static void binary_chunks_are_refused_everywhere(void **state) {
  (void)state;
  const char *why = "attempt to load a binary chunk (mode is 't')";
  assert_eval("return select(2, load(string.dump(function() end)))", why);
  assert_eval("return select(2, load(string.dump(function() end), 'x', 'b'))",
              why);
  assert_eval(
      "return select(2, load(string.dump(function() end), 'x', 'bt', {}))",
      why);
  assert_eval("local once = string.dump(function() end) return select(2, "
              "load(function() "
              "local s = once once = nil return s end))",
              why);
  assert_eval("P = os.tmpname() local f = io.open(P, 'wb') "
              "f:write(string.dump(function() end)) f:close() "
              "return select(2, loadfile(P)):match('attempt.*')",
              why);
  assert_eval("return select(2, loadfile(P, 'b')):match('attempt.*')", why);
  assert_eval(
      "local ok, e = pcall(dofile, P) os.remove(P) return e:match('attempt.*')",
      why);
}

static void load_works_as_ever_with_text(void **state) {
  (void)state;
  assert_eval("return load('return ... + 1')(1)", "2");
  assert_eval("return load('return x', 'name', 't', {x = 'env'})()", "env");
  assert_eval("local p = {'return', ' 1', ' + 2'} local i = 0 "
              "return load(function() i = i + 1 return p[i] end)()",
              "3");
  assert_eval("return select(2, load('return (', '=name'))",
              "name:1: unexpected symbol near <eof>");
  assert_eval("return select(2, load('x ='))",
              "[string \"x =\"]:1: unexpected symbol near <eof>");
  assert_eval("return select(2, load(function() return 1 == 1 end))",
              "spec:1: reader function must return a string");
  assert_eval("return select('#', load('return 1', 'n', 't', nil))", "1");
  assert_eval("return pcall(load('x = 1', 'n', 't', nil))", "false");
}

static void a_file_that_is_run_can_wait(void **state) {
  (void)state;
  assert_eval("P = os.tmpname() local f = io.open(P, 'w') f:write('return "
              "wait(), 2') f:close() "
              "return 1",
              "1");
  lua_State *co = take();
  assert_start(co, "return dofile(P)", "waits");
  assert_go_on(co, "1", "done: 1 2");
  give(co);
  assert_eval(
      "os.remove(P) return select(2, pcall(dofile, P)):match('^cannot open')",
      "cannot open");
}

static void dangerous_functions_are_absent(void **state) {
  (void)state;
  assert_eval("return os.exit", "nil (error without a value)");
  assert_eval("return debug.sethook", "nil (error without a value)");
}

/* debug.getupvalue would hand out what a wrapper wraps. */
static void what_was_replaced_cannot_be_had_back(void **state) {
  (void)state;
  assert_eval("for _, f in ipairs{load, loadfile, dofile, setmetatable, "
              "collectgarbage, "
              "debug.setmetatable} do if debug.getupvalue(f, 1) then return "
              "'there' end end "
              "return package.loaded._G.load == load and "
              "package.loaded.coroutine == coroutine",
              "true");
}

static void the_collector_is_the_hosts(void **state) {
  (void)state;
  assert_eval("return math.type(collectgarbage('count'))", "float");
  assert_eval("return collectgarbage('count') > 10", "true");
  assert_contains(eval("collectgarbage()"),
                  "collectgarbage(\"collect\") is the host's");
  assert_contains(eval("collectgarbage('stop')"),
                  "collectgarbage(\"count\") works");
}

static void a_finalizer_is_refused_outside_of_module_load(void **state) {
  (void)state;
  const char *why = "__gc can only be set while a module is loaded";
  assert_contains(eval("setmetatable({}, {__gc = print})"), why);
  assert_contains(eval("debug.setmetatable({}, {__gc = print})"), why);
  assert_contains(eval("local M = {} M.__gc = false setmetatable({}, M)"), why);
  assert_eval("local t = setmetatable({}, {__mode = 'k', __index = {x = 1}}) "
              "return t.x",
              "1");
  assert_eval("return getmetatable(setmetatable({}, nil))",
              "nil (error without a value)");
  assert_eval("setmetatable(setmetatable({}, {__metatable = 1}), {})",
              "raised: spec:1: cannot change a protected metatable");
  assert_eval(
      "return select(2, pcall(setmetatable, {}, 1))",
      "bad argument #2 to 'setmetatable' (nil or table expected, got number)");
  assert_int_equal(
      loader_run_text(
          vm, "m",
          SLICE("T = setmetatable({}, {__gc = function() end}) return 1")),
      LUA_OK);
  lua_pop(L, 1);
}

static void every_thread_knows_its_vm(void **state) {
  (void)state;
  lua_State *co = lua_newthread(L);
  lua_State *deeper = lua_newthread(co);
  assert_ptr_equal(vm_of(deeper), vm);
  lua_pop(L, 1);
}

static void two_vms_do_not_meet(void **state) {
  (void)state;
  Vm *other = vm_new();
  lua_pushinteger(vm_lua(other), 7);
  lua_setglobal(vm_lua(other), "X");
  assert_eval("return X", "nil (error without a value)");
  vm_set_owner(other, other);
  assert_ptr_equal(vm_owner(other), other);
  assert_null(vm_owner(vm));
  const BudgetLimits limits = { 1000, MIB(1) };
  budget_start(other, &limits);
  assert_eval("return #('x'):rep(2 * 1024 * 1024)", "2097152");
  budget_stop(other, NULL);
  vm_free(other);
}

static void the_heap_is_counted_to_the_byte(void **state) {
  (void)state;
  lua_gc(L, LUA_GCCOLLECT);
  size_t kib = (size_t)lua_gc(L, LUA_GCCOUNT),
         rest = (size_t)lua_gc(L, LUA_GCCOUNTB);
  assert_int_equal(vm_bytes(vm), kib * 1024 + rest);
}

/* --- calls --- */

static void a_call_leaves_results_or_the_error_value(void **state) {
  (void)state;
  lua_pushliteral(L, "below");
  compile(L, "return ..., 'b'");
  lua_pushinteger(L, 1);
  assert_int_equal(vm_call(L, 1, LUA_MULTRET), LUA_OK);
  assert_int_equal(lua_gettop(L), 3);
  lua_settop(L, 1);
  compile(L, "E = {} error(E)");
  lua_pushinteger(L, 1);
  assert_int_equal(vm_call(L, 1, 5), LUA_ERRRUN);
  assert_int_equal(lua_gettop(L), 2);
  lua_getglobal(L, "E");
  assert_true(lua_rawequal(L, -1, -2));
  lua_settop(L, 0);
}

static void a_traceback_is_taken_where_the_error_was_raised(void **state) {
  (void)state;
  assert_eval("local function deep()\n error('E')\n end\n local function "
              "mid()\n deep()\n end\n"
              " mid()\n",
              "raised: spec:2: E");
  assert_contains(traceback(), "spec:2: in upvalue 'deep'");
  assert_contains(traceback(), "spec:5: in local 'mid'");
  assert_contains(traceback(), "spec:7: in main chunk");
}

static void a_traceback_is_not_left_over_from_before(void **state) {
  (void)state;
  assert_eval("local function old() error('E') end old()", "raised: spec:1: E");
  assert_eval("string.rep('x', 1 << 62)",
              "raised: spec:1: resulting string too large");
  assert_null(strstr(traceback(), "'old'"));
  assert_eval("local t = {} t = t.x.y",
              "raised: spec:1: attempt to index a nil value (field 'x')");
  assert_null(strstr(traceback(), "'old'"));
}

static void a_traceback_of_a_deep_stack_is_short(void **state) {
  (void)state;
  assert_contains(eval("local function f() return 1 + f() end f()"),
                  "stack overflow");
  assert_contains(traceback(), "skipping");
  assert_true(vm_traceback(vm).len <= TRACEBACK_MAX);
}

static void an_error_in_error_handling_has_no_false_traceback(void **state) {
  (void)state;
  assert_eval("local function old() error('E') end old()", "raised: spec:1: E");
  assert_contains(eval("local function f() return pcall(f) end f() "
                       "local t = setmetatable({}, {}) getmetatable(t).__index "
                       "= function(t, k) "
                       "return string.gsub('x', 'x', function() return t.x "
                       "end) end return t.x"),
                  "raised: ");
  assert_null(strstr(traceback(), "'old'"));
}

/* --- error texts --- */

static void every_error_value_has_a_text(void **state) {
  (void)state;
  assert_eval("error('text', 0)", "raised: text");
  assert_eval("error(12)", "raised: 12");
  assert_eval("error(1.5)", "raised: 1.5");
  assert_eval("error(true)", "raised: true");
  assert_eval("error()", "raised: nil (error without a value)");
  assert_eval("error({})", "raised: (error object is a table)");
  assert_eval("error(print)", "raised: (error object is a function)");
  assert_eval(
      "error(setmetatable({}, {__tostring = function() return 'own' end}))",
      "raised: own");
  assert_eval(
      "error(setmetatable({}, {__tostring = function() error('no') end}))",
      "raised: (error object is a table whose __tostring failed)");
  assert_eval(
      "error(setmetatable({}, {__tostring = function() return {} end}))",
      "raised: (error object is a table whose __tostring failed)");
  assert_eval("error(setmetatable({}, {__tostring = 'no function'}))",
              "raised: (error object is a table whose __tostring failed)");
  assert_eval("error(setmetatable({}, {__index = function() error('no') end}))",
              "raised: (error object is a table)");
}

int main(void) {
  const struct CMUnitTest tests[] = {
    spec(binary_chunks_are_refused_everywhere),
    spec(load_works_as_ever_with_text),
    spec(a_file_that_is_run_can_wait),
    spec(dangerous_functions_are_absent),
    spec(what_was_replaced_cannot_be_had_back),
    spec(the_collector_is_the_hosts),
    spec(a_finalizer_is_refused_outside_of_module_load),
    spec(every_thread_knows_its_vm),
    spec(two_vms_do_not_meet),
    spec(the_heap_is_counted_to_the_byte),
    spec(a_call_leaves_results_or_the_error_value),
    spec(a_traceback_is_taken_where_the_error_was_raised),
    spec(a_traceback_is_not_left_over_from_before),
    spec(a_traceback_of_a_deep_stack_is_short),
    spec(an_error_in_error_handling_has_no_false_traceback),
    spec(every_error_value_has_a_text),
  };
  return cmocka_run_group_tests_name("lua/vm", tests, NULL, NULL);
}
