/* Which handler a method and a path mean. Routes come and go while it runs.
 *
 * A pattern is "/" or segments: "/conv/:cid/sse". ":name" takes any one
 * segment,
 * "*name" (last only) takes the rest, at least one segment. In each segment
 * from the left a literal wins over a ":name", and that over a "*name"; a route
 * that has the method wins over one that has not. A slash at the end means
 * nothing. GET answers HEAD too, unless HEAD has its own. */
#ifndef HTTP_ROUTE_H
#define HTTP_ROUTE_H

#include "base/err.h"
#include "base/limits.h"
#include "http/req.h"

typedef struct Router Router;

typedef enum RouteResult {
  ROUTE_FOUND,
  ROUTE_NONE,   /* 404 */
  ROUTE_METHOD, /* 405: `allow` says which would do */
  ROUTE_OPTIONS /* answer 204 with `allow` */
} RouteResult;

typedef struct RouteMatch {
  void *target; /* as added; when found */
  size_t nparams;
  struct {
    Slice name;  /* the router's: until it changes */
    Slice value; /* part of the path that was looked up */
  } params[HTTP_PATH_SEGMENTS_MAX];
  char allow[64]; /* "GET, HEAD, OPTIONS"; when not found for the method */
} RouteMatch;

/* All patterns stand under `base_path` ("" or "/x/y"), which is copied. */
Router *router_new(const char *base_path);
void router_free(Router *r); /* not the targets */
/* Another one, for all patterns there are and will be. */
void router_set_base(Router *r, const char *base_path);

/* ERR_BAD_INPUT: the pattern is malformed. ERR_CONFLICT: the method has it
 * already (":a" and ":b" are the same). Neither changes anything. */
Err router_add(Router *r, HttpMethod method, Slice pattern, void *target);
/* The target that was there, or NULL. */
void *router_remove(Router *r, HttpMethod method, Slice pattern);

/* `path` as req_path gives it. "*" is ROUTE_OPTIONS for OPTIONS. */
RouteResult router_find(const Router *r, HttpMethod method, Slice path,
                        RouteMatch *out);

/* The value of a parameter; its ptr is NULL when the route has none so named.
 */
Slice route_param(const RouteMatch *m, const char *name);

#endif
