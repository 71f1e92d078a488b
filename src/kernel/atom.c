#include "kernel/atom.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "kernel/state.h"
#include "lua/coro.h"
#include "lua/loader.h"

struct Atom {
  Atom *hash_next;
  char *name;
  Blob *value;   /* a message (letter.c); NULL: not looked at, or never set */
  Blob *initial; /* what code says it is as long as nobody has set it */
  uint64_t version; /* of `value`; 0: never set */
  uint64_t kept;    /* the newest version in the store */
  bool is_loaded;
  bool updates; /* its update function runs */
  Conv **told;  /* who has an Interest in it */
  uint32_t n_told, cap_told;
};

#define N_BUCKETS 1024 /* a power of two */

struct Atoms {
  Atom *buckets[N_BUCKETS];
  size_t n;
  int copies; /* name -> the turn's private copy; registry reference */
  bool has_copies;
};

/* --- in memory --- */

static struct Atoms *atoms_of(Kernel *k) {
  if (!k->atoms) {
    lua_State *L = vm_lua(k->vm);
    k->atoms = xcalloc(1, sizeof *k->atoms);
    lua_newtable(L);
    k->atoms->copies = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  return k->atoms;
}

static Atom **bucket(Kernel *k, const char *name) {
  return &atoms_of(k)->buckets[hash64(slice_str(name)) & (N_BUCKETS - 1)];
}

static Atom *find(Kernel *k, const char *name) {
  Atom *a = *bucket(k, name);
  while (a && strcmp(a->name, name) != 0) a = a->hash_next;
  return a;
}

static Atom *atom_named(Kernel *k, const char *name) {
  Atom *a = find(k, name);
  if (a) return a;
  Atom **b = bucket(k, name);
  a = xcalloc(1, sizeof *a);
  a->name = xstrdup(name);
  a->hash_next = *b;
  *b = a;
  k->atoms->n++;
  return a;
}

void atoms_forget(Kernel *k) {
  for (size_t i = 0; k->atoms && i < N_BUCKETS; i++)
    for (Atom *a = k->atoms->buckets[i]; a; a = a->hash_next) {
      blob_drop(a->value);
      a->value = NULL;
      a->is_loaded = false;
    }
}

void atoms_reopen(Kernel *k) {
  atoms_forget(k);
  for (size_t i = 0; k->atoms && i < N_BUCKETS; i++)
    for (Atom *a = k->atoms->buckets[i]; a; a = a->hash_next)
      a->kept = a->version = 0;
}

void atoms_free(Kernel *k) {
  if (!k->atoms) return;
  for (size_t i = 0; i < N_BUCKETS; i++)
    while (k->atoms->buckets[i]) {
      Atom *a = k->atoms->buckets[i];
      k->atoms->buckets[i] = a->hash_next;
      blob_drop(a->value);
      blob_drop(a->initial);
      free(a->name);
      free(a->told);
      free(a);
    }
  luaL_unref(vm_lua(k->vm), LUA_REGISTRYINDEX, k->atoms->copies);
  free(k->atoms);
  k->atoms = NULL;
}

/* --- values ---
 *
 * A row is the version (varint) and a message. */

static void load(Kernel *k, Atom *a) {
  Blob *row;
  if (a->is_loaded || !k->store) return;
  a->is_loaded = true;
  a->version = 0;
  if (store_get(k->store, STORE_ATOM, slice_str(a->name), &row)) return;
  Slice in = blob_view(row);
  if (!take_varint(&in, &a->version)) a->value = blob_new(in);
  if (a->kept < a->version) a->kept = a->version;
  blob_drop(row);
}

/* As it is now, a message; or NULL. A replay begins with what code says. */
static const Blob *value_of(Kernel *k, Atom *a) {
  load(k, a);
  if (a->value || !k->app) return a->value ? a->value : a->initial;
  const Atom *of_app = find(k->app, a->name);
  return of_app ? of_app->initial : NULL;
}

static void push_value(Kernel *k, lua_State *L, Atom *a) {
  const Blob *value = value_of(k, a);
  if (value)
    message_push(k, L, value);
  else
    lua_pushnil(L);
}

/* Pushes the private copy that the running turn has of it. */
static void push_copy(Kernel *k, lua_State *L, Atom *a) {
  if (!k->in_turn) {
    push_value(k, L, a);
    return;
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, k->atoms->copies);
  if (lua_getfield(L, -1, a->name) == LUA_TNIL) {
    lua_pop(L, 1);
    push_value(k, L, a);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, a->name);
    k->atoms->has_copies = true;
  }
  lua_remove(L, -2);
}

static void drop_copy(Kernel *k, lua_State *L, const Atom *a) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, k->atoms->copies);
  lua_pushnil(L);
  lua_setfield(L, -2, a->name);
  lua_pop(L, 1);
}

/* --- who reads it --- */

static Interest *interest_of(const Conv *c, const Atom *a) {
  for (uint32_t i = 0; i < c->n_interests; i++)
    if (c->interests[i].atom == a) return &c->interests[i];
  return NULL;
}

static void add_interest(Conv *c, Atom *a, uint64_t version) {
  Interest *old = interest_of(c, a);
  if (old) {
    if (version < old->version) old->version = version;
    return;
  }
  c->interests = xrealloc(c->interests,
                          (c->n_interests + 1) * sizeof *c->interests);
  c->interests[c->n_interests++] = (Interest){ a, version };
  if (a->n_told == a->cap_told) {
    a->cap_told = a->cap_told ? a->cap_told * 2 : 4;
    a->told = xrealloc(a->told, a->cap_told * sizeof(Conv *));
  }
  a->told[a->n_told++] = c;
}

void interests_free(Conv *c) {
  for (uint32_t i = 0; i < c->n_interests; i++) {
    Atom *a = c->interests[i].atom;
    uint32_t at = 0;
    while (a->told[at] != c) at++;
    a->told[at] = a->told[--a->n_told];
  }
  free(c->interests);
  c->interests = NULL;
  c->n_interests = 0;
}

bool atoms_owe(const Conv *c) {
  for (uint32_t i = 0; i < c->n_interests; i++)
    if (c->interests[i].atom->kept > c->interests[i].version) return true;
  return false;
}

void atoms_told(Conv *c) {
  for (uint32_t i = 0; i < c->n_interests; i++) {
    const Atom *a = c->interests[i].atom;
    uint64_t newest = a->version > a->kept ? a->version : a->kept;
    if (newest > c->interests[i].version) c->interests[i].version = newest;
  }
}

static void add_read(Kernel *k, Inst *in, Read r) {
  for (uint32_t i = 0; i < in->n_reads; i++) {
    Read *old = &in->reads[i];
    bool same = old->atom == r.atom && old->kind == r.kind &&
                (!r.event || strcmp(old->event, r.event) == 0);
    if (!same) continue;
    free(r.event);
    if (old->kind != READ_WATCH) old->version = r.version;
    return;
  }
  in->reads = xrealloc(in->reads, (in->n_reads + 1) * sizeof *in->reads);
  in->reads[in->n_reads++] = r;
  add_interest(k->turn.conv, r.atom, r.version);
}

void reads_drop(Inst *in, ReadKind kind) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < in->n_reads; i++) {
    if (in->reads[i].kind == kind)
      free(in->reads[i].event);
    else
      in->reads[n++] = in->reads[i];
  }
  in->n_reads = n;
}

void reads_free(Inst *in) {
  for (uint32_t i = 0; i < in->n_reads; i++) free(in->reads[i].event);
  free(in->reads);
}

void reads_put(Buf *b, const Inst *in) {
  buf_varint(b, in->n_reads);
  for (uint32_t i = 0; i < in->n_reads; i++) {
    const Read *r = &in->reads[i];
    buf_byte(b, (char)r->kind);
    put_text(b, r->atom->name);
    buf_varint(b, r->version);
    if (r->kind == READ_WATCH) put_text(b, r->event);
  }
}

void reads_get(Reader *r, Kernel *k, Conv *c, Inst *in) {
  uint32_t n = get_count(r);
  in->reads = xcalloc(n, sizeof *in->reads);
  for (; in->n_reads < n && !r->err; in->n_reads++) {
    Read *read = &in->reads[in->n_reads];
    uint8_t kind = get_byte(r);
    if (kind >= READ_KINDS) r->err = ERR_BAD_INPUT;
    char *name = get_name(r);
    size_t len = strlen(name);
    if (!r->err && (len == 0 || len > ATOM_NAME_MAX)) r->err = ERR_BAD_INPUT;
    read->version = get_number(r);
    if (!r->err && kind == READ_WATCH) read->event = get_name(r);
    read->kind = (ReadKind)(kind % READ_KINDS);
    if (!r->err) {
      read->atom = atom_named(k, name);
      add_interest(c, read->atom, read->version);
    }
    free(name);
    if (r->err) free(read->event);
    if (r->err) break;
  }
}

/* --- a turn --- */

void atoms_begin(Kernel *k) {
  if (!k->atoms || !k->atoms->has_copies) return;
  lua_State *L = vm_lua(k->vm);
  lua_newtable(L);
  lua_rawseti(L, LUA_REGISTRYINDEX, k->atoms->copies);
  k->atoms->has_copies = false;
}

void atoms_undo(Kernel *k) {
  Turn *t = &k->turn;
  while (t->n_changes) {
    AtomChange *change = &t->changes[--t->n_changes];
    blob_drop(change->atom->value);
    change->atom->value = change->before;
    change->atom->version = change->version;
  }
  atoms_begin(k);
}

static Blob *row_of(const Atom *a) {
  Buf b = { 0 };
  buf_varint(&b, a->version);
  if (a->value) buf_slice(&b, blob_view(a->value));
  Blob *row = blob_new(buf_view(&b));
  buf_free(&b);
  return row;
}

void atoms_conclude(Kernel *k, Conv *c) {
  Turn *t = &k->turn;
  for (uint32_t i = 0; i < t->n_changes; i++) {
    Atom *a = t->changes[i].atom;
    blob_drop(t->changes[i].before);
    bool again = false; /* only its last value is written */
    for (uint32_t j = i + 1; j < t->n_changes; j++)
      again = again || t->changes[j].atom == a;
    if (again) continue;
    turn_row(k, STORE_ATOM, slice_str(a->name), row_of(a));
    c->changed = xrealloc(c->changed, (c->n_changed + 1) * sizeof *c->changed);
    c->changed[c->n_changed++] = (Interest){ a, a->version };
  }
  t->n_changes = 0;
}

/* Who has not been told goes on without a visitor (cause.c). */
static void announce(Kernel *k, Atom *a) {
  for (uint32_t i = 0; i < a->n_told; i++)
    if (a->told[i]->is_listed) agenda_set(k, a->told[i]);
}

void atoms_committed(Kernel *k, Conv *c, bool kept) {
  if (!c->n_changed) return;
  if (!kept) atoms_forget(k); /* and all that was computed on top of it */
  for (uint32_t i = 0; i < c->n_changed && kept; i++) {
    Atom *a = c->changed[i].atom;
    if (a->kept < c->changed[i].version) a->kept = c->changed[i].version;
    announce(k, a);
  }
  c->n_changed = 0;
}

/* Its event, with the new value, as work. */
static void tell(Kernel *k, lua_State *L, const Inst *in, const Read *r) {
  push_copy(k, L, r->atom);
  effect_push_event(L, r->event, lua_gettop(L), NULL, NULL, 0);
  lua_remove(L, -2);
  turn_push(k, L, (Work){ .kind = WORK_EVENT, .iid = in->iid });
}

void atoms_touch(Kernel *k, lua_State *L, Conv *c) {
  for (uint32_t i = 0; i < c->n_insts; i++) {
    Inst *in = c->insts[i];
    for (uint32_t j = 0; j < in->n_reads; j++) {
      Read *r = &in->reads[j];
      load(k, r->atom);
      if (r->version == r->atom->version) continue;
      r->version =
          r->atom->version; /* what is covered is drawn when it shows */
      if (r->kind == READ_WATCH) {
        tell(k, L, in, r);
        continue;
      }
      in->touched = true;
      if (r->kind == READ_CHILDREN) in->asks = true;
    }
  }
}

/* --- Lua --- */

static Atom *check_name(Kernel *k, lua_State *L, int idx, const char *of) {
  size_t len;
  const char *name = luaL_checklstring(L, idx, &len);
  if (len == 0 || len > ATOM_NAME_MAX || strlen(name) != len)
    luaL_error(L, "%s: an atom's name has 1 to %d bytes, and no zero byte", of,
               ATOM_NAME_MAX);
  if (!find(k, name) && atoms_of(k)->n >= ATOMS_IN_MEMORY_MAX)
    luaL_error(L, "%s: this process knows over %d atoms", of,
               ATOMS_IN_MEMORY_MAX);
  return atom_named(k, name);
}

/* The functions are methods of tables that hold no more than a name, so that
 * one which a conversation keeps is saved as that. */
static Atom *check_self(lua_State *L, const char *of) {
  if (kernel_of(L)->config.is_worker)
    luaL_error(L,
               "%s: there are no atoms in a worker (s.io, s.background): "
               "get the value before, and give it as an argument",
               of);
  if (!lua_istable(L, 1) || lua_getfield(L, 1, "name") != LUA_TSTRING)
    luaL_error(L, "%s: called on no atom (is it atom:%s(...)?)", of, of);
  Atom *a = check_name(kernel_of(L), L, -1, of);
  lua_pop(L, 1);
  return a;
}

static Blob *check_value(Kernel *k, lua_State *L, int idx, const char *of) {
  return plain_new(k, L, idx, of, "the value", ATOM_BYTES_MAX);
}

int f_atom_open(lua_State *L) {
  lua_settop(L, 2);
  Kernel *k = kernel_of(L);
  if (k->app) k = k->app; /* what code says goes for the app */
  Atom *a = check_name(k, L, 1, "atom");
  if (loader_is_reviving(k->vm)) return 0;
  Blob *initial = lua_isnil(L, 2) ? NULL : check_value(k, L, 2, "atom");
  blob_drop(a->initial);
  a->initial = initial;
  return 0;
}

/* The code that asks is remembered when it draws. */
static void note_reader(Kernel *k, Atom *a) {
  const char *in = k->in_turn ? k->turn.no_effects : NULL;
  bool draws = in && strcmp(in, "render") == 0;
  if (!draws && !(in && strcmp(in, "children") == 0)) return;
  Inst *reader = conv_inst(k->turn.conv, k->turn.failed_iid);
  load(k, a);
  if (reader)
    add_read(k, reader,
             (Read){ .atom = a,
                     .version = a->version,
                     .kind = draws ? READ_RENDER : READ_CHILDREN });
}

int f_atom_get(lua_State *L) {
  Kernel *k = kernel_of(L);
  Atom *a = check_self(L, "get");
  note_reader(k, a);
  push_copy(k, L, a);
  return 1;
}

/* Outside of a conversation a change is a commit of its own. */
typedef struct Alone {
  Kernel *k;
  Interest changed;
} Alone;

static void on_kept_alone(void *ud, Err e) {
  Alone *alone = ud;
  Atom *a = alone->changed.atom;
  if (e) {
    atoms_forget(alone->k);
  } else if (a->kept < alone->changed.version) {
    a->kept = alone->changed.version;
    announce(alone->k, a);
  }
  free(alone);
}

static void commit_alone(Kernel *k, Atom *a) {
  Alone *alone = xcalloc(1, sizeof *alone);
  *alone = (Alone){ k, { a, a->version } };
  StoreRow row = { STORE_ATOM, blob_new(slice_str(a->name)), row_of(a) };
  StoreItem item = { .is_rows = true, .rows = &row, .n_rows = 1 };
  store_commit(k->store, &item, on_kept_alone, alone);
  blob_drop(row.key);
  blob_drop(row.value);
}

/* Sets it to the value at `idx`. */
static void change(Kernel *k, lua_State *L, Atom *a, int idx, const char *of) {
  Turn *t = &k->turn;
  Blob *value = check_value(k, L, idx, of);
  const Blob *old = value_of(k, a);
  if (old && slice_eq(blob_view(old), blob_view(value))) {
    blob_drop(value);
    return;
  }
  if (k->in_turn) {
    if (t->n_changes == t->cap_changes) {
      t->cap_changes = t->cap_changes ? t->cap_changes * 2 : 4;
      t->changes = xrealloc(t->changes, t->cap_changes * sizeof *t->changes);
    }
    t->changes[t->n_changes++] = (AtomChange){ a, a->value, a->version };
    t->must_save = true;
    drop_copy(k, L, a);
  } else {
    blob_drop(a->value);
  }
  a->value = value;
  a->version++;
  if (!k->in_turn) commit_alone(k, a);
}

/* Raises where an atom may not be changed. */
static void check_change(Kernel *k, lua_State *L, const char *of) {
  const Turn *t = &k->turn;
  if (loader_is_loading(k->vm) || !k->store)
    luaL_error(L, "%s: an atom cannot be changed while scripts load", of);
  if (!k->in_turn) return;
  can_check(k, L, CAN_ATOM, of);
  if (t->no_effects)
    luaL_error(L, "%s: an atom cannot be changed in %s", of, t->no_effects);
  turn_check_lasts(k, L, of);
  if (t->is_boot) check_boots(k, L, of);
  if (t->n_changes >= TURN_ATOM_CHANGES_MAX)
    luaL_error(L, "%s: over %d changes of atoms in one turn", of,
               TURN_ATOM_CHANGES_MAX);
}

int f_atom_update(lua_State *L) {
  lua_settop(L, 2);
  Kernel *k = kernel_of(L);
  Atom *a = check_self(L, "update");
  if (!lua_isfunction(L, 2))
    luaL_error(L, "update: a function of the value is wanted, not a %s",
               luaL_typename(L, 2));
  check_change(k, L, "update");
  if (a->updates)
    luaL_error(L, "update: the atom \"%s\" is being updated already", a->name);
  lua_pushvalue(L, 2);
  push_value(k, L, a); /* name fn fn copy */
  lua_pushvalue(L, -1);
  lua_insert(L, 3); /* name fn copy fn copy */
  const char *ban = coro_ban(k->vm, "an atom's update");
  const char *had = k->turn.no_effects;
  k->turn.no_effects = "an atom's update";
  a->updates = true;
  int status = vm_call(L, 1, 1);
  a->updates = false;
  k->turn.no_effects = had;
  coro_ban(k->vm, ban);
  if (status != LUA_OK) return lua_error(L);
  change(k, L, a, lua_isnil(L, -1) ? 3 : -1, "update");
  push_copy(k, L, a);
  return 1;
}

int f_atom_set(lua_State *L) {
  lua_settop(L, 2);
  Kernel *k = kernel_of(L);
  Atom *a = check_self(L, "set");
  check_change(k, L, "set");
  change(k, L, a, 2, "set");
  return 0;
}

int f_atom_watch(lua_State *L) {
  lua_settop(L, 2);
  Kernel *k = kernel_of(L);
  Atom *a = check_self(L, "watch");
  Inst *in = k->in_turn && !k->turn.no_effects
                 ? conv_inst(k->turn.conv, k->turn.iid)
                 : NULL;
  if (!in)
    return luaL_error(L, "watch works in a handler, a hook or a flow only");
  effect_check_event(k, L, in, 2, "watch");
  load(k, a);
  k->turn.must_save = true;
  add_read(k, in,
           (Read){ .atom = a,
                   .version = a->version,
                   .kind = READ_WATCH,
                   .event = xstrdup(lua_tostring(L, 2)) });
  return 0;
}
