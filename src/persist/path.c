/* The way from the root to a value that cannot be saved, in words. It is
 * searched only when something was refused: the encoder remembers no more than
 * who mentioned an object first. */
#include "persist/graph.h"

#include <stdio.h>

#define STEPS_MAX 64 /* longer ways lose their middle */

static bool is_object(const TValue *v, const GCObject *o) {
  return iscollectable(v) && gcvalue(v) == o;
}

/* One step: to an object, or (object NULL) to a plain value. */
typedef struct Target {
  const GCObject *object;
  const TValue *value;
} Target;

static bool is_target(const TValue *v, const Target *t) {
  if (t->object) return is_object(v, t->object);
  return !iscollectable(v) && luaV_rawequalobj(v, t->value);
}

/* The way in words: steps with commas between them, each with its keys and then
 * the line where it is.
 *
 *   flow "shop/order", local 'cart'.items[2] (shop.lua:31), upvalue 'db' (...)
 */
typedef struct Way {
  Buf text;
  char place[PLACE_MAX + 4]; /* of the step being written, or "" */
} Way;

static void end_step(Way *w) {
  buf_puts(&w->text, w->place);
  w->place[0] = '\0';
}

static Buf *begin_step(Way *w) {
  end_step(w);
  if (w->text.len) buf_lit(&w->text, ", ");
  return &w->text;
}

const char *place_in(char out[PLACE_MAX], const Proto *p, int line) {
  char id[LUA_IDSIZE] = "?";
  if (p->source) luaO_chunkid(id, getstr(p->source), tsslen(p->source));
  snprintf(out, PLACE_MAX, "%s:%d", id, line);
  return out;
}

static void set_place(Way *w, const Proto *p, int line) {
  char place[PLACE_MAX];
  snprintf(w->place, sizeof w->place, " (%s)", place_in(place, p, line));
}

/* --- keys --- */

static bool is_short_word(Slice s) { return s.len <= 40 && slice_is_word(s); }

/* Of a key that is no word: its first bytes, those that can be read. */
static void put_quoted(Buf *b, Slice s) {
  enum { SHOWN = 40 };
  size_t n = s.len < SHOWN ? s.len : SHOWN;
  while (n < s.len && n > 0 && ((uint8_t)s.ptr[n] & 0xc0) == 0x80) n--;
  buf_lit(b, "[\"");
  for (size_t i = 0; i < n; i++) {
    uint8_t c = (uint8_t)s.ptr[i];
    buf_byte(b, c < ' ' || c == 0x7f ? '?' : (char)c);
  }
  buf_puts(b, n < s.len ? "...\"]" : "\"]");
}

static void put_key(Way *w, const TValue *k) {
  Buf *b = &w->text;
  switch (ttypetag(k)) {
  case LUA_VNUMINT: buf_printf(b, "[%lld]", (long long)ivalue(k)); break;
  case LUA_VNUMFLT: buf_printf(b, "[%.14g]", fltvalue(k)); break;
  case LUA_VFALSE: buf_lit(b, "[false]"); break;
  case LUA_VTRUE: buf_lit(b, "[true]"); break;
  case LUA_VSHRSTR:
  case LUA_VLNGSTR: {
    Slice s = slice(getstr(tsvalue(k)), tsslen(tsvalue(k)));
    if (is_short_word(s))
      buf_printf(b, b->len ? ".%.*s" : "%.*s", (int)s.len, s.ptr);
    else
      put_quoted(b, s);
    break;
  }
  default: buf_lit(b, "[an object]"); break;
  }
}

/* The key that leads to `to`; nil when it is a key itself, or nothing leads to
 * it. */
static void find_key(Encoder *e, Table *t, const Target *to, TValue *key,
                     bool *is_key) {
  *is_key = false;
  setnilvalue(key);
  uint32_t asize = luaH_realasize(t);
  for (uint32_t i = 0; i < asize; i++) {
    if (!is_target(&t->array[i], to)) continue;
    setivalue(key, (lua_Integer)i + 1);
    return;
  }
  for (int i = 0; i < sizenode(t); i++) {
    Node *n = gnode(t, i);
    TValue k;
    if (isempty(gval(n))) continue;
    getnodekey(e->L, &k, n);
    if (is_target(&k, to)) *is_key = true;
    if (!is_target(gval(n), to)) continue;
    *key = k;
    *is_key = false;
    return;
  }
}

/* The root's key in the words of whoever knows what it stands for. */
static bool describe(Encoder *e, Way *w, const TValue *key) {
  if (!e->p->describe) return false;
  lua_State *L = e->L;
  size_t before = w->text.len;
  setobj2s(L, L->top.p, key);
  L->top.p++;
  e->p->describe(e->p->describe_ud, L, lua_gettop(L), &w->text);
  lua_pop(L, 1);
  return w->text.len > before;
}

static void step_in_table(Encoder *e, Way *w, Table *t, const Target *to,
                          bool is_root) {
  TValue key;
  bool is_key;
  if (t->metatable && to->object == obj2gco(t->metatable)) {
    buf_lit(begin_step(w), "its metatable");
    return;
  }
  find_key(e, t, to, &key, &is_key);
  if (is_key)
    buf_lit(begin_step(w), "a key");
  else if (ttisnil(&key)) /* the way was too long to be remembered */
    buf_lit(&w->text, " ... ");
  else if (!is_root || !describe(e, w, &key))
    put_key(w, &key);
}

/* --- functions and coroutines --- */

static void step_in_closure(Way *w, const LClosure *cl, const Target *to) {
  for (int i = 0; i < cl->nupvalues; i++) {
    if (obj2gco(cl->upvals[i]) != to->object) continue;
    const TString *name = cl->p->upvalues[i].name;
    buf_printf(begin_step(w), "upvalue '%s'", name ? getstr(name) : "?");
    set_place(w, cl->p, cl->p->linedefined);
    return;
  }
}

static bool is_name(const char *name, const char *of) {
  return name && strcmp(name, of) == 0;
}

/* A register of a waiting function. */
static void put_register(Way *w, const CallInfo *ci, int reg,
                         const char *whose) {
  const Proto *p = frame_proto(ci);
  int pc = frame_pc(ci);
  const char *name = luaF_getlocalname(p, reg + 1, pc);
  Buf *b = begin_step(w);
  if (!name)
    buf_printf(b, "a value in use");
  else if (name[0] != '(')
    buf_printf(b, "%slocal '%s'", whose, name);
  else if (reg > 0 && is_name(luaF_getlocalname(p, reg, pc), name))
    buf_lit(b, "a for loop");
  else
    buf_lit(b, "the iterator of a for loop");
  set_place(w, p, luaG_getfuncline(p, pc));
}

/* Whose frame a slot is in, or NULL; a vararg function's extra arguments and
 * its own copy below them are in its frame. */
static const CallInfo *frame_of(const lua_State *co, int slot, bool *is_extra) {
  const CallInfo *ci = co->ci;
  while (ci && slot_of(co, ci->func.p) > slot) {
    int func = slot_of(co, ci->func.p);
    *is_extra = isLua(ci) && frame_proto(ci)->is_vararg &&
                slot >=
                    func - ci->u.l.nextraargs - frame_proto(ci)->numparams - 1;
    if (*is_extra) return ci;
    ci = ci->previous;
  }
  *is_extra = false;
  return ci;
}

static void put_running(Way *w, const CallInfo *ci, const char *what) {
  const Proto *p = frame_proto(ci);
  buf_puts(begin_step(w), what);
  set_place(w, p, luaG_getfuncline(p, frame_pc(ci)));
}

/* `is_last`: the way ends here. A function on the way to one of its upvalues,
 * which say enough, is no step. */
static void step_in_thread(Way *w, lua_State *co, const Target *to,
                           const char *whose, bool is_last) {
  int top = slot_of(co, co->top.p), slot = 1;
  while (slot < top && !is_target(slot_value(co, slot), to)) slot++;
  if (slot == top) {
    buf_lit(begin_step(w), "what a loop over pairs() has still to give");
    return;
  }
  bool is_extra;
  const CallInfo *ci = frame_of(co, slot, &is_extra);
  if (!ci || ci == &co->base_ci) {
    buf_lit(begin_step(w), "a coroutine's function or argument");
  } else if (!isLua(ci)) {
    buf_lit(begin_step(w), "a C function");
    if (slot > slot_of(co, ci->func.p)) buf_lit(&w->text, "'s argument");
  } else if (is_object(s2v(ci->func.p), to->object)) {
    if (is_last) put_running(w, ci, "the running function");
  } else if (is_extra) {
    put_running(w, ci, "a value of '...'");
  } else {
    put_register(w, ci, slot - slot_of(co, ci->func.p) - 1, whose);
  }
}

static void put_step(Encoder *e, Way *w, uint32_t from, const Target *to,
                     bool is_last) {
  GCObject *o = e->p->items[from].object;
  if (!o) return;
  switch (o->tt) {
  case LUA_VTABLE: step_in_table(e, w, gco2t(o), to, from == 0); break;
  case LUA_VLCL: step_in_closure(w, gco2lcl(o), to); break;
  case LUA_VTHREAD:
    /* One of the root's is what the root's key names. */
    step_in_thread(w, gco2th(o), to, e->p->items[from].parent ? "its " : "",
                   is_last);
    break;
  default:
    break; /* a variable holds its value, coroutine.wrap's function its
              coroutine: no step */
  }
}

/* --- the whole --- */

#define WAY_MAX 600 /* bytes; longer ones lose their middle */

static void put_short(Buf *out, Slice way) {
  if (way.len <= WAY_MAX) {
    buf_slice(out, way);
    return;
  }
  size_t first = WAY_MAX / 2, last = way.len - WAY_MAX / 2;
  while (first > 0 && ((uint8_t)way.ptr[first] & 0xc0) == 0x80) first--;
  while (last < way.len && ((uint8_t)way.ptr[last] & 0xc0) == 0x80) last++;
  buf_put(out, way.ptr, first);
  buf_lit(out, " ... ");
  buf_put(out, way.ptr + last, way.len - last);
}

static void put_way(Encoder *e, Way *w) {
  const Persist *p = e->p;
  uint32_t way[STEPS_MAX];
  uint32_t n = 0, from = 0;
  for (uint32_t at = e->cur; at != 0; at = p->items[at].parent) {
    if (n == STEPS_MAX) n--; /* the far end goes */
    way[n++] = at;
  }
  while (n-- > 0) {
    Target to = { p->items[way[n]].object, NULL };
    if (to.object) put_step(e, w, from, &to, n == 0 && !e->has_culprit);
    from = way[n];
  }
  if (e->has_culprit) {
    const TValue *v = &e->culprit;
    Target to = { iscollectable(v) ? gcvalue(v) : NULL, v };
    put_step(e, w, from, &to, true);
  }
  end_step(w);
}

static void explain(lua_State *L, void *ud) {
  (void)L;
  Encoder *e = ud;
  Buf *message = &e->p->message, text = { 0 };
  Way w = { .place = "" };
  put_way(e, &w);
  if (w.text.len && e->is_full) {
    buf_lit(message, "; what did not fit any more is in ");
    put_short(message, buf_view(&w.text));
  } else if (w.text.len) {
    put_short(&text, buf_view(&w.text));
    buf_lit(&text, ": ");
    buf_slice(&text, buf_view(message));
    buf_clear(message);
    buf_slice(message, buf_view(&text));
  }
  buf_free(&text);
  buf_free(&w.text);
}

void path_explain(Encoder *e) {
  if (e->p->items_cap == 0 || e->nobjects == 0) return;
  luaD_rawrunprotected(e->L, explain, e);
}
