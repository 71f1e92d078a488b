/* What specs of folder stores share: a temporary folder, answers, small items.
 */
#ifndef SPEC_STORE_FOLDER_H
#define SPEC_STORE_FOLDER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/store.h"
#include "temp.h"

typedef struct Answers {
  Err result[64];
  size_t n;
} Answers;

static inline void on_done(void *ud, Err e) {
  Answers *a = ud;
  assert_true(a->n < countof(a->result));
  a->result[a->n++] = e;
}

static inline void on_news(void *ud) { (void)ud; }

static TempPath dir;

static inline Store *open_dir(void) {
  char why[256];
  Store *s = store_lmdb_open(dir, on_news, NULL, why, sizeof why);
  if (!s) fail_msg("%s", why);
  return s;
}

static inline int make_dir(void **state) {
  temp_make(dir);
  *state = dir;
  return 0;
}

/* Fails when a store has left more than its own files. */
static inline int remove_dir(void **state) {
  (void)state;
  static const char *const names[] = { "data.mdb", "lock.mdb", "lock", NULL };
  char path[128];
  for (int i = 0; names[i]; i++) {
    snprintf(path, sizeof path, "%s/%s", dir, names[i]);
    unlink(path);
  }
  return rmdir(dir);
}

#define FOLDER(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

/* Commits one head, or a removal, as number `k`. */
static inline void put_slice(Store *s, uint8_t k, uint64_t expected, Slice head,
                             Answers *a) {
  StoreItem item = { .expected = expected };
  item.key[0] = k;
  item.key[CID_RAW - 1] = k;
  item.head = head.ptr ? blob_new(head) : NULL;
  store_commit(s, &item, on_done, a);
  blob_drop(item.head);
}

static inline void put(Store *s, uint8_t k, uint64_t expected, const char *head,
                       Answers *a) {
  put_slice(s, k, expected, head ? slice_str(head) : (Slice){ 0 }, a);
}

static inline Err load(Store *s, uint8_t k, Blob **head, uint64_t *revision) {
  uint8_t key[CID_RAW] = { k };
  key[CID_RAW - 1] = k;
  return store_load(s, key, head, revision);
}

static inline void assert_head(Store *s, uint8_t k, const char *head,
                               uint64_t revision) {
  Blob *b = NULL;
  uint64_t r = 0;
  Err e = load(s, k, &b, &r);
  assert_int_equal(e, head ? OK : ERR_NOT_FOUND);
  if (!head) return;
  assert_true(slice_is(blob_view(b), head));
  assert_int_equal(r, revision);
  blob_drop(b);
}

static inline StoreRow row(StoreTable table, const char *key,
                           const char *value) {
  return (StoreRow){ table, blob_new(slice_str(key)),
                     value ? blob_new(slice_str(value)) : NULL };
}

/* Commits rows alone, and drops them. */
static inline void put_rows(Store *s, const StoreRow *rows, size_t n,
                            Answers *a) {
  StoreItem item = { .is_rows = true, .rows = rows, .n_rows = n };
  store_commit(s, &item, on_done, a);
  for (size_t i = 0; i < n; i++) {
    blob_drop(rows[i].key);
    blob_drop(rows[i].value);
  }
}

#endif
