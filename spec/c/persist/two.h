/* What the specs that carry values between two hosts share: a and b loaded the
 * same script. */
#ifndef SPEC_PERSIST_TWO_H
#define SPEC_PERSIST_TWO_H

#include "harness.h"

static Host a, b;
static Buf bytes;

static void open_both(const char *name, const char *script) {
  a = host_open();
  b = host_open();
  run_text(&a, name, script);
  run_text(&b, name, script);
}

static int close_both(void **state) {
  (void)state;
  lua_settop(a.L, 0);
  lua_settop(b.L, 0);
  host_close(&a);
  host_close(&b);
  buf_free(&bytes);
  return 0;
}

/* Pushes what the text of a function body gives in `h`. */
static void make(Host *h, const char *body) {
  if (luaL_loadstring(h->L, body) != LUA_OK || vm_call(h->L, 0, 1) != LUA_OK)
    fail_msg("%s: %s", body, lua_tostring(h->L, -1));
}

static UNUSED_FUNCTION void expect(Host *h, const char *check) {
  make(h, check);
  if (!lua_toboolean(h->L, -1)) fail_msg("not so: %s", check);
  lua_settop(h->L, 0);
}

#endif
