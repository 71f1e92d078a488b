/* One open Server-Sent-Events response: bytes out until either side ends it.
 *
 * What is written during one loop iteration leaves in one chunk. A client that
 * does not read costs at most limits.unsent bytes, then it is cut; it comes
 * back by itself. Silence is broken by comment lines. */
#ifndef HTTP_STREAM_H
#define HTTP_STREAM_H

#include "http/req.h"

typedef struct Stream Stream;

/* Answers `req` with 200 and an open body: Content-Type, Cache-Control and
 * X-Accel-Buffering are set here, `headers` come besides. The request is ended
 * by this call, as by any answer. Returns NULL, and calls nothing, when there
 * is nobody to stream to: the connection died, the method is HEAD, or the
 * server is draining (then it answers 503).
 *
 * `on_close` is called once when the stream ends by anything but stream_close:
 * the client left, lagged too far, or the server is draining. It is called from
 * the loop, never from within a call to this module; after it `s` is invalid.
 */
Stream *stream_start(HttpReq *req, const HttpHeader *headers, size_t n,
                     void (*on_close)(void *ud), void *ud);

/* Sends a copy of whole events. When the client already lags and this would put
 * it more than limits.unsent bytes behind, the stream is cut (on_close
 * follows); one write is always taken by a client that does not lag, whatever
 * its length. Does nothing on a stream that is cut. */
void stream_write(Stream *s, Slice events);

/* Ends it; `s` is invalid on return and on_close will not be called. Clean:
 * what was written arrives, then the final chunk. Else: what the socket takes
 * at once arrives, and the connection is cut without the final chunk, so that
 * the client reconnects. */
void stream_close(Stream *s, bool clean);

/* Bytes written that the socket has not taken yet. */
size_t stream_unsent(const Stream *s);

#endif
