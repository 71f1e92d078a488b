/* Stopped conversations: they are there, and nothing happens in them.
 *
 * It is in the header, so it outlives the process; the indexes know nothing of
 * one that is stopped, so nothing wakes it. Its pages are told, and closed.
 * When it goes on, timers that are overdue go off once each. */
#include <stdlib.h>

#include "kernel/deed.h"
#include "kernel/state.h"

static void on_stopped(void *ud, Err e) {
  Conv *c = ud;
  Kernel *k = c->kernel;
  bool stops = c->stopped != NULL;
  commit_done(c, e);
  if (e || !stops || !c->stopped) return;
  c->is_followed = false; /* the host has cut its streams */
  conv_unload(k, c);
}

static void keep(Kernel *k, Conv *c) {
  conv_unprovision(k, c);
  commit_header(k, c, on_stopped);
}

static void stop_now(Kernel *k, Conv *c) {
  Buf words = { 0 };
  wakes_compute(k, c, &c->later.wakes);
  buf_printf(&words, "stopped %s", c->stopped);
  outbox_put(c, FRAG_CLOSE, buf_view(&words));
  buf_free(&words);
  keep(k, c);
}

bool conv_stops(const Conv *c) { return c->stopped || c->stops_late; }

void conv_stop(Kernel *k, Conv *c, Slice why) {
  if (conv_stops(c)) return;
  if (c->busy) {
    c->stops_late = dup_slice(why);
  } else {
    c->stopped = dup_slice(why);
    stop_now(k, c);
  }
}

static void forget(char **why) {
  free(*why);
  *why = NULL;
}

Err conv_resume(Kernel *k, Conv *c) {
  Err e = conv_wake(k, c);
  forget(&c->stops_late);
  if (e || !c->stopped) return e;
  if (c->busy) { /* its stop is just being kept */
    c->goes_on_late = true;
    return OK;
  }
  forget(&c->stopped);
  wakes_compute(k, c, &c->later.wakes);
  keep(k, c);
  return OK;
}

void conv_stop_late(Kernel *k, Conv *c) {
  bool goes_on = c->goes_on_late;
  c->goes_on_late = false;
  if (goes_on) conv_resume(k, c);
  if (!c->stops_late || c->busy) return;
  c->stopped = c->stops_late;
  c->stops_late = NULL;
  stop_now(k, c);
}
