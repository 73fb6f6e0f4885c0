/* What a sandbox refused its programs, as axmake-guard saw it: noted in memory that it shares with axmake. */
#ifndef AXMAKE_RUN_REFUSAL_H
#define AXMAKE_RUN_REFUSAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

enum {
	REFUSALS_MOST = 32,   /* different ones; further ones are counted */
	REFUSAL_TEXT = 500,   /* bytes of what was asked for; longer ones are cut */
};

enum refusal_why {
	REFUSED_HIDDEN,    /* a path: it is there outside, and not to be seen inside */
	REFUSED_READ_ONLY, /* a path that is not to be written */
	REFUSED_NETWORK,   /* an address */
	REFUSED_PROCESS,   /* a number: a process of that number is outside, and none inside */
	N_REFUSAL_WHYS,
};

/* Was it looked at what programs asked for? */
enum refusal_watch {
	WATCH_NOT_BEGUN,
	WATCH_ON,
	WATCH_IMPOSSIBLE, /* `error` says why, once the sandbox has begun. EACCES: what is asked for cannot be read */
	WATCH_LOST,       /* up to then: who watched is gone */
};

struct refusal {
	uint32_t times;
	uint8_t why;             /* enum refusal_why */
	char what[REFUSAL_TEXT]; /* NUL-terminated */
};

/* The memory, zero at first. One process writes it at a time; who reads it believes no number in it. */
struct refusals {
	uint32_t watch; /* enum refusal_watch */
	int32_t error;  /* errno */
	uint32_t n;
	uint32_t more;  /* were refused when there was no room; each time counts */
	struct refusal all[REFUSALS_MOST];
};

/* Notes one, or counts one that is there. */
void refusal_note(struct refusals *r, enum refusal_why why, const char *what);
/* What was asked for; one that was cut ends in a "…", as mask_copy knows it. */
struct str refusal_text(struct arena *a, const struct refusal *r);

/* Memory of that kind: -1 with errno, or a descriptor, close-on-exec, yours to close. */
int refusals_new(void);
/* Maps it, to be written too; NULL with errno. refusals_unmap takes NULL. */
struct refusals *refusals_map(int fd);
void refusals_unmap(struct refusals *r);

#endif
