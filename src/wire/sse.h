/* Events of a stream, as Datastar 1.0 reads them: one fragment in, one framed
 * event out.
 *
 * Everything is appended to a Buf and never fails by itself. Fields stand in
 * the order event, id, retry, data; what equals Datastar's default is left out.
 * Text may span lines (LF, CRLF, CR): each becomes a data line of its own. */
#ifndef WIRE_SSE_H
#define WIRE_SSE_H

#include "base/buf.h"

/* What any event may carry; zero-initialised carries nothing. */
typedef struct SseHead {
  Slice id;          /* "17.2"; empty: none */
  uint32_t retry_ms; /* 0, or SSE_RETRY_DEFAULT: not written */
} SseHead;

typedef enum SseMode {
  SSE_OUTER, /* the default: morphs the element with the same id */
  SSE_INNER,
  SSE_REPLACE,
  SSE_PREPEND,
  SSE_APPEND,
  SSE_BEFORE,
  SSE_AFTER,
  SSE_REMOVE,
} SseMode;

typedef enum SseNamespace { SSE_HTML, SSE_SVG, SSE_MATHML } SseNamespace;

typedef struct SseElements {
  Slice html;     /* may be empty with SSE_REMOVE */
  Slice selector; /* empty: by id */
  SseMode mode;
  SseNamespace ns;
  bool use_view_transition;
} SseElements;

typedef struct SseAttribute {
  Slice name, value; /* the name is written as it stands */
} SseAttribute;

typedef struct SseScript {
  Slice js;
  bool stays; /* else the element removes itself once it has run */
  const SseAttribute *attributes;
  size_t nattributes;
} SseScript;

void sse_elements(Buf *out, SseHead head, const SseElements *e);
/* `json` is an object; a null in it removes that signal. */
void sse_signals(Buf *out, SseHead head, Slice json, bool only_if_missing);
void sse_script(Buf *out, SseHead head, const SseScript *script);
/* An event of our own, such as stube-close. */
void sse_event(Buf *out, SseHead head, Slice event, Slice data);
/* Nothing but the id, which a client that comes back says all the same. */
void sse_id(Buf *out, SseHead head);
/* A comment line, which keeps the stream alive. */
void sse_comment(Buf *out, Slice text);

/* The mode of this name ("append"); false when there is none. */
bool sse_mode(Slice name, SseMode *out);

#endif
