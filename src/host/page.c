/* The shell page: the first paint is in it, and the client takes it from there.
 */
#include "host/frame.h"
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

static void put_module(void *ud, const char *module) {
  Host *h = ud;
  Buf *b = &h->modules;
  buf_lit(b, "<script type=\"module\" src=\"");
  html_attribute(b, slice_str(h->settings.base_path));
  if (module[0] != '/') buf_lit(b, "/stube/modules/");
  html_attribute(b, slice_str(module));
  buf_puts(b, module[0] == '/' ? "\"></script>" : ".js\"></script>");
}

/* What definitions say of all pages, when they have changed. */
static void page_refresh(Host *h) {
  uint64_t now = kernel_defines(h->kernel);
  if (h->styles_of == now) return;
  h->styles_of = now;
  buf_clear(&h->styles_css);
  kernel_styles(h->kernel, &h->styles_css);
  h->styles = file_of(SLICE("styles.css"), buf_view(&h->styles_css));
  buf_clear(&h->modules);
  kernel_modules(h->kernel, put_module, h);
}

const File *page_styles(Host *h) {
  page_refresh(h);
  return &h->styles;
}

/* One nonce a page: scripts that effects send carry it, and nothing else runs.
 */
static size_t put_policy(char *out, size_t size, const char *nonce) {
  int n = snprintf(out, size, PAGE_POLICY_WITH(" 'nonce-%s'"), nonce);
  ASSERT(n > 0 && (size_t)n < size);
  return (size_t)n;
}

static void put_asset(Buf *b, const char *base, const char *path,
                      const char *hash) {
  buf_puts(b, base);
  buf_puts(b, path);
  buf_lit(b, "?v=");
  buf_puts(b, hash);
}

static void put_data(Buf *b, const char *name, const char *base,
                     const char *value) {
  if (!value) return;
  buf_lit(b, "\" data-stube-");
  buf_puts(b, name);
  buf_lit(b, "=\"");
  html_attribute(b, slice_str(base));
  html_attribute(b, slice_str(value));
}

/* The start tag: which conversation, where it stands in the browser's history,
 * and where its stream goes on. */
static void put_body(Buf *b, const char *base, const Page *page) {
  const Conv *c = page->conv;
  if (!c) {
    buf_lit(b, "<body>");
    return;
  }
  buf_lit(b, "<body data-stube-cid=\"");
  buf_puts(b, conv_cid(c));
  buf_lit(b, "\" data-stube-turn=\"");
  buf_uint(b, conv_stands(c));
  put_data(b, "address", base, conv_address(c));
  put_data(b, "ask", "", conv_back(c));
  buf_lit(b, "\" data-init=\"@get(&#39;");
  buf_puts(b, base);
  buf_lit(b, "/conv/");
  buf_puts(b, conv_cid(c));
  buf_lit(b, "/sse?at=");
  frame_put_id(b, page->holds);
  buf_lit(b, "&#39;, {openWhenHidden: true})\">");
}

void page_reply(Host *h, HttpReq *req, const Page *page,
                const HttpHeader *extra, size_t n) {
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
  html_text(b, slice_str(page->title ? page->title : h->settings.title));
  buf_lit(b, "</title><link rel=\"icon\" href=\"data:,\">"
             "<link rel=\"stylesheet\" href=\"");
  put_asset(b, base, "/stube/ui.css", h->ui.hash);
  const File *styles = page_styles(h);
  if (styles->body.len) {
    buf_lit(b, "\"><link rel=\"stylesheet\" href=\"");
    put_asset(b, base, "/stube/styles.css", styles->hash);
  }
  buf_lit(b, "\"><script type=\"module\" src=\"");
  put_asset(b, base, "/stube/client.js", h->client.hash);
  buf_lit(b, "\" nonce=\"");
  buf_puts(b, nonce);
  buf_lit(b, "\"></script>");
  buf_slice(b, buf_view(&h->modules));
  buf_lit(b, "</head>\n");
  put_body(b, base, page);
  buf_lit(b, "\n<div id=\"root\">");
  buf_slice(b, page->root);
  buf_lit(b, "</div>\n</body></html>\n");

  char policy[512];
  HttpHeader headers[8];
  ASSERT(n + 2 <= countof(headers));
  headers[0] = http_block(buf_view(&h->headers));
  headers[1] = (HttpHeader){ SLICE("Content-Security-Policy"),
                             slice(policy,
                                   put_policy(policy, sizeof policy, nonce)) };
  for (size_t i = 0; i < n; i++) headers[i + 2] = extra[i];
  http_reply(req, page->status, headers, n + 2, buf_view(b));
}
