/* `stube store check`: every record is read, nothing is changed. It may run
 * beside a server, so a conversation that seems wrong is read again when it has
 * changed meanwhile. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/storecmd.h"
#include "kernel/inspect.h"
#include "lua/loader.h"

#define TRIES 20     /* of a conversation that changes meanwhile */
#define SAID_MAX 100 /* lines of each kind; then they are counted only */

typedef enum Trouble { DAMAGED, NO_CODE, STRAY, TROUBLES } Trouble;

typedef struct Check {
  const StoreCmd *c;
  Host *h;
  Progress progress;
  uint64_t n_conversations, n_code;
  uint64_t n_restless; /* that changed too often to be judged */
  uint64_t n[TROUBLES];
  const char *table; /* whose rows are looked at */
  Buf lost;          /* ids that were met, and then not found */
  Buf why;
} Check;

static void say(Check *k, Trouble trouble, const char *what, const char *which,
                Slice why) {
  progress_end(&k->progress);
  if (k->n[trouble]++ < SAID_MAX)
    printf("%s %s: %.*s\n", what, which, (int)why.len, why.ptr);
}

/* --- conversations --- */

/* Reads it until it is sound, or the same revision is wrong twice: in between
 * its server may have changed what was read last. */
static void check_one(Check *k, const uint8_t key[CID_RAW]) {
  char cid[CID_LEN + 1];
  uint64_t revision = 0, before = 0;
  Err e = OK;
  bool is_sure = false;
  cid_of(cid, key);
  for (int tries = 0; tries < TRIES && !is_sure; tries++) {
    Blob *head;
    Err there = store_load(k->h->store, key, &head, &revision);
    if (there == ERR_NOT_FOUND) buf_put(&k->lost, key, CID_RAW);
    if (there) return; /* ended; or damaged, which is told with the rows */
    buf_clear(&k->why);
    e = inspect_check(k->h->kernel, slice(cid, CID_LEN), blob_view(head),
                      &k->why);
    blob_drop(head);
    is_sure = !e || revision == before;
    before = revision;
  }
  k->n_conversations++;
  if (!is_sure)
    k->n_restless++;
  else if (e)
    say(k, e == ERR_NOT_FOUND || e == ERR_CONFLICT ? NO_CODE : DAMAGED,
        "conversation", cid, buf_view(&k->why));
}

/* Calls `see` for each id that a scan meets. */
static void each_key(Check *k, void (*see)(Check *k, const uint8_t *key)) {
  StoreKeys keys = { .n = STORE_BATCH };
  uint8_t last[CID_RAW];
  for (const uint8_t *after = NULL; keys.n == STORE_BATCH; after = last) {
    store_keys(k->h->store, after, &keys);
    for (size_t i = 0; i < keys.n; i++) see(k, keys.list[i]);
    if (keys.n) memcpy(last, keys.list[keys.n - 1], CID_RAW);
  }
}

static void see_conversation(Check *k, const uint8_t *key) {
  check_one(k, key);
  progress_at(&k->progress, k->n_conversations);
}

/* One that a scan meets and who asks for it does not find has not ended: the
 * way to it is wrong. */
static void see_again(Check *k, const uint8_t *key) {
  for (size_t i = 0; i < k->lost.len; i += CID_RAW) {
    if (memcmp(k->lost.ptr + i, key, CID_RAW) != 0) continue;
    char cid[CID_LEN + 1];
    cid_of(cid, key);
    say(k, DAMAGED, "conversation", cid, SLICE("it cannot be found by its id"));
  }
}

static void check_conversations(Check *k) {
  each_key(k, see_conversation);
  if (k->lost.len) each_key(k, see_again);
}

/* --- rows --- */

static void hex(char *out, Slice s) {
  size_t n = s.len < 40 ? s.len : 40;
  for (size_t i = 0; i < n; i++)
    snprintf(out + 2 * i, 3, "%02x", (unsigned char)s.ptr[i]);
  out[2 * n] = '\0';
}

/* The id of the conversation that a row's key begins or ends with. */
static void name_of(char out[96], Slice key) {
  if (key.len >= CID_RAW && key.len <= CID_RAW + 8) {
    cid_of(out, (const uint8_t *)key.ptr);
    return;
  }
  hex(out, key);
}

static bool see_damaged(void *ud, Slice key, Slice row) {
  Check *k = ud;
  char name[96];
  (void)row;
  name_of(name, key);
  say(k, DAMAGED, k->table, name, SLICE("its checksum is wrong"));
  return true;
}

static bool see_code(void *ud, Slice key, Slice row) {
  Check *k = ud;
  Chunk chunk;
  char name[96];
  k->n_code++;
  if (key.len == DIGEST_BYTES && !chunk_read(row, &chunk)) {
    free(chunk.needs);
    return true;
  }
  hex(name, key);
  say(k, DAMAGED, "code", name, SLICE("it cannot be read"));
  return true;
}

/* A message's key is its topic, NUL, its sequence; an atom's value has its
 * version first. */
static bool see_plain(void *ud, Slice key, Slice row) {
  Check *k = ud;
  char name[96];
  Slice in = row;
  uint64_t version;
  bool is_atom = strcmp(k->table, "atom") == 0;
  bool ok = is_atom ? !take_varint(&in, &version)
                    : key.len > 8 && key.ptr[key.len - 9] == '\0';
  if (ok && !inspect_plain(k->h->kernel, in)) return true;
  hex(name, key);
  say(k, DAMAGED, k->table, name, SLICE("it cannot be read"));
  return true;
}

/* Keys of rows that belong to a conversation; looked at after the scan, which
 * lets nobody use the store. */
typedef struct Strays {
  Check *k;
  size_t at; /* where in a key the id is; SIZE_MAX: at its end */
  uint8_t last[CID_RAW];
  bool has_last;
  Buf keys;
} Strays;

static bool see_row(void *ud, Slice key, Slice row) {
  Strays *s = ud;
  (void)row;
  if (key.len < CID_RAW) return true;
  const char *cid = key.ptr + (s->at == SIZE_MAX ? key.len - CID_RAW : s->at);
  if (s->has_last && memcmp(s->last, cid, CID_RAW) == 0) return true;
  memcpy(s->last, cid, CID_RAW);
  s->has_last = true;
  buf_put(&s->keys, cid, CID_RAW);
  return true;
}

static void check_owners(Check *k, StoreTable table, const char *name,
                         size_t at) {
  Strays s = { .k = k, .at = at };
  store_scan(k->h->store, table, (Slice){ 0 }, see_row, &s);
  for (size_t i = 0; i < s.keys.len; i += CID_RAW) {
    const uint8_t *key = (const uint8_t *)s.keys.ptr + i;
    Blob *head;
    uint64_t revision;
    Err e = store_load(k->h->store, key, &head, &revision);
    if (!e) blob_drop(head);
    if (e != ERR_NOT_FOUND) continue;
    char cid[CID_LEN + 1];
    cid_of(cid, key);
    say(k, STRAY, name, cid, SLICE("its conversation is not there"));
  }
  buf_free(&s.keys);
}

/* A timer row says when its conversation wakes. It may have been changed since
 * it was met; only one that stays wrong is. */
static bool is_stale(Check *k, const char cid[CID_LEN + 1], Slice row) {
  Outline o = { 0 };
  uint8_t key[CID_RAW];
  uint64_t due = 0, revision = 0, before;
  for (int i = 0; i < 8; i++) due = due << 8 | (uint8_t)row.ptr[i];
  bool is_wrong = cid_raw(slice(cid, CID_LEN), key);
  ASSERT(is_wrong);
  do {
    Blob *head, *there;
    before = revision;
    is_wrong = !store_get(k->h->store, STORE_DUE, row, &there);
    if (is_wrong) blob_drop(there);
    is_wrong = is_wrong && !store_load(k->h->store, key, &head, &revision);
    if (!is_wrong) break;
    Err e = outline_read(k->h->kernel, slice(cid, CID_LEN), blob_view(head),
                         &o);
    blob_drop(head);
    is_wrong = !e && (due ? o.due_ms != due : !o.n_ios);
  } while (is_wrong && revision != before);
  outline_free(&o);
  return is_wrong;
}

static bool see_due(void *ud, Slice key, Slice row) {
  (void)row;
  if (key.len == 8 + CID_RAW) buf_put(ud, key.ptr, key.len);
  return true;
}

static void check_due(Check *k) {
  Buf keys = { 0 };
  char cid[CID_LEN + 1];
  store_scan(k->h->store, STORE_DUE, (Slice){ 0 }, see_due, &keys);
  for (size_t i = 0; i < keys.len; i += 8 + CID_RAW) {
    cid_of(cid, (const uint8_t *)keys.ptr + i + 8);
    if (is_stale(k, cid, slice(keys.ptr + i, 8 + CID_RAW)))
      say(k, STRAY, "timer row of", cid, SLICE("it wakes at another time"));
  }
  buf_free(&keys);
}

static const struct {
  StoreTable table;
  const char *name;
} tables[] = {
  { STORE_HEAD, "conversation" },  { STORE_POINT, "history of" },
  { STORE_CODE, "code" },          { STORE_DUE, "timer row" },
  { STORE_TOPIC, "subscription" }, { STORE_MSG, "message" },
  { STORE_ATOM, "atom" },          { STORE_META, "note" },
  { STORE_SEEN, "visit" },
};

static void check_rows(Check *k) {
  for (size_t i = 0; i < countof(tables); i++) {
    k->table = tables[i].name;
    store_damaged(k->h->store, tables[i].table, see_damaged, k);
  }
  store_scan(k->h->store, STORE_CODE, (Slice){ 0 }, see_code, k);
  k->table = "message";
  store_scan(k->h->store, STORE_MSG, (Slice){ 0 }, see_plain, k);
  k->table = "atom";
  store_scan(k->h->store, STORE_ATOM, (Slice){ 0 }, see_plain, k);
  check_due(k);
  check_owners(k, STORE_POINT, "history of", 0);
  check_owners(k, STORE_DUE, "timer row of", SIZE_MAX);
  check_owners(k, STORE_SEEN, "visit of", SIZE_MAX);
  check_owners(k, STORE_TOPIC, "subscription of", SIZE_MAX);
}

/* --- the whole --- */

static int sum_up(const Check *k) {
  static const char *const words[TROUBLES] = { "damaged", "without their code",
                                               "stray rows" };
  char a[32], b[32];
  bool ok = true;
  printf("%s conversations, %s files of code",
         with_commas(a, k->n_conversations), with_commas(b, k->n_code));
  for (int i = 0; i < TROUBLES; i++) {
    if (!k->n[i]) continue;
    printf(", %s %s", with_commas(a, k->n[i]), words[i]);
    ok = false;
  }
  puts(ok ? ", all sound" : "");
  if (k->n_restless)
    printf("%s changed too often to be judged\n",
           with_commas(a, k->n_restless));
  return ok ? STORE_OK : STORE_BAD;
}

static int check_all(const StoreCmd *c) {
  Host *h = store_host(c);
  if (!h) return STORE_BAD;
  Check k = { .c = c, .h = h };
  progress_begin(&k.progress, "checked", "conversations",
                 store_count(h->store));
  check_conversations(&k);
  check_rows(&k);
  progress_end(&k.progress);
  int code = sum_up(&k);
  buf_free(&k.why);
  buf_free(&k.lost);
  host_free(h);
  return code;
}

/* LMDB believes the pages it reads, so a damaged one may bring down who reads
 * it: a process of its own, and the answer is that. */
int store_check(const StoreCmd *c) {
  int status;
  fflush(NULL);
  pid_t pid = fork();
  if (pid < 0) return store_fail(c, "fork: %s", strerror(errno));
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int code = check_all(c);
    fflush(NULL);
    _exit(code);
  }
  while (waitpid(pid, &status, 0) != pid)
    if (errno != EINTR) return store_fail(c, "%s", strerror(errno));
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  return store_fail(c,
                    "the file %s/data.mdb itself is damaged: reading it ended "
                    "with signal %d (%s)",
                    c->dir, WTERMSIG(status), strsignal(WTERMSIG(status)));
}
