/* `stube.host`: what Lua may ask of the host. In a worker, where there is none,
 * the same functions register nothing. */
#ifndef HOST_LIB_H
#define HOST_LIB_H

#include <lua.h>

#include "base/log.h"

typedef struct Host Host;

typedef struct LibEnv {
  Host *host; /* NULL in a worker */
  const Log *log;
  char *const *base_path;
} LibEnv;

/* Makes it loadable in this state. `env` must outlive that. */
void lib_bind(lua_State *L, const LibEnv *env);
/* NULL in a worker, where host_is_inert is true. */
Host *host_of(lua_State *L);
/* Code of the past, run once more for what waits in it, and code in a worker,
 * change nothing here. */
bool host_is_inert(lua_State *L);

#endif
