#include "http/peers.h"

#include "base/hash.h"

#include <netinet/in.h>
#include <stdlib.h>

#define BUCKETS 1024

typedef struct PeerKey {
  uint64_t seed; /* so that nobody can choose addresses that collide */
  uint8_t prefix[8];
} PeerKey;

struct Peer {
  Peer *next; /* in its bucket */
  PeerKey key;
  size_t n;
};

struct Peers {
  uint64_t seed;
  Peer *buckets[BUCKETS];
};

Peers *peers_new(uint64_t seed) {
  Peers *p = xcalloc(1, sizeof *p);
  p->seed = seed;
  return p;
}

void peers_free(Peers *p) {
  for (size_t i = 0; i < BUCKETS; i++) ASSERT(!p->buckets[i]);
  free(p);
}

/* IPv4, also mapped into IPv6, is 0:4 bytes; IPv6 its upper half. */
static PeerKey key_of(uint64_t seed, const struct sockaddr *addr) {
  PeerKey key = { .seed = seed };
  if (addr->sa_family == AF_INET) {
    const struct sockaddr_in *in = (const void *)addr;
    memcpy(key.prefix + 4, &in->sin_addr, 4);
  } else if (addr->sa_family == AF_INET6) {
    const struct sockaddr_in6 *in6 = (const void *)addr;
    const uint8_t *bytes = in6->sin6_addr.s6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
      memcpy(key.prefix + 4, bytes + 12, 4);
    else
      memcpy(key.prefix, bytes, 8);
  }
  return key;
}

static Peer **bucket_of(Peers *p, const PeerKey *key) {
  uint64_t h = hash64(slice((const char *)key, sizeof *key));
  return &p->buckets[h % BUCKETS];
}

Peer *peers_enter(Peers *p, const struct sockaddr *addr, size_t max) {
  PeerKey key = key_of(p->seed, addr);
  Peer **bucket = bucket_of(p, &key);
  Peer *peer = *bucket;
  while (peer && memcmp(&peer->key, &key, sizeof key) != 0) peer = peer->next;
  if (peer ? peer->n >= max : max == 0) return NULL;
  if (!peer) {
    peer = xcalloc(1, sizeof *peer);
    *peer = (Peer){ *bucket, key, 0 };
    *bucket = peer;
  }
  peer->n++;
  return peer;
}

void peers_leave(Peers *p, Peer *peer) {
  ASSERT(peer->n > 0);
  if (--peer->n) return;
  Peer **link = bucket_of(p, &peer->key);
  while (*link != peer) link = &(*link)->next;
  *link = peer->next;
  free(peer);
}
