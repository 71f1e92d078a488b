/* POST /conv/:cid/:iid/:event: from bytes to an Event, and its answer.
 *
 * Who may, first: the conversation, its owner, where the request comes from,
 * and whether this very URL was offered. Then what it says. Then the kernel. */
#include <lua.h>
#include <stdlib.h>

#include "host/frame.h"
#include "host/host.h"
#include "http/reply.h"
#include "wire/form.h"
#include "wire/signals.h"

typedef enum BodyKind { BODY_NONE, BODY_JSON, BODY_FORM } BodyKind;

typedef struct PostEvent {
  Event ev;
  Host *host;
  HttpReq *req; /* holds every slice below */
  BodyKind kind;
  bool is_plain; /* from a browser without our client: answered by a page */
  Slice p;       /* the value, as in the URL */
  char cid[CID_LEN + 1];
} PostEvent;

static Err body_kind(const HttpReq *req, BodyKind *out) {
  if (req_is_type(req, "application/json"))
    *out = BODY_JSON;
  else if (req_is_type(req, "application/x-www-form-urlencoded"))
    *out = BODY_FORM;
  else if (req_body(req).len == 0)
    *out = BODY_NONE;
  else
    return ERR_MEDIA;
  return OK;
}

/* "k3Jx.17": the page's name and the number. */
static Err take_number(Slice h, Event *ev) {
  const char *dot = memchr(h.ptr, '.', h.len);
  size_t page = dot ? (size_t)(dot - h.ptr) : 0;
  if (page == 0 || page > PAGE_ID_MAX ||
      !slice_number(slice(dot + 1, h.len - page - 1), 15, &ev->number))
    return ERR_BAD_INPUT;
  for (size_t i = 0; i < page; i++)
    if (!char_is_word(h.ptr[i]) && h.ptr[i] != '-') return ERR_BAD_INPUT;
  memcpy(ev->page, h.ptr, page);
  ev->page[page] = '\0';
  return OK;
}

Err event_page(const HttpReq *req, Event *ev) {
  Slice number = req_header(req, "Stube-Event");
  Slice seen = req_header(req, "Stube-Seen");
  if (seen.ptr && !frame_take_id(seen, &ev->seen)) return ERR_BAD_INPUT;
  return number.ptr ? take_number(number, ev) : OK;
}

/* --- what the kernel asks and answers --- */

static Err push(Event *ev, lua_State *L) {
  PostEvent *p = (PostEvent *)ev;
  Err e = OK;
  if (p->p.ptr)
    e = event_value_decode(L, p->p);
  else
    lua_pushnil(L);
  if (e) return e;
  Slice body = req_body(p->req);
  if (p->kind == BODY_FORM) {
    lua_pushnil(L);
    return form_decode(L, body);
  }
  if (p->kind == BODY_JSON)
    e = signals_decode(L, body);
  else
    lua_newtable(L);
  if (e) return e;
  lua_getfield(L, -1, "$form");
  if (!lua_isnil(L, -1) && !lua_istable(L, -1)) return ERR_BAD_INPUT;
  if (lua_istable(L, -1)) {
    lua_pushnil(L);
    lua_setfield(L, -3, "$form");
  }
  return OK;
}

void event_reply(HttpReq *req, Err result) {
  if (result && result != ERR_APP) {
    http_reply_err(req, result);
  } else { /* the banner of a failed turn is on its way */
    HttpHeader store = HEADER("Cache-Control", "no-store");
    http_reply(req, 204, &store, 1, (Slice){ 0 });
  }
}

static void answer(Event *ev, Err result) {
  PostEvent *p = (PostEvent *)ev;
  trust_tell(p->host, p->req, slice_str(p->cid));
  if (p->is_plain && (!result || result == ERR_APP)) {
    char where[512];
    snprintf(where, sizeof where, "%s/conv/%s", p->host->settings.base_path,
             p->cid);
    HttpHeader to = { SLICE_INIT("Location"), slice_str(where) };
    http_reply(p->req, 303, &to, 1, (Slice){ 0 });
  } else {
    event_reply(p->req, result);
  }
  free(p);
}

/* The official Datastar bundle posts forms too, and reads patches from the
 * stream. */
static bool is_plain_form(const HttpReq *req, BodyKind kind) {
  return kind == BODY_FORM && !req_header(req, "Datastar-Request").ptr;
}

void visit_event(Host *h, HttpReq *req, const RouteMatch *m, Conv *c) {
  Slice name = route_param(m, "event"), query = req_query(req);
  uint32_t iid = iid_parse(route_param(m, "iid"));
  BodyKind kind = BODY_NONE;
  Slice p = { 0 }, mac = { 0 };
  Err e = OK;
  if (!c || conv_ended(c))
    e = ERR_GONE;
  else if (!trust_owns(h, req, c))
    e = ERR_FORBIDDEN;
  else
    e = body_kind(req, &kind);
  if (!e && !trust_origin(req, is_plain_form(req, kind))) e = ERR_FORBIDDEN;
  if (!e) {
    bool has_mac = form_find(query, "m", &mac);
    form_find(query, "p", &p);
    if (!iid || !has_mac || !conv_offered(c, iid, name, p, mac))
      e = ERR_FORBIDDEN;
  }
  if (e) {
    http_reply_err(req, e);
    return;
  }
  PostEvent *pe = xcalloc(1, sizeof *pe);
  *pe = (PostEvent){ .host = h, .req = req, .p = p };
  pe->kind = kind;
  pe->is_plain = is_plain_form(req, kind);
  pe->ev.iid = iid;
  pe->ev.name = name;
  pe->ev.push = push;
  pe->ev.answer = answer;
  memcpy(pe->cid, conv_cid(c), sizeof pe->cid);
  e = event_page(req, &pe->ev);
  if (e) {
    free(pe);
    http_reply_err(req, e);
    return;
  }
  kernel_post(h->kernel, c, &pe->ev);
}
