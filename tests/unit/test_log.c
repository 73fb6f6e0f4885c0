/* The build log: what is written comes back. */
#include "log_fixture.h"

#include <math.h>

static void every_field_of_a_record_comes_back(void **state)
{
	struct box *b = *state;
	struct log *l = open_log(b, false);
	const struct task_record *r;

	for (unsigned i = 0; i < 12; i++) {
		struct task_record s = sample(&b->arena, i);

		assert_null(find(l, s.name));
		assert_int_equal(log_done(l, &s), 0);
		assert_done(l, s.name, i);
	}
	assert_int_equal(log_close(l), 0);
	l = open_log(b, true);
	assert_int_equal(b->note.n, 0);
	for (unsigned i = 0; i < 12; i++)
		assert_done(l, arena_printf(&b->arena, "task-%u", i), i);
	r = find(l, STR("task-3"));
	assert_ptr_equal(r, find(l, STR("task-3")));
	assert_true(r->seq < find(l, STR("task-4"))->seq);
	assert_null(find(l, STR("task-12")));
	assert_null(log_find(l, STR("other"), STR("task-3")));
	/* A key is not where one part ends and the other begins. */
	assert_null(log_find(l, STR("w.ax.yam"), STR("ltask-3")));
	log_close(l);
}

static void the_latest_success_counts_and_strange_names_are_names(void **state)
{
	static const struct str names[] = {{"", 0}, {"a\0b", 3}, {"\n", 1}, {"\xff\xfe", 2}, {"\xA5xl\x01", 4}};
	struct box *b = *state;
	struct log *l = open_log(b, false);

	for (unsigned i = 0; i < 5; i++) {
		done(l, names[i], i);
		done(l, names[i], i + 10);
	}
	log_close(l);
	l = open_log(b, false);
	for (unsigned i = 0; i < 5; i++)
		assert_done(l, names[i], i + 10);
	assert_false(log_damaged(l));
	log_close(l);
}

static void check_starts(struct log *l)
{
	struct open_start s = log_open_start(l, WF, STR("running"));

	assert_true(s.open && !s.failed);
	assert_int_equal(s.start_id, 7);
	assert_int_equal(s.run_id, 70);
	assert_true(s.started_at_ms > 1600000000000);
	s = log_open_start(l, WF, STR("failed"));
	assert_true(s.open && s.failed);
	assert_int_equal(s.start_id, 8);
	assert_int_equal(s.run_id, 80);
	assert_str(s.class, STR("timeout"));
	assert_int_equal(s.tries, 3);
	assert_int_equal(s.duration_ns, 12345);
	assert_done(l, STR("failed"), 1);
	assert_false(log_open_start(l, WF, STR("succeeded")).open);
	assert_false(log_open_start(l, WF, STR("never")).open);
	s = log_open_start(l, WF, STR("again"));
	assert_true(s.open && !s.failed);
	assert_int_equal(s.start_id, 11);
	assert_int_equal(s.class.n, 0);
	/* The start is lost: that there was one is still known. */
	s = log_open_start(l, WF, STR("orphan"));
	assert_true(s.open && s.failed);
	assert_int_equal(s.start_id, 99);
	assert_int_equal(s.run_id, 0);
}

static void a_start_is_open_until_a_success(void **state)
{
	struct box *b = *state;
	struct log *l = open_log(b, false);

	assert_int_equal(log_start(l, WF, STR("running"), 7, 70), 0);
	done(l, STR("failed"), 1);
	assert_int_equal(log_start(l, WF, STR("failed"), 8, 80), 0);
	assert_int_equal(log_failed(l, WF, STR("failed"), 8, STR("timeout"), 3, 12345), 0);
	assert_int_equal(log_start(l, WF, STR("succeeded"), 9, 90), 0);
	done(l, STR("succeeded"), 2);
	assert_int_equal(log_start(l, WF, STR("again"), 10, 100), 0);
	assert_int_equal(log_failed(l, WF, STR("again"), 10, STR("crash"), 1, 1), 0);
	assert_int_equal(log_start(l, WF, STR("again"), 11, 110), 0);
	assert_int_equal(log_start(l, WF, STR("orphan"), 98, 110), 0);
	assert_int_equal(log_failed(l, WF, STR("orphan"), 99, STR("crash"), 1, 1), 0);
	check_starts(l);
	log_close(l);
	l = open_log(b, true);
	check_starts(l);
	log_close(l);
}

static void an_edit_is_told_once_until_the_next_success(void **state)
{
	struct hash128 h1 = {1, 2}, h2 = {1, 3};
	struct box *b = *state;
	struct log *l = open_log(b, false);

	done(l, STR("t"), 1);
	assert_false(log_edit_noted(l, WF, STR("t"), STR("out"), h1));
	assert_int_equal(log_note_edit(l, WF, STR("t"), STR("out"), h1), 0);
	assert_int_equal(log_note_edit(l, WF, STR("t"), STR("out2"), h2), 0);
	log_close(l);
	l = open_log(b, false);
	assert_true(log_edit_noted(l, WF, STR("t"), STR("out"), h1));
	assert_false(log_edit_noted(l, WF, STR("t"), STR("out"), h2));
	assert_true(log_edit_noted(l, WF, STR("t"), STR("out2"), h2));
	assert_false(log_edit_noted(l, WF, STR("u"), STR("out"), h1));
	log_note_edit(l, WF, STR("t"), STR("out"), h2);
	assert_false(log_edit_noted(l, WF, STR("t"), STR("out"), h1));
	assert_true(log_edit_noted(l, WF, STR("t"), STR("out"), h2));
	done(l, STR("t"), 2);
	assert_false(log_edit_noted(l, WF, STR("t"), STR("out"), h2));
	log_close(l);
	l = open_log(b, true);
	assert_false(log_edit_noted(l, WF, STR("t"), STR("out"), h2));
	assert_false(log_edit_noted(l, WF, STR("t"), STR("out2"), h2));
	log_close(l);
}

static void check_words(struct log *l, struct str name, bool rejected)
{
	struct hash128 what = {0, 0};
	struct str why = STR_NONE;

	assert_true(log_approval(l, WF, name, &what));
	assert_true(hash_eq(what, (struct hash128){7, 9}));
	assert_int_equal(log_rejected(l, WF, name, &why), rejected);
	if (rejected)
		assert_str(why, STR("two\nlines"));
}

static void a_yes_stays_and_a_rejection_ends_with_the_next_success(void **state)
{
	struct box *b = *state;
	struct log *l = open_log(b, false);
	struct hash128 what;
	struct str why;

	assert_false(log_approval(l, WF, STR("t"), &what));
	assert_int_equal(log_approve(l, WF, STR("t"), (struct hash128){1, 2}), 0);
	assert_int_equal(log_approve(l, WF, STR("t"), (struct hash128){7, 9}), 0);
	assert_null(find(l, STR("t")));
	assert_false(log_open_start(l, WF, STR("t")).open);
	done(l, STR("t"), 1);
	assert_false(log_rejected(l, WF, STR("t"), &why));
	assert_int_equal(log_reject(l, WF, STR("t"), STR("")), 0);
	assert_int_equal(log_reject(l, WF, STR("t"), STR("two\nlines")), 0);
	check_words(l, STR("t"), true);
	log_close(l);
	l = open_log(b, false);
	check_words(l, STR("t"), true);
	assert_int_equal(log_rename(l, WF, STR("t"), STR("u")), 0);
	check_words(l, STR("u"), true);
	assert_false(log_approval(l, WF, STR("t"), &what) || log_rejected(l, WF, STR("t"), &why));
	log_close(l);
	l = open_log(b, false);
	check_words(l, STR("u"), true);
	done(l, STR("u"), 2);
	check_words(l, STR("u"), false);
	log_close(l);
	l = open_log(b, true);
	check_words(l, STR("u"), false);
	log_close(l);
}

static void check_taken(struct log *l, struct str name)
{
	struct taken t;

	assert_true(log_taken(l, WF, name, &t));
	assert_int_equal(t.n, 2);
	assert_true(t.of[0].duration_ns == 5 && t.of[0].tokens == -1 && t.of[0].cost_usd != t.of[0].cost_usd);
	assert_true(t.of[1].duration_ns == 6 && t.of[1].tokens == 7 && t.of[1].cost_usd > 0.24 && t.of[1].cost_usd < 0.26);
	assert_true(t.calls == 9 && t.unpriced == 3 && t.uncounted == 2 && t.tokens == 700 && t.cost_usd > 1.4);
}

static void what_a_task_took_outlives_successes_and_goes_with_its_name(void **state)
{
	struct taken t = {.n = 2, .of = {{5, -1, NAN}, {6, 7, 0.25}}, .calls = 9, .unpriced = 3, .uncounted = 2, .tokens = 700, .cost_usd = 1.5}, none;
	struct box *b = *state;
	struct log *l = open_log(b, false);

	assert_false(log_taken(l, WF, STR("t"), &none));
	assert_int_equal(log_take(l, WF, STR("t"), &t), 0);
	done(l, STR("t"), 1);
	check_taken(l, STR("t"));
	log_close(l);
	l = open_log(b, false);
	check_taken(l, STR("t"));
	assert_int_equal(log_rename(l, WF, STR("t"), STR("u")), 0);
	check_taken(l, STR("u"));
	assert_false(log_taken(l, WF, STR("t"), &none));
	log_close(l);
	l = open_log(b, true);
	check_taken(l, STR("u"));
	log_close(l);
}

static void check_renamed(struct log *l, uint64_t seq)
{
	assert_done(l, STR("c"), 1);
	assert_int_equal(find(l, STR("c"))->seq, seq);
	assert_null(find(l, STR("a")));
	assert_false(log_open_start(l, WF, STR("a")).open);
	assert_int_equal(log_open_start(l, WF, STR("c")).start_id, 5);
	assert_str(log_open_start(l, WF, STR("c")).class, STR("auth"));
	assert_true(log_edit_noted(l, WF, STR("c"), STR("out"), (struct hash128){4, 5}));
	assert_false(log_edit_noted(l, WF, STR("a"), STR("out"), (struct hash128){4, 5}));
	assert_done(l, STR("b"), 3);
	assert_false(log_open_start(l, WF, STR("b")).open);
}

static void a_rename_takes_all_along_and_no_youth(void **state)
{
	struct box *b = *state;
	struct log *l = open_log(b, false);
	uint64_t seq;

	assert_int_equal(log_rename(l, WF, STR("a"), STR("b")), ENOENT);
	done(l, STR("a"), 1);
	seq = find(l, STR("a"))->seq;
	done(l, STR("c"), 9);
	log_start(l, WF, STR("c"), 77, 1);
	log_start(l, WF, STR("a"), 5, 6);
	log_failed(l, WF, STR("a"), 5, STR("auth"), 1, 1);
	log_note_edit(l, WF, STR("a"), STR("out"), (struct hash128){4, 5});
	assert_int_equal(log_rename(l, WF, STR("a"), STR("a")), 0);
	assert_int_equal(log_rename(l, WF, STR("a"), STR("b")), 0);
	assert_null(find(l, STR("a")));
	assert_int_equal(log_rename(l, WF, STR("b"), STR("c")), 0);
	done(l, STR("b"), 3); /* a new task under a name that was given up */
	check_renamed(l, seq);
	log_close(l);
	l = open_log(b, false);
	check_renamed(l, seq);
	log_close(l);
}

static void count_one(void *self, const struct task_record *r)
{
	unsigned *sum = self;

	assert_str(r->workflow, WF);
	*sum += (unsigned)r->start_id;
}

static void each_visits_the_successes_of_one_workflow(void **state)
{
	struct box *b = *state;
	struct log *l = open_log(b, false);
	struct task_record r = sample(&b->arena, 1);
	unsigned sum = 0;

	for (unsigned i = 0; i < 50; i++)
		done(l, arena_printf(&b->arena, "t%u", i), 0); /* start id 1000 */
	done(l, STR("t7"), 1);
	log_rename(l, WF, STR("t8"), STR("u8"));
	log_start(l, WF, STR("open"), 1, 1);
	r.workflow = STR("other.ax.yaml");
	log_done(l, &r);
	log_each(l, WF, count_one, &sum);
	assert_int_equal(sum, 50 * 1000 + 1);
	log_close(l);
}

/* Their starts take turns in the same room. */
static void many_tasks_that_start_and_end_by_turns_are_each_known(void **state)
{
	struct box *b = *state;
	struct log *l = open_log(b, false);
	struct str names[200];

	for (unsigned i = 0; i < 200; i++)
		names[i] = arena_printf(&b->arena, "task-%u%s", i, i % 3 ? "" : " with a longer name");
	for (unsigned i = 0; i < 200; i++) {
		log_start(l, WF, names[i], i + 1, 7);
		if (i % 10 == 9)
			log_failed(l, WF, names[i - 1], i, STR("exit 1"), 1, 5);
		else if (i && i % 10)
			done(l, names[i - 1], i);
	}
	for (int again = 0; again < 2; again++) {
		for (unsigned i = 0; i < 200; i++) {
			bool fails = i % 10 == 8, open = i % 10 == 9;
			struct open_start s = log_open_start(l, WF, names[i]);

			assert_int_equal(s.open, fails || open);
			assert_int_equal(s.failed, fails);
			if (s.open) {
				assert_int_equal(s.start_id, i + 1);
				assert_int_equal(s.run_id, 7);
				assert_null(log_find(l, WF, names[i]));
			} else {
				assert_done(l, names[i], i + 1);
			}
		}
		log_close(l);
		l = open_log(b, true);
		assert_false(log_damaged(l));
	}
	log_close(l);
}

static bool is_on_disk(struct box *b, const char *name)
{
	struct log *l = open_log(b, true);
	bool is = find(l, str_of(name));

	log_close(l);
	return is;
}

/* It counts at once, and comes with the next record, or when it is asked for. */
static void a_late_success_is_written_with_the_next_record(void **state)
{
	struct box *b = *state;
	struct log *l = open_log(b, false);
	size_t size;

	for (unsigned i = 0; i < 4; i++) {
		struct task_record s = sample(&b->arena, i);

		log_start(l, WF, s.name, s.start_id, 1);
		assert_int_equal(is_on_disk(b, "task-0"), i > 0);
		size = content(b, "log").n;
		assert_int_equal(log_done_late(l, &s), 0);
		assert_int_equal(content(b, "log").n, size);
		assert_done(l, s.name, i);
		assert_false(log_open_start(l, WF, s.name).open);
	}
	assert_false(is_on_disk(b, "task-3"));
	assert_int_equal(log_write_late(l), 0);
	assert_true(is_on_disk(b, "task-3"));
	size = content(b, "log").n;
	assert_int_equal(log_write_late(l), 0);
	assert_int_equal(content(b, "log").n, size);
	for (unsigned i = 4; i < 7; i++) {
		struct task_record s = sample(&b->arena, i);

		log_done_late(l, &s);
		if (i == 4)
			assert_int_equal(log_sync(l), 0);
		if (i == 5) {
			unlinkat(b->fd, "log", 0);
			assert_int_equal(log_regain(l), 0);
		}
		assert_int_equal(is_on_disk(b, "task-6"), false);
	}
	assert_true(is_on_disk(b, "task-5"));
	assert_int_equal(log_close(l), 0);
	l = open_log(b, true);
	for (unsigned i = 0; i < 7; i++)
		assert_done(l, arena_printf(&b->arena, "task-%u", i), i);
	log_close(l);
}

/* What cannot be written is told by whoever comes to write it, and by all after that. */
static void a_late_success_that_cannot_be_written_is_told_of(void **state)
{
	struct box *b = *state;
	struct log *l = open_log(b, false);
	struct task_record s = sample(&b->arena, 0);
	struct rlimit none = {10, 10}, was;

	getrlimit(RLIMIT_FSIZE, &was);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(log_done_late(l, &s), 0);
	none.rlim_max = was.rlim_max;
	setrlimit(RLIMIT_FSIZE, &none);
	int err = log_write_late(l);
	setrlimit(RLIMIT_FSIZE, &was);
	assert_int_equal(err, EFBIG);
	assert_int_equal(log_done_late(l, &s), EFBIG);
	assert_int_equal(log_write_late(l), 0);
	assert_int_equal(log_close(l), EFBIG);
	assert_false(is_on_disk(b, "task-0"));
}

static void file_hashes_wait_for_the_next_record(void **state)
{
	struct file_stat st = {1, 2, 3, 4, -5}, got;
	struct hash128 h = {6, 7}, back;
	struct box *b = *state;
	struct log *l = open_log(b, false);
	size_t size;

	assert_false(log_file_get(l, STR("f"), &got, &back));
	log_file_put(l, STR("f"), &st, h);
	assert_int_equal(content(b, "log").n, 0);
	assert_true(log_file_get(l, STR("f"), &got, &back));
	log_start(l, WF, STR("t"), 1, 1);
	size = content(b, "log").n;
	assert_true(size > 0);
	log_file_put(l, STR("f"), &st, h); /* nothing new */
	st.size = 9;
	log_file_put(l, STR("g"), &st, (struct hash128){8, 9});
	log_close(l);
	assert_int_equal(content(b, "log").n - size, FRAME_EXTRA + 1 + 8 + 4 + ENTRY_FIXED + 1);
	l = open_log(b, true);
	assert_true(log_file_get(l, STR("f"), &got, &back));
	assert_true(got.size == 1 && got.ino == 2 && got.dev == 3 && got.mtime_ns == 4 && got.ctime_ns == -5);
	assert_true(hash_eq(back, h));
	assert_true(log_file_get(l, STR("g"), &got, &back));
	assert_true(got.size == 9 && back.hi == 9);
	log_close(l);
}

static void what_was_put_is_known_once_somebody_asks(void **state)
{
	struct file_stat st = {1, 2, 3, 4, 5}, got;
	struct hash128 back;
	struct box *b = *state;
	struct log *l = open_log(b, false);

	log_file_put(l, STR("f"), &st, (struct hash128){1, 1});
	log_file_put(l, STR("f"), &st, (struct hash128){2, 2});
	log_file_put(l, STR("g"), &st, (struct hash128){3, 3});
	assert_false(log_file_known(l, STR("f"), &got, &back));
	assert_true(log_file_get(l, STR("f"), &got, &back) && back.lo == 2);
	assert_true(log_file_known(l, STR("g"), &got, &back) && back.lo == 3);
	log_file_put(l, STR("g"), &st, (struct hash128){4, 4});
	assert_true(log_file_known(l, STR("g"), &got, &back) && back.lo == 4);
	log_close(l);
	l = open_log(b, false);
	assert_true(log_file_known(l, STR("f"), &got, &back) && back.lo == 2);
	assert_true(log_file_known(l, STR("g"), &got, &back) && back.lo == 4);
	log_close(l);
}

/* Each frame has what came since the one before, and no entry is in two. */
static void what_was_put_between_records_goes_out_once(void **state)
{
	struct file_stat st = {1, 2, 3, 4, 5}, got;
	struct box *b = *state;
	struct log *l = open_log(b, false);
	struct frame_scan s;
	struct hash128 h;
	struct str all, payload;
	size_t files = 0;
	unsigned n = 0;

	for (unsigned record = 0; record < 30; record++) {
		for (unsigned i = 0; i < record * 7; i++, n++)
			log_file_put(l, arena_printf(&b->arena, "f%u", n), &st, (struct hash128){n, 0});
		log_start(l, WF, STR("t"), record + 1, 1);
		if (record % 10 == 4)
			log_file_get(l, STR("f0"), &got, &h);
	}
	log_close(l);
	all = content(b, "log");
	s = frame_scan_of(all.p, all.n);
	while (frame_next(&s, &payload))
		files += record_files(payload);
	assert_int_equal(files, n);
	l = open_log(b, true);
	for (unsigned i = 0; i < n; i++)
		assert_true(log_file_get(l, arena_printf(&b->arena, "f%u", i), &got, &h) && h.lo == i);
	log_close(l);
}

/* They are on the disk alone: who asks, and a log that is written anew, reads them there. */
static void what_was_put_and_written_is_there_when_asked_for(void **state)
{
	struct file_stat st = {1, 2, 3, 4, 5}, got;
	struct box *b = *state;
	struct log *l = open_log(b, false);
	struct hash128 h;

	for (unsigned i = 0; i < 3000; i++) {
		log_file_put(l, arena_printf(&b->arena, "f%u", i), &st, (struct hash128){i, 0});
		if (i % 1000 == 500)
			log_start(l, WF, STR("t"), i + 1, 1);
		if (i == 1700)
			assert_true(log_file_get(l, STR("f3"), &got, &h) && h.lo == 3);
	}
	log_file_put(l, STR("f7"), &st, (struct hash128){70, 0}); /* younger than what the disk has */
	assert_true(log_file_get(l, STR("f7"), &got, &h) && h.lo == 70);
	assert_true(log_file_get(l, STR("f2999"), &got, &h) && h.lo == 2999);
	log_start(l, WF, STR("t"), 9000, 1);
	log_file_put(l, STR("g"), &st, (struct hash128){1, 1});
	log_start(l, WF, STR("t"), 9001, 1);
	assert_int_equal(unlinkat(b->fd, "log", 0), 0);
	assert_int_equal(log_regain(l), 0);
	log_close(l);
	l = open_log(b, true);
	assert_false(log_damaged(l));
	for (unsigned i = 0; i < 3000; i++)
		assert_true(log_file_known(l, arena_printf(&b->arena, "f%u", i), &got, &h) && h.lo == (i == 7 ? 70 : i));
	assert_true(log_file_known(l, STR("g"), &got, &h));
	log_close(l);
}

static void hashes_of_files_from_before_another_boot_are_not_believed(void **state)
{
	struct file_stat st = {1, 2, 3, 4, 5}, got;
	struct hash128 h = {6, 7}, back, one = {1, 1}, two = {2, 2};
	struct box *b = *state;
	struct log *l = log_open_in(&b->arena, b->fd, false, one, &b->note);

	assert_false(log_of_other_boot(l));
	done(l, STR("t"), 1);
	log_file_put(l, STR("f"), &st, h);
	log_close(l);
	l = log_open_in(&b->arena, b->fd, false, one, &b->note);
	assert_false(log_of_other_boot(l));
	assert_true(log_file_get(l, STR("f"), &got, &back));
	log_close(l);
	for (int reading = 1; reading >= 0; reading--) {
		l = log_open_in(&b->arena, b->fd, reading, two, &b->note);
		assert_true(log_of_other_boot(l));
		assert_false(log_file_get(l, STR("f"), &got, &back));
		assert_done(l, STR("t"), 1);
		log_close(l);
	}
	/* It was said, though nothing else was written; and what is hashed from then on is believed. */
	l = log_open_in(&b->arena, b->fd, false, two, &b->note);
	assert_false(log_of_other_boot(l));
	assert_false(log_file_get(l, STR("f"), &got, &back));
	log_file_put(l, STR("g"), &st, h);
	log_close(l);
	l = log_open_in(&b->arena, b->fd, true, two, &b->note);
	assert_false(log_file_get(l, STR("f"), &got, &back));
	assert_true(log_file_get(l, STR("g"), &got, &back));
	log_close(l);
	/* Going back is another boot, too. */
	l = log_open_in(&b->arena, b->fd, true, one, &b->note);
	assert_false(log_file_get(l, STR("g"), &got, &back));
	log_close(l);
	assert_int_equal(b->note.n, 0);
}

static void many_file_hashes_go_out_in_frames_of_bounded_size(void **state)
{
	enum { FILES = 20000 };
	struct box *b = *state;
	struct log *l = open_log(b, false);
	struct file_stat st = {0}, got;
	struct frame_scan s;
	struct hash128 h;
	struct str payload, all;

	for (unsigned i = 0; i < FILES; i++) {
		st.size = i;
		log_file_put(l, arena_printf(&b->arena, "folder/file-%u", i), &st, (struct hash128){i, i});
	}
	assert_true(content(b, "log").n > 0); /* not all of it is held back */
	log_close(l);
	all = content(b, "log");
	s = frame_scan_of(all.p, all.n);
	while (frame_next(&s, &payload))
		assert_true(payload.n <= 64 << 10);
	assert_int_equal(s.bad_places, 0);
	l = open_log(b, true);
	for (unsigned i = 0; i < FILES; i++) {
		assert_true(log_file_get(l, arena_printf(&b->arena, "folder/file-%u", i), &got, &h));
		assert_true(got.size == i && h.lo == i);
	}
	log_close(l);
}

static void reading_writes_nothing(void **state)
{
	struct box *b = *state;
	struct log *l = open_log(b, true);
	struct file_stat st = {0};
	struct hash128 h = {0, 0};
	struct task_record r = sample(&b->arena, 1);

	assert_null(find(l, STR("t")));
	assert_int_equal(log_start(l, WF, STR("t"), 1, 1), EROFS);
	assert_int_equal(log_done(l, &r), EROFS);
	log_file_put(l, STR("f"), &st, h);
	assert_true(log_file_get(l, STR("f"), &st, &h));
	log_close(l);
	assert_false(is_there(b, "log"));
	l = log_open(&b->arena, -1, true, &b->note);
	assert_null(find(l, STR("t")));
	assert_int_equal(log_close(l), 0);
}

/* ---- compaction ---- */

static void a_log_mostly_dead_is_written_anew(void **state)
{
	struct box *b = *state;
	struct log *l = open_log(b, false);
	struct file_stat st = {5, 5, 5, 5, 5}, got;
	struct hash128 h;
	struct str s;
	uint64_t seq[10];

	done(l, STR("first"), 1);
	log_start(l, WF, STR("first"), 3, 3);
	log_note_edit(l, WF, STR("first"), STR("o"), (struct hash128){1, 1});
	log_approve(l, WF, STR("first"), (struct hash128){7, 9});
	log_reject(l, WF, STR("first"), STR("two\nlines"));
	log_rename(l, WF, STR("first"), STR("second"));
	for (unsigned i = 0; i < 6000; i++)
		done(l, arena_printf(&b->arena, "t%u", 9 - i % 10), i);
	log_file_put(l, STR("f"), &st, (struct hash128){9, 9});
	for (unsigned i = 0; i < 10; i++)
		seq[i] = find(l, arena_printf(&b->arena, "t%u", i))->seq;
	assert_true(content(b, "log").n > 1 << 20);
	log_close(l);
	s = content(b, "log");
	assert_true(s.n < 16 << 10);
	assert_false(is_there(b, "log.new"));
	l = open_log(b, false);
	check_words(l, STR("second"), true);
	assert_int_equal(b->note.n, 0);
	for (unsigned i = 0; i < 10; i++) {
		struct str name = arena_printf(&b->arena, "t%u", i);

		assert_done(l, name, 5999 - i);
		assert_int_equal(find(l, name)->seq, seq[i]);
	}
	assert_null(find(l, STR("first")));
	assert_done(l, STR("second"), 1);
	assert_int_equal(log_open_start(l, WF, STR("second")).start_id, 3);
	assert_true(log_edit_noted(l, WF, STR("second"), STR("o"), (struct hash128){1, 1}));
	assert_true(log_file_get(l, STR("f"), &got, &h) && h.lo == 9);
	log_close(l);
	assert_str(content(b, "log"), s);
}

static void new_records_are_younger_than_all_kept_ones(void **state)
{
	struct box *b = *state;
	struct log *l = open_log(b, false);
	uint64_t seq;

	for (unsigned i = 0; i < 6000; i++)
		done(l, STR("t"), i);
	seq = find(l, STR("t"))->seq;
	log_close(l);
	l = open_log(b, false);
	done(l, STR("u"), 1);
	assert_true(find(l, STR("u"))->seq > seq);
	log_close(l);
}

static void a_reader_beside_a_writer_sees_whole_records_only(void **state)
{
	enum { RECORDS = 500 };
	struct box *b = *state;
	unsigned rounds = 0, seen = 0;
	int status;
	pid_t pid = fork();

	if (!pid) {
		struct log *l = open_log(b, false);
		struct task_record r = sample(&b->arena, 5);

		r.fields = (struct str){calloc(1, 20000), 20000};
		for (unsigned i = 0; i < RECORDS; i++) {
			r.name = arena_printf(&b->arena, "t%u", i);
			if (log_done(l, &r))
				_exit(1);
		}
		_exit(0);
	}
	while (waitpid(pid, &status, WNOHANG) == 0) {
		struct box inner = {.fd = b->fd};
		struct log *l = open_log(&inner, true);

		assert_false(log_damaged(l));
		assert_int_equal(inner.note.n, 0);
		/* No gap: what was seen once is there, and everything before it. */
		for (unsigned i = 0; i < seen; i++)
			assert_non_null(find(l, arena_printf(&inner.arena, "t%u", i)));
		while (seen < RECORDS && find(l, arena_printf(&inner.arena, "t%u", seen)))
			seen++;
		log_close(l);
		arena_free(&inner.arena);
		rounds++;
	}
	assert_int_equal(status, 0);
	assert_true(rounds > 0);
}

#define IN_BOX(test) cmocka_unit_test_setup_teardown(test, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    IN_BOX(every_field_of_a_record_comes_back),
	    IN_BOX(the_latest_success_counts_and_strange_names_are_names),
	    IN_BOX(a_start_is_open_until_a_success),
	    IN_BOX(an_edit_is_told_once_until_the_next_success),
	    IN_BOX(a_yes_stays_and_a_rejection_ends_with_the_next_success),
	    IN_BOX(what_a_task_took_outlives_successes_and_goes_with_its_name),
	    IN_BOX(a_rename_takes_all_along_and_no_youth),
	    IN_BOX(each_visits_the_successes_of_one_workflow),
	    IN_BOX(many_tasks_that_start_and_end_by_turns_are_each_known),
	    IN_BOX(a_late_success_is_written_with_the_next_record),
	    IN_BOX(a_late_success_that_cannot_be_written_is_told_of),
	    IN_BOX(file_hashes_wait_for_the_next_record),
	    IN_BOX(hashes_of_files_from_before_another_boot_are_not_believed),
	    IN_BOX(what_was_put_is_known_once_somebody_asks),
	    IN_BOX(what_was_put_between_records_goes_out_once),
	    IN_BOX(what_was_put_and_written_is_there_when_asked_for),
	    IN_BOX(many_file_hashes_go_out_in_frames_of_bounded_size),
	    IN_BOX(reading_writes_nothing),
	    IN_BOX(a_log_mostly_dead_is_written_anew),
	    IN_BOX(new_records_are_younger_than_all_kept_ones),
	    IN_BOX(a_reader_beside_a_writer_sees_whole_records_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
