#include "wire/sse.h"

#include <strings.h>

#include "base/limits.h"

static const char *const modes[] = { "outer",  "inner",  "replace", "prepend",
                                     "append", "before", "after",   "remove" };

SseMode sse_mode_named(const char *name) {
  if (!name) return SSE_OUTER;
  for (int i = 0; i < SSE_MODE_COUNT; i++)
    if (strcmp(modes[i], name) == 0) return (SseMode)i;
  return SSE_MODE_COUNT;
}

/* An id or a name with a line end in it would forge fields. */
static void put_field(Buf *out, const char *field, Slice value) {
  buf_puts(out, field);
  for (size_t i = 0; i < value.len; i++)
    if (value.ptr[i] != '\n' && value.ptr[i] != '\r')
      buf_byte(out, value.ptr[i]);
  buf_byte(out, '\n');
}

static void put_start(Buf *out, const SseMeta *meta, Slice event) {
  put_field(out, "event: ", event);
  if (meta->id.len) put_field(out, "id: ", meta->id);
  if (meta->retry_ms && meta->retry_ms != SSE_RETRY_DEFAULT) {
    buf_lit(out, "retry: ");
    buf_uint(out, meta->retry_ms);
    buf_byte(out, '\n');
  }
}

/* One `data: <key> ` line for each line of the text. CR, LF and CR LF all end a line
 * in an event stream, so all three do here. */
static void put_lines(Buf *out, const char *prefix, Slice text) {
  while (text.len) {
    size_t n = 0;
    while (n < text.len && text.ptr[n] != '\n' && text.ptr[n] != '\r') n++;
    buf_puts(out, prefix);
    buf_put(out, text.ptr, n);
    buf_byte(out, '\n');
    if (n == text.len) return;
    size_t end = text.ptr[n] == '\r' && n + 1 < text.len &&
                         text.ptr[n + 1] == '\n' ? 2 : 1;
    text = slice(text.ptr + n + end, text.len - n - end);
    if (!text.len) { /* the text ends with a line end: an empty last line */
      buf_puts(out, prefix);
      buf_byte(out, '\n');
    }
  }
}

void sse_patch_elements(Buf *out, const SseMeta *meta, const SseElements *e) {
  put_start(out, meta, SLICE("datastar-patch-elements"));
  if (e->mode != SSE_OUTER && e->mode < SSE_MODE_COUNT)
    put_field(out, "data: mode ", slice_str(modes[e->mode]));
  if (e->selector.len) put_field(out, "data: selector ", e->selector);
  if (e->use_view_transition) buf_lit(out, "data: useViewTransition true\n");
  if (e->namespace.len) put_field(out, "data: namespace ", e->namespace);
  put_lines(out, "data: elements ", e->elements);
  buf_byte(out, '\n');
}

void sse_patch_signals(Buf *out, const SseMeta *meta, Slice json,
                       bool only_if_missing) {
  put_start(out, meta, SLICE("datastar-patch-signals"));
  if (only_if_missing) buf_lit(out, "data: onlyIfMissing true\n");
  put_lines(out, "data: signals ", json);
  buf_byte(out, '\n');
}

void sse_script(Buf *out, const SseMeta *meta, const SseScript *s) {
  put_start(out, meta, SLICE("datastar-patch-elements"));
  buf_lit(out, "data: mode append\ndata: selector body\ndata: elements <script");
  for (size_t i = 0; i < s->n_attributes; i++) {
    buf_byte(out, ' ');
    buf_slice(out, s->attributes[i]);
  }
  if (!s->keep) buf_lit(out, " data-effect=\"el.remove()\"");
  buf_byte(out, '>');
  /* The first line goes on behind the tag, `</script` cannot end it early. */
  Buf body = { 0 };
  for (size_t i = 0; i < s->script.len; i++) {
    if (s->script.len - i >= 8 &&
        strncasecmp(s->script.ptr + i, "</script", 8) == 0)
      buf_lit(&body, "<\\"), i++;
    buf_byte(&body, s->script.ptr[i]);
  }
  buf_lit(&body, "</script>");
  Slice text = buf_view(&body);
  size_t n = 0;
  while (n < text.len && text.ptr[n] != '\n' && text.ptr[n] != '\r') n++;
  buf_put(out, text.ptr, n);
  buf_byte(out, '\n');
  if (n < text.len) {
    size_t end = text.ptr[n] == '\r' && text.ptr[n + 1] == '\n' ? 2 : 1;
    put_lines(out, "data: elements ", slice(text.ptr + n + end,
                                            text.len - n - end));
  }
  buf_byte(out, '\n');
  buf_free(&body);
}

void sse_event(Buf *out, const SseMeta *meta, Slice name, Slice data) {
  put_start(out, meta, name);
  put_field(out, "data: ", data);
  buf_byte(out, '\n');
}
