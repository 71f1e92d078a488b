/* One visitor's conversation, as a browser would hold it: the page, its stream
 * on one connection, its events on another.
 *
 * A round trip is one event from the POST until both its answer (204) and its
 * patch have come. The components of app.lua show in an <output> how often they
 * were clicked, so each patch must show one more than the last: an event that
 * was lost, doubled or answered with an old page ends the benchmark. */
#ifndef BENCH_VISIT_H
#define BENCH_VISIT_H

#include "http.h"

typedef struct Visit {
  Http *main; /* page and events; visits may share one, one at a time */
  Http stream;
  unsigned from;    /* the address that the stream comes from, see http.h */
  Buf post;         /* the event's request, up to its number */
  uint64_t n;       /* events sent */
  uint64_t shown;   /* the number that the page shows */
  char seen[24];    /* id of the last event of the stream */
  bool is_answered; /* of the round trip under way, as the next two */
  bool is_patched;
  uint64_t sent_ns;
  size_t patch_bytes;  /* of its event on the stream */
  size_t answer_bytes; /* of its answer */
} Visit;

/* Elements inside #root, and so of the component: counted by their start tags.
 */
size_t page_elements(const Answer *page);

/* GETs a page over v->main, which is open, and opens the stream. Nothing but
 * `main` and `from` need be set. */
void visit_start(Visit *v, int port, const char *path);
/* Leaves: the stream is closed, v->main stays for the next. */
void visit_leave(Visit *v);

void visit_send(Visit *v);
/* Look at what was received; true when that ended the round trip. */
bool visit_take_answer(Visit *v);
bool visit_take_events(Visit *v);
/* One whole round trip. */
void visit_click(Visit *v);

#endif
