/* Who may edit what: tasks that change one path come one after another, and who reads a path that another one edits is told where nothing says which comes first. */
#include <stdlib.h>

#include "base/glob.h"
#include "base/mem.h"
#include "graph/build.h"
#include "graph/content.h"

/* A path that a task edits, or an output or input which someone else edits. */
enum use { USE_INPUT, USE_OUTPUT, USE_EDIT };
struct change {
	struct task *task;
	const struct pattern *pattern;
	struct str prefix;
	enum use use;
	/* Of an edit: who reads it at no known time, the first of the file and how many. */
	const struct change *reader;
	size_t n_readers;
};

/* Two tasks that change one path, in their order. */
struct link {
	struct task *late, *early;
	size_t nth; /* as they were found */
};

/* What comes before and after one task, by task id: `look` where it does. */
struct around {
	const struct task *of;
	uint32_t look, *before, *behind;
};

struct ordering {
	struct builder *b;
	struct around around;
	VEC(struct change) all; /* by prefix */
	size_t *wanted;		/* of each, the next one from it on that is no input */
	VEC(struct link) links; /* made when all are known: they order nothing that was not ordered, but are many */
};

static int change_order(const void *x, const void *y)
{
	const struct change *a = x, *b = y;
	return str_cmp(a->prefix, b->prefix);
}

static int link_order(const void *x, const void *y)
{
	const struct link *a = x, *b = y;
	if (a->late != b->late)
		return a->late->id < b->late->id ? -1 : 1;
	return a->nth < b->nth ? -1 : 1;
}

static void mark_before(struct around *o, struct task *of)
{
	VEC(const struct task *) todo = {0};
	vec_push(NULL, &todo, of);
	while (todo.n) {
		const struct task *t = todo.p[--todo.n];
		for (size_t i = 0; i < t->deps.n; i++) {
			const struct task *to = t->deps.p[i].task;
			if (o->before[to->id] == o->look)
				continue;
			o->before[to->id] = o->look;
			vec_push(NULL, &todo, to);
		}
	}
	vec_free(&todo);
}

static void mark_behind(struct around *o, struct task *of)
{
	VEC(const struct task *) todo = {0};
	vec_push(NULL, &todo, of);
	while (todo.n) {
		const struct task *t = todo.p[--todo.n];
		for (size_t i = 0; i < t->users.n; i++) {
			const struct task *to = t->users.p[i];
			if (o->behind[to->id] == o->look)
				continue;
			o->behind[to->id] = o->look;
			vec_push(NULL, &todo, to);
		}
	}
	vec_free(&todo);
}

static void look_around(struct around *o, struct task *of)
{
	if (o->of == of)
		return;
	o->of = of;
	o->look++;
	mark_before(o, of);
	mark_behind(o, of);
}

static void add_reader(struct change *edit, const struct change *in)
{
	const struct change *first = edit->reader;
	if (first && first->task == in->task)
		return;
	edit->n_readers++;
	if (!first || in->task->id < first->task->id)
		edit->reader = in;
}

static void check_pair(struct ordering *o, struct change *x, struct change *y)
{
	struct builder *b = o->b;
	bool read = x->use == USE_INPUT || y->use == USE_INPUT;
	if (x->task == y->task || (x->use != USE_EDIT && y->use != USE_EDIT) || !content_meets(x->pattern, y->pattern))
		return;
	look_around(&o->around, x->task);
	bool before = o->around.before[y->task->id] == o->around.look, behind = o->around.behind[y->task->id] == o->around.look;
	if (before || behind) {
		if (!read)
			vec_push(NULL, &o->links, (struct link){before ? x->task : y->task, before ? y->task : x->task, o->links.n});
		return;
	}
	if (graph_needs_unknown(b->g, x->task) || graph_needs_unknown(b->g, y->task))
		return; /* what orders them may come */
	if (read) {
		struct change *in = x->use == USE_INPUT ? x : y, *edit = in == x ? y : x;
		if (!build_excluded(b, in->task, edit->pattern))
			add_reader(edit, in);
		return;
	}
	const struct change *late = x->task->id > y->task->id ? x : y, *early = late == x ? y : x;
	const char *quote = early->task->def->matrix ? "\"" : ""; /* its name holds brackets */
	diag_error(b->d, late->pattern->at,
		   diag_hint(b->d, "give one of them 'dependencies: [%s%.*s%s]', or 'after'", quote, STR_ARG(early->task->name), quote),
		   "tasks '%.*s' and '%.*s' both change '%.*s' and are not ordered", STR_ARG(early->task->name), STR_ARG(late->task->name),
		   STR_ARG(late->pattern->path));
	diag_note(b->d, early->pattern->at, "the other change is declared here");
}

/* A direct dependency from the later to the earlier: what one leaves is then known to the other. */
static void make_links(struct ordering *o)
{
	struct builder *b = o->b;
	uint32_t *place = xcalloc(b->g->tasks.n, sizeof *place); /* among the deps of the later one, from 1 */
	if (o->links.n > 1)
		qsort(o->links.p, o->links.n, sizeof *o->links.p, link_order);
	for (size_t i = 0, k; i < o->links.n; i = k) {
		struct task *late = o->links.p[i].late;
		for (size_t d = 0; d < late->deps.n; d++)
			place[late->deps.p[d].task->id] = (uint32_t)d + 1;
		for (k = i; k < o->links.n && o->links.p[k].late == late; k++) {
			struct task *early = o->links.p[k].early;
			if (place[early->id]) {
				late->deps.p[place[early->id] - 1].how |= DEP_EDIT;
				continue;
			}
			vec_push(b->a, &late->deps, (struct dep){early, DEP_AFTER | DEP_EDIT, false, late->def->at});
			vec_push(b->a, &early->users, late);
			place[early->id] = (uint32_t)late->deps.n;
		}
		for (size_t d = 0; d < late->deps.n; d++)
			place[late->deps.p[d].task->id] = 0;
	}
	free(place);
}

static void warn_of_readers(struct ordering *o, const struct change *edit)
{
	struct builder *b = o->b;
	const struct task *t = edit->task, *reader = edit->reader->task;
	size_t more = edit->n_readers - 1;
	const char *quote = t->def->matrix ? "\"" : "";
	struct str others = more ? arena_printf(b->a, " and %zu more task%s", more, more == 1 ? "" : "s") : STR_NONE;
	diag_warn(b->d, edit->pattern->at,
		  diag_hint(b->d, "give '%.*s' 'after: [%s%.*s%s]', or the other way round", STR_ARG(reader->name), quote, STR_ARG(t->name), quote),
		  "'%.*s' edits '%.*s', which '%.*s'%.*s read%s, and nothing says who comes first", STR_ARG(t->name), STR_ARG(edit->pattern->path),
		  STR_ARG(reader->name), STR_ARG(others), more ? "" : "s");
	diag_note(b->d, edit->reader->pattern->at, "it is read here");
}

/* The inputs, outputs and edits of all tasks, by what their paths begin with. */
static void collect(struct ordering *o)
{
	const struct graph *g = o->b->g;
	for (size_t i = 0; i < g->tasks.n; i++) {
		struct task *t = g->tasks.p[i];
		const struct {
			const struct pattern *p;
			size_t n;
		} of[] = {[USE_INPUT] = {t->inputs.p, t->inputs.n}, [USE_OUTPUT] = {t->outputs.p, t->outputs.n}, [USE_EDIT] = {t->edits.p, t->edits.n}};
		for (enum use use = USE_INPUT; use <= USE_EDIT; use++)
			for (size_t k = 0; k < of[use].n; k++) {
				const struct pattern *p = &of[use].p[k];
				struct str prefix = p->kind == PATTERN_GLOB ? glob_prefix(p->path) : p->path;
				if (!p->exclude)
					vec_push(NULL, &o->all, (struct change){.task = t, .pattern = p, .prefix = str_eq(prefix, STR(".")) ? STR_NONE : prefix, .use = use});
			}
	}
	if (o->all.n > 1)
		qsort(o->all.p, o->all.n, sizeof *o->all.p, change_order);
	o->wanted = xcalloc(o->all.n + 1, sizeof *o->wanted);
	o->wanted[o->all.n] = o->all.n;
	for (size_t i = o->all.n; i--;)
		o->wanted[i] = o->all.p[i].use == USE_INPUT ? o->wanted[i + 1] : i;
}

/* Whatever lies under a prefix begins with it, so it stands behind it without a gap. */
static void check_pairs(struct ordering *o)
{
	for (size_t i = 0; i < o->all.n; i++) {
		struct change *x = &o->all.p[i];
		for (size_t k = i + 1; k < o->all.n; k++) {
			if (x->use != USE_EDIT)
				k = o->wanted[k]; /* of inputs among themselves there may be many */
			if (k >= o->all.n || !str_starts(o->all.p[k].prefix, x->prefix))
				break;
			check_pair(o, x, &o->all.p[k]);
		}
	}
	for (size_t i = 0; i < o->all.n; i++)
		if (o->all.p[i].reader)
			warn_of_readers(o, &o->all.p[i]);
}

void build_edit_order(struct builder *b)
{
	size_t n = b->g->tasks.n;
	struct ordering o = {.b = b};
	bool any = false;
	for (size_t i = 0; i < n && !any; i++)
		any = b->g->tasks.p[i]->edits.n > 0;
	if (!any)
		return;
	o.around.before = xcalloc(n, sizeof *o.around.before);
	o.around.behind = xcalloc(n, sizeof *o.around.behind);
	collect(&o);
	check_pairs(&o);
	if (o.links.n)
		make_links(&o);
	free(o.around.before);
	free(o.around.behind);
	free(o.wanted);
	vec_free(&o.links);
	vec_free(&o.all);
}
