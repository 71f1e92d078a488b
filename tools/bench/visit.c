#include "visit.h"

#include "fail.h"
#include "measure.h"
#include "page.h"

#include <stdio.h>

size_t page_elements(const Answer *page) {
  Slice b = page->body;
  const char *root = memmem(b.ptr, b.len, "<div id=\"root\">", 15);
  if (!root) unexpected("page without #root", b);
  size_t n = 0;
  for (const char *p = root + 15; p + 1 < b.ptr + b.len; p++)
    if (*p == '<' && p[1] >= 'a' && p[1] <= 'z') n++;
  return n;
}

void visit_start(Visit *v, int port, const char *path) {
  Buf request = { 0 };
  Answer page;
  put_page_request(&request, port, path);
  http_send(v->main, buf_view(&request));
  http_expect(v->main, 200, &page);
  page_cid(&page);
  v->n = 0;
  v->shown = number_shown(page.body);

  buf_clear(&request);
  buf_puts(&request, "GET ");
  put_page_url(&request, &page, "data-init=\"", "@get('");
  Slice at = between(buf_view(&request), "?at=", '&');
  if (!at.len) { /* nothing behind it */
    const char *p = memmem(request.ptr, request.len, "?at=", 4);
    if (p) at = slice(p + 4, (size_t)(request.ptr + request.len - p - 4));
  }
  snprintf(v->seen, sizeof v->seen, "%.*s", (int)at.len, at.ptr ? at.ptr : "");
  buf_printf(&request, " HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n", port);
  put_cookie(&request, &page);
  buf_puts(&request, "Accept: text/event-stream\r\nDatastar-Request: true\r\n"
                     "Sec-Fetch-Site: same-origin\r\n\r\n");

  buf_clear(&v->post);
  buf_puts(&v->post, "POST ");
  put_page_url(&v->post, &page, "data-on:click=\"", "@post('");
  buf_printf(&v->post, " HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n", port);
  put_cookie(&v->post, &page);
  buf_puts(&v->post, "Content-Type: application/json\r\nContent-Length: 2\r\n"
                     "Datastar-Request: true\r\nSec-Fetch-Site: same-origin\r\n"
                     "Stube-Event: bench.");

  http_open_from(&v->stream, port, v->from);
  http_send(&v->stream, buf_view(&request));
  while (!http_stream(&v->stream, &page)) http_wait(&v->stream);
  buf_free(&request);
}

void visit_leave(Visit *v) { http_close(&v->stream); }

void visit_send(Visit *v) {
  size_t len = v->post.len;
  buf_uint(&v->post, ++v->n);
  buf_puts(&v->post, "\r\nStube-Seen: ");
  buf_puts(&v->post, v->seen);
  buf_puts(&v->post, "\r\n\r\n{}");
  v->is_answered = v->is_patched = false;
  v->sent_ns = now_ns();
  http_send(v->main, buf_view(&v->post));
  v->post.len = len;
}

/* --- what comes back ---------------------------------------------------------
 */

bool visit_take_answer(Visit *v) {
  Answer a;
  if (!http_answer(v->main, &a)) return false;
  if (a.status != 204 || v->is_answered) unexpected("not the 204", a.head);
  v->is_answered = true;
  v->answer_bytes = a.head.len;
  return v->is_patched;
}

bool visit_take_events(Visit *v) {
  Slice event;
  bool has_ended = false;
  while (http_event(&v->stream, &event)) {
    Slice id = between(event, "\nid: ", '\n');
    if (id.len && id.len < sizeof v->seen) {
      memcpy(v->seen, id.ptr, id.len);
      v->seen[id.len] = '\0';
    }
    if (!slice_starts(event, SLICE("event: datastar-patch-elements\n")))
      continue;
    uint64_t n = number_shown(event);
    if (v->is_patched || n != v->shown + 1)
      unexpected("not the patch that the event must give", event);
    v->shown = n;
    v->is_patched = true;
    v->patch_bytes = event.len;
    has_ended = v->is_answered;
  }
  return has_ended;
}

void visit_click(Visit *v) {
  visit_send(v);
  while (!visit_take_answer(v) && !v->is_answered) http_wait(v->main);
  while (!visit_take_events(v) && !v->is_patched) http_wait(&v->stream);
}
