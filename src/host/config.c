#include "host/host.h"

#include <stdlib.h>

#define STORE_FOLDER "/.stube"

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

char *folder_of(const char *script) {
  const char *slash = strrchr(script, '/');
  if (!slash) return xstrdup(".");
  return dup_slice(slice(script, (size_t)(slash - script)));
}

char *settings_store_of(const char *script) {
  char *folder = folder_of(script);
  size_t len = strlen(folder);
  folder = xrealloc(folder, len + sizeof STORE_FOLDER);
  memcpy(folder + len, STORE_FOLDER, sizeof STORE_FOLDER);
  return folder;
}
