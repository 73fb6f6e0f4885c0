/* A log of which only some is read: what stands at places that were told. */
#include "log_fixture.h"

struct placed {
	struct log_place at[8];
	size_t n;
};

static void note_place(void *self, struct str name, const struct log_places *p)
{
	struct placed *all = self;

	assert_true(p->done.n && (p->alone == !str_eq(name, STR("edited"))));
	if (!str_eq(name, STR("left")))
		all->at[all->n++] = p->done;
	if (p->taken.n)
		all->at[all->n++] = p->taken;
}

/* A log of which two tasks are to be known: "left" is not. */
static void write_three(struct box *b, struct placed *all, uint64_t *seq)
{
	struct log *l = open_log(b, false);
	struct taken t = {.n = 1, .calls = 3};

	done(l, STR("left"), 1);
	done(l, STR("kept"), 2);
	assert_int_equal(log_take(l, WF, STR("kept"), &t), 0);
	done(l, STR("edited"), 3);
	assert_int_equal(log_note_edit(l, WF, STR("edited"), STR("path"), (struct hash128){1, 2}), 0);
	assert_int_equal(log_start(l, WF, STR("running"), 1, 2), 0);
	log_close(l);
	l = open_log(b, false);
	log_each_place(l, WF, note_place, all);
	assert_int_equal(all->n, 3);
	*seq = log_seq(l);
	log_close(l);
}

static void a_part_of_a_log_is_read_by_its_places(void **state)
{
	struct box *b = *state;
	struct placed all = {0};
	struct taken t;
	uint64_t seq;

	write_three(b, &all, &seq);
	struct log *l = log_open_sparse(&b->arena, b->fd, all.at, all.n, seq);
	assert_non_null(l);
	assert_null(find(l, STR("left")));
	assert_done(l, STR("kept"), 2);
	assert_done(l, STR("edited"), 3);
	assert_true(log_taken(l, WF, STR("kept"), &t) && t.calls == 3);
	assert_true(!log_taken(l, WF, STR("edited"), &t));
	done(l, STR("kept"), 5);
	assert_int_equal(log_seq(l), seq + 1);
	log_close(l);
	l = open_log(b, false);
	assert_int_equal(b->note.n, 0);
	assert_done(l, STR("left"), 1);
	assert_done(l, STR("kept"), 5);
	assert_true(log_open_start(l, WF, STR("running")).open);
	log_close(l);
}

/* What took over another task's name says that this one's record is gone, which was one from before. */
static void the_order_of_places_does_not_matter(void **state)
{
	struct box *b = *state;
	struct placed all = {0};
	uint64_t seq;
	struct log *l = open_log(b, false);

	done(l, STR("name"), 1);
	assert_int_equal(log_rename(l, WF, STR("name"), STR("new")), 0);
	done(l, STR("name"), 2);
	log_each_place(l, WF, note_place, &all);
	assert_int_equal(all.n, 2);
	seq = log_seq(l);
	log_close(l);
	for (int i = 0; i < 2; i++) {
		struct log_place last = all.at[1];

		l = log_open_sparse(&b->arena, b->fd, all.at, all.n, seq);
		assert_non_null(l);
		assert_done(l, STR("new"), 1);
		assert_done(l, STR("name"), 2);
		log_close(l);
		all.at[1] = all.at[0];
		all.at[0] = last;
	}
}

static void places_where_nothing_stands_are_found_out(void **state)
{
	struct box *b = *state;
	struct placed all = {0};
	uint64_t seq;

	write_three(b, &all, &seq);
	for (size_t i = 0; i < all.n; i++) {
		struct log_place right = all.at[i], wrong[] = {{right.at + 1, right.n}, {right.at, right.n - 1}, {right.at, right.n + 1}, {UINT64_MAX, 20}, {1 << 20, right.n}, {right.at, 0}};

		for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
			all.at[i] = wrong[k];
			assert_null(log_open_sparse(&b->arena, b->fd, all.at, all.n, seq));
		}
		all.at[i] = right;
	}
	assert_null(log_open_sparse(&b->arena, b->fd, all.at, all.n, 1)); /* they are younger than that */
	struct log *l = log_open_sparse(&b->arena, b->fd, all.at, all.n, seq);
	assert_non_null(l);
	log_close(l);
}

/* Somebody removes the file meanwhile: nothing that was in it is lost. */
static void a_log_that_was_read_in_parts_comes_back_whole(void **state)
{
	struct box *b = *state;
	struct placed all = {0};
	uint64_t seq;

	write_three(b, &all, &seq);
	struct log *l = log_open_sparse(&b->arena, b->fd, all.at, all.n, seq);
	const struct task_record *kept = find(l, STR("kept"));
	done(l, STR("new"), 7);
	assert_int_equal(unlinkat(b->fd, "log", 0), 0);
	assert_int_equal(log_regain(l), 0);
	assert_true(str_eq(kept->name, STR("kept")));
	done(l, STR("last"), 8);
	log_close(l);
	l = open_log(b, false);
	assert_int_equal(b->note.n, 0);
	assert_done(l, STR("left"), 1);
	assert_done(l, STR("kept"), 2);
	assert_done(l, STR("new"), 7);
	assert_done(l, STR("last"), 8);
	log_close(l);
}

static void a_log_that_was_read_is_written_on(void **state)
{
	struct box *b = *state;
	struct placed all = {0};
	uint64_t seq;

	write_three(b, &all, &seq);
	struct log *l = open_log(b, true);
	assert_true(log_go_on(l, b->fd));
	assert_done(l, STR("left"), 1);
	done(l, STR("new"), 7);
	assert_int_equal(log_close(l), 0);
	l = open_log(b, false);
	assert_int_equal(b->note.n, 0);
	assert_done(l, STR("left"), 1);
	assert_done(l, STR("new"), 7);
	log_close(l);
}

static void a_log_that_others_have_written_to_is_not_written_on(void **state)
{
	struct box *b = *state;
	struct placed all = {0};
	uint64_t seq;

	write_three(b, &all, &seq);
	struct log *read = open_log(b, true), *l = open_log(b, false);
	done(l, STR("new"), 7);
	log_close(l);
	assert_false(log_go_on(read, b->fd));
	log_close(read);
	/* One that was put in its place is another, though it has as many bytes. */
	read = open_log(b, true);
	assert_int_equal(renameat(b->fd, "log", b->fd, "aside"), 0);
	struct str bytes;
	assert_int_equal(os_read_file(&b->arena, b->fd, "aside", 1 << 20, &bytes), 0);
	assert_int_equal(os_replace_file(b->fd, "log", 0600, bytes), 0);
	assert_false(log_go_on(read, b->fd));
	assert_int_equal(unlinkat(b->fd, "log", 0), 0);
	assert_false(log_go_on(read, b->fd));
	log_close(read);
}

static void a_log_whose_end_is_cut_is_not_written_on(void **state)
{
	struct box *b = *state;
	struct placed all = {0};
	struct stat st;
	uint64_t seq;

	write_three(b, &all, &seq);
	int fd = openat(b->fd, "log", O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0 && !fstat(fd, &st) && !ftruncate(fd, st.st_size - 1));
	close(fd);
	struct log *l = open_log(b, true);
	assert_false(log_go_on(l, b->fd));
	log_close(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_part_of_a_log_is_read_by_its_places, box_setup, box_teardown),
	    cmocka_unit_test_setup_teardown(the_order_of_places_does_not_matter, box_setup, box_teardown),
	    cmocka_unit_test_setup_teardown(places_where_nothing_stands_are_found_out, box_setup, box_teardown),
	    cmocka_unit_test_setup_teardown(a_log_that_was_read_in_parts_comes_back_whole, box_setup, box_teardown),
	    cmocka_unit_test_setup_teardown(a_log_that_was_read_is_written_on, box_setup, box_teardown),
	    cmocka_unit_test_setup_teardown(a_log_that_others_have_written_to_is_not_written_on, box_setup, box_teardown),
	    cmocka_unit_test_setup_teardown(a_log_whose_end_is_cut_is_not_written_on, box_setup, box_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
