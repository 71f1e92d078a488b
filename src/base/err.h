/* The expected failures, once: code, HTTP status, words for a person.
 *
 * An Err is for what a caller must be ready for (bad input, too big, absent).
 * Our own bugs are ASSERTs; failures of app code are Lua errors. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#define ERR_LIST(X)                                                  \
  X(OK, 200, "no error")                                             \
  X(ERR_BAD_INPUT, 400, "the request could not be understood")       \
  X(ERR_FORBIDDEN, 403, "this is not yours to do")                   \
  X(ERR_NOT_FOUND, 404, "there is nothing here")                     \
  X(ERR_METHOD, 405, "this method does not work here")               \
  X(ERR_TIMEOUT, 408, "the request took too long")                   \
  X(ERR_CONFLICT, 409, "this no longer fits what is there")          \
  X(ERR_GONE, 410, "this page has ended")                            \
  X(ERR_TOO_BIG, 413, "this is too large")                           \
  X(ERR_URI_TOO_LONG, 414, "the address is too long")                \
  X(ERR_MEDIA, 415, "this kind of content is not accepted")          \
  X(ERR_EXPECT, 417, "this expectation cannot be met")               \
  X(ERR_TOO_MANY, 429, "too many requests at once")                  \
  X(ERR_HEADERS_TOO_BIG, 431, "the request's headers are too large") \
  X(ERR_APP, 500, "the application failed")                          \
  X(ERR_NOT_IMPLEMENTED, 501, "this is not implemented")             \
  X(ERR_UNAVAILABLE, 503, "this cannot be done just now")            \
  X(ERR_VERSION, 505, "this HTTP version is not spoken here")        \
  X(ERR_IO, 500, "reading or writing failed")

typedef enum Err {
#define X(name, status, words) name,
  ERR_LIST(X)
#undef X
      ERR_COUNT
} Err;

const char *err_name(Err e);  /* "ERR_TOO_BIG" */
const char *err_words(Err e); /* "this is too large" */
int err_status(Err e);        /* 413 */

#endif
