#include "base/err.h"

#include "base/base.h"

static const struct {
  const char *name, *words;
  int status;
} errors[] = {
#define X(name, status, words) { #name, words, status },
  ERR_LIST(X)
#undef X
};

const char *err_name(Err e) {
  ASSERT(e < ERR_COUNT);
  return errors[e].name;
}

const char *err_words(Err e) {
  ASSERT(e < ERR_COUNT);
  return errors[e].words;
}

int err_status(Err e) {
  ASSERT(e < ERR_COUNT);
  return errors[e].status;
}
