#include "visitor.h"

#include "fail.h"
#include "page.h"

#include <stdio.h>
#include <stdlib.h>

/* One event in so many ends its conversation ... */
#define LAST_IN 40
/* ... or has its answer thrown away, and is sent again at once ... */
#define THROW_IN 12
/* ... or only after the next restart ... */
#define DEAF_IN 30
/* ... or is the last one before its conversation is left. */
#define LEAVE_IN 40
/* One in so many of a counter is looked at afterwards, of the others each. */
#define LOOK_IN 8

static const char *const paths[] = { "/counter", "/loop", "/guarded",
                                     "/walk",    "/wrap", "/handler",
                                     "/worker" };

uint64_t dice_below(Dice *d, uint64_t n) { /* splitmix64 */
  uint64_t z = d->state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return (z ^ (z >> 31)) % n;
}

static bool once_in(Visitor *v, uint64_t n) {
  return dice_below(&v->dice, n) == 0;
}

static uint64_t acknowledged(const Visitor *v) {
  return v->is_open ? v->n - 1 : v->n;
}

static _Noreturn void wrong(const Visitor *v, const char *what, Slice came) {
  char text[256];
  snprintf(text, sizeof text, "visitor %d of %s, %llu acknowledged%s: %s",
           v->number, v->path, (unsigned long long)acknowledged(v),
           v->is_open ? " and one open" : "", what);
  unexpected(text, came);
}

/* --- its conversation --- */

static void forget(Visitor *v) {
  free(v->cid);
  free(v->cookie);
  free(v->url);
  v->cid = v->cookie = v->url = NULL;
  v->n = 0;
  v->is_open = v->is_retried = v->is_last = false;
}

void visitor_init(Visitor *v, int number, uint64_t seed, Tally *tally) {
  *v = (Visitor){ .number = number,
                  .dice = { seed + (uint64_t)number * 1000003 },
                  .tally = tally,
                  .http.fd = -1 };
  v->path = paths[(size_t)number % countof(paths)];
}

void visitor_free(Visitor *v) {
  forget(v);
  http_close(&v->http);
  buf_free(&v->post);
}

static void leave(Visitor *v) {
  Tally *t = v->tally;
  if (t->n_left == t->cap_left) {
    t->cap_left = t->cap_left ? t->cap_left * 2 : 64;
    t->left = xrealloc(t->left, t->cap_left * sizeof *t->left);
  }
  t->left[t->n_left++] = (Left){ v->cid, v->cookie, v->n };
  v->cid = v->cookie = NULL;
  forget(v);
}

static void read_form(Visitor *v, const Answer *page) {
  Buf url = { 0 };
  put_page_url(&url, page, "action=\"", NULL);
  free(v->url);
  v->url = dup_slice(buf_view(&url));
  buf_free(&url);
}

/* --- what it sends; a server that is gone is met when it is read from --- */

static void send_look(Http *h, const char *cid, const char *cookie) {
  Buf b = { 0 };
  buf_printf(&b, "GET /conv/%s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n", cid,
             cookie);
  http_try_send(h, buf_view(&b));
  buf_free(&b);
}

static void mint(Visitor *v) {
  Buf b = { 0 };
  put_page_request(&b, v->port, v->path);
  http_try_send(&v->http, buf_view(&b));
  buf_free(&b);
  v->state = MINTING;
}

static void look(Visitor *v) {
  send_look(&v->http, v->cid, v->cookie);
  v->state = LOOKING;
}

static void give(Visitor *v) {
  http_try_send(&v->http, buf_view(&v->post));
  v->state = GIVING;
}

static void write_post(Visitor *v) {
  char body[64];
  int len = snprintf(body, sizeof body, "{\"$form\":{\"n\":\"%llu\"%s}}",
                     (unsigned long long)v->n,
                     v->is_last ? ",\"last\":\"1\"" : "");
  buf_clear(&v->post);
  buf_printf(&v->post,
             "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s"
             "Sec-Fetch-Site: same-origin\r\n"
             "Content-Type: application/json\r\nContent-Length: %d\r\n"
             "Stube-Event: v%d.%llu\r\n\r\n%s",
             v->url, v->cookie, len, v->number, (unsigned long long)v->n, body);
}

static void connect_to(Visitor *v, int port) {
  v->port = port;
  http_close(&v->http);
  http_open(&v->http, port);
}

/* Decides what to do in a conversation that nothing is open of. False when it
 * has left its connection. */
static bool go_on(Visitor *v) {
  if (v->n && once_in(v, LEAVE_IN)) {
    leave(v);
    mint(v);
    return true;
  }
  v->n++;
  v->is_open = true;
  v->is_retried = false;
  v->is_last = once_in(v, LAST_IN);
  write_post(v);
  give(v);
  bool deaf = once_in(v, DEAF_IN);
  if (!deaf && !once_in(v, THROW_IN)) return true;
  v->tally->thrown_away++;
  v->is_retried = true;
  if (deaf) {
    http_close(&v->http);
    v->state = AWAY;
  } else {
    connect_to(v, v->port);
    give(v);
  }
  return false;
}

/* --- what comes back --- */

static void check_page(const Visitor *v, const Answer *a) {
  Slice body = a->body;
  if (memmem(body.ptr, body.len, "WRONG", 5)) wrong(v, "it went wrong", body);
  if (!slice_is(page_cid(a), v->cid)) wrong(v, "another's page", body);
}

static bool take_page(Visitor *v, const Answer *a) {
  if (a->status == 410) {
    bool never_kept = acknowledged(v) == 0;
    bool has_ended = v->n && v->is_last;
    if (!never_kept && !has_ended)
      wrong(v, "its conversation is gone", a->head);
    if (v->is_open) *(has_ended ? &v->tally->kept : &v->tally->lost) += 1;
    if (has_ended) v->tally->ended++;
    forget(v);
    mint(v);
    return true;
  }
  if (a->status != 200) wrong(v, "not its page", a->head);
  check_page(v, a);
  uint64_t shown = number_shown(a->body);
  if (!v->is_open) {
    if (v->is_last && v->n) wrong(v, "it goes on after its end", a->body);
    if (shown != v->n) wrong(v, "another number is shown", a->body);
    read_form(v, a);
    return go_on(v);
  }
  if (shown != v->n && shown != v->n - 1)
    wrong(v, "another number is shown", a->body);
  *(shown == v->n ? &v->tally->kept : &v->tally->lost) += 1;
  give(v);
  return true;
}

static void take_acknowledgement(Visitor *v, const Answer *a) {
  bool has_ended = a->status == 410 && v->is_retried && v->is_last;
  if (a->status != 204 && !has_ended) wrong(v, "not the 204", a->head);
  v->is_open = false;
  v->tally->acknowledged++;
}

/* One answer. */
static bool take(Visitor *v, const Answer *a) {
  v->tally->answers++;
  switch (v->state) {
  case MINTING:
    forget(v);
    v->cid = dup_slice(page_cid(a));
    Buf cookie = { 0 };
    put_cookie(&cookie, a);
    v->cookie = dup_slice(buf_view(&cookie));
    buf_free(&cookie);
    v->tally->minted++;
    check_page(v, a);
    read_form(v, a);
    return go_on(v);
  case LOOKING: return take_page(v, a);
  case GIVING:
    take_acknowledgement(v, a);
    /* A counter's form stays where it is. */
    if (v->path == paths[0] && !v->is_last && !once_in(v, LOOK_IN))
      return go_on(v);
    look(v);
    return true;
  case AWAY: break;
  }
  wrong(v, "an answer to nothing", a->head);
}

void visitor_arrive(Visitor *v, int port) {
  connect_to(v, port);
  if (v->is_open) v->is_retried = true;
  if (v->cid)
    look(v);
  else
    mint(v);
}

bool visitor_serve(Visitor *v) {
  Answer a;
  if (!http_try_recv(&v->http))
    wrong(v, "the server closed its connection", buf_view(&v->http.in));
  return !http_answer(&v->http, &a) || take(v, &a);
}

void visitor_lose(Visitor *v) {
  Answer a;
  if (v->state == AWAY) return;
  while (http_try_recv(&v->http)) continue;
  if (v->state == GIVING && http_answer(&v->http, &a)) {
    v->tally->answers++;
    take_acknowledgement(v, &a);
  }
  http_close(&v->http);
  v->state = AWAY;
}

void visitor_settle(Visitor *v, int port) {
  Answer a;
  connect_to(v, port);
  if (v->is_open) {
    v->is_retried = true;
    give(v);
    while (!http_answer(&v->http, &a)) http_wait(&v->http);
    if (a.status == 410 && v->n == 1) return; /* it was never kept */
    take_acknowledgement(v, &a);
  }
  if (!v->n) return;
  look(v);
  while (!http_answer(&v->http, &a)) http_wait(&v->http);
  if (v->is_last) {
    if (a.status != 410) wrong(v, "it goes on after its end", a.head);
    return;
  }
  if (a.status != 200) wrong(v, "not its page", a.head);
  check_page(v, &a);
  if (number_shown(a.body) != v->n) wrong(v, "another number is shown", a.body);
}

void left_check(const Left *l, int port) {
  Http h = { .fd = -1 };
  Answer a;
  http_open(&h, port);
  send_look(&h, l->cid, l->cookie);
  http_expect(&h, 200, &a);
  if (number_shown(a.body) != l->n)
    unexpected("what was left shows another number", a.body);
  http_close(&h);
}
