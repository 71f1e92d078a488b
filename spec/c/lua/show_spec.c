#include "lua/harness.h"

#include "lua/show.h"

/* The one value that `code` returns, shown. */
static const char *shown_with(const Show *s, const char *code) {
  static char text[8192];
  Buf out = { 0 };
  compile(L, code);
  lua_call(L, 0, 1);
  show_value(s, L, -1, &out);
  lua_pop(L, 1);
  snprintf(text, sizeof text, "%.*s", (int)out.len, out.ptr);
  buf_free(&out);
  return text;
}

static const char *shown(const char *code) {
  Show s;
  show_init(&s);
  return shown_with(&s, code);
}

#define assert_shown(code, text) \
  assert_string_equal(shown("return " code), text)

static void test_values_read_like_lua(void **state) {
  (void)state;
  assert_shown("nil", "nil");
  assert_shown("false", "false");
  assert_shown("-7", "-7");
  assert_shown("2.5", "2.5");
  assert_shown("2.0", "2.0");
  assert_shown("'a \"b\" \\\\ \\n \\0 \\xff \u00e9'",
               "\"a \\\"b\\\" \\\\ \\n \\x00 \\xff \u00e9\"");
  assert_shown("'\\u{9b}31m \\27[1m'", "\"\\u{9b}31m \\x1b[1m\"");
  assert_shown("{}", "{}");
  assert_shown("{ 1, 'two', { 3 } }", "{ 1, \"two\", { 3 } }");
  assert_shown("{ b = 1, a = 2, ['not a word'] = 3, ['end'] = 4, [10] = 5, "
               "[2.5] = 6, [true] = 7 }",
               "{ [2.5] = 6, [10] = 5, a = 2, b = 1, [\"end\"] = 4, "
               "[\"not a word\"] = 3, [true] = 7 }");
  assert_shown("print", "a C function");
  assert_shown("function() end", "function (spec:1)");
  assert_shown("io.stdout", "a userdata");
  assert_shown("setmetatable({ n = 1 }, { __name = 'Account' })",
               "Account { n = 1 }");
}

static void test_no_metamethod_is_called(void **state) {
  (void)state;
  assert_string_equal(
      shown("local function no() error 'called' end "
            "return setmetatable({ 1, a = 2 }, { __index = no, __pairs = no, "
            "__len = no, __tostring = no, __name = no })"),
      "{ 1, a = 2 }");
}

static void test_all_is_bounded(void **state) {
  (void)state;
  Show s;
  show_init(&s);
  s.items = 3;
  assert_string_equal(shown_with(&s, "return { 1, 2, 3 }"), "{ 1, 2, 3 }");
  assert_string_equal(shown_with(&s, "return { 1, 2, 3, 4 }"),
                      "{ 1, 2, 3, ... }");
  assert_string_equal(shown_with(&s, "return { 1, 2, a = 3 }"),
                      "{ 1, 2, a = 3 }");
  assert_string_equal(shown_with(&s, "return { 1, 2, 3, a = 4 }"),
                      "{ 1, 2, 3, ... }");
  s.text = 4;
  assert_string_equal(shown_with(&s, "return 'abcd'"), "\"abcd\"");
  assert_string_equal(shown_with(&s, "return 'abcde'"),
                      "\"abcd...\" (5 bytes)");
  assert_string_equal(shown_with(&s, "return 'abc\\u{e9}'"),
                      "\"abc...\" (5 bytes)");
  s.depth = 2;
  assert_string_equal(shown_with(&s, "return { { {}, { 1 } } }"),
                      "{ { {}, {...} } }");
  s.value = 10;
  const char *text = shown_with(&s, "return { 11111, 22222, 33333 }");
  assert_true(strlen(text) <= 14);
  assert_contains(text, " ...");
}

static void test_a_table_in_itself_ends(void **state) {
  (void)state;
  assert_string_equal(
      shown("local t = { n = 1 } t.self = t t.twice = { t } return t"),
      "{ n = 1, self = { a table around this }, twice = { { a table around "
      "this } } }");
}

static void test_a_large_table_has_a_line_for_each_item(void **state) {
  (void)state;
  Show s;
  Buf out = { 0 };
  show_init(&s);
  compile(L, "local t = { 'one', note = ('x'):rep(50), list = { 1, 2, 3 }, "
             "['a b'] = true } return t, { n = 1 }");
  lua_call(L, 0, 2);
  show_lines(&s, L, -2, "| ", &out);
  show_lines(&s, L, -1, "| ", &out);
  buf_byte(&out, '\0');
  assert_string_equal(
      out.ptr,
      "{\n"
      "|   [1] = \"one\"\n"
      "|   [\"a b\"] = true\n"
      "|   list = { 1, 2, 3 }\n"
      "|   note = \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"\n"
      "| }\n"
      "{ n = 1 }\n");
  lua_pop(L, 2);
  compile(L,
          "local t = {} for i = 1, 30 do t[i] = 'number ' .. i end return t");
  lua_call(L, 0, 1);
  buf_clear(&out);
  show_lines(&s, L, -1, "", &out);
  buf_byte(&out, '\0');
  assert_contains(out.ptr, "  [20] = \"number 20\"\n  (10 more)\n}\n");
  lua_pop(L, 1);
  buf_free(&out);
}

static bool name_of(void *ud, lua_State *on, int idx, Buf *out) {
  if (lua_topointer(on, idx) != ud) return false;
  buf_lit(out, "the thing");
  return true;
}

static void test_what_the_host_knows_has_a_name(void **state) {
  (void)state;
  Show s;
  show_init(&s);
  lua_newtable(L);
  s.ud = (void *)(uintptr_t)lua_topointer(L, -1);
  s.name = name_of;
  lua_setglobal(L, "thing");
  assert_string_equal(shown_with(&s, "return { thing, {} }"),
                      "{ <the thing>, {} }");
}

static const char *stack_of(const char *code) {
  static char text[8192];
  Show s;
  Buf out = { 0 };
  show_init(&s);
  lua_State *co = take();
  assert_start(co, code, "waits");
  show_place(co, &out);
  buf_lit(&out, "\n");
  show_stack(&s, L, co, "| ", &out);
  snprintf(text, sizeof text, "%.*s", (int)out.len, out.ptr);
  buf_free(&out);
  coro_close(vm, co);
  return text;
}

static void test_a_waiting_coroutine_shows_its_calls(void **state) {
  (void)state;
  assert_string_equal(stack_of("local name = 'Ada'\n"
                               "local function ask(text, ...)\n"
                               "  for i = 1, 2 do\n"
                               "    local ok = pcall(wait)\n"
                               "  end\n"
                               "end\n"
                               "ask({ 'how?' }, 7, 'x')\n"
                               "return name"),
                      "spec:4\n"
                      "| in a C function\n"
                      "| in pcall\n"
                      "| spec:4 in local 'ask'\n"
                      "|   text = { \"how?\" }\n"
                      "|   i = 1\n"
                      "|   ... (1) = 7\n"
                      "|   ... (2) = \"x\"\n"
                      "| spec:7\n"
                      "|   name = \"Ada\"\n"
                      "|   ask = function (spec:2)\n");
}

static void test_coroutines_that_wait_inside_are_shown_too(void **state) {
  (void)state;
  const char *text = stack_of("local co = coroutine.create(function(a)\n"
                              "  local inner = coroutine.wrap(function()\n"
                              "    local deep = 3\n"
                              "    wait()\n"
                              "  end)\n"
                              "  inner()\n"
                              "end)\n"
                              "coroutine.resume(co, 1)");
  const char *deep = strstr(text, "|   deep = 3\n"),
             *middle = strstr(text, "|   a = 1\n"),
             *outer = strstr(text, "|   co = coroutine at spec:6\n");
  assert_non_null(deep);
  assert_non_null(middle);
  assert_non_null(outer);
  assert_true(deep < middle && middle < outer);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    spec(test_values_read_like_lua),
    spec(test_no_metamethod_is_called),
    spec(test_all_is_bounded),
    spec(test_a_table_in_itself_ends),
    spec(test_a_large_table_has_a_line_for_each_item),
    spec(test_what_the_host_knows_has_a_name),
    spec(test_a_waiting_coroutine_shows_its_calls),
    spec(test_coroutines_that_wait_inside_are_shown_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
