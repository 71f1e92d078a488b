/* What each path does. Conversations are found, and their owner checked, here.
 */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "host/host.h"
#include "html/html.h"
#include "http/reply.h"
#include "wire/form.h"

static void refuse(HttpReq *req, Err e) { http_reply_err(req, e); }

/* --- pages --- */

/* A page of a conversation that lives. */
typedef struct PageEvent {
  Event ev;
  Host *host;
  HttpReq *req;
  Conv *conv;
  Buf root;
} PageEvent;

/* For the owner of a conversation that cannot go on just now. */
static void reply_lost(Host *h, HttpReq *req, const Conv *c) {
  static const char card[] =
      "<div class=\"stube-card stube-modal\" role=\"alert\">"
      "<strong>This page cannot go on just now</strong><p>It was begun with an "
      "earlier version of this application, which cannot be run at the moment. "
      "Nothing of it is lost: it goes on where it was as soon as that is "
      "possible again.</p></div>";
  Page page = { .title = conv_title(c),
                .root = slice(card, sizeof card - 1),
                .status = 410 };
  page_reply(h, req, &page, NULL, 0);
}

/* For the owner of one that somebody has stopped. */
static void reply_stopped(Host *h, HttpReq *req, const Conv *c) {
  Buf b = { 0 };
  buf_lit(&b, "<div class=\"stube-card stube-modal\" role=\"alert\">"
              "<strong>This page has been stopped</strong><p>");
  if (conv_stopped(c)[0])
    html_text(&b, slice_str(conv_stopped(c)));
  else
    buf_lit(&b, "Nothing of it is lost.");
  buf_lit(&b, "</p></div>");
  Page page = { .title = conv_title(c), .root = buf_view(&b), .status = 410 };
  page_reply(h, req, &page, NULL, 0);
  buf_free(&b);
}

static void page_drawn(Event *ev, Err result) {
  PageEvent *p = (PageEvent *)ev;
  trust_tell(p->host, p->req, slice_str(conv_cid(p->conv)));
  if (result == ERR_GONE && conv_lost(p->conv)) {
    reply_lost(p->host, p->req, p->conv);
  } else if (result && result != ERR_APP) {
    refuse(p->req, result);
  } else {
    Page page = { .conv = p->conv,
                  .holds = conv_newest(p->conv),
                  .title = conv_title(p->conv),
                  .root = buf_view(&p->root),
                  .status = 200 };
    page_reply(p->host, p->req, &page, NULL, 0);
  }
  buf_free(&p->root);
  free(p);
}

static void draw_page_of(Host *h, HttpReq *req, Conv *c) {
  PageEvent *p = xcalloc(1, sizeof *p);
  *p = (PageEvent){ .host = h, .req = req, .conv = c };
  p->ev.draw = &p->root;
  p->ev.answer = page_drawn;
  kernel_post(h->kernel, c, &p->ev);
}

/* GET /conv/:cid?instead=CID: a page was loaded again for a conversation that
 * goes on, and the host has begun another. It gives way when both began alike:
 * who has signed in or out since then does not find the old one. 204: it stays.
 */
static bool gives_way(Host *h, HttpReq *req, Conv *c, Slice cid) {
  Conv *fresh = kernel_known(h->kernel, cid);
  if (!c || conv_ended(c) || !trust_owns(h, req, c) || !fresh || fresh == c ||
      !trust_owns(h, req, fresh) || !kernel_alike(c, fresh)) {
    HttpHeader store = HEADER("Cache-Control", "no-store");
    http_reply(req, 204, &store, 1, (Slice){ 0 });
    return false;
  }
  kernel_unmint(h->kernel, fresh);
  return true;
}

static void visit_page(Host *h, HttpReq *req, const RouteMatch *m, Conv *c) {
  (void)m;
  Slice instead;
  if (form_find(req_query(req), "instead", &instead) &&
      !gives_way(h, req, c, instead))
    return;
  if (!c || (conv_ended(c) && !conv_lost(c)))
    refuse(req, ERR_GONE);
  else if (!trust_owns(h, req, c))
    refuse(req, ERR_FORBIDDEN);
  else if (conv_lost(c))
    reply_lost(h, req, c);
  else if (conv_stopped(c))
    reply_stopped(h, req, c);
  else
    draw_page_of(h, req, c);
}

/* POST /conv/:cid/session: a page that was told of a new token asks for it, and
 * then shows that it has it. 200: ask once more; 204: it is shown. */
static void visit_session(Host *h, HttpReq *req, const RouteMatch *m, Conv *c) {
  (void)m;
  if (!c || conv_ended(c)) {
    refuse(req, ERR_GONE);
  } else if (!trust_owns(h, req, c) || !trust_unsigned(req)) {
    refuse(req, ERR_FORBIDDEN);
  } else {
    HttpHeader store = HEADER("Cache-Control", "no-store");
    bool is_told = trust_tell(h, req, slice_str(conv_cid(c)));
    http_reply(req, is_told ? 200 : 204, &store, 1, (Slice){ 0 });
  }
}

/* --- assets --- */

static void handle_client(Host *h, HttpReq *req, const RouteMatch *m) {
  (void)m;
  HttpHeader safe = HEADER("X-Content-Type-Options", "nosniff");
  file_reply(req, &h->client, &safe, 1);
}

static void handle_ui(Host *h, HttpReq *req, const RouteMatch *m) {
  (void)m;
  HttpHeader safe = HEADER("X-Content-Type-Options", "nosniff");
  file_reply(req, &h->ui, &safe, 1);
}

static void handle_styles(Host *h, HttpReq *req, const RouteMatch *m) {
  (void)m;
  HttpHeader safe = HEADER("X-Content-Type-Options", "nosniff");
  file_reply(req, page_styles(h), &safe, 1);
}

/* --- the router --- */

static const struct {
  HttpMethod method;
  const char *pattern;
  Endpoint endpoint;
} table[] = {
  { METHOD_GET, "/conv/:cid", { .visit = visit_page } },
  { METHOD_GET, "/conv/:cid/sse", { .visit = visit_stream } },
  { METHOD_POST, "/conv/:cid/back", { .visit = visit_back } },
  { METHOD_POST, "/conv/:cid/session", { .visit = visit_session } },
  { METHOD_POST, "/conv/:cid/:iid/:event", { .visit = visit_event } },
  { METHOD_GET, "/stube/client.js", { .handle = handle_client } },
  { METHOD_GET, "/stube/ui.css", { .handle = handle_ui } },
  { METHOD_GET, "/stube/styles.css", { .handle = handle_styles } },
  { METHOD_GET, "/stube/health", { .handle = handle_health } },
  { METHOD_GET, "/stube/metrics", { .handle = handle_metrics } },
};

void endpoints_add(Host *h) {
  for (size_t i = 0; i < countof(table); i++) {
    Err e = router_add(h->router, table[i].method, slice_str(table[i].pattern),
                       (void *)&table[i].endpoint);
    ASSERT(!e);
  }
}

/* --- conversations that may have to come from the disk --- */

typedef struct Visit {
  Host *host;
  HttpReq *req; /* holds this */
} Visit;

/* Routes may have changed meanwhile, but not ours: it is looked up again. */
static void on_found(void *ud, Conv *c, Err e) {
  Visit v = *(Visit *)ud;
  RouteMatch m;
  if (e == ERR_UNAVAILABLE) {
    event_reply(v.req, e);
    return;
  }
  clock_now(v.host);
  RouteResult r = router_find(v.host->router, req_method(v.req),
                              req_path(v.req), &m);
  ASSERT(r == ROUTE_FOUND);
  ((Endpoint *)m.target)->visit(v.host, v.req, &m, c);
}

static void enter(Host *h, HttpReq *req, const RouteMatch *m) {
  const Endpoint *e = m->target;
  if (!e->visit) {
    e->handle(h, req, m);
    return;
  }
  Slice cid = route_param(m, "cid");
  Conv *c = kernel_known(h->kernel, cid);
  if (c) {
    e->visit(h, req, m, c);
    return;
  }
  Visit *v = arena_alloc(req_arena(req), sizeof *v);
  *v = (Visit){ h, req };
  kernel_fetch(h->kernel, cid, on_found, v);
}

static void answer(Host *h, HttpReq *req) {
  RouteMatch m;
  RouteResult r = router_find(h->router, req_method(req), req_path(req), &m);
  if (before_answers(h, req, &m)) return;
  switch (r) {
  case ROUTE_FOUND: enter(h, req, &m); break;
  case ROUTE_NONE: refuse(req, ERR_NOT_FOUND); break;
  case ROUTE_METHOD: {
    HttpHeader allow = { SLICE_INIT("Allow"), slice_str(m.allow) };
    http_reply_error(req, 405, slice_str(err_words(ERR_METHOD)), &allow, 1);
    break;
  }
  case ROUTE_OPTIONS: {
    HttpHeader allow = { SLICE_INIT("Allow"), slice_str(m.allow) };
    http_reply(req, 204, &allow, 1, (Slice){ 0 });
    break;
  }
  }
}

void on_request(void *ud, HttpReq *req) {
  Host *h = ud;
  clock_now(h);
  h->asking = req;
  answer(h, req);
  h->asking = NULL;
  request_forget(h);
}
