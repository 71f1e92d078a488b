/* A suspended coroutine from bytes: slots first, then a plain description of
 * its calls, which is checked as a whole; only then do they become Lua's. */
#include "persist/graph.h"

#include <limits.h>

static void take_slots(Decoder *d, lua_State *co, uint32_t n) {
  uint32_t have = (uint32_t)stacksize(co);
  if (n + 1 + LUA_MINSTACK > have)
    luaD_reallocstack(co, (int)(n + 1 + LUA_MINSTACK), 1);
  for (uint32_t i = 1; i <= n;) {
    uint32_t run;
    TValue v;
    take_run_value(d, &v, &run);
    if (run > n - i) damaged(d, "too many empty places");
    for (uint32_t end = i + run; i <= end; i++)
      setobj(d->L, slot_value(co, (int)i), &v);
  }
}

static void take_lua_frame(Decoder *d, lua_State *co, Frame *f) {
  const TValue *v = slot_value(co, f->func);
  f->info = take_code(d);
  f->proto = f->info->proto;
  if (!ttisLclosure(v)) damaged(d, "a call without its function");
  const ProtoInfo *now = code_find(&d->p->code, clLvalue(v)->p);
  if (clLvalue(v)->p != f->proto) {
    /* The same text loaded twice is the same code. */
    bool same = now && now->number == f->info->number &&
                memcmp(code_chunk(&d->p->code, now->chunk)->digest,
                       code_chunk(&d->p->code, f->info->chunk)->digest,
                       DIGEST_BYTES) == 0;
    if (!same)
      reject(
          d, ERR_CONFLICT,
          "the code of \"%s\" has changed while a function of it was waiting",
          code_chunk(&d->p->code, f->info->chunk)->name);
    f->info = now;
    f->proto = now->proto;
  }
  f->pc = (int)take_number(d, (uint64_t)f->proto->sizecode - 1);
  f->results = (int)take_number(d, SHRT_MAX) - 1;
  if (f->proto->is_vararg) {
    f->extra = (int)take_number(d, (uint64_t)f->func);
    f->virtual -= f->extra + f->proto->numparams + 1;
  }
  if (GET_OPCODE(f->proto->code[f->pc]) == OP_RETURN)
    f->nres = (int)take_number(d, PERSIST_SLOTS_MAX);
}

static void take_c_frame(Decoder *d, lua_State *co, Frame *f, int top) {
  const TValue *v = slot_value(co, f->func);
  if (ttislcf(v))
    f->f = fvalue(v);
  else if (ttisCclosure(v))
    f->f = clCvalue(v)->f;
  else
    damaged(d, "a call without its function");
  int64_t results = take_signed(d);
  if (results < SHRT_MIN || results > SHRT_MAX)
    damaged(d, "a call with too many results");
  f->results = (int)results;
  TString *name = take_name_or_nil(d);
  f->k = name ? continuation_named(d->p, name) : NULL;
  if (name && !f->k)
    reject(d, ERR_NOT_FOUND,
           "the C function \"%s\" that waits is not known here", getstr(name));
  if (f->flags & FRAME_YPCALL) {
    f->handler = (int)take_number(d, (uint64_t)top);
    f->called = (int)take_number(d, (uint64_t)top);
  }
  if (f->flags & FRAME_CLSRET) f->nres = (int)take_number(d, (uint64_t)top);
}

static void take_frames(Decoder *d, lua_State *co, uint32_t n, int top) {
  Persist *p = d->p;
  int last = 0;
  for (uint32_t i = 0; i < n; i++) {
    vec_room(p->frames, i, p->frames_cap);
    Frame f = { .flags = (lu_byte)take_byte(d) };
    uint64_t step = take_number(d, (uint64_t)top);
    if (step == 0 || step >= (uint64_t)(top - last))
      damaged(d, "a call off the stack");
    f.func = f.virtual = last + (int)step;
    if (f.flags & FRAME_LUA)
      take_lua_frame(d, co, &f);
    else
      take_c_frame(d, co, &f, top);
    if (f.virtual <= last) damaged(d, "a call off the stack");
    last = f.func;
    p->frames[i] = f;
  }
}

static int take_closing(Decoder *d, int *slots, int max, int top) {
  int n = (int)take_number(d, (uint64_t)max), last = 0;
  for (int i = 0; i < n; i++) {
    uint64_t step = take_number(d, (uint64_t)top);
    if (step == 0 || step >= (uint64_t)(top - last))
      damaged(d, "a variable to close off the stack");
    slots[i] = last += (int)step;
  }
  return n;
}

/* As lfunc.c's luaF_newtbcupval, whose test for __close comes later here. */
static void set_closing(lua_State *co, const int *slots, int n) {
  for (int i = 0; i < n; i++) {
    StkId level = co->stack.p + slots[i];
    while (level - co->tbclist.p > USHRT_MAX) {
      co->tbclist.p += USHRT_MAX;
      co->tbclist.p->tbclist.delta = 0;
    }
    level->tbclist.delta = (unsigned short)(level - co->tbclist.p);
    co->tbclist.p = level;
  }
}

static void set_frame(lua_State *co, CallInfo *ci, const Frame *f, int end) {
  ci->func.p = co->stack.p + f->func;
  ci->nresults = (short)f->results;
  memset(&ci->u2, 0, sizeof ci->u2);
  if (f->proto) {
    ci->top.p = ci->func.p + 1 + f->proto->maxstacksize;
    ci->u.l.savedpc = f->proto->code + f->pc + 1;
    ci->u.l.trap = 0;
    ci->u.l.nextraargs = f->extra;
    ci->u2.nres = f->nres;
    ci->callstatus = 0;
    if (f->flags & FRAME_FRESH) ci->callstatus |= CIST_FRESH;
    if (f->flags & FRAME_TAIL) ci->callstatus |= CIST_TAIL;
    if (f->flags & FRAME_LEQ) ci->callstatus |= CIST_LEQ;
    return;
  }
  ci->top.p = co->stack.p + end + LUA_MINSTACK;
  ci->u.c.k = f->k ? f->k->k : NULL;
  ci->u.c.ctx = f->k ? f->k->ctx : 0;
  ci->u.c.old_errfunc = 0;
  ci->callstatus = CIST_C;
  if (f->flags & FRAME_OAH) ci->callstatus |= CIST_OAH;
  if (f->flags & FRAME_YPCALL) {
    ci->callstatus |= CIST_YPCALL;
    ci->u.c.old_errfunc = (ptrdiff_t)offset_of_slot(f->handler);
    ci->u2.funcidx = (int)offset_of_slot(f->called);
  }
  if (f->flags & FRAME_CLSRET) {
    ci->callstatus |= CIST_CLSRET;
    ci->u2.nres = f->nres;
  }
  ci->callstatus |= (unsigned short)((f->flags >> FRAME_RECST & 7)
                                     << CIST_RECST);
}

/* The end of what a frame may use: its registers, or some room above its
 * values. */
static int frame_end(const Frame *frames, int n, int i, int top) {
  int end = i + 1 < n ? frames[i + 1].virtual : top;
  if (frames[i].proto)
    return frames[i].func + 1 + frames[i].proto->maxstacksize;
  return end + LUA_MINSTACK;
}

static void set_frames(lua_State *co, const Frame *frames, int n, int top) {
  int end = top + LUA_MINSTACK;
  for (int i = 0; i < n; i++) {
    int e = frame_end(frames, n, i, top);
    if (e > end) end = e;
  }
  if (end > stacksize(co)) luaD_reallocstack(co, end, 1);
  for (int i = 0; i < n; i++) {
    CallInfo *ci = co->ci->next ? co->ci->next : luaE_extendCI(co);
    co->ci = ci; /* the next one hangs on it */
    set_frame(co, ci, &frames[i], i + 1 < n ? frames[i + 1].virtual : top);
  }
}

static uint32_t take_slot_count(Decoder *d) {
  uint32_t n = (uint32_t)take_number(d, PERSIST_SLOTS_MAX - 1);
  if (n > (size_t)(d->end - d->r) + PERSIST_NILS_MAX)
    damaged(d, "it ends early");
  return n;
}

void thread_load(Decoder *d, lua_State *co) {
  int kind = take_byte(d), closing[PERSIST_CLOSING_MAX], nclosing = 0;
  int status = kind == THREAD_FAILED ? take_byte(d) : LUA_OK;
  uint32_t n = take_slot_count(d);
  int top = (int)n + 1;
  take_slots(d, co, n);
  if (kind == THREAD_SUSPENDED) {
    uint32_t nframes = (uint32_t)take_number(d, PERSIST_FRAMES_MAX);
    d->frames += nframes;
    if (nframes == 0 || d->frames > PERSIST_FRAMES_MAX)
      damaged(d, "a coroutine with too many calls");
    take_frames(d, co, nframes, top);
    int handler = (int)take_number(d, (uint64_t)top);
    nclosing = take_closing(d, closing, countof(closing), top);
    thread_check(d, co, d->p->frames, (int)nframes, top, handler, closing,
                 nclosing);
    set_frames(co, d->p->frames, (int)nframes, top);
    co->errfunc = (ptrdiff_t)offset_of_slot(handler);
    co->status = LUA_YIELD;
  } else if (kind == THREAD_FAILED) {
    if (status <= LUA_YIELD || status > LUA_ERRERR)
      damaged(d, "a coroutine of an unknown kind");
    nclosing = take_closing(d, closing, countof(closing), top);
    co->status = (lu_byte)status;
  } else if (kind != THREAD_PLAIN) {
    damaged(d, "a coroutine of an unknown kind");
  }
  co->top.p = co->stack.p + top;
  co->nCcalls = 0;
  set_closing(co, closing, nclosing);
  if (kind != THREAD_SUSPENDED && co->ci->top.p < co->top.p + LUA_MINSTACK)
    co->ci->top.p = co->top.p + LUA_MINSTACK;
}

void thread_abandon(lua_State *co) {
  co->ci = &co->base_ci;
  co->status = LUA_OK;
  co->errfunc = 0;
  co->tbclist.p = co->stack.p;
  co->top.p = co->stack.p + 1;
  for (int i = 1; i < stacksize(co) + EXTRA_STACK; i++)
    setnilvalue(slot_value(co, i));
}
