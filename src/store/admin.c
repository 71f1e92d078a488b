/* Copies of a whole database. LMDB writes them into a pipe, so that this side
 * counts the bytes and can stop: a copy that never ends would hold pages back
 * for ever.
 *
 * Who compacts puts a new file in the place of the old one. A process that
 * looks at the store must not meet the new database with the old lock file (its
 * numbers of transactions would be wrong), so each side holds a lock on the
 * data file itself: those who look a shared one, who compacts the old and the
 * new file's alone, until the lock file is gone too. */
#include "store/admin.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "store/guts.h"
#include "store/record.h"

/* --- copying --- */

typedef struct Copy {
  MDB_env *env;
  int fd; /* the pipe's end to write to */
  int result;
} Copy;

static void *run_copy(void *ud) {
  Copy *c = ud;
  sigset_t set; /* nobody reads any more: an error, and no signal */
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  c->result = mdb_env_copyfd2(c->env, c->fd, MDB_CP_COMPACT);
  close(c->fd);
  return NULL;
}

static bool write_all(int fd, const char *bytes, size_t len) {
  while (len) {
    ssize_t n = write(fd, bytes, len);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes += n;
    len -= (size_t)n;
  }
  return true;
}

/* From the pipe to the file; an Err, with errno when it is ERR_IO. */
static Err move(int from, int to, StoreProgress progress, void *ud) {
  static const size_t size = KIB(64);
  char *bytes = xmalloc(size);
  uint64_t total = 0;
  Err e = OK;
  while (!e) {
    ssize_t n = read(from, bytes, size);
    if (n < 0 && errno == EINTR) continue;
    if (n == 0) break;
    if (n < 0 || !write_all(to, bytes, (size_t)n)) {
      e = ERR_IO;
      break;
    }
    total += (uint64_t)n;
    if (!progress(ud, total)) e = ERR_TIMEOUT;
  }
  int saved = errno;
  free(bytes);
  errno = saved;
  return e;
}

static Err say(Err e, char *why, size_t size, const char *what,
               const char *reason) {
  snprintf(why, size, "%s: %s", what, reason);
  return e;
}

Err store_copy(Store *store, int fd, StoreProgress progress, void *ud,
               char *why, size_t size) {
  Lmdb *s = (Lmdb *)store;
  int ends[2];
  pthread_t thread;
  if (await_all(s))
    return say(ERR_IO, why, size, "the store cannot be written",
               s->trouble ? s->trouble : "its newest turns are not in it yet");
  if (pipe2(ends, O_CLOEXEC))
    return say(ERR_IO, why, size, "cannot make a pipe", strerror(errno));
  pthread_rwlock_rdlock(&s->env_lock);
  Copy copy = { .env = s->env, .fd = ends[1] };
  int e = pthread_create(&thread, NULL, run_copy, &copy);
  if (e) die("a thread cannot be started: %s", strerror(e));
  Err result = move(ends[0], fd, progress, ud);
  int saved = errno;
  close(ends[0]);
  pthread_join(thread, NULL);
  pthread_rwlock_unlock(&s->env_lock);
  if (result == ERR_IO)
    return say(ERR_IO, why, size, "the copy cannot be written",
               strerror(saved));
  if (result)
    return say(result, why, size, "the copy was stopped", "it took too long");
  if (copy.result)
    return say(ERR_IO, why, size, "the store cannot be read",
               mdb_strerror(copy.result));
  if (fsync(fd) && errno != EINVAL && errno != EROFS)
    return say(ERR_IO, why, size, "the copy cannot be written",
               strerror(errno));
  return OK;
}

/* --- looking at a copy --- */

static int count_in(MDB_env *env, const char *path, uint64_t *n) {
  MDB_txn *txn = NULL;
  MDB_dbi info;
  MDB_envinfo about;
  MDB_stat pages;
  struct stat file;
  MDB_val key = val_of(SLICE("count")), found;
  int e = mdb_env_set_mapsize(env, STORE_MAP_BYTES);
  if (!e) e = mdb_env_set_maxdbs(env, STORE_TABLES + 1);
  if (!e)
    e = mdb_env_open(env, path, MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK, 0600);
  /* A page past the end of the file would be a SIGBUS. */
  if (!e) e = mdb_env_info(env, &about);
  if (!e) e = mdb_env_stat(env, &pages);
  if (!e && (stat(path, &file) ||
             (uint64_t)file.st_size / pages.ms_psize <= about.me_last_pgno))
    e = MDB_INVALID;
  if (!e) e = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
  if (!e) e = mdb_dbi_open(txn, "info", 0, &info);
  if (!e) e = mdb_get(txn, info, &key, &found);
  if (!e && found.mv_size != 8) e = MDB_INVALID;
  if (!e) *n = u64_get(found.mv_data);
  if (txn) mdb_txn_abort(txn);
  return e;
}

bool store_copy_count(const char *path, uint64_t *n) {
  MDB_env *env;
  if (mdb_env_create(&env)) return false;
  int e = count_in(env, path, n);
  mdb_env_close(env);
  return e == 0;
}

/* --- compacting --- */

typedef struct Compaction {
  char data[4096], lock[4096], fresh[4096]; /* paths */
  int data_fd, fresh_fd; /* -1: not open; locked when they are */
} Compaction;

static int open_locked(const char *path, int flags) {
  int fd = open(path, flags | O_CLOEXEC, 0600);
  if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  close(fd);
  errno = EWOULDBLOCK;
  return -1;
}

static uint64_t size_of(int fd) {
  struct stat st;
  return fstat(fd, &st) ? 0 : (uint64_t)st.st_size;
}

/* The store is open, and nobody else's: this closes it when the copy is whole.
 */
static Err swap_files(Compaction *c, Store *s, StoreProgress progress, void *ud,
                      char *why, size_t size) {
  uint64_t n;
  c->data_fd = open_locked(c->data, O_RDONLY);
  if (c->data_fd < 0)
    return say(ERR_CONFLICT, why, size, c->data,
               errno == EWOULDBLOCK
                   ? "another process looks at it (a backup, an export)"
                   : strerror(errno));
  c->fresh_fd = open_locked(c->fresh, O_RDWR | O_CREAT | O_TRUNC);
  if (c->fresh_fd < 0) return say(ERR_IO, why, size, c->fresh, strerror(errno));
  Err e = store_copy(s, c->fresh_fd, progress, ud, why, size);
  if (e) return e;
  if (!store_copy_count(c->fresh, &n) || n != store_count(s))
    return say(ERR_IO, why, size, c->fresh, "the copy is not whole");
  env_close_database((Lmdb *)s);
  if (rename(c->fresh, c->data))
    return say(ERR_IO, why, size, c->data, strerror(errno));
  unlink(c->lock); /* it belongs to the old file */
  return OK;
}

Err store_compact(const char *dir, StoreProgress progress, void *ud,
                  uint64_t *before, uint64_t *after, char *why, size_t size) {
  Compaction c = { .data_fd = -1, .fresh_fd = -1 };
  int n = snprintf(c.fresh, sizeof c.fresh, "%s/data.mdb.new", dir);
  if (n < 0 || (size_t)n >= sizeof c.fresh)
    return say(ERR_IO, why, size, dir, strerror(ENAMETOOLONG));
  snprintf(c.data, sizeof c.data, "%s/data.mdb", dir);
  snprintf(c.lock, sizeof c.lock, "%s/lock.mdb", dir);
  Store *s = store_lmdb_hold(dir, why, size);
  if (!s) return ERR_CONFLICT;
  Err e = swap_files(&c, s, progress, ud, why, size);
  *before = size_of(c.data_fd);
  *after = size_of(c.fresh_fd);
  if (e && c.fresh_fd >= 0) unlink(c.fresh);
  sync_folder(dir);
  if (c.fresh_fd >= 0) close(c.fresh_fd);
  if (c.data_fd >= 0) close(c.data_fd);
  store_free(s); /* and with it the right to serve */
  return e;
}
