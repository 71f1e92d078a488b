#include "host/frame.h"

#include "wire/sse.h"

/* A string of JavaScript; sse_script keeps it inside its element. */
static void put_js_string(Buf *b, Slice s) {
  buf_byte(b, '"');
  for (size_t i = 0; i < s.len; i++) {
    unsigned char c = (unsigned char)s.ptr[i];
    if (c == '"' || c == '\\')
      buf_printf(b, "\\%c", c);
    else if (c < ' ' || c == '<')
      buf_printf(b, "\\u%04x", c);
    else
      buf_byte(b, (char)c);
  }
  buf_byte(b, '"');
}

/* The address among the lines of a FRAG_ADDRESS; empty when there is none. */
static Slice url_of(Slice lines) {
  static const Slice key = SLICE_INIT("url ");
  while (lines.len) {
    const char *end = memchr(lines.ptr, '\n', lines.len);
    size_t len = end ? (size_t)(end - lines.ptr) : lines.len;
    if (slice_starts(lines, key))
      return slice(lines.ptr + key.len, len - key.len);
    lines = slice(lines.ptr + len + (end != NULL),
                  lines.len - len - (end != NULL));
  }
  return (Slice){ 0 };
}

static void put_call(Buf *js, const char *before, Slice arg,
                     const char *after) {
  buf_puts(js, before);
  put_js_string(js, arg);
  buf_puts(js, after);
}

/* One that follows no Back makes no entries either. */
static void put_script(Buf *b, SseHead head, const Fragment *f) {
  Buf js = { 0 };
  Slice url = url_of(f->body);
  switch (f->kind) {
  case FRAG_SCROLL:
    put_call(&js, "document.querySelector(", f->selector,
             ")?.scrollIntoView({block:\"start\",inline:\"nearest\"})");
    break;
  case FRAG_FOCUS:
    put_call(&js, "document.querySelector(", f->selector, ")?.focus()");
    break;
  default:
    if (url.len)
      put_call(&js, "history.replaceState(history.state,\"\",", url, ")");
  }
  if (js.len)
    sse_script(b, head, &(SseScript){ .js = buf_view(&js) });
  else
    sse_id(b, head);
  buf_free(&js);
}

/* Ours: `stube-address` has the lines as they are, the others a selector. */
static void put_own(Buf *b, SseHead head, const Fragment *f) {
  switch (f->kind) {
  case FRAG_SCROLL:
    sse_event(b, head, SLICE("stube-scroll"), f->selector);
    break;
  case FRAG_FOCUS: sse_event(b, head, SLICE("stube-focus"), f->selector); break;
  default: sse_event(b, head, SLICE("stube-address"), f->body);
  }
}

/* --- ids --- */

#define ID_TEXT 44

static size_t id_text(char out[ID_TEXT], FragmentId id) {
  size_t len = uint_text(out, id.turn);
  out[len++] = '.';
  return len + uint_text(out + len, id.n);
}

void frame_put_id(Buf *b, FragmentId id) {
  char text[ID_TEXT];
  buf_put(b, text, id_text(text, id));
}

bool frame_take_id(Slice s, FragmentId *out) {
  const char *dot = s.len ? memchr(s.ptr, '.', s.len) : NULL;
  size_t at = dot ? (size_t)(dot - s.ptr) : 0;
  uint64_t turn, n;
  if (!dot || !slice_number(slice(s.ptr, at), 19, &turn) ||
      !slice_number(slice(dot + 1, s.len - at - 1), 9, &n))
    return false;
  *out = (FragmentId){ turn, (uint32_t)n };
  return true;
}

/* --- events --- */

void frame_event(Buf *b, const FragmentId *id, const Fragment *f,
                 Dialect dialect) {
  char text[ID_TEXT];
  SseHead head = { 0 };
  if (id) head.id = slice(text, id_text(text, *id));
  switch (f->kind) {
  case FRAG_ELEMENTS:
    sse_elements(b, head,
                 &(SseElements){ .html = f->body,
                                 .selector = f->selector,
                                 .mode = (SseMode)f->mode });
    break;
  case FRAG_SIGNALS: sse_signals(b, head, f->body, false); break;
  case FRAG_SCRIPT: sse_script(b, head, &(SseScript){ .js = f->body }); break;
  case FRAG_ADDRESS:
  case FRAG_SCROLL:
  case FRAG_FOCUS:
    if (dialect == DIALECT_OURS)
      put_own(b, head, f);
    else
      put_script(b, head, f);
    break;
  case FRAG_RENEWED:
    sse_event(b, head, SLICE("stube-session"), SLICE("renewed"));
    break;
  case FRAG_CLOSE: sse_event(b, head, SLICE("stube-close"), f->body); break;
  }
}
