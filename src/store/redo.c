#include "store/redo.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"
#include "store/record.h"

#define OF_CONVERSATION 1
#define WITH_HEAD 2
#define REMOVED 128
/* The file grows by so much at once: to write inside of it is one write to the
 * disk, to make it longer is more. */
#define STEP KIB(64)
/* Memory that an empty one keeps. */
#define SPARE KIB(64)

/* --- writing --- */

void redo_begin(Redo *r) {
  r->at = r->bytes.len;
  r->n_undo = 0;
  char *header = buf_reserve(&r->bytes, REDO_HEADER);
  memset(header, 0, REDO_HEADER);
  r->bytes.len += REDO_HEADER;
}

/* Notes what a conversation is now. `head` is of r->bytes, or an end there. */
static void note(Redo *r, const uint8_t *raw, uint64_t revision, Slice head) {
  Recent *now = recents_at(&r->recents, raw);
  if (r->n_undo == r->cap_undo) {
    r->cap_undo = r->cap_undo ? r->cap_undo * 2 : 64;
    r->undo = xrealloc(r->undo, r->cap_undo * sizeof *r->undo);
  }
  r->undo[r->n_undo++] = *now;
  now->revision = revision;
  now->at = (size_t)(head.ptr - r->bytes.ptr);
  now->len = head.len;
}

/* The block that was put last. */
static Slice newest(const Redo *r, size_t len) {
  return slice(r->bytes.ptr + r->bytes.len - len, len);
}

static void put_row(Redo *r, const StoreRow *row) {
  Buf *b = &r->bytes;
  const uint8_t *raw = (const uint8_t *)row->key->bytes;
  buf_byte(b, (char)(row->table | (row->value ? 0 : REMOVED)));
  buf_block(b, blob_view(row->key));
  if (row->value) buf_block(b, blob_view(row->value));
  r->tables |= 1u << row->table;
  if (row->table == STORE_HEAD)
    note(r, raw, 1, newest(r, row->value->len));
  else if (row->table == STORE_POINT && row->key->len >= CID_RAW)
    recents_at(&r->recents, raw); /* so that who reads it waits */
}

void redo_put(Redo *r, const StoreItem *item) {
  Buf *b = &r->bytes;
  bool of_one = !item->is_rows, has_head = of_one && item->head;
  buf_byte(b,
           (char)((of_one ? OF_CONVERSATION : 0) | (has_head ? WITH_HEAD : 0)));
  if (of_one) {
    buf_put(b, item->key, CID_RAW);
    buf_varint(b, item->expected);
    r->tables |= 1u << STORE_HEAD;
  }
  if (has_head) {
    buf_block(b, blob_view(item->head));
    note(r, item->key, item->expected + 1, newest(r, item->head->len));
  } else if (of_one) {
    note(r, item->key, 0, newest(r, 0));
    r->tables |= 1u << STORE_POINT; /* they go with it */
  }
  buf_varint(b, item->n_rows);
  for (size_t i = 0; i < item->n_rows; i++) put_row(r, &item->rows[i]);
}

void redo_seal(Redo *r, uint64_t number, uint64_t heads) {
  uint8_t *header = (uint8_t *)r->bytes.ptr + r->at;
  size_t len = r->bytes.len - r->at;
  u64_put(header + 8, number);
  u64_put(header + 16, heads);
  for (int i = 0; i < 4; i++)
    header[24 + i] = (uint8_t)((len - REDO_HEADER) >> (8 * i));
  u64_put(header, hash64(slice((char *)header + 8, len - 8)));
}

static int write_at(int fd, const char *bytes, size_t len, size_t at) {
  while (len) {
    ssize_t n = pwrite(fd, bytes, len, (off_t)at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n ? errno : ENOSPC;
    bytes += n;
    at += (size_t)n;
    len -= (size_t)n;
  }
  return 0;
}

static int make_room(Redo *r) {
  static const char zeros[STEP];
  while (r->size < r->bytes.len) {
    int e = write_at(r->fd, zeros, STEP, r->size);
    if (e) return e;
    r->size += STEP;
  }
  return 0;
}

int redo_write(Redo *r, bool sync) {
  int e = make_room(r);
  if (!e)
    e = write_at(r->fd, r->bytes.ptr + r->at, r->bytes.len - r->at, r->at);
  if (!e && sync && fdatasync(r->fd)) e = errno;
  return e;
}

void redo_keep(Redo *r, uint64_t number) {
  if (!r->first) {
    r->first = number;
    r->since_ns = clock_mono_ns();
  }
  r->last = number;
  r->kept = r->bytes.len;
}

void redo_undo(Redo *r) {
  r->bytes.len = r->at;
  for (; r->n_undo; r->n_undo--) {
    const Recent *before = &r->undo[r->n_undo - 1];
    Recent *now = recents_at(&r->recents, before->raw);
    now->revision = before->revision;
    now->at = before->at;
    now->len = before->len;
  }
}

void redo_clear(Redo *r) {
  if (r->bytes.cap > SPARE)
    buf_free(&r->bytes);
  else
    buf_clear(&r->bytes);
  recents_clear(&r->recents);
  r->first = r->last = 0;
  r->tables = 0;
  r->kept = 0;
}

/* --- reading --- */

bool redo_record(Slice *in, RedoRecord *out) {
  const uint8_t *at = (const uint8_t *)in->ptr;
  if (in->len < REDO_HEADER) return false;
  size_t len = 0;
  for (int i = 0; i < 4; i++) len |= (size_t)at[24 + i] << (8 * i);
  if (len > in->len - REDO_HEADER) return false;
  out->number = u64_get(at + 8);
  out->heads = u64_get(at + 16);
  out->items = slice(in->ptr + REDO_HEADER, len);
  len += REDO_HEADER;
  if (u64_get(at) != hash64(slice(in->ptr + 8, len - 8))) return false;
  *in = slice(in->ptr + len, in->len - len);
  return true;
}

static bool take_bytes(Slice *in, size_t n, const uint8_t **out) {
  if (in->len < n) return false;
  *out = (const uint8_t *)in->ptr;
  *in = slice(in->ptr + n, in->len - n);
  return true;
}

bool redo_item(Slice *in, RedoItem *out) {
  const uint8_t *flags;
  *out = (RedoItem){ 0 };
  if (!take_bytes(in, 1, &flags)) return false;
  out->has_key = *flags & OF_CONVERSATION;
  out->has_head = *flags & WITH_HEAD;
  if (out->has_key &&
      (!take_bytes(in, CID_RAW, &out->raw) || take_varint(in, &out->expected)))
    return false;
  if (out->has_head && take_block(in, &out->head)) return false;
  return !take_varint(in, &out->n_rows);
}

bool redo_row(Slice *in, RedoRow *out) {
  const uint8_t *table;
  *out = (RedoRow){ 0 };
  if (!take_bytes(in, 1, &table)) return false;
  out->is_removed = *table & REMOVED;
  out->table = (StoreTable)(*table & ~REMOVED);
  if (out->table >= STORE_TABLES || take_block(in, &out->key)) return false;
  return out->is_removed || !take_block(in, &out->value);
}

const Recent *redo_recent(const Redo *r, const uint8_t raw[CID_RAW]) {
  const Recent *found = recents_find(&r->recents, raw);
  if (found && found->at + found->len > r->kept) { /* of the newest record */
    const Recent *before = r->undo;
    while (memcmp(before->raw, raw, CID_RAW) != 0) before++;
    found = before;
  }
  return found && found->revision != RECENT_UNKNOWN ? found : NULL;
}

/* Calls `see` of each row, and of each head as one, until it is false. A head
 * has the revision before it. */
typedef bool (*SeeRow)(void *ud, const RedoItem *item, const RedoRow *row);

static bool walk_item(Slice *in, SeeRow see, void *ud) {
  RedoItem item;
  RedoRow row = { .table = STORE_HEAD };
  if (!redo_item(in, &item)) return false;
  row.key = slice((const char *)item.raw, CID_RAW);
  row.value = item.head;
  row.is_removed = !item.has_head;
  if (item.has_key && !see(ud, &item, &row)) return false;
  for (uint64_t i = 0; i < item.n_rows; i++)
    if (!redo_row(in, &row) || !see(ud, &item, &row)) return false;
  return true;
}

static void walk(Slice in, SeeRow see, void *ud) {
  RedoRecord r;
  while (redo_record(&in, &r))
    while (r.items.len)
      if (!walk_item(&r.items, see, ud)) return;
}

typedef struct Search {
  StoreTable table;
  Slice key;
  bool is_found;
  RedoRow row;
} Search;

static bool see_row(void *ud, const RedoItem *item, const RedoRow *row) {
  Search *s = ud;
  (void)item;
  if (row->table != s->table || !slice_eq(row->key, s->key)) return true;
  s->is_found = true;
  s->row = *row;
  return true;
}

bool redo_find(const Redo *r, StoreTable table, Slice key, Blob **value) {
  Search s = { .table = table, .key = key };
  walk(slice(r->bytes.ptr, r->kept), see_row, &s);
  if (!s.is_found) return false;
  *value = s.row.is_removed ? NULL : blob_new(s.row.value);
  return true;
}

static bool adopt_row(void *ud, const RedoItem *item, const RedoRow *row) {
  Redo *r = ud;
  const uint8_t *raw = (const uint8_t *)row->key.ptr;
  bool is_own = item->has_key && raw == item->raw;
  r->tables |= 1u << row->table;
  if (row->table == STORE_POINT && row->key.len >= CID_RAW)
    recents_at(&r->recents, raw);
  if (row->table != STORE_HEAD) return true;
  if (row->is_removed) r->tables |= 1u << STORE_POINT;
  note(r, raw,
       row->is_removed ? 0
       : is_own        ? item->expected + 1
                       : 1,
       row->value);
  return true;
}

void redo_adopt(Redo *r, Slice records) {
  RedoRecord record;
  buf_slice(&r->bytes, records);
  walk(buf_view(&r->bytes), adopt_row, r);
  for (Slice in = records; redo_record(&in, &record);)
    redo_keep(r, record.number);
}

/* --- files --- */

static const char *path_of(char out[PATH_MAX], const char *dir, int i) {
  int n = snprintf(out, PATH_MAX, "%s/redo.%d", dir, i);
  if (n < 0 || n >= PATH_MAX) out[0] = '\0'; /* which is no file */
  return out;
}

static int read_all(const char *path, Buf *out) {
  struct stat st;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? 0 : errno;
  int e = fstat(fd, &st) ? errno : 0;
  while (!e && out->len < (size_t)st.st_size) {
    size_t room = (size_t)st.st_size - out->len;
    ssize_t n = pread(fd, buf_reserve(out, room), room, (off_t)out->len);
    if (n == 0) break;
    if (n > 0)
      out->len += (size_t)n;
    else if (errno != EINTR)
      e = errno;
  }
  close(fd);
  return e;
}

/* The number that a file begins with; 0 when it holds nothing. */
static uint64_t first_of(const Buf *file) {
  RedoRecord r;
  Slice in = buf_view(file);
  return redo_record(&in, &r) ? r.number : 0;
}

int redo_read(const char *dir, uint64_t after, Buf *out, uint64_t *last) {
  Buf files[REDO_FILES] = { 0 };
  char path[PATH_MAX];
  int e = 0;
  *last = after;
  for (int i = 0; i < REDO_FILES && !e; i++)
    e = read_all(path_of(path, dir, i), &files[i]);
  int older = first_of(&files[0]) > first_of(&files[1]);
  for (int i = 0; i < REDO_FILES && !e; i++) {
    Slice in = buf_view(&files[i ? !older : older]);
    RedoRecord r;
    for (const char *at = in.ptr; redo_record(&in, &r); at = in.ptr) {
      if (r.number <= *last) continue;
      if (r.number != *last + 1) break;
      buf_put(out, at, (size_t)(in.ptr - at));
      *last = r.number;
    }
  }
  for (int i = 0; i < REDO_FILES; i++) buf_free(&files[i]);
  return e;
}

uint64_t redo_newest(const char *dir) {
  char path[PATH_MAX];
  uint64_t newest = 0;
  for (int i = 0; i < REDO_FILES; i++) {
    Buf file = { 0 };
    RedoRecord r;
    if (!read_all(path_of(path, dir, i), &file))
      for (Slice in = buf_view(&file); redo_record(&in, &r);)
        if (r.number > newest) newest = r.number;
    buf_free(&file);
  }
  return newest;
}

int redo_open(const char *dir, Redo files[REDO_FILES], bool as_they_are) {
  char path[PATH_MAX];
  int flags = O_RDWR | O_CREAT | O_CLOEXEC | (as_they_are ? 0 : O_TRUNC);
  for (int i = 0; i < REDO_FILES; i++) {
    files[i].fd = open(path_of(path, dir, i), flags, 0600);
    if (files[i].fd < 0) return errno;
  }
  return 0;
}

void redo_close(Redo files[REDO_FILES]) {
  for (int i = 0; i < REDO_FILES; i++) {
    if (files[i].fd >= 0) close(files[i].fd);
    files[i].fd = -1;
    buf_free(&files[i].bytes);
    recents_free(&files[i].recents);
    free(files[i].undo);
    files[i].undo = NULL;
  }
}

void redo_remove(const char *dir) {
  char path[PATH_MAX];
  for (int i = 0; i < REDO_FILES; i++) unlink(path_of(path, dir, i));
}
