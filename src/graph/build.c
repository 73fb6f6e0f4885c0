#include "graph/build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/os.h"
#include "base/utf8.h"
#include "graph/script.h"
#include "graph/usual.h"

/* Looks a name up, in whatever normal form it is. */
static void *look_up(const struct graph *g, const struct map *m, struct str name)
{
	void *found = map_get(m, name);
	if (found || !g->arena)
		return found;
	for (size_t i = 0; i < name.n; i++) /* only what is not ASCII can have another normal form */
		if ((unsigned char)name.p[i] >= 0x80)
			return utf8_invalid(name) < name.n ? NULL : map_get(m, utf8_nfc(g->arena, name));
	return NULL;
}

struct task *graph_task(const struct graph *g, struct str name)
{
	return look_up(g, &g->by_name, name);
}

const struct matrix_tasks *graph_matrix(const struct graph *g, struct str name)
{
	return g->matrices.n ? look_up(g, &g->matrices, name) : NULL;
}

struct task_span graph_named(const struct graph *g, struct str name)
{
	const struct task *t = graph_task(g, name);
	const struct matrix_tasks *m = t ? NULL : graph_matrix(g, name);
	if (t)
		return (struct task_span){&g->tasks.p[t->id], 1};
	return m ? (struct task_span){&g->tasks.p[m->first], m->n} : (struct task_span){NULL, 0};
}

static void add_vars(struct builder *b)
{
	const struct graph_config *c = b->c;
	for (size_t i = 0; i < c->workflow->vars.n; i++)
		*map_slot(&b->g->vars, c->workflow->vars.p[i].name.s) = &c->workflow->vars.p[i];
	for (size_t i = 0; i < c->n_inherited; i++)
		if (map_get(&b->g->vars, c->inherited_vars[i].name.s))
			*map_slot(&b->g->vars, c->inherited_vars[i].name.s) = (void *)&c->inherited_vars[i];
	for (size_t i = 0; i < c->n_vars; i++)
		*map_slot(&b->g->vars, c->vars[i].name.s) = (void *)&c->vars[i];
}

static int env_order(const void *x, const void *y)
{
	const struct env_template *a = x, *b = y;
	return str_cmp(a->name, b->name);
}

#define TASK_FILE_LIMIT (64u << 20)

/* The content of a task_file, read once, which is then a source of its own for messages. s.p == NULL after reporting. */
static struct text prompt_file(struct builder *b, struct str path, struct pos at)
{
	struct text **known = (struct text **)map_slot(&b->prompt_files, path);
	struct str content;
	if (*known)
		return **known;
	*known = arena_new(b->a, struct text);
	int err = seen_read_file(b->c->seen, b->a, b->c->root_fd, path.p, TASK_FILE_LIMIT, &content);
	if (err) {
		diag_error(b->d, at, "task_file is read before anything runs; it is relative to the root", "cannot read '%.*s': %s", STR_ARG(path),
			   os_read_error(err));
		return **known;
	}
	uint32_t source = diag_source(b->d, path, content);
	size_t bad = utf8_invalid(content);
	if (bad < content.n)
		diag_error(b->d, (struct pos){source, 0, 0}, "save it as UTF-8", "byte %zu is not UTF-8", bad + 1);
	else
		**known = (struct text){.s = content, .at = {source, 1, 1}, .first_col = 1};
	return **known;
}

/* The prompt's text: inline, or what is in the file that it names. */
static void read_prompt(struct builder *b, struct task *t)
{
	const struct text *file = &t->def->prompt_file;
	struct sbuf path = {0};
	t->prompt_source = t->def->prompt;
	if (file->s.p)
		t->prompt_source = build_expand_path(b, t, *file, &path) ? prompt_file(b, path_normal(b->a, arena_copy(b->a, sbuf_view(&path))), file->at)
									 : (struct text){0};
	sbuf_free(&path);
	t->prompt = template_parse(b->a, b->d, t->prompt_source);
}

static void read_texts(struct builder *b, struct task *t)
{
	if (t->kind == TASK_AGENT)
		read_prompt(b, t);
	t->n_env = t->def->n_env;
	t->env = arena_array(b->a, struct env_template, t->n_env);
	for (size_t i = 0; i < t->n_env; i++) {
		const struct env_def *e = &t->def->env[i];
		t->env[i] = (struct env_template){e->name.s, template_parse(b->a, b->d, e->value), e->value};
	}
	if (t->def->when.s.p)
		t->when = condition_parse(b->a, b->d, t->def->when);
	if (t->n_env > 1)
		qsort(t->env, t->n_env, sizeof *t->env, env_order);
}

static void add_tasks(struct builder *b)
{
	const struct workflow *w = b->c->workflow;
	map_reserve(&b->g->by_name, w->tasks.n);
	for (size_t i = 0; i < w->tasks.n; i++) {
		struct task *t = arena_new(b->a, struct task);
		t->def = w->tasks.p[i];
		t->name = t->def->name.s;
		t->id = (uint32_t)i;
		t->kind = t->def->agent.s.p ? TASK_AGENT : t->def->run.s.p ? TASK_RUN : TASK_GROUP;
		vec_push(b->a, &b->g->tasks, t);
		*map_slot(&b->g->by_name, t->name) = t;
	}
	for (size_t i = 0; i < w->matrices.n; i++)
		*map_slot(&b->g->matrices, w->matrices.p[i].name.s) = (void *)&w->matrices.p[i];
}

struct graph *graph_build(struct arena *a, struct diag *d, const struct graph_config *c)
{
	struct builder b = {.g = arena_new(a, struct graph), .a = a, .d = d, .c = c};
	char *root = realpath(".", NULL);
	if (!root)
		diag_error(d, POS_NONE, NULL, "cannot tell where this folder is: %s", os_error(errno));
	b.real_root = root ? arena_copy(a, str_of(root)) : STR(".");
	free(root);
	b.g->arena = a;
	b.g->root = b.real_root;
	b.g->workflow = c->workflow;
	add_vars(&b);
	add_tasks(&b);
	size_t n = b.g->tasks.n;
	b.mark = arena_array(a, uint32_t, n + 1);
	b.place = arena_array(a, uint32_t, n + 1);
	for (size_t i = 0; i < n; i++) {
		build_paths(&b, b.g->tasks.p[i]);
		read_texts(&b, b.g->tasks.p[i]);
		build_agent(&b, b.g->tasks.p[i]);
		build_executor(&b, b.g->tasks.p[i]);
	}
	build_claims(&b);
	build_makers(&b);
	for (size_t i = 0; i < n; i++) {
		build_edges(&b, b.g->tasks.p[i]);
		build_prompt_length(&b, b.g->tasks.p[i]);
	}
	build_users(&b);
	for (size_t i = 0; i < n; i++)
		build_pattern_edges(&b, b.g->tasks.p[i]);
	for (size_t i = 0; i < n; i++)
		if (b.g->tasks.p[i]->kind == TASK_RUN || b.g->tasks.p[i]->def->check.s.n)
			script_scan(b.g, b.a, b.d, b.g->tasks.p[i]);
	build_order(&b);
	if (b.g->order.n == n)
		build_edit_order(&b);
	for (size_t i = 0; b.g->order.n == n && i < n; i++)
		build_check_conditions(&b, b.g->tasks.p[i]);
	for (size_t i = 0; b.g->order.n == n && i < n; i++)
		build_edits_there(&b, b.g->tasks.p[i]);
	map_free(&b.prompt_files);
	map_free(&b.real_folders);
	map_free(&b.linked_folders);
	map_free(&b.edited);
	return b.g;
}

struct task_span graph_open(const struct graph *g)
{
	return g->open.p ? g->open : (struct task_span){g->tasks.p, g->tasks.n};
}

struct task_span graph_open_in_order(const struct graph *g)
{
	return g->open_in_order.p ? g->open_in_order : (struct task_span){g->order.p, g->order.n};
}

void graph_free(struct graph *g)
{
	map_free(&g->by_name);
	map_free(&g->matrices);
	map_free(&g->claims);
	map_free(&g->vars);
}

void graph_want_task(struct graph *g, struct task *t)
{
	VEC(struct task *) todo = {0};
	if (!t->wanted) {
		t->wanted = true;
		vec_push(NULL, &todo, t);
	}
	while (todo.n) {
		struct task *at = todo.p[--todo.n];
		for (size_t i = 0; i < at->deps.n; i++) {
			struct task *to = at->deps.p[i].task;
			if (!to->wanted) {
				to->wanted = true;
				vec_push(NULL, &todo, to);
			}
		}
	}
	vec_free(&todo);
	(void)g;
}

static void want_named(struct graph *g, struct diag *d, struct text target, struct filehash *fh, struct str_list *plain)
{
	struct task_span named = graph_named(g, target.s);
	struct str path = graph_path(g, g->arena, target.s);
	struct task *maker = named.n ? NULL : graph_producer(g, path);
	for (size_t i = 0; i < named.n; i++)
		graph_want_task(g, named.p[i]);
	if (maker)
		graph_want_task(g, maker);
	if (maker || named.n)
		return;
	if (target.s.n && filehash_look(fh, filehash_file(fh, path), false) != FILE_MISSING) {
		vec_push(g->arena, &plain->items, path);
		return;
	}
	if (g->workflow->partial)
		return;
	struct suggestion s = {.wanted = target.s};
	for (size_t i = 0; i < g->tasks.n; i++)
		suggestion_offer(&s, g->tasks.p[i]->name);
	struct map_entry *e;
	for (size_t i = 0; (e = map_next(&g->matrices, &i));)
		suggestion_offer(&s, e->key);
	for (size_t i = 0; (e = map_next(&g->claims, &i));)
		suggestion_offer(&s, e->key);
	const char *near = diag_did_you_mean(d, &s);
	struct sbuf shown = {0};
	utf8_escape(&shown, target.s);
	diag_error(d, target.at, near ? near : "axmake --list shows the tasks", "no task and no output is called '%.*s'",
		   STR_ARG(sbuf_view(&shown)));
	sbuf_free(&shown);
}

void graph_want(struct graph *g, struct diag *d, const struct str *targets, size_t n, struct filehash *fh, struct str_list *plain)
{
	const struct text_list *def = &g->workflow->defaults_targets;
	for (size_t i = 0; i < n; i++)
		want_named(g, d, (struct text){.s = targets[i]}, fh, plain);
	for (size_t i = 0; i < def->n; i++) {
		if (!n)
			want_named(g, d, def->p[i], fh, plain);
		else if (!graph_named(g, def->p[i].s).n && !graph_producer(g, graph_path(g, g->arena, def->p[i].s)))
			want_named(g, d, def->p[i], fh, plain); /* an error whatever the target */
	}
	for (size_t i = 0; !n && !def->n && i < g->tasks.n; i++)
		graph_want_task(g, g->tasks.p[i]);
}

static const struct taken *taken_of(struct graph *g, struct log *log, const struct task *t)
{
	struct taken known, *kept;
	if (!log_taken(log, g->workflow->file, t->name, &known))
		return NULL;
	kept = arena_new(g->arena, struct taken);
	*kept = known;
	return kept;
}

void graph_recall(struct graph *g, struct log *log)
{
	for (size_t i = g->order.n; i-- > 0;) {
		struct task *t = g->order.p[i];
		t->record = log && t->kind != TASK_GROUP ? log_find(log, g->workflow->file, t->name) : NULL;
		t->taken = log && t->kind != TASK_GROUP ? taken_of(g, log, t) : NULL;
		int64_t behind = 0;
		for (size_t k = 0; k < t->users.n; k++)
			if (t->users.p[k]->wanted && t->users.p[k]->priority_ns > behind)
				behind = t->users.p[k]->priority_ns;
		t->priority_ns = usual_time(t) + behind;
	}
	agents_by_latency(g, log);
}
