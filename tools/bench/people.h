/* The population of a store for the benchmark: conversations cloned from one
 * real one. Their ids are computed, so that nobody has to keep a list, and in
 * minting order, as real ones are. */
#ifndef BENCH_PEOPLE_H
#define BENCH_PEOPLE_H

#include "base/buf.h"
#include "base/hash.h"
#include "base/id.h"

/* The cid of the i-th; all were minted in 2023, and so before the first. */
void people_cid(uint64_t i, char cid[CID_LEN + 1]);

/* Beside the store, DIR/post: the request of the real one's event, as in
 * Visit.post; DIR/key is the host's secret. */
typedef struct People {
  uint64_t n;
  Buf post;
  uint8_t key[KEY_BYTES];
  /* where in `post` they stand */
  size_t cid, mac;
  /* what the event's URL says between them */
  uint32_t iid;
  Slice event;
} People;

void people_open(People *p, const char *dir, uint64_t n);
void people_save_post(const char *dir, Slice post);
/* Makes `post` the request for the i-th. */
void people_aim(People *p, uint64_t i);

#endif
