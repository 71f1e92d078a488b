/* An answer of known length whose body comes piece by piece: a large file. No
 * more of it is in memory than one piece and what the socket holds back. */
#ifndef HTTP_FEED_H
#define HTTP_FEED_H

#include "http/req.h"

typedef struct Feed Feed;

/* Answers `req` with its head; `length` bytes of body follow. The request is
 * ended by this call, as by any answer.
 *
 * `more` is called, from the loop, each time the client has taken what there
 * was: one feed_write is owed then, now or later. `gone` is called once when
 * the connection ends before that; the Feed is gone too, and nothing more is
 * called. Returns NULL, and calls neither, when no body will be sent: HEAD,
 * nothing to send, nobody there. */
Feed *feed_start(HttpReq *req, int status, const HttpHeader *headers, size_t n,
                 uint64_t length, void (*more)(void *ud),
                 void (*gone)(void *ud), void *ud);

/* The next bytes: not none, and no more than are left. True once that was the
 * last of them, and the Feed is gone. */
bool feed_write(Feed *f, Slice piece);

/* What was promised cannot be had: cuts the connection, so that the client
 * notices. The Feed is gone; `gone` is not called. */
void feed_cut(Feed *f);

#endif
