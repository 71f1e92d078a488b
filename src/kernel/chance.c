/* What code gets of chance and of time (S44): in a turn, math.random draws from
 * the conversation's own generator, and os.time and os.date go by the time of
 * the turn. So a turn can be played again. */
#include <lauxlib.h>
#include <lua.h>

#include "kernel/state.h"

static uint64_t rotl(uint64_t x, int n) { return (x << n) | (x >> (64 - n)); }

/* xoshiro256**, as Lua's own. */
static uint64_t next(uint64_t s[4]) {
  uint64_t result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotl(s[3], 45);
  return result;
}

void chance_bytes(Kernel *k, void *out, size_t len) {
  uint8_t *at = out;
  if (!k->app) {
    random_bytes(out, len);
    return;
  }
  for (uint64_t word; len; at += sizeof word) {
    size_t n = len < sizeof word ? len : sizeof word;
    word = next(k->random);
    memcpy(at, &word, n);
    len -= n;
  }
}

/* --- chance --- */

static uint64_t *generator(Kernel *k) {
  return k->in_turn ? k->turn.conv->random : k->random;
}

/* A number of [0, n], all equally likely. */
static uint64_t project(uint64_t s[4], uint64_t n) {
  uint64_t mask = n;
  for (int i = 1; i < 64; i *= 2) mask |= mask >> i;
  uint64_t v;
  while ((v = next(s) & mask) > n) continue;
  return v;
}

/* math.random([m [, n]]) of the conversation that runs. */
static int f_random(lua_State *L) {
  uint64_t *s = generator(kernel_of(L));
  lua_Integer low = 1, high;
  switch (lua_gettop(L)) {
  case 0: lua_pushnumber(L, (lua_Number)(next(s) >> 11) * 0x1p-53); return 1;
  case 1:
    high = luaL_checkinteger(L, 1);
    if (high == 0) {
      lua_pushinteger(L, (lua_Integer)next(s));
      return 1;
    }
    break;
  default: low = luaL_checkinteger(L, 1); high = luaL_checkinteger(L, 2);
  }
  luaL_argcheck(L, low <= high, lua_gettop(L), "interval is empty");
  uint64_t range = (uint64_t)high - (uint64_t)low;
  lua_pushinteger(L, (lua_Integer)(project(s, range) + (uint64_t)low));
  return 1;
}

/* math.randomseed([x]): the same x gives the same numbers. */
static int f_randomseed(lua_State *L) {
  Kernel *k = kernel_of(L);
  uint64_t *s = generator(k);
  if (lua_isnoneornil(L, 1)) {
    chance_bytes(k, s, 4 * sizeof *s);
    return 0;
  }
  s[0] = (uint64_t)luaL_checknumber(L, 1);
  s[1] = 0xff;
  s[2] = s[3] = 0;
  for (int i = 0; i < 16; i++) next(s);
  return 0;
}

/* --- time; the upvalue is Lua's own function --- */

static int original(lua_State *L) {
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, 1);
  return 1;
}

/* os.time([table]): the time of the turn when there is one. */
static int f_time(lua_State *L) {
  const Kernel *k = kernel_of(L);
  if (!lua_isnoneornil(L, 1) || !k || !k->in_turn) return original(L);
  lua_pushinteger(L, (lua_Integer)(k->now / 1000));
  return 1;
}

/* os.date([format [, time]]): likewise. */
static int f_date(lua_State *L) {
  const Kernel *k = kernel_of(L);
  if (!lua_isnoneornil(L, 2) || !k || !k->in_turn) return original(L);
  lua_settop(L, 1);
  if (lua_isnil(L, 1)) lua_pushliteral(L, "%c"), lua_replace(L, 1);
  lua_pushinteger(L, (lua_Integer)(k->now / 1000));
  return original(L);
}

static void wrap(lua_State *L, const char *name, lua_CFunction f) {
  lua_getfield(L, -1, name);
  lua_pushcclosure(L, f, 1);
  lua_setfield(L, -2, name);
}

void chance_open(lua_State *L) {
  lua_getglobal(L, "math");
  wrap(L, "random", f_random);
  wrap(L, "randomseed", f_randomseed);
  lua_pop(L, 1);
  lua_getglobal(L, "os");
  wrap(L, "time", f_time);
  wrap(L, "date", f_date);
  lua_pop(L, 1);
}
