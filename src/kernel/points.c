#include "kernel/points.h"

void point_put(Buf *list, const Point *p) {
  buf_varint(list, p->turn);
  buf_varint(list, p->until - p->turn);
  buf_varint(list, p->began_ms);
  /* The wall clock may have gone back meanwhile. */
  buf_varint(list, p->left_ms > p->began_ms ? p->left_ms - p->began_ms : 0);
  buf_block(list, p->event);
  buf_block(list, p->delta);
}

Err point_take(Slice *list, Point *out) {
  uint64_t stood, lived;
  Err e = take_varint(list, &out->turn);
  if (!e) e = take_varint(list, &stood);
  if (!e) e = take_varint(list, &out->began_ms);
  if (!e) e = take_varint(list, &lived);
  if (!e) e = take_block(list, &out->event);
  if (!e) e = take_block(list, &out->delta);
  if (e) return e;
  out->until = out->turn + stood;
  out->left_ms = out->began_ms + lived;
  bool is_sane = out->turn && out->until >= out->turn &&
                 out->left_ms >= out->began_ms &&
                 out->event.len <= EVENT_NAME_MAX;
  return is_sane ? OK : ERR_BAD_INPUT;
}

bool points_hold(Slice history) {
  Slice list;
  Point p;
  for (Side side = PAST; side <= FUTURE; side++) {
    if (take_block(&history, &list)) return false;
    while (list.len)
      if (point_take(&list, &p)) return false;
  }
  return history.len == 0;
}

/* --- rows --- */

Slice point_first(Slice list, uint32_t n) {
  Slice in = list;
  Point p;
  while (n-- && in.len && !point_take(&in, &p)) continue;
  return slice(list.ptr, list.len - in.len);
}

Blob *point_row_make(const Conv *c, uint64_t next, Slice list, uint64_t *key) {
  uint64_t n = 0;
  Point p;
  for (Slice in = list; in.len && !point_take(&in, &p); n++)
    if (n == 0) *key = p.turn;
  ASSERT(n);
  Buf row = { 0 };
  buf_varint(&row, *key);
  buf_varint(&row, next);
  buf_varint(&row, n);
  buf_slice(&row, list);
  char *sum = buf_reserve(&row, MAC_LEN);
  mac(sum, &c->mac_key, buf_view(&row));
  row.len += MAC_LEN;
  Blob *out = blob_new(buf_view(&row));
  buf_free(&row);
  return out;
}

Err point_row_read(const Conv *c, uint64_t key, Slice row, PointRow *out) {
  char sum[MAC_LEN];
  uint64_t own, n;
  if (row.len < MAC_LEN) return ERR_BAD_INPUT;
  row.len -= MAC_LEN;
  mac(sum, &c->mac_key, row);
  if (memcmp(sum, row.ptr + row.len, MAC_LEN) != 0) return ERR_BAD_INPUT;
  Err e = take_varint(&row, &own);
  if (!e) e = take_varint(&row, &out->next);
  if (!e) e = take_varint(&row, &n);
  if (!e && (own != key || n == 0 || n > row.len)) e = ERR_BAD_INPUT;
  if (e) return e;
  out->n = (uint32_t)n;
  out->list = row;
  return OK;
}

Slice point_key(char out[POINT_KEY], const Conv *c, uint64_t turn) {
  memcpy(out, c->key, CID_RAW);
  for (int i = 0; i < 8; i++)
    out[CID_RAW + i] = (char)(uint8_t)(turn >> (8 * (7 - i)));
  return slice(out, POINT_KEY);
}

bool point_key_read(const Conv *c, Slice key, uint64_t *turn) {
  if (key.len != POINT_KEY || memcmp(key.ptr, c->key, CID_RAW) != 0)
    return false;
  uint64_t v = 0;
  for (int i = 0; i < 8; i++) v = v << 8 | (uint8_t)key.ptr[CID_RAW + i];
  *turn = v;
  return true;
}
