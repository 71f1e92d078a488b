/* bind, the options of a bound select, key and behavior. */
#include "html/draw.h"

#include "base/hash.h"

#include <stdlib.h>

#define CHOICE_MAX 256 /* bytes of an option's value that are compared */

/* --- comparing a field with what an input stands for --- */

/* Is `v`, as text, this text? */
static bool is_text(Render *r, const TValue *v, Slice text) {
  if (ttisstring(v)) return slice_eq(value_slice(v), text);
  size_t at = r->scratch.len;
  bool same = !ttisboolean(v) && value_text(v, &r->scratch) &&
              slice_eq(since(&r->scratch, at), text);
  r->scratch.len = at;
  return same;
}

/* Is it the field's value, or one of them? */
static bool is_chosen(Render *r, const TValue *field, Slice text) {
  if (!ttistable(field)) return is_text(r, field, text);
  Table *t = hvalue(field);
  unsigned size = array_size(t);
  for (unsigned i = 0; i < size; i++)
    if (is_text(r, &t->array[i], text)) return true;
  if (isdummy(t)) return false;
  for (unsigned i = 0, n = (unsigned)sizenode(t); i < n; i++) {
    const Node *node = gnode(t, i);
    if (!isempty(gval(node)) && keytt(node) == LUA_VNUMINT &&
        is_text(r, gval(node), text))
      return true;
  }
  return false;
}

/* --- bind --- */

/* Takes what was appended to the scratch buffer since `at`, which is_text uses
 * too. False when it is longer than any choice of a form. */
static bool take_text(Render *r, size_t at, char copy[CHOICE_MAX],
                      Slice *text) {
  Slice s = since(&r->scratch, at);
  r->scratch.len = at;
  if (s.len > CHOICE_MAX) return false;
  memcpy(copy, s.ptr, s.len);
  *text = slice(copy, s.len);
  return true;
}

/* What the input stands for is its value attribute; without one it is "on". */
static bool is_checked(Render *r, Attrs *a, const TValue *field) {
  if (ttisboolean(field)) return ttistrue(field);
  if (ttisnil(field)) return false;
  const TValue *own = attrs_find(a, "value");
  size_t at = r->scratch.len;
  if (!own || !value_text(own, &r->scratch)) buf_lit(&r->scratch, "on");
  char copy[CHOICE_MAX];
  Slice text;
  return take_text(r, at, copy, &text) && is_chosen(r, field, text);
}

static void refuse(Render *r, Attrs *a, const char *name, Slice path) {
  if (attrs_find(a, name))
    trouble(r, "bind shows the field: set self.%s and leave out %s",
            shown(r, path), name);
}

void fields_bind(Render *r, Attrs *a, const TValue *value) {
  lua_State *L = r->L;
  if (!ttisstring(value) || tsslen(tsvalue(value)) == 0)
    trouble(r, "bind takes the name of a field");
  if (!r->ctx->bind) trouble(r, "nothing can be bound here");
  TagKind kind = a->tag->kind;
  bool is_custom = memchr(a->tag->name.ptr, '-', a->tag->name.len) != NULL;
  if (kind != TAG_INPUT && kind != TAG_TEXTAREA && kind != TAG_SELECT &&
      !is_custom)
    trouble(r,
            "bind works on input, textarea, select and elements of your own, "
            "not on "
            "<%s>",
            shown(r, a->tag->name));
  attrs_anchor(r, a);
  Slice path = value_slice(value);
  Slice name = path.ptr[0] == '$' ? slice(path.ptr + 1, path.len - 1) : path;
  size_t at = r->scratch.len;
  int top = lua_gettop(L);
  want_stack(L, LUA_MINSTACK);
  r->ctx->bind(r->ctx, L, path, &r->scratch);
  ASSERT(lua_gettop(L) == top + 1);
  a->field = top + 1; /* it stays until the element is drawn */
  attrs_add_scratch(r, a, ATTRS_NEW, SLICE("data-bind"), at);
  attrs_add_text(r, a, ATTRS_KEEP, SLICE("name"), name);
  const TValue *field = stack_value(L, a->field);
  if (path.ptr[0] == '$' && ttisnil(field)) {
    a->field = 0; /* no field of `self`: it begins as the author says */
    return;
  }
  if (kind == TAG_SELECT) return;
  if (kind == TAG_INPUT) {
    const TValue *type = attrs_find(a, "type");
    Slice t = type && ttisstring(type) ? value_slice(type) : SLICE("text");
    if (slice_is(t, "checkbox") || slice_is(t, "radio")) {
      refuse(r, a, "checked", path);
      if (is_checked(r, a, field))
        attrs_add_bare(r, a, ATTRS_OVERWRITE, SLICE("checked"));
      return;
    }
    if (slice_is(t, "file")) return;
  }
  if (!ttisnil(field) && !ttisstring(field) && !ttisnumber(field))
    trouble(r, "the field \"%s\" is a %s, which this <%s> cannot show",
            shown(r, path), lua_typename(L, ttype(field)),
            shown(r, a->tag->name));
  if (kind == TAG_TEXTAREA) return;
  refuse(r, a, "value", path);
  at = r->scratch.len;
  value_text(field, &r->scratch);
  attrs_add_scratch(r, a, ATTRS_OVERWRITE, SLICE("value"), at);
}

/* The text of an option, blanks run together as browsers do. */
static void option_text(Render *r, Table *t, lua_Integer first, int depth) {
  Items it;
  lua_Integer key;
  const TValue *v;
  items_start(&it, r->L, t, first, items_check(r, t).loose);
  while ((v = items_next(&it, &key))) {
    if (!ttistable(v)) {
      if (!ttisboolean(v)) value_text(v, &r->scratch);
    } else if (depth < 8 && render_special(r, hvalue(v)) <= SPECIAL_LIST) {
      option_text(r, hvalue(v), ttisstring(luaH_getint(hvalue(v), 1)) ? 2 : 1,
                  depth + 1);
    }
  }
}

static size_t squeeze(char *s, size_t len) {
  size_t n = 0;
  for (size_t i = 0; i < len; i++) {
    bool blank = s[i] == ' ' || (s[i] >= '\t' && s[i] <= '\r');
    if (!blank)
      s[n++] = s[i];
    else if (n && s[n - 1] != ' ')
      s[n++] = ' ';
  }
  return n && s[n - 1] == ' ' ? n - 1 : n;
}

void fields_option(Render *r, Attrs *a, Table *t) {
  const TValue *field = stack_value(r->L, r->select);
  const TValue *own = attrs_find(a, "value");
  char copy[CHOICE_MAX];
  Slice text;
  size_t at = r->scratch.len;
  if (own)
    value_text(own, &r->scratch);
  else
    option_text(r, t, 2, 0);
  if (!take_text(r, at, copy, &text)) return;
  if (!own) text.len = squeeze(copy, text.len);
  if (is_chosen(r, field, text))
    attrs_add_bare(r, a, ATTRS_OVERWRITE, SLICE("selected"));
}

/* --- key --- */

static bool add_id(IdSet *set, uint64_t hash) {
  if (hash == 0) hash = 1; /* 0 is an empty place */
  if (set->n * 2 >= set->cap) {
    IdSet big = { .cap = set->cap ? set->cap * 2 : 64 };
    big.slots = xcalloc(big.cap, sizeof *big.slots);
    for (size_t i = 0; i < set->cap; i++)
      if (set->slots[i]) add_id(&big, set->slots[i]);
    free(set->slots);
    *set = big;
  }
  size_t i = hash & (set->cap - 1);
  for (; set->slots[i]; i = (i + 1) & (set->cap - 1))
    if (set->slots[i] == hash) return false;
  set->slots[i] = hash;
  set->n++;
  return true;
}

/* The id that a morph matches by: instance, keys around, tag, key. Where two
 * lists of one instance have equal keys, the later one's are told apart by a
 * count. */
void fields_key(Render *r, Attrs *a, const TValue *value) {
  Buf *scratch = &r->scratch;
  size_t from = scratch->len;
  if (ttisboolean(value) || !value_text(value, scratch))
    trouble(r, "key takes a string or a number, not a %s",
            lua_typename(r->L, ttype(value)));
  size_t key = r->keys.len;
  /* ':' parts the keys, so it is encoded in one, as are blanks. */
  html_url_component(&r->keys, since(scratch, from));
  scratch->len = from;
  size_t key_len = r->keys.len - key;
  if (!a->is_root) {
    if (r->ctx->id.len) {
      buf_slice(scratch, r->ctx->id);
      buf_byte(scratch, ':');
    }
    buf_put(scratch, r->keys.ptr, key);
    buf_slice(scratch, a->tag->name);
    buf_byte(scratch, ':');
    buf_put(scratch, r->keys.ptr + key, key_len);
    size_t len = scratch->len;
    for (unsigned n = 2; !add_id(&r->ids, hash64(since(scratch, from))); n++) {
      scratch->len = len;
      buf_byte(scratch, '~');
      buf_uint(scratch, n);
    }
    attrs_add_scratch(r, a, ATTRS_KEEP, SLICE("id"), from);
  }
  buf_byte(&r->keys, ':');
}

/* --- behavior --- */

static void check_behavior(Render *r, const TValue *id) {
  Slice s = ttisstring(id) ? value_slice(id) : SLICE("");
  bool ok = s.len > 0 && memchr(s.ptr, '/', s.len);
  for (size_t i = 0; i < s.len; i++) {
    char c = s.ptr[i];
    ok = ok && (char_is_word(c) || c == '/' || c == '-');
  }
  if (!ok)
    trouble(r, "behavior takes \"ns/name\" or {\"ns/name\", arg = value}");
}

void fields_behavior(Render *r, Attrs *a, const TValue *value) {
  const TValue *id = ttistable(value) ? luaH_getint(hvalue(value), 1) : value;
  check_behavior(r, id);
  attrs_add_text(r, a, ATTRS_NEW, SLICE("data-stube-behavior"),
                 value_slice(id));
  if (!ttistable(value)) return;
  Table *t = hvalue(value);
  items_check(r, t);
  for (unsigned i = 0, n = isdummy(t) ? 0 : (unsigned)sizenode(t); i < n; i++) {
    const Node *node = gnode(t, i);
    if (isempty(gval(node)) || keytt(node) == LUA_VNUMINT) continue;
    Slice key = string_slice(keystrval(node));
    Slice name = attrs_name(r, a, "data-stube-arg-", key);
    size_t at = r->scratch.len;
    if (!value_text(gval(node), &r->scratch))
      trouble(r, "behavior: %s takes a string, number or boolean, not a %s",
              shown(r, key), lua_typename(r->L, ttype(gval(node))));
    attrs_add_scratch(r, a, ATTRS_NEW, name, at);
  }
}
