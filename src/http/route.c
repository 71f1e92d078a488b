/* A tree of segments. Each node: literal children in name order, at most one
 * ":name" child, and the routes that end here, "*name" ones apart.
 *
 *   /conv/:cid/sse      root -- conv -- : -- sse   GET
 *   /conv/:cid/back                      \-- back  POST
 *
 * A look-up walks every branch that fits, best first, until one has the method;
 * each node is passed at most once. */
#include "http/route.h"

#include "base/buf.h"

#include <stdlib.h>

typedef struct Route {
  HttpMethod method;
  bool is_tail; /* ends in "*name" */
  void *target;
  char *pattern; /* the names of its parameters point into it */
  size_t nnames;
  Slice names[];
} Route;

typedef struct Node Node;
struct Node {
  char *name; /* of a literal; NULL else */
  Node *any;  /* ":name" */
  Node **literals;
  size_t nliterals;
  Route **routes;
  size_t nroutes;
};

struct Router {
  char *base;
  Node root;
};

typedef struct Segments {
  Slice all[HTTP_PATH_SEGMENTS_MAX];
  size_t n;
  Slice path;
} Segments;

/* False when there are too many. */
static bool split(Slice path, Segments *out) {
  out->n = 0;
  out->path = path;
  for (size_t at = 0; at < path.len;) {
    if (path.ptr[at] == '/') {
      at++;
      continue;
    }
    const char *seg = path.ptr + at;
    const char *slash = memchr(seg, '/', path.len - at);
    size_t len = slash ? (size_t)(slash - seg) : path.len - at;
    if (out->n == HTTP_PATH_SEGMENTS_MAX) return false;
    out->all[out->n++] = slice(seg, len);
    at += len;
  }
  return true;
}

/* --- the tree --------------------------------------------------------------
 */

/* Where `name` is among the literals, or would be. */
static size_t position(const Node *node, Slice name, bool *found) {
  size_t low = 0, high = node->nliterals;
  while (low < high) {
    size_t mid = (low + high) / 2;
    const char *there = node->literals[mid]->name;
    int order = strncmp(there, name.ptr, name.len);
    if (order == 0 && there[name.len] != '\0') order = 1;
    if (order == 0) {
      *found = true;
      return mid;
    }
    if (order < 0)
      low = mid + 1;
    else
      high = mid;
  }
  *found = false;
  return low;
}

static Node *literal(const Node *node, Slice name) {
  bool found;
  size_t at = position(node, name, &found);
  return found ? node->literals[at] : NULL;
}

static Node *child_made(Node *node, Slice seg) {
  if (seg.ptr[0] == ':') {
    if (!node->any) node->any = xcalloc(1, sizeof *node->any);
    return node->any;
  }
  bool found;
  size_t at = position(node, seg, &found);
  if (found) return node->literals[at];
  Node *child = xcalloc(1, sizeof *child);
  child->name = dup_slice(seg);
  size_t n = node->nliterals++;
  node->literals = xrealloc(node->literals,
                            node->nliterals * sizeof *node->literals);
  memmove(node->literals + at + 1, node->literals + at,
          (n - at) * sizeof *node->literals);
  node->literals[at] = child;
  return child;
}

static void clear_node(Node *node);

static void free_node(Node *node) {
  if (!node) return;
  clear_node(node);
  free(node);
}

static void free_route(Route *r) {
  free(r->pattern);
  free(r);
}

static void clear_node(Node *node) {
  for (size_t i = 0; i < node->nliterals; i++) free_node(node->literals[i]);
  for (size_t i = 0; i < node->nroutes; i++) free_route(node->routes[i]);
  free_node(node->any);
  free(node->literals);
  free(node->routes);
  free(node->name);
}

static bool is_bare(const Node *node) {
  return !node->any && !node->nliterals && !node->nroutes;
}

void router_set_base(Router *r, const char *base_path) {
  size_t len = strlen(base_path);
  while (len && base_path[len - 1] == '/') len--;
  free(r->base);
  r->base = dup_slice(slice(base_path, len));
}

Router *router_new(const char *base_path) {
  Router *r = xcalloc(1, sizeof *r);
  router_set_base(r, base_path);
  return r;
}

void router_free(Router *r) {
  if (!r) return;
  clear_node(&r->root);
  free(r->base);
  free(r);
}

/* --- adding and removing -----------------------------------------------------
 */

/* A pattern's segments: a tail only at the end, names not empty and not twice.
 */
static Err check_pattern(Slice pattern, Segments *segs, bool *is_tail) {
  if (pattern.len == 0 || pattern.ptr[0] != '/' || !split(pattern, segs))
    return ERR_BAD_INPUT;
  *is_tail = false;
  for (size_t i = 0; i < segs->n; i++) {
    Slice seg = segs->all[i];
    if (*is_tail) return ERR_BAD_INPUT;
    if (seg.ptr[0] != ':' && seg.ptr[0] != '*') continue;
    if (seg.len == 1) return ERR_BAD_INPUT;
    for (size_t j = 0; j < i; j++) {
      Slice other = segs->all[j];
      if (other.ptr[0] == ':' && slice_eq(slice(other.ptr + 1, other.len - 1),
                                          slice(seg.ptr + 1, seg.len - 1)))
        return ERR_BAD_INPUT;
    }
    *is_tail = seg.ptr[0] == '*';
  }
  return OK;
}

static Route **route_at(const Node *node, HttpMethod method, bool is_tail) {
  for (size_t i = 0; i < node->nroutes; i++)
    if (node->routes[i]->method == method &&
        node->routes[i]->is_tail == is_tail)
      return &node->routes[i];
  return NULL;
}

static Route *route_made(HttpMethod method, const Segments *segs, bool is_tail,
                         void *target) {
  Route *r = xcalloc(1, sizeof *r + segs->n * sizeof *r->names);
  r->method = method;
  r->is_tail = is_tail;
  r->target = target;
  r->pattern = dup_slice(segs->path);
  for (size_t i = 0; i < segs->n; i++) {
    Slice seg = segs->all[i];
    if (seg.ptr[0] != ':' && seg.ptr[0] != '*') continue;
    size_t at = (size_t)(seg.ptr - segs->path.ptr);
    r->names[r->nnames++] = slice(r->pattern + at + 1, seg.len - 1);
  }
  return r;
}

static Node *existing(const Node *from, const Segments *segs, size_t depth) {
  const Node *node = from;
  for (size_t i = 0; node && i < depth; i++)
    node = segs->all[i].ptr[0] == ':' ? node->any : literal(node, segs->all[i]);
  return (Node *)(uintptr_t)node;
}

Err router_add(Router *r, HttpMethod method, Slice pattern, void *target) {
  Segments segs;
  bool is_tail;
  Err e = check_pattern(pattern, &segs, &is_tail);
  if (e) return e;
  size_t depth = segs.n - is_tail;
  Node *node = existing(&r->root, &segs, depth);
  if (node && route_at(node, method, is_tail)) return ERR_CONFLICT;
  node = &r->root;
  for (size_t i = 0; i < depth; i++) node = child_made(node, segs.all[i]);
  node->routes = xrealloc(node->routes,
                          (node->nroutes + 1) * sizeof *node->routes);
  node->routes[node->nroutes++] = route_made(method, &segs, is_tail, target);
  return OK;
}

/* Takes the bare nodes of one branch away, so that mounts that come and go
 * leave nothing behind. */
static void prune(Node *node, const Segments *segs, size_t depth) {
  if (depth == 0) return;
  Slice seg = segs->all[0];
  Segments rest = { .n = 0 };
  memcpy(rest.all, segs->all + 1, (depth - 1) * sizeof *rest.all);
  if (seg.ptr[0] == ':') {
    prune(node->any, &rest, depth - 1);
    if (!is_bare(node->any)) return;
    free_node(node->any);
    node->any = NULL;
    return;
  }
  bool found;
  size_t at = position(node, seg, &found);
  prune(node->literals[at], &rest, depth - 1);
  if (!is_bare(node->literals[at])) return;
  free_node(node->literals[at]);
  node->nliterals--;
  memmove(node->literals + at, node->literals + at + 1,
          (node->nliterals - at) * sizeof *node->literals);
}

void *router_remove(Router *r, HttpMethod method, Slice pattern) {
  Segments segs;
  bool is_tail;
  if (check_pattern(pattern, &segs, &is_tail)) return NULL;
  size_t depth = segs.n - is_tail;
  Node *node = existing(&r->root, &segs, depth);
  Route **there = node ? route_at(node, method, is_tail) : NULL;
  if (!there) return NULL;
  void *target = (*there)->target;
  free_route(*there);
  *there = node->routes[--node->nroutes];
  prune(&r->root, &segs, depth);
  return target;
}

/* --- looking up
 * ----------------------------------------------------------------- */

typedef struct Search {
  HttpMethod method;
  const Segments *segs;
  Slice values[HTTP_PATH_SEGMENTS_MAX];
  size_t nvalues;
  const Route *found;
  unsigned methods; /* bits of those that would fit the path */
} Search;

/* Of the routes that end at this node: has one the method? */
static bool try_routes(Search *s, const Node *node, bool is_tail) {
  for (size_t i = 0; i < node->nroutes; i++)
    if (node->routes[i]->is_tail == is_tail)
      s->methods |= 1u << node->routes[i]->method;
  Route **r = route_at(node, s->method, is_tail);
  if (!r && s->method == METHOD_HEAD) r = route_at(node, METHOD_GET, is_tail);
  if (r) s->found = *r;
  return r != NULL;
}

/* On success `values` hold what the parameters matched. */
static bool search(Search *s, const Node *node, size_t at) {
  const Segments *segs = s->segs;
  if (at == segs->n) return try_routes(s, node, false);
  const Node *next = literal(node, segs->all[at]);
  if (next && search(s, next, at + 1)) return true;
  if (node->any) {
    s->values[s->nvalues++] = segs->all[at];
    if (search(s, node->any, at + 1)) return true;
    s->nvalues--;
  }
  if (!try_routes(s, node, true)) return false;
  const char *rest = segs->all[at].ptr;
  s->values[s->nvalues++] = slice(
      rest, (size_t)(segs->path.ptr + segs->path.len - rest));
  return true;
}

static void write_allow(unsigned methods, char *out, size_t cap) {
  if (methods & 1u << METHOD_GET) methods |= 1u << METHOD_HEAD;
  methods |= 1u << METHOD_OPTIONS;
  size_t len = 0;
  out[0] = '\0';
  for (HttpMethod m = METHOD_GET; m < METHOD_COUNT; m++) {
    if (!(methods & 1u << m)) continue;
    const char *name = method_name(m);
    size_t n = strlen(name);
    ASSERT(len + n + 3 <= cap);
    if (len) memcpy(out + len, ", ", 2), len += 2;
    memcpy(out + len, name, n + 1);
    len += n;
  }
}

/* Takes the base path off; false when the path is not below it. */
static bool take_base(const Router *r, Slice *path) {
  Slice base = slice_str(r->base);
  if (!slice_starts(*path, base)) return false;
  *path = slice(path->ptr + base.len, path->len - base.len);
  return path->len == 0 || path->ptr[0] == '/';
}

RouteResult router_find(const Router *r, HttpMethod method, Slice path,
                        RouteMatch *out) {
  out->target = NULL;
  out->nparams = 0;
  out->allow[0] = '\0';
  if (slice_is(path, "*")) {
    if (method != METHOD_OPTIONS) return ROUTE_NONE;
    write_allow(1u << METHOD_GET | 1u << METHOD_POST, out->allow,
                sizeof out->allow);
    return ROUTE_OPTIONS;
  }
  Segments segs;
  if (!take_base(r, &path) || !split(path, &segs)) return ROUTE_NONE;
  Search s = { .method = method, .segs = &segs };
  if (!search(&s, &r->root, 0)) {
    if (!s.methods) return ROUTE_NONE;
    write_allow(s.methods, out->allow, sizeof out->allow);
    return method == METHOD_OPTIONS ? ROUTE_OPTIONS : ROUTE_METHOD;
  }
  ASSERT(s.nvalues == s.found->nnames);
  out->target = s.found->target;
  out->nparams = s.nvalues;
  for (size_t i = 0; i < s.nvalues; i++) {
    out->params[i].name = s.found->names[i];
    out->params[i].value = s.values[i];
  }
  return ROUTE_FOUND;
}

Slice route_param(const RouteMatch *m, const char *name) {
  for (size_t i = 0; i < m->nparams; i++)
    if (slice_is(m->params[i].name, name)) return m->params[i].value;
  return (Slice){ 0 };
}
