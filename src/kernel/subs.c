/* Who listens (S30): the subscriptions of a conversation.
 *
 * Each has a cursor, the sequence that it wants next, in the conversation's own
 * head. The item that keeps the turn which a message caused keeps the cursor
 * behind it: so each is heard once and in order, asleep or not, also by one
 * whose process died. A cursor that fell off the log gets one gap. */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "kernel/state.h"
#include "kernel/topic.h"

static Sub *find_sub(const Conv *c, uint32_t iid, uint32_t task,
                     const char *topic) {
  for (uint32_t i = 0; i < c->later.n_subs; i++) {
    Sub *s = &c->later.subs[i];
    if (s->iid == iid && s->task == task && strcmp(s->topic, topic) == 0)
      return s;
  }
  return NULL;
}

void subs_heard(Conv *c, const Cause *cause) {
  Sub *s = find_sub(c, cause->iid, cause->task, cause->topic);
  if (s) s->next = cause->next;
}

static Sub *add_sub(Kernel *k, lua_State *L, uint32_t iid, uint32_t task,
                    const char *topic, const char *of) {
  Later *l = &k->turn.conv->later;
  k->turn.must_save = true;
  Sub *old = find_sub(k->turn.conv, iid, task, topic);
  if (old) return old;
  if (l->n_subs >= CONV_SUBS_MAX)
    luaL_error(L, "%s: a conversation may hold %d subscriptions", of,
               CONV_SUBS_MAX);
  if (l->n_subs == l->cap_subs) {
    l->cap_subs = l->cap_subs ? l->cap_subs * 2 : 2;
    l->subs = xrealloc(l->subs, l->cap_subs * sizeof *l->subs);
  }
  Sub *s = &l->subs[l->n_subs++];
  *s = (Sub){ .iid = iid,
              .task = task,
              .topic = xstrdup(topic),
              .next = topic_end(k, topic) };
  return s;
}

void sub_remove(Conv *c, uint32_t index) {
  Later *l = &c->later;
  Sub *s = &l->subs[index];
  free(s->topic);
  free(s->event);
  memmove(s, s + 1, (l->n_subs - index - 1) * sizeof *s);
  l->n_subs--;
  c->kernel->turn.must_save = true;
}

/* Ends an instance's subscriptions: to one topic, or (NULL) to all. */
static void drop_subs(Conv *c, uint32_t iid, const char *topic) {
  for (uint32_t i = c->later.n_subs; i-- > 0;) {
    const Sub *s = &c->later.subs[i];
    if (s->iid != iid || s->task) continue;
    if (!topic || strcmp(s->topic, topic) == 0) sub_remove(c, i);
  }
}

/* --- what it hears next --- */

/* The next subscription that has something, after the one that had last. */
bool subs_news(Kernel *k, Conv *c, Cause *cause) {
  Later *l = &c->later;
  for (uint32_t i = 0; i < l->n_subs; i++) {
    uint32_t at = (l->last_sub + i) % l->n_subs;
    Sub *s = &l->subs[at];
    if (s->task && !s->waits) continue;
    uint64_t kept = topic_of(k, s->topic)->kept;
    if (s->next > kept) continue;
    uint64_t oldest = kept > TOPIC_LOG_MAX ? kept - TOPIC_LOG_MAX + 1 : 1;
    *cause = (Cause){
      .kind = CAUSE_NEWS, .index = at, .iid = s->iid, .task = s->task
    };
    if (s->next < oldest) {
      cause->next = oldest;
    } else {
      uint64_t seq = topic_read(k, s->topic, s->next, &cause->value);
      if (!seq || seq > kept) { /* only holes */
        blob_drop(cause->value);
        s->next = kept + 1;
        continue;
      }
      cause->next = seq + 1;
    }
    cause->topic = xstrdup(s->topic);
    l->last_sub = at + 1;
    return true;
  }
  return false;
}

/* --- effects --- */

/* subscribe(topic, event) */
void check_subscribe(Kernel *k, lua_State *L, const Inst *in, int first) {
  topic_name(L, first, "subscribe");
  effect_check_event(k, L, in, first + 1, "subscribe");
}

void fold_subscribe(Kernel *k, lua_State *L, Origin o, int effect) {
  int args = effect_args(L, effect, 2);
  check_subscribe(k, L, o.in, args);
  Sub *s = add_sub(k, L, o.in->iid, 0, lua_tostring(L, args), "subscribe");
  free(s->event);
  s->event = xstrdup(lua_tostring(L, args + 1));
}

/* unsubscribe([topic]) */
void check_unsubscribe(Kernel *k, lua_State *L, const Inst *in, int first) {
  (void)k, (void)in;
  if (!lua_isnil(L, first)) topic_name(L, first, "unsubscribe");
}

void fold_unsubscribe(Kernel *k, lua_State *L, Origin o, int effect) {
  int args = effect_args(L, effect, 1);
  check_unsubscribe(k, L, o.in, args);
  drop_subs(k->turn.conv, o.in->iid, lua_tostring(L, args));
}

/* receive(topic, [timeout]), of a task. */
void check_receive(Kernel *k, lua_State *L, const Inst *in, int first) {
  (void)k, (void)in;
  topic_name(L, first, "s.receive");
  if (!lua_isnil(L, first + 1))
    timer_ms(L, first + 1, "s.receive: the timeout");
}

void fold_receive(Kernel *k, lua_State *L, Origin o, int effect) {
  int args = effect_args(L, effect, 2);
  Sub *s = add_sub(k, L, o.in->iid, o.task, lua_tostring(L, args), "s.receive");
  s->waits = true;
  timer_for_task(k, L, o.in->iid, o.task, args + 1, "s.receive");
}

/* publish_local(topic, msg): to who subscribes in this conversation. */
void check_publish_local(Kernel *k, lua_State *L, const Inst *in, int first) {
  (void)k, (void)in;
  topic_name(L, first, "publish_local");
  plain_check(L, first + 1, "publish_local", "the message");
}

void fold_publish_local(Kernel *k, lua_State *L, Origin o, int effect) {
  Conv *c = k->turn.conv;
  int args = effect_args(L, effect, 2);
  check_publish_local(k, L, o.in, args);
  const char *topic = lua_tostring(L, args);
  Blob *value = message_new(k, L, args + 1, "publish_local");
  uint32_t n = 0;
  for (uint32_t i = 0; i < c->later.n_subs; i++)
    n += strcmp(c->later.subs[i].topic, topic) == 0;
  letters_have_room(c, L, n, value, "publish_local");
  for (uint32_t i = 0; i < c->later.n_subs; i++) {
    const Sub *s = &c->later.subs[i];
    if (strcmp(s->topic, topic) != 0) continue;
    letter_add(c, (Letter){ .kind = s->task ? LETTER_MESSAGE : LETTER_EVENT,
                            .iid = s->iid,
                            .task = s->task,
                            .from = o.in ? o.in->iid : 0,
                            .event = s->event ? xstrdup(s->event) : NULL,
                            .topic = xstrdup(topic),
                            .value = blob_hold(value) });
  }
  blob_drop(value);
}
