# axmake. `make demo` shows what it is, `make check` tests it: both first install what is missing. `make` alone builds ./axmake.
PREFIX  ?= /usr/local
DESTDIR ?=
CFLAGS  ?= -O2 -g
B       ?= build
OUT     ?= .
SUITES  ?=
STATIC  ?= 0
HARDEN  ?= 1

PKGS := yaml-0.1 inih libxxhash libutf8proc jansson
WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wvla -Wconversion -Wno-sign-conversion
# pkg-config is asked once, and only when something is to be compiled: `make setup` has to work without it.
PKG_LIBS   = $(eval PKG_LIBS := $$(shell pkg-config --libs $(PKGS) 2>/dev/null))$(or $(PKG_LIBS),$(error libraries are missing: run `make setup`))
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell pkg-config --cflags $(PKGS) $(if $(HTTP),$(HTTP_PKGS))))$(PKG_CFLAGS)
# The program for a shared cache over HTTP is built where its libraries are.
HTTP_PKGS := libcurl libcrypto
HTTP := $(shell pkg-config --exists $(HTTP_PKGS) 2>/dev/null && echo axmake-http)
# Flags against attacks, as far as the compiler takes them (HARDEN=0: none). A program without shared libraries (STATIC=1) starts faster, at the place
# that it was linked for.
PIE      = $(filter-out 1,$(STATIC))
HARDEN_C = $(eval HARDEN_C := $$(shell .ci/harden.sh $$(CC) $$(CFLAGS)))$(HARDEN_C)
HARD_C   = $(if $(filter 1,$(HARDEN)),$(HARDEN_C) $(if $(PIE),-fPIE))
RELRO   := -Wl,-z,relro,-z,now
HARD_LD  = $(if $(filter 1,$(HARDEN)),$(RELRO) $(if $(PIE),-pie,-no-pie))
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -Isrc $(WARN) $(HARD_C) $(CFLAGS)
# The C library first, since all that is looked up at the start is looked for in that order.
ALL_LIBS   = $(HARD_LD) $(LDFLAGS) -lc -Wl,--as-needed $(PKG_LIBS) -lm
LINK = $(CC) $(CFLAGS) $(if $(filter 1,$(STATIC)),-static) -o $@ $^ $(ALL_LIBS)

VERSION := $(shell sed -n 's/^\#define AXMAKE_VERSION "\(.*\)"/\1/p' src/version.h)
HTTP_SRC := $(wildcard src/http/*.c)
LIB_SRC := $(filter-out src/main.c src/offline.c src/carry.c src/guard.c $(HTTP_SRC),$(wildcard src/*.c src/*/*.c))
LIB_OBJ := $(LIB_SRC:%.c=$B/%.o) $B/builtin_rules.o $B/report_page.o
UNIT    := $(patsubst tests/unit/%.c,$B/unit/%,$(wildcard tests/unit/test_*.c))
FUZZ    := $(patsubst tests/fuzz/fuzz_%.c,$B/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
PEERS   := $(patsubst tests/jobserver/%.c,$B/jobserver/%,$(wildcard tests/jobserver/*.c))

# A second make, after setup, by `+`: with all processors, unless an outer make gives the jobs.
AGAIN = [ -e $(OUT)/axmake ] || echo 'axmake: building'; $(MAKE) --no-print-directory -s $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$$(nproc))

.PHONY: all setup demo session check check-agents check-browser check-crash check-jobserver check-load check-model check-secrets check-oracle check-faults check-built asan check-clang fuzz fuzz-built bench bench-quick lint format install uninstall dist clean
all: $(OUT)/axmake $(OUT)/ax $(OUT)/axmake-offline $(OUT)/axmake-carry $(OUT)/axmake-guard $(HTTP:%=$(OUT)/%)

# Building

$(OUT)/axmake: $B/src/main.o $B/libaxmake.a
	$(LINK)
$(OUT)/ax: | $(OUT)/axmake
	ln -sf axmake $@
$(OUT)/axmake-offline: $B/src/offline.o $B/libaxmake.a
	$(LINK)
$(OUT)/axmake-carry: $B/src/carry.o $B/libaxmake.a
	$(LINK)
$(OUT)/axmake-guard: $B/src/guard.o $B/libaxmake.a
	$(LINK)
# Always with shared libraries: those of HTTP and TLS are large, and get repairs of their own.
$(OUT)/axmake-http: $(HTTP_SRC:%.c=$B/%.o) $B/libaxmake.a
	$(CC) $(CFLAGS) -o $@ $^ $(ALL_LIBS) $$(pkg-config --libs $(HTTP_PKGS))
$B/libaxmake.a: $(LIB_OBJ)
	rm -f $@ && $(AR) rcs $@ $^
$B/src/%.o: src/%.c Makefile
	@$(if $(PKG_LIBS),mkdir -p $(@D))
	$(CC) $(ALL_CFLAGS) $(PKG_CFLAGS) -MMD -MP -c -o $@ $<
$B/builtin_rules.c: $(wildcard rules/*.ini) rules/embed.sh
	@mkdir -p $(@D)
	sh rules/embed.sh $(sort $(wildcard rules/*.ini)) > $@.tmp && mv $@.tmp $@
PAGE := src/show/page
PAGE_PARTS := $(addprefix $(PAGE)/,page.html page.css $(addsuffix .js,core list detail timeline layout graph keys main))
$B/report_page.c: $(PAGE)/embed.sh $(PAGE_PARTS)
	@mkdir -p $(@D)
	sh $^ > $@.tmp && mv $@.tmp $@
$B/builtin_rules.o $B/report_page.o: $B/%.o: $B/%.c
	$(CC) $(ALL_CFLAGS) $(PKG_CFLAGS) -MMD -MP -c -o $@ $<
$B/unit/%: tests/unit/%.c $B/libaxmake.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(PKG_CFLAGS) -MMD -MP -o $@ $< $B/libaxmake.a $(ALL_LIBS) -lcmocka
$B/jobserver/%: tests/jobserver/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -o $@ $<

# What calls a target: libFuzzer and AFL++ bring a main of their own.
FUZZ_MAIN ?= driver
$B/fuzz/%.o: tests/fuzz/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(PKG_CFLAGS) -Itests/fuzz -MMD -MP -c -o $@ $<
$(FUZZ): $B/fuzz/%: $B/fuzz/fuzz_%.o $B/fuzz/fuzz.o $(FUZZ_MAIN:%=$B/fuzz/%.o) $B/libaxmake.a
	$(LINK)
.SECONDARY: $(FUZZ:$B/fuzz/%=$B/fuzz/fuzz_%.o)

$B/bench/%: bench/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -static -o $@ $<
$B/bench/fast/cp: bench/copy.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -static -o $@ $<

-include $(LIB_OBJ:.o=.d) $(HTTP_SRC:%.c=$B/%.d) $B/src/main.d $B/src/offline.d $B/src/carry.d $B/src/guard.d $(UNIT:=.d) $(PEERS:=.d) $(wildcard $B/fuzz/*.d)

# Trying and testing

setup:
	@.ci/setup.sh
demo:
	@.ci/setup.sh make build
	+@$(AGAIN) all
	@examples/demo.sh $(abspath $(OUT)/axmake) $B/demo
# The session that README.md shows, recorded anew.
session:
	@.ci/setup.sh
	+@$(AGAIN) all
	@mkdir -p $B && python3 doc/session/record.py --axmake $(OUT)/axmake > $B/session.svg && mv $B/session.svg doc/session.svg
check:
	@.ci/setup.sh
	+@$(AGAIN) check-built
check-built: all $(UNIT) $(PEERS) $(FUZZ)
	@python3 tests/run-all.py --axmake $(OUT)/axmake --build $B $(SUITES)

# The real agents' programs, from npm (1.4 GB below $B/agents), against a server on this machine: some minutes.
check-agents:
	@.ci/setup.sh make build
	+@$(AGAIN) all
	@python3 tests/agents/run.py --all --axmake $(OUT)/axmake --store $B/agents

# The page of --report FILE.html in Chromium, which this installs: 300 MB. `make check` does it where Chromium is there.
check-browser:
	@.ci/setup.sh make build browser
	+@$(AGAIN) all
	@python3 tests/browser/run.py --axmake $(OUT)/axmake

# A shared cache over HTTP, also with nginx, which this installs. `make check` does it with a server of its own, and with nginx where it is there.
.PHONY: check-http
check-http:
	@.ci/setup.sh make build http
	+@$(AGAIN) all
	@python3 tests/http/run.py --axmake $(OUT)/axmake

# A Slurm cluster of two nodes on this machine, from Debian's slurm-wlm and munge, which this installs; as root. `make check` plays a few cases where they are there.
.PHONY: check-slurm
check-slurm:
	@.ci/setup.sh make build slurm
	+@$(AGAIN) all
	@python3 tests/slurm/run.py --all --axmake $(OUT)/axmake

# 100000 tasks, 512 at once, 10000 that wait for a provider.
.PHONY: check-load
check-load:
	@.ci/setup.sh
	+@$(AGAIN) all
	@python3 tests/load/run.py --long --axmake $(OUT)/axmake

# The packages: Debian's, with lintian's word; the static program; a container's image without network; and CI's recipes, which build axmake.
.PHONY: check-package
check-package:
	@.ci/setup.sh make build check package
	+@$(AGAIN) all
	@python3 tests/package/run.py --long --axmake $(OUT)/axmake
	@python3 tests/integrations/run.py --long --axmake $(OUT)/axmake

# Killed runs, and every file looked through.
# Executors against sshd on the loopback and podman.
.PHONY: check-executors
check-executors:
	@.ci/setup.sh make build executors
	+@$(AGAIN) all
	@python3 tests/executors/run.py --axmake $(OUT)/axmake

.PHONY: check-secrets
check-secrets:
	@.ci/setup.sh
	+@$(AGAIN) all
	@python3 tests/secrets/run.py --kills 300 --axmake $(OUT)/axmake

# Random histories, with all processors; some minutes. `make check` plays a few of them.
check-oracle:
	@.ci/setup.sh make build
	+@$(AGAIN) all
	@python3 tests/oracle/run.py --axmake $(OUT)/axmake --steps 10000

# Hostile names and paths, answers, and programs in sandboxes: random rounds, some ten minutes each. `make check` plays a few of them.
.PHONY: check-paths check-answers check-sandbox
check-paths:
	@.ci/setup.sh make check
	+@$(AGAIN) all
	@python3 tests/paths/run.py --rounds 1000 --axmake $(OUT)/axmake
check-answers:
	@.ci/setup.sh make check
	+@$(AGAIN) all
	@python3 tests/answers/run.py --rounds 500 --axmake $(OUT)/axmake
check-sandbox:
	@.ci/setup.sh make check
	+@$(AGAIN) all
	@python3 tests/sandbox/run.py --rounds 200 --axmake $(OUT)/axmake

# Clients without end, killed with tokens in hand.
.PHONY: check-jobserver
check-jobserver:
	@.ci/setup.sh make check
	+@$(AGAIN) all $(PEERS)
	@python3 tests/jobserver/run.py --long --trials 200 --axmake $(OUT)/axmake --tools $B/jobserver

# The models of the jobserver and of waiting, also with more tokens.
.PHONY: check-model
check-model:
	@.ci/setup.sh make check
	@python3 tests/model/run.py --all

# A thousand kills and a thousand losses of power.
.PHONY: check-crash
check-crash:
	@.ci/setup.sh
	+@$(AGAIN) all
	@python3 tests/crash/run.py --rounds 1000 --losses 1000 --axmake $(OUT)/axmake

# Each system call fails once; an hour.
check-faults:
	@.ci/setup.sh
	+@$(AGAIN) all
	@python3 tests/faults/run.py --all --axmake $(OUT)/axmake

SANITIZE = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
asan:
	@.ci/setup.sh
	+@$(AGAIN) check-built B=build/asan OUT=build/asan HARDEN=0 CFLAGS='$(SANITIZE)'
# What reads in threads of its own: the tests of these modules, and golden cases that come by them. (Under ThreadSanitizer vfork is fork, so tests of how a start fails say nothing.)
.PHONY: tsan tsan-built
tsan:
	@.ci/setup.sh
	+@$(AGAIN) tsan-built B=build/tsan OUT=build/tsan HARDEN=0 CFLAGS='-O1 -g -fsanitize=thread'
THREADED := $(addprefix $B/unit/test_,pool filehash seal)
tsan-built: all $(THREADED)
	@set -e; for t in $(THREADED); do $$t; done
	@python3 tests/cli/run.py --axmake $(OUT)/axmake 'seal*' 'cache*' 'tree*'
# Unit tests, and golden cases of bad input, under memcheck: slow. PROGRAMS="test_log test_yaml": those unit tests alone.
.PHONY: valgrind
valgrind:
	@.ci/setup.sh make build check valgrind
	+@$(AGAIN) all $(UNIT)
	@python3 tests/memcheck.py --axmake $(OUT)/axmake --build $B $(PROGRAMS)
check-clang:
	@.ci/setup.sh
	+@$(AGAIN) check-built B=build/clang OUT=build/clang CC=clang
# Inputs by chance and by what they reach, FUZZ_SECONDS for each target (FUZZ_TARGETS="workflow log": for those alone), with clang's libFuzzer; what reached
# something new stays in build/fuzz-corpus. FUZZ_ENGINE=afl: with AFL++.
FUZZ_SECONDS ?= 600
FUZZ_ENGINE  ?= libfuzzer
FUZZ_SANITIZE = -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=undefined -fsanitize=address,undefined
fuzz:
	@.ci/setup.sh build $(FUZZ_ENGINE)
ifeq ($(FUZZ_ENGINE),afl)
	+@$(AGAIN) fuzz-built B=build/fuzz-afl OUT=build/fuzz-afl CC=afl-clang-fast HARDEN=0 CFLAGS='-O2 -g' LDFLAGS=-fsanitize=fuzzer FUZZ_MAIN=
else
	+@$(AGAIN) fuzz-built B=build/fuzz-libfuzzer OUT=build/fuzz-libfuzzer CC=clang HARDEN=0 CFLAGS='$(FUZZ_SANITIZE),fuzzer-no-link' LDFLAGS=-fsanitize=fuzzer FUZZ_MAIN=
endif
	@python3 tests/fuzz/long.py --engine $(FUZZ_ENGINE) --targets build/fuzz-$(FUZZ_ENGINE)/fuzz --corpus build/fuzz-corpus --seconds $(FUZZ_SECONDS) $(FUZZ_TARGETS)
fuzz-built: $(FUZZ)
# Of the program that starts fastest, beside other tools: a table and a plot in $B/bench. Some 30 minutes; SAMU=PATH names samurai, BENCH='--rows noop …' what bench/run.py --help tells.
BENCH ?=
bench:
	@.ci/setup.sh
	+@$(AGAIN) all B=$B/static OUT=$B/static STATIC=1 2>/dev/null
	+@$(AGAIN) $(addprefix $B/bench/,measure atonce least stamp fast/cp)
	@python3 bench/run.py --axmake $B/static/axmake --programs $B/bench --out $B/bench $(BENCH)
	@$(if $(BENCH),:,python3 bench/observers.py --axmake $B/static/axmake --measure $B/bench/measure)
# The same rows with small graphs, in under a minute.
bench-quick:
	+@$(MAKE) --no-print-directory -s bench BENCH='--quick $(BENCH)'

# What much of everything costs (doc/scale.md): SCALE='--full --rows tasks,agents …' is what bench/scale.py --help tells.
.PHONY: bench-scale
bench-scale:
	@.ci/setup.sh make build
	+@$(AGAIN) all $B/bench/measure
	@python3 bench/scale.py --axmake $(OUT)/axmake --measure $B/bench/measure $(SCALE)

# Left out: what asks for another style, what -Wconversion says more exactly, and vfork, whose child calls what it may call (src/run/process.c), and copies of what has been measured.
NOISE   := -bugprone-easily-swappable-parameters,-bugprone-not-null-terminated-result,-bugprone-implicit-widening-of-multiplication-result,-bugprone-narrowing-conversions,-bugprone-sizeof-expression,-bugprone-branch-clone,-*.Padding,-*.Vfork,-*.vfork,-*.strcpy,-*.DeprecatedOrUnsafeBufferHandling
C_FILES := $(wildcard src/*.[ch] src/*/*.[ch] tests/*/*.[ch])
TIDY    := $(shell command -v clang-tidy)
TIDIED  := $(if $(TIDY),$(patsubst %.c,$B/lint/%.done,$(filter src/%.c,$(C_FILES))))
.PHONY: lint-whole
lint: lint-whole $(TIDIED)
	@$(or $(TIDY),echo no clang-tidy: skipped; :) --version >/dev/null
lint-whole:
	@mkdir -p $B && cat $(filter %.js,$(PAGE_PARTS)) > $B/page.js
	@$(or $(shell command -v node),echo no node: skipped; :) --check $B/page.js
	@$(or $(shell command -v cppcheck),echo no cppcheck: skipped; :) --quiet --std=c11 --enable=warning,performance,portability \
		--inline-suppr --suppress=unknownMacro --suppress=varFuncNullUB --suppress=ctuuninitvar --error-exitcode=1 -D_GNU_SOURCE -Isrc src
# By file, so that -j and what has not changed since count. What it says of headers of others is a number only, on its second output.
$B/lint/%.done: %.c $(filter %.h,$(C_FILES))
	@mkdir -p $(@D)
	@$(TIDY) --quiet --warnings-as-errors='*' --checks='-*,bugprone-*,clang-analyzer-*,$(NOISE)' $< -- $(ALL_CFLAGS) $(PKG_CFLAGS) 2>$@.said || { cat $@.said; exit 1; }
	@touch $@
# gcc's analyzer, file by file. It knows no other file: what those promise is said by an assert where it asks.
ANALYZE := -O1 -fanalyzer -Werror
.PHONY: analyze
analyze: $(LIB_SRC:%.c=$B/analyze/%.done)
$B/analyze/%.done: %.c
	@mkdir -p $(@D)
	$(CC) -std=c11 -D_GNU_SOURCE -Isrc $(PKG_CFLAGS) $(ANALYZE) -c -o /dev/null $< && touch $@
format:
	clang-format -i $(C_FILES)

# Giving away

BIN   = $(DESTDIR)$(PREFIX)/bin
EXEC  = $(DESTDIR)$(PREFIX)/libexec/axmake
SHARE = $(DESTDIR)$(PREFIX)/share/axmake
DOC   = $(DESTDIR)$(PREFIX)/share/doc/axmake
MAN   = $(DESTDIR)$(PREFIX)/share/man
BASH  = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSH   = $(DESTDIR)$(PREFIX)/share/zsh/site-functions
FISH  = $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
# Where make looks for what a makefile includes, with the usual PREFIXes.
INC   = $(DESTDIR)$(PREFIX)/include
install: all
	install -d $(BIN) $(EXEC) $(SHARE)/rules $(DOC)/doc $(MAN)/man1 $(MAN)/man5 $(BASH) $(ZSH) $(FISH) $(INC)
	install -m 755 $(OUT)/axmake $(BIN)
	ln -sf axmake $(BIN)/ax
	install -m 755 $(OUT)/axmake-offline $(OUT)/axmake-carry $(OUT)/axmake-guard $(HTTP:%=$(OUT)/%) $(EXEC)
	install -m 644 rules/*.ini $(SHARE)/rules
	install -m 644 README.md ARCHITECTURE.md CONTRIBUTING.md CHANGELOG.md LICENSE $(DOC)
	install -m 644 doc/*.md doc/*.svg $(DOC)/doc
	install -m 644 doc/workflow.schema.json doc/events.schema.json $(SHARE)
	install -m 644 make/axmake.mk $(INC)
	install -m 644 doc/*.1 $(MAN)/man1
	install -m 644 doc/*.5 $(MAN)/man5
	install -m 644 completions/axmake.bash $(BASH)/axmake
	ln -sf axmake $(BASH)/ax
	install -m 644 completions/_axmake $(ZSH)
	install -m 644 completions/axmake.fish $(FISH)
	ln -sf axmake.fish $(FISH)/ax.fish
	tar -cf - --exclude .axmake examples | tar -xof - -C $(DOC)
uninstall:
	rm -f $(BIN)/axmake $(BIN)/ax $(BASH)/axmake $(BASH)/ax $(ZSH)/_axmake $(FISH)/axmake.fish $(FISH)/ax.fish $(INC)/axmake.mk
	rm -f $(patsubst doc/%.1,$(MAN)/man1/%.1,$(wildcard doc/*.1)) $(patsubst doc/%.5,$(MAN)/man5/%.5,$(wildcard doc/*.5))
	rm -rf $(EXEC) $(SHARE) $(DOC)
# Debian's package of the tree as it stands, in $B/deb, of the version that src/version.h says. No network is asked.
.PHONY: deb
deb:
	@.ci/setup.sh make build deb
	@debian/build.sh $(VERSION) $B/deb
	@ls $B/deb/*.deb
dist:
	@mkdir -p $B
	git archive --format=tar.gz --prefix=axmake-$(VERSION)/ -o $B/axmake-$(VERSION).tar.gz HEAD
clean:
	rm -rf $B
	rm -f $(OUT)/axmake $(OUT)/ax $(OUT)/axmake-offline $(OUT)/axmake-carry $(OUT)/axmake-guard $(OUT)/axmake-http
