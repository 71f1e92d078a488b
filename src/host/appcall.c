/* Calls the app's own functions for a request, outside of any conversation. */
#include <lauxlib.h>
#include <stdlib.h>

#include "host/host.h"
#include "html/html.h"
#include "http/reply.h"
#include "lua/coro.h"

/* The error value is on top of L. */
static void note(Host *h, lua_State *L, const char *kind, const char *of) {
  Failure *f = &h->failure;
  Doom doom = budget_doom(h->vm);
  char words[128];
  buf_clear(&f->where);
  buf_clear(&f->error);
  buf_clear(&f->trace);
  buf_puts(&f->where, kind);
  if (of[0]) buf_printf(&f->where, " (%s)", of);
  if (doom) {
    budget_words(h->vm, doom, words, sizeof words);
    buf_puts(&f->error, words);
  } else {
    size_t len;
    vm_push_error_text(L, -1);
    const char *text = lua_tolstring(L, -1, &len);
    buf_put(&f->error, text, len);
    lua_pop(L, 1);
  }
  buf_slice(&f->trace, vm_traceback(h->vm));
  log_with(&h->log, LOG_ERROR, "a function of the app failed",
           { "in", buf_view(&f->where) }, { "error", buf_view(&f->error) },
           { "traceback", buf_view(&f->trace) });
}

bool app_call(Host *h, const char *kind, const char *of, int nargs,
              int nresults) {
  lua_State *L = vm_lua(h->vm);
  const char *was = coro_ban(h->vm, kind);
  budget_start(h->vm, &h->kernel_config.budget);
  int status = vm_call(L, nargs, nresults);
  Doom doom = budget_stop(h->vm, NULL);
  coro_ban(h->vm, was);
  if (status == LUA_OK && !doom) return true;
  if (status ==
      LUA_OK) { /* the app swallowed it, and has failed all the same */
    lua_pop(L, nresults);
    lua_pushnil(L);
  }
  note(h, L, kind, of);
  lua_pop(L, 1);
  return false;
}

/* --- what the one who asked gets --- */

static void put_page(const Failure *f, Buf *b) {
  buf_lit(b, "<div class=\"stube-error\" role=\"alert\"><strong>Something went "
             "wrong</strong><p>");
  html_text(b, buf_view(&f->error));
  buf_lit(b, "</p><p>In ");
  html_text(b, buf_view(&f->where));
  buf_lit(b, ".</p><pre>");
  html_text(b, buf_view(&f->trace));
  buf_lit(b, "</pre></div>");
}

/* A browser that opens a page; all else gets the short answer. */
static bool wants_page(const HttpReq *req) {
  Slice accept = req_header(req, "Accept");
  return accept.ptr && memmem(accept.ptr, accept.len, "text/html", 9);
}

void app_refuse(Host *h, HttpReq *req) {
  const Failure *f = &h->failure;
  if (h->settings.production) {
    http_reply_err(req, ERR_APP);
  } else if (wants_page(req)) {
    Buf b = { 0 };
    put_page(f, &b);
    page_reply(h, req, NULL, NULL, buf_view(&b), err_status(ERR_APP), NULL, 0);
    buf_free(&b);
  } else {
    http_reply_error(req, err_status(ERR_APP), buf_view(&f->error), NULL, 0);
  }
}
