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
#include "kernel/kernel.h"

typedef struct Host Host;

/* --- appcall.c: calling the app --- */

/* The failure of the last app_call that failed. */
typedef struct Failure {
  Buf where; /* "a mount's args (/shop)" */
  Buf error; /* its message */
  Buf trace;
  Buf card; /* what on_error says of it, in HTML */
} Failure;

/* Calls the function below `nargs` arguments on the Vm's main thread, for a
 * request. `kind` names it in errors ("a mount's args") and `of` says whose it
 * is ("/shop"); both live as long as the call. On failure false: function and
 * arguments are popped, the log has been told, and h->failure says the rest. */
bool app_call(Host *h, const char *kind, const char *of, int nargs,
              int nresults);
/* The kernel's port: a turn has failed. */
void app_turn_failed(void *ud, const TurnFailure *f, Buf *card);
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

/* --- answer.c: what routes and hooks return --- */

/* One answer, read from its table. */
typedef struct Answer {
  int status;
  Buf head; /* header lines */
  Buf body;
  Slice type; /* Content-Type that goes with the body */
  Buf title;  /* with its NUL, or only that */
  Buf location;
  bool is_page; /* the body is to stand in a page of the app */
  bool has_type, has_cache, has_policy; /* headers that the app gave */
} Answer;

/* Answers with the value on top of the main thread's stack, which is popped.
 * False, and nothing is sent, when it is no answer: as app_call. */
bool answer_send(Host *h, HttpReq *req, const char *kind, const char *of);
void answer_free(Answer *a);

/* --- routes.c: s.route and s.before --- */

typedef struct Route Route;

int route_f_route(lua_State *L);
int route_f_before(lua_State *L);
void routes_free(Host *h);
/* Runs the hooks; true when one of them has answered. */
bool before_answers(Host *h, HttpReq *req, const RouteMatch *m);

/* --- folder.c: s.static --- */

typedef struct Folder Folder;

int folder_f_static(lua_State *L);
/* The browser modules of components, in the folder `modules` beside the script:
 * at /stube/modules/ns/name.js. */
void folders_add_modules(Host *h);
void folders_free(Host *h);
/* Something else wants to be found at a folder's prefix itself. True when it
 * was the folder's. */
bool folder_yield(Host *h, const char *path);

size_t routes_count(const Host *h);
size_t folders_count(const Host *h);
int check_f_outline(lua_State *L); /* what check.c looks at */

/* --- options.c: tables of options --- */

/* The path at `idx`, for the app to be found at. Raises when it is none, or one
 * of the framework's. */
const char *options_path(lua_State *L, int idx);
/* Raises unless every key of the table at `idx` (or nil) is one of `names`,
 * which ends with NULL. `of` is the function: "mount". */
void options_check(lua_State *L, int idx, const char *of,
                   const char *const names[]);

#endif
