/* `stube store ...`: what an operator asks of a store, and does to it.
 *
 *   storecmd.c   the table of commands, their arguments
 *   progress.c   a line now and then while something takes long
 *   store_*.c    one command each
 *
 * ls, show, check, backup and export look beside whoever serves the store;
 * compact and import need it for themselves. */
#ifndef HOST_STORECMD_H
#define HOST_STORECMD_H

#include "store/store.h"

/* Codes that a command ends with. */
enum { STORE_OK = 0, STORE_BAD = 1, STORE_USAGE = 2 };

typedef struct StoreCmd {
  const char *name; /* "ls" */
  const char *dir;  /* of the store */
  const char *arg;  /* its one argument, or NULL */
  uint64_t limit;   /* --limit; 0: none */
  uint64_t within_s;
} StoreCmd;

extern const char store_usage[];

/* argv begins behind `stube store`. The process's exit code. */
int store_command(int argc, char **argv);

/* --- for the commands --- */

/* Prints "stube store NAME: ..." on stderr; STORE_BAD. */
int store_fail(const StoreCmd *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Opens the store to look at it, or says why not: NULL. */
Store *store_look(const StoreCmd *c);
/* Is there a store at all? Says so when not. */
bool store_is_there(const StoreCmd *c);
/* "1,234" */
const char *with_commas(char out[32], uint64_t n);
/* "12.3 MB" */
const char *as_size(char out[32], uint64_t bytes);

typedef struct Progress {
  const char *verb;  /* "checking" */
  const char *what;  /* "conversations", or NULL: bytes */
  uint64_t total;    /* 0: not known */
  uint64_t began_ms; /* on the monotonic clock */
  uint64_t next_ms;  /* when to say something again */
  bool is_shown;     /* a line that is overwritten stands on the terminal */
} Progress;

void progress_begin(Progress *p, const char *verb, const char *what,
                    uint64_t total);
/* So much is done. Says it on stderr, when it is time to. */
void progress_at(Progress *p, uint64_t done);
/* Milliseconds since it began. */
uint64_t progress_ms(const Progress *p);
void progress_end(Progress *p);

/* --- the commands --- */
int store_backup(const StoreCmd *c);
int store_compact_command(const StoreCmd *c);

#endif
