/* Scripts and modules: found, run, recorded (S25, S26). */
#include "lua/harness.h"

#include "temp.h"

static TempPath dir;

static int in_folder(void **state) {
  temp_make(dir);
  setup(state);
  loader_set_folder(vm, dir);
  return 0;
}

static int out_of_folder(void **state) {
  temp_remove(dir);
  return teardown(state);
}

#undef spec
#define spec(f) cmocka_unit_test_setup_teardown(f, in_folder, out_of_folder)

static const char *path_of(const char *name) {
  static char path[256];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  return path;
}

static void write_bytes(const char *name, const char *bytes, size_t len) {
  char path[256];
  snprintf(path, sizeof path, "%s", path_of(name));
  for (char *slash = strchr(path + strlen(dir) + 1, '/'); slash;
       slash = strchr(slash + 1, '/')) {
    *slash = 0;
    mkdir(path, 0700);
    *slash = '/';
  }
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(bytes, 1, len, f), len);
  fclose(f);
}

static void write_file(const char *name, const char *text) {
  write_bytes(name, text, strlen(text));
}

/* Runs a file of the folder: its results, or "raised: ...". */
static const char *run(const char *name) {
  static char text[4096];
  int status = loader_run_file(vm, path_of(name));
  if (lua_gettop(L) == 0) lua_pushnil(L);
  vm_push_error_text(L, -1);
  snprintf(text, sizeof text, "%s%s", status ? "raised: " : "",
           lua_tostring(L, -1));
  lua_settop(L, 0);
  return text;
}

#define assert_run(name, expected) assert_string_equal(run(name), expected)

static const Chunk *chunk_named(const char *name) {
  for (size_t i = loader_count(vm); i-- > 0;)
    if (strcmp(loader_at(vm, i)->name, name) == 0) return loader_at(vm, i);
  return NULL;
}

/* --- finding --- */

static void modules_are_found_in_the_apps_folder(void **state) {
  (void)state;
  write_file("app.lua", "return require('shop.db').name .. require 'cart' .. "
                        "select(2, require 'shop.db')");
  write_file("shop/db.lua", "return {name = ...}");
  write_file("cart/init.lua", "return 'C'");
  char expected[200];
  snprintf(expected, sizeof expected, "shop.dbC%s/shop/db.lua", dir);
  /* The second result of require is there only the first time. */
  write_file("app.lua", "local db, where = require('shop.db') "
                        "return db.name .. require 'cart' .. where");
  assert_run("app.lua", expected);
}

static void embedded_modules_come_first(void **state) {
  (void)state;
  write_file("stube.lua", "return 'file'");
  write_file("stube/flow.lua", "return 'file'");
  loader_add_embedded(vm, "stube",
                      SLICE("return 'embedded ' .. require 'stube.flow'"));
  loader_add_embedded(vm, "stube.flow", SLICE("return 'flow'"));
  assert_eval("return require 'stube'", "embedded flow");
  assert_non_null(chunk_named("stube/flow"));
}

static void the_path_comes_last(void **state) {
  (void)state;
  write_file("lib/only.lua", "return 'from the path'");
  write_file("lib/both.lua", "return 'from the path'");
  write_file("both.lua", "return 'from the folder'");
  char code[400];
  snprintf(code, sizeof code, "package.path = '%s/?.lua' return 1",
           path_of("lib"));
  assert_eval(code, "1");
  assert_eval("return require 'only'", "from the path");
  assert_eval("return require 'both'", "from the folder");
}

static void preloaded_and_custom_searchers_work(void **state) {
  (void)state;
  assert_eval(
      "package.preload.given = function(name, extra) return name .. extra end "
      "return require 'given'",
      "given:preload:");
  assert_eval(
      "table.insert(package.searchers, function(name) if name == 'odd' then "
      "return function(n, e) return n .. e end, '!' end return 'not odd' end) "
      "return require 'odd'",
      "odd!");
  assert_contains(eval("require 'missing'"), "not odd");
}

static void a_missing_module_says_where_it_was_sought(void **state) {
  (void)state;
  const char *text = eval("require 'shop.missing'");
  assert_contains(text, "raised: spec:1: module 'shop.missing' not found:");
  assert_contains(text, "no field package.preload['shop.missing']");
  assert_contains(text, path_of("shop/missing.lua'"));
  assert_contains(text, path_of("shop/missing/init.lua'"));
  assert_contains(text, "shop/missing.so'");
}

static void a_module_is_loaded_once(void **state) {
  (void)state;
  write_file("m.lua", "N = (N or 0) + 1 return {}");
  assert_eval("return require 'm' == require 'm' and N", "1");
  write_file("none.lua", "N = N + 1");
  assert_eval("return require 'none' == true and require 'none' == true and N",
              "2");
  write_file("sets.lua", "package.loaded[...] = 'set'");
  assert_eval("return require 'sets'", "set");
}

static void modules_that_require_each_other_are_an_error(void **state) {
  (void)state;
  write_file("a.lua", "require 'b'");
  write_file("b.lua", "require 'c'");
  write_file("c.lua", "require 'a'");
  assert_contains(eval("require 'a'"),
                  "modules require each other: a -> b -> c -> a");
  assert_contains(eval("require 'a'"),
                  "modules require each other"); /* and again */
  write_file("c.lua", "return 1");
  assert_eval("return require 'a'", "true");
}

/* --- failing --- */

static void errors_have_file_line_and_traceback(void **state) {
  (void)state;
  write_file("app.lua", "\nlocal m = require 'm'\n");
  write_file("m.lua",
             "local function helper()\n  error 'broken'\nend\nhelper()\n");
  assert_run("app.lua", "raised: m.lua:2: broken");
  assert_contains(traceback(), "m.lua:2: in local 'helper'");
  assert_contains(traceback(), "in function 'require'");
  assert_contains(traceback(), "app.lua:2: in main chunk");
  const char *once = strstr(traceback(), "'helper'");
  assert_null(strstr(once + 1, "'helper'"));
}

static void syntax_errors_have_file_and_line(void **state) {
  (void)state;
  write_file("app.lua", "local x = \n\n= 2");
  assert_run("app.lua", "raised: app.lua:3: unexpected symbol near '='");
  assert_int_equal(vm_traceback(vm).len, 0);
  write_file("app.lua", "require 'm'");
  write_file("m.lua", "x = = 2");
  assert_contains(run("app.lua"),
                  "error loading module 'm':\n\tm.lua:1: unexpected symbol");
}

static void a_file_that_cannot_be_read_is_an_error(void **state) {
  (void)state;
  assert_contains(run("absent.lua"), "raised: cannot open ");
  mkdir(path_of("folder.lua"), 0700);
  assert_contains(run("folder.lua"), "raised: cannot ");
}

static void a_file_may_be_as_large_as_its_maximum(void **state) {
  (void)state;
  size_t len = SOURCE_BYTES_MAX + 1;
  char *text = malloc(len);
  memset(text, ' ', len);
  memcpy(text, "return 'fits'", 13);
  write_bytes("app.lua", text, len - 1);
  assert_run("app.lua", "fits");
  write_bytes("app.lua", text, len);
  assert_contains(run("app.lua"), "larger than 16 MiB");
  free(text);
}

static void binary_files_are_refused(void **state) {
  (void)state;
  write_bytes("app.lua", LUA_SIGNATURE "T", 5);
  assert_contains(run("app.lua"),
                  "attempt to load a binary chunk (mode is 't')");
  assert_contains(eval("require 'app'"), "attempt to load a binary chunk");
}

static void a_failing_load_leaves_everything_as_it_was(void **state) {
  (void)state;
  write_file("good.lua", "return 'good'");
  write_file("kept.lua", "return 'kept'");
  write_file("app.lua", "require 'good' package.loaded.kept = 'changed' "
                        "package.loaded.table = nil require 'bad'");
  write_file("bad.lua", "require 'good' error 'bad'");
  assert_eval("return require 'kept'", "kept");
  size_t n = loader_count(vm);
  assert_contains(run("app.lua"), "bad.lua:1: bad");
  assert_int_equal(loader_count(vm), n);
  assert_eval("return package.loaded.good", "nil (error without a value)");
  assert_eval("return package.loaded.kept", "kept");
  assert_eval("return package.loaded.table == table", "true");
  assert_false(loader_is_loading(vm));
  write_file("bad.lua", "return 'fixed'");
  assert_run("app.lua", "nil (error without a value)");
  assert_int_equal(loader_count(vm), n + 3);
}

static void a_module_that_fails_inside_pcall_harms_only_itself(void **state) {
  (void)state;
  write_file(
      "app.lua",
      "require 'before' local ok = pcall(require, 'bad') require 'after' "
      "return tostring(ok) .. tostring(package.loaded.inner)");
  write_file("before.lua", "return 1");
  write_file("after.lua", "return 1");
  write_file("bad.lua", "require 'inner' error 'bad'");
  write_file("inner.lua", "return 1");
  assert_run("app.lua", "falsenil");
  assert_int_equal(loader_count(vm), 3);
  assert_non_null(chunk_named("before"));
  assert_non_null(chunk_named("after"));
  assert_null(chunk_named("inner"));
}

static void a_load_that_never_ends_is_ended_by_a_budget(void **state) {
  (void)state;
  write_file("app.lua", "while true do pcall(require, 'loop') end");
  write_file("loop.lua", "while true do end");
  const BudgetLimits limits = { 20, MIB(8) };
  budget_start(vm, &limits);
  assert_contains(run("app.lua"), "this turn took more than 20 ms");
  assert_int_equal(budget_stop(vm, NULL), DOOM_CPU);
  assert_int_equal(loader_count(vm), 0);
}

static void waiting_while_a_module_loads_says_so(void **state) {
  (void)state;
  write_file("m.lua", "wait()");
  lua_State *co = take();
  assert_start(co, "require 'm'",
               "failed: m.lua:1: cannot wait in a module that is being loaded");
  assert_start(co, "return wait()", "waits"); /* the ban is gone */
  assert_go_on(co, "1", "done: 1");
  give(co);
}

/* --- the record --- */

static void every_chunk_is_recorded(void **state) {
  (void)state;
  write_file("app.lua", "require 'shop.db' F = function() end");
  write_file("shop/db.lua", "-- a comment\nreturn {}");
  assert_run("app.lua", "nil (error without a value)");
  assert_int_equal(loader_count(vm), 2);
  const Chunk *app = loader_at(vm, 0), *db = loader_at(vm, 1);
  assert_string_equal(app->name, "app");
  assert_string_equal(app->path, path_of("app.lua"));
  assert_string_equal(db->name, "shop/db");
  assert_true(slice_is(db->source, "-- a comment\nreturn {}"));
  assert_non_null(app->proto);
  assert_memory_not_equal(app->digest, db->digest, DIGEST_BYTES);
}

static void a_digest_is_of_the_code_wherever_it_lies(void **state) {
  (void)state;
  uint8_t first[DIGEST_BYTES];
  write_file("app.lua", "local x = 1\nreturn x");
  run("app.lua");
  memcpy(first, loader_at(vm, 0)->digest, DIGEST_BYTES);
  run("app.lua"); /* a reload is a chunk of its own with the same digest */
  assert_int_equal(loader_count(vm), 2);
  assert_memory_equal(loader_at(vm, 1)->digest, first, DIGEST_BYTES);
  assert_ptr_not_equal(loader_at(vm, 1)->proto, loader_at(vm, 0)->proto);
  /* Elsewhere, in another Vm: the same. */
  write_file("elsewhere/app.lua", "local x = 1\nreturn x");
  Vm *other = vm_new();
  loader_open(other);
  loader_set_folder(other, path_of("elsewhere/"));
  assert_int_equal(loader_run_file(other, path_of("elsewhere/app.lua")),
                   LUA_OK);
  assert_memory_equal(loader_at(other, 0)->digest, first, DIGEST_BYTES);
  vm_free(other);
  write_file("app.lua", "local x = 2\nreturn x");
  run("app.lua");
  assert_memory_not_equal(loader_at(vm, 2)->digest, first, DIGEST_BYTES);
}

static void a_prototype_stays_though_nothing_else_holds_it(void **state) {
  (void)state;
  assert_int_equal(loader_run_text(vm, "app", SLICE("return 1")), LUA_OK);
  size_t with = (lua_settop(L, 0), lua_gc(L, LUA_GCCOLLECT), vm_bytes(vm));
  assert_int_equal(loader_run_text(vm, "app", SLICE("return 1")), LUA_OK);
  lua_settop(L, 0);
  lua_gc(L, LUA_GCCOLLECT);
  assert_true(vm_bytes(vm) >= with + 200); /* a Proto and its closure */
}

static void text_can_be_run_like_a_file(void **state) {
  (void)state;
  assert_int_equal(loader_run_text(vm, "repl", SLICE("return 1, 2, 3")),
                   LUA_OK);
  assert_int_equal(lua_gettop(L), 3);
  lua_settop(L, 0);
  assert_non_null(chunk_named("repl"));
  assert_int_equal(loader_run_text(vm, "repl", SLICE("\nerror 'E'")),
                   LUA_ERRRUN);
  assert_string_equal(lua_tostring(L, -1), "repl:2: E");
  lua_settop(L, 0);
  assert_int_equal(loader_run_text(vm, "empty", (Slice){ 0 }), LUA_OK);
  assert_int_equal(lua_gettop(L), 0);
}

static void a_script_may_begin_as_unix_likes_it(void **state) {
  (void)state;
  write_file("app.lua", "\xef\xbb\xbf#!/usr/bin/env stube\nerror 'two'");
  assert_run("app.lua", "raised: app.lua:2: two");
  write_file("app.lua", "#only");
  assert_run("app.lua", "nil (error without a value)");
  write_file("app.lua", "");
  assert_run("app.lua", "nil (error without a value)");
}

static void loading_is_known_while_it_lasts(void **state) {
  (void)state;
  write_file("app.lua",
             "setmetatable({}, {__gc = function() end}) require 'm' "
             "setmetatable({}, {__gc = function() end}) return 'both'");
  write_file("m.lua", "setmetatable({}, {__gc = function() end})");
  assert_false(loader_is_loading(vm));
  assert_run("app.lua", "both");
  assert_false(loader_is_loading(vm));
}

/* --- old code beside new --- */

/* What a store would keep: the chunks of the scripts that ran, as bytes. */
static struct {
  uint8_t digest[DIGEST_BYTES];
  Buf bytes;
} kept[32];
static size_t n_kept;

static void keep_code(void) {
  for (size_t i = 0; i < loader_count(vm); i++) {
    const Chunk *c = loader_at(vm, i);
    memcpy(kept[n_kept].digest, c->digest, DIGEST_BYTES);
    chunk_write(c, &kept[n_kept++].bytes);
  }
}

static int forget_code(void **state) {
  while (n_kept) buf_free(&kept[--n_kept].bytes);
  return out_of_folder(state);
}

static bool find_kept(void *ud, lua_State *at, const uint8_t *digest) {
  (void)ud;
  for (size_t i = 0; i < n_kept; i++) {
    if (memcmp(kept[i].digest, digest, DIGEST_BYTES) != 0) continue;
    lua_pushlstring(at, kept[i].bytes.ptr, kept[i].bytes.len);
    return true;
  }
  return false;
}

static const uint8_t *kept_digest(const char *name) {
  for (size_t i = 0; i < n_kept; i++) {
    Chunk c;
    assert_int_equal(chunk_read(buf_view(&kept[i].bytes), &c), OK);
    free(c.needs);
    if (strcmp(c.name, name) == 0) return kept[i].digest;
  }
  fail_msg("no %s was kept", name);
  return NULL;
}

/* Another process: nothing is loaded. */
static void new_vm(void) {
  vm_free(vm);
  setup(NULL);
  loader_set_folder(vm, dir);
}

static void write_shop(const char *util, const char *app) {
  write_file("util.lua", util);
  write_file("shop/db.lua", "local u = require 'util' return { u = u, n = 1 }");
  write_file("plain.lua", "return { plain = true }");
  write_file("app.lua", app);
}

static const char app_v1[] =
    "local db, plain = require 'shop.db', require 'plain'\n"
    "version = 1\n"
    "registered = (registered or 0) + 1\n"
    "return { db = db, plain = plain, get = function() return version end }";
static const char app_v2[] =
    "local db, plain = require 'shop.db', require 'plain'\n"
    "version = 2\n"
    "return 'v2'";

/* Revives the kept app.lua and pushes what it returned. */
static void revive_app(void) {
  const uint8_t *digest = kept_digest("app");
  if (loader_revive(vm, digest, find_kept, NULL) != LUA_OK)
    fail_msg("%s", lua_tostring(L, -1));
  assert_int_equal(lua_gettop(L), 0);
  const Chunk *c = chunk_named("app");
  assert_true(c->is_old);
  assert_memory_equal(c->digest, digest, DIGEST_BYTES);
  loader_push_old(L, c);
}

static void old_code_gets_the_modules_it_was_built_on(void **state) {
  (void)state;
  write_shop("return 'old util'", app_v1);
  run("app.lua");
  keep_code();
  write_shop("return 'new util'", app_v2);
  new_vm();
  assert_run("app.lua", "v2");
  revive_app();
  lua_setglobal(L, "old");
  assert_string_equal(
      eval("return old.db.u .. ', ' .. require 'shop.db'.u .. ', ' ..\n"
           "tostring(old.plain == require 'plain')"),
      "old util, new util, true");
}

static void old_code_writes_globals_of_its_own(void **state) {
  (void)state;
  write_shop("return 1", app_v1);
  run("app.lua");
  keep_code();
  write_shop("return 1", app_v2);
  new_vm();
  run("app.lua");
  revive_app();
  lua_setglobal(L, "old");
  assert_string_equal(eval("return version .. ' ' .. old.get() .. ' ' ..\n"
                           "tostring(registered)"),
                      "2 1 nil");
}

static void old_modules_can_be_what_require_gives(void **state) {
  (void)state;
  write_shop("return 'old util'", app_v1);
  run("app.lua");
  keep_code();
  write_shop("return 'new util'", app_v2);
  new_vm();
  loader_prefer_old(vm);
  revive_app();
  lua_setglobal(L, "old");
  assert_string_equal(eval("return require 'shop.db'.u .. ' ' ..\n"
                           "tostring(require 'shop.db' == old.db)"),
                      "old util true");
}

static void code_is_found_by_digest_and_by_name(void **state) {
  (void)state;
  write_shop("return 1", app_v1);
  run("app.lua");
  const Chunk *db = loader_named(vm, SLICE("shop.db"));
  assert_non_null(db);
  assert_ptr_equal(loader_named(vm, SLICE("shop/db")), db);
  assert_ptr_equal(loader_find(vm, db->digest), db);
  assert_ptr_equal(loader_named(vm, SLICE("app")), chunk_named("app"));
  assert_null(loader_named(vm, SLICE("shop")));
  uint8_t other[DIGEST_BYTES] = { 1 };
  assert_null(loader_find(vm, other));
  lua_settop(L, 0);
}

static void a_module_that_changed_changes_what_requires_it(void **state) {
  (void)state;
  write_shop("return 1", app_v1);
  run("app.lua");
  keep_code();
  write_shop("return 2", app_v1);
  new_vm();
  run("app.lua");
  const char *const changed[] = { "app", "shop/db", "util" };
  for (size_t i = 0; i < countof(changed); i++)
    assert_memory_not_equal(chunk_named(changed[i])->digest,
                            kept_digest(changed[i]), DIGEST_BYTES);
  assert_memory_equal(chunk_named("plain")->digest, kept_digest("plain"),
                      DIGEST_BYTES);
}

static void code_that_cannot_be_had_is_an_error_and_nothing_is_kept(
    void **state) {
  (void)state;
  write_shop("return 'old util'", app_v1);
  run("app.lua");
  keep_code();
  uint8_t app[DIGEST_BYTES];
  memcpy(app, kept_digest("app"), sizeof app);
  write_shop("return 'new util'", app_v2);
  new_vm();
  run("app.lua");
  size_t n = loader_count(vm);
  for (size_t i = 0; i < n_kept; i++) /* util's is lost */
    if (memcmp(kept[i].digest, kept_digest("util"), DIGEST_BYTES) == 0) {
      buf_free(&kept[i].bytes);
      kept[i] = kept[--n_kept];
      kept[n_kept].bytes = (Buf){ 0 };
      break;
    }
  assert_int_not_equal(loader_revive(vm, app, find_kept, NULL), LUA_OK);
  assert_contains(lua_tostring(L, -1), "module 'util'");
  assert_contains(lua_tostring(L, -1), "not in the store");
  lua_settop(L, 0);
  assert_int_equal(loader_count(vm), n);
  assert_false(loader_is_reviving(vm));
}

static void kept_bytes_that_are_damaged_are_refused(void **state) {
  (void)state;
  write_shop("return 1", app_v1);
  run("app.lua");
  keep_code();
  new_vm();
  for (size_t i = 0; i < n_kept; i++) {
    Chunk c;
    Slice whole = buf_view(&kept[i].bytes);
    for (size_t len = 0; len < whole.len; len++)
      assert_int_equal(chunk_read(slice(whole.ptr, len), &c), ERR_BAD_INPUT);
    if (memcmp(kept[i].digest, kept_digest("plain"), DIGEST_BYTES) == 0)
      kept[i].bytes.ptr[whole.len - 2] = '}';
  }
  assert_int_not_equal(loader_revive(vm, kept_digest("plain"), find_kept, NULL),
                       LUA_OK);
  lua_settop(L, 0);
}

#define revival(f) cmocka_unit_test_setup_teardown(f, in_folder, forget_code)

int main(void) {
  const struct CMUnitTest tests[] = {
    spec(modules_are_found_in_the_apps_folder),
    spec(embedded_modules_come_first),
    spec(the_path_comes_last),
    spec(preloaded_and_custom_searchers_work),
    spec(a_missing_module_says_where_it_was_sought),
    spec(a_module_is_loaded_once),
    spec(modules_that_require_each_other_are_an_error),
    spec(errors_have_file_line_and_traceback),
    spec(syntax_errors_have_file_and_line),
    spec(a_file_that_cannot_be_read_is_an_error),
    spec(a_file_may_be_as_large_as_its_maximum),
    spec(binary_files_are_refused),
    spec(a_failing_load_leaves_everything_as_it_was),
    spec(a_module_that_fails_inside_pcall_harms_only_itself),
    spec(a_load_that_never_ends_is_ended_by_a_budget),
    spec(waiting_while_a_module_loads_says_so),
    spec(every_chunk_is_recorded),
    spec(a_digest_is_of_the_code_wherever_it_lies),
    spec(a_prototype_stays_though_nothing_else_holds_it),
    spec(text_can_be_run_like_a_file),
    spec(a_script_may_begin_as_unix_likes_it),
    spec(loading_is_known_while_it_lasts),
    revival(old_code_gets_the_modules_it_was_built_on),
    revival(old_code_writes_globals_of_its_own),
    revival(old_modules_can_be_what_require_gives),
    revival(code_is_found_by_digest_and_by_name),
    revival(a_module_that_changed_changes_what_requires_it),
    revival(code_that_cannot_be_had_is_an_error_and_nothing_is_kept),
    revival(kept_bytes_that_are_damaged_are_refused),
  };
  return cmocka_run_group_tests_name("lua/loader", tests, NULL, NULL);
}
