/* "Did you mean": the word that was most likely meant. Offer the candidates one
 * by one, in any order; equal ones go by name, so that a message never varies.
 */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include "base/base.h"

/* longer words are never near anything */
#define NEAREST_MAX 64

typedef struct Nearest {
  Slice wanted;
  Slice found; /* its ptr is NULL while nothing is near enough */
  size_t edits;
} Nearest;

static inline Nearest nearest_to(Slice wanted) {
  return (Nearest){ .wanted = wanted, .edits = SIZE_MAX };
}
/* `candidate` is borrowed until `found` was read. */
void nearest_try(Nearest *n, Slice candidate);

#endif
