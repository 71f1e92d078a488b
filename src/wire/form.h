/* application/x-www-form-urlencoded and query strings. Strict: a broken escape is
 * ERR_BAD_INPUT. At most FORM_FIELDS_MAX fields. */
#ifndef WIRE_FORM_H
#define WIRE_FORM_H

#include "base/buf.h"

#include <lua.h>

/* Pushes {name = value}; a repeated name has a list of its values, in order. On
 * failure pushes nothing. */
Err form_push(lua_State *L, Slice form);

/* The first value of a name as it stands in a query, still encoded; its ptr is NULL
 * when absent. For names that need no encoding themselves. */
Slice query_raw(Slice query, Slice name);

/* Appends `s` with all but unreserved characters percent-encoded. */
void percent_encode(Buf *out, Slice s);
/* Appends the decoded text; `plus` reads + as a blank. */
Err percent_decode(Buf *out, Slice s, bool plus);

#endif
