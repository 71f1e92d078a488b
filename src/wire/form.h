/* application/x-www-form-urlencoded: bodies and query strings, and building
 * them.
 *
 * Decoding is strict: a % without two hexadecimal digits is ERR_BAD_INPUT.
 * Bytes are kept as they are; nothing here says they are UTF-8. */
#ifndef WIRE_FORM_H
#define WIRE_FORM_H

#include "base/buf.h"

#include <lua.h>

/* Takes the next field from the front of `rest`, still encoded; false at the
 * end. Empty ones (`a=1&&b=2`) are passed over; one without "=" has an empty
 * value. */
bool form_next(Slice *rest, Slice *name, Slice *value);

/* Appends the decoded text; on ERR_BAD_INPUT nothing. */
Err form_unescape(Slice raw, Buf *out);
/* Pushes it as a string; on ERR_BAD_INPUT nothing. */
Err form_push(lua_State *L, Slice raw);

/* The first field of this name, still encoded; false when there is none. `name`
 * is compared with the encoded name. */
bool form_find(Slice query, const char *name, Slice *value);

/* Pushes a table of all fields: name to string, or to a list of strings where a
 * name comes more than once. ERR_BAD_INPUT, or ERR_TOO_BIG past
 * FORM_FIELDS_MAX; nothing is pushed then. Raises only when Lua is out of
 * memory. */
Err form_decode(lua_State *L, Slice body);

/* Appends `&name=value`, encoded, without the & when `*first`, which it clears.
 */
void form_pair(Buf *out, bool *first, Slice name, Slice value);

#endif
