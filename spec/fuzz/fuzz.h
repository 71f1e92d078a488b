/* What the fuzz targets share: a host without a way to the outside, inputs that
 * outlive edits of the scripts, and seeds.
 *
 * A target keeps one Vm alive over many inputs, and renews it now and then:
 * what accepted code did to its globals is then forgotten. */
#ifndef SPEC_FUZZ_H
#define SPEC_FUZZ_H

#include "persist/harness.h"

#include "lua/budget.h"

enum {
  RENEW_EVERY = 500,     /* inputs that one Vm lives through */
  COLLECT_EVERY = 8,     /* inputs between two full collections */
  CPU_MS = 3,            /* that accepted code may take */
  SEED_BYTES_MAX = 1200, /* larger ones are slow and say nothing new */
};

/* libFuzzer's own names */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void tame(lua_State *L) {
  static const char text[] =
      "local function only(lib, ...)\n"
      "  local keep = {} for _, n in ipairs { ... } do keep[n] = true end\n"
      "  for n in pairs(lib) do if not keep[n] then lib[n] = nil end end\n"
      "end\n"
      "only(io) only(package, 'loaded')\n"
      "only(os, 'time', 'clock', 'date')\n"
      "only(debug, 'traceback', 'getlocal', 'getinfo')\n"
      "dofile, loadfile, require, print, warn = nil\n";
  if (luaL_dostring(L, text)) die("%s", lua_tostring(L, -1));
}

/* Runs a script and leaves its value as a global. */
static void load_script(Host *h, const char *path, const char *global) {
  if (loader_run_file(h->vm, path) != LUA_OK) die("%s", lua_tostring(h->L, -1));
  lua_settop(h->L, 1); /* or nil */
  lua_setglobal(h->L, global);
}

/* Every other Vm collects in generations. */
static bool in_generations(unsigned runs) { return runs / RENEW_EVERY % 2; }

static void collect(lua_State *L, unsigned runs) {
  if (in_generations(runs))
    lua_gc(L, LUA_GCSTEP, 0);
  else if (runs % COLLECT_EVERY == 0)
    lua_gc(L, LUA_GCCOLLECT);
}

/* --- digests and the names that stand for them --- */

static void replace_all(char *bytes, size_t len, const void *from,
                        const void *to) {
  char *at = bytes;
  while ((at = memmem(at, len - (size_t)(at - bytes), from, DIGEST_BYTES))) {
    memcpy(at, to, DIGEST_BYTES);
    at += DIGEST_BYTES;
  }
}

/* Bytes that name a chunk hold its digest; a kept input has the chunk's name in
 * its place, filled up with dots. */
static void exchange_digests(Vm *vm, char *bytes, size_t len, bool to_names) {
  for (size_t i = 0; i < loader_count(vm); i++) {
    const Chunk *c = loader_at(vm, i);
    char name[DIGEST_BYTES];
    memset(name, '.', sizeof name);
    size_t n = strlen(c->name);
    memcpy(name, c->name, n < sizeof name ? n : sizeof name);
    if (to_names)
      replace_all(bytes, len, c->digest, name);
    else
      replace_all(bytes, len, name, c->digest);
  }
}

/* --- seeds: FUZZ_SEEDS=folder writes them there, and ends --- */

static void write_seed(Vm *vm, const char *folder, const char *name, int n,
                       Slice bytes) {
  if (bytes.len > SEED_BYTES_MAX) return;
  char path[512];
  snprintf(path, sizeof path, "%s/%s-%d", folder, name, n);
  FILE *f = fopen(path, "wb");
  if (!f) die("%s cannot be written", path);
  char *copy = dup_slice(bytes);
  exchange_digests(vm, copy, bytes.len, true);
  fwrite(copy, 1, bytes.len, f);
  free(copy);
  fclose(f);
}

#endif
