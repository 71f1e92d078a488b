/* Declared children: who lives in an instance, as `children` says. It is asked
 * after every change, and what stands in the slots is brought in step.
 *
 *   children -> wishes, each with the kid it is about   nothing has changed yet
 *            -> gone ones removed, changed ones told, new ones made
 *            -> kids in the order of the wishes, started in that order
 *
 * A list that is as it was is compared by walking along the kids; only from the
 * first difference on a map of keys is made. */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "kernel/state.h"
#include "lua/coro.h"

/* --- what `children` says --- */

/* Calls the function at the top of L with `self`; leaves what it returned. */
static void ask(Kernel *k, lua_State *L, Inst *in) {
  conv_push(k->turn.conv, L, in->self);
  const char *was = coro_ban(k->vm, "children");
  k->turn.no_effects = "children";
  reads_drop(in, READ_CHILDREN);
  lua_call(L, 1, 1);
  k->turn.no_effects = NULL;
  coro_ban(k->vm, was);
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Pushes a copy of the table that says what is declared, and its slot names,
 * sorted, as a userdata; returns how many there are, or -1 (and nothing pushed)
 * when nothing is declared. */
static int push_declared(Kernel *k, lua_State *L, Inst *in) {
  if (!def_get(k, L, in->def, "children")) {
    lua_pop(L, 1);
    return -1;
  }
  if (lua_isfunction(L, -1)) ask(k, L, in);
  if (lua_isnil(L, -1)) lua_newtable(L), lua_replace(L, -2);
  int given = lua_gettop(L), n = 0;
  if (!lua_istable(L, given) || embed_is(L, given))
    luaL_error(L, "%s must be a table of slots, not %s",
               def_place(k, L, in->def, "children"),
               lua_istable(L, given) ? "an embed" : luaL_typename(L, given));
  lua_newtable(L);
  for (lua_pushnil(L); lua_next(L, given); n++) {
    int name = lua_gettop(L) - 1;
    if (lua_type(L, name) != LUA_TSTRING)
      luaL_error(L, "%s: a slot's name must be a string, not a %s",
                 def_place(k, L, in->def, "children"), luaL_typename(L, name));
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, given + 1);
  }
  lua_replace(L, given);
  const char **names = lua_newuserdatauv(L, (size_t)(n + 1) * sizeof *names, 0);
  n = 0;
  for (lua_pushnil(L); lua_next(L, given); lua_pop(L, 1))
    names[n++] = lua_tostring(L, -2);
  qsort(names, (size_t)n, sizeof *names, by_name);
  return n;
}

/* --- wishes --- */

typedef enum Fate { FATE_STAYS, FATE_NEW, FATE_CHANGED } Fate;

typedef struct Wish {
  const char *slot, *key; /* key: NULL of a single child */
  bool is_number;         /* the key is one */
  Fate fate;
  uint64_t hash; /* of its embed */
  Kid *kid;      /* where it stands, once that is known */
  Inst *made;    /* of a new one, once it is */
} Wish;

/* All wishes of one instance. Whatever is needed later stands on the Lua stack:
 * code of the app may change its own tables meanwhile, and an error on the way
 * must leak nothing. */
typedef struct Wishes {
  Kernel *k;
  lua_State *L;
  Inst *in;
  /* stack indices: what is declared; embeds and keys of new and changed ones;
   * the type that was seen last; the two maps */
  int declared, keep, type_at, map_at;
  Wish *list;
  uint32_t n, cap;
  uint32_t next;  /* the kid that the next wish is about, if all is as it was */
  Kid **kid_map;  /* by slot and key; NULL while it was not needed */
  Wish **new_map; /* the same, of wishes for new ones */
  uint32_t map_mask;
  const char *type; /* most lists are of one component */
  const Def *def;   /* of that one */
} Wishes;

/* Pushes `children.rows of "demo/x" (x.lua:3)`. */
static const char *place(const Wishes *w, const char *slot) {
  return def_place(w->k, w->L, w->in->def,
                   lua_pushfstring(w->L, "children.%s", slot));
}

static void refuse_key(const Wishes *w, const char *slot, const char *key) {
  luaL_error(w->L, "%s: the key \"%s\" stands twice", place(w, slot), key);
}

static bool is_place(const char *slot, const char *key, const char *other_slot,
                     const char *other_key) {
  return strcmp(slot, other_slot) == 0 &&
         (key && other_key ? strcmp(key, other_key) == 0 : key == other_key);
}

static uint64_t place_hash(const char *slot, const char *key) {
  return hash64(slice_str(key ? key : slot));
}

static void *new_map(Wishes *w, size_t size, int at) {
  void *map = lua_newuserdatauv(w->L, size, 0);
  memset(map, 0, size);
  lua_replace(w->L, at);
  return map;
}

static void make_maps(Wishes *w) {
  uint32_t size = 16;
  while (size < 2 * (w->in->n_kids + w->cap)) size *= 2;
  w->map_mask = size - 1;
  w->new_map = new_map(w, size * sizeof *w->new_map, w->map_at);
  w->kid_map = new_map(w, size * sizeof *w->kid_map, w->map_at + 1);
  for (uint32_t i = 0; i < w->in->n_kids; i++) {
    Kid *kid = w->in->kids[i];
    uint64_t h = place_hash(kid->slot, kid->key);
    while (w->kid_map[h & w->map_mask]) h++;
    w->kid_map[h & w->map_mask] = kid;
  }
}

/* The kid at this place, which is not the expected one, or NULL. */
static Kid *look_up(Wishes *w, const char *slot, const char *key) {
  if (!w->kid_map) make_maps(w);
  for (uint64_t h = place_hash(slot, key);; h++) {
    Kid *kid = w->kid_map[h & w->map_mask];
    if (!kid) return NULL;
    if (!is_place(kid->slot, kid->key, slot, key)) continue;
    if (kid->taken) refuse_key(w, slot, key);
    /* After gone ones the list may go on as it was. */
    for (uint32_t i = w->next; i < w->in->n_kids && i < w->next + 8; i++)
      if (w->in->kids[i] == kid) w->next = i + 1;
    return kid;
  }
}

static void note_new(Wishes *w, Wish *wish) {
  for (uint64_t h = place_hash(wish->slot, wish->key);; h++) {
    Wish **at = &w->new_map[h & w->map_mask];
    if (!*at) {
      *at = wish;
      return;
    }
    if (is_place((*at)->slot, (*at)->key, wish->slot, wish->key))
      refuse_key(w, wish->slot, wish->key);
  }
}

/* The hash of the embed on top of L, for which it leaves two values. */
static uint64_t hash_embed(Wishes *w) {
  lua_State *L = w->L;
  int embed = lua_gettop(L);
  if (!lua_istable(L, embed) || lua_getfield(L, embed, "type") != LUA_TSTRING ||
      lua_tostring(L, -1) != w->type) {
    lua_settop(L, embed);
    w->def = embed_resolve(w->k, L, embed, NULL);
    w->type = NULL;
    if (lua_istable(L, embed) &&
        lua_getfield(L, embed, "type") == LUA_TSTRING) {
      w->type = lua_tostring(L, -1);
      lua_copy(L, -1, w->type_at); /* so that nothing else gets its address */
    }
    lua_settop(L, embed + 1);
  } else {
    lua_getfield(L, embed, "args");
    lua_replace(L, -2);
  }
  return embed_hash(w->k, L, w->def, embed + 1);
}

/* The embed is on top of L; takes it. The key may be gone afterwards. */
static void add_wish(Wishes *w, const char *slot, const char *key,
                     bool is_number) {
  lua_State *L = w->L;
  const Inst *in = w->in;
  int embed = lua_gettop(L);
  Wish *wish = &w->list[w->n++];
  *wish = (Wish){ .slot = slot, .is_number = is_number };
  Kid *kid = w->next < in->n_kids ? in->kids[w->next] : NULL;
  if (kid && !kid->taken && is_place(kid->slot, kid->key, slot, key))
    w->next++;
  else
    kid = look_up(w, slot, key);
  wish->hash = hash_embed(w);
  lua_settop(L, embed);
  if (!kid || !kid->declared)
    wish->fate = FATE_NEW;
  else if (kid->wish != wish->hash)
    wish->fate = FATE_CHANGED;
  if (wish->fate != FATE_STAYS) {
    lua_pushvalue(L, embed);
    lua_rawseti(L, w->keep, 2 * (lua_Integer)w->n);
  }
  if (kid) {
    kid->taken = true;
    wish->kid = kid;
    wish->key = kid->key;
  } else {
    if (key) {
      wish->key = lua_pushstring(L, key);
      lua_rawseti(L, w->keep, 2 * (lua_Integer)w->n + 1);
    }
    note_new(w, wish);
  }
  lua_settop(L, embed - 1);
}

static void want_item(Wishes *w, const char *slot, lua_Integer i, int pair) {
  lua_State *L = w->L;
  char text[24];
  const char *key = text;
  int type = lua_rawgeti(L, pair, 1);
  if (type == LUA_TSTRING) {
    key = lua_tostring(L, -1);
    if (strlen(key) != lua_rawlen(L, -1))
      luaL_error(L, "%s: the key of item %d has a zero byte", place(w, slot),
                 (int)i);
  } else if (type == LUA_TNUMBER && lua_isinteger(L, -1) &&
             lua_tointeger(L, -1) >= 0) {
    text[uint_text(text, (uint64_t)lua_tointeger(L, -1))] = '\0';
  } else if (type == LUA_TNUMBER) {
    key = luaL_tolstring(L, -1, NULL);
  } else {
    luaL_error(L,
               "%s: the key of item %d must be a string or a number, not a %s",
               place(w, slot), (int)i, lua_typename(L, type));
  }
  int what = lua_rawgeti(L, pair, 2);
  if (what != LUA_TTABLE && what != LUA_TSTRING)
    luaL_error(L, "%s: item %d must be {key, embed}, but its second is a %s",
               place(w, slot), (int)i, lua_typename(L, what));
  add_wish(w, slot, key, type == LUA_TNUMBER);
}

static void want_list(Wishes *w, const char *slot, int list) {
  lua_State *L = w->L;
  lua_Integer n = (lua_Integer)lua_rawlen(L, list);
  for (lua_Integer i = 1; i <= n; i++) {
    if (lua_rawgeti(L, list, i) != LUA_TTABLE)
      luaL_error(L, "%s: item %d must be {key, embed}", place(w, slot), (int)i);
    want_item(w, slot, i, list + 1);
    lua_settop(L, list);
  }
}

static bool is_list(lua_State *L, int idx) {
  return lua_istable(L, idx) && !embed_is(L, idx);
}

static uint32_t count_wishes(const Wishes *w, const char *const *names, int n) {
  lua_State *L = w->L;
  size_t count = 0;
  for (int i = 0; i < n; i++) {
    lua_getfield(L, w->declared, names[i]);
    count += is_list(L, -1) ? lua_rawlen(L, -1) : 1;
    lua_pop(L, 1);
  }
  if (count > CONV_INSTANCES_MAX)
    luaL_error(L, "%s: a conversation may hold %d instances",
               def_place(w->k, L, w->in->def, "children"), CONV_INSTANCES_MAX);
  return (uint32_t)count;
}

/* Finds out all wishes; changes nothing. Their names are on top of L. */
static void read_wishes(Wishes *w, int n_names) {
  lua_State *L = w->L;
  const char *const *names = lua_touserdata(L, -1);
  luaL_checkstack(L, LUA_MINSTACK, "children");
  w->cap = count_wishes(w, names, n_names);
  w->list = lua_newuserdatauv(L, (w->cap + 1) * sizeof *w->list, 0);
  lua_newtable(L);
  w->keep = lua_gettop(L);
  w->type_at = w->keep + 1;
  w->map_at = w->keep + 2;
  lua_settop(L, w->keep + 4);
  int value = w->keep + 5;
  for (uint32_t i = 0; i < w->in->n_kids; i++) w->in->kids[i]->taken = false;
  for (int i = 0; i < n_names; i++) {
    lua_getfield(L, w->declared, names[i]);
    if (is_list(L, value))
      want_list(w, names[i], value);
    else if (embed_is(L, value))
      add_wish(w, names[i], NULL, false);
    else if (lua_toboolean(L, value))
      luaL_error(L, "%s must be an embed or a list of {key, embed}, not a %s",
                 place(w, names[i]), luaL_typename(L, value));
    lua_settop(L, value - 1);
  }
}

/* Pushes the embed of a new or changed one. */
static void push_embed(const Wishes *w, const Wish *wish) {
  lua_rawgeti(w->L, w->keep, 2 * (lua_Integer)(wish - w->list + 1));
}

/* --- granting them --- */

static void make(Wishes *w, Wish *wish, int depth) {
  lua_State *L = w->L;
  Inst *in = w->in;
  push_embed(w, wish);
  Inst *child = instance_make_at(w->k, L, lua_gettop(L), in->iid, depth + 1);
  lua_pop(L, 1);
  if (!wish->kid) {
    inst_note_seats(in);
    wish->kid = inst_add_kid(in, slice_str(wish->slot), wish->key);
    wish->kid->is_number = wish->is_number;
    wish->kid->taken = true;
  }
  wish->kid->declared = true;
  wish->kid->wish = wish->hash;
  wish->made = child;
  wish->fate = FATE_NEW;
  instance_place_below(w->k->turn.conv, child, wish->kid);
}

/* Other args: told to a child of that component that has `update`, else it is
 * made anew. */
static void change(Wishes *w, Wish *wish) {
  lua_State *L = w->L;
  Kernel *k = w->k;
  Conv *c = k->turn.conv;
  int top = lua_gettop(L);
  Inst *child = conv_bottom(c, wish->kid->top);
  push_embed(w, wish);
  const Def *def = embed_resolve(k, L, top + 1, NULL); /* args */
  if (child->def == def && def_get(k, L, def, "update")) {
    wish->kid->wish = wish->hash;
    conv_release(c, L, child->args);
    lua_settop(L, top + 2);
    child->args = conv_keep(c, L);
  } else {
    instance_remove(k, L, child->iid);
    make(w, wish, 0);
  }
  lua_settop(L, top);
}

static void remove_unwanted(Wishes *w) {
  Inst *in = w->in;
  const Conv *c = w->k->turn.conv;
  for (uint32_t i = in->n_kids; i-- > 0;) {
    if (i >= in->n_kids) continue; /* it went with another one */
    Kid *kid = in->kids[i];
    if (!kid->declared || kid->taken) continue;
    inst_note_seats(in);
    instance_remove(w->k, w->L, conv_bottom(c, kid->top)->iid);
    while (kid->top) /* what covered it goes too */
      instance_remove(w->k, w->L, kid->top);
    inst_remove_kid(in, kid);
  }
}

/* Puts the kids in the order of the wishes, what else stands there behind. */
static void put_in_order(Wishes *w) {
  Inst *in = w->in;
  uint32_t n = 0;
  while (n < w->n && in->kids[n] == w->list[n].kid) n++;
  if (n == w->n) return;
  inst_note_seats(in);
  Kid **rest = lua_newuserdatauv(w->L, in->n_kids * sizeof *rest, 0);
  uint32_t n_rest = 0;
  for (uint32_t i = 0; i < in->n_kids; i++)
    if (!in->kids[i]->taken) rest[n_rest++] = in->kids[i];
  ASSERT(w->n + n_rest == in->n_kids);
  for (uint32_t i = 0; i < w->n; i++) in->kids[i] = w->list[i].kid;
  memcpy(in->kids + w->n, rest, n_rest * sizeof *rest);
  lua_pop(w->L, 1);
}

/* The newest work goes first: pushed from the last to the first. */
static void start(Wishes *w) {
  lua_State *L = w->L;
  for (uint32_t i = w->n; i-- > 0;) {
    const Wish *wish = &w->list[i];
    if (wish->made) {
      instance_start(w->k, wish->made);
    } else if (wish->fate == FATE_CHANGED) {
      const Conv *c = w->k->turn.conv;
      Inst *child = conv_bottom(c, wish->kid->top);
      conv_push(c, L, child->args);
      turn_push(w->k, L, (Work){ .kind = WORK_UPDATE, .iid = child->iid });
    }
  }
}

void children_make(Kernel *k, lua_State *L, Inst *in, int depth) {
  Wishes w = { .k = k, .L = L, .in = in };
  int top = lua_gettop(L), n = push_declared(k, L, in);
  if (n < 0) return;
  w.declared = top + 1;
  read_wishes(&w, n);
  for (uint32_t i = 0; i < w.n; i++) make(&w, &w.list[i], depth);
  lua_settop(L, top);
}

void children_reconcile(Kernel *k, lua_State *L, Inst *in) {
  Wishes w = { .k = k, .L = L, .in = in };
  int top = lua_gettop(L), n = push_declared(k, L, in);
  if (n < 0) return;
  w.declared = top + 1;
  read_wishes(&w, n);
  remove_unwanted(&w);
  for (uint32_t i = 0; i < w.n; i++) {
    if (w.list[i].fate == FATE_NEW) make(&w, &w.list[i], 0);
    if (w.list[i].fate == FATE_CHANGED) change(&w, &w.list[i]);
  }
  put_in_order(&w);
  start(&w);
  lua_settop(L, top);
}
