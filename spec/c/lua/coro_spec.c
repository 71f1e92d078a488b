/* Coroutines that wait (S13 to S16), as tasks and as the app's own.
 *
 * One long file, for each way of waiting is tried in each place. */
#include "lua/harness.h"

/* --- waiting and going on --- */

static void a_task_gets_what_it_is_resumed_with(void **state) {
  (void)state;
  lua_State *co = take();
  assert_start(co,
               "local a, b = wait() return a, b, select('#', wait('ignored'))",
               "waits");
  assert_true(coro_is_parked(co));
  assert_go_on(co, "1, 'two'", "waits");
  assert_go_on(co, "nil, nil, nil", "done: 1 two 3");
  give(co);
}

static void a_task_can_wait_with_values_of_a_call_around_it(void **state) {
  (void)state;
  lua_State *co = take();
  assert_start(co, "return 1 + wait() .. wait() .. tostring(wait())", "waits");
  assert_go_on(co, "1", "waits");
  assert_go_on(co, "'x'", "waits");
  assert_go_on(co, "nil", "done: 2xnil");
  give(co);
}

static void a_wait_raises_the_very_value_it_is_given(void **state) {
  (void)state;
  lua_State *co = take();
  assert_start(
      co,
      "E = setmetatable({}, {__tostring = function() return 'mine' end}) "
      "local ok, e = pcall(wait) return ok, e == E",
      "waits");
  assert_go_wrong(co, "E", "done: false true");
  assert_start(co, "local ok, e = pcall(wait) return ok, e", "waits");
  assert_go_wrong(co, "'no position'", "done: false no position");
  assert_start(co, "wait()", "waits");
  assert_go_wrong(co, "E", "failed: mine");
  give(co);
}

static void pcall_works_across_waits(void **state) {
  (void)state;
  lua_State *co = take();
  assert_start(co,
               "local log = {}\n"
               "for i = 1, 3 do\n"
               "  local ok, e = pcall(function()\n"
               "    local v = wait()\n"
               "    if v == 'bad' then error('got bad', 0) end\n"
               "    return v\n"
               "  end)\n"
               "  log[#log + 1] = tostring(ok) .. ':' .. tostring(e)\n"
               "end\n"
               "return table.concat(log, ' ')",
               "waits");
  assert_go_on(co, "'good'", "waits");
  assert_go_on(co, "'bad'", "waits");
  assert_go_on(co, "'fine'", "done: true:good false:got bad true:fine");
  give(co);
}

static void xpcall_runs_its_handler_after_a_wait(void **state) {
  (void)state;
  lua_State *co = take();
  assert_start(co,
               "return xpcall(function() wait() error('late', 0) end, "
               "function(e) return 'handled ' .. e end)",
               "waits");
  assert_go_on(co, "", "done: false handled late");
  give(co);
}

static void a_handler_cannot_wait(void **state) {
  (void)state;
  assert_contains(
      through("return xpcall(error, function() return cannot_wait() end)"),
      "done: false");
  assert_contains(
      through("return xpcall(error, function() return cannot_wait() end)"),
      "cannot be suspended");
}

static void waits_inside_metamethods_called_by_lua_code_work(void **state) {
  (void)state;
  assert_string_equal(through("local t = setmetatable({}, {__index = "
                              "function(_, k) wait() return k .. '!' end,"
                              " __add = function(a, b) wait() return b end,"
                              " __lt = function() wait() return true end,"
                              " __concat = function() wait() return 'c' end,"
                              " __call = function(_, x) wait() return x end,"
                              " __close = function() wait() closed = true end,"
                              " __eq = function() wait() return true end})\n"
                              "do local c <close> = t end\n"
                              "return t.x, t + 5, t < t, t .. 1, t(7), closed, "
                              "t == setmetatable({}, getmetatable(t))"),
                      "done: x! 5 true c 7 true true");
}

/* --- inside coroutines of the app --- */

static void an_app_coroutine_can_wait(void **state) {
  (void)state;
  lua_State *co = take();
  assert_start(co,
               "local c = coroutine.create(function(a)\n"
               "  local v = wait()\n"
               "  local y = coroutine.yield(a .. v)\n"
               "  return wait() .. y\n"
               "end)\n"
               "local r = table.pack(coroutine.resume(c, 'a'))\n"
               "local q = table.pack(coroutine.resume(c, 'y'))\n"
               "return r[1], r[2], r.n, q[1], q[2], q.n, coroutine.status(c)",
               "waits");
  assert_go_on(co, "'1'", "waits");
  assert_go_on(co, "'2'", "done: true a1 2 true 2y 2 dead");
  give(co);
}

static void waits_work_through_nested_coroutines_of_both_kinds(void **state) {
  (void)state;
  lua_State *co = take();
  assert_start(co,
               "local function nest(n)\n"
               "  if n == 0 then return wait(), wait() end\n"
               "  local f = function() return nest(n - 1) end\n"
               "  if n % 2 == 0 then return coroutine.wrap(f)() end\n"
               "  return select(2, coroutine.resume(coroutine.create(f)))\n"
               "end\n"
               "return nest(30)",
               "waits");
  assert_go_on(co, "'first'", "waits");
  assert_go_on(co, "'second'", "done: first second");
  give(co);
}

static void a_generic_for_can_wait_in_its_iterator(void **state) {
  (void)state;
  lua_State *co = take();
  assert_start(co,
               "local sum = 0\n"
               "for a, b in coroutine.wrap(function()\n"
               "  for i = 1, 3 do coroutine.yield(i, wait()) end\n"
               "end) do sum = sum + a * b end\n"
               "return sum",
               "waits");
  assert_go_on(co, "10", "waits");
  assert_go_on(co, "100", "waits");
  assert_go_on(co, "1000", "done: 3210");
  give(co);
}

static void a_wait_with_pcall_in_every_thread_of_the_chain_works(void **state) {
  (void)state;
  lua_State *co = take();
  assert_start(
      co,
      "return pcall(coroutine.wrap(function()\n"
      "  return pcall(coroutine.wrap(function() return pcall(wait) end))\n"
      "end))",
      "waits");
  assert_go_wrong(co, "'E'", "done: true true false E");
  give(co);
}

static void an_error_after_a_wait_reaches_the_resumer(void **state) {
  (void)state;
  lua_State *co = take();
  assert_start(co,
               "local c = coroutine.create(function() wait() error({}) end)\n"
               "local ok, e = coroutine.resume(c)\n"
               "return ok, type(e), coroutine.status(c), coroutine.resume(c)",
               "waits");
  assert_go_on(co, "",
               "done: false table dead false cannot resume dead coroutine");
  assert_start(co, "coroutine.wrap(function() wait() error('w') end)()",
               "waits");
  assert_go_on(co, "", "failed: spec:1: spec:1: w");
  assert_start(co, "return pcall(coroutine.wrap(function() wait() end))",
               "waits");
  assert_go_wrong(co, "{}", "done: false (error object is a table)");
  give(co);
}

static void a_parked_coroutine_is_normal_and_cannot_be_touched(void **state) {
  (void)state;
  lua_State *a = take();
  assert_start(a,
               "C = coroutine.create(function() wait() return 'end' end) "
               "W = coroutine.wrap(function() wait() return 'wend' end) "
               "local ok, v = coroutine.resume(C) return v",
               "waits");
  lua_State *b = take();
  assert_start(b, "return coroutine.status(C)", "done: normal");
  assert_start(
      b, "coroutine.resume(C)",
      "failed: spec:1: cannot resume a coroutine that waits: the code that "
      "resumed it goes on with it");
  assert_start(
      b, "coroutine.close(C)",
      "failed: spec:1: cannot close a coroutine that waits: the code that "
      "resumed it goes on with it");
  assert_go_on(a, "", "done: end");
  assert_start(a, "return W()", "waits");
  assert_start(
      b, "W()",
      "failed: spec:1: cannot resume a coroutine that waits: the code that "
      "resumed it goes on with it");
  assert_go_on(a, "", "done: wend");
  give(a);
  give(b);
}

static void a_task_that_waits_looks_parked_to_others(void **state) {
  (void)state;
  lua_State *a = take(), *b = take();
  assert_start(a, "T = coroutine.running() wait()", "waits");
  assert_start(
      b, "return coroutine.status(T), pcall(coroutine.resume, T)",
      "done: normal false cannot resume a coroutine that waits: the code that "
      "resumed it goes on with it");
  assert_go_on(a, "", "done");
  give(a);
  give(b);
}

/* --- what a task is not --- */

static void a_plain_yield_in_a_task_is_an_error(void **state) {
  (void)state;
  const char *text = through("coroutine.yield(1)");
  assert_contains(text,
                  "failed: spec:1: coroutine.yield outside of a coroutine");
  assert_contains(text, "s.await");
  assert_contains(through("return pcall(coroutine.yield)"),
                  "done: false coroutine.yield");
}

static void a_task_says_of_itself_what_the_main_thread_does(void **state) {
  (void)state;
  assert_string_equal(
      through("local c, main = coroutine.running() "
              "return main, coroutine.isyieldable(), coroutine.status(c)"),
      "done: true false running");
  assert_string_equal(through("return coroutine.wrap(function() "
                              "local c, main = coroutine.running() "
                              "return main, coroutine.isyieldable() end)()"),
                      "done: false true");
}

static int f_bare_yield(lua_State *co) { return lua_yield(co, 0); }

static void a_yield_by_a_c_function_fails_the_task(void **state) {
  (void)state;
  lua_register(L, "bare_yield", f_bare_yield);
  assert_contains(
      through("local x <close> = setmetatable({}, {__close = function() "
              "CLOSED = true end}) bare_yield()"),
      "failed: a C function yielded from a task");
  assert_eval("return CLOSED", "true");
}

static void coroutines_work_as_ever_outside_of_tasks(void **state) {
  (void)state;
  assert_eval(
      "local c = coroutine.wrap(function(a) local b = coroutine.yield(a + 1) "
      "return b * 2 end) return c(1) .. ' ' .. c(10)",
      "2 20");
  assert_eval("local c = coroutine.create(print) return coroutine.status(c)",
              "suspended");
  assert_eval("return coroutine.running() ~= nil and coroutine.isyieldable()",
              "false");
  assert_eval("coroutine.yield()",
              "raised: attempt to yield from outside a coroutine");
  assert_eval("return coroutine.resume(coroutine.running())", "false");
  assert_eval("return select(2, coroutine.resume(coroutine.running()))",
              "cannot resume non-suspended coroutine");
  assert_eval(
      "coroutine.resume(1)",
      "raised: spec:1: bad argument #1 to 'resume' (coroutine expected, got "
      "number)");
  assert_eval("local c c = coroutine.wrap(function() return coroutine.close(c) "
              "end) c = "
              "coroutine.create(function() coroutine.close(c) end) "
              "return select(2, coroutine.resume(c))",
              "spec:1: cannot close a running coroutine");
  assert_eval("local log = '' local c = coroutine.create(function() "
              "local x <close> = setmetatable({}, {__close = function() log = "
              "log .. 'x' end}) "
              "coroutine.yield() end) coroutine.resume(c) coroutine.close(c) "
              "return log .. coroutine.status(c)",
              "xdead");
  assert_eval(
      "wait()",
      "raised: spec:1: cannot wait outside of a conversation's own code");
}

/* --- where one cannot wait --- */

static void waiting_where_lua_cannot_yield_says_where(void **state) {
  (void)state;
  struct {
    const char *code, *where;
  } cases[] = {
    { "table.sort({3, 1, 2}, function(a, b) wait() return a < b end)",
      "table.sort" },
    { "string.gsub('abc', '.', function() wait() end)", "string.gsub" },
    { "('abc'):gsub('.', function() wait() end)", "string.gsub" },
    { "tostring(setmetatable({}, {__tostring = function() wait() end}))",
      "tostring" },
    { "table.concat(setmetatable({}, {__len = function() return 1 end, "
      "__index = function() wait() end}))",
      "table.concat" },
    { "error(select(2, load(function() wait() end)), 0)", "load" },
    { "pcall(table.sort, {1, 2}, function() error((select(2, pcall(wait))), 0) "
      "end) "
      "table.sort({1, 2}, function() pcall(pcall, error) return pcall(error) "
      "and wait() or "
      "wait() end)",
      "table.sort" },
    { "local sort = table.sort table.sort = nil sort({1, 2}, function() wait() "
      "end)",
      "sort" },
  };
  for (size_t i = 0; i < countof(cases); i++) {
    char code[1024], expected[200];
    snprintf(code, sizeof code,
             "local sort = table.sort local ok, e = pcall(function() %s end) "
             "table.sort = sort return ok, e",
             cases[i].code);
    snprintf(expected, sizeof expected,
             "done: false spec:1: cannot wait inside %s: a C function that "
             "cannot be suspended",
             cases[i].where);
    const char *text = through(code);
    assert_string_equal(text, expected);
  }
}

static void the_whole_chain_must_be_able_to_yield(void **state) {
  (void)state;
  assert_string_equal(
      through("local n = 0\n"
              "table.sort({1, 2, 3}, function(a, b)\n"
              "  return coroutine.wrap(function() wait() return a < b end)()\n"
              "end)"),
      "failed: spec:3: spec:3: cannot wait inside table.sort: a C function "
      "that cannot be "
      "suspended");
  /* The failed attempt has suspended nobody. */
  assert_string_equal(
      through(
          "table.sort({1, 2}, function(a, b)\n"
          "  local c = coroutine.create(function() return pcall(wait) end)\n"
          "  local r, ok, e = coroutine.resume(c)\n"
          "  R = tostring(ok) .. coroutine.status(c)\n"
          "  return a < b\n"
          "end) return R, wait()"),
      "done: falsedead");
}

static void yielding_where_lua_cannot_says_where(void **state) {
  (void)state;
  assert_contains(
      eval("coroutine.wrap(function() table.sort({1, 2}, function() "
           "coroutine.yield() end) end)()"),
      "cannot yield inside table.sort: a C function that cannot be suspended");
}

static void a_ban_names_its_place(void **state) {
  (void)state;
  lua_State *co = take();
  const char *before = coro_ban(vm, "render");
  assert_null(before);
  assert_start(co, "return pcall(wait)", "done: false cannot wait in render");
  assert_start(co, "return coroutine.wrap(function() return pcall(wait) end)()",
               "done: false cannot wait in render");
  assert_string_equal(coro_ban(vm, before), "render");
  assert_start(co, "wait()", "waits");
  assert_go_on(co, "", "done");
  give(co);
}

static void a_task_is_known_only_while_it_runs(void **state) {
  (void)state;
  assert_null(coro_task(vm));
  lua_State *co = take();
  assert_start(co, "wait()", "waits");
  assert_null(coro_task(vm));
  assert_go_on(co, "", "done");
  give(co);
}

/* --- closing --- */

#define CLOSER                                                      \
  "local function closer(name) return setmetatable({}, {__close = " \
  "function(_, e) "                                                 \
  "LOG = (LOG or '') .. name .. tostring(e) .. ' ' end}) end "

static const char *close_task(lua_State *co) {
  CoroStatus status = coro_close(vm, co);
  return outcome(co, status, status == CORO_FAILED ? 1 : 0);
}

static void closing_a_waiting_task_runs_its_close_functions(void **state) {
  (void)state;
  lua_State *co = take();
  assert_start(
      co,
      CLOSER "local a <close> = closer 'a' local b <close> = closer 'b' wait()",
      "waits");
  assert_string_equal(close_task(co), "done");
  assert_eval("return LOG", "bnil anil ");
  assert_int_equal(lua_status(co), LUA_OK);
  assert_int_equal(lua_gettop(co), 0);
  assert_start(co, "return 'again'", "done: again");
  give(co);
}

static void closing_goes_through_the_coroutines_that_wait_below(void **state) {
  (void)state;
  lua_State *co = take();
  assert_start(
      co,
      CLOSER
      "local a <close> = closer 'outer' "
      "for _ in coroutine.wrap(function() local m <close> = closer 'middle' "
      "coroutine.resume(coroutine.create(function() local i <close> = closer "
      "'inner' "
      "wait() end)) end) do end",
      "waits");
  assert_string_equal(close_task(co), "done");
  assert_eval("return LOG", "innernil middlenil outernil ");
  give(co);
}

static void a_close_function_cannot_wait_while_its_task_is_closed(
    void **state) {
  (void)state;
  lua_State *co = take();
  assert_start(co,
               "local a <close> = setmetatable({}, {__close = function() "
               "R = select(2, pcall(wait)) end}) wait()",
               "waits");
  assert_string_equal(close_task(co), "done");
  assert_eval("return R", "cannot wait in __close");
  give(co);
}

static void an_error_while_closing_is_reported(void **state) {
  (void)state;
  lua_State *co = take();
  assert_start(
      co,
      CLOSER
      "local a <close> = closer 'a' "
      "local b <close> = setmetatable({}, {__close = function() error('b', 0) "
      "end}) "
      "pcall(coroutine.wrap(function() local c <close> = setmetatable({}, "
      "{__close = function() error('c', 0) end}) wait() end))",
      "waits");
  assert_string_equal(close_task(co), "failed: c");
  assert_eval("return LOG", "ab ");
  assert_start(co, "return 1", "done: 1");
  give(co);
}

/* T1: without the patch this runs the handler of an xpcall that is long gone.
 */
static void closing_a_task_that_waits_under_xpcall_runs_no_handler(
    void **state) {
  (void)state;
  lua_State *co = take();
  assert_start(co,
               "xpcall(function() local b <close> = setmetatable({}, {__close "
               "= function() "
               "error('in close', 0) end}) wait() end, function(e) HANDLED = "
               "true return e end)",
               "waits");
  assert_string_equal(close_task(co), "failed: in close");
  assert_eval("return HANDLED", "nil (error without a value)");
  assert_start(co, "error('plain', 0)", "failed: plain");
  give(co);
}

static void a_failed_task_has_closed_its_variables(void **state) {
  (void)state;
  lua_State *co = take();
  assert_start(co, CLOSER "local a <close> = closer 'a' wait() error('E', 0)",
               "waits");
  assert_go_on(co, "", "failed: E");
  assert_eval("return LOG", "aE ");
  assert_start(co,
               "local b <close> = setmetatable({}, {__close = function() "
               "error('F', 0) end}) "
               "error('E', 0)",
               "failed: F");
  give(co);
}

static void closing_what_never_ran_or_has_ended_is_nothing(void **state) {
  (void)state;
  lua_State *co = take();
  assert_string_equal(close_task(co), "done");
  compile(co, "RAN = true");
  assert_string_equal(close_task(co), "done");
  assert_eval("return RAN", "nil (error without a value)");
  assert_int_equal(lua_gettop(co), 0);
  give(co);
}

/* --- threads that are used again --- */

static void an_ended_thread_is_used_again(void **state) {
  (void)state;
  lua_State *a = take();
  assert_start(a, "return 1", "done: 1");
  give(a);
  lua_State *b = take();
  assert_ptr_equal(a, b);
  assert_start(b, "return select('#', ...)", "done: 0");
  give(b);
}

static void a_failed_thread_used_again_is_clean(void **state) {
  (void)state;
  lua_State *co = take();
  const char *failures[] = {
    "error('x', 0)",
    "xpcall(function() wait() end, print) error('x', 0)",
    "local function f() return f() + 1 end f()",
    "local function f() return pcall(f) end f() error('x', 0)",
    "coroutine.wrap(function() error('x', 0) end)()",
    "string.rep('x', -1)() ",
    "for _ in pairs(nil) do end",
    "local t <close> = setmetatable({}, {__close = error}) error('x', 0)",
    "xpcall(error, function() error('again') end) error('x', 0)",
  };
  for (size_t i = 0; i < countof(failures); i++) {
    const char *text = start(co, failures[i]);
    while (strcmp(text, "waits") == 0) text = go_on(co, "");
    assert_contains(text, "failed: ");
    give(co);
    lua_State *again = take();
    assert_ptr_equal(co, again);
    assert_start(
        co,
        "local ok, e = xpcall(error, function(m) return 'h' .. m end, 'm') "
        "return e, wait(), coroutine.isyieldable()",
        "waits");
    assert_go_on(co, "2", "done: hm 2 false");
    assert_start(co, "error('plain', 0)", "failed: plain");
  }
  give(co);
}

static void a_thread_the_app_knows_is_not_used_again(void **state) {
  (void)state;
  lua_State *a = take();
  assert_start(a, "SELF = coroutine.running()", "done");
  give(a);
  lua_State *b = take();
  assert_ptr_not_equal(a, b);
  assert_start(b, "return coroutine.status(SELF)", "done: dead");
  give(b);
}

static void a_waiting_thread_is_never_pooled(void **state) {
  (void)state;
  lua_State *a = take();
  assert_start(a, "wait()", "waits");
  coro_give(vm, a);
  lua_State *b = take();
  assert_ptr_not_equal(a, b);
  give(b);
  assert_go_on(a, "", "done");
  give(a);
}

static void no_more_threads_are_kept_than_the_maximum(void **state) {
  (void)state;
  enum { N = CORO_POOL_MAX + 1 };
  lua_State *first[N];
  for (int i = 0; i < N; i++) first[i] = take();
  for (int i = 0; i < N; i++)
    coro_give(vm, first[i]); /* still anchored by us */
  int again = 0;
  for (int i = 0; i < N; i++) {
    lua_State *co = take();
    for (int j = 0; j < N; j++) again += co == first[j];
  }
  assert_int_equal(again, CORO_POOL_MAX);
}

/* --- limits --- */

static void a_stack_ends_at_its_maximum(void **state) {
  (void)state;
  char code[100], count[20];
  snprintf(code, sizeof code, "return select('#', table.unpack({}, 1, %d))",
           LUA_STACK_MAX - 100);
  snprintf(count, sizeof count, "%d", LUA_STACK_MAX - 100);
  assert_eval(code, count);
  snprintf(code, sizeof code, "return select('#', table.unpack({}, 1, %d))",
           LUA_STACK_MAX);
  assert_eval(code, "raised: spec:1: too many results to unpack");
}

static void coroutines_nested_too_deep_are_a_plain_error(void **state) {
  (void)state;
  assert_contains(
      through("local function f(n) return coroutine.wrap(f)(n + 1) end f(1)"),
      "C stack overflow");
  assert_contains(
      through("local function f() return select(2, "
              "coroutine.resume(coroutine.create(f))) end return f()"),
      "C stack overflow");
  assert_string_equal(through("return 'alive'"), "done: alive");
}

static void a_long_run_of_waits_needs_no_more_stack(void **state) {
  (void)state;
  assert_string_equal(
      through("local n = 0 while n < 5000 do wait() n = n + 1 end return n"),
      "done: 5000");
  assert_string_equal(
      through(
          "local n = 0 for _ in coroutine.wrap(function() while true do wait() "
          "coroutine.yield(1) end end) do n = n + 1 if n == 3000 then return n "
          "end end"),
      "done: 3000");
}

/* --- tracebacks --- */

static void a_failed_task_has_the_traceback_of_where_it_failed(void **state) {
  (void)state;
  lua_State *co = take();
  assert_start(co,
               "local function deep() wait()\n error('E') end\n"
               "local function shallow() deep()\n return 1 end\n"
               "shallow()",
               "waits");
  assert_go_on(co, "", "failed: spec:2: E");
  assert_contains(traceback(), "stack traceback:");
  assert_contains(traceback(), "spec:2: in upvalue 'deep'");
  assert_contains(traceback(), "spec:3: in local 'shallow'");
  give(co);
}

static void tracebacks_are_joined_at_a_wrap(void **state) {
  (void)state;
  through("local function inner() error('E') end\n"
          "local f = coroutine.wrap(function() inner()\n end)\n"
          "f()\n");
  assert_contains(traceback(), "spec:1: in upvalue 'inner'");
  assert_contains(traceback(), "from the coroutine:");
  assert_contains(traceback(), "spec:4: in main chunk");
}

static void tracebacks_are_joined_at_each_wait_they_cross(void **state) {
  (void)state;
  lua_State *caller = take(), *callee = take();
  assert_start(caller, "local function ask()\n wait()\n end\n ask()\n",
               "waits");
  compile(callee, "\n\n\nerror('E')");
  int n;
  assert_int_equal(coro_run(vm, callee, 0, &n), CORO_FAILED);
  assert_int_equal(n, 1);
  lua_pushboolean(caller, 0);
  lua_xmove(callee, caller, 1); /* the very value */
  CoroStatus status = coro_run(vm, caller, 2, &n);
  assert_string_equal(outcome(caller, status, n), "failed: spec:4: E");
  const char *first = strstr(traceback(), "spec:4: in main chunk");
  assert_non_null(first);
  assert_non_null(strstr(first, "spec:2: in local 'ask'"));
  /* Another failure is not joined to it. */
  assert_start(callee, "error('F')", "failed: spec:1: F");
  assert_null(strstr(traceback(), "'ask'"));
  /* Nor is anything from a former turn. */
  const BudgetLimits limits = { 1000, MIB(8) };
  budget_start(vm, &limits);
  assert_string_equal(traceback(), "");
  budget_stop(vm, NULL);
  give(caller);
  give(callee);
}

static void a_traceback_from_elsewhere_comes_before_that_of_the_wait(
    void **state) {
  (void)state;
  lua_State *co = take();
  int n;
  assert_start(co, "local function ask()\n wait()\n end\n ask()\n", "waits");
  lua_pushliteral(L, "E");
  vm_bring_traceback(L, -1, SLICE("far away"));
  lua_pushboolean(co, 0);
  lua_xmove(L, co, 1);
  CoroStatus status = coro_run(vm, co, 2, &n);
  assert_string_equal(outcome(co, status, n), "failed: E");
  assert_contains(traceback(), "far away\nfrom the coroutine:\n");
  assert_contains(traceback(), "spec:2: in local 'ask'");
  /* The same text, raised by itself in another turn, has its own alone. */
  const BudgetLimits limits = { 1000, MIB(8) };
  budget_start(vm, &limits);
  assert_start(co, "wait()", "waits");
  assert_go_wrong(co, "'E'", "failed: E");
  budget_stop(vm, NULL);
  assert_int_equal(strncmp(traceback(), "stack traceback:", 16), 0);
  give(co);
}

static void a_traceback_is_bounded(void **state) {
  (void)state;
  lua_State *co = take();
  assert_start(co, "E = {} pcall(error, E) wait()", "waits");
  for (int i = 0; i < 100; i++) {
    assert_go_wrong(co, "E", "failed: (error object is a table)");
    assert_start(co,
                 "local function a() wait() return 1 end local function b() "
                 "a() return 1 end "
                 "b()",
                 "waits");
  }
  assert_true(vm_traceback(vm).len <= TRACEBACK_MAX);
  assert_go_on(co, "", "done");
  give(co);
}

/* --- what is saved --- */

static void every_continuation_has_its_own_name(void **state) {
  (void)state;
  for (const CoroContinuation *a = coro_continuations; a->name; a++)
    for (const CoroContinuation *b = coro_continuations; b != a; b++) {
      assert_string_not_equal(a->name, b->name);
      assert_true(a->k != b->k);
    }
}

static void a_suspended_coroutine_is_not_parked(void **state) {
  (void)state;
  lua_State *co = take();
  assert_start(co,
               "C = coroutine.create(function() coroutine.yield() end) "
               "coroutine.resume(C) "
               "wait()",
               "waits");
  assert_true(coro_is_parked(co));
  lua_getglobal(L, "C");
  assert_false(coro_is_parked(lua_tothread(L, -1)));
  lua_pop(L, 1);
  assert_go_on(co, "", "done");
  assert_false(coro_is_parked(co));
  give(co);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    spec(a_task_gets_what_it_is_resumed_with),
    spec(a_task_can_wait_with_values_of_a_call_around_it),
    spec(a_wait_raises_the_very_value_it_is_given),
    spec(pcall_works_across_waits),
    spec(xpcall_runs_its_handler_after_a_wait),
    spec(a_handler_cannot_wait),
    spec(waits_inside_metamethods_called_by_lua_code_work),
    spec(an_app_coroutine_can_wait),
    spec(waits_work_through_nested_coroutines_of_both_kinds),
    spec(a_generic_for_can_wait_in_its_iterator),
    spec(a_wait_with_pcall_in_every_thread_of_the_chain_works),
    spec(an_error_after_a_wait_reaches_the_resumer),
    spec(a_parked_coroutine_is_normal_and_cannot_be_touched),
    spec(a_task_that_waits_looks_parked_to_others),
    spec(a_plain_yield_in_a_task_is_an_error),
    spec(a_task_says_of_itself_what_the_main_thread_does),
    spec(a_yield_by_a_c_function_fails_the_task),
    spec(coroutines_work_as_ever_outside_of_tasks),
    spec(waiting_where_lua_cannot_yield_says_where),
    spec(the_whole_chain_must_be_able_to_yield),
    spec(yielding_where_lua_cannot_says_where),
    spec(a_ban_names_its_place),
    spec(a_task_is_known_only_while_it_runs),
    spec(closing_a_waiting_task_runs_its_close_functions),
    spec(closing_goes_through_the_coroutines_that_wait_below),
    spec(a_close_function_cannot_wait_while_its_task_is_closed),
    spec(an_error_while_closing_is_reported),
    spec(closing_a_task_that_waits_under_xpcall_runs_no_handler),
    spec(a_failed_task_has_closed_its_variables),
    spec(closing_what_never_ran_or_has_ended_is_nothing),
    spec(an_ended_thread_is_used_again),
    spec(a_failed_thread_used_again_is_clean),
    spec(a_thread_the_app_knows_is_not_used_again),
    spec(a_waiting_thread_is_never_pooled),
    spec(no_more_threads_are_kept_than_the_maximum),
    spec(a_stack_ends_at_its_maximum),
    spec(coroutines_nested_too_deep_are_a_plain_error),
    spec(a_long_run_of_waits_needs_no_more_stack),
    spec(a_failed_task_has_the_traceback_of_where_it_failed),
    spec(tracebacks_are_joined_at_a_wrap),
    spec(tracebacks_are_joined_at_each_wait_they_cross),
    spec(a_traceback_from_elsewhere_comes_before_that_of_the_wait),
    spec(a_traceback_is_bounded),
    spec(every_continuation_has_its_own_name),
    spec(a_suspended_coroutine_is_not_parked),
  };
  return cmocka_run_group_tests_name("lua/coro", tests, NULL, NULL);
}
