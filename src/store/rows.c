#include "store/rows.h"

#include <stdlib.h>

enum { LEVELS = 16 }; /* enough for 4^16 rows */

typedef struct Node {
  Blob *key, *value;
  struct Node *next[]; /* as many as it has levels */
} Node;

struct Rows {
  uint64_t dice; /* decides levels; the same rows give the same list */
  Node *first[LEVELS];
};

Rows *rows_new(void) {
  Rows *r = xcalloc(1, sizeof *r);
  r->dice = 88172645463325252u;
  return r;
}

static void free_node(Node *n) {
  blob_drop(n->key);
  blob_drop(n->value);
  free(n);
}

void rows_free(Rows *r) {
  if (!r) return;
  for (Node *n = r->first[0], *next; n; n = next) {
    next = n->next[0];
    free_node(n);
  }
  free(r);
}

static int compare(const Blob *key, Slice with) {
  size_t min = key->len < with.len ? key->len : with.len;
  int c = min ? memcmp(key->bytes, with.ptr, min) : 0;
  return c ? c : (key->len > with.len) - (key->len < with.len);
}

/* The links to the first node at or after `key`, one a level. */
static Node *find(Rows *r, Slice key, Node **links[LEVELS]) {
  Node **at = r->first;
  for (int level = LEVELS - 1; level >= 0; level--) {
    while (at[level] && compare(at[level]->key, key) < 0) at = at[level]->next;
    links[level] = &at[level];
  }
  return *links[0];
}

static int pick_level(Rows *r) {
  r->dice ^= r->dice << 13;
  r->dice ^= r->dice >> 7;
  r->dice ^= r->dice << 17;
  int n = 1;
  for (uint64_t d = r->dice; n < LEVELS && (d & 3) == 0; d >>= 2) n++;
  return n;
}

static void unlink_node(Node *n, Node **links[LEVELS]) {
  for (int level = 0; level < LEVELS && *links[level] == n; level++)
    *links[level] = n->next[level];
  free_node(n);
}

void rows_set(Rows *r, Slice key, Blob *value) {
  Node **links[LEVELS];
  Node *n = find(r, key, links);
  bool found = n && compare(n->key, key) == 0;
  if (!value) {
    if (found) unlink_node(n, links);
    return;
  }
  blob_hold(value);
  if (found) {
    blob_drop(n->value);
    n->value = value;
    return;
  }
  int levels = pick_level(r);
  n = xmalloc(sizeof *n + (size_t)levels * sizeof *n->next);
  n->key = blob_new(key);
  n->value = value;
  for (int level = 0; level < levels; level++) {
    n->next[level] = *links[level];
    *links[level] = n;
  }
}

Blob *rows_get(const Rows *r, Slice key) {
  Node **links[LEVELS];
  Node *n = find((Rows *)(uintptr_t)r, key, links);
  return n && compare(n->key, key) == 0 ? n->value : NULL;
}

void rows_scan(const Rows *r, Slice from, StoreSee see, void *ud) {
  Node **links[LEVELS];
  Node *n = find((Rows *)(uintptr_t)r, from, links);
  while (n && see(ud, blob_view(n->key), blob_view(n->value))) n = n->next[0];
}

void rows_drop(Rows *r, Slice prefix) {
  for (;;) {
    Node **links[LEVELS];
    Node *n = find(r, prefix, links);
    if (!n || !slice_starts(blob_view(n->key), prefix)) return;
    unlink_node(n, links);
  }
}
