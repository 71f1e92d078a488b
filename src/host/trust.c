/* Who asks (the owner cookie) and from where (the origin). */
#include "host/host.h"

#include "http/cookie.h"

#define COOKIE "stube_sid"

/* Did the visitor come over TLS, as far as we can know? */
static bool is_secure(const Host *h, const HttpReq *req) {
  if (!h->settings.trust_proxy) return false;
  return slice_is(req_header(req, "X-Forwarded-Proto"), "https");
}

/* Prefixed names are promises that browsers enforce (RFC 6265bis). */
static const char *cookie_name(const Host *h, const HttpReq *req) {
  if (!is_secure(h, req)) return COOKIE;
  return h->settings.base_path[0] ? "__Secure-" COOKIE : "__Host-" COOKIE;
}

/* Whichever of its names; one that came over TLS and back without is ours too.
 */
bool trust_is_ours(Slice name) {
  static const char *const prefixes[] = { "", "__Host-", "__Secure-" };
  for (size_t i = 0; i < countof(prefixes); i++) {
    Slice prefix = slice_str(prefixes[i]);
    if (slice_starts(name, prefix) &&
        slice_is(slice(name.ptr + prefix.len, name.len - prefix.len), COOKIE))
      return true;
  }
  return false;
}

bool trust_visitor(Host *h, const HttpReq *req, Visitor *out) {
  Slice token = req_cookie(req, cookie_name(h, req));
  return token.len == TOKEN_LEN && visitor_of(h->kernel, token, out);
}

void trust_give(Host *h, HttpReq *req, const Visitor *v) {
  const char *path = h->settings.base_path[0] ? h->settings.base_path : "/";
  Cookie c = { .name = slice_str(cookie_name(h, req)),
               .value = slice_str(v->token),
               .path = slice_str(path),
               .is_secure = is_secure(h, req) };
  Buf b = { 0 };
  Err e = cookie_write(&b, &c);
  ASSERT(!e);
  req_add_header(req, (HttpHeader){ SLICE_INIT("Set-Cookie"), buf_view(&b) });
  buf_free(&b);
}

bool trust_owns(Host *h, const HttpReq *req, const Conv *c) {
  Visitor v;
  return trust_visitor(h, req, &v) &&
         token_eq(slice_str(v.id), slice_str(conv_owner(c)));
}

bool trust_tell(Host *h, HttpReq *req, Slice cid) {
  Visitor v;
  if (!visitors_renew(h->kernel)) return false;
  if (!trust_visitor(h, req, &v) || v.is_newest || !slice_is(cid, v.teller))
    return false;
  trust_give(h, req, &v);
  return true;
}

bool trust_unsigned(const HttpReq *req) {
  bool says = req_header(req, "Sec-Fetch-Site").ptr ||
              req_header(req, "Origin").ptr;
  return says && trust_origin(req, false);
}

bool trust_origin(const HttpReq *req, bool is_plain_form) {
  Slice site = req_header(req, "Sec-Fetch-Site");
  if (site.ptr)
    return slice_is(site, "same-origin") ||
           (is_plain_form && slice_is(site, "none"));
  Slice origin = req_header(req, "Origin");
  if (!origin.ptr) return true; /* neither: the signed URL decides */
  Slice rest = origin;
  if (slice_starts(rest, SLICE("http://")))
    rest = slice(rest.ptr + 7, rest.len - 7);
  else if (slice_starts(rest, SLICE("https://")))
    rest = slice(rest.ptr + 8, rest.len - 8);
  else
    return false;
  return slice_eq(rest, req_header(req, "Host"));
}
