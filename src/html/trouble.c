/* Errors a person can act on: what is wrong, in which component, and where. */
#include "html/draw.h"

#include <stdarg.h>
#include <stdio.h>

#define SHOWN_MAX 60
#define STEPS_FIRST 3 /* of a long path, what is kept of its two ends */
#define STEPS_LAST 6

_Noreturn void trouble(Render *r, const char *fmt, ...) {
  lua_checkstack(r->L, 20);
  va_list ap;
  va_start(ap, fmt);
  lua_pushvfstring(r->L, fmt, ap);
  va_end(ap);
  lua_error(r->L);
  __builtin_unreachable();
}

const char *shown(Render *r, Slice s) {
  lua_checkstack(r->L, 20);
  if (s.len <= SHOWN_MAX) return lua_pushlstring(r->L, s.ptr, s.len);
  lua_pushlstring(r->L, s.ptr, SHOWN_MAX);
  lua_pushliteral(r->L, "...");
  lua_concat(r->L, 2);
  return lua_tostring(r->L, -1);
}

void trouble_path(const Render *r, char *out, size_t size) {
  size_t len = 0;
  out[0] = '\0';
#define ADD(...)                                                             \
  do {                                                                       \
    int n_ = snprintf(out + len, size - len, __VA_ARGS__);                   \
    if (n_ > 0) len = len + (size_t)n_ < size ? len + (size_t)n_ : size - 1; \
  } while (0)
  const HtmlContext *ctx = r->ctx;
  if (ctx->component.len)
    ADD("%.*s: ", (int)(ctx->component.len < 200 ? ctx->component.len : 200),
        ctx->component.ptr);
  for (int i = 0; i < r->nsteps; i++) {
    if (i == STEPS_FIRST && r->nsteps > STEPS_FIRST + STEPS_LAST + 1) {
      ADD(" > ...");
      i = r->nsteps - STEPS_LAST;
    }
    const Step *s = &r->steps[i];
    ADD("%s%.*s", i ? " > " : "", (int)(s->tag.len < 40 ? s->tag.len : 40),
        s->tag.ptr);
    if (s->place) ADD("[%u]", s->place);
  }
  if (r->nsteps) ADD(": ");
#undef ADD
}
