/* MAKEFLAGS as GNU make writes it, taken apart. */
#ifndef AXMAKE_LOAD_MAKEFLAGS_H
#define AXMAKE_LOAD_MAKEFLAGS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"
#include "base/vec.h"
#include "load/definition.h"

struct makeflags {
	/* In order: a letter "k", a long one "name" or "name=value". Letters that take a value are left out with it. */
	VEC(struct str) options;
	int jobs; /* N of the last -jN; -1: -j alone; 0: none */
	struct str load; /* LOAD of the last -lLOAD; empty: none, or -l alone */
	VEC(struct var_def) vars; /* `A=b`, also of `A:=b`; places are POS_NONE */
};

/* Does a long option, without its dashes, take the next word as its value? */
bool makeflags_takes_word(struct str option);

/* Never fails: what make could not have written, it passes over. */
struct makeflags makeflags_parse(struct arena *a, struct str flags);

#endif
