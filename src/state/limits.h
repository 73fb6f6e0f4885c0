/* Limits that hold across all processes of a user: how often and how many at once a provider is called, and until when it is closed. Kept in files of the user's own folder, by the
 * provider's name; places and turns are locks that the kernel drops when their holder dies, so nothing is ever stale. */
#ifndef AXMAKE_STATE_LIMITS_H
#define AXMAKE_STATE_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "state/bucket.h"

struct limits;
struct limit;

/* The folder: $XDG_RUNTIME_DIR/axmake (where that is the user's alone), $XDG_STATE_HOME/axmake/limits, ~/.local/state/axmake/limits; made when missing. NULL with *problem, in the arena. */
struct limits *limits_open(struct arena *a, struct str *problem);
void limits_close(struct limits *l);

/* Readable when something may have changed for one that waits; -1: the kernel has no inotify to give, and every wait has a time. */
int limits_fd(const struct limits *l);
/* Reads what limits_fd tells. */
void limits_drain(struct limits *l);

/* A provider's. It lives until limits_close. NULL with errno. */
struct limit *limit_of(struct limits *l, struct str provider);

enum limit_kind {
	LIMIT_TAKEN,
	LIMIT_WAIT,   /* not yet: try again at `again_ns`, or when limits_fd tells something */
	LIMIT_CLOSED, /* out of quota until `until_ms` */
	LIMIT_OWN,    /* every place is held by a process that this one descends from: to wait would be for ever */
	LIMIT_FAILED, /* `err` */
};

/* What there is to wait for. */
enum limit_lack {
	LIMIT_LACKS_TURN,   /* others wait for longer */
	LIMIT_LACKS_TOKEN,  /* of the bucket */
	LIMIT_LACKS_PLACE,
	LIMIT_LACKS_REST,   /* it is busy, and was told to be left alone for a while */
};

struct limit_answer {
	enum limit_kind kind;
	enum limit_lack lack; /* with LIMIT_WAIT */
	int64_t again_ns; /* clock_ns; INT64_MAX: no time is known */
	int64_t until_ms; /* wall clock */
	int err;
};

/* A call on its way. Given back by limit_give, or by the end of the process. */
struct limit_hold {
	struct limit *limit; /* NULL: nothing is held */
	int fd;              /* the place, close-on-exec; -1: it needs none */
	bool probe;          /* the provider was closed, and nobody has been answered since */
};

/* Takes a token and a place, in turn: who has to wait keeps its turn until it takes or limit_leave, first come first served, but one that could go and does not is passed by after
 * two seconds. One turn a process and provider. */
struct limit_answer limit_take(struct limit *l, const struct limit_rule *rule, struct limit_hold *hold);
/* Waits no more. */
void limit_leave(struct limit *l);
/* `answered`: the provider is open, as far as it was closed. */
void limit_give(struct limit_hold *hold, bool answered);

/* Closes for all processes until that time; a longer closing stands. 0 or errno. LIMIT_COOLING only puts starts off. After either, one call goes first, the others when it has been
 * answered, has ended, or has been on its way for some time (30 s, or 5 s after LIMIT_COOLING). */
int limit_close(struct limit *l, int64_t until_ms, enum limit_closed why);

/* Until when (wall clock, ms) the provider is known to be out of quota; 0: it is not. *file, in the arena: what says so; once it is removed the provider is open, for those that wait too, and
 * its bucket full. Only looks: makes and locks nothing. */
int64_t limits_out_of_quota(struct arena *a, struct str provider, struct str *file);

#endif
