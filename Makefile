# axmake. `make demo` and `make check` set up what is missing, build and run; see README.md.
PREFIX  ?= /usr/local
DESTDIR ?=
CC      ?= cc
B       ?= build
CFLAGS  ?= -O2 -g
WARN    := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wvla -Wconversion -Wno-sign-conversion
PKGS    := yaml-0.1 inih libxxhash libutf8proc jansson

ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -Isrc -I$(B) $(WARN) $(CFLAGS) $(shell pkg-config --cflags $(PKGS))
ALL_LIBS   = $(LDFLAGS) $(shell pkg-config --libs $(PKGS)) -lm

VERSION := $(shell sed -n 's/^\#define AXMAKE_VERSION "\(.*\)"/\1/p' src/version.h)
LIB_SRC := $(wildcard src/*/*.c) src/options.c src/project.c src/ax.c
LIB_OBJ := $(LIB_SRC:src/%.c=$(B)/%.o) $(B)/builtin_rules.o
UNIT    := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/test_*.c))
PEERS   := $(patsubst tests/jobserver/%.c,$(B)/jobserver/%,$(wildcard tests/jobserver/*.c))

.PHONY: all setup demo check check-only install clean asan bench lint format dist fuzz
all: axmake ax axmake-offline

axmake: $(B)/main.o $(B)/libaxmake.a
	$(CC) $(CFLAGS) -o $@ $^ $(ALL_LIBS)
ax: axmake
	ln -sf axmake $@
axmake-offline: $(B)/offline.o $(B)/libaxmake.a
	$(CC) $(CFLAGS) -o $@ $^ $(ALL_LIBS)
$(B)/libaxmake.a: $(LIB_OBJ)
	rm -f $@ && $(AR) rcs $@ $^
$(B)/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
$(B)/builtin_rules.c: $(wildcard rules/*.ini) rules/embed.sh
	@mkdir -p $(@D)
	sh rules/embed.sh $(sort $(wildcard rules/*.ini)) > $@.tmp && mv $@.tmp $@
$(B)/builtin_rules.o: $(B)/builtin_rules.c
	$(CC) $(ALL_CFLAGS) -c -o $@ $<
$(B)/unit/%: tests/unit/%.c $(B)/libaxmake.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -o $@ $< $(B)/libaxmake.a $(ALL_LIBS) -lcmocka
$(B)/jobserver/%: tests/jobserver/%.c
	@mkdir -p $(@D)
	$(CC) -std=c11 -D_GNU_SOURCE $(WARN) $(CFLAGS) -o $@ $<

-include $(LIB_OBJ:.o=.d) $(B)/main.d $(B)/offline.d $(UNIT:=.d)
