/* A terminal that is written to without ever waiting for it: what scrolls is queued, and below it stands a block of lines that is drawn anew. */
#ifndef AXMAKE_SHOW_TERMINAL_H
#define AXMAKE_SHOW_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "run/loop.h"

struct terminal;

/* A description of its own of the terminal behind `fd`, so that nobody else's writing changes its mode. NULL with errno. While it is open Ctrl-Z first takes the block away. At most one
 * at a time. */
struct terminal *terminal_open(int fd, struct loop *l);
/* Takes the block away; what is queued is given up: drain first. */
void terminal_close(struct terminal *t);

/* Rows and columns now: 24 and 80 where the terminal does not know. */
void terminal_size(const struct terminal *t, unsigned *rows, unsigned *columns);
/* May the block be drawn: is this process in the foreground of its terminal, and the terminal not behind? */
bool terminal_ready(const struct terminal *t);

/* Queues text that scrolls; whole lines. */
void terminal_add(struct terminal *t, struct str text);
/* Queues what stands in a file of the folder `dir` (which must stay open), as console_stream would show it. It is read when its turn comes: memory does not grow with it. */
void terminal_add_file(struct terminal *t, int dir, struct str path, bool agent);
/* The block from now on: lines without an end of line in between ("\n"), each narrower than the terminal. Empty: none. */
void terminal_block(struct terminal *t, struct str lines);
/* What stands there is not what was drawn any more: the block is drawn again, be it another or not. */
void terminal_again(struct terminal *t);
/* Writes as much as the terminal takes at once; at most ten times a second, so it may be done a moment later. */
void terminal_pump(struct terminal *t);
/* Takes the block away and waits until all that is queued is written. 0 or errno. */
int terminal_drain(struct terminal *t);

#endif
