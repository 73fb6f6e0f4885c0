/* ax spec and ax gen: a workflow, as axmake runs, plans and draws it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ax/verb.h"
#include "axmake.h"
#include "base/os.h"
#include "base/path.h"

#define WORDS_MOST 16

/* A command line for axmake. */
struct line {
	struct arena *a;
	char *argv[WORDS_MOST];
	int argc;
};

static void add(struct line *l, const char *word)
{
	l->argv[l->argc++] = (char *)word;
	l->argv[l->argc] = NULL;
}

static struct line line_for(struct program *g, const struct ax_words *w)
{
	struct line l = {.a = &g->arena};
	add(&l, "axmake");
	add(&l, "-f");
	add(&l, arena_copy(l.a, w->plain.p[0]).p);
	return l;
}

static int as_axmake(struct line *l)
{
	return axmake_main(arena_new(l->a, struct program), l->argc, l->argv);
}

static int run(struct program *g, const struct ax_verb *v, const struct ax_words *w)
{
	struct line l = line_for(g, w);
	struct str jobs = ax_words_value(w, "jobs"), task = ax_words_value(w, "task");
	(void)v;
	add(&l, "-k");
	if (ax_words_has(w, "dry-run"))
		add(&l, "-n");
	if (ax_words_has(w, "parallel"))
		add(&l, "-j");
	if (jobs.p)
		add(&l, arena_printf(l.a, "--jobs=%.*s", STR_ARG(jobs)).p);
	if (task.p) {
		add(&l, "--");
		add(&l, task.p);
	}
	return as_axmake(&l);
}

static int plan(struct program *g, const struct ax_verb *v, const struct ax_words *w)
{
	struct line l = line_for(g, w);
	(void)v;
	add(&l, "-n");
	return as_axmake(&l);
}

static int validate(struct program *g, const struct ax_verb *v, const struct ax_words *w)
{
	struct line l = line_for(g, w);
	(void)v;
	add(&l, "--validate");
	return as_axmake(&l);
}

static int status(struct program *g, const struct ax_verb *v, const struct ax_words *w)
{
	struct line l = line_for(g, w);
	(void)v;
	add(&l, ax_words_has(w, "json") ? "--status=json" : "--status");
	return as_axmake(&l);
}

static int graph(struct program *g, const struct ax_verb *v, const struct ax_words *w)
{
	struct line l = line_for(g, w);
	struct str form = ax_words_value(w, "format");
	(void)v;
	add(&l, form.p ? arena_printf(l.a, "--graph=%.*s", STR_ARG(form)).p : "--graph");
	return as_axmake(&l);
}

/* Standard output goes to a new file, which takes the other's place when all went well: a mistake spoils nothing. */
struct output {
	int folder_fd; /* of where the file will stand: axmake may change the folder */
	struct str name, made;
};

static bool output_begin(struct output *o, struct arena *a, struct str file)
{
	struct str normal = path_normal(a, file);
	o->name = path_base(normal);
	o->made = arena_printf(a, ".ax-%016llx.tmp", (unsigned long long)os_random64());
	o->folder_fd = open(arena_copy(a, path_dir(normal)).p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = o->folder_fd < 0 ? -1 : openat(o->folder_fd, o->made.p, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	bool ok = fd >= 0 && fflush(stdout) == 0 && dup2(fd, STDOUT_FILENO) >= 0;
	if (!ok)
		fprintf(stderr, "ax: *** cannot write '%.*s': %s\n", STR_ARG(file), os_error(errno));
	if (fd >= 0)
		close(fd);
	return ok;
}

static int output_end(const struct output *o, struct arena *a, struct str file, int status)
{
	bool ok = !status && !fflush(stdout) && !renameat(o->folder_fd, o->made.p, o->folder_fd, arena_copy(a, o->name).p);
	if (!status && !ok) {
		fprintf(stderr, "ax: *** cannot write '%.*s': %s\n", STR_ARG(file), os_error(errno));
		status = EXIT_TROUBLE;
	}
	if (!ok)
		unlinkat(o->folder_fd, o->made.p, 0);
	return status;
}

/* A pipe, a device: nothing that a rename could replace. */
static bool is_special(struct arena *a, struct str file)
{
	struct stat st;
	return !stat(arena_copy(a, file).p, &st) && !S_ISREG(st.st_mode);
}

static int generate(struct program *g, struct line *l, struct str file)
{
	struct output o;
	if (!file.p)
		return as_axmake(l);
	if (is_special(l->a, file)) {
		if (freopen(arena_copy(l->a, file).p, "w", stdout))
			return as_axmake(l);
		fprintf(stderr, "ax: *** cannot write '%.*s': %s\n", STR_ARG(file), os_error(errno));
		return EXIT_TROUBLE;
	}
	if (!output_begin(&o, l->a, file))
		return EXIT_TROUBLE;
	(void)g;
	return output_end(&o, l->a, file, as_axmake(l));
}

static int gen_plan(struct program *g, const struct ax_verb *v, const struct ax_words *w)
{
	struct line l = line_for(g, w);
	(void)v;
	add(&l, "-n");
	return generate(g, &l, ax_words_value(w, "output"));
}

static int gen_dag(struct program *g, const struct ax_verb *v, const struct ax_words *w)
{
	struct line l = line_for(g, w);
	struct str form = ax_words_value(w, "format");
	if (form.p && !str_eq(form, STR("mermaid")) && !str_eq(form, STR("dot"))) {
		diag_error(g->project.diag, POS_NONE, "mermaid or dot", "'--format' does not know '%.*s'", STR_ARG(form));
		program_report(g);
		return v->wrong_use;
	}
	add(&l, form.p ? arena_printf(l.a, "--graph=%.*s", STR_ARG(form)).p : "--graph=mermaid");
	return generate(g, &l, ax_words_value(w, "output"));
}

static const struct ax_option no_options[] = {{0}};
static const struct ax_option run_options[] = {
	{"task", 0, "TASK", "only this task, and what it needs"},
	{"parallel", 0, NULL, "as many scripts at once as can; agents stay at their limit"},
	{"dry-run", 'n', NULL, "say what would run; run nothing"},
	{"jobs", 'j', "N", "run N tasks at once"},
	{0},
};
static const struct ax_option status_options[] = {{"json", 0, NULL, "print one object"}, {0}};
static const struct ax_option graph_options[] = {{"format", 0, "text|dot|mermaid|json", "text is usual"}, {0}};
static const struct ax_option output_options[] = {{"output", 'o', "FILE", "write to FILE instead of standard output"}, {0}};
static const struct ax_option dag_options[] = {
	{"format", 0, "mermaid|dot", "mermaid is usual"},
	{"output", 'o', "FILE", "write to FILE instead of standard output"},
	{0},
};

#define OF_FILE .args = "FILE", .least = 1, .most = 1, .wrong_use = EXIT_TROUBLE

const struct ax_verb ax_spec_verbs[] = {
	{.name = "spec run",
	 OF_FILE,
	 .help = "Run a workflow: what is stale, in parallel",
	 .more = "As axmake -k -f FILE: after a failure it goes on with what does not need it.\nOutside --task all tasks, or those that the file names as default, are run.",
	 .options = run_options,
	 .run = run},
	{.name = "spec plan", OF_FILE, .help = "Say what would run, and why", .options = no_options, .run = plan},
	{.name = "spec validate", OF_FILE, .help = "Check a workflow; run nothing", .options = no_options, .run = validate},
	{.name = "spec status", OF_FILE, .help = "Show each task's state, also during a run", .options = status_options, .run = status},
	{.name = "spec graph", OF_FILE, .help = "Print who needs whom", .options = graph_options, .run = graph},
	{.name = "gen plan", OF_FILE, .help = "The plan, into a file", .options = output_options, .run = gen_plan},
	{.name = "gen dag", OF_FILE, .help = "The graph, for mermaid or Graphviz", .options = dag_options, .run = gen_dag},
	{0},
};
