/* The shell page: the first paint is in it, and the client takes it from there.
 */
#include "host/host.h"

#include "html/html.h"
#include "http/reply.h"

#define NONCE_RAW 16
#define NONCE_LEN 22

void page_headers(Host *h) {
  const HttpHeader headers[] = {
    HEADER("Content-Type", "text/html; charset=utf-8"),
    HEADER("Cache-Control", "no-store"),
    HEADER("X-Content-Type-Options", "nosniff"),
    HEADER("Referrer-Policy", "same-origin"),
    HEADER("Cross-Origin-Opener-Policy", "same-origin"),
  };
  buf_clear(&h->headers);
  Err e = http_headers_build(&h->headers, headers, countof(headers));
  ASSERT(!e);
}

/* One nonce a page: scripts that effects send carry it, and nothing else runs.
 */
static size_t put_policy(char *out, size_t size, const char *nonce) {
  int n = snprintf(out, size,
                   "default-src 'none'; script-src 'self' 'nonce-%s'; "
                   "style-src 'self'; img-src 'self' data:; font-src 'self'; "
                   "connect-src 'self'; form-action 'self'; base-uri 'none'; "
                   "frame-ancestors 'none'",
                   nonce);
  ASSERT(n > 0 && (size_t)n < size);
  return (size_t)n;
}

void page_reply(Host *h, HttpReq *req, Conv *c, const char *title, Slice root,
                int status, const HttpHeader *extra, size_t n) {
  const char *base = h->settings.base_path;
  uint8_t raw[NONCE_RAW];
  char nonce[NONCE_LEN + 1];
  random_bytes(raw, sizeof raw);
  nonce[base64url(nonce, raw, sizeof raw)] = '\0';
  Buf *b = &h->page;
  buf_clear(b);
  buf_lit(b, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
             "<meta name=\"viewport\" content=\"width=device-width, "
             "initial-scale=1\"><title>");
  html_text(b, slice_str(title ? title : h->settings.title));
  buf_printf(b,
             "</title><link rel=\"icon\" href=\"data:,\"><link "
             "rel=\"stylesheet\" href=\"%s/stube/ui.css?v=%s\">"
             "<script type=\"module\" src=\"%s/stube/client.js?v=%s\" "
             "nonce=\"%s\"></script></head>\n",
             base, h->ui.hash, base, h->client.hash, nonce);
  if (c) {
    buf_printf(b,
               "<body data-stube-cid=\"%s\" data-init=\"@get(&#39;%s/conv/%s"
               "/sse?at=%llu.%u&#39;, {openWhenHidden: true})\">",
               conv_cid(c), base, conv_cid(c), (unsigned long long)conv_turn(c),
               conv_fragment(c));
  } else {
    buf_lit(b, "<body>");
  }
  buf_lit(b, "\n<div id=\"root\">");
  buf_slice(b, root);
  buf_lit(b, "</div>\n</body></html>\n");

  char policy[512];
  HttpHeader headers[8];
  ASSERT(n + 2 <= countof(headers));
  headers[0] = http_block(buf_view(&h->headers));
  headers[1] = (HttpHeader){ SLICE("Content-Security-Policy"),
                             slice(policy,
                                   put_policy(policy, sizeof policy, nonce)) };
  for (size_t i = 0; i < n; i++) headers[i + 2] = extra[i];
  http_reply(req, status, headers, n + 2, buf_view(b));
}
