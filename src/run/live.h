/* What an agent says while it runs: the lines of its standard output are looked at as they come. What only their end tells is
 * read from the file then (answer.h); this is for people who wait, for limits, and for the line after which an answer is whole. */
#ifndef AXMAKE_RUN_LIVE_H
#define AXMAKE_RUN_LIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "load/provider.h"
#include "run/answer_key.h"

/* Lines that are longer, their long strings not counted, are passed over here. */
#define LIVE_LINE_MAX ((size_t)8 << 20)

struct live_seen {
	bool final;           /* the line that the rule's `final` names has come */
	bool final_is_error;  /* and holds an error, where the rule has no `failed` that would tell */
	struct str activity;  /* what it does now: one line; empty: nothing known. Valid until the next call */
	struct str session;   /* empty: not known. As long as the stream */
	struct counts counts; /* so far */
};

struct live;

/* NULL where the rule has nothing that stands in lines. To be freed before the provider goes. */
struct live *live_new(const struct provider *p);
void live_free(struct live *s);
/* The next bytes of standard output. Did anything of what is seen change? Time is linear in all that comes; memory is a line's, but of
 * long strings only the beginning. */
bool live_add(struct live *s, const char *p, size_t n);
/* Nothing more comes: a last line without its end counts. */
bool live_end(struct live *s);
struct live_seen live_seen(const struct live *s);

#endif
