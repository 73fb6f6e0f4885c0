/* Lanes: numbers for what an executor keeps from one task to the next, such as an allocation. */
#include "run/executor.h"

static bool fits(const struct executor_lane *l, const struct task_def *def)
{
	return l->slots == def->slots && l->memory == def->memory;
}

/* Is a free lane the better one for such a task? What has just been used is likelier to be there yet. */
static bool better(const struct executor_lane *a, const struct executor_lane *b, const struct task_def *def)
{
	return fits(a, def) != fits(b, def) ? fits(a, def) : a->given > b->given;
}

static struct executor_lane *best_of(struct sched *s, const struct executor *e, const struct task_def *def)
{
	struct executor_lane *best = NULL;
	uint32_t number = 1;
	for (size_t i = 0; i < s->lanes.n; i++) {
		struct executor_lane *l = &s->lanes.p[i];
		number += l->executor == e;
		if (l->executor == e && !l->taken && (!best || better(l, best, def)))
			best = l;
	}
	if (best)
		return best;
	vec_push(s->arena, &s->lanes, ((struct executor_lane){.executor = e, .number = number}));
	return &s->lanes.p[s->lanes.n - 1];
}

void executor_take_lane(struct job *j)
{
	const struct task_def *def = j->task->def;
	struct executor_lane *l = best_of(j->sched, j->task->executor, def);
	l->taken = true;
	l->slots = def->slots;
	l->memory = def->memory;
	j->elsewhere.lane = l->number;
}

void executor_give_lane(struct job *j)
{
	struct sched *s = j->sched;
	for (size_t i = 0; j->elsewhere.lane && i < s->lanes.n; i++) {
		struct executor_lane *l = &s->lanes.p[i];
		if (l->executor != j->task->executor || l->number != j->elsewhere.lane)
			continue;
		l->taken = false;
		l->given = ++s->lanes_given;
	}
	j->elsewhere.lane = 0;
}
