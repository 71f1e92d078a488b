/* Variables of files, and globals, that a turn has set (S27): tells the author,
 * while there is one, of what goes with the process. */
#include "kernel/state.h"

typedef struct Setter {
  const Kernel *k;
  const Inst *in; /* whose code ran last, or NULL */
} Setter;

static void warn_set(void *ud, Slice variable) {
  const Setter *s = ud;
  log_with(s->k->config.log, LOG_WARN,
           "a turn has set a variable that all visitors share and nothing "
           "saves: keep it in self, or in an s.atom",
           { "variable", variable },
           { "component", slice_str(s->in ? s->in->def->id : "") },
           { "conversation", slice_str(s->k->turn.conv->cid) });
}

void shared_look(Kernel *k) {
  const Turn *t = &k->turn;
  if (!k->config.watches_variables || k->app) return;
  Setter s = { k, conv_inst(t->conv, t->iid) };
  persist_look(k->persist, warn_set, &s);
}
