/* A conversation as bytes: its head.
 *
 *   "STB1"          magic and format
 *   block header    never rewound by going back (S35)
 *   block page      what the pages hold of each instance; likewise
 *   block history   the nearest points (history.h)
 *   block frames    the structs of conv.h, field by field     } the state:
 *   block graph     the root table, by persist                } what is rewound
 *   16 bytes        keyed checksum of all before (SipHash, as text); its key is
 *                   the conversation's, so a head that was damaged, or moved
 *                   under another id, is refused
 *
 * A block is its length (varint) and its bytes; so is text. Numbers are
 * varints. */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "kernel/bytes.h"
#include "kernel/points.h"
#include "kernel/state.h"
#include "kernel/unseen.h"

static const Slice magic = SLICE_INIT("STB1");

/* --- writing --- */

static void put_history(Buf *b, const History *h) {
  const uint64_t numbers[] = { h->turn,        h->until,     h->began_ms,
                               h->n[PAST],     h->n[FUTURE], h->row[PAST],
                               h->row[FUTURE], h->oldest,    h->bytes };
  for (size_t i = 0; i < countof(numbers); i++) buf_varint(b, numbers[i]);
  put_text(b, h->event);
}

static void put_header(Buf *b, const Conv *c) {
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

/* In the order of the instances and fields in the frames. */
static void put_page(Buf *b, const Conv *c) {
  if (!c->n_insts) return; /* it sleeps: nobody knows */
  buf_varint(b, c->painted);
  for (uint32_t i = 0; i < c->n_insts; i++) {
    const Inst *in = c->insts[i];
    buf_byte(b, in->on_page);
    buf_put(b, &in->drawn, sizeof in->drawn);
    for (uint32_t f = 0; f < in->n_fields; f++)
      buf_put(b, &in->fields[f].known, sizeof in->fields[f].known);
  }
}

static void put_frames(Buf *b, const Conv *c) {
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

void image_describe(void *ud, lua_State *L, int key, Buf *out) {
  const Kernel *k = ud;
  const Conv *c = k->turn.conv;
  if (k->describe_item) {
    k->describe_item(L, key, out);
    return;
  }
  if (k->describes) {
    buf_puts(out, k->describes);
    if (lua_type(L, key) == LUA_TSTRING)
      buf_printf(out, ".%s", lua_tostring(L, key));
    return;
  }
  lua_Integer handle = lua_tointeger(L, key);
  for (uint32_t i = 0; i < c->n_insts; i++) {
    const Inst *in = c->insts[i];
    const char *kind = in->def->is_flow ? "flow" : "component";
    if (in->self == handle)
      buf_printf(out, "%s \"%s\", self", kind, in->def->id);
    if (in->shown == handle)
      buf_printf(out, "flow \"%s\", what it shows", in->def->id);
    if (in->args == handle)
      buf_printf(out, "%s \"%s\", its args", kind, in->def->id);
  }
  for (uint32_t i = 0; i < c->n_tasks; i++) {
    const Task *t = &c->tasks[i];
    const Inst *in = conv_inst(c, t->iid);
    if (t->thread == handle && in)
      buf_printf(out, "%s \"%s\"", t->is_body ? "flow" : "a handler of",
                 in->def->id);
  }
  for (uint32_t i = 0; i < c->later.n_timers; i++)
    if (c->later.timers[i].value == handle)
      buf_printf(out, "the value of a timer's event \"%s\"",
                 c->later.timers[i].event);
}

Err image_state(Kernel *k, Conv *c, Buf *out) {
  lua_State *L = vm_lua(k->vm);
  Buf *part = &k->part;
  buf_clear(part);
  put_frames(part, c);
  buf_block(out, buf_view(part));
  buf_clear(part);
  part->max = k->config.head_bytes_max;
  lua_rawgeti(L, LUA_REGISTRYINDEX, c->root);
  Err e = persist_encode(k->persist, L, lua_gettop(L), part);
  part->max = 0;
  lua_remove(L, e ? -2 : -1); /* a message stays */
  if (!e) buf_block(out, buf_view(part));
  return e;
}

static void put_block(Buf *head, Buf *part, void (*put)(Buf *b, const Conv *c),
                      const Conv *c) {
  buf_clear(part);
  put(part, c);
  buf_block(head, buf_view(part));
}

static Blob *seal(const Conv *c, Buf *head) {
  char *sum = buf_reserve(head, MAC_LEN);
  mac(sum, &c->mac_key, slice(head->ptr, head->len));
  head->len += MAC_LEN;
  return blob_new(buf_view(head));
}

Blob *image_head(Kernel *k, const Conv *c, Slice history, Slice state) {
  Buf *head = &k->head;
  buf_clear(head);
  buf_slice(head, magic);
  put_block(head, &k->part, put_header, c);
  put_block(head, &k->part, put_page, c);
  buf_block(head, history);
  buf_slice(head, state);
  return seal(c, head);
}

Blob *image_again(Kernel *k, const Conv *c) {
  Buf *head = &k->head;
  Image parts;
  Err e = image_parts(blob_view(c->head), &parts);
  ASSERT(!e);
  buf_clear(head);
  buf_slice(head, magic);
  put_block(head, &k->part, put_header, c);
  if (c->awake)
    put_block(head, &k->part, put_page, c);
  else
    buf_block(head, parts.page);
  buf_block(head, parts.history);
  buf_slice(head, parts.state);
  return seal(c, head);
}

Blob *image_sign(const Conv *c, Slice bare) {
  static const char no_sum[MAC_LEN];
  Buf b = { 0 };
  Image parts;
  buf_slice(&b, bare);
  buf_put(&b, no_sum, sizeof no_sum); /* so that it parts like a whole one */
  Err e = image_parts(buf_view(&b), &parts);
  Blob *head = NULL;
  if (!e && slice_starts(parts.header, slice(c->cid, CID_LEN))) {
    Buf whole = { 0 };
    buf_slice(&whole, magic);
    buf_block(&whole, parts.header);
    buf_block(&whole, (Slice){ 0 });
    buf_block(&whole, parts.history);
    buf_slice(&whole, parts.state);
    head = seal(c, &whole);
    buf_free(&whole);
  }
  buf_free(&b);
  return head;
}

Err image_parts(Slice head, Image *out) {
  if (head.len < magic.len + MAC_LEN || !slice_starts(head, magic))
    return ERR_BAD_INPUT;
  head = slice(head.ptr + magic.len, head.len - magic.len - MAC_LEN);
  Err e = take_block(&head, &out->header);
  if (!e) e = take_block(&head, &out->page);
  if (!e) e = take_block(&head, &out->history);
  out->state = head;
  return e;
}

/* The parts of one that was changed by nobody. */
static Err split(const Conv *c, Slice head, Image *out) {
  char sum[MAC_LEN];
  if (head.len < MAC_LEN) return ERR_BAD_INPUT;
  size_t len = head.len - MAC_LEN;
  mac(sum, &c->mac_key, slice(head.ptr, len));
  if (memcmp(sum, head.ptr + len, MAC_LEN) != 0) return ERR_BAD_INPUT;
  return image_parts(head, out);
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

static void get_header(Reader *r, Conv *c) {
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

static void get_page(Reader *r, Conv *c) {
  c->painted = get_u32(r);
  for (uint32_t i = 0; i < c->n_insts; i++) {
    Inst *in = c->insts[i];
    in->on_page = get_byte(r);
    get_bytes(r, &in->drawn, sizeof in->drawn);
    for (uint32_t f = 0; f < in->n_fields; f++)
      get_bytes(r, &in->fields[f].known, sizeof in->fields[f].known);
  }
}

static void get_frames(Reader *r, Kernel *k, Conv *c) {
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

Err image_header(Conv *c, Slice head) {
  Image parts;
  Err e = split(c, head, &parts);
  if (e) return e;
  Reader r = { .in = parts.header };
  get_header(&r, c);
  return r.err;
}

/* The graph, with the code it needs. The root table is then on top of L. */
static Err get_graph(Kernel *k, lua_State *L, const Conv *c, Slice graph) {
  for (int tries = 0;; tries++) {
    uint8_t digest[DIGEST_BYTES];
    Err e = persist_decode(k->persist, L, graph);
    if (!e) return OK;
    if (persist_missing(k->persist, digest) && tries < HEAD_REVIVALS_MAX &&
        code_revive(k, digest)) {
      lua_pop(L, 1);
      continue;
    }
    kernel_trouble(k, c, "a head could not be revived", "error",
                   slice_str(lua_tostring(L, -1)));
    lua_pop(L, 1);
    return e;
  }
}

/* The structs, with definitions that only old code has. */
static Err get_structs(Kernel *k, Conv *c, Slice frames) {
  for (int tries = 0;; tries++) {
    Reader r = { .in = frames };
    get_frames(&r, k, c);
    if (!r.err) return OK;
    conv_clear(c);
    if (r.err != ERR_NOT_FOUND) return r.err;
    if (tries < HEAD_REVIVALS_MAX && code_revive_version(k, r.lacks)) continue;
    kernel_trouble(k, c, "a conversation has a component that is not defined",
                   "component", slice_str(r.lacked));
    return ERR_NOT_FOUND;
  }
}

Err image_revive(Kernel *k, Conv *c, Slice state) {
  lua_State *L = vm_lua(k->vm);
  Slice frames, graph;
  conv_clear(c);
  c->painted = 0;
  c->up_to_date = 0; /* it may come from before an upgrade */
  Err e = take_block(&state, &frames);
  if (!e) e = take_block(&state, &graph);
  if (!e) e = get_structs(k, c, frames);
  if (!e) e = get_graph(k, L, c, graph);
  if (!e && !image_holds(c, L)) {
    log_with(k->config.log, LOG_ERROR,
             "a head is damaged: its instances do not fit together",
             { "conversation", slice_str(c->cid) });
    lua_pop(L, 1);
    e = ERR_BAD_INPUT;
  }
  if (e) {
    conv_clear(c);
    return e;
  }
  c->root = luaL_ref(L, LUA_REGISTRYINDEX);
  conv_find_holes(c);
  conv_link(c);
  return OK;
}

Err image_restore(Kernel *k, Conv *c, Slice head, bool with_header) {
  Image parts;
  conv_clear(c);
  Err e = split(c, head, &parts);
  if (!e && !points_hold(parts.history)) e = ERR_BAD_INPUT;
  Reader r = { .in = parts.header, .err = e };
  if (!e && with_header) get_header(&r, c);
  if (!r.err) r.err = image_revive(k, c, parts.state);
  if (r.err) return r.err;
  r.in = parts.page;
  if (r.in.len) get_page(&r, c);
  if (r.err) conv_clear(c);
  return r.err;
}

Err image_outline(Kernel *k, Conv *c, Slice head) {
  lua_State *L = vm_lua(k->vm);
  Image parts;
  Slice frames;
  conv_clear(c);
  Err e = split(c, head, &parts);
  Reader r = { .in = parts.header, .err = e };
  if (!e) get_header(&r, c);
  if (!r.err) r.err = take_block(&parts.state, &frames);
  while (!r.err) {
    r = (Reader){ .in = frames };
    get_frames(&r, k, c);
    if (!r.err) return OK;
    conv_clear(c);
    if (r.err != ERR_NOT_FOUND || def_find(k, slice_str(r.lacked))) break;
    lua_newtable(L); /* its name is all that is asked for */
    def_set(k, slice_str(r.lacked), lua_gettop(L));
    lua_pop(L, 1);
    r.err = OK;
  }
  return r.err;
}
