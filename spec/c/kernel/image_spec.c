/* Heads: what a kernel cannot have left is refused. */
#include "../../fuzz/head.c"

#include "../../fuzz/corpus.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max) {
  (void)data, (void)max;
  return size;
}

/* --- what libFuzzer found --- */

static void kept_heads_do_no_harm(void **s) {
  (void)s;
  feed_all("spec/corpus/head");
  if (accepted < 5)
    fail_msg("the corpus is of another format now: make fuzz-corpus");
}

/* --- instances that do not fit together --- */

static Conv *conv;

static void open_one(const char *embed) {
  Buf page = { 0 };
  renew();
  has_ended = false;
  lua_pushstring(h.L, embed);
  Mint mint = { .embed = 1 };
  assert_int_equal(kernel_mint(kernel, &mint, &conv, &page), OK);
  lua_settop(h.L, 0);
  kernel_promote(kernel, conv);
  store_settle(store);
  buf_free(&page);
}

static void open_graph(void) {
  assert_int_equal(conv_wake(kernel, conv), OK);
  lua_rawgeti(h.L, LUA_REGISTRYINDEX, conv->root);
  assert_true(image_holds(conv, h.L));
}

/* A list (1) whose handler waits for a dialog that covers it, with three rows
 * and a foot, and a leaf that a call put into a slot. */
static int open_list(void **state) {
  (void)state;
  open_one("fuzz/list");
  post(conv, 1, "side");
  post(conv, 1, "go");
  open_graph();
  assert_int_equal(conv->n_tasks, 1);
  return 0;
}

/* One with a timer (0), a task that receives until another (1), and a
 * subscription (0) beside the task's (1). */
static int open_later(void **state) {
  (void)state;
  open_one("fuzz/later");
  open_graph();
  assert_int_equal(conv->later.n_timers, 2);
  assert_int_equal(conv->later.n_subs, 2);
  assert_int_equal(conv->later.timers[1].task, conv->tasks[0].id);
  assert_true(conv->later.subs[1].waits);
  return 0;
}

static int close_list(void **state) {
  (void)state;
  lua_settop(h.L, 0);
  close_host();
  return 0;
}

/* Sets a field to another value, and back. */
#define refuses(field, wrong)                        \
  do {                                               \
    uint32_t was_ = (field);                         \
    (field) = (wrong);                               \
    bool holds_ = image_holds(conv, h.L);            \
    (field) = was_;                                  \
    if (holds_) fail_msg("%s = %s", #field, #wrong); \
    assert_true(image_holds(conv, h.L));             \
  } while (0)

static Inst *of(const char *id) {
  for (uint32_t i = conv->n_insts; i-- > 0;)
    if (strcmp(conv->insts[i]->def->id, id) == 0) return conv->insts[i];
  fail_msg("no %s", id);
  return NULL;
}

static void each_instance_stands_in_one_place(void **s) {
  (void)s;
  Inst *list = conv->insts[0], *dialog = of("ui/confirm");
  assert_int_equal(conv->top, dialog->iid);
  assert_int_equal(list->n_kids, 5);
  refuses(conv->top, 0);
  refuses(conv->top, list->iid);
  refuses(conv->top, 77);
  refuses(dialog->below, 0);
  refuses(dialog->below, dialog->iid);
  refuses(dialog->below, list->kids[0]->top);
  refuses(list->below, dialog->iid);
  refuses(list->kids[0]->top, list->kids[1]->top);
  refuses(list->kids[0]->top, 0);
  refuses(list->kids[0]->top, list->iid);
  refuses(list->kids[4]->top, dialog->iid);
  refuses(conv_inst(conv, list->kids[0]->top)->parent, dialog->iid);
  refuses(conv_inst(conv, list->kids[0]->top)->parent, 0);
}

static void a_declared_child_is_there(void **s) {
  (void)s;
  Inst *list = conv->insts[0];
  Kid *kid = inst_add_kid(list, SLICE("more"), NULL);
  assert_true(image_holds(conv, h.L));
  kid->declared = true;
  assert_false(image_holds(conv, h.L));
  inst_remove_kid(list, kid);
  kid = inst_kid(list, SLICE("side"), NULL); /* who stands there was called */
  kid->declared = true;
  assert_false(image_holds(conv, h.L));
  kid->declared = false;
}

static void parents_and_callers_are_older_and_near(void **s) {
  (void)s;
  Inst *list = conv->insts[0], *dialog = of("ui/confirm");
  Inst *row = conv_inst(conv, list->kids[0]->top);
  Inst *side = conv_inst(conv, list->kids[4]->top);
  assert_int_equal(side->caller, list->iid);
  refuses(list->caller, dialog->iid);
  refuses(list->caller, list->iid);
  refuses(row->caller, side->iid); /* in another slot, and younger */
  refuses(side->caller, 77);
  refuses(dialog->caller, row->iid);
  refuses(dialog->caller, 0);
  refuses(dialog->caller_task, 77);
  refuses(side->caller_task, 77);
  refuses(conv->tasks[0].iid, row->iid); /* the dialog answers its caller */
}

static void ids_are_unique_and_counted(void **s) {
  (void)s;
  refuses(conv->next_id, conv->n_insts);
  refuses(conv->next_id, UINT32_MAX);
  refuses(conv->tasks[0].id, 0);
  refuses(conv->tasks[0].id, conv->next_id + 1);
  refuses(conv->tasks[0].iid, 77);
  Task *t = conv_add_task(conv, 1);
  conv->next_id--;
  *t = conv->tasks[0];
  assert_false(image_holds(conv, h.L));
  conv->n_tasks--;
}

static void tasks_have_their_own_threads(void **s) {
  (void)s;
  conv_push(conv, h.L, conv->tasks[0].thread);
  uint32_t again = conv_keep(conv, h.L);
  uint32_t id = conv_add_task(conv, 1)->id;
  conv_task(conv, id)->thread = again;
  assert_false(image_holds(conv, h.L));
  conv_remove_task(conv, id);
  assert_true(image_holds(conv, h.L));
}

static int f_yield(lua_State *L) { return lua_yield(L, 0); }

static void handles_have_their_own_values(void **s) {
  (void)s;
  Inst *list = conv->insts[0], *row = of("fuzz/leaf");
  uint32_t thread = conv->tasks[0].thread;
  refuses(list->self, 0);
  refuses(list->self, 77);
  refuses(list->self, row->self);
  refuses(list->self, thread);
  refuses(list->self, UINT32_MAX);
  refuses(row->args, list->self);
  refuses(conv->tasks[0].thread, row->args);
  lua_State *co = lua_newthread(h.L);
  uint32_t other = conv_keep(conv, h.L);
  lua_pushcfunction(co, f_yield);
  refuses(conv->tasks[0].thread, other); /* has not begun */
  int n;
  assert_int_equal(lua_resume(co, h.L, 0, &n), LUA_YIELD);
  refuses(conv->tasks[0].thread, other); /* waits for nothing of ours */
  conv_release(conv, h.L, other);
}

#define refuses_in(type, field, wrong)               \
  do {                                               \
    type was_ = (field);                             \
    (field) = (wrong);                               \
    bool holds_ = image_holds(conv, h.L);            \
    (field) = was_;                                  \
    if (holds_) fail_msg("%s = %s", #field, #wrong); \
  } while (0)

static void timers_and_subscriptions_have_owners(void **s) {
  (void)s;
  Timer *event = &conv->later.timers[0], *task = &conv->later.timers[1];
  Sub *sub = &conv->later.subs[0], *waits = &conv->later.subs[1];
  refuses(event->iid, 77);
  refuses(event->task, conv->tasks[0].id); /* it has an event */
  refuses(event->value, conv->insts[0]->self);
  refuses(event->value, 99);
  refuses_in(char *, event->event, NULL);
  refuses_in(char *, event->event, (char *)"");
  refuses_in(uint64_t, event->due, 0);
  refuses_in(uint64_t, event->due, UINT64_MAX);
  refuses_in(uint64_t, event->span, UINT64_MAX);
  refuses(task->task, 77);
  refuses(task->task, 0); /* it has no event */
  refuses(sub->iid, 77);
  refuses(sub->task, conv->tasks[0].id);
  refuses_in(char *, sub->event, NULL);
  refuses_in(bool, sub->waits, true); /* it is no task's */
  refuses_in(char *, sub->topic, (char *)"");
  refuses_in(uint64_t, sub->next, 0);
  refuses_in(uint64_t, sub->next, UINT64_MAX);
  refuses(waits->task, 77);
  refuses(conv->tasks[0].awaits, conv->insts[0]->iid); /* two things at once */
}

/* One whose start waits for a worker (0), and a handler with a timeout (1). */
static int open_io(void **state) {
  (void)state;
  open_one("fuzz/io");
  post(conv, 1, "go");
  open_graph();
  assert_int_equal(conv->later.n_ios, 2);
  assert_int_equal(conv->later.n_timers, 1);
  return 0;
}

static void calls_belong_to_tasks_that_wait_for_nothing_else(void **s) {
  (void)s;
  Io *one = &conv->later.ios[0], *two = &conv->later.ios[1];
  static Blob none;
  refuses(one->iid, 77);
  refuses(one->task, 77);
  refuses(one->task, 0);
  refuses(one->task, two->task);
  refuses(one->number, 0);
  refuses(one->number, two->number);
  refuses(one->number, conv->next_id + 1);
  refuses_in(Blob *, one->call, &none);
  refuses(conv_task(conv, one->task)->awaits, 1);
}

/* --- histories --- */

/* Gives the list a head with this history, and reads it. */
static Err restore(Slice history) {
  Buf state = { 0 };
  assert_int_equal(image_state(kernel, conv, &state), OK);
  Blob *head = image_head(kernel, conv, history, buf_view(&state));
  lua_settop(h.L, 0);
  Err e = image_restore(kernel, conv, blob_view(head), true);
  if (!e) lua_rawgeti(h.L, LUA_REGISTRYINDEX, conv->root);
  blob_drop(head);
  buf_free(&state);
  return e;
}

static void a_history_is_two_lists_of_points(void **s) {
  (void)s;
  assert_int_equal(restore(SLICE("\0\0")), OK);
  assert_int_equal(restore(SLICE("\6\1\0\0\0\0\0\0")), OK);
}

static void an_unreadable_history_is_refused(void **s) {
  (void)s;
  assert_int_equal(restore(SLICE("\6\0\0\0\0\0\0\0")), ERR_BAD_INPUT);
}

static void a_history_of_other_turns_is_refused(void **s) {
  (void)s;
  conv->history.turn = 0;
  assert_int_equal(restore(SLICE("\0\0")), ERR_BAD_INPUT);
}

static void a_history_of_the_future_is_refused(void **s) {
  (void)s;
  conv->history.turn = conv->turn + 1;
  assert_int_equal(restore(SLICE("\0\0")), ERR_BAD_INPUT);
}

#define spec(f) cmocka_unit_test_setup_teardown(f, open_list, close_list)

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_teardown(kept_heads_do_no_harm, close_list),
    spec(each_instance_stands_in_one_place),
    spec(a_declared_child_is_there),
    spec(parents_and_callers_are_older_and_near),
    spec(ids_are_unique_and_counted),
    spec(handles_have_their_own_values),
    spec(tasks_have_their_own_threads),
    spec(a_history_is_two_lists_of_points),
    spec(an_unreadable_history_is_refused),
    spec(a_history_of_other_turns_is_refused),
    spec(a_history_of_the_future_is_refused),
    cmocka_unit_test_setup_teardown(timers_and_subscriptions_have_owners,
                                    open_later, close_list),
    cmocka_unit_test_setup_teardown(
        calls_belong_to_tasks_that_wait_for_nothing_else, open_io, close_list),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
