/* Where requests meet the app: what of it is called, with which view of the
 * request, and what becomes of its answer and of its failures.
 *
 *   on_request (endpoints.c) -> s.before hooks -> a mount, a route, a folder
 *                                                 an event, a page, a stream
 *
 * None of this code is part of a conversation: it may not wait, it has the
 * budget of a turn, and what it leaves behind is the host's. */
#ifndef HOST_BOUNDARY_H
#define HOST_BOUNDARY_H

#include <lua.h>

#include "base/buf.h"
#include "http/req.h"
#include "http/route.h"

typedef struct Host Host;

/* --- appcall.c: calling the app --- */

/* The failure of the last app_call that failed. */
typedef struct Failure {
  Buf where; /* "a mount's args (/shop)" */
  Buf error; /* its message */
  Buf trace;
} Failure;

/* Calls the function below `nargs` arguments on the Vm's main thread, for a
 * request. `kind` names it in errors ("a mount's args") and `of` says whose it
 * is ("/shop"); both live as long as the call. On failure false: function and
 * arguments are popped, the log has been told, and h->failure says the rest. */
bool app_call(Host *h, const char *kind, const char *of, int nargs,
              int nresults);
/* Answers with 500: what h->failure says, or a neutral text in production. */
void app_refuse(Host *h, HttpReq *req);

/* --- request.c: the request as Lua sees it --- */

/* Pushes its table, the same one as long as the request is being looked at, so
 * that a hook may leave something in it. Pushes nothing on failure:
 * ERR_BAD_INPUT when query, form or JSON cannot be read. */
Err request_push(Host *h, HttpReq *req, const RouteMatch *m);
/* The request at hand is done with. */
void request_forget(Host *h);
/* The path as the app knows it: without the base path. */
Slice request_path(const Host *h, const HttpReq *req);

/* --- mounts.c: s.mount --- */

typedef struct Mount Mount; /* one of them */

int mount_f_mount(lua_State *L);
int mount_f_unmount(lua_State *L);
int mount_f_mounts(lua_State *L);
void mounts_free(Host *h);

/* --- options.c: tables of options --- */

/* The path at `idx`, for the app to be found at. Raises when it is none, or one
 * of the framework's. */
const char *options_path(lua_State *L, int idx);
/* Raises unless every key of the table at `idx` (or nil) is one of `names`,
 * which ends with NULL. `of` is the function: "mount". */
void options_check(lua_State *L, int idx, const char *of,
                   const char *const names[]);

#endif
