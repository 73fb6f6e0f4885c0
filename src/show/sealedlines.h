/* The events of a run that a seal answers: two lines, put together when the seal is made. What differs from run to run is put in by each. */
#ifndef AXMAKE_SHOW_SEALEDLINES_H
#define AXMAKE_SHOW_SEALEDLINES_H

#include <stdint.h>

#include "base/arena.h"
#include "show/eventline.h"

enum { SEALEDLINES_GAPS = 5 };

struct sealedlines {
	struct str text;                 /* the lines without that */
	uint32_t gaps[SEALEDLINES_GAPS]; /* where in `text` it belongs: the time, the run, its id, the process, and the time again; each at or behind the one before */
};

/* Of a run that says this of itself, with so many tasks up to date or skipped (run->sealed). In the arena. */
struct sealedlines sealedlines_make(struct arena *a, const struct eventline_run *run);
/* Are the gaps in order and inside the text? */
bool sealedlines_fit(const struct sealedlines *l);
/* The lines of a run that begins and ends now. */
void sealedlines_fill(struct sbuf *b, const struct sealedlines *l, int64_t wall_ns, uint64_t run_id, struct str id);

#endif
