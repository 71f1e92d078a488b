/* Log lines on stderr, one a call, as text for people or JSON for machines.
 *
 * Fields are pairs of key and value; values may hold anything (they are
 * escaped). */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/base.h"

typedef enum LogLevel {
  LOG_DEBUG,
  LOG_INFO,
  LOG_WARN,
  LOG_ERROR,
  LOG_OFF
} LogLevel;

typedef struct Log {
  LogLevel level; /* quieter lines are dropped */
  bool json;
  int fd;
} Log;

typedef struct LogField {
  const char *key;
  Slice value;
} LogField;

/* Writes one line. A text value of several lines (a traceback) is indented
 * below. */
void log_line(const Log *log, LogLevel level, const char *message,
              const LogField *fields, size_t n);

#define log_with(log, level, message, ...)                               \
  log_line((log), (level), (message), (const LogField[]){ __VA_ARGS__ }, \
           countof(((const LogField[]){ __VA_ARGS__ })))
#define log_plain(log, level, message) \
  log_line((log), (level), (message), NULL, 0)

#endif
