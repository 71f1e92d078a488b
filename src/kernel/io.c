/* What a conversation has asked workers for.
 *
 * A call is a copy (persist_copy) of the list { function, arguments ..., n = }:
 * tables go by value, so that neither side sees what the other changes; code,
 * modules and metatables go by name, and are the worker's own. The state of an
 * instance is refused: its copy would look like it and change nothing. */
#include "kernel/io.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "kernel/state.h"
#include "persist/map.h"

/* --- a call as bytes --- */

/* The states of a conversation's instances, by address. */
typedef struct Selves {
  const Conv *conv;
  Map map; /* -> index of the instance */
  char why[EVENT_NAME_MAX + 256];
} Selves;

static void find_selves(Selves *s, lua_State *L, const Conv *c) {
  s->conv = c;
  map_init(&s->map);
  for (uint32_t i = 0; i < c->n_insts; i++) {
    conv_push(c, L, c->insts[i]->self);
    *map_at(&s->map, lua_topointer(L, -1)) = i;
    lua_pop(L, 1);
  }
}

static const char *refuse_self(void *ud, const void *table) {
  Selves *s = ud;
  uint32_t i = map_find(&s->map, table);
  if (i == MAP_NONE) return NULL;
  const Inst *in = s->conv->insts[i];
  snprintf(s->why, sizeof s->why,
           "this is the state of \"%.128s\" (ix-%u), which stays in its "
           "conversation; give the fields that are needed",
           in->def->id, in->iid);
  return s->why;
}

static void describe(lua_State *L, int key, Buf *out) {
  lua_Integer i = lua_tointeger(L, key);
  if (i == 1)
    buf_lit(out, "the function");
  else
    buf_printf(out, "argument %d", (int)i - 1);
}

/* Pushes the list as a string of bytes, in the place of the list on top of L.
 */
static void encode_call(Kernel *k, lua_State *L, const char *of) {
  Selves selves;
  find_selves(&selves, L, k->turn.conv);
  PersistCopy how = { .refuses = refuse_self, .ud = &selves };
  Buf bytes = { .max = k->config.io_call };
  k->describe_item = describe;
  Err e = persist_copy(k->persist, L, lua_gettop(L), &how, &bytes);
  k->describe_item = NULL;
  map_free(&selves.map);
  if (!e) {
    lua_pushlstring(L, bytes.ptr, bytes.len);
    buf_free(&bytes);
    lua_replace(L, -2);
    return;
  }
  buf_free(&bytes);
  luaL_error(L, e == ERR_TOO_BIG ? "%s: %s (see limits.io_call)" : "%s: %s", of,
             lua_tostring(L, -1));
}

/* Pushes the call of the function at `first` with what stands behind it. */
static void push_call(Kernel *k, lua_State *L, int first, const char *of) {
  int n = lua_gettop(L) - first + 1;
  if (!lua_isfunction(L, first))
    luaL_error(L, "%s: a function is wanted, not a %s", of,
               luaL_typename(L, first));
  if (n - 1 > IO_VALUES_MAX)
    luaL_error(L, "%s: over %d arguments; give them in a table", of,
               IO_VALUES_MAX);
  luaL_checkstack(L, 12, of);
  lua_createtable(L, n, 1);
  for (int i = 0; i < n; i++) {
    lua_pushvalue(L, first + i);
    lua_rawseti(L, -2, i + 1);
  }
  lua_pushinteger(L, n);
  lua_setfield(L, -2, "n");
  encode_call(k, L, of);
}

/* --- s.io --- */

/* A table in front of the function holds options. */
static bool has_options(lua_State *L) {
  if (!lua_istable(L, 1)) return false;
  for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1))
    if (lua_type(L, -2) != LUA_TSTRING ||
        strcmp(lua_tostring(L, -2), "timeout") != 0)
      luaL_error(L, "io: there is no option \"%s\" (timeout)",
                 luaL_tolstring(L, -2, NULL));
  return true;
}

static void check_pending(const Kernel *k, lua_State *L) {
  if (k->turn.conv->later.n_ios >= k->config.io_pending)
    luaL_error(L,
               "io: %d calls of this conversation run already "
               "(limits.io_pending)",
               (int)k->config.io_pending);
}

void io_prepare(Kernel *k, lua_State *L) {
  check_pending(k, L);
  bool has = has_options(L);
  if (has) {
    lua_getfield(L, 1, "timeout");
    if (!lua_isnil(L, -1)) timer_ms(L, -1, "io");
    lua_replace(L, 1);
  } else {
    lua_pushnil(L);
    lua_insert(L, 1);
  }
  push_call(k, L, 2, "io");
  lua_insert(L, 1);
  lua_settop(L, 2);
}

static void add(Conv *c, Io io) {
  Later *l = &c->later;
  if (l->n_ios == l->cap_ios) {
    l->cap_ios = l->cap_ios ? l->cap_ios * 2 : 1;
    l->ios = xrealloc(l->ios, l->cap_ios * sizeof *l->ios);
  }
  l->ios[l->n_ios++] = io;
}

static Blob *dup_string(lua_State *L, int idx) {
  Slice s;
  s.ptr = lua_tolstring(L, idx, &s.len);
  return blob_new(s);
}

void fold_io(Kernel *k, lua_State *L, Origin o, int effect) {
  Conv *c = k->turn.conv;
  int args = effect_args(L, effect, 2);
  check_pending(k, L);
  if (k->turn.is_boot) check_boots(k, L, "io");
  timer_for_task(k, L, o.in->iid, o.task, args + 1, "io");
  add(c, (Io){ .iid = o.in->iid,
               .task = o.task,
               .number = ++c->next_id,
               .call = dup_string(L, args) });
  k->turn.must_save = true;
}

/* --- s.background --- */

/* Tried where it is called, so that an error names the caller's line. */
void check_background(Kernel *k, lua_State *L, const Inst *in, int first) {
  (void)in;
  int top = lua_gettop(L);
  push_call(k, L, first, "background");
  lua_settop(L, top);
}

/* {"background", fn, ..., n = how many }; n need not be there. */
void fold_background(Kernel *k, lua_State *L, Origin o, int effect) {
  (void)o;
  Turn *t = &k->turn;
  if (t->n_calls >= TURN_BACKGROUNDS_MAX)
    luaL_error(L, "background: over %d calls in one turn",
               TURN_BACKGROUNDS_MAX);
  if (t->is_boot) check_boots(k, L, "background");
  lua_Integer n = (lua_Integer)lua_rawlen(L, effect) - 1;
  if (lua_getfield(L, effect, "n") == LUA_TNUMBER) n = lua_tointeger(L, -1);
  lua_pop(L, 1);
  if (n < 1 || n > IO_VALUES_MAX + 1) n = n < 1 ? 1 : IO_VALUES_MAX + 2;
  luaL_checkstack(L, (int)n + 12, "background");
  int first = lua_gettop(L) + 1;
  for (lua_Integer i = 1; i <= n; i++) lua_rawgeti(L, effect, i + 1);
  push_call(k, L, first, "background");
  t->calls = xrealloc(t->calls, (t->n_calls + 1) * sizeof *t->calls);
  t->calls[t->n_calls++] = (Io){ .number = ++t->conv->next_id,
                                 .call = dup_string(L, -1) };
  t->must_save = true;
}

void io_conclude(Kernel *k, Conv *c) {
  Turn *t = &k->turn;
  Later *l = &c->later;
  if (!t->n_calls) return;
  ASSERT(!l->n_calls);
  l->calls = xrealloc(l->calls, t->n_calls * sizeof *l->calls);
  memcpy(l->calls, t->calls, t->n_calls * sizeof *l->calls);
  l->n_calls = t->n_calls;
  t->n_calls = 0;
}

void io_unstage(Kernel *k) {
  Turn *t = &k->turn;
  while (t->n_calls) blob_drop(t->calls[--t->n_calls].call);
}

/* --- the entries --- */

Io *io_of_task(const Conv *c, uint32_t task) {
  for (uint32_t i = 0; i < c->later.n_ios; i++)
    if (c->later.ios[i].task == task) return &c->later.ios[i];
  return NULL;
}

Io *io_numbered(const Conv *c, uint32_t number) {
  for (uint32_t i = 0; i < c->later.n_ios; i++)
    if (c->later.ios[i].number == number) return &c->later.ios[i];
  return NULL;
}

static void remove_io(Conv *c, Io *io) {
  Later *l = &c->later;
  blob_drop(io->call);
  memmove(io, io + 1, (size_t)(l->ios + l->n_ios - (io + 1)) * sizeof *io);
  l->n_ios--;
  c->kernel->turn.must_save = true;
}

void io_forget_task(Conv *c, uint32_t task) {
  Io *io = io_of_task(c, task);
  if (io) remove_io(c, io);
}

void io_forget_inst(Conv *c, uint32_t iid) {
  for (uint32_t i = c->later.n_ios; i-- > 0;)
    if (c->later.ios[i].iid == iid) remove_io(c, &c->later.ios[i]);
}

void io_clear(Later *l) {
  for (uint32_t i = 0; i < l->n_ios; i++) blob_drop(l->ios[i].call);
  free(l->ios);
  l->ios = NULL;
  l->n_ios = l->cap_ios = 0;
}

/* --- in the frames --- */

void io_put(Buf *b, const Conv *c) {
  const Later *l = &c->later;
  if (!l->n_ios && !c->address) return; /* nothing follows (standing_put) */
  buf_varint(b, l->n_ios);
  for (uint32_t i = 0; i < l->n_ios; i++) {
    const Io *io = &l->ios[i];
    buf_varint(b, io->iid);
    buf_varint(b, io->task);
    buf_varint(b, io->number);
    buf_block(b, blob_view(io->call));
  }
}

void io_get(Reader *r, Conv *c) {
  uint32_t n = r->in.len ? get_count(r) : 0;
  for (uint32_t i = 0; i < n && !r->err; i++) {
    Io io = { .iid = get_u32(r), .task = get_u32(r), .number = get_u32(r) };
    Slice call = { 0 };
    if (!r->err) r->err = take_block(&r->in, &call);
    if (r->err) return;
    io.call = blob_new(call);
    add(c, io);
  }
}

/* Each is a task's that waits for nothing else, but perhaps a timeout. */
bool io_holds(const Conv *c) {
  const Later *l = &c->later;
  if (l->n_ios > CONV_TASKS_MAX) return false;
  for (uint32_t i = 0; i < l->n_ios; i++) {
    const Io *io = &l->ios[i];
    const Task *t = conv_task(c, io->task);
    if (!io->task || !t || t->iid != io->iid || t->awaits || !io->number ||
        io->number > c->next_id || !io->call->len)
      return false;
    for (uint32_t j = 0; j < l->n_subs; j++)
      if (l->subs[j].task == io->task && l->subs[j].waits) return false;
    for (uint32_t j = 0; j < i; j++)
      if (l->ios[j].task == io->task || l->ios[j].number == io->number)
        return false;
  }
  return true;
}

/* --- the result --- */

/* The error on top of L was raised in a worker, there. */
static void bring_traceback(lua_State *L, Slice trace) {
  static const char head[] = "stack traceback:";
  size_t n = sizeof head - 1;
  if (!slice_starts(trace, slice(head, n))) return;
  Buf text = { 0 };
  buf_lit(&text, "stack traceback (in a worker):");
  buf_put(&text, trace.ptr + n, trace.len - n);
  vm_bring_traceback(L, -1, buf_view(&text));
  buf_free(&text);
}

void io_error_words(Kernel *k, const IoDone *done, Buf *out) {
  lua_State *L = vm_lua(k->vm);
  if (done->is_text) {
    buf_slice(out, done->value);
    return;
  }
  luaL_checkstack(L, 8, "io");
  Slice text;
  if (!persist_decode(k->persist, L, done->value)) {
    lua_rawgeti(L, -1, 1);
    lua_remove(L, -2);
  }
  vm_push_error_text(L, -1);
  text.ptr = lua_tolstring(L, -1, &text.len);
  buf_slice(out, text);
  lua_pop(L, 2);
}

bool io_brought(Kernel *k, const Conv *c, uint32_t number, Slice error) {
  IoDone done = io_outcome(k, c, number);
  Buf words = { 0 };
  if (!done.ok) io_error_words(k, &done, &words);
  bool same = !done.ok && slice_eq(buf_view(&words), error);
  buf_free(&words);
  return same;
}

void io_deliver(Kernel *k, lua_State *L, uint32_t number) {
  Conv *c = k->turn.conv;
  const Io *io = io_numbered(c, number);
  IoDone done = io_outcome(k, c, number);
  bool ok = done.ok;
  if (done.is_text) {
    lua_pushlstring(L, done.value.ptr, done.value.len);
  } else if (persist_decode(k->persist, L, done.value)) {
    lua_pushfstring(L, "io: what came back cannot be read: %s",
                    lua_tostring(L, -1));
    lua_remove(L, -2);
    ok = false;
  } else if (!ok) {
    lua_rawgeti(L, -1, 1);
    lua_remove(L, -2);
    bring_traceback(L, done.trace);
  }
  turn_push(k, L,
            (Work){ .kind = WORK_RESUME,
                    .iid = io->iid,
                    .task = io->task,
                    .ok = ok,
                    .is_packed = ok });
}
