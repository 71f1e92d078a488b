/* One start tag: what the element and the bundles in it give, put in order.
 *
 * All lies in one struct on the C stack, so nothing is allocated; the function
 * returns before the children are drawn, so the depth of a tree does not
 * multiply it. */
#include "html/draw.h"

#include <lauxlib.h>

/* --- the sorted list --- */

static inline int compare(Slice a, Slice b) {
  if (a.ptr[0] != b.ptr[0]) return (uint8_t)a.ptr[0] - (uint8_t)b.ptr[0];
  int c = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
  return c ? c : (a.len > b.len) - (a.len < b.len);
}

/* The place for `name`: a new one (`*found` false) or the one that has it. */
static Attr *place(Render *r, Attrs *a, Slice name, bool *found) {
  size_t i = a->n;
  for (; i > 0; i--) {
    Attr *other = &a->list[a->order[i - 1]];
    int c = compare(other->name, name);
    if (c < 0) break;
    if (c == 0) {
      *found = true;
      return other;
    }
  }
  *found = false;
  if (a->n == countof(a->list))
    trouble(r, "an element has more than %d attributes", MARKUP_ATTRS_MAX);
  for (size_t j = a->n; j > i; j--) a->order[j] = a->order[j - 1];
  a->order[i] = (uint8_t)a->n;
  return &a->list[a->n++];
}

_Noreturn static void twice(Render *r, Slice name) {
  trouble(r, "attribute \"%s\" is written twice", shown(r, name));
}

/* An attribute of ours; NULL when the one that is there is kept. */
static Attr *add(Render *r, Attrs *a, AttrsMode mode, Slice name,
                 AttrKind kind) {
  bool found;
  Attr *attr = place(r, a, name, &found);
  if (found && mode == ATTRS_NEW) twice(r, name);
  if (found && mode == ATTRS_KEEP) return NULL;
  attr->name = name;
  attr->key = NULL;
  attr->kind = (uint8_t)kind;
  attr->source = a->source;
  return attr;
}

void attrs_add_value(Render *r, Attrs *a, AttrsMode mode, Slice name,
                     const TValue *v) {
  Attr *attr = add(r, a, mode, name, ATTR_VALUE);
  if (!attr) return;
  attr->is_url = attr->says_true_or_false = false;
  setobj(r->L, &attr->u.value, v);
}

void attrs_add_text(Render *r, Attrs *a, AttrsMode mode, Slice name,
                    Slice text) {
  Attr *attr = add(r, a, mode, name, ATTR_SLICE);
  if (attr) attr->u.text = text;
}

void attrs_add_bare(Render *r, Attrs *a, AttrsMode mode, Slice name) {
  add(r, a, mode, name, ATTR_BARE);
}

void attrs_add_scratch(Render *r, Attrs *a, AttrsMode mode, Slice name,
                       size_t at) {
  Attr *attr = add(r, a, mode, name, ATTR_SCRATCH);
  if (!attr) return;
  attr->u.scratch.at = at;
  attr->u.scratch.len = r->scratch.len - at;
}

const TValue *attrs_find(const Attrs *a, const char *name) {
  for (size_t i = 0; i < a->n; i++)
    if (a->list[i].kind == ATTR_VALUE && slice_is(a->list[i].name, name))
      return &a->list[i].u.value;
  return NULL;
}

void attrs_anchor(Render *r, Attrs *a) {
  if (a->is_anchored) return;
  a->is_anchored = true;
  want_stack(r->L, (int)(2 * (a->n + a->nhelpers)) + 20);
  for (size_t i = 0; i < a->n; i++) {
    if (a->list[i].key) push_string(r->L, (TString *)a->list[i].key);
    if (a->list[i].kind == ATTR_VALUE) push_value(r->L, &a->list[i].u.value);
  }
  for (size_t i = 0; i < a->nhelpers; i++) {
    push_string(r->L, (TString *)a->helpers[i].key);
    push_value(r->L, &a->helpers[i].value);
  }
}

/* --- gathering --- */

static void give_value(Render *r, Attrs *a, const Name *name,
                       const TString *key, const TValue *v) {
  bool found = false;
  Attr *attr = a->list;
  if (!a->n)
    a->order[a->n++] = 0;
  else
    attr = place(r, a, name->written, &found);
  if (found && attr->source == a->source) twice(r, name->written);
  attr->name = name->written;
  attr->key = key;
  attr->kind = ATTR_VALUE;
  attr->source = a->source;
  attr->is_url = name->is_url;
  attr->says_true_or_false = name->says_true_or_false;
  setobj(r->L, &attr->u.value, v);
}

RARE static void give_helper(Render *r, Attrs *a, Meaning meaning,
                             const TString *key, const TValue *v) {
  size_t i = a->nhelpers;
  if (meaning != MEANS_CLASS) /* classes add up */
    for (i = 0; i < a->nhelpers; i++)
      if (a->helpers[i].meaning == meaning &&
          slice_eq(string_slice(a->helpers[i].key), string_slice(key)))
        break;
  if (i == countof(a->helpers))
    trouble(r, "an element has more than %d attributes", MARKUP_ATTRS_MAX);
  if (i == a->nhelpers) a->nhelpers++;
  a->helpers[i].meaning = meaning;
  a->helpers[i].key = key;
  setobj(r->L, &a->helpers[i].value, v);
}

static inline void give(Render *r, Attrs *a, const TString *key,
                        const TValue *v) {
  const Name *name = name_of(r, a, key);
  if (name->meaning == MEANS_ITSELF) {
    give_value(r, a, name, key, v);
  } else if (name->meaning == MEANS_CLASS && ttisstring(v) &&
             tsslen(tsvalue(v)) && !a->source && !a->is_root &&
             !a->tag->rest.len) {
    a->has_plain_class = true; /* the usual one, with nothing to add */
    give_value(r, a, name, key, v);
  } else {
    if (name->meaning == MEANS_CLASS && a->has_plain_class) {
      a->has_plain_class = false;
      give_helper(r, a, MEANS_CLASS, key, attrs_find(a, "class"));
    }
    give_helper(r, a, name->meaning, key, v);
  }
}

/* The string keys of `t`. */
static void gather(Render *r, Attrs *a, Table *t) {
  if (isdummy(t)) return;
  for (unsigned i = 0, n = (unsigned)sizenode(t); i < n; i++) {
    const Node *node = gnode(t, i);
    if (isempty(gval(node))) continue;
    if (keytt(node) == ctb(LUA_VSHRSTR) || keytt(node) == ctb(LUA_VLNGSTR)) {
      give(r, a, keystrval(node), gval(node));
    } else if (keytt(node) == LUA_VNUMINT && keyival(node) >= 1) {
      a->loose++;
    } else {
      items_check(r, t); /* says what is wrong with it */
    }
  }
}

static void gather_items(Render *r, Attrs *a, Table *t, lua_Integer first,
                         size_t loose, int depth);

/* Attributes may come from a table among the children, also from within lists.
 */
RARE static void gather_item(Render *r, Attrs *a, Table *t, int depth) {
  const TValue *one = array_first(t);
  if (!one) one = luaH_getint(t, 1);
  if (!t->metatable) {
    if (ttisstring(one)) return; /* an element */
  } else {
    Special kind = render_special(r, t);
    if (kind != SPECIAL_LIST && (kind != SPECIAL_NONE || ttisstring(one)))
      return;
  }
  Keys keys = items_check(r, t);
  bool has_items = keys.loose > 0;
  for (unsigned i = 0; i < array_size(t) && !has_items; i++)
    has_items = !isempty(&t->array[i]);
  if (has_items) {
    gather_items(r, a, t, 1, keys.loose, depth + 1);
  } else if (keys.string) {
    if (a->source == UINT8_MAX)
      trouble(r, "more than 255 tables of attributes");
    a->source++;
    gather(r, a, t);
  }
}

static void gather_items(Render *r, Attrs *a, Table *t, lua_Integer first,
                         size_t loose, int depth) {
  if (r->depth + depth > MARKUP_DEPTH_MAX)
    trouble(r, "nested deeper than %d (does a table contain itself?)",
            MARKUP_DEPTH_MAX);
  if (!loose) {
    for (unsigned i = (unsigned)first; i <= array_size(t); i++) {
      if (!ttistable(&t->array[i - 1])) continue;
      Table *item = hvalue(&t->array[i - 1]);
      const TValue *one = array_first(item);
      if (!one || !ttisstring(one) || item->metatable)
        gather_item(r, a, item, depth);
    }
    return;
  }
  Items it;
  lua_Integer key;
  const TValue *v;
  items_start(&it, r->L, t, first, loose);
  while ((v = items_next(&it, &key)))
    if (ttistable(v)) gather_item(r, a, hvalue(v), depth);
}

/* --- expanding --- */

static void name_part(Render *r, Attrs *a) {
  bool found;
  Attr *attr = place(r, a, SLICE("id"), &found);
  if (found) return;
  *attr =
      (Attr){ .name = SLICE("id"), .kind = ATTR_SLICE, .source = a->source };
  attr->u.text = r->part->id;
  r->part->is_id = true;
}

RARE static void expand(Render *r, Attrs *a) {
  const HtmlContext *ctx = r->ctx;
  bool has_class = a->tag->rest.len > 0, has_click = false;
  if (a->is_root && ctx->id.len) {
    attrs_add_text(r, a, ATTRS_OVERWRITE, SLICE("id"), ctx->id);
    if (ctx->component.len) {
      attrs_add_text(r, a, ATTRS_OVERWRITE, SLICE("data-stube-component"),
                     ctx->component);
      has_class = true;
    }
  } else if (a->tag->rest.len) {
    Slice rest = a->tag->rest, name, id = SLICE_INIT("");
    while (tag_next_class(&rest, &name, &id)) continue;
    if (id.len) attrs_add_text(r, a, ATTRS_KEEP, SLICE("id"), id);
  }
  if (a->is_root && r->part) name_part(r, a);
  for (size_t i = 0; i < a->nhelpers; i++) {
    const Helper *h = &a->helpers[i];
    if (h->meaning == MEANS_CLASS) has_class = true;
    if (l_isfalse(&h->value)) continue;
    switch (h->meaning) {
    case MEANS_STYLE: words_style(r, a, &h->value); break;
    case MEANS_EVENT:
      attrs_anchor(r, a);
      events_expand(r, a, string_slice(h->key), &h->value);
      if (slice_is(string_slice(h->key), "on_click")) has_click = true;
      break;
    case MEANS_BIND: break; /* last: it looks at the others */
    case MEANS_KEY: fields_key(r, a, &h->value); break;
    case MEANS_PRESERVE:
      attrs_add_bare(r, a, ATTRS_NEW, SLICE("data-stube-preserve"));
      break;
    case MEANS_BEHAVIOR: fields_behavior(r, a, &h->value); break;
    default: break;
    }
  }
  if (has_class) words_class(r, a);
  if (has_click && a->tag->kind == TAG_BUTTON)
    attrs_add_text(r, a, ATTRS_KEEP, SLICE("type"), SLICE("button"));
  for (size_t i = 0; i < a->nhelpers; i++)
    if (a->helpers[i].meaning == MEANS_BIND && !l_isfalse(&a->helpers[i].value))
      fields_bind(r, a, &a->helpers[i].value);
}

/* --- writing --- */

/* Would a browser run this URL? It skips leading blanks, and tabs and newlines
 * anywhere. */
static bool is_script_url(Slice url) {
  static const char word[] = "javascript:";
  const char *p = url.ptr, *end = url.ptr + url.len, *w = word;
  while (p < end && (uint8_t)*p <= ' ') p++;
  for (; p < end && *w; p++) {
    if (*p == '\t' || *p == '\n' || *p == '\r') continue;
    if ((*p | 0x20) != *w && *p != *w) return false;
    w++;
  }
  return !*w;
}

static void check_url(Render *r, Slice name, Slice text) {
  if (is_script_url(text))
    trouble(r,
            "%s would run a script (if that is meant, give it as s.raw(...))",
            shown(r, name));
}

static void write_name(Render *r, Slice name) {
  char *p = room(r->out, name.len + 3);
  if (!p) p = buf_reserve(r->out, name.len + 3);
  if (!p) return;
  *p++ = ' ';
  p = copy_name(p, name);
  *p++ = '=';
  *p++ = '"';
  r->out->len = (size_t)(p - r->out->ptr);
}

/* A trusted value stands as it is, but for what would end it. */
static void write_trusted(Render *r, Slice text) {
  for (size_t i = 0; i < text.len; i++) {
    if (text.ptr[i] == '"')
      buf_lit(r->out, "&quot;");
    else
      buf_byte(r->out, text.ptr[i]);
  }
}

RARE static void write_table(Render *r, Attrs *a, const Attr *attr) {
  lua_State *L = r->L;
  Table *t = hvalue(&attr->u.value);
  Special kind = render_special(r, t);
  if (kind == SPECIAL_RAW) {
    const TValue *html = luaH_getint(t, 1);
    write_name(r, attr->name);
    if (ttisstring(html)) write_trusted(r, value_slice(html));
  } else if (kind == SPECIAL_TEXT) {
    attrs_anchor(r, a);
    want_stack(L, 8);
    push_table(L, t);
    size_t len;
    const char *s = luaL_tolstring(L, -1, &len);
    write_name(r, attr->name);
    if (attr->is_url) check_url(r, attr->name, slice(s, len));
    html_attribute(r->out, slice(s, len));
    lua_pop(L, 2);
  } else {
    trouble(r, "attribute \"%s\" cannot be a table", shown(r, attr->name));
  }
  buf_byte(r->out, '"');
}

RARE static void write_other_value(Render *r, Attrs *a, const Attr *attr) {
  const TValue *v = &attr->u.value;
  switch (ttypetag(v)) {
  case LUA_VNUMINT:
  case LUA_VNUMFLT:
    write_name(r, attr->name);
    value_text(v, r->out);
    break;
  case LUA_VTRUE:
  case LUA_VFALSE:
    if (attr->says_true_or_false) {
      write_name(r, attr->name);
      value_text(v, r->out);
    } else if (ttistrue(v)) {
      buf_byte(r->out, ' ');
      buf_slice(r->out, attr->name);
      return;
    } else {
      return;
    }
    break;
  case LUA_VTABLE: write_table(r, a, attr); return;
  default:
    trouble(r, "attribute \"%s\" cannot be a %s", shown(r, attr->name),
            lua_typename(r->L, ttype(v)));
  }
  buf_byte(r->out, '"');
}

RARE static void write_other(Render *r, Attrs *a, const Attr *attr) {
  switch (attr->kind) {
  case ATTR_VALUE: write_other_value(r, a, attr); return;
  case ATTR_BARE:
    buf_byte(r->out, ' ');
    buf_slice(r->out, attr->name);
    return;
  case ATTR_SLICE:
    write_name(r, attr->name);
    html_attribute(r->out, attr->u.text);
    break;
  case ATTR_SCRATCH:
    write_name(r, attr->name);
    html_attribute(r->out, slice(r->scratch.ptr + attr->u.scratch.at,
                                 attr->u.scratch.len));
    break;
  default: ASSERT(false);
  }
  buf_byte(r->out, '"');
}

/* No attributes of its own, and none among the children? */
static inline bool is_plain(const Table *t) {
  if (!isdummy(t)) return false;
  for (unsigned i = 1, n = array_size(t); i < n; i++) {
    const TValue *v = &t->array[i];
    if (!ttistable(v)) continue;
    const TValue *one = array_first(hvalue(v));
    if (!one || !ttisstring(one) || hvalue(v)->metatable) return false;
  }
  return true;
}

static inline void write_start(Render *r, const Tag *tag, bool ends) {
  char *p = room(r->out, tag->name.len + 2);
  if (!p) p = buf_reserve(r->out, tag->name.len + 2);
  if (!p) return;
  *p++ = '<';
  p = copy_name(p, tag->name);
  *p++ = '>';
  r->out->len = (size_t)(p - r->out->ptr) - !ends;
}

static StartTag write_with_attributes(Render *r, const Tag *tag, Table *t,
                                      const TValue *wrapped, bool is_root) {
  Attrs a;
  /* Not the arrays: they are large, and written before they are read. */
  memset(&a, 0, offsetof(Attrs, order));
  a.tag = tag;
  a.is_root = is_root;
  buf_clear(&r->scratch);
  if (t) {
    gather(r, &a, t);
    gather_items(r, &a, t, 2, a.loose, 0);
  } else if (ttistable(wrapped)) {
    gather_item(r, &a, hvalue(wrapped), 0);
  }
  if (tag->only.len && !is_root && !a.nhelpers)
    add(r, &a, ATTRS_NEW, SLICE("class"), ATTR_LUA)->u.text = tag->only;
  else if (a.nhelpers == 1 && a.helpers[0].meaning == MEANS_CLASS && !is_root &&
           !tag->rest.len)
    words_class(r, &a);
  else if (is_root || a.nhelpers || tag->rest.len)
    expand(r, &a);
  if (r->select && tag->kind == TAG_OPTION && t) fields_option(r, &a, t);
  write_start(r, tag, false);
  for (size_t i = 0; i < a.n; i++) {
    const Attr *attr = &a.list[a.order[i]];
    if (attr->kind == ATTR_VALUE && ttisstring(&attr->u.value)) {
      Slice text = value_slice(&attr->u.value);
      if (attr->is_url) check_url(r, attr->name, text);
      escape_pair(r->out, attr->name, text);
    } else if (attr->kind == ATTR_LUA) {
      escape_pair(r->out, attr->name, attr->u.text);
    } else {
      write_other(r, &a, attr);
    }
  }
  buf_byte(r->out, '>');
  return (StartTag){ a.field, a.loose };
}

StartTag attrs_write(Render *r, const Tag *tag, Table *t, const TValue *wrapped,
                     bool is_root) {
  if (t && !is_root && !tag->rest.len && !r->select && is_plain(t)) {
    write_start(r, tag, true);
    return (StartTag){ 0, 0 };
  }
  return write_with_attributes(r, tag, t, wrapped, is_root);
}
