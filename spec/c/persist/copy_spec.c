/* Copies for another host: tables go by value, code and modules by name. */
#include "two.h"

static const char shop[] =
    "local M = { count = 0, rows = { { n = 1 } } }\n"
    "M.Row = { __index = { kind = 'row' } }\n"
    "local secret = { 'as loaded' }\n"
    "function M.row(n) return setmetatable({ n = n }, M.Row) end\n"
    "function M.closing(t) return function() return t, secret end end\n"
    "package.loaded.shop = M\n"
    "shop = M\n";

static int open_two(void **state) {
  (void)state;
  open_both("shop", shop);
  return 0;
}

/* Copies what `body` gives in a to the global t of b. */
static void carry(const char *body) {
  static const PersistCopy how = { 0 };
  make(&a, body);
  buf_clear(&bytes);
  if (persist_copy(a.persist, a.L, -1, &how, &bytes))
    fail_msg("copy: %s", lua_tostring(a.L, -1));
  lua_settop(a.L, 0);
  decode_ok(&b, &bytes);
  lua_setglobal(b.L, "t");
}

static void refused(const PersistCopy *how, const char *body,
                    const char *words) {
  make(&a, body);
  buf_clear(&bytes);
  assert_int_equal(persist_copy(a.persist, a.L, -1, how, &bytes), ERR_APP);
  if (!strstr(lua_tostring(a.L, -1), words))
    fail_msg("%s: %s", words, lua_tostring(a.L, -1));
  lua_settop(a.L, 0);
}

static void tables_of_the_host_go_by_value(void **s) {
  (void)s;
  expect(&a, "shop.rows[1].n = 7 return true");
  carry("return { shop.rows, shop.rows }");
  expect(&b, "return t[1][1].n == 7 and t[1] ~= shop.rows and t[1] == t[2]");
}

static void modules_go_by_name(void **s) {
  (void)s;
  expect(&a, "shop.count = 5 return true");
  carry("return { shop, f = shop.row, print }");
  expect(&b, "return t[1] == shop and shop.count == 0 and t.f == shop.row and "
             "t[2] == print");
}

static void metatables_go_by_name(void **s) {
  (void)s;
  carry("return { shop.row(3), shop.Row, shop.Row.__index }");
  expect(&b, "return getmetatable(t[1]) == shop.Row and t[1].n == 3 and "
             "t[1].kind == 'row' and t[2] == shop.Row and "
             "t[3] ~= shop.Row.__index and t[3].kind == 'row'");
}

static void closures_take_their_values_along_and_find_their_file(void **s) {
  (void)s;
  carry("return { shop.closing({ 'mine' }) }");
  expect(&b, "local mine, secret = t[1]() return mine[1] == 'mine' and "
             "secret[1] == 'as loaded'");
}

static void coroutines_are_refused(void **s) {
  (void)s;
  static const PersistCopy how = { 0 };
  refused(&how, "return { { x = coroutine.create(print) } }",
          "[1].x: plain values are wanted, not a thread");
}

static void plain_values_have_no_functions_and_handles(void **s) {
  (void)s;
  static const PersistCopy how = { .is_plain = true };
  refused(&how, "return { f = shop.row }",
          "f: plain values are wanted, not a function");
  refused(&how, "return { print }", "[1]: plain values are wanted, not a fun");
  refused(&how, "return { function() end }", "[1]: plain values are wanted");
  refused(&how, "return { { io.stdout } }",
          "[1][1]: plain values are wanted, not a userdata");
  refused(&how, "return { setmetatable({}, { __index = print }) }",
          "its metatable.__index: plain values are wanted");
  make(&a, "return { shop.row(1), { 'x', 1.5, true } }");
  assert_int_equal(persist_copy(a.persist, a.L, -1, &how, &bytes), OK);
  lua_settop(a.L, 0);
}

static const char *refuse_it(void *it, const void *table) {
  return table == it ? "stays here" : NULL;
}

static void a_table_can_be_kept_from_going(void **s) {
  (void)s;
  lua_newtable(a.L);
  PersistCopy how = { .refuses = refuse_it,
                      .ud = (void *)(uintptr_t)lua_topointer(a.L, -1) };
  lua_setglobal(a.L, "it");
  refused(&how, "return { it }", "[1]: stays here");
  refused(&how, "return { rows = { { deep = it } } }",
          "rows[1].deep: stays here");
  refused(&how, "return { [it] = 1 }", "a key: stays here");
  refused(&how, "return { shop.closing(it) }",
          "[1], upvalue 't' (shop:5): stays here");
  make(&a, "return { {} }");
  buf_clear(&bytes);
  assert_int_equal(persist_copy(a.persist, a.L, -1, &how, &bytes), OK);
  lua_settop(a.L, 0);
}

static void what_is_missing_has_a_first_step(void **s) {
  (void)s;
  static const struct {
    const char *text, *value, *step;
  } names[] = {
    { "package.loaded.late = { f = {} } late = package.loaded.late",
      "return { late }", "late" },
    { "package.loaded['a.b'] = { M = {} } ab = package.loaded['a.b']",
      "return { setmetatable({}, ab.M) }", "a.b" },
    { "local Class = {} function made() return setmetatable({}, Class) end",
      "return { made() }", "file" },
  };
  static const PersistCopy how = { 0 };
  for (size_t i = 0; i < countof(names); i++) {
    run_text(&a, "file", names[i].text);
    make(&a, names[i].value);
    buf_clear(&bytes);
    assert_int_equal(persist_copy(a.persist, a.L, -1, &how, &bytes), OK);
    lua_settop(a.L, 0);
    Slice step;
    uint8_t digest[DIGEST_BYTES];
    assert_int_equal(persist_decode(b.persist, b.L, buf_view(&bytes)),
                     ERR_NOT_FOUND);
    assert_true(persist_missing_name(b.persist, &step));
    if (!slice_is(step, names[i].step))
      fail_msg("%.*s", (int)step.len, step.ptr);
    assert_false(persist_missing(b.persist, digest));
    lua_settop(b.L, 0);
  }
  carry("return { shop }");
  Slice step;
  assert_false(persist_missing_name(b.persist, &step));
}

#define spec(f) cmocka_unit_test_setup_teardown(f, open_two, close_both)

int main(void) {
  const struct CMUnitTest tests[] = {
    spec(tables_of_the_host_go_by_value),
    spec(modules_go_by_name),
    spec(metatables_go_by_name),
    spec(closures_take_their_values_along_and_find_their_file),
    spec(coroutines_are_refused),
    spec(plain_values_have_no_functions_and_handles),
    spec(a_table_can_be_kept_from_going),
    spec(what_is_missing_has_a_first_step),
  };
  return cmocka_run_group_tests_name("persist/copy", tests, NULL, NULL);
}
