#include "persist/code.h"

#include <stdlib.h>

void code_init(Code *c, Vm *vm) {
  *c = (Code){ .vm = vm };
  map_init(&c->protos);
  code_refresh(c);
}

void code_free(Code *c) {
  map_free(&c->protos);
  free(c->info);
  free(c->first);
  free(c->spans);
}

static void add_span(Code *c, SpanKind kind, int first, int last, int reg) {
  vec_room(c->spans, c->nspans, c->spans_cap);
  c->spans[c->nspans++] = (Span){ kind, first, last, reg };
}

/* A constructor with many items has several SETLISTs; each gets a span from the
 * NEWTABLE on. Registers are a stack, so the last NEWTABLE with this register
 * is the one. */
static void add_list(Code *c, const Proto *p, int setlist) {
  int reg = GETARG_A(p->code[setlist]);
  int pc = setlist - 1;
  while (pc >= 0 && !(GET_OPCODE(p->code[pc]) == OP_NEWTABLE &&
                      GETARG_A(p->code[pc]) == reg))
    pc--;
  ASSERT(pc >= 0);
  add_span(c, SPAN_LIST, pc + 1, setlist, reg);
}

static void find_spans(Code *c, const Proto *p) {
  for (int pc = 0; pc < p->sizecode; pc++) {
    Instruction i = p->code[pc];
    switch (GET_OPCODE(i)) {
    case OP_TFORPREP:
      add_span(c, SPAN_PAIRS, pc + 1, pc + 1 + GETARG_Bx(i), GETARG_A(i));
      break;
    case OP_FORPREP:
      add_span(c, SPAN_NUMBERS, pc + 1, pc + GETARG_Bx(i), GETARG_A(i));
      break;
    case OP_SETLIST: add_list(c, p, pc); break;
    default: break;
    }
  }
}

/* Recursion goes as deep as functions are nested in the source: the parser
 * stops at 200. */
static void add_proto(Code *c, Proto *p, uint32_t parent) {
  uint32_t first = c->first[c->nchunks];
  vec_room(c->info, c->n, c->cap);
  uint32_t number = c->n - first;
  c->info[c->n] = (ProtoInfo){ .proto = p,
                               .chunk = c->nchunks,
                               .number = number,
                               .parent = parent,
                               .spans = c->nspans };
  *map_at(&c->protos, p) = c->n;
  ProtoInfo *info = &c->info[c->n++];
  find_spans(c, p);
  info->nspans = c->nspans - info->spans;
  for (int i = 0; i < p->sizep; i++) add_proto(c, p->p[i], number);
}

/* A load that failed takes its chunks out of the record again. */
static void forget_failed(Code *c, size_t n) {
  uint32_t keep = c->nchunks;
  while (keep > 0 && (keep > n || c->info[c->first[keep - 1]].proto !=
                                      loader_at(c->vm, keep - 1)->proto))
    keep--;
  if (keep == c->nchunks) return;
  memset(c->lives, 0, sizeof c->lives);
  c->nchunks = keep;
  c->n = c->first[keep];
  c->nspans = c->n ? c->info[c->n - 1].spans + c->info[c->n - 1].nspans : 0;
  map_clear(&c->protos);
  for (uint32_t i = 0; i < c->n; i++) *map_at(&c->protos, c->info[i].proto) = i;
}

void code_refresh(Code *c) {
  size_t n = loader_count(c->vm);
  forget_failed(c, n);
  while (c->nchunks < n) {
    vec_room(c->first, c->nchunks + 1, c->chunks_cap);
    c->first[c->nchunks] = c->n;
    /* The prototype is the loader's, constant to everyone but the collector. */
    add_proto(c, (Proto *)(uintptr_t)loader_at(c->vm, c->nchunks)->proto, 0);
    c->nchunks++;
    c->first[c->nchunks] = c->n;
  }
}

const ProtoInfo *code_find(Code *c, const Proto *p) {
  uint32_t i = map_find(&c->protos, p);
  if (i == MAP_NONE && c->nchunks < loader_count(c->vm)) {
    code_refresh(c);
    i = map_find(&c->protos, p);
  }
  return i == MAP_NONE ? NULL : &c->info[i];
}

const Chunk *code_chunk(const Code *c, uint32_t chunk) {
  return loader_at(c->vm, chunk);
}

uint32_t code_by_digest(Code *c, const char *digest) {
  code_refresh(c);
  for (uint32_t i = c->nchunks; i-- > 0;)
    if (memcmp(code_chunk(c, i)->digest, digest, DIGEST_BYTES) == 0) return i;
  return NO_CHUNK;
}

Proto *code_proto(const Code *c, uint32_t chunk, uint32_t number) {
  if (number >= c->first[chunk + 1] - c->first[chunk]) return NULL;
  return c->info[c->first[chunk] + number].proto;
}

bool code_is_file_level(const Code *c, const ProtoInfo *info, int i) {
  while (info->number != 0) {
    const Upvaldesc *u = &info->proto->upvalues[i];
    if (u->instack) return info->parent == 0;
    i = u->idx;
    info = &c->info[c->first[info->chunk] + info->parent];
  }
  return true; /* the main function's own upvalue: _ENV */
}

int code_locals(const Proto *p, int pc) {
  int n = 0;
  for (int i = 0; i < p->sizelocvars && p->locvars[i].startpc <= pc; i++)
    if (pc < p->locvars[i].endpc) n++;
  return n;
}
