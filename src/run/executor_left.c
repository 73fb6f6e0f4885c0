/* What a killed run had under way by executors. */
#include "base/clock.h"
#include "run/executor.h"
#include "run/previous.h"
#include "run/probe.h"
#include "state/elsewhere.h"

#define ONE_NS (10 * NS_PER_S)
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
	struct executor_words w = {0};
	struct str file, said, why;
	executor_values_add(&v, l->a, e);
	v.host = noted[NOTED_HOST].n ? noted[NOTED_HOST] : STR_NONE;
	v.slots = noted[NOTED_SLOTS].n ? noted[NOTED_SLOTS] : STR_NONE;
	v.memory = noted[NOTED_MEMORY].n ? noted[NOTED_MEMORY] : STR_NONE;
	executor_expand(l->a, &e->cancel, &v, &w);
	if (!w.of.n || clock_ns() > l->give_up_ns || !executor_find(l->a, STR("."), l->path_env, w.of.p[0], &file))
		return false;
	w.of.p[0] = (char *)file.p;
	vec_push(l->a, &w.of, NULL);
	return probe_output(l->a, w.of.p, ONE_NS, 1, &said, &why);
}

static bool cancel_one(void *self, struct str mark, const struct str *noted, size_t n)
{
	struct leaving *l = self;
	const struct executor *e = n == NOTED_N ? rules_executor(l->rules, noted[NOTED_EXECUTOR]) : NULL;
	if (!e || !e->cancel.n)
		return true; /* nobody says how, any more */
	bool ok = run_cancel(l, e, mark, noted);
	l->done.cancelled += ok;
	l->done.failed += !ok;
	return ok;
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
