/* Answers. Each call ends its request: no pointer into it is valid afterwards.
 *
 * Everything given is copied before the call returns. Answers may come in any
 * order and at any time, but on the loop's thread; a connection sends them in
 * the order of its requests. Those of one loop iteration share one write. The
 * Date, Content-Length and Connection headers are written here; HEAD, 204 and
 * 304 send no body, whatever is given. */
#ifndef HTTP_REPLY_H
#define HTTP_REPLY_H

#include "base/buf.h"
#include "base/err.h"
#include "http/req.h"

/* `status` is one of 200 to 599; anything else is sent as 500.
 * A header with an empty name stands for a pre-built block of whole lines, each
 * with its CRLF, written as they are: see http_headers_build. */
void http_reply(HttpReq *req, int status, const HttpHeader *headers, size_t n,
                Slice body);

/* A body for a person, HTML or JSON as the request's Accept prefers, never
 * cached: the status, its name, and `words` (escaped here; may be empty). */
void http_reply_error(HttpReq *req, int status, Slice words,
                      const HttpHeader *headers, size_t n);
/* The same with the status and the words of an Err; one that is for now says
 * when to come back. */
void http_reply_err(HttpReq *req, Err e);

/* A header of constant text, and a pre-built block as a header. */
#define HEADER(name, value) ((HttpHeader){ SLICE(name), SLICE(value) })
static inline HttpHeader http_block(Slice lines) {
  return (HttpHeader){ { NULL, 0 }, lines };
}

/* Appends the lines of a block that many answers share. Names and values that
 * could end a line or are no header at all fail: ERR_BAD_INPUT, nothing is
 * appended. (http_reply itself turns control characters in values into blanks
 * and leaves out headers with a bad name, and those it writes itself, so that
 * no answer can be split or framed twice.) */
Err http_headers_build(Buf *out, const HttpHeader *headers, size_t n);
/* Whether a header can be sent as it is. */
bool http_header_ok(HttpHeader h);

/* "Not Found"; "Unknown" for a number that is no status. */
const char *http_status_words(int status);

#endif
