/* JSON and Lua values (S46), by jansson: signals in and out, values of event URLs.
 *
 *   null   nil in an object, the `null` sentinel in a list
 *   {}     an empty table; one with the metatable named "stube.list" is a list
 *   depth is at most JSON_DEPTH_MAX; integers beyond 2^53, NaN and infinities, strings
 *   that are not UTF-8, cycles, functions are refused outward; keys are sorted */
#ifndef WIRE_SIGNALS_H
#define WIRE_SIGNALS_H

#include "base/buf.h"

#include <lua.h>

/* Adds the sentinel `null` to the table on top of the stack. */
void signals_open(lua_State *L);

/* Appends compact JSON of the value at `idx`. Raises what cannot be JSON, naming the
 * place in the value. */
void signals_write(lua_State *L, int idx, Buf *out);
/* Pushes the value of a JSON text; ERR_BAD_INPUT pushes nothing. An empty text is an
 * empty object. */
Err signals_push(lua_State *L, Slice json);

/* The value of an event URL: JSON, percent-encoded. */
void signals_write_url_value(lua_State *L, int idx, Buf *out);
Err signals_push_url_value(lua_State *L, Slice text);

#endif
