/* Urlencoded forms and query strings. */
#include "wire/form.h"
#include "base/limits.h"

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
  return 0;
}

static int teardown(void **s) {
  (void)s;
  assert_int_equal(lua_gettop(L), 0);
  lua_close(L);
  return 0;
}

/* `check` is Lua text that sees the table as `f`. */
static void decodes(Slice body, const char *check) {
  assert_int_equal(form_decode(L, body), OK);
  assert_int_equal(lua_gettop(L), 1);
  lua_setglobal(L, "f");
  char text[512];
  snprintf(text, sizeof text, "assert(%s)", check);
  if (luaL_dostring(L, text) != LUA_OK)
    fail_msg("%.*s: %s", (int)body.len, body.ptr, lua_tostring(L, -1));
}

static void refuses(Slice body, Err e) {
  assert_int_equal(form_decode(L, body), e);
  assert_int_equal(lua_gettop(L), 0);
}

static void test_decodes(void **s) {
  (void)s;
  decodes(SLICE(""), "next(f) == nil");
  decodes(SLICE("a=1&b=two+words&c=%C3%A9%00"),
          "f.a == '1' and f.b == 'two words' and "
          "f.c == '\\xC3\\xA9\\0'");
  decodes(SLICE("a"), "f.a == ''");
  decodes(SLICE("a="), "f.a == ''");
  decodes(SLICE("=x"), "f[''] == 'x'");
  decodes(SLICE("&&a=1&&"), "f.a == '1' and next(f, 'a') == nil");
  decodes(SLICE("a=b=c"), "f.a == 'b=c'");
  decodes(SLICE("a%20b=%2B%26%3d"), "f['a b'] == '+&='");
}

static void test_repeats(void **s) {
  (void)s;
  decodes(SLICE("a=1&b=x&a=2&a=3"),
          "f.b == 'x' and #f.a == 3 and table.concat(f.a, ',') == '1,2,3'");
  decodes(SLICE("a=1&%61=2"), "table.concat(f.a, ',') == '1,2'");
}

static void test_bad_escapes(void **s) {
  (void)s;
  refuses(SLICE("a=%"), ERR_BAD_INPUT);
  refuses(SLICE("a=%4"), ERR_BAD_INPUT);
  refuses(SLICE("a=%4g"), ERR_BAD_INPUT);
  refuses(SLICE("a=%-1"), ERR_BAD_INPUT);
  refuses(SLICE("%zz=1"), ERR_BAD_INPUT);
  refuses(SLICE("ok=1&a=%u0041"), ERR_BAD_INPUT);
}

static void test_limit(void **s) {
  (void)s;
  Buf body = { 0 };
  for (int i = 0; i < FORM_FIELDS_MAX; i++) buf_printf(&body, "a%d=%d&", i, i);
  decodes(buf_view(&body), "f.a999 == '999'");
  buf_lit(&body, "one=more");
  refuses(buf_view(&body), ERR_TOO_BIG);
  buf_clear(&body);
  for (int i = 0; i < FORM_FIELDS_MAX; i++) buf_lit(&body, "a=x&");
  decodes(buf_view(&body), "#f.a == 1000");
  buf_lit(&body, "a=x");
  refuses(buf_view(&body), ERR_TOO_BIG);
  buf_free(&body);
}

static void test_find(void **s) {
  (void)s;
  Slice v;
  Slice query = SLICE("m=MAC&p=%7B%7D&m=other&e");
  assert_true(form_find(query, "p", &v));
  assert_true(slice_is(v, "%7B%7D"));
  assert_true(form_find(query, "m", &v));
  assert_true(slice_is(v, "MAC"));
  assert_true(form_find(query, "e", &v));
  assert_int_equal(v.len, 0);
  assert_false(form_find(query, "x", &v));
  assert_false(form_find(SLICE(""), "x", &v));
}

static void test_unescape(void **s) {
  (void)s;
  Buf out = { 0 };
  buf_lit(&out, "x");
  assert_int_equal(form_unescape(SLICE("a%20b+c"), &out), OK);
  assert_int_equal(form_unescape(SLICE("bad%"), &out), ERR_BAD_INPUT);
  assert_int_equal(form_unescape(SLICE(""), &out), OK);
  assert_true(slice_is(buf_view(&out), "xa b c"));
  buf_free(&out);
}

static void test_builds(void **s) {
  (void)s;
  Buf out = { 0 };
  bool first = true;
  form_pair(&out, &first, SLICE("a b"), SLICE("&=+%/"));
  form_pair(&out, &first, SLICE("c"), SLICE("\xC3\xA9~"));
  assert_true(slice_is(buf_view(&out), "a%20b=%26%3D%2B%25%2F&c=%C3%A9~"));
  decodes(buf_view(&out), "f['a b'] == '&=+%/' and f.c == '\\xC3\\xA9~'");
  buf_free(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    { "decodes names and values", test_decodes, 0, 0, 0 },
    { "makes a list of a name that repeats", test_repeats, 0, 0, 0 },
    { "refuses what is no escape", test_bad_escapes, 0, 0, 0 },
    { "takes fields to the limit and no more", test_limit, 0, 0, 0 },
    { "finds the first field of a name, still encoded", test_find, 0, 0, 0 },
    { "appends nothing when it fails", test_unescape, 0, 0, 0 },
    { "builds what it decodes", test_builds, 0, 0, 0 },
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
