#include "store/folder.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "store/admin.h"

#define MANY 200

static bool see_one(void *ud, Slice key, Slice value) {
  (void)ud, (void)key, (void)value;
  return false;
}

/* Many heads of a kilobyte, then most of them removed: pages that hold nothing.
 */
static Store *make_store(void) {
  static char kilobyte[1024];
  Store *s = open_dir();
  memset(kilobyte, 'x', sizeof kilobyte);
  for (uint8_t k = 1; k <= MANY; k++) {
    Answers a = { .n = 0 };
    put_slice(s, k, 0, slice(kilobyte, sizeof kilobyte), &a);
    store_settle(s);
    assert_int_equal(a.result[0], OK);
  }
  store_scan(s, STORE_HEAD, (Slice){ 0 }, see_one, NULL); /* in the database */
  for (uint8_t k = 1; k <= MANY; k++) {
    Answers a = { .n = 0 };
    put(s, k, 1, k <= 3 ? "kept" : NULL, &a);
    store_settle(s);
    assert_int_equal(a.result[0], OK);
  }
  return s;
}

static void check_kept(Store *s) {
  assert_int_equal(store_count(s), 3);
  for (uint8_t k = 1; k <= 3; k++) assert_head(s, k, "kept", 2);
  assert_head(s, 4, NULL, 0);
}

static bool go_on(void *ud, uint64_t bytes) {
  *(uint64_t *)ud = bytes;
  return true;
}

static bool stop(void *ud, uint64_t bytes) {
  (void)ud, (void)bytes;
  return false;
}

static char path[128], why[256];

static int make_file(const char *name) {
  snprintf(path, sizeof path, "%s/%s", dir, name);
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  assert_true(fd >= 0);
  return fd;
}

static void test_a_copy_is_of_one_moment(void **state) {
  (void)state;
  Store *s = make_store();
  uint64_t bytes = 0, n = 0;
  int fd = make_file("copy");
  assert_int_equal(store_copy(s, fd, go_on, &bytes, why, sizeof why), OK);
  assert_int_equal(lseek(fd, 0, SEEK_END), bytes);
  close(fd);
  assert_true(store_copy_count(path, &n));
  assert_int_equal(n, 3);
  /* What is committed afterwards is not in it. */
  Answers a = { .n = 0 };
  put(s, 9, 0, "later", &a);
  store_settle(s);
  store_free(s);
  char data[128];
  snprintf(data, sizeof data, "%s/data.mdb", dir);
  assert_int_equal(rename(path, data), 0);
  s = open_dir();
  check_kept(s);
  assert_head(s, 9, NULL, 0);
  store_free(s);
}

static void test_a_copy_can_be_made_beside_who_serves(void **state) {
  (void)state;
  Store *s = make_store();
  Store *look = store_lmdb_look(dir, why, sizeof why);
  assert_non_null(look);
  uint64_t bytes = 0, n = 0;
  int fd = make_file("copy");
  assert_int_equal(store_copy(look, fd, go_on, &bytes, why, sizeof why), OK);
  close(fd);
  store_free(look);
  assert_true(store_copy_count(path, &n));
  assert_int_equal(n, 3);
  unlink(path);
  store_free(s);
}

static void test_a_copy_can_be_stopped(void **state) {
  (void)state;
  Store *s = make_store();
  int fd = make_file("copy");
  assert_int_equal(store_copy(s, fd, stop, NULL, why, sizeof why), ERR_TIMEOUT);
  assert_non_null(strstr(why, "too long"));
  Answers a = { .n = 0 };
  put(s, 9, 0, "later", &a); /* and the store goes on */
  store_settle(s);
  assert_int_equal(a.result[0], OK);
  store_free(s);
  close(fd);
  fd = open("/dev/full", O_WRONLY);
  s = open_dir();
  assert_int_equal(store_copy(s, fd, go_on, &(uint64_t){ 0 }, why, sizeof why),
                   ERR_IO);
  assert_non_null(strstr(why, "No space"));
  store_free(s);
  close(fd);
  unlink(path);
}

static void test_no_copy_is_no_database(void **state) {
  (void)state;
  uint64_t n, bytes;
  Store *s = make_store();
  int fd = make_file("copy");
  assert_int_equal(store_copy(s, fd, go_on, &bytes, why, sizeof why), OK);
  store_free(s);
  assert_int_equal(ftruncate(fd, (off_t)bytes - 1), 0);
  assert_false(store_copy_count(path, &n)); /* cut short */
  close(fd);
  fd = make_file("copy");
  assert_false(store_copy_count(path, &n));
  assert_int_equal(write(fd, path, sizeof path), sizeof path);
  close(fd);
  assert_false(store_copy_count(path, &n));
  unlink(path);
  assert_false(store_copy_count(path, &n));
}

/* No one may look while files are being swapped. */
static bool try_to_look(void *ud, uint64_t bytes) {
  (void)ud, (void)bytes;
  char reason[256];
  assert_null(store_lmdb_look(dir, reason, sizeof reason));
  assert_non_null(strstr(reason, "being compacted"));
  assert_null(store_lmdb_hold(dir, reason, sizeof reason));
  assert_non_null(strstr(reason, "in use by process"));
  return true;
}

static void test_compacting_keeps_all_and_gives_room_back(void **state) {
  (void)state;
  store_free(make_store());
  uint64_t before, after;
  assert_int_equal(
      store_compact(dir, try_to_look, NULL, &before, &after, why, sizeof why),
      OK);
  assert_true(before > MANY * KIB(1));
  assert_true(after < before / 2);
  Store *s = open_dir();
  check_kept(s);
  for (uint8_t k = 10; k < 60; k++) {
    Answers a = { .n = 0 };
    put(s, k, 0, "new", &a);
    store_settle(s);
    assert_int_equal(a.result[0], OK);
  }
  store_free(s);
  s = store_lmdb_look(dir, why, sizeof why);
  assert_int_equal(store_count(s), 53);
  assert_head(s, 59, "new", 1);
  store_free(s);
}

static void test_compacting_needs_the_store_for_itself(void **state) {
  (void)state;
  uint64_t before, after;
  char pid[32];
  Store *s = make_store();
  assert_int_equal(
      store_compact(dir, go_on, &before, &before, &after, why, sizeof why),
      ERR_CONFLICT);
  snprintf(pid, sizeof pid, "in use by process %d", (int)getpid());
  assert_non_null(strstr(why, pid));
  store_free(s);
  s = store_lmdb_look(dir, why, sizeof why);
  assert_int_equal(
      store_compact(dir, go_on, &before, &before, &after, why, sizeof why),
      ERR_CONFLICT);
  assert_non_null(strstr(why, "looks at it"));
  check_kept(s);
  store_free(s);
}

static void test_a_compaction_that_stops_changes_nothing(void **state) {
  (void)state;
  uint64_t before, after;
  store_free(make_store());
  assert_int_equal(
      store_compact(dir, stop, NULL, &before, &after, why, sizeof why),
      ERR_TIMEOUT);
  Store *s = open_dir();
  check_kept(s);
  store_free(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    FOLDER(test_a_copy_is_of_one_moment),
    FOLDER(test_a_copy_can_be_made_beside_who_serves),
    FOLDER(test_a_copy_can_be_stopped),
    FOLDER(test_no_copy_is_no_database),
    FOLDER(test_compacting_keeps_all_and_gives_room_back),
    FOLDER(test_compacting_needs_the_store_for_itself),
    FOLDER(test_a_compaction_that_stops_changes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
