/* Cookies: read from a Cookie header, written as a Set-Cookie value. Pure. */
#ifndef HTTP_COOKIE_H
#define HTTP_COOKIE_H

#include "base/buf.h"

/* Takes the next "name=value" off the front of `header`; false at its end.
 * Pairs without '=' or name are skipped; double quotes around a value are
 * dropped. */
bool cookie_next(Slice *header, Slice *name, Slice *value);

/* The first value under `name` among the first HTTP_COOKIES_MAX; its ptr is
 * NULL when there is none. */
Slice cookie_find(Slice header, Slice name);

typedef enum SameSite {
  SAME_SITE_LAX,
  SAME_SITE_STRICT,
  SAME_SITE_NONE
} SameSite;

typedef struct Cookie {
  Slice name, value;
  Slice path;        /* empty: "/" */
  int64_t max_age_s; /* 0: until the browser closes; negative: delete it */
  bool is_secure;
  bool is_readable; /* by scripts: leaves HttpOnly out */
  SameSite same_site;
} Cookie;

/* Appends the value of a Set-Cookie header. ERR_BAD_INPUT, appending nothing:
 * name, value or path hold what a cookie may not, or the prefix rules of
 * __Host- and __Secure- are broken (a browser would drop it in silence). */
Err cookie_write(Buf *out, const Cookie *c);

#endif
