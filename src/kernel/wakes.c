/* What may wake a conversation, as bytes: its timers and subscriptions beside
 * its frames, its letters in the header, and what the store's indexes hold of
 * it, so that it is found while it sleeps.
 *
 *   STORE_DUE    earliest due (8 bytes), raw cid -> nothing
 *                0, raw cid                      -> nothing: it waits for calls
 *   STORE_TOPIC  topic, NUL, raw cid             -> the sequence it wants (8)
 *   STORE_SEEN   see reap.c
 *
 * The rows are derived from the head and change in its item, and only when they
 * say something else than before. */
#include <stdlib.h>

#include "kernel/state.h"
#include "kernel/topic.h"

/* and an error for each task */
#define LETTERS_MAX (CONV_LETTERS_MAX + CONV_TASKS_MAX)
#define TIME_MAX (UINT64_MAX / 4)     /* ms: sums of some do not run over */
#define SEQUENCE_MAX (UINT64_MAX / 2) /* of messages */

/* --- what a head says --- */

void wakes_free(Wakes *w) {
  for (uint32_t i = 0; i < w->n_wants; i++) free(w->wants[i].topic);
  free(w->wants);
  free(w->ios);
  *w = (Wakes){ 0 };
}

static Want *want_of(const Wakes *w, const char *topic) {
  for (uint32_t i = 0; i < w->n_wants; i++)
    if (strcmp(w->wants[i].topic, topic) == 0) return &w->wants[i];
  return NULL;
}

static void add_want(Wakes *w, const char *topic, uint64_t next) {
  Want *old = want_of(w, topic);
  if (old) {
    if (next < old->next) old->next = next;
    return;
  }
  w->wants = xrealloc(w->wants, (w->n_wants + 1) * sizeof *w->wants);
  w->wants[w->n_wants++] = (Want){ xstrdup(topic), next };
}

static void add_io(Wakes *w, uint32_t number) {
  w->ios = xrealloc(w->ios, (w->n_ios + 1) * sizeof *w->ios);
  w->ios[w->n_ios++] = number;
}

void wakes_compute(const Kernel *k, const Conv *c, Wakes *out) {
  const Later *l = &c->later;
  uint64_t seen = seen_of(k, c, out->seen);
  wakes_free(out);
  out->seen = seen;
  /* A fork that nobody has come to; one that is stopped. */
  if (c->rests_since || c->stopped) return;
  if (conv_unborn(c)) out->due = k->steady;
  for (uint32_t i = 0; i < l->n_timers; i++)
    if (!out->due || l->timers[i].due < out->due) out->due = l->timers[i].due;
  if (letter_next(c) < l->n_letters && (!out->due || out->due > k->steady))
    out->due = k->steady;
  for (uint32_t i = 0; i < l->n_subs; i++) {
    const Sub *s = &l->subs[i];
    if (!s->task || s->waits) add_want(out, s->topic, s->next);
  }
  for (uint32_t i = 0; i < l->n_ios; i++) add_io(out, l->ios[i].number);
}

void wakes_copy(Wakes *to, const Wakes *from) {
  wakes_free(to);
  to->due = from->due;
  to->seen = from->seen;
  for (uint32_t i = 0; i < from->n_wants; i++)
    add_want(to, from->wants[i].topic, from->wants[i].next);
  for (uint32_t i = 0; i < from->n_ios; i++) add_io(to, from->ios[i]);
}

/* --- rows of the indexes --- */

static void due_row(Kernel *k, const Conv *c, uint64_t due, bool is_there) {
  Buf key = { 0 };
  buf_be64(&key, due);
  buf_put(&key, c->key, sizeof c->key);
  turn_row(k, STORE_DUE, buf_view(&key),
           is_there ? blob_new((Slice){ 0 }) : NULL);
  buf_free(&key);
}

static void topic_row(Kernel *k, const Conv *c, const char *topic,
                      Blob *value) {
  Buf key = { 0 };
  topic_key(&key, topic);
  buf_put(&key, c->key, sizeof c->key);
  turn_row(k, STORE_TOPIC, buf_view(&key), value);
  buf_free(&key);
}

static Blob *blob_u64(uint64_t v) {
  Buf b = { 0 };
  buf_be64(&b, v);
  Blob *blob = blob_new(buf_view(&b));
  buf_free(&b);
  return blob;
}

void wakes_rows(Kernel *k, Conv *c, bool ends) {
  static const Wakes none;
  const Wakes *old = &c->later.kept, *now = ends ? &none : &c->later.wakes;
  if (old->seen != now->seen) {
    if (old->seen) turn_take_row(k, seen_row(c, old->seen, false));
    if (now->seen) turn_take_row(k, seen_row(c, now->seen, true));
  }
  if (old->due != now->due) {
    if (old->due) due_row(k, c, old->due, false);
    if (now->due) due_row(k, c, now->due, true);
  }
  bool waits = now->n_ios > 0;
  if (waits != (old->n_ios > 0)) due_row(k, c, IO_DUE, waits);
  for (uint32_t i = 0; i < old->n_wants; i++)
    if (!want_of(now, old->wants[i].topic))
      topic_row(k, c, old->wants[i].topic, NULL);
  for (uint32_t i = 0; i < now->n_wants; i++) {
    const Want *had = want_of(old, now->wants[i].topic);
    if (had && had->next == now->wants[i].next) continue;
    topic_row(k, c, now->wants[i].topic, blob_u64(now->wants[i].next));
  }
}

/* --- the header --- */

/* Heads of before s.io end before this. */
void wakes_put_ios(Buf *b, const Conv *c) {
  const Wakes *w = &c->later.wakes;
  buf_varint(b, w->n_ios);
  for (uint32_t i = 0; i < w->n_ios; i++) buf_varint(b, w->ios[i]);
}

void wakes_get_ios(Reader *r, Conv *c) {
  uint32_t n = r->in.len ? get_count(r) : 0;
  if (n > CONV_TASKS_MAX) r->err = ERR_BAD_INPUT;
  for (uint32_t i = 0; i < n && !r->err; i++)
    add_io(&c->later.wakes, get_u32(r));
}

void later_put_header(Buf *b, const Conv *c) {
  const Later *l = &c->later;
  buf_varint(b, l->wakes.due);
  buf_varint(b, l->wakes.n_wants);
  for (uint32_t i = 0; i < l->wakes.n_wants; i++) {
    put_text(b, l->wakes.wants[i].topic);
    buf_varint(b, l->wakes.wants[i].next);
  }
  buf_varint(b, l->n_letters);
  for (uint32_t i = 0; i < l->n_letters; i++) {
    const Letter *letter = &l->letters[i];
    buf_byte(b, (char)letter->kind);
    buf_varint(b, letter->iid);
    buf_varint(b, letter->task);
    buf_varint(b, letter->from);
    put_text(b, letter->event);
    put_text(b, letter->topic);
    buf_block(b, blob_view(letter->value));
  }
}

static Letter get_letter(Reader *r) {
  Letter letter = { .kind = (LetterKind)(get_byte(r) % LETTER_KINDS),
                    .iid = get_u32(r),
                    .task = get_u32(r),
                    .from = get_u32(r) };
  letter.event = get_text(r);
  letter.topic = get_text(r);
  Slice value = { 0 };
  if (!r->err) r->err = take_block(&r->in, &value);
  letter.value = blob_new(value);
  bool whole = letter.kind == LETTER_EVENT     ? letter.event != NULL
               : letter.kind == LETTER_MESSAGE ? letter.task && letter.topic
                                               : letter.task != 0;
  if (!whole) r->err = ERR_BAD_INPUT;
  return letter;
}

void later_get_header(Reader *r, Conv *c) {
  Later *l = &c->later;
  wakes_free(&l->wakes);
  letters_cut(c, 0);
  l->wakes.due = get_number(r);
  uint32_t n = get_count(r);
  if (l->wakes.due > TIME_MAX || n > CONV_SUBS_MAX) r->err = ERR_BAD_INPUT;
  for (uint32_t i = 0; i < n && !r->err; i++) {
    char *topic = get_name(r);
    add_want(&l->wakes, topic, get_number(r));
    free(topic);
  }
  n = get_count(r);
  if (n > LETTERS_MAX) r->err = ERR_BAD_INPUT;
  if (r->err) return;
  l->letters = xrealloc(l->letters, n * sizeof *l->letters);
  l->cap_letters = n;
  for (uint32_t i = 0; i < n && !r->err; i++)
    l->letters[l->n_letters++] = get_letter(r);
}

/* --- the frames --- */

void later_put_frames(Buf *b, const Conv *c) {
  const Later *l = &c->later;
  buf_varint(b, l->n_timers);
  for (uint32_t i = 0; i < l->n_timers; i++) {
    const Timer *t = &l->timers[i];
    buf_varint(b, t->iid);
    buf_varint(b, t->task);
    put_text(b, t->event);
    buf_varint(b, t->value);
    buf_varint(b, t->due);
    buf_varint(b, t->span);
    buf_byte(b, t->is_volatile);
  }
  buf_varint(b, l->n_subs);
  for (uint32_t i = 0; i < l->n_subs; i++) {
    const Sub *s = &l->subs[i];
    buf_varint(b, s->iid);
    buf_varint(b, s->task);
    put_text(b, s->topic);
    put_text(b, s->event);
    buf_varint(b, s->next);
    buf_byte(b, s->waits);
  }
  io_put(b, c);
}

void later_get_frames(Reader *r, const Kernel *k, Conv *c) {
  Later *l = &c->later;
  l->timers = get_list(r, &l->cap_timers, sizeof *l->timers);
  for (uint32_t i = 0; i < l->cap_timers && !r->err; i++) {
    Timer *t = &l->timers[l->n_timers++];
    t->iid = get_u32(r);
    t->task = get_u32(r);
    t->event = get_text(r);
    t->value = get_u32(r);
    t->due = get_number(r);
    t->span = get_number(r);
    t->is_volatile = get_byte(r);
    /* Set while the clock was ahead, which it is no more. */
    if (k->steady && t->due > k->steady + t->span) t->due = k->steady + t->span;
  }
  l->subs = get_list(r, &l->cap_subs, sizeof *l->subs);
  for (uint32_t i = 0; i < l->cap_subs && !r->err; i++) {
    Sub *s = &l->subs[l->n_subs++];
    s->iid = get_u32(r);
    s->task = get_u32(r);
    s->topic = get_name(r);
    s->event = get_text(r);
    s->next = get_number(r);
    s->waits = get_byte(r);
  }
  io_get(r, c);
}

/* Is it an instance's, with the name of an event, or a task's of it, without?
 */
static bool owner_holds(const Conv *c, uint32_t iid, uint32_t task,
                        const char *event) {
  if (!conv_inst(c, iid)) return false;
  if (!task) return event && event[0] && strlen(event) <= EVENT_NAME_MAX;
  const Task *t = conv_task(c, task);
  return t && t->iid == iid && !event;
}

bool later_holds(const Conv *c) {
  const Later *l = &c->later;
  if (l->n_timers > CONV_TIMERS_MAX || l->n_subs > CONV_SUBS_MAX) return false;
  for (uint32_t i = 0; i < l->n_timers; i++) {
    const Timer *t = &l->timers[i];
    if (!owner_holds(c, t->iid, t->task, t->event) || !t->due ||
        t->due > TIME_MAX || t->span > TIME_MAX)
      return false;
    for (uint32_t j = 0; j < i && t->task; j++) /* it waits for one thing */
      if (l->timers[j].task == t->task) return false;
  }
  for (uint32_t i = 0; i < l->n_subs; i++) {
    const Sub *s = &l->subs[i];
    size_t len = strlen(s->topic);
    if (!owner_holds(c, s->iid, s->task, s->event) || len == 0 ||
        len > TOPIC_NAME_MAX || !s->next || s->next > SEQUENCE_MAX)
      return false;
    if (!s->waits) continue;
    if (!s->task || conv_task(c, s->task)->awaits) return false;
    for (uint32_t j = 0; j < i; j++)
      if (l->subs[j].task == s->task && l->subs[j].waits) return false;
  }
  return io_holds(c);
}

/* --- going --- */

void later_resumed(Conv *c, lua_State *L, uint32_t task) {
  timer_of_task(c, L, task);
  io_forget_task(c, task);
  for (uint32_t i = 0; i < c->later.n_subs; i++)
    if (c->later.subs[i].task == task) c->later.subs[i].waits = false;
}

void later_forget_inst(Conv *c, lua_State *L, uint32_t iid) {
  for (uint32_t i = c->later.n_timers; i-- > 0;)
    if (c->later.timers[i].iid == iid) timer_remove(c, L, i);
  for (uint32_t i = c->later.n_subs; i-- > 0;)
    if (c->later.subs[i].iid == iid) sub_remove(c, i);
  io_forget_inst(c, iid);
}

void later_forget_task(Conv *c, lua_State *L, uint32_t task) {
  timer_of_task(c, L, task);
  io_forget_task(c, task);
  for (uint32_t i = c->later.n_subs; i-- > 0;)
    if (c->later.subs[i].task == task) sub_remove(c, i);
}

static void free_subs(Sub *subs, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    free(subs[i].topic);
    free(subs[i].event);
  }
  free(subs);
}

void later_clear(Conv *c) {
  Later *l = &c->later;
  for (uint32_t i = 0; i < l->n_timers; i++) free(l->timers[i].event);
  free(l->timers);
  l->timers = NULL;
  l->n_timers = l->cap_timers = 0;
  free_subs(l->subs, l->n_subs);
  l->subs = NULL;
  l->n_subs = l->cap_subs = 0;
  io_clear(l);
}

void later_free(Conv *c) {
  later_clear(c);
  while (c->later.n_calls) blob_drop(c->later.calls[--c->later.n_calls].call);
  free(c->later.calls);
  letters_cut(c, 0);
  free(c->later.letters);
  free(c->later.sent);
  wakes_free(&c->later.wakes);
  wakes_free(&c->later.kept);
}

/* --- going back --- */

void rewind_begin(Conv *c, Rewind *r) {
  *r = (Rewind){ c->later.subs, c->later.n_subs };
  c->later.subs = NULL;
  c->later.n_subs = c->later.cap_subs = 0;
}

void rewind_end(Kernel *k, Conv *c, Rewind *r, uint64_t away_ms) {
  Later *l = &c->later;
  for (uint32_t i = 0; i < l->n_timers; i++) l->timers[i].due += away_ms;
  for (uint32_t i = 0; i < l->n_subs; i++) {
    Sub *s = &l->subs[i];
    s->next = topic_end(k, s->topic); /* not there now: from here on */
    for (uint32_t j = 0; j < r->n_subs; j++)
      if (r->subs[j].iid == s->iid && r->subs[j].task == s->task &&
          strcmp(r->subs[j].topic, s->topic) == 0)
        s->next = r->subs[j].next;
  }
  free_subs(r->subs, r->n_subs);
  *r = (Rewind){ 0 };
}
