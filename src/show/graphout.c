#include <inttypes.h>

#include "base/jsonout.h"
#include "base/utf8.h"
#include "show/graphtext.h"
#include "show/phrase.h"
#include "show/views.h"

/* Edges that only order: neither results nor files flow. */
static bool is_order_only(const struct dep *d)
{
	return d->how == DEP_AFTER;
}

/* Adds s where bytes of `special` are replaced by what `as` has in their place. */
static void replace(struct sbuf *b, struct str s, const char *special, const char *const *as)
{
	for (size_t i = 0; i < s.n; i++) {
		size_t k = 0;

		while (special[k] && special[k] != s.p[i])
			k++;
		if (special[k])
			sbuf_lit(b, as[k]);
		else
			sbuf_char(b, s.p[i]);
	}
}

static void dot_string(struct sbuf *b, struct str s)
{
	static const char *const as[] = {"\\\"", "\\\\"};
	struct sbuf visible = {0};

	utf8_escape(&visible, s);
	sbuf_char(b, '"');
	replace(b, sbuf_view(&visible), "\"\\", as);
	sbuf_char(b, '"');
	sbuf_free(&visible);
}

/* Labels of mermaid are HTML and Markdown: what means anything there goes as an entity. */
static void mermaid_string(struct sbuf *b, struct str s)
{
	static const char *const as[] = {"#quot;", "#35;", "#lt;", "#gt;", "#amp;", "#96;", "#92;", "#42;", "#95;"};
	struct sbuf visible = {0};

	utf8_escape(&visible, s);
	sbuf_char(b, '"');
	replace(b, sbuf_view(&visible), "\"#<>&`\\*_", as);
	sbuf_char(b, '"');
	sbuf_free(&visible);
}

/* What differs between the two languages. */
struct language {
	const char *head, *tail;
	void (*node)(struct sbuf *b, const struct task *t);
	const char *edge, *order_edge; /* with the two ids */
};

static void dot_node(struct sbuf *b, const struct task *t)
{
	static const char *const shapes[] = {[TASK_GROUP] = ", style=dotted", [TASK_RUN] = "", [TASK_AGENT] = ", style=rounded"};

	sbuf_printf(b, "  t%" PRIu32 " [label=", t->id);
	dot_string(b, t->name);
	sbuf_printf(b, "%s];\n", shapes[t->kind]);
}

static void mermaid_node(struct sbuf *b, const struct task *t)
{
	static const char *const brackets[][2] = {
	    [TASK_GROUP] = {"([", "])"}, [TASK_RUN] = {"[", "]"}, [TASK_AGENT] = {"(", ")"}};

	sbuf_printf(b, "    t%" PRIu32 "%s", t->id, brackets[t->kind][0]);
	mermaid_string(b, t->name);
	sbuf_printf(b, "%s\n", brackets[t->kind][1]);
}

static const struct language dot = {
    "digraph workflow {\n  rankdir=LR;\n  node [shape=box];\n", "}\n", dot_node, "  t%" PRIu32 " -> t%" PRIu32 ";\n",
    "  t%" PRIu32 " -> t%" PRIu32 " [style=dashed];\n",
};

static const struct language mermaid = {
    "flowchart LR\n", "", mermaid_node, "    t%" PRIu32 " --> t%" PRIu32 "\n", "    t%" PRIu32 " -.-> t%" PRIu32 "\n",
};

static void graph_drawn(const struct view *v, FILE *to, const struct language *l)
{
	struct sbuf b = {0};

	fputs(l->head, to);
	for (size_t i = 0; i < v->graph->tasks.n; i++) {
		const struct task *t = v->graph->tasks.p[i];

		if (!t->wanted)
			continue;
		sbuf_clear(&b);
		l->node(&b, t);
		fwrite(b.p, 1, b.n, to);
	}
	for (size_t i = 0; i < v->graph->tasks.n; i++) {
		const struct task *t = v->graph->tasks.p[i];

		for (size_t k = 0; t->wanted && k < t->deps.n; k++) {
			const struct dep *d = &t->deps.p[k];

			if (d->task->wanted)
				fprintf(to, is_order_only(d) ? l->order_edge : l->edge, d->task->id, t->id);
		}
	}
	fputs(l->tail, to);
	sbuf_free(&b);
}

static void json_edges(struct jsonout *o, const struct task *to)
{
	for (size_t k = 0; to->wanted && k < to->deps.n; k++) {
		const struct task *from = to->deps.p[k].task;

		if (!from->wanted)
			continue;
		jsonout_object(o, NULL);
		jsonout_text(o, "from", from->name);
		jsonout_text(o, "to", to->name);
		jsonout_end(o);
	}
}

static void graph_json(const struct view *v, FILE *to)
{
	static const char *const kinds[] = {[TASK_GROUP] = "group", [TASK_RUN] = "run", [TASK_AGENT] = "agent"};
	const struct graph *g = v->graph;
	struct sbuf b = {0};
	struct jsonout o = {.b = &b};

	jsonout_object(&o, NULL);
	jsonout_array(&o, "tasks");
	for (size_t i = 0; i < g->tasks.n; i++) {
		const struct task *t = g->tasks.p[i];

		if (!t->wanted)
			continue;
		jsonout_object(&o, NULL);
		jsonout_text(&o, "name", t->name);
		jsonout_word(&o, "kind", kinds[t->kind]);
		jsonout_text(&o, "agent", t->def->agent.s);
		jsonout_end(&o);
	}
	jsonout_end(&o);
	jsonout_array(&o, "edges");
	for (size_t i = 0; i < g->tasks.n; i++)
		json_edges(&o, g->tasks.p[i]);
	jsonout_end(&o);
	jsonout_end(&o);
	fprintf(to, "%s\n", b.p);
	sbuf_free(&b);
}

void view_graph(const struct view *v, FILE *to, enum graph_form form)
{
	switch (form) {
	case GRAPH_TEXT:
		view_graph_text(v, to);
		break;
	case GRAPH_DOT:
		graph_drawn(v, to, &dot);
		break;
	case GRAPH_MERMAID:
		graph_drawn(v, to, &mermaid);
		break;
	case GRAPH_JSON:
		graph_json(v, to);
		break;
	}
}
