/* A run on a terminal: is one there that can be drawn on, and what draws. */
#ifndef AXMAKE_DRAWN_H
#define AXMAKE_DRAWN_H

#include "program.h"
#include "run/loop.h"
#include "show/plain.h"
#include "show/progress.h"
#include "show/tee.h"
#include "show/terminal.h"

/* Zeroed: nothing is drawn. */
struct drawn {
	struct terminal *terminal;
	struct progress *progress;
};

/* Where standard output is a terminal, and --progress, -s, TERM, CI or a make above do not speak against it: running tasks are shown below what `plain` says, and heard of by `tee`. */
struct drawn drawn_open(const struct program *g, struct loop *l, struct plain *plain, struct tee *tee, size_t slots);
/* After the run, and after plain_end. */
void drawn_close(struct drawn *d);

#endif
