/* What a folder bears: damage, an older and a newer format, a limit, others who
 * look. Damage is done through LMDB itself, behind the store's back. */
#include <lmdb.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/limits.h"
#include "store/folder.h"
#include "store/redo.h"

/* --- behind its back --- */

typedef struct Behind {
  MDB_env *env;
  MDB_txn *txn;
  MDB_dbi table;
} Behind;

static void behind(Behind *b, const char *table, unsigned flags) {
  assert_int_equal(mdb_env_create(&b->env), 0);
  assert_int_equal(mdb_env_set_mapsize(b->env, STORE_MAP_BYTES), 0);
  assert_int_equal(mdb_env_set_maxdbs(b->env, 12), 0);
  assert_int_equal(mdb_env_open(b->env, dir, 0, 0600), 0);
  assert_int_equal(mdb_txn_begin(b->env, NULL, 0, &b->txn), 0);
  assert_int_equal(mdb_dbi_open(b->txn, table, flags, &b->table), 0);
}

static void behind_done(Behind *b) {
  assert_int_equal(mdb_txn_commit(b->txn), 0);
  mdb_env_close(b->env);
}

static void write_behind(Behind *b, Slice key, Slice value) {
  MDB_val k = { key.len, (void *)(uintptr_t)key.ptr };
  MDB_val v = { value.len, (void *)(uintptr_t)value.ptr };
  assert_int_equal(mdb_put(b->txn, b->table, &k, &v, 0), 0);
}

/* Copies the record under `key` to `to`, changing bit 0 of byte `at`; none when
 * that is negative. */
static void spoil(const char *table, Slice key, Slice to, int at) {
  Behind b;
  behind(&b, table, 0);
  MDB_val k = { key.len, (void *)(uintptr_t)key.ptr }, v;
  char copy[256];
  assert_int_equal(mdb_get(b.txn, b.table, &k, &v), 0);
  assert_true(v.mv_size <= sizeof copy && at < (int)v.mv_size);
  memcpy(copy, v.mv_data, v.mv_size);
  if (at >= 0) copy[at] ^= 1;
  write_behind(&b, to, slice(copy, v.mv_size));
  behind_done(&b);
}

static Slice raw(uint8_t k) {
  static char key[CID_RAW];
  memset(key, 0, sizeof key);
  key[0] = key[CID_RAW - 1] = (char)k;
  return slice(key, sizeof key);
}

/* --- damage --- */

static void a_damaged_head_is_an_error_for_itself_alone(void **state) {
  (void)state;
  /* checksum, revision, head */
  static const int places[] = { 0, 7, 8, 15, 16, 19 };
  for (uint8_t i = 0; i < countof(places); i++) {
    Store *s = open_dir();
    Answers a = { 0 };
    Blob *head;
    uint64_t revision;
    put(s, (uint8_t)(2 * i + 1), 0, "lost", &a);
    put(s, (uint8_t)(2 * i + 2), 0, "fine", &a);
    store_free(s);
    spoil("head", raw((uint8_t)(2 * i + 1)), raw((uint8_t)(2 * i + 1)),
          places[i]);
    s = open_dir();
    assert_int_equal(load(s, (uint8_t)(2 * i + 1), &head, &revision), ERR_IO);
    assert_head(s, (uint8_t)(2 * i + 2), "fine", 1);
    /* Who still knows the conversation heals it, unless it is the revision
     * that was hit. */
    bool hit = places[i] >= 8 && places[i] < 16;
    put(s, (uint8_t)(2 * i + 1), 1, "healed", &a);
    store_settle(s);
    assert_int_equal(a.result[a.n - 1], hit ? ERR_CONFLICT : OK);
    if (!hit) assert_head(s, (uint8_t)(2 * i + 1), "healed", 2);
    store_free(s);
  }
}

static void a_head_under_another_s_key_is_damaged(void **state) {
  (void)state;
  Store *s = open_dir();
  Answers a = { 0 };
  put(s, 1, 0, "one", &a);
  store_free(s);
  char key[CID_RAW];
  memcpy(key, raw(2).ptr, sizeof key);
  spoil("head", raw(1), slice(key, sizeof key), -1);
  s = open_dir();
  Blob *head;
  uint64_t revision;
  assert_int_equal(load(s, 2, &head, &revision), ERR_IO);
  assert_head(s, 1, "one", 1);
  store_free(s);
}

static bool on_row(void *ud, Slice key, Slice value) {
  (void)value;
  buf_slice(ud, key);
  buf_byte(ud, ' ');
  return true;
}

static void assert_rows(Err (*show)(Store *, StoreTable, StoreSee, void *),
                        Store *s, Err right, const char *keys) {
  Buf text = { 0 };
  assert_int_equal(show(s, STORE_ATOM, on_row, &text), right);
  buf_byte(&text, '\0');
  assert_string_equal(text.ptr, keys);
  buf_free(&text);
}

static Err scan_all(Store *s, StoreTable table, StoreSee see, void *ud) {
  return store_scan(s, table, (Slice){ 0 }, see, ud);
}

static void a_scan_passes_over_damage_and_says_so(void **state) {
  (void)state;
  Store *s = open_dir();
  Answers a = { 0 };
  put_rows(s,
           (StoreRow[]){ row(STORE_ATOM, "a", "1"), row(STORE_ATOM, "b", ""),
                         row(STORE_ATOM, "c", "3") },
           3, &a);
  store_settle(s);
  assert_rows(scan_all, s, OK, "a b c ");
  assert_rows(store_damaged, s, OK, "");
  store_free(s);
  spoil("atom", SLICE("b"), SLICE("b"), 3);
  s = open_dir();
  Blob *value;
  assert_int_equal(store_get(s, STORE_ATOM, SLICE("b"), &value), ERR_IO);
  assert_rows(scan_all, s, ERR_IO, "a c ");
  assert_rows(store_damaged, s, OK, "b ");
  put_rows(s, (StoreRow[]){ row(STORE_ATOM, "b", "new") }, 1, &a);
  store_settle(s);
  assert_rows(scan_all, s, OK, "a b c ");
  store_free(s);
}

/* --- formats --- */

static bool count_row(void *ud, Slice key, Slice value) {
  assert_int_equal(key.len, 8 + CID_RAW);
  assert_int_equal(value.len, 0);
  /* The time that begins the id, as a number of 8 bytes, and the id. */
  assert_memory_equal(key.ptr, "\0\0", 2);
  assert_memory_equal(key.ptr + 2, key.ptr + 8, 6);
  ++*(int *)ud;
  return true;
}

static void a_store_of_the_first_format_is_brought_up(void **state) {
  (void)state;
  Behind b;
  char head[] = "\3\0\0\0\0\0\0\0first"; /* revision 3, no checksum */
  behind(&b, "meta", MDB_CREATE);
  write_behind(&b, SLICE("format"), SLICE("1"));
  assert_int_equal(mdb_dbi_open(b.txn, "head", MDB_CREATE, &b.table), 0);
  /* Enough for many pages: the migration rewrites each under its cursor. */
  for (int k = 1; k <= 250; k++)
    write_behind(&b, raw((uint8_t)k), slice(head, sizeof head - 1));
  behind_done(&b);
  char why[256] = "";
  assert_null(store_lmdb_look(dir, why, sizeof why));
  assert_non_null(strstr(why, "older format (1)"));
  Store *s = open_dir();
  assert_int_equal(store_count(s), 250);
  for (int k = 1; k <= 250; k++) assert_head(s, (uint8_t)k, "first", 3);
  int visits = 0;
  assert_int_equal(store_scan(s, STORE_SEEN, (Slice){ 0 }, count_row, &visits),
                   OK);
  assert_int_equal(visits, 250);
  Answers a = { 0 };
  put(s, 7, 3, "next", &a);
  store_free(s);
  assert_int_equal(a.result[0], OK);
  s = open_dir();
  assert_head(s, 7, "next", 4);
  assert_int_equal(store_count(s), 250);
  Blob *value;
  assert_int_equal(store_get(s, STORE_META, SLICE("format"), &value),
                   ERR_NOT_FOUND);
  store_free(s);
}

static void a_newer_store_is_refused_and_left_alone(void **state) {
  (void)state;
  store_free(open_dir());
  Behind b;
  behind(&b, "info", 0);
  write_behind(&b, SLICE("format"), SLICE("99"));
  behind_done(&b);
  char why[256] = "";
  assert_null(store_lmdb_open(dir, on_news, NULL, why, sizeof why));
  assert_non_null(strstr(why, "newer stube"));
  assert_non_null(strstr(why, "99"));
  assert_non_null(strstr(why, dir));
  behind(&b, "info", 0);
  MDB_val key = { 6, "format" }, value;
  assert_int_equal(mdb_get(b.txn, b.table, &key, &value), 0);
  assert_true(slice_is(slice(value.mv_data, value.mv_size), "99"));
  behind_done(&b);
}

/* --- a limit --- */

static void past_its_limit_a_store_does_not_grow(void **state) {
  (void)state;
  static char big[KIB(30)];
  memset(big, 'x', sizeof big);
  Store *s = open_dir();
  Answers a = { 0 };
  store_set_limit(s, KIB(256));
  uint8_t k = 0;
  do {
    put_slice(s, ++k, 0, slice(big, sizeof big), &a);
    store_settle(s);
  } while (a.result[a.n - 1] == OK);
  assert_int_equal(a.result[a.n - 1], ERR_UNAVAILABLE);
  assert_in_range(k, 5, 10);
  assert_string_equal(store_trouble(s), "its limit is reached");
  assert_in_range(store_stats(s).bytes, 1, KIB(256));
  assert_int_equal(store_stats(s).failures, 1);
  /* Reading goes on; so does what needs no more room, or makes some. */
  Blob *head;
  uint64_t revision;
  assert_int_equal(load(s, 1, &head, &revision), OK);
  assert_int_equal(head->len, sizeof big);
  blob_drop(head);
  put_slice(s, 1, 1, slice(big, sizeof big), &a);
  store_settle(s);
  assert_int_equal(a.result[a.n - 1], OK);
  put(s, 2, 1, NULL, &a);
  store_settle(s);
  assert_int_equal(a.result[a.n - 1], OK);
  assert_null(store_trouble(s));
  put_slice(s, k, 0, slice(big, sizeof big), &a);
  store_settle(s);
  assert_int_equal(a.result[a.n - 1], OK);
  put_slice(s, 40, 0, slice(big, sizeof big), &a);
  store_settle(s);
  assert_int_equal(a.result[a.n - 1], ERR_UNAVAILABLE);
  store_set_limit(s, KIB(512));
  put_slice(s, 40, 0, slice(big, sizeof big), &a);
  store_settle(s);
  assert_int_equal(a.result[a.n - 1], OK);
  store_free(s);
}

/* --- others who look --- */

static void a_look_sees_what_the_server_keeps(void **state) {
  (void)state;
  Store *s = open_dir();
  Answers a = { 0 };
  put(s, 1, 0, "one", &a);
  store_settle(s);
  pid_t pid = fork(); /* LMDB wants one environment a process */
  if (pid == 0) {
    char why[256];
    Blob *head;
    uint64_t revision;
    Answers refused = { 0 };
    Store *look = store_lmdb_look(dir, why, sizeof why);
    int wrong = !look || load(look, 1, &head, &revision) ||
                !slice_is(blob_view(head), "one") || store_count(look) != 1;
    if (!wrong) put(look, 1, 1, "two", &refused);
    if (!wrong) store_settle(look);
    _exit(wrong || refused.n != 1 || refused.result[0] != ERR_UNAVAILABLE);
  }
  int status;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_int_equal(status, 0);
  assert_head(s, 1, "one", 1);
  store_free(s);
}

/* Holds LMDB's lock of writers until it is killed. */
static pid_t blocker(void) {
  int fds[2];
  char byte;
  assert_int_equal(pipe(fds), 0);
  pid_t pid = fork();
  if (pid == 0) {
    Behind b;
    behind(&b, "head", 0);
    (void)!write(fds[1], "b", 1);
    for (;;) pause();
  }
  assert_int_equal(read(fds[0], &byte, 1), 1);
  close(fds[0]);
  close(fds[1]);
  return pid;
}

static void what_queues_while_a_batch_fails_fails_too(void **state) {
  (void)state;
  Store *s = open_dir();
  Answers a = { 0 };
  pid_t pid = blocker();
  put(s, 1, 9, "of no revision", &a);
  usleep(30000); /* enough for the writer to take it; else they are one batch */
  put(s, 2, 0, "behind it", &a);
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  store_settle(s);
  assert_int_equal(a.result[0], ERR_CONFLICT);
  assert_int_equal(a.result[1], ERR_UNAVAILABLE);
  assert_head(s, 2, NULL, 0);
  store_free(s);
}

/* --- the redo log --- */

static void nobody_waits_for_the_database(void **state) {
  (void)state;
  Store *s = open_dir();
  Answers a = { 0 };
  put(s, 1, 0, "one", &a);
  store_settle(s);
  pid_t pid = blocker();
  put(s, 1, 1, "two", &a);
  put(s, 2, 0, "new", &a);
  store_settle(s);
  assert_int_equal(a.result[1], OK);
  assert_int_equal(a.result[2], OK);
  assert_head(s, 1, "two", 2); /* and what is kept is seen */
  assert_head(s, 2, "new", 1);
  assert_in_range(store_stats(s).redo_bytes, 1, 1000);
  put(s, 1, 2, NULL, &a);
  store_settle(s);
  assert_head(s, 1, NULL, 0);
  put(s, 1, 2, "of what is gone", &a);
  store_settle(s);
  assert_int_equal(a.result[4], ERR_CONFLICT);
  assert_int_equal(store_count(s), 1);
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  store_free(s);
}

/* Commits in a process that ends without closing the store. */
static void commit_and_die(void) {
  pid_t pid = fork();
  int status;
  if (pid == 0) {
    Answers a = { 0 };
    Store *s = open_dir();
    put(s, 1, 0, "one", &a);
    put_rows(s, (StoreRow[]){ row(STORE_ATOM, "a", "1") }, 1, &a);
    store_settle(s);
    _exit(a.result[0] || a.result[1]);
  }
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_int_equal(status, 0);
}

static void assert_all_is_there(Store *s) {
  Blob *value;
  assert_non_null(s);
  assert_head(s, 1, "one", 1);
  assert_int_equal(store_count(s), 1);
  assert_int_equal(store_get(s, STORE_ATOM, SLICE("a"), &value), OK);
  blob_drop(value);
  store_free(s);
}

static void what_was_kept_before_a_crash_is_there(void **state) {
  (void)state;
  commit_and_die();
  assert_all_is_there(open_dir());
  assert_all_is_there(open_dir()); /* once */
}

static void a_look_sees_what_was_kept_before_a_crash(void **state) {
  (void)state;
  char why[256];
  commit_and_die();
  assert_all_is_there(store_lmdb_look(dir, why, sizeof why));
}

/* Records behind a gap, as a power cut leaves them that took what was before:
 * what they say is gone. */
static void leave_behind_a_gap(void) {
  Redo files[REDO_FILES] = { 0 };
  StoreItem item = { .key = { [0] = 1, [CID_RAW - 1] = 1 }, .expected = 1 };
  item.head = blob_new(SLICE("of what is gone"));
  assert_int_equal(redo_open(dir, files, true), 0);
  for (uint64_t number = 2; number <= 3; number++) {
    redo_begin(&files[1]);
    redo_put(&files[1], &item);
    redo_seal(&files[1], number, 1);
    assert_int_equal(redo_write(&files[1], true), 0);
    redo_keep(&files[1], number);
  }
  for (int i = 0; i < REDO_FILES; i++) redo_clear(&files[i]);
  redo_close(files);
  blob_drop(item.head);
}

/* That it was taken away need not be on the disk when the next power cut comes:
 * no later record may have a number that it goes on from. */
static void what_lies_behind_a_gap_follows_nothing(void **state) {
  (void)state;
  store_free(open_dir());
  leave_behind_a_gap();
  commit_and_die();
  leave_behind_a_gap();
  assert_all_is_there(open_dir());
}

/* A head and a point of turn `turn`, or a removal. */
static void put_with_point(Store *s, uint64_t expected, const char *head,
                           uint8_t turn, Answers *a) {
  StoreItem item = { .expected = expected };
  uint8_t key[CID_RAW + 8] = { 1 };
  item.key[0] = item.key[CID_RAW - 1] = 1;
  memcpy(key, item.key, CID_RAW);
  key[CID_RAW + 7] = turn;
  StoreRow point = { STORE_POINT, blob_new(slice((char *)key, sizeof key)),
                     blob_new(SLICE("point")) };
  item.head = head ? blob_new(slice_str(head)) : NULL;
  item.rows = &point;
  item.n_rows = head ? 1 : 0;
  store_commit(s, &item, on_done, a);
  blob_drop(item.head);
  blob_drop(point.key);
  blob_drop(point.value);
}

static bool on_point(void *ud, Slice key, Slice value) {
  (void)value;
  buf_byte(ud, key.ptr[CID_RAW + 7]);
  return true;
}

static void of_many_changes_the_newest_is_in_the_database(void **state) {
  (void)state;
  Store *s = open_dir();
  Answers a = { 0 };
  pid_t pid = blocker(); /* so that all of it waits for one transaction */
  put_with_point(s, 0, "a", 1, &a);
  put_with_point(s, 1, "b", 2, &a);
  put_with_point(s, 2, NULL, 0, &a);
  put_with_point(s, 0, "c", 3, &a);
  put_with_point(s, 1, "d", 4, &a);
  store_settle(s);
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  store_free(s);
  for (size_t i = 0; i < a.n; i++) assert_int_equal(a.result[i], OK);
  s = open_dir();
  Buf turns = { 0 };
  assert_head(s, 1, "d", 2);
  assert_int_equal(store_scan(s, STORE_POINT, raw(1), on_point, &turns), OK);
  assert_true(slice_is(buf_view(&turns), "\3\4"));
  buf_free(&turns);
  store_free(s);
}

static void who_would_serve_waits_for_who_only_holds_it(void **state) {
  (void)state;
  char why[256], byte;
  int fds[2], status;
  assert_int_equal(pipe(fds), 0);
  pid_t pid = fork();
  if (pid == 0) {
    Store *held = store_lmdb_hold(dir, why, sizeof why);
    bool told = write(fds[1], "h", 1) == 1;
    usleep(50000); /* long enough for the other one to meet the lock */
    store_free(held);
    _exit(!held || !told);
  }
  assert_int_equal(read(fds[0], &byte, 1), 1);
  close(fds[0]);
  close(fds[1]);
  store_free(open_dir());
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_int_equal(status, 0);
}

static void what_the_log_cannot_hold_goes_to_the_database(void **state) {
  (void)state;
  static char big[STORE_REDO_BYTES + 1];
  memset(big, 'x', sizeof big);
  Store *s = open_dir();
  Answers a = { 0 };
  put(s, 1, 0, "one", &a);
  store_settle(s);
  pid_t pid = blocker();
  put_slice(s, 2, 0, slice(big, sizeof big), &a);
  put(s, 1, 1, "two", &a); /* behind it */
  usleep(30000);
  store_poll(s);
  assert_int_equal(a.n, 1);
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  store_settle(s);
  assert_int_equal(a.result[1], OK);
  assert_head(s, 1, "two", 2);
  Blob *head;
  uint64_t revision;
  assert_int_equal(load(s, 2, &head, &revision), OK);
  assert_int_equal(head->len, sizeof big);
  blob_drop(head);
  store_free(s);
}

static void a_database_that_is_slow_is_waited_for(void **state) {
  (void)state;
  static char big[STORE_REDO_BYTES / 3];
  memset(big, 'x', sizeof big);
  Store *s = open_dir();
  Answers a = { 0 };
  pid_t pid = blocker();
  for (uint8_t k = 1; k <= 5; k++) { /* two are enough to be handed over */
    put_slice(s, k, 0, slice(big, sizeof big), &a);
    if (k < 5) store_settle(s);
  }
  assert_int_equal(a.n, 4); /* the last finds both files full */
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  store_settle(s);
  store_free(s);
  s = open_dir();
  assert_int_equal(store_count(s), 5);
  for (uint8_t k = 1; k <= 5; k++) {
    Blob *head;
    uint64_t revision;
    assert_int_equal(a.result[k - 1], OK);
    assert_int_equal(load(s, k, &head, &revision), OK);
    assert_int_equal(head->len, sizeof big);
    blob_drop(head);
  }
  store_free(s);
}

/* Opens the database and reads until it is killed. */
static pid_t reader(int *ready) {
  int fds[2];
  assert_int_equal(pipe(fds), 0);
  pid_t pid = fork();
  if (pid == 0) {
    MDB_env *env;
    MDB_txn *txn;
    if (mdb_env_create(&env) == 0 &&
        mdb_env_open(env, dir, MDB_RDONLY, 0600) == 0 &&
        mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) == 0)
      (void)!write(fds[1], "r", 1);
    for (;;) pause();
  }
  close(fds[1]);
  *ready = fds[0];
  return pid;
}

static int add_reader(const char *line, void *n) {
  ++*(int *)n;
  (void)line;
  return 0;
}

static void readers_that_were_killed_hold_nothing_back(void **state) {
  (void)state;
  store_free(open_dir());
  pid_t pids[2];
  for (int i = 0; i < 2; i++) {
    int ready;
    char byte;
    pids[i] = reader(&ready);
    assert_int_equal(read(ready, &byte, 1), 1);
    close(ready);
  }
  kill(pids[0], SIGKILL);
  waitpid(pids[0], NULL, 0);
  store_free(open_dir());
  Behind b;
  int lines = 0;
  behind(&b, "head", 0);
  mdb_reader_list(b.env, add_reader, &lines);
  behind_done(&b);
  kill(pids[1], SIGKILL);
  waitpid(pids[1], NULL, 0);
  assert_int_equal(lines, 2); /* a heading, and the one that lives */
}

int main(void) {
  const struct CMUnitTest tests[] = {
    FOLDER(a_damaged_head_is_an_error_for_itself_alone), /* 20.2 */
    FOLDER(a_head_under_another_s_key_is_damaged),
    FOLDER(a_scan_passes_over_damage_and_says_so),
    FOLDER(a_store_of_the_first_format_is_brought_up),
    FOLDER(a_newer_store_is_refused_and_left_alone),
    FOLDER(past_its_limit_a_store_does_not_grow),
    FOLDER(a_look_sees_what_the_server_keeps),
    FOLDER(what_queues_while_a_batch_fails_fails_too),
    FOLDER(nobody_waits_for_the_database),
    FOLDER(what_was_kept_before_a_crash_is_there),
    FOLDER(a_look_sees_what_was_kept_before_a_crash),
    FOLDER(what_lies_behind_a_gap_follows_nothing),
    FOLDER(of_many_changes_the_newest_is_in_the_database),
    FOLDER(who_would_serve_waits_for_who_only_holds_it),
    FOLDER(what_the_log_cannot_hold_goes_to_the_database),
    FOLDER(a_database_that_is_slow_is_waited_for),
    FOLDER(readers_that_were_killed_hold_nothing_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
