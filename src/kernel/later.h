/* What happens without a visitor: timers, letters, messages.
 *
 *   timer.c    timers of a conversation: part of its state, rewound with it
 *   letter.c   its inbox: what instances of one conversation send each other
 *   topic.c    messages between conversations: the log of a topic
 *   subs.c     who listens: its subscriptions, rewound with it
 *   wave.c     wakes receivers when a message is kept
 *   io.c       functions that run in worker threads (io.h)
 *   cause.c    the turn that one of these causes
 *   agenda.c   which conversation is next, and those that only the store knows
 *   wakes.c    what may wake a conversation: in its header and in the indexes
 *
 * A cause goes with its turn: the item that keeps what a timer did keeps that
 * it is gone, so it happens exactly once through any crash. A failed turn
 * consumes its cause too (S8).
 *
 * Times are steady milliseconds since 1970 (base/steady.h). */
#ifndef KERNEL_LATER_H
#define KERNEL_LATER_H

#include <lua.h>

#include "base/blob.h"
#include "kernel/bytes.h"
#include "kernel/io.h"
#include "kernel/kernel.h"

#define NEVER UINT64_MAX

/* It brings an event to an instance, or wakes a task that sleeps or waits with
 * a timeout. Ends with either. */
typedef struct Timer {
  uint32_t iid;
  uint32_t task;  /* which it wakes; 0: it brings an event */
  char *event;    /* or NULL */
  uint32_t value; /* handle: the event's */
  uint64_t due;
  uint64_t span; /* from when it was set until due */
  bool is_volatile;
} Timer;

typedef enum LetterKind {
  LETTER_EVENT,   /* from s.send, s.publish_local: an event */
  LETTER_MESSAGE, /* from s.publish_local to a task that receives */
  LETTER_ERROR,   /* a failed turn's, to the task it would have woken */
  LETTER_KINDS
} LetterKind;

/* Something to be delivered in a turn of its own. */
typedef struct Letter {
  LetterKind kind;
  uint32_t iid;
  uint32_t task;
  uint32_t from; /* the sender, or 0 */
  char *event;   /* of LETTER_EVENT */
  char *topic;   /* when it was published, or NULL */
  Blob *value;   /* a message (letter.c); of LETTER_ERROR: its text */
} Letter;

/* One instance's interest in a topic (s.subscribe), or one task's (s.receive).
 */
typedef struct Sub {
  uint32_t iid;
  uint32_t task; /* 0: messages come as events */
  char *topic;
  char *event;   /* or NULL */
  uint64_t next; /* the sequence it wants: never rewound */
  bool waits;    /* the task waits for it now */
} Sub;

/* From which message on a conversation wants to hear of a topic. */
typedef struct Want {
  char *topic;
  uint64_t next;
} Want;

/* What may wake a conversation, as far as its head says. */
typedef struct Wakes {
  uint64_t due;  /* its earliest timer, or letters: at once; 0: nothing */
  uint64_t seen; /* when a visitor was there last, about (reap.c) */
  Want *wants;
  uint32_t n_wants;
  uint32_t *ios; /* the numbers of the calls it waits for */
  uint32_t n_ios;
} Wakes;

/* A message that was published in a turn whose commit is under way. */
typedef struct Topic Topic;
typedef struct Sent {
  Topic *topic;
  uint64_t seq;
} Sent;

/* A conversation's part of all this. */
typedef struct Later {
  /* rewound: in the frames block */
  Timer *timers; /* in the order they were set */
  uint32_t n_timers, cap_timers;
  Sub *subs;
  uint32_t n_subs, cap_subs;
  Io *ios; /* oldest first */
  uint32_t n_ios, cap_ios;

  /* never rewound: in the header */
  Letter *letters; /* oldest first */
  uint32_t n_letters, cap_letters;
  Wakes wakes; /* of conv->head */

  /* not saved */
  uint64_t seen;     /* when a visitor was there last */
  Wakes kept;        /* what the store's indexes say of it */
  uint64_t at;       /* its place in the agenda: NEVER when in none */
  uint64_t order;    /* first come among those due at once */
  size_t heap_at;    /* its index there plus one; 0: in none */
  uint32_t last;     /* the kind of the last cause: each gets its turn */
  uint32_t last_sub; /* where to look first; likewise */
  bool is_counted;   /* its commit under way is one of agenda.under_way */
  bool is_unsaved;   /* conv->head is newer than the store's (S32) */
  bool was_unsaved;  /* the same, before the commit under way */
  uint64_t save_by;  /* then: until when */
  uint64_t written, written_at; /* bytes, leaking away (S32) */
  Sent *sent;                   /* of the commit under way */
  uint32_t n_sent;
  Io *calls; /* for the background; likewise */
  uint32_t n_calls;
} Later;

/* --- one turn's cause --- */

typedef enum CauseKind {
  CAUSE_NONE,
  CAUSE_TIMER,
  CAUSE_LETTER,
  CAUSE_NEWS, /* of a topic */
  CAUSE_ATOM, /* one that was read has changed */
  CAUSE_IO,   /* a call has ended */
  CAUSE_KINDS
} CauseKind;

typedef struct Cause {
  CauseKind kind;
  uint32_t index; /* of the timer, or of the subscription; the call's number */
  uint32_t iid, task;
  Letter letter;
  char *topic;   /* of news */
  uint64_t next; /* what its subscription wants then */
  Blob *value;   /* the message, or NULL: some were missed */
} Cause;

/* A message on its way from a turn: s.publish. */
typedef struct Staged {
  char *topic;
  Blob *value;
} Staged;

/* --- the kernel's part --- */

typedef struct Agenda {
  Conv **heap; /* those in memory, by Later.at */
  size_t n, cap;
  uint64_t order;
  uint32_t passes;
  size_t under_way;     /* turns without a visitor whose commit is */
  size_t fetching;      /* conversations, from the store */
  uint64_t store_due;   /* what only the store knows is not due before */
  uint8_t from[8 + 22]; /* rows of STORE_DUE before this one were looked at */
} Agenda;

/* --- timer.c --- */

/* Adds a timer; its value is on top of L and is popped. Raises past the limit.
 */
void timer_add(Conv *c, lua_State *L, Timer t);
void timer_remove(Conv *c, lua_State *L, uint32_t index);
/* The index of the earliest that is due by `now`, or n_timers. */
uint32_t timer_due(const Conv *c, uint64_t now);
/* A task went on, or ended: the timer that would have woken it is gone. */
void timer_of_task(Conv *c, lua_State *L, uint32_t task);
/* Raises unless the conversation may have timers, and the value at `idx` is a
 * number of seconds; in milliseconds. */
uint64_t timer_ms(lua_State *L, int idx, const char *of);
/* Starts a task's timer from the value at `idx`, if that is not nil. */
void timer_for_task(Kernel *k, lua_State *L, uint32_t iid, uint32_t task,
                    int idx, const char *of);

/* --- letter.c --- */

/* The bytes of a value that leaves its conversation: plain values. Raises with
 * the effect's name and the path to what cannot be sent. */
/* Raises, for the function `of`, unless `what` at `idx` is plain values. */
void plain_check(lua_State *L, int idx, const char *of, const char *what);
Blob *plain_new(Kernel *k, lua_State *L, int idx, const char *of,
                const char *what, size_t max);
/* The same for a message, with its limit. */
Blob *message_new(Kernel *k, lua_State *L, int idx, const char *of);
/* Pushes the value of a message. Raises when it cannot be read. */
void message_push(Kernel *k, lua_State *L, const Blob *message);

/* Raises when `n` more with that value are too much; drops it then. */
void letters_have_room(const Conv *c, lua_State *L, uint32_t n, Blob *value,
                       const char *of);
void letter_add(Conv *c, Letter letter); /* takes its parts */
/* The index of the first that can be delivered now, or n_letters. */
uint32_t letter_next(const Conv *c);
/* Takes it out; the caller frees its parts. */
Letter letter_take(Conv *c, uint32_t index);
void letter_free(Letter *letter);
/* Drops what was written since there were `n` of them. */
void letters_cut(Conv *c, uint32_t n);
/* Drops those whose receiver is gone. */
void letters_prune(Conv *c);

/* --- topic.c --- */
void topics_open(Kernel *k);
void topics_free(Kernel *k);
/* The sequence that the next message of a topic will have. */
uint64_t topic_end(Kernel *k, const char *name);
/* Raises when too many conversations have reached outside in their first turn.
 */
void check_boots(Kernel *k, lua_State *L, const char *of);
/* Rows for what the turn published, which succeeded; its commit comes next. */
void topics_publish(Kernel *k, Conv *c);
void topics_unstage(Kernel *k); /* it failed */
/* What the commit of `c` published is kept, or is not. */
void topics_committed(Kernel *k, Conv *c, bool kept);

/* --- subs.c --- */

void sub_remove(Conv *c, uint32_t index);
/* The next message for an awake conversation. False when there is none. */
bool subs_news(Kernel *k, Conv *c, Cause *cause);
/* Its subscription has heard it. */
void subs_heard(Conv *c, const Cause *cause);

/* --- wave.c --- */

/* Is there a message that it wants? */
bool waves_owe(Kernel *k, const Wakes *w);
/* Is somebody to be woken, and who? One window of an index. */
bool waves_pending(const Kernel *k);
void waves_step(Kernel *k);

/* --- wakes.c --- */

/* A task goes on: neither timer nor message is to wake it any more. */
void later_resumed(Conv *c, lua_State *L, uint32_t task);

/* Forgets what an instance or a task waits for; they are going. */
void later_forget_inst(Conv *c, lua_State *L, uint32_t iid);
void later_forget_task(Conv *c, lua_State *L, uint32_t task);
/* What the awake conversation says. */
void wakes_compute(const Kernel *k, const Conv *c, Wakes *out);
void wakes_copy(Wakes *to, const Wakes *from);
void wakes_free(Wakes *w);
/* The rows that bring the indexes from `kept` to `wakes`, or that remove them
 * when the conversation ends. */
void wakes_rows(Kernel *k, Conv *c, bool ends);

void wakes_put_ios(Buf *b, const Conv *c);
void wakes_get_ios(Reader *r, Conv *c);
void later_put_header(Buf *b, const Conv *c);
void later_get_header(Reader *r, Conv *c);
void later_put_frames(Buf *b, const Conv *c);
void later_get_frames(Reader *r, const Kernel *k, Conv *c);
/* Can these be the timers, subscriptions and calls of its instances and tasks?
 */
bool later_holds(const Conv *c);
void later_clear(Conv *c); /* what is rewound */
void later_free(Conv *c);

/* Going back in time: what a conversation has heard it does not hear again, and
 * timers have the time that was left (S33). Between the two calls its frames
 * are restored to older ones, which were left `away_ms` ago. */
typedef struct Rewind {
  Sub *subs;
  uint32_t n_subs;
} Rewind;
void rewind_begin(Conv *c, Rewind *r);
void rewind_end(Kernel *k, Conv *c, Rewind *r, uint64_t away_ms);

/* --- cause.c --- */

/* Runs the turn of the next thing that is due, of a conversation that stands in
 * no agenda; it is put there again. False when it is gone: it could not be
 * woken. */
bool cause_turn(Kernel *k, Conv *c);
/* The turn failed, and the conversation is as it was: its cause is consumed all
 * the same, and the task that it would have woken is to get the error. */
void cause_consume(Kernel *k, Conv *c);
void cause_free(Cause *cause);

/* --- agenda.c --- */
void agenda_open(Kernel *k);
void agenda_free(Kernel *k);
/* Where it stands now, after a commit or a load. */
void agenda_set(Kernel *k, Conv *c);
void agenda_drop(Kernel *k, Conv *c);
/* Fetches one that is only in the store, by its raw cid, to see what it wants.
 */
void agenda_fetch(Kernel *k, Slice raw);
/* Is something of it due now, so that it had better stay in memory? */
bool agenda_needs(Kernel *k, const Conv *c);
/* It leaves memory; from now on only the store knows of it. */
void agenda_left(Kernel *k, Conv *c);
/* Counts what is written of it; has it been too much? */
void agenda_wrote(Kernel *k, Conv *c, size_t bytes);
bool agenda_writes_much(Kernel *k, Conv *c);

#endif
