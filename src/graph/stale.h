/* What is stale, and why. */
#ifndef AXMAKE_GRAPH_STALE_H
#define AXMAKE_GRAPH_STALE_H

#include "graph/graph.h"
#include "graph/orphans.h"
#include "graph/signature.h"
#include "state/log.h"
#include "state/store.h"

struct cache_entry;

enum why {
	WHY_NOT,            /* up to date */
	WHY_NEVER,          /* no success on record */
	WHY_ALWAYS,         /* always: true */
	WHY_FORCED,         /* -B */
	WHY_WHAT_IF,        /* -W; subject: the file or task */
	WHY_CHANGED,        /* a field differs; subject: which; before, now */
	WHY_OUTPUT_MISSING, /* subject: path */
	WHY_OUTPUT_EDITED,  /* subject: path; before, now: hashes */
	WHY_OUTPUT_TAKEN,   /* another task of the log has made it since; subject: path; before: that task's name */
	WHY_EDIT_REFUSED,   /* on_edit: fail. Not to be run: an error */
	WHY_INTERRUPTED,    /* a start without success left outputs that are not as recorded; subject: path */
	WHY_RESULT_LOST,    /* the kept result is missing or damaged */
	WHY_PROVIDER_GONE,  /* subject: the provider that answered */
	WHY_TAINTED,        /* an input changed while it ran */
	WHY_REMADE,         /* what it edits in place was written again by a task that comes first; subject: its name */
	WHY_REJECTED,       /* a person rejected the last success; subject: why, may be empty */
	WHY_FAILURE,        /* it runs after a failure (`run_if`), which may be another one each time; subject: the dependency */
	WHY_DEPENDENCY,     /* only when planning: a dependency will run, so this may too; subject: its name */
	WHY_PERHAPS_HELD,   /* only when planning: a dependency is held, or turns out up to date; subject: its name */
	WHY_HELD_BEHIND,    /* only when planning: a dependency is held; subject: its name */
	WHY_WHEN_UNKNOWN,   /* only when planning: what runs first decides whether `when` holds; subject: a dependency's name */
	WHY_BLOCKED,        /* only when planning: a dependency cannot run; subject: its name */
	WHY_PROBLEM,        /* cannot be judged: subject says why. Not to be run: an error */
	WHY_WHEN,           /* skipped: `when` does not hold; subject: it, with values */
	WHY_NO_FAILURE,     /* skipped: `run_if: failure`, and no dependency failed */
	WHY_IF_FAILURE,     /* only when planning: the same, unless a dependency that runs first fails */
};

struct verdict {
	enum why why;
	struct str subject, before, now;
	bool cached; /* planning, of one that is stale: it would be restored from the cache. See graph/cached.h */
};

/* Is it not to be run, but to be mended by a person? */
static inline bool verdict_is_error(const struct verdict *v)
{
	return v->why == WHY_PROBLEM || v->why == WHY_EDIT_REFUSED || v->why == WHY_BLOCKED;
}

/* Is it skipped, and so as good as done? */
static inline bool verdict_is_skip(const struct verdict *v)
{
	return v->why == WHY_WHEN || v->why == WHY_NO_FAILURE || v->why == WHY_IF_FAILURE;
}

/* Told while judging: outputs that someone else changed and that are kept. */
struct stale_observer {
	void (*edit_kept)(void *self, const struct task *t, struct str path);
	void *self;
};

struct stale {
	struct hashing hashing;
	struct log *log;
	struct arena *arena;
	bool always_make, spare_agents; /* -B; from MAKEFLAGS agents are left alone */
	const struct map *new_files, *old_files; /* -W, -o: by path or task name; values are not looked at. NULL: none */
	bool ignore_errors; /* -i */
	bool planning; /* nothing is written and nothing runs: dependents of stale tasks get WHY_DEPENDENCY */
	struct stale_observer observer;
	struct orphans *orphans; /* see graph/orphans.h; found when first needed. NULL at first */
	struct neighbours *neighbours; /* likewise, see graph/neighbours.h */
};

/* Judges a task whose dependencies have ended (or, planning, were judged). Sets out_hash and result of a task that is up to date or skipped, and the record of one that is up to date. Writes nothing but, unless planning, the
 * log's note that an edit was told and records of tasks that have another name now. */
struct verdict stale_judge(struct stale *s, struct task *t);

/* Of a stale task that is to run, or, `e` not NULL, to get what the entry has: would it write over what somebody else made of an output, which `on_edit: fail` forbids? Or is it an agent's that is to run, and a folder stands where its output is a file, or the other way round? Then *v says so, and its outputs count as they stand. */
bool stale_refused(struct stale *s, struct task *t, const struct cache_entry *e, struct verdict *v);

/* Of a task that is known to be up to date: it has ended so. */
void stale_take_fresh(struct stale *s, struct task *t);

/* Planning: may t, of which `v` says that it is stale, turn out up to date, or skipped, when what runs first has ended? */
bool stale_may_be_fresh(struct stale *s, const struct task *t, const struct verdict *v);

/* Forgets what was found out while judging, and looks up now what verdicts may need of the log beyond tasks' own records; after that s->planning stays as it is. */
void stale_begin_anew(struct stale *s);
/* What lies outside the arena. */
void stale_free(struct stale *s);

/* Did a task that edits this output leave it as it stands now, perhaps under an earlier name? Then nobody else did. t has a record. */
bool stale_left_by_editor(struct stale *s, const struct task *t, const struct pattern *p, struct hash128 now);

/* Did a person reject what it made last? Also where that was under the name that it bore then. Of other work somebody else is to be told. */
bool stale_rejected(const struct stale *s, const struct task *t, struct str *why);

/* Of an output that is not as the record of t says: has a success of another task made it since, be it one of another workflow file? NULL: not by what the log knows. */
const struct task_record *stale_made_since(struct stale *s, const struct task *t, const struct pattern *p);

/* Has a success of another task made any output of t since a start with that number in the log? */
bool stale_outputs_taken(struct stale *s, const struct task *t, uint64_t since);

/* Of an output that is not as the record of t says, though its own last start succeeded: may another start have left it so, as its mark says? */
bool stale_left_by_try(struct stale *s, const struct task *t);
/* t is going to write its outputs, and may fail. What it leaves of them then is an edit of nobody who made them under another name (see graph/orphans.h). 0 or errno. */
int stale_begin(struct stale *s, struct arena *a, const struct task *t, uint64_t start_id, struct makers *out);
void stale_failed(struct stale *s, struct arena *a, const struct makers *m);

/* "input docs/a.md changed (3f2a… -> 91bc…)": one line for people, in the arena. */
struct str stale_reason(struct arena *a, const struct verdict *v);
/* Does a task declare nothing that could be checked: neither outputs nor edits? */
bool stale_unchecked(const struct task *t);

#endif
