/* A request as Lua sees it: `req` of a mount's args(req). Plain data, a copy.
 */
#include <lauxlib.h>
#include <lua.h>

#include "host/host.h"
#include "wire/form.h"

static void set_slice(lua_State *L, const char *name, Slice s) {
  lua_pushlstring(L, s.ptr ? s.ptr : "", s.len);
  lua_setfield(L, -2, name);
}

/* { method, path, params, query, headers, ip } */
static Err push_request(lua_State *L, const HttpReq *req, const RouteMatch *m) {
  lua_createtable(L, 0, 6);
  set_slice(L, "method", slice_str(method_name(req_method(req))));
  set_slice(L, "path", req_path(req));
  set_slice(L, "ip", req_peer(req));
  lua_createtable(L, 0, (int)m->nparams);
  for (size_t i = 0; i < m->nparams; i++) {
    lua_pushlstring(L, m->params[i].name.ptr, m->params[i].name.len);
    lua_pushlstring(L, m->params[i].value.ptr, m->params[i].value.len);
    lua_rawset(L, -3);
  }
  lua_setfield(L, -2, "params");
  size_t n;
  const HttpHeader *headers = req_headers(req, &n);
  lua_createtable(L, 0, (int)n);
  for (size_t i = 0; i < n; i++) {
    luaL_Buffer b; /* names in small letters, as scripts look them up */
    luaL_buffinit(L, &b);
    for (size_t j = 0; j < headers[i].name.len; j++) {
      char c = headers[i].name.ptr[j];
      luaL_addchar(&b, (char)(c >= 'A' && c <= 'Z' ? c + 32 : c));
    }
    luaL_pushresult(&b);
    lua_pushlstring(L, headers[i].value.ptr, headers[i].value.len);
    lua_rawset(L, -3);
  }
  lua_setfield(L, -2, "headers");
  Err e = form_decode(L, req_query(req));
  if (e) {
    lua_pop(L, 1);
    return e;
  }
  lua_setfield(L, -2, "query");
  return OK;
}

/* Calls args(req) and pushes the embed with what it returned as its args.
 * Protected by the caller: vm_call. Stack: embed args match-and-request */
typedef struct ArgsCall {
  HttpReq *req;
  const RouteMatch *match;
  Err err;
} ArgsCall;

static int f_args(lua_State *L) {
  ArgsCall *call = lua_touserdata(L, 3);
  call->err = push_request(L, call->req, call->match);
  if (call->err) return 0;
  lua_pushvalue(L, 2);
  lua_insert(L, -2);
  lua_call(L, 1, 1);
  if (!lua_isnil(L, -1) && !lua_istable(L, -1))
    luaL_error(L, "a mount's args must return a table, not a %s",
               luaL_typename(L, -1));
  int args = lua_gettop(L);
  lua_newtable(L);
  if (lua_type(L, 1) == LUA_TSTRING)
    lua_pushvalue(L, 1);
  else if (lua_getfield(L, 1, "type") != LUA_TSTRING)
    luaL_getmetafield(L, 1, "__component");
  lua_setfield(L, args + 1, "type");
  lua_pushvalue(L, args);
  lua_setfield(L, args + 1, "args");
  lua_settop(L, args + 1);
  return 1;
}

Err request_push_embed(Host *h, HttpReq *req, const RouteMatch *match,
                       const Mount *m) {
  lua_State *L = vm_lua(h->vm);
  if (m->args == LUA_NOREF) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, m->embed);
    return OK;
  }
  ArgsCall call = { req, match, OK };
  lua_pushcfunction(L, f_args);
  lua_rawgeti(L, LUA_REGISTRYINDEX, m->embed);
  lua_rawgeti(L, LUA_REGISTRYINDEX, m->args);
  lua_pushlightuserdata(L, &call);
  budget_start(h->vm, &h->kernel_config.budget);
  int status = vm_call(L, 3, 1);
  budget_stop(h->vm, NULL);
  if (status != LUA_OK) {
    vm_push_error_text(L, -1);
    log_with(&h->log, LOG_ERROR, "a mount's args failed",
             { "path", slice_str(m->path) },
             { "error", slice_str(lua_tostring(L, -1)) },
             { "traceback", vm_traceback(h->vm) });
    lua_pop(L, 2);
    return ERR_APP;
  }
  if (call.err) lua_pop(L, 1);
  return call.err;
}
