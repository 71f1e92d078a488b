/* Conversations that a new process reads from the disk when they are asked for:
 * by many at once, and by clients that do not wait for it. */
#include "served.h"

#define APP "spec/c/host/app.lua"
#define VISITORS 20

static Client left[VISITORS];

static void leave(Client *c) {
  for (int i = 0; i < VISITORS; i++) {
    Client *v = &left[i];
    *v = (Client){ .port = c->port };
    visit(v, "/counter");
    EXPECT(v, 204, post(v, v->url[1], JSON OURS, SLICE("{}"))); /* adds 5 */
    claim(c, !v->failure[0], "%.400s", v->failure);
    buf_free(&v->reply);
  }
}

static void send_request(const Client *v, int fd, const char *method,
                         const char *url, const char *headers) {
  char text[1024];
  int n = snprintf(text, sizeof text,
                   "%s %s HTTP/1.1\r\nHost: x\r\nCookie: %s\r\n%s"
                   "Content-Length: 2\r\n\r\n{}",
                   method, url, v->cookie, headers);
  (void)!send(fd, text, (size_t)n, MSG_NOSIGNAL);
}

static void page_of(const Client *v, char url[256]) {
  snprintf(url, 256, "%.*s", (int)(strstr(v->url[0], "/ix-1") - v->url[0]),
           v->url[0]);
}

static int shown(Client *v) {
  char url[256];
  int n = -1;
  page_of(v, url);
  EXPECT(v, 200, ask(v, "GET", url, "", (Slice){ 0 }));
  const char *at = strstr(v->reply.ptr, "<output>");
  if (at) sscanf(at, "<output>%d", &n);
  return n;
}

/* Each conversation is asked for by several connections in the same moment, and
 * every other one of those is closed before it can be answered. */
static void come_at_once(Client *c) {
  char url[256];
  int fds[VISITORS][4];
  for (int i = 0; i < VISITORS; i++) {
    Client *v = &left[i];
    v->port = c->port;
    page_of(v, url);
    for (int j = 0; j < 4; j++) fds[i][j] = dial(v);
    send_request(v, fds[i][0], "GET", url, "");
    send_request(v, fds[i][1], "POST", v->url[1], JSON OURS);
    send_request(v, fds[i][2], "POST", v->url[1], JSON OURS);
    strcat(url, "/sse");
    send_request(v, fds[i][3], "GET", url, "");
    close(fds[i][0]);
    close(fds[i][2]);
  }
  for (int i = 0; i < VISITORS; i++) {
    char reply[64] = "";
    Client *v = &left[i];
    (void)!recv(fds[i][1], reply, sizeof reply - 1, 0);
    claim(c, strncmp(reply, "HTTP/1.1 204", 12) == 0, "a click: %.40s", reply);
    (void)!recv(fds[i][3], reply, sizeof reply - 1, 0);
    claim(c, strncmp(reply, "HTTP/1.1 200", 12) == 0, "a stream: %.40s", reply);
    close(fds[i][1]);
    close(fds[i][3]);
    /* Who left may have been heard before that or not. */
    int n = shown(v);
    claim(c, n == 10 || n == 15, "it shows %d", n);
    claim(c, !v->failure[0], "%.400s", v->failure);
    buf_free(&v->reply);
  }
}

static void cold_conversations_are_found_by_all_who_ask(void **state) {
  (void)state;
  TempPath dir;
  temp_make(dir);
  serve_app(APP, dir, leave);
  serve_app(APP, dir, come_at_once);
  temp_remove(dir);
}

static void ask_and_leave(Client *c) {
  char url[256];
  for (int i = 0; i < VISITORS; i++) {
    Client *v = &left[i];
    v->port = c->port;
    page_of(v, url);
    int fd = dial(v);
    send_request(v, fd, "GET", url, "");
    close(fd);
  }
}

/* The host is told to stop while reads are under way. */
static void a_host_ends_while_it_reads(void **state) {
  (void)state;
  TempPath dir;
  temp_make(dir);
  serve_app(APP, dir, leave);
  for (int i = 0; i < 5; i++) serve_app(APP, dir, ask_and_leave);
  temp_remove(dir);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(cold_conversations_are_found_by_all_who_ask),
    cmocka_unit_test(a_host_ends_while_it_reads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
