#include "http/head.h"

#include "http/chars.h"

#include <strings.h>

/* Clients that end a body with a stray CRLF exist; more than this is no client.
 */
#define EMPTY_LINES_MAX 2

static bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

/* "METHOD target HTTP/1.1" */
static Err check_request_line(Slice line) {
  const char *end = line.ptr + line.len;
  const char *sp = memchr(line.ptr, ' ', line.len);
  if (!sp || sp == line.ptr) return ERR_BAD_INPUT;
  for (const char *p = line.ptr; p < sp; p++)
    if (!is_upper(*p) && *p != '-' && *p != '_') return ERR_BAD_INPUT;
  const char *target = sp + 1;
  const char *sp2 = memchr(target, ' ', (size_t)(end - target));
  if (!sp2 || sp2 == target || end - sp2 != 9) return ERR_BAD_INPUT;
  if (memcmp(sp2 + 1, "HTTP/", 5) != 0 || !char_is_digit(sp2[6]) ||
      sp2[7] != '.' || !char_is_digit(sp2[8]))
    return ERR_BAD_INPUT;
  bool is_spoken = sp2[6] == '1' && (sp2[8] == '0' || sp2[8] == '1');
  return is_spoken ? OK : ERR_VERSION;
}

/* What is too long already, though the line's end has not come. One byte over
 * is let pass: it can be the CR. */
static Err check_partial(const HeadScan *h, size_t len,
                         const HttpLimits *limits) {
  if (h->lines == 0)
    return len - h->line_at > limits->request_line + 1 ? ERR_URI_TOO_LONG : OK;
  return len - h->headers_at > limits->header_bytes + 1 ? ERR_HEADERS_TOO_BIG
                                                        : OK;
}

static Err check_line(HeadScan *h, Slice line, const HttpLimits *limits) {
  if (h->lines == 0) {
    if (line.len > limits->request_line) return ERR_URI_TOO_LONG;
    h->headers_at = h->at + line.len + 2;
    return check_request_line(line);
  }
  if (line.ptr[0] == ' ' || line.ptr[0] == '\t') return ERR_BAD_INPUT;
  if (h->at + line.len + 2 - h->headers_at > limits->header_bytes ||
      h->lines > limits->headers)
    return ERR_HEADERS_TOO_BIG;
  return OK;
}

static HeadResult refused(Err *err, Err why) {
  *err = why;
  return HEAD_REFUSED;
}

HeadResult head_scan(HeadScan *h, Slice in, const HttpLimits *limits,
                     Err *err) {
  while (h->at < in.len) {
    const char *start = in.ptr + h->at;
    size_t room = in.len - h->at;
    /* A first byte like this is no HTTP (TLS, say): no need to wait for more.
     */
    if (h->lines == 0 && *start != '\r' && !is_upper(*start))
      return refused(err, ERR_BAD_INPUT);
    const char *lf = memchr(start, '\n', room);
    size_t len = lf ? (size_t)(lf - start) : room;
    const char *cr = memchr(start, '\r', len);
    if (lf ? cr != lf - 1 : cr && cr != start + len - 1)
      return refused(err, ERR_BAD_INPUT);
    if (!lf) {
      Err e = check_partial(h, in.len, limits);
      return e ? refused(err, e) : HEAD_MORE;
    }
    Slice line = slice(start, len - 1);
    if (line.len == 0) {
      h->at += 2;
      if (h->lines) return HEAD_DONE;
      h->line_at = h->at;
      if (h->at > EMPTY_LINES_MAX * 2) return refused(err, ERR_BAD_INPUT);
      continue;
    }
    Err e = check_line(h, line, limits);
    if (e) return refused(err, e);
    h->lines++;
    h->at += len + 1;
  }
  return HEAD_MORE;
}

/* --- headers ----------------------------------------------------------------
 */

static bool name_is(Slice name, const char *lower, size_t len) {
  return name.len == len && strncasecmp(name.ptr, lower, len) == 0;
}
#define NAME_IS(name, literal) name_is((name), literal, sizeof(literal) - 1)

static void trim_end(Slice *s) {
  while (s->len && (s->ptr[s->len - 1] == ' ' || s->ptr[s->len - 1] == '\t'))
    s->len--;
}

Err head_check(HttpHeader *headers, size_t n, int minor, HeadFacts *out) {
  HeadFacts facts = { 0 };
  size_t hosts = 0, lengths = 0, codings = 0;
  for (size_t i = 0; i < n; i++) {
    Slice name = headers[i].name;
    trim_end(&headers[i].value);
    Slice value = headers[i].value;
    if (name.len == 0) return ERR_BAD_INPUT; /* llhttp lets it pass */
    if (NAME_IS(name, "host")) {
      hosts++;
      facts.host = value;
    } else if (NAME_IS(name, "content-length")) {
      lengths++;
    } else if (NAME_IS(name, "transfer-encoding")) {
      codings++;
      if (!NAME_IS(value, "chunked")) return ERR_NOT_IMPLEMENTED;
    } else if (NAME_IS(name, "expect")) {
      if (!NAME_IS(value, "100-continue")) return ERR_EXPECT;
      facts.wants_continue = minor >= 1;
    }
  }
  if (lengths + codings > 1 || hosts > 1) return ERR_BAD_INPUT;
  if (codings && minor == 0) return ERR_BAD_INPUT;
  if (hosts ? !chars_are_in(facts.host, HOST_CHARS) : minor >= 1)
    return ERR_BAD_INPUT;
  facts.is_chunked = codings;
  *out = facts;
  return OK;
}
