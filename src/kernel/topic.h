/* What the three files of messages share: the log of a topic (topic.c), who
 * listens (subs.c), and waking them (wave.c). What others call is in later.h.
 */
#ifndef KERNEL_TOPIC_H
#define KERNEL_TOPIC_H

#include <lua.h>

#include "base/blob.h"
#include "base/buf.h"
#include "kernel/kernel.h"
#include "kernel/later.h"

#define TOPIC_BUCKETS 1024 /* a power of two */

struct Topic {
  Topic *hash_next;
  Topic *wave_next;
  char *name;
  uint64_t next;        /* the sequence of the next message; commits that failed
                         * leave holes */
  uint64_t kept;        /* the newest message in the store; 0: none */
  uint32_t sent;        /* messages whose commit is under way */
  bool has_wave;        /* it goes over the index now */
  bool goes_again;      /* what was kept meanwhile needs another */
  bool wakes_all;       /* its second pass: also those who are not in memory */
  char at[CID_RAW + 1]; /* where it stands: rows before this are done */
  size_t n_at;
};

struct Topics {
  Topic *buckets[TOPIC_BUCKETS];
  size_t n;
  Topic *waves;  /* in turn */
  bool is_swept; /* the sweep after the start is over */
  Buf swept;     /* where it stands */
};

/* --- topic.c --- */

/* What the keys of a topic begin with, in its log and in its index. */
void topic_key(Buf *key, const char *topic);
/* The topic, looked up in the store if nobody sent to it lately. */
Topic *topic_of(Kernel *k, const char *name);
/* The first message at `from` or after it: its sequence, or 0. A copy of it
 * goes to `value` unless that is NULL. */
uint64_t topic_read(Kernel *k, const char *topic, uint64_t from, Blob **value);
/* The topic's name at `idx`; raises for `of` when it can be none. */
const char *topic_name(lua_State *L, int idx, const char *of);

/* --- wave.c --- */

/* Something was kept: whoever wants it is to be woken. */
void wave_start(Kernel *k, Topic *t);

#endif
