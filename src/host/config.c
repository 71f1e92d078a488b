#include "host/host.h"

#include <errno.h>
#include <stdlib.h>

#include "base/limits.h"

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
  free(s->metrics_blocks);
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

const char *settings_durability(Settings *s, const char *word) {
  bool relaxed = strcmp(word, "relaxed") == 0;
  if (!relaxed && strcmp(word, "full") != 0)
    return "durability is full or relaxed";
  s->relaxed = relaxed;
  return NULL;
}

const char *settings_store_max(Settings *s, const char *size) {
  static const char units[] = "KMGT";
  char *end;
  errno = 0;
  unsigned long long n = strtoull(size, &end, 10);
  const char *unit = *end ? strchr(units, *end) : NULL;
  int shift = unit ? 10 * (int)(unit - units + 1) : 0;
  if (errno || end == size || size[0] == '-' || (*end && !unit) ||
      (unit && end[1]) || n == 0 || n > STORE_MAP_BYTES >> shift)
    return "a store's size is a number of bytes, or of K, M, G or T, up to 1T";
  s->store_max = (uint64_t)n << shift;
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
