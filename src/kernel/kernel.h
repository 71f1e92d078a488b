/* Conversations and their turns. Pure: time, randomness and storage are
 * arguments, what should reach the world is handed to the ports, and only after
 * its commit.
 *
 *   host --- kernel_mint, kernel_post ---> kernel --- store_commit ---> store
 *     ^------- ports: released fragments, answered events <--- done ------'
 *
 * One turn runs one event to its end, all or nothing (docs/decisions.md, S1 to
 * S8). The conversation is then locked until the store has committed; events
 * that arrive meanwhile wait in a bounded queue. */
#ifndef KERNEL_KERNEL_H
#define KERNEL_KERNEL_H

#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "lua/budget.h"
#include "lua/loader.h"
#include "persist/persist.h"
#include "store/store.h"

typedef struct Kernel Kernel;
typedef struct Conv Conv;
typedef struct Event Event;

/* --- what a turn sends to the pages of a conversation --- */

typedef enum FragmentKind {
  FRAG_ELEMENTS,
  FRAG_SIGNALS, /* body: JSON */
  FRAG_SCRIPT,  /* body: JavaScript */
  FRAG_ADDRESS, /* the browser's address and entry (standing.c) */
  FRAG_SCROLL,  /* selector: what comes into view */
  FRAG_FOCUS,   /* selector: what gets the focus */
  FRAG_RENEWED, /* its visitor has a new token: ask for it */
  FRAG_CLOSE,   /* the conversation has ended; nothing follows */
} FragmentKind;

/* Datastar's modes, as its events name them. KEEP IN STEP: SseMode
 * (wire/sse.h). */
typedef enum PatchMode {
  PATCH_OUTER, /* by the element's own id, or the selector */
  PATCH_INNER,
  PATCH_REPLACE,
  PATCH_PREPEND,
  PATCH_APPEND,
  PATCH_BEFORE,
  PATCH_AFTER,
  PATCH_REMOVE,
  PATCH_MODES
} PatchMode;

const char *patch_mode_name(PatchMode mode); /* "outer" */

typedef struct Fragment {
  FragmentKind kind;
  PatchMode mode; /* of elements */
  Slice selector; /* or empty */
  Slice body;
} Fragment;

/* Which one: the n-th of a turn, from 1 on. As an event of a stream: "17.3". */
typedef struct FragmentId {
  uint64_t turn;
  uint32_t n;
} FragmentId;

static inline bool fragment_after(FragmentId a, FragmentId b) {
  return a.turn != b.turn ? a.turn > b.turn : a.n > b.n;
}

/* --- one thing that happens to an instance --- */

/* Made by the host, or by the kernel itself. The kernel keeps it until
 * `answer`. */
struct Event {
  Event *next;                /* the kernel's, while it waits */
  uint32_t iid;               /* to whom; 0: to the top frame */
  Slice name;                 /* owned by whoever made it, until `answer` */
  char page[PAGE_ID_MAX + 1]; /* of a numbered event (S39), or "" */
  uint64_t number;
  FragmentId seen; /* the newest that its page has; zeros: unknown */
  /* When set, nothing runs: the whole page is drawn into it, as it stands once
   * the turns before it are kept (a reload, a repaint after a gap). */
  Buf *draw;
  bool is_back;     /* go back: to what stood at a turn, or one step */
  uint64_t to_turn; /* of one that goes back; 0: one step */
  /* The kernel's: done instead of bringing an event (deed.h); or NULL. */
  const struct EventDeed *deed;
  /* From code: the target as a name, "" for the top frame; one that is not
   * there is refused, with ERR_NOT_FOUND. NULL: `iid` says it. */
  const char *to;
  /* Pushes three Lua values: the event's value, the posted signals (a table or
   * nil) and the form's fields (a table or nil). An Err refuses the event:
   * nothing runs, and `answer` gets it. NULL pushes three nils. */
  Err (*push)(Event *ev, lua_State *L);
  /* The event is done: OK once its turn is kept, ERR_GONE for an ended
   * conversation, ERR_CONFLICT for a turn that is not kept, ERR_TOO_MANY,
   * ERR_UNAVAILABLE when the commit failed, ERR_APP when its turn failed (and
   * was put back). The event may be freed here. */
  void (*answer)(Event *ev, Err result);
  Err result; /* the kernel's: what its turn came to, until it is kept */
};

/* --- the world, as the kernel sees it --- */

/* A turn that failed and is being put back. */
typedef struct TurnFailure {
  const char *cid, *iid; /* iid: "ix-3", or "" */
  const char *component; /* "todo/list", or "" */
  const char *where;     /* "on.save", "render" */
  Slice error, trace;    /* for a person */
} TurnFailure;

typedef struct KernelPorts {
  void *ud;
  /* Fragments of one turn, committed, from `first` on. */
  void (*release)(void *ud, Conv *c, FragmentId first, const Fragment *f,
                  size_t n);
  /* The conversation ends now (finished, reaped, evicted); `c` is freed after
   * it. */
  void (*ended)(void *ud, Conv *c);
  /* May `c` leave memory? The store has it. False while somebody follows it;
   * true frees what the host keeps for it. */
  bool (*forget)(void *ud, Conv *c);
  /* A turn has failed; what it raised is on top of vm_lua, and stays there.
   * HTML appended to `card` is shown instead of the usual words. May be NULL.
   */
  void (*failed)(void *ud, const TurnFailure *f, Buf *card);
  /* A worker is to run a call (kernel/io.h), and kernel_io_done to be told of
   * it. Copies what it keeps; calls nothing back from inside. */
  void (*io_start)(void *ud, uint64_t run, Slice id, Slice call,
                   bool is_background);
  /* Nobody waits for that any more; kernel_io_done need not be called. */
  void (*io_cancel)(void *ud, uint64_t run);
  /* JSON of the Lua value at `idx`, appended; raises what cannot be JSON. */
  void (*json)(lua_State *L, int idx, const char *what, Buf *out);
  /* The value of an event URL: `&p=` and what follows, percent-encoded. */
  void (*url_value)(lua_State *L, int idx, Buf *out);
} KernelPorts;

typedef struct KernelConfig {
  uint8_t key[KEY_BYTES]; /* the host's secret */
  const char *base_path;  /* "" or "/app"; borrowed */
  bool development;       /* messages on error banners; warnings */
  bool watches_variables; /* warns when a turn sets one of a file (shared.c) */
  BudgetLimits budget;    /* of one turn */
  uint64_t cpu_warn_ms;   /* a slower turn is logged */
  size_t head_bytes_max;
  uint32_t queue_max;     /* events waiting for one conversation's turn */
  uint32_t event_rate;    /* events a second, of one conversation; 0: any */
  uint32_t history_turns; /* states that one can go back to */
  size_t history_bytes;
  size_t hot_max; /* conversations kept in Lua's memory */
  size_t provisional_max;
  uint64_t provisional_ms;
  uint64_t ttl_ms;  /* an end comes after so long without a visitor; 0: never */
  bool has_workers; /* else what s.io is asked for is kept, and waits */
  bool is_worker;   /* this Kernel is one: it has no conversations */
  size_t io_waiting;   /* calls under way, of all */
  uint32_t io_pending; /* of one conversation */
  size_t io_call;      /* bytes of function and arguments */
  const Log *log;      /* borrowed */
} KernelConfig;

void kernel_config_init(KernelConfig *c); /* the defaults; a random key */

/* Takes none of the parts; all must outlive it. Adds `stube.kernel` to the Vm.
 */
Kernel *kernel_new(Vm *vm, Persist *p, const KernelConfig *config,
                   const KernelPorts *ports);
void kernel_free(Kernel *k);

/* Where conversations are kept from now on. Once, before the first of them, and
 * after the script has had its say about where that is. */
void kernel_open(Kernel *k, Store *s);

/* How many definitions were made so far: when it stands still, so do styles. */
uint64_t kernel_defines(const Kernel *k);
/* Appends the stylesheet of all components. */
void kernel_styles(Kernel *k, Buf *out);
/* Shows the browser modules that components name, in order, each once:
 * "ns/name", or a path of the app. */
void kernel_modules(Kernel *k, void (*see)(void *ud, const char *module),
                    void *ud);

/* Called after each load of code: names what is static, definitions among it.
 */
void kernel_collect(Kernel *k);
/* From now on these; the key, too, while there is no conversation yet. */
void kernel_configure(Kernel *k, const KernelConfig *config);

/* From any thread: the component whose code runs or ran last, or NULL. */
const char *kernel_blamed(const Kernel *k);

/* The time of what happens next, as the wall clock says, and as it would say if
 * it never jumped (base/steady.h): timers go by that. Called before anything
 * below. */
void kernel_now(Kernel *k, uint64_t wall_ms, uint64_t steady_ms);

/* Raises, for the function `of`, unless the value at `idx` is an embed or the
 * id of a component. */
void kernel_check_embed(Kernel *k, lua_State *L, int idx, const char *of);

/* --- who owns conversations (kernel/visitor.h) --- */

#define VISITOR_LEN 22

typedef struct Visitor {
  char id[VISITOR_LEN + 1];  /* for Mint.owner: the same for all its tokens */
  bool is_newest;            /* it has shown its newest token */
  char token[TOKEN_LEN + 1]; /* a fresh one's; or the newest one's, when that
                              * has not been shown */
  char teller[CID_LEN + 1];  /* then: whose pages may learn it */
} Visitor;

/* Shows the rows (of STORE_META) by which another store knows our visitors: the
 * key of their tokens, and who has renewed. Others may follow: stop at the
 * first whose key does not begin with "visitor". */
void visitors_export(const Kernel *k, StoreSee see, void *ud);
/* Is that such a row? */
bool visitors_row(Slice key, Slice value);

/* Has any visitor ever renewed its token? Until then each has but one. */
bool visitors_renew(const Kernel *k);

void visitor_mint(Kernel *k, Visitor *out);
/* Whose token is it? False: nobody's, or one that has been renewed. */
bool visitor_of(Kernel *k, Slice token, Visitor *out);

/* --- conversations --- */

typedef struct Mint {
  const char *owner; /* the visitor's id, or NULL for none; copied */
  const char *title; /* of its page, or NULL; copied */
  const char *back;  /* what the browser's Back asks first; "": turns make no
                      * entries of the browser's history; NULL; copied */
  int embed;         /* stack index on vm_lua: an embed or a component's id */
  Blob *origin;      /* what kernel_origin made, or NULL; held by the caller */
  uint32_t can;      /* what it may do (kernel_read_can), ... */
  const char *limited_by; /* ... and who says so; NULL: all; copied */
} Mint;

/* Reads the list of capabilities at `idx`; false for nil. Raises, for the
 * function `of`, when it is none. */
bool kernel_read_can(const Kernel *k, lua_State *L, int idx, const char *of,
                     uint32_t *can);

/* Context and principal of a request (stack indexes on L) as bytes that go with
 * its conversation, held for the caller; NULL when both are nil. Raises when
 * they are no plain data, or too much of it. */
Blob *kernel_origin(Kernel *k, lua_State *L, int context, int principal);

/* Boots a conversation and appends its first HTML to `page`. Provisional: in
 * memory only, until kernel_promote. `*out` is NULL when it ended while it
 * booted (OK), and on failure: ERR_APP, logged, with an error card in `page`.
 */
Err kernel_mint(Kernel *k, const Mint *mint, Conv **out, Buf *page);

/* Did both begin with the same context and principal? */
bool kernel_alike(const Conv *a, const Conv *b);
/* Drops one that nobody has come for, as if it had never been; `c` is gone
 * then. Others stay. */
void kernel_unmint(Kernel *k, Conv *c);

/* By cid, when it is in memory; or NULL. */
Conv *kernel_known(const Kernel *k, Slice cid);
/* By cid; one that sleeps in the store only is read at once, however long the
 * disk takes. NULL when there is none. */
Conv *kernel_find(Kernel *k, Slice cid);
/* The same without waiting: `found` is called at once when it is here, else
 * from store_poll. Without a conversation: ERR_NOT_FOUND, ERR_IO when its
 * record is damaged, ERR_UNAVAILABLE. All who ask meanwhile share one read. */
typedef void (*KernelFound)(void *ud, Conv *c, Err e);
void kernel_fetch(Kernel *k, Slice cid, KernelFound found, void *ud);

/* Somebody is really there: from now on the conversation is saved. */
void kernel_promote(Kernel *k, Conv *c);

/* Runs an event, or queues it behind the turn under way. `answer` is called in
 * any case: at once when the event is refused, was answered before, or only
 * draws; else from store_poll, once its turn is kept. `c` may be gone after it.
 */
void kernel_post(Kernel *k, Conv *c, Event *ev);

/* A page has opened its stream. */
void kernel_followed(Kernel *k, Conv *c);
/* Nobody follows it any more: one that sleeps leaves memory. `c` may be gone.
 */
void kernel_unfollowed(Kernel *k, Conv *c);

/* Drops provisional conversations that nobody came for. */
void kernel_sweep(Kernel *k);

/* Ends some of those that nobody has come to for the ttl: their `stop` hooks
 * run, their pages are told. True when there are more. */
bool kernel_reap(Kernel *k);
/* Ends up to `max` of those in memory, whatever their age, but those whose
 * commit is under way. For a store that ends with the process. False when there
 * was none. */
bool kernel_end_all(Kernel *k, size_t max);

/* --- what happens without a visitor: timers, messages (kernel/later.h) --- */

/* When kernel_tick wants to be called next, in steady ms; UINT64_MAX: not as
 * things stand. Changes with every commit, so ask after store_poll. */
uint64_t kernel_due(const Kernel *k);
/* Runs a bounded number of the turns that are due; visitors come between. */
void kernel_tick(Kernel *k);
/* Saves what turns of volatile timers left unsaved. For the end. */
void kernel_flush(Kernel *k);

/* For specs: drops every conversation as if the process had been killed, and
 * goes on with this store, which may be the same one. Nothing is under way. */
void kernel_restart(Kernel *k, Store *s);

/* --- functions in worker threads (kernel/io.h) --- */

/* What a run came to: results or the error as bytes of kernel_io_call, or, when
 * `is_text`, an error's message. Unknown runs are forgotten ones. */
typedef struct IoDone {
  bool ok, is_text;
  Slice value, trace;
} IoDone;
void kernel_io_done(Kernel *k, uint64_t run, const IoDone *done);
/* From now on results are delivered, and nothing else without a visitor. */
void kernel_wind_down(Kernel *k);
/* Is there one that has not been delivered yet? */
bool kernel_io_undelivered(const Kernel *k);

/* Code for workers: the bytes of a chunk (lua/loader.h), loaded or in the
 * store. */
bool kernel_code(Kernel *k, const uint8_t digest[DIGEST_BYTES], Buf *out);
/* The module or script of that name, as it is now. */
bool kernel_code_named(Kernel *k, Slice name, uint8_t digest[DIGEST_BYTES]);

/* In a worker, whose Kernel has no store: runs one call. */
typedef struct IoCall {
  const char *id; /* what s.io_id gives */
  Slice call;
  BudgetLimits budget;
  size_t result_max; /* bytes */
  /* Both may wait: code that this Kernel has not loaded yet. */
  LoaderFind find;
  bool (*find_named)(void *ud, Slice name, uint8_t digest[DIGEST_BYTES]);
  void *ud;
} IoCall;
typedef struct IoResult {
  bool ok, is_text;
  Buf value, trace;
} IoResult;
void kernel_io_call(Kernel *k, const IoCall *call, IoResult *out);
void io_result_free(IoResult *r);

/* --- what the host may ask of one --- */

const char *conv_cid(const Conv *c);
const char *conv_owner(const Conv *c);
const char *conv_title(const Conv *c); /* or NULL */
bool conv_ended(const Conv *c);        /* and its end is kept (S2) */
/* It has ended only here: what it needs (old code) cannot be had now, and its
 * record in the store waits for that. */
bool conv_lost(const Conv *c);
/* It takes no events just now; why, for its visitor. NULL: it does. */
const char *conv_stopped(const Conv *c);
bool conv_busy(const Conv *c); /* its turn is not committed yet */
uint64_t conv_turn(const Conv *c);
/* The newest fragment that was released: what a page that is drawn anew holds.
 */
FragmentId conv_newest(const Conv *c);
/* Shows the signals and scripts behind `after` that no page has said it has,
 * oldest first (kernel/unseen.h). */
void conv_see_unseen(const Conv *c, FragmentId after,
                     void (*see)(void *ud, const Fragment *f), void *ud);
/* The turn by which going back finds the present state, also once it has been
 * left. */
uint64_t conv_stands(const Conv *c);
/* What the browser shows, to stand behind the base path; or NULL. Of one that
 * is awake or was. */
const char *conv_address(const Conv *c);
const char *conv_back(const Conv *c); /* Mint.back */
/* The body of a FRAG_ADDRESS that says how it stands, into an empty Buf. */
void conv_put_standing(const Conv *c, Buf *lines);
/* Was this URL offered by us: the MAC over iid, event and the raw text of `p`?
 */
bool conv_offered(const Conv *c, uint32_t iid, Slice event, Slice p, Slice mac);
/* A pointer of the host's for this conversation; the kernel only keeps it. */
void **conv_slot(Conv *c);

/* "ix-17" <-> 17; 0 for anything else. */
uint32_t iid_parse(Slice s);
#define IID_TEXT 16
Slice iid_text(char out[IID_TEXT], uint32_t iid); /* a view of `out` */

/* --- numbers, for metrics and specs --- */
typedef struct KernelStats {
  size_t conversations, provisional, hot;
  uint64_t turns, failed_turns;
  uint64_t repeats; /* events that were answered before */
  uint64_t reaped;  /* conversations that ended because nobody came */
  size_t io_under_way;
  uint64_t ios, failed_ios; /* calls of s.io and s.background that ended */
} KernelStats;
KernelStats kernel_stats(const Kernel *k);

#endif
