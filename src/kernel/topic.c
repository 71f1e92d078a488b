/* Messages between conversations (S30).
 *
 * A message is one row of the store, written in its publisher's item under
 * (topic, sequence). Each subscriber has a cursor in its own head, and a row in
 * the topic's index that repeats it. So publishing costs the same for one
 * receiver and for a million, order holds for each topic and receiver, and a
 * receiver that was asleep, or whose process died, hears each message once: the
 * item that keeps its turn keeps its new cursor.
 *
 * When a message is kept, a wave goes over the topic's index and wakes who has
 * not heard it: first those in memory, then the rest, a window at a time (P9).
 * After a start one sweep goes over the whole index, for what the process that
 * ended still owed.
 *
 * The log of a topic is bounded; a cursor that fell off it gets one gap. */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "kernel/state.h"

#define N_BUCKETS 1024 /* a power of two */

struct Topic {
  Topic *hash_next;
  Topic *wave_next;
  char *name;
  uint64_t next;        /* the sequence of the next message; commits that failed
                         * leave holes */
  uint64_t kept;        /* the newest message in the store; 0: none */
  uint32_t sent;        /* messages whose commit is under way */
  bool has_wave;        /* it goes over the index now */
  bool goes_again;      /* what was kept meanwhile needs another */
  bool wakes_all;       /* its second pass: also those who are not in memory */
  char at[CID_RAW + 1]; /* where it stands: rows before this are done */
  size_t n_at;
};

struct Topics {
  Topic *buckets[N_BUCKETS];
  size_t n;
  Topic *waves;  /* in turn */
  bool is_swept; /* the sweep after the start is over */
  Buf swept;     /* where it stands */
};

/* --- keys --- */

static void key_start(Buf *key, const char *topic) {
  buf_clear(key);
  buf_puts(key, topic);
  buf_byte(key, '\0');
}

static void message_key(Buf *key, const char *topic, uint64_t seq) {
  key_start(key, topic);
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

/* The first message at `from` or after it; its sequence, or 0. */
static uint64_t first_from(Kernel *k, const char *topic, uint64_t from,
                           Blob **value) {
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
  uint64_t low = first_from(k, topic, 0, NULL), step = 1;
  if (!low) return 0;
  for (uint64_t found; (found = first_from(k, topic, low + step, NULL));) {
    low = found;
    step *= 2;
  }
  for (; step; step /= 2) {
    uint64_t found = first_from(k, topic, low + step, NULL);
    if (found) low = found;
  }
  return low;
}

static Topic **bucket(const Kernel *k, const char *name) {
  return &k->topics->buckets[hash64(slice_str(name)) & (N_BUCKETS - 1)];
}

static void free_topic(Topic *t) {
  free(t->name);
  free(t);
}

/* Those that nobody sends to just now are as well in the store. */
static void forget_idle(Kernel *k) {
  for (size_t i = 0; i < N_BUCKETS; i++) {
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

static Topic *topic_of(Kernel *k, const char *name) {
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
  for (size_t i = 0; i < N_BUCKETS; i++)
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

static void start_wave(Kernel *k, Topic *t) {
  if (t->has_wave) {
    t->goes_again = true;
    return;
  }
  t->has_wave = true;
  t->wakes_all = false;
  t->n_at = 0;
  Topic **last = &k->topics->waves;
  while (*last) last = &(*last)->wave_next;
  *last = t;
  t->wave_next = NULL;
}

void topics_committed(Kernel *k, Conv *c, bool kept) {
  Later *l = &c->later;
  for (uint32_t i = 0; i < l->n_sent; i++) {
    Topic *t = l->sent[i].topic;
    t->sent--;
    if (!kept) continue;
    t->kept = l->sent[i].seq;
    start_wave(k, t);
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

/* --- who has not heard it --- */

bool topics_owe(Kernel *k, const Wakes *w) {
  for (uint32_t i = 0; i < w->n_wants; i++)
    if (w->wants[i].next <= topic_of(k, w->wants[i].topic)->kept) return true;
  return false;
}

/* A window of the index: rows as they are, one after the other. */
typedef struct Window {
  Slice prefix; /* of the topic, or empty: all of them */
  Buf rows;
  size_t n;
  bool is_over;
} Window;

static bool see_row(void *ud, Slice key, Slice value) {
  Window *w = ud;
  if (!slice_starts(key, w->prefix)) {
    w->is_over = true;
    return false;
  }
  if (w->n == LATER_WINDOW) return false;
  buf_block(&w->rows, key);
  buf_be64(&w->rows, value.len == 8 ? read_be64(value.ptr) : 0);
  w->n++;
  return true;
}

typedef struct Row {
  Slice topic, raw; /* views of the window */
  uint64_t next;
} Row;

static bool take_row(Slice *rows, Row *row) {
  Slice key;
  if (!rows->len || take_block(rows, &key) || key.len < CID_RAW + 2)
    return false;
  row->raw = slice(key.ptr + key.len - CID_RAW, CID_RAW);
  row->topic = slice(key.ptr, key.len - CID_RAW - 1);
  row->next = read_be64(rows->ptr);
  *rows = slice(rows->ptr + 8, rows->len - 8);
  return true;
}

/* Puts the conversation on the agenda, if it owes itself the message: the row
 * may be older than what it has under way. */
static void wake(Kernel *k, Slice raw, bool also_asleep) {
  if (also_asleep) {
    agenda_fetch(k, raw);
    return;
  }
  char cid[CID_LEN];
  base64url(cid, raw.ptr, CID_RAW);
  Conv *c = kernel_known(k, slice(cid, CID_LEN));
  if (c) agenda_set(k, c);
}

static void end_wave(Kernel *k, Topic *t) {
  k->topics->waves = t->wave_next;
  t->has_wave = false;
  if (t->goes_again) {
    t->goes_again = false;
    start_wave(k, t);
  }
}

static void move_wave(Kernel *k, Topic *t) {
  Buf from = { 0 };
  Window w = { 0 };
  key_start(&from, t->name);
  size_t n_prefix = from.len;
  buf_put(&from, t->at, t->n_at);
  w.prefix = slice(from.ptr, n_prefix);
  store_scan(k->store, STORE_TOPIC, buf_view(&from), see_row, &w);
  Slice rows = buf_view(&w.rows);
  for (Row row; take_row(&rows, &row);) {
    if (row.next <= t->kept) wake(k, row.raw, t->wakes_all);
    memcpy(t->at, row.raw.ptr, CID_RAW);
    t->at[CID_RAW] = '\0'; /* right behind this one */
    t->n_at = CID_RAW + 1;
  }
  if (w.n < LATER_WINDOW) { /* that was the last */
    t->n_at = 0;
    if (t->wakes_all)
      end_wave(k, t);
    else
      t->wakes_all = true;
  }
  buf_free(&w.rows);
  buf_free(&from);
}

static void sweep(Kernel *k) {
  Window w = { 0 };
  Buf *at = &k->topics->swept;
  store_scan(k->store, STORE_TOPIC, buf_view(at), see_row, &w);
  Slice rows = buf_view(&w.rows);
  for (Row row; take_row(&rows, &row);) {
    char *name = dup_slice(row.topic);
    Topic *t = topic_of(k, name);
    /* A cursor past the end: messages of the process that ended were never
     * kept. Their sequences are used up all the same. */
    if (row.next > t->next) t->next = row.next;
    if (row.next <= t->kept) wake(k, row.raw, true);
    key_start(at, name);
    buf_slice(at, row.raw);
    buf_byte(at, '\0');
    free(name);
  }
  k->topics->is_swept = w.n < LATER_WINDOW;
  buf_free(&w.rows);
}

bool topics_pending(const Kernel *k) {
  return k->topics->waves || !k->topics->is_swept;
}

void topics_step(Kernel *k) {
  if (k->topics->waves)
    move_wave(k, k->topics->waves);
  else if (!k->topics->is_swept)
    sweep(k);
}

/* --- what a subscriber hears next --- */

/* The next of an awake conversation's subscriptions that has something, after
 * the one that had something last. */
bool topic_news(Kernel *k, Conv *c, Cause *cause) {
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
      uint64_t seq = first_from(k, s->topic, s->next, &cause->value);
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

/* --- subscriptions --- */

static Sub *find_sub(const Conv *c, uint32_t iid, uint32_t task,
                     const char *topic) {
  for (uint32_t i = 0; i < c->later.n_subs; i++) {
    Sub *s = &c->later.subs[i];
    if (s->iid == iid && s->task == task && strcmp(s->topic, topic) == 0)
      return s;
  }
  return NULL;
}

void topic_heard(Conv *c, const Cause *cause) {
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

/* --- effects --- */

static const char *topic_name(lua_State *L, int idx, const char *of) {
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
  subs_drop(k->turn.conv, o.in->iid, lua_tostring(L, args));
}

/* publish(topic, msg) */
void check_publish(Kernel *k, lua_State *L, const Inst *in, int first) {
  (void)k, (void)in;
  topic_name(L, first, "publish");
  plain_check(L, first + 1, "publish", "the message");
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

/* receive(topic, [timeout]), of a task. */
void check_receive(Kernel *k, lua_State *L, const Inst *in, int first) {
  (void)k, (void)in;
  topic_name(L, first, "receive");
  if (!lua_isnil(L, first + 1)) timer_ms(L, first + 1, "receive");
}

void fold_receive(Kernel *k, lua_State *L, Origin o, int effect) {
  int args = effect_args(L, effect, 2);
  Sub *s = add_sub(k, L, o.in->iid, o.task, lua_tostring(L, args), "receive");
  s->waits = true;
  timer_for_task(k, L, o.in->iid, o.task, args + 1, "receive");
}
