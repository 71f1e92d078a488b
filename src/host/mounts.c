/* s.mount: a GET of the path begins a conversation.
 *
 * `context` and `principal` say, of the request, what goes with the
 * conversation; `args` what its root gets. */
#include <lauxlib.h>
#include <stdlib.h>

#include "host/host.h"
#include "http/reply.h"

/* --- the list --- */

static Mount **find(Host *h, const char *path) {
  Mount **m = &h->mounts;
  while (*m && strcmp((*m)->path, path) != 0) m = &(*m)->next;
  return m;
}

static void free_mount(Host *h, Mount *m) {
  lua_State *L = vm_lua(h->vm);
  luaL_unref(L, LUA_REGISTRYINDEX, m->embed);
  luaL_unref(L, LUA_REGISTRYINDEX, m->args);
  free(m->path);
  free(m->title);
  free(m->back);
  free(m);
}

static void unmount(Host *h, const char *path) {
  Mount **at = find(h, path), *m = *at;
  if (!m) return;
  *at = m->next;
  router_remove(h->router, METHOD_GET, slice_str(m->path));
  free_mount(h, m);
}

void mounts_free(Host *h) {
  while (h->mounts) unmount(h, h->mounts->path);
}

/* --- what Lua may call --- */

static const char *option_text(lua_State *L, int opts, const char *name) {
  int type = lua_getfield(L, opts, name);
  if (type != LUA_TNIL && type != LUA_TSTRING)
    luaL_error(L, "mount: %s must be a string, not a %s", name,
               lua_typename(L, type));
  return lua_tostring(L, -1);
}

/* What the browser's Back does (Mint.back): true, false, or what it asks. */
static const char *option_back(lua_State *L, int opts) {
  int type = lua_getfield(L, opts, "back");
  if (type == LUA_TBOOLEAN) return lua_toboolean(L, -1) ? NULL : "";
  if (type == LUA_TNIL) return NULL;
  size_t len = 0;
  const char *text = type == LUA_TSTRING ? lua_tolstring(L, -1, &len) : NULL;
  if (!text)
    luaL_error(L,
               "mount: back must be true, false or a question to be asked "
               "first, not a %s",
               lua_typename(L, type));
  if (!len || len > BACK_QUESTION_MAX)
    luaL_error(L, "mount: back: a question has 1 to %d bytes",
               BACK_QUESTION_MAX);
  return text;
}

static void set_text(char **at, const char *text) {
  free(*at);
  *at = text ? xstrdup(text) : NULL;
}

/* mount(path, embed, [opts]). Mounting a path again replaces it. */
int mount_f_mount(lua_State *L) {
  static const char *const known[] = { "title", "args", "back", "can", NULL };
  Host *h = host_of(L);
  const char *path = options_path(L, 1);
  luaL_checkany(L, 2);
  if (host_is_inert(L)) return 0;
  lua_settop(L, 3);
  options_check(L, 3, "mount", known);
  if (lua_isnil(L, 3)) {
    lua_newtable(L);
    lua_replace(L, 3);
  }
  int args = lua_getfield(L, 3, "args");
  if (args != LUA_TNIL && args != LUA_TFUNCTION)
    return luaL_error(L, "mount: args must be a function, not a %s",
                      lua_typename(L, args));
  kernel_check_embed(h->kernel, L, 2, "mount");
  const char *back = option_back(L, 3), *title = option_text(L, 3, "title");
  uint32_t can = 0;
  lua_getfield(L, 3, "can");
  bool is_limited = kernel_read_can(h->kernel, L, -1, "mount", &can);
  Mount *old = *find(h, path);
  Mount *m = old ? old : xcalloc(1, sizeof *m);
  if (!old) {
    m->endpoint = (Endpoint){ .handle = handle_mount, .of = m };
    Err e = router_add(h->router, METHOD_GET, slice_str(path), &m->endpoint);
    if (e && folder_yield(h, path))
      e = router_add(h->router, METHOD_GET, slice_str(path), &m->endpoint);
    if (e) {
      free(m);
      return luaL_error(L, "mount: the path \"%s\" is malformed or taken",
                        path);
    }
    m->path = xstrdup(path);
    m->next = h->mounts;
    m->embed = m->args = LUA_NOREF;
    h->mounts = m;
  }
  set_text(&m->title, title);
  set_text(&m->back, back);
  m->is_limited = is_limited;
  m->can = can;
  luaL_unref(L, LUA_REGISTRYINDEX, m->embed);
  luaL_unref(L, LUA_REGISTRYINDEX, m->args);
  lua_pushvalue(L, 2);
  m->embed = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_getfield(L, 3, "args");
  m->args = args == LUA_TNIL ? LUA_NOREF : luaL_ref(L, LUA_REGISTRYINDEX);
  return 0;
}

/* unmount(path): conversations that live go on. */
int mount_f_unmount(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  if (!host_is_inert(L)) unmount(host_of(L), path);
  return 0;
}

/* mounts() -> list of paths, in order. */
int mount_f_mounts(lua_State *L) {
  lua_newtable(L);
  lua_Integer n = 0;
  const Host *h = host_of(L);
  for (const Mount *m = h ? h->mounts : NULL; m; m = m->next) {
    lua_pushstring(L, m->path);
    lua_rawseti(L, -2, ++n);
  }
  lua_getglobal(L, "table");
  lua_getfield(L, -1, "sort");
  lua_pushvalue(L, -3);
  lua_call(L, 1, 0);
  lua_pop(L, 1);
  return 1;
}

/* --- a visitor --- */

/* Calls a function of the app with the request and pushes its one result, or
 * nil when there is no function. */
static Err ask(Host *h, HttpReq *req, const RouteMatch *match, int function,
               const char *kind, const char *of) {
  lua_State *L = vm_lua(h->vm);
  if (function == LUA_NOREF) {
    lua_pushnil(L);
    return OK;
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, function);
  Err e = request_push(h, req, match);
  if (e) {
    lua_pop(L, 1);
    return e;
  }
  return app_call(h, kind, of, 1, 1) ? OK : ERR_APP;
}

/* The embed `embed` with the args `args`, as an embed. */
static int f_with_args(lua_State *L) {
  if (!lua_istable(L, 2))
    return luaL_error(L, "a mount's args must return a table, not a %s",
                      luaL_typename(L, 2));
  lua_createtable(L, 0, 2);
  if (lua_type(L, 1) == LUA_TSTRING)
    lua_pushvalue(L, 1);
  else if (lua_getfield(L, 1, "type") != LUA_TSTRING)
    luaL_getmetafield(L, 1, "__component");
  lua_setfield(L, 3, "type");
  lua_pushvalue(L, 2);
  lua_setfield(L, 3, "args");
  lua_settop(L, 3);
  return 1;
}

/* Pushes the mount's embed, with what its args(req) makes of the request. */
static Err push_embed(Host *h, HttpReq *req, const RouteMatch *match,
                      const Mount *m) {
  lua_State *L = vm_lua(h->vm);
  Err e = ask(h, req, match, m->args, "a mount's args", m->path);
  if (e) return e;
  lua_rawgeti(L, LUA_REGISTRYINDEX, m->embed);
  lua_insert(L, -2);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return OK;
  }
  lua_pushcfunction(L, f_with_args);
  lua_insert(L, -3);
  return app_call(h, "a mount's args", m->path, 2, 1) ? OK : ERR_APP;
}

/* f_origin(kernel, &blob, context, principal) */
static int f_origin(lua_State *L) {
  Blob **out = lua_touserdata(L, 2);
  *out = kernel_origin(lua_touserdata(L, 1), L, 3, 4);
  return 0;
}

/* What the app says of the request, as bytes. */
static Err take_origin(Host *h, HttpReq *req, const RouteMatch *match,
                       const Mount *m, Blob **out) {
  lua_State *L = vm_lua(h->vm);
  lua_pushcfunction(L, f_origin);
  lua_pushlightuserdata(L, h->kernel);
  lua_pushlightuserdata(L, out);
  Err e = ask(h, req, match, h->settings.context, "context", m->path);
  if (!e) e = ask(h, req, match, h->settings.principal, "principal", m->path);
  if (e) return e;
  return app_call(h, "context and principal", m->path, 4, 0) ? OK : ERR_APP;
}

void handle_mount(Host *h, HttpReq *req, const RouteMatch *match) {
  Mount *m = ((Endpoint *)match->target)->of;
  if (h->is_stopping) {
    HttpHeader retry = HEADER("Retry-After", "5");
    http_reply_error(req, 503, SLICE("This server is about to restart."),
                     &retry, 1);
    return;
  }
  if (req_method(req) == METHOD_HEAD) { /* a look is no visit */
    page_reply(h, req, &(Page){ .title = m->title, .status = 200 }, NULL, 0);
    return;
  }
  lua_State *L = vm_lua(h->vm);
  int top = lua_gettop(L);
  Blob *origin = NULL;
  Err e = take_origin(h, req, match, m, &origin);
  if (!e) e = push_embed(h, req, match, m);
  if (e) {
    lua_settop(L, top);
    blob_drop(origin);
    if (e == ERR_APP)
      app_refuse(h, req);
    else
      http_reply_err(req, e);
    return;
  }
  Visitor v;
  bool is_new = !trust_visitor(h, req, &v);
  if (is_new) visitor_mint(h->kernel, &v);
  Buf root = { 0 };
  Conv *c;
  Mint mint = { .owner = v.id,
                .title = m->title,
                .back = m->back,
                .embed = lua_gettop(L),
                .origin = origin,
                .can = m->can };
  char by[LIMITED_BY_MAX];
  snprintf(by, sizeof by, "the mount %s", m->path);
  if (m->is_limited) mint.limited_by = by;
  e = kernel_mint(h->kernel, &mint, &c, &root);
  lua_settop(L, top);
  blob_drop(origin);
  if (is_new && c) trust_give(h, req, &v);
  /* What effects of its boot asked for comes over its stream. */
  Page page = { .conv = c,
                .holds = { 1, 0 },
                .title = m->title,
                .root = buf_view(&root),
                .status = e ? err_status(e) : 200 };
  page_reply(h, req, &page, NULL, 0);
  buf_free(&root);
}
