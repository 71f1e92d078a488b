/* A request target, taken apart and checked. Pure. */
#ifndef HTTP_TARGET_H
#define HTTP_TARGET_H

#include "base/arena.h"
#include "base/err.h"

typedef struct Target {
  Slice path;      /* decoded and normalised, see req_path */
  Slice query;     /* as sent */
  Slice authority; /* of "http://authority/path"; empty otherwise */
} Target;

/* Slices point into `target` or `a`. ERR_BAD_INPUT: what req_path says is
 * refused; ERR_URI_TOO_LONG: more than HTTP_PATH_SEGMENTS_MAX segments. */
Err target_parse(Arena *a, Slice target, Target *out);

/* Valid UTF-8: shortest forms only, no surrogates, up to U+10FFFF. */
bool utf8_is_valid(Slice s);

#endif
