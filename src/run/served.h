/* Private to run/: a provider in this run, and what is held against it. */
#ifndef AXMAKE_RUN_SERVED_H
#define AXMAKE_RUN_SERVED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "base/vec.h"
#include "run/job.h"
#include "state/limits.h"

/* After a pause one call goes first; so long the others wait for its answer. */
#define PROBE_NS (5 * NS_PER_S)

/* Classes of failure for which the provider may be to blame: one that refuses a login is at once. */
#define SERVED_BLAMED (TRY_TRANSIENT | TRY_CRASH | TRY_STALL)

struct served {
	const struct provider *provider;
	struct limit *limit; /* NULL: it shares nothing with other processes */
	bool known;          /* `limit`, `missing` and `gone` were looked at */
	struct str missing;  /* that it is not installed here, which matters to nobody who runs it elsewhere; empty: it is */
	struct str gone;     /* why it serves no more in this run; empty: it does */
	struct str failing;  /* why it serves only those whom no other one serves; empty: it serves all */
	bool no_more;        /* as it fails, it serves only those of them that it has begun with */
	struct str aside;    /* that it was set aside or closed, as long as nobody has been told */
	int64_t closed_ms;   /* out of quota until then, wall clock */
	unsigned failures;   /* in a row */
	unsigned crashes;    /* those of them that were no mere want of time: crashes and stalls */
	int64_t failed_ns;   /* when the last of them ended */
	VEC(struct str) refused; /* models that it does not serve */
	int64_t cool_ns;     /* no start before; 0: it is not cooling down */
	int64_t dry_ns;      /* its limits admit nobody before; 0: not known */
	const struct job *probe;
	int64_t probe_ns;
	bool busy;        /* no sense in asking until woken */
	int64_t again_ns; /* when it wakes by itself; INT64_MAX: by others only */
	VEC(struct task *) waiting;
	enum limit_lack lack; /* of them, as far as `busy` */
	unsigned told;        /* bits 1 << enum limit_lack of which people know in this run */
	int64_t tell_ns;      /* when they are told of `lack`; 0: not at all */
};

/* Is it out of quota? */
bool served_closed(const struct served *v);
bool served_refuses(const struct served *v, struct str model);
/* Will it have to be waited for longer than a task waits where it has the choice? */
bool served_away(const struct served *v);
/* Until when must a start wait for reasons of this process alone? 0: it need not. */
int64_t served_cooling_until(const struct served *v);

/* Texts that are kept lie in `a`. Out of quota until then. */
void served_close(struct served *v, struct arena *a, int64_t until_ms, struct str why);
/* A try that began then has ended so. Failures of tries that ran at once are one. */
void served_answered(struct served *v, enum try_class class, int64_t began_ns);
/* How many in a row set a provider aside. */
struct served_enough {
	unsigned failures; /* of any kind: for those whom another one serves */
	unsigned crashes;  /* for those who have not begun with it, too */
};
/* After served_answered with a failure of a task that asked for `model` (empty: for none): is it to be set aside? */
void served_blame(struct served *v, struct arena *a, struct str model, enum try_class class, struct str error, struct served_enough enough);
/* The next try waits until then, on the clock of timers: so does every start on that provider. */
void served_cool_down(struct served *v, int64_t until_ns);

/* Those that wait do so for `lack`, until again_ns, or INT64_MAX: it is told once, and only where it takes longer than a moment. Is it to be told now? */
bool served_waits(struct served *v, enum limit_lack lack, int64_t again_ns);
/* What is told of it. */
void served_why_waiting(struct served *v, struct sbuf *b);
/* A phrase: why it does not serve a task with that model. */
void served_why_not(const struct served *v, struct str model, struct arena *a, struct sbuf *b);
/* The same of one that is not installed; "; " comes before it where `b` is not empty. */
void served_missing(struct sbuf *b, const struct provider *p);

#endif
