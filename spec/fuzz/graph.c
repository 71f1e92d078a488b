/* Graphs out of libFuzzer's hands: what is refused is refused in words, what is
 * accepted can be saved again, goes on, is closed and collected, and none of it
 * crashes, leaks or takes a second. */
#include "fuzz.h"

enum { WAITS_MAX = 6 }; /* times that one task is resumed */

static Host h;
static unsigned runs, accepted;

static const char *const files[] = { "shapes", "language", "events" };

static void renew(void) {
  if (h.vm) host_close(&h);
  h = host_open();
  tame(h.L);
  for (size_t i = 0; i < countof(files); i++) {
    char path[64];
    snprintf(path, sizeof path, "spec/c/persist/%s.lua", files[i]);
    load_script(&h, path, files[i]);
  }
  persist_collect(h.persist);
  if (in_generations(runs)) lua_gc(h.L, LUA_GCGEN, 0, 0);
}

/* What was accepted can be saved, unless it says why not; what was saved can be
 * read. */
static void save_again(void) {
  Buf again = { .max = KIB(64) };
  Err e = persist_encode(h.persist, h.L, 1, &again);
  if (e)
    ASSERT(lua_rawlen(h.L, -1) > 0);
  else if (persist_decode(h.persist, h.L, buf_view(&again)))
    die("what was saved is refused: %s", lua_tostring(h.L, -1));
  lua_settop(h.L, 1);
  buf_free(&again);
}

static void go_on(lua_State *co) {
  int n = 0, nresults;
  while (n < WAITS_MAX && lua_status(co) == LUA_YIELD && coro_is_parked(co) &&
         lua_checkstack(co, 4)) {
    lua_pushboolean(co, n != 4);
    lua_pushinteger(co, ++n);
    if (coro_run(h.vm, co, 2, &nresults) != CORO_WAITS) return;
    if (n == 1) save_again();
  }
  coro_close(h.vm, co);
}

/* Goes on with the first coroutine of the root, which is in slot 1. */
static void use(void) {
  accepted++;
  save_again();
  BudgetLimits limits = { .cpu_ms = CPU_MS, .memory = MIB(4) };
  budget_start(h.vm, &limits);
  for (lua_pushnil(h.L); lua_next(h.L, 1); lua_settop(h.L, 2)) {
    lua_State *co = lua_tothread(h.L, 3);
    if (!co || lua_status(co) != LUA_YIELD) continue;
    lua_copy(h.L, 3, 2);
    lua_settop(h.L, 2);
    go_on(co);
    break;
  }
  budget_stop(h.vm, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (runs++ % RENEW_EVERY == 0) renew();
  char *bytes = xmalloc(size ? size : 1); /* so that ASan sees the end */
  memcpy(bytes, data, size);
  exchange_digests(h.vm, bytes, size, false);
  Err e = persist_decode(h.persist, h.L, slice(bytes, size));
  free(bytes);
  ASSERT(lua_gettop(h.L) == 1);
  if (e)
    ASSERT(lua_rawlen(h.L, 1) > 0);
  else
    use();
  lua_settop(h.L, 0);
  collect(h.L, runs);
  return 0;
}

/* --- seeds: each shape at some of its first waits --- */

static void write_seeds_of(const char *file, const char *folder) {
  lua_getglobal(h.L, file);
  for (lua_pushnil(h.L); lua_next(h.L, 1); lua_settop(h.L, 2)) {
    lua_State *co = coro_take(h.vm);
    lua_insert(h.L, 3);
    lua_xmove(h.L, co, 1);
    int n = 0, nresults;
    Buf bytes = { 0 };
    while (n < 8 && coro_run(h.vm, co, n ? 2 : 0, &nresults) == CORO_WAITS) {
      lua_newtable(h.L);
      lua_pushvalue(h.L, 3);
      lua_setfield(h.L, -2, "task");
      encode_ok(&h, &bytes);
      if ((n & (n - 1)) == 0)
        write_seed(h.vm, folder, lua_tostring(h.L, 2), n, buf_view(&bytes));
      lua_pushboolean(co, 1);
      lua_pushinteger(co, ++n);
    }
    buf_free(&bytes);
  }
  lua_settop(h.L, 0);
}

static void write_seeds(const char *folder) {
  renew();
  for (size_t i = 0; i < countof(files); i++) write_seeds_of(files[i], folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc, (void)argv;
  const char *folder = getenv("FUZZ_SEEDS");
  if (!folder) return 0;
  write_seeds(folder);
  host_close(&h);
  exit(0);
}
