/* s.route: an answer to a request that is no part of a conversation (a feed, a
 * download, a webhook); and s.before: functions that see every request first.
 */
#include <lauxlib.h>
#include <stdlib.h>

#include "base/limits.h"
#include "host/host.h"
#include "http/reply.h"

/* --- routes --- */

struct Route {
  Route *next;
  Endpoint endpoint;
  HttpMethod method;
  char *path;
  char *name;         /* "POST /hook", for messages */
  int fn;             /* Lua registry reference */
  bool is_cross_site; /* pages of other sites may ask it to change things */
};

static Route *find(const Host *h, HttpMethod method, const char *path) {
  Route *r = h->routes;
  while (r && (r->method != method || strcmp(r->path, path) != 0)) r = r->next;
  return r;
}

static bool is_safe(HttpMethod m) {
  return m == METHOD_GET || m == METHOD_HEAD || m == METHOD_OPTIONS;
}

static void handle_route(Host *h, HttpReq *req, const RouteMatch *m) {
  const Route *r = ((Endpoint *)m->target)->of;
  lua_State *L = vm_lua(h->vm);
  if (!is_safe(req_method(req)) && !r->is_cross_site &&
      !trust_origin(req, true)) {
    http_reply_err(req, ERR_FORBIDDEN);
    return;
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, r->fn);
  Err e = request_push(h, req, m);
  if (e) {
    lua_pop(L, 1);
    http_reply_err(req, e);
  } else if (!app_call(h, "a route", r->name, 1, 1) ||
             !answer_send(h, req, "a route's answer", r->name)) {
    app_refuse(h, req);
  }
}

/* HEAD is answered by GET; CONNECT and TRACE are nobody's. */
static HttpMethod check_method(lua_State *L, int idx) {
  Slice name;
  name.ptr = luaL_checklstring(L, idx, &name.len);
  HttpMethod m = method_named(name);
  if (m == METHOD_OTHER)
    luaL_argerror(L, idx,
                  "a method is one of GET, HEAD, POST, PUT, PATCH, "
                  "DELETE and OPTIONS");
  return m;
}

static Route *add(lua_State *L, Host *h, HttpMethod method, const char *path) {
  Route *r = xcalloc(1, sizeof *r);
  r->endpoint = (Endpoint){ .handle = handle_route, .of = r };
  Err e = router_add(h->router, method, slice_str(path), &r->endpoint);
  if (e && method == METHOD_GET && folder_yield(h, path))
    e = router_add(h->router, method, slice_str(path), &r->endpoint);
  if (e) {
    free(r);
    luaL_error(L, "route: the path \"%s\" is malformed, or taken for %s", path,
               method_name(method));
  }
  Buf name = { 0 };
  buf_printf(&name, "%s %s", method_name(method), path);
  r->name = dup_slice(buf_view(&name));
  buf_free(&name);
  r->method = method;
  r->path = xstrdup(path);
  r->fn = LUA_NOREF;
  r->next = h->routes;
  h->routes = r;
  return r;
}

/* route(method, path, function(req) return answer end, [opts]). The same method
 * and path again replace it. */
int route_f_route(lua_State *L) {
  static const char *const known[] = { "cross_site", NULL };
  Host *h = host_of(L);
  HttpMethod method = check_method(L, 1);
  const char *path = options_path(L, 2);
  luaL_checktype(L, 3, LUA_TFUNCTION);
  lua_settop(L, 4);
  options_check(L, 4, "route", known);
  bool is_cross_site = false;
  if (lua_istable(L, 4)) {
    int type = lua_getfield(L, 4, "cross_site");
    if (type != LUA_TNIL && type != LUA_TBOOLEAN)
      return luaL_error(L, "route: cross_site must be a boolean, not a %s",
                        lua_typename(L, type));
    is_cross_site = lua_toboolean(L, -1);
  }
  if (host_is_inert(L)) return 0;
  Route *r = find(h, method, path);
  if (!r) r = add(L, h, method, path);
  r->is_cross_site = is_cross_site;
  luaL_unref(L, LUA_REGISTRYINDEX, r->fn);
  lua_pushvalue(L, 3);
  r->fn = luaL_ref(L, LUA_REGISTRYINDEX);
  return 0;
}

size_t routes_count(const Host *h) {
  size_t n = 0;
  for (const Route *r = h->routes; r; r = r->next) n++;
  return n;
}

void routes_free(Host *h) {
  while (h->routes) {
    Route *r = h->routes;
    h->routes = r->next;
    luaL_unref(vm_lua(h->vm), LUA_REGISTRYINDEX, r->fn);
    free(r->path);
    free(r->name);
    free(r);
  }
}

/* --- hooks --- */

/* before(function(req) end): they run in the order they were given in. One that
 * returns an answer is the last to run. */
int route_f_before(lua_State *L) {
  Host *h = host_of(L);
  luaL_checktype(L, 1, LUA_TFUNCTION);
  if (host_is_inert(L)) return 0;
  if (h->n_hooks >= HOOKS_MAX)
    return luaL_error(L, "before: there are %d hooks already", HOOKS_MAX);
  lua_settop(L, 1);
  h->hooks[h->n_hooks++] = luaL_ref(L, LUA_REGISTRYINDEX);
  return 0;
}

/* What is ours alone: assets, health, metrics. */
static bool is_hooked(const Host *h, const HttpReq *req) {
  return !slice_starts(request_path(h, req), SLICE("/stube/"));
}

bool before_answers(Host *h, HttpReq *req, const RouteMatch *m) {
  static const char kind[] = "a before hook";
  lua_State *L = vm_lua(h->vm);
  if (!h->n_hooks || !is_hooked(h, req)) return false;
  for (size_t i = 0; i < h->n_hooks; i++) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, h->hooks[i]);
    Err e = request_push(h, req, m);
    if (e) {
      lua_pop(L, 1);
      http_reply_err(req, e);
      return true;
    }
    if (!app_call(h, kind, "", 1, 1)) {
      app_refuse(h, req);
      return true;
    }
    if (lua_isnil(L, -1) || (lua_isboolean(L, -1) && !lua_toboolean(L, -1))) {
      lua_pop(L, 1);
      continue;
    }
    if (!answer_send(h, req, "a before hook's answer", "")) app_refuse(h, req);
    return true;
  }
  return false;
}
