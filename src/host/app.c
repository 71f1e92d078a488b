/* Boots the parts of a host, lets it serve, and takes it down in order. */
#include <lauxlib.h>
#include <lua.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "host/assets.h"
#include "host/host.h"
#include "html/html.h"
#include "lua/loader.h"
#include "wire/signals.h"

#define REAP_MORE_MS 20
#define SWEEP_MS 10000 /* between two looks for what nobody came for */

/* --- the kernel's ports --- */

static void port_json(lua_State *L, int idx, const char *what, Buf *out) {
  json_encode(L, idx, what, out);
}

static void port_url_value(lua_State *L, int idx, Buf *out) {
  event_value_encode(L, idx, out);
}

/* --- parts --- */

void host_add_modules(Vm *vm) {
  for (size_t i = 0; i < n_assets; i++)
    if (assets[i].module)
      loader_add_embedded(vm, assets[i].module, asset(assets[i].name));
}

static void on_prepare(uv_prepare_t *p) {
  keep_poll(p->data);
  clock_arm(p->data);
}
static void on_check(uv_check_t *c) {
  keep_poll(c->data);
  stop_look(c->data);
}

static void on_sweep(uv_timer_t *t) {
  Host *h = t->data;
  clock_now(h);
  kernel_sweep(h->kernel);
}

/* While there are more, others have their turn between. */
static void on_reap(uv_timer_t *t) {
  Host *h = t->data;
  clock_now(h);
  bool has_more = kernel_reap(h->kernel);
  uv_timer_start(t, on_reap, has_more ? REAP_MORE_MS : h->settings.reaper_ms,
                 0);
}

Host *host_new(void) {
  Host *h = xcalloc(1, sizeof *h);
  id_init();
  int e = uv_loop_init(&h->loop);
  if (e) die("libuv could not start: %s", uv_strerror(e));
  h->started_ns = clock_mono_ns();
  h->log = (Log){ .level = LOG_INFO, .fd = STDERR_FILENO };
  settings_init(h);
  h->request = LUA_NOREF;
  h->vm = vm_new();
  loader_open(h->vm);
  host_add_modules(h->vm);
  h->persist = persist_new(h->vm);
  h->client = file_of(SLICE("client.js"), asset("client.js"));
  h->ui = file_of(SLICE("ui.css"), asset("ui.css"));
  page_headers(h);
  return h;
}

/* Gives the parts what the settings say. */
static void host_configure(Host *h) {
  h->kernel_config.development = !h->settings.production;
  h->kernel_config.log = &h->log;
  h->kernel_config.base_path = h->settings.base_path;
  h->log.json = h->settings.log_json;
}

void host_start(Host *h, HostRelease release, HostEnded ended,
                HostForget forget) {
  host_configure(h);
  KernelPorts ports = { .ud = h,
                        .release = release,
                        .ended = ended,
                        .forget = forget,
                        .failed = app_turn_failed,
                        .io_start = workers_start,
                        .io_cancel = workers_cancel,
                        .json = port_json,
                        .url_value = port_url_value };
  h->kernel = kernel_new(h->vm, h->persist, &h->kernel_config, &ports);
  clock_now(h);
  lua_State *L = vm_lua(h->vm);
  luaL_requiref(L, "stube.html", html_open, 0);
  lua_pop(L, 1);
  h->env = (LibEnv){ h, &h->log, &h->settings.base_path };
  lib_bind(L, &h->env);
  h->router = router_new("");
  endpoints_add(h);
}

static void report_failure(Host *h, const char *script) {
  lua_State *L = vm_lua(h->vm);
  vm_push_error_text(L, -1);
  fprintf(stderr, "stube: %s could not be loaded\n\n%s\n", script,
          lua_tostring(L, -1));
  Slice trace = vm_traceback(h->vm);
  if (trace.len) fprintf(stderr, "%.*s\n", (int)trace.len, trace.ptr);
  lua_pop(L, 2);
}

bool host_load(Host *h, const char *script) {
  host_start(h, live_release, live_ended, live_forget);
  h->folder = folder_of(script);
  loader_set_folder(h->vm, h->folder);
  folders_add_modules(h);
  int top = lua_gettop(vm_lua(h->vm));
  if (loader_run_file(h->vm, script) != LUA_OK) {
    report_failure(h, script);
    return false;
  }
  lua_settop(vm_lua(h->vm), top);
  if (!h->settings.store) h->settings.store = settings_store_of(script);
  host_configure(h); /* s.config may have changed it */
  h->kernel_config.watches_variables = !h->settings.production;
  kernel_configure(h->kernel, &h->kernel_config);
  kernel_collect(h->kernel);
  return true;
}

bool host_open(Host *h) {
  if (!keep_open(h)) return false;
  kernel_configure(h->kernel, &h->kernel_config);
  kernel_open(h->kernel, h->store);
  return true;
}

/* --- serving --- */

static void on_signal(uv_signal_t *s, int number) {
  (void)number;
  stop_begin(s->data);
}

static void close_handle(uv_handle_t *handle, void *ud) {
  (void)ud;
  if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

static void start_handles(Host *h) {
  uv_prepare_init(&h->loop, &h->prepare);
  uv_check_init(&h->loop, &h->check);
  uv_timer_init(&h->loop, &h->sweep);
  clock_start(h);
  h->prepare.data = h->check.data = h->sweep.data = h;
  uv_prepare_start(&h->prepare, on_prepare);
  uv_check_start(&h->check, on_check);
  uv_timer_start(&h->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
  uv_timer_init(&h->loop, &h->end);
  uv_timer_init(&h->loop, &h->reap);
  h->reap.data = h;
  uv_timer_start(&h->reap, on_reap, h->settings.reaper_ms, 0);
  static const int numbers[] = { SIGINT, SIGTERM };
  for (size_t i = 0; i < countof(numbers); i++) {
    uv_signal_init(&h->loop, &h->signals[i]);
    h->signals[i].data = h;
    uv_signal_start(&h->signals[i], on_signal, numbers[i]);
  }
}

static bool listen_now(Host *h) {
  HttpConfig config = { .on_request = on_request,
                        .between = keep_between,
                        .ud = h,
                        .limits = h->http_limits,
                        .error_headers = SLICE_INIT(
                            "X-Content-Type-Options: nosniff\r\n"
                            "Referrer-Policy: same-origin\r\n") };
  h->server = http_server_new(&h->loop, &config);
  int e = http_server_listen(h->server, h->settings.host, h->settings.port,
                             &h->real_port);
  if (!e) return true;
  fprintf(stderr, "stube: cannot listen on %s:%d: %s\n", h->settings.host,
          h->settings.port, uv_strerror(e));
  return false;
}

static void print_ready(const Host *h) {
  bool v6 = strchr(h->settings.host, ':') != NULL;
  printf("stube: listening on http://%s%s%s:%d\n", v6 ? "[" : "",
         h->settings.host, v6 ? "]" : "", h->real_port);
  fflush(stdout);
}

bool host_serve(Host *h) {
  router_set_base(h->router, h->settings.base_path);
  signal(SIGPIPE, SIG_IGN);
  bool ok = listen_now(h);
  if (ok) {
    start_handles(h);
    h->is_serving = true;
    keep_begin(h);
    workers_open(h);
    watchdog_start(h);
    print_ready(h);
    uv_run(&h->loop, UV_RUN_DEFAULT);
    watchdog_stop(h);
  } else {
    stop_now(h);
    uv_run(&h->loop, UV_RUN_DEFAULT);
  }
  return ok;
}

bool host_free(Host *h) {
  bool is_whole = workers_close(h);
  if (h->store) store_settle(h->store);
  mounts_free(h);
  routes_free(h);
  folders_free(h);
  kernel_free(h->kernel);
  if (h->server) http_server_free(h->server);
  uv_walk(&h->loop, close_handle, NULL);
  uv_run(&h->loop, UV_RUN_DEFAULT);
  int e = uv_loop_close(&h->loop);
  ASSERT(e == 0);
  router_free(h->router);
  store_free(h->store);
  persist_free(h->persist);
  vm_free(h->vm);
  settings_free(&h->settings);
  buf_free(&h->headers);
  buf_free(&h->styles_css);
  buf_free(&h->modules);
  buf_free(&h->frame);
  buf_free(&h->page);
  buf_free(&h->failure.where);
  buf_free(&h->failure.error);
  buf_free(&h->failure.trace);
  buf_free(&h->failure.card);
  answer_free(&h->answer);
  free(h->folder);
  free(h);
  return is_whole;
}
