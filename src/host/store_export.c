/* `stube store export`: a store as text that another one can take in. Beside a
 * server each conversation is as it was at one moment, not all at the same.
 *
 *   { "stube": "export", "format": 1, "version": "0.1.0" }
 *   { "code": digest in hex, "name": ..., "bytes": B }
 *   { "table": "message", "key": B, "value": B }    or "atom", or "visitor"
 *   { "conversation": cid, "turn": n, "minted": "2026-11-25 23:02:39",
 *     "frames": "demo/guess > ui/prompt", "head": B,
 *     "history": [ { "turn": n, "row": B } ... ] }
 *   { "end": lines before this one }
 *
 * B is base64. Code comes first, so that conversations can be looked at as they
 * arrive. Heads and history are bare (kernel/transfer.h); turn, minted and
 * frames are for people and not read again. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/storecmd.h"
#include "kernel/inspect.h"
#include "kernel/transfer.h"
#include "lua/loader.h"
#include "wire/lines.h"

#define TRIES 10     /* to read one that changes meanwhile */
#define SAID_MAX 100 /* lines about what is left out */

typedef struct Export {
  const StoreCmd *c;
  Host *h;
  FILE *to;
  Progress progress;
  Outline outline;
  Buf bytes;
  Line *line; /* of the conversation at hand */
  Slice cid;  /* its id */
  uint64_t n_lines, n_conversations, n_left_out;
  const StoreTableName *table;
  bool failed; /* it cannot be written */
} Export;

static void write_line(Export *x, Line *line) {
  x->n_lines++;
  if (!line_write(x->to, line)) x->failed = true;
  line_free(line);
}

static void leave_out(Export *x, const char *what, const char *which,
                      const char *why) {
  progress_end(&x->progress);
  if (x->n_left_out++ < SAID_MAX)
    store_fail(x->c, "%s%s%s %s: left out", what, *which ? " " : "", which,
               why);
}

/* --- code and other rows --- */

static bool see_code(void *ud, Slice key, Slice row) {
  Export *x = ud;
  Chunk chunk;
  char digest[2 * DIGEST_BYTES + 1] = "";
  for (size_t i = 0; i < key.len && i < DIGEST_BYTES; i++)
    snprintf(digest + 2 * i, 3, "%02x", (uint8_t)key.ptr[i]);
  if (key.len != DIGEST_BYTES || chunk_read(row, &chunk)) {
    leave_out(x, "code", digest, "is damaged");
    return true;
  }
  Line *line = line_new();
  line_set_text(line, "code", digest);
  line_set_text(line, "name", chunk.name);
  line_set_bytes(line, "bytes", row);
  free(chunk.needs);
  write_line(x, line);
  return !x->failed;
}

static bool see_row(void *ud, Slice key, Slice row) {
  Export *x = ud;
  Line *line = line_new();
  line_set_text(line, "table", x->table->name);
  line_set_bytes(line, "key", key);
  line_set_bytes(line, "value", row);
  write_line(x, line);
  return !x->failed;
}

/* Cookies of our visitors are to be good where this is taken in. */
static bool see_visitor(void *ud, Slice key, Slice row) {
  return slice_starts(key, SLICE("visitor")) && see_row(ud, key, row);
}

static void export_rows(Export *x) {
  Store *s = x->h->store;
  Err e = store_scan(s, STORE_CODE, (Slice){ 0 }, see_code, x);
  for (size_t i = 0; i < n_store_tables && !x->failed; i++) {
    x->table = &store_tables[i];
    if (store_scan(s, x->table->table, (Slice){ 0 }, see_row, x)) e = ERR_IO;
  }
  static const StoreTableName visitors = { "visitor", STORE_META };
  x->table = &visitors;
  if (!x->failed) visitors_export(x->h->kernel, see_visitor, x);
  if (e) leave_out(x, "some rows", "", "are damaged");
}

/* --- conversations --- */

static bool see_point(void *ud, Slice key, Slice row) {
  Export *x = ud;
  uint64_t turn = transfer_turn(x->cid, key);
  buf_clear(&x->bytes);
  if (!turn || transfer_point(x->h->kernel, x->cid, turn, row, &x->bytes))
    return true; /* whoever looks at the whole will miss it */
  Line *point = line_add(x->line, "history");
  line_set_number(point, "turn", turn);
  line_set_bytes(point, "row", buf_view(&x->bytes));
  return true;
}

/* One line, or NULL with an Err when its record is damaged. */
static Line *make_line(Export *x, const uint8_t key[CID_RAW], Slice head,
                       Err *e) {
  Kernel *k = x->h->kernel;
  char minted[32];
  Outline *o = &x->outline;
  *e = outline_read(k, x->cid, head, o);
  buf_clear(&x->bytes);
  if (!*e) *e = transfer_head(k, x->cid, head, &x->bytes);
  if (*e) return NULL;
  Line *line = line_new();
  line_set_text(line, "conversation", x->cid.ptr);
  line_set_number(line, "turn", o->turn);
  line_set_text(line, "minted", as_time(minted, o->minted_ms));
  buf_byte(&o->where, '\0');
  line_set_text(line, "frames", o->where.ptr);
  line_set_bytes(line, "head", buf_view(&x->bytes));
  line_set_list(line, "history");
  x->line = line;
  store_scan(x->h->store, STORE_POINT, slice((const char *)key, CID_RAW),
             see_point, x);
  return line;
}

/* Head and history are read one after the other: they belong together when the
 * head is still the same afterwards. */
static void export_one(Export *x, const uint8_t key[CID_RAW]) {
  char cid[CID_LEN + 1];
  cid_of(cid, key);
  x->cid = slice(cid, CID_LEN);
  Err e = ERR_CONFLICT;
  for (int i = 0; i < TRIES && e == ERR_CONFLICT; i++) {
    Blob *head, *again;
    uint64_t revision, then;
    e = store_load(x->h->store, key, &head, &revision);
    if (e == ERR_NOT_FOUND) return; /* it has ended */
    if (e) break;
    Line *line = make_line(x, key, blob_view(head), &e);
    blob_drop(head);
    if (e) break;
    e = store_load(x->h->store, key, &again, &then);
    if (!e) blob_drop(again);
    if (e == ERR_NOT_FOUND || (!e && then != revision)) e = ERR_CONFLICT;
    if (e)
      line_free(line);
    else
      write_line(x, line);
  }
  if (!e) {
    x->n_conversations++;
    return;
  }
  leave_out(x, "conversation", cid,
            e == ERR_CONFLICT ? "changes again and again" : "is damaged");
}

static bool see_damaged(void *ud, Slice key, Slice row) {
  Export *x = ud;
  char cid[CID_LEN + 1];
  (void)row;
  if (key.len != CID_RAW) return true;
  cid_of(cid, (const uint8_t *)key.ptr);
  leave_out(x, "conversation", cid, "is damaged");
  return true;
}

static void export_conversations(Export *x) {
  StoreKeys keys = { .n = STORE_BATCH };
  uint8_t last[CID_RAW];
  for (const uint8_t *after = NULL; keys.n == STORE_BATCH && !x->failed;
       after = last) {
    store_keys(x->h->store, after, &keys);
    for (size_t i = 0; i < keys.n && !x->failed; i++) {
      export_one(x, keys.list[i]);
      progress_at(&x->progress, x->n_conversations);
    }
    if (keys.n) memcpy(last, keys.list[keys.n - 1], CID_RAW);
  }
  store_damaged(x->h->store, STORE_HEAD, see_damaged, x);
}

/* --- the whole --- */

static void export_all(Export *x) {
  Line *first = line_new();
  line_set_text(first, "stube", "export");
  line_set_number(first, "format", EXPORT_FORMAT);
  line_set_text(first, "version", STUBE_VERSION);
  write_line(x, first);
  export_rows(x);
  if (!x->failed) export_conversations(x);
  Line *last = line_new();
  line_set_number(last, "end", x->n_lines);
  write_line(x, last);
}

/* Tokens of owners are in it: nobody else may read it. */
static FILE *open_output(const StoreCmd *c) {
  if (!c->arg || strcmp(c->arg, "-") == 0) return stdout;
  int fd = open(c->arg, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  FILE *to = fd < 0 ? NULL : fdopen(fd, "w");
  if (!to) store_fail(c, "%s: %s", c->arg, strerror(errno));
  return to;
}

int store_export(const StoreCmd *c) {
  char a[32];
  Host *h = store_host(c);
  FILE *to = h ? open_output(c) : NULL;
  if (!to) {
    if (h) host_free(h);
    return STORE_BAD;
  }
  Export x = { .c = c, .h = h, .to = to };
  progress_begin(&x.progress, "exported", "conversations",
                 store_count(h->store));
  export_all(&x);
  progress_end(&x.progress);
  bool ok = fflush(to) == 0 && !x.failed;
  if (!ok) store_fail(c, "it cannot be written: %s", strerror(errno));
  if (to != stdout) {
    fsync(fileno(to));
    fclose(to);
    if (ok)
      printf("%s: %s conversations\n", c->arg,
             with_commas(a, x.n_conversations));
  }
  buf_free(&x.bytes);
  outline_free(&x.outline);
  host_free(h);
  return ok && !x.n_left_out ? STORE_OK : STORE_BAD;
}
