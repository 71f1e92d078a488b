/* A visitor with one counter, who knows what was acknowledged. Each call ends
 * the program (fail) when an answer is not one of those it may be. */
#ifndef DISK_GUEST_H
#define DISK_GUEST_H

#include "http.h"

typedef struct Guest {
  char *cid, *cookie; /* the cookie as a header line */
  char *url;          /* where events go */
  uint64_t n;         /* the last event acknowledged */
  bool is_open;       /* one was sent since, and not answered */
} Guest;

/* Gets a conversation. False when the server is gone. */
bool guest_arrive(Guest *g, int port);
/* Sends an event; 204, 503 (which says when to come again), or 0 when the
 * server is gone. */
int guest_give(Guest *g, int port, const char *how);
/* The page is there and shows what was acknowledged, and the event that is
 * open or not. False when the server is gone. */
bool guest_look(Guest *g, int port);
void guest_free(Guest *g);

#endif
