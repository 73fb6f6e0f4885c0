#include <fcntl.h>
#include <inttypes.h>

#include "base/jsonout.h"
#include "base/utf8.h"
#include "graph/content.h"
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
		jsonout_bool(o, "counts", dep_counts(&to->deps.p[k]));
		jsonout_end(o);
	}
}

/* As the workflow says them: a tree with its slash, what is excluded with `!`. */
static void json_patterns(struct jsonout *o, struct arena *a, const char *key, const struct pattern *p, size_t n)
{
	jsonout_array(o, key);
	for (size_t i = 0; i < n; i++)
		jsonout_text(o, NULL, arena_printf(a, "%s%.*s", p[i].exclude ? "!" : "", STR_ARG(content_label(a, &p[i]))));
	jsonout_end(o);
}

/* The files that its inputs mean as the root, which is the current folder, stands now. */
static void json_input_files(struct jsonout *o, struct arena *a, const struct view *v, struct task *t)
{
	struct store root = {.root_fd = AT_FDCWD};
	struct hashing h = {.g = v->graph, .store = &root, .fh = v->filehash};
	struct str_list files = {0};
	struct str problem = STR_NONE;

	content_inputs(&h, a, t, false, &files, &problem);
	jsonout_array(o, "input_files");
	for (size_t i = 0; i < files.items.n; i++)
		jsonout_text(o, NULL, files.items.p[i]);
	jsonout_end(o);
	if (problem.n)
		jsonout_text(o, "problem", problem);
}

static void json_task(struct jsonout *o, const struct view *v, struct task *t)
{
	static const char *const kinds[] = {[TASK_GROUP] = "group", [TASK_RUN] = "run", [TASK_AGENT] = "agent"};
	struct arena a = {0};

	jsonout_object(o, NULL);
	jsonout_text(o, "name", t->name);
	jsonout_word(o, "kind", kinds[t->kind]);
	jsonout_text(o, "agent", t->def->agent.s);
	jsonout_text(o, "file", diag_source_name(v->diag, t->def->at.source));
	jsonout_number(o, "line", t->def->at.line);
	jsonout_text(o, "task_file", t->def->prompt_file.s.p ? diag_source_name(v->diag, t->prompt_source.at.source) : STR_NONE);
	json_patterns(o, &a, "inputs", t->inputs.p, t->inputs.n);
	json_patterns(o, &a, "outputs", t->outputs.p, t->outputs.n);
	json_patterns(o, &a, "edits", t->edits.p, t->edits.n);
	json_input_files(o, &a, v, t);
	jsonout_end(o);
	arena_free(&a);
}

static void graph_json(const struct view *v, FILE *to)
{
	const struct graph *g = v->graph;
	struct sbuf b = {0};
	struct jsonout o = {.b = &b};

	jsonout_object(&o, NULL);
	jsonout_array(&o, "tasks");
	for (size_t i = 0; i < g->tasks.n; i++)
		if (g->tasks.p[i]->wanted)
			json_task(&o, v, g->tasks.p[i]);
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
