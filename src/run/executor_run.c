/* What an executor keeps for a whole run, such as an allocation: its `end` is noted before the first task, and run after the last. */
#include "base/clock.h"
#include "base/os.h"
#include "run/executor.h"
#include "run/probe.h"
#include "state/elsewhere.h"

#define LIMIT_NS (10 * NS_PER_S)

bool executor_run_words(struct arena *a, const struct words *w, const struct executor_values *v, const char *path_env, struct str *why)
{
	struct executor_words words = {0};
	struct str file, said;
	executor_expand(a, w, v, &words);
	if (!words.of.n || !executor_find(a, STR("."), path_env, words.of.p[0], &file)) {
		*why = STR("it is not installed");
		return false;
	}
	words.of.p[0] = (char *)file.p;
	vec_push(a, &words.of, NULL);
	return probe_output(a, words.of.p, LIMIT_NS, 1, &said, why);
}

static struct str note_of(struct sched *s, size_t i)
{
	return arena_printf(s->arena, "%llx-end-%zu", (unsigned long long)s->c->run_id, i);
}

bool executor_used(struct job *j, const struct executor *e, struct str *why)
{
	struct sched *s = j->sched;
	const struct str noted[NOTED_N] = {[NOTED_EXECUTOR] = e->name, [NOTED_ROOT] = s->c->root};
	for (size_t i = 0; i < s->to_end.n; i++)
		if (s->to_end.p[i] == e)
			return true;
	if (!e->end.n)
		return true;
	int err = elsewhere_begin(s->c->store, note_of(s, s->to_end.n), noted, NOTED_N);
	if (err)
		*why = arena_printf(&j->arena, "cannot note the executor's end in .axmake/" ELSEWHERE ": %s", os_error(err));
	else
		vec_push(s->arena, &s->to_end, e);
	return !err;
}

void executor_end_run(struct sched *s)
{
	for (size_t i = 0; i < s->to_end.n; i++) {
		const struct executor *e = s->to_end.p[i];
		struct executor_values v = {.root = s->c->root};
		struct str why;
		executor_values_add(&v, s->arena, e, s->c->run_id);
		if (executor_run_words(s->arena, &e->end, &v, s->path_env, &why))
			elsewhere_forget(s->c->store, note_of(s, i));
		else
			sched_warn(s, NULL, "'end' of executor '%.*s' has failed: %.*s; the next run tries that again", STR_ARG(e->name), STR_ARG(why));
	}
}
