/* What a conversation is made of, for the kernel's own files.
 *
 * Lua values of a conversation hang off one table, its root; C keeps integer
 * handles into it. So the codec saves one graph, and the structs here are plain
 * data that image.c writes beside it.
 *
 *   place: where a chain of instances stands, the newest showing
 *     the page                chain of frames        conv->top
 *     a slot of an instance   chain in that slot     kid->top
 *   Inst.below links a chain downwards; Inst.caller is who gets the answer. */
#ifndef KERNEL_CONV_H
#define KERNEL_CONV_H

#include "base/limits.h"
#include "kernel/atom.h"
#include "kernel/can.h"
#include "kernel/kernel.h"
#include "kernel/later.h"

#include <lua.h>

/* A registered definition. Instances point at it; registering again changes
 * `ref`. */
typedef struct Def {
  char *id; /* "todo/list" */
  uint64_t id_hash;
  int ref; /* of the definition's table, in the Lua registry */
  bool is_flow;
  bool has_children; /* it declares some */
  bool has_shape;    /* `state` says what its fields are */
  bool has_url;      /* it says where the page stands */
  bool wakes;        /* it has `wakeup` */
  bool is_old;       /* only revived code defines it */
  bool upgrades;     /* it says what to do with instances of older code */
  size_t chunk;      /* 1 + the index of the chunk that defined it, until that
                      * has been loaded */
  uint64_t version;  /* of that chunk; 0: of the binary's own, or unknown */
} Def;

typedef struct Field {
  char *path;     /* "draft", "address.street" */
  uint64_t known; /* hash of the value that the client has; 0: not known */
  char kind; /* what it was when first drawn: 'n', 's', 'b', 0 for others */
} Field;

/* One place inside an instance. Stays where it is in memory for as long as it
 * is there, so that instances point at the one they stand in. */
typedef struct Kid {
  char *slot;
  char *key;      /* of a keyed child, or NULL */
  bool is_number; /* the key was given as one */
  bool declared;  /* by `children`: its answer is an event of the parent */
  bool taken;     /* while `children` is compared with it */
  uint32_t top;   /* the newest in the chain */
  uint64_t wish;  /* of a declared one: hash of the embed it was made from */
} Kid;

/* What the page shows in the slots of an instance, in order: as it was before
 * the turn changed that. */
typedef struct Seat {
  const char *slot; /* in the same memory */
  uint32_t iid;
} Seat;

typedef struct Seats {
  uint32_t n;
  Seat at[];
} Seats;

typedef struct Inst {
  uint32_t iid;
  uint32_t parent;      /* the instance whose slot it stands in; 0: a frame */
  uint32_t below;       /* what it covers in its place; 0: nothing */
  uint32_t caller;      /* who called it; 0: the host, or a declared child */
  uint32_t caller_task; /* the task that awaits it; 0: it answers by an event */
  uint32_t n_callees;   /* who have it as their caller */
  Def *def;
  char *event;    /* s.call: the event that brings the answer, or NULL */
  uint32_t self;  /* handle: the user's table */
  uint32_t args;  /* handle: the embed's args, or 0 */
  uint32_t shown; /* handle: what it is without a render, or 0 */
  uint32_t n_fields;
  Field *fields;    /* what was bound when it was drawn */
  uint64_t version; /* of the definition it was made by, or upgraded to */
  uint64_t drawn;   /* hash of its last HTML, without what stands in its slots;
                     * 0: the page may hold anything */
  Kid *kid;         /* the place it stands in; NULL: the page */
  Kid **kids;       /* declared ones first, as `children` has them in order */
  uint32_t n_kids, cap_kids;
  Read *reads; /* atoms */
  uint32_t n_reads;
  bool on_page; /* its element is in the page as last sent */
  bool started; /* `start` has run */

  /* of the turn under way; not saved */
  bool touched;       /* code of it ran, or its slots changed: to be drawn */
  bool asks;          /* code of it ran: `children` is to be asked again */
  Seats *seats;       /* what the page still shows, or NULL */
  uint64_t was_drawn; /* while the page is drawn for one more reader */
  uint32_t mark;      /* while its neighbours are put in order */
  bool dying;         /* being removed */
} Inst;

typedef struct Task {
  uint32_t id;
  uint32_t iid;    /* its owner */
  uint32_t thread; /* handle */
  uint32_t awaits; /* the instance whose answer it waits for */
  bool is_body;    /* a flow's body: what it returns is the flow's answer */
} Task;

typedef struct Answer {
  uint64_t number;
  Err result;
  char page[PAGE_ID_MAX + 1];
} Answer;

/* Where the points of a conversation are (history.h). */
typedef enum Side { PAST, FUTURE } Side;

typedef struct History {
  uint64_t turn;  /* the visitor's turn that made the present state */
  uint64_t until; /* of one that was returned to: the last turn it stood for
                   * before it was left; else 0 */
  uint64_t began_ms;
  char event[EVENT_NAME_MAX + 1]; /* that turn's, or "" */
  uint32_t n[2];                  /* points, by side */
  uint64_t row[2]; /* by side: the nearest row behind the head; 0: none */
  uint64_t oldest; /* the first row of the past; 0: none */
  uint64_t bytes;  /* of all rows */
} History;

/* How fast events may come (gate.c). Not saved. */
typedef struct Gate {
  double level; /* events that have not leaked away yet */
  uint64_t at;
  uint64_t doomed_at;  /* when a turn took too much; 0: none did lately */
  uint64_t cool_until; /* until then it takes nothing */
} Gate;

struct Conv {
  Kernel *kernel;
  Conv *hash_next;
  Conv *older, *newer;   /* the list of provisional ones */
  Conv *colder, *hotter; /* the list of those that are awake */
  char cid[CID_LEN + 1];
  uint8_t key[CID_RAW]; /* the same, as the store knows it */
  char *owner;          /* the visitor's id, or NULL */
  char *title;          /* of its page, or NULL */
  char *back;           /* what the browser's Back asks first; "": turns make no
                         * entries; NULL: it goes back */
  Blob *origin;         /* context and principal (origin.h), or NULL */
  void *host;           /* conv_slot */
  MacKey mac_key;

  /* header: never rewound (S35) */
  uint32_t next_id;  /* iids and task ids, never reused */
  uint32_t fragment; /* the last one released in the newest turn */
  uint64_t turn;     /* of the newest turn */
  uint64_t revision; /* in the store; 0: not there yet */
  Answer *answers;   /* EVENT_PAGES_MAX at most */
  uint32_t n_answers, cap_answers;
  uint64_t minted_ms;
  uint64_t woken; /* the process whose begin it was told of by `wakeup`; 0: it
                   * is to be told at once */
  uint64_t rests_since; /* of a fork that nobody has come to: when its state was
                         * left; its timers rest. Else 0 */
  History history;
  char *stopped; /* it takes no events, and why (stop.c); or NULL */
  Limits limits; /* what it may do */
  Blob *unseen;  /* what no page has acknowledged (unseen.h), or NULL */

  /* rewound: image.c writes these beside the graph */
  Inst **insts; /* sorted by iid */
  uint32_t n_insts, cap_insts;
  Task *tasks;
  uint32_t n_tasks, cap_tasks;
  uint32_t top;       /* the frame that owns the page */
  uint32_t painted;   /* the frame that stands in #root, as last sent */
  uint64_t random[4]; /* math.random (S44) */
  char *address;      /* what the browser shows, without the base path; or NULL.
                       * Known also while it sleeps, once it was awake */
  char *projected;    /* what `url` said last, when that is not it; or NULL */

  Later later; /* timers, letters, subscriptions: in all of these groups */

  uint32_t *holes; /* free handles below n_handles; not saved */
  uint32_t n_handles, n_holes, cap_holes;
  int root; /* the graph's root table, in the Lua registry */

  Blob *head;          /* as last committed; of a fresh one, as booted */
  Blob *pending;       /* the head whose commit is under way */
  Event *running;      /* whose turn is being committed */
  Event *first, *last; /* waiting */
  Interest *interests; /* atoms that its instances read; survives sleep */
  Interest *changed;   /* by the commit under way */
  uint32_t n_waiting, n_interests, n_changed;
  bool provisional, ended, busy;
  bool is_awaited;  /* somebody came while a commit was under way */
  bool is_followed; /* a page has its stream open */
  bool is_listed;   /* found by its cid: not one that is only looked at */
  bool awake; /* its graph is in Lua's memory; else only `head` is there */
  bool lost;  /* ended here, for it could not be woken */
  bool goes_on_late; /* no more stopped as soon as the commit is over */
  char *stops_late;  /* why it is stopped then, or NULL */
  Gate gate;
  uint64_t up_to_date;     /* Defs.n_made when all instances were */
  uint64_t upgrade_failed; /* the same when an upgrade did; 0: it did not */
  struct Born {
    Conv **list;
    uint32_t n;
  } born;     /* whose first heads are in the commit under way (born.h) */
  Buf outbox; /* released after the commit (frag.h) */
};

/* --- conv.c: instances, tasks and handles --- */

Conv *conv_new(Kernel *k);
void conv_free(Conv *c);
/* Forgets instances, tasks and graph; a decode fills them anew. */
void conv_clear(Conv *c);

Inst *conv_inst(const Conv *c, uint32_t iid); /* or NULL */
/* A new instance; the id is the conversation's next. */
Inst *conv_add(Conv *c, Def *def);
void conv_remove(Conv *c, Inst *in);  /* the record only */
Inst *conv_insert(Conv *c, Inst *in); /* a decoded one, in order */

Answer *conv_add_answer(Conv *c);

Task *conv_task(const Conv *c, uint32_t id); /* or NULL */
Task *conv_add_task(Conv *c, uint32_t iid);
void conv_remove_task(Conv *c, uint32_t id);

Kid *inst_kid(const Inst *in, Slice slot, const char *key); /* or NULL */
Kid *inst_add_kid(Inst *in, Slice slot, const char *key);
void inst_remove_kid(Inst *in, Kid *kid);
/* To be called before what stands in its slots changes: it will be drawn, and
 * remembers what the page shows until then. */
void inst_note_seats(Inst *in);
/* The place `in` stands in: the variable that holds its chain's top. */
uint32_t *conv_place(Conv *c, const Inst *in);
/* Who "parent", a slot's name or an instance's id is, as `in` sees it; NULL. */
Inst *conv_target(const Conv *c, const Inst *in, Slice to);
/* What `in` has in a place of its own, lowest first: NULL for an empty one. */
Inst *conv_bottom(const Conv *c, uint32_t top);
/* Finds the place of each instance and who called whom, after a decode that
 * image_check has accepted. */
void conv_link(Conv *c);
/* The turn is over: the page shows what stands here. */
void conv_turn_over(Conv *c);
/* Is it the newest in its place, and so on up to the top frame? */
bool conv_shows(const Conv *c, const Inst *in);

Field *inst_field(const Inst *in, Slice path); /* or NULL */
Field *inst_add_field(Inst *in, Slice path);

/* Moves the value on top of `L` into the graph; returns its handle. nil is 0.
 */
uint32_t conv_keep(Conv *c, lua_State *L);
/* Pushes the value of a handle; 0 pushes nil. */
void conv_push(const Conv *c, lua_State *L, uint32_t handle);
void conv_release(Conv *c, lua_State *L, uint32_t handle);
/* Rebuilds the free list after a decode: every handle not in use is free. */
void conv_find_holes(Conv *c);

#endif
