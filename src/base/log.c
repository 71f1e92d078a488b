#include "base/log.h"

#include "base/buf.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = { "debug", "info", "warn", "error",
                                           "off" };

static void put_json_string(Buf *b, Slice s) {
  buf_byte(b, '"');
  for (size_t i = 0; i < s.len; i++) {
    unsigned char c = (unsigned char)s.ptr[i];
    if (c == '"' || c == '\\')
      buf_printf(b, "\\%c", c);
    else if (c == '\n')
      buf_lit(b, "\\n");
    else if (c < 0x20 || c == 0x7f)
      buf_printf(b, "\\u%04x", c);
    else
      buf_byte(b, (char)c);
  }
  buf_byte(b, '"');
}

/* Control characters never reach a terminal; line ends only as indented lines.
 */
static void put_text(Buf *b, Slice s, bool may_break) {
  for (size_t i = 0; i < s.len; i++) {
    unsigned char c = (unsigned char)s.ptr[i];
    if (c == '\n')
      buf_puts(b, may_break ? "\n    " : "\\n");
    else if (c == '\t')
      buf_byte(b, ' ');
    else if (c < 0x20 || c == 0x7f)
      buf_printf(b, "\\x%02x", c);
    else
      buf_byte(b, (char)c);
  }
}

static void put_json(Buf *b, const char *stamp, LogLevel level, Slice message,
                     const LogField *fields, size_t n) {
  buf_printf(b, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":", stamp,
             level_names[level]);
  put_json_string(b, message);
  for (size_t i = 0; i < n; i++) {
    buf_byte(b, ',');
    put_json_string(b, slice_str(fields[i].key));
    buf_byte(b, ':');
    put_json_string(b, fields[i].value);
  }
  buf_lit(b, "}\n");
}

static void put_line(Buf *b, const char *stamp, LogLevel level, Slice message,
                     const LogField *fields, size_t n) {
  buf_printf(b, "%s %-5s ", stamp, level_names[level]);
  put_text(b, message, false);
  const LogField *tall = NULL;
  for (size_t i = 0; i < n; i++) {
    if (memchr(fields[i].value.ptr ? fields[i].value.ptr : "", '\n',
               fields[i].value.len)) {
      tall = &fields[i];
      continue;
    }
    buf_printf(b, " %s=", fields[i].key);
    put_text(b, fields[i].value, false);
  }
  if (tall) {
    buf_lit(b, "\n    ");
    put_text(b, tall->value, true);
  }
  buf_byte(b, '\n');
}

void log_line(const Log *log, LogLevel level, const char *message,
              const LogField *fields, size_t n) {
  if (level < log->level || level >= LOG_OFF) return;
  struct timespec ts;
  clock_gettime(CLOCK_REALTIME, &ts);
  struct tm tm;
  gmtime_r(&ts.tv_sec, &tm);
  char stamp[40];
  size_t len = strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm);
  Buf b = { 0 };
  buf_put(&b, stamp, len);
  buf_printf(&b, ".%03dZ", (int)(ts.tv_nsec / 1000000));
  char *end = buf_reserve(&b, 1);
  *end = '\0';
  char *when = xstrdup(b.ptr);
  buf_clear(&b);
  if (log->json)
    put_json(&b, when, level, slice_str(message), fields, n);
  else
    put_line(&b, when, level, slice_str(message), fields, n);
  ssize_t ignored = write(log->fd, b.ptr, b.len);
  (void)ignored; /* a log that cannot be written has nowhere to say so */
  buf_free(&b);
  free(when);
}
