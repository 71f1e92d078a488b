/* Commits items to a store, some at a time, and notes each that is kept: a line
 * "k t" at the end of DIR/acks, written when `done` says so. A step that is
 * refused is tried again. Now and then it reads what was kept last, so that the
 * redo log goes to the database between many of them.
 *
 *   commits DIR SEED STEPS full|relaxed
 *
 * prints `kept=N refused=N`. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "model.h"

#define OUTSTANDING 16

typedef struct Conv {
  unsigned k, t; /* the step that is kept, or under way */
  bool busy;
} Conv;

static Conv convs[MODEL_CONVS];
static int acks = -1;
static unsigned n_kept, n_refused;
static Store *store;

static void on_kept(void *ud, Err e) {
  Conv *c = ud;
  char line[32];
  c->busy = false;
  if (e == ERR_UNAVAILABLE) {
    n_refused++;
    c->t--;
    return;
  }
  if (e) {
    fprintf(stderr, "commits: step %u of %u: %s\n", c->t, c->k, err_words(e));
    exit(1);
  }
  n_kept++;
  int n = snprintf(line, sizeof line, "%u %u\n", c->k, c->t);
  if (write(acks, line, (size_t)n) != n) exit(1);
}

static Blob *take(Buf *b) {
  Blob *blob = blob_new(buf_view(b));
  buf_free(b);
  return blob;
}

static void step(Conv *c) {
  StoreRow rows[4];
  size_t n = 0;
  Buf head = { 0 }, key = { 0 };
  StoreItem item = { .expected = model_revision(c->t) };
  model_key(item.key, c->k);
  model_due(&key, c->k, c->t++);
  rows[n++] = (StoreRow){ STORE_DUE, take(&key), NULL };
  model_due(&key, c->k, c->t);
  rows[n++] = (StoreRow){ STORE_DUE, take(&key), blob_new((Slice){ 0 }) };
  char name[12], value[12];
  snprintf(name, sizeof name, "%u", c->k);
  snprintf(value, sizeof value, "%u", c->t);
  rows[n++] = (StoreRow){ STORE_ATOM, blob_new(slice_str(name)),
                          blob_new(slice_str(value)) };
  if (model_has_head(c->t)) {
    model_head(&head, c->k, c->t);
    item.head = take(&head);
    model_point(&key, c->k, c->t);
    rows[n++] = (StoreRow){ STORE_POINT, take(&key),
                            blob_new(slice_str(value)) };
  }
  item.rows = rows;
  item.n_rows = n;
  c->busy = true;
  store_commit(store, &item, on_kept, c);
  blob_drop(item.head);
  for (size_t i = 0; i < n; i++) {
    blob_drop(rows[i].key);
    blob_drop(rows[i].value);
  }
}

static void claim(const Conv *c, bool holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "commits: %s of %u at step %u\n", what, c->k, c->t);
  exit(1);
}

/* Sees that it is there: the head at once, the atom when it is applied. */
static void read_back(const Conv *c) {
  uint8_t key[CID_RAW];
  char name[12], text[12];
  Blob *blob = NULL;
  uint64_t revision = 0;
  model_key(key, c->k);
  Err e = store_load(store, key, &blob, &revision);
  claim(c, e == (model_has_head(c->t) ? OK : ERR_NOT_FOUND), "the head");
  claim(c, revision == model_revision(c->t), "the revision");
  blob_drop(blob);
  if (!c->t) return;
  snprintf(name, sizeof name, "%u", c->k);
  snprintf(text, sizeof text, "%u", c->t);
  e = store_get(store, STORE_ATOM, slice_str(name), &blob);
  claim(c, !e && slice_is(blob_view(blob), text), "the atom");
  blob_drop(blob);
}

static void on_news(void *ud) { (void)ud; }

int main(int argc, char **argv) {
  char why[512], path[512];
  if (argc != 5) return 2;
  uint64_t random = mix(strtoull(argv[2], NULL, 10));
  unsigned left = (unsigned)strtoul(argv[3], NULL, 10);
  store = store_lmdb_open(argv[1], on_news, NULL, why, sizeof why);
  if (!store) {
    fprintf(stderr, "commits: %s\n", why);
    return 1;
  }
  store_set_relaxed(store, strcmp(argv[4], "relaxed") == 0);
  snprintf(path, sizeof path, "%s/acks", argv[1]);
  acks = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (acks < 0) return 1;
  for (unsigned k = 0; k < MODEL_CONVS; k++) convs[k].k = k + 1;
  while (left) {
    unsigned some = 1 + (unsigned)(draw(&random) % OUTSTANDING);
    for (; some && left; some--) {
      Conv *c = &convs[draw(&random) % MODEL_CONVS];
      if (c->busy) continue;
      step(c);
      left--;
    }
    if (draw(&random) % 4)
      store_poll(store);
    else
      store_settle(store); /* small batches too */
    const Conv *c = &convs[draw(&random) % MODEL_CONVS];
    if (!c->busy) read_back(c);
  }
  store_settle(store);
  printf("kept=%u refused=%u\n", n_kept, n_refused);
  fflush(stdout);
  _exit(0); /* without a close: nothing is tidied up */
}
