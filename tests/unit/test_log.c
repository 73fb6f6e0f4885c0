/* The build log: what is written comes back, whatever happens to the file between. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/os.h"
#include "state/frame.h"
#include "state/log.h"
#include "state/record.h"

#define WF STR("w.ax.yaml")

/* A folder of its own for each test. */
struct box {
	char path[64];
	int fd;
	struct arena arena;
	struct str note;
};

static int box_setup(void **state)
{
	struct box *b = calloc(1, sizeof *b);

	strcpy(b->path, "/tmp/axmake-log-XXXXXX");
	if (!mkdtemp(b->path))
		return -1;
	b->fd = open(b->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = b;
	return b->fd < 0;
}

static int box_teardown(void **state)
{
	struct box *b = *state;

	arena_free(&b->arena);
	close(b->fd);
	os_remove_tree(AT_FDCWD, b->path);
	free(b);
	return 0;
}

static struct log *open_log(struct box *b, bool read_only)
{
	struct log *l = log_open(&b->arena, b->fd, read_only, &b->note);

	assert_non_null(l);
	return l;
}

static struct str content(struct box *b, const char *name)
{
	struct str s = STR_NONE;

	assert_int_equal(os_read_file(&b->arena, b->fd, name, SIZE_MAX, &s), 0);
	return s;
}

static void set_content(struct box *b, const char *name, struct str s)
{
	assert_int_equal(os_replace_file(b->fd, name, 0600, s), 0);
}

static bool is_there(struct box *b, const char *name)
{
	struct stat st;

	return !fstatat(b->fd, name, &st, AT_SYMLINK_NOFOLLOW);
}

/* A record whose every field hangs on i. */
static struct task_record sample(struct arena *a, unsigned i)
{
	struct task_record r = {.workflow = WF, .name = arena_printf(a, "task-%u", i)};

	r.signature = hash_bytes(&i, sizeof i);
	r.start_id = 1000 + i;
	r.provider = i % 2 ? arena_printf(a, "provider-%u", i) : STR_NONE;
	r.ended_at_ms = 1700000000000 + i;
	r.duration_ns = i * 7;
	r.first_byte_ns = i % 3 ? (int64_t)i : -1;
	r.tries = i + 1;
	r.flags = (uint8_t)(i % 4);
	r.input_tokens = i % 2 ? (int64_t)i : -1;
	r.output_tokens = INT64_MAX - i;
	r.cache_read_tokens = -1;
	r.cache_write_tokens = i;
	r.cost_usd = i % 2 ? i * 0.25 : NAN;
	r.has_result = i % 2;
	r.result = hash_bytes("x", i % 2);
	r.result_size = i;
	r.n_outputs = i % 3;
	r.n_edits = i % 2;
	r.outputs = arena_array(a, struct output_record, 3);
	r.edits = arena_array(a, struct output_record, 3);
	for (unsigned k = 0; k < 3; k++) {
		r.outputs[k] = (struct output_record){arena_printf(a, "out/%u/%u", i, k), {i, k}, (uint8_t)k};
		r.edits[k] = (struct output_record){arena_printf(a, "edit/%u/%u", i, k), {k, i}, (uint8_t)(2 - k)};
	}
	r.fields = arena_printf(a, "fields\xA5xl\x01%c%u", 0, i);
	return r;
}

static void assert_str(struct str a, struct str b)
{
	assert_true(str_eq(a, b));
}

static void assert_outputs(const struct output_record *a, size_t n_a, const struct output_record *b, size_t n_b)
{
	assert_int_equal(n_a, n_b);
	for (size_t i = 0; i < n_a; i++) {
		assert_str(a[i].path, b[i].path);
		assert_true(hash_eq(a[i].hash, b[i].hash));
		assert_int_equal(a[i].kind, b[i].kind);
	}
}

static void assert_record(const struct task_record *a, const struct task_record *b)
{
	assert_non_null(a);
	assert_str(a->workflow, b->workflow);
	assert_str(a->name, b->name);
	assert_true(hash_eq(a->signature, b->signature));
	assert_int_equal(a->start_id, b->start_id);
	assert_str(a->provider, b->provider);
	assert_int_equal(a->ended_at_ms, b->ended_at_ms);
	assert_int_equal(a->duration_ns, b->duration_ns);
	assert_int_equal(a->first_byte_ns, b->first_byte_ns);
	assert_int_equal(a->tries, b->tries);
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->input_tokens, b->input_tokens);
	assert_int_equal(a->output_tokens, b->output_tokens);
	assert_int_equal(a->cache_read_tokens, b->cache_read_tokens);
	assert_int_equal(a->cache_write_tokens, b->cache_write_tokens);
	assert_memory_equal(&a->cost_usd, &b->cost_usd, sizeof a->cost_usd);
	assert_int_equal(a->has_result, b->has_result);
	assert_true(hash_eq(a->result, b->result));
	assert_int_equal(a->result_size, b->result_size);
	assert_outputs(a->outputs, a->n_outputs, b->outputs, b->n_outputs);
	assert_outputs(a->edits, a->n_edits, b->edits, b->n_edits);
	assert_str(a->fields, b->fields);
}

static const struct task_record *find(struct log *l, struct str name)
{
	return log_find(l, WF, name);
}

static void done(struct log *l, struct str name, unsigned i)
{
	struct arena a = {0};
	struct task_record r = sample(&a, i);

	r.name = name;
	assert_int_equal(log_done(l, &r), 0);
	arena_free(&a);
}

static void assert_done(struct log *l, struct str name, unsigned i)
{
	struct arena a = {0};
	struct task_record r = sample(&a, i);

	r.name = name;
	assert_record(find(l, name), &r);
	arena_free(&a);
}

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

/* ---- damage ---- */

enum { TASKS = 12 };

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
			/* Whatever it did to task-0, a record that is there is one that makes sense, and the others are untouched. */
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
	enum { RECORDS = 3000 };
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
		IN_BOX(a_rename_takes_all_along_and_no_youth),
		IN_BOX(each_visits_the_successes_of_one_workflow),
		IN_BOX(file_hashes_wait_for_the_next_record),
		IN_BOX(many_file_hashes_go_out_in_frames_of_bounded_size),
		IN_BOX(reading_writes_nothing),
		IN_BOX(a_log_cut_anywhere_keeps_all_frames_before_the_cut),
		IN_BOX(a_flipped_byte_costs_its_own_frame_only),
		IN_BOX(an_inverted_byte_costs_its_own_frame_only),
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
		IN_BOX(a_log_mostly_dead_is_written_anew),
		IN_BOX(new_records_are_younger_than_all_kept_ones),
		IN_BOX(a_reader_beside_a_writer_sees_whole_records_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
