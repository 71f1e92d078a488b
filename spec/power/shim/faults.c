/* A preloaded library that lets calls fail on a store's data.mdb and on its
 * redo log, as a disk might.
 *
 *   FAULT=KIND:K:ERROR   the K-th call of a kind fails, once:
 *     log        a write to the redo log; nothing of it is done
 *     log-sync   a sync of it; it is not done
 *     write      a write of pages; nothing of it is done
 *     sync       a sync of the data; it is not done
 *     meta       the write that makes a transaction valid; it is not done
 *     meta-kept  the same; it is done, and what LMDB then writes to undo it is
 *                not
 *   FAULT_ROOM=FILE      the data file may grow to the size of that file, and
 *                        no further, and the redo log not at all: a full disk,
 *                        until the file grows
 *
 * ERROR is EIO or ENOSPC. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS_MAX 1024

typedef enum Kind { LOG, LOG_SYNC, WRITE, SYNC, META, META_KEPT, KINDS } Kind;

static const char *const names[KINDS] = { "log",  "log-sync", "write",
                                          "sync", "meta",     "meta-kept" };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static bool is_data[FDS_MAX], is_log[FDS_MAX], is_dsync[FDS_MAX];
static int armed = -1; /* the kind; KINDS when there is none */
static unsigned long countdown;
static int error;
static bool swallow; /* the next write to the meta pages */

#define REAL(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

static void arm(void) {
  const char *text = getenv("FAULT");
  armed = KINDS;
  if (!text) return;
  for (int i = 0; i < KINDS; i++) {
    size_t n = strlen(names[i]);
    if (strncmp(text, names[i], n) != 0 || text[n] != ':') continue;
    char *end;
    countdown = strtoul(text + n + 1, &end, 10);
    error = strcmp(end, ":EIO") == 0 ? EIO : ENOSPC;
    armed = i;
  }
}

/* Is this the call that fails? */
static bool strikes(Kind kind) {
  pthread_mutex_lock(&mutex);
  if (armed < 0) arm();
  bool now = armed == (int)kind && countdown && --countdown == 0;
  pthread_mutex_unlock(&mutex);
  if (now) errno = error;
  return now;
}

static bool ours(int fd) { return fd >= 0 && fd < FDS_MAX && is_data[fd]; }
static bool of_log(int fd) { return fd >= 0 && fd < FDS_MAX && is_log[fd]; }

/* How many of `len` bytes at `at` the disk has room for. */
static size_t room(off_t at, size_t len) {
  struct stat st;
  const char *path = getenv("FAULT_ROOM");
  if (!path || stat(path, &st) != 0 || at + (off_t)len <= st.st_size)
    return len;
  return at >= st.st_size ? 0 : (size_t)(st.st_size - at);
}

int open(const char *path, int flags, ...) {
  va_list ap;
  va_start(ap, flags);
  mode_t mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
  va_end(ap);
  int fd = REAL(open)(path, flags, mode);
  if (fd < 0 || fd >= FDS_MAX) return fd;
  size_t n = strlen(path);
  is_data[fd] = n > 8 && strcmp(path + n - 8, "data.mdb") == 0;
  is_log[fd] = n > 7 && strncmp(path + n - 7, "/redo.", 6) == 0;
  is_dsync[fd] = (flags & O_DSYNC) != 0;
  return fd;
}

int close(int fd) {
  if (fd >= 0 && fd < FDS_MAX) is_data[fd] = is_log[fd] = false;
  return REAL(close)(fd);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at) {
  if (of_log(fd)) {
    if (strikes(LOG)) return -1;
    if (!getenv("FAULT_ROOM")) return REAL(pwrite)(fd, bytes, len, at);
    errno = ENOSPC;
    return -1;
  }
  if (!ours(fd)) return REAL(pwrite)(fd, bytes, len, at);
  if (is_dsync[fd]) {
    if (strikes(META)) return -1;
    if (strikes(META_KEPT)) {
      int e = errno;
      if (REAL(pwrite)(fd, bytes, len, at) != (ssize_t)len) abort();
      swallow = true;
      errno = e;
      return -1;
    }
  } else if (swallow && at < 8192) {
    swallow = false;
    return (ssize_t)len;
  } else if (strikes(WRITE)) {
    return -1;
  }
  size_t fits = room(at, len);
  if (fits || !len) return REAL(pwrite)(fd, bytes, fits, at);
  errno = ENOSPC;
  return -1;
}

ssize_t writev(int fd, const struct iovec *v, int n) {
  if (!ours(fd)) return REAL(writev)(fd, v, n);
  if (strikes(WRITE)) return -1;
  off_t at = lseek(fd, 0, SEEK_CUR);
  size_t len = 0;
  for (int i = 0; i < n; i++) len += v[i].iov_len;
  size_t fits = room(at, len);
  if (fits == len) return REAL(writev)(fd, v, n);
  errno = ENOSPC; /* short, as a real one would be: whole pieces that fit */
  if (!fits) return -1;
  int some = 0;
  for (size_t used = 0; used + v[some].iov_len <= fits; some++)
    used += v[some].iov_len;
  return some ? REAL(writev)(fd, v, some) : -1;
}

int fallocate(int fd, int mode, off_t at, off_t len) {
  if (!ours(fd) || room(at, (size_t)len) == (size_t)len)
    return REAL(fallocate)(fd, mode, at, len);
  errno = ENOSPC;
  return -1;
}

int fdatasync(int fd) {
  if (of_log(fd) && strikes(LOG_SYNC)) return -1;
  return ours(fd) && strikes(SYNC) ? -1 : REAL(fdatasync)(fd);
}
