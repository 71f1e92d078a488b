/* Atoms: values that all conversations share (S29).
 *
 * One name, one value, one row of the store. A turn that changes an atom writes
 * it in its own item, so both are kept or neither; what another turn reads
 * meanwhile is the newest that was executed, and falls with it. An instance
 * that reads an atom while it is drawn, or while its children are asked for, is
 * drawn again when the atom has changed: at once when the conversation is in
 * memory, else when it next wakes. One that watches gets an event. */
#ifndef KERNEL_ATOM_H
#define KERNEL_ATOM_H

#include <lua.h>

#include "kernel/bytes.h"
#include "kernel/kernel.h"

typedef struct Atom Atom;
typedef struct Inst Inst;

typedef enum ReadKind {
  READ_RENDER,
  READ_CHILDREN,
  READ_WATCH, /* `event` is to be told */
  READ_KINDS
} ReadKind;

/* Which version of an atom an instance knows. In the frames block. */
typedef struct Read {
  Atom *atom;
  uint64_t version;
  ReadKind kind;
  char *event;
} Read;

/* Which atoms the instances of a conversation in memory read. Not saved. */
typedef struct Interest {
  Atom *atom;
  uint64_t version; /* the newest that it was told of */
} Interest;

/* What a turn changed, and how it was before. */
typedef struct AtomChange {
  Atom *atom;
  Blob *before;
  uint64_t version;
} AtomChange;

void atoms_free(Kernel *k);
/* A failed commit: what is known of values is void. */
void atoms_forget(Kernel *k);
void atoms_reopen(Kernel *k); /* another store; nobody reads any */

/* --- a turn --- */
void atoms_begin(Kernel *k); /* private copies of the turn before are dropped */
void atoms_undo(Kernel *k);  /* it failed */
/* Adds the rows of what it changed; its commit comes next. */
void atoms_conclude(Kernel *k, Conv *c);
void atoms_committed(Kernel *k, Conv *c, bool kept);
/* Touches the instances that know an older version, and tells those that watch,
 * as work. */
void atoms_touch(Kernel *k, lua_State *L, Conv *c);
/* Is there anything that the conversation has not been told of? */
bool atoms_owe(const Conv *c);
/* It has been told of all there is: a turn has touched who read it. */
void atoms_told(Conv *c);

/* --- instances --- */

/* It is drawn, or asked for its children, anew: what it read then is void. */
void reads_drop(Inst *in, ReadKind kind);
void reads_free(Inst *in);
void reads_put(Buf *b, const Inst *in);
void reads_get(Reader *r, Kernel *k, Conv *c, Inst *in);
void interests_free(Conv *c);

/* --- Lua: stube.kernel's atom_*; `atom` is a table with a name --- */
int f_atom_open(lua_State *L);   /* (name, initial) */
int f_atom_get(lua_State *L);    /* (atom) -> a private copy */
int f_atom_update(lua_State *L); /* (atom, fn) -> the new value */
int f_atom_set(lua_State *L);    /* (atom, value) */
int f_atom_watch(lua_State *L);  /* (atom, event) */

#endif
