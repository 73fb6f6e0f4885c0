#include "process_fixture.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include "base/os.h"
#include "run/capture.h"

static char folder[] = "/tmp/axmake-capture-XXXXXX";

struct seen {
	struct sbuf data[2];
	uint64_t bytes[2];
	size_t pieces, biggest, ends;
	int err;
	char err_path[200];
	bool keep; /* the data, not just the counts */
};

struct fixture {
	struct loop *loop;
	struct capture_watch *watch;
	int store;
	struct seen seen;
	struct capture *c;
	int child[2];
};

static void on_data(void *self, enum stream s, const char *p, size_t n)
{
	struct seen *seen = self;
	seen->bytes[s] += n;
	seen->pieces++;
	if (n > seen->biggest)
		seen->biggest = n;
	if (seen->keep)
		sbuf_add(&seen->data[s], p, n);
}

static void on_end(void *self)
{
	((struct seen *)self)->ends++;
}

static void on_error(void *self, int err, const char *path)
{
	struct seen *seen = self;
	assert_int_equal(seen->err, 0); /* told once */
	seen->err = err;
	snprintf(seen->err_path, sizeof seen->err_path, "%s", path);
}

static int set_up(void **state)
{
	static struct fixture f;
	f = (struct fixture){.loop = loop_new(), .seen.keep = true};
	f.store = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f.watch = f.loop ? capture_watch_new(f.loop) : NULL;
	*state = &f;
	return f.watch && f.store >= 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	capture_free(f->c);
	capture_watch_free(f->watch);
	loop_free(f->loop);
	sbuf_free(&f->seen.data[0]);
	sbuf_free(&f->seen.data[1]);
	int err = os_remove_tree(f->store, "tasks");
	close(f->store);
	return err;
}

static void open_named(struct fixture *f, bool files, const char *dir)
{
	capture_free(f->c);
	struct capture_config config = {.loop = f->loop,
	                                .watch = f->watch,
	                                .store_fd = f->store,
	                                .dir = dir,
	                                .files = files,
	                                .on_data = on_data,
	                                .on_end = on_end,
	                                .on_error = on_error,
	                                .self = &f->seen};
	assert_int_equal(capture_open(&config, &f->c, f->child), 0);
}

static void open_one(struct fixture *f, bool files)
{
	open_named(f, files, "tasks/t");
}

static void say(const struct fixture *f, enum stream s, const char *text)
{
	assert_int_equal(os_write_all(f->child[s], text, strlen(text)), 0);
}

/* Says it, and lets the capture read it. */
static void say_and_turn(const struct fixture *f, enum stream s, const char *text)
{
	say(f, s, text);
	assert_int_equal(loop_turn(f->loop, true), 0);
}

static struct capture_sizes finish(struct fixture *f, bool complete)
{
	capture_started(f->c);
	bool all = capture_drain(f->c);
	while (capture_behind(f->c))
		all = capture_drain_on(f->c);
	assert_int_equal(all, complete);
	assert_int_equal(capture_finish(f->c), 0);
	struct capture_sizes r = capture_result(f->c);
	assert_true(r.tail.n <= 4096);
	return r;
}

static const char *path_of(const char *name)
{
	static char path[200];
	snprintf(path, sizeof path, "%s/tasks/t/%s", folder, name);
	return path;
}

static bool exists(const char *name)
{
	struct stat st;
	return lstat(path_of(name), &st) == 0;
}

static void expect_file(const char *name, const char *content)
{
	if (!content) {
		assert_false(exists(name));
		return;
	}
	assert_true(exists(name));
	assert_string_equal(slurp(path_of(name)), content);
}

static void expect_files(const char *out, const char *err, const char *both)
{
	expect_file("stdout", out);
	expect_file("stderr", err);
	expect_file("output", both);
}

static bool is_hash_of(struct hash128 h, const char *text)
{
	return hash_eq(h, hash_bytes(text, strlen(text)));
}

static void a_silent_task_leaves_no_folder(void **state)
{
	struct fixture *f = *state;
	open_one(f, false);
	struct capture_sizes r = finish(f, true);
	assert_true(r.out == 0 && r.err == 0 && !r.both && r.first_byte_ns == -1 && r.tail.n == 0);
	assert_true(is_hash_of(r.out_hash, ""));
	assert_int_equal(faccessat(f->store, "tasks", F_OK, 0), -1);
}

/* Where a folder stands by then though there was none before, somebody else has made it for himself. */
static void a_silent_task_looks_for_no_folder_where_there_was_none(void **state)
{
	struct fixture *f = *state;
	for (int bare = 0; bare < 2; bare++) {
		struct capture_config config = {.loop = f->loop, .watch = f->watch, .store_fd = f->store, .dir = "tasks/t", .bare = bare, .self = &f->seen};
		capture_free(f->c);
		assert_int_equal(os_mkdirs(f->store, "tasks/t", 0700), 0);
		assert_int_equal(os_replace_file(f->store, "tasks/t/stdout", 0600, STR("old")), 0);
		assert_int_equal(capture_open(&config, &f->c, f->child), 0);
		finish(f, true);
		assert_int_equal(exists("stdout"), bare);
	}
}

static void one_stream_makes_one_file(void **state)
{
	struct fixture *f = *state;
	for (int s = 0; s < 2; s++) {
		int64_t before = clock_ns();
		open_one(f, false);
		say(f, (enum stream)s, "hello\n");
		struct capture_sizes r = finish(f, true);
		expect_files(s ? NULL : "hello\n", s ? "hello\n" : NULL, NULL);
		assert_false(r.both);
		assert_int_equal(s ? r.err : r.out, 6);
		assert_true(is_hash_of(r.out_hash, s ? "" : "hello\n"));
		assert_true(str_eq(r.tail, STR("hello\n")));
		assert_true(r.first_byte_ns >= before && r.first_byte_ns <= clock_ns());
	}
	assert_string_equal(f->seen.data[0].p, "hello\n");
	assert_string_equal(f->seen.data[1].p, "hello\n");
}

static void both_streams_are_kept_in_the_order_read(void **state)
{
	struct fixture *f = *state;
	open_one(f, false);
	say_and_turn(f, STREAM_OUT, "one ");
	say_and_turn(f, STREAM_ERR, "two ");
	say_and_turn(f, STREAM_OUT, "three ");
	assert_int_equal(faccessat(f->store, "tasks", F_OK, 0), -1); /* little is held back */
	struct capture_sizes r = finish(f, true);
	expect_files("one three ", "two ", "one two three ");
	assert_true(r.both && r.out == 10 && r.err == 4);
	assert_true(str_eq(r.tail, STR("one two three ")));
	assert_true(is_hash_of(r.out_hash, "one three "));
}

static char *letters(size_t n, char first)
{
	char *p = malloc(n + 1);
	for (size_t i = 0; i < n; i++)
		p[i] = (char)(first + i % 20);
	p[n] = '\0';
	return p;
}

static void the_second_streams_first_byte_after_much_copies_the_first(void **state)
{
	struct fixture *f = *state;
	char *big = letters(20000, 'a'), *expected = malloc(30000);
	for (int s = 0; s < 2; s++) {
		open_one(f, false);
		say_and_turn(f, (enum stream)s, big);
		assert_false(exists("output"));
		say_and_turn(f, (enum stream) !s, "!");
		say_and_turn(f, (enum stream)s, "end");
		struct capture_sizes r = finish(f, true);
		sprintf(expected, "%s!end", big);
		expect_file("output", expected);
		assert_true(r.both);
		assert_memory_equal(r.tail.p, expected + strlen(expected) - 4096, 4096);
		sprintf(expected, "%send", big);
		expect_file(s ? "stderr" : "stdout", expected);
		assert_true(is_hash_of(r.out_hash, s ? "!" : expected));
	}
	free(big);
	free(expected);
}

static void sizes_around_the_limit_of_what_is_held_are_whole(void **state)
{
	struct fixture *f = *state;
	const size_t sizes[] = {4094, 4095, 4096, 4097, 8191, 8192, 8193, 65535};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		for (size_t parts = 1; parts <= 2; parts++) {
			char *text = letters(sizes[i], 'A');
			open_one(f, false);
			for (size_t part = 0; part < parts; part++) {
				size_t from = sizes[i] * part / parts, to = sizes[i] * (part + 1) / parts;
				assert_int_equal(os_write_all(f->child[0], text + from, to - from), 0);
				assert_int_equal(loop_turn(f->loop, true), 0);
			}
			struct capture_sizes r = finish(f, true);
			expect_files(text, NULL, NULL);
			assert_true(is_hash_of(r.out_hash, text));
			size_t tail = sizes[i] < 4096 ? sizes[i] : 4096;
			assert_int_equal(r.tail.n, tail);
			assert_memory_equal(r.tail.p, text + sizes[i] - tail, tail);
			free(text);
		}
	}
}

static void bytes_one_at_a_time_of_both_streams_are_whole(void **state)
{
	struct fixture *f = *state;
	char *text = letters(10000, 'a');
	open_one(f, false);
	for (size_t i = 0; i < 10000; i++) {
		const char one[] = {text[i], '\0'};
		say_and_turn(f, (enum stream)(i % 3 == 0), one);
	}
	struct capture_sizes r = finish(f, true);
	expect_file("output", text);
	assert_int_equal(r.out + r.err, 10000);
	assert_int_equal(r.err, 3334);
	assert_memory_equal(r.tail.p, text + 10000 - 4096, 4096);
	free(text);
}

static void what_a_running_task_printed_can_be_read_after_a_second(void **state)
{
	struct fixture *f = *state;
	open_one(f, false);
	say_and_turn(f, STREAM_OUT, "working");
	assert_false(exists("stdout"));
	int64_t from = clock_ns();
	assert_int_equal(loop_turn(f->loop, true), 0); /* the timer's */
	assert_true(clock_ns() - from < 3 * NS_PER_S);
	expect_file("stdout", "working");
	say_and_turn(f, STREAM_ERR, ", failed");
	expect_files("working", ", failed", "working, failed");
	finish(f, true);
}

static void files_of_an_earlier_run_go_and_are_never_written_to(void **state)
{
	struct fixture *f = *state;
	char link_path[200];
	snprintf(link_path, sizeof link_path, "%s/linked", folder);
	open_one(f, false);
	say_and_turn(f, STREAM_OUT, "old");
	say(f, STREAM_ERR, "old");
	finish(f, true);
	assert_int_equal(link(path_of("stdout"), link_path), 0);
	open_one(f, false);
	say(f, STREAM_OUT, "new");
	finish(f, true);
	expect_files("new", NULL, NULL);
	assert_string_equal(slurp(link_path), "old");
	unlink(link_path);
	open_one(f, false);
	finish(f, true); /* now silent */
	assert_false(exists("."));
}

static void a_silent_task_keeps_a_result_of_others_in_its_folder(void **state)
{
	struct fixture *f = *state;
	open_one(f, false);
	say(f, STREAM_OUT, "old");
	finish(f, true);
	close(open(path_of("result"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	open_one(f, false);
	finish(f, true);
	expect_files(NULL, NULL, NULL);
	assert_true(exists("result"));
}

static pid_t start_writer(struct fixture *f, const char *script)
{
	char *argv[] = {"/bin/sh", "-c", (char *)script, NULL}, *envp[] = {"PATH=/usr/bin:/bin", NULL};
	struct spawn s = spawn_plain(argv, envp);
	s.out = f->child[0];
	s.err = f->child[1];
	pid_t pid = start(&s);
	close(s.in);
	capture_started(f->c);
	return pid;
}

static void until_ended(struct fixture *f, pid_t pid)
{
	int status;
	while (waitpid(pid, &status, WNOHANG) == 0)
		assert_int_equal(loop_turn(f->loop, true), 0);
}

/* The process whose number a task printed. */
static void kill_named_in(const char *name)
{
	int pid = atoi(slurp(path_of(name)));
	assert_true(pid > 1);
	kill(pid, SIGKILL);
}

static void a_grandchild_that_holds_the_pipe_does_not_hold_the_capture(void **state)
{
	struct fixture *f = *state;
	open_one(f, false);
	pid_t pid = start_writer(f, "sleep 1000 & echo $!");
	until_ended(f, pid);
	struct capture_sizes r = finish(f, false);
	assert_true(r.out > 1);
	kill_named_in("stdout");
}

static void the_end_of_pipes_that_somebody_held_a_moment_is_told_once(void **state)
{
	struct fixture *f = *state;
	open_one(f, false);
	int held[2] = {dup(f->child[0]), dup(f->child[1])};
	capture_started(f->c);
	assert_false(capture_drain(f->c));
	assert_int_equal(f->seen.ends, 0);
	close(held[0]);
	assert_int_equal(loop_turn(f->loop, true), 0);
	assert_int_equal(f->seen.ends, 0);
	close(held[1]);
	assert_int_equal(loop_turn(f->loop, true), 0);
	assert_int_equal(f->seen.ends, 1);
	assert_true(capture_drain(f->c));
	assert_int_equal(f->seen.ends, 1);
}

static void a_grandchild_that_floods_the_pipe_does_not_hold_the_drain(void **state)
{
	struct fixture *f = *state;
	f->seen.keep = false;
	open_one(f, false);
	pid_t pid = start_writer(f, "yes & echo $! >&2");
	until_ended(f, pid);
	finish(f, false);
	kill_named_in("stderr");
}

static long resident_kib(void)
{
	const char *at = strstr(slurp("/proc/self/status"), "VmRSS:");
	return at ? atol(at + 6) : 0;
}

static void much_comes_through_whole_with_flat_memory(void **state)
{
	struct fixture *f = *state;
	bool all = getenv("AXMAKE_TEST_GIB");
	uint64_t size = all ? 1ULL << 30 : 1ULL << 26;
	f->seen.keep = false;
	open_one(f, false);
	long before = resident_kib();
	pid_t pid = start_writer(f, all ? "head -c 1073741824 /dev/zero" : "head -c 67108864 /dev/zero");
	until_ended(f, pid);
	struct capture_sizes r = finish(f, true);
	assert_true(resident_kib() - before < 4096);
	assert_int_equal(r.out, size);
	assert_int_equal(f->seen.bytes[0], size);
	assert_true(f->seen.biggest <= 65536);
	int fd = open(path_of("stdout"), O_RDONLY | O_CLOEXEC);
	struct hash128 h;
	uint64_t n;
	assert_int_equal(hash_fd(fd, &h, &n), 0);
	assert_int_equal(n, size);
	assert_true(hash_eq(h, r.out_hash));
	close(fd);
}

static void one_turn_reads_one_piece_of_a_flood(void **state)
{
	struct fixture *f = *state;
	open_one(f, false);
	fcntl(f->child[0], F_SETPIPE_SZ, 1 << 18);
	char *text = letters(200000, 'a');
	say_and_turn(f, STREAM_OUT, text);
	assert_int_equal(f->seen.bytes[STREAM_OUT], 65536);
	struct capture_sizes r = finish(f, true);
	assert_true(is_hash_of(r.out_hash, text));
	free(text);
}

/* All that a pipe holds, and nobody writes any more. */
static void the_end_behind_a_full_pipe_is_seen(void **state)
{
	struct fixture *f = *state;
	open_one(f, false);
	size_t room = (size_t)fcntl(f->child[0], F_GETPIPE_SZ);
	char *text = letters(room, 'a');
	say(f, STREAM_OUT, text);
	struct capture_sizes r = finish(f, true);
	assert_int_equal(r.out, room);
	free(text);
}

static void a_full_disk_is_told_once_and_the_program_is_read_on(void **state)
{
	struct fixture *f = *state;
	struct rlimit old, low;
	char *text = letters(50000, 'a');
	getrlimit(RLIMIT_FSIZE, &old);
	signal(SIGXFSZ, SIG_IGN);
	open_one(f, false);
	low = (struct rlimit){10000, old.rlim_max};
	setrlimit(RLIMIT_FSIZE, &low);
	say_and_turn(f, STREAM_OUT, text);
	say_and_turn(f, STREAM_ERR, "more");
	capture_started(f->c);
	assert_true(capture_drain(f->c));
	int err = capture_finish(f->c);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(err, EFBIG);
	assert_int_equal(f->seen.err, EFBIG);
	assert_string_equal(f->seen.err_path, "tasks/t/stdout");
	struct capture_sizes r = capture_result(f->c);
	assert_true(r.out == 50000 && r.err == 4);
	assert_true(is_hash_of(r.out_hash, text));
	assert_string_equal(f->seen.data[1].p, "more");
	free(text);
}

static void a_folder_that_cannot_be_made_is_told_with_its_path(void **state)
{
	struct fixture *f = *state;
	close(openat(f->store, "tasks", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	open_one(f, false);
	say(f, STREAM_OUT, "x");
	capture_started(f->c);
	capture_drain(f->c);
	assert_int_equal(capture_finish(f->c), ENOTDIR);
	assert_string_equal(f->seen.err_path, "tasks/t");
	unlinkat(f->store, "tasks", 0);
}

static void a_folder_replaced_by_a_link_is_not_followed(void **state)
{
	struct fixture *f = *state;
	mkdirat(f->store, "tasks", 0700);
	assert_int_equal(symlinkat("/tmp", f->store, "tasks/t"), 0);
	open_one(f, false);
	say(f, STREAM_OUT, "x");
	capture_started(f->c);
	capture_drain(f->c);
	assert_int_equal(capture_finish(f->c), ENOTDIR);
}

static void freeing_an_unfinished_capture_closes_all(void **state)
{
	struct fixture *f = *state;
	int probe = fcntl(f->store, F_DUPFD_CLOEXEC, 3);
	close(probe);
	for (int files = 0; files < 2; files++) {
		open_one(f, files);
		say_and_turn(f, STREAM_OUT, "x");
		capture_free(f->c);
		f->c = NULL;
		assert_int_equal(loop_turn(f->loop, false), 0);
		int now = fcntl(f->store, F_DUPFD_CLOEXEC, 3);
		assert_int_equal(now, probe);
		close(now);
	}
}

static void without_descriptors_opening_fails_cleanly(void **state)
{
	struct fixture *f = *state;
	struct rlimit old, low;
	getrlimit(RLIMIT_NOFILE, &old);
	int probe = fcntl(f->store, F_DUPFD_CLOEXEC, 3);
	close(probe);
	for (int files = 0; files < 2; files++)
		for (int room = 0; room < 4; room++) {
			struct capture_config config = {
			    .loop = f->loop, .watch = f->watch, .store_fd = f->store, .dir = "tasks/t", .files = files};
			struct capture *c = (void *)1;
			int child[2];
			low = (struct rlimit){(rlim_t)(probe + room), old.rlim_max};
			setrlimit(RLIMIT_NOFILE, &low);
			int err = capture_open(&config, &c, child);
			setrlimit(RLIMIT_NOFILE, &old);
			assert_int_equal(err, EMFILE);
			assert_null(c);
			int now = fcntl(f->store, F_DUPFD_CLOEXEC, 3);
			assert_int_equal(now, probe);
			close(now);
		}
}

/* Files */

static void turns_until(struct fixture *f, enum stream s, uint64_t bytes)
{
	int64_t end = clock_ns() + 10 * NS_PER_S;
	while (f->seen.bytes[s] < bytes && clock_ns() < end) {
		assert_int_equal(loop_turn(f->loop, false), 0);
		nap_ms(1);
	}
	assert_int_equal(f->seen.bytes[s], bytes);
}

static void files_are_read_as_they_grow(void **state)
{
	struct fixture *f = *state;
	open_one(f, true);
	expect_files("", "", NULL);
	assert_true(fcntl(f->child[0], F_GETFL) & O_APPEND);
	say(f, STREAM_OUT, "one ");
	turns_until(f, STREAM_OUT, 4);
	say(f, STREAM_ERR, "two ");
	turns_until(f, STREAM_ERR, 4);
	say(f, STREAM_OUT, "three");
	struct capture_sizes r = finish(f, true);
	expect_files("one three", "two ", "one two three");
	assert_true(r.both && r.out == 9 && r.err == 4 && is_hash_of(r.out_hash, "one three"));
	assert_true(str_eq(r.tail, STR("one two three")));
}

static void files_are_read_without_inotify_too(void **state)
{
	struct fixture *f = *state;
	struct capture_watch *watch = f->watch;
	f->watch = NULL;
	open_one(f, true);
	f->watch = watch;
	say(f, STREAM_OUT, "one ");
	turns_until(f, STREAM_OUT, 4);
	finish(f, true);
	expect_files("one ", "", NULL);
}

static void a_file_that_grows_by_much_is_read_in_pieces_to_its_end(void **state)
{
	struct fixture *f = *state;
	char *text = letters(1000000, 'a');
	f->seen.keep = false;
	open_one(f, true);
	say(f, STREAM_OUT, text);
	assert_int_equal(loop_turn(f->loop, true), 0);
	assert_true(f->seen.bytes[0] <= 65536);
	turns_until(f, STREAM_OUT, 1000000);
	assert_true(is_hash_of(finish(f, true).out_hash, text));
	free(text);
}

static void files_of_several_captures_are_told_apart(void **state)
{
	struct fixture *f = *state;
	struct fixture other = {.loop = f->loop, .watch = f->watch, .store = f->store, .seen.keep = true};
	open_one(f, true);
	open_named(&other, true, "tasks/u");
	say(f, STREAM_OUT, "mine");
	say(&other, STREAM_ERR, "yours");
	turns_until(f, STREAM_OUT, 4);
	turns_until(&other, STREAM_ERR, 5);
	say(&other, STREAM_ERR, "?");
	finish(&other, true); /* with an event still in the queue */
	say(f, STREAM_OUT, "!");
	turns_until(f, STREAM_OUT, 5);
	assert_int_equal(f->seen.bytes[1], 0);
	capture_free(other.c);
	sbuf_free(&other.seen.data[1]);
	finish(f, true);
}

static void a_program_that_cuts_its_own_file_is_read_again_from_the_start(void **state)
{
	struct fixture *f = *state;
	open_one(f, true);
	say(f, STREAM_OUT, "first and long\n");
	turns_until(f, STREAM_OUT, 15);
	until_ended(f, start_writer(f, "echo second > /dev/stdout"));
	struct capture_sizes r = finish(f, true);
	expect_file("stdout", "second\n");
	assert_int_equal(r.out, 7);
	assert_true(is_hash_of(r.out_hash, "second\n"));
	assert_true(strstr(f->seen.data[0].p, "second"));
}

static void a_process_left_behind_that_writes_on_does_not_hold_the_drain(void **state)
{
	struct fixture *f = *state;
	f->seen.keep = false;
	open_one(f, true);
	pid_t pid = start_writer(f, "yes & echo $! >&2; until [ -s /proc/self/fd/1 ]; do :; done");
	until_ended(f, pid);
	for (bool all = capture_drain(f->c); !all;)
		all = capture_drain_on(f->c);
	kill_named_in("stderr");
	struct capture_sizes r = finish(f, true);
	assert_true(r.both);
}

/* A hundred mebibytes, of which nothing was read yet, and a word after them. */
static void flood(struct fixture *f)
{
	f->seen.keep = false;
	open_one(f, true);
	assert_int_equal(ftruncate(f->child[0], 100 << 20), 0);
	say(f, STREAM_OUT, "last");
	capture_started(f->c);
}

static void much_is_drained_in_slices(void **state)
{
	struct fixture *f = *state;
	flood(f);
	assert_false(capture_drain(f->c));
	assert_true(capture_behind(f->c));
	int fd = open(path_of("stdout"), O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, 200 << 20), 0); /* by somebody who is not waited for */
	close(fd);
	int slices = 1;
	while (!capture_drain_on(f->c))
		slices++;
	assert_int_equal(slices, 6);
	assert_false(capture_behind(f->c));
	assert_true(f->seen.bytes[STREAM_OUT] < 101 << 20);
	assert_int_equal(capture_finish(f->c), 0);
	assert_int_equal(f->seen.bytes[STREAM_OUT], 200 << 20);
	assert_int_equal(capture_result(f->c).out, 200 << 20);
}

static void what_is_skipped_is_kept_and_not_passed_on(void **state)
{
	struct fixture *f = *state;
	flood(f);
	assert_false(capture_drain(f->c));
	capture_skip(f->c);
	assert_true(capture_drain_on(f->c));
	assert_int_equal(capture_finish(f->c), 0);
	assert_true(f->seen.bytes[STREAM_OUT] < 17 << 20);
	assert_int_equal(capture_result(f->c).out, (100 << 20) + 4);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

#define capture_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static void writing_ends_of_pipes_stay_until_the_program_has_ended(void **state)
{
	struct fixture *f = *state;
	open_one(f, false);
	capture_started(f->c);
	assert_true(fcntl(f->child[0], F_GETFD) >= 0 && fcntl(f->child[1], F_GETFD) >= 0);
	assert_true(capture_drain(f->c));
	assert_true(fcntl(f->child[0], F_GETFD) < 0 && fcntl(f->child[1], F_GETFD) < 0);
	assert_int_equal(capture_finish(f->c), 0);
	/* An agent's files need no such thing. */
	open_one(f, true);
	capture_started(f->c);
	assert_true(fcntl(f->child[0], F_GETFD) < 0 && fcntl(f->child[1], F_GETFD) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    capture_test(a_silent_task_leaves_no_folder),
	    capture_test(a_silent_task_looks_for_no_folder_where_there_was_none),
	    capture_test(writing_ends_of_pipes_stay_until_the_program_has_ended),
	    capture_test(one_stream_makes_one_file),
	    capture_test(both_streams_are_kept_in_the_order_read),
	    capture_test(the_second_streams_first_byte_after_much_copies_the_first),
	    capture_test(sizes_around_the_limit_of_what_is_held_are_whole),
	    capture_test(bytes_one_at_a_time_of_both_streams_are_whole),
	    capture_test(what_a_running_task_printed_can_be_read_after_a_second),
	    capture_test(files_of_an_earlier_run_go_and_are_never_written_to),
	    capture_test(a_silent_task_keeps_a_result_of_others_in_its_folder),
	    capture_test(a_grandchild_that_holds_the_pipe_does_not_hold_the_capture),
	    capture_test(the_end_of_pipes_that_somebody_held_a_moment_is_told_once),
	    capture_test(a_grandchild_that_floods_the_pipe_does_not_hold_the_drain),
	    capture_test(much_comes_through_whole_with_flat_memory),
	    capture_test(one_turn_reads_one_piece_of_a_flood),
	    capture_test(the_end_behind_a_full_pipe_is_seen),
	    capture_test(a_full_disk_is_told_once_and_the_program_is_read_on),
	    capture_test(a_folder_that_cannot_be_made_is_told_with_its_path),
	    capture_test(a_folder_replaced_by_a_link_is_not_followed),
	    capture_test(freeing_an_unfinished_capture_closes_all),
	    capture_test(without_descriptors_opening_fails_cleanly),
	    capture_test(files_are_read_as_they_grow),
	    capture_test(files_are_read_without_inotify_too),
	    capture_test(a_file_that_grows_by_much_is_read_in_pieces_to_its_end),
	    capture_test(files_of_several_captures_are_told_apart),
	    capture_test(a_program_that_cuts_its_own_file_is_read_again_from_the_start),
	    capture_test(a_process_left_behind_that_writes_on_does_not_hold_the_drain),
	    capture_test(much_is_drained_in_slices),
	    capture_test(what_is_skipped_is_kept_and_not_passed_on),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
