/* How long a run will still take. */
#include "show_fixture.h"

#include "show/timeleft.h"

#define S ((int64_t)1000000000)

/* The time so far of each running task, in seconds. */
static int64_t so_far(void *self, const struct task *t)
{
	const int *seconds = self;

	return seconds[t->id] * S;
}

static struct task *ahead(struct fixture *f, const char *name, int64_t seconds)
{
	struct task *t = add_task(f, name, "true");

	t->state = STATE_WAITING;
	if (seconds >= 0)
		add_record(f, t, seconds, NAN);
	return t;
}

static void it_is_the_longest_path_where_there_are_slots_enough(void **state)
{
	struct fixture *f = *state;
	int none[8] = {0};
	struct task *design = ahead(f, "design", 20), *code = ahead(f, "code", 60), *docs = ahead(f, "docs", 30), *ship = ahead(f, "ship", 5);
	struct timeleft l = {.graph = &f->graph, .slots = 4};

	add_dep(f, code, design, DEP_NAMED);
	add_dep(f, docs, design, DEP_NAMED);
	add_dep(f, ship, code, DEP_NAMED);
	add_dep(f, ship, docs, DEP_NAMED);
	assert_int_equal(timeleft_ns(&l, so_far, none), 85 * S);
	/* One at a time it is all of them. */
	l.slots = 1;
	assert_int_equal(timeleft_ns(&l, so_far, none), 115 * S);
	/* Any number at once. */
	l.slots = 0;
	assert_int_equal(timeleft_ns(&l, so_far, none), 85 * S);
	timeleft_free(&l);
}

static void what_runs_has_its_time_so_far_taken_off_and_what_is_over_counts_no_more(void **state)
{
	struct fixture *f = *state;
	int seconds[8] = {0, 45, 10};
	struct task *design = ahead(f, "design", 20), *code = ahead(f, "code", 60), *docs = ahead(f, "docs", 30), *ship = ahead(f, "ship", 5);
	struct timeleft l = {.graph = &f->graph, .slots = 4};

	add_dep(f, code, design, DEP_NAMED);
	add_dep(f, docs, design, DEP_NAMED);
	add_dep(f, ship, code, DEP_NAMED);
	add_dep(f, ship, docs, DEP_NAMED);
	design->state = STATE_DONE;
	code->state = docs->state = STATE_RUNNING;
	/* docs has 20 s to go, code 15: the other path is the longer one now. */
	assert_int_equal(timeleft_ns(&l, so_far, seconds), 25 * S);
	/* What takes longer than ever is taken to end at any moment. */
	seconds[1] = seconds[2] = 500;
	assert_int_equal(timeleft_ns(&l, so_far, seconds), 5 * S);
	timeleft_free(&l);
}

static void what_never_ran_takes_what_others_of_its_kind_took(void **state)
{
	struct fixture *f = *state;
	int none[8] = {0};
	struct task *known = ahead(f, "known", 10), *new = ahead(f, "new", -1);
	struct timeleft l = {.graph = &f->graph, .slots = 1};

	assert_int_equal(timeleft_ns(&l, so_far, none), -1);
	known->state = STATE_DONE;
	timeleft_ended(&l, known, 8 * S);
	timeleft_ended(&l, known, 4 * S);
	assert_int_equal(timeleft_ns(&l, so_far, none), 6 * S);
	/* Of scripts nothing is known about agents. */
	new->kind = TASK_AGENT;
	assert_int_equal(timeleft_ns(&l, so_far, none), -1);
	timeleft_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(it_is_the_longest_path_where_there_are_slots_enough, show_setup, show_teardown),
	    cmocka_unit_test_setup_teardown(what_runs_has_its_time_so_far_taken_off_and_what_is_over_counts_no_more, show_setup, show_teardown),
	    cmocka_unit_test_setup_teardown(what_never_ran_takes_what_others_of_its_kind_took, show_setup, show_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
