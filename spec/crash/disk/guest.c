#include "guest.h"

#include "fail.h"
#include "page.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

/* Sends one request on a connection of its own. The status and what came, or 0
 * when the server is gone. */
static int ask(Http *h, int port, Buf *request, Answer *a) {
  *h = (Http){ .fd = -1 };
  bool there = http_try_open(h, port) && http_try_send(h, buf_view(request));
  buf_free(request);
  while (there && !http_answer(h, a)) {
    struct pollfd p = { .fd = h->fd, .events = POLLIN };
    if (poll(&p, 1, 10000) != 1) fail("no answer for 10 s");
    there = http_try_recv(h);
  }
  return there ? a->status : 0;
}

bool guest_arrive(Guest *g, int port) {
  Http h;
  Answer page;
  Buf request = { 0 }, url = { 0 }, cookie = { 0 };
  put_page_request(&request, port, "/");
  if (!ask(&h, port, &request, &page)) {
    http_close(&h);
    return false;
  }
  *g = (Guest){ .cid = dup_slice(page_cid(&page)) };
  put_cookie(&cookie, &page);
  put_page_url(&url, &page, "action=\"", NULL);
  g->cookie = dup_slice(buf_view(&cookie));
  g->url = dup_slice(buf_view(&url));
  buf_free(&cookie);
  buf_free(&url);
  http_close(&h);
  return true;
}

int guest_give(Guest *g, int port, const char *how) {
  Http h;
  Answer a;
  Buf request = { 0 };
  char body[64];
  int len = snprintf(body, sizeof body, "{\"$form\":{\"how\":\"%s\"}}", how);
  buf_printf(&request,
             "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s"
             "Sec-Fetch-Site: same-origin\r\n"
             "Content-Type: application/json\r\nContent-Length: %d\r\n"
             "Stube-Event: g.%llu\r\n\r\n%s",
             g->url, g->cookie, len, (unsigned long long)g->n + 1, body);
  g->is_open = true;
  int status = ask(&h, port, &request, &a);
  if (status == 503 && !header(a.head, "retry-after").len)
    unexpected("a 503 that does not say when to come again", a.head);
  if (status && status != 204 && status != 503)
    unexpected("an event's answer", a.head);
  if (status) g->is_open = false;
  if (status == 204) g->n++;
  http_close(&h);
  return status;
}

bool guest_look(Guest *g, int port) {
  Http h;
  Answer page;
  Buf request = { 0 };
  buf_printf(&request, "GET /conv/%s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n",
             g->cid, g->cookie);
  int status = ask(&h, port, &request, &page);
  if (!status) {
    http_close(&h);
    return false;
  }
  if (status != 200) fail("a page of a conversation: status %d", status);
  uint64_t shown = number_shown(page.body);
  if (shown != g->n && !(g->is_open && shown == g->n + 1))
    fail("%llu events were acknowledged%s, and the page shows %llu",
         (unsigned long long)g->n, g->is_open ? " and one is open" : "",
         (unsigned long long)shown);
  g->n = shown;
  g->is_open = false;
  http_close(&h);
  return true;
}

void guest_free(Guest *g) {
  free(g->cid);
  free(g->cookie);
  free(g->url);
}
