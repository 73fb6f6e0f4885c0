/* Who may start: places taken together, queues that do not wait for each other, and the turn of those that were passed over. */
#include "jobserver_fixture.h"

#include <time.h>


#include "base/clock.h"
#include "run/admission.h"

enum { MOST = 64 };

static const struct task_def plain = {.slots = 1};

struct scene {
	struct ctx *x;
	struct workflow wf;
	struct graph graph;
	struct jobserver *js;
	struct admission *ad;
	struct task tasks[MOST];
	struct places places[MOST];
	size_t n;
	uint64_t memory;
	double load;
};

static uint64_t memory_left(void *self)
{
	return ((struct scene *)self)->memory;
}

static double load(void *self)
{
	return ((struct scene *)self)->load;
}

/* A run with so many slots (0: no limit) and three pools of 1, 2 and 3 places. */
static struct scene *scene_of(struct ctx *x, size_t slots, size_t max_agents)
{
	struct scene *s = arena_new(&x->a, struct scene);
	s->x = x;
	for (uint32_t i = 1; i <= 3; i++)
		vec_push(&x->a, &s->wf.pools, (struct pool_def){.places = i});
	s->graph.workflow = &s->wf;
	s->js = jobserver_open(&x->a, &(struct jobserver_config){.limit = slots}, NULL, warn, x);
	s->ad = admission_new(&(struct admission_config){
	    .graph = &s->graph, .jobserver = s->js, .max_agents = max_agents, .memory_left = memory_left, .load_limited = true, .max_load = 2.5, .load = load, .self = s});
	s->memory = 1000;
	return s;
}

static void end(struct scene *s)
{
	admission_free(s->ad);
	jobserver_close(s->js);
}

/* Adds a task; the first ones are the most urgent. Returns its number. */
static size_t add(struct scene *s, const struct task_def *def, enum task_kind kind)
{
	struct task *t = &s->tasks[s->n];
	struct task_def *own = arena_new(&s->x->a, struct task_def);
	*own = *def;
	t->def = own;
	t->kind = kind;
	t->id = (uint32_t)s->n;
	admission_add(s->ad, t);
	return s->n++;
}

/* Starts all that may; their numbers, as "0 2 5". */
static const char *start(struct scene *s)
{
	struct sbuf b = {0};
	struct task *t;
	admission_begin(s->ad, true);
	while ((t = admission_next(s->ad)))
		if (admission_take(s->ad, &s->places[t->id], &s->x->a))
			sbuf_printf(&b, "%s%u", b.n ? " " : "", t->id);
	const char *text = b.n ? arena_copy(&s->x->a, sbuf_view(&b)).p : "";
	sbuf_free(&b);
	return text;
}

static void stop(struct scene *s, size_t i)
{
	admission_give(s->ad, &s->places[i]);
}

static void slots_are_taken_together_or_not_at_all(void **state)
{
	struct scene *s = scene_of(*state, 3, 0);
	add(s, &(struct task_def){.slots = 2}, TASK_RUN);
	add(s, &(struct task_def){.slots = 2}, TASK_RUN);
	add(s, &plain, TASK_RUN);
	add(s, &(struct task_def){.slots = 0}, TASK_RUN);
	add(s, &(struct task_def){.slots = 99}, TASK_RUN);
	assert_string_equal(start(s), "0 2 3");
	assert_int_equal(jobserver_held(s->js), 3);
	stop(s, 2);
	assert_string_equal(start(s), "");
	assert_int_equal(jobserver_held(s->js), 2);
	stop(s, 0);
	assert_string_equal(start(s), "1");
	stop(s, 1);
	assert_string_equal(start(s), "4"); /* 99 are all three */
	assert_int_equal(jobserver_held(s->js), 3);
	assert_false(admission_waiting(s->ad));
	assert_int_equal(admission_look_again(s->ad), 0); /* nobody else has slots to give back */
	end(s);
}

static void a_place_in_one_pool_is_nothing_to_another(void **state)
{
	struct scene *s = scene_of(*state, 9, 0);
	for (uint32_t pool = 1; pool <= 3; pool++)
		for (int i = 0; i < 4; i++)
			add(s, &(struct task_def){.slots = 1, .pool_number = pool}, TASK_RUN);
	assert_string_equal(start(s), "0 4 5 8 9 10");
	stop(s, 4);
	assert_string_equal(start(s), "6");
	end(s);
}

static void agents_complexity_and_memory_have_limits_of_their_own(void **state)
{
	struct scene *s = scene_of(*state, 9, 2);
	for (int i = 0; i < 3; i++)
		add(s, &plain, TASK_AGENT);
	for (int i = 0; i < 2; i++)
		add(s, &(struct task_def){.slots = 1, .complexity = COMPLEXITY_HIGH}, TASK_RUN);
	for (int i = 0; i < 2; i++)
		add(s, &(struct task_def){.slots = 1, .memory = 600}, TASK_RUN);
	add(s, &(struct task_def){.slots = 1, .memory = 300}, TASK_RUN);
	assert_string_equal(start(s), "0 1 3 5 7");
	stop(s, 3);
	assert_string_equal(start(s), "4");
	stop(s, 5);
	assert_string_equal(start(s), "6");
	end(s);
}

static void a_task_alone_starts_whatever_memory_it_wants(void **state)
{
	struct scene *s = scene_of(*state, 4, 0);
	add(s, &(struct task_def){.slots = 1, .memory = 5000}, TASK_RUN);
	add(s, &(struct task_def){.slots = 1, .memory = 1}, TASK_RUN);
	assert_string_equal(start(s), "0");
	stop(s, 0);
	assert_string_equal(start(s), "1");
	end(s);
}

static void under_load_only_one_task_holds_slots(void **state)
{
	struct scene *s = scene_of(*state, 9, 0);
	for (int i = 0; i < 3; i++)
		add(s, &plain, TASK_RUN);
	add(s, &(struct task_def){.slots = 0}, TASK_AGENT);
	add(s, &(struct task_def){.slots = 2}, TASK_AGENT);
	s->load = 2.5;
	assert_string_equal(start(s), "0 3"); /* who takes no slot is no load */
	assert_true(admission_look_again(s->ad) > 0 && !admission_starved(s->ad));
	stop(s, 0);
	assert_string_equal(start(s), "1"); /* one alone may, whatever runs without a slot */
	stop(s, 1);
	s->load = 2.4;
	assert_string_equal(start(s), "2 4");
	assert_int_equal(admission_look_again(s->ad), 0);
	end(s);
}

static void who_was_passed_sixteen_times_is_let_through(void **state)
{
	struct scene *s = scene_of(*state, 2, 0);
	size_t first = add(s, &plain, TASK_RUN), running[2] = {first, 0};
	assert_string_equal(start(s), "0");
	size_t big = add(s, &(struct task_def){.slots = 2}, TASK_RUN);
	running[1] = add(s, &plain, TASK_RUN);
	assert_string_equal(start(s), "2");
	for (int i = 0; i < 15; i++) {
		size_t next = add(s, &plain, TASK_RUN);
		stop(s, running[i % 2]);
		assert_string_equal(start(s), arena_printf(&s->x->a, "%zu", next).p);
		running[i % 2] = next;
	}
	size_t late = add(s, &plain, TASK_RUN);
	stop(s, running[0]);
	assert_string_equal(start(s), "");
	size_t urgent = 0;
	s->tasks[urgent].priority_ns = 9; /* it may pass: it is more urgent */
	admission_add(s->ad, &s->tasks[urgent]);
	assert_string_equal(start(s), "0");
	stop(s, urgent);
	stop(s, running[1]);
	assert_string_equal(start(s), arena_printf(&s->x->a, "%zu", big).p);
	stop(s, big);
	assert_string_equal(start(s), arena_printf(&s->x->a, "%zu", late).p);
	end(s);
}

static void what_is_put_off_or_dropped_does_not_start(void **state)
{
	struct scene *s = scene_of(*state, 4, 0);
	add(s, &(struct task_def){.slots = 1, .pool_number = 3}, TASK_RUN);
	add(s, &plain, TASK_RUN);
	admission_begin(s->ad, true);
	assert_ptr_equal(admission_next(s->ad), &s->tasks[0]);
	admission_put_off(s->ad);
	assert_ptr_equal(admission_next(s->ad), &s->tasks[1]);
	admission_drop(s->ad);
	assert_null(admission_next(s->ad));
	assert_string_equal(start(s), "0");
	assert_false(admission_waiting(s->ad));
	end(s);
}

/* A client of a parent with `tokens` in its pipe, which said -j`said`. */
static struct scene *client(struct ctx *x, const char *tokens, size_t said)
{
	struct scene *s = arena_new(&x->a, struct scene);
	struct str auth = pair(x, x->pipe[0], x->pipe[1]);
	struct jobserver_inherited in = jobserver_inspect(auth);
	fill(x, tokens, strlen(tokens));
	s->x = x;
	s->graph.workflow = &s->wf;
	s->js = jobserver_open(&x->a, &(struct jobserver_config){.has_auth = true, .auth = auth, .parent_slots = said}, &in, warn, x);
	assert_int_equal(jobserver_role(s->js), JOBSERVER_CLIENT);
	s->ad = admission_new(&(struct admission_config){.graph = &s->graph, .jobserver = s->js, .memory_left = memory_left, .self = s});
	return s;
}

static int there(struct ctx *x)
{
	int n;
	assert_int_equal(ioctl(x->pipe[0], FIONREAD, &n), 0);
	return n;
}

static void a_parent_s_tokens_are_left_alone_until_there_are_enough(void **state)
{
	struct ctx *x = *state;
	struct scene *s = client(x, "ab", 4);
	add(s, &plain, TASK_RUN);
	add(s, &(struct task_def){.slots = 3}, TASK_RUN);
	assert_string_equal(start(s), "0"); /* on the implicit slot */
	assert_int_equal(there(x), 2);
	assert_false(admission_starved(s->ad)); /* the pipe is readable all the time: watching it would never rest */
	int64_t first = admission_look_again(s->ad);
	assert_true(first >= 20 * NS_PER_MS && first <= 30 * NS_PER_MS);
	assert_true(admission_look_again(s->ad) > first);
	fill(x, "c", 1);
	assert_string_equal(start(s), "1");
	assert_int_equal(there(x), 0);
	stop(s, 0);
	stop(s, 1);
	assert_int_equal(there(x), 3);
	end(s);
}

static void with_nothing_running_the_tokens_that_are_there_must_do(void **state)
{
	struct ctx *x = *state;
	struct scene *s = client(x, "a", 8);
	add(s, &(struct task_def){.slots = 5}, TASK_RUN);
	assert_string_equal(start(s), "0");
	assert_int_equal(jobserver_held(s->js), 2);
	assert_int_equal(there(x), 0);
	stop(s, 0);
	assert_int_equal(there(x), 1);
	end(s);
}

/* 100 000 tasks with many different needs go through in a time that is no matter of their square. */
static void many_waiting_tasks_are_no_burden(void **state)
{
	enum { N = 100000 };
	struct ctx *x = *state;
	struct scene *s = scene_of(x, 8, 3);
	struct task *tasks = arena_array(&x->a, struct task, N);
	struct task_def *defs = arena_array(&x->a, struct task_def, N);
	struct places *places = arena_array(&x->a, struct places, N);
	clock_t began = clock(); /* of the processor: others may have it too */
	for (uint32_t i = 0; i < N; i++) {
		defs[i] = (struct task_def){.slots = i % 4, .pool_number = i % 4, .memory = i % 5 ? 0 : i, .complexity = (enum complexity)(i % 3)};
		tasks[i] = (struct task){.def = &defs[i], .kind = i % 2 ? TASK_AGENT : TASK_RUN, .id = i, .priority_ns = i * 7919 % 1000};
		admission_add(s->ad, &tasks[i]);
	}
	size_t started = 0, stopped = 0;
	VEC(uint32_t) order = {0};
	while (admission_waiting(s->ad)) {
		struct task *t;
		size_t before = started;
		admission_begin(s->ad, true);
		while ((t = admission_next(s->ad)))
			if (admission_take(s->ad, &places[t->id], &x->a)) {
				vec_push(NULL, &order, t->id);
				started++;
			}
		assert_true(started > before || stopped < started);
		if (stopped < started)
			admission_give(s->ad, &places[order.p[stopped++]]);
	}
	assert_int_equal(started, N);
	assert_true(clock() - began < 20 * CLOCKS_PER_SEC); /* less than one without a sanitizer */
	vec_free(&order);
	end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(slots_are_taken_together_or_not_at_all, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_place_in_one_pool_is_nothing_to_another, setup, teardown),
	    cmocka_unit_test_setup_teardown(agents_complexity_and_memory_have_limits_of_their_own, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_task_alone_starts_whatever_memory_it_wants, setup, teardown),
	    cmocka_unit_test_setup_teardown(under_load_only_one_task_holds_slots, setup, teardown),
	    cmocka_unit_test_setup_teardown(who_was_passed_sixteen_times_is_let_through, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_is_put_off_or_dropped_does_not_start, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_parent_s_tokens_are_left_alone_until_there_are_enough, setup, teardown),
	    cmocka_unit_test_setup_teardown(with_nothing_running_the_tokens_that_are_there_must_do, setup, teardown),
	    cmocka_unit_test_setup_teardown(many_waiting_tasks_are_no_burden, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
