#include "kernel/inspect.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>
#include <time.h>

#include "kernel/delta.h"
#include "kernel/state.h"
#include "lua/show.h"

#define SHOW_BYTES_MAX MIB(1) /* of one conversation */
#define WHERE_MAX 8           /* frames in one line */
#define DEPTH_MAX 20          /* of what called what; deeper is not indented */

/* --- a conversation that nobody else knows --- */

static Conv *open_conv(Kernel *k, Slice cid, Slice head) {
  Conv *c = conv_new(k);
  conv_clear(c);
  conv_name(k, c, cid);
  c->head = blob_new(head);
  return c;
}

/* What goes wrong below is told to `why`, not to the log. */
static Err with_why(Kernel *k, Conv *c, Buf *why,
                    Err (*f)(Kernel *k, Conv *c, void *ud), void *ud) {
  k->why = why;
  size_t said = why->len;
  Err e = f(k, c, ud);
  k->why = NULL;
  if (e && why->len == said) buf_puts(why, err_words(e));
  return e;
}

void kernel_trouble(Kernel *k, const Conv *c, const char *what, const char *key,
                    Slice detail) {
  if (!k->why) {
    log_with(k->config.log, LOG_ERROR, what,
             { "conversation", slice_str(c ? c->cid : "") }, { key, detail });
    return;
  }
  if (k->why->len) buf_lit(k->why, "; ");
  buf_printf(k->why, "%s: %.*s", what, (int)detail.len, detail.ptr);
}

/* --- outlines --- */

static void put_name(Buf *out, const Inst *in) {
  if (out->len) buf_lit(out, " > ");
  buf_puts(out, in->def->id);
}

/* The frames, lowest first; of a long stack the newest. */
static void put_where(const Conv *c, Buf *out) {
  uint32_t frames[WHERE_MAX], n = 0;
  for (const Inst *in = conv_inst(c, c->top); in; in = conv_inst(c, in->below))
    if (n++ < WHERE_MAX) frames[n - 1] = in->iid;
  if (n > WHERE_MAX) buf_lit(out, "...");
  for (uint32_t i = n < WHERE_MAX ? n : WHERE_MAX; i-- > 0;)
    put_name(out, conv_inst(c, frames[i]));
}

Err outline_read(Kernel *k, Slice cid, Slice head, Outline *out) {
  Conv *c = open_conv(k, cid, head);
  Err e = image_outline(k, c, head);
  buf_clear(&out->root);
  buf_clear(&out->where);
  if (!e) {
    const Inst *in = conv_inst(c, c->top);
    while (in && in->below) in = conv_inst(c, in->below);
    if (in) buf_puts(&out->root, in->def->id);
    put_where(c, &out->where);
    out->turn = c->turn;
    out->minted_ms = c->minted_ms;
    out->bytes = head.len + c->history.bytes;
    out->due_ms = c->later.wakes.due;
    out->n_ios = c->later.wakes.n_ios;
    out->n_insts = c->n_insts;
    out->n_tasks = c->n_tasks;
  }
  conv_free(c);
  return e;
}

void outline_free(Outline *o) {
  buf_free(&o->root);
  buf_free(&o->where);
}

/* --- showing --- */

typedef struct Shown {
  Kernel *k;
  const Conv *c;
  Show show;
  Buf *out;
} Shown;

static bool name_of(void *ud, lua_State *L, int idx, Buf *out) {
  return persist_name(((Kernel *)ud)->persist, L, idx, out);
}

static void put_time(Buf *out, uint64_t ms) {
  time_t s = (time_t)(ms / 1000);
  struct tm tm;
  char text[32];
  gmtime_r(&s, &tm);
  strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &tm);
  buf_puts(out, text);
}

static const char *indent_of(int depth) {
  static const char blanks[] = "                                        ";
  int n = 2 * (depth < DEPTH_MAX ? depth : DEPTH_MAX);
  return blanks + sizeof blanks - 1 - n;
}

static void put_value(const Shown *s, const char *indent, const char *name,
                      uint32_t handle) {
  lua_State *L = vm_lua(s->k->vm);
  if (!handle) return;
  buf_printf(s->out, "%s  %s = ", indent, name);
  conv_push(s->c, L, handle);
  char inner[64];
  snprintf(inner, sizeof inner, "%s  ", indent);
  show_lines(&s->show, L, -1, inner, s->out);
  lua_pop(L, 1);
}

/* For what: an answer, a message, a time. */
static void put_wait(const Shown *s, const Task *t) {
  const Later *l = &s->c->later;
  if (t->awaits) buf_printf(s->out, " for ix-%u", t->awaits);
  for (uint32_t i = 0; i < l->n_subs; i++)
    if (l->subs[i].task == t->id && l->subs[i].waits)
      buf_printf(s->out, " for a message of \"%s\"", l->subs[i].topic);
  const Io *io = io_of_task(s->c, t->id);
  if (io) buf_printf(s->out, " for the call %s-%u", s->c->cid, io->number);
  for (uint32_t i = 0; i < l->n_timers; i++) {
    if (l->timers[i].task != t->id) continue;
    buf_lit(s->out, " until ");
    put_time(s->out, l->timers[i].due);
  }
}

static void put_task(const Shown *s, const char *indent, const Task *t) {
  lua_State *L = vm_lua(s->k->vm);
  char inner[64];
  buf_printf(s->out, "%s  %s waits", indent,
             t->is_body ? "its body" : "a handler");
  put_wait(s, t);
  buf_lit(s->out, "\n");
  snprintf(inner, sizeof inner, "%s    ", indent);
  conv_push(s->c, L, t->thread);
  if (lua_isthread(L, -1))
    show_stack(&s->show, L, lua_tothread(L, -1), inner, s->out);
  lua_pop(L, 1);
}

static void put_how(const Shown *s, const Inst *in) {
  const Inst *parent = conv_inst(s->c, in->parent);
  for (uint32_t i = 0; parent && i < parent->n_kids; i++) {
    const Kid *kid = parent->kids[i];
    uint32_t iid = kid->top;
    while (iid && iid != in->iid) iid = conv_inst(s->c, iid)->below;
    if (!iid) continue;
    buf_printf(s->out, " in slot \"%s\"", kid->slot);
    if (kid->key) buf_printf(s->out, " under \"%s\"", kid->key);
    buf_printf(s->out, " of ix-%u", parent->iid);
    break;
  }
  if (in->caller) buf_printf(s->out, ", called by ix-%u", in->caller);
  if (in->event) buf_printf(s->out, " for \"%s\"", in->event);
  if (conv_shows(s->c, in)) buf_lit(s->out, ", shows");
}

/* What comes to it without a visitor. */
static void put_later(const Shown *s, const Inst *in, const char *indent) {
  const Later *l = &s->c->later;
  for (uint32_t i = 0; i < l->n_timers; i++) {
    const Timer *t = &l->timers[i];
    if (t->iid != in->iid || t->task) continue;
    buf_printf(s->out, "%s  timer for \"%s\" at ", indent,
               t->event ? t->event : "");
    put_time(s->out, t->due);
    buf_puts(s->out, t->is_volatile ? ", volatile\n" : "\n");
  }
  for (uint32_t i = 0; i < l->n_subs; i++) {
    const Sub *sub = &l->subs[i];
    if (sub->iid != in->iid || sub->task) continue;
    buf_printf(s->out, "%s  subscribes to \"%s\"", indent, sub->topic);
    if (sub->event) buf_printf(s->out, " for \"%s\"", sub->event);
    buf_lit(s->out, "\n");
  }
}

/* Who called it, or else whose slot it stands in: the one it is shown below. */
static uint32_t owner_of(const Inst *in) {
  return in->caller ? in->caller : in->parent;
}

static void put_inst(const Shown *s, const Inst *in, int depth) {
  const char *indent = indent_of(depth);
  const Conv *c = s->c;
  buf_printf(s->out, "%six-%u %s", indent, in->iid, in->def->id);
  put_how(s, in);
  buf_lit(s->out, "\n");
  put_value(s, indent, "args", in->args);
  put_value(s, indent, "shows", in->shown);
  put_value(s, indent, "self", in->self);
  for (uint32_t i = 0; i < c->n_tasks; i++)
    if (c->tasks[i].iid == in->iid) put_task(s, indent, &c->tasks[i]);
  put_later(s, in, indent);
  for (uint32_t i = 0; i < c->n_insts && !s->out->err; i++)
    if (owner_of(c->insts[i]) == in->iid) put_inst(s, c->insts[i], depth + 1);
}

static void put_point(void *ud, const Point *p) {
  ++*(uint32_t *)ud;
  (void)p;
}

static void count_unseen(void *ud, const Fragment *f) {
  ++*(uint32_t *)ud;
  (void)f;
}

static void put_limits(const Limits *l, Buf *out) {
  if (!l->by) return;
  buf_lit(out, "  may      ");
  can_show(l, out);
  buf_printf(out, " (limited by %s)\n", l->by);
}

static void put_facts(Kernel *k, Conv *c, Buf *out) {
  uint32_t n[2] = { 0, 0 };
  buf_printf(out, "conversation %s\n", c->cid);
  if (c->title) buf_printf(out, "  title    %s\n", c->title);
  buf_lit(out, "  minted   ");
  put_time(out, c->minted_ms);
  buf_printf(out, "\n  turn     %llu\n", (unsigned long long)c->turn);
  for (Side side = PAST; side <= FUTURE; side++)
    history_walk(k, c, side, put_point, &n[side]);
  buf_printf(out, "  history  %u back, %u forward\n", n[PAST], n[FUTURE]);
  if (c->later.n_letters)
    buf_printf(out, "  letters  %u on their way\n", c->later.n_letters);
  for (uint32_t i = 0; i < c->n_answers; i++) {
    const Answer *a = &c->answers[i];
    buf_printf(out, "  page     %s, answered up to event %llu\n", a->page,
               (unsigned long long)a->number);
  }
  uint32_t n_unseen = 0;
  conv_see_unseen(c, (FragmentId){ 0 }, count_unseen, &n_unseen);
  if (n_unseen)
    buf_printf(out, "  unseen   %u of its signals and scripts\n", n_unseen);
  put_limits(&c->limits, out);
}

static Err do_restore(Kernel *k, Conv *c, void *ud) {
  (void)ud;
  return image_restore(k, c, blob_view(c->head), true);
}

Err inspect_show(Kernel *k, Slice cid, Slice head, Buf *out, Buf *why) {
  Conv *c = open_conv(k, cid, head);
  Err e = image_header(c, head);
  Buf text = { .max = SHOW_BYTES_MAX };
  if (e) buf_puts(why, "its record is damaged");
  if (!e) put_facts(k, c, &text);
  if (!e) e = with_why(k, c, why, do_restore, NULL);
  if (!e) {
    Shown s = { .k = k, .c = c, .out = &text };
    show_init(&s.show);
    s.show.name = name_of;
    s.show.ud = k;
    if (c->address) buf_printf(&text, "  address  %s\n", c->address);
    for (uint32_t i = 0; i < c->n_insts; i++) {
      if (owner_of(c->insts[i])) continue;
      buf_lit(&text, "\n");
      put_inst(&s, c->insts[i], 0);
    }
  }
  buf_slice(out, buf_view(&text));
  if (text.err) buf_lit(out, "\n... (there is more)\n");
  buf_free(&text);
  conv_free(c);
  return e;
}

/* --- checking --- */

typedef struct Points {
  Kernel *k;
  Conv *c;
  Buf here, next; /* the state, and the one a step further */
  uint32_t n;
  uint64_t turn; /* of the first that is wrong */
  Err err;
} Points;

static void check_point(void *ud, const Point *p) {
  Points *s = ud;
  s->n++;
  if (s->err) return;
  buf_clear(&s->next);
  s->err = delta_apply(buf_view(&s->here), p->delta, HISTORY_STATE_MAX,
                       &s->next);
  if (!s->err) s->err = image_revive(s->k, s->c, buf_view(&s->next));
  if (s->err) s->turn = p->turn;
  Buf was = s->here;
  s->here = s->next;
  s->next = was;
}

static Err check_side(Kernel *k, Conv *c, Side side) {
  Image parts;
  Points s = { .k = k, .c = c };
  Err e = image_parts(blob_view(c->head), &parts);
  if (e) return e;
  buf_slice(&s.here, parts.state);
  uint32_t wanted = c->history.n[side];
  history_walk(k, c, side, check_point, &s);
  buf_free(&s.here);
  buf_free(&s.next);
  char text[96];
  if (s.err) {
    snprintf(text, sizeof text, "the state of turn %llu cannot be read",
             (unsigned long long)s.turn);
    kernel_trouble(k, c, "history", "error", slice_str(text));
    return s.err;
  }
  if (s.n == wanted) return OK;
  snprintf(text, sizeof text, "%u states %s are there, not %u", s.n,
           side == PAST ? "back" : "forward", wanted);
  kernel_trouble(k, c, "history", "error", slice_str(text));
  return ERR_BAD_INPUT;
}

static bool add_row(void *ud, Slice key, Slice row) {
  (void)key;
  *(uint64_t *)ud += row.len;
  return true;
}

/* Rows that nothing leads to, or that are gone, show in the sum. */
static Err check_rows(Kernel *k, Conv *c) {
  uint64_t bytes = 0;
  Err e = store_scan(k->store, STORE_POINT,
                     slice((const char *)c->key, CID_RAW), add_row, &bytes);
  if (e || bytes == c->history.bytes) return e;
  char text[96];
  snprintf(text, sizeof text, "its rows have %llu bytes, not %llu",
           (unsigned long long)bytes, (unsigned long long)c->history.bytes);
  kernel_trouble(k, c, "history", "error", slice_str(text));
  return ERR_BAD_INPUT;
}

static Err missing_row(Kernel *k, const Conv *c, const char *what) {
  kernel_trouble(k, c, "what wakes it is not in the index", "error",
                 slice_str(what));
  return ERR_BAD_INPUT;
}

static const char *words_of_due(const Blob *key) {
  bool is_io = read_be64(key->bytes) == IO_DUE;
  return is_io ? "that it waits for a call" : "its timer";
}

/* Its rows in the indexes: without them nothing would wake it. */
static Err check_index(Kernel *k, Conv *c) {
  Err e = OK;
  wakes_free(&c->later.kept);
  wakes_rows(k, c, false); /* all that must be there */
  for (uint32_t i = 0; i < k->turn.n_rows && !e; i++) {
    const StoreRow *row = &k->turn.rows[i];
    Blob *there;
    e = store_get(k->store, row->table, blob_view(row->key), &there);
    if (e == ERR_NOT_FOUND)
      e = missing_row(k, c,
                      row->table == STORE_DUE    ? words_of_due(row->key)
                      : row->table == STORE_SEEN ? "when it was visited"
                                                 : "a subscription");
    if (e) break;
    if (!slice_eq(blob_view(there), blob_view(row->value)))
      e = missing_row(k, c, "the message that it wants");
    blob_drop(there);
  }
  turn_drop_rows(k);
  return e;
}

static Err do_check(Kernel *k, Conv *c, void *ud) {
  (void)ud;
  Err e = image_restore(k, c, blob_view(c->head), true);
  if (!e) e = check_rows(k, c);
  if (!e) e = check_side(k, c, PAST);
  if (!e) e = check_side(k, c, FUTURE);
  if (!e) e = check_index(k, c);
  return e;
}

static int f_push(lua_State *L) {
  message_push(kernel_of(L), L, lua_touserdata(L, 1));
  return 1;
}

Err inspect_plain(Kernel *k, Slice bytes) {
  lua_State *L = vm_lua(k->vm);
  Blob *message = blob_new(bytes);
  lua_pushcfunction(L, f_push);
  lua_pushlightuserdata(L, message);
  int status = vm_call(L, 1, 1);
  lua_pop(L, 1);
  blob_drop(message);
  return status == LUA_OK ? OK : ERR_BAD_INPUT;
}

Err inspect_check(Kernel *k, Slice cid, Slice head, Buf *why) {
  Conv *c = open_conv(k, cid, head);
  Err e = with_why(k, c, why, do_check, NULL);
  conv_free(c);
  return e;
}
