/* Text of one JSON object a line, with bytes as base64: what an export is made
 * of (host/store_export.c). */
#ifndef WIRE_LINES_H
#define WIRE_LINES_H

#include <stdio.h>

#include "base/buf.h"

typedef struct Line Line; /* an object, or one inside */

/* --- writing --- */
Line *line_new(void);
void line_set_number(Line *l, const char *name, uint64_t n);
/* Left out when `text` is NULL or not UTF-8. */
void line_set_text(Line *l, const char *name, const char *text);
void line_set_bytes(Line *l, const char *name, Slice bytes);
/* Makes a list, empty at first; and adds an object to it, which is the line's.
 */
void line_set_list(Line *l, const char *name);
Line *line_add(Line *l, const char *name);
/* Writes it as a line. False when it cannot be written. */
bool line_write(FILE *to, const Line *l);

/* --- reading --- */
/* The next line; NULL at the end (`why` is empty), and for what is no object
 * (`why` says so). Over `max` bytes it is refused. */
Line *line_read(FILE *from, size_t max, Buf *why);
/* NULL, and false, for a field that is absent or something else. */
const char *line_text(const Line *l, const char *name);
bool line_number(const Line *l, const char *name, uint64_t *out);
bool line_bytes(const Line *l, const char *name, Buf *out); /* appends */
size_t line_count(const Line *l, const char *name);         /* of a list */
const Line *line_item(const Line *l, const char *name, size_t i);

void line_free(Line *l);

#endif
