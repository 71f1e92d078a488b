#include "base/nearest.h"

/* Edits between two short words; SIZE_MAX for long ones. Two letters the wrong
 * way round count as one. */
static size_t distance(Slice a, Slice b) {
  size_t rows[3][NEAREST_MAX + 1];
  if (a.len > NEAREST_MAX || b.len > NEAREST_MAX) return SIZE_MAX;
  size_t *before = rows[0], *last = rows[1], *row = rows[2];
  for (size_t j = 0; j <= b.len; j++) last[j] = j;
  for (size_t i = 1; i <= a.len; i++) {
    row[0] = i;
    for (size_t j = 1; j <= b.len; j++) {
      size_t best = last[j - 1] + (a.ptr[i - 1] != b.ptr[j - 1]);
      if (last[j] + 1 < best) best = last[j] + 1;
      if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
      bool swapped = i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] &&
                     a.ptr[i - 2] == b.ptr[j - 1];
      if (swapped && before[j - 2] + 1 < best) best = before[j - 2] + 1;
      row[j] = best;
    }
    size_t *spare = before;
    before = last;
    last = row;
    row = spare;
  }
  return last[b.len];
}

/* A third of the longer word may be wrong, and one letter more; but not all. */
void nearest_try(Nearest *n, Slice c) {
  size_t d = distance(n->wanted, c);
  size_t longer = n->wanted.len > c.len ? n->wanted.len : c.len;
  if (d > longer / 3 + 1 || d >= c.len || d > n->edits) return;
  if (d == n->edits) {
    size_t len = c.len < n->found.len ? c.len : n->found.len;
    int order = memcmp(c.ptr, n->found.ptr, len);
    if (order > 0 || (order == 0 && c.len >= n->found.len)) return;
  }
  n->edits = d;
  n->found = c;
}
