/* Bytes to values (graph.h draws them).
 *
 * The collector stands still, so that nothing needs an anchor before the root
 * has one, and everything made here is white: no write needs a barrier. Bytes
 * are not trusted: what is read is checked before it is used, and threads are
 * checked as a whole before anyone can resume them. */
#include "persist/graph.h"

#include <stdarg.h>

_Noreturn void reject(Decoder *d, Err err, const char *fmt, ...) {
  char text[1024];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  buf_clear(&d->p->message);
  buf_puts(&d->p->message, text);
  d->err = err;
  luaD_throw(d->L, LUA_ERRRUN);
}

_Noreturn void damaged(Decoder *d, const char *what) {
  reject(d, ERR_BAD_INPUT, "the saved state is damaged (%s, near byte %zu)",
         what, (size_t)(d->r - d->start));
}

/* --- bytes --- */

int take_byte(Decoder *d) {
  if (d->r == d->end) damaged(d, "it ends early");
  return *d->r++;
}

static uint64_t take_raw(Decoder *d) {
  uint64_t v = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    uint8_t byte = (uint8_t)take_byte(d);
    if (shift == 63 && byte > 1) break;
    v |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) return v;
  }
  damaged(d, "a number is too large");
}

uint64_t take_number(Decoder *d, uint64_t max) {
  uint64_t v = take_raw(d);
  if (v > max) damaged(d, "a number is out of range");
  return v;
}

int64_t take_signed(Decoder *d) {
  uint64_t v = take_raw(d);
  return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static size_t left(const Decoder *d) { return (size_t)(d->end - d->r); }

/* --- strings and objects by number --- */

static void take_string(Decoder *d, size_t len, TValue *out) {
  Persist *p = d->p;
  if (len > left(d)) damaged(d, "a string ends early");
  TString *s = luaS_newlstr(d->L, (const char *)d->r, len);
  d->r += len;
  vec_room(p->strings, d->nstrings, p->strings_cap);
  p->strings[d->nstrings++] = s;
  setsvalue(d->L, out, s);
}

static void old_string(Decoder *d, uint64_t id, TValue *out) {
  if (id >= d->nstrings) damaged(d, "an unknown string");
  setsvalue(d->L, out, d->p->strings[id]);
}

static uint32_t new_object(Decoder *d, const TValue *v, bool is_ours) {
  Persist *p = d->p;
  vec_room(p->objects, d->nobjects, p->objects_cap);
  p->objects[d->nobjects] = (Object){ *v, is_ours };
  return d->nobjects++;
}

const Object *object_at(Decoder *d, uint64_t id) {
  if (id >= d->nobjects) damaged(d, "an unknown object");
  return &d->p->objects[id];
}

static void old_object(Decoder *d, uint64_t id, TValue *out) {
  *out = object_at(d, id)->value;
  if (rawtt(out) == TAG_UPVALUE) damaged(d, "a variable is no value");
}

/* Reads no other kind of value: those may hold names themselves. */
static TString *take_name(Decoder *d) {
  TValue v;
  int tag = d->r < d->end ? *d->r : T_NIL;
  bool is_text = tag == T_STRING || tag == T_STRING_REF ||
                 (tag >= T_SHORT_STRING && tag < T_SMALL_INT) ||
                 (tag >= T_STRING_NEAR && tag < T_OBJECT_NEAR);
  if (!is_text) damaged(d, "a name is missing");
  take_value(d, &v);
  return tsvalue(&v);
}

TString *take_name_or_nil(Decoder *d) {
  if (d->r == d->end || *d->r != T_NIL) return take_name(d);
  d->r++;
  return NULL;
}

/* --- code and names --- */

static bool is_loaded(const Code *c, Slice name) {
  for (uint32_t i = 0; i < c->nchunks; i++)
    if (slice_is(name, code_chunk(c, i)->name)) return true;
  return false;
}

/* The chunk of number `id` in this graph, described here when it is new. */
static uint32_t take_chunk(Decoder *d, uint64_t id) {
  Persist *p = d->p;
  if (id > d->nchunks) damaged(d, "an unknown chunk");
  if (id == d->nchunks) {
    if (left(d) < DIGEST_BYTES) damaged(d, "a chunk's digest ends early");
    const uint8_t *digest = d->r;
    uint32_t chunk = code_by_digest(&p->code, (const char *)digest);
    d->r += DIGEST_BYTES;
    uint64_t len = take_raw(d);
    if (len > left(d)) damaged(d, "a chunk's name ends early");
    vec_room(p->known, d->nchunks, p->known_cap);
    p->known[d->nchunks++] =
        (KnownChunk){ chunk, digest, slice((const char *)d->r, (size_t)len) };
    d->r += len;
  }
  const KnownChunk *k = &p->known[id];
  if (k->chunk == NO_CHUNK) {
    memcpy(p->missing, k->digest, DIGEST_BYTES);
    p->misses_chunk = true;
    bool is_other = is_loaded(&p->code, k->name);
    reject(d, is_other ? ERR_CONFLICT : ERR_NOT_FOUND,
           is_other
               ? "the code of \"%.*s\" has changed since this was saved"
               : "the code of \"%.*s\" that this was saved with is not loaded",
           (int)(k->name.len < 200 ? k->name.len : 200), k->name.ptr);
  }
  return k->chunk;
}

const ProtoInfo *take_code(Decoder *d) {
  uint32_t chunk = take_chunk(d, take_raw(d));
  Proto *proto = code_proto(&d->p->code, chunk,
                            (uint32_t)take_number(d, UINT32_MAX));
  if (!proto) damaged(d, "an unknown function");
  /* The same chunk may be loaded twice; then the map knows the other as well.
   */
  return code_find(&d->p->code, proto);
}

static void take_static(Decoder *d, NameKind kind, TValue *out) {
  const Names *names = &d->p->names;
  uint64_t id = take_raw(d);
  uint32_t chunk = id ? take_chunk(d, id - 1) : NO_CHUNK;
  uint64_t len = take_raw(d);
  if (len > left(d)) damaged(d, "a name ends early");
  Slice path = slice((const char *)d->r, (size_t)len);
  d->r += len;
  uint32_t name = names_find(names, kind, path, chunk);
  if (name == NO_NAME && chunk == NO_CHUNK)
    buf_slice(&d->p->missing_name, path);
  if (name == NO_NAME)
    reject(
        d, ERR_NOT_FOUND,
        "\"%.*s\" is needed and is not there: its module has changed or is not "
        "loaded",
        (int)(path.len < 400 ? path.len : 400), path.ptr);
  if (names->list[name].is_unclear) damaged(d, "a name that is not clear");
  *out = names->list[name].value;
  new_object(d, out, false);
}

/* --- the mention of an object: an empty one --- */

static void take_closure(Decoder *d, TValue *out) {
  const ProtoInfo *info = take_code(d);
  LClosure *cl = luaF_newLclosure(d->L, info->proto->sizeupvalues);
  cl->p = info->proto;
  setclLvalue(d->L, out, cl);
  new_object(d, out, true);
}

static void take_cclosure(Decoder *d, TValue *out) {
  TValue nothing;
  setnilvalue(&nothing);
  uint32_t id = new_object(d, &nothing, true);
  const Maker *m = maker_named(d->p, take_name(d));
  if (!m || m->why_not) damaged(d, "an unknown C function");
  CClosure *cl = luaF_newCclosure(d->L, m->nupvalues);
  cl->f = m->f;
  for (int i = 0; i < m->nupvalues; i++) setnilvalue(&cl->upvalue[i]);
  setclCvalue(d->L, out, cl);
  d->p->objects[id].value = *out;
}

static void take_thread(Decoder *d, TValue *out) {
  lua_State *L = d->L;
  if (++d->threads > PERSIST_THREADS_MAX) damaged(d, "too many coroutines");
  lua_State *co = lua_newthread(L);
  lua_sethook(co, NULL, 0, 0);
  *(Vm **)lua_getextraspace(co) = d->p->vm;
  L->top.p--;
  setthvalue(L, out, co);
  new_object(d, out, true);
}

static void take_rest(Decoder *d, TValue *out) {
  lua_State *L = d->L;
  uint64_t n = take_number(d, left(d));
  if (++d->rests > PERSIST_PAIRS_MAX) damaged(d, "too many loops over pairs()");
  CClosure *cl = luaF_newCclosure(L, 2);
  cl->f = f_rest;
  Table *keys = luaH_new(L);
  sethvalue(L, &cl->upvalue[0], keys);
  setivalue(&cl->upvalue[1], 0);
  setclCvalue(L, out, cl);
  new_object(d, out, true);
  luaH_resize(L, keys, (unsigned)n, 0);
  for (uint64_t i = 0; i < n; i++) {
    take_value(d, &keys->array[i]);
    if (ttisnil(&keys->array[i])) damaged(d, "a key is nil");
  }
}

/* Only a REST mentions values at once, and there are few: no deep recursion. */
void take_value(Decoder *d, TValue *out) {
  int tag = take_byte(d);
  if (tag >= T_SHORT_STRING) {
    if (tag >= T_OBJECT_NEAR) {
      old_object(d, (uint64_t)(tag - T_OBJECT_NEAR), out);
    } else if (tag >= T_STRING_NEAR) {
      old_string(d, (uint64_t)(tag - T_STRING_NEAR), out);
    } else if (tag >= T_SMALL_INT) {
      setivalue(out, tag - T_SMALL_INT);
    } else {
      take_string(d, (size_t)(tag - T_SHORT_STRING), out);
    }
    return;
  }
  switch (tag) {
  case T_NIL: setnilvalue(out); break;
  case T_FALSE: setbfvalue(out); break;
  case T_TRUE: setbtvalue(out); break;
  case T_INT: {
    lua_Integer i = take_signed(d);
    setivalue(out, i);
    break;
  }
  case T_FLOAT: {
    uint64_t bits = 0;
    if (left(d) < 8) damaged(d, "a number ends early");
    for (int i = 0; i < 8; i++) bits |= (uint64_t)*d->r++ << (8 * i);
    memcpy(&val_(out).n, &bits, sizeof bits);
    settt_(out, LUA_VNUMFLT);
    break;
  }
  case T_STRING: take_string(d, (size_t)take_raw(d), out); break;
  case T_STRING_REF: old_string(d, take_raw(d), out); break;
  case T_OBJECT_REF: old_object(d, take_raw(d), out); break;
  case T_TABLE:
    sethvalue(d->L, out, luaH_new(d->L));
    new_object(d, out, true);
    break;
  case T_CLOSURE: take_closure(d, out); break;
  case T_STATIC: take_static(d, NAME_OBJECT, out); break;
  case T_CCLOSURE: take_cclosure(d, out); break;
  case T_THREAD: take_thread(d, out); break;
  case T_REST: take_rest(d, out); break;
  default: damaged(d, "an unknown kind of value");
  }
}

void take_run_value(Decoder *d, TValue *out, uint32_t *run) {
  *run = 0;
  if (d->r < d->end && *d->r == T_NILS) {
    d->r++;
    uint32_t n = (uint32_t)take_number(d, PERSIST_NILS_MAX);
    d->nils += n;
    if (n == 0 || d->nils > PERSIST_NILS_MAX)
      damaged(d, "too many empty places");
    *run = n - 1;
    setnilvalue(out);
    return;
  }
  take_value(d, out);
}

/* --- contents --- */

/* A new key whose place in the table is empty needs no search: had it been
 * there before, the place would be taken. */
static inline void set_field(lua_State *L, Table *t, const TValue *key,
                             TValue *value) {
  if (ttisshrstring(key) && !isdummy(t) && !ttisnil(value)) {
    Node *n = gnode(t, tsvalue(key)->hash & (unsigned)(sizenode(t) - 1));
    if (keyisnil(n)) {
      setnodekey(L, n, key);
      setobj2t(L, gval(n), value);
      return;
    }
  }
  luaH_set(L, t, key, value);
}

static bool is_limit(uint64_t asize, uint64_t alimit) {
  if (asize & (asize - 1)) return false;
  return alimit > asize / 2 && alimit < asize;
}

static void take_array(Decoder *d, Table *t, uint32_t n) {
  for (uint32_t i = 0; i < n;) {
    uint32_t run;
    TValue v;
    take_run_value(d, &v, &run);
    if (ttisnil(&v)) { /* the array is empty as it was made */
      if (run >= n - i) damaged(d, "too many empty places");
      i += run + 1;
    } else {
      t->array[i++] = v;
    }
  }
}

static void check_key(Decoder *d, const TValue *k) {
  if (ttisnil(k) || (ttisfloat(k) && fltvalue(k) != fltvalue(k)))
    damaged(d, "a key is nil or NaN");
}

static void load_table(Decoder *d, Table *t) {
  lua_State *L = d->L;
  int flags = take_byte(d);
  if (flags & ~(TABLE_META | TABLE_ARRAY | TABLE_ALIMIT | TABLE_HASH))
    damaged(d, "a table of an unknown kind");
  Table *mt = NULL;
  if (flags & TABLE_META) {
    TValue v;
    take_value(d, &v);
    if (!ttistable(&v)) damaged(d, "a metatable is no table");
    mt = hvalue(&v);
  }
  uint32_t asize = 0, alimit = 0;
  if (flags & TABLE_ARRAY) {
    asize = (uint32_t)take_number(d, left(d) + PERSIST_NILS_MAX);
    alimit = asize;
    if (flags & TABLE_ALIMIT) {
      alimit = (uint32_t)take_number(d, asize);
      if (!is_limit(asize, alimit))
        damaged(d, "an array's border is out of range");
    }
    luaH_resize(L, t, asize,
                0); /* the hash part is made when its size is known */
    take_array(d, t, asize);
  }
  if (flags & TABLE_HASH) {
    uint32_t n = (uint32_t)take_number(d, left(d) / 2);
    luaH_resize(L, t, asize, n);
    for (uint32_t i = 0; i < n; i++) {
      TValue key, value;
      take_value(d, &key);
      check_key(d, &key);
      take_value(d, &value);
      set_field(L, t, &key, &value);
    }
  }
  if (alimit != asize && luaH_realasize(t) == asize) {
    t->alimit = alimit;
    setnorealasize(t);
  }
  t->metatable = mt;
  t->flags &=
      (lu_byte)~maskflags; /* it may be a metatable: invalidateTMcache */
}

static UpVal *new_upvalue(lua_State *L) {
  GCObject *o = luaC_newobj(L, LUA_VUPVAL, sizeof(UpVal));
  UpVal *uv = gco2upv(o);
  uv->v.p = &uv->u.value;
  setnilvalue(uv->v.p);
  return uv;
}

static UpVal *take_upvalue(Decoder *d) {
  TValue v;
  int tag = take_byte(d);
  if (tag >= T_OBJECT_NEAR) {
    v = object_at(d, (uint64_t)(tag - T_OBJECT_NEAR))->value;
  } else if (tag == T_OBJECT_REF) {
    v = object_at(d, take_raw(d))->value;
  } else if (tag == T_STATIC) {
    take_static(d, NAME_VARIABLE, &v);
  } else if (tag == T_UPVALUE) {
    val_(&v).gc = obj2gco(new_upvalue(d->L));
    settt_(&v, TAG_UPVALUE);
    new_object(d, &v, true);
  } else {
    damaged(d, "a variable is missing");
  }
  if (rawtt(&v) != TAG_UPVALUE) damaged(d, "a value is no variable");
  return gco2upv(val_(&v).gc);
}

static void load_upvalue(Decoder *d, UpVal *uv) {
  if (d->r < d->end && *d->r == T_OPEN) {
    d->r++;
    uint32_t thread = (uint32_t)take_number(d, UINT32_MAX);
    int slot = (int)take_number(d, PERSIST_SLOTS_MAX);
    link_add(d, d->cur, thread, slot);
    return;
  }
  take_value(d, uv->v.p);
}

static void load_cclosure(Decoder *d, CClosure *cl) {
  const Maker *m = maker_of(d->p, cl->f);
  for (int i = 0; i < cl->nupvalues; i++) {
    take_value(d, &cl->upvalue[i]);
    if (rawtt(&cl->upvalue[i]) != m->tags[i])
      damaged(d, "a C function with a wrong value");
  }
}

static void load_contents(Decoder *d, const TValue v) {
  if (rawtt(&v) == TAG_UPVALUE) {
    load_upvalue(d, gco2upv(val_(&v).gc));
    return;
  }
  switch (ttypetag(&v)) {
  case LUA_VTABLE: load_table(d, hvalue(&v)); break;
  case LUA_VLCL:
    for (int i = 0; i < clLvalue(&v)->nupvalues; i++)
      clLvalue(&v)->upvals[i] = take_upvalue(d);
    break;
  case LUA_VCCL:
    if (clCvalue(&v)->f != f_rest) load_cclosure(d, clCvalue(&v));
    break;
  case LUA_VTHREAD: thread_load(d, thvalue(&v)); break;
  default: break;
  }
}

void decode_graph(Decoder *d) {
  Persist *p = d->p;
  TValue root;
  if (take_byte(d) != GRAPH_VERSION)
    reject(d, ERR_BAD_INPUT,
           "this was saved in a format that is not known here");
  sethvalue(d->L, &root, luaH_new(d->L));
  new_object(d, &root, true);
  for (d->cur = 0; d->cur < d->nobjects; d->cur++) {
    const Object o = p->objects[d->cur];
    if (o.is_ours) load_contents(d, o.value);
  }
  uint32_t n = (uint32_t)take_number(d, left(d) / 3);
  for (uint32_t i = 0; i < n; i++) {
    uint32_t upvalue = (uint32_t)take_number(d, UINT32_MAX);
    uint32_t thread = (uint32_t)take_number(d, UINT32_MAX);
    link_add(d, upvalue, thread, (int)take_number(d, PERSIST_SLOTS_MAX));
  }
  if (d->r != d->end) damaged(d, "something follows its end");
  links_check(d);
  for (uint32_t i = 0; i < d->nobjects; i++)
    if (ttisthread(&p->objects[i].value) && p->objects[i].is_ours)
      thread_check_closing(d, thvalue(&p->objects[i].value));
  links_open(d);
}
