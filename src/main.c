/* axmake: options, load, graph, run, show. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ax.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/path.h"
#include "options.h"
#include "project.h"
#include "run/jobserver.h"
#include "run/previous.h"
#include "run/process.h"
#include "run/sched.h"
#include "show/plain.h"
#include "show/views.h"
#include "version.h"

extern char **environ;

#define EXIT_STALE 1
#define EXIT_TROUBLE 2

struct program {
	struct arena arena;
	struct options options;
	struct project project;
	struct jobserver_inherited inherited;
	const char *name; /* "axmake", or "axmake[1]" below a make */
};

static bool colored(const struct program *g, int fd)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
	if (g->options.color != COLOR_AUTO)
		return g->options.color == COLOR_ALWAYS;
	return isatty(fd) && !(no && *no) && !(term && !strcmp(term, "dumb"));
}

static bool report(struct program *g)
{
	diag_print(g->project.diag, stderr, colored(g, STDERR_FILENO));
	return diag_errors(g->project.diag) == 0;
}

static void warn_line(void *self, const char *line)
{
	(void)self;
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

/* Slots when nobody says how many, and the limit on agents: see the table in the README. */
static size_t configured(const struct program *g)
{
	return g->project.config.max_concurrent_agents ? (size_t)g->project.config.max_concurrent_agents : 4;
}

static size_t agent_limit(const struct program *g)
{
	bool said = g->project.config.max_concurrent_agents > 0;
	bool unlimited = g->options.jobs == JOBS_UNLIMITED || (g->options.jobs == JOBS_UNSET && g->options.makeflags_jobs == JOBS_UNLIMITED);
	return said || unlimited ? configured(g) : 0;
}

/* At once, where neither -j nor a jobserver says it: a make above may have said it without one. */
static size_t slots_without_jobserver(const struct program *g)
{
	int inherited = g->options.makeflags_jobs;
	return inherited == JOBS_UNLIMITED ? 0 : inherited == JOBS_UNSET ? configured(g) : (size_t)inherited;
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
		.limit = slots_without_jobserver(g),
	};
	struct jobserver *j = jobserver_open(&g->arena, &c, &g->inherited, warn_line, NULL);
	mem_on_exhausted(return_tokens, j);
	return j;
}

static int status_of(const struct sched_result *r)
{
	return r->failed || r->refused || r->untouched || r->not_run ? EXIT_TROUBLE : 0;
}

static void raise_again(int signal_number)
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

static void say_plain_targets(const struct program *g)
{
	const struct project *p = &g->project;
	for (size_t i = 0; !g->options.silent && i < p->plain_targets.items.n; i++)
		printf("%s: nothing to be done for '%.*s'\n", g->name, STR_ARG(p->plain_targets.items.p[i]));
}

static struct plain *open_plain(const struct program *g)
{
	const struct options *o = &g->options;
	struct plain_config c = {
		.graph = g->project.graph,
		.diag = g->project.diag,
		.root_fd = g->project.store.root_fd,
		.silent = o->silent,
		.quiet = str_eq(o->progress, STR("none")),
		.live = o->sync == SYNC_NONE,
		.trace = o->trace,
		.color_out = colored(g, STDOUT_FILENO),
		.color_err = colored(g, STDERR_FILENO),
		.program = g->name,
	};
	return plain_new(&c);
}

static void end_previous(const struct program *g)
{
	size_t n = g->project.killed_run ? previous_end(g->project.killed_run) : 0;
	if (n)
		fprintf(stderr, "%s: warning: an earlier run was killed; ended %zu process%s that it left\n", g->name, n, n == 1 ? "" : "es");
}

/* Runs what is stale. The lock is held, the log open. */
static struct sched_result run(struct program *g, struct loop *loop, const struct observer *seen, uint64_t run_id)
{
	struct project *p = &g->project;
	const struct options *o = &g->options;
	struct jobserver *j = open_jobserver(g);
	struct sched_config c = {
		.graph = p->graph,
		.stale = &p->stale,
		.store = &p->store,
		.log = p->log,
		.filehash = p->filehash,
		.jobserver = j,
		.loop = loop,
		.observer = seen,
		.root = p->root,
		.run_id = run_id,
		.keep_going = o->keep_going,
		.ignore_errors = o->ignore_errors,
		.touch = o->touch,
		.live_output = o->sync == SYNC_NONE,
		.max_agents = agent_limit(g),
		.agent_timeout_ns = p->config.default_timeout_ns,
		.environ = (const char *const *)environ,
	};
	p->stale.observer = (struct stale_observer){edit_kept, (void *)seen};
	struct sched_result r = sched_run(&c, &g->arena);
	jobserver_close(j);
	mem_on_exhausted(NULL, NULL);
	return r;
}

static int build(struct program *g)
{
	struct project *p = &g->project;
	uint64_t run_id = os_random64();
	say_plain_targets(g);
	if (p->plain_targets.items.n && !anything_wanted(p->graph))
		return 0;
	struct plain *plain = open_plain(g);
	struct observer seen = plain_observer(plain);
	/* Where nothing is known yet, what lacks can be said before anything is written. */
	bool first = p->store.fd < 0 && !g->options.touch;
	if ((first && !sched_providers_there(p->graph, getenv("PATH"), &seen)) || !project_open(p, true, run_id)) {
		plain_free(plain);
		return EXIT_TROUBLE;
	}
	end_previous(g);
	int err = process_become_reaper();
	struct loop *loop = err ? NULL : loop_new();
	if (!loop) {
		fprintf(stderr, "%s: *** cannot watch processes: %s\n", g->name, os_error(err ? err : errno));
		return EXIT_TROUBLE;
	}
	struct sched_result r = run(g, loop, &seen, run_id);
	int unseen = plain_end(plain);
	plain_free(plain);
	loop_free(loop);
	err = project_close(p);
	if (err && !r.refused)
		fprintf(stderr, "%s: warning: cannot write .axmake/log: %s\n", g->name, os_error(err));
	fflush(stdout);
	if (r.signal)
		raise_again(r.signal);
	return err || unseen ? EXIT_TROUBLE : status_of(&r);
}

static int status_of_plan(const struct graph *gr, const struct verdict *v)
{
	for (size_t i = 0; i < gr->tasks.n; i++)
		if (gr->tasks.p[i]->wanted && verdict_is_error(&v[i]))
			return EXIT_TROUBLE;
	return 0;
}

static int question(struct program *g)
{
	int status = 0;
	struct verdict *v = project_judge(&g->project);
	for (size_t i = 0; i < g->project.graph->tasks.n; i++)
		if (g->project.graph->tasks.p[i]->wanted && v[i].why != WHY_NOT)
			status = verdict_is_error(&v[i]) ? EXIT_TROUBLE : status ? status : EXIT_STALE;
	return status;
}

static struct task *subject(struct program *g)
{
	struct task *t = graph_task(g->project.graph, g->options.subject);
	if (!t)
		graph_want(g->project.graph, g->project.diag, &g->options.subject, 1, g->project.filehash, &g->project.plain_targets);
	if (!t && !diag_errors(g->project.diag))
		diag_error(g->project.diag, POS_NONE, "axmake --list shows the tasks", "'%.*s' is not a task", STR_ARG(g->options.subject));
	if (!t)
		report(g);
	return t;
}

/* What only looks. */
static int look(struct program *g)
{
	struct project *p = &g->project;
	const struct options *o = &g->options;
	bool of_files_alone = o->mode == MODE_LIST || o->mode == MODE_GRAPH; /* nothing that is remembered is asked for */
	if (!of_files_alone && !project_open(p, false, 0))
		return EXIT_TROUBLE;
	if (o->mode == MODE_BUILD && o->question)
		return question(g);
	struct view v = {p->graph, p->diag, &p->store, p->log, NULL, &g->arena, colored(g, STDOUT_FILENO)};
	struct task *t = o->mode == MODE_LOG || o->mode == MODE_RESULT ? subject(g) : NULL;
	switch (o->mode) {
	case MODE_BUILD:
		v.verdicts = project_judge(p);
		view_plan(&v, stdout, o->silent, o->jobs > 0 ? (size_t)o->jobs : o->jobs == JOBS_UNLIMITED ? 0 : configured(g));
		return status_of_plan(p->graph, v.verdicts);
	case MODE_EXPLAIN:
		v.verdicts = project_judge(p);
		view_explain(&v, stdout);
		return 0;
	case MODE_GRAPH:
		view_graph(&v, stdout, o->graph_form);
		return 0;
	case MODE_LIST:
		view_list(&v, stdout, o->as_json);
		return 0;
	case MODE_STATUS:
		v.verdicts = project_judge(p);
		view_status(&v, stdout, o->as_json);
		return 0;
	case MODE_LOG:
		return t && view_log(&v, t, stdout) ? 0 : EXIT_TROUBLE;
	case MODE_RESULT:
		return t && view_result(&v, t, stdout) ? 0 : EXIT_TROUBLE;
	default:
		return 0;
	}
}

static bool only_looks(const struct options *o)
{
	return o->dry_run || o->question || (o->touch_inherited && !o->touch);
}

static int clean(struct program *g)
{
	struct project *p = &g->project;
	struct str bad;
	if (p->store.fd < 0)
		return 0; /* nothing is known here */
	if (only_looks(&g->options))
		return 0;
	if (!project_open(p, true, os_random64()))
		return EXIT_TROUBLE;
	end_previous(g);
	log_close(p->log);
	p->log = NULL;
	int err = store_clean(&p->store, g->options.clean_all, &g->arena, &bad);
	if (err)
		fprintf(stderr, "axmake: *** cannot remove '%.*s': %s\n", STR_ARG(bad), os_error(err));
	project_close(p);
	return err ? EXIT_TROUBLE : 0;
}

static bool enter_dirs(struct program *g)
{
	for (size_t i = 0; i < g->options.dirs.n; i++) {
		struct str dir = arena_copy(&g->arena, g->options.dirs.p[i]);
		if (chdir(dir.p)) {
			fprintf(stderr, "axmake: *** %s: %s\n", dir.p, os_error(errno));
			return false;
		}
	}
	return true;
}

static int dispatch(struct program *g)
{
	struct project *p = &g->project;
	const struct options *o = &g->options;
	bool ok = report(g);
	if (!ok)
		return EXIT_TROUBLE;
	if (o->mode == MODE_VALIDATE) {
		printf("axmake: %.*s: %zu task%s, no mistakes\n", STR_ARG(p->workflow->file), p->graph->tasks.n, p->graph->tasks.n == 1 ? "" : "s");
		return 0;
	}
	if (o->mode == MODE_CLEAN)
		return clean(g);
	if (o->mode == MODE_BUILD && o->touch_inherited && !o->touch && !o->dry_run && !o->question)
		return 0;
	return o->mode == MODE_BUILD && !only_looks(o) ? build(g) : look(g);
}

/* "Entering directory" now, "Leaving" at the end, of the folder that -C led to. */
static void directory_line(const struct program *g, const char *what, struct str folder)
{
	bool wanted = g->options.print_directory > 0 || (g->options.print_directory < 0 && g->options.dirs.n && !g->options.silent);
	if (!wanted || g->options.mode != MODE_BUILD)
		return;
	printf("%s: %s directory '%.*s'\n", g->name, what, STR_ARG(folder));
	fflush(stdout); /* what tasks print goes out another way */
}

static struct str current_folder(struct program *g)
{
	char *cwd = getcwd(NULL, 0);
	struct str s = arena_copy(&g->arena, cwd ? str_of(cwd) : STR("?"));
	free(cwd);
	return s;
}

static int axmake_main(struct program *g, int argc, char **argv)
{
	struct project *p = &g->project;
	p->arena = &g->arena;
	p->diag = diag_new();
	const char *level = getenv("MAKELEVEL");
	g->name = level && atoi(level) > 0 ? arena_printf(&g->arena, "axmake[%d]", atoi(level)).p : "axmake";
	options_parse(&g->options, &g->arena, p->diag, argc, argv, getenv("AXMAKEFLAGS"), getenv("MAKEFLAGS"));
	g->inherited = g->options.has_auth ? jobserver_inspect(g->options.auth) : (struct jobserver_inherited){0};
	os_cloexec_all();
	if (!report(g))
		return EXIT_TROUBLE;
	if (g->options.mode == MODE_HELP) {
		options_help(stdout);
		return 0;
	}
	if (g->options.mode == MODE_VERSION) {
		printf("axmake %s\n", AXMAKE_VERSION);
		return 0;
	}
	if (!enter_dirs(g))
		return EXIT_TROUBLE;
	struct str folder = current_folder(g);
	directory_line(g, "Entering", folder);
	project_load(p, &g->options);
	int status = dispatch(g);
	directory_line(g, "Leaving", folder);
	return status;
}

int main(int argc, char **argv)
{
	struct str called = path_base(str_of(argc ? argv[0] : "axmake"));
	if (str_eq(called, STR("ax")))
		return ax_main(argc, argv);
	struct program g = {0};
	int status = axmake_main(&g, argc, argv);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "axmake: *** cannot write standard output: %s\n", os_error(errno));
		status = status ? status : EXIT_TROUBLE;
	}
	exit(status);
}
