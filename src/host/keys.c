/* The host's secret lies in a file of its own, never in the database: a backup
 * of the conversations does not hold the key that signs their URLs. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/host.h"

static bool read_key(int fd, uint8_t key[KEY_BYTES]) {
  uint8_t rest;
  return read(fd, key, KEY_BYTES) == KEY_BYTES && read(fd, &rest, 1) == 0;
}

/* Written aside and renamed: a power cut leaves a whole key or none. */
static bool write_key(const char *dir, const char *path,
                      uint8_t key[KEY_BYTES]) {
  char aside[4096];
  int n = snprintf(aside, sizeof aside, "%s/key.new", dir);
  if (n < 0 || (size_t)n >= sizeof aside) return false;
  int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  random_bytes(key, KEY_BYTES);
  bool ok = write(fd, key, KEY_BYTES) == KEY_BYTES && fsync(fd) == 0;
  ok = close(fd) == 0 && ok && rename(aside, path) == 0;
  int folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    ok = fsync(folder) == 0 && ok;
    close(folder);
  }
  return ok;
}

bool key_load(const char *dir, bool is_new, uint8_t key[KEY_BYTES], char *why,
              size_t size) {
  char path[4096];
  snprintf(path, sizeof path, "%s/key", dir);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    bool ok = read_key(fd, key);
    close(fd);
    if (!ok) snprintf(why, size, "%s is no key of %d bytes", path, KEY_BYTES);
    return ok;
  }
  if (errno == ENOENT && !is_new) {
    snprintf(why, size,
             "%s is missing, and without it no conversation in the store can "
             "be read: put it back, or begin anew in another folder",
             path);
    return false;
  }
  if (errno == ENOENT && write_key(dir, path, key)) return true;
  snprintf(why, size, "cannot read or make %s: %s", path, strerror(errno));
  return false;
}
