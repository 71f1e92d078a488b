/* POST /conv/:cid/back: one step back, or with {"turn": n} to what stood at
 * that turn, which may also be ahead of where it went back to. */
#include <lua.h>
#include <stdlib.h>

#include "host/host.h"
#include "http/reply.h"
#include "wire/signals.h"

typedef struct BackEvent {
  Event ev;
  Host *host;
  HttpReq *req;
  char cid[CID_LEN + 1];
} BackEvent;

/* It is not kept: the client learns where the conversation stands. */
static void refuse_turn(const BackEvent *b) {
  const Conv *c = kernel_known(b->host->kernel, slice_str(b->cid));
  HttpHeader headers[] = { HEADER("Content-Type", "application/json"),
                           HEADER("Cache-Control", "no-store") };
  Buf body = { 0 };
  buf_lit(&body, "{\"turn\":");
  buf_uint(&body, c ? conv_stands(c) : 0);
  buf_lit(&body, "}\n");
  http_reply(b->req, err_status(ERR_CONFLICT), headers, countof(headers),
             buf_view(&body));
  buf_free(&body);
}

static void answer(Event *ev, Err result) {
  BackEvent *b = (BackEvent *)ev;
  trust_tell(b->host, b->req, slice_str(b->cid));
  if (result == ERR_CONFLICT)
    refuse_turn(b);
  else
    event_reply(b->req, result);
  free(b);
}

/* The turn that the body names; 0 when it names none. */
static Err read_turn(Host *h, const HttpReq *req, uint64_t *turn) {
  lua_State *L = vm_lua(h->vm);
  *turn = 0;
  Err e = signals_decode(L, req_body(req));
  if (e) return e;
  if (lua_getfield(L, -1, "turn") != LUA_TNIL) {
    int is_turn = lua_isinteger(L, -1);
    lua_Integer n = is_turn ? lua_tointeger(L, -1) : 0;
    if (n >= 1) *turn = (uint64_t)n;
    e = n >= 1 ? OK : ERR_BAD_INPUT;
  }
  lua_pop(L, 2);
  return e;
}

void visit_back(Host *h, HttpReq *req, const RouteMatch *m, Conv *c) {
  (void)m;
  uint64_t turn = 0;
  Err e = OK;
  if (!c || conv_ended(c))
    e = ERR_GONE;
  else if (!trust_owns(h, req, c) || !trust_unsigned(req))
    e = ERR_FORBIDDEN;
  else
    e = read_turn(h, req, &turn);
  BackEvent *b = xcalloc(1, sizeof *b);
  *b = (BackEvent){ .host = h, .req = req };
  if (!e) e = event_page(req, &b->ev);
  if (e) {
    free(b);
    http_reply_err(req, e);
    return;
  }
  memcpy(b->cid, conv_cid(c), sizeof b->cid);
  b->ev.is_back = true;
  b->ev.to_turn = turn;
  b->ev.answer = answer;
  kernel_post(h->kernel, c, &b->ev);
}
