/* What is known of C functions whose addresses no header gives: the iterators
 * and makers of the standard library are learnt by calling them, its
 * continuations by yielding through each once. */
#include "persist/graph.h"

#include "lua/coro.h"

static int f_probe_yield(lua_State *L) { return lua_yield(L, 0); }

static TString *keep_text(lua_State *L, const char *s) {
  lua_pushstring(L, s);
  TString *text = tsvalue(s2v(L->top.p - 1));
  luaL_ref(L, LUA_REGISTRYINDEX);
  return text;
}

static void add_continuation(Persist *p, lua_State *L, Continuation c) {
  ASSERT(p->ncontinuations < CONTINUATIONS_MAX);
  c.text = keep_text(L, c.name);
  p->continuations[p->ncontinuations++] = c;
}

/* Suspends a call of the global function `name` with the values above `base` on
 * top of co's stack, and reads how it wants to go on. */
static void learn_continuation(Persist *p, lua_State *L, lua_State *co,
                               int below, int results, const char *name) {
  int n;
  if (lua_resume(co, L, lua_gettop(co) - 1, &n) == LUA_YIELD) {
    const CallInfo *ci = co->base_ci.next;
    const TValue *f = s2v(ci->func.p);
    if (ttislcf(f) && ci != co->ci)
      add_continuation(p, L,
                       (Continuation){ .name = name,
                                       .k = ci->u.c.k,
                                       .ctx = ci->u.c.ctx,
                                       .f = fvalue(f),
                                       .calls = true,
                                       .below = below,
                                       .results = results });
  }
  lua_closethread(co, L);
}

static void learn_continuations(Persist *p, lua_State *L) {
  lua_State *co = lua_newthread(L);
  lua_getglobal(co, "pcall");
  lua_pushcfunction(co, f_probe_yield);
  learn_continuation(p, L, co, 1, LUA_MULTRET, "pcall");

  lua_getglobal(co, "xpcall");
  lua_pushcfunction(co, f_probe_yield);
  lua_pushcfunction(co, f_probe_yield);
  learn_continuation(p, L, co, 3, LUA_MULTRET, "xpcall");

  lua_getglobal(co, "pairs");
  lua_newtable(co);
  lua_newtable(co);
  lua_pushcfunction(co, f_probe_yield);
  lua_setfield(co, -2, "__pairs");
  lua_setmetatable(co, -2);
  learn_continuation(p, L, co, 1, 3, "pairs");
  lua_pop(L, 1);

  for (const CoroContinuation *c = coro_continuations; c->name; c++)
    add_continuation(p, L,
                     (Continuation){ .name = c->name,
                                     .k = c->k,
                                     .calls = c->calls,
                                     .below = c->below,
                                     .results = ANY_RESULTS });
}

/* Pushes the first result of a library function, whose arguments are on top. */
static bool call_library(lua_State *L, const char *lib, const char *name,
                         int nargs) {
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(L, -1, lib);
  lua_remove(L, -2);
  if (lua_istable(L, -1))
    lua_getfield(L, -1, name);
  else
    lua_pushnil(L);
  lua_remove(L, -2);
  lua_insert(L, -nargs - 1);
  return lua_pcall(L, nargs, 1, 0) == LUA_OK;
}

static void learn_maker(Persist *p, lua_State *L, const char *name,
                        const char *why_not) {
  const TValue *v = s2v(L->top.p - 1);
  if (ttisCclosure(v)) {
    const CClosure *cl = clCvalue(v);
    Maker m = { .name = name, .f = cl->f, .why_not = why_not };
    if (cl->nupvalues <= countof(m.tags)) {
      m.nupvalues = cl->nupvalues;
      for (int i = 0; i < cl->nupvalues; i++)
        m.tags[i] = rawtt(&cl->upvalue[i]);
      m.text = keep_text(L, name);
      p->makers[p->nmakers++] = m;
    }
  }
  lua_pop(L, 1);
}

static int f_nothing(lua_State *L) {
  (void)L;
  return 0;
}

static void learn_makers(Persist *p, lua_State *L) {
  lua_pushcfunction(L, f_nothing);
  if (!call_library(L, "coroutine", "wrap",
                    1)) { /* it may want a Lua function */
    lua_pop(L, 1);
    if (luaL_loadstring(L, "") != LUA_OK ||
        !call_library(L, "coroutine", "wrap", 1)) {
      lua_pop(L, 1);
      lua_pushnil(L);
    }
  }
  learn_maker(p, L, "coroutine.wrap()", NULL);
  lua_pushliteral(L, "");
  lua_pushliteral(L, "");
  call_library(L, "string", "gmatch", 2);
  learn_maker(
      p, L, "string.gmatch()",
      "an iterator of string.gmatch cannot be saved; collect the matches in a "
      "table before waiting");
  lua_pushliteral(L, "/dev/null");
  call_library(L, "io", "lines", 1);
  learn_maker(
      p, L, "io.lines()",
      "an iterator of io.lines cannot be saved; read the lines into a table "
      "before waiting");
}

/* Iterators are C functions without values: roots, so that they have names. */
static void learn_iterators(Persist *p, lua_State *L) {
  lua_newtable(L);
  call_library(L, "_G", "ipairs", (lua_pushvalue(L, -1), 1));
  names_add_root(&p->names, L, "ipairs()");
  call_library(L, "_G", "pairs", (lua_pushvalue(L, -1), 1));
  names_add_root(&p->names, L, "pairs()");
  lua_pop(L, 1);
  lua_pushliteral(L, "");
  call_library(L, "utf8", "codes", 1);
  names_add_root(&p->names, L, "utf8.codes()");
  lua_pushliteral(L, "");
  lua_pushboolean(L, 1);
  call_library(L, "utf8", "codes", 2);
  names_add_root(&p->names, L, "utf8.codes(lax)");
}

void library_learn(Persist *p, lua_State *L) {
  luaL_checkstack(L, 16, NULL);
  int top = lua_gettop(L);
  learn_continuations(p, L);
  learn_makers(p, L);
  learn_iterators(p, L);
  lua_newtable(L);
  if (call_library(L, "_G", "pairs", 1) && ttislcf(s2v(L->top.p - 1)))
    p->next = fvalue(s2v(L->top.p - 1));
  lua_settop(L, top);
}

const Continuation *continuation_of(const Persist *p, const CallInfo *ci) {
  const TValue *f = s2v(ci->func.p);
  lua_CFunction cf = ttislcf(f) ? fvalue(f) : clCvalue(f)->f;
  for (int i = 0; i < p->ncontinuations; i++) {
    const Continuation *c = &p->continuations[i];
    if (c->k == ci->u.c.k && c->ctx == ci->u.c.ctx && (!c->f || c->f == cf))
      return c;
  }
  return NULL;
}

const Continuation *continuation_named(const Persist *p, const TString *name) {
  for (int i = 0; i < p->ncontinuations; i++)
    if (p->continuations[i].text == name) return &p->continuations[i];
  return NULL;
}

const Maker *maker_of(const Persist *p, lua_CFunction f) {
  for (int i = 0; i < p->nmakers; i++)
    if (p->makers[i].f == f) return &p->makers[i];
  return NULL;
}

const Maker *maker_named(const Persist *p, const TString *name) {
  for (int i = 0; i < p->nmakers; i++)
    if (p->makers[i].text == name) return &p->makers[i];
  return NULL;
}

bool is_next(const Persist *p, const TValue *v) {
  return ttislcf(v) && p->next && fvalue(v) == p->next;
}

int f_rest(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_Integer at = lua_tointeger(L, lua_upvalueindex(2));
  for (;;) {
    if (lua_rawgeti(L, lua_upvalueindex(1), ++at) == LUA_TNIL) return 1;
    lua_pushinteger(L, at);
    lua_replace(L, lua_upvalueindex(2));
    lua_pushvalue(L, -1);
    if (lua_rawget(L, 1) != LUA_TNIL) return 2;
    lua_pop(L, 2);
  }
}
