#include "wire/lines.h"

#include <jansson.h>

#include "base/base64.h"

static json_t *json_of(const Line *l) { return (json_t *)(uintptr_t)l; }
static Line *line_of(json_t *j) { return (Line *)j; }

Line *line_new(void) { return line_of(json_object()); }

void line_free(Line *l) { json_decref(json_of(l)); }

/* --- writing --- */

void line_set_number(Line *l, const char *name, uint64_t n) {
  json_object_set_new(json_of(l), name, json_integer((json_int_t)n));
}

void line_set_text(Line *l, const char *name, const char *text) {
  json_t *value = text ? json_string(text) : NULL;
  if (value) json_object_set_new(json_of(l), name, value);
}

void line_set_bytes(Line *l, const char *name, Slice bytes) {
  Buf text = { 0 };
  base64_put(&text, bytes);
  json_object_set_new(json_of(l), name,
                      json_stringn_nocheck(text.ptr ? text.ptr : "", text.len));
  buf_free(&text);
}

void line_set_list(Line *l, const char *name) {
  json_object_set_new(json_of(l), name, json_array());
}

Line *line_add(Line *l, const char *name) {
  json_t *item = json_object();
  json_array_append_new(json_object_get(json_of(l), name), item);
  return line_of(item);
}

bool line_write(FILE *to, const Line *l) {
  bool ok = json_dumpf(json_of(l), to, JSON_COMPACT) == 0;
  return fputc('\n', to) != EOF && ok;
}

/* --- reading --- */

/* Up to the line's end; false at the end of the file. */
static bool read_text(FILE *from, Buf *out, Buf *why) {
  int c;
  while ((c = getc_unlocked(from)) != EOF && c != '\n') buf_byte(out, (char)c);
  if (out->err) buf_printf(why, "it has over %zu bytes", out->max);
  if (ferror(from)) buf_puts(why, "it cannot be read");
  return !why->len && (c != EOF || out->len);
}

Line *line_read(FILE *from, size_t max, Buf *why) {
  Buf text = { .max = max };
  json_error_t error;
  json_t *line = NULL;
  buf_clear(why);
  if (read_text(from, &text, why)) {
    line = json_loadb(text.ptr ? text.ptr : "", text.len,
                      JSON_REJECT_DUPLICATES, &error);
    if (!line) buf_printf(why, "it is no JSON: %s", error.text);
    if (line && !json_is_object(line)) {
      buf_puts(why, "it is no JSON object");
      json_decref(line);
      line = NULL;
    }
  }
  buf_free(&text);
  return line_of(line);
}

const char *line_text(const Line *l, const char *name) {
  return json_string_value(json_object_get(json_of(l), name));
}

bool line_number(const Line *l, const char *name, uint64_t *out) {
  const json_t *value = json_object_get(json_of(l), name);
  if (!json_is_integer(value) || json_integer_value(value) < 0) return false;
  *out = (uint64_t)json_integer_value(value);
  return true;
}

bool line_bytes(const Line *l, const char *name, Buf *out) {
  const json_t *value = json_object_get(json_of(l), name);
  return json_is_string(value) &&
         base64_take(slice(json_string_value(value), json_string_length(value)),
                     out);
}

size_t line_count(const Line *l, const char *name) {
  return json_array_size(json_object_get(json_of(l), name));
}

const Line *line_item(const Line *l, const char *name, size_t i) {
  return line_of(json_array_get(json_object_get(json_of(l), name), i));
}
