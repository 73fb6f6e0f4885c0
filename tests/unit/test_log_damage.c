/* The build log, whatever happens to its file: cut, flipped, replaced, forbidden, on a full disk. */
#include "log_fixture.h"

enum { TASKS = 8 };

struct original {
	struct str bytes;
	size_t end[TASKS]; /* of each task's frame */
};

/* TASKS successes, a frame each, of tasks of different names. */
static struct original make_original(struct box *b)
{
	struct original o;
	struct log *l = open_log(b, false);

	for (unsigned i = 0; i < TASKS; i++) {
		done(l, arena_printf(&b->arena, "task-%u", i), i);
		o.end[i] = content(b, "log").n;
	}
	log_close(l);
	o.bytes = content(b, "log");
	assert_int_equal(o.bytes.n, o.end[TASKS - 1]);
	return o;
}

/* Task i is there, as it was, if its frame is not touched by the damage of [from, to). */
static void check_left(struct log *l, const struct original *o, size_t from, size_t to)
{
	char name[16];

	for (unsigned i = 0; i < TASKS; i++) {
		size_t begin = i ? o->end[i - 1] : 0;
		struct str s = {name, (size_t)snprintf(name, sizeof name, "task-%u", i)};

		if (begin < to && from < o->end[i])
			assert_null(find(l, s));
		else
			assert_done(l, s, i);
	}
}

/* Opened for writing and closed twice after a damage of [from, to): mended the first time, and nothing to mend ever after. */
static void check_mending(struct box *b, const struct original *o, struct str damaged, size_t from, size_t to)
{
	struct box inner = {.fd = b->fd};
	struct log *l = open_log(&inner, false);
	struct str mended, again;

	assert_true(log_damaged(l));
	assert_true(inner.note.n > 0);
	check_left(l, o, from, to);
	assert_int_equal(log_close(l), 0);
	assert_str(content(&inner, "log.bad"), damaged);
	mended = content(&inner, "log");
	l = open_log(&inner, false);
	assert_false(log_damaged(l));
	assert_int_equal(inner.note.n, 0);
	check_left(l, o, from, to);
	assert_int_equal(log_close(l), 0);
	again = content(&inner, "log");
	assert_str(mended, again);
	arena_free(&inner.arena);
}

static void a_log_cut_anywhere_keeps_all_frames_before_the_cut(void **state)
{
	struct box *b = *state;
	struct original o = make_original(b);
	size_t whole = 0;

	for (size_t cut = 0; cut < o.bytes.n; cut++) {
		struct box inner = {.fd = b->fd};
		struct log *l;
		bool torn;

		while (o.end[whole] <= cut)
			whole++;
		torn = cut != (whole ? o.end[whole - 1] : 0);
		set_content(b, "log", str_sub(o.bytes, 0, cut));
		l = open_log(&inner, true);
		check_left(l, &o, cut, SIZE_MAX);
		/* Perhaps somebody is writing just now: no word about it. */
		assert_false(log_damaged(l));
		assert_int_equal(inner.note.n, 0);
		log_close(l);
		arena_free(&inner.arena);
		if (torn)
			check_mending(b, &o, str_sub(o.bytes, 0, cut), cut, SIZE_MAX);
	}
}

static void a_frame_that_comes_again_brings_nothing_back(void **state)
{
	struct box *b = *state;
	struct sbuf twice = {0};
	struct str first;
	struct log *l = open_log(b, false);

	done(l, STR("a"), 1);
	first = content(b, "log");
	assert_int_equal(log_start(l, WF, STR("a"), 7, 8), 0);
	assert_int_equal(log_failed(l, WF, STR("a"), 7, STR("crash"), 1, 2), 0);
	assert_int_equal(log_close(l), 0);
	sbuf_str(&twice, content(b, "log"));
	sbuf_str(&twice, first);
	set_content(b, "log", sbuf_view(&twice));
	sbuf_free(&twice);
	for (int read_only = 1; read_only >= 0; read_only--) {
		l = open_log(b, read_only);
		assert_true(log_damaged(l));
		assert_done(l, STR("a"), 1);
		assert_true(log_open_start(l, WF, STR("a")).failed);
		assert_int_equal(log_close(l), 0);
	}
	l = open_log(b, false);
	assert_false(log_damaged(l));
	assert_true(log_open_start(l, WF, STR("a")).failed);
	assert_int_equal(log_close(l), 0);
}

static void put_start(struct sbuf *bytes, uint64_t seq)
{
	size_t start = frame_begin(bytes);

	record_put_head(bytes, RECORD_START, seq, WF, STR("a"));
	for (int i = 0; i < 3; i++)
		bytes_put_u64(bytes, 7);
	frame_end(bytes, start);
}

static void a_number_that_nothing_could_follow_is_no_record_s(void **state)
{
	struct box *b = *state;
	struct sbuf bytes = {0};
	struct log *l;

	put_start(&bytes, UINT64_MAX - 1);
	set_content(b, "log", sbuf_view(&bytes));
	sbuf_free(&bytes);
	l = open_log(b, false);
	assert_false(log_open_start(l, WF, STR("a")).open);
	done(l, STR("a"), 1);
	assert_int_equal(log_close(l), 0);
	l = open_log(b, true);
	assert_false(log_damaged(l));
	assert_done(l, STR("a"), 1);
	assert_int_equal(log_close(l), 0);
}

static void what_went_leaves_no_gap_that_cannot_be_read(void **state)
{
	struct box *b = *state;
	struct sbuf bytes = {0};
	struct log *l;

	for (uint64_t i = 1; i <= 9; i++)
		put_start(&bytes, i * ((UINT64_C(1) << 48) - 1));
	sbuf_lit(&bytes, "damage");
	set_content(b, "log", sbuf_view(&bytes));
	sbuf_free(&bytes);
	l = open_log(b, false);
	assert_true(log_damaged(l) && log_open_start(l, WF, STR("a")).open);
	done(l, STR("b"), 1);
	assert_int_equal(log_close(l), 0);
	l = open_log(b, true);
	assert_false(log_damaged(l));
	assert_true(log_open_start(l, WF, STR("a")).open);
	assert_done(l, STR("b"), 1);
	assert_int_equal(log_close(l), 0);
}

static void flip_every_byte(struct box *b, char mask, size_t step)
{
	struct original o = make_original(b);
	char *bytes = malloc(o.bytes.n);

	memcpy(bytes, o.bytes.p, o.bytes.n);
	for (size_t at = 0; at < o.bytes.n; at += step) {
		struct box inner = {.fd = b->fd};
		struct log *l;

		bytes[at] = (char)(bytes[at] ^ mask);
		set_content(b, "log", (struct str){bytes, o.bytes.n});
		l = open_log(&inner, true);
		check_left(l, &o, at, at + 1);
		/* A wrong length in the last frame cannot be told from a cut. */
		if (at < o.end[TASKS - 2])
			assert_true(log_damaged(l) && inner.note.n > 0);
		log_close(l);
		arena_free(&inner.arena);
		check_mending(b, &o, (struct str){bytes, o.bytes.n}, at, at + 1);
		bytes[at] = (char)(bytes[at] ^ mask);
	}
	free(bytes);
}

static void a_flipped_byte_costs_its_own_frame_only(void **state)
{
	flip_every_byte(*state, 0x01, 1);
}

static void an_inverted_byte_costs_its_own_frame_only(void **state)
{
	flip_every_byte(*state, (char)0xFF, 3);
}

static void a_lost_frame_brings_back_the_success_before_it(void **state)
{
	struct box *b = *state;
	struct log *l = open_log(b, false);
	struct str s;
	char *bytes;

	done(l, STR("t"), 1);
	done(l, STR("t"), 2);
	done(l, STR("u"), 3);
	log_close(l);
	s = content(b, "log");
	bytes = memcpy(malloc(s.n), s.p, s.n);
	bytes[s.n / 2] ^= 4;
	set_content(b, "log", (struct str){bytes, s.n});
	free(bytes);
	l = open_log(b, false);
	assert_done(l, STR("t"), 1);
	assert_done(l, STR("u"), 3);
	done(l, STR("t"), 4);
	log_close(l);
	l = open_log(b, true);
	assert_false(log_damaged(l));
	assert_done(l, STR("t"), 4);
	assert_done(l, STR("u"), 3);
	log_close(l);
}

static void garbage_between_and_behind_frames_is_passed_over(void **state)
{
	struct box *b = *state;
	struct original o = make_original(b);
	struct sbuf s = {0};
	struct log *l;

	sbuf_add(&s, o.bytes.p, o.end[3]);
	sbuf_add(&s, "\0\0\0\0\xA5xl\x01\x05", 9);
	sbuf_add(&s, o.bytes.p + o.end[3], o.bytes.n - o.end[3]);
	sbuf_add(&s, "garbage", 7);
	set_content(b, "log", sbuf_view(&s));
	check_mending(b, &o, sbuf_view(&s), 0, 0);
	sbuf_free(&s);
	l = open_log(b, true);
	assert_str(content(b, "log"), o.bytes);
	log_close(l);
}

/* A whole frame around any payload. */
static struct str frame_of(struct sbuf *b, struct str payload)
{
	size_t start;

	sbuf_clear(b);
	start = frame_begin(b);
	sbuf_str(b, payload);
	assert_true(frame_end(b, start));
	return sbuf_view(b);
}

static void senseless_payloads_with_good_checksums_do_no_harm(void **state)
{
	struct box *b = *state;
	struct sbuf good = {0}, frame = {0}, file = {0};
	struct task_record r = sample(&b->arena, 2);
	struct original o = make_original(b);
	struct log *l;
	struct str s;

	record_put_head(&good, RECORD_DONE, 500, WF, STR("task-0"));
	record_put_success(&good, &r);
	s = sbuf_view(&good);
	for (unsigned type = 0; type < 10; type++) {
		for (size_t n = 0; n < s.n; n++) {
			char *cut = memcpy(malloc(n + 1), s.p, n + 1);
			struct box inner = {.fd = b->fd};

			cut[0] = (char)type;
			sbuf_clear(&file);
			sbuf_str(&file, o.bytes);
			sbuf_str(&file, frame_of(&frame, (struct str){cut, n}));
			set_content(b, "log", sbuf_view(&file));
			l = open_log(&inner, true);
			/* Whatever it did to task-0, a record that is there is one that makes sense, and the others are
			 * untouched. */
			assert_done(l, STR("task-1"), 1);
			if (find(l, STR("task-0")))
				assert_done(l, STR("task-0"), 0);
			log_open_start(l, WF, STR("task-0"));
			log_close(l);
			arena_free(&inner.arena);
			free(cut);
		}
	}
	sbuf_free(&good);
	sbuf_free(&frame);
	sbuf_free(&file);
}

static void a_file_full_of_false_frames_takes_no_quadratic_time(void **state)
{
	enum { SIZE = 8 << 20 };
	struct box *b = *state;
	char *p = calloc(1, SIZE);
	int64_t began_ns;
	struct log *l;

	for (size_t at = 0; at + 8 < SIZE; at += 8) {
		uint32_t length = (uint32_t)(SIZE - at - FRAME_EXTRA);

		memcpy(p + at, frame_magic, 4);
		memcpy(p + at + 4, &length, 4);
	}
	set_content(b, "log", (struct str){p, SIZE});
	free(p);
	began_ns = clock_ns();
	l = open_log(b, true);
	assert_true(log_damaged(l));
	log_close(l);
	assert_true(clock_ns() - began_ns < 20 * NS_PER_S); /* quadratic: half an hour */
}

/* ---- things in the place of the log ---- */

/* `log` is something else: reading passes over it, a run moves it to log.bad and goes on. */
static void check_foreign(struct box *b, const char *word)
{
	struct log *l = open_log(b, true);

	assert_true(log_damaged(l));
	assert_true(str_find(b->note, str_of(word), 0) < b->note.n);
	assert_null(find(l, STR("t")));
	log_close(l);
	assert_false(is_there(b, "log.bad"));
	l = open_log(b, false);
	assert_true(log_damaged(l));
	assert_true(str_find(b->note, STR(".axmake/log.bad"), 0) < b->note.n);
	done(l, STR("t"), 1);
	assert_int_equal(log_close(l), 0);
	assert_true(is_there(b, "log.bad"));
	l = open_log(b, true);
	assert_int_equal(b->note.n, 0);
	assert_done(l, STR("t"), 1);
	log_close(l);
	os_remove_tree(b->fd, "log");
	os_remove_tree(b->fd, "log.bad");
}

static void what_is_no_log_is_moved_aside(void **state)
{
	struct box *b = *state;
	char noise[4096];

	for (size_t i = 0; i < sizeof noise; i++)
		noise[i] = (char)(i * 2654435761U >> 13);
	set_content(b, "log", (struct str){noise, sizeof noise});
	check_foreign(b, "is not a build log");
	set_content(b, "log", STR("x"));
	check_foreign(b, "is not a build log");
	assert_int_equal(mkdirat(b->fd, "log", 0700), 0);
	assert_int_equal(mkdirat(b->fd, "log/sub", 0700), 0);
	check_foreign(b, "is not a build log");
	assert_int_equal(mkfifoat(b->fd, "log", 0600), 0);
	check_foreign(b, "is not a build log");
}

static void a_link_in_place_of_the_log_is_never_written_through(void **state)
{
	struct box *b = *state;

	set_content(b, "victim", STR("precious"));
	assert_int_equal(symlinkat("victim", b->fd, "log"), 0);
	check_foreign(b, "is not a build log");
	assert_str(content(b, "victim"), STR("precious"));
}

static void a_log_of_another_version_is_moved_aside(void **state)
{
	struct box *b = *state;
	struct original o = make_original(b);
	char *p = memcpy(malloc(o.bytes.n), o.bytes.p, o.bytes.n), *at = p;

	while ((at = memmem(at, (size_t)(p + o.bytes.n - at), frame_magic, 4)))
		at[3] = 2;
	set_content(b, "log", (struct str){p, o.bytes.n});
	free(p);
	check_foreign(b, "another version");
}

static void a_folder_called_log_bad_gives_way(void **state)
{
	struct box *b = *state;
	struct log *l;

	assert_int_equal(mkdirat(b->fd, "log.bad", 0700), 0);
	assert_int_equal(mkdirat(b->fd, "log.bad/x", 0700), 0);
	set_content(b, "log", STR("noise"));
	l = open_log(b, false);
	log_close(l);
	assert_str(content(b, "log.bad"), STR("noise"));
}

/* As root nothing is unreadable: be somebody else meanwhile. */
static void be_user(bool on)
{
	if (getuid())
		return;
	assert_int_equal(seteuid(on ? 65534 : 0), 0);
}

static void what_may_not_be_opened_is_an_error_with_its_reason(void **state)
{
	struct box *b = *state;

	set_content(b, "log", STR(""));
	assert_int_equal(fchmodat(b->fd, "log", 0, 0), 0);
	assert_int_equal(fchmod(b->fd, 0755), 0);
	be_user(true);
	assert_null(log_open(&b->arena, b->fd, true, &b->note));
	assert_str(b->note, STR("cannot open .axmake/log: Permission denied"));
	assert_null(log_open(&b->arena, b->fd, false, &b->note));
	assert_str(b->note, STR("cannot open .axmake/log: Permission denied"));
	be_user(false);
	assert_int_equal(unlinkat(b->fd, "log", 0), 0);
	assert_int_equal(fchmod(b->fd, 0555), 0);
	be_user(true);
	assert_null(log_open(&b->arena, b->fd, false, &b->note));
	assert_str(b->note, STR("cannot open .axmake/log: Permission denied"));
	be_user(false);
	assert_int_equal(fchmod(b->fd, 0700), 0);
}

static void limit_file_size(rlim_t n)
{
	struct rlimit r;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &r), 0);
	r.rlim_cur = n < r.rlim_max ? n : r.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

/* Every length at which the disk is full within a record. */
static void a_full_disk_leaves_whole_frames_and_ends_the_writing(void **state)
{
	struct box *b = *state;
	struct original o = make_original(b);
	struct task_record r = sample(&b->arena, 40);
	size_t room = 0;
	int err = EFBIG;

	signal(SIGXFSZ, SIG_IGN);
	for (; err; room++) {
		struct log *l;

		set_content(b, "log", o.bytes);
		l = open_log(b, false);
		limit_file_size(o.bytes.n + room);
		err = log_done(l, &r);
		if (err) {
			assert_int_equal(err, EFBIG);
			assert_null(find(l, r.name));
			limit_file_size(RLIM_INFINITY);
			/* Room again: but what was lost between stays lost, so nothing more is written. */
			assert_int_equal(log_start(l, WF, STR("later"), 1, 1), EFBIG);
			assert_false(log_open_start(l, WF, STR("later")).open);
			assert_done(l, STR("task-3"), 3);
		}
		limit_file_size(RLIM_INFINITY);
		assert_int_equal(log_close(l), err);
		if (err)
			assert_str(content(b, "log"), o.bytes);
	}
	assert_true(room > 200);
	signal(SIGXFSZ, SIG_DFL);
}

static void mending_on_a_full_disk_fails_and_loses_nothing(void **state)
{
	struct box *b = *state;
	struct original o = make_original(b);
	struct str damaged = str_sub(o.bytes, 3, o.bytes.n);

	set_content(b, "log", damaged);
	signal(SIGXFSZ, SIG_IGN);
	limit_file_size(100);
	assert_null(log_open(&b->arena, b->fd, false, &b->note));
	limit_file_size(RLIM_INFINITY);
	signal(SIGXFSZ, SIG_DFL);
	assert_str(b->note, STR("cannot mend .axmake/log: File too large"));
	assert_str(content(b, "log"), damaged);
	assert_false(is_there(b, "log.new"));
	check_mending(b, &o, damaged, 0, 1);
}

#define IN_BOX(test) cmocka_unit_test_setup_teardown(test, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    IN_BOX(a_log_cut_anywhere_keeps_all_frames_before_the_cut),
	    IN_BOX(a_flipped_byte_costs_its_own_frame_only),
	    IN_BOX(an_inverted_byte_costs_its_own_frame_only),
	    IN_BOX(a_frame_that_comes_again_brings_nothing_back),
	    IN_BOX(a_number_that_nothing_could_follow_is_no_record_s),
	    IN_BOX(what_went_leaves_no_gap_that_cannot_be_read),
	    IN_BOX(a_lost_frame_brings_back_the_success_before_it),
	    IN_BOX(garbage_between_and_behind_frames_is_passed_over),
	    IN_BOX(senseless_payloads_with_good_checksums_do_no_harm),
	    IN_BOX(a_file_full_of_false_frames_takes_no_quadratic_time),
	    IN_BOX(what_is_no_log_is_moved_aside),
	    IN_BOX(a_link_in_place_of_the_log_is_never_written_through),
	    IN_BOX(a_log_of_another_version_is_moved_aside),
	    IN_BOX(a_folder_called_log_bad_gives_way),
	    IN_BOX(what_may_not_be_opened_is_an_error_with_its_reason),
	    IN_BOX(a_full_disk_leaves_whole_frames_and_ends_the_writing),
	    IN_BOX(mending_on_a_full_disk_fails_and_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
