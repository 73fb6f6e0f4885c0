#include "listeners.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/os.h"
#include "base/path.h"
#include "followed.h"
#include "reports.h"
#include "round.h"
#include "state/runs.h"
#include "state/statusdir.h"
#include "version.h"

extern char **environ;

bool listeners_wanted(const struct options *o)
{
	return o->events.path.n || reports_wanted(o);
}

static void warn(const struct program *g, const char *what, int err)
{
	if (err)
		fprintf(stderr, "%s: warning: cannot write %s: %s\n", g->name, what, os_error(err));
}

/* A FIFO that nobody reads is no mistake: whoever followed the last run may be away. */
static bool follow(struct listeners *l, struct program *g)
{
	const struct file_option *file = &g->options.events;
	if (!file->path.n)
		return true;
	const char *path = reports_path(g, file);
	bool later = g->round && (g->round->hush || g->round->why.n); /* of a watch: all its runs go into one file */
	int err = linefile_open(&l->events, path, !later);
	l->followed = !err;
	if (err == ENXIO)
		fprintf(stderr, "%s: warning: nobody reads '%s', so no events are written there\n", g->name, path);
	else if (err)
		fprintf(stderr, "%s: *** cannot write '%s': %s\n", g->name, path, os_error(err));
	return !err || err == ENXIO;
}

bool listeners_begin(struct listeners *l, struct program *g, const struct listeners_config *c)
{
	const struct project *p = &g->project;
	const struct options *o = &g->options;
	if (c->files && !follow(l, g))
		return false;
	struct journal_config jc = {
		.run = {.run_id = c->run_id,
			.id = c->id.n ? c->id : runs_id(p->arena, clock_wall_ns(), c->run_id),
			.version = AXMAKE_VERSION,
			.what = c->what,
			.jobs = program_slots(g),
			.agents = program_agents(g),
			.keep_going = o->keep_going,
			.targets = o->targets.p,
			.n_targets = o->targets.n,
			.environ = (const char *const *)environ},
		.graph = p->graph,
		.file = l->followed ? &l->events : NULL,
	};
	l->journal = journal_new(&jc);
	if (l->followed)
		followed_events(g, reports_path(g, &o->events), &jc.run);
	else if (c->files && o->events.path.n)
		followed_unfit(g);
	tee_add(&l->tee, journal_observer(l->journal));
	if (c->files && reports_need_ledger(o)) {
		l->ledger = ledger_new(p->graph, (const char *const *)environ);
		tee_add(&l->tee, ledger_observer(l->ledger));
	}
	return true;
}

void listeners_keep(struct listeners *l, const struct program *g, const struct listeners_config *c)
{
	const struct project *p = &g->project;
	struct agentstatus_config ac = {.root_fd = p->store.root_fd, .environ = (const char *const *)environ, .task = c->asked};
	journal_record(l->journal, p->store.fd, c->run_fd);
	l->status = agentstatus_new(&ac);
	tee_add(&l->tee, agentstatus_observer(l->status));
}

struct observer listeners_observer(struct listeners *l)
{
	return tee_observer(&l->tee);
}

static void close_events(struct listeners *l, struct program *g)
{
	int err = l->followed ? linefile_close(&l->events) : 0;
	if (err)
		followed_unfit(g);
	if (err == EAGAIN)
		fprintf(stderr, "%s: warning: not all events were written: their reader is too slow\n", g->name);
	else if (err)
		warn(g, "events", err);
}

bool listeners_begin_twice(const struct program *g)
{
	const struct file_option *file = &g->options.events;
	struct stat st;
	return !file->path.n || stat(reports_path(g, file), &st) || S_ISREG(st.st_mode);
}

/* All events of a run that a seal answers, where somebody follows by them. */
static bool write_sealed(struct program *g)
{
	struct listeners l = {.followed = true};
	struct sbuf b = {0};
	const char *path;
	const struct sealedlines *lines = followed_lines(g, &path);
	if (!lines)
		return true;
	int64_t now = clock_wall_ns();
	uint64_t run_id = os_random64() | UINT64_C(1) << 63; /* as many digits as the one before had: a file that stays as long is the cheapest */
	sealedlines_fill(&b, lines, now, run_id, runs_id(&g->arena, now, run_id));
	bool opened = !linefile_open_over(&l.events, path, b.n);
	if (opened) {
		linefile_give(&l.events, &b);
		close_events(&l, g);
	}
	sbuf_free(&b);
	return opened;
}

bool listeners_sealed(struct program *g, struct str word, struct str *said)
{
	if (followed_hold(g, word, said) && write_sealed(g))
		return true;
	g->followed = NULL;
	return false;
}

/* Was it a look of a watch that nobody was to see? Its report would wake the watch again. */
static bool found_nothing(const struct program *g)
{
	return g->round && g->round->hush && !g->round->ran;
}

void listeners_close(struct listeners *l, struct program *g, const struct sched_result *r, int status)
{
	bool never_began = g->project.own_ancestor; /* its files may be those of the run whose task has called it */
	if (never_began)
		close_events(l, g); /* nothing waits to be written yet */
	int unjournaled = l->journal ? journal_end(l->journal, r->signal, status) : 0;
	int unsaid = l->status ? agentstatus_free(l->status) : 0;
	close_events(l, g);
	if (l->ledger) {
		if (!found_nothing(g) && !never_began)
			reports_write(g, l->ledger, r->signal, status);
		ledger_free(l->ledger);
	}
	*l = (struct listeners){0};
	if (!r->refused) /* else it was said that the state cannot be written */
		warn(g, "this run's record in .axmake/runs", unjournaled);
	warn(g, STATUSDIR, unsaid);
}
