/* Cycles and order. Nothing here recurses: a chain may be 100 000 tasks long. */
#include <stdlib.h>

#include "base/mem.h"
#include "graph/build.h"

/* The shortest way from t back to t by dependencies inside what Kahn's order could not place; tasks are reported in `done` once. */
static void report_cycle(struct builder *b, struct task *start, const uint32_t *left, bool *done)
{
	size_t n = b->g->tasks.n;
	struct task **from = xcalloc(n, sizeof *from);
	VEC(struct task *) queue = {0};
	struct task *end = NULL;
	vec_push(NULL, &queue, start);
	for (size_t q = 0; q < queue.n && !end; q++) {
		struct task *t = queue.p[q];
		for (size_t i = 0; i < t->deps.n && !end; i++) {
			struct task *to = t->deps.p[i].task;
			if (to == start) {
				end = t;
			} else if (left[to->id] && !from[to->id]) {
				from[to->id] = t;
				vec_push(NULL, &queue, to);
			}
		}
	}
	if (end) {
		VEC(struct task *) way = {0};
		for (struct task *t = end; t != start; t = from[t->id])
			vec_push(NULL, &way, t);
		vec_push(NULL, &way, start);
		struct sbuf text = {0};
		bool seen = false;
		for (size_t i = way.n; i-- > 0;) {
			seen = seen || done[way.p[i]->id];
			sbuf_str(&text, way.p[i]->name);
			sbuf_lit(&text, " -> ");
		}
		sbuf_str(&text, start->name);
		for (size_t i = way.n; !seen && i-- > 0;) {
			struct task *t = way.p[i], *to = i ? way.p[i - 1] : start;
			done[t->id] = true;
			for (size_t k = 0; k < t->deps.n; k++) {
				if (t->deps.p[k].task != to)
					continue;
				if (t == start)
					diag_error(b->d, t->deps.p[k].at, "take one of these dependencies away", "dependency cycle: %.*s",
						   STR_ARG(sbuf_view(&text)));
				else
					diag_note(b->d, t->deps.p[k].at, "'%.*s' needs '%.*s'", STR_ARG(t->name), STR_ARG(to->name));
			}
		}
		sbuf_free(&text);
		vec_free(&way);
	}
	vec_free(&queue);
	free(from);
}

/* Of the tasks that could not be placed, those that merely come after a cycle are taken out too. */
static void leave_only_cycles(const struct graph *g, uint32_t *left)
{
	uint32_t *needed = xcalloc(g->tasks.n, sizeof *needed);
	VEC(struct task *) todo = {0};
	for (size_t i = 0; i < g->tasks.n; i++)
		for (size_t k = 0; left[i] && k < g->tasks.p[i]->deps.n; k++)
			needed[g->tasks.p[i]->deps.p[k].task->id]++;
	for (size_t i = 0; i < g->tasks.n; i++)
		if (left[i] && !needed[i])
			vec_push(NULL, &todo, g->tasks.p[i]);
	while (todo.n) {
		struct task *t = todo.p[--todo.n];
		left[t->id] = 0;
		for (size_t k = 0; k < t->deps.n; k++) {
			struct task *to = t->deps.p[k].task;
			if (!--needed[to->id] && left[to->id])
				vec_push(NULL, &todo, to);
		}
	}
	vec_free(&todo);
	free(needed);
}

void build_order(struct builder *b)
{
	struct graph *g = b->g;
	uint32_t *left = xcalloc(g->tasks.n + 1, sizeof *left); /* dependencies not placed yet */
	for (size_t i = 0; i < g->tasks.n; i++) {
		left[i] = (uint32_t)g->tasks.p[i]->deps.n;
		if (!left[i])
			vec_push(b->a, &g->order, g->tasks.p[i]);
	}
	for (size_t at = 0; at < g->order.n; at++) {
		struct task *t = g->order.p[at];
		for (size_t k = 0; k < t->users.n; k++)
			if (!--left[t->users.p[k]->id])
				vec_push(b->a, &g->order, t->users.p[k]);
	}
	if (g->order.n < g->tasks.n) {
		leave_only_cycles(g, left);
		bool *done = xcalloc(g->tasks.n, sizeof *done);
		size_t reports = 0;
		for (size_t i = 0; i < g->tasks.n && reports < 20; i++)
			if (left[i] && !done[i]) {
				size_t before = diag_errors(b->d);
				report_cycle(b, g->tasks.p[i], left, done);
				reports += diag_errors(b->d) > before;
			}
		free(done);
	}
	free(left);
}

static bool is_it(const struct task *t, const struct task *wanted)
{
	return wanted ? t == wanted : t->lacks_name || t->lacks_file;
}

/* The task that is wanted, or for NULL any that lacks a name, among those that t needs? */
static bool reaches(const struct graph *g, const struct task *from, const struct task *wanted)
{
	bool *seen = xcalloc(g->tasks.n, sizeof *seen);
	VEC(const struct task *) todo = {0};
	bool found = false;
	vec_push(NULL, &todo, from);
	while (todo.n && !found) {
		const struct task *t = todo.p[--todo.n];
		for (size_t i = 0; i < t->deps.n && !found; i++) {
			const struct task *to = t->deps.p[i].task;
			found = is_it(to, wanted);
			if (!found && !seen[to->id]) {
				seen[to->id] = true;
				vec_push(NULL, &todo, to);
			}
		}
	}
	vec_free(&todo);
	free(seen);
	return found;
}

bool graph_needs(const struct graph *g, const struct task *a, const struct task *b)
{
	return reaches(g, a, b);
}

bool graph_needs_unknown(const struct graph *g, const struct task *t)
{
	return is_it(t, NULL) || (g->workflow->partial && reaches(g, t, NULL));
}
