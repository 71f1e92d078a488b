/* How many connections each address has. An IPv6 address counts with its whole
 * /64, which is what one subscriber gets. */
#ifndef HTTP_PEERS_H
#define HTTP_PEERS_H

#include "base/base.h"

struct sockaddr;
typedef struct Peers Peers;
typedef struct Peer Peer;

Peers *peers_new(uint64_t seed);
void peers_free(Peers *p); /* nobody may be counted any more */

/* Counts one more for this address, or returns NULL when it has `max`. */
Peer *peers_enter(Peers *p, const struct sockaddr *addr, size_t max);
void peers_leave(Peers *p, Peer *peer);

#endif
