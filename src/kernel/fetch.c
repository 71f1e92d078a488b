/* Conversations that only the store knows, found without waiting for a disk.
 *
 *   kernel_fetch -> here already: found at once
 *                -> Fetch (one a cid, with all who wait) -> store_fetch ->
 * found
 *
 * What arrives may be old: the conversation was loaded by another way
 * meanwhile, changed, and left memory again (conv_unlist marks that). Then it
 * is read once more. */
#include <stdlib.h>

#include "kernel/state.h"

typedef struct Waiter {
  struct Waiter *next;
  KernelFound found;
  void *ud;
} Waiter;

struct ConvFetch {
  ConvFetch *next; /* of the same bucket */
  Kernel *kernel;
  char cid[CID_LEN];
  bool is_old; /* it left memory after the read had begun */
  Waiter *first, **last;
};

static ConvFetch **bucket(Kernel *k, Slice cid) {
  return &k->fetches[hash64(cid) % countof(k->fetches)];
}

static ConvFetch *find(Kernel *k, Slice cid) {
  ConvFetch *f = *bucket(k, cid);
  while (f && memcmp(f->cid, cid.ptr, CID_LEN) != 0) f = f->next;
  return f;
}

static void put_in(ConvFetch *f) {
  ConvFetch **b = bucket(f->kernel, slice(f->cid, CID_LEN));
  f->next = *b;
  *b = f;
}

static void take_out(ConvFetch *f) {
  ConvFetch **at = bucket(f->kernel, slice(f->cid, CID_LEN));
  while (*at != f) at = &(*at)->next;
  *at = f->next;
}

static void on_fetched(void *ud, Err e, Blob *head, uint64_t revision);

static void begin(ConvFetch *f) {
  uint8_t key[CID_RAW];
  bool ok = cid_raw(slice(f->cid, CID_LEN), key);
  ASSERT(ok);
  f->is_old = false;
  store_fetch(f->kernel->store, key, on_fetched, f);
}

/* Tells those who wait, one by one: what one of them does may make the
 * conversation leave memory under the next. False when it did. */
static bool tell(ConvFetch *f, Err e) {
  Kernel *k = f->kernel;
  while (f->first) {
    Waiter *w = f->first;
    Conv *c = kernel_known(k, slice(f->cid, CID_LEN));
    if (!c && !e) return false;
    f->first = w->next;
    w->found(w->ud, c, c ? OK : e);
    free(w);
  }
  return true;
}

static void on_fetched(void *ud, Err e, Blob *head, uint64_t revision) {
  ConvFetch *f = ud;
  Kernel *k = f->kernel;
  Slice cid = slice(f->cid, CID_LEN);
  bool is_new = !kernel_known(k, cid);
  if (is_new && f->is_old) {
    blob_drop(head);
    begin(f);
    return;
  }
  take_out(f); /* who asks from now on finds it, or begins anew */
  if (is_new && !e)
    e = conv_adopt(k, cid, head, revision) ? OK : ERR_IO;
  else
    blob_drop(head);
  if (!is_new) e = OK;
  if (!tell(f, e)) { /* for those who are left */
    put_in(f);
    begin(f);
    return;
  }
  Conv *c = kernel_known(k, cid);
  if (c && is_new) kernel_unfollowed(k, c); /* nobody had a use for it */
  free(f);
}

void kernel_fetch(Kernel *k, Slice cid, KernelFound found, void *ud) {
  uint8_t key[CID_RAW];
  Conv *c = kernel_known(k, cid);
  if (c || cid.len != CID_LEN || !cid_raw(cid, key)) {
    found(ud, c, c ? OK : ERR_NOT_FOUND);
    return;
  }
  Waiter *w = xcalloc(1, sizeof *w);
  *w = (Waiter){ NULL, found, ud };
  ConvFetch *f = find(k, cid);
  if (f) {
    *f->last = w;
    f->last = &w->next;
    return;
  }
  f = xcalloc(1, sizeof *f);
  *f = (ConvFetch){ .kernel = k, .first = w, .last = &w->next };
  memcpy(f->cid, cid.ptr, CID_LEN);
  put_in(f);
  begin(f);
}

void fetch_forget(Kernel *k, const Conv *c) {
  ConvFetch *f = *bucket(k, slice(c->cid, CID_LEN));
  for (; f; f = f->next)
    if (memcmp(f->cid, c->cid, CID_LEN) == 0) f->is_old = true;
}
