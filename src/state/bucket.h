/* What all processes of a user know together of one provider: its bucket of tokens, the queue, and whether it is closed. Plain arithmetic; limits.h keeps it
 * in a file. */
#ifndef AXMAKE_STATE_BUCKET_H
#define AXMAKE_STATE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* Limits as the rules or the settings give them. */
struct limit_rule {
	double capacity;         /* calls that may begin at once; 0: no bucket */
	double refill;           /* calls a second; above 0 where there is a bucket */
	uint32_t max_concurrent; /* calls at the same time; 0: any number */
};

enum limit_closed { LIMIT_IS_OPEN, LIMIT_NO_QUOTA, LIMIT_COOLING };

#define BUCKET_BOOT_MAX 40
/* As long as the text of a state is, whatever it holds: writing it anew never needs room on the disk. */
#define BUCKET_TEXT 256

struct bucket {
	char boot[BUCKET_BOOT_MAX]; /* which boot the `_ns` belong to; they count from it */
	double missing;             /* tokens */
	int64_t settled_ns;         /* when `missing` was so */
	uint64_t next_ticket;
	int64_t free_since_ns; /* the first in the queue could have gone since; 0: it could not */
	enum limit_closed why;
	int64_t until_ms, closed_ms; /* wall clock: until when it is closed, and when that was said */
	int64_t probe_ns;            /* when the first call after `until_ms` began; 0: it has not */
};

/* Time as a bucket counts it. */
struct bucket_now {
	const char *boot;
	int64_t boot_ns, wall_ms;
};

/* False: the text is none, and *b is a full bucket that is open. */
bool bucket_parse(struct str text, struct bucket *b);
/* Exactly BUCKET_TEXT bytes. */
void bucket_print(const struct bucket *b, char text[BUCKET_TEXT]);

/* Brings *b to now. Clocks that went back refill nothing and hold nothing up: from then on time counts anew. True: a clock did go back, or this is another boot, so *b has to be
 * kept. */
bool bucket_settle(struct bucket *b, const struct limit_rule *rule, const struct bucket_now *now);
/* Time until a call may begin; 0: now. *b is settled. */
int64_t bucket_wait_ns(const struct bucket *b, const struct limit_rule *rule);

#endif
