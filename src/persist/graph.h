// clang-format off
/* The format of a graph, and what its encoder and decoder are made of.
 *
 *   graph     version  contents of object 0, 1, 2 ...  links
 *   links     count  (upvalue id, thread id, slot) ...
 *
 * Objects are numbered by first mention. The mention holds what it takes to
 * make an empty one; contents follow in the order of numbers. So the reader
 * makes the same queue, and neither side recurses. The root table, 0, is
 * mentioned by nobody. Strings are numbered apart. Numbers are LEB128 unless
 * said otherwise.
 *
 *   value     NIL | FALSE | TRUE | INT zigzag | FLOAT 8 bytes, little endian
 *             STRING len bytes | STRING_REF number
 *             TABLE | THREAD | CLOSURE code | CCLOSURE name | STATIC place
 *             OBJECT_REF number
 *             REST count keys     the pairs() iterator, with what is left to do
 *             in one byte: small integers, and with their length or number
 *             short strings, the first 64 strings and the first 64 objects
 *   name      a string value
 *   code      chunk  number of the prototype
 *   chunk     its number in this graph; one past the last: then digest, name
 *   place     0, or chunk + 1 of a Lua function or variable;  len path
 *
 *   table     flags  [metatable value]  [array size  [alimit]  its values]
 *             [count  (key value, value) sorted by key]
 *   closure   an upvalue for each the prototype has
 *   upvalue   UPVALUE | OBJECT_REF number | STATIC place
 *             contents: its value, or OPEN thread id, slot
 *   cclosure  a value for each upvalue
 *   thread    kind  [status]  slot count, values
 *             suspended: frame count, frames, error handler's slot
 *             not plain: count of to-be-closed slots, their distances upwards
 *   frame     flags  function slot - the last one's, and of
 *     Lua     code  instruction  results + 1  [extra arguments]
 *             [values returning]
 *     C       results zigzag  continuation: NIL or name
 *             [handler outside, called slot]  [values returning]
 *
 * In arrays and slots a run of nils is NILS count. An upvalue whose thread is
 * mentioned only later is written with its value, and linked to its slot at
 * the end: so a thread is in the graph exactly when it is needed. */
// clang-format on
#ifndef PERSIST_GRAPH_H
#define PERSIST_GRAPH_H

#include "base/buf.h"
#include "base/limits.h"
#include "persist/code.h"
#include "persist/guts.h"
#include "persist/map.h"
#include "persist/names.h"
#include "persist/watch.h"
#include "persist/persist.h"

#define GRAPH_VERSION 1

enum {
  T_NIL,
  T_FALSE,
  T_TRUE,
  T_INT,
  T_FLOAT,
  T_STRING,
  T_STRING_REF,
  T_OBJECT_REF,
  T_TABLE,
  T_CLOSURE,
  T_STATIC,
  T_CCLOSURE,
  T_THREAD,
  T_REST,
  T_UPVALUE,
  T_OPEN,
  T_NILS,
  T_SHORT_STRING = 0x20, /* .. 0x3f: length */
  T_SMALL_INT = 0x40,    /* .. 0x7f: value */
  T_STRING_NEAR = 0x80,  /* .. 0xbf: number */
  T_OBJECT_NEAR = 0xc0,  /* .. 0xff: number */
};

enum { /* flags of a table */
       TABLE_META = 1,
       TABLE_ARRAY = 2,
       TABLE_ALIMIT = 4,
       TABLE_HASH = 8,
};

enum { THREAD_PLAIN, THREAD_SUSPENDED, THREAD_FAILED }; /* kinds of thread */

enum { /* flags of a frame */
       FRAME_LUA = 1,
       FRAME_FRESH = 2,
       FRAME_TAIL = 4,
       FRAME_LEQ = 8,
       FRAME_OAH = 2,
       FRAME_YPCALL = 4,
       FRAME_CLSRET = 8,
       FRAME_RECST = 4, /* shift of three bits */
};

/* A C function's way on after a suspension, known by name; the address and its
 * context come from this process alone. */
typedef struct Continuation {
  const char *name;
  TString *text; /* the name, kept alive */
  lua_KFunction k;
  lua_KContext ctx;
  lua_CFunction f; /* whose it is, or NULL: of several */
  bool calls;      /* it goes on when a callee returns, else it waits itself */
  int below;       /* values that must stand between function and callee */
  int results;     /* that its callee must give, or ANY_RESULTS */
} Continuation;

#define ANY_RESULTS (-2)
#define CONTINUATIONS_MAX 16

/* A kind of C function with values of its own that a conversation can make. */
typedef struct Maker {
  const char *name;
  TString *text;
  lua_CFunction f;
  int nupvalues;
  lu_byte tags[4];     /* of its upvalues */
  const char *why_not; /* it cannot be saved: what to do instead */
} Maker;

#define MAKERS_MAX 8

typedef struct Key {
  uint64_t rank; /* kind and first bytes, for most comparisons */
  Node *node;
  uint32_t index; /* for whoever sorts them */
} Key;

/* The keys of a record, seen once in this graph (encode.c). */
#define SHAPE_KEYS_MAX 16
#define SHAPES 16
typedef struct Shape {
  uint64_t use; /* the encode it is valid in */
  uint32_t n;
  const void *keys[SHAPE_KEYS_MAX]; /* as the nodes hold them */
  uint32_t ids[SHAPE_KEYS_MAX];     /* strings' numbers, in sorted order */
  uint8_t order[SHAPE_KEYS_MAX];    /* which node comes first, second ... */
} Shape;

typedef struct Item {
  GCObject *object; /* NULL: it has no contents (anything static, REST) */
  uint32_t parent;  /* by whom it was mentioned first */
} Item;

/* An object or variable that was read: made here, or the host's. */
typedef struct Object {
  TValue value;
  bool is_ours;
} Object;

/* An upvalue and the slot it is to be open on. */
typedef struct Link {
  uint32_t upvalue, thread;
  int slot;
} Link;

typedef struct KnownChunk {
  uint32_t chunk; /* or NO_CHUNK */
  const uint8_t *digest;
  Slice name;
} KnownChunk;

typedef struct Frame {
  lu_byte flags;
  int func;     /* its function's slot */
  int virtual;  /* the same, below the extra arguments */
  int results;  /* wanted by the caller */
  Proto *proto; /* of a Lua function, else NULL */
  const ProtoInfo *info;
  int pc;      /* the instruction it waits in */
  int extra;   /* arguments past the named ones */
  int nres;    /* values it is about to return */
  int handler; /* error handler's slot outside its protected call, or 0 */
  int called;  /* slot of the function it called protected */
  lua_CFunction f;
  const Continuation *k;
} Frame;

struct Persist {
  Vm *vm;
  Code code;
  Names names;
  Watch watch;
  Continuation continuations[CONTINUATIONS_MAX];
  int ncontinuations;
  Maker makers[MAKERS_MAX];
  int nmakers;
  lua_CFunction next; /* what pairs() gives */
  PersistDescribe describe;
  void *describe_ud;
  /* Work areas, kept from use to use. */
  Buf out;      /* the graph being written */
  Buf message;  /* what went wrong */
  Map seen;     /* GCObject -> number of the object or string */
  uint64_t use; /* counts encodes */
  Shape shapes[SHAPES];
  Map chunks; /* chunk index + 1 as an address -> its number in this graph */
  Item *items;
  uint32_t items_cap;
  Key *keys;
  uint32_t keys_cap;
  Link *links;
  uint32_t links_cap;
  lu_byte *marks; /* per slot of the thread being written */
  uint32_t marks_cap;
  Frame *frames; /* of the thread being read */
  uint32_t frames_cap;
  Object *objects; /* being read */
  uint32_t objects_cap;
  TString **strings;
  uint32_t strings_cap;
  KnownChunk *known; /* by its number in the graph being read */
  uint32_t known_cap;
  uint8_t missing[DIGEST_BYTES]; /* the chunk that the last decode lacked */
  bool misses_chunk;
  Buf missing_name; /* or the path, when it is not empty */
};

typedef struct Encoder {
  Persist *p;
  lua_State *L;
  char *w, *end; /* where the next byte goes in p->out, and its end */
  size_t max;    /* bytes the graph may have, for the message */
  uint32_t nobjects, nstrings, nchunks, nlinks;
  uint32_t cur; /* the object whose contents are being written */
  uint32_t threads, frames, rests, nils; /* counted against their limits */
  Err err;
  TValue culprit; /* the value that cannot be saved; nil: object `cur` itself */
  bool has_culprit;
  bool is_full;            /* all together is too large, not `cur` */
  const PersistCopy *copy; /* or NULL */
  bool is_metatable;       /* what is mentioned now is one */
} Encoder;

typedef struct Decoder {
  Persist *p;
  lua_State *L;
  const uint8_t *start, *r, *end;
  uint32_t nobjects, nstrings, nchunks, nlinks;
  uint32_t cur;
  uint32_t threads, frames, rests, nils;
  Err err;
} Decoder;

/* --- encode.c --- */
void encode_graph(Encoder *e, Table *root);
void put_value(Encoder *e, const TValue *v);
void put_nils(Encoder *e, uint32_t n);
void put_metatable(Encoder *e, Table *mt);
/* Chunk and number of a prototype that a loaded chunk holds. */
void put_code(Encoder *e, const ProtoInfo *info);
/* A new number for what is mentioned here first; its contents follow, or NULL.
 */
uint32_t new_item(Encoder *e, GCObject *contents);
/* Stops with a message. `v` is the value at fault inside the object whose
 * contents are being written, NULL that object. */
_Noreturn void refuse(Encoder *e, Err err, const TValue *v, const char *fmt,
                      ...) __attribute__((format(printf, 4, 5)));

/* --- table_save.c --- */
void table_save(Encoder *e, Table *t);
/* The iterator that stands for the next() of a waiting loop. */
void put_rest(Encoder *e, Table *t, const TValue *control);

/* --- path.c --- */
/* "shop.lua:31". Returns `out`. */
#define PLACE_MAX (LUA_IDSIZE + 16)
const char *place_in(char out[PLACE_MAX], const Proto *p, int line);
/* Replaces p->message by "<path>: <message>"; of a graph that is full, says
 * where. */
void path_explain(Encoder *e);

/* --- thread_save.c, thread_load.c, thread_check.c --- */
void thread_save(Encoder *e, lua_State *co);
void thread_load(Decoder *d, lua_State *co);
/* Refuses frames that Lua could not have left so. The slots
 * hold their values; `tbc` are the to-be-closed ones in rising order. */
void thread_check(Decoder *d, lua_State *co, const Frame *frames, int nframes,
                  int top, int handler, const int *tbc, int ntbc);
/* After all contents are read: closing values can be closed. */
void thread_check_closing(Decoder *d, lua_State *co);
/* Is the slot a variable that functions made there can capture? */
bool thread_can_capture(lua_State *co, int slot);
/* Makes a half-built thread harmless. */
void thread_abandon(lua_State *co);

/* --- decode.c --- */
void decode_graph(Decoder *d);
void take_value(Decoder *d, TValue *out);
uint64_t take_number(Decoder *d, uint64_t max);
int64_t take_signed(Decoder *d);
int take_byte(Decoder *d);
TString *take_name_or_nil(Decoder *d); /* NULL for nil */
/* A value, or a run of nils of which `*run` then holds how many more follow. */
void take_run_value(Decoder *d, TValue *out, uint32_t *run);
const ProtoInfo *take_code(Decoder *d);
_Noreturn void damaged(Decoder *d, const char *what);
_Noreturn void reject(Decoder *d, Err err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

const Object *object_at(Decoder *d, uint64_t id);

/* --- links.c --- */
void link_add(Decoder *d, uint32_t upvalue, uint32_t thread, int slot);
/* Every link joins a variable that was read here to a place of its own. */
void links_check(Decoder *d);
void links_open(Decoder *d);

/* --- library.c: what is known of C functions --- */
void library_learn(Persist *p, lua_State *L);
const Continuation *continuation_of(const Persist *p, const CallInfo *ci);
const Continuation *continuation_named(const Persist *p, const TString *name);
const Maker *maker_of(const Persist *p, lua_CFunction f);
const Maker *maker_named(const Persist *p, const TString *name);
bool is_next(const Persist *p, const TValue *v);
/* pairs() after a revival: upvalues are the keys still to come and the place of
 * the last one given. */
int f_rest(lua_State *L);

#endif
