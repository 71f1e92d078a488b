/* Values to bytes (graph.h draws them).
 *
 * Nothing here calls Lua's API or allocates in Lua's heap, so the collector
 * cannot run and addresses are good names for objects while it lasts. */
#include "persist/write.h"

#include <stdarg.h>
#include <stdlib.h>

_Noreturn void refuse(Encoder *e, Err err, const TValue *v, const char *fmt,
                      ...) {
  Buf *m = &e->p->message;
  char text[1024];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  buf_clear(m);
  buf_puts(m, text);
  e->err = err;
  e->has_culprit = v != NULL;
  if (v) e->culprit = *v;
  luaD_throw(e->L, LUA_ERRRUN);
}

/* --- bytes --- */

void write_more(Encoder *e, size_t n) {
  Buf *out = &e->p->out;
  out->len = (size_t)(e->w - out->ptr);
  if (!buf_reserve(out, n + WRITE_SLACK)) {
    e->is_full = true;
    refuse(e, ERR_TOO_BIG, NULL,
           "all that is to be saved is larger than %zu bytes", e->max);
  }
  e->w = out->ptr + out->len;
  e->end = out->ptr + out->cap;
}

void put_nils(Encoder *e, uint32_t n) {
  if (n == 0) return;
  need(e, 6);
  if (n == 1) {
    raw_byte(e, T_NIL);
    return;
  }
  e->nils += n;
  if (n > PERSIST_NILS_MAX || e->nils > PERSIST_NILS_MAX)
    refuse(e, ERR_TOO_BIG, NULL,
           "a table with too many empty places (%u in all); copy what is left "
           "in it "
           "to a new table",
           (unsigned)PERSIST_NILS_MAX);
  raw_byte(e, T_NILS);
  raw_number(e, n);
}

/* --- strings and references --- */

uint32_t put_string(Encoder *e, TString *s) {
  uint32_t *at = map_at(&e->p->seen, s);
  if (*at != MAP_NONE) {
    put_string_again(e, *at);
    return *at;
  }
  uint32_t id = *at = e->nstrings++;
  size_t len = tsslen(s);
  need(e, len + 11);
  if (len < 32)
    raw_byte(e, T_SHORT_STRING + (int)len);
  else
    raw_byte(e, T_STRING), raw_number(e, len);
  raw_bytes(e, getstr(s), len);
  return id;
}

static void put_reference(Encoder *e, uint32_t id) {
  need(e, 6);
  if (id < 64)
    raw_byte(e, T_OBJECT_NEAR + (int)id);
  else
    raw_byte(e, T_OBJECT_REF), raw_number(e, id);
}

uint32_t new_item(Encoder *e, GCObject *contents) {
  Persist *p = e->p;
  vec_room(p->items, e->nobjects, p->items_cap);
  p->items[e->nobjects] = (Item){ contents, e->cur };
  return e->nobjects++;
}

static void put_chunk(Encoder *e, uint32_t chunk, uint32_t plus) {
  uint32_t *id = map_at(&e->p->chunks, (const void *)(uintptr_t)(chunk + 1));
  if (*id != MAP_NONE) {
    put_number(e, *id + plus);
    return;
  }
  *id = e->nchunks++;
  const Chunk *c = code_chunk(&e->p->code, chunk);
  size_t len = strlen(c->name);
  need(e, 20 + DIGEST_BYTES + len);
  raw_number(e, *id + plus);
  raw_bytes(e, c->digest, DIGEST_BYTES);
  raw_number(e, len);
  raw_bytes(e, c->name, len);
}

void put_code(Encoder *e, const ProtoInfo *info) {
  put_chunk(e, info->chunk, 0);
  put_number(e, info->number);
}

static void put_static(Encoder *e, uint32_t name, const TValue *v) {
  const Name *n = &e->p->names.list[name];
  if (n->is_unclear)
    refuse(
        e, ERR_APP, v,
        "what the host keeps under a key that has no name of its own cannot be "
        "saved; give the key a place in a module's table");
  put_byte(e, T_STATIC);
  if (n->chunk == NO_CHUNK)
    put_byte(e, 0);
  else
    put_chunk(e, n->chunk, 1);
  need(e, n->path_len + 5u);
  raw_number(e, n->path_len);
  e->w += n->path_len;
  names_write(&e->p->names, name, e->w);
}

/* --- the mention of an object --- */

static const char *type_name(const lua_State *L, const Udata *u) {
  if (!u->metatable) return "(no name)";
  (void)L;
  for (int i = 0; i < sizenode(u->metatable); i++) {
    Node *node = gnode(u->metatable, i);
    if (keyisshrstr(node) && strcmp(getstr(keystrval(node)), "__name") == 0 &&
        ttisstring(gval(node)))
      return getstr(tsvalue(gval(node)));
  }
  return "(no name)";
}

static void mention_closure(Encoder *e, LClosure *cl, const TValue *v) {
  const ProtoInfo *info = code_find(&e->p->code, cl->p);
  if (!info) {
    char place[PLACE_MAX];
    refuse(e, ERR_APP, v,
           "the function at %s was made by load and cannot be saved; define it "
           "in a "
           "module",
           place_in(place, cl->p, cl->p->linedefined));
  }
  new_item(e, obj2gco(cl));
  put_byte(e, T_CLOSURE);
  put_code(e, info);
}

static void mention_maker(Encoder *e, CClosure *cl, const TValue *v) {
  const Maker *m = maker_of(e->p, cl->f);
  if (cl->f == f_rest) {
    new_item(e, NULL);
    Table *keys = hvalue(&cl->upvalue[0]);
    uint32_t given = (uint32_t)ivalue(&cl->upvalue[1]);
    uint32_t n = luaH_realasize(keys);
    if (++e->rests > PERSIST_PAIRS_MAX)
      refuse(e, ERR_TOO_BIG, v, "more than %d loops over pairs() wait at once",
             PERSIST_PAIRS_MAX);
    need(e, 12);
    raw_byte(e, T_REST);
    raw_number(e, n > given ? n - given : 0);
    for (uint32_t i = given; i < n; i++) put_value(e, &keys->array[i]);
    return;
  }
  if (!m)
    refuse(
        e, ERR_APP, v,
        "a C function with values of its own cannot be saved; keep it at file "
        "level or make it when needed");
  if (m->why_not) refuse(e, ERR_APP, v, "%s", m->why_not);
  new_item(e, obj2gco(cl));
  put_byte(e, T_CCLOSURE);
  put_string(e, m->text);
}

static void mention(Encoder *e, GCObject *o, const TValue *v) {
  switch (o->tt) {
  case LUA_VTABLE:
    if (tofinalize(o))
      refuse(
          e, ERR_APP, v,
          "a table with __gc cannot be saved; keep it at file level or give it "
          "a __close");
    new_item(e, o);
    put_byte(e, T_TABLE);
    break;
  case LUA_VLCL: mention_closure(e, gco2lcl(o), v); break;
  case LUA_VCCL: mention_maker(e, gco2ccl(o), v); break;
  case LUA_VTHREAD:
    if (++e->threads > PERSIST_THREADS_MAX)
      refuse(e, ERR_TOO_BIG, v, "there are more than %d coroutines",
             PERSIST_THREADS_MAX);
    new_item(e, o);
    put_byte(e, T_THREAD);
    break;
  case LUA_VUPVAL:
    new_item(e, o);
    put_byte(e, T_UPVALUE);
    break;
  case LUA_VUSERDATA:
    refuse(
        e, ERR_APP, v,
        "a userdata of type %s cannot be saved; keep it at file level or open "
        "it when needed",
        type_name(e->L, gco2u(o)));
  default: refuse(e, ERR_APP, v, "a value of an unknown kind cannot be saved");
  }
}

/* Of a copy: what is never in it. */
static void check_copy(Encoder *e, const GCObject *o, const TValue *v) {
  bool is_code = o->tt == LUA_VLCL || o->tt == LUA_VCCL;
  bool is_plain = !is_code && o->tt != LUA_VUSERDATA;
  if (o->tt == LUA_VTHREAD || (e->copy->is_plain && !is_plain))
    refuse(e, ERR_APP, v, "plain values are wanted, not a %s",
           is_code ? "function" : luaT_typenames_[novariant(o->tt) + 1]);
  if (o->tt != LUA_VTABLE || !e->copy->refuses) return;
  const char *why = e->copy->refuses(e->copy->ud, o);
  if (why) refuse(e, ERR_APP, v, "%s", why);
}

/* A class: it is a metatable somewhere, or is to be one. */
static bool has_metamethods(const Encoder *e, GCObject *o) {
  for (int tm = 0; tm < TM_N; tm++)
    if (!isempty(luaH_getshortstr(gco2t(o), G(e->L)->tmname[tm]))) return true;
  return false;
}

/* A module is a root of the names. */
static bool goes_by_value(const Encoder *e, GCObject *o, uint32_t name) {
  return name == NO_NAME ||
         (e->copy && o->tt == LUA_VTABLE && !e->is_metatable &&
          e->p->names.list[name].parent != NO_NAME && !has_metamethods(e, o));
}

static void put_object(Encoder *e, GCObject *o, const TValue *v) {
  uint32_t *id = map_at(&e->p->seen, o);
  if (*id != MAP_NONE) {
    put_reference(e, *id);
    return;
  }
  *id = e->nobjects;
  uint32_t name = names_of(&e->p->names, o);
  if (e->copy) check_copy(e, o, v);
  if (goes_by_value(e, o, name)) {
    mention(e, o, v);
  } else {
    new_item(e, NULL);
    put_static(e, name, v);
  }
}

void put_metatable(Encoder *e, Table *mt) {
  TValue v;
  sethvalue(e->L, &v, mt);
  e->is_metatable = true;
  put_value(e, &v);
  e->is_metatable = false;
}

static void put_light(Encoder *e, const TValue *v) {
  if (e->copy && e->copy->is_plain && ttislcf(v))
    refuse(e, ERR_APP, v, "plain values are wanted, not a function");
  const void *address = ttislcf(v) ? (const void *)(uintptr_t)fvalue(v)
                                   : pvalue(v);
  uint32_t name = names_of(&e->p->names, address);
  if (name == NO_NAME || !luaV_rawequalobj(&e->p->names.list[name].value, v)) {
    if (ttislcf(v))
      refuse(e, ERR_APP, v,
             "a C function that no loaded module holds cannot be saved; keep "
             "it at "
             "file level");
    refuse(e, ERR_APP, v, "a light userdata (an address) cannot be saved");
  }
  uint32_t *id = ttislcf(v) ? map_at(&e->p->seen, address) : NULL;
  if (id && *id != MAP_NONE) {
    put_reference(e, *id);
    return;
  }
  if (id) *id = e->nobjects;
  new_item(e, NULL);
  put_static(e, name, v);
}

void put_value(Encoder *e, const TValue *v) {
  need(e, 12);
  switch (ttypetag(v)) {
  case LUA_VNIL:
  case LUA_VEMPTY:
  case LUA_VABSTKEY: raw_byte(e, T_NIL); break;
  case LUA_VFALSE: raw_byte(e, T_FALSE); break;
  case LUA_VTRUE: raw_byte(e, T_TRUE); break;
  case LUA_VNUMINT: {
    lua_Integer i = ivalue(v);
    if (i >= 0 && i < 64)
      raw_byte(e, T_SMALL_INT + (int)i);
    else
      raw_byte(e, T_INT), raw_number(e, zigzag(i));
    break;
  }
  case LUA_VNUMFLT: {
    uint64_t bits;
    memcpy(&bits, &val_(v).n, sizeof bits);
    if (!IS_LITTLE) bits = __builtin_bswap64(bits);
    raw_byte(e, T_FLOAT);
    raw_bytes(e, &bits, sizeof bits);
    break;
  }
  case LUA_VSHRSTR:
  case LUA_VLNGSTR: put_string(e, tsvalue(v)); break;
  case LUA_VLCF:
  case LUA_VLIGHTUSERDATA: put_light(e, v); break;
  default: put_object(e, gcvalue(v), v); break;
  }
}

/* --- the queue --- */

static void put_upvalue(Encoder *e, UpVal *uv, uint32_t id) {
  Persist *p = e->p;
  if (is_open(uv)) {
    lua_State *owner = owner_of(uv);
    if (owner->status == LUA_YIELD) {
      uint32_t thread = map_find(&p->seen, owner);
      int slot = slot_of(owner, (const StackValue *)(const void *)uv->v.p);
      if (thread != MAP_NONE) {
        put_byte(e, T_OPEN);
        put_number(e, thread);
        put_number(e, (uint64_t)slot);
        return;
      }
      vec_room(p->links, e->nlinks, p->links_cap);
      p->links[e->nlinks++] = (Link){ id, 0, slot };
    }
  }
  put_value(e, uv->v.p);
}

static void put_contents(Encoder *e, GCObject *o) {
  switch (o->tt) {
  case LUA_VTABLE: table_save(e, gco2t(o)); break;
  case LUA_VLCL:
    for (int i = 0; i < gco2lcl(o)->nupvalues; i++)
      put_object(e, obj2gco(gco2lcl(o)->upvals[i]), NULL);
    break;
  case LUA_VUPVAL: put_upvalue(e, gco2upv(o), e->cur); break;
  case LUA_VCCL:
    for (int i = 0; i < gco2ccl(o)->nupvalues; i++)
      put_value(e, &gco2ccl(o)->upvalue[i]);
    break;
  case LUA_VTHREAD: thread_save(e, gco2th(o)); break;
  default: ASSERT(false);
  }
}

/* Upvalues that were written with their value, and whose thread is in the graph
 * after all. The order of `links` is that of the queue. */
static void put_links(Encoder *e) {
  Persist *p = e->p;
  uint32_t n = 0;
  for (uint32_t i = 0; i < e->nlinks; i++) {
    Link *l = &p->links[i];
    const UpVal *uv = gco2upv(p->items[l->upvalue].object);
    l->thread = map_find(&p->seen, owner_of(uv));
    if (l->thread != MAP_NONE) p->links[n++] = *l;
  }
  put_number(e, n);
  for (uint32_t i = 0; i < n; i++) {
    put_number(e, p->links[i].upvalue);
    put_number(e, p->links[i].thread);
    put_number(e, (uint64_t)p->links[i].slot);
  }
}

void encode_graph(Encoder *e, Table *root) {
  put_byte(e, GRAPH_VERSION);
  *map_at(&e->p->seen, root) = 0;
  new_item(e, obj2gco(root));
  for (e->cur = 0; e->cur < e->nobjects; e->cur++)
    if (e->p->items[e->cur].object) put_contents(e, e->p->items[e->cur].object);
  put_links(e);
  e->p->out.len = (size_t)(e->w - e->p->out.ptr);
}
