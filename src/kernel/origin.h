/* Context and principal: what the app says of the request that a conversation
 * began with (kernel_origin). For the kernel's own files. */
#ifndef KERNEL_ORIGIN_H
#define KERNEL_ORIGIN_H

#include <lua.h>

/* s.context() and s.principal(): a fresh copy each time; nil outside a
 * conversation. */
int origin_f_context(lua_State *L);
int origin_f_principal(lua_State *L);

#endif
