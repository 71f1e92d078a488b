/* What is static: objects and variables of the host, named by a path from a
 * root.
 *
 *   string .format                 a field of a module's value
 *   shop/db: local cache           a file-level local: the variable, and the
 * object it held when it was named shop/db: local cache .rows [2] shop/db .make
 * local n          a variable that only this function has string metatable the
 * metatables of basic types class FILE*                    a metatable of
 * luaL_newmetatable
 *
 * Objects and variables are two name spaces. Both are kept alive, so an address
 * is a fact. A name stays with its object for good; when a later walk finds
 * another object at the same place, the path leads to the newer one. Functions
 * and file-level locals are asked for by path and chunk, and only exactly that
 * is found. */
#ifndef PERSIST_NAMES_H
#define PERSIST_NAMES_H

#include "persist/code.h"

#define NO_NAME UINT32_MAX

typedef enum NameKind { NAME_OBJECT, NAME_VARIABLE } NameKind;

typedef struct Name {
  uint32_t parent;    /* NO_NAME for a root */
  uint32_t older;     /* the one this path led to before, or NO_NAME */
  uint32_t next;      /* in its bucket */
  uint32_t hash;      /* of the whole path and the kind */
  uint32_t step, len; /* its own part of the path, in `text` */
  uint32_t path_len;
  uint32_t chunk;  /* of a Lua function or a file-level local, or NO_CHUNK */
  uint32_t walk;   /* the walk that found it */
  uint8_t kind;    /* NameKind */
  bool is_unclear; /* several are found this way: not to be saved */
  bool is_old;     /* of a revived chunk: only who asks for that finds it */
  TValue value;    /* TAG_UPVALUE for a variable */
} Name;

typedef struct NameRoot {
  char *name;
  int ref; /* in the Lua registry */
} NameRoot;

typedef struct Names {
  Code *code;
  Map objects; /* GCObject, C function or light userdata -> index in list */
  Name *list;
  uint32_t n, cap;
  uint32_t *buckets; /* by hash of the path */
  uint32_t nbuckets;
  char *text;
  size_t text_len, text_cap;
  NameRoot *roots;
  uint32_t nroots, roots_cap;
  bool walks_old; /* the walk under way is names_collect_old's */
  uint32_t walk;
  uint32_t walked; /* names whose contents the walk under way has seen */
  int anchors;     /* registry reference of the table that keeps all alive */
  uint32_t nanchors;
  LClosure *holder; /* never called: its upvalues are variables kept alive */
  int nheld;
  uint32_t *later; /* tables that have objects as keys */
  uint32_t nlater, later_cap;
} Names;

void names_init(Names *n, lua_State *L, Code *code);
void names_free(Names *n);
/* Names the value on top of the stack as a root and pops it. */
void names_add_root(Names *n, lua_State *L, const char *name);
void names_collect(Names *n, lua_State *L);
/* The same for what has come since, while conversations are awake. */
void names_collect_new(Names *n, lua_State *L);
/* Names what a revived chunk made: the values of the table on top of the stack,
 * a list of {name, value} roots in order, which it pops. */
void names_collect_old(Names *n, lua_State *L);

/* The name of a static object, variable, C function or light userdata. */
static inline uint32_t names_of(const Names *n, const void *address) {
  return map_find(&n->objects, address);
}
/* Writes the path so that it ends at `end`: list[i].path_len bytes. */
void names_write(const Names *n, uint32_t i, char *end);
/* What the path leads to: with a chunk, that chunk's alone; NO_NAME when there
 * is none. */
uint32_t names_find(const Names *n, NameKind kind, Slice path, uint32_t chunk);

/* --- between names.c and names_walk.c --- */

bool names_can_hold(const TValue *v);
/* What the map knows an object or variable by. */
const void *names_address(const TValue *v);
/* The chunk that a function or a file-level local is asked for by: none of the
 * binary's own, so that a newer stube finds its own by their paths. */
uint32_t names_chunk(const Names *n, const ProtoInfo *info);
/* The name one step below `parent` (NO_NAME: a root), or NO_NAME. */
uint32_t names_step(const Names *n, NameKind kind, uint32_t parent, Slice step);
/* Gives a name, numbered where this walk has given the same one already. */
uint32_t names_add(Names *n, lua_State *L, NameKind kind, uint32_t parent,
                   Slice step, const TValue *v, uint32_t chunk);
/* Names an object unless it has a name or needs none. */
void names_object(Names *n, lua_State *L, uint32_t parent, Slice step,
                  const TValue *v);

#endif
