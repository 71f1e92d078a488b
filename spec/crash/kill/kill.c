/* kill -9 under load: what was acknowledged is there, and nothing twice.
 *
 *   kill STUBE APP DIR [--kills N] [--seed S]
 *
 * 64 visitors (visitor.h) each on a connection of their own; the server is
 * killed after a random number of answers and microseconds, or while it starts,
 * and started again on the same store. At the end everything that was ever
 * acknowledged is looked for. The moments repeat with the seed, as far as the
 * machine's own timing lets them. Prints one line, or on a failure what was
 * wrong, the seed, and the end of the server's log; code 1. */
#include "fail.h"
#include "server.h"
#include "visitor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#define VISITORS 64
#define ANSWERS_MAX 500   /* between two kills */
#define LATER_US_MAX 1500 /* and then so much later: anywhere in a commit */
#define STARTING_IN 8     /* one kill in so many comes before it is ready */
#define STARTING_US_MAX 8000
#define STUCK_MS 10000
#define LOOKS 4 /* after each start, at what was left behind */
#define LOG_BYTES 4000

typedef struct Test {
  char *command[8];
  int log; /* what the server says */
  uint64_t seed, kills;
  uint64_t killed, while_starting;
  Dice dice;
  Server server;
  int epoll;
  Tally tally;
  Visitor visitors[VISITORS];
} Test;

static Test test; /* for the report at exit */

/* --- a failure is reported with what it takes to see it again --- */

static void print_log(void) {
  char bytes[LOG_BYTES];
  off_t end = lseek(test.log, 0, SEEK_END);
  ssize_t n = pread(test.log, bytes, sizeof bytes,
                    end > LOG_BYTES ? end - LOG_BYTES : 0);
  if (n > 0) fprintf(stderr, "the server's log:\n%.*s\n", (int)n, bytes);
}

static void on_exit_report(void) {
  if (test.killed == test.kills + 1) return;
  fprintf(stderr, "after %llu kills; again with SEED=%llu\n",
          (unsigned long long)test.killed, (unsigned long long)test.seed);
  print_log();
}

/* --- one round --- */

static void watch(Test *t, Visitor *v) {
  struct epoll_event e = { .events = EPOLLIN, .data.u32 = (uint32_t)v->number };
  if (v->state == AWAY) return;
  if (epoll_ctl(t->epoll, EPOLL_CTL_ADD, v->http.fd, &e))
    fail("epoll: %s", strerror(errno));
}

static void serve_until(Test *t, uint64_t answers) {
  struct epoll_event events[VISITORS];
  while (t->tally.answers < answers) {
    int n = epoll_wait(t->epoll, events, VISITORS, STUCK_MS);
    if (n == 0) fail("no answer for 10 s");
    for (int i = 0; i < n && t->tally.answers < answers; i++) {
      Visitor *v = &t->visitors[events[i].data.u32];
      if (!visitor_serve(v)) watch(t, v);
    }
  }
}

static void kill_now(Test *t) {
  server_end(&t->server, SIGKILL);
  t->killed++;
}

static void run_round(Test *t) {
  server_start(&t->server, t->command, t->log);
  if (dice_below(&t->dice, STARTING_IN) == 0) {
    usleep((useconds_t)dice_below(&t->dice, STARTING_US_MAX));
    kill_now(t);
    t->while_starting++;
    return;
  }
  int port = server_port(&t->server);
  for (int i = 0; i < LOOKS && t->tally.n_left; i++)
    left_check(&t->tally.left[dice_below(&t->dice, t->tally.n_left)], port);
  for (int i = 0; i < VISITORS; i++) {
    visitor_arrive(&t->visitors[i], port);
    watch(t, &t->visitors[i]);
  }
  serve_until(t, t->tally.answers + dice_below(&t->dice, ANSWERS_MAX));
  usleep((useconds_t)dice_below(&t->dice, LATER_US_MAX));
  kill_now(t);
  for (int i = 0; i < VISITORS; i++) visitor_lose(&t->visitors[i]);
}

/* --- the end --- */

/* Killed once more, so that what is looked at afterwards was not tidied up. */
static uint64_t check_all(Test *t) {
  uint64_t living = t->tally.n_left;
  server_start(&t->server, t->command, t->log);
  int port = server_port(&t->server);
  for (int i = 0; i < VISITORS; i++) {
    Visitor *v = &t->visitors[i];
    visitor_settle(v, port);
    living += v->n && !v->is_open && !v->is_last;
  }
  for (size_t i = 0; i < t->tally.n_left; i++)
    left_check(&t->tally.left[i], port);
  kill_now(t);
  return living;
}

static void print_result(const Test *t, uint64_t living) {
  const Tally *a = &t->tally;
  typedef unsigned long long Number;
  if (t->kills >= 100 && (!a->kept || !a->lost || !t->while_starting))
    fail("the kills hit nothing: %llu kept, %llu lost, %llu while starting",
         (Number)a->kept, (Number)a->lost, (Number)t->while_starting);
  printf("%llu kills (%llu while starting), %llu events acknowledged, "
         "%llu answers thrown away, unanswered at a kill: %llu kept and %llu "
         "not; %llu conversations ended, %llu live; seed %llu\n",
         (Number)t->kills, (Number)t->while_starting, (Number)a->acknowledged,
         (Number)a->thrown_away, (Number)a->kept, (Number)a->lost,
         (Number)a->ended, (Number)living, (Number)t->seed);
}

static uint64_t number_of(const char *text, const char *what) {
  char *end;
  uint64_t n = strtoull(text, &end, 10);
  if (end == text || *end) fail("%s takes a number, not %s", what, text);
  return n;
}

int main(int argc, char **argv) {
  Test *t = &test;
  if (argc < 4) fail("usage: kill STUBE APP DIR [--kills N] [--seed S]");
  t->kills = 200;
  if (getrandom(&t->seed, sizeof t->seed, 0) != sizeof t->seed)
    fail("no random seed");
  t->seed %= 1000000000;
  for (int i = 4; i + 1 < argc; i += 2) {
    if (!strcmp(argv[i], "--kills"))
      t->kills = number_of(argv[i + 1], argv[i]);
    else if (!strcmp(argv[i], "--seed"))
      t->seed = number_of(argv[i + 1], argv[i]);
    else
      fail("unknown option %s", argv[i]);
  }
  char *command[] = { argv[1], argv[2], "--port", "0", "--store", argv[3] };
  memcpy(t->command, command, sizeof command);
  t->log = memfd_create("log", MFD_CLOEXEC);
  if (t->log < 0) fail("memfd: %s", strerror(errno));
  atexit(on_exit_report);
  t->dice.state = t->seed;
  t->epoll = epoll_create1(EPOLL_CLOEXEC);
  for (int i = 0; i < VISITORS; i++)
    visitor_init(&t->visitors[i], i, t->seed, &t->tally);
  while (t->killed < t->kills) run_round(t);
  uint64_t living = check_all(t);
  print_result(t, living);
  for (int i = 0; i < VISITORS; i++) visitor_free(&t->visitors[i]);
  for (size_t i = 0; i < t->tally.n_left; i++) {
    free(t->tally.left[i].cid);
    free(t->tally.left[i].cookie);
  }
  free(t->tally.left);
  return 0;
}
