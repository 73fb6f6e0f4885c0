/* What became of each task in a run, gathered for what is written at its end. */
#ifndef AXMAKE_SHOW_LEDGER_H
#define AXMAKE_SHOW_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "base/vec.h"
#include "run/mask.h"
#include "run/observer.h"
#include "show/phrase.h"

/* In the order in which people want to read of them. */
enum ledger_state {
	LEDGER_FAILED,
	LEDGER_REFUSED,  /* nothing was started for want of what it needs */
	LEDGER_HELD,
	LEDGER_IGNORED,  /* failed, which fails nothing */
	LEDGER_NOT_RUN,
	LEDGER_RUNNING,  /* the run ended before it */
	LEDGER_DONE,
	LEDGER_RECORDED, /* by -t */
	LEDGER_RESTORED, /* from the cache */
	LEDGER_SKIPPED,
	LEDGER_FRESH,
	N_LEDGER_STATES
};
/* "failed", "up-to-date": as --status calls them where it knows them. */
const char *ledger_state_name(enum ledger_state s);

struct ledger_try {
	int64_t began_ns, ended_ns; /* monotonic */
	size_t number;              /* from 1; 0: an earlier run's answer was shown to its check again */
	unsigned lane;              /* from 0; no two tries have one at the same time */
	struct str provider;
	const char *class;          /* NULL: it was well */
	struct str error;
	int64_t input_tokens, output_tokens; /* -1: not reported */
	double cost_usd;                     /* NaN: not reported */
};

/* Its texts are masked, and live as long as the ledger. */
struct ledger_entry {
	const struct task *task; /* of the graph as it was last */
	enum ledger_state state;
	struct str reason; /* why it was stale; empty: it was not, or not known */
	struct str note;   /* of a failure, of what was skipped, held, refused or not run: why; else empty */
	const char *class; /* of a failure; NULL: none */
	struct str provider, log, tail, session;
	VEC(struct ledger_try) tries;
	VEC(struct refused) refused; /* by its sandbox */
	bool running;      /* its last try has not ended */
	int status, signal; /* of its last try; -1: none */
	uint32_t n_tries;
	int64_t ended_ns, duration_ns; /* duration -1: it did not run */
	int64_t input_tokens, output_tokens, cache_read_tokens, cache_write_tokens;
	double cost_usd;
	/* What it would have taken once more; -1, NaN: not known, or nothing. */
	struct str from; /* the server that gave what was restored; empty: none did */
	int64_t saved_ns, saved_tokens;
	double saved_usd;
};

struct ledger_warning {
	const struct task *task; /* NULL: of no task */
	struct str text;
};

struct ledger;
struct ledger *ledger_new(const struct graph *g, const char *const *environ);
struct observer ledger_observer(struct ledger *l);
void ledger_free(struct ledger *l);

/* Sums, over all. */
struct ledger_sums {
	size_t states[N_LEDGER_STATES];
	struct usage usage;
	int64_t began_ns, ended_ns, began_wall_ns;
	int64_t saved_ns, saved_tokens; /* 0: nothing that is known */
	double saved_usd;
	unsigned lanes;
	bool has_budget;
	struct spending budget;
};
const struct ledger_sums *ledger_sums(const struct ledger *l);
const struct graph *ledger_graph(const struct ledger *l);
/* All tasks that were heard of, in the order of the file. */
struct ledger_entry *const *ledger_entries(const struct ledger *l, size_t *n);
const struct ledger_entry *ledger_find(const struct ledger *l, const struct task *t); /* NULL: none */
const struct ledger_warning *ledger_warnings(const struct ledger *l, size_t *n);
/* Those tasks, in the order in which they were heard of, where all are up to date and nothing else was told, nor asked of the ledger; else NULL. */
const struct task *const *ledger_all_fresh(const struct ledger *l, size_t *n);
/* When the run began, by the wall clock. */
int64_t ledger_began_wall_ns(const struct ledger *l);
/* A text with its secrets masked, in the ledger's arena. */
struct str ledger_masked(const struct ledger *l, struct str text);
/* The text itself where nothing of it is a secret, else as above. */
struct str ledger_shown(const struct ledger *l, struct str text);
/* By which that is done; the ledger's. */
const struct mask *ledger_mask(const struct ledger *l);
/* Of a task that was not heard of: nothing is known; in no state. */
struct ledger_entry ledger_blank(const struct task *t);
/* Was anything else found than what is up to date, or to be skipped? */
bool ledger_did_something(const struct ledger *l);
/* "3 failed, 80 not run, 17 done, 7 up to date": what is not 0. */
void ledger_counts(struct sbuf *b, const struct ledger *l);

#endif
