/* The log of a topic (S30).
 *
 * A message is one row of the store, written in its publisher's item under
 * (topic, sequence), however many hear it. So publishing costs the same for one
 * receiver and for a million, and order holds for each topic. When the row is
 * kept, a wave (wave.c) wakes who listens (subs.c).
 *
 * The log is bounded. In memory is only where it ends; a topic that nobody
 * sends to just now is forgotten, and its end looked up again. */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "kernel/state.h"
#include "kernel/topic.h"

/* --- keys --- */

void topic_key(Buf *key, const char *topic) {
  buf_clear(key);
  buf_puts(key, topic);
  buf_byte(key, '\0');
}

static void message_key(Buf *key, const char *topic, uint64_t seq) {
  topic_key(key, topic);
  buf_be64(key, seq);
}

/* --- topics in memory --- */

typedef struct Look {
  Slice prefix;
  uint64_t seq; /* of the first row found, or 0 */
  Blob *value;
  bool wants_value;
} Look;

static bool see_message(void *ud, Slice key, Slice value) {
  Look *look = ud;
  if (key.len != look->prefix.len + 8 || !slice_starts(key, look->prefix))
    return false;
  look->seq = read_be64(key.ptr + look->prefix.len);
  if (look->wants_value) look->value = blob_new(value);
  return false;
}

uint64_t topic_read(Kernel *k, const char *topic, uint64_t from, Blob **value) {
  Buf key = { 0 };
  message_key(&key, topic, from);
  Look look = { .prefix = slice(key.ptr, key.len - 8),
                .wants_value = value != NULL };
  store_scan(k->store, STORE_MSG, buf_view(&key), see_message, &look);
  buf_free(&key);
  if (value) *value = look.value;
  return look.seq;
}

/* The newest message in the store. Scans go forward only: so by doubling, then
 * by halving. */
static uint64_t newest(Kernel *k, const char *topic) {
  uint64_t low = topic_read(k, topic, 0, NULL), step = 1;
  if (!low) return 0;
  for (uint64_t found; (found = topic_read(k, topic, low + step, NULL));) {
    low = found;
    step *= 2;
  }
  for (; step; step /= 2) {
    uint64_t found = topic_read(k, topic, low + step, NULL);
    if (found) low = found;
  }
  return low;
}

static Topic **bucket(const Kernel *k, const char *name) {
  return &k->topics->buckets[hash64(slice_str(name)) & (TOPIC_BUCKETS - 1)];
}

static void free_topic(Topic *t) {
  free(t->name);
  free(t);
}

/* Those that nobody sends to just now are as well in the store. */
static void forget_idle(Kernel *k) {
  for (size_t i = 0; i < TOPIC_BUCKETS; i++) {
    Topic **at = &k->topics->buckets[i];
    while (*at) {
      Topic *t = *at;
      if (t->sent || t->has_wave || t->next != t->kept + 1) {
        at = &t->hash_next;
        continue;
      }
      *at = t->hash_next;
      free_topic(t);
      k->topics->n--;
    }
  }
}

Topic *topic_of(Kernel *k, const char *name) {
  for (Topic *t = *bucket(k, name); t; t = t->hash_next)
    if (strcmp(t->name, name) == 0) return t;
  if (k->topics->n >= TOPICS_IN_MEMORY_MAX) forget_idle(k);
  Topic *t = xcalloc(1, sizeof *t);
  t->name = xstrdup(name);
  t->kept = newest(k, name);
  t->next = t->kept + 1;
  Topic **b = bucket(k, name);
  t->hash_next = *b;
  *b = t;
  k->topics->n++;
  return t;
}

uint64_t topic_end(Kernel *k, const char *name) {
  uint64_t end = topic_of(k, name)->next;
  if (k->in_turn)
    for (uint32_t i = 0; i < k->turn.n_staged; i++)
      end += strcmp(k->turn.staged[i].topic, name) == 0;
  return end;
}

void topics_open(Kernel *k) { k->topics = xcalloc(1, sizeof *k->topics); }

void topics_free(Kernel *k) {
  if (!k->topics) return;
  for (size_t i = 0; i < TOPIC_BUCKETS; i++)
    while (k->topics->buckets[i]) {
      Topic *t = k->topics->buckets[i];
      k->topics->buckets[i] = t->hash_next;
      free_topic(t);
    }
  buf_free(&k->topics->swept);
  free(k->topics);
  k->topics = NULL;
}

/* --- publishing --- */

const char *topic_name(lua_State *L, int idx, const char *of) {
  size_t len;
  if (lua_type(L, idx) != LUA_TSTRING)
    luaL_error(L, "%s: a topic is a string, not a %s", of,
               luaL_typename(L, idx));
  const char *name = lua_tolstring(L, idx, &len);
  if (len == 0 || len > TOPIC_NAME_MAX || strlen(name) != len)
    luaL_error(L, "%s: a topic's name has 1 to %d bytes, and no zero byte", of,
               TOPIC_NAME_MAX);
  return name;
}

/* A boot that publishes is saved, though nobody may ever come for it (S40). */
void check_boots(Kernel *k, lua_State *L, const char *of) {
  if (k->steady >= k->boots_since + CONV_BOOTS_MS) {
    k->boots_since = k->steady;
    k->n_boots = 0;
  }
  if (k->n_boots >= CONV_BOOTS_MAX)
    luaL_error(L,
               "%s: over %d conversations did so in their first turn within %d "
               "seconds",
               of, CONV_BOOTS_MAX, CONV_BOOTS_MS / 1000);
}

/* publish(topic, msg) */
void check_publish(Kernel *k, lua_State *L, const Inst *in, int first) {
  (void)k, (void)in;
  topic_name(L, first, "publish");
  plain_check(L, first + 1, "publish", "the message");
}

void fold_publish(Kernel *k, lua_State *L, Origin o, int effect) {
  (void)o;
  Turn *t = &k->turn;
  int args = effect_args(L, effect, 2);
  check_publish(k, L, o.in, args);
  if (t->is_boot) check_boots(k, L, "publish");
  if (t->n_staged >= TURN_PUBLISHES_MAX)
    luaL_error(L, "publish: over %d messages in one turn", TURN_PUBLISHES_MAX);
  Blob *value = message_new(k, L, args + 1, "publish");
  if (t->n_staged == t->cap_staged) {
    t->cap_staged = t->cap_staged ? t->cap_staged * 2 : 4;
    t->staged = xrealloc(t->staged, t->cap_staged * sizeof *t->staged);
  }
  t->staged[t->n_staged++] = (Staged){ xstrdup(lua_tostring(L, args)), value };
  t->must_save = true;
}

void topics_publish(Kernel *k, Conv *c) {
  Turn *t = &k->turn;
  if (!t->n_staged) return;
  Later *l = &c->later;
  Buf key = { 0 };
  l->sent = xrealloc(l->sent, t->n_staged * sizeof *l->sent);
  l->n_sent = t->n_staged;
  for (uint32_t i = 0; i < t->n_staged; i++) {
    Staged *s = &t->staged[i];
    Topic *topic = topic_of(k, s->topic);
    uint64_t seq = topic->next++;
    topic->sent++;
    message_key(&key, s->topic, seq);
    turn_row(k, STORE_MSG, buf_view(&key), s->value);
    if (seq > TOPIC_LOG_MAX) {
      message_key(&key, s->topic, seq - TOPIC_LOG_MAX);
      turn_row(k, STORE_MSG, buf_view(&key), NULL);
    }
    l->sent[i] = (Sent){ topic, seq };
    free(s->topic);
  }
  t->n_staged = 0;
  buf_free(&key);
}

void topics_committed(Kernel *k, Conv *c, bool kept) {
  Later *l = &c->later;
  for (uint32_t i = 0; i < l->n_sent; i++) {
    Topic *t = l->sent[i].topic;
    t->sent--;
    if (!kept) continue;
    t->kept = l->sent[i].seq;
    wave_start(k, t);
  }
  l->n_sent = 0;
}

void topics_unstage(Kernel *k) {
  Turn *t = &k->turn;
  for (uint32_t i = 0; i < t->n_staged; i++) {
    free(t->staged[i].topic);
    blob_drop(t->staged[i].value);
  }
  t->n_staged = 0;
}
