/* A disk that is full, and one that fails, under a server.
 *
 *   disk full STUBE APP STORE FREE [OPTION...]
 *     grows until an event is refused; then pages and streams must go on, and
 *     a server that starts then serves them too; after the command FREE, or
 *     when that is "" after the end of a conversation, the same process takes
 *     events again
 *   disk fail STUBE APP STORE SHIM SEED ROUNDS
 *     lets a write or a sync fail with EIO, preloading SHIM (faults.c); the
 *     server must end and say why, and what it acknowledged must be there
 *     after a restart
 *
 * Prints one line, or on a failure what was wrong and the end of the server's
 * log; code 1. */
#include "fail.h"
#include "guest.h"
#include "page.h"
#include "server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define GUESTS 300
#define LOG_BYTES 4000

typedef struct Test {
  char *command[16];
  int n_command;
  int log;   /* what the servers say */
  off_t own; /* where the present one's part begins */
  Server server;
  int port;
  Guest guests[GUESTS];
  int n;
  bool done;
} Test;

static Test test; /* for the report at exit */

/* --- the server and its log --- */

/* What the present server has said; the caller frees. */
static char *read_log(void) {
  char *text = xcalloc(1, LOG_BYTES + 1);
  if (pread(test.log, text, LOG_BYTES, test.own) < 0) text[0] = '\0';
  return text;
}

static void expect_log(const char *words, int times) {
  char *text = read_log();
  int n = 0;
  for (const char *at = text; (at = strstr(at, words)) != NULL; at++) n++;
  if (n != times) fail("the log says %d times \"%s\", not %d", n, words, times);
  free(text);
}

static void on_exit_report(void) {
  if (test.done) return;
  fprintf(stderr, "the server's log:\n%s\n", read_log());
}

/* False when the server ends before it listens. */
static bool can_start(Test *t) {
  t->own = lseek(t->log, 0, SEEK_END);
  server_start(&t->server, t->command, t->log);
  t->port = server_port_or_end(&t->server);
  return t->port;
}

static void start(Test *t) {
  if (!can_start(t)) fail("the server is not ready");
}

/* False when the server goes away meanwhile. */
static bool can_look_at_all(Test *t) {
  for (int i = 0; i < t->n; i++)
    if (!guest_look(&t->guests[i], t->port)) return false;
  return true;
}

static bool can_add_guest(Test *t) {
  if (t->n == GUESTS) fail("%d conversations did not fill it", GUESTS);
  if (!guest_arrive(&t->guests[t->n], t->port)) return false;
  t->n++;
  return true;
}

static void look_at_all(Test *t) {
  if (!can_look_at_all(t)) fail("a page of a conversation: no answer");
}

static Guest *add_guest(Test *t) {
  if (!can_add_guest(t)) fail("no page");
  return &t->guests[t->n - 1];
}

/* --- full --- */

static void expect(Test *t, Guest *g, const char *how, int status) {
  int got = guest_give(g, t->port, how);
  if (got != status) fail("an event (%s): status %d, not %d", how, got, status);
}

/* Opens a stream on the conversation. */
static void follow(Http *h, const Guest *g, int port) {
  Answer a;
  Buf request = { 0 };
  *h = (Http){ .fd = -1 };
  http_open(h, port);
  buf_printf(&request, "GET /conv/%s/sse HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n",
             g->cid, g->cookie);
  http_send(h, buf_view(&request));
  while (!http_stream(h, &a)) http_wait(h);
  buf_free(&request);
}

static void expect_patch(Http *h, const char *words) {
  Slice event;
  do {
    while (!http_event(h, &event)) http_wait(h);
  } while (!memmem(event.ptr, event.len, words, strlen(words)));
}

static void test_full(Test *t, const char *free_room) {
  Http stream;
  start(t);
  Guest *first = add_guest(t);
  expect(t, first, "small", 204);
  do add_guest(t);
  while (guest_give(&t->guests[t->n - 1], t->port, "grow") == 204);
  int filled = t->n - 1;
  if (filled < 3) fail("it was full after %d conversations", filled);
  Guest *refused = &t->guests[filled];
  expect(t, refused, "grow", 503);
  look_at_all(t); /* and the page of who was refused, from memory */
  expect_log("the store cannot be written", 1);
  server_end(&t->server, SIGKILL);
  guest_free(&t->guests[--t->n]);
  start(t); /* where nothing can be written */
  look_at_all(t);
  if (!guest_arrive(&(Guest){ 0 }, t->port)) fail("no page");
  follow(&stream, first, t->port);
  expect(t, first, "grow", 503);
  if (!guest_look(first, t->port)) fail("no page afterwards");
  if (free_room[0]) {
    if (system(free_room) != 0) fail("%s: failed", free_room);
  } else { /* the store's own limit: what ends makes room */
    expect(t, &t->guests[1], "end", 204);
    guest_free(&t->guests[1]);
    t->guests[1] = t->guests[--t->n];
  }
  expect(t, first, "grow", 204);
  expect_patch(&stream, "<output>2</output>");
  expect_log("the store cannot be written", 1);
  expect_log("the store is written again", 1);
  http_close(&stream);
  server_end(&t->server, SIGKILL);
  start(t);
  look_at_all(t);
  server_end(&t->server, SIGKILL);
  printf("full after %d conversations; looked at all %d, wrote again\n", filled,
         t->n);
}

/* --- failing --- */

static uint64_t draw(uint64_t *state) { /* splitmix64 */
  uint64_t z = *state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

static void expect_its_end(Test *t, const char *fault) {
  int status;
  if (waitpid(t->server.pid, &status, 0) < 0)
    fail("waitpid: %s", strerror(errno));
  close(t->server.out);
  if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
    fail("%s: the server ended with status %x", fault, status);
  expect_log("cannot be written (Input/output error)", 1);
}

/* Conversations that were never saved are gone. */
static void forget_fresh(Test *t) {
  int n = 0;
  for (int i = 0; i < t->n; i++) {
    if (t->guests[i].n)
      t->guests[n++] = t->guests[i];
    else
      guest_free(&t->guests[i]);
  }
  t->n = n;
}

static void test_fail(Test *t, const char *shim, uint64_t seed, int rounds) {
  /* Every event goes to the log, some a second to the database. */
  static const struct {
    const char *kind;
    unsigned calls;
  } kinds[] = { { "log", 30 }, { "log-sync", 30 }, { "write", 5 },
                { "sync", 5 }, { "meta", 5 },      { "meta-kept", 5 } };
  uint64_t events = 0;
  for (int round = 0; round < rounds; round++) {
    char fault[64];
    unsigned k = (unsigned)(draw(&seed) % countof(kinds));
    snprintf(fault, sizeof fault, "%s:%u:EIO", kinds[k].kind,
             1 + (unsigned)(draw(&seed) % kinds[k].calls));
    setenv("LD_PRELOAD", shim, 1);
    setenv("FAULT", fault, 1);
    /* The call that fails may be one of the server's first. */
    bool lives = can_start(t);
    unsetenv("LD_PRELOAD");
    lives = lives && can_look_at_all(t);
    while (lives && t->n < 8) lives = can_add_guest(t);
    for (int i = 0; lives; i++) {
      lives = guest_give(&t->guests[i % t->n], t->port, "small");
      if (i == 50000) fail("%s: the server goes on", fault);
      events += lives;
    }
    expect_its_end(t, fault);
    forget_fresh(t);
  }
  start(t);
  look_at_all(t);
  server_end(&t->server, SIGKILL);
  printf("%d ends by EIO, %llu events acknowledged before them\n", rounds,
         (unsigned long long)events);
}

int main(int argc, char **argv) {
  Test *t = &test;
  bool full = argc >= 6 && strcmp(argv[1], "full") == 0;
  if (!full && (argc != 8 || strcmp(argv[1], "fail") != 0))
    fail("usage: disk full STUBE APP STORE FREE [OPTION...]\n"
         "       disk fail STUBE APP STORE SHIM SEED ROUNDS");
  char *command[] = { argv[2], argv[3], "--port", "0", "--store", argv[4] };
  memcpy(t->command, command, sizeof command);
  t->n_command = (int)countof(command);
  for (int i = 6; full && i < argc && t->n_command < 15; i++)
    t->command[t->n_command++] = argv[i];
  t->log = memfd_create("log", MFD_CLOEXEC);
  if (t->log < 0) fail("memfd: %s", strerror(errno));
  atexit(on_exit_report);
  if (full)
    test_full(t, argv[5]);
  else
    test_fail(t, argv[5], strtoull(argv[6], NULL, 10), atoi(argv[7]));
  t->done = true;
  for (int i = 0; i < t->n; i++) guest_free(&t->guests[i]);
  return 0;
}
