#include "run/renamed.h"

#include "run/putback.h"
#include "run/shelf.h"

struct seeking {
	struct sched *s;
	struct str workflow;
};

static void note(void *self, struct str name)
{
	struct seeking *k = self;
	const struct sched_config *c = k->s->c;
	if (!graph_task(c->graph, name) && log_open_start(c->log, k->workflow, name).run_id != c->run_id)
		vec_push(k->s->arena, &k->s->nameless, arena_copy(k->s->arena, name));
}

/* Where files were left out of the workflow, their tasks have not lost their names. */
static bool seek(struct sched *s)
{
	if (s->c->graph->workflow->partial)
		return false;
	struct seeking k = {s, s->c->graph->workflow->file};
	if (!s->sought_nameless)
		log_each_open(s->c->log, k.workflow, note, &k);
	s->sought_nameless = true;
	return s->nameless.n > 0;
}

/* Is what was left there of this start, and does it answer j's question? */
static bool answers(struct job *j, struct str name, struct str dir, struct call_left *left)
{
	const struct sched_config *c = j->sched->c;
	struct open_start open = log_open_start(c->log, c->graph->workflow->file, name);
	if (graph_task(c->graph, name) || !open.open || !call_left_read(&j->arena, c->store->fd, dir, left))
		return false;
	if (left->start_id != open.start_id || left->in_view || left->refused || !call_left_whole(c->store->fd, dir, left, c->rules))
		return false;
	return shelf_asked_now(j, left) && !stale_outputs_taken(c->stale, j->task, open.seq);
}

static bool begin(struct job *j, uint64_t start_id)
{
	uint64_t own = j->start_id;
	j->start_id = start_id;
	bool ok = putback_begin(j);
	j->start_id = own;
	return ok;
}

bool renamed_take(struct job *j, struct call_left *left)
{
	struct sched *s = j->sched;
	if (j->verdict.why != WHY_NEVER || j->as || !seek(s))
		return false;
	for (size_t i = 0; i < s->nameless.n; i++) {
		struct str dir = store_task_dir(&j->arena, s->nameless.p[i]);
		if (answers(j, s->nameless.p[i], dir, left))
			return shelf_carry(j, dir) && begin(j, left->start_id);
	}
	return false;
}
