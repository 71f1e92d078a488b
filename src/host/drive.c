/* What `stube.drive` has of conversations: they are minted, looked at and sent
 * events, and what their pages would get is kept for the spec. */
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <stdlib.h>

#include "host/drive.h"
#include "host/frame.h"
#include "host/host.h"

static const char drive_key; /* registry: released fragments, oldest first */

/* --- ports: what is released is kept for the spec --- */

void drive_release(void *ud, Conv *c, FragmentId first, const Fragment *f,
                   size_t n) {
  static const char *const kinds[] = { "elements", "signals", "script",
                                       "address",  "scroll",  "focus",
                                       "renewed",  "close" };
  Host *h = ud;
  lua_State *L = vm_lua(h->vm);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &drive_key);
  for (size_t i = 0; i < n; i++) {
    lua_createtable(L, 0, 6);
    lua_pushstring(L, kinds[f[i].kind]);
    lua_setfield(L, -2, "kind");
    lua_pushstring(L, patch_mode_name(f[i].mode));
    lua_setfield(L, -2, "mode");
    lua_pushlstring(L, f[i].selector.ptr, f[i].selector.len);
    lua_setfield(L, -2, "selector");
    lua_pushlstring(L, f[i].body.ptr, f[i].body.len);
    lua_setfield(L, -2, "body");
    lua_pushinteger(L, (lua_Integer)first.turn);
    lua_setfield(L, -2, "turn");
    lua_pushstring(L, conv_cid(c));
    lua_setfield(L, -2, "cid");
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  }
  lua_pop(L, 1);
}

void drive_ended(void *ud, Conv *c) { (void)ud, (void)c; }

bool drive_forget(void *ud, Conv *c) {
  (void)ud, (void)c;
  return true;
}

/* --- events --- */

typedef struct DriveEvent {
  Event ev;
  Host *host;
  int ref;    /* the spec's event table */
  int result; /* the table that says what became of it */
  char *name;
} DriveEvent;

static Err drive_push(Event *ev, lua_State *L) {
  DriveEvent *d = (DriveEvent *)ev;
  lua_rawgeti(L, LUA_REGISTRYINDEX, d->ref);
  lua_getfield(L, -1, "value");
  lua_getfield(L, -2, "signals");
  lua_getfield(L, -3, "form");
  lua_remove(L, -4);
  return OK;
}

static void drive_answer(Event *ev, Err result) {
  DriveEvent *d = (DriveEvent *)ev;
  lua_State *L = vm_lua(d->host->vm);
  lua_rawgeti(L, LUA_REGISTRYINDEX, d->result);
  lua_pushstring(L, err_name(result));
  lua_setfield(L, -2, "result");
  lua_pop(L, 1);
  luaL_unref(L, LUA_REGISTRYINDEX, d->ref);
  luaL_unref(L, LUA_REGISTRYINDEX, d->result);
  free(d->name);
  free(d);
}

static Conv *check_conv(lua_State *L, Host *h) {
  Slice cid;
  cid.ptr = luaL_checklstring(L, 1, &cid.len);
  return kernel_find(h->kernel, cid);
}

/* The kernel works on the main thread's stack; specs may run in coroutines. */
static lua_State *to_main(lua_State *L, Host *h, int n) {
  lua_State *main = vm_lua(h->vm);
  if (main != L) lua_xmove(L, main, n);
  return main;
}

/* --- conversations --- */

/* mint(embed, [context], [principal], [back]) -> cid or nil, html */
static int f_mint(lua_State *L) {
  Host *h = drive_host(L);
  Buf html = { 0 };
  Conv *c;
  char *back = lua_isnoneornil(L, 4) ? NULL : xstrdup(luaL_checkstring(L, 4));
  lua_settop(L, 3);
  Blob *origin = kernel_origin(h->kernel, L, 2, 3);
  drive_now(h);
  lua_settop(L, 1);
  lua_State *main = to_main(L, h, 1);
  Mint mint = {
    .owner = "spec", .back = back, .embed = lua_gettop(main), .origin = origin
  };
  kernel_mint(h->kernel, &mint, &c, &html);
  free(back);
  blob_drop(origin);
  if (main != L) lua_pop(main, 1);
  if (c)
    lua_pushstring(L, conv_cid(c));
  else
    lua_pushnil(L);
  lua_pushlstring(L, html.ptr, html.len);
  buf_free(&html);
  return 2;
}

/* post(cid, { to =, event =, value =, signals =, form =, page =, n = }) -> a
 * table whose `result` is set once the event is answered */
static int f_post(lua_State *L) {
  Host *h = drive_host(L);
  Conv *c = check_conv(L, h);
  luaL_checktype(L, 2, LUA_TTABLE);
  if (!c) return luaL_error(L, "there is no such conversation");
  DriveEvent *d = xcalloc(1, sizeof *d);
  lua_getfield(L, 2, "event");
  d->name = xstrdup(lua_tostring(L, -1) ? lua_tostring(L, -1) : "-");
  d->ev.name = slice_str(d->name);
  lua_getfield(L, 2, "back"); /* true, or a turn */
  d->ev.is_back = lua_toboolean(L, -1);
  d->ev.to_turn = (uint64_t)lua_tointeger(L, -1);
  lua_getfield(L, 2, "to");
  if (lua_isstring(L, -1))
    d->ev.iid = iid_parse(slice_str(lua_tostring(L, -1)));
  lua_getfield(L, 2, "page");
  if (lua_isstring(L, -1))
    snprintf(d->ev.page, sizeof d->ev.page, "%s", lua_tostring(L, -1));
  lua_getfield(L, 2, "n");
  d->ev.number = (uint64_t)lua_tointeger(L, -1);
  lua_getfield(L, 2, "seen"); /* "2.1" */
  if (lua_isstring(L, -1))
    frame_take_id(slice_str(lua_tostring(L, -1)), &d->ev.seen);
  d->ev.push = drive_push;
  d->ev.answer = drive_answer;
  d->host = h;
  lua_pushvalue(L, 2);
  d->ref = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_newtable(L);
  lua_pushvalue(L, -1);
  d->result = luaL_ref(L, LUA_REGISTRYINDEX);
  drive_now(h);
  kernel_post(h->kernel, c, &d->ev);
  return 1;
}

static void push_unseen(void *ud, const Fragment *f) {
  lua_State *L = ud;
  lua_pushlstring(L, f->body.ptr, f->body.len);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

/* unseen(cid, at) -> what is sent once more to a page that holds `at` */
static int f_unseen(lua_State *L) {
  Host *h = drive_host(L);
  const Conv *c = check_conv(L, h);
  FragmentId at = { 0 };
  if (!c) return luaL_error(L, "there is no such conversation");
  if (!frame_take_id(slice_str(luaL_checkstring(L, 2)), &at))
    return luaL_error(L, "that is no id");
  drive_now(h);
  lua_newtable(L);
  conv_see_unseen(c, at, push_unseen, L);
  return 1;
}

/* promote(cid): somebody is really there. */
static int f_promote(lua_State *L) {
  Host *h = drive_host(L);
  Conv *c = check_conv(L, h);
  drive_now(h);
  if (c) kernel_promote(h->kernel, c);
  return 0;
}

typedef struct DriveFetch {
  Host *host;
  int result; /* the table that says what became of it */
} DriveFetch;

static void drive_found(void *ud, Conv *c, Err e) {
  DriveFetch *f = ud;
  lua_State *L = vm_lua(f->host->vm);
  lua_rawgeti(L, LUA_REGISTRYINDEX, f->result);
  lua_pushboolean(L, c != NULL);
  lua_setfield(L, -2, "found");
  lua_pushstring(L, err_name(e));
  lua_setfield(L, -2, "result");
  lua_pop(L, 1);
  luaL_unref(L, LUA_REGISTRYINDEX, f->result);
  free(f);
}

/* fetch(cid) -> a table whose `found` and `result` are set once it is known */
static int f_fetch(lua_State *L) {
  Host *h = drive_host(L);
  Slice cid;
  cid.ptr = luaL_checklstring(L, 1, &cid.len);
  DriveFetch *f = xcalloc(1, sizeof *f);
  lua_newtable(L);
  lua_pushvalue(L, -1);
  *f = (DriveFetch){ h, luaL_ref(L, LUA_REGISTRYINDEX) };
  kernel_fetch(h->kernel, cid, drive_found, f);
  return 1;
}

/* take() -> the fragments released since the last call */
static int f_take(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &drive_key);
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &drive_key);
  return 1;
}

typedef struct DrawEvent {
  Event ev;
  bool done;
} DrawEvent;

static void drawn(Event *ev, Err result) {
  (void)result;
  ((DrawEvent *)ev)->done = true;
}

/* page(cid) -> its whole HTML */
static int f_page(lua_State *L) {
  Host *h = drive_host(L);
  Conv *c = check_conv(L, h);
  if (!c || conv_busy(c)) return luaL_error(L, "gone, or busy");
  Buf html = { 0 };
  DrawEvent d = { .ev = { .draw = &html, .answer = drawn } };
  kernel_post(h->kernel, c, &d.ev);
  for (int i = 0; i < 100 && !d.done; i++) /* a turn may have to come before */
    drive_settle(h);
  ASSERT(d.done);
  drive_settle(h); /* that it was looked at may be kept */
  lua_pushlstring(L, html.ptr, html.len);
  buf_free(&html);
  return 1;
}

/* stands(cid) -> what a page of it says of address and turn */
static int f_stands(lua_State *L) {
  const Conv *c = check_conv(L, drive_host(L));
  Buf b = { 0 };
  if (!c) return luaL_error(L, "there is no such conversation");
  conv_put_standing(c, &b);
  lua_pushlstring(L, b.ptr, b.len);
  buf_free(&b);
  return 1;
}

/* alive(cid) -> is there such a conversation? */
static int f_alive(lua_State *L) {
  Conv *c = check_conv(L, drive_host(L));
  lua_pushboolean(L, c && !conv_ended(c));
  return 1;
}

/* offered(cid, iid, event, p or nil, mac) -> was this URL made by us? */
static int f_offered(lua_State *L) {
  Conv *c = check_conv(L, drive_host(L));
  Slice p = { 0 };
  if (!lua_isnoneornil(L, 4)) p.ptr = luaL_checklstring(L, 4, &p.len);
  lua_pushboolean(L, c && conv_offered(c, (uint32_t)luaL_checkinteger(L, 2),
                                       slice_str(luaL_checkstring(L, 3)), p,
                                       slice_str(luaL_checkstring(L, 5))));
  return 1;
}

/* collect(): names what is static, as after a load. */
static int f_collect(lua_State *L) {
  kernel_collect(drive_host(L)->kernel);
  return 0;
}

static int f_stats(lua_State *L) {
  KernelStats s = kernel_stats(drive_host(L)->kernel);
  lua_newtable(L);
  lua_pushinteger(L, (lua_Integer)s.conversations);
  lua_setfield(L, -2, "conversations");
  lua_pushinteger(L, (lua_Integer)s.turns);
  lua_setfield(L, -2, "turns");
  lua_pushinteger(L, (lua_Integer)s.failed_turns);
  lua_setfield(L, -2, "failed_turns");
  StoreStats store = store_stats(drive_host(L)->store);
  lua_pushinteger(L, (lua_Integer)store.fetches);
  lua_setfield(L, -2, "fetches");
  return 1;
}

/* styles() -> the stylesheet of all components */
static int f_styles(lua_State *L) {
  Buf css = { 0 };
  kernel_styles(drive_host(L)->kernel, &css);
  lua_pushlstring(L, css.ptr ? css.ptr : "", css.len);
  buf_free(&css);
  return 1;
}

/* follow(cid, bool): a page has its stream open, or has it no more. */
static int f_follow(lua_State *L) {
  Host *h = drive_host(L);
  Conv *c = check_conv(L, h);
  drive_now(h);
  if (!c) return luaL_error(L, "there is no such conversation");
  if (lua_toboolean(L, 2))
    kernel_followed(h->kernel, c);
  else
    kernel_unfollowed(h->kernel, c);
  drive_settle(h);
  return 0;
}

void drive_open(Host *h) {
  static const luaL_Reg functions[] = {
    { "mint", f_mint },       { "post", f_post },       { "take", f_take },
    { "page", f_page },       { "alive", f_alive },     { "stats", f_stats },
    { "offered", f_offered }, { "collect", f_collect }, { "styles", f_styles },
    { "fetch", f_fetch },     { "promote", f_promote }, { "follow", f_follow },
    { "stands", f_stands },   { "unseen", f_unseen },   { NULL, NULL },
  };
  lua_State *L = vm_lua(h->vm);
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &drive_key);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_newtable(L);
  lua_pushlightuserdata(L, h);
  luaL_setfuncs(L, functions, 1);
  drive_time_open(L, h);
  drive_config_open(L, h);
  drive_workers_open(L, h);
#ifdef STUBE_HARD
  lua_pushboolean(L, true);
  lua_setfield(L, -2, "is_hard");
#endif
  lua_setfield(L, -2, "stube.drive");
  lua_pop(L, 1);
}
