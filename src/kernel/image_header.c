/* The header of a head: what is never rewound (S35). */
#include <stdio.h>
#include <stdlib.h>

#include "kernel/bytes.h"
#include "kernel/state.h"
#include "kernel/unseen.h"

/* --- writing --- */

static void put_history(Buf *b, const History *h) {
  const uint64_t numbers[] = { h->turn,        h->until,     h->began_ms,
                               h->n[PAST],     h->n[FUTURE], h->row[PAST],
                               h->row[FUTURE], h->oldest,    h->bytes };
  for (size_t i = 0; i < countof(numbers); i++) buf_varint(b, numbers[i]);
  put_text(b, h->event);
}

void header_put(Buf *b, const Conv *c) {
  buf_put(b, c->cid, CID_LEN);
  put_text(b, c->owner);
  put_text(b, c->title);
  buf_varint(b, c->next_id);
  buf_varint(b, c->turn);
  buf_varint(b, c->minted_ms);
  buf_varint(b, c->n_answers);
  for (uint32_t i = 0; i < c->n_answers; i++) {
    put_text(b, c->answers[i].page);
    buf_varint(b, c->answers[i].number);
    buf_varint(b, c->answers[i].result);
  }
  buf_varint(b, c->rests_since);
  buf_put(b, &c->woken, sizeof c->woken);
  put_history(b, &c->history);
  buf_block(b, c->origin ? blob_view(c->origin) : (Slice){ 0 });
  later_put_header(b, c);
  buf_varint(b, c->later.wakes.seen);
  wakes_put_ios(b, c);
  put_text(b, c->stopped);
  /* Few have these, so they are the last. */
  bool is_limited = c->limits.by || c->unseen;
  if (c->back || is_limited) put_text(b, c->back);
  if (is_limited) can_put(b, &c->limits);
  if (c->unseen) unseen_put(b, c);
}

/* --- reading --- */

static void get_history(Reader *r, History *h) {
  h->turn = get_number(r);
  h->until = get_number(r);
  h->began_ms = get_number(r);
  h->n[PAST] = get_u32(r);
  h->n[FUTURE] = get_u32(r);
  h->row[PAST] = get_number(r);
  h->row[FUTURE] = get_number(r);
  h->oldest = get_number(r);
  h->bytes = get_number(r);
  char *event = get_text(r);
  snprintf(h->event, sizeof h->event, "%s", event ? event : "");
  free(event);
}

/* One from before there was such a thing was seen when it was minted. */
static void get_seen(Reader *r, Conv *c) {
  uint64_t seen = r->in.len ? get_number(r) : 0;
  if (seen > UINT64_MAX / 4) r->err = ERR_BAD_INPUT;
  c->later.seen = seen ? seen : c->minted_ms;
  c->later.wakes.seen = c->owner ? c->later.seen : seen;
}

/* Nor could they be stopped. */
static void get_stopped(Reader *r, Conv *c) {
  free(c->stopped);
  c->stopped = r->in.len && !r->err ? get_text(r) : NULL;
}

static void get_origin(Reader *r, Conv *c) {
  Slice origin = { 0 };
  if (!r->err && r->in.len) r->err = take_block(&r->in, &origin);
  if (r->err) return;
  blob_drop(c->origin);
  c->origin = origin.len ? blob_new(origin) : NULL;
}

void header_get(Reader *r, Conv *c) {
  char cid[CID_LEN];
  get_bytes(r, cid, sizeof cid);
  free(c->owner);
  c->owner = get_text(r);
  free(c->title);
  c->title = get_text(r);
  c->next_id = get_u32(r);
  c->turn = get_number(r);
  c->minted_ms = get_number(r);
  uint32_t n = get_count(r);
  if (n > EVENT_PAGES_MAX) r->err = ERR_BAD_INPUT;
  c->n_answers = 0;
  for (uint32_t i = 0; i < n && !r->err; i++) {
    Answer *a = conv_add_answer(c);
    char *page = get_text(r);
    snprintf(a->page, sizeof a->page, "%s", page ? page : "");
    free(page);
    a->number = get_number(r);
    uint64_t result = get_number(r);
    if (result >= ERR_COUNT) r->err = ERR_BAD_INPUT;
    a->result = (Err)(result % ERR_COUNT);
  }
  if (r->err) c->n_answers = 0;
  c->rests_since = get_number(r);
  get_bytes(r, &c->woken, sizeof c->woken);
  get_history(r, &c->history);
  get_origin(r, c);
  const History *h = &c->history;
  bool is_sane = c->turn < UINT64_MAX / 2 && h->turn && h->turn <= c->turn &&
                 (!h->until || h->until >= h->turn);
  if (!is_sane) r->err = ERR_BAD_INPUT;
  later_get_header(r, c);
  get_seen(r, c);
  wakes_get_ios(r, c);
  get_stopped(r, c);
  free(c->back);
  c->back = r->in.len ? get_text(r) : NULL;
  if (c->back && strlen(c->back) > BACK_QUESTION_MAX) r->err = ERR_BAD_INPUT;
  can_get(r, &c->limits);
  unseen_get(r, c);
}
