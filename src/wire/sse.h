/* Datastar 1.0 events as Server-Sent-Events text: fields in the order event, id,
 * retry, data; defaults left out. */
#ifndef WIRE_SSE_H
#define WIRE_SSE_H

#include "base/buf.h"

typedef struct SseMeta {
  Slice id;          /* or empty */
  uint32_t retry_ms; /* 0 or SSE_RETRY_DEFAULT: not written */
} SseMeta;

typedef enum SseMode {
  SSE_OUTER, SSE_INNER, SSE_REPLACE, SSE_PREPEND, SSE_APPEND, SSE_BEFORE,
  SSE_AFTER, SSE_REMOVE,
  SSE_MODE_COUNT
} SseMode;

/* NULL is SSE_OUTER; SSE_MODE_COUNT for no mode. */
SseMode sse_mode_named(const char *name);

typedef struct SseElements {
  Slice elements; /* may have several lines */
  Slice selector; /* or empty */
  SseMode mode;
  Slice namespace; /* "svg", "mathml", or empty */
  bool use_view_transition;
} SseElements;

void sse_patch_elements(Buf *out, const SseMeta *meta, const SseElements *e);
/* `json` may have several lines. */
void sse_patch_signals(Buf *out, const SseMeta *meta, Slice json,
                       bool only_if_missing);

typedef struct SseScript {
  Slice script;
  bool keep; /* leave the element in the page when it has run */
  const Slice *attributes; /* `name="value"`, as they are written */
  size_t n_attributes;
} SseScript;

void sse_script(Buf *out, const SseMeta *meta, const SseScript *s);
static inline void sse_execute_script(Buf *out, const SseMeta *meta,
                                      Slice script) {
  sse_script(out, meta, &(SseScript){ .script = script });
}

/* Any event with one line of data. */
void sse_event(Buf *out, const SseMeta *meta, Slice name, Slice data);

#endif
