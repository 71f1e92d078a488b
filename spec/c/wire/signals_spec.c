/* JSON to Lua values and back. */
#include "wire/signals.h"
#include "base/limits.h"
#include "html/html.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <lauxlib.h>
#include <lualib.h>

static lua_State *L;

static int setup(void **s) {
  (void)s;
  L = luaL_newstate();
  luaL_openlibs(L);
  html_open(L);
  lua_getfield(L, -1, "list");
  lua_setglobal(L, "list");
  lua_settop(L, 0);
  signals_open(L);
  signals_push_null(L);
  lua_setglobal(L, "null");
  return 0;
}

static int teardown(void **s) {
  (void)s;
  assert_int_equal(lua_gettop(L), 0);
  lua_close(L);
  return 0;
}

static void holds(const char *what, const char *check) {
  lua_setglobal(L, "v");
  char text[512];
  snprintf(text, sizeof text, "assert(%s)", check);
  if (luaL_dostring(L, text) != LUA_OK)
    fail_msg("%s: %s", what, lua_tostring(L, -1));
  assert_int_equal(lua_gettop(L), 0);
}

static void decodes(const char *json, const char *check) {
  assert_int_equal(signals_decode(L, slice_str(json)), OK);
  holds(json, check);
}

static void refuses_in(Slice json) {
  assert_int_equal(signals_decode(L, json), ERR_BAD_INPUT);
  assert_int_equal(lua_gettop(L), 0);
}

typedef struct Encode {
  const char *what;
  Buf *out;
  void (*fn)(lua_State *L, int idx, Buf *out);
} Encode;

static int encode_protected(lua_State *l) {
  Encode *e = lua_touserdata(l, 2);
  if (e->fn)
    e->fn(l, 1, e->out);
  else
    json_encode(l, 1, e->what, e->out);
  assert_int_equal(lua_gettop(l), 2);
  return 0;
}

/* Encodes what the Lua text returns; the error message, or NULL. Free it. */
static char *encode(const char *lua, Encode e) {
  char *error = NULL;
  lua_pushcfunction(L, encode_protected);
  lua_pushfstring(L, "return %s", lua);
  if (luaL_loadstring(L, lua_tostring(L, -1)) != LUA_OK) {
    lua_pop(L, 1);
    if (luaL_loadstring(L, lua) != LUA_OK) fail_msg("%s", lua_tostring(L, -1));
  }
  lua_remove(L, -2);
  lua_call(L, 0, 1);
  lua_pushlightuserdata(L, &e);
  if (lua_pcall(L, 2, 0, 0) != LUA_OK) error = xstrdup(lua_tostring(L, -1));
  lua_settop(L, 0);
  return error;
}

static void encodes(const char *lua, const char *json) {
  Buf out = { 0 };
  buf_lit(&out, "~");
  char *error = encode(lua, (Encode){ "", &out, NULL });
  if (error) fail_msg("%s: %s", lua, error);
  buf_byte(&out, '\0');
  assert_string_equal(out.ptr + 1, json);
  buf_free(&out);
}

static void refuses(const char *lua, const char *message) {
  Buf out = { 0 };
  buf_lit(&out, "~");
  char *error = encode(lua, (Encode){ "x", &out, NULL });
  if (!error) fail_msg("%s is encoded", lua);
  assert_string_equal(error, message);
  assert_int_equal(out.len, 1);
  free(error);
  buf_free(&out);
}

static void test_decodes(void **s) {
  (void)s;
  decodes("", "next(v) == nil");
  decodes("{}", "next(v) == nil");
  decodes(" \r\n\t{} ", "next(v) == nil");
  decodes("{\"ix3\":{\"draft\":\"x\",\"n\":5,\"r\":1.5,\"t\":true,\"f\":false},"
          "\"zoom\":2}",
          "v.ix3.draft == 'x' and math.type(v.ix3.n) == 'integer' and v.ix3.r "
          "== 1.5 and "
          "v.ix3.t == true and v.ix3.f == false and v.zoom == 2");
  decodes("{\"a\":1.0}", "math.type(v.a) == 'float'");
  decodes("{\"a\":\"\\u00e9\\u0000\\ud83d\\ude00\"}",
          "v.a == '\\xC3\\xA9\\0\\xF0\\x9F\\x98\\x80'");
  decodes("{\"1\":\"a\"}", "v['1'] == 'a' and v[1] == nil");
}

static void test_nulls(void **s) {
  (void)s;
  decodes("{\"a\":null,\"b\":[1,null,2],\"c\":{\"d\":null}}",
          "v.a == nil and #v.b == 3 and v.b[2] == null and next(v.c) == nil");
}

static void test_empty_lists(void **s) {
  (void)s;
  decodes("{\"a\":[],\"b\":[1],\"c\":{}}",
          "getmetatable(v.a) == getmetatable(list{}) and getmetatable(v.b) == "
          "nil and "
          "getmetatable(v.c) == nil");
  encodes("{a = list{}, b = {}, c = {1}, d = list{1, 2}}",
          "{\"a\":[],\"b\":{},\"c\":[1],\"d\":[1,2]}");
}

static void test_refuses_bodies(void **s) {
  (void)s;
  refuses_in(SLICE("[]"));
  refuses_in(SLICE("1"));
  refuses_in(SLICE("null"));
  refuses_in(SLICE("{"));
  refuses_in(SLICE("{}}"));
  refuses_in(SLICE("{\"a\":1,}"));
  refuses_in(SLICE("{\"a\":1,\"a\":2}"));
  refuses_in(SLICE("{\"a\":NaN}"));
  refuses_in(SLICE("{\"a\":1e999}"));
  refuses_in(SLICE("{\"a\":99999999999999999999}"));
  refuses_in(SLICE("{\"a\":\"\xff\"}"));
  refuses_in(SLICE("{\"a\":\"\\ud800\"}"));
  refuses_in(SLICE("{\"a\\u0000\":1}"));
  refuses_in(SLICE("\0"));
}

static void nested(Buf *b, int depth, const char *open, const char *close) {
  buf_clear(b);
  for (int i = 0; i < depth; i++) buf_puts(b, open);
  buf_lit(b, "1");
  for (int i = 0; i < depth; i++) buf_puts(b, close);
}

static void test_depth(void **s) {
  (void)s;
  Buf b = { 0 };
  nested(&b, JSON_DEPTH_MAX, "{\"a\":", "}");
  assert_int_equal(signals_decode(L, buf_view(&b)), OK);
  lua_pop(L, 1);
  nested(&b, JSON_DEPTH_MAX + 1, "{\"a\":", "}");
  refuses_in(buf_view(&b));
  nested(&b, JSON_DEPTH_MAX, "[", "]");
  assert_int_equal(json_decode(L, buf_view(&b)), OK);
  lua_pop(L, 1);
  nested(&b, JSON_DEPTH_MAX + 1, "[", "]");
  assert_int_equal(json_decode(L, buf_view(&b)), ERR_BAD_INPUT);
  nested(&b, 200000, "[", "]");
  assert_int_equal(json_decode(L, buf_view(&b)), ERR_BAD_INPUT);
  nested(&b, JSON_DEPTH_MAX, "[", "]");
  buf_byte(&b, '\0');
  encodes("local t = 1 for i = 1, 32 do t = {t} end return t", b.ptr);
  Buf out = { 0 };
  char *error = encode("local t = 1 for i = 1, 33 do t = {t} end return t",
                       (Encode){ "", &out, NULL });
  assert_non_null(error);
  assert_non_null(strstr(error, "[1][1]: tables nested too deep for JSON"));
  free(error);
  buf_free(&out);
  buf_free(&b);
}

static void test_encodes(void **s) {
  (void)s;
  encodes("{b = 1, a = 'x', aa = true}", "{\"a\":\"x\",\"aa\":true,\"b\":1}");
  encodes("nil", "null");
  encodes("null", "null");
  encodes("{a = null}", "{\"a\":null}");
  encodes("{1, null, 'x'}", "[1,null,\"x\"]");
  encodes("5.0", "5");
  encodes("-5", "-5");
  encodes("{0.1, 1/3, 2.5e-300, 1e300}",
          "[0.1,0.3333333333333333,2.5e-300,1e300]");
  encodes("{0.1, 0.25}", "[0.1,0.25]");
  encodes("0.1", "0.1");
  encodes("'a\"b\\\\\\n\\0\\xC3\\xA9</script>'",
          "\"a\\\"b\\\\\\n\\u0000\xC3\xA9</script>\"");
  encodes("{['a b'] = {{}}}", "{\"a b\":[{}]}");
  encodes("2^53", "9007199254740992");
  encodes("-(1 << 53)", "-9007199254740992");
  encodes("local t = {} for i = 1, 20 do t[#t + 1] = i end t[20] = nil return "
          "#t == 19 "
          "and t",
          "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19]");
  encodes("local shared = {1} return {shared, shared}", "[[1],[1]]");
}

static void test_refuses(void **s) {
  (void)s;
  refuses("(1 << 53) + 1",
          "x: an integer beyond 2^53, which browsers round (send a string)");
  refuses(
      "{a = {b = {1, -(1 << 53) - 1}}}",
      "x.a.b[2]: an integer beyond 2^53, which browsers round (send a string)");
  refuses("{0/0}", "x[1]: a number that is not finite");
  refuses("{a = math.huge}", "x.a: a number that is not finite");
  refuses("-math.huge", "x: a number that is not finite");
  refuses("{a = print}", "x.a: a function cannot be sent as JSON");
  refuses("io.stdout", "x: a value of this type cannot be sent as JSON");
  refuses("coroutine.create(print)",
          "x: a value of this type cannot be sent as JSON");
  refuses("{a = '\\xff'}", "x.a: a string that is not UTF-8");
  refuses("{['\\xff'] = 1}", "x.\xff: a name that is not UTF-8 text");
  refuses("{['a\\0b'] = 1}", "x.a: a name that is not UTF-8 text");
  refuses("{1, a = 2}", "x: a table has both names and positions, or holes");
  refuses("{1, nil, 3}", "x: a table has both names and positions, or holes");
  refuses("{[0] = 1}", "x: a table has both names and positions, or holes");
  refuses("{[1.5] = 1}", "x: a table has both names and positions, or holes");
  refuses("{[true] = 1}", "x: a table has both names and positions, or holes");
  refuses("list{1, nil, 3}", "x: a list with a hole or a name (use s.null)");
  refuses("local t = {} t.a = {t} return t", "x.a[1]: a table contains itself");
  refuses("local t = {} t[1] = t return t", "x[1]: a table contains itself");
}

static void test_event_values(void **s) {
  (void)s;
  static const struct {
    const char *lua, *url, *check;
  } cases[] = {
    { "7", "7", "v == 7" },
    { "true", "true", "v == true" },
    { "false", "false", "v == false" },
    { "nil", "null", "v == nil" },
    { "'a'", "%22a%22", "v == 'a'" },
    { "'a b&+\\'%\\xC3\\xA9'", "%22a%20b%26%2B%27%25%C3%A9%22",
      "v == 'a b&+\\'%\\xC3\\xA9'" },
    { "{id = 3, tags = {'x'}}",
      "%7B%22id%22%3A3%2C%22tags%22%3A%5B%22x%22%5D%7D",
      "v.id == 3 and v.tags[1] == 'x'" },
    { "-1.5", "-1.5", "v == -1.5" },
    { "999999999999999", "999999999999999", "v == 999999999999999" },
    { "9007199254740992", "9007199254740992", "v == 1 << 53" },
  };
  for (size_t i = 0; i < countof(cases); i++) {
    Buf out = { 0 };
    char *error = encode(cases[i].lua,
                         (Encode){ NULL, &out, event_value_encode });
    assert_null(error);
    if (!slice_is(buf_view(&out), cases[i].url))
      fail_msg("%s is %.*s", cases[i].lua, (int)out.len, out.ptr);
    assert_int_equal(event_value_decode(L, buf_view(&out)), OK);
    holds(cases[i].lua, cases[i].check);
    buf_free(&out);
  }
}

static void test_bad_event_values(void **s) {
  (void)s;
  static const char *const bad[] = { "",   "%",     "%7B",      "a",
                                     "01", "1%20x", "%22%ff%22" };
  for (size_t i = 0; i < countof(bad); i++) {
    assert_int_equal(event_value_decode(L, slice_str(bad[i])), ERR_BAD_INPUT);
    assert_int_equal(lua_gettop(L), 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    { "decodes objects and empty bodies", test_decodes, 0, 0, 0 },
    { "keeps null's place in lists only", test_nulls, 0, 0, 0 },
    { "tells an empty list from an empty table", test_empty_lists, 0, 0, 0 },
    { "refuses all but one object", test_refuses_bodies, 0, 0, 0 },
    { "nests to the limit and no deeper", test_depth, 0, 0, 0 },
    { "writes keys in order and numbers as short as they are", test_encodes, 0,
      0, 0 },
    { "refuses what JSON cannot carry, with its path", test_refuses, 0, 0, 0 },
    { "brings event values back as they were", test_event_values, 0, 0, 0 },
    { "refuses event values that are no JSON", test_bad_event_values, 0, 0, 0 },
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
