/* The kernel's own state and the turn under way, shared by the kernel's files.
 */
#ifndef KERNEL_STATE_H
#define KERNEL_STATE_H

#include "kernel/born.h"
#include "kernel/can.h"
#include "kernel/conv.h"
#include "kernel/history.h"
#include "lua/loader.h"

/* One step of a turn. Steps stand on a stack and the newest goes first, so what
 * an effect starts runs to its end before the next effect, and nothing recurses
 * (S13). Each has one Lua value, kept at its position in the work table. */
typedef enum WorkKind {
  WORK_EFFECT, /* value: the effect */
  WORK_START,  /* run `start`, or a flow's body */
  WORK_WAKEUP, /* run `wakeup` */
  WORK_EVENT,  /* value: the `ev` table */
  WORK_UPDATE, /* value: the new args */
  WORK_RESUME, /* value: the answer, or the error when !ok */
} WorkKind;

typedef struct Work {
  WorkKind kind;
  uint32_t iid; /* whose code, or whose effect */
  uint32_t
      task; /* WORK_RESUME: which; WORK_EFFECT: the task that waited, or 0 */
  bool ok;
  const char *why; /* WORK_RESUME: a second result ("timeout"), or NULL */
  bool is_packed;  /* WORK_RESUME: the value is a table of n results */
} Work;

/* A fragment while its turn lasts: offsets into Turn.bytes. */
typedef struct Piece {
  FragmentKind kind;
  PatchMode mode;
  size_t selector, n_selector, body, n_body;
} Piece;

/* What is being drawn (draw.c): shells, one above the other. */
typedef struct Hole {
  size_t at;           /* in the canvas' bytes */
  size_t name, n_name; /* of the slot, in the canvas' names */
  bool is_named;       /* the element around it has the slot's id */
} Hole;

typedef struct Canvas {
  Buf shells, names;
  Hole *holes;
  uint32_t n_holes, cap_holes;
} Canvas;

typedef struct Turn {
  Conv *conv;
  Work *work;
  uint32_t n_work, cap_work;
  uint32_t iid, task; /* whose code runs now: the origin of effects */
  uint32_t n_effects; /* called by it since it began or last waited */
  uint32_t n_resumes, n_folded;
  const char *no_effects; /* where effects are refused ("render"), or NULL */
  bool failed, finished, drawing_page;
  bool from_outside;   /* it ends, and nothing in it wanted that */
  uint32_t failed_iid; /* whose code failed */
  Cause cause;         /* of a turn without a visitor */
  bool may_wait;       /* it need not be saved at once (S32) */
  bool is_volatile;    /* nor may it do what must be saved */
  bool is_boot;        /* a conversation's first */
  bool is_birth;       /* the first of one that was spawned */
  bool must_save;      /* it did something that must be */
  uint32_t next_id;    /* the conversation's, when it began */
  uint32_t n_letters;  /* likewise */
  AtomChange *changes; /* of atoms, in order */
  uint32_t n_changes, cap_changes;
  Staged *staged; /* what it published */
  uint32_t n_staged, cap_staged;
  Io *calls; /* what it gave to the background */
  uint32_t n_calls;
  bool had_io;           /* the conversation waited for calls when it began */
  const Def *failed_def; /* its definition, or NULL */
  char failed_where[EVENT_NAME_MAX + 16]; /* "on.save" */
  Buf error, place, trace; /* for a person: the message; where; the traceback */
  Buf card;                /* what the app says of it, in HTML */
  bool is_told;            /* the app was asked */
  Piece *pieces; /* explicit ones first, drawings are put before them */
  uint32_t n_pieces, cap_pieces;
  Buf bytes;
  Conv *born[TURN_BORN_MAX]; /* that it began, not committed yet (born.h) */
  uint32_t n_born;
  bool isolates;        /* what was before it cannot be returned to */
  bool compacts;        /* only so many states stay that can be: */
  uint32_t keeps;       /* how many */
  bool rewinds;         /* it went back */
  bool moves;           /* it called, answered or became */
  bool pushes;          /* an entry of its own was asked for, for its address */
  Buf asked;            /* the address that `history` asked for, or empty */
  Buf told;             /* what pages learn of address and entry, or empty */
  uint64_t was_address; /* hash of it, when the turn began; 0: none */
  uint64_t was_turn;    /* by which the state before is found */
  bool was_returned;    /* that one had been gone back to */
  StoreRow *rows;       /* that go with its head */
  uint32_t n_rows, cap_rows;
} Turn;

typedef struct ConvFetch ConvFetch;
typedef struct Row Row;

typedef struct Confirmed Confirmed; /* visitor.c */

typedef struct Reaper {
  uint8_t from[8 + CID_RAW]; /* rows of STORE_SEEN before it were looked at */
  size_t under_way;          /* searches */
  uint64_t began;            /* when it first looked; 0: it has not */
} Reaper;

/* What code has defined: of all Kernels of one Vm. */
typedef struct Defs {
  Def **all;
  size_t n;
  int ref;            /* id -> Def, as light userdata */
  int old_ref;        /* what a revival defines, or LUA_NOREF */
  uint64_t n_made;    /* definitions made so far */
  uint32_t n_sharers; /* Kernels beside the first */
} Defs;

struct Kernel {
  Vm *vm;
  Persist *persist;
  Defs *defs;
  Kernel *app;            /* whose code a replay plays (replay.h); or NULL */
  struct Replay *replays; /* of this one's code */
  int journal;            /* what turns asked for (journal.c), or LUA_NOREF */
  Store *store;
  KernelConfig config;
  KernelPorts ports;
  _Atomic(const char *) blamed; /* the component whose code runs (turn_blame) */
  uint64_t now;                 /* wall clock: what os.time says */
  uint64_t steady;              /* what timers go by */
  Agenda agenda;
  struct Topics *topics;
  struct Atoms *atoms; /* or NULL */
  IoRuns *runs;
  const char *io_id;     /* in a worker: of the call that runs, or NULL */
  const char *describes; /* what is encoded, when it is no conversation */
  /* or what item of a list it is, by its key */
  void (*describe_item)(lua_State *L, int key, Buf *out);
  uint64_t boots_since; /* conversations promoted by their boot, ... */
  uint32_t n_boots;     /* ... since then (S40) */
  Conv **buckets;       /* by cid; a power of two */
  size_t n_buckets;
  ConvFetch *fetches[256]; /* under way, by cid */
  Conv *oldest, *newest;   /* provisional ones, in minting order */
  Conv *coldest, *hottest; /* awake ones, by last use */
  KernelStats stats;
  int work_ref;        /* the values of the turn's work, by position */
  int effects_ref;     /* the effects of the running function, in order */
  int signals_ref;     /* what patch_signals a drawing asks for, or LUA_NOREF */
  uint64_t random[4];  /* for code outside conversations */
  uint64_t generation; /* of this process: another one each time (S41) */
  size_t n_kept_chunks; /* of the loader's, in the store or on their way */
  LoaderFind find_code; /* what is neither loaded nor in the store, or NULL */
  void *find_code_ud;
  Reaper reaper;
  MacKey visitor_key;
  MacKey guest_keys[VISITOR_KEYS_MAX]; /* of stores that were taken in */
  size_t n_guest_keys;
  bool has_renewals;    /* some visitor has renewed its token */
  Confirmed *confirmed; /* visitors whose newest token is being kept as such */
  struct View *views;   /* that are open (view.h) */
  struct Wreck *wrecks; /* a ring, or NULL */
  uint32_t n_wrecks;    /* ever */
  bool in_turn;
  Turn turn;
  Trail trail; /* what the turn makes of the history */
  Buf *why; /* not NULL: what is wrong with a conversation is told here, not in
             * the log (inspect.c) */
  Canvas canvas;
  Row *row;              /* of seats.c, kept for its memory */
  Buf scratch, json;     /* of drawings; of a field's value */
  Buf head, part, state; /* of the head being encoded */
};

/* --- def.c --- */
Def *def_find(Kernel *k, Slice id); /* or NULL */
/* Registers (again) the definition table at `idx`. */
Def *def_set(Kernel *k, Slice id, int idx);
Defs *defs_new(Vm *vm);
void defs_drop(Defs *d); /* one who shares it does not any more */
/* Pushes a member of the definition, or nil; false when nil. */
bool def_get(Kernel *k, lua_State *L, const Def *def, const char *name);
/* Pushes how people find that part, or what is in it: `init of "demo/x"
 * (x.lua:3)`, `children.rows of "demo/x"`. The place is that of a function. */
const char *def_place(Kernel *k, lua_State *L, const Def *def,
                      const char *part);
/* Pushes the handler of an event, or nil; false when nil. `handle` is not
 * asked. */
bool def_handler(Kernel *k, lua_State *L, const Def *def, Slice event);
/* Raises unless it has a function for the event; `of` begins the error. */
void def_check_event(Kernel *k, lua_State *L, const Def *def, Slice event,
                     const char *of);
/* Appends `; did you mean "x"?` for the nearest of a table's string keys. */
void nearest_key(lua_State *L, int table, Slice wanted, Buf *out);

/* --- shape.c --- */

/* Is `self` at this index as the definition's `state` says? False, and the
 * message is pushed. Not looked at in production. */
bool shape_holds(Kernel *k, lua_State *L, const Def *def, int self);

/* --- embed.c --- */

/* Raises unless the value at `idx` is an embed or the id of a component; pushes
 * its args (or nil) and returns its definition. */
Def *embed_resolve(Kernel *k, lua_State *L, int idx, const char *of);
/* Does it look like one? */
bool embed_is(lua_State *L, int idx);
/* Equal for embeds that ask for the same. Raises when the args cannot be
 * encoded. */
uint64_t embed_hash(Kernel *k, lua_State *L, const Def *def, int args);

/* --- instance.c: made, started, removed --- */

/* Makes an instance (its declared children too) that stands nowhere yet.
 * Raises. */
Inst *instance_make(Kernel *k, lua_State *L, int embed, uint32_t parent);
/* Puts it on top of a place: a kid of its parent, or the page. */
void instance_place(Conv *c, Inst *in, Kid *kid);
/* The same, below all that stands there. */
void instance_place_below(Conv *c, Inst *in, Kid *kid);
/* Its answer goes to `caller` (or to nobody) from now on. */
void instance_called(Conv *c, Inst *in, Inst *caller);
/* Pushes `start` work for a new subtree, parents first. */
void instance_start(Kernel *k, Inst *in);
/* Ends what a flow called and what waits in it, and begins its body anew with
 * its args. Raises what `stop` and `__close` raise. */
void instance_restart(Kernel *k, lua_State *L, Inst *in);
/* Removes it with all that it called and holds (S10). Raises what `stop` and
 * `__close` raise. */
void instance_remove(Kernel *k, lua_State *L, uint32_t iid);

/* The same, `depth` declared children deep. */
Inst *instance_make_at(Kernel *k, lua_State *L, int embed, uint32_t parent,
                       int depth);

/* --- children.c: declared ones; both raise --- */
void children_make(Kernel *k, lua_State *L, Inst *in, int depth);
/* Makes them what `children` says now, when that is a function. */
void children_reconcile(Kernel *k, lua_State *L, Inst *in);

/* --- effect.c --- */

/* Folds the effect on top of L's stack and pops it. Raises. */
void effect_fold(Kernel *k, lua_State *L, uint32_t iid, uint32_t task);
/* Accepts what a handler returned (the value at `idx`): nothing, an effect, or
 * a list of effects, which are appended. Raises on all else, saying what to do.
 */
void effect_returned(Kernel *k, lua_State *L, int idx, const char *where);
/* Appends an effect (on top of L, popped) of the running code. */
void effect_append(Kernel *k, lua_State *L);
bool effect_known(const char *op); /* as data: none of those that wait */

#define EFFECT_ARGS 4 /* the most that any takes */

struct Origin {
  Inst *in;      /* who asked; NULL when it is gone */
  uint32_t task; /* the task that waits for an await's answer */
};
/* Raises unless what stands at `first` and after it are arguments of the
 * effect; called where the app calls it, so that errors name its line. */
void effect_check(Kernel *k, lua_State *L, const char *op, int first);
/* Raises unless the conversation may do that known effect; likewise. */
void effect_check_may(Kernel *k, lua_State *L, const char *op);
/* Pushes the first `n` arguments of an effect; the index of the first. */
int effect_args(lua_State *L, int effect, int n);
/* Raises unless the value at `idx` is a selector. */
void effect_selector(lua_State *L, int idx, const char *of);
/* Raises unless the value at `idx` is the name of an event ... */
const char *effect_event_name(lua_State *L, int idx, const char *of);
/* ... that the instance has a function for. */
void effect_check_event(Kernel *k, lua_State *L, const Inst *in, int idx,
                        const char *of);
/* Pushes an `ev` table with the payload at `payload`. */
void effect_push_event(lua_State *L, const char *name, int payload,
                       const char *slot, const char *key, uint32_t from);

/* KEEP IN STEP: effects (effect.c): those in files of their own. */
#define LATER_EFFECTS(X) \
  X(call)                \
  X(await)               \
  X(answer)              \
  X(answer_error)        \
  X(become)              \
  X(cancel)              \
  X(finish)              \
  X(show)                \
  X(after)               \
  X(sleep)               \
  X(send)                \
  X(subscribe)           \
  X(unsubscribe)         \
  X(publish)             \
  X(publish_local)       \
  X(receive)             \
  X(history)             \
  X(scroll_to)           \
  X(focus)
#define X(op)                                                          \
  void check_##op(Kernel *k, lua_State *L, const Inst *in, int first); \
  void fold_##op(Kernel *k, lua_State *L, Origin o, int effect);
LATER_EFFECTS(X)
#undef X

/* --- place.c --- */

/* Delivers what `in` answers (the value on top of L, popped) and removes it.
 * Raises. */
void effect_answer(Kernel *k, lua_State *L, Inst *in, bool ok);
/* Removes all that is there; the turn ends the conversation. Raises. */
void effect_finish(Kernel *k, lua_State *L);
/* Would an error that `in` answers be taken by somebody? */
bool effect_takes_error(Kernel *k, lua_State *L, const Inst *in);
/* --- turn.c --- */
void turn_begin(Kernel *k, Conv *c);
/* Between these there may be another one, which does no work: a drawing. */
typedef struct Aside {
  Turn turn;
  bool in_turn;
  const char *ban;
  int journal; /* Lua registry reference */
} Aside;
void turn_set_aside(Kernel *k, Aside *out);
void turn_take_up(Kernel *k, const Aside *aside);
void turn_free(Turn *t);
void turn_push(Kernel *k, lua_State *L, Work w); /* pops the work's value */
/* Appends one fragment. */
void turn_piece(Kernel *k, FragmentKind kind, PatchMode mode, Slice selector,
                Slice body);
/* Calls `f` protected, with `arg` as light userdata; a failure fails the turn.
 */
bool turn_protect(Kernel *k, lua_CFunction f, void *arg, const char *where);
/* Runs all work, and what it leads to; then knows where the page stands. False
 * when the turn failed. */
bool turn_settle(Kernel *k);
/* Draws what changed, or the whole page into `page`. */
bool turn_draw(Kernel *k, Buf *page);
/* Ends the budget and counts the turn; one that was doomed has failed. */
void turn_measure(Kernel *k);
/* shared.c: a warning of each variable that the turn has set and no
 * conversation has. */
void shared_look(Kernel *k);
/* Marks the turn as failed; the error value is on top of L and is popped.
 * `where`: "on.save", "render". */
void turn_fail(Kernel *k, lua_State *L, uint32_t iid, const char *where,
               Slice trace);
/* Raises, for the function `of`, in a turn that need not be saved at once
 * (S32). */
void turn_check_lasts(const Kernel *k, lua_State *L, const char *of);
/* Code of `in` is about to run: a failure is its. */
void turn_blame(Kernel *k, const Inst *in);
/* Forgets what a failed turn left undone. */
void turn_clear(Kernel *k);

/* --- run.c --- */
void run_start(Kernel *k, lua_State *L, Inst *in); /* or a flow's body */
void run_wakeup(Kernel *k, lua_State *L, Inst *in);
void run_event(Kernel *k, lua_State *L, Inst *in);  /* `ev` is on top of L */
void run_update(Kernel *k, lua_State *L, Inst *in); /* the args are */
/* Calls `stop`, which may not wait; its effects become work. Raises. */
void run_stop(Kernel *k, lua_State *L, Inst *in);
/* Closes a task of `in` that waits: its `__close` functions run, and what they
 * ask for is done. Raises what they raise. */
void run_close(Kernel *k, lua_State *L, Inst *in, uint32_t task);
/* Resumes the task of `w` with the value on top of L. */
void run_resume(Kernel *k, lua_State *L, const Work *w);

/* --- commit.c --- */

/* The state, encoded, into k->state. On failure pushes an error message. */
Err turn_state(Kernel *k, Conv *c);
/* The head with that state as `ev` (or NULL) leaves it, its history moved on.
 * The turn's fragments are complete then, `explicit` of them asked for by
 * effects. */
Blob *turn_head(Kernel *k, Conv *c, const Event *ev, uint32_t explicit);
/* Fails the turn with that message, in the name of the instance whose code ran
 * last, or (when none did) of the one on the page. */
void turn_fail_saving(Kernel *k, const Conv *c);

/* Ends the turn of an event (or NULL): encodes, or puts back, and commits.
 * `explicit` of its fragments were asked for by effects; drawings go before
 * them. */
void turn_conclude(Kernel *k, Conv *c, Event *ev, uint32_t explicit);
/* Commits a head, with what turn_row has been given. */
void commit_head(Kernel *k, Conv *c, Blob *head);
/* Its header alone has changed, outside of a turn. `done` is given the Conv,
 * and calls commit_done. */
void commit_header(Kernel *k, Conv *c, StoreDone done);
void commit_done(Conv *c, Err e);
/* The same, and it may leave memory then. */
void commit_again(Kernel *k, Conv *c);
/* The first head of one that began outside of turns. */
void commit_new(Kernel *k, Conv *c, Blob *head);
/* The same of one that was in another's item, which is kept or not. It may
 * leave memory. */
void commit_born(Kernel *k, Conv *c, Err e);
/* One change of a row that is kept with the turn, or dropped with it. `value`
 * (NULL removes the row) is the turn's now. */
void turn_row(Kernel *k, StoreTable table, Slice key, Blob *value);
void turn_take_row(Kernel *k, StoreRow row); /* the same; its key, too */
void turn_drop_rows(Kernel *k);
void fill_outbox(Kernel *k, uint32_t explicit);
void release_outbox(Conv *c);
/* One more fragment, outside of a turn. */
void outbox_put(Conv *c, FragmentKind kind, Slice body);
/* Was this event answered before? */
bool find_answer(const Conv *c, const Event *ev, Err *result);
void distrust_pages(Conv *c);

/* --- gate.c --- */

/* May the event come in? Else what it is answered. */
Err gate_check(const Kernel *k, Conv *c, const Event *ev);
/* Its turn took too much: after two of them it has to wait a while (S17). */
void gate_doomed(const Kernel *k, Conv *c);

/* --- event.c --- */

/* What a turn begins with: handed to a deed's function. */
typedef struct Arrival {
  Event *ev;
  uint32_t iid;
  Err refused;
} Arrival;
void event_turn(Kernel *k, Conv *c, Event *ev);
/* Runs the first turn of a fresh conversation from the embed at `embed`, and
 * draws its page. */
bool turn_boot(Kernel *k, Conv *c, int embed, Buf *page, bool *ended);

/* --- kernel.c --- */

/* One more on the Vm of `app`, with its definitions: it has the Vm while it is
 * the owner (kernel_own), and nothing else in common. */
Kernel *kernel_beside(Kernel *app, const KernelConfig *config,
                      const KernelPorts *ports);
void kernel_own(Kernel *k);

/* --- session.c --- */

/* Learns of a conversation that only the store knew; takes `head`. It stays
 * asleep. Its turn number moves on, so that pages from before are painted anew.
 * NULL when the head is damaged. */
Conv *conv_adopt(Kernel *k, Slice cid, Blob *head, uint64_t revision);

/* It is awake: makes it the most recently used one of these. */
void conv_heat(Kernel *k, Conv *c);
/* The same, decoding it when it sleeps; others may
 * fall asleep for it. On failure it has ended. */
Err conv_wake(Kernel *k, Conv *c);
/* Drops its graph; the head has all of it. Not while its turn is under way. */
void conv_sleep(Kernel *k, Conv *c);
/* It leaves memory, if the store has all of it and nobody follows it. */
void conv_unload(Kernel *k, Conv *c);
void conv_list(Kernel *k, Conv *c);   /* it is found by its cid */
void conv_unlist(Kernel *k, Conv *c); /* nobody finds it any more */
/* It could not be woken, and nobody asked for it: it leaves memory, and whoever
 * comes tries again. False while somebody follows it. */
bool conv_abandon(Kernel *k, Conv *c);
void conv_name(Kernel *k, Conv *c, Slice cid);
/* One after the other, in no order; NULL begins and ends. */
Conv *kernel_next(const Kernel *k, const Conv *c);

/* --- mint.c --- */
Conv *conv_mint(Kernel *k);                /* named and listed; else empty */
void conv_provision(Kernel *k, Conv *c);   /* it goes when nobody comes */
void conv_unprovision(Kernel *k, Conv *c); /* it stays */
void conv_evict(Kernel *k, Conv *c); /* as if it had never been; frees it */

/* --- fork.c --- */

/* A copy of a conversation as last committed: asleep, listed nowhere, to be
 * freed. NULL when there is none. */
Conv *conv_snapshot(Kernel *k, Slice cid);
/* Begins a conversation with a state of the snapshot's. */
Conv *conv_fork(Kernel *k, const Conv *snapshot, Slice state, uint64_t left_ms);
/* A fork's first turn, before that of its first event. */
void fork_open(Kernel *k, Conv *c);

/* --- spawn.c --- */
int spawn_f_spawn(lua_State *L);
/* It was spawned, and its first turn is still to come. Of one that is awake. */
bool conv_unborn(const Conv *c);
void spawn_begin(Kernel *k, Conv *c); /* that turn */

/* --- fetch.c --- */
void fetch_forget(Kernel *k, const Conv *c); /* it leaves memory */

/* --- reap.c: who was there last --- */

/* A visitor shows that it is there. */
void conv_seen(Kernel *k, Conv *c);
/* What a head says of that, when the one before said `kept`. */
uint64_t seen_of(const Kernel *k, const Conv *c, uint64_t kept);
/* The row of the index. Its blobs are the caller's. */
StoreRow seen_row(const Conv *c, uint64_t seen, bool is_there);
/* Tells the store, when what it knows is old: true, and a commit is under way.
 */
bool seen_keep(Kernel *k, Conv *c);
/* Ends it in a turn: `stop` hooks run, and it goes whatever they do. */
void conv_end(Kernel *k, Conv *c);

/* --- failure.c --- */

/* Keeps what the failed turn raised, the value at `idx`. */
void failure_keep(lua_State *L, int idx);
/* Tells the app, once, of a turn that has failed; its budget is stopped. */
void failure_tell(Kernel *k);

/* --- draw.c --- */

/* Draws what changed into pieces. Raises. */
void draw_changes(Kernel *k, lua_State *L);
/* Draws the whole page into `out`. Raises. */
void draw_page(Kernel *k, lua_State *L, Buf *out);
/* Appends the signed URL of an event, to `in` or to what it calls `to`. Raises
 * when there is no such event; `of` begins the error. */
void draw_event_url(Kernel *k, lua_State *L, Inst *in, Slice to, Slice event,
                    int value, const char *of, Buf *out);
/* Pushes a Buf that an error on the way does not leak. */
Buf *draw_push_buf(lua_State *L);
/* Renders markup at `idx` as part of `in`. Raises. */
void draw_markup(Kernel *k, lua_State *L, const Inst *in, int idx, Buf *out);
/* Appends one with all that stands in it, which is then on the page. Raises. */
void draw_inst(Kernel *k, lua_State *L, Inst *in, Buf *out);
/* The page no longer holds it, nor what stands in it. */
void draw_forget(const Conv *c, Inst *in);

/* --- seats.c --- */

/* The page shows a slot as it was; makes pieces that bring it in step. False,
 * and no pieces, when the whole instance had better be drawn. `is_named`: the
 * element around it has the slot's id. Raises. */
bool seats_patch(Kernel *k, lua_State *L, Inst *in, Slice slot, bool is_named);
void seats_free(Kernel *k);

/* --- banner.c --- */

/* An error card in the place of an instance (or of none), about the turn's
 * failure. */
void draw_banner(Kernel *k, Conv *c, const Inst *in, Buf *out);

/* The signature of an event URL (session.c). */
void conv_mac(const Conv *c, uint32_t iid, Slice event, Slice p,
              char out[MAC_LEN]);

/* --- address.c: what an address of this app may be --- */

/* What is wrong with one, base path aside; or NULL. */
const char *address_trouble(Slice s);
/* Reads the author's address at `idx` into `out`, as it is kept. Raises; `of`
 * begins the error. */
void address_take(Kernel *k, lua_State *L, int idx, const char *of, Buf *out);

/* --- standing.c: where the page stands --- */

void standing_begin(Kernel *k, const Conv *c); /* a turn does */
/* Asks the root where it stands, once the turn's work is done. False when that
 * failed. */
bool standing_project(Kernel *k);
/* Decides what pages learn of it, once the turn's head is made. */
void standing_tell(Kernel *k, const Conv *c, const Event *ev);
/* Part of the frames; nothing for one without an address. */
void standing_put(Buf *b, const Conv *c);
void standing_get(Reader *r, Conv *c);

/* --- field.c: bind --- */

/* Copies the posted signals (table at `idx`) into the bound fields of `in`. */
void field_merge(Kernel *k, lua_State *L, Inst *in, int idx);
/* The same for a form's fields, by their names. */
void field_merge_form(Kernel *k, lua_State *L, Inst *in, int idx);
/* Appends the signal of a bound path; true when it is one of the page's own.
 * Raises when it is no path; `of` begins the error. */
bool field_signal(lua_State *L, const Inst *in, Slice path, const char *of,
                  Buf *out);
/* Raises unless it is such a path. */
void field_check_name(lua_State *L, Slice path, const char *of);
/* Sets the path in the table at `self` to the value on top of L, which is
 * popped; inner tables are made on the way. */
void field_set(lua_State *L, int self, Slice path);
/* Pushes the value of a bound path. */
void field_push(lua_State *L, int self, Slice path);
/* Notes that a field was drawn with the value on top of L; asks for a signal
 * patch when the client has another. */
void field_drawn(Kernel *k, lua_State *L, Inst *in, Slice path);
/* Emits the patch that drawings asked for. */
void field_flush(Kernel *k, lua_State *L);
void field_forget(Kernel *k, lua_State *L); /* the turn failed */

/* --- image.c: heads --- */

/* Names what a handle of the graph stands for, in the codec's errors. */
void image_describe(void *ud, lua_State *L, int key, Buf *out);
/* Appends what going back changes. On failure pushes an error message. */
Err image_state(Kernel *k, Conv *c, Buf *out);
/* The whole head around a state. */
Blob *image_head(Kernel *k, const Conv *c, Slice history, Slice state);

/* The head as it is, with the header as it has become meanwhile: for one whose
 * state has not changed, also while it sleeps. */
Blob *image_again(Kernel *k, const Conv *c);

/* The parts of a head, borrowed from it. */
typedef struct Image {
  Slice header, page, history, state;
} Image;
/* Does not look at the checksum. */
Err image_parts(Slice head, Image *out);

/* Reads the header alone, of a conversation that stays asleep. */
Err image_header(Conv *c, Slice head);
/* Makes the conversation what a state says; its pages hold nothing of it. On
 * failure it is empty. */
Err image_revive(Kernel *k, Conv *c, Slice state);
/* The head whose bytes, but for the checksum, came from elsewhere; or NULL when
 * they are none of this conversation. Its pages hold nothing of it. */
Blob *image_sign(const Conv *c, Slice bare);
/* Header and structs, without the graph. A component that nobody defines gets
 * an empty definition: no turn may run here afterwards. */
Err image_outline(Kernel *k, Conv *c, Slice head);
/* Puts the conversation back to what `head` says; its header (ids, answers,
 * turn number) only when asked: a rollback never rewinds that. On failure it is
 * empty. */
Err image_restore(Kernel *k, Conv *c, Slice head, bool with_header);

/* --- revive.c: code by hash --- */

/* Puts code that was loaded since the last time into the store. */
void code_keep(Kernel *k);
/* Gives definitions the version of the chunk that made them, once that has been
 * loaded. */
void code_settle(Kernel *k);
/* Brings a chunk back that is not loaded any more, and what it was built on.
 * False, and a line in the log, when that cannot be. */
bool code_revive(Kernel *k, const uint8_t digest[DIGEST_BYTES]);
/* The same by the first 8 bytes of its digest. */
bool code_revive_version(Kernel *k, uint64_t version);
uint64_t code_version(const uint8_t digest[DIGEST_BYTES]);
/* A definition that a revived chunk makes. */
void code_define_old(Kernel *k, lua_State *L, Slice id, int definition);

/* --- upgrade.c: instances that older code made --- */
typedef enum UpgradeState {
  UPGRADE_NONE,
  UPGRADE_DUE,
  UPGRADE_FAILED, /* it was tried, with the code that is loaded */
} UpgradeState;
UpgradeState upgrade_state(const Kernel *k, Conv *c);
/* All that are due, within a turn. Raises. */
void upgrade_all(Kernel *k, lua_State *L);
int f_upgrade(lua_State *L); /* the same, to be protected */

/* --- prelude.c: what comes before the next event --- */
typedef enum Prelude {
  PRELUDE_NONE,
  PRELUDE_DUE,    /* prelude_turn is to be called, and then to be asked again */
  PRELUDE_FAILED, /* no event can be taken, with the code that is loaded */
} Prelude;
/* Of one that is awake. */
Prelude prelude_due(const Kernel *k, Conv *c);
void prelude_turn(Kernel *k, Conv *c);
/* A turn has just been kept: what it left to be done at once, after going back
 * or opening a fork. */
void prelude_at_once(Kernel *k, Conv *c);

/* --- image_header.c, image_frames.c: two parts of a head --- */
void header_put(Buf *b, const Conv *c);
void header_get(Reader *r, Conv *c);
void frames_put(Buf *b, const Conv *c);
/* ERR_NOT_FOUND for a component that nobody defines: Reader.lacked. */
void frames_get(Reader *r, Kernel *k, Conv *c);

/* --- image_check.c --- */

/* Do instances and tasks fit together, and with the root on top of L? */
bool image_holds(const Conv *c, lua_State *L);

/* --- journal.c: what the turns of a replay asked for --- */
void journal_open(Kernel *k);
void journal_free(Kernel *k);
void journal_begin(Kernel *k); /* a turn does */
/* The list of the turn under way, while there is another one between. */
int journal_set_aside(Kernel *k);
void journal_take_up(Kernel *k, int list);
/* The effect at `effect` is folded. */
void journal_effect(Kernel *k, lua_State *L, int effect);
void journal_keep(Kernel *k, const Conv *c); /* its turn is kept */
int journal_f_effects(lua_State *L); /* (cid, [turn]) -> a list of effects */

/* --- inspect.c --- */

/* Something about a conversation (or NULL) cannot be read. */
void kernel_trouble(Kernel *k, const Conv *c, const char *what, const char *key,
                    Slice detail);

/* --- lib.c --- */
int kernel_open_lib(lua_State *L);      /* pushes the table `stube.kernel` */
void kernel_open_convlib(lua_State *L); /* convlib.c: pushes its functions */

/* --- chance.c: what code gets of chance and of time (S44) --- */
/* Of the system, but in a replay, whose own generator gives it. */
void chance_bytes(Kernel *k, void *out, size_t len);
void chance_open(lua_State *L); /* math.random, os.time ... */

static inline Kernel *kernel_of(lua_State *L) { return vm_owner(vm_of(L)); }

#endif
