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

static bool is_word(Slice s) {
  if (s.len == 0 || s.len > 40 || (s.ptr[0] >= '0' && s.ptr[0] <= '9'))
    return false;
  for (size_t i = 0; i < s.len; i++) {
    char c = s.ptr[i];
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
          (c >= '0' && c <= '9')))
      return false;
  }
  return true;
}

static void put_key(Buf *b, const TValue *k) {
  switch (ttypetag(k)) {
  case LUA_VNUMINT: buf_printf(b, "[%lld]", (long long)ivalue(k)); break;
  case LUA_VNUMFLT: buf_printf(b, "[%.14g]", fltvalue(k)); break;
  case LUA_VFALSE: buf_lit(b, "[false]"); break;
  case LUA_VTRUE: buf_lit(b, "[true]"); break;
  case LUA_VSHRSTR:
  case LUA_VLNGSTR: {
    Slice s = slice(getstr(tsvalue(k)), tsslen(tsvalue(k)));
    if (is_word(s))
      buf_printf(b, ".%.*s", (int)s.len, s.ptr);
    else
      buf_printf(b, "[\"%.*s\"]", (int)(s.len < 40 ? s.len : 40), s.ptr);
    break;
  }
  default: buf_lit(b, "[an object]"); break;
  }
}

static void arrow(Buf *b) {
  if (b->len) buf_lit(b, " -> ");
}

static void step_in_table(Encoder *e, Buf *b, Table *t, const Target *to,
                          bool is_root) {
  TValue key;
  bool is_key = false;
  setnilvalue(&key);
  if (t->metatable && to->object == obj2gco(t->metatable)) {
    arrow(b);
    buf_lit(b, "its metatable");
    return;
  }
  uint32_t asize = luaH_realasize(t);
  for (uint32_t i = 0; i < asize && ttisnil(&key); i++)
    if (is_target(&t->array[i], to)) setivalue(&key, (lua_Integer)i + 1);
  for (int i = 0; i < sizenode(t) && ttisnil(&key); i++) {
    Node *n = gnode(t, i);
    if (isempty(gval(n))) continue;
    TValue k;
    getnodekey(e->L, &k, n);
    if (is_target(gval(n), to))
      key = k;
    else if (is_target(&k, to))
      key = k, is_key = true;
  }
  if (is_key) {
    arrow(b);
    buf_lit(b, "a key");
    return;
  }
  if (is_root && e->p->describe) {
    lua_State *L = e->L;
    setobj2s(L, L->top.p, &key);
    L->top.p++;
    e->p->describe(e->p->describe_ud, L, lua_gettop(L), b);
    lua_pop(L, 1);
    return;
  }
  size_t at = b->len;
  put_key(b, &key);
  if (at == 0 && b->len && b->ptr[0] == '.') buf_drop(b, 1);
}

const char *place_in(char out[PLACE_MAX], const Proto *p, int line) {
  char id[LUA_IDSIZE] = "?";
  if (p->source) luaO_chunkid(id, getstr(p->source), tsslen(p->source));
  snprintf(out, PLACE_MAX, "%s:%d", id, line);
  return out;
}

static void put_place(Buf *b, const Proto *p, int line) {
  char place[PLACE_MAX];
  buf_printf(b, " (%s)", place_in(place, p, line));
}

static void step_in_closure(Buf *b, const LClosure *cl, const Target *to) {
  for (int i = 0; i < cl->nupvalues; i++) {
    if (obj2gco(cl->upvals[i]) != to->object) continue;
    const TString *name = cl->p->upvalues[i].name;
    arrow(b);
    buf_printf(b, "upvalue '%s'", name ? getstr(name) : "?");
    put_place(b, cl->p, cl->p->linedefined);
    return;
  }
}

static void step_in_thread(Buf *b, lua_State *co, const Target *to) {
  int top = slot_of(co, co->top.p), slot = 1;
  while (slot < top && !is_target(slot_value(co, slot), to)) slot++;
  arrow(b);
  if (slot == top) {
    buf_lit(b, "a coroutine");
    return;
  }
  CallInfo *ci = co->ci;
  while (ci && slot_of(co, ci->func.p) > slot) ci = ci->previous;
  if (!ci || !isLua(ci)) {
    buf_puts(b, ci && ci != &co->base_ci
                    ? "an argument of a C function"
                    : "a coroutine's function or argument");
    return;
  }
  const Proto *p = frame_proto(ci);
  int reg = slot - slot_of(co, ci->func.p) - 1;
  const char *name = reg < 0 ? NULL
                             : luaF_getlocalname(p, reg + 1, frame_pc(ci));
  if (reg < 0)
    buf_lit(b, "the running function");
  else if (!name)
    buf_lit(b, "a value in use");
  else if (name[0] == '(')
    buf_lit(b, "a for loop's state");
  else
    buf_printf(b, "local '%s'", name);
  put_place(b, p, luaG_getfuncline(p, frame_pc(ci)));
}

static void put_step(Encoder *e, Buf *b, uint32_t from, const Target *to) {
  GCObject *o = e->p->items[from].object;
  if (!o) return;
  switch (o->tt) {
  case LUA_VTABLE: step_in_table(e, b, gco2t(o), to, from == 0); break;
  case LUA_VLCL: step_in_closure(b, gco2lcl(o), to); break;
  case LUA_VCCL:
    arrow(b);
    buf_lit(b, "a C function");
    break;
  case LUA_VTHREAD: step_in_thread(b, gco2th(o), to); break;
  default: break; /* a variable holds its value: no step */
  }
}

static void explain(lua_State *L, void *ud) {
  (void)L;
  Encoder *e = ud;
  const Persist *p = e->p;
  uint32_t way[STEPS_MAX];
  uint32_t n = 0;
  for (uint32_t at = e->cur; at != 0; at = p->items[at].parent) {
    if (n == STEPS_MAX) n--; /* the far end goes */
    way[n++] = at;
  }
  Buf path = { 0 };
  uint32_t from = 0;
  while (n-- > 0) {
    Target to = { p->items[way[n]].object, NULL };
    if (to.object) put_step(e, &path, from, &to);
    from = way[n];
  }
  if (e->has_culprit) {
    const TValue *v = &e->culprit;
    Target to = { iscollectable(v) ? gcvalue(v) : NULL, v };
    put_step(e, &path, from, &to);
  }
  if (path.len && e->err != ERR_TOO_BIG) {
    buf_lit(&path, ": ");
    buf_slice(&path, buf_view(&p->message));
    buf_clear(&e->p->message);
    buf_slice(&e->p->message, buf_view(&path));
  }
  buf_free(&path);
}

void path_explain(Encoder *e) {
  if (e->p->items_cap == 0 || e->nobjects == 0) return;
  luaD_rawrunprotected(e->L, explain, e);
}
