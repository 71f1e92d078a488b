/* Both backends keep the same promises; what only a folder can do comes after.
 */
#include <sys/stat.h>

#include "base/buf.h"
#include "store/folder.h"

static Store *open_either(void **state) {
  return *state ? open_dir() : store_memory_new();
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

typedef struct Seen {
  Buf text;
  int left;
} Seen;

static bool on_row(void *ud, Slice key, Slice value) {
  Seen *seen = ud;
  buf_slice(&seen->text, key);
  buf_byte(&seen->text, '=');
  buf_slice(&seen->text, value);
  buf_byte(&seen->text, ' ');
  return --seen->left > 0;
}

static void assert_scan(Store *s, StoreTable table, const char *from, int max,
                        const char *right) {
  Seen seen = { .left = max };
  assert_int_equal(store_scan(s, table, slice_str(from), on_row, &seen), OK);
  buf_byte(&seen.text, '\0');
  assert_string_equal(seen.text.ptr, right);
  buf_free(&seen.text);
}

static void rows_are_kept_in_the_order_of_their_keys(void **state) {
  Store *s = open_either(state);
  Answers a = { 0 };
  put_rows(s,
           (StoreRow[]){ row(STORE_ATOM, "b", "2"), row(STORE_ATOM, "a", "1"),
                         row(STORE_ATOM, "ab", "x"), row(STORE_MSG, "m", "y"),
                         row(STORE_ATOM, "ab", NULL),
                         row(STORE_ATOM, "none", NULL),
                         row(STORE_ATOM, "aa", "3") },
           7, &a);
  assert_scan(s, STORE_ATOM, "", 9, ""); /* nothing before it is kept */
  store_settle(s);
  assert_int_equal(a.result[0], OK);
  assert_scan(s, STORE_ATOM, "", 9, "a=1 aa=3 b=2 ");
  assert_scan(s, STORE_ATOM, "aa", 9, "aa=3 b=2 ");
  assert_scan(s, STORE_ATOM, "ab", 9, "b=2 ");
  assert_scan(s, STORE_ATOM, "", 2, "a=1 aa=3 ");
  assert_scan(s, STORE_ATOM, "c", 9, "");
  assert_scan(s, STORE_MSG, "", 9, "m=y ");
  Blob *value = NULL;
  assert_int_equal(store_get(s, STORE_ATOM, SLICE("aa"), &value), OK);
  assert_true(slice_is(blob_view(value), "3"));
  blob_drop(value);
  assert_int_equal(store_get(s, STORE_ATOM, SLICE("ab"), &value),
                   ERR_NOT_FOUND);
  assert_int_equal(store_count(s), 0);
  store_free(s);
}

static void rows_fall_with_their_head(void **state) {
  Store *s = open_either(state);
  Answers a = { 0 };
  StoreRow rows[] = { row(STORE_DUE, "d", "") };
  StoreItem item = { .expected = 7, .rows = rows, .n_rows = 1 };
  item.head = blob_new(SLICE("no"));
  store_commit(s, &item, on_done, &a);
  store_settle(s);
  assert_int_equal(a.result[0], ERR_CONFLICT);
  assert_scan(s, STORE_DUE, "", 9, "");
  item.expected = 0;
  store_commit(s, &item, on_done, &a);
  store_settle(s);
  assert_int_equal(a.result[1], OK);
  assert_scan(s, STORE_DUE, "", 9, "d= ");
  blob_drop(item.head);
  blob_drop(rows[0].key);
  blob_drop(rows[0].value);
  store_free(s);
}

static StoreRow first_head(uint8_t k, const char *head) {
  char key[CID_RAW] = { (char)k };
  key[CID_RAW - 1] = (char)k;
  return (StoreRow){ STORE_HEAD, blob_new(slice(key, sizeof key)),
                     blob_new(slice_str(head)) };
}

static void put_with(Store *s, uint8_t k, uint64_t expected, StoreRow *rows,
                     size_t n, Answers *a) {
  StoreItem item = { .expected = expected, .rows = rows, .n_rows = n };
  item.key[0] = item.key[CID_RAW - 1] = k;
  item.head = blob_new(SLICE("parent"));
  store_commit(s, &item, on_done, a);
  blob_drop(item.head);
  for (size_t i = 0; i < n; i++) {
    blob_drop(rows[i].key);
    blob_drop(rows[i].value);
  }
}

static void an_item_begins_other_conversations(void **state) {
  Store *s = open_either(state);
  Answers a = { 0 };
  StoreRow rows[] = { first_head(2, "b"), row(STORE_DUE, "d", ""),
                      first_head(3, "c") };
  put_with(s, 1, 0, rows, 3, &a);
  store_settle(s);
  assert_int_equal(a.result[0], OK);
  assert_head(s, 1, "parent", 1);
  assert_head(s, 2, "b", 1);
  assert_head(s, 3, "c", 1);
  assert_scan(s, STORE_DUE, "", 9, "d= ");
  assert_int_equal(store_count(s), 3);
  put(s, 2, 1, "b2", &a); /* it goes on by itself */
  put(s, 3, 1, NULL, &a);
  store_settle(s);
  assert_int_equal(a.result[1], OK);
  assert_head(s, 2, "b2", 2);
  assert_head(s, 3, NULL, 0);
  assert_int_equal(store_count(s), 2);
  store_free(s);
}

static void all_of_them_or_none(void **state) {
  Store *s = open_either(state);
  Answers a = { 0 };
  put(s, 3, 0, "there", &a);
  store_settle(s);
  StoreRow taken[] = { first_head(2, "b"), row(STORE_DUE, "d", ""),
                       first_head(3, "c") };
  put_with(s, 1, 0, taken, 3, &a);
  store_settle(s);
  StoreRow orphan[] = { first_head(2, "b") };
  put_with(s, 1, 7, orphan, 1, &a); /* of a revision that is not there */
  store_settle(s);
  assert_int_equal(a.result[1], ERR_CONFLICT);
  assert_int_equal(a.result[2], ERR_CONFLICT);
  assert_head(s, 1, NULL, 0);
  assert_head(s, 2, NULL, 0);
  assert_head(s, 3, "there", 1);
  assert_scan(s, STORE_DUE, "", 9, "");
  assert_int_equal(store_count(s), 1);
  store_free(s);
}

/* Keys as the kernel makes them: raw cid, then the turn. */
static StoreRow point(uint8_t k, uint8_t turn) {
  char key[CID_RAW + 8] = { (char)k };
  key[CID_RAW - 1] = (char)k;
  key[CID_RAW + 7] = (char)turn;
  return (StoreRow){ STORE_POINT, blob_new(slice(key, sizeof key)),
                     blob_new(slice((const char *)&turn, 1)) };
}

static bool on_point(void *ud, Slice key, Slice value) {
  buf_printf(ud, "%d.%d=%d ", key.ptr[0], key.ptr[CID_RAW + 7], value.ptr[0]);
  return true;
}

static bool on_head(void *ud, Slice key, Slice value) {
  buf_printf(ud, "%d=%.*s ", key.ptr[0], (int)value.len, value.ptr);
  return true;
}

static void assert_seen(Store *s, StoreTable table, StoreSee see,
                        const char *right) {
  Buf text = { 0 };
  assert_int_equal(store_scan(s, table, (Slice){ 0 }, see, &text), OK);
  buf_byte(&text, '\0');
  assert_string_equal(text.ptr, right);
  buf_free(&text);
}

/* The points of conversation `k`, from a turn on. */
static void assert_points(Store *s, uint8_t k, uint8_t turn,
                          const char *right) {
  StoreRow from = point(k, turn);
  Buf text = { 0 };
  Err e = store_scan(s, STORE_POINT, blob_view(from.key), on_point, &text);
  assert_int_equal(e, OK);
  buf_byte(&text, '\0');
  assert_string_equal(text.ptr, right);
  buf_free(&text);
  blob_drop(from.key);
  blob_drop(from.value);
}

static void points_go_with_their_head_and_no_other(void **state) {
  Store *s = open_either(state);
  Answers a = { 0 };
  for (uint8_t k = 3; k >= 1; k--) put(s, k, 0, "head", &a);
  put_rows(s,
           (StoreRow[]){ point(2, 9), point(1, 1), point(2, 7), point(3, 1) },
           4, &a);
  store_settle(s);
  assert_seen(s, STORE_POINT, on_point, "1.1=1 2.7=7 2.9=9 3.1=1 ");
  assert_seen(s, STORE_HEAD, on_head, "1=head 2=head 3=head ");
  assert_points(s, 2, 8, "2.9=9 ");
  assert_points(s, 4, 0, "");
  put(s, 2, 1, NULL, &a);
  put(s, 3, 1, NULL, &a);
  store_settle(s);
  for (size_t i = 0; i < a.n; i++) assert_int_equal(a.result[i], OK);
  assert_seen(s, STORE_POINT, on_point, "1.1=1 ");
  assert_seen(s, STORE_HEAD, on_head, "1=head ");
  assert_int_equal(store_count(s), 1);
  store_free(s);
}

static void commits_are_counted(void **state) {
  Store *s = open_either(state);
  Answers a = { 0 };
  put(s, 1, 0, "one", &a);
  store_settle(s);
  put(s, 1, 5, "no", &a);
  store_settle(s);
  StoreStats stats = store_stats(s);
  assert_int_equal(stats.commits, 1);
  assert_int_equal(stats.items, 1);
  assert_int_equal(stats.failures, 1);
  assert_int_equal(stats.batch[0], 1);
  store_free(s);
}

typedef struct Found {
  Buf text;
} Found;

static void on_found(void *ud, Err e, Blob *head, uint64_t revision) {
  Found *f = ud;
  buf_printf(&f->text, "%s %d %.*s; ", err_name(e), e ? 0 : (int)revision,
             e ? 0 : (int)head->len, e ? "" : head->bytes);
  blob_drop(head);
}

static void fetch(Store *s, uint8_t k, Found *f) {
  uint8_t key[CID_RAW] = { k };
  key[CID_RAW - 1] = k;
  store_fetch(s, key, on_found, f);
}

static void heads_are_fetched_without_waiting(void **state) {
  Store *s = open_either(state);
  Answers a = { 0 };
  Found f = { 0 };
  put(s, 1, 0, "one", &a);
  put(s, 1, 1, "one more", &a);
  store_settle(s);
  fetch(s, 1, &f);
  assert_int_equal(f.text.len, 0); /* never from inside store_fetch */
  store_settle(s);
  fetch(s, 2, &f);
  store_settle(s);
  for (int i = 0; i < 100; i++) fetch(s, 3, &f);
  store_settle(s);
  assert_int_equal(store_stats(s).fetches, 102);
  buf_byte(&f.text, '\0');
  const char right[] = "OK 2 one more; ERR_NOT_FOUND 0 ; ERR_NOT_FOUND 0 ; ";
  assert_memory_equal(f.text.ptr, right, sizeof right - 1);
  assert_int_equal(f.text.len, 15 + 101 * 18 + 1);
  buf_clear(&f.text);
  fetch(s, 1, &f);
  store_free(s); /* answers what is under way */
  buf_byte(&f.text, '\0');
  assert_string_equal(f.text.ptr, "OK 2 one more; ");
  buf_free(&f.text);
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

typedef struct Retry {
  Store *store;
  Err result[4];
  size_t n;
} Retry;

static void again(void *ud, Err e) {
  Retry *r = ud;
  r->result[r->n++] = e;
  if (r->n > 2) return;
  StoreItem item = { .is_rows = true };
  store_commit(r->store, &item, again, r);
}

static void note(void *ud, Err e) {
  Retry *r = ud;
  r->result[r->n++] = e;
}

static void note_and_commit(void *ud, Err e) {
  Retry *r = ud;
  StoreItem item = { .is_rows = true };
  store_commit(r->store, &item, note, r);
  note(r, e);
}

/* Who is told of the first failure does not know of the second yet. */
static void what_is_committed_before_all_are_told_fails(void **state) {
  Store *s = open_either(state);
  Retry r = { .store = s };
  StoreItem item = { .expected = 9 };
  store_commit(s, &item, note_and_commit, &r);
  store_commit(s, &item, note_and_commit, &r);
  store_settle(s);
  assert_int_equal(r.n, 4);
  assert_int_equal(r.result[0], ERR_CONFLICT);
  assert_int_equal(r.result[1], ERR_UNAVAILABLE);
  assert_int_equal(r.result[2], ERR_UNAVAILABLE);
  assert_int_equal(r.result[3], ERR_UNAVAILABLE);
  store_free(s);
}

/* Until its caller has been told, a failure is news to those behind it. */
static void a_failure_ends_when_it_is_told(void **state) {
  Store *s = open_either(state);
  Retry r = { .store = s };
  StoreItem item = { .expected = 9 };
  store_commit(s, &item, again, &r);
  store_settle(s);
  assert_int_equal(r.n, 3);
  assert_int_equal(r.result[0], ERR_CONFLICT);
  assert_int_equal(r.result[1], OK);
  assert_int_equal(r.result[2], OK);
  store_free(s);
}

static void what_is_queued_before_a_failure_is_kept(void **state) {
  Store *s = open_either(state);
  Answers a = { 0 };
  put(s, 1, 0, "kept", &a);
  put(s, 2, 8, "of no revision", &a);
  put(s, 3, 0, "behind it", &a);
  store_settle(s);
  put(s, 3, 0, "later", &a);
  store_settle(s);
  assert_int_equal(a.result[0], OK);
  assert_int_equal(a.result[1], ERR_CONFLICT);
  assert_int_equal(a.result[2], ERR_UNAVAILABLE);
  assert_int_equal(a.result[3], OK);
  assert_head(s, 1, "kept", 1);
  assert_head(s, 2, NULL, 0);
  assert_head(s, 3, "later", 1);
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

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_is_committed_can_be_loaded),
    cmocka_unit_test(another_revision_is_a_conflict),
    cmocka_unit_test(a_removed_head_is_gone_and_can_come_again),
    cmocka_unit_test(what_is_queued_behind_a_failure_fails_too),
    cmocka_unit_test(heads_are_fetched_without_waiting),
    FOLDER(heads_are_fetched_without_waiting),
    cmocka_unit_test(what_is_committed_before_all_are_told_fails),
    FOLDER(what_is_committed_before_all_are_told_fails),
    cmocka_unit_test(a_failure_ends_when_it_is_told),
    FOLDER(a_failure_ends_when_it_is_told),
    cmocka_unit_test(what_is_queued_before_a_failure_is_kept),
    FOLDER(what_is_queued_before_a_failure_is_kept),
    cmocka_unit_test(rows_are_kept_in_the_order_of_their_keys),
    cmocka_unit_test(rows_fall_with_their_head),
    cmocka_unit_test(an_item_begins_other_conversations),
    cmocka_unit_test(all_of_them_or_none),
    cmocka_unit_test(points_go_with_their_head_and_no_other),
    cmocka_unit_test(commits_are_counted),
    FOLDER(rows_are_kept_in_the_order_of_their_keys),
    FOLDER(rows_fall_with_their_head),
    FOLDER(an_item_begins_other_conversations),
    FOLDER(all_of_them_or_none),
    FOLDER(points_go_with_their_head_and_no_other),
    FOLDER(commits_are_counted),
    FOLDER(what_is_committed_can_be_loaded), /* 20.1 */
    FOLDER(another_revision_is_a_conflict),
    FOLDER(a_removed_head_is_gone_and_can_come_again),
    FOLDER(a_folder_is_found_again_as_it_was_left),
    FOLDER(a_folder_is_one_process_s), /* B:lease */
    FOLDER(a_folder_is_nobody_else_s_to_read),
    cmocka_unit_test(a_folder_that_cannot_be_is_refused_with_words),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
