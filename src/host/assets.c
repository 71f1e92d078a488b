#include "host/assets.h"

Slice asset(const char *name) {
  for (size_t i = 0; i < n_assets; i++)
    if (strcmp(assets[i].name, name) == 0)
      return slice((const char *)assets[i].bytes, assets[i].len);
  die("the binary lacks its file %s", name);
}
