/* Who may edit what: tasks that change one path come one after another. */
#include <stdlib.h>

#include "base/glob.h"
#include "base/mem.h"
#include "graph/build.h"
#include "graph/content.h"

/* A path that a task changes: an edit, or an output which someone else edits. */
struct change {
	struct task *task;
	const struct pattern *pattern;
	struct str prefix;
	bool edit;
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

static void check_pair(struct ordering *o, const struct change *x, const struct change *y)
{
	struct builder *b = o->b;
	if (x->task == y->task || (!x->edit && !y->edit) || !content_meets(x->pattern, y->pattern))
		return;
	look_around(&o->around, x->task);
	if (o->around.before[y->task->id] == o->around.look) {
		vec_push(NULL, &o->links, (struct link){x->task, y->task, o->links.n});
		return;
	}
	if (o->around.behind[y->task->id] == o->around.look) {
		vec_push(NULL, &o->links, (struct link){y->task, x->task, o->links.n});
		return;
	}
	if (graph_needs_unknown(b->g, x->task) || graph_needs_unknown(b->g, y->task))
		return; /* what orders them may come */
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

void build_edit_order(struct builder *b)
{
	size_t n = b->g->tasks.n;
	VEC(struct change) all = {0};
	struct ordering o = {.b = b};
	bool any = false;
	for (size_t i = 0; i < b->g->tasks.n && !any; i++)
		any = b->g->tasks.p[i]->edits.n > 0;
	for (size_t i = 0; any && i < b->g->tasks.n; i++) {
		struct task *t = b->g->tasks.p[i];
		for (size_t k = 0; k < t->edits.n + t->outputs.n; k++) {
			const struct pattern *p = k < t->edits.n ? &t->edits.p[k] : &t->outputs.p[k - t->edits.n];
			struct str prefix = p->kind == PATTERN_GLOB ? glob_prefix(p->path) : p->path;
			if (str_eq(prefix, STR(".")))
				prefix = STR_NONE;
			vec_push(NULL, &all, (struct change){t, p, prefix, k < t->edits.n});
		}
	}
	if (all.n > 1)
		qsort(all.p, all.n, sizeof *all.p, change_order);
	o.around.before = xcalloc(any ? n : 1, sizeof *o.around.before);
	o.around.behind = xcalloc(any ? n : 1, sizeof *o.around.behind);
	/* Whatever lies under a prefix begins with it, so it stands behind it without a gap. */
	for (size_t i = 0; i < all.n; i++)
		for (size_t k = i + 1; k < all.n && str_starts(all.p[k].prefix, all.p[i].prefix); k++)
			check_pair(&o, &all.p[i], &all.p[k]);
	if (o.links.n)
		make_links(&o);
	free(o.around.before);
	free(o.around.behind);
	vec_free(&o.links);
	vec_free(&all);
}
