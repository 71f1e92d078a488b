#include "kernel/transfer.h"

#include "kernel/points.h"
#include "kernel/state.h"

static Conv *open_conv(Kernel *k, Slice cid) {
  Conv *c = conv_new(k);
  conv_clear(c);
  conv_name(k, c, cid);
  return c;
}

/* --- out --- */

Err transfer_head(Kernel *k, Slice cid, Slice head, Buf *out) {
  Conv *c = open_conv(k, cid);
  Err e = image_header(c, head);
  if (!e) buf_put(out, head.ptr, head.len - MAC_LEN);
  conv_free(c);
  return e;
}

Err transfer_point(Kernel *k, Slice cid, uint64_t turn, Slice row, Buf *out) {
  Conv *c = open_conv(k, cid);
  PointRow read;
  Err e = point_row_read(c, turn, row, &read);
  if (!e) buf_put(out, row.ptr, row.len - MAC_LEN);
  conv_free(c);
  return e;
}

uint64_t transfer_turn(Slice cid, Slice key) {
  uint8_t raw[CID_RAW];
  uint64_t turn = 0;
  if (!cid_raw(cid, raw) || key.len != POINT_KEY ||
      memcmp(key.ptr, raw, CID_RAW) != 0)
    return 0;
  for (size_t i = CID_RAW; i < POINT_KEY; i++)
    turn = turn << 8 | (uint8_t)key.ptr[i];
  return turn;
}

/* --- in --- */

static Blob *sign_row(const Conv *c, Slice bare) {
  char sum[MAC_LEN];
  Buf row = { 0 };
  mac(sum, &c->mac_key, bare);
  buf_slice(&row, bare);
  buf_put(&row, sum, sizeof sum);
  Blob *out = blob_new(buf_view(&row));
  buf_free(&row);
  return out;
}

/* Adds the rows of the history to the turn's. */
static Err add_points(Kernel *k, const Conv *c, const Transfer *t) {
  for (size_t i = 0; i < t->n_points; i++) {
    char key[POINT_KEY];
    PointRow read;
    const TransferPoint *p = &t->points[i];
    Blob *row = sign_row(c, p->row);
    Err e = p->turn ? point_row_read(c, p->turn, blob_view(row), &read)
                    : ERR_BAD_INPUT;
    if (e) {
      blob_drop(row);
      return e;
    }
    turn_row(k, STORE_POINT, point_key(key, c, p->turn), row);
  }
  return OK;
}

/* Queues the head (NULL removes it) with the turn's rows, which it drops. */
static void commit(Kernel *k, const Conv *c, Blob *head, uint64_t revision,
                   StoreDone done, void *ud) {
  StoreItem item = { .expected = revision,
                     .head = head,
                     .rows = k->turn.rows,
                     .n_rows = k->turn.n_rows };
  memcpy(item.key, c->key, sizeof item.key);
  store_commit(k->store, &item, done, ud);
  turn_drop_rows(k);
}

Err transfer_in(Kernel *k, const Transfer *t, StoreDone done, void *ud) {
  uint8_t key[CID_RAW];
  if (t->cid.len != CID_LEN || !cid_raw(t->cid, key)) return ERR_BAD_INPUT;
  Conv *c = open_conv(k, t->cid);
  Blob *head = image_sign(c, t->head);
  Err e = head ? image_header(c, blob_view(head)) : ERR_BAD_INPUT;
  if (!e) e = add_points(k, c, t);
  if (!e) {
    wakes_rows(k, c, false); /* of which the store has none yet */
    commit(k, c, head, 0, done, ud);
  }
  turn_drop_rows(k);
  blob_drop(head);
  conv_free(c);
  return e;
}

void transfer_remove(Kernel *k, Slice cid, Slice head, uint64_t revision,
                     StoreDone done, void *ud) {
  Conv *c = open_conv(k, cid);
  if (!image_header(c, head)) {
    wakes_copy(&c->later.kept, &c->later.wakes);
    wakes_rows(k, c, true);
  }
  commit(k, c, NULL, revision, done, ud);
  conv_free(c);
}
