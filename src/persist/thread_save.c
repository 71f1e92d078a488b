/* A suspended coroutine to bytes: what is on its stack, and what each of its
 * calls was doing. */
#include "persist/write.h"

#include <limits.h>

enum { MARK_NONE, MARK_DEAD, MARK_REST }; /* what to write for a slot */

static void check_status(Encoder *e, const lua_State *co) {
  if (co->status == LUA_OK && co->ci != &co->base_ci)
    refuse(e, ERR_APP, NULL,
           "a running coroutine cannot be saved; let it yield or end "
           "before waiting");
  if (co->status == LUA_YIELD && isLua(co->ci))
    refuse(e, ERR_APP, NULL,
           "a coroutine that a debug hook interrupted cannot be saved");
}

/* Where the callee's arguments begin: a function with extra arguments stands
 * above them. */
static int virtual_func(const lua_State *co, const CallInfo *ci) {
  int func = slot_of(co, ci->func.p);
  if (isLua(ci) && frame_proto(ci)->is_vararg)
    func -= ci->u.l.nextraargs + frame_proto(ci)->numparams + 1;
  return func;
}

static const ProtoInfo *info_of(Encoder *e, const CallInfo *ci) {
  const ProtoInfo *info = code_find(&e->p->code, frame_proto(ci));
  if (!info) {
    TValue f = *s2v(ci->func.p);
    const Proto *p = clLvalue(&f)->p;
    char place[PLACE_MAX];
    refuse(e, ERR_APP, &f,
           "the function at %s was made by load and cannot be saved while it "
           "waits; "
           "define it in a module",
           place_in(place, p, p->linedefined));
  }
  return info;
}

/* Registers that hold nothing but leftovers: only where the callee begins above
 * all registers does anything lie between. */
static void mark_dead(Code *code, lua_State *co, const CallInfo *ci, int end,
                      lu_byte *marks) {
  const Proto *p = frame_proto(ci);
  int pc = frame_pc(ci), base = slot_of(co, ci->func.p) + 1;
  Instruction i = p->code[pc];
  RegSet live = { { 0 } };
  switch (GET_OPCODE(i)) {
  case OP_CALL:
  case OP_TAILCALL:
  case OP_TFORCALL:
  case OP_CONCAT:
  case OP_CLOSE: return;
  case OP_RETURN:
    for (int r = 0; r < ci->u2.nres; r++) {
      int reg = GETARG_A(i) + r;
      if (reg <= MAXARG_A) live.bits[reg >> 6] |= UINT64_C(1) << (reg & 63);
    }
    for (StkId tbc = co->tbclist.p; tbc > co->stack.p;) {
      int reg = slot_of(co, tbc) - base;
      if (reg >= 0 && reg <= MAXARG_A)
        live.bits[reg >> 6] |= UINT64_C(1) << (reg & 63);
      tbc -= tbc->tbclist.delta ? tbc->tbclist.delta : USHRT_MAX;
    }
    break;
  default: live = code_live_after(code, p, pc); break;
  }
  for (int reg = code_locals(p, pc); base + reg < end && reg <= MAXARG_A; reg++)
    if (!reg_in(&live, reg) && reg < p->maxstacksize)
      marks[base + reg] = MARK_DEAD;
}

static bool is_table_next(const Persist *p, lua_State *co, int slot) {
  return is_next(p, slot_value(co, slot)) &&
         ttistable(slot_value(co, slot + 1));
}

static void mark_slots(Encoder *e, lua_State *co, int top) {
  Persist *p = e->p;
  while (p->marks_cap < (uint32_t)top)
    p->marks = vec_grow(p->marks, &p->marks_cap, sizeof *p->marks);
  memset(p->marks, MARK_NONE, (size_t)top);
  for (CallInfo *ci = co->base_ci.next;; ci = ci->next) {
    if (isLua(ci)) {
      const ProtoInfo *info = info_of(e, ci);
      int pc = frame_pc(ci), base = slot_of(co, ci->func.p) + 1;
      mark_dead(&p->code, co, ci, virtual_func(co, ci->next), p->marks);
      for (uint32_t s = 0; s < info->nspans; s++) {
        const Span *span = &p->code.spans[info->spans + s];
        if (span->kind == SPAN_PAIRS && pc >= span->first && pc <= span->last &&
            is_table_next(p, co, base + span->reg))
          p->marks[base + span->reg] = MARK_REST;
      }
    }
    if (ci == co->ci) break;
  }
}

static void put_slots(Encoder *e, lua_State *co, int first, int top,
                      bool marked) {
  const lu_byte *marks = e->p->marks;
  put_number(e, (uint64_t)(top - first));
  uint32_t nils = 0;
  for (int i = first; i < top; i++) {
    const TValue *v = slot_value(co, i);
    lu_byte mark = marked ? marks[i] : MARK_NONE;
    if (ttisnil(v) || mark == MARK_DEAD) {
      nils++;
      continue;
    }
    put_nils(e, nils);
    nils = 0;
    if (mark == MARK_REST)
      put_rest(e, hvalue(slot_value(co, i + 1)), slot_value(co, i + 2));
    else
      put_value(e, v);
  }
  put_nils(e, nils);
}

static void put_lua_frame(Encoder *e, const CallInfo *ci, int func, int last) {
  const Proto *p = frame_proto(ci);
  int flags = FRAME_LUA;
  if (ci->callstatus & CIST_FRESH) flags |= FRAME_FRESH;
  if (ci->callstatus & CIST_TAIL) flags |= FRAME_TAIL;
  if (ci->callstatus & CIST_LEQ) flags |= FRAME_LEQ;
  put_byte(e, flags);
  put_number(e, (uint64_t)(func - last));
  put_code(e, info_of(e, ci));
  put_number(e, (uint64_t)frame_pc(ci));
  put_number(e, (uint64_t)(ci->nresults + 1));
  if (p->is_vararg) put_number(e, (uint64_t)ci->u.l.nextraargs);
  if (GET_OPCODE(p->code[frame_pc(ci)]) == OP_RETURN)
    put_number(e, (uint64_t)ci->u2.nres);
}

static void put_c_frame(Encoder *e, const CallInfo *ci, int func, int last) {
  /* Only a frame that is not already returning uses its continuation; elsewhere
   * the field may be a leftover. */
  bool returning = ci->callstatus & CIST_CLSRET;
  const Continuation *k = NULL;
  if (!returning && ci->u.c.k) {
    k = continuation_of(e->p, ci);
    if (!k) {
      TValue f = *s2v(ci->func.p);
      refuse(e, ERR_APP, &f,
             "a C function that waits in its middle cannot be saved; call it "
             "without "
             "waiting inside");
    }
  }
  int flags = 0;
  bool protected = ci->callstatus & CIST_YPCALL;
  if (getoah(ci->callstatus)) flags |= FRAME_OAH;
  if (protected) flags |= FRAME_YPCALL;
  if (returning) flags |= FRAME_CLSRET;
  flags |= getcistrecst(ci) << FRAME_RECST;
  put_byte(e, flags);
  put_number(e, (uint64_t)(func - last));
  put_signed(e, ci->nresults);
  if (k) {
    TValue name;
    setsvalue(e->L, &name, k->text);
    put_value(e, &name);
  } else {
    put_byte(e, T_NIL);
  }
  if (protected) {
    put_number(e, (uint64_t)slot_of_offset(ci->u.c.old_errfunc));
    put_number(e, (uint64_t)slot_of_offset(ci->u2.funcidx));
  }
  if (returning) put_number(e, (uint64_t)ci->u2.nres);
}

static void put_frames(Encoder *e, lua_State *co) {
  uint32_t n = 0;
  for (const CallInfo *ci = co->ci; ci != &co->base_ci; ci = ci->previous) n++;
  e->frames += n;
  if (e->frames > PERSIST_FRAMES_MAX)
    refuse(e, ERR_TOO_BIG, NULL, "more than %d calls wait for each other",
           PERSIST_FRAMES_MAX);
  put_number(e, n);
  int last = 0;
  for (const CallInfo *ci = co->base_ci.next;; ci = ci->next) {
    int func = slot_of(co, ci->func.p);
    if (isLua(ci))
      put_lua_frame(e, ci, func, last);
    else
      put_c_frame(e, ci, func, last);
    last = func;
    if (ci == co->ci) break;
  }
}

/* The list runs downwards through the slots; dummies bridge long distances. */
static void put_closing(Encoder *e, const lua_State *co) {
  uint32_t n = 0, at = 0;
  int slots[PERSIST_CLOSING_MAX];
  for (StkId tbc = co->tbclist.p; tbc > co->stack.p;) {
    if (tbc->tbclist.delta) {
      if (n < countof(slots)) slots[n] = slot_of(co, tbc);
      n++;
      tbc -= tbc->tbclist.delta;
    } else {
      tbc -= USHRT_MAX;
    }
  }
  if (n > countof(slots))
    refuse(e, ERR_TOO_BIG, NULL,
           "more than %d variables of a coroutine wait to be closed",
           PERSIST_CLOSING_MAX);
  put_number(e, n);
  int last = 0;
  for (at = n; at-- > 0;) {
    put_number(e, (uint64_t)(slots[at] - last));
    last = slots[at];
  }
}

void thread_save(Encoder *e, lua_State *co) {
  check_status(e, co);
  int top = slot_of(co, co->top.p);
  if (top > PERSIST_SLOTS_MAX)
    refuse(e, ERR_TOO_BIG, NULL,
           "a coroutine with more than %d values on its stack",
           PERSIST_SLOTS_MAX);
  if (co->status == LUA_OK) {
    put_byte(e, THREAD_PLAIN);
    put_slots(e, co, 1, top, false);
  } else if (co->status == LUA_YIELD) {
    mark_slots(e, co, top);
    put_byte(e, THREAD_SUSPENDED);
    put_slots(e, co, 1, top, true);
    put_frames(e, co);
    put_number(e, (uint64_t)slot_of_offset(co->errfunc));
    put_closing(e, co);
  } else {
    /* What died keeps the one value coroutine.close may still give; when
     * variables wait to be closed, the whole stack. Its calls are gone. */
    bool closing = co->tbclist.p > co->stack.p;
    put_byte(e, THREAD_FAILED);
    put_byte(e, co->status);
    put_slots(e, co, closing || top <= 2 ? 1 : top - 1, top, false);
    put_closing(e, co);
  }
}
