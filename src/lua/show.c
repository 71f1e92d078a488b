#include "lua/show.h"

#include <lauxlib.h>
#include <stdlib.h>

#define DEPTH_MAX 16     /* of Show.depth: the ancestors of a table */
#define LINE_BYTES 72    /* longer tables are written over several */
#define COROUTINES_MAX 8 /* that wait for each other */

typedef struct Print {
  const Show *s;
  lua_State *L;
  Buf *out;
  int depth;
  const void *above[DEPTH_MAX]; /* tables that the present one is in */
} Print;

static void print_value(Print *p, int idx);

void show_init(Show *s) {
  *s =
      (Show){ .depth = 3, .items = 20, .text = 60, .value = 400, .frames = 40 };
}

/* --- strings --- */

/* Bytes of the UTF-8 character that begins at `s`; 1 when it is none. */
static size_t char_len(Slice s) {
  unsigned char c = (unsigned char)s.ptr[0];
  size_t n = c < 0x80 ? 1 : c >= 0xf0 && c < 0xf5 ? 4 : c >= 0xe0 ? 3 : 2;
  if (c >= 0x80 && (c < 0xc2 || c > 0xf4)) return 1;
  if (n > s.len) return 1;
  for (size_t i = 1; i < n; i++)
    if (((unsigned char)s.ptr[i] & 0xc0) != 0x80) return 1;
  return n;
}

static void put_char(Buf *out, Slice s, size_t n) {
  static const char from[] = "\n\t\r\"\\", to[] = "ntr\"\\";
  unsigned char c = (unsigned char)s.ptr[0];
  const char *special = c ? strchr(from, c) : NULL;
  if (special)
    buf_printf(out, "\\%c", to[special - from]);
  else if (n == 1 && (c < 0x20 || c >= 0x7f))
    buf_printf(out, "\\x%02x", c);
  else if (n == 2 && c == 0xc2 && (unsigned char)s.ptr[1] < 0xa0)
    buf_printf(out, "\\u{%x}", (unsigned char)s.ptr[1]); /* C1 controls */
  else
    buf_put(out, s.ptr, n);
}

static void print_string(Print *p, Slice s) {
  size_t len = s.len, done = 0;
  buf_lit(p->out, "\"");
  while (done < len) {
    Slice rest = slice(s.ptr + done, len - done);
    size_t n = char_len(rest);
    if (done + n > p->s->text) break;
    put_char(p->out, rest, n);
    done += n;
  }
  if (done < len)
    buf_printf(p->out, "...\" (%zu bytes)", len);
  else
    buf_lit(p->out, "\"");
}

static bool is_word(Slice s) {
  static const char *const reserved[] = {
    "and",      "break",  "do",   "else", "elseif", "end",  "false", "for",
    "function", "goto",   "if",   "in",   "local",  "nil",  "not",   "or",
    "repeat",   "return", "then", "true", "until",  "while"
  };
  if (s.len > 40 || !slice_is_word(s)) return false;
  for (size_t i = 0; i < countof(reserved); i++)
    if (slice_is(s, reserved[i])) return false;
  return true;
}

/* --- tables --- */

/* Numbers, then strings, then the rest by type and address: a steady order. */
static int rank(int type) {
  return type == LUA_TNUMBER ? 0 : type == LUA_TSTRING ? 1 : 2 + type;
}

typedef struct Key {
  int type;
  lua_Number number;
  Slice text;
  const void *address;
  lua_Integer index; /* in the list of keys */
} Key;

static int compare_keys(const void *a, const void *b) {
  const Key *x = a, *y = b;
  if (x->type != y->type) return rank(x->type) < rank(y->type) ? -1 : 1;
  if (x->type == LUA_TNUMBER)
    return (x->number > y->number) - (x->number < y->number);
  if (x->type == LUA_TSTRING) {
    size_t n = x->text.len < y->text.len ? x->text.len : y->text.len;
    int c = memcmp(x->text.ptr, y->text.ptr, n);
    return c ? c : (x->text.len > y->text.len) - (x->text.len < y->text.len);
  }
  return (x->address > y->address) - (x->address < y->address);
}

/* How many of its items stand in a row from 1 on. */
static lua_Integer row_len(lua_State *L, int table) {
  lua_Integer n = 0;
  while (lua_rawgeti(L, table, n + 1) != LUA_TNIL) {
    lua_pop(L, 1);
    n++;
  }
  lua_pop(L, 1);
  return n;
}

/* Pushes a list of the keys past the row, and says what they are, sorted. The
 * array is the stack's: a userdata pushed below the list. */
static Key *other_keys(lua_State *L, int table, lua_Integer row, size_t *n) {
  size_t count = 0;
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) count++;
  Key *keys = lua_newuserdatauv(L, (count + 1) * sizeof *keys, 0);
  lua_newtable(L);
  int list = lua_gettop(L);
  *n = 0;
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
    Key k = { .type = lua_type(L, -2), .index = (lua_Integer)*n + 1 };
    if (lua_isinteger(L, -2) && lua_tointeger(L, -2) >= 1 &&
        lua_tointeger(L, -2) <= row)
      continue;
    if (k.type == LUA_TNUMBER) k.number = lua_tonumber(L, -2);
    if (k.type == LUA_TSTRING) k.text.ptr = lua_tolstring(L, -2, &k.text.len);
    k.address = lua_topointer(L, -2);
    lua_pushvalue(L, -2);
    lua_rawseti(L, list, k.index);
    keys[(*n)++] = k;
  }
  qsort(keys, *n, sizeof *keys, compare_keys);
  return keys;
}

/* An item follows: a comma, or the opening brace; false when it is one too
 * many. */
static bool next_item(Print *p, size_t *n) {
  bool ok = *n < p->s->items;
  if (*n <= p->s->items) buf_puts(p->out, *n ? ", " : " ");
  if (*n == p->s->items) buf_lit(p->out, "...");
  ++*n;
  return ok;
}

static void print_key(Print *p, const Key *k, int idx) {
  if (k->type == LUA_TSTRING && is_word(k->text)) {
    buf_slice(p->out, k->text);
    return;
  }
  buf_lit(p->out, "[");
  print_value(p, idx);
  buf_lit(p->out, "]");
}

static void print_items(Print *p, int table) {
  lua_State *L = p->L;
  int top = lua_gettop(L);
  size_t n = 0, n_others;
  lua_Integer row = row_len(L, table);
  for (lua_Integer i = 1; i <= row && next_item(p, &n); i++) {
    lua_rawgeti(L, table, i);
    print_value(p, top + 1);
    lua_settop(L, top);
  }
  if (n > p->s->items) {
    buf_lit(p->out, " ");
    return;
  }
  const Key *keys = other_keys(L, table, row, &n_others);
  int list = lua_gettop(L);
  for (size_t i = 0; i < n_others && next_item(p, &n); i++) {
    lua_rawgeti(L, list, keys[i].index);
    print_key(p, &keys[i], list + 1);
    buf_lit(p->out, " = ");
    lua_rawget(L, table);
    print_value(p, list + 1);
    lua_settop(L, list);
  }
  lua_settop(L, top);
  if (n) buf_lit(p->out, " ");
}

/* The __name of its metatable, as a constructor's would stand there. */
static void print_class(Print *p, int idx) {
  lua_State *L = p->L;
  if (!lua_getmetatable(L, idx)) return;
  lua_pushliteral(L, "__name");
  lua_rawget(L, -2);
  if (lua_type(L, -1) == LUA_TSTRING)
    buf_printf(p->out, "%.40s ", lua_tostring(L, -1));
  lua_pop(L, 2);
}

static void print_table(Print *p, int idx) {
  const void *address = lua_topointer(p->L, idx);
  print_class(p, idx);
  for (int i = 0; i < p->depth; i++) {
    if (p->above[i] != address) continue;
    buf_lit(p->out, "{ a table around this }");
    return;
  }
  if (p->depth >= p->s->depth || p->depth == DEPTH_MAX || p->out->err) {
    lua_pushnil(p->L);
    bool empty = !lua_next(p->L, idx);
    if (!empty) lua_pop(p->L, 2);
    buf_puts(p->out, empty ? "{}" : "{...}");
    return;
  }
  p->above[p->depth++] = address;
  buf_lit(p->out, "{");
  print_items(p, idx);
  buf_lit(p->out, "}");
  p->depth--;
}

/* --- all else --- */

static void print_function(Print *p, int idx) {
  lua_Debug ar;
  lua_pushvalue(p->L, idx);
  lua_getinfo(p->L, ">S", &ar);
  if (ar.what[0] == 'C')
    buf_lit(p->out, "a C function");
  else
    buf_printf(p->out, "function (%s:%d)", ar.short_src, ar.linedefined);
}

static void print_thread(Print *p, lua_State *co) {
  size_t at = p->out->len;
  buf_lit(p->out, "coroutine at ");
  size_t place = p->out->len;
  show_place(co, p->out);
  if (p->out->len > place) return;
  p->out->len = at;
  buf_puts(p->out, lua_status(co) == LUA_YIELD || lua_gettop(co) > 0
                       ? "a coroutine"
                       : "a dead coroutine");
}

static void print_value(Print *p, int idx) {
  lua_State *L = p->L;
  size_t at = p->out->len;
  if (p->s->name && lua_topointer(L, idx) && lua_type(L, idx) != LUA_TSTRING) {
    buf_lit(p->out, "<");
    if (p->s->name(p->s->ud, L, idx, p->out)) {
      buf_lit(p->out, ">");
      return;
    }
    if (!p->out->err) p->out->len = at;
  }
  switch (lua_type(L, idx)) {
  case LUA_TNIL: buf_lit(p->out, "nil"); break;
  case LUA_TBOOLEAN:
    buf_puts(p->out, lua_toboolean(L, idx) ? "true" : "false");
    break;
  case LUA_TNUMBER:
    lua_pushvalue(L, idx); /* tostring changes what it is given */
    buf_puts(p->out, lua_tostring(L, -1));
    lua_pop(L, 1);
    break;
  case LUA_TSTRING: {
    Slice s;
    s.ptr = lua_tolstring(L, idx, &s.len);
    print_string(p, s);
    break;
  }
  case LUA_TTABLE: print_table(p, idx); break;
  case LUA_TFUNCTION: print_function(p, idx); break;
  case LUA_TTHREAD: print_thread(p, lua_tothread(L, idx)); break;
  default: buf_lit(p->out, "a userdata"); break;
  }
}

void show_value(const Show *s, lua_State *L, int idx, Buf *out) {
  Buf text = { .max = s->value };
  Print p = { .s = s, .L = L, .out = &text };
  luaL_checkstack(L, 12 * DEPTH_MAX, "showing a value");
  int top = lua_gettop(L);
  print_value(&p, lua_absindex(L, idx));
  lua_settop(L, top);
  buf_slice(out, buf_view(&text));
  if (text.err) buf_lit(out, " ...");
  buf_free(&text);
}

static void put_item(const Show *s, lua_State *L, const char *indent,
                     Buf *out) {
  buf_lit(out, " = ");
  show_value(s, L, -1, out);
  buf_printf(out, "\n%s", indent);
  lua_pop(L, 1);
}

/* Both of the table's parts, as print_items has them. */
static void put_items(const Show *s, lua_State *L, int table,
                      const char *indent, Buf *out) {
  size_t n = 0, n_others;
  lua_Integer row = row_len(L, table);
  for (lua_Integer i = 1; i <= row && n < s->items; i++, n++) {
    buf_printf(out, "  [%lld]", (long long)i);
    lua_rawgeti(L, table, i);
    put_item(s, L, indent, out);
  }
  const Key *keys = other_keys(L, table, row, &n_others);
  int list = lua_gettop(L);
  for (size_t i = 0; i < n_others && n < s->items; i++, n++) {
    lua_rawgeti(L, list, keys[i].index);
    buf_lit(out, "  ");
    print_key(&(Print){ .s = s, .L = L, .out = out }, &keys[i], list + 1);
    lua_rawget(L, table);
    put_item(s, L, indent, out);
  }
  size_t more = (size_t)row + n_others - n;
  if (more) buf_printf(out, "  (%zu more)\n%s", more, indent);
}

void show_lines(const Show *s, lua_State *L, int idx, const char *indent,
                Buf *out) {
  Buf flat = { 0 };
  int top = lua_gettop(L);
  idx = lua_absindex(L, idx);
  luaL_checkstack(L, 12, "showing a value");
  show_value(s, L, idx, &flat);
  if (flat.len <= LINE_BYTES || lua_type(L, idx) != LUA_TTABLE) {
    buf_slice(out, buf_view(&flat));
    buf_lit(out, "\n");
  } else {
    print_class(&(Print){ .s = s, .L = L, .out = out }, idx);
    buf_printf(out, "{\n%s", indent);
    put_items(s, L, idx, indent, out);
    buf_lit(out, "}\n");
  }
  buf_free(&flat);
  lua_settop(L, top);
}

/* --- coroutines --- */

/* One of the C frame's values, or of its function's, is the coroutine that it
 * waits for. It lies on top of L then, and stays there. */
static lua_State *waits_for(lua_State *L, lua_State *co, lua_Debug *ar) {
  lua_State *inner = NULL;
  for (int i = 1; !inner && lua_getlocal(co, ar, i); i++) {
    lua_xmove(co, L, 1);
    inner = lua_tothread(L, -1);
    if (!inner) lua_pop(L, 1);
  }
  if (inner) return inner;
  lua_getinfo(co, "f", ar);
  lua_xmove(co, L, 1);
  if (lua_getupvalue(L, -1, 1)) {
    inner = lua_tothread(L, -1);
    lua_remove(L, -2);
  }
  if (!inner) lua_pop(L, 1);
  return inner;
}

static void put_call(const lua_Debug *ar, const char *indent, Buf *out) {
  buf_puts(out, indent);
  if (ar->what[0] == 'C')
    buf_printf(out, "in %s", ar->name ? ar->name : "a C function");
  else if (ar->currentline > 0)
    buf_printf(out, "%s:%d", ar->short_src, ar->currentline);
  else
    buf_printf(out, "%s, before it begins", ar->short_src);
  if (ar->what[0] != 'C' && ar->name)
    buf_printf(out, " in %s '%s'", *ar->namewhat ? ar->namewhat : "function",
               ar->name);
  else if (ar->what[0] == 'L')
    buf_printf(out, " in the function of line %d", ar->linedefined);
  buf_lit(out, "\n");
}

static void put_local(const Show *s, lua_State *L, const char *name,
                      const char *indent, Buf *out) {
  buf_printf(out, "%s  %s = ", indent, name);
  show_value(s, L, -1, out);
  buf_lit(out, "\n");
  lua_pop(L, 1);
}

static void put_locals(const Show *s, lua_State *L, lua_State *co,
                       lua_Debug *ar, const char *indent, Buf *out) {
  const char *name;
  for (int i = 1; (name = lua_getlocal(co, ar, i)) != NULL; i++) {
    lua_xmove(co, L, 1);
    if (name[0] == '(')
      lua_pop(L, 1);
    else
      put_local(s, L, name, indent, out);
  }
  for (int i = 1; lua_getlocal(co, ar, -i); i++) {
    char vararg[24];
    lua_xmove(co, L, 1);
    snprintf(vararg, sizeof vararg, "... (%d)", i);
    put_local(s, L, vararg, indent, out);
  }
}

static void put_stack(const Show *s, lua_State *L, lua_State *co,
                      const char *indent, int depth, Buf *out) {
  lua_Debug ar;
  size_t n = 0;
  luaL_checkstack(L, 8, "showing a coroutine");
  if (!lua_checkstack(co, 4)) return;
  for (int level = 0; lua_getstack(co, level, &ar); level++) {
    lua_getinfo(co, "Sln", &ar);
    bool is_c = ar.what[0] == 'C';
    lua_State *inner = is_c && level == 0 && depth < COROUTINES_MAX
                           ? waits_for(L, co, &ar)
                           : NULL;
    if (inner) {
      put_stack(s, L, inner, indent, depth + 1, out);
      lua_pop(L, 1);
    }
    if (n++ == s->frames) {
      buf_printf(out, "%s...\n", indent);
      return;
    }
    put_call(&ar, indent, out);
    if (!is_c) put_locals(s, L, co, &ar, indent, out);
  }
}

void show_stack(const Show *s, lua_State *L, lua_State *co, const char *indent,
                Buf *out) {
  ASSERT(L != co);
  put_stack(s, L, co, indent, 0, out);
}

void show_place(lua_State *co, Buf *out) {
  lua_Debug ar;
  for (int level = 0; lua_getstack(co, level, &ar); level++) {
    lua_getinfo(co, "Sl", &ar);
    if (ar.what[0] == 'C' || ar.currentline <= 0) continue;
    buf_printf(out, "%s:%d", ar.short_src, ar.currentline);
    return;
  }
}
