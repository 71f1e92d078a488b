/* Functions by the content of their chunk: (digest, number of the prototype in
 * preorder). What a prototype's code says about its registers is worked out
 * once. */
#ifndef PERSIST_CODE_H
#define PERSIST_CODE_H

#include "lua/loader.h"
#include "persist/guts.h"
#include "persist/map.h"

#define NO_CHUNK UINT32_MAX

/* A stretch of instructions in which some registers have a known use. */
typedef enum SpanKind {
  SPAN_PAIRS,   /* a generic for: reg is the iterator, then state, control,
                   closing */
  SPAN_NUMBERS, /* a numeric for: reg and the two above are all integer or all
                   float */
  SPAN_LIST,    /* a table constructor: reg is the table */
} SpanKind;

typedef struct Span {
  SpanKind kind;
  int first, last; /* instructions */
  int reg;
} Span;

typedef struct ProtoInfo {
  Proto *proto;
  uint32_t chunk;  /* index for code_chunk */
  uint32_t number; /* in preorder */
  uint32_t
      parent; /* number of the enclosing prototype; its own for the main one */
  uint32_t spans, nspans;
} ProtoInfo;

typedef struct RegSet {
  uint64_t bits[4];
} RegSet;

static inline bool reg_in(const RegSet *s, int reg) {
  return s->bits[reg >> 6] >> (reg & 63) & 1;
}

/* An answer of code_live_after, which takes a look at the whole function. */
typedef struct LiveAfter {
  const Proto *proto; /* or NULL */
  int pc;
  RegSet regs;
} LiveAfter;

typedef struct Code {
  Vm *vm;
  Map protos; /* Proto -> index in info */
  ProtoInfo *info;
  uint32_t n, cap;
  uint32_t *first; /* per chunk: its main prototype's index; [nchunks] is n */
  uint32_t nchunks, chunks_cap;
  Span *spans;
  uint32_t nspans, spans_cap;
  LiveAfter lives[64]; /* by a hash of both; an answer is worked out once */
} Code;

void code_init(Code *c, Vm *vm);
void code_free(Code *c);
/* Learns the chunks that were loaded since the last time. */
void code_refresh(Code *c);

/* What is known of a prototype; NULL when no loaded chunk holds it. Valid until
 * the next code_refresh. */
const ProtoInfo *code_find(Code *c, const Proto *p);
const Chunk *code_chunk(const Code *c, uint32_t chunk);
/* The newest chunk with this digest, or NO_CHUNK. */
uint32_t code_by_digest(Code *c, const char *digest);
/* The prototype of that number, or NULL. */
Proto *code_proto(const Code *c, uint32_t chunk, uint32_t number);

/* Is upvalue `i` of this prototype a local of its chunk's main function, or
 * that function's _ENV? */
bool code_is_file_level(const Code *c, const ProtoInfo *info, int i);

/* How many locals are active at an instruction: they are registers 0 .. n - 1.
 */
int code_locals(const Proto *p, int pc);

/* Which registers may still be read after the instruction at `pc`, which was
 * interrupted, is done. The prototype is a loaded chunk's. */
RegSet code_live_after(Code *c, const Proto *p, int pc);

#endif
