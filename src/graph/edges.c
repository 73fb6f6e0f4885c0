/* Edges: by name first, then those that patterns make, which give way to all others. */
#include <stdlib.h>

#include "base/glob.h"
#include "base/jsonfield.h"
#include "base/mem.h"
#include "base/path.h"
#include "graph/build.h"
#include "graph/content.h"
#include "graph/fields.h"

#define MOST_MATRIX_EDGES 10000000 /* they cost memory, and a matrix that needs a matrix has their product */

/* One dep per task needed; `how` of several mentions is joined. */
static void add_dep(struct builder *b, struct task *t, struct task *to, unsigned how, bool tolerant, struct pos at)
{
	if (b->mark[to->id] == t->id + 1) {
		struct dep *d = &t->deps.p[b->place[to->id]];
		d->how |= how;
		d->tolerant = d->tolerant && tolerant;
		return;
	}
	b->mark[to->id] = t->id + 1;
	b->place[to->id] = (uint32_t)t->deps.n;
	vec_push(b->a, &t->deps, (struct dep){to, how, tolerant, at});
}

static void unknown_task(struct builder *b, const struct text *n)
{
	struct suggestion s = {.wanted = n->s};
	struct map_entry *e;
	if (!diag_error(b->d, n->at, NULL, "unknown task '%.*s'", STR_ARG(n->s)) || !diag_hint_counts(b->d))
		return;
	for (size_t k = 0; (e = map_next(&b->g->matrices, &k));)
		suggestion_offer(&s, e->key);
	for (size_t k = 0; k < b->g->tasks.n; k++)
		suggestion_offer(&s, b->g->tasks.p[k]->name);
	diag_add_hint(b->d, s.best.n ? diag_did_you_mean(b->d, &s) : "define it under 'tasks', or take the name away");
}

/* May t need all tasks of a matrix? false after reporting. */
static bool may_need_all(struct builder *b, struct task *t, const struct text *n, struct task_span all)
{
	if (all.p[0]->id <= t->id && t->id - all.p[0]->id < all.n) {
		diag_error(b->d, n->at, "name one of them", "'%.*s' names all tasks of this matrix, each of which would need itself", STR_ARG(n->s));
		return false;
	}
	b->matrix_edges += all.n;
	if (b->matrix_edges <= MOST_MATRIX_EDGES)
		return true;
	diag_error(b->d, n->at,
		   diag_hint(b->d, "put a group between them: a task with 'dependencies: [%.*s]' and nothing to run; and depend on that",
			     STR_ARG(n->s)),
		   "dependencies on whole matrices make more than %d edges", MOST_MATRIX_EDGES);
	return false;
}

static void name_edges(struct builder *b, struct task *t, const struct text_list *names, unsigned how)
{
	for (size_t i = 0; i < names->n; i++) {
		const struct text *n = &names->p[i];
		struct task_span to = graph_named(b->g, n->s);
		if (!to.n && !build_may_come(b, t))
			unknown_task(b, n);
		else if (to.n == 1 || (to.n && may_need_all(b, t, n, to)))
			for (size_t k = 0; k < to.n; k++)
				add_dep(b, t, to.p[k], how, false, n->at);
	}
}

/* Does any literal output lie below folder `dir`? */
static bool made_below(const struct builder *b, struct str dir)
{
	struct str key = arena_printf(b->a, "%.*s/", STR_ARG(dir));
	size_t i = build_first_from(b, key);
	return i < b->sorted.n && str_starts(b->sorted.p[i]->pattern->path, key);
}

/* A literal input: some task's output, a file that exists, or a folder (then it is a tree). */
static void file_edge(struct builder *b, struct task *t, struct pattern *p)
{
	struct task *maker = graph_producer(b->g, build_real_path(b, p->path));
	const struct claim *exact = map_get(&b->g->claims, p->path);
	if (exact && exact->pattern->kind == PATTERN_TREE) {
		p->kind = PATTERN_TREE;
		return;
	}
	if (maker == t) {
		diag_error(b->d, p->at, "a file that a task changes in place belongs in 'edits' alone", "task '%.*s' makes its own input '%.*s'",
			   STR_ARG(t->name), STR_ARG(p->path));
		return;
	}
	if (maker) {
		add_dep(b, t, maker, DEP_FILE, false, p->at);
		return;
	}
	struct filehash_file *f = filehash_file(b->c->filehash, p->path);
	switch (filehash_look(b->c->filehash, f, false)) {
	case FILE_FOLDER:
		p->kind = PATTERN_TREE;
		break;
	case FILE_MISSING:
		if (made_below(b, p->path))
			p->kind = PATTERN_TREE;
		else if (!build_file_may_come(b, t))
			build_missing_input(b, p);
		break;
	case FILE_SPECIAL:
		diag_error(b->d, p->at, "only files and folders have a content to hash", "input '%.*s' is a device, socket or fifo", STR_ARG(p->path));
		break;
	default:
		break;
	}
}

static void note_field(struct builder *b, struct task *t, const struct ref *r, const struct piece *p, struct pos at)
{
	if (!jsonfield_is_path(r->rest)) {
		diag_error(b->d, at, "write a field as 'a.b', a member of a list by its number from 0: 'list.0'", "'${%.*s}' names no field of '%.*s'",
			   STR_ARG(p->text), STR_ARG(r->task->name));
		return;
	}
	fields_use(b->a, r->task, r->rest, p->optional ? NULL : t);
	t->uses_fields = true;
}

/* A text that may name results: edges, and errors for what cannot stand there. In `when` nothing but the condition counts. */
static void ref_edges(struct builder *b, struct task *t, const struct template *tpl, struct text source, bool when)
{
	struct text_walk w = {.t = source};
	for (size_t i = 0; i < tpl->n; i++) {
		const struct piece *p = &tpl->pieces[i];
		if (!p->is_ref)
			continue;
		struct ref r = ref_resolve(b->g, t, p->text);
		struct pos at = text_walk_to(&w, p->offset);
		switch (r.kind) {
		case REF_RESULT:
		case REF_PATH:
		case REF_FIELD:
			if (r.task->kind == TASK_GROUP)
				diag_error(b->d, at, "name one of the tasks that it groups", "task '%.*s' only groups others and has no result",
					   STR_ARG(r.task->name));
			add_dep(b, t, r.task, when ? DEP_WHEN : r.kind == REF_PATH ? DEP_PATH : r.kind == REF_FIELD ? DEP_FIELD : DEP_RESULT, p->optional, at);
			if (r.kind == REF_FIELD)
				note_field(b, t, &r, p, at);
			break;
		case REF_ENV:
			if (!seen_getenv(b->c->seen, arena_copy(b->a, r.rest).p) && !p->optional)
				diag_error(b->d, at, "set it, or write '?' behind the name to allow that", "environment variable '%.*s' is not set",
					   STR_ARG(r.rest));
			break;
		case REF_UNKNOWN:
		case REF_MATRIX:
			if (r.kind == REF_MATRIX || !build_may_come(b, t))
				ref_report(b->g, b->d, t, &r, p->text, at);
			break;
		default:
			break;
		}
	}
}

/* `context`: the named dependencies, and in the place of a group those that it groups. To be called while there are no other edges. */
static void context_edges(struct builder *b, struct task *t)
{
	if (t->kind != TASK_AGENT || t->def->context == CONTEXT_NONE)
		return;
	for (size_t i = 0; i < t->deps.n; i++) {
		struct dep *d = &t->deps.p[i];
		const struct task *to = d->task;
		struct pos at = d->at;
		d->how |= DEP_CONTEXT;
		for (size_t k = 0; to->kind == TASK_GROUP && k < to->def->dependencies.n; k++) {
			struct task_span members = graph_named(b->g, to->def->dependencies.p[k].s);
			for (size_t m = 0; m < members.n; m++)
				if (members.p[m] != t) /* what is wrong with the group is said of the group */
					add_dep(b, t, members.p[m], DEP_CONTEXT, false, at);
		}
	}
}

static void note_named_in_prompt(struct builder *b, struct task *t)
{
	for (size_t i = 0; t->def->context != CONTEXT_NONE && i < t->prompt.n; i++) {
		const struct task *named = t->prompt.pieces[i].is_ref ? ref_resolve(b->g, t, t->prompt.pieces[i].text).task : NULL;
		if (named && b->mark[named->id] == t->id + 1)
			t->deps.p[b->place[named->id]].how |= DEP_PROMPT;
	}
}

/* What a generated file says comes after the task that makes the file, and after those that make the files by which it came. */
static void maker_edges(struct builder *b, struct task *t)
{
	const struct workflow *w = b->c->workflow;
	for (uint32_t i = t->def->include; i; i = w->includes.p[i - 1].from) {
		const struct include_def *inc = &w->includes.p[i - 1];
		struct task *maker = b->g->makers[i - 1];
		if (maker == t)
			diag_error(b->d, t->def->at, "a task that makes it must stand in another file", "task '%.*s' makes '%.*s', by which it is defined itself",
				   STR_ARG(t->name), STR_ARG(inc->path));
		else if (maker)
			add_dep(b, t, maker, DEP_AFTER, false, inc->at);
	}
}

/* What a task makes in this run comes too late: the agent would be asked with what stood there before. */
static void prompt_made(struct builder *b, struct task *t)
{
	const struct text *file = &t->def->prompt_file;
	struct sbuf path = {0};
	if (!file->s.p || !t->prompt_source.s.p || !build_expand_path(b, t, *file, &path))
		return;
	const struct task *maker = graph_producer(b->g, build_real_path(b, path_normal(b->a, arena_copy(b->a, sbuf_view(&path)))));
	sbuf_free(&path);
	if (maker)
		diag_error(b->d, file->at, diag_hint(b->d, "have what it prints in the text of 'task', as ${%.*s}; or name the file in 'inputs', and in 'task' say that it is to be read", STR_ARG(maker->name)),
			   "'task_file' is read before anything runs, and task '%.*s' makes it", STR_ARG(maker->name));
}

void build_edges(struct builder *b, struct task *t)
{
	name_edges(b, t, &t->def->dependencies, DEP_NAMED);
	context_edges(b, t);
	name_edges(b, t, &t->def->after, DEP_AFTER);
	for (size_t i = 0; i < t->inputs.n; i++)
		if (t->inputs.p[i].kind == PATTERN_FILE && !t->inputs.p[i].exclude)
			file_edge(b, t, &t->inputs.p[i]);
	ref_edges(b, t, &t->prompt, t->prompt_source, false);
	note_named_in_prompt(b, t);
	prompt_made(b, t);
	for (size_t i = 0; i < t->n_env; i++)
		ref_edges(b, t, &t->env[i].value, t->env[i].source, false);
	for (size_t i = 0; t->when && i < t->when->n_operands; i++)
		ref_edges(b, t, &t->when->operands[i].value, t->when->source, true);
	maker_edges(b, t);
}

/* Marks in `after` all tasks that come after t (need it). */
static void mark_after(struct task *t, bool *after)
{
	VEC(struct task *) todo = {0};
	vec_push(NULL, &todo, t);
	after[t->id] = true;
	while (todo.n) {
		struct task *at = todo.p[--todo.n];
		for (size_t i = 0; i < at->users.n; i++)
			if (!after[at->users.p[i]->id]) {
				after[at->users.p[i]->id] = true;
				vec_push(NULL, &todo, at->users.p[i]);
			}
	}
	vec_free(&todo);
}

static bool covers(const struct pattern *exclude, struct str path)
{
	return exclude->kind == PATTERN_GLOB ? glob_match(exclude->path, path, true) : path_under(path, exclude->path);
}

bool build_excluded(const struct builder *b, const struct task *t, const struct pattern *output)
{
	struct str dir = output->kind == PATTERN_GLOB ? glob_prefix(output->path) : output->path;
	for (size_t i = 0; i < t->inputs.n; i++) {
		const struct pattern *p = &t->inputs.p[i];
		if (!p->exclude)
			continue;
		/* A tree is covered where any name in it, at any depth, is. */
		if (output->kind == PATTERN_FILE ? covers(p, dir)
						 : covers(p, path_join(b->a, dir, STR("x"))) && covers(p, path_join(b->a, dir, STR(".x/y"))))
			return true;
	}
	return false;
}

/* Do o's input patterns meet an output of t? Then neither gets an edge. */
static bool meets_back(const struct builder *b, const struct task *o, const struct task *t)
{
	for (size_t i = 0; i < o->inputs.n; i++)
		for (size_t k = 0; o->inputs.p[i].kind != PATTERN_FILE && !o->inputs.p[i].exclude && k < t->outputs.n; k++)
			if (content_meets(&o->inputs.p[i], &t->outputs.p[k]) && !build_excluded(b, o, &t->outputs.p[k]))
				return true;
	return false;
}

static void pattern_edge(struct builder *b, struct task *t, const struct pattern *in, const struct claim *c, const bool *after)
{
	struct task *o = c->task;
	if (o == t || (b->mark[o->id] == t->id + 1 && (t->deps.p[b->place[o->id]].how & DEP_PATTERN)) || !content_meets(in, c->pattern) ||
	    build_excluded(b, t, c->pattern))
		return;
	if (b->mark[o->id] != t->id + 1 && after[o->id])
		return; /* it comes after this task already: its files do not count here */
	if (b->mark[o->id] != t->id + 1 && meets_back(b, o, t)) {
		if (o->id > t->id && !b->c->workflow->partial) /* said once a pair */
			diag_warn(b->d, in->at, "name the order with 'dependencies'",
				  "the patterns of '%.*s' and '%.*s' meet each other's outputs: neither counts the other's files", STR_ARG(t->name),
				  STR_ARG(o->name));
		return;
	}
	bool known = b->mark[o->id] == t->id + 1;
	add_dep(b, t, o, DEP_PATTERN, false, in->at);
	if (!known)
		vec_push(b->a, &o->users, t);
}

static void one_pattern(struct builder *b, struct task *t, const struct pattern *in, const bool *after)
{
	struct str dir = in->kind == PATTERN_TREE ? in->path : glob_prefix(in->path);
	bool everywhere = str_eq(dir, STR("."));
	for (size_t i = everywhere ? 0 : build_first_from(b, dir); i < b->sorted.n; i++) {
		if (!everywhere && !str_starts(b->sorted.p[i]->pattern->path, dir))
			break;
		pattern_edge(b, t, in, b->sorted.p[i], after);
	}
	for (struct str up = path_dir(dir); !everywhere && !str_eq(up, STR(".")) && !str_eq(up, STR("/")); up = path_dir(up)) {
		const struct claim *c = map_get(&b->g->claims, up);
		if (c && c->pattern->kind == PATTERN_TREE)
			pattern_edge(b, t, in, c, after);
	}
	for (size_t i = 0; i < b->g->glob_claims.n; i++)
		pattern_edge(b, t, in, &b->g->glob_claims.p[i], after);
}

void build_pattern_edges(struct builder *b, struct task *t)
{
	bool any = false;
	for (size_t i = 0; i < t->inputs.n; i++)
		any = any || (t->inputs.p[i].kind != PATTERN_FILE && !t->inputs.p[i].exclude);
	if (!any || (!b->sorted.n && !b->g->glob_claims.n))
		return;
	for (size_t i = 0; i < t->deps.n; i++) {
		b->mark[t->deps.p[i].task->id] = t->id + 1;
		b->place[t->deps.p[i].task->id] = (uint32_t)i;
	}
	bool *after = xcalloc(b->g->tasks.n, sizeof *after);
	mark_after(t, after);
	for (size_t i = 0; i < t->inputs.n; i++)
		if (t->inputs.p[i].kind != PATTERN_FILE && !t->inputs.p[i].exclude)
			one_pattern(b, t, &t->inputs.p[i], after);
	free(after);
}

/* A path that is known before anything runs. */
static bool path_of(struct builder *b, const struct task *t, const struct template *tpl, struct str *path)
{
	struct sbuf s = {0};
	bool known = true;
	for (size_t i = 0; i < tpl->n && known; i++) {
		const struct piece *p = &tpl->pieces[i];
		struct ref r = p->is_ref ? ref_resolve(b->g, t, p->text) : (struct ref){0};
		known = !p->is_ref || r.kind == REF_VAR;
		sbuf_str(&s, r.kind == REF_VAR ? r.var->value.s : p->text);
	}
	*path = arena_copy(b->a, sbuf_view(&s));
	sbuf_free(&s);
	return known && path->n;
}

void build_check_conditions(struct builder *b, struct task *t)
{
	if (t->def->run_if != RUN_IF_SUCCESS && !t->deps.n && !b->c->workflow->partial)
		diag_error(b->d, t->def->run_if_at, "name under 'dependencies' or 'after' what it is to wait for",
			   "'run_if' asks how dependencies ended, and '%.*s' has none", STR_ARG(t->name));
	for (size_t i = 0; t->when && !b->c->workflow->partial && i < t->when->n_operands; i++) {
		const struct operand *o = &t->when->operands[i];
		struct str path;
		struct task *maker = o->is_path && path_of(b, t, &o->value, &path) ? graph_producer(b->g, graph_path(b->g, b->a, path)) : NULL;
		const char *quote = maker && maker->def->matrix ? "\"" : ""; /* its name holds brackets */
		if (maker && maker != t && !graph_needs(b->g, t, maker) && !graph_needs(b->g, maker, t))
			diag_warn(b->d, text_pos(t->when->source, o->from), diag_hint(b->d, "name the order: 'after: [%s%.*s%s]'", quote, STR_ARG(maker->name), quote),
				  "task '%.*s' makes '%.*s', and nothing says whether before or after 'when' is judged", STR_ARG(maker->name),
				  STR_ARG(path));
	}
}

void build_users(struct builder *b)
{
	for (size_t i = 0; i < b->g->tasks.n; i++) {
		struct task *t = b->g->tasks.p[i];
		for (size_t k = 0; k < t->deps.n; k++)
			vec_push(b->a, &t->deps.p[k].task->users, t);
		fields_sort(t);
	}
}
