/* What libFuzzer found of graphs. */
#include "../../fuzz/graph.c"

#include "../../fuzz/corpus.h"

static void kept_graphs_do_no_harm(void **s) {
  (void)s;
  feed_all("spec/corpus/graph");
  host_close(&h);
  if (accepted < 10)
    fail_msg("the corpus is of another format now: make fuzz-corpus");
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(kept_graphs_do_no_harm),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
