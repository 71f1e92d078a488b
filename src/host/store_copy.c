/* `stube store backup` and `compact`: the whole database, written anew. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/storecmd.h"
#include "store/admin.h"

typedef struct Copying {
  Progress progress;
  uint64_t within_ms; /* 0: as long as it takes */
} Copying;

static bool on_progress(void *ud, uint64_t bytes) {
  Copying *c = ud;
  progress_at(&c->progress, bytes);
  return !c->within_ms || progress_ms(&c->progress) < c->within_ms;
}

/* Into a file beside the one that is wanted, which is replaced only by a whole
 * one. */
static int copy_to(const StoreCmd *c, Store *s, const char *aside) {
  char why[512], size[32], count[32];
  uint64_t n;
  int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return store_fail(c, "%s: %s", aside, strerror(errno));
  Copying copying = { .within_ms = c->within_s * 1000 };
  progress_begin(&copying.progress, "written", NULL, store_stats(s).bytes);
  Err e = store_copy(s, fd, on_progress, &copying, why, sizeof why);
  progress_end(&copying.progress);
  off_t bytes = lseek(fd, 0, SEEK_END);
  close(fd);
  if (e) return store_fail(c, "%s", why);
  if (!store_copy_count(aside, &n))
    return store_fail(c, "%s: the copy is not whole", aside);
  if (rename(aside, c->arg))
    return store_fail(c, "%s: %s", c->arg, strerror(errno));
  printf("%s: %s conversations, %s\n", c->arg, with_commas(count, n),
         as_size(size, (uint64_t)bytes));
  return STORE_OK;
}

int store_backup(const StoreCmd *c) {
  char aside[4096];
  struct stat there;
  if (stat(c->arg, &there) == 0 && !S_ISREG(there.st_mode))
    return store_fail(c, "%s is no file: it stays as it is", c->arg);
  int n = snprintf(aside, sizeof aside, "%s.part", c->arg);
  if (n < 0 || (size_t)n >= sizeof aside)
    return store_fail(c, "%s: %s", c->arg, strerror(ENAMETOOLONG));
  Store *s = store_look(c);
  if (!s) return STORE_BAD;
  int code = copy_to(c, s, aside);
  if (code) unlink(aside);
  store_free(s);
  return code;
}

int store_compact_command(const StoreCmd *c) {
  char why[512], a[32], b[32];
  uint64_t before, after;
  if (!store_is_there(c)) return STORE_BAD;
  Copying copying = { .within_ms = 0 };
  progress_begin(&copying.progress, "written", NULL, 0);
  Err e = store_compact(c->dir, on_progress, &copying, &before, &after, why,
                        sizeof why);
  progress_end(&copying.progress);
  if (e) return store_fail(c, "%s", why);
  printf("%s: %s before, %s now\n", c->dir, as_size(a, before),
         as_size(b, after));
  return STORE_OK;
}
