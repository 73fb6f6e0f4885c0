/* The order of starts where only a number of places limits them: shorter schedules than by the longest path, never longer ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "graph/lineup.h"

enum { MOST = 40, S = 1000000000 };

struct scene {
	struct arena a;
	struct graph g;
	struct task tasks[MOST];
	struct task_def defs[MOST];
	struct task_record records[MOST];
	const struct task *left_out;
};

static struct scene *scene(void)
{
	return xcalloc(1, sizeof(struct scene));
}

static void end(struct scene *s)
{
	arena_free(&s->a);
	free(s);
}

/* Adds a script of one slot that takes so long. */
static struct task *add(struct scene *s, int64_t takes)
{
	size_t i = s->g.tasks.n;
	struct task *t = &s->tasks[i];
	s->defs[i].slots = 1;
	s->records[i].duration_ns = takes * S;
	*t = (struct task){.def = &s->defs[i], .kind = TASK_RUN, .id = (uint32_t)i, .wanted = true, .record = &s->records[i]};
	vec_push(&s->a, &s->g.tasks, t);
	vec_push(&s->a, &s->g.order, t);
	return t;
}

static void after(struct scene *s, struct task *t, struct task *before)
{
	vec_push(&s->a, &t->deps, (struct dep){.task = before});
	vec_push(&s->a, &before->users, t);
}

static bool all(const void *scene, const struct task *t)
{
	return t != ((const struct scene *)scene)->left_out;
}

static bool line_up(struct scene *s, size_t slots)
{
	return lineup(&s->g, (struct lineup_limits){.slots = slots}, all, s);
}

/* Two places. By the longest path 0 and 1 begin, and 3 ends after 5 seconds; with 1 and 2 first all ends after 4. */
static struct scene *improvable(void)
{
	struct scene *s = scene();
	add(s, 3);
	add(s, 1);
	add(s, 2);
	after(s, add(s, 2), &s->tasks[1]);
	return s;
}

static void a_shorter_schedule_than_by_the_longest_path_is_found(void **state)
{
	(void)state;
	struct scene *s = improvable();
	assert_true(line_up(s, 2));
	assert_true(s->tasks[1].priority_ns > s->tasks[0].priority_ns);
	assert_true(s->tasks[2].priority_ns > s->tasks[0].priority_ns);
	assert_true(s->tasks[0].priority_ns > s->tasks[3].priority_ns);
	end(s);
}

static void a_group_takes_neither_time_nor_place(void **state)
{
	(void)state;
	struct scene *s = scene();
	add(s, 3);
	add(s, 1);
	add(s, 2);
	struct task *group = add(s, 0);
	group->kind = TASK_GROUP;
	group->record = NULL;
	after(s, group, &s->tasks[1]);
	after(s, add(s, 2), group);
	assert_true(line_up(s, 2));
	assert_true(s->tasks[1].priority_ns > s->tasks[0].priority_ns);
	assert_true(s->tasks[2].priority_ns > s->tasks[0].priority_ns);
	end(s);
}

static void where_nothing_is_gained_priorities_stay(void **state)
{
	(void)state;
	struct scene *s = improvable();
	s->tasks[0].priority_ns = 77;
	assert_false(line_up(s, 0));
	assert_false(line_up(s, 1));
	assert_false(line_up(s, 3));
	assert_false(line_up(s, 4));
	assert_int_equal(s->tasks[0].priority_ns, 77);
	end(s);
}

static void only_those_that_are_to_come_count(void **state)
{
	(void)state;
	struct scene *s = improvable();
	s->left_out = &s->tasks[3];
	assert_false(line_up(s, 2));
	s->left_out = NULL;
	s->tasks[2].wanted = false;
	assert_false(line_up(s, 2));
	end(s);
}

static void tasks_that_need_more_than_a_slot_are_left_in_their_order(void **state)
{
	(void)state;
	static const struct task_def others[] = {{.slots = 0}, {.slots = 2}, {.slots = 1, .pool_number = 1}, {.slots = 1, .memory = 1}, {.slots = 1, .complexity = COMPLEXITY_HIGH}};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		struct scene *s = improvable();
		s->defs[2] = others[i];
		assert_false(line_up(s, 2));
		end(s);
	}
}

static void agents_are_held_by_their_own_limit(void **state)
{
	(void)state;
	struct scene *s = improvable();
	struct lineup_limits two_agents = {.slots = 9, .agents = 2};
	s->tasks[0].kind = TASK_AGENT;
	assert_false(lineup(&s->g, two_agents, all, s)); /* scripts are not */
	struct provider any_calls = {.max_concurrent = 0}, one_call = {.max_concurrent = 1}, *many[] = {&any_calls}, *one[] = {&one_call};
	for (size_t i = 0; i < s->g.tasks.n; i++) {
		s->tasks[i].kind = TASK_AGENT;
		s->tasks[i].providers = many;
		s->tasks[i].n_providers = 1;
	}
	assert_true(lineup(&s->g, two_agents, all, s));
	s->tasks[0].providers = one;
	assert_false(lineup(&s->g, two_agents, all, s));
	end(s);
}

static void without_known_times_the_longest_path_stays(void **state)
{
	(void)state;
	struct scene *s = improvable();
	for (size_t i = 0; i < 3; i++)
		s->tasks[i].record = NULL;
	assert_false(line_up(s, 2));
	end(s);
}

static void times_beyond_all_measure_do_no_harm(void **state)
{
	(void)state;
	struct scene *s = improvable();
	for (size_t i = 0; i < 4; i++)
		s->records[i].duration_ns = i % 2 ? 0 : INT64_MAX;
	line_up(s, 2);
	end(s);
}

/* When all has ended, if of those that may start that of the highest priority always does: looked for slowly, and simply. */
static int64_t length_of(const struct scene *s, size_t places)
{
	int64_t ends[MOST] = {0}, now = 0;
	size_t n = s->g.tasks.n, ended = 0;
	enum { WAITS, RUNS, ENDED } how[MOST] = {WAITS};
	while (ended < n) {
		size_t best = n;
		for (size_t i = 0; i < n && places; i++) {
			bool ready = how[i] == WAITS;
			for (size_t k = 0; k < s->tasks[i].deps.n; k++)
				ready = ready && how[s->tasks[i].deps.p[k].task->id] == ENDED;
			if (ready && (best == n || s->tasks[i].priority_ns > s->tasks[best].priority_ns))
				best = i;
		}
		if (best < n) {
			how[best] = RUNS;
			ends[best] = now + s->records[best].duration_ns;
			places--;
			continue;
		}
		for (size_t i = 0; i < n; i++)
			if (how[i] == RUNS && (best == n || ends[i] < ends[best]))
				best = i;
		now = ends[best];
		for (size_t i = 0; i < n; i++)
			if (how[i] == RUNS && ends[i] == now) {
				how[i] = ENDED;
				places++;
				ended++;
			}
	}
	return now;
}

static void by_longest_path(struct scene *s)
{
	for (size_t i = s->g.tasks.n; i-- > 0;) {
		struct task *t = &s->tasks[i];
		int64_t behind = 0;
		for (size_t k = 0; k < t->users.n; k++)
			if (t->users.p[k]->priority_ns > behind)
				behind = t->users.p[k]->priority_ns;
		t->priority_ns = behind + s->records[i].duration_ns;
	}
}

static void no_schedule_becomes_longer_and_some_become_shorter(void **state)
{
	(void)state;
	unsigned seed = 1;
	size_t shorter = 0;
	for (size_t round = 0; round < 400; round++) {
		struct scene *s = scene();
		size_t n = 5 + (size_t)rand_r(&seed) % (MOST - 5), places = 2 + (size_t)rand_r(&seed) % 4;
		for (size_t i = 0; i < n; i++) {
			add(s, rand_r(&seed) % 4 ? 1 + rand_r(&seed) % 9 : 30);
			for (size_t k = i ? (size_t)rand_r(&seed) % 4 : 0, last = 0; k > 0 && last < i; k--, last++) {
				last += (size_t)rand_r(&seed) % (i - last);
				after(s, &s->tasks[i], &s->tasks[last]);
			}
		}
		by_longest_path(s);
		int64_t usual = length_of(s, places);
		bool found = line_up(s, places);
		int64_t now = length_of(s, places);
		assert_true(found ? now < usual : now == usual);
		shorter += found;
		end(s);
	}
	assert_true(shorter > 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_shorter_schedule_than_by_the_longest_path_is_found),
	    cmocka_unit_test(a_group_takes_neither_time_nor_place),
	    cmocka_unit_test(where_nothing_is_gained_priorities_stay),
	    cmocka_unit_test(only_those_that_are_to_come_count),
	    cmocka_unit_test(tasks_that_need_more_than_a_slot_are_left_in_their_order),
	    cmocka_unit_test(agents_are_held_by_their_own_limit),
	    cmocka_unit_test(without_known_times_the_longest_path_stays),
	    cmocka_unit_test(times_beyond_all_measure_do_no_harm),
	    cmocka_unit_test(no_schedule_becomes_longer_and_some_become_shorter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
