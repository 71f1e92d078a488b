/* How long it takes to build a view of 74 elements in Lua, and to draw it.
 *
 *   cc -O2 -Isrc -isystem build/lua/src tools/bench/render.c build/libhtml.a \
 *      build/libbase.a <Lua's library> -lsodium -luv -lm -ldl -o
 * build/bench/render
 *
 * Prints medians of 200 rounds of 100, of CPU time: `render_us=8.1
 * build_us=9.0`. */
#include "base/clock.h"
#include "base/hash.h"
#include "html/html.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 200
#define EACH 100

static const char view[] =
    "local rows = {} for i = 1, 14 do rows[i] = {id = i, text = 'Task number ' "
    ".. i, "
    "done = i % 3 == 0} end\n"
    "local function row(item) return {'li', class = {done = item.done}, "
    "{'input.toggle', type = 'checkbox', checked = item.done}, "
    "{'span', class = 'label', item.text}, {'em', 'open since ', item.id, ' "
    "days'}, "
    "{'button', class = 'stube-button', title = 'Delete', 'x'}} end\n"
    "return function() return {'section.stube-card', {'h1', 'Todo'}, "
    "{'ul.rows', each(rows, row)}, "
    "{'button', class = 'stube-button', on_click = 'add', 'Add'}, "
    "{'button', class = 'stube-button', on_click = {'clear', 7}, 'Clear'}} "
    "end\n";
/* 1 + 1 + 1 + 14 * 5 + 2 = 75 with the section itself */

static MacKey key;

static void event_url(const HtmlContext *ctx, lua_State *L, Slice to,
                      Slice event, int value, Buf *out) {
  (void)to;
  buf_lit(out, "/conv/0123456789abcdefghijABCDEFGHIJ/");
  size_t at = out->len;
  buf_slice(out, ctx->id);
  buf_byte(out, '/');
  buf_slice(out, event);
  char code[MAC_LEN];
  mac(code, &key, slice(out->ptr + at, out->len - at));
  buf_lit(out, "?m=");
  buf_put(out, code, sizeof code);
  if (value) {
    buf_lit(out, "&p=");
    buf_uint(out, (uint64_t)lua_tointeger(L, value));
  }
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *t) {
  qsort(t, ROUNDS, sizeof *t, compare);
  return t[ROUNDS / 2];
}

int main(void) {
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  html_open(L);
  lua_getfield(L, -1, "each");
  lua_setglobal(L, "each");
  if (luaL_dostring(L, view) != LUA_OK)
    return fprintf(stderr, "%s\n", lua_tostring(L, -1)), 1;
  HtmlContext ctx = { .component = SLICE("demo/todo"),
                      .id = SLICE("ix-3"),
                      .event_url = event_url };
  Buf out = { 0 };
  static double build[ROUNDS], draw[ROUNDS];
  for (int i = 0; i < ROUNDS; i++) {
    uint64_t from = clock_cpu_ns();
    for (int j = 0; j < EACH; j++) {
      lua_pushvalue(L, -1);
      lua_call(L, 0, 1);
      if (j < EACH - 1) lua_pop(L, 1);
    }
    build[i] = (double)(clock_cpu_ns() - from) / EACH / 1000;
    from = clock_cpu_ns();
    for (int j = 0; j < EACH; j++) {
      buf_clear(&out);
      html_render(L, -1, &ctx, &out);
    }
    draw[i] = (double)(clock_cpu_ns() - from) / EACH / 1000;
    lua_pop(L, 1);
  }
  printf("render_us=%.2f build_us=%.2f bytes=%zu\n", median(draw),
         median(build), out.len);
  if (getenv("SHOW")) printf("%.*s\n", (int)out.len, out.ptr);
  buf_free(&out);
  lua_close(L);
  return 0;
}
