/* `stube store import`: takes in what `export` wrote. A conversation is kept
 * when all of it can be read here, with its code; one whose id is there already
 * stays as it is. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/limits.h"
#include "host/storecmd.h"
#include "kernel/inspect.h"
#include "kernel/transfer.h"
#include "lua/loader.h"
#include "wire/lines.h"

#define SAID_MAX 100

typedef struct Import {
  const StoreCmd *c;
  Host *h;
  FILE *from;
  const char *name; /* of the file, for messages */
  Progress progress;
  uint64_t n_lines, n_in, n_out;
  bool has_ended; /* the last line was there */
  /* Committed, and not looked at yet. */
  struct {
    char cid[CID_LEN + 1];
    uint64_t line;
  } waiting[STORE_BATCH];
  size_t n_waiting;
  Err result; /* of commits: the first that failed */
  Buf why;
} Import;

static void refuse_line(Import *m, uint64_t line, const char *which,
                        const char *why) {
  progress_end(&m->progress);
  if (m->n_out++ < SAID_MAX)
    fprintf(stderr, "line %llu%s%s: %s\n", (unsigned long long)line,
            *which ? ", " : "", which, why);
}

static void refuse(Import *m, const char *which, const char *why) {
  refuse_line(m, m->n_lines, which, why);
}

static void on_done(void *ud, Err e) {
  Import *m = ud;
  if (e && !m->result) m->result = e;
}

/* --- conversations --- */

static void look_at(Import *m, const char *cid, uint64_t line) {
  uint8_t key[CID_RAW];
  Blob *head;
  uint64_t revision;
  bool ok = cid_raw(slice(cid, CID_LEN), key);
  ASSERT(ok);
  Err e = store_load(m->h->store, key, &head, &revision);
  if (!e) {
    buf_clear(&m->why);
    e = inspect_check(m->h->kernel, slice(cid, CID_LEN), blob_view(head),
                      &m->why);
    if (e)
      transfer_remove(m->h->kernel, slice(cid, CID_LEN), blob_view(head),
                      revision, on_done, m);
    blob_drop(head);
  }
  if (!e) {
    m->n_in++;
    return;
  }
  buf_byte(&m->why, '\0');
  refuse_line(m, line, cid, m->why.ptr);
}

/* Waits until what was queued is kept, and looks at it as it is then. */
static bool settle(Import *m) {
  store_settle(m->h->store);
  if (!m->result)
    for (size_t i = 0; i < m->n_waiting; i++)
      look_at(m, m->waiting[i].cid, m->waiting[i].line);
  m->n_waiting = 0;
  store_settle(m->h->store);
  if (!m->result) return true;
  const char *trouble = store_trouble(m->h->store);
  store_fail(m->c, "the store cannot be written: %s",
             trouble ? trouble : err_words(m->result));
  return false;
}

static bool is_there(Import *m, Slice cid) {
  uint8_t key[CID_RAW];
  Blob *head;
  uint64_t revision;
  for (size_t i = 0; i < m->n_waiting; i++) /* twice in one file */
    if (slice_eq(cid, slice_str(m->waiting[i].cid))) return true;
  Err e = cid_raw(cid, key) ? store_load(m->h->store, key, &head, &revision)
                            : ERR_NOT_FOUND;
  if (!e) blob_drop(head);
  return e != ERR_NOT_FOUND;
}

/* The rows of history: slices of `bytes`, in the order of the line. */
static TransferPoint *read_points(const Line *line, Buf *bytes, size_t *n) {
  *n = line_count(line, "history");
  TransferPoint *points = xcalloc(*n + 1, sizeof *points);
  size_t *ends = xcalloc(*n + 1, sizeof *ends);
  for (size_t i = 0; i < *n; i++) {
    const Line *point = line_item(line, "history", i);
    if (!line_number(point, "turn", &points[i].turn) ||
        !line_bytes(point, "row", bytes))
      points[i].turn = 0; /* none has it: refused with the rest */
    ends[i] = bytes->len;
  }
  for (size_t i = 0, at = 0; i < *n; at = ends[i++])
    points[i].row = slice(bytes->ptr + at, ends[i] - at);
  free(ends);
  return points;
}

static void take_conversation(Import *m, const Line *line) {
  const char *cid = line_text(line, "conversation");
  Buf head = { 0 }, rows = { 0 };
  Transfer t = { .cid = slice_str(cid ? cid : "") };
  if (is_there(m, t.cid)) {
    refuse(m, cid, "it is there already, and stays as it is");
    return;
  }
  bool ok = line_bytes(line, "head", &head);
  TransferPoint *points = read_points(line, &rows, &t.n_points);
  t.head = buf_view(&head);
  t.points = points;
  if (!ok || transfer_in(m->h->kernel, &t, on_done, m)) {
    refuse(m, t.cid.len == CID_LEN ? cid : "",
           "it is no conversation that can be read");
  } else {
    memcpy(m->waiting[m->n_waiting].cid, cid, CID_LEN + 1);
    m->waiting[m->n_waiting++].line = m->n_lines;
  }
  free(points);
  buf_free(&head);
  buf_free(&rows);
}

/* --- code and other rows --- */

static bool has_row(Import *m, StoreTable table, Slice key) {
  Blob *there;
  if (store_get(m->h->store, table, key, &there)) return false;
  blob_drop(there);
  return true;
}

static void put_row(Import *m, StoreTable table, Slice key, Slice value) {
  if (has_row(m, table, key)) return;
  StoreRow row = { table, blob_new(key), blob_new(value) };
  StoreItem item = { .is_rows = true, .rows = &row, .n_rows = 1 };
  store_commit(m->h->store, &item, on_done, m);
  blob_drop(row.key);
  blob_drop(row.value);
}

/* Two characters for each byte. */
static bool read_digest(const char *text, uint8_t out[DIGEST_BYTES]) {
  if (strlen(text) != 2 * DIGEST_BYTES) return false;
  for (size_t i = 0; i < DIGEST_BYTES; i++) {
    unsigned byte;
    if (sscanf(text + 2 * i, "%2x", &byte) != 1) return false;
    out[i] = (uint8_t)byte;
  }
  return true;
}

/* Its digest is looked at when the code is revived, as for all code. */
static void take_code(Import *m, const Line *line) {
  const char *name = line_text(line, "code");
  uint8_t digest[DIGEST_BYTES];
  Buf bytes = { 0 };
  Chunk chunk;
  if (!name || !read_digest(name, digest) ||
      !line_bytes(line, "bytes", &bytes) ||
      chunk_read(buf_view(&bytes), &chunk)) {
    refuse(m, "", "it is no code that can be read");
  } else {
    free(chunk.needs);
    put_row(m, STORE_CODE, slice((const char *)digest, sizeof digest),
            buf_view(&bytes));
  }
  buf_free(&bytes);
}

static void take_row(Import *m, const Line *line) {
  static const StoreTableName visitors = { "visitor", STORE_META };
  const char *name = line_text(line, "table");
  Buf key = { 0 }, value = { 0 };
  const StoreTableName *table = NULL;
  if (name && strcmp(name, visitors.name) == 0) table = &visitors;
  for (size_t i = 0; i < n_store_tables && name && !table; i++)
    if (strcmp(store_tables[i].name, name) == 0) table = &store_tables[i];
  if (!table || !line_bytes(line, "key", &key) || key.len == 0 ||
      key.len > STORE_KEY_MAX || !line_bytes(line, "value", &value) ||
      (table == &visitors && !visitors_row(buf_view(&key), buf_view(&value))))
    refuse(m, "", "it is no row that can be read");
  else
    put_row(m, table->table, buf_view(&key), buf_view(&value));
  buf_free(&key);
  buf_free(&value);
}

/* --- the whole --- */

static bool is_export(Import *m) {
  uint64_t format = 0;
  Line *first = line_read(m->from, EXPORT_LINE_MAX, &m->why);
  const char *what = line_text(first, "stube");
  bool ok = what && strcmp(what, "export") == 0 &&
            line_number(first, "format", &format);
  line_free(first);
  m->n_lines = 1;
  if (ok && format == EXPORT_FORMAT) return true;
  if (ok)
    store_fail(m->c, "%s was written by a newer stube (its format is %llu)",
               m->name, (unsigned long long)format);
  else
    store_fail(m->c, "%s is no export of a store", m->name);
  return false;
}

static void take_line(Import *m, const Line *line) {
  uint64_t before;
  if (line_text(line, "conversation"))
    take_conversation(m, line);
  else if (line_text(line, "code"))
    take_code(m, line);
  else if (line_text(line, "table"))
    take_row(m, line);
  else if (line_number(line, "end", &before) && before == m->n_lines - 1)
    m->has_ended = true;
  else
    refuse(m, "", "it says nothing that is known here");
}

static bool import_all(Import *m) {
  for (;;) {
    Line *line = line_read(m->from, EXPORT_LINE_MAX, &m->why);
    if (!line && !m->why.len) return settle(m);
    m->n_lines++;
    if (line) {
      take_line(m, line);
      line_free(line);
    } else {
      buf_byte(&m->why, '\0');
      refuse(m, "", m->why.ptr);
    }
    /* Code must be there before what needs it is looked at. */
    if ((m->n_waiting == STORE_BATCH || m->n_lines % STORE_BATCH == 0) &&
        !settle(m))
      return false;
    progress_at(&m->progress, m->n_in);
  }
}

static int import_from(const StoreCmd *c, FILE *from) {
  char a[32], b[32];
  bool is_file = from != stdin;
  Import m = { .c = c, .from = from, .name = is_file ? c->arg : "the input" };
  int code = STORE_BAD;
  if (is_export(&m) && (m.h = store_host_to_write(c))) {
    progress_begin(&m.progress, "imported", "conversations", 0);
    bool ok = import_all(&m);
    progress_end(&m.progress);
    if (ok && !m.has_ended)
      store_fail(c, "%s is cut short: its last line is missing", m.name);
    printf("%s conversations", with_commas(a, m.n_in));
    if (m.n_out) printf(", %s lines refused", with_commas(b, m.n_out));
    putchar('\n');
    code = ok && m.has_ended && !m.n_out ? STORE_OK : STORE_BAD;
    host_free(m.h);
  }
  buf_free(&m.why);
  return code;
}

int store_import(const StoreCmd *c) {
  if (!c->arg || strcmp(c->arg, "-") == 0) return import_from(c, stdin);
  FILE *from = fopen(c->arg, "re");
  if (!from) return store_fail(c, "%s: %s", c->arg, strerror(errno));
  int code = import_from(c, from);
  fclose(from);
  return code;
}
