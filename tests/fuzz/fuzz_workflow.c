/* A workflow and up to two files that it includes (a.yaml, b.yaml), read and linked to a graph, with the built-in rules. */
#include <fcntl.h>
#include <unistd.h>

#include "fuzz.h"
#include "graph/graph.h"
#include "load/rules.h"
#include "load/workflow.h"

static struct arena kept;
static const struct rules *rules;
static int root_fd;

static void begin(void)
{
	struct diag *d = diag_new();

	fuzz_enter();
	root_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	always(root_fd >= 0);
	rules = rules_load(&kept, d, NULL, RULES_NO_USER);
	always(!diag_errors(d));
	fuzz_told(d);
}

static void check_text(const struct text *t, const struct diag *d)
{
	always(t->at.source <= diag_sources(d));
	always(!t->s.p || t->s.p[t->s.n] == '\0');
}

/* What a workflow without a mistake always is. */
static void check_workflow(const struct workflow *wf, const struct diag *d)
{
	for (size_t i = 0; i < wf->tasks.n; i++) {
		const struct task_def *t = wf->tasks.p[i];

		always(t->name.s.n > 0);
		always(!t->agent.s.p || !t->run.s.p);
		check_text(&t->name, d);
		check_text(&t->run, d);
	}
}

/* Every task once, and what it needs before it. */
static void check_graph(const struct graph *g)
{
	uint32_t *place = calloc(g->tasks.n + 1, sizeof *place);

	always(g->order.n == g->tasks.n);
	for (size_t i = 0; i < g->order.n; i++)
		place[g->order.p[i]->id] = (uint32_t)i + 1;
	for (size_t i = 0; i < g->tasks.n; i++) {
		const struct task *t = g->tasks.p[i];

		always(place[t->id] && graph_task(g, t->name) == t);
		for (size_t k = 0; k < t->deps.n; k++)
			always(place[t->deps.p[k].task->id] < place[t->id]);
	}
	free(place);
}

static void link_graph(struct arena *a, struct diag *d, const struct workflow *wf)
{
	struct filehash *fh = filehash_new(a, root_fd, NULL);
	struct graph_config c = {.workflow = wf, .rules = rules, .filehash = fh, .root_fd = root_fd, .store_fd = -1};
	struct graph *g = graph_build(a, d, &c);
	struct str_list plain = {0};

	if (!diag_errors(d)) {
		check_graph(g);
		graph_want(g, d, NULL, 0, fh, &plain);
	}
	graph_free(g);
	filehash_free(fh);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"w.ax.yaml", "a.yaml", "b.yaml"};
	struct str copy = fuzz_copy(data, size), rest = copy;
	struct arena a = {0};
	struct diag *d = diag_new();
	const struct workflow *wf;

	if (!rules)
		begin();
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		fuzz_put(names[i], fuzz_part(&rest));
	wf = workflow_load(&a, d, NULL, STR("w.ax.yaml"), NULL);
	if (!diag_errors(d)) {
		check_workflow(wf, d);
		link_graph(&a, d, wf);
	}
	fuzz_told(d);
	arena_free(&a);
	free((char *)copy.p);
	return 0;
}
