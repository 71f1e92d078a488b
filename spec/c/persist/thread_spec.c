/* Each shape of the files below runs once untouched;
 * then again, saved at every wait, and goes on revived: in its own Vm, in a
 * fresh one, under a busy collector. */
#include "harness.h"

enum { WAITS_MAX = 4000, OUT_MAX = 8192 };

typedef enum Mode {
  MODE_UNTOUCHED,
  MODE_SAVED, /* saved at each wait, but the original goes on */
  MODE_SAME_VM,
  MODE_FRESH_VM,
  MODE_BUSY, /* a full collection at each wait, an eager incremental one between
              */
  MODE_GENERATIONS,
} Mode;

static const char *const files[] = {
  "spec/c/persist/shapes.lua", "spec/c/persist/language.lua",
  "spec/c/persist/events.lua",
  "spec/c/persist/big.lua", /* gives the text of a script */
};

/* One file at a time: most of a fresh Vm's time goes into reading it. */
static Host open_with_shapes(const char *file) {
  Host h = host_open();
  if (loader_run_file(h.vm, file) != LUA_OK)
    fail_msg("%s", lua_tostring(h.L, -1));
  if (lua_isstring(h.L, -1) &&
      loader_run_text(h.vm, "big", slice_str(lua_tostring(h.L, -1))) != LUA_OK)
    fail_msg("%s", lua_tostring(h.L, -1));
  lua_setglobal(h.L, "shapes");
  lua_settop(h.L, 0);
  persist_collect(h.persist);
  return h;
}

static void append_results(lua_State *co, int n, Buf *out) {
  for (int i = -n; i < 0; i++) {
    size_t len;
    const char *s = luaL_tolstring(co, i, &len);
    if (lua_type(co, i - 1) == LUA_TFUNCTION ||
        lua_type(co, i - 1) == LUA_TTABLE)
      s = "?", len = 1;
    buf_put(out, s, len);
    buf_puts(out, "\n");
    lua_pop(co, 1);
  }
}

/* Pushes { task = co } and encodes it. */
static void save(Host *h, lua_State *co, Buf *bytes, const char *name) {
  lua_newtable(h->L);
  lua_pushthread(co);
  lua_xmove(co, h->L, 1);
  lua_setfield(h->L, -2, "task");
  buf_clear(bytes);
  if (persist_encode(h->persist, h->L, -1, bytes) != OK)
    fail_msg("%s: encode: %s", name, lua_tostring(h->L, -1));
  lua_pop(h->L, 1);
}

/* Revives the task and anchors it in slot 1. */
static lua_State *revive(Host *h, const Buf *bytes, const char *name) {
  lua_settop(h->L, 0);
  if (persist_decode(h->persist, h->L, buf_view(bytes)) != OK)
    fail_msg("%s: decode: %s", name, lua_tostring(h->L, -1));
  lua_getfield(h->L, -1, "task");
  lua_replace(h->L, 1);
  lua_settop(h->L, 1);
  return lua_tothread(h->L, 1);
}

/* Runs a shape to its end; its results as text. */
static void run_shape(const char *file, const char *name, Mode mode, Host *h,
                      Buf *out) {
  Buf bytes = { 0 }, again = { 0 };
  lua_State *co = coro_take(h->vm);
  lua_getglobal(h->L, "shapes");
  lua_getfield(h->L, -1, name);
  lua_xmove(h->L, co, 1);
  lua_settop(h->L, 1);
  int n = 0, nresults;
  if (mode == MODE_BUSY) lua_gc(h->L, LUA_GCINC, 1, 1000, 1);
  if (mode == MODE_GENERATIONS) lua_gc(h->L, LUA_GCGEN, 1, 1);
  CoroStatus s = coro_run(h->vm, co, 0, &nresults);
  while (s == CORO_WAITS) {
    if (n == WAITS_MAX) fail_msg("%s does not end", name);
    if (mode != MODE_UNTOUCHED) save(h, co, &bytes, name);
    if (mode == MODE_FRESH_VM) {
      lua_settop(h->L, 0);
      host_close(h);
      *h = open_with_shapes(file);
    }
    if (mode >= MODE_SAME_VM) {
      co = revive(h, &bytes, name);
      save(h, co, &again, name);
      if (!slice_eq(buf_view(&bytes), buf_view(&again)) &&
          strcmp(name, "pairs_object_keys") != 0)
        fail_msg("%s: saved again it has other bytes (%zu, %zu)", name,
                 bytes.len, again.len);
    }
    if (mode >= MODE_BUSY) lua_gc(h->L, LUA_GCCOLLECT);
    lua_pushboolean(co, 1);
    lua_pushinteger(co, ++n);
    s = coro_run(h->vm, co, 2, &nresults);
  }
  if (s == CORO_FAILED) fail_msg("%s failed: %s", name, lua_tostring(co, -1));
  append_results(co, nresults, out);
  buf_printf(out, "%d waits", n);
  lua_gc(h->L, LUA_GCINC, 200, 100, 13);
  lua_settop(h->L, 0);
  buf_free(&bytes);
  buf_free(&again);
}

typedef struct Shapes {
  char names[400][56];
  int n;
} Shapes;

static int by_name(const void *a, const void *b) { return strcmp(a, b); }

static void list_shapes(Host *h, Shapes *s) {
  s->n = 0;
  lua_getglobal(h->L, "shapes");
  lua_pushnil(h->L);
  while (lua_next(h->L, -2)) {
    assert_true(s->n < (int)countof(s->names));
    snprintf(s->names[s->n++], sizeof s->names[0], "%s",
             lua_tostring(h->L, -2));
    lua_pop(h->L, 1);
  }
  lua_settop(h->L, 0);
  qsort(s->names, (size_t)s->n, sizeof s->names[0], by_name);
}

static int run_file_in(Mode mode, const char *file) {
  static Shapes shapes;
  const char *only = getenv("SHAPE");
  Host plain = open_with_shapes(file), h = open_with_shapes(file);
  list_shapes(&plain, &shapes);
  for (int i = 0; i < shapes.n; i++) {
    const char *name = shapes.names[i];
    if (only && strcmp(only, name) != 0) continue;
    /* A module's own variables are the host's: another host has its own. */
    if (mode == MODE_FRESH_VM && strcmp(name, "module_state") == 0) continue;
    Buf expected = { 0 }, got = { 0 };
    run_shape(file, name, MODE_UNTOUCHED, &plain, &expected);
    run_shape(file, name, mode, &h, &got);
    if (!slice_eq(buf_view(&expected), buf_view(&got)))
      fail_msg("%s: expected\n%.*s\nbut got\n%.*s", name, (int)expected.len,
               expected.ptr, (int)got.len, got.ptr);
    buf_free(&expected);
    buf_free(&got);
  }
  host_close(&plain);
  host_close(&h);
  return shapes.n;
}

static void run_all(Mode mode) {
  int n = 0;
  for (size_t i = 0; i < countof(files); i++) n += run_file_in(mode, files[i]);
  assert_true(n > 200);
}

static void shapes_are_unchanged_by_saving(void **s) {
  (void)s;
  run_all(MODE_SAVED);
}
static void shapes_go_on_in_their_vm(void **s) {
  (void)s;
  run_all(MODE_SAME_VM);
}
static void shapes_go_on_in_a_fresh_vm(void **s) {
  (void)s;
  run_all(MODE_FRESH_VM);
}
static void shapes_go_on_under_a_busy_collector(void **s) {
  (void)s;
  run_all(MODE_BUSY);
}
static void shapes_go_on_in_generations(void **s) {
  (void)s;
  run_all(MODE_GENERATIONS);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(shapes_are_unchanged_by_saving),
    cmocka_unit_test(shapes_go_on_in_their_vm),
    cmocka_unit_test(shapes_go_on_in_a_fresh_vm),
    cmocka_unit_test(shapes_go_on_under_a_busy_collector),
    cmocka_unit_test(shapes_go_on_in_generations),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
