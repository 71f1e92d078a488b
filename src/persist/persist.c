/* The doors of this layer: everything that may fail runs protected in here,
 * with the collector still and the meter off. */
#include "persist/persist.h"

#include "lua/budget.h"
#include "persist/graph.h"

#include <stdlib.h>

#define NEWS_MAX KIB(2) /* of one error message */

/* In hard mode everything that nobody holds is collected at the doors: before
 * addresses are taken for names of objects, and as soon as what was decoded
 * should be held by its root. Between them encode allocates nothing in Lua's
 * heap, which is asserted, and decode keeps the collector still. All other
 * allocations of this layer collect each (vm.c). */
#ifdef STUBE_HARD
static void at_door(lua_State *L) { lua_gc(L, LUA_GCCOLLECT); }
#else
static void at_door(lua_State *L) { (void)L; }
#endif

static bool has_room(lua_State *L) { return lua_checkstack(L, 8); }

Persist *persist_new(Vm *vm) {
  Persist *p = xcalloc(1, sizeof *p);
  lua_State *L = vm_lua(vm);
  budget_exempt_begin(vm);
  p->vm = vm;
  map_init(&p->seen);
  map_init(&p->chunks);
  code_init(&p->code, vm);
  names_init(&p->names, L, &p->code);
  library_learn(p, L);
  budget_exempt_end(vm);
  return p;
}

void persist_free(Persist *p) {
  if (!p) return;
  names_free(&p->names);
  watch_free(&p->watch);
  code_free(&p->code);
  map_free(&p->seen);
  map_free(&p->chunks);
  buf_free(&p->out);
  buf_free(&p->message);
  buf_free(&p->missing_name);
  free(p->items);
  free(p->keys);
  free(p->links);
  free(p->marks);
  free(p->frames);
  free(p->objects);
  free(p->strings);
  free(p->known);
  free(p);
}

void persist_add_root(Persist *p, const char *name) {
  budget_exempt_begin(p->vm);
  names_add_root(&p->names, vm_lua(p->vm), name);
  budget_exempt_end(p->vm);
}

void persist_collect(Persist *p) {
  budget_exempt_begin(p->vm);
  names_collect(&p->names, vm_lua(p->vm));
  budget_exempt_end(p->vm);
}

void persist_collect_new(Persist *p) {
  budget_exempt_begin(p->vm);
  names_collect_new(&p->names, vm_lua(p->vm));
  budget_exempt_end(p->vm);
}

void persist_collect_old(Persist *p) {
  budget_exempt_begin(p->vm);
  names_collect_old(&p->names, vm_lua(p->vm));
  budget_exempt_end(p->vm);
}

void persist_watch(Persist *p) {
  budget_exempt_begin(p->vm);
  watch_begin(&p->watch, &p->names, vm_lua(p->vm));
  budget_exempt_end(p->vm);
}

void persist_look(Persist *p, void (*see)(void *ud, Slice name), void *ud) {
  lua_State *L = vm_lua(p->vm);
  ASSERT(has_room(L));
  budget_exempt_begin(p->vm);
  watch_look(&p->watch, &p->names, L, see, ud);
  budget_exempt_end(p->vm);
}

bool persist_missing(const Persist *p, uint8_t out[DIGEST_BYTES]) {
  if (p->misses_chunk) memcpy(out, p->missing, DIGEST_BYTES);
  return p->misses_chunk;
}

bool persist_missing_name(const Persist *p, Slice *out) {
  *out = buf_view(&p->missing_name);
  for (size_t i = 0; i + 1 < out->len; i++) {
    char c = out->ptr[i], next = out->ptr[i + 1];
    bool ends = c == ' ' ? next == '.' || next == '[' || next == '('
                         : c == ':' && next == ' ';
    if (ends) out->len = i;
  }
  return out->len > 0;
}

void persist_describe(Persist *p, PersistDescribe describe, void *ud) {
  p->describe = describe;
  p->describe_ud = ud;
}

bool persist_name(const Persist *p, lua_State *L, int idx, Buf *out) {
  lua_pushvalue(L, idx);
  const TValue *v = s2v(L->top.p - 1);
  uint32_t i = names_can_hold(v) ? names_of(&p->names, names_address(v))
                                 : NO_NAME;
  lua_pop(L, 1);
  if (i == NO_NAME) return false;
  size_t len = p->names.list[i].path_len;
  char *at = buf_reserve(out, len);
  if (!at) return true; /* a full Buf says so itself */
  names_write(&p->names, i, at + len);
  out->len += len;
  return true;
}

static void push_text(lua_State *L, void *ud) {
  const Buf *b = ud;
  size_t len = b->len < NEWS_MAX ? b->len : NEWS_MAX;
  setsvalue2s(L, L->top.p, luaS_newlstr(L, b->ptr ? b->ptr : "", len));
  L->top.p++;
}

/* Pushes the message, or, without memory, the text Lua keeps for that. */
static void push_message(Persist *p, lua_State *L) {
  if (luaD_rawrunprotected(L, push_text, &p->message) == LUA_OK) return;
  setsvalue2s(L, L->top.p, G(L)->memerrmsg);
  L->top.p++;
}

/* Ids given in an earlier use are forgotten. */
static void start(Persist *p) {
  map_clear(&p->seen);
  map_clear(&p->chunks);
  buf_clear(&p->message);
  p->misses_chunk = false;
  buf_clear(&p->missing_name);
}

static void run_encode(lua_State *L, void *ud) {
  Encoder *e = ud;
  encode_graph(e, hvalue(s2v(L->top.p - 1)));
}

static Err encode(Persist *p, lua_State *L, int idx, const PersistCopy *copy,
                  Buf *out) {
  ASSERT(lua_istable(L, idx));
  ASSERT(has_room(L));
  at_door(L);
  Encoder e = { .p = p, .L = L, .copy = copy };
  size_t left = out->max ? out->max - out->len : 0;
  e.max = left;
  start(p);
  p->use++;
  code_refresh(&p->code);
  /* The last thing that fits may ask for more room than it fills. */
  p->out.max = left ? left + KIB(1) : 0;
  buf_clear(&p->out);
  budget_exempt_begin(p->vm);
  lua_pushvalue(L, idx);
  e.w = e.end = p->out.ptr;
  int top = lua_gettop(L);
  lu_mem total = gettotalbytes(G(L));
  int status = luaD_rawrunprotected(L, run_encode, &e);
  ASSERT(gettotalbytes(G(L)) == total);
  lua_settop(L, top);
  if (status == LUA_OK && out->max && p->out.len > left) {
    e.err = ERR_TOO_BIG;
    e.is_full = true;
    e.cur = e.nobjects - 1;
    buf_printf(&p->message, "all that is to be saved is larger than %zu bytes",
               left);
  } else if (status != LUA_OK && !e.err) {
    e.err = ERR_APP;
    e.nobjects = 0; /* it is nobody's fault */
    buf_puts(&p->message, "no memory to save with");
  }
  if (e.err) path_explain(&e);
  lua_settop(L, top);
  lua_pop(L, 1);
  if (!e.err)
    buf_put(out, p->out.ptr, p->out.len);
  else
    push_message(p, L);
  budget_exempt_end(p->vm);
  at_door(L);
  return e.err;
}

Err persist_encode(Persist *p, lua_State *L, int idx, Buf *out) {
  return encode(p, L, idx, NULL, out);
}

Err persist_copy(Persist *p, lua_State *L, int idx, const PersistCopy *how,
                 Buf *out) {
  return encode(p, L, idx, how, out);
}

static void run_decode(lua_State *L, void *ud) {
  (void)L;
  decode_graph(ud);
}

Err persist_decode(Persist *p, lua_State *L, Slice bytes) {
  ASSERT(has_room(L));
  at_door(L);
  const uint8_t *r = (const uint8_t *)bytes.ptr;
  Decoder d = { .p = p, .L = L, .start = r, .r = r, .end = r + bytes.len };
  global_State *g = G(L);
  start(p);
  code_refresh(&p->code);
  budget_exempt_begin(p->vm);
  /* Nothing new is anchored before the end, so the collector must not run at
   * all. Its debt is kept as if it had been running: a stopped collector
   * forgives it. */
  lu_byte stopped = g->gcstp, no_emergency = g->gcstopem;
  l_mem debt = g->GCdebt;
  lu_mem total = gettotalbytes(g);
  g->gcstp |= GCSTPGC;
  g->gcstopem = 1;
  ptrdiff_t top = savestack(L, L->top.p);
  int status = luaD_rawrunprotected(L, run_decode, &d);
  L->top.p = restorestack(L, top);
  if (status != LUA_OK) {
    for (uint32_t i = 0; i < d.nobjects; i++)
      if (ttisthread(&p->objects[i].value) && p->objects[i].is_ours)
        thread_abandon(thvalue(&p->objects[i].value));
    if (!d.err) {
      d.err = ERR_APP;
      buf_clear(&p->message);
      buf_puts(&p->message, "no memory to read the saved state");
    }
    push_message(p, L);
  } else {
    setobj2s(L, L->top.p, &p->objects[0].value);
    L->top.p++;
  }
  g->gcstp = stopped;
  g->gcstopem = no_emergency;
  luaE_setdebt(g, debt + (l_mem)(gettotalbytes(g) - total));
  budget_exempt_end(p->vm);
  at_door(L);
  return d.err;
}
