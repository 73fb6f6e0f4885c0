/* The workflow's files, read and linked to a graph: at first, and again when tasks have made some of them. */
#include "project.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"
#include "base/path.h"
#include "load/trees.h"
#include "load/yaml.h"
#include "show/phrase.h"
#include "version.h"

#define MAX_ROUNDS 16

static bool in_set(const struct map *set, struct str path)
{
	return map_get(set, path) != NULL;
}

static void put(struct map *set, struct str path, const void *value)
{
	*map_slot(set, path) = (void *)value;
}

static bool go_to(struct project *p, struct str folder)
{
	if (!folder.p || !chdir(folder.p))
		return true;
	diag_error(p->diag, POS_NONE, NULL, "cannot enter '%.*s': %s", STR_ARG(folder), os_error(errno));
	return false;
}

/* Of a slice: what its tasks need has ended, whatever that needs itself. */
static void let_stand(struct project *p)
{
	for (size_t i = 0; p->slice && i < p->workflow->tasks.n; i++) {
		struct task_def *t = p->workflow->tasks.p[i];
		const struct slice_kept *kept = map_get(&p->slice->by_name, t->name.s);
		if (kept && !kept->reached)
			t->dependencies.n = t->after.n = 0;
	}
}

/* From the folder in which axmake was started, so that files keep their names in messages. */
static void load(struct project *p)
{
	struct str known = p->workflow ? p->workflow->file : STR_NONE;
	if (!go_to(p, p->start))
		return;
	if (!p->reading.trees)
		p->reading.trees = trees_open(AT_FDCWD, ".axmake/trees", STR(AXMAKE_VERSION), project_runs(p->options));
	p->reading.only = p->slice ? &p->slice->by_name : NULL;
	p->workflow = workflow_load(p->arena, p->diag, p->seen_outside ? p->seen_outside : p->seen, p->file, &p->reading);
	let_stand(p);
	if (known.p)
		p->workflow->file = known;
	if (p->start.p)
		go_to(p, p->root);
}

/* Is it a mode that shows the files as they are, or one that some of them may be left out of? */
static bool may_hold(const struct project *p)
{
	enum mode m = p->options->mode;
	return p->file.p && !p->reading.strict && m != MODE_LIST && m != MODE_GRAPH && m != MODE_VALIDATE;
}

/* There are mistakes. Are there files among those that were read that will be made anew? They are left out. */
static bool hold_back(struct project *p)
{
	bool any = false;
	for (size_t i = 0; may_hold(p) && i < p->workflow->includes.n; i++) {
		const struct include_def *inc = &p->workflow->includes.p[i];
		if (!inc->output.source || inc->missing || in_set(&p->reading.final, inc->path) || in_set(&p->reading.hold, inc->path))
			continue;
		put(&p->reading.hold, inc->path, p);
		any = true;
	}
	return any;
}

void project_read(struct project *p)
{
	size_t mark = diag_mark(p->diag), errors = diag_errors(p->diag);
	load(p);
	if (diag_errors(p->diag) == errors || !hold_back(p))
		return;
	diag_rewind(p->diag, mark);
	load(p);
}

static struct graph_config config_of(const struct project *p)
{
	const struct options *o = p->options;
	return (struct graph_config){
		.workflow = p->workflow,
		.rules = p->rules,
		.vars = o->vars.p,
		.n_vars = o->vars.n,
		.inherited_vars = o->inherited_vars.p,
		.n_inherited = o->inherited_vars.n,
		.provider = options_given(o, "provider") ? o->provider : STR_NONE,
		.provider_default = options_given(o, "provider") ? STR_NONE : o->provider,
		.filehash = p->filehash,
		.root_fd = p->store.root_fd,
		.store_fd = p->store.fd,
		.seen = p->seen,
	};
}

static bool same_outputs(const struct task *a, const struct task *b)
{
	bool same = a->outputs.n == b->outputs.n;
	for (size_t i = 0; same && i < a->outputs.n; i++)
		same = a->outputs.p[i].kind == b->outputs.p[i].kind && str_eq(a->outputs.p[i].path, b->outputs.p[i].path);
	return same;
}

/* A task that needs something new has its turn once more. */
static bool still_ended(const struct task *t, const struct task *was)
{
	bool yes = was && was->ended && was->kind == t->kind && same_outputs(t, was);
	for (size_t i = 0; yes && i < t->deps.n; i++)
		yes = t->deps.p[i].task->ended;
	return yes;
}

static void take_over(struct graph *g, const struct graph *before)
{
	for (size_t i = 0; i < g->order.n; i++) {
		struct task *t = g->order.p[i];
		const struct task *was = graph_task(before, t->name);
		if (!still_ended(t, was))
			continue;
		t->ended = true;
		t->state = was->state;
		t->out_hash = was->out_hash;
		t->has_result = was->has_result;
		t->result = was->result;
		t->result_size = was->result_size;
	}
}

/* What the texts of outputs only let one guess, the graph knows. Was anything left out that nobody makes? */
static bool put_right(struct project *p)
{
	bool any = false;
	for (size_t i = 0; i < p->workflow->includes.n; i++) {
		const struct include_def *inc = &p->workflow->includes.p[i];
		if (!inc->left_out || !inc->output.source || p->graph->makers[i])
			continue;
		put(&p->reading.hold, inc->path, NULL);
		put(&p->reading.final, inc->path, p);
		any = true;
	}
	return any;
}

/* Nobody can make what lacks: then names that are not known are mistakes, whatever might have come. */
static bool be_strict(struct project *p)
{
	if (p->making || !p->workflow->partial)
		return false;
	p->reading.strict = true;
	map_free(&p->reading.hold);
	p->reading.hold = (struct map){0};
	return true;
}

static void report_stuck(struct project *p)
{
	for (size_t i = 0; p->reading.strict && i < p->workflow->includes.n; i++) {
		const struct include_def *inc = &p->workflow->includes.p[i];
		if (inc->left_out && p->graph->makers[i])
			diag_error(p->diag, inc->at, "a task that makes a file must not need what only that file can define",
				   "'%.*s' is not there, and task '%.*s', which makes it, cannot run: it needs names that are not known", STR_ARG(inc->path),
				   STR_ARG(p->graph->makers[i]->name));
	}
}

static bool well_linked(struct project *p, const struct graph *before)
{
	struct graph_config c = config_of(p);
	p->graph = graph_build(p->arena, p->diag, &c);
	report_stuck(p);
	if (diag_errors(p->diag))
		return !hold_back(p);
	if (before)
		take_over(p->graph, before);
	if (put_right(p))
		return false;
	p->making = graph_want_makers(p->graph);
	if (!p->making && p->workflow->partial && graph_report_lacking(p->graph, p->diag, &c)) {
		p->reading.strict = true; /* which is what it comes to */
		return true;
	}
	return !be_strict(p);
}

bool project_link(struct project *p, const struct graph *before)
{
	size_t mark = diag_mark(p->diag);
	while (!well_linked(p, before)) {
		graph_free(p->graph);
		p->graph = NULL;
		diag_rewind(p->diag, mark);
		project_read(p);
		diag_forget_repeated(p->diag, mark);
		if (diag_errors(p->diag))
			return false;
	}
	return !diag_errors(p->diag);
}

/* Does the file still say what was read? */
static bool says_the_same(const struct project *p, const struct include_def *inc)
{
	struct arena a = {0};
	struct str now;
	bool same = !os_read_file(&a, p->store.root_fd, inc->path.p, YAML_MAX_FILE, &now) && str_eq(now, inc->text);
	arena_free(&a);
	return same;
}

static bool is_outdated(const struct project *p, size_t i)
{
	const struct include_def *inc = &p->workflow->includes.p[i];
	const struct task *maker = p->graph->makers[i];
	return maker && maker->ended && (inc->left_out || (inc->text.p && !says_the_same(p, inc)));
}

bool project_outdated(const struct project *p)
{
	bool any = false;
	for (size_t i = 0; i < p->workflow->includes.n && !any; i++)
		any = is_outdated(p, i);
	return any;
}

bool project_held_needlessly(const struct project *p)
{
	for (size_t i = 0; i < p->workflow->includes.n; i++)
		if (p->graph->makers[i] && p->graph->makers[i]->ended && in_set(&p->reading.hold, p->workflow->includes.p[i].path))
			return true;
	return false;
}

/* What is known now of who will still make what. */
static void settle(struct project *p)
{
	map_free(&p->reading.hold);
	map_free(&p->reading.final);
	map_free(&p->reading.may_lack);
	p->reading = (struct inclusion){.trees = p->reading.trees};
	for (size_t i = 0; i < p->workflow->includes.n; i++) {
		const struct task *maker = p->graph->makers[i];
		if (!maker || !maker->ended)
			continue;
		put(&p->reading.final, p->workflow->includes.p[i].path, maker);
		if (maker->state == STATE_FAILED || maker->state == STATE_SKIPPED)
			put(&p->reading.may_lack, p->workflow->includes.p[i].path, maker);
	}
}

static void blame(struct project *p, const struct graph *before, const struct include_def *inc, const struct task *maker)
{
	struct sbuf b = {0};
	const char *hint = "correct what that task does, and it is made again";
	if (maker->kind == TASK_AGENT) {
		sbuf_lit(&b, "mend the file, which is kept as you leave it; or have it made again: ");
		phrase_command(&b, before);
		sbuf_lit(&b, " --reject ");
		phrase_word(&b, maker->name);
		sbuf_lit(&b, "=WHY");
		hint = b.p;
	}
	diag_error(p->diag, inc->at, hint, "'%.*s' cannot be used as task '%.*s' made it", STR_ARG(inc->path), STR_ARG(maker->name));
	sbuf_free(&b);
}

/* Says of files with mistakes who made them; where the mistakes lie elsewhere, of all that were made. */
static void blame_makers(struct project *p, const struct graph *before)
{
	bool any = false;
	for (int all = 0; all < 2 && !any; all++)
		for (size_t i = 0; i < p->workflow->includes.n; i++) {
			const struct include_def *inc = &p->workflow->includes.p[i];
			const struct task *maker = NULL;
			for (size_t k = 0; k < before->workflow->includes.n && !maker; k++)
				if (str_eq(before->workflow->includes.p[k].path, inc->path))
					maker = before->makers[k];
			if (!maker || !maker->ended || !inc->text.p || (!all && !diag_errors_in(p->diag, inc->text)))
				continue;
			blame(p, before, inc, maker);
			any = true;
		}
}

/* Is what is read again to be the last for this run? */
static bool too_often(struct project *p)
{
	const struct graph *g = p->graph;
	if (p->rounds++ < MAX_ROUNDS)
		return false;
	for (size_t i = 0; i < p->workflow->includes.n; i++) {
		const struct include_def *inc = &p->workflow->includes.p[i];
		if (is_outdated(p, i))
			diag_error(p->diag, inc->at, "make it in fewer steps; another run goes on from here",
				   "after %d rounds of generated workflows '%.*s', which task '%.*s' makes, is still to be read", MAX_ROUNDS, STR_ARG(inc->path),
				   STR_ARG(g->makers[i]->name));
	}
	return true;
}

bool project_read_again(struct project *p)
{
	struct graph *before = p->graph;
	struct workflow *was = p->workflow;
	size_t mark = diag_mark(p->diag);
	if (too_often(p))
		return false;
	settle(p);
	p->graph = NULL;
	project_read(p);
	bool ok = !diag_errors(p->diag) && project_link(p, before);
	diag_forget_repeated(p->diag, mark);
	if (ok) {
		graph_free(before);
		return true;
	}
	if (!p->reading.strict) /* else what they made is not to blame */
		blame_makers(p, before);
	if (p->graph)
		graph_free(p->graph);
	p->graph = before;
	p->workflow = was;
	return false;
}
