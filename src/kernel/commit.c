/* What a turn leaves: a head for the store and an outbox for the pages, which
 * is released when the store has kept the head, or dropped with it (S2, S42).
 */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "kernel/deed.h"
#include "kernel/state.h"
#include "kernel/unseen.h"
#include "kernel/wreck.h"

/* What pages hold may differ from what a head says of them (a banner, for one):
 * the next drawing of each instance is sent, whatever it is. */
void distrust_pages(Conv *c) {
  for (uint32_t i = 0; i < c->n_insts; i++) c->insts[i]->drawn = 0;
}

/* Moves the turn's pieces into the conversation's outbox: where the page stands
 * (while it still shows what its entry is left with), then drawings, then what
 * effects asked for (`explicit` of them), in the order they were called. */
void fill_outbox(Kernel *k, uint32_t explicit) {
  Turn *t = &k->turn;
  Buf *out = &t->conv->outbox;
  if (t->told.len) outbox_put(t->conv, FRAG_ADDRESS, buf_view(&t->told));
  for (uint32_t i = 0; i < t->n_pieces; i++) {
    const Piece *p = &t->pieces[(i + explicit) % t->n_pieces];
    buf_byte(out, (char)p->kind);
    buf_byte(out, (char)p->mode);
    buf_block(out, slice(t->bytes.ptr + p->selector, p->n_selector));
    buf_block(out, slice(t->bytes.ptr + p->body, p->n_body));
  }
}

void outbox_put(Conv *c, FragmentKind kind, Slice body) {
  buf_byte(&c->outbox, (char)kind);
  buf_byte(&c->outbox, (char)PATCH_OUTER);
  buf_block(&c->outbox, (Slice){ 0 });
  buf_block(&c->outbox, body);
}

void release_outbox(Conv *c) {
  Kernel *k = c->kernel;
  Fragment batch[16];
  size_t n = 0;
  Slice in = buf_view(&c->outbox);
  while (in.len) {
    Fragment *f = &batch[n++];
    f->kind = (FragmentKind)in.ptr[0];
    f->mode = (PatchMode)in.ptr[1];
    in = slice(in.ptr + 2, in.len - 2);
    Err e = take_block(&in, &f->selector);
    if (!e) e = take_block(&in, &f->body);
    ASSERT(!e);
    if (n < countof(batch) && in.len) continue;
    FragmentId first = { c->turn, c->fragment + 1 };
    c->fragment += (uint32_t)n;
    k->ports.release(k->ports.ud, c, first, batch, n);
    n = 0;
  }
  buf_free(&c->outbox);
}

static void record_answer(Conv *c, const Event *ev, Err result) {
  if (!ev || !ev->page[0]) return;
  Answer *a = NULL;
  for (uint32_t i = 0; i < c->n_answers && !a; i++)
    if (strcmp(c->answers[i].page, ev->page) == 0) a = &c->answers[i];
  if (!a && c->n_answers < EVENT_PAGES_MAX) {
    a = conv_add_answer(c);
  } else { /* newest last; a ninth page drops the page that was quiet longest */
    if (!a) a = &c->answers[0];
    memmove(a, a + 1,
            (size_t)(c->answers + c->n_answers - (a + 1)) * sizeof *a);
    a = &c->answers[c->n_answers - 1];
  }
  memcpy(a->page, ev->page, sizeof a->page);
  a->number = ev->number;
  a->result = result;
}

/* Was this event answered before? Numbers below the last were, somehow. */
bool find_answer(const Conv *c, const Event *ev, Err *result) {
  if (!ev->page[0]) return false;
  for (uint32_t i = 0; i < c->n_answers; i++) {
    const Answer *a = &c->answers[i];
    if (strcmp(a->page, ev->page) != 0 || ev->number > a->number) continue;
    *result = ev->number == a->number ? a->result : OK;
    return true;
  }
  return false;
}

/* --- committing --- */

static void drain_queue(Kernel *k, Conv *c) {
  while (c->first && !c->busy) {
    Event *ev = c->first;
    c->first = ev->next;
    if (!c->first) c->last = NULL;
    c->n_waiting--;
    if (c->ended)
      ev->answer(ev, ERR_GONE);
    else
      event_turn(k, c, ev);
  }
}

static void bury(Kernel *k, Conv *c) {
  drain_queue(k, c);
  k->ports.ended(k->ports.ud, c);
  conv_unlist(k, c);
  conv_free(c);
}

void commit_done(Conv *c, Err e) {
  Kernel *k = c->kernel;
  Event *ev = c->running;
  Born born = born_take(c);
  c->running = NULL;
  c->busy = false;
  if (c->later.is_counted) k->agenda.under_way--;
  c->later.is_counted = false;
  topics_committed(k, c, !e);
  atoms_committed(k, c, !e);
  io_committed(k, c, !e);
  if (e) {
    /* What ran is not kept, so it did not happen: back to what is. A store in
     * trouble is the host's to tell, once for all that fails meanwhile. */
    if (!store_trouble(k->store))
      log_with(k->config.log, LOG_ERROR, "a commit failed",
               { "conversation", slice_str(c->cid) },
               { "error", slice_str(err_words(e)) });
    blob_drop(c->pending);
    c->pending = NULL;
    c->ended = false;
    buf_free(&c->outbox);
    Err lost = c->awake ? image_restore(k, c, blob_view(c->head), true)
                        : image_header(c, blob_view(c->head));
    if (lost) c->ended = true;
    distrust_pages(c);
    c->later.is_unsaved = c->later.was_unsaved;
    c->later.save_by = k->steady + VOLATILE_SAVE_MS;
    /* Not kept at all yet: it may be forgotten again. */
    if (!c->revision && !c->ended) conv_provision(k, c);
  } else {
    c->revision++;
    wakes_copy(&c->later.kept, &c->later.wakes);
    blob_drop(c->head);
    c->head = c->pending;
    c->pending = NULL;
    release_outbox(c);
  }
  if (ev) ev->answer(ev, e ? ERR_UNAVAILABLE : ev->result);
  if (c->ended) {
    bury(k, c);
  } else {
    conv_stop_late(k, c);
    if (!e) prelude_at_once(k, c);
    if (!e && c->is_awaited) kernel_promote(k, c);
    drain_queue(k, c);
    agenda_set(k, c);
  }
  born_committed(k, &born, e); /* their turns may make `c` leave memory */
}

/* Nobody has come to it yet, or who has waits. */
void commit_born(Kernel *k, Conv *c, Err e) {
  if (!e) {
    commit_done(c, OK);
    conv_unload(k, c);
    return;
  }
  blob_drop(c->pending);
  c->pending = NULL;
  c->busy = false;
  c->ended = true; /* it never was */
  bury(k, c);
}

static void on_committed(void *ud, Err e) { commit_done(ud, e); }

void turn_row(Kernel *k, StoreTable table, Slice key, Blob *value) {
  turn_take_row(k, (StoreRow){ table, blob_new(key), value });
}

void turn_take_row(Kernel *k, StoreRow row) {
  Turn *t = &k->turn;
  if (t->n_rows == t->cap_rows) {
    t->cap_rows = t->cap_rows ? t->cap_rows * 2 : 8;
    t->rows = xrealloc(t->rows, t->cap_rows * sizeof *t->rows);
  }
  t->rows[t->n_rows++] = row;
}

void turn_drop_rows(Kernel *k) {
  Turn *t = &k->turn;
  for (uint32_t i = 0; i < t->n_rows; i++) {
    blob_drop(t->rows[i].key);
    blob_drop(t->rows[i].value);
  }
  t->n_rows = 0;
}

static void on_committed_new(void *ud, Err e) {
  Conv *c = ud;
  Kernel *k = c->kernel;
  if (e && !store_trouble(k->store))
    log_with(k->config.log, LOG_ERROR, "a commit failed",
             { "conversation", slice_str(c->cid) },
             { "error", slice_str(err_words(e)) });
  commit_born(k, c, e);
}

static void commit(Kernel *k, Conv *c, Blob *head, const StoreRow *rows,
                   size_t n, StoreDone done) {
  agenda_drop(k, c);
  agenda_wrote(k, c, head ? head->len : 0);
  StoreItem item = {
    .expected = c->revision, .head = head, .rows = rows, .n_rows = n
  };
  memcpy(item.key, c->key, sizeof item.key);
  blob_drop(c->pending);
  c->pending = head;
  c->busy = true;
  c->later.was_unsaved = c->later.is_unsaved;
  c->later.is_unsaved = false;
  code_keep(k);
  store_commit(k->store, &item, done, c);
}

void commit_new(Kernel *k, Conv *c, Blob *head) {
  wakes_rows(k, c, false);
  commit(k, c, head, k->turn.rows, k->turn.n_rows, on_committed_new);
  turn_drop_rows(k);
}

/* Nothing has happened to it: if it was to leave memory, it may now. */
static void on_committed_again(void *ud, Err e) {
  Conv *c = ud;
  Kernel *k = c->kernel;
  on_committed(c, e);
  if (!e) conv_unload(k, c);
}

void commit_header(Kernel *k, Conv *c, StoreDone done) {
  wakes_rows(k, c, false);
  commit(k, c, image_again(k, c), k->turn.rows, k->turn.n_rows, done);
  turn_drop_rows(k);
}

void commit_again(Kernel *k, Conv *c) {
  commit_header(k, c, on_committed_again);
}

void commit_head(Kernel *k, Conv *c, Blob *head) {
  born_rows(k, c);
  wakes_rows(k, c, !head);
  commit(k, c, head, k->turn.rows, k->turn.n_rows, on_committed);
  turn_drop_rows(k);
}

/* The turn of a volatile timer: visible now, and written soon (S32). What it
 * did can be lost, so it only changed state, and made nothing that has an id
 * which a page may come back with. */
static bool need_not_save(const Kernel *k, const Conv *c) {
  const Turn *t = &k->turn;
  return t->may_wait && !t->must_save && !t->failed && !c->ended &&
         t->next_id == c->next_id && !t->n_rows;
}

static void keep_unsaved(Kernel *k, Conv *c, Blob *head) {
  Later *l = &c->later;
  blob_drop(c->head);
  c->head = head;
  if (!l->is_unsaved) l->save_by = k->steady + VOLATILE_SAVE_MS;
  l->is_unsaved = true;
  release_outbox(c);
  agenda_set(k, c);
}

/* Puts the conversation back and shows what happened in the failing instance's
 * place, or on the top frame when that is not on the page (S8). */
static void put_back(Kernel *k, Conv *c, const Event *ev) {
  Turn *t = &k->turn;
  wreck_keep(k, c, ev);
  turn_clear(k);
  failure_tell(k);
  turn_drop_rows(k);
  born_drop(k);
  k->trail.went = t->isolates = false;
  topics_unstage(k);
  io_unstage(k);
  atoms_undo(k);
  t->n_pieces = 0;
  buf_clear(&t->bytes);
  if (t->is_birth) {
    log_with(k->config.log, LOG_ERROR, "what was spawned has never begun",
             { "conversation", slice_str(c->cid) });
    c->ended = true;
    return;
  }
  if (image_restore(k, c, blob_view(c->head), false)) {
    c->ended = true;
    return;
  }
  distrust_pages(c);
  letters_cut(c, t->n_letters);
  cause_consume(k, c);
  Inst *in = conv_inst(c, t->failed_iid);
  while (in && !in->on_page) in = conv_inst(c, in->parent);
  if (!in) in = conv_inst(c, c->painted);
  if (!in) in = conv_inst(c, c->top);
  if (!in) return;
  Buf html = { 0 };
  draw_banner(k, c, in, &html);
  if (in->on_page) {
    turn_piece(k, FRAG_ELEMENTS, PATCH_OUTER, (Slice){ 0 }, buf_view(&html));
    draw_forget(c, in); /* what stood in it is gone with it */
    in->on_page = true;
  } else {
    turn_piece(k, FRAG_ELEMENTS, PATCH_INNER, SLICE("#root"), buf_view(&html));
    c->painted = 0;
  }
  buf_free(&html);
}

Err turn_state(Kernel *k, Conv *c) {
  buf_clear(&k->state);
  wakes_compute(k, c, &c->later.wakes);
  return image_state(k, c, &k->state);
}

Blob *turn_head(Kernel *k, Conv *c, const Event *ev, uint32_t explicit) {
  Slice state = buf_view(&k->state);
  Slice history = history_turn(k, c, k->turn.failed ? NULL : ev, state);
  standing_tell(k, c, ev);
  unseen_turn(k, c, ev, explicit);
  return image_head(k, c, history, state);
}

void turn_fail_saving(Kernel *k, const Conv *c) {
  uint32_t iid = k->turn.iid ? k->turn.iid : c->top;
  turn_fail(k, vm_lua(k->vm), iid, "saving", (Slice){ 0 });
}

/* Ends the turn: state to bytes, bytes to the store. */
void turn_conclude(Kernel *k, Conv *c, Event *ev, uint32_t explicit) {
  Turn *t = &k->turn;
  Blob *head = NULL;
  turn_measure(k);
  if (!t->failed && !t->finished) {
    if (k->trail.went) c->woken = 0; /* it is another one now */
    if (turn_state(k, c)) turn_fail_saving(k, c);
  }
  if (t->failed) {
    put_back(k, c, ev);
    explicit = t->n_pieces;
    if (!c->ended && turn_state(k, c)) {
      lua_pop(vm_lua(k->vm), 1);
      c->ended =
          true; /* what was saved cannot be saved: nothing is left of it */
    }
  }
  if (t->finished && !t->failed) {
    turn_piece(k, FRAG_CLOSE, PATCH_OUTER, (Slice){ 0 },
               t->from_outside ? SLICE("gone") : SLICE("ended"));
    explicit = 0;
    c->ended = true;
  }
  record_answer(c, ev, t->failed ? ERR_APP : OK);
  if (c->ended)
    standing_tell(k, c, ev);
  else
    head = turn_head(k, c, ev, explicit);
  if (!t->failed) letters_prune(c), journal_keep(k, c);
  fill_outbox(k, explicit);
  conv_turn_over(c);
  if (ev) ev->result = t->failed ? ERR_APP : OK;
  c->running = ev;
  k->in_turn = false;
  cause_free(&t->cause);
  atoms_told(c);
  if (need_not_save(k, c)) {
    keep_unsaved(k, c, head);
    return;
  }
  topics_publish(k, c);
  io_conclude(k, c);
  atoms_conclude(k, c);
  commit_head(k, c, c->ended ? NULL : head);
}
