/* Events to conversations that sleep: nobody has looked at them since the
 * server started, and nobody looks now, so a round trip is the POST until its
 * 204. Each picks one of the whole population. */
#include "fail.h"
#include "load.h"
#include "page.h"
#include "people.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct Sender {
  Http http;
  uint64_t whom;
  uint64_t sent_ns;
  bool is_busy;
} Sender;

typedef struct Sleepers {
  People people;
  uint64_t dice;
  uint64_t n_sent;
  char page[8]; /* whose events these are: a run's own */
} Sleepers;

static void send_one(Sleepers *s, Sender *to) {
  Buf *post = &s->people.post;
  size_t len = post->len;
  to->whom = roll(&s->dice) % s->people.n;
  people_aim(&s->people, to->whom);
  buf_printf(post, "%s.%llu\r\n\r\n{}", s->page,
             (unsigned long long)++s->n_sent);
  to->is_busy = true;
  to->sent_ns = now_ns();
  http_send(&to->http, buf_view(post));
  post->len = len;
}

/* The first event's number is where `post` ends: behind the page's id. */
static void drop_page_id(Buf *post) {
  Slice id = SLICE("bench.");
  if (post->len < id.len ||
      memcmp(post->ptr + post->len - id.len, id.ptr, id.len) != 0)
    fail("the saved request does not end with an event's page");
  post->len -= id.len;
}

/* An event was answered; did it do anything? */
static void check_page(Sleepers *s, Sender *of, int port) {
  char cid[CID_LEN + 1];
  Buf request = { 0 };
  Answer a;
  people_cid(of->whom, cid);
  Slice cookie = between(buf_view(&s->people.post), "Cookie: ", '\r');
  buf_printf(&request,
             "GET /conv/%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
             "Cookie: %.*s\r\nAccept: text/html\r\n\r\n",
             cid, port, (int)cookie.len, cookie.ptr);
  http_send(&of->http, buf_view(&request));
  http_expect(&of->http, 200, &a);
  if (number_shown(a.body) < 2) unexpected("an event did nothing", a.body);
  buf_free(&request);
}

void mode_sleepers(const Options *o) {
  Sleepers s = { .dice = DICE ^ (uint64_t)getpid() << 20 };
  Stretch r;
  struct epoll_event events[EVENTS_AT_ONCE];
  size_t n_busy = o->connections;
  Answer a;
  if (!o->people || o->visits < 1) fail("sleepers needs --people and --visits");
  people_open(&s.people, o->people, o->visits);
  drop_page_id(&s.people.post);
  snprintf(s.page, sizeof s.page, "s%u", (unsigned)getpid() % 1000000);
  Sender *all = xcalloc(o->connections, sizeof *all);
  for (size_t i = 0; i < o->connections; i++) http_open(&all[i].http, o->port);
  stretch_start(&r, o, BUSY_LOOP_AND_WRITER);
  for (size_t i = 0; i < o->connections; i++) {
    stretch_watch(&r, all[i].http.fd, i);
    send_one(&s, &all[i]);
  }
  while (n_busy) {
    int n = stretch_wait(&r, events);
    for (int i = 0; i < n; i++) {
      Sender *from = &all[events[i].data.u64];
      http_recv(&from->http);
      if (!http_answer(&from->http, &a)) continue;
      if (a.status != 204 || !from->is_busy) unexpected("not the 204", a.head);
      stretch_add(&r, from->sent_ns);
      from->is_busy = false;
      if (r.has_ended)
        n_busy--;
      else
        send_one(&s, from);
    }
  }
  check_page(&s, &all[0], o->port);
  printf("mode=sleepers people=%llu ", (unsigned long long)s.people.n);
  stretch_print(&r);
  printf("\n");
}
