#include "kernel/wreck.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "kernel/state.h"

static void clear(Wreck *w) {
  free(w->event);
  free(w->component);
  free(w->where);
  blob_drop(w->error);
  blob_drop(w->trace);
  blob_drop(w->state);
  blob_drop(w->why);
  *w = (Wreck){ 0 };
}

void wrecks_free(Kernel *k) {
  for (uint32_t i = 0; k->wrecks && i < WRECKS_MAX; i++) clear(&k->wrecks[i]);
  free(k->wrecks);
  k->wrecks = NULL;
}

/* A state that is half made may be none that can be encoded. */
static void keep_state(Kernel *k, Conv *c, Wreck *w) {
  lua_State *L = vm_lua(k->vm);
  if (!conv_inst(c, c->top)) {
    w->why = blob_new(slice("nothing was left", sizeof "nothing was left"));
    return;
  }
  buf_clear(&k->state);
  if (!image_state(k, c, &k->state)) {
    w->state = blob_new(buf_view(&k->state));
    return;
  }
  size_t len;
  const char *text = lua_tolstring(L, -1, &len);
  w->why = blob_new(slice(text, len + 1));
  lua_pop(L, 1);
}

static char *cause_of(const Turn *t, const Event *ev) {
  static const char *const kinds[CAUSE_KINDS] = { NULL, "a timer", "a letter",
                                                  "a message", "an atom" };
  if (ev && ev->name.len) return dup_slice(ev->name);
  return kinds[t->cause.kind] ? xstrdup(kinds[t->cause.kind]) : NULL;
}

void wreck_keep(Kernel *k, const Conv *c, const Event *ev) {
  const Turn *t = &k->turn;
  if (!k->wrecks) k->wrecks = xcalloc(WRECKS_MAX, sizeof *k->wrecks);
  Wreck *w = &k->wrecks[k->n_wrecks++ % WRECKS_MAX];
  clear(w);
  memcpy(w->cid, c->cid, sizeof w->cid);
  w->turn = c->turn;
  w->at_ms = k->now;
  w->event = cause_of(t, ev);
  w->component = t->failed_def ? xstrdup(t->failed_def->id) : NULL;
  w->iid = t->failed_iid;
  w->where = xstrdup(t->failed_where);
  w->error = blob_new(buf_view(&t->error));
  w->trace = blob_new(buf_view(&t->trace));
  keep_state(k, k->turn.conv, w);
}

const Wreck *wreck_of(const Kernel *k, Slice cid) {
  for (uint32_t i = 0; k->wrecks && i < WRECKS_MAX; i++) {
    const Wreck *w = &k->wrecks[(k->n_wrecks - 1 - i) % WRECKS_MAX];
    if (w->error && slice_is(cid, w->cid)) return w;
  }
  return NULL;
}

/* --- Lua --- */

static void set(lua_State *L, const char *name, Slice text) {
  if (!text.len) return;
  lua_pushlstring(L, text.ptr, text.len);
  lua_setfield(L, -2, name);
}

int wreck_f_get(lua_State *L) {
  Slice cid;
  char iid[IID_TEXT];
  cid.ptr = luaL_checklstring(L, 1, &cid.len);
  const Wreck *w = wreck_of(kernel_of(L), cid);
  if (!w) return 0;
  lua_createtable(L, 0, 10);
  lua_pushinteger(L, (lua_Integer)w->turn);
  lua_setfield(L, -2, "turn");
  lua_pushnumber(L, (lua_Number)w->at_ms / 1000);
  lua_setfield(L, -2, "time");
  set(L, "event", slice_str(w->event ? w->event : ""));
  set(L, "component", slice_str(w->component ? w->component : ""));
  if (w->iid) set(L, "instance", iid_text(iid, w->iid));
  set(L, "where", slice_str(w->where));
  set(L, "error", blob_view(w->error));
  set(L, "traceback", blob_view(w->trace));
  if (w->why) set(L, "unkept", slice(w->why->bytes, w->why->len - 1));
  return 1;
}
