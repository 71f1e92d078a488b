/* What values a setting may have: each kind reads them from the command line
 * and from Lua, says what it takes, and shows what it has as the command line
 * would take it. */
#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>

#include "host/host.h"

/* --- numbers --- */

static uint64_t number_at(const Setting *s, const void *at) {
  uint64_t wide;
  uint32_t narrow;
  if (s->size == sizeof narrow) {
    memcpy(&narrow, at, sizeof narrow);
    return narrow;
  }
  ASSERT(s->size == sizeof wide);
  memcpy(&wide, at, sizeof wide);
  return wide;
}

static bool set_number(const Setting *s, void *at, uint64_t n) {
  uint32_t narrow = (uint32_t)n;
  if (n < s->min || n > s->max) return false;
  if (s->size == sizeof narrow)
    memcpy(at, &narrow, sizeof narrow);
  else
    memcpy(at, &n, sizeof n);
  return true;
}

/* Digits, up to a unit; false when there are none or too many. */
static bool take_digits(Slice *text, uint64_t *out) {
  uint64_t n = 0;
  size_t i = 0;
  for (; i < text->len && char_is_digit(text->ptr[i]); i++) {
    if (n > (UINT64_MAX - 9) / 10) return false;
    n = n * 10 + (uint64_t)(text->ptr[i] - '0');
  }
  *text = slice(text->ptr + i, text->len - i);
  *out = n;
  return i > 0;
}

static void number_wants(const Setting *s, bool is_option, Buf *out) {
  (void)is_option;
  buf_printf(out, "a whole number from %llu to %llu",
             (unsigned long long)s->min, (unsigned long long)s->max);
}

static bool number_text(Host *h, const Setting *s, void *at, Slice text,
                        Buf *more) {
  (void)h, (void)more;
  uint64_t n;
  return take_digits(&text, &n) && !text.len && set_number(s, at, n);
}

static bool number_lua(Host *h, const Setting *s, void *at, lua_State *L,
                       int idx, Buf *more) {
  (void)h, (void)more;
  int is_whole = 0;
  lua_Integer n = lua_type(L, idx) == LUA_TNUMBER
                      ? lua_tointegerx(L, idx, &is_whole)
                      : 0;
  return is_whole && n >= 0 && set_number(s, at, (uint64_t)n);
}

static void number_show(Host *h, const Setting *s, const void *at, Buf *out) {
  (void)h;
  buf_uint(out, number_at(s, at));
}

const SettingKind kind_number = { number_wants, number_text, number_lua,
                                  number_show, false };

/* --- bytes: 4096, "64K", "8G" --- */

static const char units[] = "KMGT";

static void put_bytes(uint64_t n, Buf *out) {
  int unit = -1;
  while (n && n % 1024 == 0 && unit < 3) n /= 1024, unit++;
  buf_uint(out, n);
  if (unit >= 0) buf_byte(out, units[unit]);
}

static void bytes_wants(const Setting *s, bool is_option, Buf *out) {
  buf_puts(out, is_option
                    ? "a number of bytes, or of K, M, G or T, from "
                    : "a number of bytes, or a text such as \"8M\", from ");
  put_bytes(s->min, out);
  buf_lit(out, " to ");
  put_bytes(s->max, out);
}

static bool bytes_text(Host *h, const Setting *s, void *at, Slice text,
                       Buf *more) {
  (void)h, (void)more;
  uint64_t n;
  if (!take_digits(&text, &n) || text.len > 1) return false;
  const char *unit = text.len ? strchr(units, text.ptr[0]) : NULL;
  if (text.len && (!unit || !*unit)) return false;
  int shift = unit ? 10 * (int)(unit - units + 1) : 0;
  return n <= UINT64_MAX >> shift && set_number(s, at, n << shift);
}

static bool bytes_lua(Host *h, const Setting *s, void *at, lua_State *L,
                      int idx, Buf *more) {
  if (lua_type(L, idx) != LUA_TSTRING)
    return number_lua(h, s, at, L, idx, more);
  Slice text;
  text.ptr = lua_tolstring(L, idx, &text.len);
  return bytes_text(h, s, at, text, more);
}

static void bytes_show(Host *h, const Setting *s, const void *at, Buf *out) {
  (void)h;
  put_bytes(number_at(s, at), out);
}

const SettingKind kind_bytes = { bytes_wants, bytes_text, bytes_lua, bytes_show,
                                 false };

/* --- time: seconds, "90", "30s", "15m", "12h", "30d"; kept in ms --- */

static const struct {
  const char *name;
  uint64_t ms;
} spans[] = { { "d", 86400000 },
              { "h", 3600000 },
              { "m", 60000 },
              { "s", 1000 },
              { "ms", 1 } };

static void put_time(uint64_t ms, Buf *out) {
  size_t i = 0;
  if (ms == 0) i = 3;
  while (ms % spans[i].ms) i++;
  buf_uint(out, ms / spans[i].ms);
  buf_puts(out, spans[i].name);
}

static void time_wants(const Setting *s, bool is_option, Buf *out) {
  buf_puts(out, is_option ? "a time such as 90s, 15m, 12h or 30d, from "
                          : "a number of seconds, from ");
  put_time(s->min, out);
  buf_lit(out, " to ");
  put_time(s->max, out);
}

static bool time_text(Host *h, const Setting *s, void *at, Slice text,
                      Buf *more) {
  (void)h, (void)more;
  uint64_t n, ms = 1000; /* a bare number: seconds */
  if (!take_digits(&text, &n)) return false;
  for (size_t i = 0; i < countof(spans) && text.len; i++) {
    if (!slice_is(text, spans[i].name)) continue;
    ms = spans[i].ms;
    text.len = 0;
  }
  return !text.len && n <= UINT64_MAX / ms && set_number(s, at, n * ms);
}

static bool time_lua(Host *h, const Setting *s, void *at, lua_State *L, int idx,
                     Buf *more) {
  (void)h, (void)more;
  if (lua_type(L, idx) != LUA_TNUMBER) return false;
  lua_Number ms = lua_tonumber(L, idx) * 1000;
  if (!(ms >= 0 && ms < 1e15)) return false; /* NaN among it */
  return set_number(s, at, (uint64_t)llround(ms));
}

static void time_show(Host *h, const Setting *s, const void *at, Buf *out) {
  (void)h;
  put_time(number_at(s, at), out);
}

const SettingKind kind_time = { time_wants, time_text, time_lua, time_show,
                                false };

/* --- texts --- */

static void put_text(const char *text, Buf *out) {
  if (text && text[0] && !strpbrk(text, " \t\n\"'"))
    buf_puts(out, text);
  else
    buf_printf(out, "\"%s\"", text ? text : "");
}

static void text_wants(const Setting *s, bool is_option, Buf *out) {
  (void)is_option;
  buf_printf(out, "a text of %llu to %llu bytes", (unsigned long long)s->min,
             (unsigned long long)s->max);
}

static bool text_text(Host *h, const Setting *s, void *at, Slice text,
                      Buf *more) {
  (void)h, (void)more;
  char **field = at;
  if (text.len < s->min || text.len > s->max || memchr(text.ptr, 0, text.len))
    return false;
  free(*field);
  *field = dup_slice(text);
  return true;
}

/* Numbers are no texts: `host = 127` is a mistake. */
static bool lua_text(lua_State *L, int idx, Slice *out) {
  if (lua_type(L, idx) != LUA_TSTRING) return false;
  out->ptr = lua_tolstring(L, idx, &out->len);
  return true;
}

static bool text_lua(Host *h, const Setting *s, void *at, lua_State *L, int idx,
                     Buf *more) {
  Slice text;
  return lua_text(L, idx, &text) && text_text(h, s, at, text, more);
}

static void text_show(Host *h, const Setting *s, const void *at, Buf *out) {
  (void)h, (void)s;
  put_text(*(char *const *)at, out);
}

const SettingKind kind_text = { text_wants, text_text, text_lua, text_show,
                                false };

static void base_path_wants(const Setting *s, bool is_option, Buf *out) {
  (void)s, (void)is_option;
  buf_lit(out, "a path that begins with a slash and holds letters, digits and "
               "- _ . ~ /");
}

static bool base_path_text(Host *h, const Setting *s, void *at, Slice text,
                           Buf *more) {
  (void)h, (void)s, (void)more;
  char **field = at;
  while (text.len && text.ptr[text.len - 1] == '/') text.len--;
  if (text.len > 255 || (text.len && text.ptr[0] != '/')) return false;
  for (size_t i = 0; i < text.len; i++)
    if (!char_is_word(text.ptr[i]) && !memchr("/-.~", text.ptr[i], 4))
      return false;
  free(*field);
  *field = dup_slice(text);
  return true;
}

static bool base_path_lua(Host *h, const Setting *s, void *at, lua_State *L,
                          int idx, Buf *more) {
  Slice text;
  return lua_text(L, idx, &text) && base_path_text(h, s, at, text, more);
}

const SettingKind kind_base_path = { base_path_wants, base_path_text,
                                     base_path_lua, text_show, false };

/* --- one of two --- */

static void flag_wants(const Setting *s, bool is_option, Buf *out) {
  (void)s;
  buf_puts(out, is_option ? "no value" : "true or false");
}

static bool flag_text(Host *h, const Setting *s, void *at, Slice text,
                      Buf *more) {
  (void)h, (void)s, (void)more;
  if (text.len) return false;
  *(bool *)at = true;
  return true;
}

static bool flag_lua(Host *h, const Setting *s, void *at, lua_State *L, int idx,
                     Buf *more) {
  (void)h, (void)s, (void)more;
  if (!lua_isboolean(L, idx)) return false;
  *(bool *)at = lua_toboolean(L, idx);
  return true;
}

static void flag_show(Host *h, const Setting *s, const void *at, Buf *out) {
  (void)h, (void)s;
  buf_puts(out, *(const bool *)at ? "true" : "false");
}

const SettingKind kind_flag = { flag_wants, flag_text, flag_lua, flag_show,
                                true };

static void either_wants(const Setting *s, bool is_option, Buf *out) {
  (void)is_option;
  buf_printf(out, "%s or %s", s->words[0], s->words[1]);
}

static bool either_text(Host *h, const Setting *s, void *at, Slice text,
                        Buf *more) {
  (void)h, (void)more;
  bool second = slice_is(text, s->words[1]);
  if (!second && !slice_is(text, s->words[0])) return false;
  *(bool *)at = second;
  return true;
}

static bool either_lua(Host *h, const Setting *s, void *at, lua_State *L,
                       int idx, Buf *more) {
  Slice text;
  return lua_text(L, idx, &text) && either_text(h, s, at, text, more);
}

static void either_show(Host *h, const Setting *s, const void *at, Buf *out) {
  (void)h;
  buf_puts(out, s->words[*(const bool *)at]);
}

const SettingKind kind_either = { either_wants, either_text, either_lua,
                                  either_show, false };

/* --- the store --- */

static void store_wants(const Setting *s, bool is_option, Buf *out) {
  (void)s, (void)is_option;
  buf_lit(out, "a folder, or memory");
}

static bool store_text(Host *h, const Setting *s, void *at, Slice text,
                       Buf *more) {
  if (!text_text(h, s, at, text, more)) return false;
  h->settings.in_memory = slice_is(text, "memory");
  return true;
}

static bool store_lua(Host *h, const Setting *s, void *at, lua_State *L,
                      int idx, Buf *more) {
  Slice text;
  return lua_text(L, idx, &text) && store_text(h, s, at, text, more);
}

const SettingKind kind_store = { store_wants, store_text, store_lua, text_show,
                                 false };

/* --- who may read the metrics: { "10.0.0.0/8", "fd00::17" } --- */

static void metrics_wants(const Setting *s, bool is_option, Buf *out) {
  (void)s;
  buf_puts(out, is_option ? "all, nobody, or addresses and blocks such as "
                            "10.0.0.0/8, with commas between"
                          : "true, false, or a list of addresses and blocks "
                            "such as \"10.0.0.0/8\"");
}

/* The array is Settings' now. */
static void set_blocks(Settings *s, AddrBlock *blocks, size_t n) {
  free(s->metrics_blocks);
  s->metrics_blocks = blocks;
  s->n_metrics_blocks = n;
  s->metrics_for = METRICS_FOR_LISTED;
}

static bool bad_item(AddrBlock *blocks, size_t i, Buf *more) {
  free(blocks);
  buf_printf(more, "; item %zu is none", i + 1);
  return false;
}

static bool metrics_text(Host *h, const Setting *s, void *at, Slice text,
                         Buf *more) {
  (void)s, (void)at;
  bool all = slice_is(text, "all");
  if (all || slice_is(text, "nobody")) {
    h->settings.metrics_for = all ? METRICS_FOR_ALL : METRICS_FOR_NOBODY;
    return true;
  }
  AddrBlock *blocks = xmalloc((text.len / 2 + 1) * sizeof *blocks);
  size_t n = 0;
  for (const char *end = text.ptr + text.len; text.ptr <= end; n++) {
    const char *comma = memchr(text.ptr, ',', (size_t)(end - text.ptr));
    if (!comma) comma = end;
    if (!addr_block_parse(slice(text.ptr, (size_t)(comma - text.ptr)),
                          &blocks[n]))
      return bad_item(blocks, n, more);
    text.ptr = comma + 1;
  }
  set_blocks(&h->settings, blocks, n);
  return true;
}

static bool metrics_lua(Host *h, const Setting *s, void *at, lua_State *L,
                        int idx, Buf *more) {
  (void)s, (void)at;
  if (lua_isboolean(L, idx)) {
    bool all = lua_toboolean(L, idx);
    h->settings.metrics_for = all ? METRICS_FOR_ALL : METRICS_FOR_NOBODY;
    return true;
  }
  if (!lua_istable(L, idx)) return false;
  size_t n = lua_rawlen(L, idx);
  AddrBlock *blocks = xmalloc((n + 1) * sizeof *blocks);
  for (size_t i = 0; i < n; i++) {
    Slice text = { 0 };
    lua_rawgeti(L, idx, (lua_Integer)i + 1);
    bool ok = lua_text(L, -1, &text) && addr_block_parse(text, &blocks[i]);
    lua_pop(L, 1); /* the list still holds it */
    if (!ok) return bad_item(blocks, i, more);
  }
  set_blocks(&h->settings, blocks, n);
  return true;
}

static void metrics_show(Host *h, const Setting *s, const void *at, Buf *out) {
  (void)s, (void)at;
  if (h->settings.metrics_for != METRICS_FOR_LISTED) {
    buf_puts(out,
             h->settings.metrics_for == METRICS_FOR_ALL ? "all" : "nobody");
    return;
  }
  if (!h->settings.n_metrics_blocks) buf_lit(out, "this machine");
  for (size_t i = 0; i < h->settings.n_metrics_blocks; i++) {
    if (i) buf_byte(out, ',');
    addr_block_write(&h->settings.metrics_blocks[i], out);
  }
}

const SettingKind kind_metrics = { metrics_wants, metrics_text, metrics_lua,
                                   metrics_show, false };

/* --- functions: of the script alone --- */

static void function_wants(const Setting *s, bool is_option, Buf *out) {
  (void)s, (void)is_option;
  buf_lit(out, "a function");
}

static bool function_lua(Host *h, const Setting *s, void *at, lua_State *L,
                         int idx, Buf *more) {
  (void)h, (void)s, (void)more;
  int *ref = at;
  if (!lua_isfunction(L, idx)) return false;
  luaL_unref(L, LUA_REGISTRYINDEX, *ref);
  lua_pushvalue(L, idx);
  *ref = luaL_ref(L, LUA_REGISTRYINDEX);
  return true;
}

static void function_show(Host *h, const Setting *s, const void *at, Buf *out) {
  (void)s;
  lua_State *L = vm_lua(h->vm);
  lua_Debug of;
  int ref = *(const int *)at;
  if (ref == LUA_NOREF) {
    buf_lit(out, "none");
    return;
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, ref);
  lua_getinfo(L, ">S", &of);
  buf_printf(out, "%s:%d", of.short_src, of.linedefined);
}

const SettingKind kind_function = { function_wants, NULL, function_lua,
                                    function_show, false };
