/* The settings, each once. What reads this list: s.config, the command line,
 * `--show-config`, `stube help`. */
#include "host/settings.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/nearest.h"
#include "host/host.h"

#define STORE_FOLDER "/.stube"
#define DAYS(n) ((uint64_t)(n)*86400000)
#define MINUTES(n) ((uint64_t)(n)*60000)

#define AT(member) \
  .at = offsetof(Host, member), .size = sizeof(((Host *)0)->member)
#define LIMIT(limit, of, member, low, high)                              \
  {                                                                      \
    .name = "limits." limit, .kind = &kind_##of, AT(member), .min = low, \
    .max = high                                                          \
  }

/* KEEP IN STEP: docs/operating.md. */
static const Setting settings[] = {
  { "port", "--port", "N", &kind_number, AT(settings.port), .min = 0,
    .max = 65535, .help = "listen on this port; 0 picks one" },
  { "host", "--host", "ADDRESS", &kind_text, AT(settings.host), .min = 1,
    .max = 255, .help = "listen on this address" },
  { "base_path", "--base-path", "/X", &kind_base_path, AT(settings.base_path),
    .otherwise = "", .help = "put every path under this one" },
  { "store", "--store", "DIR", &kind_store, AT(settings.store), .min = 1,
    .max = 4000, .otherwise = ".stube beside APP",
    .help = "keep conversations in this folder, or with `memory`\n"
            "forget them at the end" },
  { "store_max", "--store-max", "N", &kind_bytes, AT(settings.store_max),
    .min = 1, .max = STORE_MAP_BYTES,
    .help = "the store's size, as in 500M or 8G; when it is full,\n"
            "visitors can look and do nothing" },
  { "durability", "--durability", "full|relaxed", &kind_either,
    AT(settings.relaxed), .words = { "full", "relaxed" },
    .help = "relaxed syncs the disk each second, not before each\n"
            "answer: faster, and what a power cut leaves may be\n"
            "nothing" },
  { "production", "--prod", NULL, &kind_flag, AT(settings.production),
    .help = "neutral error texts for visitors" },
  { "trust_proxy", "--trust-proxy", NULL, &kind_flag, AT(settings.trust_proxy),
    .help = "believe the proxy's X-Forwarded-Proto and -For" },
  { "log", "--log", "text|json", &kind_either, AT(settings.log_json),
    .words = { "text", "json" }, .help = "how log lines look, on stderr" },
  { "metrics", "--metrics", "LIST", &kind_metrics, AT(settings.metrics_for),
    .otherwise = "",
    .help = "who may read /stube/metrics besides this machine: all,\n"
            "nobody, or addresses and blocks such as 10.0.0.0/8" },
  { "title", "--title", "TEXT", &kind_text, AT(settings.title), .min = 1,
    .max = 255, .help = "of pages whose mount has none" },
  { "history", "--history", "N", &kind_number, AT(kernel_config.history_turns),
    .min = 0, .max = HISTORY_TURNS_MAX,
    .help = "turns that a visitor can go back" },
  { "conversation_ttl", "--conversation-ttl", "TIME", &kind_time,
    AT(kernel_config.ttl_ms), .min = 0, .max = DAYS(36500),
    .otherwise = "never",
    .help = "end conversations that no visitor came to for so long" },
  { "reaper_interval", "--reaper-interval", "TIME", &kind_time,
    AT(settings.reaper_ms), .min = 1000, .max = DAYS(1),
    .help = "how often they are looked for" },
  { "io_workers", "--io-workers", "N", &kind_number, AT(settings.io_workers),
    .min = 1, .max = 256, .help = "threads for functions of s.io" },
  { "context", NULL, NULL, &kind_function, AT(settings.context) },
  { "principal", NULL, NULL, &kind_function, AT(settings.principal) },
  { "on_error", NULL, NULL, &kind_function, AT(settings.on_error) },

  LIMIT("event_body", bytes, http_limits.body, KIB(1), MIB(64)),
  LIMIT("request_line", bytes, http_limits.request_line, 256, KIB(64)),
  LIMIT("header_bytes", bytes, http_limits.header_bytes, KIB(1), KIB(256)),
  LIMIT("headers", number, http_limits.headers, 10, 1000),
  LIMIT("header_time", time, http_limits.header_timeout_ms, 1000, MINUTES(10)),
  LIMIT("body_idle", time, http_limits.body_idle_ms, 1000, MINUTES(10)),
  LIMIT("keep_alive", time, http_limits.keepalive_ms, 1000, MINUTES(60)),
  LIMIT("pipelined", number, http_limits.pipeline, 1, 1000),
  LIMIT("connections", number, http_limits.connections, 1, 1000000),
  LIMIT("connections_per_address", number, http_limits.connections_per_ip, 1,
        1000000),
  LIMIT("stream_unsent", bytes, http_limits.unsent, KIB(64), MIB(256)),
  LIMIT("events_waiting", number, kernel_config.queue_max, 1, 10000),
  LIMIT("event_rate", number, kernel_config.event_rate, 0, 1000000),
  LIMIT("turn_cpu", time, kernel_config.budget.cpu_ms, 10, MINUTES(1)),
  LIMIT("blocked", time, settings.blocked_ms, 2000, DAYS(1)),
  LIMIT("turn_memory", bytes, kernel_config.budget.memory, MIB(1), MIB(4096)),
  LIMIT("state", bytes, kernel_config.head_bytes_max, KIB(4), MIB(64)),
  LIMIT("history_bytes", bytes, kernel_config.history_bytes, 0, MIB(64)),
  LIMIT("hot", number, kernel_config.hot_max, 1, 1000000),
  LIMIT("provisional", number, kernel_config.provisional_max, 1, 10000000),
  LIMIT("provisional_time", time, kernel_config.provisional_ms, 10000,
        DAYS(30)),
  LIMIT("io_waiting", number, kernel_config.io_waiting, 1, 100000),
  LIMIT("io_pending", number, kernel_config.io_pending, 1, CONV_TASKS_MAX),
  LIMIT("io_time", time, settings.io_ms, 10, DAYS(30)),
  LIMIT("io_memory", bytes, settings.io_memory, MIB(1), MIB(65536)),
  LIMIT("io_call", bytes, kernel_config.io_call, KIB(1), MIB(1)),
  LIMIT("io_result", bytes, settings.io_result, KIB(1), MIB(64)),
};
_Static_assert(countof(settings) <= SETTINGS_MAX, "Settings.source");

#define LIMITS "limits."

static bool is_limit(const Setting *s) {
  return strncmp(s->name, LIMITS, strlen(LIMITS)) == 0;
}

static void *value_of(Host *h, const Setting *s) { return (char *)h + s->at; }

static uint8_t *source_of(Host *h, const Setting *s) {
  return &h->settings.source[s - settings];
}

static const Setting *find(const char *prefix, Slice name) {
  size_t n = strlen(prefix);
  for (size_t i = 0; i < countof(settings); i++)
    if (strncmp(settings[i].name, prefix, n) == 0 &&
        slice_is(name, settings[i].name + n))
      return &settings[i];
  return NULL;
}

/* --- the beginning --- */

void settings_init(Host *h) {
  h->settings = (Settings){ .host = xstrdup("127.0.0.1"),
                            .port = 8080,
                            .base_path = xstrdup(""),
                            .title = xstrdup("stube"),
                            .store_max = STORE_BYTES_MAX,
                            .reaper_ms = MINUTES(1),
                            .blocked_ms = LOOP_BLOCKED_MS,
                            .io_workers = IO_WORKERS,
                            .io_ms = IO_TIME_MS,
                            .io_memory = IO_MEMORY_MAX,
                            .io_result = IO_RESULT_BYTES_MAX,
                            .context = LUA_NOREF,
                            .principal = LUA_NOREF,
                            .on_error = LUA_NOREF };
  kernel_config_init(&h->kernel_config);
  h->http_limits = http_limits_default();
}

void settings_free(Settings *s) {
  free(s->host);
  free(s->base_path);
  free(s->title);
  free(s->store);
  free(s->metrics_blocks);
}

/* --- the command line --- */

const Setting *settings_option(const char *option) {
  for (size_t i = 0; i < countof(settings); i++)
    if (settings[i].option && strcmp(settings[i].option, option) == 0)
      return &settings[i];
  return NULL;
}

void settings_near_option(const char *option, Buf *out) {
  Nearest n = nearest_to(slice_str(option));
  for (size_t i = 0; i < countof(settings); i++)
    if (settings[i].option) nearest_try(&n, slice_str(settings[i].option));
  if (n.found.ptr)
    buf_printf(out, "; did you mean %.*s?", (int)n.found.len, n.found.ptr);
}

static bool take(Host *h, const Setting *s, const char *called, Slice text,
                 Buf *why) {
  Buf more = { 0 };
  bool ok = s->kind->from_text(h, s, value_of(h, s), text, &more);
  if (ok) {
    *source_of(h, s) = FROM_COMMAND_LINE;
  } else {
    buf_printf(why, "%s takes ", called);
    s->kind->wants(s, true, why);
    buf_printf(why, ", not \"%.*s\"%.*s", (int)text.len, text.ptr,
               (int)more.len, more.len ? more.ptr : "");
  }
  buf_free(&more);
  return ok;
}

bool settings_take(Host *h, const Setting *s, const char *text, Buf *why) {
  return take(h, s, s->option, slice_str(text ? text : ""), why);
}

static void put_near(const char *prefix, Slice name, Buf *out) {
  Nearest n = nearest_to(name);
  size_t len = strlen(prefix);
  for (size_t i = 0; i < countof(settings); i++)
    if (is_limit(&settings[i]) == (len > 0))
      nearest_try(&n, slice_str(settings[i].name + len));
  if (!len) nearest_try(&n, SLICE("limits"));
  if (n.found.ptr)
    buf_printf(out, "; did you mean \"%.*s\"?", (int)n.found.len, n.found.ptr);
}

bool settings_take_limit(Host *h, const char *text, Buf *why) {
  const char *equals = strchr(text, '=');
  if (!equals) {
    buf_printf(why, "--limit takes NAME=VALUE, not \"%s\"", text);
    return false;
  }
  Slice name = slice(text, (size_t)(equals - text));
  const Setting *s = find(LIMITS, name);
  if (s) return take(h, s, s->name, slice_str(equals + 1), why);
  buf_printf(why, "there is no limit \"%.*s\"", (int)name.len, name.ptr);
  put_near(LIMITS, name, why);
  return false;
}

/* --- s.config --- */

/* Raises `config: ` and what `why` holds, at the line that called s.config. */
static void refuse(lua_State *L, Buf *why) {
  luaL_where(L, 1);
  lua_pushliteral(L, "config: ");
  lua_pushlstring(L, why->ptr, why->len);
  buf_free(why);
  lua_concat(L, 3);
  lua_error(L);
}

static void put_value(lua_State *L, int idx, Buf *out) {
  Slice text;
  switch (lua_type(L, idx)) {
  case LUA_TSTRING:
    text.ptr = lua_tolstring(L, idx, &text.len);
    buf_printf(out, "\"%.*s\"", (int)(text.len < 60 ? text.len : 60), text.ptr);
    break;
  case LUA_TNUMBER:
  case LUA_TBOOLEAN: /* a copy: the table is being walked */
    text.ptr = luaL_tolstring(L, idx, &text.len);
    buf_slice(out, text);
    lua_pop(L, 1);
    break;
  default: buf_printf(out, "a %s", luaL_typename(L, idx));
  }
}

/* Every key of the table must be a setting. */
static void check_names(lua_State *L, int table, const char *prefix) {
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
    Buf why = { 0 };
    Slice name = { 0 };
    if (lua_type(L, -2) == LUA_TSTRING)
      name.ptr = lua_tolstring(L, -2, &name.len);
    if (name.ptr &&
        (find(prefix, name) || (!prefix[0] && slice_is(name, "limits"))))
      continue;
    if (name.ptr) {
      buf_printf(&why, "there is no %s \"%s\"", prefix[0] ? "limit" : "setting",
                 name.ptr);
      put_near(prefix, name, &why);
    } else {
      buf_printf(&why, "%s have names", prefix[0] ? "limits" : "settings");
    }
    refuse(L, &why);
  }
}

static void take_value(Host *h, lua_State *L, const Setting *s, int idx) {
  Buf why = { 0 }, more = { 0 };
  bool is_fixed = *source_of(h, s) == FROM_COMMAND_LINE;
  if (is_fixed) return; /* the command line wins */
  if (s->kind->from_lua(h, s, value_of(h, s), L, idx, &more)) {
    *source_of(h, s) = FROM_SCRIPT;
    return;
  }
  buf_printf(&why, "%s must be ", s->name);
  s->kind->wants(s, false, &why);
  buf_lit(&why, ", not ");
  put_value(L, idx, &why);
  buf_slice(&why, buf_view(&more));
  buf_free(&more);
  refuse(L, &why);
}

/* In the list's order, so that a table with two mistakes always tells of the
 * same one. */
static void take_table(Host *h, lua_State *L, int table, const char *prefix) {
  check_names(L, table, prefix);
  for (size_t i = 0; i < countof(settings); i++) {
    const Setting *s = &settings[i];
    if (is_limit(s) != (prefix[0] != '\0')) continue;
    if (lua_getfield(L, table, s->name + strlen(prefix)) != LUA_TNIL)
      take_value(h, L, s, lua_gettop(L));
    lua_pop(L, 1);
  }
}

void settings_config(Host *h, lua_State *L, int idx) {
  idx = lua_absindex(L, idx);
  take_table(h, L, idx, "");
  int type = lua_getfield(L, idx, "limits");
  if (type != LUA_TNIL && type != LUA_TTABLE) {
    Buf why = { 0 };
    buf_printf(&why, "limits must be a table, not a %s", lua_typename(L, type));
    refuse(L, &why);
  }
  if (type == LUA_TTABLE) take_table(h, L, lua_gettop(L), LIMITS);
  lua_pop(L, 1);
}

/* --- for a person --- */

static void pad(Buf *out, size_t from, size_t width) {
  do buf_byte(out, ' ');
  while (out->len - from < width);
}

void settings_show(Host *h, Buf *out) {
  static const char *const sources[] = { "default", "script", "command line" };
  for (size_t i = 0; i < countof(settings); i++) {
    const Setting *s = &settings[i];
    size_t from = out->len;
    buf_puts(out, s->name);
    pad(out, from, 33);
    size_t value = out->len;
    s->kind->show(h, s, value_of(h, s), out);
    pad(out, value, 24);
    buf_printf(out, "%s\n", sources[*source_of(h, s)]);
  }
}

static void put_default(Host *h, const Setting *s, Buf *out) {
  if (s->kind->needs_no_value || (s->otherwise && !s->otherwise[0])) return;
  buf_lit(out, " (");
  if (s->otherwise)
    buf_puts(out, s->otherwise);
  else
    s->kind->show(h, s, value_of(h, s), out);
  buf_byte(out, ')');
}

void settings_usage(Buf *out) {
  Host *h = xcalloc(1, sizeof *h); /* for the defaults */
  settings_init(h);
  for (size_t i = 0; i < countof(settings); i++) {
    const Setting *s = &settings[i];
    if (!s->option) continue;
    size_t from = out->len;
    buf_printf(out, "  %s %s", s->option, s->value ? s->value : "");
    if (out->len - from > 21) { /* too long for its column */
      buf_byte(out, '\n');
      from = out->len;
    }
    for (const char *line = s->help; line;) {
      const char *end = strchr(line, '\n');
      pad(out, from, 22);
      buf_put(out, line, end ? (size_t)(end - line) : strlen(line));
      line = end ? end + 1 : NULL;
      if (!line) put_default(h, s, out);
      buf_byte(out, '\n');
      from = out->len;
    }
  }
  settings_free(&h->settings);
  free(h);
}

/* --- folders --- */

char *folder_of(const char *script) {
  const char *slash = strrchr(script, '/');
  if (!slash) return xstrdup(".");
  return dup_slice(slice(script, (size_t)(slash - script)));
}

char *settings_store_of(const char *script) {
  char *folder = folder_of(script);
  size_t len = strlen(folder);
  folder = xrealloc(folder, len + sizeof STORE_FOLDER);
  memcpy(folder + len, STORE_FOLDER, sizeof STORE_FOLDER);
  return folder;
}
