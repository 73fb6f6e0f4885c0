/* A run of those tasks alone that a change has reached, in a workflow of which a seal knows the rest; and what a run that did something leaves for such a one. */
#include "graph/apart.h"
#include "project.h"
#include "show/phrase.h"

bool project_slice_fits(const struct project *p, size_t mark)
{
	const struct workflow *w = p->workflow;
	return diag_mark(p->diag) == mark && p->graph && !p->making && !p->start.p && !w->partial && !w->includes.n && !p->seen->spoiled && apart_is_slice(p->graph, p->slice) &&
	       seal_knows(&p->store, p->slice, p->seen);
}

struct log *project_slice_log(struct project *p)
{
	const struct slice *s = p->slice;
	struct log *l = seal_is_current(&p->store, s) ? log_open_sparse(p->arena, p->store.fd, s->places, s->n_places, s->log_seq) : NULL;
	p->lost = !l;
	return l;
}

/* What all that is judged here took, as it is on record. */
static void add_savings(const struct project *p, struct saving *s)
{
	for (size_t i = 0; i < p->graph->tasks.n; i++) {
		const struct task *t = p->graph->tasks.p[i];
		const struct slice_kept *kept = p->slice ? map_get(&p->slice->by_name, t->name) : NULL;
		const struct task_record *r = t->wanted && t->kind != TASK_GROUP && (!kept || kept->reached) ? log_find(p->log, p->workflow->file, t->name) : NULL;
		if (r)
			saving_add(s, t, r);
	}
}

bool project_slice_begin(struct project *p)
{
	apart_believe(p->filehash, p->slice);
	struct saving here = {0};
	add_savings(p, &here);
	p->slice->saving.ns -= here.ns; /* they are scripts */
	p->lost = !apart_begin(&p->stale, p->slice);
	return !p->lost;
}

/* What was looked at to read the workflow counts as well: inputs of tasks that nobody wants have to be there. */
static void look_too(void *fh, const struct filehash_sight *s)
{
	if (s->through)
		filehash_look(fh, filehash_file(fh, s->path), false);
}

bool project_judge_again(struct project *p, struct seal_looks *looks)
{
	struct seen *seen = p->slice ? seen_new(p->arena) : seen_before(p->seen, p->n_loaded);
	struct filehash *fh = filehash_new(p->arena, p->store.root_fd, p->log);
	filehash_see(fh, seen);
	if (p->slice)
		apart_believe(fh, p->slice);
	p->store.seen = p->stale.hashing.seen = seen;
	p->stale.hashing.fh = fh;
	p->stale.observer = (struct stale_observer){0};
	p->stale.planning = true; /* writes nothing */
	stale_free(&p->stale);
	graph_recall(p->graph, p->log);
	bool fresh = apart_all_fresh(&p->stale, p->slice);
	if (!p->slice)
		filehash_sights(p->filehash, look_too, fh);
	looks->seen = seen;
	looks->fh = fh;
	return fresh;
}

/* Of those that are skipped, and of files that nobody makes, each run of all tells. */
static bool is_told_of(const struct project *p)
{
	bool told = p->plain_targets.items.n;
	for (size_t i = 0; i < p->graph->tasks.n && !told; i++)
		told = p->graph->tasks.p[i]->state == STATE_SKIPPED;
	return told;
}

const struct slice_whole *project_whole(struct project *p)
{
	if (is_told_of(p))
		return NULL;
	struct slice_whole *w = p->slice ? apart_kept(p->graph, p->slice, p->log, p->arena) : apart_whole(p->graph, p->log, p->arena);
	if (!w)
		return NULL;
	if (p->slice)
		w->saving = p->slice->saving;
	add_savings(p, &w->saving);
	return w;
}

void project_forget(struct project *p, size_t mark)
{
	struct project whole = {.arena = p->arena, .diag = p->diag, .may_seal = p->may_seal, .seal_key = p->seal_key};
	void (*closing)(void *self, struct project *p) = p->closing;
	whole.closing_self = p->closing_self;
	p->judge_again = false;
	p->closing = NULL; /* there will be another end */
	project_close(p);
	diag_rewind(p->diag, mark);
	*p = whole;
	p->closing = closing;
	p->seen = seen_new(p->arena);
}
