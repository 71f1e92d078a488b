/* Which registers a suspended function may still read.
 *
 * A metamethod's frame begins above all registers of its caller, so that some
 * of those between are leftovers of earlier calls: they must not be saved,
 * since they may hold anything. Below a call's own frame registers are a stack
 * and all in use; there nobody asks. The answer comes from the code alone, by
 * the usual backward flow: live before = read here, or live after and not
 * written here. */
#include "persist/code.h"

#include <stdlib.h>

static void add(RegSet *s, int reg) {
  s->bits[reg >> 6] |= UINT64_C(1) << (reg & 63);
}

static void add_range(RegSet *s, int first, int last) {
  for (int reg = first; reg <= last; reg++) add(s, reg);
}

static void drop(RegSet *s, int reg) {
  s->bits[reg >> 6] &= ~(UINT64_C(1) << (reg & 63));
}

static void drop_from(RegSet *s, int first) {
  for (int reg = first; reg <= MAXARG_A; reg++) drop(s, reg);
}

static void join(RegSet *s, const RegSet *other) {
  for (int i = 0; i < 4; i++) s->bits[i] |= other->bits[i];
}

/* KEEP IN STEP: opcodes (lopcodes.h of Lua 5.4). `live[pc]` is what is live
 * before the instruction at pc; the answer is the new live[pc]. */
static RegSet step(const Proto *p, int pc, const RegSet *live) {
  Instruction i = p->code[pc];
  int a = GETARG_A(i), b = (int)(i >> POS_B & 0xff),
      c = (int)(i >> POS_C & 0xff);
  bool k = i >> POS_k & 1;
  int bx = (int)(i >> POS_Bx & MAXARG_Bx);
  int top = p->maxstacksize - 1;
  RegSet s = { { 0 } };
#define AFTER(at) join(&s, &live[at])
  switch (GET_OPCODE(i)) {
  case OP_MOVE:
  case OP_UNM:
  case OP_BNOT:
  case OP_NOT:
  case OP_LEN:
  case OP_GETI:
  case OP_GETFIELD: AFTER(pc + 1), drop(&s, a), add(&s, b); break;
  case OP_LOADI:
  case OP_LOADF:
  case OP_LOADK:
  case OP_LOADFALSE:
  case OP_LOADTRUE:
  case OP_GETUPVAL:
  case OP_GETTABUP:
  case OP_NEWTABLE: AFTER(pc + 1), drop(&s, a); break;
  case OP_LOADKX:
  case OP_LFALSESKIP: AFTER(pc + 2), drop(&s, a); break;
  case OP_LOADNIL:
    AFTER(pc + 1);
    for (int reg = a; reg <= a + b && reg <= MAXARG_A; reg++) drop(&s, reg);
    break;
  case OP_SETUPVAL:
  case OP_TBC: AFTER(pc + 1), add(&s, a); break;
  case OP_GETTABLE: AFTER(pc + 1), drop(&s, a), add(&s, b), add(&s, c); break;
  case OP_SETTABUP:
    AFTER(pc + 1);
    if (!k) add(&s, c);
    break;
  case OP_SETTABLE:
    AFTER(pc + 1), add(&s, a), add(&s, b);
    if (!k) add(&s, c);
    break;
  case OP_SETI:
  case OP_SETFIELD:
    AFTER(pc + 1), add(&s, a);
    if (!k) add(&s, c);
    break;
  case OP_SELF:
    AFTER(pc + 1), drop(&s, a), drop(&s, a + 1), add(&s, b);
    if (!k) add(&s, c);
    break;
  /* Arithmetic skips the metamethod call that follows it, which writes the same
   * register when it is not skipped. */
  case OP_ADDI:
  case OP_ADDK:
  case OP_SUBK:
  case OP_MULK:
  case OP_MODK:
  case OP_POWK:
  case OP_DIVK:
  case OP_IDIVK:
  case OP_BANDK:
  case OP_BORK:
  case OP_BXORK:
  case OP_SHRI:
  case OP_SHLI: AFTER(pc + 2), drop(&s, a), AFTER(pc + 1), add(&s, b); break;
  case OP_ADD:
  case OP_SUB:
  case OP_MUL:
  case OP_MOD:
  case OP_POW:
  case OP_DIV:
  case OP_IDIV:
  case OP_BAND:
  case OP_BOR:
  case OP_BXOR:
  case OP_SHL:
  case OP_SHR:
    AFTER(pc + 2), drop(&s, a), AFTER(pc + 1), add(&s, b), add(&s, c);
    break;
  case OP_MMBIN:
    AFTER(pc + 1), drop(&s, GETARG_A(p->code[pc - 1])), add(&s, a), add(&s, b);
    break;
  case OP_MMBINI:
  case OP_MMBINK:
    AFTER(pc + 1), drop(&s, GETARG_A(p->code[pc - 1])), add(&s, a);
    break;
  case OP_CONCAT:
    AFTER(pc + 1), drop(&s, a), add_range(&s, a, a + b - 1);
    break;
  case OP_JMP: AFTER(pc + 1 + GETARG_sJ(i)); break;
  case OP_EQ:
  case OP_LT:
  case OP_LE: AFTER(pc + 1), AFTER(pc + 2), add(&s, a), add(&s, b); break;
  case OP_EQK:
  case OP_EQI:
  case OP_LTI:
  case OP_LEI:
  case OP_GTI:
  case OP_GEI:
  case OP_TEST: AFTER(pc + 1), AFTER(pc + 2), add(&s, a); break;
  case OP_TESTSET: /* writes only where it jumps */
    AFTER(pc + 1), drop(&s, a), AFTER(pc + 2), add(&s, b);
    break;
  case OP_CALL:
    AFTER(pc + 1), drop_from(&s, a), add_range(&s, a, b ? a + b - 1 : top);
    break;
  case OP_TAILCALL: add_range(&s, a, b ? a + b - 1 : top); break;
  case OP_RETURN: add_range(&s, a, b ? a + b - 2 : top); break;
  case OP_RETURN0: break;
  case OP_RETURN1: add(&s, a); break;
  case OP_FORLOOP:
    AFTER(pc + 1 - bx), drop(&s, a + 3), AFTER(pc + 1), add_range(&s, a, a + 2);
    break;
  case OP_FORPREP:
    AFTER(pc + 1), drop(&s, a + 3), AFTER(pc + 2 + bx), add_range(&s, a, a + 2);
    break;
  case OP_TFORPREP: AFTER(pc + 1 + bx), add_range(&s, a, a + 3); break;
  case OP_TFORCALL:
    AFTER(pc + 1), drop_from(&s, a + 4), add_range(&s, a, a + 3);
    break;
  case OP_TFORLOOP:
    AFTER(pc + 1 - bx), AFTER(pc + 1), add_range(&s, a, a + 4);
    break;
  case OP_SETLIST: AFTER(pc + 1), add_range(&s, a, b ? a + b : top); break;
  case OP_CLOSURE:
    AFTER(pc + 1), drop(&s, a);
    for (int u = 0; u < p->p[bx]->sizeupvalues; u++)
      if (p->p[bx]->upvalues[u].instack) add(&s, p->p[bx]->upvalues[u].idx);
    break;
  case OP_VARARG:
    AFTER(pc + 1);
    if (c == 0)
      drop_from(&s, a);
    else
      for (int reg = a; reg <= a + c - 2; reg++) drop(&s, reg);
    break;
  case OP_CLOSE:
  case OP_VARARGPREP:
  case OP_EXTRAARG: AFTER(pc + 1); break;
  }
#undef AFTER
  return s;
}

/* What the interrupted instruction still has to write, and where it goes on. */
static RegSet finish(const Proto *p, int pc, const RegSet *live) {
  RegSet s = live[pc + 1];
  switch (GET_OPCODE(p->code[pc])) {
  case OP_EQ:
  case OP_LT:
  case OP_LE:
  case OP_LTI:
  case OP_LEI:
  case OP_GTI:
  case OP_GEI: join(&s, &live[pc + 2]); break;
  case OP_MMBIN:
  case OP_MMBINI:
  case OP_MMBINK: drop(&s, GETARG_A(p->code[pc - 1])); break;
  case OP_UNM:
  case OP_BNOT:
  case OP_LEN:
  case OP_GETTABUP:
  case OP_GETTABLE:
  case OP_GETI:
  case OP_GETFIELD:
  case OP_SELF: drop(&s, GETARG_A(p->code[pc])); break;
  default: break;
  }
  return s;
}

static RegSet work_out(const Proto *p, int pc) {
  RegSet *live = xcalloc((size_t)p->sizecode + 2, sizeof *live);
  bool changed;
  do {
    changed = false;
    for (int at = p->sizecode - 1; at >= 0; at--) {
      RegSet s = step(p, at, live);
      if (memcmp(&s, &live[at], sizeof s) == 0) continue;
      live[at] = s;
      changed = true;
    }
  } while (changed);
  RegSet s = finish(p, pc, live);
  free(live);
  return s;
}

RegSet code_live_after(Code *c, const Proto *p, int pc) {
  uint32_t hash = map_hash((uintptr_t)p + (uintptr_t)pc * 64);
  LiveAfter *at = &c->lives[hash % countof(c->lives)];
  if (at->proto != p || at->pc != pc)
    *at = (LiveAfter){ p, pc, work_out(p, pc) };
  return at->regs;
}
