#include "page.h"

#include "fail.h"

#include <stdlib.h>

Slice page_cid(const Answer *page) {
  Slice end = SLICE("</html>");
  Slice body = page->body;
  while (body.len && body.ptr[body.len - 1] == '\n') body.len--;
  Slice cid = between(body, "data-stube-cid=\"", '"');
  if (page->status != 200 || !cid.len || body.len < end.len ||
      memcmp(body.ptr + body.len - end.len, end.ptr, end.len))
    unexpected("not a page",
               slice(page->head.ptr, page->head.len + page->body.len));
  return cid;
}

/* Undoes the escaping of an attribute's value. */
static void put_unescaped(Buf *out, Slice s) {
  static const struct {
    Slice name;
    char c;
  } entities[] = {
    { SLICE_INIT("&amp;"), '&' },  { SLICE_INIT("&#39;"), '\'' },
    { SLICE_INIT("&lt;"), '<' },   { SLICE_INIT("&#x27;"), '\'' },
    { SLICE_INIT("&gt;"), '>' },   { SLICE_INIT("&apos;"), '\'' },
    { SLICE_INIT("&quot;"), '"' }, { SLICE_INIT("&#34;"), '"' },
  };
  while (s.len) {
    size_t i = 0;
    while (i < countof(entities) && !slice_starts(s, entities[i].name)) i++;
    size_t used = i < countof(entities) ? entities[i].name.len : 1;
    buf_byte(out, i < countof(entities) ? entities[i].c : s.ptr[0]);
    s = slice(s.ptr + used, s.len - used);
  }
}

void put_page_url(Buf *out, const Answer *page, const char *attribute,
                  const char *call) {
  Buf value = { 0 };
  put_unescaped(&value, between(page->body, attribute, '"'));
  Slice url = buf_view(&value);
  if (call) url = between(url, call, '\'');
  if (!url.len || url.ptr[0] != '/') unexpected(attribute, page->body);
  buf_slice(out, url);
  buf_free(&value);
}

uint64_t number_shown(Slice text) {
  Slice after = between(text, "<output", '<');
  const char *gt = after.len ? memchr(after.ptr, '>', after.len) : NULL;
  char *end;
  if (!gt) unexpected("nothing in an <output>", text);
  uint64_t n = strtoull(gt + 1, &end, 10);
  if (end == gt + 1) unexpected("no number in the <output>", text);
  return n;
}

void put_page_request(Buf *out, int port, const char *path) {
  buf_printf(out,
             "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
             "Accept: text/html\r\n\r\n",
             path, port);
}

void put_cookie(Buf *out, const Answer *page) {
  Slice cookie = header(page->head, "set-cookie");
  const char *end = cookie.len ? memchr(cookie.ptr, ';', cookie.len) : NULL;
  if (!cookie.len) unexpected("page without a cookie", page->head);
  if (end) cookie.len = (size_t)(end - cookie.ptr);
  buf_puts(out, "Cookie: ");
  buf_slice(out, cookie);
  buf_puts(out, "\r\n");
}
