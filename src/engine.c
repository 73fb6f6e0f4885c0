#include "engine.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "drawn.h"
#include "followed.h"
#include "listeners.h"
#include "notify.h"
#include "reports.h"
#include "round.h"
#include "run/pidgroup.h"
#include "run/previous.h"
#include "run/process.h"
#include "run/sched.h"
#include "show/actions.h"
#include "show/debuglog.h"
#include "show/plain.h"

extern char **environ;

static void warn_line(void *self, const char *line)
{
	struct project *p = self;
	p->told = true;
	seen_spoil(p->seen);
	fflush(stdout);
	fprintf(stderr, "%s\n", line);
}

static void return_tokens(void *jobserver)
{
	jobserver_return_all(jobserver);
}

static void edit_kept(void *observer, const struct task *t, struct str path)
{
	const struct observer *o = observer;
	struct sbuf b = {0};
	sbuf_printf(&b, "output '%.*s' was changed by someone else; it is kept and counts as it is now ('on_edit: rerun' would make it again)", STR_ARG(path));
	o->event(o->self, &(struct event){.kind = EVENT_WARNING, .task = t, .text = sbuf_view(&b)});
	sbuf_free(&b);
}

/* At once, where neither -j nor a jobserver says it: a make above may have said it without one. */
static size_t slots_without_jobserver(const struct program *g)
{
	int inherited = g->options.makeflags_jobs;
	return inherited == JOBS_UNLIMITED ? 0 : inherited == JOBS_UNSET ? program_jobs(g) : (size_t)inherited;
}

static struct jobserver *open_jobserver(struct program *g)
{
	const struct options *o = &g->options;
	struct jobserver_config c = {
		.has_auth = o->has_auth,
		.auth = o->auth,
		.makeflags = o->makeflags,
		.jobs = o->jobs,
		.jobs_on_command_line = o->jobs_from == FROM_COMMAND,
		.style = o->jobserver_style,
		.parent_slots = o->makeflags_jobs > 0 ? (size_t)o->makeflags_jobs : 0,
		.limit = slots_without_jobserver(g),
		.program = g->name,
	};
	struct jobserver *j = jobserver_open(&g->arena, &c, &g->inherited, warn_line, &g->project);
	mem_on_exhausted(return_tokens, j);
	return j;
}

static int status_of(const struct program *g, const struct sched_result *r)
{
	return diag_errors(g->project.diag) || r->failed || r->held || r->refused || r->untouched || r->not_run ? EXIT_TROUBLE : 0;
}

void engine_raise(int signal_number)
{
	sigset_t set;
	fflush(NULL);
	signal(signal_number, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, signal_number);
	raise(signal_number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static bool anything_wanted(const struct graph *gr)
{
	for (size_t i = 0; i < gr->tasks.n; i++)
		if (gr->tasks.p[i]->wanted)
			return true;
	return false;
}

static void add_plain_targets(const struct program *g, struct sbuf *b)
{
	const struct project *p = &g->project;
	for (size_t i = 0; !g->options.silent && i < p->plain_targets.items.n; i++)
		sbuf_printf(b, "%s: nothing to be done for '%.*s'\n", g->name, STR_ARG(p->plain_targets.items.p[i]));
}

/* Somebody who has left -f out asks for a workflow's file. */
static void hint_at_file(const struct program *g, struct str path)
{
	static const char *const beginnings[] = {"tasks:", "actors:", "stages:"};
	struct arena a = {0};
	struct str text;
	bool is_workflow = false;
	if (!str_eq(path, g->project.workflow->file) && (str_ends(path, STR(".yaml")) || str_ends(path, STR(".yml"))) &&
	    !os_read_file(&a, g->project.store.root_fd, arena_copy(&a, path).p, 1 << 20, &text))
		for (size_t at = 0; at < text.n && !is_workflow; at = str_find(text, STR("\n"), at) + 1)
			for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
				is_workflow = is_workflow || str_starts(str_sub(text, at, text.n), str_of(beginnings[i]));
	if (is_workflow)
		fprintf(stderr, "%s: '%.*s' is a workflow: 'axmake -f %.*s' runs it\n", g->name, STR_ARG(path), STR_ARG(path));
	arena_free(&a);
}

static void say_plain_targets(const struct program *g)
{
	struct sbuf b = {0};
	add_plain_targets(g, &b);
	if (b.n)
		fwrite(b.p, 1, b.n, stdout);
	sbuf_free(&b);
	fflush(stdout); /* what follows goes out another way */
	for (size_t i = 0; !g->options.silent && i < g->project.plain_targets.items.n; i++)
		hint_at_file(g, g->project.plain_targets.items.p[i]);
}

/* Files alone are asked for that are there and that nobody makes: that was said. */
static bool only_plain_targets(const struct program *g)
{
	return g->project.plain_targets.items.n && !anything_wanted(g->project.graph);
}

static struct plain *open_plain(const struct program *g)
{
	const struct options *o = &g->options;
	size_t n_own;
	const struct str *own = reports_own(g, &n_own);
	struct plain_config c = {
		.own = own,
		.n_own = n_own,
		.graph = g->project.graph,
		.diag = g->project.diag,
		.root_fd = g->project.store.root_fd,
		.silent = o->silent || only_plain_targets(g),
		.hush = g->round && g->round->hush,
		.why = g->round && g->round->hush ? g->round->why : STR_NONE,
		.quiet = str_eq(o->progress, STR("none")),
		.live = o->sync != SYNC_TARGET,
		.bare = o->sync == SYNC_LINE,
		.trace = o->trace,
		.said_more = g->said_more,
		.color_out = program_colored(g, STDOUT_FILENO),
		.color_err = program_colored(g, STDERR_FILENO),
		.program = g->name,
	};
	return plain_new(&c);
}

static void cancel_previous(const struct program *g)
{
	struct previous_cancelled far = {0};
	if (g->project.copied)
		far.err = previous_forget(&g->project.store);
	else
		far = previous_cancel(&g->project.store, g->project.rules, getenv("PATH"));
	if (far.cancelled)
		fprintf(stderr, "%s: warning: cancelled %zu command%s that executors may still have run for an earlier run\n", g->name, far.cancelled, far.cancelled == 1 ? "" : "s");
	if (far.failed || far.err)
		fprintf(stderr, "%s: warning: what an earlier run left to executors could not all be cancelled%s%s; the next run tries again\n", g->name, far.err ? ": " : "",
			far.err ? os_error(far.err) : "");
}

/* How many processes that a killed run left have been ended. Those of a folder that this one is a copy of belong to a run that may be at work there. */
static size_t end_processes(const struct program *g)
{
	if (g->project.copied)
		fprintf(stderr, "%s: warning: this .axmake was copied while a run was at work, or had been killed: what it left going on is not ended from here\n", g->name);
	return g->project.killed_run && !g->project.copied ? previous_end(g->project.killed_run, g->project.store.fd) : 0;
}

void engine_end_previous(const struct program *g)
{
	size_t n = end_processes(g);
	int err = previous_mask(g->project.store.fd, g->project.rules, g->project.killed_run, STR_NONE, (const char *const *)environ);
	if (err)
		fprintf(stderr, "%s: warning: cannot mask secrets in what a killed run left in .axmake: %s\n", g->name, os_error(err));
	cancel_previous(g);
	if (g->project.killed_run)
		store_tidy(&g->project.store);
	if (g->project.killed_run && !g->project.copied)
		pidgroup_sweep(g->project.store.fd);
	int left = previous_views(&g->project.store);
	if (left)
		fprintf(stderr, "%s: warning: cannot remove what an earlier run left in .axmake/views: %s\n", g->name, os_error(left));
	if (!n)
		return;
	seen_spoil(g->project.seen);
	fprintf(stderr, "%s: warning: an earlier run was killed; ended %zu process%s that it left\n", g->name, n, n == 1 ? "" : "es");
}

/* What the scheduler asks when all that was wanted has ended. */
struct further {
	struct program *g;
	struct sched_config *c;
};

/* "because plan.ax.yaml was not made" */
static struct str why_no_more(struct program *g)
{
	const struct graph *gr = g->project.graph;
	for (size_t i = 0; i < gr->workflow->includes.n; i++)
		if (gr->makers[i] && gr->makers[i]->wanted && gr->makers[i]->state != STATE_UPTODATE && gr->makers[i]->state != STATE_DONE &&
		    gr->makers[i]->state != STATE_SKIPPED)
			return arena_printf(&g->arena, "because '%.*s' was not made", STR_ARG(gr->workflow->includes.p[i].path));
	return STR("because of mistakes in the workflow");
}

/* After tasks that make includes: reads these, and goes on with what there is then. */
static bool go_on(void *self, bool well)
{
	struct further *f = self;
	struct project *p = &f->g->project;
	if (!p->making)
		return false;
	bool more = well && project_go_on(p);
	f->c->graph = p->graph;
	f->c->budget = program_budget(f->g);
	program_report(f->g);
	if (more && !p->making)
		say_plain_targets(f->g);
	if (more)
		return true;
	f->c->more.rest = why_no_more(f->g);
	project_want_rest(p);
	return false;
}

/* Runs what is stale. The lock is held, the log open. */
struct sched_result engine_run(struct program *g, struct loop *loop, const struct observer *seen, uint64_t run_id)
{
	struct project *p = &g->project;
	const struct options *o = &g->options;
	struct jobserver *j = open_jobserver(g);
	const struct saving *saving;
	size_t fresh = project_beside(p, &saving);
	struct sched_config c = {
		.graph = p->graph,
		.stale = &p->stale,
		.store = &p->store,
		.log = p->log,
		.filehash = p->filehash,
		.rules = p->rules,
		.cache = p->cache,
		.server = project_server(p),
		.server_program = o->server.program,
		.shares_cache = project_shares_cache(p),
		.jobserver = j,
		.loop = loop,
		.observer = seen,
		.root = p->root,
		.run_id = run_id,
		.keep_going = o->keep_going,
		.tell_lacks = o->debug & DEBUG_JOBS,
		.ignore_errors = o->ignore_errors,
		.touch = o->touch,
		.live_output = o->sync != SYNC_TARGET || g->follow,
		.parallel_delegation = p->config.parallel_delegation,
		.load_limited = o->max_load >= 0,
		.max_load = o->max_load,
		.fresh = fresh,
		.saving = saving,
		.max_agents = program_agents(g),
		.agents_of_j = !g->project.config.max_concurrent_agents,
		.budget = program_budget(g),
		.spent = g->round ? g->round->spent : (struct spent){0},
		.attempts = g->round ? &g->round->attempts : NULL,
		.agent_timeout_ns = p->config.default_timeout_ns,
		.whole_ns = g->whole_ns,
		.environ = (const char *const *)environ,
	};
	struct further further = {g, &c};
	c.more = (struct sched_more){.go_on = go_on, .self = &further};
	p->stale.observer = (struct stale_observer){edit_kept, (void *)seen};
	struct sched_result r = sched_run(&c, &g->arena);
	jobserver_close(j);
	mem_on_exhausted(NULL, NULL);
	return r;
}

/* In a round of a watch: would a run of its own do and say the same? */
static bool is_as_alone(const struct program *g)
{
	const struct graph *gr = g->project.graph;
	bool spared = g->round && g->round->hush;
	for (size_t i = 0; g->round && i < gr->tasks.n; i++)
		spared = spared || gr->tasks.p[i]->spared;
	return !spared;
}

/* What was done was little beside what was left alone: to judge all of it again costs less than the next run saves by a seal. */
static bool is_little(const struct program *g, const struct sched_result *r)
{
	const struct project *p = &g->project;
	return 8 * (r->done + r->restored) <= r->fresh && !r->skipped && !g->round && !reports_wanted(&g->options) && p->n_loaded && !p->killed_run && !p->workflow->includes.n;
}

/* Where nothing is left to be done and there was nothing to tell of, project_close is to leave a seal. */
static void ask_for_seal(struct program *g, const struct sched_result *r, const struct plain *plain)
{
	struct project *p = &g->project;
	bool well = (r->fresh || r->skipped) && !r->ignored && !r->signal && !status_of(g, r), nothing = !r->done && !r->restored;
	struct sbuf said = {0}, word = {0};
	bool watched = g->round && listeners_wanted(&g->options); /* the files are of all its runs */
	if (!well || !p->may_seal || p->told || !is_as_alone(g) || plain_warned(plain) || watched || actions_here() || (!nothing && !p->slice && !is_little(g, r)))
		return;
	p->judge_again = !nothing || p->slice;
	if (p->slice)
		return;
	size_t fresh = r->fresh + r->done + r->restored;
	add_plain_targets(g, &said);
	plain_said(plain, fresh, &said);
	if (followed_seal(g, fresh, r->skipped, sbuf_view(&said), &word))
		g->project.seal_word = arena_copy(&g->arena, sbuf_view(&word));
	sbuf_free(&said);
	sbuf_free(&word);
}

/* Has every agent a provider? What lacks is told as part of a run that begins with it. */
struct refusal {
	struct observer to;
	size_t wanted;
	bool begun;
};

static void refuse(void *self, const struct event *e)
{
	struct refusal *r = self;
	if (!r->begun)
		r->to.event(r->to.self, &(struct event){.kind = EVENT_RUN_BEGIN, .at_ns = e->at_ns, .count = r->wanted});
	r->begun = true;
	r->to.event(r->to.self, e);
}

static bool providers_there(const struct project *p, struct observer to)
{
	const struct graph *gr = p->graph;
	struct refusal r = {.to = to};
	for (size_t i = 0; i < gr->tasks.n; i++)
		r.wanted += gr->tasks.p[i]->wanted && gr->tasks.p[i]->kind != TASK_GROUP;
	return sched_providers_there(gr, getenv("PATH"), &(struct observer){refuse, NULL, &r}, project_shares_cache(p));
}

/* The lock is held, the log open: runs, and says what came of it. Exit status; *signal: what ended the run, or 0. */
static int build(struct program *g, struct loop *loop, struct plain *plain, struct listeners *all, uint64_t run_id, int *signal)
{
	struct project *p = &g->project;
	struct drawn drawn = drawn_open(g, loop, plain, &all->tee, program_slots(g));
	g->follow = drawn.terminal;
	struct observer seen = listeners_observer(all);
	struct sched_result r = engine_run(g, loop, &seen, run_id);
	listeners_close(all, g, &r, status_of(g, &r));
	if (diag_errors(p->diag))
		plain_mistaken(plain);
	int unseen = plain_end(plain);
	if (g->round) {
		g->round->spent = r.spent;
		g->round->over = unseen;
	}
	if (!unseen)
		ask_for_seal(g, &r, plain);
	plain_free(plain);
	drawn_close(&drawn);
	loop_free(loop);
	int err = project_close(p);
	if (err && !r.refused)
		fprintf(stderr, "%s: warning: cannot write .axmake/log: %s\n", g->name, os_error(err));
	fflush(stdout);
	*signal = r.signal;
	return err || unseen ? EXIT_TROUBLE : status_of(g, &r);
}

/* Nothing ran, for a reason that was said. */
static int end_refused(struct program *g, struct plain *plain, struct listeners *all)
{
	listeners_close(all, g, &(struct sched_result){.refused = true}, EXIT_TROUBLE);
	plain_free(plain);
	return EXIT_TROUBLE;
}

/* Nothing was done or said, and all of it is done anew. Whether a run was killed before is known no more when the lock is taken again. */
static int end_lost(struct program *g, struct plain *plain, struct listeners *all)
{
	engine_end_previous(g);
	listeners_close(all, g, &(struct sched_result){.refused = true}, 0);
	plain_free(plain);
	return 0;
}

int engine_build(struct program *g)
{
	struct project *p = &g->project;
	uint64_t run_id = os_random64();
	say_plain_targets(g);
	if (only_plain_targets(g) && !listeners_wanted(&g->options))
		return 0;
	struct plain *plain = open_plain(g);
	struct debuglog debug = {.kinds = g->options.debug, .program = g->name, .shown = plain_observer(plain)};
	struct listeners all = {0};
	struct listeners_config lc = {.run_id = run_id, .what = p->workflow->file, .run_fd = -1, .files = true};
	if (g->round)
		tee_add(&all.tee, round_observer(g->round));
	if (debug.kinds)
		tee_add(&all.tee, debuglog_observer(&debug));
	tee_add(&all.tee, plain_observer(plain));
	if (!listeners_begin(&all, g, &lc)) {
		plain_free(plain);
		return EXIT_TROUBLE;
	}
	/* Where nothing is known yet, what lacks can be said before anything is written. */
	bool first = p->store.fd < 0 && !g->options.touch;
	if ((first && !providers_there(p, listeners_observer(&all))) || !project_open(p, true, run_id))
		return p->lost ? end_lost(g, plain, &all) : end_refused(g, plain, &all);
	engine_end_previous(g);
	project_cache(p, true, false);
	int err = process_become_reaper();
	struct loop *loop = err ? NULL : loop_new();
	if (!loop) {
		fprintf(stderr, "%s: *** cannot watch processes: %s\n", g->name, os_error(err ? err : errno));
		return EXIT_TROUBLE;
	}
	listeners_keep(&all, g, &lc);
	int signal = 0, status = build(g, loop, plain, &all, run_id, &signal);
	debuglog_free(&debug);
	if (g->summary.n)
		notify_run(g, signal ? 128 + signal : status, g->summary);
	if (signal)
		engine_raise(signal);
	return status;
}
