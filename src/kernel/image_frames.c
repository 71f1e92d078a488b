/* The frames of a head: the structs of conv.h, field by field. */
#include <stdio.h>
#include <stdlib.h>

#include "kernel/bytes.h"
#include "kernel/state.h"

/* --- writing --- */

/* The versions of the code that made the instances, each once; an instance has
 * a number into them. Most conversations have one or two. */
typedef struct Versions {
  uint64_t list[FRAME_VERSIONS_MAX];
  uint32_t n;
} Versions;

static uint32_t find_version(const Versions *v, uint64_t version) {
  uint32_t i = 0;
  while (i < v->n && v->list[i] != version) i++;
  return i;
}

/* Past the maximum an instance's version is not kept: it counts as unknown. */
static void put_versions(Buf *b, const Conv *c, Versions *v) {
  *v = (Versions){ { 0 }, 1 }; /* number 0: unknown */
  for (uint32_t i = 0; i < c->n_insts; i++) {
    uint64_t version = c->insts[i]->version;
    if (v->n < FRAME_VERSIONS_MAX && find_version(v, version) == v->n)
      v->list[v->n++] = version;
  }
  buf_varint(b, v->n - 1);
  buf_put(b, v->list + 1, (v->n - 1) * sizeof *v->list);
}

/* What stands in front of a kid's text. KEEP IN STEP: get_kid. */
enum { KID_DECLARED = 1, KID_NUMBER = 2, KID_SAME_SLOT = 4 };

static void put_kid(Buf *b, const Kid *kid, const Kid *before) {
  bool same = before && strcmp(before->slot, kid->slot) == 0;
  buf_byte(b, (char)((kid->declared ? KID_DECLARED : 0) |
                     (kid->is_number ? KID_NUMBER : 0) |
                     (same ? KID_SAME_SLOT : 0)));
  if (!same) put_text(b, kid->slot);
  put_text(b, kid->key);
  buf_varint(b, kid->top);
  if (kid->declared) buf_put(b, &kid->wish, sizeof kid->wish);
}

static void put_inst(Buf *b, const Inst *in, const Versions *v) {
  const uint32_t numbers[] = {
    in->iid,    in->parent,      in->below,
    in->caller, in->caller_task, in->self,
    in->args,   in->shown,       find_version(v, in->version) % v->n
  };
  for (size_t i = 0; i < countof(numbers); i++) buf_varint(b, numbers[i]);
  put_text(b, in->def->id);
  put_text(b, in->event);
  buf_byte(b, in->started);
  buf_varint(b, in->n_kids);
  for (uint32_t i = 0; i < in->n_kids; i++)
    put_kid(b, in->kids[i], i ? in->kids[i - 1] : NULL);
  buf_varint(b, in->n_fields);
  for (uint32_t i = 0; i < in->n_fields; i++) {
    put_text(b, in->fields[i].path);
    buf_byte(b, in->fields[i].kind);
  }
  reads_put(b, in);
}

void frames_put(Buf *b, const Conv *c) {
  buf_varint(b, c->top);
  buf_put(b, c->random, sizeof c->random);
  Versions v;
  put_versions(b, c, &v);
  buf_varint(b, c->n_insts);
  for (uint32_t i = 0; i < c->n_insts; i++) put_inst(b, c->insts[i], &v);
  buf_varint(b, c->n_tasks);
  for (uint32_t i = 0; i < c->n_tasks; i++) {
    const Task *t = &c->tasks[i];
    buf_varint(b, t->id);
    buf_varint(b, t->iid);
    buf_varint(b, t->thread);
    buf_varint(b, t->awaits);
    buf_byte(b, t->is_body);
  }
  later_put_frames(b, c);
  standing_put(b, c);
}

/* --- reading --- */

static void get_versions(Reader *r, Versions *v) {
  *v = (Versions){ { 0 }, 1 };
  uint32_t n = get_count(r);
  if (n >= FRAME_VERSIONS_MAX) r->err = ERR_BAD_INPUT;
  if (r->err) return;
  get_bytes(r, v->list + 1, n * sizeof *v->list);
  v->n = n + 1;
}

static void get_kid(Reader *r, Inst *in) {
  uint8_t flags = get_byte(r);
  bool same = flags & KID_SAME_SLOT;
  if (same && !in->n_kids) r->err = ERR_BAD_INPUT;
  char *slot = same ? NULL : get_text(r), *key = get_text(r);
  if (!same && !slot) r->err = ERR_BAD_INPUT;
  if (!r->err) {
    Slice name = slice_str(same ? in->kids[in->n_kids - 1]->slot : slot);
    Kid *kid = inst_add_kid(in, name, key);
    kid->declared = flags & KID_DECLARED;
    kid->is_number = flags & KID_NUMBER;
    kid->top = get_u32(r);
    if (kid->declared) get_bytes(r, &kid->wish, sizeof kid->wish);
  }
  free(slot);
  free(key);
}

static void get_inst(Reader *r, Kernel *k, Conv *c, const Versions *v) {
  Inst *in = xcalloc(1, sizeof *in);
  uint32_t version;
  uint32_t *const numbers[] = { &in->iid,    &in->parent,      &in->below,
                                &in->caller, &in->caller_task, &in->self,
                                &in->args,   &in->shown,       &version };
  for (size_t i = 0; i < countof(numbers); i++) *numbers[i] = get_u32(r);
  if (version >= v->n) r->err = ERR_BAD_INPUT;
  in->version = r->err ? 0 : v->list[version];
  char *id = get_text(r);
  in->def = id ? def_find(k, slice_str(id)) : NULL;
  if (conv_inst(c, in->iid)) r->err = ERR_BAD_INPUT;
  if (!r->err && !in->def) { /* nobody defines it any more */
    r->err = id ? ERR_NOT_FOUND : ERR_BAD_INPUT;
    r->lacks = in->version;
    snprintf(r->lacked, sizeof r->lacked, "%s", id ? id : "");
  }
  free(id);
  in->event = get_text(r);
  in->started = get_byte(r);
  uint32_t n = get_count(r);
  for (uint32_t i = 0; i < n && !r->err; i++) get_kid(r, in);
  in->fields = get_list(r, &in->n_fields, sizeof *in->fields);
  for (uint32_t i = 0; i < in->n_fields && !r->err; i++) {
    Field *f = &in->fields[i];
    f->path = get_name(r);
    f->kind = (char)get_byte(r);
  }
  reads_get(r, k, c, in);
  conv_insert(c, in);
}

void frames_get(Reader *r, Kernel *k, Conv *c) {
  c->top = get_u32(r);
  get_bytes(r, c->random, sizeof c->random);
  Versions v;
  get_versions(r, &v);
  uint32_t n = get_count(r);
  for (uint32_t i = 0; i < n && !r->err; i++) get_inst(r, k, c, &v);
  n = get_count(r);
  for (uint32_t i = 0; i < n && !r->err; i++) {
    Task *t = conv_add_task(c, 0);
    c->next_id--; /* its id is an old one */
    t->id = get_u32(r);
    t->iid = get_u32(r);
    t->thread = get_u32(r);
    t->awaits = get_u32(r);
    t->is_body = get_byte(r);
  }
  later_get_frames(r, k, c);
  standing_get(r, c);
}
