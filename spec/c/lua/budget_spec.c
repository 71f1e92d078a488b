/* What ends, and how soon (S17 to S19). Each case would run forever. */
#include "lua/harness.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"

static const BudgetLimits tight = { .cpu_ms = 20, .memory = MIB(8) };
static const BudgetLimits patient = { .cpu_ms = 10000, .memory = MIB(8) };

/* Runs the code as a task of one turn; what ended it. The turn takes far less
 * than the seconds allowed here, but the machine may be busy. */
static Doom turn(const char *code, const BudgetLimits *limits) {
  uint64_t before = clock_cpu_ns();
  lua_State *co = take();
  budget_start(vm, limits);
  start(co, code);
  Doom doom = budget_stop(vm, NULL);
  assert_int_equal(doom, budget_doom(vm));
  give(co);
  assert_true(clock_cpu_ns() - before < 2000000000u);
  return doom;
}

#define assert_cpu(code) assert_int_equal(turn(code, &tight), DOOM_CPU)
#define assert_memory(code) assert_int_equal(turn(code, &patient), DOOM_MEMORY)
#define assert_fine(code) assert_int_equal(turn(code, &patient), DOOM_NONE)

#define LOOP "local function loop() while true do end end "

/* --- CPU --- */

static void a_loop_ends(void **state) {
  (void)state;
  assert_cpu("while true do end");
  assert_cpu("for i = 1, math.huge do end");
  assert_cpu("repeat local x = 1 + 1 until false");
  assert_cpu("::a:: goto a");
}

static void swallowing_the_error_ends_too(void **state) {
  (void)state;
  assert_cpu(LOOP "while true do pcall(loop) end");
  assert_cpu(LOOP "while true do pcall(pcall, loop) end");
  assert_cpu(LOOP "xpcall(loop, loop)");
  assert_cpu(LOOP "while true do xpcall(loop, loop) end");
  assert_cpu(LOOP "xpcall(loop, function() pcall(loop) return 1 end) loop()");
  assert_cpu("local function f() while true do pcall(f) end end f()");
}

static void looping_in_close_ends(void **state) {
  (void)state;
  assert_cpu(LOOP "local x <close> = setmetatable({}, {__close = loop})");
  assert_cpu(LOOP
             "local x <close> = setmetatable({}, {__close = loop}) loop()");
  assert_cpu(LOOP
             "local x <close> = setmetatable({}, {__close = loop}) error('E')");
  assert_cpu(
      LOOP "while true do pcall(function() local x <close> = setmetatable({}, "
           "{__close = loop}) loop() end) end");
}

static void loops_inside_coroutines_end(void **state) {
  (void)state;
  assert_cpu(LOOP "coroutine.wrap(loop)()");
  assert_cpu(LOOP "while true do coroutine.resume(coroutine.create(loop)) end");
  assert_cpu(LOOP "while true do pcall(coroutine.wrap(loop)) end");
  assert_cpu(
      LOOP
      "while true do local c = coroutine.create(function() local x <close> = "
      "setmetatable({}, {__close = loop}) coroutine.yield() end) "
      "coroutine.resume(c) coroutine.close(c) end");
  assert_cpu("for _ in coroutine.wrap(function() while true do "
             "coroutine.yield(1) end end) "
             "do end");
  assert_cpu(
      "local function f() pcall(coroutine.wrap(f)) while true do end end f()");
}

static void many_short_coroutines_end(void **state) {
  (void)state;
  assert_cpu("while true do coroutine.wrap(function() end)() end");
  assert_cpu("while true do pcall(coroutine.wrap(function() for i = 1, 900 do "
             "end end)) end");
  assert_cpu("while true do coroutine.resume(coroutine.create(error)) end");
  assert_cpu("while true do coroutine.close(coroutine.create(error)) end");
}

/* A loop of short coroutines may not use much more than one that has none. */
static void short_coroutines_do_not_stretch_the_limit(void **state) {
  (void)state;
  BudgetUse plain, short_ones;
  lua_State *co = take();
  budget_start(vm, &tight);
  start(co, "while true do end");
  budget_stop(vm, &plain);
  budget_start(vm, &tight);
  start(co, "while true do coroutine.wrap(function() for i = 1, 90 do end "
            "end)() end");
  budget_stop(vm, &short_ones);
  give(co);
  assert_true(plain.cpu_ns >= tight.cpu_ms * 1000000);
  assert_true(short_ones.cpu_ns < 20 * plain.cpu_ns);
}

static void slow_c_calls_end(void **state) {
  (void)state;
  assert_cpu("local t = {} for i = 1, 20000 do t[i] = i end "
             "while true do table.concat(t, ' ') end");
  assert_cpu("local s = ('x'):rep(1e6) while true do s:gsub('x', 'y') end");
  assert_cpu("local s = ('x'):rep(1e6) while true do local a = s .. 'y' end");
  assert_cpu(
      "local s = ('x'):rep(5e6) while true do pcall(string.rep, s, 2) end");
}

static void looping_metamethods_and_callbacks_end(void **state) {
  (void)state;
  assert_cpu(LOOP "local t = setmetatable({}, {__index = loop}) return t.x");
  assert_cpu(LOOP "return tostring(setmetatable({}, {__tostring = loop}))");
  assert_cpu(LOOP "table.sort({1, 2, 3}, loop)");
  assert_cpu(LOOP "('abc'):gsub('.', loop)");
  assert_cpu(LOOP "for _ in loop do end");
  assert_cpu(LOOP "for _ in pairs(setmetatable({}, {__pairs = loop})) do end");
  assert_cpu(LOOP "load(loop)");
  assert_cpu(LOOP "while true do pcall(string.gsub, 'abc', '.', loop) end");
}

static void a_doomed_turn_cannot_wait(void **state) {
  (void)state;
  lua_State *co = take();
  budget_start(vm, &tight);
  assert_contains(start(co, LOOP "pcall(loop) wait()"),
                  "failed: spec:1: this turn took more");
  assert_contains(start(co, LOOP "pcall(pcall, loop) return pcall(wait)"),
                  "failed: ");
  assert_int_equal(budget_stop(vm, NULL), DOOM_CPU);
  give(co);
}

static void code_goes_on_unharmed_in_the_next_turn(void **state) {
  (void)state;
  lua_State *waiting = take(), *co = take();
  budget_start(vm, &tight);
  assert_string_equal(
      start(waiting,
            "N = 0 while wait() do for i = 1, 3000 do N = N + 1 end end "
            "return N"),
      "waits");
  start(co, "while true do end");
  assert_int_equal(budget_stop(vm, NULL), DOOM_CPU);
  for (int i = 0; i < 3; i++) {
    budget_start(vm, &tight);
    assert_string_equal(go_on(waiting, "true"), "waits");
    assert_int_equal(budget_stop(vm, NULL), DOOM_NONE);
  }
  assert_string_equal(go_on(waiting, ""),
                      "done: 9000"); /* outside of any turn */
  give(co);
  give(waiting);
}

/* What makes a thread from saved bytes: it has no hook. */
static void a_thread_without_a_hook_is_counted_when_resumed(void **state) {
  (void)state;
  lua_State *co = take();
  assert_start(co, "wait() local function f() wait() end f() while true do end",
               "waits");
  lua_sethook(co, NULL, 0, 0);
  budget_start(vm, &tight);
  assert_string_equal(go_on(co, ""), "waits");
  assert_int_equal(budget_stop(vm, NULL), DOOM_NONE);
  lua_sethook(co, NULL, 0, 0);
  budget_start(vm, &tight);
  assert_contains(go_on(co, ""),
                  "failed: spec:1: this turn took more than 20 ms of CPU time");
  assert_int_equal(budget_stop(vm, NULL), DOOM_CPU);
  give(co);
}

static void calls_on_the_main_thread_are_counted_within_a_turn(void **state) {
  (void)state;
  budget_start(vm, &tight);
  assert_contains(eval("while true do end"),
                  "raised: spec:1: this turn took more than 20 ms");
  assert_contains(traceback(), "spec:1: in main chunk");
  assert_contains(eval("return 1"), "raised: "); /* it is still doomed */
  assert_int_equal(budget_stop(vm, NULL), DOOM_CPU);
  assert_eval("return 1", "1");
}

static void the_traceback_is_of_where_the_time_went(void **state) {
  (void)state;
  assert_cpu("local function busy() while true do end end\n"
             "local function outer() busy()\n end\n"
             "pcall(outer)\n"
             "local x = 1\n");
  assert_contains(traceback(), "in upvalue 'busy'");
  assert_contains(traceback(), "in main chunk");
  assert_cpu("local function busy() while true do end end\n"
             "coroutine.wrap(busy)()");
  assert_contains(traceback(), "in function <spec:1>");
}

static void a_sum_of_small_turns_is_not_one_big_one(void **state) {
  (void)state;
  for (int i = 0; i < 10; i++) assert_fine("for i = 1, 50000 do end");
}

/* inside(code) -> what doomed it, in a budget of its own */
static int f_inside(lua_State *co) {
  const char *code = luaL_checkstring(co, 1);
  lua_State *main = vm_lua(vm);
  budget_start(vm, &tight);
  compile(main, code);
  vm_call(main, 0, 0);
  lua_settop(main, 0);
  lua_pushinteger(co, budget_stop(vm, NULL));
  return 1;
}

static void a_budget_within_another_has_its_own_end(void **state) {
  (void)state;
  lua_register(L, "inside", f_inside);
  assert_fine("assert(inside 'while true do end' == 1)\n"
              "assert(inside 'local x = 1' == 0)");
  assert_fine("for _ = 1, 5 do inside 'while true do end' end");
  assert_cpu("inside 'while true do end' while true do end");
  assert_cpu("inside 'while true do end' " LOOP
             "while true do pcall(loop) end");
  assert_int_equal(turn("inside \"kept = ('x'):rep(9000000)\"", &patient),
                   DOOM_NONE);
  assert_memory("inside \"kept = ('x'):rep(7000000)\"\n"
                "local t = {} for i = 1, 1e6 do t[i] = {} end");
  lua_pushnil(L);
  lua_setglobal(L, "inside");
}

static void use_is_reported(void **state) {
  (void)state;
  BudgetUse use;
  const BudgetLimits wide = { .cpu_ms = 10000, .memory = MIB(64) };
  lua_State *co = take();
  budget_start(vm, &wide);
  start(co, "KEPT = ('x'):rep(1e6) for i = 1, 1e5 do end");
  assert_int_equal(budget_stop(vm, &use), DOOM_NONE);
  assert_in_range(use.bytes, 1000000, 1100000);
  assert_in_range(use.cpu_ns, 50000, 10000000000u);
  give(co);
}

static void a_limit_has_words(void **state) {
  (void)state;
  char words[80];
  budget_start(vm, &tight);
  budget_words(vm, DOOM_CPU, words, sizeof words);
  assert_string_equal(words, "took more than 20 ms of CPU time");
  budget_words(vm, DOOM_MEMORY, words, sizeof words);
  assert_string_equal(words, "used more than 8 MiB of memory");
  budget_stop(vm, NULL);
}

/* --- memory --- */

static void growing_without_end_ends(void **state) {
  (void)state;
  const char *cases[] = {
    "local t = {} while true do t[#t + 1] = {} end",
    "local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end",
    "local t = {} while true do pcall(function() while true do t[#t + 1] = {} "
    "end end) end",
    "local t = {} while true do t[#t + 1] = coroutine.create(print) end",
    "local t = {} local function f(...) t[#t + 1] = {...} return f(1, ...) end "
    "f()",
  };
  for (size_t i = 0; i < countof(cases); i++) {
    assert_memory(cases[i]);
    lua_gc(L, LUA_GCCOLLECT);
  }
}

static void one_request_past_the_cap_is_refused_and_can_be_caught(
    void **state) {
  (void)state;
  lua_State *co = take();
  budget_start(vm, &patient);
  assert_string_equal(
      start(co, "return pcall(string.rep, 'x', 9 * 1024 * 1024)"),
      "done: false not enough memory");
  assert_contains(start(co, "local s = 'x' while true do s = s .. s end"),
                  "failed: not enough memory");
  assert_int_equal(budget_stop(vm, NULL), DOOM_NONE);
  give(co);
}

static void a_request_of_the_whole_cap_is_granted(void **state) {
  (void)state;
  void *ud;
  lua_Alloc allocate = lua_getallocf(L, &ud);
  budget_start(vm, &patient);
  void *block = allocate(ud, NULL, 0, patient.memory);
  assert_non_null(block);
  assert_null(allocate(ud, NULL, 0, patient.memory + 1));
  assert_null(allocate(ud, block, patient.memory, 0));
  assert_int_equal(budget_stop(vm, NULL), DOOM_NONE);
}

static void catching_refusals_in_a_loop_ends(void **state) {
  (void)state;
  assert_cpu("while true do pcall(string.rep, 'x', 9 * 1024 * 1024) end");
  assert_cpu("local s = ('x'):rep(5e6) while true do pcall(function() return s "
             ".. s end) end");
}

static void garbage_does_not_count(void **state) {
  (void)state;
  lua_gc(L, LUA_GCSETPAUSE,
         1000); /* as with a big heap: the collector comes late */
  assert_int_equal(
      turn("for i = 1, 200 do local s = ('x'):rep(1000):rep(300) .. i end",
           &patient),
      DOOM_NONE);
  lua_gc(L, LUA_GCSETPAUSE, 200);
}

static void what_was_there_before_the_turn_does_not_count(void **state) {
  (void)state;
  assert_eval(
      "BIG = {} for i = 1, 300 do BIG[i] = ('x'):rep(1e5) .. i end return #BIG",
      "300");
  assert_fine("local t = {} for i = 1, 1000 do t[i] = {} end");
}

static void memory_is_counted_inside_coroutines_too(void **state) {
  (void)state;
  assert_memory(
      "local t = {} coroutine.wrap(function() while true do t[#t + 1] = "
      "('x'):rep(100) .. #t end end)()");
  lua_gc(L, LUA_GCCOLLECT);
  assert_memory("local t = {} while true do pcall(coroutine.wrap(function() "
                "for i = 1, 10 do "
                "t[#t + 1] = ('x'):rep(1000) .. #t end end)) end");
}

static void what_is_exempt_is_neither_counted_nor_refused(void **state) {
  (void)state;
  budget_start(vm, &patient);
  budget_exempt_begin(vm);
  budget_exempt_begin(vm);
  assert_eval("KEPT = ('x'):rep(20 * 1024 * 1024) return #KEPT", "20971520");
  budget_exempt_end(vm);
  budget_exempt_end(vm);
  assert_eval("return #(('x'):rep(1e6))", "1000000");
  BudgetUse use;
  assert_int_equal(budget_stop(vm, &use), DOOM_NONE);
  assert_true(use.bytes < MIB(2));
}

static void endless_recursion_is_a_plain_stack_overflow(void **state) {
  (void)state;
  const BudgetLimits wide = { .cpu_ms = 10000, .memory = MIB(64) };
  lua_State *co = take();
  budget_start(vm, &wide);
  assert_contains(start(co, "local function f() return 1 + f() end f()"),
                  "stack overflow");
  assert_contains(start(co, "local function f() f() end return pcall(f)"),
                  "done: false spec:1: stack overflow");
  assert_contains(
      start(co, "local t = setmetatable({}, {}) getmetatable(t).__index = "
                "function(t, k) return t[k .. 'x'] end return t.x"),
      "stack overflow");
  assert_contains(start(co, "return ('x'):rep(3):gsub('.', function(c) return "
                            "(function() return 1 end)() end)"),
                  "done: 111 3");
  assert_int_equal(budget_stop(vm, NULL), DOOM_NONE);
  give(co);
  assert_cpu("local function f() pcall(f) end while true do f() end");
}

/* --- closing --- */

static void closing_outside_of_a_turn_has_a_budget_of_its_own(void **state) {
  (void)state;
  lua_State *co = take();
  assert_start(
      co,
      LOOP
      "local a <close> = setmetatable({}, {__close = function() A = 1 end}) "
      "local x <close> = setmetatable({}, {__close = loop}) wait()",
      "waits");
  CoroStatus status = coro_close(vm, co);
  assert_contains(outcome(co, status, 1),
                  "failed: spec:1: this turn took more than");
  give(co);
  assert_eval("for i = 1, 1e6 do end return 'free'", "free");
}

static void what_a_doomed_turn_leaves_open_is_closed(void **state) {
  (void)state;
  assert_cpu("local x <close> = setmetatable({}, {__close = function() CLOSED "
             "= true end}) "
             "while true do end");
  assert_eval("return CLOSED", "true");
}

static void an_error_text_that_loops_ends(void **state) {
  (void)state;
  compile(L, LOOP "return setmetatable({}, {__tostring = loop})");
  lua_call(L, 0, 1);
  vm_push_error_text(L, -1);
  assert_string_equal(lua_tostring(L, -1),
                      "(error object is a table whose __tostring failed)");
  lua_pop(L, 2);
}

static void an_error_text_is_had_even_in_a_doomed_turn(void **state) {
  (void)state;
  budget_start(vm, &tight);
  assert_contains(eval("while true do end"), "raised");
  lua_newtable(L);
  luaL_setmetatable(L, "none");
  compile(L, "return setmetatable({}, {__tostring = function() local s = '' "
             "for i = 1, 100 do "
             "s = s .. 'x' end return #s .. ' x' end})");
  budget_exempt_begin(vm);
  lua_call(L, 0, 1);
  budget_exempt_end(vm);
  vm_push_error_text(L, -1);
  assert_string_equal(lua_tostring(L, -1), "100 x");
  lua_pop(L, 3);
  assert_int_equal(budget_stop(vm, NULL), DOOM_CPU);
}

/* --- patterns (S18) --- */

static void a_pattern_that_backtracks_without_end_is_an_error(void **state) {
  (void)state;
  const char *hard = "raised: pattern too complex";
  const char *cases[] = {
    "return ('a'):rep(26):find(('a?'):rep(26) .. ('a'):rep(26) .. 'b')",
    "return ('a'):rep(30):match(('a*'):rep(30) .. 'b')",
    "return ('a'):rep(30):gsub(('a-'):rep(30) .. 'b', '')",
    "return ('a'):rep(30):gmatch(('a*'):rep(30) .. 'b')()",
    "return ('a'):rep(1e5):find('.-.-b')",
    "return ('('):rep(1e5):find('%b()')",
    "return ('a'):rep(1e5):find('a*b')",
  };
  for (size_t i = 0; i < countof(cases); i++) {
    const char *text = eval(cases[i]);
    assert_contains(text, "raised: ");
    assert_contains(text, hard + 8);
  }
}

/* 'a*b' over n times 'a' takes (n + 1) * (n + 2) steps. */
static void the_steps_of_a_pattern_end_at_their_maximum(void **state) {
  (void)state;
  size_t n = 1;
  while ((n + 2) * (n + 3) <= PATTERN_STEPS_MAX + 8 * (n + 1)) n++;
  char code[80];
  snprintf(code, sizeof code, "return ('a'):rep(%zu):find('a*b')", n);
  assert_eval(code, "nil (error without a value)");
  snprintf(code, sizeof code, "return ('a'):rep(%zu):find('a*b')", n + 1);
  assert_eval(code, "raised: spec:1: pattern too complex");
}

static void a_pattern_may_take_time_in_step_with_its_subject(void **state) {
  (void)state;
  assert_eval("local s = ('ab '):rep(2e6) local r, n = s:gsub('%a+', 'x') "
              "return #r .. ' ' .. n",
              "4000000 2000000");
  assert_eval("local n = 0 for w in (('word '):rep(1e6)):gmatch('%a+') do n = "
              "n + 1 end return n",
              "1000000");
  assert_eval("return (('x'):rep(6e6) .. 'y'):find('y')", "6000001");
  assert_eval("return #(('x'):rep(6e6)):match('.*')", "6000000");
}

/* --- chains of __call: Lua looks for a function in C --- */

static void a_call_that_leads_to_itself_is_an_error(void **state) {
  (void)state;
  static const char *const ways[] = {
    "t()",
    "return t()",
    "for _ in t do end",
    "pcall(t)",
    "local x <close> = setmetatable({}, { __close = t })",
    "return #setmetatable({}, { __len = t })",
  };
  const char *loop = "spec:1: '__call' chain too long; possibly a loop";
  char code[300];
  for (size_t i = 0; i < countof(ways); i++) {
    snprintf(code, sizeof code,
             "local mt = {} local t = setmetatable({}, mt) mt.__call = t "
             "local function f() %s end return select(2, pcall(f))",
             ways[i]);
    if (strcmp(ways[i], "pcall(t)") == 0)
      snprintf(code, sizeof code,
               "local mt = {} local t = setmetatable({}, mt) mt.__call = t "
               "return 'spec:1: ' .. select(2, pcall(t))");
    assert_eval(code, loop);
  }
}

static void a_chain_of_calls_ends_at_its_maximum(void **state) {
  (void)state;
  char code[300];
  for (int extra = 0; extra <= 1; extra++) {
    for (int tail = 0; tail <= 1; tail++) {
      snprintf(code, sizeof code,
               "local f = function(...) return select('#', ...) end for i = 1, "
               "%d do f = setmetatable({}, { __call = f }) end local function "
               "g() %s end return g()",
               CALL_CHAIN_MAX + extra,
               tail ? "return f()" : "local n = f() return n");
      assert_eval(code,
                  extra ? "raised: spec:1: '__call' chain too long; possibly a "
                          "loop"
                        : "100");
    }
  }
}

/* --- another thread --- */

static atomic_bool has_begun;

static int f_begun(lua_State *co) {
  (void)co;
  has_begun = true;
  return 0;
}

static void *interrupt(void *ud) {
  (void)ud;
  while (!has_begun) continue;
  budget_interrupt(vm, true);
  return NULL;
}

static void what_another_thread_interrupts_ends(void **state) {
  (void)state;
  const BudgetLimits endless = { .cpu_ms = 1000000, .memory = MIB(8) };
  pthread_t thread;
  lua_register(L, "begun", f_begun);
  assert_int_equal(pthread_create(&thread, NULL, interrupt, NULL), 0);
  assert_int_equal(turn(LOOP "begun() while true do pcall(loop) end", &endless),
                   DOOM_STOPPED);
  assert_int_equal(pthread_join(thread, NULL), 0);
  /* Until it is taken back. */
  assert_int_equal(turn("while true do end", &endless), DOOM_STOPPED);
  budget_interrupt(vm, false);
  assert_fine("for i = 1, 100000 do local x = i end");
}

int main(void) {
  const struct CMUnitTest tests[] = {
    spec(a_call_that_leads_to_itself_is_an_error),
    spec(a_chain_of_calls_ends_at_its_maximum),
    spec(a_loop_ends),
    spec(swallowing_the_error_ends_too),
    spec(looping_in_close_ends),
    spec(loops_inside_coroutines_end),
    spec(many_short_coroutines_end),
    spec(short_coroutines_do_not_stretch_the_limit),
    spec(slow_c_calls_end),
    spec(looping_metamethods_and_callbacks_end),
    spec(a_doomed_turn_cannot_wait),
    spec(code_goes_on_unharmed_in_the_next_turn),
    spec(a_thread_without_a_hook_is_counted_when_resumed),
    spec(calls_on_the_main_thread_are_counted_within_a_turn),
    spec(the_traceback_is_of_where_the_time_went),
    spec(a_sum_of_small_turns_is_not_one_big_one),
    spec(a_budget_within_another_has_its_own_end),
    spec(use_is_reported),
    spec(a_limit_has_words),
    spec(growing_without_end_ends),
    spec(one_request_past_the_cap_is_refused_and_can_be_caught),
    spec(a_request_of_the_whole_cap_is_granted),
    spec(catching_refusals_in_a_loop_ends),
    spec(garbage_does_not_count),
    spec(what_was_there_before_the_turn_does_not_count),
    spec(memory_is_counted_inside_coroutines_too),
    spec(what_is_exempt_is_neither_counted_nor_refused),
    spec(endless_recursion_is_a_plain_stack_overflow),
    spec(closing_outside_of_a_turn_has_a_budget_of_its_own),
    spec(what_a_doomed_turn_leaves_open_is_closed),
    spec(an_error_text_that_loops_ends),
    spec(an_error_text_is_had_even_in_a_doomed_turn),
    spec(a_pattern_that_backtracks_without_end_is_an_error),
    spec(the_steps_of_a_pattern_end_at_their_maximum),
    spec(a_pattern_may_take_time_in_step_with_its_subject),
    spec(what_another_thread_interrupts_ends),
  };
  return cmocka_run_group_tests_name("lua/budget", tests, NULL, NULL);
}
