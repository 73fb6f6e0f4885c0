/* Private to graph/: what the steps of graph_build share. */
#ifndef AXMAKE_GRAPH_BUILD_H
#define AXMAKE_GRAPH_BUILD_H

#include "graph/graph.h"
#include "graph/ref.h"

struct builder {
	struct graph *g;
	struct arena *a;
	struct diag *d;
	const struct graph_config *c;
	VEC(struct claim *) sorted; /* literal and tree claims, by path in byte order; after build_claims */
	size_t matrix_edges;          /* made by names of whole matrices */
	uint32_t *mark, *place;     /* by task id: scratch of build_add_dep */
	struct map linked_folders;    /* folder of an input -> struct str *: the same without links, seen from the root */
	struct map prompt_files;    /* path -> struct text *, whose s.p is NULL where it cannot be read */
	struct map real_folders;    /* folder -> "" or what lies outside */
	struct str real_root;
	unsigned provider_told; /* --provider names nothing, and that was said */
	struct map edited;      /* paths that successes on record have edited, once `edited_known` */
	bool edited_known;
};

/* Is a name that means nothing to be put up with, since it may come with a file that was left out? Then that is noted of the task. */
bool build_may_come(struct builder *b, struct task *t);
bool build_file_may_come(struct builder *b, struct task *t); /* likewise a path that does not exist */

/* Who makes the includes. After build_claims. */
void build_makers(struct builder *b);

/* The path that a text of t gives: variables, keys of its matrix and `${env.NAME}` are all that it may use. false after reporting. */
bool build_expand_path(struct builder *b, struct task *owner, struct text t, struct sbuf *out);

/* Paths: expands and sorts a task's inputs, outputs and edits; then who makes what. */
void build_paths(struct builder *b, struct task *t);
void build_claims(struct builder *b);
/* The path with its folder followed through links, as seen from the root; the path itself where no link leads elsewhere within the root. */
struct str build_real_path(struct builder *b, struct str path);
/* In b->sorted: the first whose path is not before `key`. */
size_t build_first_from(const struct builder *b, struct str key);

/* Edges of one task, then those by patterns, which give way to all others. */
void build_edges(struct builder *b, struct task *t);
void build_pattern_edges(struct builder *b, struct task *t);
void build_users(struct builder *b);
/* Do the excludes among t's inputs take out whatever the pattern, another task's, may hold? */
bool build_excluded(const struct builder *b, const struct task *t, const struct pattern *output);
/* Says that it does not exist and that nobody makes it. */
void build_missing_input(struct builder *b, const struct pattern *p);
/* What a task edits has to be there, or to be made by one before it. Once all edges are there and no cycle is among them. */
void build_edits_there(struct builder *b, struct task *t);
/* `run_if` and `when`, once all edges are there and no cycle is among them. */
void build_check_conditions(struct builder *b, struct task *t);
void build_edit_order(struct builder *b);

/* Marks it and all it needs as wanted. */
void graph_want_task(struct graph *g, struct task *t);

/* Cycles are reported whole; without one, g->order is filled. */
void build_order(struct builder *b);

/* Where it runs. */
void build_executor(struct builder *b, struct task *t);

/* Agents: role, model and providers. */
void build_agent(struct builder *b, struct task *t);
void build_prompt_length(struct builder *b, struct task *t);
/* Puts providers whose recorded median time to the first byte is above the policy's maxLatency last. */
void agents_by_latency(struct graph *g, struct log *log);

#endif
