/* The impure whole: one struct that main owns, with all that a running app is.
 *
 *   main -> host_new -> host_load (the script) -> host_serve (until a signal)
 *
 * Several hosts can live in one process. */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include <uv.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/steady.h"
#include "host/boundary.h"
#include "host/lib.h"
#include "host/settings.h"
#include "http/file.h"
#include "http/route.h"
#include "http/server.h"
#include "kernel/kernel.h"

#define STUBE_VERSION "0.1.0"

/* What a matched path means. */
typedef struct Endpoint {
  void (*handle)(Host *h, HttpReq *req, const RouteMatch *m);
  /* Of a path with a :cid, in its place: the conversation has been found, or is
   * NULL when there is none. */
  void (*visit)(Host *h, HttpReq *req, const RouteMatch *m, Conv *c);
  void *of; /* the mount, the route ... that it belongs to, or NULL */
} Endpoint;

/* One `s.mount`. */
struct Mount {
  struct Mount *next;
  Endpoint endpoint;
  char *path;
  char *title;
  char *back; /* what the browser's Back does: Mint.back */
  int embed;  /* Lua registry reference */
  int args;   /* function(req), or LUA_NOREF */
  bool is_limited;
  uint32_t can; /* then: what its conversations may do (Mint.can) */
};

struct Host {
  uv_loop_t loop;
  Log log;
  Settings settings;
  HttpLimits http_limits;
  Vm *vm;
  Persist *persist;
  Store *store;
  Kernel *kernel;
  LibEnv env;
  struct Workers *workers; /* NULL: nobody runs what s.io asks for */
  HttpServer *server;
  Router *router;
  Mount *mounts;
  HttpReq *asking; /* the request being looked at, or NULL */
  int request;     /* its table, or LUA_NOREF */
  Failure failure; /* of the last app_call that failed */
  Answer answer;   /* the one being read */
  Route *routes;
  int hooks[HOOKS_MAX]; /* of s.before: Lua registry references */
  size_t n_hooks;
  Folder *folders;
  Folder *modules_folder; /* of components, or NULL */
  size_t n_fetches;       /* of their files, under way */
  char *folder;           /* where the script lies, or NULL */
  KernelConfig kernel_config;
  File client, ui;    /* what pages link to */
  File styles;        /* the components' own */
  Buf styles_css;     /* its bytes */
  uint64_t styles_of; /* kernel_defines() when these were made */
  Buf modules;        /* the script elements of the components' modules */
  Buf headers;        /* of pages: a pre-built block, the CSP aside */
  Buf frame;          /* one turn's events, framed */
  Buf page;           /* a page being written */
  uv_prepare_t prepare;
  uv_check_t check;
  uv_timer_t sweep;
  uv_timer_t reap; /* conversations whose time is over */
  uv_timer_t due;  /* the kernel's next timer (clock.c) */
  uv_timer_t end;  /* when no worker is waited for any more (stop.c) */
  Steady steady;
  uint64_t steady_ms;  /* what it said last */
  uv_async_t kept;     /* the store's writer has news */
  const char *trouble; /* the store's, as last logged */
  uv_signal_t signals[2];
  int real_port;
  uint64_t started_ns;
  struct Watchdog *watchdog; /* NULL: the loop does not run */
  uv_async_t asked;          /* the watchdog wants a sign of life */
  bool is_serving, is_stopping;
  bool is_hurried;      /* a second signal: nobody is waited for */
  uint64_t finishes_ns; /* since when only workers are waited for; or 0 */
  bool is_held;         /* a spec holds commits back (drive.c) */
};

Host *host_new(void);
/* False when threads of its workers are left (workers_close): then the process
 * ends by _exit. */
bool host_free(Host *h);

/* The modules that the binary carries. */
void host_add_modules(Vm *vm);

typedef void (*HostRelease)(void *ud, Conv *c, FragmentId first,
                            const Fragment *f, size_t n);
typedef void (*HostEnded)(void *ud, Conv *c);
typedef bool (*HostForget)(void *ud, Conv *c);

/* Starts the kernel, without a store; the command line has had its say, and no
 * script has run. */
void host_start(Host *h, HostRelease release, HostEnded ended,
                HostForget forget);

/* Starts, and loads the app. False when that failed; the error is printed on
 * stderr. */
bool host_load(Host *h, const char *script);

/* Opens the store that the settings name. False when it cannot be had; says
 * why. */
bool host_open(Host *h);

/* Listens, prints the ready line, serves until SIGINT or SIGTERM, drains. False
 * when it could not listen; says why. */
bool host_serve(Host *h);

/* Runs busted over the paths, inside this host. The exit code (test.c). */
int host_test(Host *h, int argc, char **argv);

/* Loads the app, says on standard output what looks wrong with it, and serves
 * nothing. The exit code (check.c). */
int host_check(Host *h, const char *script);

/* Prints what is known of a public name. The exit code (help.c). */
int host_help(Host *h, const char *name);

/* --- keys.c --- */

/* The host's secret, from DIR/key; when there is none and the store `is_new`,
 * it is made. False and one line for a person when it cannot be had. */
bool key_load(const char *dir, bool is_new, uint8_t key[KEY_BYTES], char *why,
              size_t size);

/* --- keep.c --- */

bool keep_open(Host *h);  /* see host_open */
void keep_begin(Host *h); /* the script has had its say about durability */
void keep_poll(Host *h);  /* what the store has kept is released, and sent */
/* The same between two connections: who waits for an answer came before who
 * waits to be read. */
void keep_between(void *host);

/* --- stop.c --- */
void stop_begin(Host *h); /* a signal; the second one waits for nobody */
void stop_now(Host *h);
void stop_look(Host *h); /* once in a turn of the loop: is it over? */

/* --- clock.c --- */

/* Tells the kernel the time. Before it is asked anything. */
void clock_now(Host *h);
void clock_start(Host *h);
/* Sets the timer for what the kernel wants to do next. */
void clock_arm(Host *h);

/* --- workers.c: threads for s.io (host/worker.h) --- */

/* From now on what the kernel has to run is run. */
void workers_open(Host *h);
/* The kernel's ports. */
void workers_start(void *ud, uint64_t run, Slice id, Slice call,
                   bool is_background);
void workers_cancel(void *ud, uint64_t run);
/* Delivers what has ended, answers what is asked, gives up what is late. */
void workers_poll(Host *h);
/* Waits for news of theirs, so many milliseconds at most; workers_poll then
 * knows them. */
void workers_wait(Host *h, uint64_t ms);
/* The process ends: nothing new is begun, what runs may end. */
void workers_wind_down(Host *h);
/* Nothing runs, and all results are delivered and kept. */
bool workers_rest(Host *h);
/* False when a thread is left that does not come back: the process must end
 * without its help. */
bool workers_close(Host *h);

typedef struct WorkersStats {
  size_t running, queued; /* calls */
  size_t ended;           /* not delivered yet */
  size_t lost;            /* threads */
} WorkersStats;
WorkersStats workers_stats(Host *h);

/* --- endpoints.c --- */
void endpoints_add(Host *h);
void on_request(void *ud, HttpReq *req);

/* --- watchdog.c: while the loop runs --- */
typedef struct Watchdog Watchdog;
void watchdog_start(Host *h);
void watchdog_stop(Host *h);

/* --- metrics.c --- */
void handle_metrics(Host *h, HttpReq *req, const RouteMatch *m);
void handle_health(Host *h, HttpReq *req, const RouteMatch *m);

/* --- event.c: POST /conv/... --- */
void visit_event(Host *h, HttpReq *req, const RouteMatch *m, Conv *c);
/* Reads what the page says of itself, when it does: `Stube-Event`, its name and
 * the event's number; `Stube-Seen`, the newest fragment that it has. */
Err event_page(const HttpReq *req, Event *ev);
/* Answers the client's POST: 204, or why not. */
void event_reply(HttpReq *req, Err result);

/* --- back.c: POST /conv/:cid/back --- */
void visit_back(Host *h, HttpReq *req, const RouteMatch *m, Conv *c);

/* --- mounts.c --- */
void handle_mount(Host *h, HttpReq *req, const RouteMatch *m);

/* --- live.c: who follows a conversation --- */
void live_release(void *ud, Conv *c, FragmentId first, const Fragment *f,
                  size_t n);
void live_ended(void *ud, Conv *c);
bool live_forget(void *ud, Conv *c);
void visit_stream(Host *h, HttpReq *req, const RouteMatch *m, Conv *c);

/* --- page.c --- */

/* What a page may load and run, of this app and of nobody else. */
#define PAGE_POLICY_WITH(scripts)                               \
  "default-src 'none'; script-src 'self'" scripts               \
  "; style-src 'self'; img-src 'self' data:; font-src 'self'; " \
  "connect-src 'self'; form-action 'self'; base-uri 'none'; "   \
  "frame-ancestors 'none'"
#define PAGE_POLICY PAGE_POLICY_WITH("")
void page_headers(Host *h);
typedef struct Page {
  const Conv *conv;  /* NULL: nothing lives on */
  FragmentId holds;  /* the newest of its fragments that is in `root` */
  const char *title; /* NULL: the app's */
  Slice root;
  int status;
} Page;

/* Answers with the shell around `root`. */
void page_reply(Host *h, HttpReq *req, const Page *page,
                const HttpHeader *extra, size_t n);

/* The components' stylesheet as it is now; its body is empty when none has any.
 */
const File *page_styles(Host *h);

/* --- trust.c: who asks, and from where --- */

/* Who has sent it; false: a stranger. */
bool trust_visitor(Host *h, const HttpReq *req, Visitor *out);
/* The visitor's token goes with the answer, as a cookie. */
void trust_give(Host *h, HttpReq *req, const Visitor *v);
/* The cookie of that name is ours, and not the app's business. */
bool trust_is_ours(Slice cookie_name);
bool trust_owns(Host *h, const HttpReq *req, const Conv *c);
/* Right before the answer to a request about a conversation that its visitor
 * owns: when the visitor has renewed its token here and not shown the new one
 * yet, that goes with the answer. True then. */
bool trust_tell(Host *h, HttpReq *req, Slice cid);
/* May this request change state: does it come from a page of ours? */
bool trust_origin(const HttpReq *req, bool is_plain_form);
/* The same where no signed URL vouches for it. */
bool trust_unsigned(const HttpReq *req);

#endif
