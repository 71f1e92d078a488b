/* What the binary carries: Lua modules, the client, the stylesheet. The tables
 * are written by tools/embed.lua at build time. */
#ifndef HOST_ASSETS_H
#define HOST_ASSETS_H

#include "base/base.h"

typedef struct Asset {
  const char *name;   /* "lua/stube/ui.lua", "client.js", "ui.css" */
  const char *module; /* "stube.ui", or NULL for what is no Lua */
  const unsigned char *bytes;
  size_t len;
} Asset;

extern const Asset assets[];
extern const size_t n_assets;

/* By name; the process stops when it is not there: the build is broken. */
Slice asset(const char *name);

#endif
