/* The redo log: what stands in its files is what comes back, as far as it is
 * whole and follows. */
#include <fcntl.h>

#include "store/folder.h"
#include "store/record.h"
#include "store/redo.h"

static Redo files[REDO_FILES];

static int open_files(void **state) {
  make_dir(state);
  assert_int_equal(redo_open(dir, files, false), 0);
  return 0;
}

static int close_files(void **state) {
  for (int i = 0; i < REDO_FILES; i++) redo_clear(&files[i]);
  redo_close(files);
  redo_remove(dir);
  memset(files, 0, sizeof files);
  return remove_dir(state);
}

static StoreItem head_item(uint8_t k, uint64_t expected, const char *head) {
  StoreItem item = { .key = { k }, .expected = expected };
  item.head = head ? blob_new(slice_str(head)) : NULL;
  return item;
}

/* A record of one item, kept as `number`. */
static void keep(Redo *r, uint64_t number, const StoreItem *item) {
  redo_begin(r);
  redo_put(r, item);
  redo_seal(r, number, 7);
  assert_int_equal(redo_write(r, true), 0);
  redo_keep(r, number);
  blob_drop(item->head);
}

static void keep_head(Redo *r, uint64_t number, uint8_t k, const char *head) {
  StoreItem item = head_item(k, number, head);
  keep(r, number, &item);
}

/* The heads of what follows `after`, in their order. */
static void assert_follows(uint64_t after, uint64_t last, const char *heads) {
  Buf records = { 0 }, text = { 0 };
  uint64_t newest = 0;
  RedoRecord record;
  RedoItem item;
  assert_int_equal(redo_read(dir, after, &records, &newest), 0);
  assert_int_equal(newest, last);
  for (Slice in = buf_view(&records); redo_record(&in, &record);)
    while (redo_item(&record.items, &item)) {
      buf_slice(&text, item.head);
      buf_byte(&text, ' ');
    }
  assert_true(slice_is(buf_view(&text), heads));
  buf_free(&records);
  buf_free(&text);
}

static void items_come_back_as_they_were_put(void **state) {
  (void)state;
  StoreRow rows[] = { row(STORE_ATOM, "a", "1"), row(STORE_DUE, "gone", NULL) };
  StoreItem item = head_item(9, 4, "head");
  item.rows = rows;
  item.n_rows = countof(rows);
  keep(&files[0], 1, &item);
  Buf records = { 0 };
  uint64_t last;
  assert_int_equal(redo_read(dir, 0, &records, &last), 0);
  Slice in = buf_view(&records);
  RedoRecord record;
  RedoItem back;
  RedoRow one;
  assert_true(redo_record(&in, &record));
  assert_int_equal(record.heads, 7);
  assert_true(redo_item(&record.items, &back));
  assert_true(back.has_key && back.has_head);
  assert_int_equal(back.raw[0], 9);
  assert_int_equal(back.expected, 4);
  assert_true(slice_is(back.head, "head"));
  assert_int_equal(back.n_rows, 2);
  assert_true(redo_row(&record.items, &one));
  assert_true(one.table == STORE_ATOM && slice_is(one.value, "1"));
  assert_true(redo_row(&record.items, &one));
  assert_true(one.table == STORE_DUE && one.is_removed);
  assert_int_equal(record.items.len, 0);
  assert_false(redo_record(&in, &record));
  buf_free(&records);
  for (size_t i = 0; i < countof(rows); i++) {
    blob_drop(rows[i].key);
    blob_drop(rows[i].value);
  }
}

static void files_take_turns(void **state) {
  (void)state;
  keep_head(&files[0], 1, 1, "a");
  keep_head(&files[0], 2, 1, "b");
  keep_head(&files[1], 3, 1, "c");
  assert_follows(0, 3, "a b c ");
  assert_follows(2, 3, "c ");
  assert_follows(3, 3, "");
  redo_clear(&files[0]); /* in the database; "b" is left behind "d" */
  keep_head(&files[0], 4, 1, "d");
  assert_follows(2, 4, "c d ");
  assert_int_equal(redo_newest(dir), 4);
}

/* Changes byte `at` of redo.0, or cuts it there. */
static void spoil(off_t at, bool cut) {
  char path[64], byte;
  snprintf(path, sizeof path, "%s/redo.0", dir);
  int fd = open(path, O_RDWR);
  if (cut) {
    assert_int_equal(ftruncate(fd, at), 0);
  } else {
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
  }
  close(fd);
}

static void a_record_that_is_not_whole_ends_it(void **state) {
  (void)state;
  for (int i = 0; i < REDO_HEADER + 5; i++) {
    for (int cut = 0; cut < 2; cut++) {
      for (int f = 0; f < REDO_FILES; f++) redo_clear(&files[f]);
      files[0].size = 0; /* it is cut below, and grows again */
      keep_head(&files[0], 1, 1, "a");
      off_t second = (off_t)files[0].bytes.len;
      keep_head(&files[0], 2, 1, "b");
      keep_head(&files[0], 3, 1, "c");
      spoil(second + i, cut);
      assert_follows(0, 1, "a ");
    }
  }
}

static void what_does_not_follow_is_not_taken(void **state) {
  (void)state;
  keep_head(&files[0], 1, 1, "a");
  keep_head(&files[1], 3, 1, "c"); /* the second was lost */
  assert_follows(0, 1, "a ");
  assert_int_equal(redo_newest(dir), 3); /* and its number is not used again */
}

static const Recent *recent(uint8_t k) {
  uint8_t raw[CID_RAW] = { k };
  return recents_find(&files[0].recents, raw);
}

static void what_is_undone_was_never_there(void **state) {
  (void)state;
  Redo *r = &files[0];
  keep_head(r, 1, 1, "a");
  size_t len = r->bytes.len;
  StoreItem again = head_item(1, 2, "b"), other = head_item(2, 0, "c");
  redo_begin(r);
  redo_put(r, &again);
  redo_put(r, &other);
  assert_int_equal(recent(1)->revision, 3);
  assert_int_equal(recent(2)->revision, 1);
  assert_int_equal(redo_recent(r, again.key)->revision, 2); /* kept */
  assert_null(redo_recent(r, other.key));
  redo_seal(r, 2, 8);
  redo_undo(r);
  assert_int_equal(r->bytes.len, len);
  assert_int_equal(recent(1)->revision, 2); /* "a" replaced revision 1 */
  assert_int_equal(recent(2)->revision, RECENT_UNKNOWN);
  assert_memory_equal(r->bytes.ptr + recent(1)->at, "a", 1);
  blob_drop(again.head);
  blob_drop(other.head);
}

static void the_newest_row_is_found(void **state) {
  (void)state;
  Redo *r = &files[0];
  for (uint64_t i = 1; i <= 3; i++) {
    StoreRow rows[] = { row(STORE_ATOM, "a", i == 1 ? "1" : "2"),
                        row(STORE_ATOM, "b", i < 3 ? "x" : NULL) };
    StoreItem item = { .is_rows = true, .rows = rows, .n_rows = 2 };
    keep(r, i, &item);
    for (int k = 0; k < 2; k++) {
      blob_drop(rows[k].key);
      blob_drop(rows[k].value);
    }
  }
  Blob *value = NULL;
  assert_true(redo_find(r, STORE_ATOM, SLICE("a"), &value));
  assert_true(slice_is(blob_view(value), "2"));
  blob_drop(value);
  assert_true(redo_find(r, STORE_ATOM, SLICE("b"), &value));
  assert_null(value);
  assert_false(redo_find(r, STORE_DUE, SLICE("a"), &value));
}

static void many_conversations_are_known_at_once(void **state) {
  (void)state;
  Recents r = { 0 };
  for (int round = 1; round <= 3; round++) {
    for (uint32_t i = 0; i < 5000; i++) {
      uint8_t raw[CID_RAW] = { 0 };
      memcpy(raw + (i % 2 ? 0 : CID_RAW - 4), &i, 4);
      Recent *at = recents_at(&r, raw);
      assert_int_equal(at->revision, RECENT_UNKNOWN);
      at->revision = i + (uint32_t)round;
    }
    for (uint32_t i = 0; i < 5000; i++) {
      uint8_t raw[CID_RAW] = { 0 };
      memcpy(raw + (i % 2 ? 0 : CID_RAW - 4), &i, 4);
      assert_int_equal(recents_find(&r, raw)->revision, i + (uint32_t)round);
    }
    recents_clear(&r);
    assert_null(recents_find(&r, (uint8_t[CID_RAW]){ 0 }));
  }
  recents_free(&r);
}

#define WITH_FILES(f) \
  cmocka_unit_test_setup_teardown(f, open_files, close_files)

int main(void) {
  const struct CMUnitTest tests[] = {
    WITH_FILES(items_come_back_as_they_were_put),
    WITH_FILES(files_take_turns),
    WITH_FILES(a_record_that_is_not_whole_ends_it),
    WITH_FILES(what_does_not_follow_is_not_taken),
    WITH_FILES(what_is_undone_was_never_there),
    WITH_FILES(the_newest_row_is_found),
    cmocka_unit_test(many_conversations_are_known_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
