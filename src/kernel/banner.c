/* The card that stands in the place of an instance whose turn failed. */
#include "html/html.h"
#include "kernel/state.h"

/* What an author wants to know; a visitor of a production app is told none of
 * it. */
static void put_details(const Turn *t, Buf *out) {
  buf_lit(out, "<p>");
  html_text(out, buf_view(&t->error));
  buf_lit(out, "</p><p><small>in ");
  html_text(out, buf_view(&t->place));
  buf_lit(out, "</small></p>");
  if (!t->trace.len) return;
  buf_lit(out, "<details><summary>Traceback</summary><pre>");
  html_text(out, buf_view(&t->trace));
  buf_lit(out, "</pre></details>");
}

static void put_retry(const Kernel *k, const Conv *c, const Inst *in,
                      Buf *out) {
  char sign[MAC_LEN];
  conv_mac(c, in->iid, SLICE("-"), (Slice){ 0 }, sign);
  buf_lit(out, "<button type=\"button\" class=\"stube-button\" "
               "data-on:click=\"@post(&#39;");
  html_attribute(out, slice_str(k->config.base_path));
  buf_printf(out, "/conv/%s/ix-%u/-?m=%.*s", c->cid, in->iid, MAC_LEN, sign);
  buf_lit(out, "&#39;)\">Try again</button>");
}

static void put_words(const Kernel *k, Buf *out) {
  buf_lit(out, "<strong>Something went wrong</strong>");
  if (k->config.development)
    put_details(&k->turn, out);
  else
    buf_lit(out, "<p>The step you just took could not be done. Nothing was "
                 "changed by it.</p>");
}

void draw_banner(Kernel *k, Conv *c, const Inst *in, Buf *out) {
  buf_lit(out, "<div");
  if (in) {
    buf_printf(out, " id=\"ix-%u\"", in->iid);
    buf_lit(out, " data-stube-component=\"");
    html_attribute(out, slice_str(in->def->id));
    buf_byte(out, '"');
  }
  buf_lit(out, " class=\"stube-error\" role=\"alert\">");
  if (k->turn.card.len)
    buf_slice(out, buf_view(&k->turn.card));
  else
    put_words(k, out);
  if (in) put_retry(k, c, in, out);
  buf_lit(out, "</div>");
}
