/* The end of a host: what is in flight is finished, pages are cut so that they
 * come back, and what ends with the process is told so. */
#include "host/served.h"

#include <fcntl.h>

#define APP "spec/c/host/boundary.lua"

static TempPath stopped;

static void begin(void) {
  temp_file(stopped, "");
  setenv("SPEC_STOPPED", stopped, 1);
}

/* What the stop hooks have written. */
static void end(const char *wanted) {
  char said[256];
  FILE *f = fopen(stopped, "r");
  assert_non_null(f);
  said[fread(said, 1, sizeof said - 1, f)] = '\0';
  fclose(f);
  temp_remove(stopped);
  unsetenv("SPEC_STOPPED");
  assert_string_equal(said, wanted);
}

/* Once the host has read what was sent so far (a later request is answered):
 * sends the signal, and waits until nobody can connect any more. */
static void stop(Client *c) {
  EXPECT(c, 200, ask(c, "GET", "/stube/health", "", (Slice){ 0 }));
  kill(getpid(), SIGTERM);
  for (int fd; (fd = dial(c)) >= 0;) close(fd);
}

static int begin_request(const Client *c, const char *method,
                         const char *path) {
  int fd = dial(c);
  dprintf(fd, "%s %s HTTP/1.1\r\nHost: x\r\n", method, path);
  return fd;
}

/* The rest of its head; then what is answered, to the end. */
static int end_request(Client *c, int fd, const char *rest) {
  int status = 0;
  dprintf(fd, "%s\r\n", rest);
  buf_clear(&c->reply);
  for (;;) {
    char *at = buf_reserve(&c->reply, 4097);
    ssize_t n = recv(fd, at, 4096, 0);
    if (n <= 0) break;
    c->reply.len += (size_t)n;
  }
  close(fd);
  buf_put(&c->reply, "", 1);
  sscanf(c->reply.ptr, "HTTP/1.1 %d", &status);
  return status;
}

static int open_stream(Client *c) {
  char first, rest[256];
  char path[300];
  snprintf(path, sizeof path, "%.*s/sse?at=1.0",
           (int)(strstr(c->url[0], "/ix-1") - c->url[0]), c->url[0]);
  int fd = begin_request(c, "GET", path);
  snprintf(rest, sizeof rest, "Cookie: %s\r\n\r\n", c->cookie);
  dprintf(fd, "%s", rest);
  claim(c, recv(fd, &first, 1, 0) == 1, "no stream");
  return fd;
}

/* All that comes on a stream until its end. */
static void read_stream(Client *c, int fd) {
  buf_clear(&c->reply);
  for (;;) {
    char *at = buf_reserve(&c->reply, 4097);
    ssize_t n = recv(fd, at, 4096, 0);
    if (n <= 0) break;
    c->reply.len += (size_t)n;
  }
  close(fd);
  buf_put(&c->reply, "", 1);
}

/* --- with a store on disk --- */

static char page_after[300], cookie_after[128];

static void stop_with_much_under_way(Client *c) {
  char rest[256], path[320];
  visit(c, "/stops");
  snprintf(cookie_after, sizeof cookie_after, "%s", c->cookie);
  snprintf(page_after, sizeof page_after, "%.*s",
           (int)(strstr(c->url[0], "/ix-1") - c->url[0]), c->url[0]);
  int stream = open_stream(c);
  int event = begin_request(c, "POST", c->url[0]);
  int mount = begin_request(c, "GET", "/stops");
  int health = begin_request(c, "GET", "/stube/health");
  snprintf(path, sizeof path, "%s/sse?at=1.0", page_after);
  int late = begin_request(c, "GET", path);
  stop(c);
  read_stream(c, stream);
  claim(c, strstr(c->reply.ptr, "stube-close") == NULL, "the page was ended");
  claim(c, strstr(c->reply.ptr, "\r\n0\r\n\r\n") == NULL,
        "the stream has its final chunk");
  snprintf(rest, sizeof rest,
           "Cookie: %s\r\n" JSON OURS "Content-Length: 2\r\n\r\n{}", c->cookie);
  EXPECT(c, 204, end_request(c, event, rest));
  claim(c, strstr(c->reply.ptr, "Connection: close") != NULL, "it goes on");
  EXPECT(c, 503, end_request(c, mount, ""));
  claim(c, strstr(c->reply.ptr, "Retry-After: 5\r\n") != NULL, "for ever");
  EXPECT(c, 503, end_request(c, health, ""));
  snprintf(rest, sizeof rest, "Cookie: %s\r\n", c->cookie);
  EXPECT(c, 503, end_request(c, late, rest));
  claim(c, strstr(c->reply.ptr, "Retry-After: 1\r\n") != NULL,
        "a late stream is not told to come back");
}

static void find_it_again(Client *c) {
  snprintf(c->cookie, sizeof c->cookie, "%s", cookie_after);
  EXPECT(c, 200, ask(c, "GET", page_after, "", (Slice){ 0 }));
  claim(c, strstr(c->reply.ptr, ">1</output>") != NULL,
        "what was answered is lost: %.900s", strstr(c->reply.ptr, "<body"));
}

static void a_host_with_a_store_sleeps(void **state) {
  (void)state;
  TempPath dir;
  temp_make(dir);
  begin();
  serve_app(APP, dir, stop_with_much_under_way);
  end(""); /* it was not stopped, and goes on */
  begin();
  serve_app(APP, dir, find_it_again);
  end("");
  temp_remove(dir);
}

/* --- with a store in memory --- */

static void stop_in_memory(Client *c) {
  visit(c, "/stops"); /* nobody came to this one */
  visit(c, "/stops");
  EXPECT(c, 204, post(c, c->url[0], JSON OURS, SLICE("{}")));
  int stream = open_stream(c);
  stop(c);
  read_stream(c, stream);
  claim(c,
        strstr(c->reply.ptr, "event: stube-close\n") != NULL &&
            strstr(c->reply.ptr, "data: gone\n") != NULL,
        "the page is not told: %s", c->reply.ptr);
  claim(c, strstr(c->reply.ptr, "\r\n0\r\n\r\n") != NULL,
        "the stream does not end");
}

static void what_ends_with_the_process_is_stopped(void **state) {
  (void)state;
  begin();
  serve_app(APP, NULL, stop_in_memory);
  end("part\nwhole\n");
}

/* --- in a hurry --- */

static void stop_twice(Client *c) {
  int slow = begin_request(c, "POST", "/notes");
  dprintf(slow, "Content-Length: 9\r\n\r\nhalf");
  stop(c);
  kill(getpid(), SIGTERM);
  read_stream(c, slow); /* would be waited for otherwise */
}

static void a_second_signal_waits_for_nobody(void **state) {
  (void)state;
  struct timespec from, to;
  clock_gettime(CLOCK_MONOTONIC, &from);
  serve_app(APP, NULL, stop_twice);
  clock_gettime(CLOCK_MONOTONIC, &to);
  assert_true(to.tv_sec - from.tv_sec < 8); /* a drain takes 10 */
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_host_with_a_store_sleeps),            /* 26.1 */
    cmocka_unit_test(what_ends_with_the_process_is_stopped), /* 26 */
    cmocka_unit_test(a_second_signal_waits_for_nobody),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
