/* Can these frames be what Lua left when a coroutine yielded? Everything its
 * interpreter takes on trust when it goes on is tried here, so that a forged
 * graph is refused instead of run. */
#include "persist/graph.h"

#include <limits.h>

typedef struct Check {
  Decoder *d;
  lua_State *co;
  const Frame *f;    /* the frame */
  const Frame *next; /* what it called; NULL for the last one */
  int end;           /* first slot above its values */
} Check;

static void expect(Check *c, bool ok, const char *what) {
  if (!ok) damaged(c->d, what);
}

/* Results as the caller asked for them, without the mark of to-be-closed
 * variables. */
static int wanted(const Frame *f) {
  return hastocloseCfunc(f->results) ? decodeNresults(f->results) : f->results;
}

/* A Lua function called from C code (metamethods too) runs in a C loop of its
 * own. */
static void expect_callee(Check *c, int results, bool from_c) {
  expect(c, results == ANY_RESULTS || wanted(c->next) == results,
         "a call with other results than its caller wants");
  if (c->next->proto)
    expect(c, !!(c->next->flags & FRAME_FRESH) == from_c,
           "a call from nowhere");
}

static void check_pending(Check *c) {
  const Frame *f = c->f;
  const Proto *p = f->proto;
  Instruction i = p->code[f->pc];
  int base = f->func + 1, a = base + GETARG_A(i), callee = c->next->virtual;
  int above = base + p->maxstacksize; /* where metamethods are called */
  switch (GET_OPCODE(i)) {
  case OP_CALL:
    expect(c, callee == a, "a call in another place than its caller's");
    expect_callee(c, GETARG_C(i) - 1, false);
    break;
  case OP_TAILCALL:
    expect(c, callee == a && !c->next->proto, "a tail call that waits");
    expect_callee(c, LUA_MULTRET, true);
    break;
  case OP_TFORCALL:
    expect(c, callee == a + 4, "an iterator in another place");
    expect_callee(c, GETARG_C(i), true);
    break;
  case OP_CONCAT:
    expect(c, callee >= a + 2 && callee <= a + GETARG_B(i), "a concatenation");
    expect_callee(c, 1, true);
    break;
  case OP_MMBIN:
  case OP_MMBINI:
  case OP_MMBINK:
  case OP_UNM:
  case OP_BNOT:
  case OP_LEN:
  case OP_GETTABUP:
  case OP_GETTABLE:
  case OP_GETI:
  case OP_GETFIELD:
  case OP_SELF:
  case OP_LT:
  case OP_LE:
  case OP_LTI:
  case OP_LEI:
  case OP_GTI:
  case OP_GEI:
  case OP_EQ:
    expect(c, callee == above, "a metamethod in another place");
    expect_callee(c, 1, true);
    break;
  case OP_SETTABUP:
  case OP_SETTABLE:
  case OP_SETI:
  case OP_SETFIELD:
    expect(c, callee == above, "a metamethod in another place");
    expect_callee(c, 0, true);
    break;
  case OP_CLOSE:
    expect(c, callee >= a + 2 && callee <= above + 1, "a closing call");
    expect_callee(c, 0, true);
    break;
  case OP_RETURN:
    expect(c, TESTARG_k(i) && callee >= above && a + f->nres <= callee,
           "a closing return");
    expect(c, GETARG_B(i) == 0 || GETARG_B(i) - 1 == f->nres,
           "a closing return");
    expect_callee(c, 0, true);
    break;
  default: damaged(c->d, "a call waits where none can");
  }
}

static bool is_number_loop(lua_State *co, int slot) {
  lu_byte tag = rawtt(slot_value(co, slot));
  return (tag == LUA_VNUMINT || tag == LUA_VNUMFLT) &&
         rawtt(slot_value(co, slot + 1)) == tag &&
         rawtt(slot_value(co, slot + 2)) == tag;
}

static void check_spans(Check *c) {
  const Frame *f = c->f;
  int base = f->func + 1;
  for (uint32_t s = 0; s < f->info->nspans; s++) {
    const Span *span = &c->d->p->code.spans[f->info->spans + s];
    if (f->pc < span->first || f->pc > span->last) continue;
    int slot = base + span->reg;
    expect(c, slot + (span->kind == SPAN_LIST ? 0 : 2) < c->end,
           "a loop off the stack");
    if (span->kind == SPAN_NUMBERS)
      expect(c, is_number_loop(c->co, slot), "a loop over no numbers");
    if (span->kind == SPAN_LIST)
      expect(c, ttistable(slot_value(c->co, slot)), "a list that is no table");
  }
}

#ifdef LUA_COMPAT_LT_LE
#define LUA_FLAGS (FRAME_LUA | FRAME_FRESH | FRAME_TAIL | FRAME_LEQ)
#else
#define LUA_FLAGS (FRAME_LUA | FRAME_FRESH | FRAME_TAIL)
#endif

static void check_lua(Check *c) {
  const Frame *f = c->f;
  expect(c, c->next != NULL, "a coroutine that waits in no call");
  expect(c, f->results >= LUA_MULTRET, "a function with values to close");
  expect(c, !(f->flags & ~LUA_FLAGS), "a call of an unknown kind");
  expect(c, c->next->virtual > f->func, "a call off the stack");
  check_spans(c);
  check_pending(c);
}

static void check_c(Check *c) {
  const Frame *f = c->f;
  const Continuation *k = f->k;
  int recover = f->flags >> FRAME_RECST;
  bool returns = f->flags & FRAME_CLSRET, guards = f->flags & FRAME_YPCALL;
  expect(c, recover <= LUA_ERRERR && recover != LUA_YIELD,
         "a call of an unknown kind");
  expect(c, f->results >= LUA_MULTRET || hastocloseCfunc(f->results),
         "a call with impossible results");
  expect(c, !recover || guards, "an error without a protected call");
  if (k) {
    expect(c, !k->f || k->f == f->f, "a C function that goes on as another");
    expect(c, !returns, "a C function that both goes on and returns");
    expect(c, k->calls == (c->next != NULL), "a C function in another place");
    expect(c, c->end - (f->func + 1) >= k->below, "a value is missing");
  }
  if (!c->next) {
    expect(c, !guards && !returns && !recover, "a protected call that waits");
    return;
  }
  expect(c, returns || k, "a C function that cannot go on");
  expect_callee(c, returns || recover ? 0 : k ? k->results : ANY_RESULTS, true);
  if (returns)
    expect(c,
           hastocloseCfunc(f->results) &&
               f->nres <= c->next->virtual - (f->func + 1),
           "a C function that returns too much");
  if (guards) {
    /* Lua would leave hooks off when it has caught an error: no budget would
     * end what follows. */
    expect(c, f->flags & FRAME_OAH, "a protected call without hooks");
    expect(c, k && k->f, "a protected call of an unknown function");
    expect(c,
           f->called > f->func + k->below - 1 && f->called <= c->next->virtual,
           "a protected call off the stack");
  }
}

static bool is_function(lua_State *co, int slot) {
  return ttisfunction(slot_value(co, slot));
}

/* The handlers form a chain: the current one is the innermost protected call's
 * own, each call keeps the one outside. A call's own handler lies among its
 * values. */
static void check_handlers(Decoder *d, lua_State *co, const Frame *frames,
                           int n, int handler) {
  for (int i = n; i-- > 0;) {
    const Frame *f = &frames[i];
    if (!(f->flags & FRAME_YPCALL) || f->proto) continue;
    if (handler &&
        !(handler > f->func && handler < f->called && is_function(co, handler)))
      damaged(d, "an error handler off the stack");
    handler = f->handler;
  }
  if (handler) damaged(d, "an error handler without a protected call");
}

/* Is this register a variable marked to be closed at this point? */
static bool is_closing_register(const Persist *p, const Frame *f, int reg) {
  for (uint32_t s = 0; s < f->info->nspans; s++) {
    const Span *span = &p->code.spans[f->info->spans + s];
    if (span->kind == SPAN_PAIRS && reg == span->reg + 3 &&
        f->pc >= span->first && f->pc <= span->last)
      return true;
  }
  int at = 0;
  for (int i = 0; i < f->proto->sizelocvars; i++) {
    const LocVar *v = &f->proto->locvars[i];
    if (v->startpc > f->pc) break;
    if (f->pc >= v->endpc) continue;
    Instruction first = f->proto->code[v->startpc];
    if (at++ == reg)
      return GET_OPCODE(first) == OP_TBC && GETARG_A(first) == reg;
  }
  /* A block that is being left has already forgotten its variables. */
  Instruction i = f->proto->code[f->pc];
  if (GET_OPCODE(i) == OP_CLOSE && reg >= GETARG_A(i))
    for (int pc = f->pc; pc-- > 0;) {
      Instruction mark = f->proto->code[pc];
      if ((GET_OPCODE(mark) == OP_TBC && GETARG_A(mark) == reg) ||
          (GET_OPCODE(mark) == OP_TFORPREP && GETARG_A(mark) + 3 == reg))
        return true;
    }
  return false;
}

static void check_closing(Decoder *d, const Frame *frames, int n,
                          const int *tbc, int ntbc) {
  int at = 0;
  for (int i = 0; i < ntbc; i++) {
    while (at + 1 < n && frames[at + 1].virtual <= tbc[i]) at++;
    const Frame *f = &frames[at];
    bool ok;
    if (f->proto) {
      ok = tbc[i] > f->func &&
           is_closing_register(d->p, f, tbc[i] - f->func - 1);
    } else if (f->flags >> FRAME_RECST) {
      /* An error is on its way through what a protected call had called. */
      ok = tbc[i] > f->called;
    } else {
      ok = tbc[i] > f->func && hastocloseCfunc(f->results);
    }
    if (!ok) damaged(d, "a value to close that is no variable");
  }
}

void thread_check(Decoder *d, lua_State *co, const Frame *frames, int nframes,
                  int top, int handler, const int *tbc, int ntbc) {
  Check c = { .d = d, .co = co };
  if (wanted(&frames[0]) != LUA_MULTRET ||
      (frames[0].proto && !(frames[0].flags & FRAME_FRESH)))
    damaged(d, "a coroutine's first call");
  for (int i = 0; i < nframes; i++) {
    c.f = &frames[i];
    c.next = i + 1 < nframes ? &frames[i + 1] : NULL;
    c.end = c.next ? c.next->virtual : top;
    if (c.f->proto)
      check_lua(&c);
    else
      check_c(&c);
  }
  check_handlers(d, co, frames, nframes, handler);
  check_closing(d, frames, nframes, tbc, ntbc);
}

void thread_check_closing(Decoder *d, lua_State *co) {
  for (StkId at = co->tbclist.p; at > co->stack.p;) {
    if (at->tbclist.delta == 0) {
      at -= USHRT_MAX;
      continue;
    }
    if (ttisnil(luaT_gettmbyobj(co, s2v(at), TM_CLOSE)))
      damaged(d, "a value to close without __close");
    at -= at->tbclist.delta;
  }
}

bool thread_can_capture(lua_State *co, int slot) {
  if (co->status != LUA_YIELD || slot >= slot_of(co, co->top.p)) return false;
  const CallInfo *ci = co->ci;
  while (ci && slot_of(co, ci->func.p) >= slot) ci = ci->previous;
  if (!ci || !isLua(ci)) return false;
  const Proto *p = frame_proto(ci);
  int reg = slot - slot_of(co, ci->func.p) - 1;
  if (ci->next && ci != co->ci && reg >= p->maxstacksize) return false;
  const char *name = luaF_getlocalname(p, reg + 1, frame_pc(ci));
  if (!name) return false;
  for (int i = 0; i < p->sizep; i++)
    for (int u = 0; u < p->p[i]->sizeupvalues; u++) {
      const Upvaldesc *up = &p->p[i]->upvalues[u];
      if (up->instack && up->idx == reg && up->name &&
          strcmp(getstr(up->name), name) == 0)
        return true;
    }
  return false;
}
