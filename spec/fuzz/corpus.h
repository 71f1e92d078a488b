/* The kept corpus of a fuzz target, as a spec: the target's .c is included
 * before. What once broke it must do no harm any more. */
#ifndef SPEC_FUZZ_CORPUS_H
#define SPEC_FUZZ_CORPUS_H

#include <dirent.h>

static void feed(const char *path) {
  uint8_t *bytes = xmalloc(KIB(64));
  FILE *f = fopen(path, "rb");
  assert_non_null(f);
  size_t n = fread(bytes, 1, KIB(64), f);
  fclose(f);
  LLVMFuzzerTestOneInput(bytes, n);
  free(bytes);
}

static void feed_all(const char *folder) {
  DIR *dir = opendir(folder);
  assert_non_null(dir);
  int n = 0;
  for (struct dirent *e; (e = readdir(dir));) {
    char path[512];
    if (e->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "%s/%.200s", folder, e->d_name);
    feed(path);
    n++;
  }
  closedir(dir);
  assert_true(n > 10);
}

#endif
