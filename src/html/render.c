/* The walk over an element tree. Start tags are attrs.c's business. */
#include "html/draw.h"

#include <lauxlib.h>
#include <ldo.h>
#include <math.h>
#include <stdlib.h>

static void draw_value(Render *r, const TValue *v, lua_Integer place);
static void draw_table(Render *r, Table *t, lua_Integer place);

/* --- text --- */

static void integer_text(Buf *out, lua_Integer i) {
  if (i < 0) buf_byte(out, '-');
  buf_uint(out, i < 0 ? 0 - (uint64_t)i : (uint64_t)i);
}

bool value_text(const TValue *v, Buf *out) {
  switch (ttypetag(v)) {
  case LUA_VSHRSTR:
  case LUA_VLNGSTR: buf_slice(out, value_slice(v)); return true;
  case LUA_VNUMINT: integer_text(out, ivalue(v)); return true;
  case LUA_VNUMFLT: {
    lua_Number n = fltvalue(v);
    if (n == floor(n) && fabs(n) < 9007199254740992.0) {
      integer_text(out, (lua_Integer)n); /* 5.0 is 5 */
    } else {
      buf_printf(out, LUA_NUMBER_FMT, n);
    }
    return true;
  }
  case LUA_VTRUE: buf_lit(out, "true"); return true;
  case LUA_VFALSE: buf_lit(out, "false"); return true;
  default: return false;
  }
}

/* --- what a table is --- */

static const Table *metatable(lua_State *L, const char *name) {
  lua_getfield(L, LUA_REGISTRYINDEX, name);
  const Table *t = lua_istable(L, -1) ? lua_topointer(L, -1) : NULL;
  lua_pop(L, 1); /* the registry keeps it */
  return t;
}

RARE static Special special(Render *r, const Table *t) {
  const Table *mt = t->metatable;
  if (!r->has_metatables) {
    want_stack(r->L, 4);
    r->raw = metatable(r->L, HTML_RAW);
    r->list = metatable(r->L, HTML_LIST);
    r->slot = metatable(r->L, HTML_SLOT);
    r->embed = metatable(r->L, HTML_EMBED);
    r->has_metatables = true;
  }
  if (mt == r->raw) return SPECIAL_RAW;
  if (mt == r->list) return SPECIAL_LIST;
  if (mt == r->slot) return SPECIAL_SLOT;
  if (mt == r->embed) return SPECIAL_EMBED;
  want_stack(r->L, 4);
  push_table(r->L, t->metatable);
  lua_pushliteral(r->L, "__tostring");
  lua_rawget(r->L, -2);
  bool has = !lua_isnil(r->L, -1);
  lua_pop(r->L, 2);
  return has ? SPECIAL_TEXT : SPECIAL_NONE;
}

Special render_special(Render *r, const Table *t) {
  return t->metatable ? special(r, t) : SPECIAL_NONE;
}

/* --- elements --- */

static void draw_items(Render *r, Table *t, lua_Integer first, size_t loose) {
  if (!loose) { /* as items_next would, without its bookkeeping */
    for (unsigned i = (unsigned)first; i <= array_size(t); i++) {
      const TValue *v = &t->array[i - 1];
      if (ttisstring(v))
        escape_text(r->out, value_slice(v));
      else if (ttistable(v))
        draw_table(r, hvalue(v), i);
      else if (!l_isfalse(v))
        draw_value(r, v, i);
    }
    return;
  }
  Items it;
  lua_Integer key;
  const TValue *v;
  items_start(&it, r->L, t, first, loose);
  while ((v = items_next(&it, &key))) draw_value(r, v, key);
}

/* All text in a script or style first, so that no end tag can be put together
 * from its pieces. */
RARE static void draw_raw_text(Render *r, const Tag *tag, Table *t,
                               size_t loose) {
  Items it;
  lua_Integer key;
  const TValue *v;
  size_t at = r->scratch.len;
  items_start(&it, r->L, t, 2, loose);
  while ((v = items_next(&it, &key))) {
    if (ttistable(v) && render_special(r, hvalue(v)) == SPECIAL_RAW)
      v = luaH_getint(hvalue(v), 1);
    else if (ttistable(v) && items_check(r, hvalue(v)).string &&
             isempty(luaH_getint(hvalue(v), 1)))
      continue; /* attributes */
    if (ttypetag(v) == LUA_VTRUE || !value_text(v, &r->scratch))
      trouble(r, "item %I: a <%s> holds strings and numbers only",
              (LUAI_UACINT)key, shown(r, tag->name));
  }
  html_raw_text(r->out, since(&r->scratch, at));
}

/* A first newline right after these start tags is dropped by the parser. */
RARE static void keep_newline(Render *r, size_t at) {
  Buf *out = r->out;
  if (out->err || out->len == at || out->ptr[at] != '\n') return;
  buf_byte(
      out,
      '\n'); /* one newline more than there was: no need to move anything */
  if (out->err) return;
  memmove(out->ptr + at + 1, out->ptr + at, out->len - at - 1);
  out->ptr[at] = '\n';
}

RARE static void check_void(Render *r, const Tag *tag, Table *t, size_t loose) {
  Items it;
  lua_Integer key;
  const TValue *v;
  items_start(&it, r->L, t, 2, loose);
  while ((v = items_next(&it, &key))) {
    if (ttistable(v)) {
      const TValue *first = luaH_getint(hvalue(v), 1);
      if (isempty(first) && !items_check(r, hvalue(v)).loose) continue;
    }
    trouble(r, "item %I: a <%s> has no content", (LUAI_UACINT)key,
            shown(r, tag->name));
  }
}

/* A textarea with bind. */
RARE static void draw_field(Render *r, Table *t, const StartTag *start) {
  Items it;
  lua_Integer key;
  items_start(&it, r->L, t, 2, start->loose);
  const TValue *v = items_next(&it, &key);
  if (v && !ttistable(v))
    trouble(r, "a textarea with bind shows its field and takes no text");
  size_t from = r->scratch.len;
  value_text(stack_value(r->L, start->field), &r->scratch);
  html_text(r->out, since(&r->scratch, from));
}

RARE static void draw_special_content(Render *r, const Tag *tag, Table *t,
                                      const StartTag *start) {
  size_t at = r->out->len;
  int select = r->select;
  switch (tag->kind) {
  case TAG_VOID:
  case TAG_INPUT: check_void(r, tag, t, start->loose); return;
  case TAG_RAW: draw_raw_text(r, tag, t, start->loose); return;
  case TAG_SELECT:
    r->select = start->field;
    draw_items(r, t, 2, start->loose);
    r->select = select;
    return;
  case TAG_TEXTAREA:
  case TAG_PRE:
    if (start->field)
      draw_field(r, t, start);
    else
      draw_items(r, t, 2, start->loose);
    keep_newline(r, at);
    return;
  default: draw_items(r, t, 2, start->loose); return;
  }
}

/* `t` is the element and stands on the stack, as does the tag's text; or NULL
 * for the div that wraps `wrapped`. */
static void draw_tag(Render *r, const Tag *tag, Table *t, const TValue *wrapped,
                     bool is_root) {
  Step *step = &r->steps[r->nsteps];
  *step = (Step){ tag->name, r->nsteps ? ++step[-1].inside : 0, 0 };
  r->nsteps++;
  if (r->out->len - r->start > RENDER_BYTES_MAX)
    trouble(r, "draws more than %d bytes", (int)RENDER_BYTES_MAX);
  size_t keys = r->keys.len;
  StartTag start = attrs_write(r, tag, t, wrapped, is_root);
  if (!t)
    draw_value(r, wrapped, 1);
  else if (tag->kind >= TAG_PLAIN)
    draw_items(r, t, 2, start.loose);
  else
    draw_special_content(r, tag, t, &start);
  if (tag->kind > TAG_INPUT) {
    if (is_root && r->part) r->part->end = r->out->len;
    char *p = room(r->out, tag->name.len + 3);
    if (!p) p = buf_reserve(r->out, tag->name.len + 3);
    if (p) {
      *p++ = '<';
      *p++ = '/';
      p = copy_name(p, tag->name);
      *p++ = '>';
      r->out->len = (size_t)(p - r->out->ptr);
    }
  }
  r->keys.len = keys;
  r->nsteps--;
}

static void draw_element(Render *r, Table *t, TString *tag_text) {
  push_string(r->L, tag_text);
  Slice text = string_slice(tag_text);
  if (text.len == 0) { /* only its children */
    draw_items(r, t, 2, items_check(r, t).loose);
    return;
  }
  bool is_root = r->at_root;
  r->at_root = false;
  Tag spare;
  draw_tag(r, tag_parse(r, tag_text, &spare), t, NULL, is_root);
}

/* --- the other tables --- */

static void draw_list(Render *r, Table *t, bool is_list) {
  Keys keys = items_check(r, t);
  if (keys.string) {
    bool has_items = keys.loose != 0;
    for (unsigned i = 0; i < array_size(t) && !has_items; i++)
      has_items = !isempty(&t->array[i]);
    Slice name = string_slice(keys.string);
    if (has_items || is_list)
      trouble(r, "a list of children has the key \"%s\" (is a tag missing?)",
              shown(r, name));
    if (!r->nsteps)
      trouble(r, "the attribute \"%s\" stands in no element", shown(r, name));
    return; /* attributes, which the start tag has */
  }
  draw_items(r, t, 1, keys.loose);
}

static void draw_tostring(Render *r, Table *t) {
  lua_State *L = r->L;
  want_stack(L, 8);
  push_table(L, t);
  size_t len;
  const char *s = luaL_tolstring(L, -1, &len);
  html_text(r->out, slice(s, len));
  lua_pop(L, 2);
}

RARE static void draw_slot(Render *r, Table *t) {
  lua_State *L = r->L;
  const TValue *name = luaH_getint(t, 1), *wrap = luaH_getint(t, 2);
  if (!ttisstring(name)) trouble(r, "a slot without a name");
  if (!r->ctx->slot) trouble(r, "a slot cannot stand here");
  push_value(L, name);
  Slice text = value_slice(name);
  int at = 0;
  if (ttistable(wrap)) {
    push_value(L, wrap);
    at = lua_gettop(L);
  }
  if (r->nsteps) r->steps[r->nsteps - 1].inside++;
  want_stack(L, LUA_MINSTACK);
  r->in_slot = true;
  r->ctx->slot(r->ctx, L, text, at, r->out);
  r->in_slot = false;
}

RARE static void draw_special(Render *r, Table *t, Special kind,
                              lua_Integer place) {
  switch (kind) {
  case SPECIAL_RAW: {
    const TValue *html = luaH_getint(t, 1);
    if (ttisstring(html)) buf_slice(r->out, value_slice(html));
    return;
  }
  case SPECIAL_SLOT: draw_slot(r, t); return;
  case SPECIAL_LIST: draw_list(r, t, true); return;
  case SPECIAL_TEXT: draw_tostring(r, t); return;
  case SPECIAL_EMBED:
    trouble(r,
            "item %I: an embed cannot be drawn (put it into children or a "
            "slot, and "
            "s.slot(name) here)",
            (LUAI_UACINT)place);
  case SPECIAL_NONE: break;
  }
}

static void draw_table(Render *r, Table *t, lua_Integer place) {
  ptrdiff_t level = savestack(r->L, r->L->top.p);
  if (++r->depth > MARKUP_DEPTH_MAX)
    trouble(r, "nested deeper than %d (does a table contain itself?)",
            MARKUP_DEPTH_MAX);
  want_stack(r->L, 8);
  push_table(r->L, t);
  Special kind = render_special(r, t);
  if (kind != SPECIAL_NONE) {
    draw_special(r, t, kind, place);
  } else {
    const TValue *first = array_first(t);
    if (!first) first = luaH_getint(t, 1);
    if (ttisstring(first))
      draw_element(r, t, tsvalue(first));
    else
      draw_list(r, t, false);
  }
  r->depth--;
  r->L->top.p = restorestack(r->L, level);
}

RARE static void draw_value(Render *r, const TValue *v, lua_Integer place) {
  switch (ttypetag(v)) {
  case LUA_VSHRSTR:
  case LUA_VLNGSTR: escape_text(r->out, value_slice(v)); return;
  case LUA_VNUMINT:
  case LUA_VNUMFLT: value_text(v, r->out); return;
  case LUA_VTABLE: draw_table(r, hvalue(v), place); return;
  case LUA_VTRUE:
    trouble(r, "item %I: true cannot be drawn", (LUAI_UACINT)place);
  default:
    if (l_isfalse(v)) return;
    trouble(r, "item %I: a %s cannot be drawn%s", (LUAI_UACINT)place,
            lua_typename(r->L, ttype(v)),
            ttisfunction(v) ? " (is a call missing?)" : "");
  }
}

/* Does the root carry the instance's id itself, or must a div? */
static bool is_element(Render *r, const TValue *v) {
  if (!ttistable(v)) return false;
  Table *t = hvalue(v);
  const TValue *first = luaH_getint(t, 1);
  return ttisstring(first) && tsslen(tsvalue(first)) > 0 &&
         render_special(r, t) == SPECIAL_NONE;
}

/* (render, tree), then what the cache holds */
static int draw_protected(lua_State *L) {
  Render *r = lua_touserdata(L, 1);
  luaL_checkstack(L, CACHE_TAGS + CACHE_NAMES + LUA_MINSTACK, "to draw");
  lua_settop(L, CACHE_STACK - 1 + CACHE_TAGS + CACHE_NAMES);
  const TValue *tree = stack_value(L, 2);
  bool has_root = r->ctx->id.len > 0 || r->part;
  if (has_root && !is_element(r, tree)) {
    Tag div = { SLICE("div"), SLICE(""), SLICE(""), TAG_PLAIN };
    want_stack(L, 8);
    TValue copy;
    setobj(L, &copy, stack_value(L, 2));
    draw_tag(r, &div, NULL, &copy, true);
  } else {
    r->at_root = has_root;
    want_stack(L, 8);
    TValue copy;
    setobj(L, &copy, stack_value(L, 2));
    draw_value(r, &copy, 1);
  }
  if (r->out->len - r->start > RENDER_BYTES_MAX)
    trouble(r, "draws more than %d bytes", (int)RENDER_BYTES_MAX);
  if (r->out->err)
    trouble(r, "draws more than fits (%s)", err_words(r->out->err));
  return 0;
}

static void render(lua_State *L, int idx, const HtmlContext *ctx,
                   HtmlPart *part, Buf *out) {
  Render r;
  /* Not the rest: it is large, and written before it is read. */
  memset(&r, 0, offsetof(Render, cache) + offsetof(Cache, tags));
  r.L = L;
  r.ctx = ctx;
  r.out = out;
  r.start = out->len;
  r.part = part;
  idx = lua_absindex(L, idx);
  luaL_checkstack(L, 8, "to draw");
  lua_pushcfunction(L, draw_protected);
  lua_pushlightuserdata(L, &r);
  lua_pushvalue(L, idx);
  int status = lua_pcall(L, 2, 0, 0);
  char path[512];
  /* At once: a tag in the path may be garbage when Lua allocates again. */
  if (status) trouble_path(&r, path, sizeof path);
  buf_free(&r.scratch);
  buf_free(&r.keys);
  free(r.ids.slots);
  if (status == LUA_OK) return;
  out->len = r.start;
  if (status == LUA_ERRRUN && !r.in_slot && lua_type(L, -1) == LUA_TSTRING) {
    lua_pushstring(L, path);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  lua_error(L);
}

void html_render(lua_State *L, int idx, const HtmlContext *ctx, Buf *out) {
  render(L, idx, ctx, NULL, out);
}

void html_render_part(lua_State *L, int idx, const HtmlContext *ctx,
                      HtmlPart *part, Buf *out) {
  HtmlContext inner = *ctx;
  inner.id = (Slice){ 0 };
  part->is_id = false;
  part->end = 0; /* of an element that holds nothing */
  render(L, idx, &inner, part, out);
}
