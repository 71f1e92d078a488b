/* One worker's thread (worker.h): a state of its own, in which `require
 * "stube"` gives what it gives to the app, and registers nothing. It is made
 * once, and serves one call after the other: what modules hold stays. */
#include "host/worker.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdlib.h>

#include "base/clock.h"
#include "host/host.h"
#include "html/html.h"
#include "lua/loader.h"
#include "wire/signals.h"

#define GARBAGE_BYTES MIB(4) /* that an idle worker does not sit on */

/* What is this thread's alone. */
typedef struct State {
  Vm *vm;
  Persist *persist;
  Kernel *kernel;
} State;

/* --- its state --- */

static void port_json(lua_State *L, int idx, const char *what, Buf *out) {
  json_encode(L, idx, what, out);
}

static void port_url_value(lua_State *L, int idx, Buf *out) {
  event_value_encode(L, idx, out);
}

static void set_path(lua_State *L, const char *name, const char *path) {
  lua_getglobal(L, LUA_LOADLIBNAME);
  lua_pushstring(L, path);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
}

static State state_new(Worker *w) {
  const Workers *ws = w->workers;
  State s = { .vm = vm_new() };
  lua_State *L = vm_lua(s.vm);
  loader_open(s.vm);
  loader_prefer_old(s.vm);
  host_add_modules(s.vm);
  if (ws->folder) loader_set_folder(s.vm, ws->folder);
  set_path(L, "path", w->path);
  set_path(L, "cpath", w->cpath);
  s.persist = persist_new(s.vm);
  KernelConfig config;
  kernel_config_init(&config);
  config.is_worker = true;
  config.development = ws->development;
  config.base_path = ws->base_path;
  config.log = &ws->log;
  KernelPorts ports = { .json = port_json, .url_value = port_url_value };
  s.kernel = kernel_new(s.vm, s.persist, &config, &ports);
  luaL_requiref(L, "stube.html", html_open, 0);
  lua_pop(L, 1);
  lib_bind(L, &w->env);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "stube");
  if (vm_call(L, 1, 0) != LUA_OK)
    die("a worker cannot load stube: %s", lua_tostring(L, -1));
  kernel_collect(s.kernel);
  return s;
}

static void state_free(State *s) {
  kernel_free(s->kernel);
  persist_free(s->persist);
  vm_free(s->vm);
}

/* --- what it asks the loop for --- */

/* With the mutex. Has the loop news, too? */
static void tell_loop(Workers *ws) {
  ws->has_news = true;
  uv_cond_signal(&ws->news);
  if (!ws->is_closed) uv_async_send(&ws->wake);
}

/* Waits for the answer. False when there is none. */
static bool ask(Worker *w, Need *need) {
  Workers *ws = w->workers;
  uv_mutex_lock(&ws->mutex);
  w->need = need;
  tell_loop(ws);
  while (!need->is_answered && !ws->is_stopping)
    uv_cond_wait(&ws->answers, &ws->mutex);
  w->need = NULL;
  uv_mutex_unlock(&ws->mutex);
  return need->is_answered && need->is_found;
}

static bool find_code(void *ud, lua_State *L,
                      const uint8_t digest[DIGEST_BYTES]) {
  Need need = { 0 };
  memcpy(need.digest, digest, DIGEST_BYTES);
  bool ok = ask(ud, &need);
  if (ok) lua_pushlstring(L, need.bytes.ptr, need.bytes.len);
  buf_free(&need.bytes);
  return ok;
}

static bool find_named(void *ud, Slice name, uint8_t digest[DIGEST_BYTES]) {
  char *own = dup_slice(name);
  Need need = { .name = own };
  bool ok = ask(ud, &need);
  if (ok) memcpy(digest, need.digest, DIGEST_BYTES);
  free(own);
  return ok;
}

/* --- one job after the other --- */

/* With the mutex: is there more use for this thread? */
static bool is_superfluous(const Worker *w) {
  const Workers *ws = w->workers;
  return ws->is_stopping || ws->n_threads - ws->n_lost > ws->max;
}

/* With the mutex. NULL: it is to end. */
static Job *take(Worker *w) {
  Workers *ws = w->workers;
  while (!ws->first && !is_superfluous(w)) {
    ws->n_idle++;
    uv_cond_wait(&ws->work, &ws->mutex);
    ws->n_idle--;
  }
  if (is_superfluous(w)) return NULL;
  Job *job = ws->first;
  ws->first = job->next;
  if (!ws->first) ws->last = &ws->first;
  ws->n_queued--;
  w->job = job;
  w->began_ns = clock_mono_ns();
  budget_interrupt(w->vm, false); /* it was meant for the one before */
  return job;
}

/* With the mutex. */
static void give_back(Worker *w, Job *job) {
  Workers *ws = w->workers;
  w->job = NULL;
  if (w->is_lost) {
    w->is_lost = false;
    ws->n_lost--;
  }
  job->next = ws->done;
  ws->done = job;
  tell_loop(ws);
}

static void do_job(Worker *w, const State *s, Job *job) {
  const Workers *ws = w->workers;
  IoCall call = {
    .id = job->id,
    .call = slice(job->call, job->len),
    .budget = { .cpu_ms = UINT64_MAX / 2000000, .memory = ws->memory },
    .result_max = ws->result_max,
    .find = find_code,
    .find_named = find_named,
    .ud = w,
  };
  kernel_io_call(s->kernel, &call, &job->result);
}

void worker_run(void *worker) {
  Worker *w = worker;
  Workers *ws = w->workers;
  State s = state_new(w);
  size_t clean = vm_bytes(s.vm);
  uv_mutex_lock(&ws->mutex);
  w->vm = s.vm;
  for (Job *job; (job = take(w)) != NULL;) {
    uv_mutex_unlock(&ws->mutex);
    do_job(w, &s, job);
    uv_mutex_lock(&ws->mutex);
    give_back(w, job);
    if (vm_bytes(s.vm) < clean + GARBAGE_BYTES) continue;
    uv_mutex_unlock(&ws->mutex);
    lua_gc(vm_lua(s.vm), LUA_GCCOLLECT, 0);
    clean = vm_bytes(s.vm);
    uv_mutex_lock(&ws->mutex);
  }
  w->vm = NULL;
  uv_mutex_unlock(&ws->mutex);
  state_free(&s); /* __gc and C modules have their say */
  uv_mutex_lock(&ws->mutex);
  w->has_ended = true;
  ws->n_threads--;
  tell_loop(ws);
  uv_mutex_unlock(&ws->mutex);
}
