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

#include "host/host.h"

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
/* The same with all it takes to read conversations; or says why not: NULL. */
Host *store_host(const StoreCmd *c);
/* The same, and nobody may serve it meanwhile. Makes the store when there is
 * none. */
Host *store_host_to_write(const StoreCmd *c);
/* The ids of the conversations behind `after` (NULL: all), oldest first, so
 * many as fit. Rows that are damaged are passed over. */
#define STORE_BATCH 256
typedef struct StoreKeys {
  uint8_t list[STORE_BATCH][CID_RAW];
  size_t n;
} StoreKeys;
void store_keys(Store *s, const uint8_t *after, StoreKeys *out);
/* "2026-11-25 23:02:39" */
const char *as_time(char out[32], uint64_t ms);
void cid_of(char out[CID_LEN + 1], const uint8_t key[CID_RAW]);

#define EXPORT_FORMAT 1
/* Tables whose rows an export has as they are. */
typedef struct StoreTableName {
  const char *name;
  StoreTable table;
} StoreTableName;
extern const StoreTableName store_tables[];
extern const size_t n_store_tables;

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
int store_ls(const StoreCmd *c);
int store_show(const StoreCmd *c);
int store_check(const StoreCmd *c);
int store_backup(const StoreCmd *c);
int store_export(const StoreCmd *c);
int store_import(const StoreCmd *c);
int store_compact_command(const StoreCmd *c);

#endif
