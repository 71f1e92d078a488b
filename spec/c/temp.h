/* Temporary folders and files of specs. */
#ifndef SPEC_TEMP_H
#define SPEC_TEMP_H

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

typedef char TempPath[32];

/* A new, empty folder. */
static inline void temp_make(TempPath path) {
  snprintf(path, sizeof(TempPath), "/tmp/stube-spec-XXXXXX");
  assert_non_null(mkdtemp(path));
}

/* A new file with this text. */
static inline void temp_file(TempPath path, const char *text) {
  size_t len = strlen(text);
  snprintf(path, sizeof(TempPath), "/tmp/stube-spec-XXXXXX");
  int fd = mkstemp(path);
  assert_true(fd >= 0 && write(fd, text, len) == (ssize_t)len);
  close(fd);
}

static inline int temp_remove_one(const char *path, const struct stat *s,
                                  int type, struct FTW *w) {
  (void)s, (void)type, (void)w;
  return remove(path);
}

/* Removes it, and all that is in it. */
static inline void temp_remove(const TempPath path) {
  assert_int_equal(nftw(path, temp_remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

#endif
