/* The folder of an LMDB store: who may serve it, how its database is opened,
 * brought up to our format, and opened again after a failed commit. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/limits.h"
#include "store/guts.h"
#include "store/record.h"

#define FORMAT 4
#define LOCK_TRIES 50
#define LOCK_PAUSE_US 10000

static const char *const table_names[STORE_TABLES] = {
  "head", "head", "code", "due", "topic", "msg", "atom", "meta", "seen"
};

/* --- formats --- */

/* Before records: values stood alone, heads behind their revision. */
static int seal_table(MDB_txn *txn, MDB_dbi table) {
  MDB_cursor *cursor;
  MDB_val key, value;
  int e = mdb_cursor_open(txn, table, &cursor);
  if (e) return e;
  while ((e = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
    size_t len = RECORD_SUM_BYTES + value.mv_size;
    uint8_t name[STORE_KEY_MAX], *record = xmalloc(len);
    ASSERT(key.mv_size <= sizeof name); /* put moves what the cursor showed */
    memcpy(name, key.mv_data, key.mv_size);
    memcpy(record + RECORD_SUM_BYTES, value.mv_data, value.mv_size);
    key.mv_data = name;
    record_seal(slice_of(&key), record, len);
    e = mdb_cursor_put(cursor, &key, &(MDB_val){ len, record }, MDB_CURRENT);
    free(record);
    if (e) break;
  }
  mdb_cursor_close(cursor);
  return e == MDB_NOTFOUND ? 0 : e;
}

static int count_heads(Lmdb *s, MDB_txn *txn, uint64_t *n) {
  MDB_cursor *cursor;
  MDB_val key;
  int e = mdb_cursor_open(txn, s->tables[STORE_HEAD], &cursor);
  if (e) return e;
  for (*n = 0; (e = mdb_cursor_get(cursor, &key, NULL, MDB_NEXT)) == 0;)
    *n += key.mv_size == CID_RAW;
  mdb_cursor_close(cursor);
  return e == MDB_NOTFOUND ? 0 : e;
}

static int put_info(Lmdb *s, MDB_txn *txn, const char *name, Slice value) {
  MDB_val key = val_of(slice_str(name)), v = val_of(value);
  return mdb_put(txn, s->info, &key, &v, 0);
}

int env_put_number(Lmdb *s, MDB_txn *txn, const char *name, uint64_t n) {
  uint8_t bytes[8];
  u64_put(bytes, n);
  return put_info(s, txn, name, slice((const char *)bytes, sizeof bytes));
}

static int from_1_to_2(Lmdb *s, MDB_txn *txn) {
  MDB_val old = val_of(SLICE("format"));
  uint64_t n;
  int e = mdb_del(txn, s->tables[STORE_META], &old, NULL);
  if (e == MDB_NOTFOUND) e = 0;
  for (int t = STORE_POINT; t < STORE_SEEN && !e; t++)
    e = seal_table(txn, s->tables[t]);
  if (!e) e = count_heads(s, txn, &n);
  return e ? e : env_put_number(s, txn, "count", n);
}

/* When a visitor was last there: for all we know, when it came. Ids begin with
 * that, 6 bytes of it. */
static int from_2_to_3(Lmdb *s, MDB_txn *txn) {
  MDB_cursor *cursor;
  MDB_val key;
  int e = mdb_cursor_open(txn, s->tables[STORE_HEAD], &cursor);
  if (e) return e;
  while ((e = mdb_cursor_get(cursor, &key, NULL, MDB_NEXT)) == 0) {
    uint8_t name[8 + CID_RAW] = { 0 }, record[RECORD_SUM_BYTES];
    if (key.mv_size != CID_RAW) continue;
    memcpy(name + 2, key.mv_data, 6);
    memcpy(name + 8, key.mv_data, CID_RAW);
    MDB_val row = { sizeof name, name }, value = { sizeof record, record };
    record_seal(slice_of(&row), record, sizeof record);
    e = mdb_put(txn, s->tables[STORE_SEEN], &row, &value, 0);
    if (e) break;
  }
  mdb_cursor_close(cursor);
  return e == MDB_NOTFOUND ? 0 : e;
}

/* The redo log came, of which an older stube would know nothing. */
static int from_3_to_4(Lmdb *s, MDB_txn *txn) {
  return env_put_number(s, txn, "redo", 0);
}

/* One step from each older format to the next, all in one transaction. */
static int (*const migrations[FORMAT])(Lmdb *s, MDB_txn *txn) = {
  [1] = from_1_to_2,
  [2] = from_2_to_3,
  [3] = from_3_to_4,
};

/* Which format is there: 0 for a database that is new. The first one noted it
 * in the table meta. */
static int get_format(Lmdb *s, MDB_txn *txn, int *format) {
  MDB_val key = val_of(SLICE("format")), found;
  int e = mdb_get(txn, s->info, &key, &found);
  if (e == MDB_NOTFOUND) e = mdb_get(txn, s->tables[STORE_META], &key, &found);
  if (e && e != MDB_NOTFOUND) return e;
  char text[12] = "0";
  if (!e && (found.mv_size == 0 || found.mv_size >= sizeof text))
    return MDB_INVALID;
  if (!e) {
    memcpy(text, found.mv_data, found.mv_size);
    text[found.mv_size] = '\0';
  }
  *format = atoi(text);
  return 0;
}

static int set_format(Lmdb *s, MDB_txn *txn, int format) {
  int e = 0;
  if (format == FORMAT) return 0;
  if (format == 0) e = env_put_number(s, txn, "count", 0);
  if (format == 0 && !e) e = env_put_number(s, txn, "redo", 0);
  for (; format && format < FORMAT && !e; format++)
    e = migrations[format](s, txn);
  char text[12];
  snprintf(text, sizeof text, "%d", FORMAT);
  return e ? e : put_info(s, txn, "format", slice_str(text));
}

/* --- the database --- */

static int get_number(Lmdb *s, MDB_txn *txn, const char *name, uint64_t *n) {
  MDB_val key = val_of(slice_str(name)), found;
  int e = mdb_get(txn, s->info, &key, &found);
  if (!e && found.mv_size != 8) e = MDB_INVALID;
  if (!e) *n = u64_get(found.mv_data);
  return e;
}

int env_numbers(Lmdb *s, MDB_txn *txn) {
  if (s->has_writer) return 0; /* opened anew: known, and read by others */
  int e = get_number(s, txn, "count", &s->n_heads);
  if (!e) e = get_number(s, txn, "redo", &s->redo_applied);
  s->stats.bytes = env_pages(s, txn) * s->page_bytes;
  return e;
}

static int open_tables(Lmdb *s, MDB_txn *txn, unsigned create) {
  s->info = 0;
  int e = mdb_dbi_open(txn, "info", create, &s->info);
  for (int t = 0; t < STORE_TABLES && !e; t++)
    e = mdb_dbi_open(txn, table_names[t], create, &s->tables[t]);
  return e;
}

/* Opens the tables; `*format` is what was found. A look changes nothing. */
static int prepare(Lmdb *s, bool look_only, int *format) {
  MDB_txn *txn;
  int e = mdb_txn_begin(s->env, NULL, look_only ? MDB_RDONLY : 0, &txn);
  if (e) return e;
  e = open_tables(s, txn, look_only ? 0 : MDB_CREATE);
  if (e == MDB_NOTFOUND) { /* from before there were such tables */
    *format = 1;
    e = s->info ? get_format(s, txn, format) : 0;
    if (!e) e = MDB_VERSION_MISMATCH;
  }
  if (!e) e = get_format(s, txn, format);
  if (!e && (*format > FORMAT || (look_only && *format != FORMAT)))
    e = MDB_VERSION_MISMATCH;
  if (!e && !look_only) e = set_format(s, txn, *format);
  if (!e) e = env_numbers(s, txn);
  if (!e) return mdb_txn_commit(txn); /* keeps the tables open */
  mdb_txn_abort(txn);
  return e;
}

/* `flags` are LMDB's: MDB_RDONLY for a look, MDB_NOSUBDIR when `path` is the
 * file itself. */
static int open_database(Lmdb *s, const char *path, unsigned flags,
                         int *format) {
  MDB_stat stat;
  int dead;
  int e = mdb_env_create(&s->env);
  if (!e) e = mdb_env_set_mapsize(s->env, STORE_MAP_BYTES);
  if (!e) e = mdb_env_set_maxdbs(s->env, STORE_TABLES + 1);
  if (!e)
    e = mdb_env_open(s->env, path, flags | MDB_NOTLS | MDB_NORDAHEAD, 0600);
  if (!e) e = mdb_env_stat(s->env, &stat);
  if (!e) s->page_bytes = stat.ms_psize;
  /* Readers that were killed would hold their pages back for ever. */
  if (!e) e = mdb_reader_check(s->env, &dead);
  return e ? e : prepare(s, flags & MDB_RDONLY, format);
}

void env_close_database(Lmdb *s) {
  if (s->env) mdb_env_close(s->env);
  s->env = NULL;
}

int env_reopen(Lmdb *s, size_t *last_txn) {
  int format;
  MDB_envinfo info;
  pthread_rwlock_wrlock(&s->env_lock);
  env_close_database(s);
  int e = open_database(s, s->dir, 0, &format);
  if (!e) e = mdb_env_info(s->env, &info);
  if (!e) *last_txn = info.me_last_txnid;
  pthread_rwlock_unlock(&s->env_lock);
  return e;
}

uint64_t env_pages(const Lmdb *s, MDB_txn *txn) {
  MDB_stat stat;
  uint64_t n = 2; /* the meta pages */
  for (int t = STORE_POINT; t < STORE_TABLES; t++)
    if (mdb_stat(txn, s->tables[t], &stat) == 0)
      n += stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
  return n;
}

/* A write that the full disk cut short comes back from LMDB as EIO, like one
 * that the disk refused. Only a full disk refuses more room as well. */
bool env_disk_is_full(const Lmdb *s) {
  int fd;
  struct statvfs st;
  struct stat file;
  if (mdb_env_get_fd(s->env, &fd) != 0 || fstat(fd, &file) != 0) return false;
  if (fallocate(fd, FALLOC_FL_KEEP_SIZE, file.st_size, (off_t)MIB(1)) == 0)
    return false;
  if (errno == ENOSPC || errno == EDQUOT) return true;
  return fstatvfs(fd, &st) == 0 && st.f_bavail * st.f_frsize < MIB(1);
}

/* --- the folder --- */

static bool no(char *why, size_t size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static bool no(char *why, size_t size, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(why, size, fmt, ap);
  va_end(ap);
  return false;
}

static char *path_in(char out[PATH_MAX], const char *dir, const char *name) {
  int n = snprintf(out, PATH_MAX, "%s/%s", dir, name);
  if (n < 0 || n >= PATH_MAX) out[0] = '\0'; /* which is no file */
  return out;
}

static int open_in(const char *dir, const char *name) {
  char path[PATH_MAX];
  return open(path_in(path, dir, name), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

/* A name in a folder is kept by a power cut only after a sync of the folder. */
void sync_folder(const char *path) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  close(fd);
}

static bool make_folder(const char *dir, char *why, size_t size) {
  if (mkdir(dir, 0700) != 0) {
    if (errno == EEXIST) return true;
    return no(why, size, "cannot make the store's folder %s: %s", dir,
              strerror(errno));
  }
  char above[PATH_MAX];
  sync_folder(path_in(above, dir, ".."));
  return true;
}

/* Who looks at a store after a crash holds it for a moment (store_lmdb_look);
 * who would serve it waits for that. */
static bool can_lock(const Lmdb *s) {
  int tries = s->would_serve ? LOCK_TRIES : 1;
  while (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0) {
    if (--tries == 0) return false;
    usleep(LOCK_PAUSE_US);
  }
  return true;
}

/* The lock says who holds it, for the message that others get. */
static bool take_lock(Lmdb *s, char *why, size_t size) {
  char holder[24] = "";
  s->lock_fd = open_in(s->dir, "lock");
  if (s->lock_fd < 0)
    return no(why, size, "cannot open the store %s: %s", s->dir,
              strerror(errno));
  if (can_lock(s)) {
    int n = snprintf(holder, sizeof holder, "%-11d\n", (int)getpid());
    if (pwrite(s->lock_fd, holder, (size_t)n, 0) != n) holder[0] = '\0';
    return true;
  }
  ssize_t n = pread(s->lock_fd, holder, sizeof holder - 1, 0);
  int pid = n > 0 ? atoi(holder) : 0;
  if (pid > 0)
    return no(why, size, "the store %s is in use by process %d", s->dir, pid);
  return no(why, size, "the store %s is in use by another process", s->dir);
}

/* Nobody may put another database in the place of the one we look at (admin.c).
 */
static bool take_look(Lmdb *s, char *why, size_t size) {
  char path[4096];
  struct stat opened, there;
  snprintf(path, sizeof path, "%s/data.mdb", s->dir);
  for (int tries = 0; tries < 100; tries++) {
    s->lock_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (s->lock_fd < 0)
      return no(why, size, "there is no store in %s (%s)", s->dir,
                strerror(errno));
    if (flock(s->lock_fd, LOCK_SH | LOCK_NB))
      return no(why, size, "the store %s is being compacted", s->dir);
    if (fstat(s->lock_fd, &opened) == 0 && stat(path, &there) == 0 &&
        opened.st_ino == there.st_ino)
      return true;
    close(s->lock_fd);
    s->lock_fd = -1;
  }
  return no(why, size, "the store %s is being replaced again and again",
            s->dir);
}

/* See STORE_LOCK_BYTES. */
static int make_lock_file(const char *dir) {
  int fd = open_in(dir, "lock.mdb");
  if (fd < 0) return errno;
  int e = posix_fallocate(fd, 0, (off_t)STORE_LOCK_BYTES);
  close(fd);
  return e == EOPNOTSUPP || e == EINVAL ? 0 : e;
}

/* Made aside and renamed: a power cut leaves a whole database or none. */
static int make_database(Lmdb *s) {
  char file[PATH_MAX], new[PATH_MAX], lock[PATH_MAX];
  int format;
  path_in(file, s->dir, "data.mdb");
  path_in(new, s->dir, "new.mdb");
  path_in(lock, s->dir, "new.mdb-lock"); /* as LMDB names it */
  if (access(file, F_OK) == 0) return 0;
  unlink(new);
  int e = open_database(s, new, MDB_NOSUBDIR, &format);
  env_close_database(s);
  unlink(lock);
  if (!e && rename(new, file) != 0) e = errno;
  if (!e) sync_folder(s->dir);
  return e;
}

static bool refuse(const Lmdb *s, int e, int format, char *why, size_t size) {
  if (e != MDB_VERSION_MISMATCH || !format)
    return no(why, size, "cannot open the store %s: %s", s->dir,
              mdb_strerror(e));
  if (format > FORMAT)
    return no(why, size,
              "the store %s was written by a newer stube (its format is %d, "
              "this one knows %d)",
              s->dir, format, FORMAT);
  return no(why, size,
            "the store %s is of an older format (%d): serve it once, and it is "
            "brought up to %d",
            s->dir, format, FORMAT);
}

/* What was acknowledged before a crash goes into the database. When that has no
 * room for it, it is as if it had been acknowledged just now. */
static int recover(Lmdb *s) {
  Buf records = { 0 };
  uint64_t newest = redo_newest(s->dir), last = 0;
  int e = redo_read(s->dir, s->redo_applied, &records, &last);
  if (newest < last) newest = last;
  if (!e && newest > s->redo_applied)
    e = apply_records(s, buf_view(&records), newest);
  if (!e) {
    s->redo_applied = newest > s->redo_applied ? newest : s->redo_applied;
    redo_remove(s->dir);
  } else if (e == ENOSPC || e == MDB_MAP_FULL) {
    s->trouble = apply_words(e);
    s->to_apply = &s->redo[1];
    redo_adopt(s->to_apply, buf_view(&records));
    e = 0;
  }
  s->redo_last = newest > s->redo_applied ? newest : s->redo_applied;
  s->redo_heads = s->n_heads;
  buf_free(&records);
  return e;
}

bool env_open(Lmdb *s, bool look_only, char *why, size_t size) {
  int e = 0, format = 0;
  if (!look_only) {
    if (!make_folder(s->dir, why, size) || !take_lock(s, why, size))
      return false;
    e = make_lock_file(s->dir);
    if (!e) e = make_database(s);
  } else if (!take_look(s, why, size)) {
    return false;
  }
  if (!e) e = open_database(s, s->dir, look_only ? MDB_RDONLY : 0, &format);
  if (!e && !look_only) e = recover(s);
  return e ? refuse(s, e, format, why, size) : true;
}

void env_close(Lmdb *s) {
  env_close_database(s);
  if (s->lock_fd >= 0) close(s->lock_fd);
}
