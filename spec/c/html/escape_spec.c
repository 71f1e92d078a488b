/* Escaping, at every length and place a piece of eight bytes can begin or end.
 */
#include "html/html.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

typedef void (*Escaper)(Buf *out, Slice s);

static void gives(Escaper escape, Slice in, const char *expected) {
  Buf out = { 0 };
  /* From memory that ends with the text, so that reading past it is seen. */
  char *exact = xmalloc(in.len ? in.len : 1);
  memcpy(exact, in.ptr, in.len);
  escape(&out, slice(exact, in.len));
  if (!slice_is(buf_view(&out), expected))
    fail_msg("%.*s\n  is   %.*s\n  not  %s", (int)in.len, in.ptr, (int)out.len,
             out.ptr ? out.ptr : "", expected);
  free(exact);
  buf_free(&out);
}

static void test_text(void **s) {
  (void)s;
  gives(html_text, SLICE(""), "");
  gives(html_text, SLICE("plain"), "plain");
  gives(html_text, SLICE("<a href=\"x\">it's & so</a>"),
        "&lt;a href=&quot;x&quot;&gt;it&#39;s &amp; so&lt;/a&gt;");
  gives(html_text, SLICE("a\tb\nc\rd#e"), "a\tb\nc&#13;d#e");
  gives(html_text, SLICE("\0"), "\xEF\xBF\xBD");
  gives(html_text, SLICE("\x7f\x01"), "\x7f\x01");
}

static void test_attribute(void **s) {
  (void)s;
  gives(html_attribute, SLICE("<a href=\"x\">it's & so</a>"),
        "&lt;a href=&quot;x&quot;&gt;it's &amp; so&lt;/a&gt;");
}

static void test_every_place(void **s) {
  (void)s;
  static const char special[] = "&<>\"'\r\n#\x80\xC3=?";
  for (size_t len = 1; len <= 40; len++) {
    for (size_t at = 0; at < len; at++) {
      for (const char *c = special; *c; c++) {
        char in[64];
        memset(in, 'x', sizeof in);
        in[at] = *c;
        Buf expected = { 0 };
        for (size_t i = 0; i < len; i++) {
          if (i != at)
            buf_byte(&expected, 'x');
          else if (*c == '&')
            buf_lit(&expected, "&amp;");
          else if (*c == '<')
            buf_lit(&expected, "&lt;");
          else if (*c == '>')
            buf_lit(&expected, "&gt;");
          else if (*c == '"')
            buf_lit(&expected, "&quot;");
          else if (*c == '\'')
            buf_lit(&expected, "&#39;");
          else if (*c == '\r')
            buf_lit(&expected, "&#13;");
          else if ((uint8_t)*c >= 0x80)
            buf_lit(&expected, "\xEF\xBF\xBD");
          else
            buf_byte(&expected, *c);
        }
        buf_byte(&expected, '\0');
        gives(html_text, slice(in, len), expected.ptr);
        buf_free(&expected);
      }
    }
  }
}

static void test_utf8(void **s) {
  (void)s;
#define BAD "\xEF\xBF\xBD"
  static const struct {
    const char *in, *out;
  } cases[] = {
    { "\xC3\xA9", "\xC3\xA9" },
    { "\xE2\x82\xAC", "\xE2\x82\xAC" },
    { "\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80" },
    { "\xEF\xBF\xBF", "\xEF\xBF\xBF" },
    { "\xF4\x8F\xBF\xBF", "\xF4\x8F\xBF\xBF" },
    { "\x80", BAD },
    { "\xC0\x80", BAD BAD }, /* a long form */
    { "\xC1\xBF", BAD BAD },
    { "\xE0\x80\x80", BAD BAD BAD },
    { "\xE0\x9F\xBF", BAD BAD BAD },
    { "\xED\xA0\x80", BAD BAD BAD }, /* a surrogate */
    { "\xF0\x80\x80\x80", BAD BAD BAD BAD },
    { "\xF4\x90\x80\x80", BAD BAD BAD BAD }, /* past U+10FFFF */
    { "\xF5\x80\x80\x80", BAD BAD BAD BAD },
    { "\xFF\xFE", BAD BAD },
    { "\xC3", BAD }, /* cut off: one for the whole part */
    { "\xE2\x82", BAD },
    { "\xF0\x9F\x98", BAD },
    { "\xE2\x82<", BAD "&lt;" },
    { "\xE2<", BAD "&lt;" },
    { "a\xF0\x9F\x98\xC3\xA9z", "a" BAD "\xC3\xA9z" },
    { "\xE2\x82\xE2\x82\xAC", BAD "\xE2\x82\xAC" },
  };
  for (size_t i = 0; i < countof(cases); i++) {
    Slice in = slice_str(cases[i].in);
    gives(html_text, in, cases[i].out);
    gives(html_attribute, in, cases[i].out[0] == '&' ? "" : cases[i].out);
    assert_int_equal(html_is_utf8(in), strcmp(cases[i].in, cases[i].out) == 0);
  }
  assert_true(html_is_utf8(SLICE("")));
  assert_true(html_is_utf8(SLICE("eight bytes and more, plain")));
  assert_false(html_is_utf8(SLICE("eight bytes and more, plain\xff")));
}

/* Pieces are cut every 2048 bytes: nothing may be lost or split there. */
static void test_long(void **s) {
  (void)s;
  for (size_t before = 2040; before <= 2050; before++) {
    Buf in = { 0 }, expected = { 0 };
    for (size_t i = 0; i < before; i++) buf_byte(&in, 'a');
    for (size_t i = 0; i < before; i++) buf_byte(&expected, 'a');
    for (int i = 0; i < 3; i++) {
      buf_lit(&in, "\xF0\x9F\x98\x80<");
      buf_lit(&expected, "\xF0\x9F\x98\x80&lt;");
    }
    buf_byte(&expected, '\0');
    gives(html_text, buf_view(&in), expected.ptr);
    buf_free(&in);
    buf_free(&expected);
  }
}

static void test_limit_of_the_buffer(void **s) {
  (void)s;
  Buf out = { .max = 15 };
  html_text(&out, SLICE("<<<aaa"));
  assert_int_equal(buf_status(&out), OK);
  assert_true(slice_is(buf_view(&out), "&lt;&lt;&lt;aaa"));
  buf_free(&out);
  html_text(&out, SLICE("<<<aaaa"));
  assert_int_equal(buf_status(&out), ERR_TOO_BIG);
  buf_free(&out);
}

static void test_js_string(void **s) {
  (void)s;
  gives(html_js_string, SLICE(""), "''");
  gives(html_js_string, SLICE("a'b\\c\nd\re\"f"), "'a\\'b\\\\c\\nd\\re\"f'");
  gives(html_js_string, SLICE("\xE2\x80\xA8\xE2\x80\xA9\xE2\x80\xAA\xE2\x80"),
        "'\\u2028\\u2029\xE2\x80\xAA\xE2\x80'");
}

static void test_raw_text(void **s) {
  (void)s;
  gives(html_raw_text, SLICE("a < b"), "a < b");
  gives(html_raw_text, SLICE("</script></STYLE></scripty <!-- <b></b>"),
        "<\\/script><\\/STYLE><\\/scripty <\\!-- <b></b>");
  gives(html_raw_text, SLICE("</scrip"), "</scrip");
  gives(html_raw_text, SLICE("<"), "<");
  gives(html_raw_text, SLICE("<!-"), "<!-");
  gives(html_raw_text, SLICE("<<</script"), "<<<\\/script");
  gives(html_raw_text, SLICE("\xff</script\xC3\xA9"),
        "\xEF\xBF\xBD<\\/script\xC3\xA9");
}

static void test_url_component(void **s) {
  (void)s;
  gives(html_url_component, SLICE("azAZ09-_.~"), "azAZ09-_.~");
  gives(html_url_component, SLICE("a b/c?d&e=f+g%'\"\xC3\xA9\0"),
        "a%20b%2Fc%3Fd%26e%3Df%2Bg%25%27%22%C3%A9%00");
}

int main(void) {
  const struct CMUnitTest tests[] = {
    { "escapes what means something in text", test_text, 0, 0, 0 },
    { "leaves ' alone between double quotes", test_attribute, 0, 0, 0 },
    { "finds a special byte wherever it stands", test_every_place, 0, 0, 0 },
    { "replaces each wrong part of UTF-8 once", test_utf8, 0, 0, 0 },
    { "cuts long text nowhere inside a character", test_long, 0, 0, 0 },
    { "fills a buffer to its limit exactly", test_limit_of_the_buffer, 0, 0,
      0 },
    { "ends no string literal early", test_js_string, 0, 0, 0 },
    { "ends no raw text early", test_raw_text, 0, 0, 0 },
    { "encodes all but unreserved characters", test_url_component, 0, 0, 0 },
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
