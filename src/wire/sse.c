/* A line break inside a field would end it: names and selectors lose theirs,
 * text is cut into one data line each. */
#include "wire/sse.h"

#include "base/limits.h"
#include "html/html.h"

static const Slice modes[] = {
  [SSE_OUTER] = SLICE_INIT("outer"),     [SSE_INNER] = SLICE_INIT("inner"),
  [SSE_REPLACE] = SLICE_INIT("replace"), [SSE_PREPEND] = SLICE_INIT("prepend"),
  [SSE_APPEND] = SLICE_INIT("append"),   [SSE_BEFORE] = SLICE_INIT("before"),
  [SSE_AFTER] = SLICE_INIT("after"),     [SSE_REMOVE] = SLICE_INIT("remove"),
};

static const Slice namespaces[] = {
  [SSE_HTML] = SLICE_INIT("html"),
  [SSE_SVG] = SLICE_INIT("svg"),
  [SSE_MATHML] = SLICE_INIT("mathml"),
};

bool sse_mode(Slice name, SseMode *out) {
  for (size_t i = 0; i < countof(modes); i++) {
    if (!slice_eq(name, modes[i])) continue;
    *out = (SseMode)i;
    return true;
  }
  return false;
}

/* Text that stands within one line. */
static void put_word(Buf *out, Slice s) {
  for (size_t i = 0; i < s.len; i++) {
    char c = s.ptr[i];
    buf_byte(out, c == '\n' || c == '\r' || c == '\0' ? ' ' : c);
  }
}

static void put_field(Buf *out, Slice name, Slice value) {
  buf_slice(out, name);
  buf_lit(out, ": ");
  put_word(out, value);
  buf_byte(out, '\n');
}

static void put_head(Buf *out, Slice event, SseHead head) {
  put_field(out, SLICE("event"), event);
  if (head.id.len) put_field(out, SLICE("id"), head.id);
  if (head.retry_ms && head.retry_ms != SSE_RETRY_DEFAULT) {
    buf_lit(out, "retry: ");
    buf_uint(out, head.retry_ms);
    buf_byte(out, '\n');
  }
}

static void put_data(Buf *out, Slice key, Slice value) {
  buf_lit(out, "data: ");
  buf_slice(out, key);
  buf_byte(out, ' ');
  put_word(out, value);
  buf_byte(out, '\n');
}

/* Where the first line of `s` ends. */
static size_t line_len(Slice s, bool has_cr) {
  const char *lf = s.len ? memchr(s.ptr, '\n', s.len) : NULL;
  size_t n = lf ? (size_t)(lf - s.ptr) : s.len;
  const char *cr = has_cr && n ? memchr(s.ptr, '\r', n) : NULL;
  return cr ? (size_t)(cr - s.ptr) : n;
}

/* `prefix` and then each line of `text`. */
static void put_lines(Buf *out, Slice prefix, Slice text) {
  bool has_cr = text.len && memchr(text.ptr, '\r', text.len);
  for (;;) {
    size_t n = line_len(text, has_cr);
    buf_slice(out, prefix);
    buf_put(out, text.ptr, n);
    buf_byte(out, '\n');
    if (n == text.len) return;
    size_t ends = slice_starts(slice(text.ptr + n, text.len - n), SLICE("\r\n"))
                      ? 2
                      : 1;
    text = slice(text.ptr + n + ends, text.len - n - ends);
  }
}

void sse_elements(Buf *out, SseHead head, const SseElements *e) {
  put_head(out, SLICE("datastar-patch-elements"), head);
  if (e->mode != SSE_OUTER) put_data(out, SLICE("mode"), modes[e->mode]);
  if (e->selector.len) put_data(out, SLICE("selector"), e->selector);
  if (e->use_view_transition) buf_lit(out, "data: useViewTransition true\n");
  if (e->ns != SSE_HTML) put_data(out, SLICE("namespace"), namespaces[e->ns]);
  if (e->html.len) put_lines(out, SLICE("data: elements "), e->html);
  buf_byte(out, '\n');
}

void sse_signals(Buf *out, SseHead head, Slice json, bool only_if_missing) {
  put_head(out, SLICE("datastar-patch-signals"), head);
  if (only_if_missing) buf_lit(out, "data: onlyIfMissing true\n");
  put_lines(out, SLICE("data: signals "), json);
  buf_byte(out, '\n');
}

void sse_script(Buf *out, SseHead head, const SseScript *script) {
  Buf html = { 0 };
  buf_lit(&html, "<script");
  for (size_t i = 0; i < script->nattributes; i++) {
    buf_byte(&html, ' ');
    buf_slice(&html, script->attributes[i].name);
    buf_lit(&html, "=\"");
    html_attribute(&html, script->attributes[i].value);
    buf_byte(&html, '"');
  }
  if (!script->stays) buf_lit(&html, " data-effect=\"el.remove()\"");
  buf_byte(&html, '>');
  html_raw_text(&html, script->js);
  buf_lit(&html, "</script>");
  sse_elements(out, head,
               &(SseElements){ .html = buf_view(&html),
                               .selector = SLICE("body"),
                               .mode = SSE_APPEND });
  buf_free(&html);
}

void sse_event(Buf *out, SseHead head, Slice event, Slice data) {
  put_head(out, event, head);
  put_lines(out, SLICE("data: "), data);
  buf_byte(out, '\n');
}

void sse_id(Buf *out, SseHead head) {
  if (head.id.len) put_field(out, SLICE("id"), head.id);
  buf_byte(out, '\n');
}

void sse_comment(Buf *out, Slice text) {
  buf_lit(out, ": ");
  put_word(out, text);
  buf_lit(out, "\n\n");
}
