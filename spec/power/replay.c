/* What could a power cut have left? Builds states of a recorded folder, each
 * cut at a random moment, and looks whether the store opens and holds all that
 * was acknowledged before.
 *
 *   replay RECORD DIR SEED STATES [end|whole]
 *
 * with `end` all cuts come after the last entry; with `whole` what was
 * acknowledged may be missing, but what is there must be whole. It prints
 * `states=N broken=N`, and why for the first that are; DIR is scratch.
 *
 * Before the cut, what a completed sync covers is on the disk. Of every other
 * write that had begun, sectors of 512 bytes are there or not, each for itself:
 * so writes are lost, torn, and one is there though an earlier one is not. That
 * a sector is written whole is all that is asked of the disk. A file's name is
 * there for sure once its folder is synced. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "model.h"
#include "record.h"

#define SECTOR 512
#define FILES_MAX 32
#define SHOWN 5
#define BIRTH                                                    \
  40 /* entries until the store is there and has its first items \
      */

typedef struct Op {
  Entry e;
  const char *bytes;
  bool durable; /* as of the cut */
} Op;

typedef struct Image {
  char *bytes;
  size_t len, cap;
} Image;

typedef struct File {
  char name[64]; /* after all durable changes */
  bool is_named; /* its name is durable */
  bool is_gone;  /* unlinked, or another has its name */
  Image image;   /* what is durable */
} File;

static Op *ops;
static size_t n_ops;
static File files[FILES_MAX];
static unsigned acked[MODEL_CONVS + 1];
static bool may_lack_acked;

static void fail(const char *what) {
  fprintf(stderr, "replay: %s\n", what);
  exit(2);
}

/* --- the record --- */

static void read_record(const char *path) {
  int fd = open(path, O_RDONLY);
  struct stat st;
  if (fd < 0 || fstat(fd, &st) != 0) fail("no record");
  char *all = xmalloc((size_t)st.st_size);
  size_t len = 0, cap = 0;
  ssize_t n;
  while ((n = read(fd, all + len, (size_t)st.st_size - len)) > 0)
    len += (size_t)n;
  close(fd);
  for (size_t at = 0; at + sizeof(Entry) <= len;) {
    if (n_ops == cap) {
      cap = cap ? cap * 2 : 1024;
      ops = xrealloc(ops, cap * sizeof *ops);
    }
    Op *op = &ops[n_ops++];
    *op = (Op){ .bytes = all + at + sizeof(Entry) };
    memcpy(&op->e, all + at, sizeof op->e);
    if (op->e.kind == RECORD_MAPPED) fail("a file is written through a map");
    if (op->e.file >= FILES_MAX) fail("too many files");
    at += sizeof(Entry) + op->e.len;
    /* The process ended while another of its threads noted what it would do,
     * and has not done. */
    if (at > len) n_ops--;
  }
}

static bool is_acks(uint32_t file) {
  return strcmp(files[file].name, "acks") == 0;
}

/* --- what is durable --- */

static void image_write(Image *im, uint64_t at, const char *bytes, size_t len) {
  size_t end = at + len;
  if (end > im->cap) {
    im->cap = end * 2;
    im->bytes = xrealloc(im->bytes, im->cap);
  }
  if (end > im->len) {
    memset(im->bytes + im->len, 0, end - im->len);
    im->len = end;
  }
  memcpy(im->bytes + at, bytes, len);
}

static void image_size(Image *im, size_t len) {
  if (len > im->len) image_write(im, len, "", 0);
  im->len = len;
}

static void keep(Op *op) {
  File *f = &files[op->e.file];
  if (op->durable) return;
  op->durable = true;
  switch ((RecordKind)op->e.kind) {
  case RECORD_WRITE:
    image_write(&f->image, op->e.at, op->bytes, op->e.len);
    break;
  case RECORD_SIZE: image_size(&f->image, op->e.at); break;
  case RECORD_FILE: f->is_named = true; break;
  case RECORD_RENAME:
    for (uint32_t i = 0; i < FILES_MAX; i++)
      if (i != op->e.file && strlen(files[i].name) == op->e.len &&
          memcmp(files[i].name, op->bytes, op->e.len) == 0)
        files[i].is_gone = true;
    snprintf(f->name, sizeof f->name, "%.*s", (int)op->e.len, op->bytes);
    break;
  case RECORD_UNLINK: f->is_gone = true; break;
  default: break;
  }
}

static bool is_of_folder(const Op *op) {
  return op->e.kind == RECORD_FILE || op->e.kind == RECORD_RENAME ||
         op->e.kind == RECORD_UNLINK;
}

/* A sync makes durable what had begun before it: of a file its content, of the
 * folder names. */
static void sync_file(const Op *sync) {
  bool folder = files[sync->e.file].name[0] == '\0';
  for (size_t i = 0; i < sync->e.at; i++)
    if (folder ? is_of_folder(&ops[i])
               : ops[i].e.file == sync->e.file && !is_of_folder(&ops[i]))
      keep(&ops[i]);
}

static void note_acks(const Op *op) {
  unsigned k, t;
  char text[64];
  snprintf(text, sizeof text, "%.*s", (int)op->e.len, op->bytes);
  if (sscanf(text, "%u %u", &k, &t) != 2 || k > MODEL_CONVS)
    fail("not an acknowledgement");
  acked[k] = t;
}

/* Moves the cut past one entry. */
static void advance(size_t i) {
  Op *op = &ops[i];
  File *f = &files[op->e.file];
  if (op->e.kind == RECORD_FILE) {
    snprintf(f->name, sizeof f->name, "%.*s", (int)op->e.len, op->bytes);
    if (!f->name[0]) keep(op); /* the folder itself */
  } else if (op->e.kind == RECORD_SYNC) {
    sync_file(op);
  } else if (op->e.kind == RECORD_WROTE) {
    keep(&ops[op->e.at]);
  } else if (op->e.kind == RECORD_WRITE && is_acks(op->e.file)) {
    note_acks(op);
    op->durable = true;
  }
}

/* --- one state --- */

/* How the disk behaved, drawn for each state. */
typedef struct Fate {
  uint64_t random;
  unsigned percent; /* of what is not synced that is there all the same */
  enum { BY_SECTOR, BY_PAGE, BY_WRITE } grain;
} Fate;

static bool is_there(Fate *f) { return draw(&f->random) % 100 < f->percent; }

static void write_torn(Image *im, const Op *op, Fate *fate) {
  static const size_t grains[] = { SECTOR, 4096, SIZE_MAX };
  size_t grain = grains[fate->grain];
  for (size_t at = 0; at < op->e.len;) {
    size_t n = op->e.len - at;
    size_t room = grain == SIZE_MAX ? n : grain - (op->e.at + at) % grain;
    if (n > room) n = room;
    if (is_there(fate))
      image_write(im, op->e.at + at, op->bytes + at, n);
    else if (is_there(fate)) /* the size is there, the bytes are not */
      image_size(im, op->e.at + at + n > im->len ? op->e.at + at + n : im->len);
    at += n;
  }
}

static void save(const char *dir, const char *name, const Image *im) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (fd < 0 || write(fd, im->bytes, im->len) != (ssize_t)im->len)
    fail("cannot write a state");
  close(fd);
}

/* Writes the folder as a cut before entry `cut` may have left it. In a child:
 * it changes `files`. */
static void build(const char *dir, size_t cut, Fate *fate) {
  for (size_t i = 0; i < cut; i++) {
    Op *op = &ops[i];
    File *f = &files[op->e.file];
    if (op->durable || op->e.kind == RECORD_SYNC || op->e.kind == RECORD_WROTE)
      continue;
    if (op->e.kind == RECORD_WRITE)
      write_torn(&f->image, op, fate);
    else if (is_there(fate))
      keep(op);
  }
  for (size_t i = 0; i < FILES_MAX; i++) {
    File *f = &files[i];
    if (f->name[0] && f->is_named && !f->is_gone && !is_acks((uint32_t)i))
      save(dir, f->name, &f->image);
  }
  if (draw(&fate->random) % 2) { /* LMDB's lock file: nothing, or anything */
    Image noise = { 0 };
    for (int i = 0; i < 8192; i++) {
      char byte = (char)draw(&fate->random);
      image_write(&noise, (uint64_t)i, &byte, 1);
    }
    save(dir, "lock.mdb", &noise);
  }
}

/* --- does it hold? --- */

static void claim(bool holds, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void claim(bool holds, const char *fmt, ...) {
  if (holds) return;
  va_list ap;
  va_start(ap, fmt);
  vprintf(fmt, ap);
  va_end(ap);
  printf("\n");
  fflush(stdout);
  _exit(1);
}

static bool add_row(void *ud, Slice key, Slice value) {
  buf_block(ud, key);
  buf_block(ud, value);
  return true;
}

static bool see_damage(void *ud, Slice key, Slice value) {
  (void)key, (void)value;
  ++*(int *)ud;
  return true;
}

static void expect_rows(Store *s, StoreTable table, const char *what,
                        const Buf *right) {
  Buf rows = { 0 };
  Err e = store_scan(s, table, (Slice){ 0 }, add_row, &rows);
  claim(e == OK, "%s: %s", what, err_words(e));
  claim(slice_eq(buf_view(&rows), buf_view(right)),
        "%s are not those of whole items", what);
}

typedef struct Due {
  Buf key;
} Due;

static int by_key(const void *a, const void *b) {
  const Buf *x = &((const Due *)a)->key, *y = &((const Due *)b)->key;
  size_t n = x->len < y->len ? x->len : y->len;
  int c = memcmp(x->ptr, y->ptr, n);
  return c ? c : (x->len > y->len) - (x->len < y->len);
}

/* Which step conversation `k` is at: its atom says so. */
static unsigned step_of(Store *s, unsigned k) {
  char name[12], text[12];
  Blob *value;
  snprintf(name, sizeof name, "%u", k);
  Err e = store_get(s, STORE_ATOM, slice_str(name), &value);
  if (e == ERR_NOT_FOUND) return 0;
  claim(e == OK, "atom %u: %s", k, err_words(e));
  snprintf(text, sizeof text, "%.*s", (int)value->len, value->bytes);
  blob_drop(value);
  return (unsigned)strtoul(text, NULL, 10);
}

static void check_head(Store *s, unsigned k, unsigned t) {
  uint8_t key[CID_RAW];
  Blob *head;
  uint64_t revision;
  model_key(key, k);
  Err e = store_load(s, key, &head, &revision);
  claim(e == (model_has_head(t) ? OK : ERR_NOT_FOUND),
        "the head of %u at step %u: %s", k, t, err_words(e));
  if (e) return;
  Buf right = { 0 };
  model_head(&right, k, t);
  claim(revision == model_revision(t), "the revision of %u", k);
  claim(slice_eq(blob_view(head), buf_view(&right)), "the head of %u", k);
  blob_drop(head);
  buf_free(&right);
}

static void on_done(void *ud, Err e) { *(Err *)ud = e; }
static void on_news(void *ud) { (void)ud; }

static void check(const char *dir) {
  char why[512];
  Store *s = store_lmdb_open(dir, on_news, NULL, why, sizeof why);
  claim(s != NULL, "%s", why);
  Buf points = { 0 };
  Due dues[MODEL_CONVS] = { 0 };
  size_t n_due = 0, n_heads = 0;
  for (unsigned k = 1; k <= MODEL_CONVS; k++) {
    unsigned t = step_of(s, k);
    claim(t >= acked[k] || may_lack_acked,
          "%u is at step %u, and %u was acknowledged", k, t, acked[k]);
    check_head(s, k, t);
    n_heads += model_has_head(t);
    if (t) model_due(&dues[n_due++].key, k, t);
    for (unsigned i = t - t % MODEL_LIFE + 1; i <= t; i++) {
      Buf key = { 0 };
      char value[12];
      snprintf(value, sizeof value, "%u", i);
      model_point(&key, k, i);
      add_row(&points, buf_view(&key), slice_str(value));
      buf_free(&key);
    }
  }
  Buf rows = { 0 };
  qsort(dues, n_due, sizeof dues[0], by_key);
  for (size_t i = 0; i < n_due; i++)
    add_row(&rows, buf_view(&dues[i].key), (Slice){ 0 });
  expect_rows(s, STORE_POINT, "points", &points);
  expect_rows(s, STORE_DUE, "timers", &rows);
  claim(store_count(s) == n_heads, "%zu conversations are counted, not %zu",
        store_count(s), n_heads);
  int damaged = 0;
  for (int table = 0; table < STORE_TABLES; table++)
    store_damaged(s, (StoreTable)table, see_damage, &damaged);
  claim(damaged == 0, "%d rows are damaged", damaged);
  Err e = ERR_IO; /* and it goes on */
  StoreItem item = { .key = { 200 }, .head = blob_new(SLICE("alive")) };
  store_commit(s, &item, on_done, &e);
  store_settle(s);
  claim(e == OK, "a commit to it: %s", err_words(e));
  store_free(s);
}

static void empty(const char *dir) {
  static const char *const names[] = { "data.mdb",     "lock.mdb",
                                       "lock",         "new.mdb",
                                       "new.mdb-lock", "redo.0",
                                       "redo.1",       NULL };
  char path[512];
  for (int i = 0; names[i]; i++) {
    snprintf(path, sizeof path, "%s/%s", dir, names[i]);
    unlink(path);
  }
}

/* In a child: a damaged store may well be the end of it. */
static bool try_state(const char *dir, size_t cut, uint64_t seed) {
  static const unsigned percents[] = { 0, 100, 50, 50, 90, 10 };
  Fate fate = { .random = mix(seed) };
  fate.percent = percents[draw(&fate.random) % countof(percents)];
  fate.grain = (int)(draw(&fate.random) % 3);
  static int n_shown;
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    if (n_shown >= SHOWN) { /* enough has been said */
      int none = open("/dev/null", O_WRONLY);
      dup2(none, STDOUT_FILENO);
      dup2(none, STDERR_FILENO);
    }
    build(dir, cut, &fate);
    check(dir);
    _exit(0);
  }
  int status;
  waitpid(pid, &status, 0);
  empty(dir);
  if (status == 0) return true;
  if (n_shown++ < SHOWN)
    printf("  (cut before entry %zu of %zu; %u %% of what is not synced is "
           "there, grain %d%s)\n",
           cut, n_ops, fate.percent, fate.grain,
           WIFSIGNALED(status) ? "; the process died" : "");
  return false;
}

static int by_number(const void *a, const void *b) {
  size_t x = *(const size_t *)a, y = *(const size_t *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  bool at_end = argc == 6 && strcmp(argv[5], "end") == 0;
  may_lack_acked = argc == 6 && strcmp(argv[5], "whole") == 0;
  if (argc != 5 && !at_end && !may_lack_acked) return 2;
  uint64_t random = strtoull(argv[3], NULL, 10);
  size_t n = strtoull(argv[4], NULL, 10), broken = 0, at = 0;
  read_record(argv[1]);
  size_t *cuts = xmalloc(n * sizeof *cuts);
  for (size_t i = 0; i < n; i++) { /* one in ten while it is being made */
    size_t among = i % 10 || n_ops < BIRTH ? n_ops : BIRTH;
    cuts[i] = at_end ? n_ops : 1 + draw(&random) % among;
  }
  qsort(cuts, n, sizeof *cuts, by_number);
  for (size_t i = 0; i < n; i++) {
    while (at < cuts[i]) advance(at++);
    if (!try_state(argv[2], cuts[i], mix(random + i))) broken++;
  }
  printf("states=%zu broken=%zu\n", n, broken);
  return 0;
}
