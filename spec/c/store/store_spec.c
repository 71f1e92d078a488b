/* Both backends keep the same promises; what only a folder can do comes after.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/store.h"

typedef struct Answers {
  Err result[64];
  size_t n;
} Answers;

static void on_done(void *ud, Err e) {
  Answers *a = ud;
  a->result[a->n++] = e;
}

static void on_news(void *ud) { (void)ud; }

static char dir[64];

static Store *open_dir(void) {
  char why[256];
  Store *s = store_lmdb_open(dir, on_news, NULL, why, sizeof why);
  if (!s) fail_msg("%s", why);
  return s;
}

static Store *open_either(void **state) {
  return *state ? open_dir() : store_memory_new();
}

static int make_dir(void **state) {
  snprintf(dir, sizeof dir, "/tmp/stube-store-XXXXXX");
  *state = mkdtemp(dir);
  return 0;
}

static int remove_dir(void **state) {
  (void)state;
  static const char *const names[] = { "data.mdb", "lock.mdb", "lock", NULL };
  char path[128];
  for (int i = 0; names[i]; i++) {
    snprintf(path, sizeof path, "%s/%s", dir, names[i]);
    unlink(path);
  }
  return rmdir(dir);
}

/* Commits one head, or a removal, as number `k`. */
static void put(Store *s, uint8_t k, uint64_t expected, const char *head,
                Answers *a) {
  StoreItem item = { .expected = expected };
  item.key[0] = k;
  item.key[CID_RAW - 1] = k;
  item.head = head ? blob_new(slice_str(head)) : NULL;
  store_commit(s, &item, on_done, a);
  blob_drop(item.head);
}

static void assert_head(Store *s, uint8_t k, const char *head,
                        uint64_t revision) {
  uint8_t key[CID_RAW] = { k };
  key[CID_RAW - 1] = k;
  Blob *b = NULL;
  uint64_t r = 0;
  Err e = store_load(s, key, &b, &r);
  if (!head) {
    assert_int_equal(e, ERR_NOT_FOUND);
    return;
  }
  assert_int_equal(e, OK);
  assert_true(slice_is(blob_view(b), head));
  assert_int_equal(r, revision);
  blob_drop(b);
}

static void what_is_committed_can_be_loaded(void **state) {
  Store *s = open_either(state);
  Answers a = { 0 };
  put(s, 1, 0, "one", &a);
  put(s, 1, 1, "one more", &a);
  put(s, 2, 0, "", &a);
  assert_int_equal(a.n, 0); /* never from inside store_commit */
  store_settle(s);
  assert_int_equal(a.n, 3);
  for (size_t i = 0; i < 3; i++) assert_int_equal(a.result[i], OK);
  assert_head(s, 1, "one more", 2);
  assert_head(s, 2, "", 1);
  assert_head(s, 3, NULL, 0);
  assert_int_equal(store_count(s), 2);
  store_free(s);
}

static void another_revision_is_a_conflict(void **state) {
  Store *s = open_either(state);
  Answers a = { 0 };
  put(s, 1, 0, "one", &a);
  store_settle(s);
  put(s, 1, 0, "again", &a);
  store_settle(s);
  put(s, 1, 7, "far ahead", &a);
  store_settle(s);
  assert_int_equal(a.result[1], ERR_CONFLICT);
  assert_int_equal(a.result[2], ERR_CONFLICT);
  assert_head(s, 1, "one", 1);
  store_free(s);
}

static void a_removed_head_is_gone_and_can_come_again(void **state) {
  Store *s = open_either(state);
  Answers a = { 0 };
  put(s, 1, 0, "one", &a);
  put(s, 1, 1, NULL, &a);
  put(s, 9, 0, NULL, &a); /* nothing there: nothing to do */
  store_settle(s);
  assert_int_equal(a.result[1], OK);
  assert_int_equal(a.result[2], OK);
  assert_head(s, 1, NULL, 0);
  assert_int_equal(store_count(s), 0);
  put(s, 1, 0, "new", &a);
  store_settle(s);
  assert_head(s, 1, "new", 1);
  store_free(s);
}

static void what_is_queued_behind_a_failure_fails_too(void **state) {
  (void)state;
  Store *s = store_memory_new();
  Answers a = { 0 };
  store_memory_hold(s, true);
  put(s, 1, 0, "a", &a);
  put(s, 1, 1, "b", &a);
  put(s, 2, 0, "c", &a);
  store_memory_settle(s, ERR_UNAVAILABLE);
  store_poll(s);
  assert_int_equal(a.n, 1);
  store_memory_hold(s, false);
  store_settle(s);
  for (size_t i = 0; i < 3; i++) assert_int_equal(a.result[i], ERR_UNAVAILABLE);
  assert_int_equal(store_count(s), 0);
  store_free(s);
}

static void a_folder_is_found_again_as_it_was_left(void **state) {
  (void)state;
  Store *s = open_dir();
  Answers a = { 0 };
  put(s, 1, 0, "kept", &a);
  store_settle(s);
  put(s, 2, 0, "queued when it closed", &a);
  store_free(s);
  assert_int_equal(a.n, 2);
  s = open_dir();
  assert_head(s, 1, "kept", 1);
  assert_head(s, 2, "queued when it closed", 1);
  store_free(s);
}

static void a_folder_is_one_process_s(void **state) {
  (void)state;
  Store *s = open_dir();
  char why[256] = "";
  assert_null(store_lmdb_open(dir, on_news, NULL, why, sizeof why));
  assert_non_null(strstr(why, "in use"));
  store_free(s);
}

static void a_folder_is_nobody_else_s_to_read(void **state) {
  (void)state;
  store_free(open_dir());
  char path[128];
  struct stat st;
  snprintf(path, sizeof path, "%s/data.mdb", dir);
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_folder_that_cannot_be_is_refused_with_words(void **state) {
  (void)state;
  char why[256] = "";
  assert_null(store_lmdb_open("/dev/null/x", on_news, NULL, why, sizeof why));
  assert_non_null(strstr(why, "/dev/null/x"));
}

#define FOLDER(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_is_committed_can_be_loaded),
    cmocka_unit_test(another_revision_is_a_conflict),
    cmocka_unit_test(a_removed_head_is_gone_and_can_come_again),
    cmocka_unit_test(what_is_queued_behind_a_failure_fails_too),
    FOLDER(what_is_committed_can_be_loaded),
    FOLDER(another_revision_is_a_conflict),
    FOLDER(a_removed_head_is_gone_and_can_come_again),
    FOLDER(a_folder_is_found_again_as_it_was_left),
    FOLDER(a_folder_is_one_process_s),
    FOLDER(a_folder_is_nobody_else_s_to_read),
    cmocka_unit_test(a_folder_that_cannot_be_is_refused_with_words),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
