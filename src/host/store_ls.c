/* `stube store ls` and `show`. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/storecmd.h"
#include "kernel/inspect.h"

/* --- ls --- */

typedef struct Listing {
  Host *h;
  Outline outline;
  uint64_t n_damaged;
} Listing;

static void put_line(Listing *l, const uint8_t key[CID_RAW]) {
  char cid[CID_LEN + 1], minted[32];
  Blob *head;
  uint64_t revision;
  Outline *o = &l->outline;
  cid_of(cid, key);
  if (store_load(l->h->store, key, &head, &revision)) return; /* it has ended */
  Err e = outline_read(l->h->kernel, slice(cid, CID_LEN), blob_view(head), o);
  blob_drop(head);
  if (e) {
    l->n_damaged++;
    printf("%s  damaged\n", cid);
    return;
  }
  printf("%s %6llu  %s %8llu  %.*s\n", cid, (unsigned long long)o->turn,
         as_time(minted, o->minted_ms), (unsigned long long)o->bytes,
         (int)o->where.len, o->where.ptr);
}

/* The newest `limit` ids, oldest first, in a ring. */
typedef struct Newest {
  uint8_t (*ring)[CID_RAW];
  uint64_t limit, n;
} Newest;

static Newest find_newest(Store *s, uint64_t limit) {
  uint64_t all = store_count(s);
  Newest found = { .limit = limit && limit < all ? limit : all + STORE_BATCH };
  StoreKeys keys;
  const uint8_t *after = NULL;
  uint8_t last[CID_RAW];
  found.ring = xcalloc(found.limit, CID_RAW);
  for (;;) {
    store_keys(s, after, &keys);
    for (size_t i = 0; i < keys.n; i++)
      memcpy(found.ring[found.n++ % found.limit], keys.list[i], CID_RAW);
    if (keys.n < STORE_BATCH) return found;
    memcpy(last, keys.list[keys.n - 1], CID_RAW);
    after = last;
  }
}

static bool see_damaged(void *ud, Slice key, Slice row) {
  (void)key, (void)row;
  ++*(uint64_t *)ud;
  return true;
}

int store_ls(const StoreCmd *c) {
  Host *h = store_host(c);
  if (!h) return STORE_BAD;
  Listing l = { .h = h };
  Newest found = find_newest(h->store, c->limit);
  uint64_t shown = found.n < found.limit ? found.n : found.limit;
  char a[32], b[32];
  if (isatty(STDOUT_FILENO))
    printf("%-*s   turn  %-19s    bytes  frames\n", CID_LEN, "conversation",
           "minted (UTC)");
  for (uint64_t i = found.n - shown; i < found.n; i++)
    put_line(&l, found.ring[i % found.limit]);
  if (shown < found.n)
    fprintf(stderr, "%s of %s; --limit 0 shows all\n", with_commas(a, shown),
            with_commas(b, found.n));
  store_damaged(h->store, STORE_HEAD, see_damaged, &l.n_damaged);
  if (l.n_damaged)
    fprintf(stderr, "%s damaged; stube store check has more\n",
            with_commas(a, l.n_damaged));
  free(found.ring);
  outline_free(&l.outline);
  host_free(h);
  return STORE_OK;
}

/* --- show --- */

typedef struct Search {
  Slice prefix;
  uint8_t key[CID_RAW];
  size_t n;
  char first[2][CID_LEN + 1]; /* of what was found */
} Search;

static bool see_match(void *ud, Slice key, Slice head) {
  Search *s = ud;
  char cid[CID_LEN + 1];
  (void)head;
  cid_of(cid, (const uint8_t *)key.ptr);
  if (!slice_starts(slice(cid, CID_LEN), s->prefix)) return false;
  if (s->n == 0) memcpy(s->key, key.ptr, CID_RAW);
  memcpy(s->first[s->n++], cid, sizeof cid);
  return s->n < countof(s->first);
}

/* The conversation whose id begins with `text`. */
static bool find(const StoreCmd *c, Store *store, const char *text, Search *s) {
  char lowest[CID_LEN];
  uint8_t from[CID_RAW];
  size_t len = strlen(text);
  *s = (Search){ .prefix = slice(text, len) };
  memset(lowest, 'A', sizeof lowest);
  if (len <= CID_LEN) memcpy(lowest, text, len);
  if (len > CID_LEN || !cid_raw(slice(lowest, CID_LEN), from)) {
    store_fail(c, "%s is no id of a conversation", text);
    return false;
  }
  store_scan(store, STORE_HEAD, slice((const char *)from, CID_RAW), see_match,
             s);
  if (s->n == 1) return true;
  if (s->n)
    store_fail(c, "several conversations begin with %s: %s, %s ...", text,
               s->first[0], s->first[1]);
  else
    store_fail(c,
               "no conversation begins with %s (one that is damaged is "
               "found by `check`)",
               text);
  return false;
}

static int show_one(const StoreCmd *c, Host *h, const Search *s) {
  Blob *head;
  uint64_t revision;
  Buf out = { 0 }, why = { 0 };
  Err e = store_load(h->store, s->key, &head, &revision);
  if (e) return store_fail(c, "%s: %s", s->first[0], err_words(e));
  e = inspect_show(h->kernel, slice(s->first[0], CID_LEN), blob_view(head),
                   &out, &why);
  if (out.len) fwrite(out.ptr, 1, out.len, stdout);
  if (e) store_fail(c, "%.*s", (int)why.len, why.ptr);
  buf_free(&out);
  buf_free(&why);
  blob_drop(head);
  return e ? STORE_BAD : STORE_OK;
}

int store_show(const StoreCmd *c) {
  Search found;
  Host *h = store_host(c);
  if (!h) return STORE_BAD;
  int code = find(c, h->store, c->arg, &found) ? show_one(c, h, &found)
                                               : STORE_BAD;
  host_free(h);
  return code;
}
