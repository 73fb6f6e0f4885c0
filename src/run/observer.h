/* The one interface through which a run is seen. run/ never knows who listens. */
#ifndef AXMAKE_RUN_OBSERVER_H
#define AXMAKE_RUN_OBSERVER_H

#include <math.h>
#include <stdint.h>

#include "base/str.h"
#include "graph/graph.h"
#include "graph/stale.h"

enum event_kind {
	EVENT_RUN_BEGIN,   /* count: tasks wanted (groups not counted) */
	EVENT_FOUND_FRESH, /* a task is up to date */
	EVENT_START,       /* of the first try; verdict says why */
	EVENT_DATA,        /* output as it is read; only sent where it is asked for */
	EVENT_ACTIVITY,    /* what a running agent says of itself has changed */
	EVENT_TRY,         /* a further try starts; count: which, text: its provider */
	EVENT_RETRY,       /* a try failed, another will follow after delay_ns; text: by this other provider */
	EVENT_END,         /* with success, failure (task->state says) */
	EVENT_HELD,        /* a stale task waits for a person's yes and is not run; verdict says why it is stale */
	EVENT_SKIPPED,     /* by `when` or `run_if`; verdict says why */
	EVENT_NOT_RUN,     /* text: why, a whole phrase: "because of design" */
	EVENT_REFUSED,     /* nothing is started: text says what this task lacks */
	EVENT_WARNING,     /* text; task may be NULL */
	EVENT_WAITS,       /* it has to wait for its provider, as may others; text: why, a whole phrase */
	EVENT_LACKS,       /* where `tell_lacks` asks for it: stale tasks find no place, of which this one is the first and count the number; text: what they wait for */
	EVENT_WHY,         /* --trace: verdict of a task about to start */
	EVENT_ASKED,       /* a task's answer asks an agent: delegate; text: which, via what */
	EVENT_ANSWERED,    /* what it asked has ended: delegate, outcome (its class says whether there is an answer) */
	EVENT_BUDGET,      /* at the end of a run that had a budget: spending */
	EVENT_GO_ON,       /* all that was wanted has ended, and now more is: count tasks in all, of graph, whose tasks may be other ones, with other ids */
	EVENT_RUN_END,
};

/* What a sandbox refused. */
struct refused {
	struct str what; /* "~/.ssh/id", "192.0.2.1:80", "process 4711" */
	const char *why; /* a word or few: "hidden" */
	uint32_t times;
};

/* How a task's last try ended. */
struct outcome {
	enum try_class class;
	bool signaled;
	bool interrupted;   /* by a signal to axmake */
	int status;         /* exit status or signal */
	struct str error;   /* one line, may be empty */
	int64_t timeout_ns; /* the limit that was over, with TRY_TIMEOUT and TRY_STALL */
	uint32_t tries;
	bool unstarted;      /* the first try could not even be started: nothing was printed. EVENT_RETRY: this one could not beside what runs, and is started later */
	int64_t duration_ns; /* of all tries with waiting between them */
	int64_t input_tokens, output_tokens; /* -1: not reported; of all tries */
	int64_t cache_read_tokens, cache_write_tokens; /* likewise; not among the input */
	double cost_usd;    /* NaN: not reported */
	size_t ended;       /* processes left behind that were ended */
	struct str provider;
	struct str activity; /* an agent's last own word on what it does; one line, may be empty */
	struct str session;  /* of its last try; empty: not known */
	bool fell_back;     /* another provider failed before */
	bool unasked;       /* its answer is an earlier run's, which paid and counted it */
	bool earlier;       /* EVENT_RETRY: it was an earlier run's answer that its check refused again; what follows is a first try */
	bool ignored;       /* failed, but optional or -i */
	bool restored;      /* from the cache: nothing ran. duration_ns, tokens and cost are what making it took, and are saved now */
	struct str restored_from; /* the URL of the server that gave it in this run; empty: it was in the cache on this machine */
	/* Its output: a file relative to the root to be shown as it is, in the order read; empty: nothing. */
	struct str log_path;
	uint64_t log_size;
	struct str tail;    /* the last bytes */
	const struct refused *refused; /* by its sandbox, in all tries, as it was seen */
	size_t n_refused;
};

/* Did it take anything in this run? What takes up an answer of an earlier one, and asks nobody else, did not. */
static inline bool outcome_asked(const struct outcome *o)
{
	return o->tries && !(o->unasked && o->input_tokens < 0 && o->output_tokens < 0 && isnan(o->cost_usd));
}

/* A running try of an agent, as far as it has told. */
struct activity {
	struct str text;    /* what it does; one line, empty: not known */
	struct str session; /* empty: not known */
	int64_t input_tokens, output_tokens; /* of this try so far; -1: not reported */
	double cost_usd;    /* NaN: not reported */
};

/* Added up over calls. What was not reported is not in the sums: so many calls are. */
struct spent {
	double cost_usd;
	int64_t tokens;
	size_t calls, unpriced, uncounted; /* of the calls: without a cost, without tokens */
};

struct spending {
	struct budget_def limit;
	struct spent spent;
	bool over_cost, over_tokens; /* for want of money, or of tokens, some task was not started */
};

struct event {
	enum event_kind kind;
	int64_t at_ns;       /* monotonic */
	const struct task *task;
	size_t count;
	size_t fresh;        /* EVENT_RUN_BEGIN: so many of them are known to be up to date, and nothing more is told of them */
	const struct saving *saving; /* EVENT_RUN_BEGIN: of these; NULL: there are none */
	const struct verdict *verdict;
	const struct outcome *outcome;
	const struct spending *spending;
	const struct activity *activity; /* EVENT_ACTIVITY */
	const struct graph *graph;       /* EVENT_GO_ON */
	const struct task *delegate;     /* as the scheduler sees it, no task of the graph; lives as long as the run */
	struct str text;
	int64_t delay_ns;
	bool is_stderr;      /* EVENT_DATA */
	bool stopped;        /* EVENT_NOT_RUN: with -k it would have had its turn */
	bool unsaid;         /* EVENT_NOT_RUN: nothing else tells why */
};

struct observer {
	void (*event)(void *self, const struct event *e);
	void (*flush)(void *self); /* before the scheduler waits */
	void *self;
};

#endif
