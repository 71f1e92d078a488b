/* Calls the app's own functions for a request, outside of any conversation. */
#include <lauxlib.h>
#include <stdlib.h>

#include "host/host.h"
#include "html/html.h"
#include "http/reply.h"
#include "lua/coro.h"

/* --- on_error --- */

static void set_text(lua_State *L, const char *name, Slice text) {
  if (!text.len) return;
  lua_pushlstring(L, text.ptr, text.len);
  lua_setfield(L, -2, name);
}

/* f(function, error, info, card): calls it, and draws what it returns. */
static int f_on_error(lua_State *L) {
  Buf *card = lua_touserdata(L, 4);
  HtmlContext ctx = { .component = SLICE_INIT("on_error") };
  lua_settop(L, 3);
  lua_call(L, 2, 1);
  if (!lua_isnil(L, -1)) html_render(L, 1, &ctx, card);
  return 0;
}

/* Calls on_error(err, info), whose arguments are on top of L and are popped.
 * When it fails itself, the log has it, and the usual words stand. */
static void call_on_error(Host *h, lua_State *L, Buf *card) {
  size_t before = card->len;
  lua_pushcfunction(L, f_on_error);
  lua_insert(L, -3);
  lua_rawgeti(L, LUA_REGISTRYINDEX, h->settings.on_error);
  lua_insert(L, -3);
  lua_pushlightuserdata(L, card);
  const char *was = coro_ban(h->vm, "on_error");
  budget_start(h->vm, &h->kernel_config.budget);
  int status = vm_call(L, 4, 0);
  Doom doom = budget_stop(h->vm, NULL);
  coro_ban(h->vm, was);
  if (status == LUA_OK && !doom) return;
  card->len = before;
  if (status == LUA_OK) lua_pushliteral(L, "it took too much time or memory");
  vm_push_error_text(L, -1);
  log_with(&h->log, LOG_ERROR, "on_error failed",
           { "error", slice_str(lua_tostring(L, -1)) },
           { "traceback", vm_traceback(h->vm) });
  lua_pop(L, 2);
}

void app_turn_failed(void *ud, const TurnFailure *f, Buf *card) {
  Host *h = ud;
  lua_State *L = vm_lua(h->vm);
  if (h->settings.on_error == LUA_NOREF) return;
  lua_pushvalue(L, -1);
  lua_createtable(L, 0, 6);
  set_text(L, "message", f->error);
  set_text(L, "where", slice_str(f->where));
  set_text(L, "component", slice_str(f->component));
  set_text(L, "instance", slice_str(f->iid));
  set_text(L, "conversation", slice_str(f->cid));
  set_text(L, "traceback", f->trace);
  call_on_error(h, L, card);
}

/* Of a failure that no conversation has; what was raised is on top of L. */
static void tell_app(Host *h, lua_State *L) {
  Failure *f = &h->failure;
  buf_clear(&f->card);
  if (h->settings.on_error == LUA_NOREF) return;
  lua_pushvalue(L, -1);
  lua_createtable(L, 0, 6);
  set_text(L, "message", buf_view(&f->error));
  set_text(L, "where", buf_view(&f->where));
  set_text(L, "traceback", buf_view(&f->trace));
  if (h->asking) {
    set_text(L, "method", slice_str(method_name(req_method(h->asking))));
    set_text(L, "path", request_path(h, h->asking));
  }
  call_on_error(h, L, &f->card);
}

/* --- calling --- */

/* The error value is on top of L. */
static void note(Host *h, lua_State *L, const char *kind, const char *of,
                 Doom doom) {
  Failure *f = &h->failure;
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
  tell_app(h, L);
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
    lua_pushliteral(L, "it took too much time or memory");
  }
  note(h, L, kind, of, doom);
  lua_pop(L, 1);
  return false;
}

/* --- what the one who asked gets --- */

static void put_page(const Host *h, Buf *b) {
  const Failure *f = &h->failure;
  buf_lit(b, "<div class=\"stube-error\" role=\"alert\">");
  if (f->card.len) {
    buf_slice(b, buf_view(&f->card));
    buf_lit(b, "</div>");
    return;
  }
  buf_lit(b, "<strong>Something went wrong</strong><p>");
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
  bool is_neutral = h->settings.production;
  if (wants_page(req) && (!is_neutral || f->card.len)) {
    Buf b = { 0 };
    put_page(h, &b);
    Page page = { .root = buf_view(&b), .status = err_status(ERR_APP) };
    page_reply(h, req, &page, NULL, 0);
    buf_free(&b);
  } else if (is_neutral) {
    http_reply_err(req, ERR_APP);
  } else {
    http_reply_error(req, err_status(ERR_APP), buf_view(&f->error), NULL, 0);
  }
}
