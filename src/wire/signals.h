/* JSON and Lua values (S46): what clients post, and what signals are patched
 * with.
 *
 *   JSON     Lua                      Lua, outward               JSON
 *   null     nothing in an object,    null                       null
 *            the null value in a      {}                         {}
 *            list                     list{}                     []
 *   []       list{}                   {1, 2}                     [1,2]
 *   1.0      1.0                      5.0                        5
 *
 * Depth is bounded (JSON_DEPTH_MAX) both ways; keys are written in order. */
#ifndef WIRE_SIGNALS_H
#define WIRE_SIGNALS_H

#include "base/buf.h"

#include <lua.h>

#define SIGNALS_NULL "stube.null" /* its metatable, in the registry */

/* Makes the null value, once a state. After html_open, whose lists it uses. */
void signals_open(lua_State *L);
/* Pushes the null value: one table, the same each time. */
void signals_push_null(lua_State *L);

/* Pushes the object of a posted body; an empty body is an empty object. On
 * failure (ERR_BAD_INPUT: no JSON, no object, too deep) nothing is pushed.
 * Raises only when Lua is out of memory or stack. */
Err signals_decode(lua_State *L, Slice body);
/* Pushes any JSON value; null itself is nil. The same otherwise. */
Err json_decode(lua_State *L, Slice text);

/* Appends the value at `idx` as compact JSON. Raises, `out` as it was, when it
 * cannot be written: "address.lines[2]: a function cannot be sent as JSON".
 * `what` begins that path and may be "". */
void json_encode(lua_State *L, int idx, const char *what, Buf *out);

/* --- the value in an event's URL: JSON, percent-encoded --- */
void event_value_encode(lua_State *L, int idx, Buf *out);
/* `raw` as it stands in the URL. Pushes the value, or nothing on ERR_BAD_INPUT.
 */
Err event_value_decode(lua_State *L, Slice raw);

#endif
