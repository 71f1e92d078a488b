/* What parsers disagree about in a request's head is refused here: first in its
 * bytes, before any parser sees them, then in its headers. Pure.
 *
 * Lines must end in CR LF, and neither byte may stand anywhere else; no line
 * may begin with a blank (obs-fold); the request line has two single blanks and
 * a version 1.0 or 1.1. Grammar inside the lines is the parser's business. */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include "base/err.h"
#include "http/server.h"

typedef struct HeadScan {
  size_t at;         /* where the line being looked for begins */
  size_t line_at;    /* where the request line begins: after empty lines */
  size_t lines;      /* whole lines so far, the request line among them */
  size_t headers_at; /* where header lines begin */
} HeadScan;

typedef enum HeadResult { HEAD_MORE, HEAD_DONE, HEAD_REFUSED } HeadResult;

/* `in` begins where it began in the calls before for this head, and may be
 * longer. HEAD_DONE: the head is the first `h->at` bytes, h->lines - 1 headers
 * are in it. HEAD_REFUSED: `*err` says why. */
HeadResult head_scan(HeadScan *h, Slice in, const HttpLimits *limits, Err *err);

typedef struct HeadFacts {
  Slice host;
  bool is_chunked;
  bool wants_continue;
} HeadFacts;

/* One Host at most, one on HTTP/1.1; one length or one coding, and that
 * "chunked". Takes the blanks off the end of each value. */
Err head_check(HttpHeader *headers, size_t n, int minor, HeadFacts *out);

#endif
