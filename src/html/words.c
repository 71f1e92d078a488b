/* class and style: strings, lists and tables, to one text each. */
#include "html/draw.h"

#include <stdlib.h>

#define NESTED_MAX 8 /* lists of lists of classes */

static int compare_names(const void *a, const void *b) {
  Slice x = string_slice(*(TString *const *)a),
        y = string_slice(*(TString *const *)b);
  int c = memcmp(x.ptr, y.ptr, x.len < y.len ? x.len : y.len);
  return c ? c : (x.len > y.len) - (x.len < y.len);
}

/* The string keys of `t` that have a value, in order; returns how many.
 * `*loose` is how many integer keys there are beside them. */
static size_t sorted_names(Render *r, Table *t, const TString **names,
                           size_t *loose, const char *what) {
  size_t n = 0;
  *loose = 0;
  if (isdummy(t)) return 0;
  for (unsigned i = 0, nodes = (unsigned)sizenode(t); i < nodes; i++) {
    const Node *node = gnode(t, i);
    if (l_isfalse(gval(node))) continue;
    if (keytt(node) == LUA_VNUMINT) {
      *loose += 1;
      continue;
    }
    if (keytt(node) != ctb(LUA_VSHRSTR) && keytt(node) != ctb(LUA_VLNGSTR))
      trouble(r, "%s: a key is a %s", what,
              lua_typename(r->L, novariant(keytt(node))));
    if (n == MARKUP_WORDS_MAX)
      trouble(r, "%s: more than %d names", what, MARKUP_WORDS_MAX);
    names[n++] = keystrval(node);
  }
  if (n > 1) qsort(names, n, sizeof *names, compare_names);
  return n;
}

/* --- class --- */

static void add_word(Render *r, size_t at, Slice word) {
  if (!word.len) return;
  if (r->scratch.len > at) buf_byte(&r->scratch, ' ');
  buf_slice(&r->scratch, word);
}

static void add_class(Render *r, size_t at, const TValue *v, int depth) {
  if (l_isfalse(v)) return;
  if (ttisstring(v)) {
    add_word(r, at, value_slice(v));
    return;
  }
  if (!ttistable(v) || depth > NESTED_MAX)
    trouble(r, "class takes a string, a list, or names = true, not a %s",
            ttistable(v) ? "list nested so deep"
                         : lua_typename(r->L, ttype(v)));
  Table *t = hvalue(v);
  const TString *names[MARKUP_WORDS_MAX];
  size_t loose, n = sorted_names(r, t, names, &loose, "class");
  if (array_size(t) || loose) {
    int top = lua_gettop(r->L);
    Items it;
    lua_Integer key;
    const TValue *item;
    items_start(&it, r->L, t, 1, items_check(r, t).loose);
    while ((item = items_next(&it, &key))) add_class(r, at, item, depth + 1);
    lua_settop(r->L, top);
  }
  for (size_t i = 0; i < n; i++) add_word(r, at, string_slice(names[i]));
}

void words_class(Render *r, Attrs *a) {
  const HtmlContext *ctx = r->ctx;
  size_t at = r->scratch.len;
  if (a->is_root && ctx->id.len && ctx->component.len) {
    buf_lit(&r->scratch, "stube-c-");
    for (size_t i = 0; i < ctx->component.len; i++)
      buf_byte(&r->scratch,
               ctx->component.ptr[i] == '/' ? '-' : ctx->component.ptr[i]);
  }
  Slice rest = a->tag->rest, name, id;
  while (tag_next_class(&rest, &name, &id)) add_word(r, at, name);
  for (size_t i = 0; i < a->nhelpers; i++)
    if (a->helpers[i].meaning == MEANS_CLASS)
      add_class(r, at, &a->helpers[i].value, 0);
  if (r->scratch.len > at)
    attrs_add_scratch(r, a, ATTRS_OVERWRITE, SLICE("class"), at);
}

/* --- style --- */

/* Could this value end its declaration or leave it open? A browser drops what
 * it cannot read; so do we, before it can become something else. */
static bool is_one_value(Slice v) {
  char quote = 0;
  int parens = 0;
  for (size_t i = 0; i < v.len; i++) {
    char c = v.ptr[i];
    if (c == '\\') {
      if (++i == v.len) return false;
    } else if (quote) {
      if (c == quote) quote = 0;
      if (c == '\n') return false;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '(') {
      parens++;
    } else if (c == ')') {
      if (--parens < 0) return false;
    } else if ((c == ';' && !parens) || c == '{' || c == '}' ||
               (c == '/' && i + 1 < v.len && v.ptr[i + 1] == '*')) {
      return false;
    }
  }
  return !quote && !parens;
}

/* font_size is font-size; --gap stands as it is written. */
static void add_property(Render *r, Slice name) {
  bool is_ident = true, ok = name.len > 0;
  for (size_t i = 0; i < name.len; i++) {
    char c = name.ptr[i];
    is_ident = is_ident && char_is_word(c);
    ok = ok && (char_is_word(c) || c == '-');
  }
  if (!ok) trouble(r, "style: \"%s\" is no name of a property", shown(r, name));
  for (size_t i = 0; i < name.len; i++)
    buf_byte(&r->scratch, is_ident && name.ptr[i] == '_' ? '-' : name.ptr[i]);
}

void words_style(Render *r, Attrs *a, const TValue *value) {
  Buf *scratch = &r->scratch;
  size_t at = scratch->len;
  if (ttisstring(value)) {
    attrs_add_value(r, a, ATTRS_NEW, SLICE("data-stube-style"), value);
    return;
  }
  if (!ttistable(value))
    trouble(r, "style takes a string or a table, not a %s",
            lua_typename(r->L, ttype(value)));
  Table *t = hvalue(value);
  const TString *names[MARKUP_WORDS_MAX];
  size_t loose, n = sorted_names(r, t, names, &loose, "style");
  if (loose || !l_isfalse(luaH_getint(t, 1)))
    trouble(r, "style takes a string or name = value pairs, not a list");
  for (size_t i = 0; i < n; i++) {
    size_t before = scratch->len;
    if (before > at) buf_lit(scratch, "; ");
    add_property(r, string_slice(names[i]));
    buf_lit(scratch, ": ");
    size_t from = scratch->len;
    const TValue *v = luaH_getstr(t, (TString *)names[i]);
    if (ttisboolean(v) || !value_text(v, scratch))
      trouble(r, "style: %s cannot be a %s", shown(r, string_slice(names[i])),
              lua_typename(r->L, ttype(v)));
    if (!is_one_value(since(scratch, from))) scratch->len = before;
  }
  if (scratch->len > at)
    attrs_add_scratch(r, a, ATTRS_NEW, SLICE("data-stube-style"), at);
}
