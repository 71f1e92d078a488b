/* Damaged graphs are refused or accepted, but never crash the host: neither
 * when they are read nor when what was accepted goes on. FLIPS=n tries n
 * damages a save. */
#include "harness.h"

#include "lua/budget.h"

enum { SAVES_MAX = 2000, WAITS_EACH = 3 };

static Host h;
static Buf saves[SAVES_MAX];
static int nsaves;

static uint64_t seed = 88172645463325252u;
static uint32_t dice(uint32_t n) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return (uint32_t)(seed >> 11) % n;
}

/* Saves a waiting task. */
static void keep(lua_State *co, const char *name) {
  if (nsaves == SAVES_MAX) return;
  lua_newtable(h.L);
  lua_pushthread(co);
  lua_xmove(co, h.L, 1);
  lua_setfield(h.L, -2, "task");
  if (persist_encode(h.persist, h.L, -1, &saves[nsaves++]) != OK)
    fail_msg("%s: %s", name, lua_tostring(h.L, -1));
  lua_pop(h.L, 1);
}

/* What to damage: each shape at its first waits. */
static int open_saves(void **state) {
  (void)state;
  h = host_open();
  if (loader_run_file(h.vm, "spec/c/persist/shapes.lua") != LUA_OK)
    fail_msg("%s", lua_tostring(h.L, -1));
  lua_setglobal(h.L, "shapes");
  lua_settop(h.L, 0);
  persist_collect(h.persist);
  lua_getglobal(h.L, "shapes");
  lua_pushnil(h.L);
  while (lua_next(h.L, 1)) { /* shapes name shape */
    lua_State *co = coro_take(h.vm);
    lua_pushvalue(h.L, -2);
    lua_xmove(h.L, co, 1);
    int n = 0, nresults;
    while (n < WAITS_EACH &&
           coro_run(h.vm, co, n ? 2 : 0, &nresults) == CORO_WAITS) {
      keep(co, lua_tostring(h.L, 2));
      lua_pushboolean(co, 1);
      lua_pushinteger(co, ++n);
    }
    lua_settop(h.L, 2);
  }
  lua_settop(h.L, 0);
  return 0;
}

static int close_saves(void **state) {
  (void)state;
  host_close(&h);
  for (int i = 0; i < nsaves; i++) buf_free(&saves[i]);
  return 0;
}

/* Goes on with the task until it ends, fails or has waited often enough. */
static void go_on(void) {
  lua_getfield(h.L, 1, "task");
  lua_State *co = lua_tothread(h.L, -1);
  BudgetLimits limits = { .cpu_ms = 20, .memory = MIB(4) };
  budget_start(h.vm, &limits);
  int n = 0, nresults;
  if (co && lua_status(co) == LUA_YIELD && coro_is_parked(co)) {
    do {
      if (!lua_checkstack(co, 4)) break;
      lua_pushboolean(co, 1);
      lua_pushinteger(co, ++n);
    } while (coro_run(h.vm, co, 2, &nresults) == CORO_WAITS && n < 8);
  }
  budget_stop(h.vm, NULL);
  lua_settop(h.L, 0);
}

typedef void Damage(Buf *copy);

static void flip_bit(Buf *b) {
  b->ptr[dice((uint32_t)b->len)] ^= (char)(1 << dice(8));
}
static void set_byte(Buf *b) {
  b->ptr[dice((uint32_t)b->len)] = (char)dice(256);
}
static void step_byte(Buf *b) {
  char *c = &b->ptr[dice((uint32_t)b->len)];
  *c = (char)(*c + (dice(2) ? 1 : -1));
}
static void swap_bytes(Buf *b) {
  uint32_t i = dice((uint32_t)b->len), k = dice((uint32_t)b->len);
  char c = b->ptr[i];
  b->ptr[i] = b->ptr[k];
  b->ptr[k] = c;
}
static void remove_byte(Buf *b) {
  uint32_t i = dice((uint32_t)b->len);
  memmove(b->ptr + i, b->ptr + i + 1, b->len - i - 1);
  b->len--;
}
static void copy_bytes(Buf *b) {
  uint32_t i = dice((uint32_t)b->len), k = dice((uint32_t)b->len), n = dice(12);
  while (n-- > 0 && i + n < b->len && k + n < b->len)
    b->ptr[i + n] = b->ptr[k + n];
}

static void survive(Damage *damage, int times) {
  int accepted = 0;
  const char *flips = getenv("FLIPS");
  if (flips) times = atoi(flips);
  for (int i = 0; i < nsaves; i++)
    for (int k = 0; k < times; k++) {
      Buf copy = { 0 };
      buf_slice(&copy, buf_view(&saves[i]));
      damage(&copy);
      if (dice(3) == 0) damage(&copy);
      char *exact = malloc(copy.len); /* so that ASan sees the end */
      memcpy(exact, copy.ptr, copy.len);
      Err e = persist_decode(h.persist, h.L, slice(exact, copy.len));
      free(exact);
      buf_free(&copy);
      assert_int_equal(lua_gettop(h.L), 1);
      if (e == OK) {
        accepted++;
        go_on();
      }
      lua_settop(h.L, 0);
      if (k % 16 == 0) lua_gc(h.L, LUA_GCCOLLECT);
    }
  if (getenv("FLIPS")) printf("%d of %d accepted\n", accepted, nsaves * times);
}

static void flipped_bits_do_no_harm(void **s) {
  (void)s;
  survive(flip_bit, 24);
}
static void other_bytes_do_no_harm(void **s) {
  (void)s;
  survive(set_byte, 16);
}
static void neighbouring_bytes_do_no_harm(void **s) {
  (void)s;
  survive(step_byte, 24);
}
static void swapped_bytes_do_no_harm(void **s) {
  (void)s;
  survive(swap_bytes, 8);
}
static void missing_bytes_do_no_harm(void **s) {
  (void)s;
  survive(remove_byte, 8);
}
static void repeated_bytes_do_no_harm(void **s) {
  (void)s;
  survive(copy_bytes, 8);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(flipped_bits_do_no_harm),
    cmocka_unit_test(other_bytes_do_no_harm),
    cmocka_unit_test(neighbouring_bytes_do_no_harm),
    cmocka_unit_test(swapped_bytes_do_no_harm),
    cmocka_unit_test(missing_bytes_do_no_harm),
    cmocka_unit_test(repeated_bytes_do_no_harm),
  };
  return cmocka_run_group_tests(tests, open_saves, close_saves);
}
