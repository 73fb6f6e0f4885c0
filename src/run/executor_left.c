/* What a killed run had under way by executors. */
#include <stdlib.h>

#include "base/clock.h"
#include "run/executor.h"
#include "run/previous.h"
#include "state/elsewhere.h"

#define ALL_NS (60 * NS_PER_S)

struct leaving {
	struct arena *a;
	const struct rules *rules;
	const char *path_env;
	int64_t give_up_ns;
	struct previous_cancelled done;
};

static bool run_cancel(struct leaving *l, const struct executor *e, struct str mark, const struct str *noted)
{
	struct executor_values v = {.name = noted[NOTED_NAME], .root = noted[NOTED_ROOT], .mark = mark};
	struct str why;
	executor_values_add(&v, l->a, e, strtoull(mark.p, NULL, 16));
	v.lane = noted[NOTED_LANE];
	v.host = noted[NOTED_HOST].n ? noted[NOTED_HOST] : STR_NONE;
	v.slots = noted[NOTED_SLOTS].n ? noted[NOTED_SLOTS] : STR_NONE;
	v.memory = noted[NOTED_MEMORY].n ? noted[NOTED_MEMORY] : STR_NONE;
	return clock_ns() <= l->give_up_ns && executor_run_words(l->a, v.name.n ? &e->cancel : &e->end, &v, l->path_env, &why);
}

static bool cancel_one(void *self, struct str mark, const struct str *noted, size_t n)
{
	struct leaving *l = self;
	const struct executor *e = n == NOTED_N ? rules_executor(l->rules, noted[NOTED_EXECUTOR]) : NULL;
	if (!e || !(noted[NOTED_NAME].n ? e->cancel.n : e->end.n))
		return true; /* nobody says how, any more */
	bool ok = run_cancel(l, e, mark, noted);
	l->done.cancelled += ok;
	l->done.failed += !ok;
	return ok;
}

static bool forget_one(void *self, struct str mark, const struct str *noted, size_t n)
{
	(void)self;
	(void)mark;
	(void)noted;
	(void)n;
	return true;
}

int previous_forget(const struct store *s)
{
	struct arena a = {0};
	int err = elsewhere_sweep(s, &a, forget_one, NULL);
	arena_free(&a);
	return err;
}

struct previous_cancelled previous_cancel(const struct store *s, const struct rules *rules, const char *path_env)
{
	struct arena a = {0};
	struct leaving l = {.a = &a, .rules = rules, .path_env = path_env, .give_up_ns = clock_ns() + ALL_NS};
	int err = elsewhere_sweep(s, &a, cancel_one, &l);
	l.done.err = err;
	arena_free(&a);
	return l.done;
}
