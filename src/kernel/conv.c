/* Plain storage of a conversation: instances sorted by id (ids only grow, so
 * adding is appending), tasks, and handles into the graph. No semantics here.
 */
#include "kernel/conv.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "kernel/state.h"

/* --- instances --- */

static uint32_t index_of(const Conv *c, uint32_t iid) {
  uint32_t lo = 0, hi = c->n_insts;
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (c->insts[mid]->iid < iid)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo;
}

Inst *conv_inst(const Conv *c, uint32_t iid) {
  uint32_t i = index_of(c, iid);
  return i < c->n_insts && c->insts[i]->iid == iid ? c->insts[i] : NULL;
}

Inst *conv_insert(Conv *c, Inst *in) {
  if (c->n_insts == c->cap_insts) {
    c->cap_insts = c->cap_insts ? c->cap_insts * 2 : 4;
    c->insts = xrealloc(c->insts, c->cap_insts * sizeof *c->insts);
  }
  uint32_t i = index_of(c, in->iid);
  memmove(c->insts + i + 1, c->insts + i, (c->n_insts - i) * sizeof *c->insts);
  c->insts[i] = in;
  c->n_insts++;
  return in;
}

Inst *conv_add(Conv *c, Def *def) {
  Inst *in = xcalloc(1, sizeof *in);
  in->iid = ++c->next_id;
  in->def = def;
  in->version = def->version;
  return conv_insert(c, in);
}

static void free_inst(Inst *in) {
  for (uint32_t i = 0; i < in->n_kids; i++) free(in->kids[i]);
  for (uint32_t i = 0; i < in->n_fields; i++) free(in->fields[i].path);
  reads_free(in);
  free(in->kids);
  free(in->fields);
  free(in->event);
  free(in->seats);
  free(in);
}

void conv_remove(Conv *c, Inst *in) {
  uint32_t i = index_of(c, in->iid);
  ASSERT(i < c->n_insts && c->insts[i] == in);
  memmove(c->insts + i, c->insts + i + 1,
          (c->n_insts - i - 1) * sizeof *c->insts);
  c->n_insts--;
  free_inst(in);
}

/* --- places --- */

Kid *inst_kid(const Inst *in, Slice slot, const char *key) {
  for (uint32_t i = 0; i < in->n_kids; i++) {
    Kid *kid = in->kids[i];
    if (!slice_is(slot, kid->slot)) continue;
    if (key ? kid->key && strcmp(key, kid->key) == 0 : !kid->key) return kid;
  }
  return NULL;
}

/* Its texts stand behind it, in the same memory. */
Kid *inst_add_kid(Inst *in, Slice slot, const char *key) {
  size_t n_key = key ? strlen(key) + 1 : 0;
  Kid *kid = xcalloc(1, sizeof *kid + slot.len + 1 + n_key);
  kid->slot = (char *)(kid + 1);
  memcpy(kid->slot, slot.ptr, slot.len);
  if (key) kid->key = memcpy(kid->slot + slot.len + 1, key, n_key);
  if (in->n_kids == in->cap_kids) {
    in->cap_kids = in->cap_kids ? in->cap_kids * 2 : 2;
    in->kids = xrealloc(in->kids, in->cap_kids * sizeof *in->kids);
  }
  in->kids[in->n_kids++] = kid;
  return kid;
}

void inst_remove_kid(Inst *in, Kid *kid) {
  uint32_t i = in->n_kids; /* mostly the last one */
  while (in->kids[--i] != kid) continue;
  memmove(in->kids + i, in->kids + i + 1,
          (in->n_kids - i - 1) * sizeof *in->kids);
  in->n_kids--;
  free(kid);
}

static size_t slot_bytes(const Inst *in, uint32_t i) {
  if (i && strcmp(in->kids[i - 1]->slot, in->kids[i]->slot) == 0) return 0;
  return strlen(in->kids[i]->slot) + 1;
}

void inst_note_seats(Inst *in) {
  in->touched = true;
  if (!in->on_page || in->seats) return;
  size_t bytes = 0;
  for (uint32_t i = 0; i < in->n_kids; i++) bytes += slot_bytes(in, i);
  Seats *s = xmalloc(sizeof *s + in->n_kids * sizeof *s->at + bytes);
  char *text = (char *)(s->at + in->n_kids);
  const char *slot = text;
  s->n = 0;
  for (uint32_t i = 0; i < in->n_kids; i++) {
    size_t n = slot_bytes(in, i);
    if (n) {
      slot = memcpy(text, in->kids[i]->slot, n);
      text += n;
    }
    if (in->kids[i]->top) s->at[s->n++] = (Seat){ slot, in->kids[i]->top };
  }
  in->seats = s;
}

uint32_t *conv_place(Conv *c, const Inst *in) {
  return in->kid ? &in->kid->top : &c->top;
}

Inst *conv_bottom(const Conv *c, uint32_t top) {
  Inst *in = conv_inst(c, top);
  while (in && in->below) in = conv_inst(c, in->below);
  return in;
}

Inst *conv_target(const Conv *c, const Inst *in, Slice to) {
  uint32_t iid = slice_is(to, "parent") ? in->parent : iid_parse(to);
  Inst *found = conv_inst(c, iid);
  const Kid *kid = found ? NULL : inst_kid(in, to, NULL);
  return kid ? conv_inst(c, kid->top) : found;
}

bool conv_shows(const Conv *c, const Inst *in) {
  while (in->kid) {
    if (in->kid->top != in->iid) return false;
    in = conv_inst(c, in->parent);
  }
  return c->top == in->iid;
}

void conv_link(Conv *c) {
  for (uint32_t i = 0; i < c->n_insts; i++) {
    Inst *in = c->insts[i];
    if (in->caller) conv_inst(c, in->caller)->n_callees++;
    for (uint32_t j = 0; j < in->n_kids; j++) {
      Inst *kid = conv_inst(c, in->kids[j]->top);
      for (; kid; kid = conv_inst(c, kid->below)) kid->kid = in->kids[j];
    }
  }
}

void conv_turn_over(Conv *c) {
  for (uint32_t i = 0; i < c->n_insts; i++) {
    Inst *in = c->insts[i];
    in->touched = in->asks = false;
    if (!in->seats) continue;
    free(in->seats);
    in->seats = NULL;
  }
}

Field *inst_field(const Inst *in, Slice path) {
  for (uint32_t i = 0; i < in->n_fields; i++)
    if (slice_is(path, in->fields[i].path)) return &in->fields[i];
  return NULL;
}

Field *inst_add_field(Inst *in, Slice path) {
  in->fields = xrealloc(in->fields, (in->n_fields + 1) * sizeof *in->fields);
  Field *f = &in->fields[in->n_fields++];
  *f = (Field){ .path = dup_slice(path) };
  return f;
}

/* --- answers --- */

/* Most conversations have one page. */
Answer *conv_add_answer(Conv *c) {
  if (c->n_answers == c->cap_answers) {
    c->cap_answers = c->cap_answers ? c->cap_answers * 2 : 1;
    c->answers = xrealloc(c->answers, c->cap_answers * sizeof *c->answers);
  }
  return &c->answers[c->n_answers++];
}

/* --- tasks --- */

Task *conv_task(const Conv *c, uint32_t id) {
  for (uint32_t i = 0; i < c->n_tasks; i++)
    if (c->tasks[i].id == id) return &c->tasks[i];
  return NULL;
}

Task *conv_add_task(Conv *c, uint32_t iid) {
  if (c->n_tasks == c->cap_tasks) {
    c->cap_tasks = c->cap_tasks ? c->cap_tasks * 2 : 2;
    c->tasks = xrealloc(c->tasks, c->cap_tasks * sizeof *c->tasks);
  }
  Task *t = &c->tasks[c->n_tasks++];
  *t = (Task){ .id = ++c->next_id, .iid = iid };
  return t;
}

void conv_remove_task(Conv *c, uint32_t id) {
  Task *t = conv_task(c, id);
  ASSERT(t);
  memmove(t, t + 1, (size_t)(c->tasks + c->n_tasks - (t + 1)) * sizeof *t);
  c->n_tasks--;
}

/* --- handles --- */

void conv_push(const Conv *c, lua_State *L, uint32_t handle) {
  if (!handle) {
    lua_pushnil(L);
    return;
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, c->root);
  lua_rawgeti(L, -1, handle);
  lua_remove(L, -2);
}

uint32_t conv_keep(Conv *c, lua_State *L) {
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return 0;
  }
  uint32_t handle = c->n_holes ? c->holes[--c->n_holes] : ++c->n_handles;
  lua_rawgeti(L, LUA_REGISTRYINDEX, c->root);
  lua_insert(L, -2);
  lua_rawseti(L, -2, handle);
  lua_pop(L, 1);
  return handle;
}

static void add_hole(Conv *c, uint32_t handle) {
  if (c->n_holes == c->cap_holes) {
    c->cap_holes = c->cap_holes ? c->cap_holes * 2 : 4;
    c->holes = xrealloc(c->holes, c->cap_holes * sizeof *c->holes);
  }
  c->holes[c->n_holes++] = handle;
}

void conv_release(Conv *c, lua_State *L, uint32_t handle) {
  if (!handle) return;
  lua_rawgeti(L, LUA_REGISTRYINDEX, c->root);
  lua_pushnil(L);
  lua_rawseti(L, -2, handle);
  lua_pop(L, 1);
  add_hole(c, handle);
}

void conv_find_holes(Conv *c) {
  uint32_t max = 0;
  for (uint32_t i = 0; i < c->n_insts; i++) {
    const Inst *in = c->insts[i];
    if (in->self > max) max = in->self;
    if (in->args > max) max = in->args;
    if (in->shown > max) max = in->shown;
  }
  for (uint32_t i = 0; i < c->n_tasks; i++)
    if (c->tasks[i].thread > max) max = c->tasks[i].thread;
  const Later *l = &c->later;
  for (uint32_t i = 0; i < l->n_timers; i++)
    if (l->timers[i].value > max) max = l->timers[i].value;
  bool *used = xcalloc(max + 1, sizeof *used);
  for (uint32_t i = 0; i < c->n_insts; i++) {
    used[c->insts[i]->self] = true;
    used[c->insts[i]->args] = true;
    used[c->insts[i]->shown] = true;
  }
  for (uint32_t i = 0; i < c->n_tasks; i++) used[c->tasks[i].thread] = true;
  for (uint32_t i = 0; i < l->n_timers; i++) used[l->timers[i].value] = true;
  c->n_handles = max;
  c->n_holes = 0;
  for (uint32_t h = max; h >= 1; h--)
    if (!used[h]) add_hole(c, h);
  free(used);
}

/* --- the whole --- */

Conv *conv_new(Kernel *k) {
  Conv *c = xcalloc(1, sizeof *c);
  c->kernel = k;
  lua_State *L = vm_lua(k->vm);
  lua_createtable(L, 4, 0);
  c->root = luaL_ref(L, LUA_REGISTRYINDEX);
  return c;
}

void conv_clear(Conv *c) {
  for (uint32_t i = 0; i < c->n_insts; i++) free_inst(c->insts[i]);
  c->n_insts = c->n_tasks = c->n_handles = c->n_holes = 0;
  c->cap_insts = c->cap_tasks = c->cap_holes = 0;
  free(c->insts);
  free(c->tasks);
  free(c->holes);
  c->insts = NULL;
  c->tasks = NULL;
  c->holes = NULL;
  later_clear(c);
  luaL_unref(vm_lua(c->kernel->vm), LUA_REGISTRYINDEX, c->root);
  c->root = LUA_NOREF;
}

void conv_free(Conv *c) {
  conv_clear(c);
  later_free(c);
  free(c->owner);
  free(c->title);
  free(c->stopped);
  free(c->limits.by);
  free(c->born.list);
  free(c->stops_late);
  free(c->back);
  free(c->address);
  free(c->projected);
  free(c->answers);
  blob_drop(c->origin);
  blob_drop(c->unseen);
  blob_drop(c->head);
  interests_free(c);
  free(c->changed);
  buf_free(&c->outbox);
  free(c);
}

/* --- what the host may ask --- */

const char *conv_cid(const Conv *c) { return c->cid; }
const char *conv_owner(const Conv *c) { return c->owner ? c->owner : ""; }
const char *conv_title(const Conv *c) { return c->title; }
bool conv_ended(const Conv *c) { return c->ended && !c->busy; }
bool conv_lost(const Conv *c) { return c->lost; }
const char *conv_stopped(const Conv *c) { return c->stopped; }
bool conv_busy(const Conv *c) { return c->busy; }
uint64_t conv_turn(const Conv *c) { return c->turn; }
FragmentId conv_newest(const Conv *c) {
  return (FragmentId){ c->turn, c->fragment };
}
uint64_t conv_stands(const Conv *c) { return c->history.turn; }
const char *conv_address(const Conv *c) { return c->address; }
const char *conv_back(const Conv *c) { return c->back; }
void **conv_slot(Conv *c) { return &c->host; }

uint32_t iid_parse(Slice s) {
  if (s.len < 4 || s.len > 13 || memcmp(s.ptr, "ix-", 3) != 0) return 0;
  uint64_t v = 0;
  for (size_t i = 3; i < s.len; i++) {
    if (s.ptr[i] < '0' || s.ptr[i] > '9') return 0;
    v = v * 10 + (uint64_t)(s.ptr[i] - '0');
  }
  return s.ptr[3] == '0' || v > UINT32_MAX ? 0 : (uint32_t)v;
}

Slice iid_text(char out[IID_TEXT], uint32_t iid) {
  memcpy(out, "ix-", 3);
  return slice(out, 3 + uint_text(out + 3, iid));
}
