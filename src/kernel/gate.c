/* What an event passes before its conversation is touched, in this order:
 *
 *   ended, stopped   410   nobody is there, or it takes nothing just now
 *   its rate         429   more than it may, or its turns took too much
 *   its queue        429   behind a commit under way, 64 wait
 *
 * So a refusal never runs half a handler. Pages that only look, and what is
 * done to a conversation from outside (deed.c), pass the second one freely. */
#include "kernel/deed.h"
#include "kernel/state.h"

/* Leaks away at the rate; what is above a few seconds of it is refused. */
static bool is_too_fast(const Kernel *k, Conv *c) {
  Gate *g = &c->gate;
  double rate = k->config.event_rate, gone;
  if (k->config.event_rate == 0) return false;
  gone = (double)(k->steady > g->at ? k->steady - g->at : 0) * rate / 1000;
  g->level = g->level > gone ? g->level - gone : 0;
  g->at = k->steady;
  if (g->level + 1 > rate * EVENT_BURST_S) return true;
  g->level += 1;
  return false;
}

Err gate_check(const Kernel *k, Conv *c, const Event *ev) {
  if (conv_ended(c)) return ERR_GONE;
  if (conv_stops(c) && !ev->deed) return ERR_GONE;
  bool is_free = ev->draw || ev->deed;
  if (!is_free && (c->gate.cool_until > k->steady || is_too_fast(k, c)))
    return ERR_TOO_MANY;
  if (c->busy && c->n_waiting >= k->config.queue_max) return ERR_TOO_MANY;
  return OK;
}

void gate_doomed(const Kernel *k, Conv *c) {
  Gate *g = &c->gate;
  bool again = g->doomed_at && k->steady < g->doomed_at + COOL_WINDOW_MS;
  g->doomed_at = k->steady;
  if (!again) return;
  g->doomed_at = 0;
  g->cool_until = k->steady + COOL_MS;
  log_with(k->config.log, LOG_WARN,
           "two turns took too much: a conversation cools down",
           { "conversation", slice_str(c->cid) });
}
