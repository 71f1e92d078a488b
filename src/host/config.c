#include "host/host.h"

#include <stdlib.h>

void settings_init(Settings *s) {
  *s = (Settings){ .host = xstrdup("127.0.0.1"),
                   .port = 8080,
                   .base_path = xstrdup(""),
                   .title = xstrdup("stube") };
}

void settings_free(Settings *s) {
  free(s->host);
  free(s->base_path);
  free(s->title);
  free(s->store);
}

const char *settings_base_path(Settings *s, const char *path) {
  size_t len = strlen(path);
  while (len && path[len - 1] == '/') len--;
  if (len && path[0] != '/') return "a base path begins with a slash";
  for (size_t i = 0; i < len; i++) {
    char c = path[i];
    bool plain = c == '/' || c == '-' || c == '_' || c == '.' || c == '~' ||
                 (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                 (c >= 'A' && c <= 'Z');
    if (!plain) return "a base path holds letters, digits and - _ . ~ only";
  }
  free(s->base_path);
  s->base_path = dup_slice(slice(path, len));
  return NULL;
}
