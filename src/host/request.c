/* A request as Lua sees it: `req` of hooks, routes, args, context, principal.
 * Plain data, a copy. Our own cookie is not in it: whoever has that has the
 * visitor's conversations. */
#include <lauxlib.h>
#include <lua.h>

#include "base/limits.h"
#include "host/host.h"
#include "http/cookie.h"
#include "wire/form.h"
#include "wire/signals.h"

static void set_slice(lua_State *L, const char *name, Slice s) {
  lua_pushlstring(L, s.ptr ? s.ptr : "", s.len);
  lua_setfield(L, -2, name);
}

Slice request_path(const Host *h, const HttpReq *req) {
  Slice path = req_path(req), base = slice_str(h->settings.base_path);
  if (base.len && slice_starts(path, base))
    path = slice(path.ptr + base.len, path.len - base.len);
  return path.len ? path : SLICE("/");
}

/* Behind a proxy that we trust: what it added itself stands last. */
static Slice ip_of(const Host *h, const HttpReq *req) {
  Slice list = h->settings.trust_proxy ? req_header(req, "X-Forwarded-For")
                                       : (Slice){ 0 };
  if (!list.len) return req_peer(req);
  const char *comma = memrchr(list.ptr, ',', list.len);
  const char *at = comma ? comma + 1 : list.ptr;
  while (at < list.ptr + list.len && *at == ' ') at++;
  return slice(at, (size_t)(list.ptr + list.len - at));
}

static void push_params(lua_State *L, const RouteMatch *m) {
  lua_createtable(L, 0, (int)m->nparams);
  for (size_t i = 0; i < m->nparams; i++) {
    lua_pushlstring(L, m->params[i].name.ptr, m->params[i].name.len);
    lua_pushlstring(L, m->params[i].value.ptr, m->params[i].value.len);
    lua_rawset(L, -3);
  }
}

/* Names in small letters, as scripts look them up; what comes more than once is
 * one list, as HTTP has it. */
static void push_headers(lua_State *L, const HttpReq *req) {
  size_t n;
  const HttpHeader *headers = req_headers(req, &n);
  lua_createtable(L, 0, (int)n);
  for (size_t i = 0; i < n; i++) {
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (size_t j = 0; j < headers[i].name.len; j++) {
      char c = headers[i].name.ptr[j];
      luaL_addchar(&b, (char)(c >= 'A' && c <= 'Z' ? c + 32 : c));
    }
    luaL_pushresult(&b);
    if (strcmp(lua_tostring(L, -1), "cookie") == 0) {
      lua_pop(L, 1);
      continue;
    }
    lua_pushvalue(L, -1);
    if (lua_rawget(L, -3) == LUA_TNIL) {
      lua_pop(L, 1);
      lua_pushlstring(L, headers[i].value.ptr, headers[i].value.len);
    } else {
      lua_pushliteral(L, ", ");
      lua_pushlstring(L, headers[i].value.ptr, headers[i].value.len);
      lua_concat(L, 3);
    }
    lua_rawset(L, -3);
  }
}

static void push_cookies(lua_State *L, const HttpReq *req) {
  Slice header = req_header(req, "Cookie"), name, value;
  lua_newtable(L);
  for (int n = 0; n < HTTP_COOKIES_MAX && cookie_next(&header, &name, &value);
       n++) {
    if (trust_is_ours(name)) continue;
    lua_pushlstring(L, name.ptr, name.len);
    lua_pushvalue(L, -1);
    if (lua_rawget(L, -3) == LUA_TNIL) { /* the first one counts */
      lua_pop(L, 1);
      lua_pushlstring(L, value.ptr, value.len);
      lua_rawset(L, -3);
    } else {
      lua_pop(L, 2);
    }
  }
}

/* `body`, and what it says as `form` or `json`. */
static Err set_body(lua_State *L, const HttpReq *req) {
  Slice body = req_body(req);
  Err e = OK;
  set_slice(L, "body", body);
  if (req_is_type(req, "application/x-www-form-urlencoded")) {
    e = form_decode(L, body);
    if (!e) lua_setfield(L, -2, "form");
  } else if (req_is_type(req, "application/json") && body.len) {
    e = json_decode(L, body);
    if (!e) lua_setfield(L, -2, "json");
  }
  return e;
}

typedef struct Ask {
  Host *host;
  HttpReq *req;
  const RouteMatch *match;
  Err err;
} Ask;

static int f_request(lua_State *L) {
  Ask *a = lua_touserdata(L, 1);
  const HttpReq *req = a->req;
  lua_createtable(L, 0, 10);
  set_slice(L, "method", slice_str(method_name(req_method(req))));
  set_slice(L, "path", request_path(a->host, req));
  set_slice(L, "ip", ip_of(a->host, req));
  push_params(L, a->match);
  lua_setfield(L, -2, "params");
  push_headers(L, req);
  lua_setfield(L, -2, "headers");
  push_cookies(L, req);
  lua_setfield(L, -2, "cookies");
  a->err = form_decode(L, req_query(req));
  if (a->err) return 0;
  lua_setfield(L, -2, "query");
  a->err = set_body(L, req);
  return a->err ? 0 : 1;
}

Err request_push(Host *h, HttpReq *req, const RouteMatch *m) {
  lua_State *L = vm_lua(h->vm);
  if (h->request != LUA_NOREF) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, h->request);
    return OK;
  }
  Ask a = { h, req, m, OK };
  lua_pushcfunction(L, f_request);
  lua_pushlightuserdata(L, &a);
  if (vm_call(L, 1, 1) != LUA_OK) a.err = ERR_APP; /* no memory */
  if (a.err) {
    lua_pop(L, 1);
    return a.err;
  }
  lua_pushvalue(L, -1);
  h->request = luaL_ref(L, LUA_REGISTRYINDEX);
  return OK;
}

void request_forget(Host *h) {
  luaL_unref(vm_lua(h->vm), LUA_REGISTRYINDEX, h->request);
  h->request = LUA_NOREF;
}
