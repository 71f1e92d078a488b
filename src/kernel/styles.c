/* What pages load for components: one stylesheet of all, and the browser
 * modules that they name, each once.
 *
 * The sheet is the `styles` of each definition, with `&` standing for the
 * component's root.
 *
 * Inside a rule `&` is CSS's own, for nesting; in strings, URLs and comments it
 * is itself. So only those outside of any style rule are replaced, and blocks
 * of at-rules (@media) do not count as rules. */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "kernel/state.h"

enum { NESTED_MAX = 64 }; /* blocks; deeper ones are copied as they are */

typedef struct Css {
  const char *at, *end;
  Buf *out;
  bool is_rule[NESTED_MAX]; /* is the block at this depth a style rule's? */
  int depth, rules;
  bool at_rule; /* the prelude being read begins with @ */
  bool begun;   /* it has begun */
} Css;

static void copy_to(Css *c, const char *to) {
  buf_put(c->out, c->at, (size_t)(to - c->at));
  c->at = to;
}

/* Past the closing quote, or the end. */
static const char *string_end(const Css *c) {
  const char *p = c->at + 1;
  while (p < c->end && *p != *c->at) p += *p == '\\' && p + 1 < c->end ? 2 : 1;
  return p < c->end ? p + 1 : c->end;
}

static const char *comment_end(const Css *c) {
  const char *p = c->at + 2;
  while (p + 1 < c->end && !(p[0] == '*' && p[1] == '/')) p++;
  return p + 1 < c->end ? p + 2 : c->end;
}

static bool is_url(const Css *c) {
  return c->end - c->at > 4 && strncasecmp(c->at, "url(", 4) == 0;
}

static const char *url_end(const Css *c) {
  const char *p = memchr(c->at, ')', (size_t)(c->end - c->at));
  return p ? p : c->end;
}

static void open_block(Css *c) {
  if (c->depth < NESTED_MAX) c->is_rule[c->depth] = !c->at_rule;
  if (!c->at_rule) c->rules++;
  c->depth++;
  c->begun = c->at_rule = false;
}

static void close_block(Css *c) {
  if (c->depth == 0) return; /* one too many: the browser's to mend */
  c->depth--;
  if (c->depth < NESTED_MAX && c->is_rule[c->depth]) c->rules--;
  c->begun = c->at_rule = false;
}

static void put_css(Buf *out, Slice css, const char *id) {
  Css c = { .at = css.ptr, .end = css.ptr + css.len, .out = out };
  while (c.at < c.end) {
    char ch = *c.at;
    if (ch == '"' || ch == '\'') {
      copy_to(&c, string_end(&c));
    } else if (ch == '/' && c.at + 1 < c.end && c.at[1] == '*') {
      copy_to(&c, comment_end(&c));
    } else if (is_url(&c)) {
      copy_to(&c, url_end(&c));
    } else if (ch == '&' && c.rules == 0) {
      buf_printf(out, "[data-stube-component=\"%s\"]", id);
      c.at++;
      c.begun = true;
    } else {
      if (ch == '{')
        open_block(&c);
      else if (ch == '}')
        close_block(&c);
      else if (ch == ';')
        c.begun = c.at_rule = false;
      else if (ch > ' ' && !c.begun)
        c.begun = true, c.at_rule = ch == '@';
      copy_to(&c, c.at + 1);
    }
  }
}

static int by_id(const void *a, const void *b) {
  return strcmp((*(Def *const *)a)->id, (*(Def *const *)b)->id);
}

uint64_t kernel_defines(const Kernel *k) { return k->defs->n_made; }

void kernel_styles(Kernel *k, Buf *out) {
  lua_State *L = vm_lua(k->vm);
  Def **sorted = xcalloc(k->defs->n + 1, sizeof *sorted);
  memcpy(sorted, k->defs->all, k->defs->n * sizeof *sorted);
  qsort(sorted, k->defs->n, sizeof *sorted, by_id);
  for (size_t i = 0; i < k->defs->n; i++) {
    Slice css;
    if (def_get(k, L, sorted[i], "styles") && lua_type(L, -1) == LUA_TSTRING) {
      css.ptr = lua_tolstring(L, -1, &css.len);
      put_css(out, css, sorted[i]->id);
      buf_byte(out, '\n');
    }
    lua_pop(L, 1);
  }
  free(sorted);
}

/* --- modules --- */

static int by_text(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

void kernel_modules(Kernel *k, void (*see)(void *ud, const char *module),
                    void *ud) {
  lua_State *L = vm_lua(k->vm);
  char **all = NULL;
  size_t n = 0;
  for (size_t i = 0; i < k->defs->n; i++) {
    lua_Integer of = def_get(k, L, k->defs->all[i], "modules")
                         ? (lua_Integer)lua_rawlen(L, -1)
                         : 0;
    all = xrealloc(all, (n + (size_t)of + 1) * sizeof *all);
    for (lua_Integer j = 1; j <= of; j++) {
      if (lua_rawgeti(L, -1, j) == LUA_TSTRING)
        all[n++] = xstrdup(lua_tostring(L, -1));
      lua_pop(L, 1);
    }
    lua_pop(L, 1);
  }
  if (n) qsort(all, n, sizeof *all, by_text);
  for (size_t i = 0; i < n; i++) {
    if (i + 1 == n || strcmp(all[i], all[i + 1]) != 0) see(ud, all[i]);
    free(all[i]);
  }
  free(all);
}
