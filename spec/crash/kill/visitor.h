/* One visitor who gives the numbers 1, 2, 3 ... to a conversation, one an
 * event, through every loss of the server, and holds it to what it
 * acknowledged:
 *
 *   mint -> (look ->) give n -> 204: n is acknowledged -> look or give n + 1
 * ...
 *
 * Each page must show the last number that was acknowledged, or the one given
 * since; an event is sent again, the same bytes, until it is answered, and the
 * page then shows it once. Some events' answers are thrown away, some
 * conversations end or are left for good. */
#ifndef KILL_VISITOR_H
#define KILL_VISITOR_H

#include "http.h"

/* The same numbers for the same seed. */
typedef struct Dice {
  uint64_t state;
} Dice;

uint64_t dice_below(Dice *d, uint64_t n); /* 0 .. n - 1 */

/* What a visitor left behind, still to be found. */
typedef struct Left {
  char *cid, *cookie; /* the cookie as a header line */
  uint64_t n;         /* the last number acknowledged */
} Left;

/* What happened, for all visitors. */
typedef struct Tally {
  uint64_t answers; /* of any kind */
  uint64_t acknowledged, minted, ended;
  uint64_t kept, lost;  /* unanswered events that were found done, or not */
  uint64_t thrown_away; /* answers */
  Left *left;
  size_t n_left, cap_left;
} Tally;

typedef enum VisitorState {
  AWAY,    /* no connection: until the next visitor_arrive */
  MINTING, /* waits for a new page */
  LOOKING, /* waits for the conversation's page */
  GIVING,  /* waits for an event's answer */
} VisitorState;

typedef struct Visitor {
  int number;
  Dice dice;
  Tally *tally;
  int port;
  Http http;
  VisitorState state;
  const char *path;   /* of its mount */
  char *cid, *cookie; /* NULL: no conversation yet */
  char *url;          /* where the next number goes */
  Buf post;           /* the event's request */
  uint64_t n;         /* the number given last */
  bool is_open;       /* it is not acknowledged */
  bool is_retried;    /* it was sent more than once */
  bool is_last;       /* it ends the conversation */
} Visitor;

void visitor_init(Visitor *v, int number, uint64_t seed, Tally *tally);
void visitor_free(Visitor *v);

/* Connects and goes on where it was. */
void visitor_arrive(Visitor *v, int port);
/* Takes what has arrived and goes on. False when it has left its connection:
 * v->state says whether it is away or on a new one. */
bool visitor_serve(Visitor *v);
/* The server was killed: takes what had arrived before that, and no more. */
void visitor_lose(Visitor *v);
/* Waits until nothing is open, gives nothing new, and checks what is shown. */
void visitor_settle(Visitor *v, int port);

/* Checks that what was left is there. */
void left_check(const Left *l, int port);

#endif
