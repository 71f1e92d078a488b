/* What is static is relinked to the very same thing, by names that another
 * process finds as well; what a conversation made is its own. */
#include "two.h"

#include "persist/graph.h"

static const char shop[] =
    "local M = { cache = {}, list = { {}, { deep = {} } } }\n"
    "local hidden = { secret = true }\n"
    "local count = 0\n"
    "M.Order = { __index = {} }\n"
    "local builders = {}\n"
    "for i = 1, 10 do builders[i] = function() return i end end\n"
    "local function make(n) return { build = function() return n end } end\n"
    "M.three = make(3)\n"
    "M.four = make(4)\n"
    "function M.builder(i) return builders[i] end\n"
    "function M.hidden() return hidden end\n"
    "function M.counter() return function() count = count + 1 return count end "
    "end\n"
    "function M.printer() return print end\n"
    "function M.count() return count end\n"
    "function M.reset() count = 0 end\n"
    "M.by_class = { [M.Order] = { of = 'orders' } }\n"
    "M['odd key'] = { odd = true } M[7] = {} M[true] = {}\n"
    "M.weak = setmetatable({}, { __mode = 'k' })\n"
    "shop = M\n";

static int open_two(void **state) {
  (void)state;
  open_both("shop", shop);
  return 0;
}

/* Saves what `body` gives in a and revives it in `to` as global t. */
static void carry(Host *to, const char *body) {
  make(&a, body);
  encode_ok(&a, &bytes);
  decode_ok(to, &bytes);
  lua_setglobal(to->L, "t");
}

static void put_name(const Names *n, uint32_t i, Buf *out) {
  size_t len = n->list[i].path_len;
  char *at = buf_reserve(out, len);
  names_write(n, i, at + len);
  out->len += len;
  buf_printf(out, " %d %d\n", n->list[i].kind, n->list[i].is_unclear);
}

static bool has_name(Host *h, NameKind kind, const char *path) {
  return names_find(&h->persist->names, kind, slice_str(path), NO_CHUNK) !=
         NO_NAME;
}

static void two_processes_find_the_same_names(void **s) {
  (void)s;
  Buf one = { 0 }, two = { 0 };
  for (uint32_t i = 0; i < a.persist->names.n; i++)
    put_name(&a.persist->names, i, &one);
  for (uint32_t i = 0; i < b.persist->names.n; i++)
    put_name(&b.persist->names, i, &two);
  assert_true(a.persist->names.n > 150);
  assert_true(slice_eq(buf_view(&one), buf_view(&two)));
  buf_free(&one);
  buf_free(&two);
}

static void every_name_leads_back(void **s) {
  (void)s;
  const Names *n = &a.persist->names;
  char path[512];
  for (uint32_t i = 0; i < n->n; i++) {
    size_t len = n->list[i].path_len;
    assert_true(len < sizeof path);
    names_write(n, i, path + len);
    uint32_t found = names_find(n, (NameKind)n->list[i].kind, slice(path, len),
                                NO_CHUNK);
    if (found != i)
      fail_msg("%.*s leads to %u and not %u", (int)len, path, found, i);
  }
}

static void names_read_like_paths(void **s) {
  (void)s;
  static const char *const objects[] = {
    "string .format",
    "_G .print",
    "_G .shop",
    "_G .shop .cache",
    "_G .shop .list [2] .deep",
    "_G .shop [\"odd key\"]",
    "_G .shop [7]",
    "_G .shop [true]",
    "shop: local hidden",
    "_G .shop .Order",
    "_G .shop .by_class [_G .shop .Order]",
    "string metatable (metatable)",
    "ipairs()",
    "utf8.codes()",
    "utf8.codes(lax)",
    "class FILE*",
    "(main thread)",
    "coroutine .yield",
    "shop: local builders [10]",
  };
  static const char *const variables[] = { "shop: local hidden",
                                           "shop: local count", "shop: _ENV",
                                           "_G .shop .four .build local n" };
  for (size_t i = 0; i < countof(objects); i++)
    if (!has_name(&a, NAME_OBJECT, objects[i]) && i != 11)
      fail_msg("no object %s", objects[i]);
  for (size_t i = 0; i < countof(variables); i++)
    if (!has_name(&a, NAME_VARIABLE, variables[i]))
      fail_msg("no variable %s", variables[i]);
}

static void statics_are_the_very_same(void **s) {
  (void)s;
  const char *body = "return { shop, shop.cache, shop.list[2].deep, print, "
                     "string.format, shop.hidden(),"
                     " shop.Order, getmetatable(''), io.stdout, "
                     "shop.three.build, shop.by_class[shop.Order],"
                     " coroutine.running(), _G, shop.weak }";
  const char *check = "return t[1] == shop and t[2] == shop.cache and t[3] == "
                      "shop.list[2].deep and t[4] == print and"
                      " t[5] == string.format and t[6] == shop.hidden() and "
                      "t[7] == shop.Order and"
                      " t[8] == getmetatable('') and t[9] == io.stdout and "
                      "t[10] == shop.three.build and"
                      " t[11] == shop.by_class[shop.Order] and t[12] == "
                      "coroutine.running() and t[13] == _G and"
                      " t[14] == shop.weak";
  carry(&a, body);
  expect(&a, check);
  carry(&b, body);
  expect(&b, check);
}

static void functions_made_in_a_loop_are_told_apart(void **s) {
  (void)s;
  carry(&b,
        "local t = {} for i = 1, 10 do t[i] = shop.builder(i) end return t");
  expect(&b, "for i = 1, 10 do if t[i]() ~= i or t[i] ~= shop.builder(i) then "
             "return false end end return true");
}

static void factory_functions_are_told_apart(void **s) {
  (void)s;
  carry(&b, "return { shop.four.build, shop.three.build }");
  expect(&b, "return t[1]() == 4 and t[2]() == 3");
}

static void a_captured_file_level_local_is_the_module_s(void **s) {
  (void)s;
  carry(&b, "shop.reset() local f = shop.counter() f() return { f = f }");
  expect(&b,
         "shop.reset() local x = t.f() return x == 1 and shop.count() == 1 and"
         " shop.counter()() == 2 and t.f() == 3 and shop.count() == 3");
}

static void later_objects_in_static_tables_are_saved_by_value(void **s) {
  (void)s;
  carry(
      &b,
      "local o = { n = 5 } shop.cache.o = o return { o = o, c = shop.cache }");
  expect(&b, "return t.o.n == 5 and t.c == shop.cache and shop.cache.o == nil");
  carry(&a, "return { o = shop.cache.o }");
  expect(&a, "return t.o ~= shop.cache.o and t.o.n == 5");
}

static void fields_of_statics_are_not_saved(void **s) {
  (void)s;
  carry(&b, "shop.cache.x = 'changed' return { shop.cache }");
  expect(&b, "return t[1].x == nil");
}

static void a_later_load_keeps_old_names_and_adds_its_own(void **s) {
  (void)s;
  uint32_t before = a.persist->names.n;
  make(&a, "return { shop.cache, shop.three }");
  encode_ok(&a, &bytes);
  run_text(&a, "late",
           "late = { own = {} } function late.f() return late end shop.extra = "
           "{ late = true }");
  assert_true(a.persist->names.n > before);
  decode_ok(&a, &bytes);
  lua_setglobal(a.L, "t");
  expect(&a, "return t[1] == shop.cache and t[2] == shop.three");
  run_text(&b, "late",
           "late = { own = {} } function late.f() return late end shop.extra = "
           "{ late = true }");
  carry(&b, "return { late.own, late.f, shop.extra }");
  expect(&b,
         "return t[1] == late.own and t[2] == late.f and t[3] == shop.extra");
}

static void a_missing_name_is_named(void **s) {
  (void)s;
  run_text(&a, "late", "late = { own = {} }");
  make(&a, "return { late.own }");
  encode_ok(&a, &bytes);
  assert_int_equal(persist_decode(b.persist, b.L, buf_view(&bytes)),
                   ERR_NOT_FOUND);
  assert_non_null(strstr(lua_tostring(b.L, -1),
                         "\"_G .late .own\" is needed and is not there"));
}

static void missing_code_is_named(void **s) {
  (void)s;
  run_text(&a, "late", "function late() return function() end end");
  make(&a, "return { late() }");
  encode_ok(&a, &bytes);
  assert_int_equal(persist_decode(b.persist, b.L, buf_view(&bytes)),
                   ERR_NOT_FOUND);
  assert_non_null(
      strstr(lua_tostring(b.L, -1),
             "the code of \"late\" that this was saved with is not loaded"));
}

static void save_task(Host *h, const char *function) {
  lua_State *co = coro_take(h->vm);
  lua_getglobal(h->L, function);
  lua_xmove(h->L, co, 1);
  int n;
  assert_int_equal(coro_run(h->vm, co, 0, &n), CORO_WAITS);
  lua_newtable(h->L);
  lua_insert(h->L, -2);
  lua_setfield(h->L, -2, "task");
  encode_ok(h, &bytes);
}

static lua_Integer finish_task(Host *h) {
  lua_getfield(h->L, -1, "task");
  lua_State *co = lua_tothread(h->L, -1);
  lua_pushboolean(co, 1);
  int n;
  assert_int_equal(coro_run(h->vm, co, 1, &n), CORO_DONE);
  return lua_tointeger(co, -1);
}

static void changed_code_under_a_waiting_function_is_a_conflict(void **s) {
  (void)s;
  run_text(&a, "flow", "function flow() wait() return 1 end");
  run_text(&b, "flow", "function flow() local x = 0 wait() return x + 2 end");
  save_task(&a, "flow");
  assert_int_equal(persist_decode(b.persist, b.L, buf_view(&bytes)),
                   ERR_CONFLICT);
  assert_non_null(
      strstr(lua_tostring(b.L, -1), "the code of \"flow\" has changed"));
}

static void a_waiting_function_finds_the_version_it_began_with(void **s) {
  (void)s;
  run_text(&a, "flow", "function flow() wait() return 1 end");
  save_task(&a, "flow");
  run_text(&a, "flow", "function flow() local x = 0 wait() return x + 2 end");
  decode_ok(&a, &bytes);
  assert_int_equal(finish_task(&a), 1);
  save_task(&a, "flow");
  decode_ok(&a, &bytes);
  assert_int_equal(finish_task(&a), 2);
}

static void a_name_leads_to_the_newest_version_of_data(void **s) {
  (void)s;
  run_text(&a, "conf", "conf = { version = 1 }");
  make(&a, "return { conf }");
  encode_ok(&a, &bytes);
  run_text(&a, "conf", "conf = { version = 2 }");
  decode_ok(&a, &bytes);
  lua_setglobal(a.L, "t");
  expect(&a, "return t[1] == conf and t[1].version == 2");
}

static void added_roots_are_static(void **s) {
  (void)s;
  for (Host *h = &a;; h = &b) {
    lua_newtable(h->L);
    lua_newtable(h->L);
    lua_setfield(h->L, -2, "inner");
    lua_pushvalue(h->L, -1);
    lua_rawsetp(h->L, LUA_REGISTRYINDEX, &bytes);
    persist_add_root(h->persist, "registry of ours");
    persist_collect(h->persist);
    assert_true(has_name(h, NAME_OBJECT, "registry of ours .inner"));
    if (h == &b) break;
  }
  lua_rawgetp(a.L, LUA_REGISTRYINDEX, &bytes);
  lua_getfield(a.L, -1, "inner");
  lua_newtable(a.L);
  lua_insert(a.L, -2);
  lua_setfield(a.L, -2, "x");
  encode_ok(&a, &bytes);
  decode_ok(&b, &bytes);
  lua_getfield(b.L, -1, "x");
  lua_rawgetp(b.L, LUA_REGISTRYINDEX, &bytes);
  lua_getfield(b.L, -1, "inner");
  assert_true(lua_rawequal(b.L, -1, -3));
}

static void keys_without_names_are_refused(void **s) {
  (void)s;
  run_text(&a, "seen",
           "local keys = {} seen = {} for i = 1, 3 do seen[{}] = { i } end "
           "function pick() return (select(2, next(seen))) end");
  make(&a, "return { x = pick() }");
  Buf out = { 0 };
  assert_int_equal(persist_encode(a.persist, a.L, -1, &out), ERR_APP);
  assert_non_null(
      strstr(lua_tostring(a.L, -1),
             "x: what the host keeps under a key that has no name"));
  buf_free(&out);
}

static void statics_stay_when_the_module_lets_go(void **s) {
  (void)s;
  make(&a, "return { shop.list }");
  encode_ok(&a, &bytes);
  make(&a, "shop.list = nil return nil");
  lua_settop(a.L, 0);
  lua_gc(a.L, LUA_GCCOLLECT);
  lua_gc(a.L, LUA_GCCOLLECT);
  decode_ok(&a, &bytes);
  lua_setglobal(a.L, "t");
  expect(&a, "return #t[1] == 2 and t[1][2].deep ~= nil");
}

static int f_collect_now(lua_State *L) {
  (void)L;
  persist_collect(a.persist);
  return 0;
}

static void code_of_a_failed_load_is_forgotten(void **s) {
  (void)s;
  lua_register(a.L, "collect_now", f_collect_now);
  assert_int_not_equal(
      loader_run_text(a.vm, "bad",
                      SLICE("function bad() return function() end end "
                            "collect_now() error('no')")),
      LUA_OK);
  lua_settop(a.L, 0);
  run_text(&a, "good", "function good() return function() return 5 end end");
  run_text(&b, "good", "function good() return function() return 5 end end");
  carry(&b, "return { good() }");
  expect(&b, "return t[1]() == 5");
  make(&a, "return { bad() }");
  Buf out = { 0 };
  assert_int_equal(persist_encode(a.persist, a.L, -1, &out), ERR_APP);
  assert_non_null(strstr(lua_tostring(a.L, -1), "made by load"));
  buf_free(&out);
}

static void parked_chains_are_revived(void **s) {
  (void)s;
  const char *text =
      "function chain()\n"
      "  local inner = coroutine.wrap(function() local x = wait() "
      "coroutine.yield(x) return wait() end)\n"
      "  local co = coroutine.create(function() return inner(), inner() end)\n"
      "  local ok, p, q = coroutine.resume(co)\n"
      "  return p * 10 + q\n"
      "end";
  run_text(&a, "chain", text);
  run_text(&b, "chain", text);
  save_task(&a, "chain");
  decode_ok(&b, &bytes);
  lua_getfield(b.L, -1, "task");
  lua_State *co = lua_tothread(b.L, -1);
  assert_true(coro_is_parked(co));
  int n;
  for (int i = 4; i <= 5; i++) {
    lua_pushboolean(co, 1);
    lua_pushinteger(co, i);
    CoroStatus status = coro_run(b.vm, co, 2, &n);
    assert_int_equal(status, i == 4 ? CORO_WAITS : CORO_DONE);
    assert_ptr_equal(vm_of(co), b.vm);
  }
  assert_int_equal(lua_tointeger(co, -1), 45);
}

#define spec(f) cmocka_unit_test_setup_teardown(f, open_two, close_both)

int main(void) {
  const struct CMUnitTest tests[] = {
    spec(two_processes_find_the_same_names),
    spec(every_name_leads_back),
    spec(names_read_like_paths),
    spec(statics_are_the_very_same),
    spec(functions_made_in_a_loop_are_told_apart),
    spec(factory_functions_are_told_apart),
    spec(a_captured_file_level_local_is_the_module_s),
    spec(later_objects_in_static_tables_are_saved_by_value),
    spec(fields_of_statics_are_not_saved),
    spec(a_later_load_keeps_old_names_and_adds_its_own),
    spec(a_missing_name_is_named),
    spec(missing_code_is_named),
    spec(changed_code_under_a_waiting_function_is_a_conflict),
    spec(a_waiting_function_finds_the_version_it_began_with),
    spec(a_name_leads_to_the_newest_version_of_data),
    spec(added_roots_are_static),
    spec(keys_without_names_are_refused),
    spec(statics_stay_when_the_module_lets_go),
    spec(code_of_a_failed_load_is_forgotten),
    spec(parked_chains_are_revived),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
