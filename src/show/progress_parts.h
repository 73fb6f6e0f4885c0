/* Private to progress*.c, after progress.h: what is known of running tasks (progress.c), and how it stands on the screen (progress_lines.c). */
#ifndef AXMAKE_SHOW_PROGRESS_PARTS_H
#define AXMAKE_SHOW_PROGRESS_PARTS_H

#include "base/vec.h"
#include "show/lastline.h"
#include "show/phrase.h"
#include "show/resized.h"
#include "show/timeleft.h"

/* A running task. */
struct runner {
	const struct task *task;
	int64_t start_ns, again_ns; /* again_ns: of its next try, while it waits for it; 0: it is at work */
	uint32_t tries;             /* that have failed */
	struct sbuf provider, says; /* says: an agent's own word */
	struct lastline last;
	int64_t tokens;             /* of this try */
	double cost_usd;
};

struct progress {
	struct progress_config c;
	VEC(struct runner *) running; /* in the order of their starts */
	struct runner **by_id;
	size_t total, over, failed; /* tasks: wanted; ended, or not to be run; of these failed */
	struct usage usage;
	struct timeleft left;
	int64_t left_ns, left_at_ns; /* as computed at; -1: not known */
	struct loop_timer timer;
	struct resized *resized; /* NULL: the next frame finds the size out */
	int64_t drawn_ns;        /* the last frame */
};

#endif
