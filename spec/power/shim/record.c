/* A preloaded library that writes down what a program does to the files of one
 * folder: RECORD_DIR says which, RECORD_FILE where to.
 *
 * A write is noted before it is done, for a power cut may find it half done; a
 * sync after it, for only then it is promised. LMDB's lock file is left out: it
 * is mapped, and a start makes it anew. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "record.h"

#define FILES_MAX 32
#define FDS_MAX 1024

typedef struct Watched {
  char name[64];
  bool gone;
} Watched;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static Watched files[FILES_MAX];
static int n_files;
static int16_t file_of[FDS_MAX]; /* number + 1; 0: not watched */
static bool is_dsync[FDS_MAX];
static uint64_t n_entries;
static int out = -1;

static void fail(const char *what) {
  fprintf(stderr, "record: %s: %s\n", what, strerror(errno));
  _exit(99);
}

static void put(const void *bytes, size_t len) {
  const char *at = bytes;
  while (len) {
    long n = syscall(SYS_write, out, at, len);
    if (n <= 0) fail("cannot write");
    at += n;
    len -= (size_t)n;
  }
}

/* Returns the entry's number. The mutex is held. */
static uint64_t note(RecordKind kind, int file, uint64_t at, const void *bytes,
                     size_t len) {
  Entry e = { (uint32_t)kind, (uint32_t)file, at, len };
  if (out < 0) {
    const char *path = getenv("RECORD_FILE");
    out = path ? (int)syscall(SYS_openat, AT_FDCWD, path,
                              O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)
               : -1;
    if (out < 0) fail("RECORD_FILE");
  }
  put(&e, sizeof e);
  put(bytes, len);
  return n_entries++;
}

/* The name of a path in the folder, or NULL when it is elsewhere. */
static const char *name_of(const char *path) {
  static char folder[4096];
  if (!folder[0]) {
    const char *dir = getenv("RECORD_DIR");
    if (!dir) return NULL;
    snprintf(folder, sizeof folder, "%s", dir);
  }
  size_t len = strlen(folder);
  if (!path || strncmp(path, folder, len) != 0) return NULL;
  if (!path[len] || strcmp(path + len, "/") == 0) return "";
  if (path[len] != '/' || strchr(path + len + 1, '/')) return NULL;
  const char *name = path + len + 1;
  size_t n = strlen(name); /* lock.mdb, new.mdb-lock, and our own lock */
  if (strcmp(name, "..") == 0 || strcmp(name, "lock") == 0 ||
      strcmp(name, "lock.mdb") == 0 ||
      (n > 5 && strcmp(name + n - 5, "-lock") == 0))
    return NULL;
  return name;
}

static int find(const char *name) {
  for (int i = 0; i < n_files; i++)
    if (!files[i].gone && strcmp(files[i].name, name) == 0) return i;
  return -1;
}

static void watch(const char *path, int fd, int flags) {
  const char *name = name_of(path);
  if (fd < 0 || fd >= FDS_MAX) return;
  pthread_mutex_lock(&mutex);
  file_of[fd] = 0;
  if (name) {
    int file = find(name);
    if (file < 0) {
      if (n_files == FILES_MAX) fail("too many files");
      file = n_files++;
      snprintf(files[file].name, sizeof files[file].name, "%s", name);
      note(RECORD_FILE, file, 0, name, strlen(name));
    }
    if (flags & O_TRUNC) note(RECORD_SIZE, file, 0, "", 0);
    file_of[fd] = (int16_t)(file + 1);
    is_dsync[fd] = (flags & O_DSYNC) != 0;
  }
  pthread_mutex_unlock(&mutex);
}

static int watched(int fd) {
  return fd >= 0 && fd < FDS_MAX ? file_of[fd] - 1 : -1;
}

#define REAL(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

/* --- files come and go --- */

int open(const char *path, int flags, ...) {
  va_list ap;
  va_start(ap, flags);
  mode_t mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
  va_end(ap);
  int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
  watch(path, fd, flags);
  return fd;
}

int close(int fd) {
  if (fd >= 0 && fd < FDS_MAX) file_of[fd] = 0;
  return (int)syscall(SYS_close, fd);
}

int rename(const char *from, const char *to) {
  const char *old = name_of(from);
  int e = REAL(rename)(from, to);
  if (e || !old) return e;
  pthread_mutex_lock(&mutex);
  int file = find(old), over = find(name_of(to));
  if (over >= 0) files[over].gone = true;
  if (file >= 0) {
    snprintf(files[file].name, sizeof files[file].name, "%s", name_of(to));
    note(RECORD_RENAME, file, 0, name_of(to), strlen(name_of(to)));
  }
  pthread_mutex_unlock(&mutex);
  return e;
}

int unlink(const char *path) {
  const char *name = name_of(path);
  int e = REAL(unlink)(path);
  if (e || !name) return e;
  pthread_mutex_lock(&mutex);
  int file = find(name);
  if (file >= 0) {
    files[file].gone = true;
    note(RECORD_UNLINK, file, 0, "", 0);
  }
  pthread_mutex_unlock(&mutex);
  return e;
}

/* --- writes --- */

static uint64_t begin_write(int fd, uint64_t at, const struct iovec *v, int n) {
  uint64_t entry = 0;
  int file = watched(fd);
  pthread_mutex_lock(&mutex);
  for (int i = 0; i < n; i++) {
    entry = note(RECORD_WRITE, file, at, v[i].iov_base, v[i].iov_len);
    at += v[i].iov_len;
  }
  pthread_mutex_unlock(&mutex);
  return entry;
}

static void end_write(int fd, uint64_t entry, int n, bool ok) {
  if (!ok || !is_dsync[fd]) return;
  pthread_mutex_lock(&mutex);
  for (int i = 0; i < n; i++)
    note(RECORD_WROTE, watched(fd), entry - (uint64_t)i, "", 0);
  pthread_mutex_unlock(&mutex);
}

static uint64_t position(int fd) {
  off_t at = lseek(fd, 0, SEEK_CUR);
  return at < 0 ? 0 : (uint64_t)at;
}

ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at) {
  bool ours = watched(fd) >= 0;
  uint64_t entry = ours ? begin_write(fd, (uint64_t)at, v, n) : 0;
  ssize_t wrote = REAL(pwritev)(fd, v, n, at);
  if (ours) end_write(fd, entry, n, wrote >= 0);
  return wrote;
}

ssize_t writev(int fd, const struct iovec *v, int n) {
  bool ours = watched(fd) >= 0;
  uint64_t entry = ours ? begin_write(fd, position(fd), v, n) : 0;
  ssize_t wrote = REAL(writev)(fd, v, n);
  if (ours) end_write(fd, entry, n, wrote >= 0);
  return wrote;
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at) {
  struct iovec v = { (void *)(uintptr_t)bytes, len };
  bool ours = watched(fd) >= 0;
  uint64_t entry = ours ? begin_write(fd, (uint64_t)at, &v, 1) : 0;
  ssize_t wrote = REAL(pwrite)(fd, bytes, len, at);
  if (ours) end_write(fd, entry, 1, wrote >= 0);
  return wrote;
}

ssize_t write(int fd, const void *bytes, size_t len) {
  struct iovec v = { (void *)(uintptr_t)bytes, len };
  bool ours = watched(fd) >= 0;
  uint64_t entry = ours ? begin_write(fd, position(fd), &v, 1) : 0;
  ssize_t wrote = REAL(write)(fd, bytes, len);
  if (ours) end_write(fd, entry, 1, wrote >= 0);
  return wrote;
}

int ftruncate(int fd, off_t size) {
  if (watched(fd) >= 0) {
    pthread_mutex_lock(&mutex);
    note(RECORD_SIZE, watched(fd), (uint64_t)size, "", 0);
    pthread_mutex_unlock(&mutex);
  }
  return REAL(ftruncate)(fd, size);
}

void *mmap(void *where, size_t len, int prot, int flags, int fd, off_t at) {
  if (watched(fd) >= 0 && (prot & PROT_WRITE) && (flags & MAP_SHARED)) {
    pthread_mutex_lock(&mutex);
    note(RECORD_MAPPED, watched(fd), 0, "", 0);
    pthread_mutex_unlock(&mutex);
  }
  return (void *)syscall(SYS_mmap, where, len, prot, flags, fd, at);
}

/* --- syncs --- */

static int sync_with(int (*real)(int), int fd) {
  int file = watched(fd);
  pthread_mutex_lock(&mutex);
  uint64_t begun = n_entries;
  pthread_mutex_unlock(&mutex);
  int e = real(fd);
  if (e || file < 0) return e;
  pthread_mutex_lock(&mutex);
  note(RECORD_SYNC, file, begun, "", 0);
  pthread_mutex_unlock(&mutex);
  return e;
}

int fdatasync(int fd) { return sync_with(REAL(fdatasync), fd); }
int fsync(int fd) { return sync_with(REAL(fsync), fd); }
