/* Letters: what instances of one conversation send each other, delivered in a
 * turn each. They stand in the header, so that a failed turn's letter is not
 * brought again, while what such a turn wrote is cut off.
 *
 * A message is plain values, encoded once: a copy for each receiver, and the
 * same bytes whether it crosses conversations or not. */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "kernel/state.h"

/* --- messages --- */

/* Raises when code stands anywhere in the table at `idx`: it would tie the
 * receiver to the sender's version of a script. `path` describes where. */
static void refuse_code(lua_State *L, int idx, int seen, const char *of,
                        const char *path, int depth) {
  int type = lua_type(L, idx);
  if (type == LUA_TFUNCTION || type == LUA_TTHREAD || type == LUA_TUSERDATA)
    luaL_error(L, "%s: plain values are wanted, and %s is a %s", of, path,
               lua_typename(L, type));
  if (type != LUA_TTABLE) return;
  if (depth > MESSAGE_DEPTH_MAX)
    luaL_error(L, "%s: the value is nested over %d deep", of,
               MESSAGE_DEPTH_MAX);
  luaL_checkstack(L, 8, "a message");
  lua_pushvalue(L, idx);
  if (lua_rawget(L, seen) != LUA_TNIL) {
    lua_pop(L, 1);
    return;
  }
  lua_pop(L, 1);
  lua_pushvalue(L, idx);
  lua_pushboolean(L, 1);
  lua_rawset(L, seen);
  for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1)) {
    int key = lua_gettop(L) - 1;
    refuse_code(L, key, seen, of, "a key in it", depth + 1);
    if (lua_type(L, key + 1) < LUA_TTABLE) continue;
    lua_pushfstring(L, "%s.%s", path, luaL_tolstring(L, key, NULL));
    lua_replace(L, -2);
    const char *inner = lua_tostring(L, -1);
    refuse_code(L, key + 1, seen, of, inner, depth + 1);
    lua_pop(L, 1);
  }
}

void plain_check(lua_State *L, int idx, const char *of, const char *what) {
  if (lua_type(L, idx) < LUA_TTABLE) return;
  lua_newtable(L);
  refuse_code(L, idx, lua_gettop(L), of, what, 0);
  lua_pop(L, 1);
}

Blob *plain_new(Kernel *k, lua_State *L, int idx, const char *of,
                const char *what, size_t max) {
  int top = lua_gettop(L);
  idx = lua_absindex(L, idx);
  lua_newtable(L);
  refuse_code(L, idx, top + 1, of, what, 0);
  lua_createtable(L, 1, 0);
  lua_pushvalue(L, idx);
  lua_rawseti(L, -2, 1);
  Buf b = { .max = max };
  k->describes = what;
  Err e = persist_encode(k->persist, L, lua_gettop(L), &b);
  k->describes = NULL;
  Blob *message = e ? NULL : blob_new(buf_view(&b));
  buf_free(&b);
  if (e == ERR_TOO_BIG)
    luaL_error(L, "%s: %s has over %d bytes", of, what, (int)max);
  if (e) luaL_error(L, "%s: %s", of, lua_tostring(L, -1));
  lua_settop(L, top);
  return message;
}

Blob *message_new(Kernel *k, lua_State *L, int idx, const char *of) {
  return plain_new(k, L, idx, of, "the message", MESSAGE_BYTES_MAX);
}

void message_push(Kernel *k, lua_State *L, const Blob *message) {
  if (persist_decode(k->persist, L, blob_view(message))) lua_error(L);
  lua_rawgeti(L, -1, 1);
  lua_remove(L, -2);
}

/* --- the list --- */

void letter_free(Letter *letter) {
  free(letter->event);
  free(letter->topic);
  blob_drop(letter->value);
  *letter = (Letter){ 0 };
}

void letters_have_room(const Conv *c, lua_State *L, uint32_t n, Blob *value,
                       const char *of) {
  size_t bytes = value->len * n;
  for (uint32_t i = 0; i < c->later.n_letters; i++)
    bytes += c->later.letters[i].value->len;
  bool fits = c->later.n_letters + n <= CONV_LETTERS_MAX &&
              bytes <= CONV_LETTER_BYTES_MAX;
  if (fits) return;
  blob_drop(value);
  luaL_error(L, "%s: over %d messages, or %d bytes, wait in this conversation",
             of, CONV_LETTERS_MAX, (int)CONV_LETTER_BYTES_MAX);
}

void letter_add(Conv *c, Letter letter) {
  Later *l = &c->later;
  if (l->n_letters == l->cap_letters) {
    l->cap_letters = l->cap_letters ? l->cap_letters * 2 : 4;
    l->letters = xrealloc(l->letters, l->cap_letters * sizeof *l->letters);
  }
  l->letters[l->n_letters++] = letter;
}

Letter letter_take(Conv *c, uint32_t index) {
  Later *l = &c->later;
  Letter letter = l->letters[index];
  memmove(l->letters + index, l->letters + index + 1,
          (l->n_letters - index - 1) * sizeof letter);
  l->n_letters--;
  return letter;
}

static bool task_receives(const Conv *c, uint32_t task, const char *topic) {
  for (uint32_t i = 0; i < c->later.n_subs; i++) {
    const Sub *s = &c->later.subs[i];
    if (s->task == task && s->waits && strcmp(s->topic, topic) == 0)
      return true;
  }
  return false;
}

static bool is_for_nobody(const Conv *c, const Letter *letter) {
  return letter->task ? !conv_task(c, letter->task)
                      : !conv_inst(c, letter->iid);
}

/* A task that waits for something else takes its messages when it receives. */
static bool can_deliver(const Conv *c, const Letter *letter) {
  if (is_for_nobody(c, letter)) return false;
  return letter->kind != LETTER_MESSAGE ||
         task_receives(c, letter->task, letter->topic);
}

uint32_t letter_next(const Conv *c) {
  for (uint32_t i = 0; i < c->later.n_letters; i++)
    if (can_deliver(c, &c->later.letters[i])) return i;
  return c->later.n_letters;
}

void letters_cut(Conv *c, uint32_t n) {
  while (c->later.n_letters > n)
    letter_free(&c->later.letters[--c->later.n_letters]);
}

void letters_prune(Conv *c) {
  for (uint32_t i = c->later.n_letters; i-- > 0;) {
    if (!is_for_nobody(c, &c->later.letters[i])) continue;
    Letter gone = letter_take(c, i);
    letter_free(&gone);
  }
}

/* --- effects --- */

/* send(target, event, [value]): "parent", a slot or an instance's id. One that
 * is gone hears nothing; a name that never was is a mistake. */
static Inst *receiver(Kernel *k, lua_State *L, const Inst *in, int idx) {
  Conv *c = k->turn.conv;
  Slice to;
  if (lua_type(L, idx) != LUA_TSTRING)
    luaL_error(L,
               "send: a target is \"parent\", a slot or an instance's id, not "
               "a %s",
               luaL_typename(L, idx));
  to.ptr = lua_tolstring(L, idx, &to.len);
  Inst *found = conv_target(c, in, to);
  if (found || iid_parse(to)) return found;
  luaL_error(L,
             "send: there is no \"%s\" (\"parent\", a slot's name or an "
             "instance's id is wanted)",
             to.ptr);
  return NULL;
}

void check_send(Kernel *k, lua_State *L, const Inst *in, int first) {
  const Inst *to = receiver(k, L, in, first);
  effect_event_name(L, first + 1, "send");
  if (to) effect_check_event(k, L, to, first + 1, "send");
  plain_check(L, first + 2, "send", "the message");
}

void fold_send(Kernel *k, lua_State *L, Origin o, int effect) {
  int args = effect_args(L, effect, 3);
  check_send(k, L, o.in, args);
  const Inst *to = receiver(k, L, o.in, args);
  if (!to) return;
  Blob *value = message_new(k, L, args + 2, "send");
  letters_have_room(k->turn.conv, L, 1, value, "send");
  letter_add(k->turn.conv,
             (Letter){ .kind = LETTER_EVENT,
                       .iid = to->iid,
                       .from = o.in->iid,
                       .event = xstrdup(lua_tostring(L, args + 1)),
                       .value = value });
}
