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

static const Slice magic = SLICE_INIT("STB1");

/* --- writing --- */

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
  frames_put(part, c);
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
  put_block(head, &k->part, header_put, c);
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
  put_block(head, &k->part, header_put, c);
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

Err image_header(Conv *c, Slice head) {
  Image parts;
  Err e = split(c, head, &parts);
  if (e) return e;
  Reader r = { .in = parts.header };
  header_get(&r, c);
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
    frames_get(&r, k, c);
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
  if (!e && with_header) header_get(&r, c);
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
  if (!e) header_get(&r, c);
  if (!r.err) r.err = take_block(&parts.state, &frames);
  while (!r.err) {
    r = (Reader){ .in = frames };
    frames_get(&r, k, c);
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
