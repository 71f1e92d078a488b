/* Heads out of libFuzzer's hands, with a right checksum: header, page,
 * history, frames and graph. What is accepted is drawn, gets events and is
 * saved again, and none of it crashes, leaks or takes a second.
 *
 * An input is a head without its checksum. It goes where all heads go: into a
 * store, from which the kernel finds it. */
#include "fuzz.h"

#include "html/html.h"
#include "kernel/state.h"

static Host h;
static Kernel *kernel;
static Store *store;
static Log quiet = { .level = LOG_OFF };
static unsigned runs, accepted;
static bool has_ended;
static uint64_t last_run; /* that a worker was to do */

#define NOW UINT64_C(1700000000000)

static const char cid[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/* --- the kernel's ports --- */

static void release(void *ud, Conv *c, FragmentId first, const Fragment *f,
                    size_t n) {
  (void)ud, (void)c, (void)first, (void)f, (void)n;
}
static void ended(void *ud, Conv *c) {
  (void)ud, (void)c;
  has_ended = true;
}
static bool forget(void *ud, Conv *c) {
  (void)ud, (void)c;
  return false;
}
static void io_start(void *ud, uint64_t run, Slice id, Slice call,
                     bool is_background) {
  (void)ud, (void)id, (void)call, (void)is_background;
  last_run = run;
}
static void io_cancel(void *ud, uint64_t run) { (void)ud, (void)run; }
static void json(lua_State *L, int idx, const char *what, Buf *out) {
  (void)what;
  (void)L, (void)idx;
  buf_lit(out, "{}");
}
static void url_value(lua_State *L, int idx, Buf *out) {
  (void)L, (void)idx;
  buf_lit(out, "1");
}

/* --- the host --- */

static void add_module(const char *name, const char *path, Buf *text) {
  FILE *f = fopen(path, "rb");
  if (!f) die("%s cannot be read", path);
  buf_clear(text);
  for (int c; (c = getc(f)) != EOF;) buf_byte(text, (char)c);
  fclose(f);
  loader_add_embedded(h.vm, name, buf_view(text));
}

static Buf texts[3];

static void close_host(void) {
  if (!h.vm) return;
  kernel_free(kernel);
  host_close(&h);
  store_free(store);
  h.vm = NULL;
  for (size_t i = 0; i < countof(texts); i++) buf_free(&texts[i]);
}

static void renew(void) {
  close_host();
  h = host_open();
  store = store_memory_new();
  add_module("stube.check", "lua/stube/check.lua", &texts[0]);
  add_module("stube.component", "lua/stube/component.lua", &texts[1]);
  add_module("stube.ui", "lua/stube/ui.lua", &texts[2]);
  KernelConfig config;
  kernel_config_init(&config);
  memset(config.key, 7, sizeof config.key);
  config.budget = (BudgetLimits){ .cpu_ms = CPU_MS, .memory = MIB(4) };
  config.head_bytes_max = KIB(64);
  config.log = &quiet;
  config.has_workers = true;
  KernelPorts ports = { .release = release,
                        .ended = ended,
                        .forget = forget,
                        .io_start = io_start,
                        .io_cancel = io_cancel,
                        .json = json,
                        .url_value = url_value };
  kernel = kernel_new(h.vm, h.persist, &config, &ports);
  kernel_open(kernel, store);
  kernel_now(kernel, NOW, NOW);
  luaL_requiref(h.L, "stube.html", html_open, 0);
  lua_pop(h.L, 1);
  load_script(&h, "spec/fuzz/app.lua", "app");
  tame(h.L);
  kernel_collect(kernel);
  if (in_generations(runs)) lua_gc(h.L, LUA_GCGEN, 0, 0);
}

/* --- events --- */

static bool was_answered;
static void answer(Event *ev, Err result) {
  (void)ev, (void)result;
  was_answered = true;
}

static Err push(Event *ev, lua_State *L) {
  (void)ev;
  lua_pushliteral(L, "typed");
  lua_pushnil(L);
  lua_newtable(L); /* a form */
  lua_pushliteral(L, "typed");
  lua_setfield(L, -2, "draft");
  return OK;
}

static void post(Conv *c, uint32_t iid, const char *name) {
  if (has_ended) return;
  Event ev = { .iid = iid, .name = slice_str(name), .push = push };
  ev.seen = (FragmentId){ c->turn, 1 }; /* which leaves some */
  ev.answer = answer;
  was_answered = false;
  kernel_post(kernel, c, &ev);
  store_settle(store);
  ASSERT(was_answered);
}

/* To what stood at a turn; 0: one step. */
static void go_back(Conv *c, uint64_t turn) {
  if (has_ended) return;
  Event ev = { .is_back = true, .to_turn = turn, .answer = answer };
  was_answered = false;
  kernel_post(kernel, c, &ev);
  store_settle(store);
  ASSERT(was_answered);
}

static void draw(Conv *c) {
  if (has_ended) return;
  Buf page = { .max = RENDER_BYTES_MAX };
  Event ev = { .draw = &page, .answer = answer };
  was_answered = false;
  kernel_post(kernel, c, &ev);
  store_settle(store); /* one that was spawned has its first turn before */
  ASSERT(was_answered);
  buf_free(&page);
}

/* The newest call ends; then an hour, with what it brings. */
static void let_time_pass(void) {
  kernel_io_done(kernel, last_run,
                 &(IoDone){ .is_text = true, .value = SLICE_INIT("no") });
  kernel_now(kernel, NOW + 3600000, NOW + 3600000);
  for (int i = 0; i < 8 && !has_ended; i++) {
    kernel_tick(kernel);
    store_settle(store);
  }
  kernel_now(kernel, NOW, NOW);
}

static void see_unseen(void *ud, const Fragment *f) {
  *(size_t *)ud += f->body.len;
}

/* What follows a page that is drawn anew. */
static void read_unseen(const Conv *c) {
  size_t bytes = 0;
  conv_see_unseen(c, (FragmentId){ 0 }, see_unseen, &bytes);
  ASSERT(bytes <= CONV_HEAD_BYTES_MAX);
}

static void visit(Conv *c) {
  draw(c);
  if (!has_ended) read_unseen(c);
  accepted += !conv_ended(c);
  if (!has_ended && c->n_insts) post(c, c->insts[c->n_insts / 2]->iid, "go");
  static const char *const names[] = { "go", "ok", "yes", "side", "cancel" };
  for (size_t i = 0; i < countof(names); i++) post(c, 0, names[i]);
  go_back(c, 0);
  if (!has_ended && c->n_insts) post(c, c->insts[0]->iid, "go");
  if (!has_ended) go_back(c, c->history.turn - 1);
  let_time_pass();
}

/* --- one input --- */

static void kept(void *ud, Err e) {
  (void)ud;
  ASSERT(e == OK);
}

/* Puts a head into the store, or NULL to take it out. */
static void keep(Blob *head) {
  StoreItem item = { .head = head };
  Blob *was;
  bool ok = cid_raw(slice_str(cid), item.key);
  ASSERT(ok);
  if (store_load(store, item.key, &was, &item.expected) == OK)
    blob_drop(was);
  else if (!head)
    return;
  store_commit(store, &item, kept, NULL);
  store_settle(store);
}

static Blob *sealed(const uint8_t *data, size_t size) {
  Buf head = { 0 };
  char sum[MAC_LEN];
  buf_put(&head, (const char *)data, size);
  exchange_digests(h.vm, head.ptr, size, false);
  MacKey key = mac_key(kernel->config.key, slice_str(cid));
  mac(sum, &key, slice(head.ptr, size));
  buf_put(&head, sum, sizeof sum);
  Blob *b = blob_new(buf_view(&head));
  buf_free(&head);
  return b;
}

static void drop(Conv *c) {
  if (!has_ended) {
    conv_unlist(kernel, c);
    conv_free(c);
  }
  keep(NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (runs++ % RENEW_EVERY == 0) renew();
  if (size == 0) return 0;
  has_ended = false;
  Blob *head = sealed(data, size);
  keep(head);
  blob_drop(head);
  Conv *c = kernel_find(kernel, slice_str(cid));
  if (c) visit(c);
  if (c)
    drop(c);
  else
    keep(NULL);
  ASSERT(lua_gettop(h.L) == 0);
  collect(h.L, runs);
  return 0;
}

/* --- mutation: one block at a time, so that their lengths stay right --- */

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max,
                               unsigned seed);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max,
                               unsigned seed) {
  enum { MAGIC = 4, BLOCKS = 5, LENGTHS = 3 * BLOCKS };
  Slice block[BLOCKS], in = slice((const char *)data, size);
  Err e = size < MAGIC || max < size + 64 ? ERR_BAD_INPUT : OK;
  if (!e) in = slice(in.ptr + MAGIC, in.len - MAGIC);
  for (int i = 0; i < BLOCKS && !e; i++) e = take_block(&in, &block[i]);
  if (e || seed % 16 == 0) return LLVMFuzzerMutate(data, size, max);
  Buf out = { 0 };
  buf_put(&out, (const char *)data, MAGIC);
  for (int i = 0; i < BLOCKS; i++) {
    if (seed % BLOCKS != (unsigned)i) {
      buf_block(&out, block[i]);
      continue;
    }
    size_t room = block[i].len + (max - size) - LENGTHS;
    uint8_t *copy = xmalloc(room);
    memcpy(copy, block[i].ptr, block[i].len);
    size_t len = LLVMFuzzerMutate(copy, block[i].len, room);
    buf_block(&out, slice((const char *)copy, len));
    free(copy);
  }
  ASSERT(out.len <= max);
  memcpy(data, out.ptr, size = out.len);
  buf_free(&out);
  return size;
}

/* --- seeds: what a visit leaves after each of its events --- */

static const char *seeds; /* the folder */
static int nseeds;

static void seed(const Conv *c, const char *name) {
  if (has_ended) return;
  Slice head = blob_view(c->head);
  write_seed(h.vm, seeds, name, nseeds++, slice(head.ptr, head.len - MAC_LEN));
}

static void tell(const char *embed, const char *const *names) {
  Buf page = { 0 };
  Conv *c;
  has_ended = false;
  nseeds = 0;
  lua_pushstring(h.L, embed);
  Mint mint = { .owner = "owner", .title = "A title", .embed = 1 };
  if (kernel_mint(kernel, &mint, &c, &page) || !c) die("%s", page.ptr);
  kernel_promote(kernel, c);
  store_settle(store);
  seed(c, strchr(embed, '/') + 1);
  for (size_t i = 0; names[i]; i++) {
    uint32_t iid = 0;
    if (names[i][0] == '1') iid = c->insts[1]->iid;
    if (names[i][0] == '0') iid = c->insts[0]->iid;
    post(c, iid, names[i] + (iid ? 1 : 0));
    seed(c, strchr(embed, '/') + 1);
  }
  buf_free(&page);
  lua_settop(h.L, 0);
}

static void write_seeds(const char *folder) {
  seeds = folder;
  renew();
  tell("fuzz/leaf", (const char *const[]){ "go", NULL });
  tell("fuzz/list", (const char *const[]){ "go", "0go", "yes", "1go", "yes",
                                           "0side", "0go", NULL });
  tell("fuzz/flow",
       (const char *const[]){ "ok", "go", "yes", "side", "cancel", NULL });
  tell("fuzz/later", (const char *const[]){ "go", "side", "go", "side", NULL });
  tell("fuzz/io", (const char *const[]){ "go", "side", "go", NULL });
  tell("ui/confirm", (const char *const[]){ NULL });
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc, (void)argv;
  const char *folder = getenv("FUZZ_SEEDS");
  if (!folder) return 0;
  write_seeds(folder);
  close_host();
  exit(0);
}
