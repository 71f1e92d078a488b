/* What a route or a hook answers: a table, made into an HTTP response.
 *
 *   { status = 200, headers = { [name] = value or list of values },
 *     body = text | json = value | markup = element, title = text }
 *
 * It is read in a protected call into Host.answer, so a malformed one is a
 * failure of the app like any other. */
#include <lauxlib.h>

#include "host/host.h"
#include "html/html.h"
#include "http/reply.h"
#include "wire/signals.h"

/* --- headers --- */

static bool same_name(Slice a, const char *b) {
  return a.len == strlen(b) && strncasecmp(a.ptr, b, a.len) == 0;
}

static void put_header(lua_State *L, Answer *a, Slice name, int value) {
  HttpHeader h = { name, { 0 } };
  int type = lua_type(L, value);
  if (type != LUA_TSTRING && type != LUA_TNUMBER)
    luaL_error(L,
               "the header \"%s\" must be a string, or a list of them, not "
               "a %s",
               name.ptr, lua_typename(L, type));
  h.value.ptr = lua_tolstring(L, value, &h.value.len);
  if (!name.len || http_headers_build(&a->head, &h, 1))
    luaL_error(L, "the header \"%s\" has a name or a value that cannot be sent",
               name.ptr);
  a->has_type = a->has_type || same_name(name, "content-type");
  a->has_cache = a->has_cache || same_name(name, "cache-control");
  a->has_policy = a->has_policy || same_name(name, "content-security-policy");
  if (same_name(name, "location")) {
    buf_clear(&a->location);
    buf_slice(&a->location, h.value);
  }
}

/* In the order of their names, so that the same answer is the same bytes. */
static void put_headers(lua_State *L, Answer *a, int table) {
  if (!lua_istable(L, table))
    luaL_error(L, "headers must be a table, not a %s", luaL_typename(L, table));
  lua_newtable(L);
  int names = lua_gettop(L);
  lua_Integer n = 0;
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING)
      luaL_error(L, "headers have names, not a %s as key",
                 luaL_typename(L, -2));
    lua_pushvalue(L, -2);
    lua_rawseti(L, names, ++n);
  }
  lua_getglobal(L, "table");
  lua_getfield(L, -1, "sort");
  lua_pushvalue(L, names);
  lua_call(L, 1, 0);
  for (lua_Integer i = 1; i <= n; i++) {
    Slice name;
    lua_rawgeti(L, names, i);
    name.ptr = lua_tolstring(L, -1, &name.len);
    lua_pushvalue(L, -1);
    lua_rawget(L, table);
    if (lua_istable(L, -1)) {
      lua_Integer m = (lua_Integer)lua_rawlen(L, -1);
      for (lua_Integer j = 1; j <= m; j++) {
        lua_rawgeti(L, -1, j);
        put_header(L, a, name, lua_gettop(L));
        lua_pop(L, 1);
      }
    } else {
      put_header(L, a, name, lua_gettop(L));
    }
    lua_settop(L, names + 1);
  }
  lua_settop(L, names - 1);
}

/* --- bodies --- */

static void put_body(lua_State *L, Answer *a, int idx) {
  Slice s;
  if (lua_type(L, idx) != LUA_TSTRING)
    luaL_error(L, "body must be a string, not a %s", luaL_typename(L, idx));
  s.ptr = lua_tolstring(L, idx, &s.len);
  buf_slice(&a->body, s);
  a->type = SLICE("text/plain; charset=utf-8");
}

static void put_json(lua_State *L, Answer *a, int idx) {
  json_encode(L, idx, "json", &a->body);
  a->type = SLICE("application/json");
}

/* A page of the app, unless it is a document of its own. */
static void put_markup(lua_State *L, Answer *a, int idx) {
  HtmlContext ctx = { .component = SLICE("markup") };
  bool is_document = lua_istable(L, idx) &&
                     lua_rawgeti(L, idx, 1) == LUA_TSTRING &&
                     strcmp(lua_tostring(L, -1), "html") == 0;
  lua_settop(L, idx);
  a->is_page = !is_document && !a->has_type;
  if (is_document) buf_lit(&a->body, "<!doctype html>\n");
  html_render(L, idx, &ctx, &a->body);
  a->type = SLICE("text/html; charset=utf-8");
}

static void take_body(lua_State *L, Answer *a) {
  static const struct {
    const char *name;
    void (*put)(lua_State *L, Answer *a, int idx);
  } kinds[] = { { "body", put_body },
                { "json", put_json },
                { "markup", put_markup } };
  const char *had = NULL;
  for (size_t i = 0; i < countof(kinds); i++) {
    lua_settop(L, 2);
    if (lua_getfield(L, 2, kinds[i].name) == LUA_TNIL) continue;
    if (had)
      luaL_error(L, "it has both %s and %s: an answer has one body", had,
                 kinds[i].name);
    had = kinds[i].name;
    kinds[i].put(L, a, 3);
  }
}

/* --- the table --- */

static void take_status(lua_State *L, Answer *a) {
  int is_whole = 1;
  if (lua_getfield(L, 2, "status") != LUA_TNIL) {
    lua_Integer status = lua_tointegerx(L, -1, &is_whole);
    if (!is_whole || status < 200 || status > 599 ||
        lua_type(L, -1) != LUA_TNUMBER)
      luaL_error(L, "status must be a whole number from 200 to 599, not %s",
                 luaL_tolstring(L, -1, NULL));
    a->status = (int)status;
  }
  lua_settop(L, 2);
}

static void take_title(lua_State *L, Answer *a) {
  int type = lua_getfield(L, 2, "title");
  if (type != LUA_TNIL && type != LUA_TSTRING)
    luaL_error(L, "title must be a string, not a %s", lua_typename(L, type));
  if (type == LUA_TSTRING) buf_puts(&a->title, lua_tostring(L, -1));
  buf_byte(&a->title, '\0');
  lua_settop(L, 2);
}

/* f(answer, table) */
static int f_answer(lua_State *L) {
  static const char *const known[] = { "status", "headers", "body", "json",
                                       "markup", "title",   NULL };
  Answer *a = lua_touserdata(L, 1);
  if (lua_isnil(L, 2))
    luaL_error(L, "it returned nothing: an answer is a table, such as "
                  "{ status = 204 }");
  if (lua_type(L, 2) == LUA_TSTRING)
    luaL_error(L, "it returned a string: an answer is a table, such as "
                  "{ body = \"...\" }");
  if (!lua_istable(L, 2))
    luaL_error(L,
               "it returned a %s: an answer is a table, such as "
               "{ body = \"...\" }",
               luaL_typename(L, 2));
  options_check(L, 2, "an answer", known);
  take_status(L, a);
  take_title(L, a);
  if (lua_getfield(L, 2, "headers") != LUA_TNIL) put_headers(L, a, 3);
  take_body(L, a);
  return 0;
}

static void clear(Answer *a) {
  buf_clear(&a->head);
  buf_clear(&a->body);
  buf_clear(&a->title);
  buf_clear(&a->location);
  a->status = 200;
  a->type = (Slice){ 0 };
  a->is_page = a->has_type = a->has_cache = a->has_policy = false;
}

void answer_free(Answer *a) {
  buf_free(&a->head);
  buf_free(&a->body);
  buf_free(&a->title);
  buf_free(&a->location);
}

/* --- on its way --- */

/* A script cannot follow a redirect to another page; our client can. */
static bool goes_elsewhere(const Answer *a, const HttpReq *req) {
  if (a->status < 300 || a->status > 399 || !a->location.len) return false;
  Slice accept = req_header(req, "Accept");
  return req_header(req, "Datastar-Request").ptr ||
         slice_is(accept, "text/event-stream");
}

static void send_on(const Answer *a, HttpReq *req) {
  HttpHeader headers[] = { { SLICE_INIT("Stube-Go"), buf_view(&a->location) },
                           HEADER("Cache-Control", "no-store") };
  http_reply(req, 204, headers, countof(headers), (Slice){ 0 });
}

bool answer_send(Host *h, HttpReq *req, const char *kind, const char *of) {
  lua_State *L = vm_lua(h->vm);
  Answer *a = &h->answer;
  clear(a);
  lua_pushcfunction(L, f_answer);
  lua_insert(L, -2);
  lua_pushlightuserdata(L, a);
  lua_insert(L, -2);
  if (!app_call(h, kind, of, 2, 0)) return false;
  if (goes_elsewhere(a, req)) {
    send_on(a, req);
    return true;
  }
  HttpHeader headers[6] = { http_block(buf_view(&a->head)) };
  size_t n = 1;
  if (a->is_page) {
    Page page = { .title = a->title.ptr[0] ? a->title.ptr : NULL,
                  .root = buf_view(&a->body),
                  .status = a->status };
    page_reply(h, req, &page, headers, n);
    return true;
  }
  bool is_html = a->has_type ? false
                             : slice_starts(a->type, SLICE("text/html"));
  headers[n++] = HEADER("X-Content-Type-Options", "nosniff");
  headers[n++] = HEADER("Referrer-Policy", "same-origin");
  if (!a->has_cache) headers[n++] = HEADER("Cache-Control", "no-store");
  if (!a->has_type && a->type.len)
    headers[n++] = (HttpHeader){ SLICE("Content-Type"), a->type };
  if (is_html && !a->has_policy)
    headers[n++] = HEADER("Content-Security-Policy", PAGE_POLICY);
  ASSERT(n <= countof(headers));
  http_reply(req, a->status, headers, n, buf_view(&a->body));
  return true;
}
