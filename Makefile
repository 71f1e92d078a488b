# stube: `make run` plays the examples, `make test` proves them. Both set up what
# they need. Nothing is listed by hand: a layer is a folder of src, in LAYERS' order.

B ?= build
SAN ?=
PREFIX ?= /usr/local
PORT ?= 8080
OPT ?= -O2
SECONDS ?= 60
LAYERS := base lua html persist store kernel wire http host
LUA := build/lua/src
NODE := build/npm/node_modules

WARN := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
CFLAGS += -std=c11 -D_GNU_SOURCE -g $(OPT) $(SAN) $(WARN) -MMD -MP -Isrc
CFLAGS += -isystem $(LUA) -isystem /usr/share/include/llhttp -I$(B)/gen
LDLIBS := -luv -llmdb -lsodium -ljansson -lm -ldl -lpthread
ifdef CI
CFLAGS += -Werror
endif

objs = $(patsubst src/%.c,$(B)/src/%.o,$(wildcard src/$1/*.c))
libs = $(foreach l,$1,$(B)/lib$l.a)
# The layers up to and including $1, highest first, as a linker wants them.
upto = $(call reverse,$(call until,$1,$(LAYERS)))
until = $(if $(filter $1,$(firstword $2)),$1,$(firstword $2) $(call until,$1,$(wordlist 2,99,$2)))
reverse = $(if $1,$(call reverse,$(wordlist 2,99,$1)) $(firstword $1))
THIRD := $(B)/libluavm.a $(B)/libllhttp.a
C_SPECS := $(patsubst spec/c/%_spec.c,$(B)/spec/%,$(wildcard spec/c/*/*_spec.c))
CRASHERS := $(patsubst spec/crash/%/,$(B)/crash/%,$(sort $(dir $(wildcard spec/crash/*/*.c))))
POWER := $(patsubst spec/power/%.c,$(B)/power/%,$(wildcard spec/power/*.c)) \
  $(patsubst spec/power/shim/%.c,$(B)/power/%.so,$(wildcard spec/power/shim/*.c))
FUZZERS := $(patsubst spec/fuzz/%.c,$(B)/fuzz/%,$(wildcard spec/fuzz/*.c))
EMBEDDED := $(shell find lua src/client -name '*.lua' -o -name '*.css')

all: $(B)/stube

# --- what others made, fetched and pinned -------------------------------------
build/.setup-run: tools/setup $(wildcard tools/npm/*)
	tools/setup run
build/.setup-test: tools/setup build/.setup-run
	tools/setup test
setup: build/.setup-run build/.setup-test
$(LUA)/lua.h: tools/fetch-lua $(wildcard tools/lua-patches/*) | build/.setup-run
	tools/fetch-lua build/lua
$(B)/libluavm.a: $(LUA)/lua.h tools/build-lua
	CC="$(CC)" CFLAGS="$(OPT) $(SAN)" tools/build-lua $(LUA) $(B)
build/lua/lua: $(LUA)/lua.h
	$(CC) -O1 -DLUA_USE_LINUX -Wl,-E -o $@ $$(ls $(LUA)/*.c | grep -v luac) -lm -ldl
$(B)/libllhttp.a: | build/.setup-run
	mkdir -p $(B)/llhttp && cd $(B)/llhttp && $(CC) $(OPT) $(SAN) -DLLHTTP_STRICT_MODE=1 \
	  -I/usr/share/include/llhttp -c /usr/share/llhttp/*.c && ar rcs ../libllhttp.a *.o

# --- ours -----------------------------------------------------------------------
$(B)/src/%.o: src/%.c | $(LUA)/lua.h
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -c -o $@ $<
define layer
$(B)/lib$1.a: $(call objs,$1) ; @rm -f $$@ && ar rcs $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call layer,$l)))
build/gen/client.js: $(wildcard src/client/*.js) | build/.setup-run
	NODE_PATH=$(NODE) tools/bundle src/client $(@D)
$(B)/gen/assets.c: build/gen/client.js $(EMBEDDED) tools/embed.lua build/lua/lua
	@mkdir -p $(@D)
	build/lua/lua tools/embed.lua $@ build/gen/client.js $(EMBEDDED)
$(B)/gen/assets.o: $(B)/gen/assets.c
	$(CC) $(CFLAGS) -c -o $@ $<
$(B)/stube: $(B)/gen/assets.o $(call libs,$(call upto,host)) $(THIRD)
	$(CC) $(SAN) -Wl,-E -o $@ $(B)/gen/assets.o $(call libs,$(call upto,host)) \
	  -Wl,--whole-archive $(B)/libluavm.a -Wl,--no-whole-archive $(B)/libllhttp.a $(LDLIBS)

# spec/c/<layer>/x_spec.c sees its layer and those below, and nothing above.
.SECONDEXPANSION:
assets = $(if $(filter host,$1),$(B)/gen/assets.o)
$(C_SPECS): $(B)/spec/%: spec/c/%_spec.c $$(call libs,$$(call upto,$$(*D))) $$(call assets,$$(*D)) $(THIRD)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -Ispec/c -o $@ $< $(call assets,$(*D)) $(call libs,$(call upto,$(*D))) $(THIRD) $(LDLIBS) -lcmocka

# spec/crash/x/*.c is one program that drives a server from outside.
$(CRASHERS): $(B)/crash/%: $$(wildcard spec/crash/$$*/*.[ch] tools/client/*.[ch]) $(B)/libbase.a
	@mkdir -p $(@D)
	$(CC) $(filter-out -MMD -MP,$(CFLAGS)) -Itools/client -o $@ $(filter %.c,$^) $(B)/libbase.a $(LDLIBS)

# spec/fuzz/x.c is fed by libFuzzer, up to the kernel: `make fuzz` has the flags.
$(FUZZERS): $(B)/fuzz/%: spec/fuzz/%.c $(call libs,$(call upto,kernel)) $(THIRD)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -fsanitize=fuzzer -Ispec/c -o $@ $< $(call libs,$(call upto,kernel)) \
	  $(THIRD) $(LDLIBS) -lcmocka

# What spec/crash/*/run needs beside: programs on the store, and libraries to preload.
$(B)/power/%.so: spec/power/shim/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -Ispec/power -shared -fPIC -o $@ $< -ldl
$(B)/power/%: spec/power/%.c $(B)/libstore.a $(B)/libbase.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -o $@ $< $(B)/libstore.a $(B)/libbase.a $(LDLIBS)

-include $(shell find $(B) -name '*.d' 2>/dev/null)

run: $(B)/stube
	$(B)/stube examples/all.lua --port $(PORT)
test: build/.setup-test $(B)/stube $(C_SPECS) $(CRASHERS) $(POWER)
	tools/test $(B) check c lua crash browser
check: build/.setup-test $(B)/stube $(C_SPECS)
	tools/test $(B) check c lua
asan:
	$(MAKE) B=build/asan OPT="-O1 -fno-omit-frame-pointer" \
	  SAN="-fsanitize=address,undefined -fno-sanitize-recover=all" asan-test
asan-test: build/.setup-test $(B)/stube $(C_SPECS)
	tools/test $(B) c lua
crash: build/.setup-test $(B)/stube $(CRASHERS) $(POWER)
	LONG=1 tools/test $(B) crash
hard:
	$(MAKE) B=build/hard OPT="-O1 -DSTUBE_HARD" asan-test
FUZZ_FLAGS = B=build/fuzz CC=clang \
  SAN="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize=pointer-overflow -fno-sanitize-recover=undefined" \
  OPT="-O2 -fno-omit-frame-pointer -DLUAI_ASSERT -DLUA_USE_APICHECK"
fuzz:
	$(MAKE) $(FUZZ_FLAGS) fuzzers
	tools/fuzz build/fuzz $(SECONDS)
fuzz-corpus:
	$(MAKE) $(FUZZ_FLAGS) fuzzers
	tools/fuzz build/fuzz merge
fuzzers: build/.setup-test $(FUZZERS)
clang:
	$(MAKE) B=build/clang CC=clang all
bench: $(B)/stube
	tools/bench/run $(B)
	tools/bench/durable $(B)
bench-durable: $(B)/stube
	tools/bench/durable $(B)
install: $(B)/stube
	install -D -m 755 $(B)/stube $(DESTDIR)$(PREFIX)/bin/stube
api: build/lua/lua
	build/lua/lua tools/api.lua > docs/api.md
format: ; clang-format -i $$(git ls-files '*.c' '*.h')
clean: ; rm -rf build

.PHONY: all setup run test check asan asan-test crash hard fuzz fuzz-corpus fuzzers clang bench
.PHONY: bench-durable install api format clean
.DELETE_ON_ERROR:
