/* What the modes of the load share: their options, and one measured stretch of
 * time. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "measure.h"

#include <sys/epoll.h>

#define CONNECTIONS_MAX 1024
#define EVENTS_AT_ONCE 256

typedef struct Options {
  int port;
  const char *path;
  const char *people; /* the folder of a store that populate made */
  size_t connections;
  size_t visits;
  uint64_t count;
  double seconds, warmup;
  pid_t pid;
  char **command;
} Options;

/* --- stretch.c --- */

/* Threads of a server that are busy at once, as far as we know. */
typedef enum Busy { BUSY_LOOP = 1, BUSY_LOOP_AND_WRITER = 2 } Busy;

typedef struct Stretch {
  const Options *o;
  int epoll;
  Hist hist;
  uint64_t begin_ns, end_ns; /* of what is counted */
  uint64_t last_ns;          /* end of the latest round trip */
  bool has_begun, has_ended;
  bool may_spin;
  uint64_t cpu_ns, server_cpu_ns, busy_ns; /* at its begin, then in it */
} Stretch;

void stretch_start(Stretch *s, const Options *o, Busy server);
void stretch_watch(Stretch *s, int fd, uint64_t data);
/* Counts a round trip that ends now, if it began in the stretch. The time. */
uint64_t stretch_add(Stretch *s, uint64_t sent_ns);
/* How many of `events` are there now; -1 at the end of the stretch, and after
 * that only what is still to come. */
int stretch_wait(Stretch *s, struct epoll_event *events);
/* One line of key=value without its end. */
void stretch_print(Stretch *s);

/* --- crowd.c, sleepers.c --- */
void mode_crowd(const Options *o);
void mode_age(const Options *o);
void mode_sleepers(const Options *o);

#endif
