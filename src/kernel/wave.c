/* Waking receivers (S30, P9).
 *
 * Each subscription has a row in the topic's index, which repeats its cursor.
 * When a message is kept, a wave goes over these rows and wakes who has not
 * heard it: first those in memory, then the rest, a window at a time. After a
 * start one sweep goes over the whole index, for what the process that ended
 * still owed. */
#include <stdlib.h>

#include "kernel/state.h"
#include "kernel/topic.h"

bool waves_owe(Kernel *k, const Wakes *w) {
  for (uint32_t i = 0; i < w->n_wants; i++)
    if (w->wants[i].next <= topic_of(k, w->wants[i].topic)->kept) return true;
  return false;
}

/* A window of the index: rows as they are, one after the other. */
typedef struct Window {
  Slice prefix; /* of the topic, or empty: all of them */
  Buf rows;
  size_t n;
} Window;

static bool see_row(void *ud, Slice key, Slice value) {
  Window *w = ud;
  if (!slice_starts(key, w->prefix) || w->n == LATER_WINDOW) return false;
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

void wave_start(Kernel *k, Topic *t) {
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

static void end_wave(Kernel *k, Topic *t) {
  k->topics->waves = t->wave_next;
  t->has_wave = false;
  if (t->goes_again) {
    t->goes_again = false;
    wave_start(k, t);
  }
}

static void move_wave(Kernel *k, Topic *t) {
  Buf from = { 0 };
  Window w = { 0 };
  topic_key(&from, t->name);
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
    topic_key(at, name);
    buf_slice(at, row.raw);
    buf_byte(at, '\0');
    free(name);
  }
  k->topics->is_swept = w.n < LATER_WINDOW;
  buf_free(&w.rows);
}

bool waves_pending(const Kernel *k) {
  return k->topics->waves || !k->topics->is_swept;
}

void waves_step(Kernel *k) {
  if (k->topics->waves)
    move_wave(k, k->topics->waves);
  else if (!k->topics->is_swept)
    sweep(k);
}
