/* Rows of history that are not what was written: refused, and nothing else is
 * lost. What going back does is told in spec/lua/history_spec.lua. */
#include "../../fuzz/head.c"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max) {
  (void)data, (void)max;
  return size;
}

/* --- rows --- */

static Conv named(uint8_t id) {
  Conv c = { .cid = "" };
  memset(c.key, id, sizeof c.key);
  memset(c.mac_key.bytes, id, sizeof c.mac_key.bytes);
  return c;
}

static Blob *row_of_two(const Conv *c, uint64_t *key) {
  Buf list = { 0 };
  point_put(&list, &(Point){ 7, 8, 5000, 6000, SLICE("inc"), SLICE("delta") });
  point_put(&list, &(Point){ 4, 6, 1000, 900, SLICE(""), SLICE("") });
  Blob *row = point_row_make(c, 2, buf_view(&list), key);
  buf_free(&list);
  return row;
}

static void a_row_holds_its_points(void **state) {
  (void)state;
  Conv c = named(1);
  uint64_t key;
  PointRow row;
  Point p;
  Blob *b = row_of_two(&c, &key);
  assert_int_equal(key, 7);
  assert_int_equal(point_row_read(&c, key, blob_view(b), &row), OK);
  assert_int_equal(row.next, 2);
  assert_int_equal(row.n, 2);
  assert_true(slice_eq(point_first(row.list, 2), row.list));
  assert_true(point_first(row.list, 1).len < row.list.len);
  assert_int_equal(point_take(&row.list, &p), OK);
  assert_int_equal(p.turn, 7);
  assert_int_equal(p.until, 8);
  assert_int_equal(p.left_ms, 6000);
  assert_true(slice_is(p.event, "inc"));
  assert_true(slice_is(p.delta, "delta"));
  assert_int_equal(point_take(&row.list, &p), OK);
  assert_int_equal(p.left_ms, 1000); /* a clock that went back stands still */
  assert_int_equal(row.list.len, 0);
  blob_drop(b);
}

static void a_row_that_was_changed_is_refused(void **state) {
  (void)state;
  Conv c = named(1), other = named(2);
  uint64_t key;
  PointRow row;
  Blob *b = row_of_two(&c, &key);
  for (size_t i = 0; i < b->len; i++) {
    b->bytes[i] ^= 1;
    assert_int_equal(point_row_read(&c, key, blob_view(b), &row),
                     ERR_BAD_INPUT);
    b->bytes[i] ^= 1;
    assert_int_equal(point_row_read(&c, key, slice(b->bytes, i), &row),
                     ERR_BAD_INPUT);
  }
  assert_int_equal(point_row_read(&c, key + 1, blob_view(b), &row),
                   ERR_BAD_INPUT);
  assert_int_equal(point_row_read(&other, key, blob_view(b), &row),
                   ERR_BAD_INPUT);
  blob_drop(b);
}

static void keys_sort_by_turn(void **state) {
  (void)state;
  Conv c = named(9);
  char a[POINT_KEY], b[POINT_KEY];
  uint64_t turn, big = (uint64_t)1 << 40;
  point_key(a, &c, 255);
  point_key(b, &c, 256);
  assert_true(memcmp(a, b, POINT_KEY) < 0);
  assert_true(point_key_read(&c, point_key(a, &c, big), &turn));
  assert_true(turn == big);
  c.key[0] ^= 1;
  assert_false(point_key_read(&c, slice(a, POINT_KEY), &turn));
}

/* --- a conversation with such a row --- */

static Conv *conv;
static Err result;

static void note_result(Event *ev, Err e) {
  (void)ev;
  result = e;
}

static Err back_to(uint64_t turn) {
  Event ev = { .is_back = true, .to_turn = turn, .answer = note_result };
  kernel_post(kernel, conv, &ev);
  store_settle(store);
  return result;
}

/* A list that called 80 leaves: its turn t + 1 made t of them. */
static int open_list(void **state) {
  (void)state;
  Buf page = { 0 };
  renew();
  has_ended = false;
  lua_pushliteral(h.L, "fuzz/list");
  Mint mint = { .embed = 1 };
  assert_int_equal(kernel_mint(kernel, &mint, &conv, &page), OK);
  lua_settop(h.L, 0);
  for (int i = 0; i < 80; i++) post(conv, 1, "side");
  buf_free(&page);
  return 0;
}

static int close_list(void **state) {
  (void)state;
  close_host();
  return 0;
}

typedef struct Rows {
  uint64_t turn[64];
  size_t n;
} Rows;

static bool see(void *ud, Slice key, Slice row) {
  Rows *r = ud;
  (void)row;
  r->n += point_key_read(conv, key, &r->turn[r->n]);
  return r->n < countof(r->turn);
}

static Rows rows(void) {
  Rows r = { .n = 0 };
  store_scan(store, STORE_POINT, (Slice){ 0 }, see, &r);
  return r;
}

/* Changes one byte of a row, or with `by` 0 removes it. */
static void damage(uint64_t turn, char by) {
  char key[POINT_KEY];
  Blob *was, *row = NULL;
  point_key(key, conv, turn);
  assert_int_equal(store_get(store, STORE_POINT, slice(key, POINT_KEY), &was),
                   OK);
  if (by) {
    row = blob_new(blob_view(was));
    row->bytes[row->len / 2] ^= by;
  }
  Blob *name = blob_new(slice(key, POINT_KEY));
  StoreRow change = { STORE_POINT, name, row };
  StoreItem item = { .is_rows = true, .rows = &change, .n_rows = 1 };
  store_commit(store, &item, kept, NULL);
  store_settle(store);
  blob_drop(name);
  blob_drop(was);
  blob_drop(row);
}

/* The leaves that hang in the list now. */
static size_t leaves(void) {
  assert_int_equal(conv_wake(kernel, conv), OK);
  return conv->n_insts - 4;
}

static void the_history_ends_at(char by) {
  Rows r = rows();
  assert_true(r.n >= 4);
  damage(r.turn[1], by);
  assert_int_equal(back_to(2), ERR_CONFLICT);
  assert_int_equal(leaves(), 80);
  assert_int_equal(back_to(r.turn[2]), OK); /* newer ones are whole */
  assert_int_equal(leaves(), r.turn[2] - 1);
  assert_int_equal(back_to(81), OK);
  assert_int_equal(leaves(), 80);
  post(conv, 1, "side");
  assert_int_equal(leaves(), 81);
}

static void a_damaged_row_ends_the_history_there(void **state) {
  (void)state;
  the_history_ends_at(1);
}

static void so_does_a_row_that_is_missing(void **state) {
  (void)state;
  the_history_ends_at(0);
}

static void what_was_damaged_leaves_with_the_rest(void **state) {
  (void)state;
  Rows r = rows();
  damage(r.turn[1], 1);
  kernel->config.history_turns = 10;
  for (int i = 0; i < 30; i++) post(conv, 1, "side");
  assert_true(rows().n <= 10); /* the damaged one is not among them */
  assert_true(conv->history.n[PAST] <= 10);
  assert_int_equal(back_to(conv->turn - 4), OK);
  assert_int_equal(leaves(), 106);
}

static void the_end_takes_the_history_along(void **state) {
  (void)state;
  assert_true(rows().n > 0);
  keep(NULL); /* another conversation's: nothing of ours */
  StoreItem item = { .expected = conv->revision };
  memcpy(item.key, conv->key, sizeof item.key);
  store_commit(store, &item, kept, NULL);
  store_settle(store);
  assert_int_equal(rows().n, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_row_holds_its_points),
    cmocka_unit_test(a_row_that_was_changed_is_refused),
    cmocka_unit_test(keys_sort_by_turn),
    cmocka_unit_test_setup_teardown(a_damaged_row_ends_the_history_there,
                                    open_list, close_list),
    cmocka_unit_test_setup_teardown(so_does_a_row_that_is_missing, open_list,
                                    close_list),
    cmocka_unit_test_setup_teardown(what_was_damaged_leaves_with_the_rest,
                                    open_list, close_list),
    cmocka_unit_test_setup_teardown(the_end_takes_the_history_along, open_list,
                                    close_list),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
