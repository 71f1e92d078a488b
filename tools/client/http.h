/* As much of an HTTP client as measuring and crashing take: one connection to
 * 127.0.0.1, answers with a length or in chunks, and an event stream.
 *
 * It is strict where a mistake would flatter a server, and ends the program
 * (fail) on anything it does not expect. Slices point into the connection: they
 * are valid until it is next read from. */
#ifndef CLIENT_HTTP_H
#define CLIENT_HTTP_H

#include "base/base.h"
#include "base/buf.h"

typedef struct Http {
  int fd;
  Buf in;          /* arrived, in front of it what was taken */
  size_t taken;    /* bytes of `in` that are done with */
  Buf text;        /* what was inside chunks */
  size_t read;     /* bytes of `text` that are done with */
  bool is_chunked; /* of the answer under way, as the next two */
  size_t left;    /* bytes still to come of the present chunk, CR LF included */
  bool has_ended; /* the last chunk was seen */
} Http;

typedef struct Answer {
  int status;
  Slice head; /* status line and headers, the empty line too */
  Slice body;
} Answer;

void http_open(Http *h, int port);
/* The same from 127.0.0.1 + n: servers count connections by address. */
void http_open_from(Http *h, int port, unsigned n);
/* The same; false when nobody listens there. */
bool http_try_open(Http *h, int port);
void http_close(Http *h);

/* A request fits the socket's buffer, so it is sent whole or not at all. */
void http_send(Http *h, Slice request);
/* The same; false when the server is gone. */
bool http_try_send(Http *h, Slice request);

/* Takes what has arrived; the connection must not have been closed. */
void http_recv(Http *h);
/* The same; false once it has been closed and nothing is left to take. */
bool http_try_recv(Http *h);
/* The same, waiting for it, 10 s at most. */
void http_wait(Http *h);

/* The next answer, if it is there as a whole. */
bool http_answer(Http *h, Answer *a);
void http_expect(Http *h, int status, Answer *a); /* waits for it */

/* The head of the answer that opens a stream, then one event after the other,
 * each with its empty line. Comments are passed over. */
bool http_stream(Http *h, Answer *a);
bool http_event(Http *h, Slice *event);

/* --- finding things in text --- */
/* What stands after `before`, up to `end`; empty when there is none. */
Slice between(Slice text, const char *before, char end);
/* A header's value, by its name in lower case. */
Slice header(Slice head, const char *name);
/* Says what came, and ends the program. */
_Noreturn void unexpected(const char *what, Slice came);

#endif
