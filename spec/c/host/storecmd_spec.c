/* `stube store check` on rows that somebody changed: what is missing, strange
 * or without an owner is named. (spec/e2e/store_spec.mjs has the commands as a
 * whole.) */
#include "host/served.h"

#include "host/storecmd.h"

static TempPath dir, app;
static char cid[CID_LEN + 1];
static uint8_t key[CID_RAW];

static const char script[] =
    "local s = require 'stube'\n"
    "s.mount('/later', s.component('spec/later', {\n"
    "  start = function() s.subscribe('room', 'said') end,\n"
    "  render = function(self)\n"
    "    return { 'div', { 'button', on_click = 'go', self.n or 0 } }\n"
    "  end,\n"
    "  on = { go = function(self)\n"
    "    self.n = (self.n or 0) + 1\n"
    "    s.after(3600, 'ring')\n"
    "    s.publish('other', { n = self.n })\n"
    "  end, said = print, ring = print },\n"
    "}))\n";

static void click(Client *c) {
  visit(c, "/later");
  for (int i = 0; i < 40; i++)
    EXPECT(c, 204, post(c, c->url[0], JSON OURS, SLICE("{}")));
  const char *at = strstr(c->url[0], "/conv/");
  if (at) snprintf(cid, sizeof cid, "%s", at + 6);
}

static int make_store(void **state) {
  (void)state;
  temp_make(dir);
  temp_file(app, script);
  serve_app(app, dir, click);
  return cid_raw(slice(cid, CID_LEN), key) ? 0 : -1;
}

static int remove_store(void **state) {
  (void)state;
  temp_remove(app);
  temp_remove(dir);
  return 0;
}

/* What the command prints on both outputs; its code. */
static int run(const char *command, char out[4096]) {
  char *argv[] = { (char *)(uintptr_t)command, "--store", dir };
  FILE *to = tmpfile();
  fflush(NULL);
  int saved[] = { dup(STDOUT_FILENO), dup(STDERR_FILENO) };
  dup2(fileno(to), STDOUT_FILENO);
  dup2(fileno(to), STDERR_FILENO);
  int code = store_command(countof(argv), argv);
  fflush(NULL);
  dup2(saved[0], STDOUT_FILENO);
  dup2(saved[1], STDERR_FILENO);
  close(saved[0]);
  close(saved[1]);
  rewind(to);
  size_t n = fread(out, 1, 4095, to);
  out[n] = '\0';
  fclose(to);
  return code;
}

static void no_news(void *ud) { (void)ud; }
static void on_done(void *ud, Err e) { *(Err *)ud = e; }

/* Puts a row (NULL: removes it) behind the back of the kernel. */
static void put(StoreTable table, Slice row_key, const char *value) {
  char why[256];
  Err e = ERR_IO;
  Store *s = store_lmdb_open(dir, no_news, NULL, why, sizeof why);
  assert_non_null(s);
  StoreRow row = { table, blob_new(row_key),
                   value ? blob_new(slice_str(value)) : NULL };
  StoreItem item = { .is_rows = true, .rows = &row, .n_rows = 1 };
  store_commit(s, &item, on_done, &e);
  store_settle(s);
  assert_int_equal(e, OK);
  blob_drop(row.key);
  blob_drop(row.value);
  store_free(s);
}

typedef struct First {
  Buf key;
  size_t n;
} First;

static bool see_first(void *ud, Slice row_key, Slice value) {
  First *f = ud;
  (void)value;
  if (!f->n++) buf_slice(&f->key, row_key);
  return true;
}

/* The key of a table's first row; `n` counts all, 0 does not ask. */
static Slice first_key(StoreTable table, size_t n) {
  static First f;
  char why[256];
  Store *s = store_lmdb_look(dir, why, sizeof why);
  assert_non_null(s);
  f.n = 0;
  buf_clear(&f.key);
  store_scan(s, table, (Slice){ 0 }, see_first, &f);
  store_free(s);
  if (n) assert_int_equal(f.n, n);
  return buf_view(&f.key);
}

static void finds(int trouble, const char *words) {
  char out[4096];
  int code = run("check", out);
  if (code != (trouble ? 1 : 0) || !strstr(out, words))
    fail_msg("%d, and without \"%s\":\n%s", code, words, out);
  if (trouble && !strstr(out, cid)) fail_msg("%s is not named:\n%s", cid, out);
}

static void test_what_is_sound_is_said_to_be(void **state) {
  (void)state;
  finds(0, "1 conversations, 1 files of code, all sound");
}

static void test_a_timer_that_is_in_no_index(void **state) {
  (void)state;
  put(STORE_DUE, first_key(STORE_DUE, 1), NULL);
  finds(1, "what wakes it is not in the index: its timer");
}

static void test_a_subscription_that_is_in_no_index(void **state) {
  (void)state;
  put(STORE_TOPIC, first_key(STORE_TOPIC, 1), "12345678");
  finds(1, "the message that it wants");
  put(STORE_TOPIC, first_key(STORE_TOPIC, 1), NULL);
  finds(1, "what wakes it is not in the index: a subscription");
}

static void test_a_row_of_an_index_that_is_out_of_date(void **state) {
  (void)state;
  char row[8 + CID_RAW] = "\0\0\0\0\0\0\1";
  memcpy(row + 8, key, CID_RAW);
  put(STORE_DUE, slice(row, sizeof row), "");
  finds(1, "timer row of");
}

static void test_rows_of_a_conversation_that_is_not_there(void **state) {
  (void)state;
  char row[CID_RAW + 8] = "none of ours";
  memcpy(row + CID_RAW - 8, "\0\0\0\0\0\0\0\1", 8);
  char out[4096];
  put(STORE_TOPIC, slice("room\0none of ours. none of ", 27), "12345678");
  assert_int_equal(run("check", out), 1);
  assert_non_null(strstr(out, "subscription of"));
  assert_non_null(strstr(out, "its conversation is not there"));
}

static void test_a_history_with_a_row_too_many_or_too_few(void **state) {
  (void)state;
  Slice first = first_key(STORE_POINT, 0);
  char stray[CID_RAW + 8];
  memcpy(stray, first.ptr, sizeof stray);
  stray[sizeof stray - 1] ^= 64;
  put(STORE_POINT, slice(stray, sizeof stray), "no row");
  finds(1, "history: its rows have");
  put(STORE_POINT, slice(stray, sizeof stray), NULL);
  finds(0, "all sound");
  put(STORE_POINT, first_key(STORE_POINT, 0), NULL);
  finds(1, "history: its rows have");
}

static void test_rows_that_cannot_be_read(void **state) {
  (void)state;
  char out[4096];
  put(STORE_MSG, slice("other\0\0\0\0\0\0\0\1\1", 14), "no message");
  put(STORE_CODE, slice("0123456789012345678901234567890", 32), "no code");
  assert_int_equal(run("check", out), 1);
  assert_non_null(strstr(out, "message 6f74686572"));
  assert_non_null(strstr(out, "code 30313233"));
  assert_non_null(strstr(out, "2 damaged"));
}

static void test_code_that_is_gone(void **state) {
  (void)state;
  put(STORE_CODE, first_key(STORE_CODE, 1), NULL);
  finds(1, "component that is not defined: spec/later");
  finds(1, "1 without their code");
}

#define STORED(f) cmocka_unit_test_setup_teardown(f, make_store, remove_store)

int main(void) {
  const struct CMUnitTest tests[] = {
    STORED(test_what_is_sound_is_said_to_be),
    STORED(test_a_timer_that_is_in_no_index),
    STORED(test_a_subscription_that_is_in_no_index),
    STORED(test_a_row_of_an_index_that_is_out_of_date),
    STORED(test_rows_of_a_conversation_that_is_not_there),
    STORED(test_a_history_with_a_row_too_many_or_too_few),
    STORED(test_rows_that_cannot_be_read),
    STORED(test_code_that_is_gone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
