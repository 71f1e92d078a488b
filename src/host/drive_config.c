/* What a spec sets through `stube.drive`: limits of the kernel, and the log. */
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>

#include "base/limits.h"
#include "host/drive.h"
#include "host/host.h"

/* hot(n): how many conversations stay in Lua's memory; without a number, the
 * default. */
static int f_hot(lua_State *L) {
  Host *h = drive_host(L);
  h->kernel_config.hot_max = (size_t)luaL_optinteger(L, 1, CONV_HOT_MAX);
  kernel_configure(h->kernel, &h->kernel_config);
  return 0;
}

/* budget(ms): the CPU a turn may use; without a number, the default. */
static int f_budget(lua_State *L) {
  Host *h = drive_host(L);
  h->kernel_config.budget.cpu_ms = (uint64_t)luaL_optinteger(L, 1, TURN_CPU_MS);
  kernel_configure(h->kernel, &h->kernel_config);
  return 0;
}

/* production(bool): as with --prod. */
static int f_production(lua_State *L) {
  Host *h = drive_host(L);
  h->kernel_config.development = !lua_toboolean(L, 1);
  kernel_configure(h->kernel, &h->kernel_config);
  return 0;
}

/* watch(bool): warnings of variables that turns set, which specs do. */
static int f_watch(lua_State *L) {
  Host *h = drive_host(L);
  h->kernel_config.watches_variables = lua_toboolean(L, 1);
  kernel_configure(h->kernel, &h->kernel_config);
  return 0;
}

/* event_rate(n): events a second of one conversation; 0: any. */
static int f_event_rate(lua_State *L) {
  Host *h = drive_host(L);
  h->kernel_config.event_rate = (uint32_t)luaL_checkinteger(L, 1);
  kernel_configure(h->kernel, &h->kernel_config);
  return 0;
}

/* history(turns, bytes): what one conversation's may hold; the defaults. */
static int f_history(lua_State *L) {
  Host *h = drive_host(L);
  h->kernel_config.history_turns = (uint32_t)luaL_optinteger(L, 1,
                                                             HISTORY_TURNS_MAX);
  h->kernel_config.history_bytes = (size_t)luaL_optinteger(L, 2,
                                                           HISTORY_BYTES_MAX);
  kernel_configure(h->kernel, &h->kernel_config);
  return 0;
}

/* log(level): "error" lines of failed turns would drown a spec's output. */
static int f_log(lua_State *L) {
  drive_host(L)->log.level = lua_toboolean(L, 1) ? LOG_INFO : LOG_OFF;
  return 0;
}

/* logged(f) -> what is logged while f runs. */
static int f_logged(lua_State *L) {
  Log *log = &drive_host(L)->log, was = *log;
  luaL_checktype(L, 1, LUA_TFUNCTION);
  FILE *file = tmpfile();
  if (!file) return luaL_error(L, "no temporary file");
  lua_settop(L, 1);
  *log = (Log){ .level = LOG_DEBUG, .fd = fileno(file) };
  int status = lua_pcall(L, 0, 0, 0);
  *log = was;
  char text[8192];
  rewind(file);
  size_t n = fread(text, 1, sizeof text, file);
  fclose(file);
  if (status != LUA_OK) return lua_error(L);
  lua_pushlstring(L, text, n);
  return 1;
}

void drive_config_open(lua_State *L, Host *h) {
  static const luaL_Reg functions[] = {
    { "hot", f_hot },
    { "budget", f_budget },
    { "watch", f_watch },
    { "production", f_production },
    { "event_rate", f_event_rate },
    { "history", f_history },
    { "log", f_log },
    { "logged", f_logged },
    { NULL, NULL },
  };
  lua_pushlightuserdata(L, h);
  luaL_setfuncs(L, functions, 1);
}
