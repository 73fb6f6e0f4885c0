/* Hashes of files: remembered when that is safe, and never believed when it is not. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/os.h"
#include "state/filehash.h"

struct box {
	char path[64];
	int fd, state_fd;
	struct arena arena;
	struct log *log;
	struct filehash *fh;
};

static void begin_run(struct box *b)
{
	struct str note;

	b->log = log_open(&b->arena, b->state_fd, false, &note);
	assert_non_null(b->log);
	assert_int_equal(note.n, 0);
	b->fh = filehash_new(&b->arena, b->fd, b->log);
}

static void end_run(struct box *b)
{
	filehash_free(b->fh);
	assert_int_equal(log_close(b->log), 0);
}

static void next_run(struct box *b)
{
	end_run(b);
	begin_run(b);
}

static int box_setup(void **state)
{
	struct box *b = calloc(1, sizeof *b);

	strcpy(b->path, "/tmp/axmake-fh-XXXXXX");
	if (!mkdtemp(b->path))
		return -1;
	b->fd = open(b->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	mkdirat(b->fd, ".axmake", 0700);
	b->state_fd = openat(b->fd, ".axmake", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	begin_run(b);
	*state = b;
	return 0;
}

static int box_teardown(void **state)
{
	struct box *b = *state;

	end_run(b);
	arena_free(&b->arena);
	close(b->state_fd);
	close(b->fd);
	os_remove_tree(AT_FDCWD, b->path);
	free(b);
	return 0;
}

/* Writes in place, so that the inode stays. */
static void put(struct box *b, const char *path, const char *text)
{
	int fd = openat(b->fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(os_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static void stamp(struct box *b, const char *path, int64_t mtime_ns)
{
	struct timespec t[2] = {{0, UTIME_OMIT}, {mtime_ns / NS_PER_S, mtime_ns % NS_PER_S}};

	assert_int_equal(utimensat(b->fd, path, t, 0), 0);
}

static void sleep_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

static struct filehash_file *file(struct box *b, const char *path)
{
	return filehash_file(b->fh, str_of(path));
}

static void assert_hash(struct box *b, const char *path, bool fresh, const char *text)
{
	struct filehash_file *f = file(b, path);

	assert_int_equal(filehash_hash(b->fh, f, fresh), FILE_REGULAR);
	assert_true(f->hashed);
	assert_true(hash_eq(f->hash, hash_bytes(text, strlen(text))));
}

/* Is a hash of the path in the log? */
static bool recorded(struct box *b, const char *path)
{
	struct file_stat st;
	struct hash128 h;

	return log_file_get(b->log, str_of(path), &st, &h);
}

/* Puts a false hash into the log for the file as it is: whoever gives it back has believed the log. */
static void plant(struct box *b, const char *path)
{
	struct filehash_file *f = file(b, path);

	assert_int_equal(filehash_look(b->fh, f, true), FILE_REGULAR);
	log_file_put(b->log, f->path, &f->stat, (struct hash128){1, 1});
}

static bool believes_planted(struct box *b, const char *path)
{
	struct filehash_file *f;

	next_run(b);
	f = file(b, path);
	assert_int_equal(filehash_hash(b->fh, f, false), FILE_REGULAR);
	return f->hash.lo == 1 && f->hash.hi == 1;
}

static void kinds_of_files_are_told_apart(void **state)
{
	struct box *b = *state;

	put(b, "f", "text");
	mkdirat(b->fd, "d", 0700);
	mkfifoat(b->fd, "p", 0600);
	assert_int_equal(symlinkat("f", b->fd, "to-f"), 0);
	assert_int_equal(symlinkat("d", b->fd, "to-d"), 0);
	assert_int_equal(symlinkat("nowhere", b->fd, "dangling"), 0);
	assert_int_equal(symlinkat("loop", b->fd, "loop"), 0);
	assert_int_equal(filehash_hash(b->fh, file(b, "f"), false), FILE_REGULAR);
	assert_int_equal(filehash_hash(b->fh, file(b, "d"), false), FILE_FOLDER);
	assert_int_equal(filehash_hash(b->fh, file(b, "p"), false), FILE_SPECIAL);
	assert_int_equal(filehash_hash(b->fh, file(b, "to-f"), false), FILE_REGULAR);
	assert_int_equal(filehash_look(b->fh, file(b, "to-d"), false), FILE_FOLDER);
	assert_int_equal(filehash_hash(b->fh, file(b, "none"), false), FILE_MISSING);
	assert_int_equal(filehash_hash(b->fh, file(b, "f/below"), false), FILE_MISSING);
	assert_int_equal(filehash_hash(b->fh, file(b, "dangling"), false), FILE_MISSING);
	assert_int_equal(filehash_hash(b->fh, file(b, "loop"), false), FILE_FAILED);
	assert_int_equal(file(b, "loop")->err, ELOOP);
	assert_int_equal(filehash_hash(b->fh, filehash_file(b->fh, (struct str){"f\0g", 3}), false), FILE_MISSING);
	assert_ptr_equal(file(b, "f"), file(b, "f"));
	assert_false(file(b, "p")->hashed);
}

static void unreadable_files_say_why(void **state)
{
	struct box *b = *state;
	struct str bad;
	struct hash128 h;
	size_t count;
	int err;

	mkdirat(b->fd, "d", 0755);
	put(b, "d/f", "text");
	assert_int_equal(fchmodat(b->fd, "d/f", 0, 0), 0);
	fchmod(b->fd, 0755);
	if (!getuid())
		assert_int_equal(seteuid(65534), 0);
	assert_int_equal(filehash_hash(b->fh, file(b, "d/f"), false), FILE_FAILED);
	assert_int_equal(file(b, "d/f")->err, EACCES);
	assert_int_equal(filehash_output(b->fh, STR("d/f"), &h, &err), FILE_FAILED);
	assert_int_equal(err, EACCES);
	assert_int_equal(filehash_tree(b->fh, STR("d"), NULL, &h, &err, &bad), FILE_FAILED);
	assert_int_equal(err, EACCES);
	assert_true(str_eq(bad, STR("d/f")));
	assert_int_equal(filehash_glob(b->fh, STR("d/*"), NULL, &h, &count, &err, &bad), FILE_FAILED);
	assert_int_equal(err, EACCES);
	assert_true(str_eq(bad, STR("d/f")));
	if (!getuid())
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(fchmodat(b->fd, "d/f", 0600, 0), 0);
	assert_hash(b, "d/f", true, "text");
	assert_int_equal(file(b, "d/f")->err, 0);
}

static void inputs_are_hashed_through_links_and_outside_the_root(void **state)
{
	struct box *b = *state;
	struct str outside = arena_printf(&b->arena, "%s-outside", b->path);

	put(b, "f", "one");
	assert_int_equal(symlinkat("f", b->fd, "link"), 0);
	assert_hash(b, "link", false, "one");
	put(b, outside.p, "far");
	assert_hash(b, outside.p, false, "far");
	assert_hash(b, arena_printf(&b->arena, "../%s", outside.p + strlen("/tmp/")).p, false, "far");
	unlink(outside.p);
}

static void a_file_is_looked_at_once_a_run_unless_fresh(void **state)
{
	struct box *b = *state;

	put(b, "f", "one");
	assert_hash(b, "f", false, "one");
	put(b, "f", "two!");
	assert_hash(b, "f", false, "one");
	assert_hash(b, "f", true, "two!");
	unlinkat(b->fd, "f", 0);
	assert_int_equal(filehash_look(b->fh, file(b, "f"), false), FILE_REGULAR);
	assert_int_equal(filehash_hash(b->fh, file(b, "f"), true), FILE_MISSING);
	assert_false(file(b, "f")->hashed);
	put(b, "f", "one");
	assert_hash(b, "f", true, "one");
}

static void an_old_file_is_hashed_once_for_all_runs(void **state)
{
	struct box *b = *state;

	put(b, "f", "text");
	sleep_ms(60);
	assert_hash(b, "f", false, "text");
	assert_true(recorded(b, "f"));
	next_run(b);
	assert_true(recorded(b, "f"));
	assert_hash(b, "f", false, "text");
	plant(b, "f");
	assert_true(believes_planted(b, "f"));
}

/* Of a short file that has to be read anyway its content is handed over, if that is wanted. */
static void the_content_of_a_short_output_is_handed_over(void **state)
{
	struct box *b = *state;
	struct filehash_part part;
	struct str large = {arena_text(&b->arena, FILEHASH_TEXT + 2), FILEHASH_TEXT + 1};
	int err;

	memset((char *)large.p, 'x', large.n);
	put(b, "short", "abc");
	put(b, "empty", "");
	assert_int_equal(os_replace_file(b->fd, "large", 0600, large), 0);
	assert_int_equal(os_replace_file(b->fd, "most", 0600, str_sub(large, 1, large.n)), 0);
	assert_int_equal(symlinkat("short", b->fd, "link"), 0);
	assert_int_equal(filehash_part(b->fh, &b->arena, STR("short"), true, &part, &err), FILE_REGULAR);
	assert_true(part.text.p && str_eq(part.text, STR("abc")) && hash_eq(part.content, hash_bytes("abc", 3)) && part.size == 3);
	assert_int_equal(filehash_part(b->fh, &b->arena, STR("empty"), true, &part, &err), FILE_REGULAR);
	assert_true(part.text.p && !part.text.n && part.kind == PART_FILE);
	assert_int_equal(filehash_part(b->fh, &b->arena, STR("most"), true, &part, &err), FILE_REGULAR);
	assert_true(part.text.n == FILEHASH_TEXT && hash_eq(part.content, hash_bytes(part.text.p, part.text.n)));
	assert_int_equal(filehash_part(b->fh, &b->arena, STR("large"), true, &part, &err), FILE_REGULAR);
	assert_true(!part.text.p && hash_eq(part.content, hash_bytes(large.p, large.n)));
	assert_int_equal(filehash_part(b->fh, &b->arena, STR("link"), true, &part, &err), FILE_REGULAR);
	assert_true(!part.text.p && part.kind == PART_LINK && str_eq(part.link, STR("short")));
	put(b, "short", "abcd");
	assert_int_equal(filehash_part(b->fh, &b->arena, STR("short"), false, &part, &err), FILE_REGULAR);
	assert_true(!part.text.p && hash_eq(part.content, hash_bytes("abcd", 4)));
}

static void a_file_just_changed_is_not_recorded(void **state)
{
	struct box *b = *state;

	put(b, "f", "text");
	assert_hash(b, "f", false, "text");
	assert_false(recorded(b, "f"));
	/* Fresh, later on: hashed once more, and then it can be. */
	sleep_ms(60);
	assert_hash(b, "f", true, "text");
	assert_true(recorded(b, "f"));
}

static void a_change_within_the_clock_s_tick_is_seen(void **state)
{
	struct box *b = *state;

	for (int i = 0; i < 200; i++) {
		put(b, "f", "aaaa");
		assert_hash(b, "f", true, "aaaa");
		put(b, "f", "bbbb"); /* the same size and inode, perhaps the same stamps */
		assert_hash(b, "f", true, "bbbb");
		put(b, "f", "cccc");
		next_run(b);
		assert_hash(b, "f", false, "cccc");
	}
}

static void a_change_behind_a_mtime_set_back_is_seen(void **state)
{
	struct box *b = *state;
	int64_t old_ns = clock_wall_ns() - 100 * NS_PER_S;

	put(b, "f", "aaaa");
	stamp(b, "f", old_ns);
	sleep_ms(60);
	assert_hash(b, "f", false, "aaaa");
	assert_true(recorded(b, "f"));
	put(b, "f", "bbbb");
	stamp(b, "f", old_ns);
	assert_hash(b, "f", true, "bbbb");
	next_run(b);
	assert_hash(b, "f", false, "bbbb");
}

static void whole_seconds_are_doubted_for_two_seconds(void **state)
{
	struct box *b = *state;

	int64_t old_ns = (clock_wall_ns() / NS_PER_S - 100) * NS_PER_S; /* ctime is now */

	put(b, "f", "text");
	stamp(b, "f", old_ns);
	put(b, "g", "text");
	stamp(b, "g", old_ns);
	sleep_ms(100);
	assert_hash(b, "f", false, "text");
	assert_false(recorded(b, "f"));
	plant(b, "g");
	assert_false(believes_planted(b, "g"));
	sleep_ms(2100);
	next_run(b);
	assert_hash(b, "f", false, "text");
	assert_true(recorded(b, "f"));
	assert_true(believes_planted(b, "g"));
}

static void stamps_of_the_future_are_not_believed(void **state)
{
	struct box *b = *state;

	put(b, "f", "text");
	stamp(b, "f", clock_wall_ns() + 3600 * NS_PER_S + 1);
	sleep_ms(60);
	assert_hash(b, "f", false, "text");
	assert_false(recorded(b, "f"));
	plant(b, "f");
	assert_false(believes_planted(b, "f"));
}

static void another_inode_or_size_is_hashed_again(void **state)
{
	struct box *b = *state;
	struct filehash_file *f = file(b, "f");
	struct file_stat st;

	put(b, "f", "text");
	sleep_ms(60);
	filehash_look(b->fh, f, true);
	for (int i = 0; i < 5; i++) {
		st = f->stat;
		st.size += i == 0;
		st.ino += i == 1;
		st.dev += i == 2;
		st.mtime_ns += i == 3;
		st.ctime_ns += i == 4;
		log_file_put(b->log, STR("f"), &st, (struct hash128){1, 1});
		assert_false(believes_planted(b, "f"));
	}
}

static void without_a_log_all_is_hashed(void **state)
{
	struct box *b = *state;
	struct filehash *fh = filehash_new(&b->arena, b->fd, NULL);
	struct filehash_file *f = filehash_file(fh, STR("f"));

	put(b, "f", "text");
	assert_int_equal(filehash_hash(fh, f, false), FILE_REGULAR);
	assert_true(hash_eq(f->hash, hash_bytes("text", 4)));
	filehash_free(fh);
}

static struct hash128 output(struct box *b, const char *path)
{
	struct hash128 h;
	int err;

	assert_int_equal(filehash_output(b->fh, str_of(path), &h, &err), FILE_REGULAR);
	return h;
}

static void an_output_counts_by_content_x_bit_and_link_text(void **state)
{
	struct box *b = *state;
	struct hash128 plain, executable, link;
	int err;

	put(b, "f", "text");
	plain = output(b, "f");
	put(b, "g", "text");
	assert_true(hash_eq(output(b, "g"), plain));
	assert_int_equal(fchmodat(b->fd, "g", 0700, 0), 0);
	executable = output(b, "g");
	assert_false(hash_eq(executable, plain));
	assert_int_equal(symlinkat("f", b->fd, "l"), 0);
	link = output(b, "l");
	assert_false(hash_eq(link, plain));
	/* What the link leads to does not count for the output, but for an input of that name it does. */
	assert_hash(b, "l", false, "text");
	put(b, "f", "other");
	assert_true(hash_eq(output(b, "l"), link));
	assert_false(hash_eq(output(b, "f"), plain));
	assert_int_equal(symlinkat("nowhere", b->fd, "dangling"), 0);
	assert_false(hash_eq(output(b, "dangling"), link));
	assert_int_equal(filehash_output(b->fh, STR("none"), &link, &err), FILE_MISSING);
	mkdirat(b->fd, "d", 0700);
	assert_int_equal(filehash_output(b->fh, STR("d"), &link, &err), FILE_FOLDER);
	mkfifoat(b->fd, "p", 0600);
	assert_int_equal(filehash_output(b->fh, STR("p"), &link, &err), FILE_SPECIAL);
}

static void an_output_is_looked_at_each_time(void **state)
{
	struct box *b = *state;
	struct hash128 one;

	put(b, "f", "one");
	one = output(b, "f");
	put(b, "f", "two");
	assert_false(hash_eq(output(b, "f"), one));
	put(b, "f", "one");
	assert_true(hash_eq(output(b, "f"), one));
}

static void an_old_output_is_not_read_again(void **state)
{
	struct box *b = *state;
	struct hash128 h;

	put(b, "f", "text");
	sleep_ms(60);
	h = output(b, "f");
	assert_true(recorded(b, "f"));
	plant(b, "f");
	next_run(b);
	assert_false(hash_eq(output(b, "f"), h));
}

static struct hash128 tree(struct box *b, const char *path)
{
	struct hash128 h;
	struct str bad;
	int err;

	assert_int_equal(filehash_tree(b->fh, str_of(path), NULL, &h, &err, &bad), FILE_FOLDER);
	return h;
}

/* Each change of the tree changes its hash, and undoing it brings the first back. */
static void everything_in_a_tree_counts(void **state)
{
	struct box *b = *state;
	struct hash128 first, other[8];
	size_t n = 0;

	mkdirat(b->fd, "t", 0700);
	other[n++] = tree(b, "t");
	mkdirat(b->fd, "t/sub", 0700);
	put(b, "t/sub/f", "text");
	put(b, "t/.dot", "");
	first = tree(b, "t");
	put(b, "t/sub/f", "texT");
	other[n++] = tree(b, "t");
	put(b, "t/sub/f", "text");
	mkdirat(b->fd, "t/empty", 0700);
	other[n++] = tree(b, "t");
	unlinkat(b->fd, "t/empty", AT_REMOVEDIR);
	assert_int_equal(fchmodat(b->fd, "t/sub/f", 0700, 0), 0);
	other[n++] = tree(b, "t");
	assert_int_equal(fchmodat(b->fd, "t/sub/f", 0600, 0), 0);
	assert_int_equal(symlinkat("sub", b->fd, "t/link"), 0);
	other[n++] = tree(b, "t");
	unlinkat(b->fd, "t/link", 0);
	assert_int_equal(symlinkat("SUB", b->fd, "t/link"), 0);
	other[n++] = tree(b, "t");
	unlinkat(b->fd, "t/link", 0);
	renameat(b->fd, "t/sub/f", b->fd, "t/f");
	other[n++] = tree(b, "t");
	renameat(b->fd, "t/f", b->fd, "t/sub/f");
	mkfifoat(b->fd, "t/fifo", 0600);
	other[n++] = tree(b, "t");
	unlinkat(b->fd, "t/fifo", 0);
	assert_true(hash_eq(tree(b, "t"), first));
	for (size_t i = 0; i < n; i++) {
		assert_false(hash_eq(other[i], first));
		for (size_t k = 0; k < i; k++)
			assert_false(hash_eq(other[i], other[k]));
	}
}

static void a_tree_hashes_the_same_under_another_name_and_without_git(void **state)
{
	struct box *b = *state;
	struct hash128 h;

	mkdirat(b->fd, "t", 0700);
	put(b, "t/f", "text");
	put(b, "t/g", "more");
	h = tree(b, "t");
	mkdirat(b->fd, "t/.git", 0700);
	put(b, "t/.git/HEAD", "x");
	mkdirat(b->fd, "t/.axmake", 0700);
	put(b, "t/.axmake/log", "x");
	assert_true(hash_eq(tree(b, "t"), h));
	mkdirat(b->fd, "other", 0700);
	renameat(b->fd, "t", b->fd, "other/name");
	assert_true(hash_eq(tree(b, "other/name"), h));
}

static void a_tree_that_is_none_is_told(void **state)
{
	struct box *b = *state;
	struct hash128 h;
	struct str bad;
	int err;

	assert_int_equal(filehash_tree(b->fh, STR("none"), NULL, &h, &err, &bad), FILE_MISSING);
	put(b, "f", "");
	assert_int_equal(filehash_tree(b->fh, STR("f"), NULL, &h, &err, &bad), FILE_REGULAR);
	mkdirat(b->fd, "d", 0700);
	assert_int_equal(symlinkat("d", b->fd, "l"), 0);
	assert_int_equal(filehash_tree(b->fh, STR("l"), NULL, &h, &err, &bad), FILE_REGULAR);
	/* The link is still a good input. */
	assert_int_equal(filehash_look(b->fh, file(b, "l"), false), FILE_FOLDER);
}

static void a_deep_tree_needs_no_stack_and_few_descriptors(void **state)
{
	struct box *b = *state;
	struct sbuf path = {0};
	struct hash128 h;

	sbuf_lit(&path, "t");
	for (int i = 0; i < 1500; i++) {
		mkdirat(b->fd, path.p, 0700);
		sbuf_lit(&path, "/d");
	}
	h = tree(b, "t");
	put(b, path.p, "deep");
	assert_false(hash_eq(tree(b, "t"), h));
	sbuf_free(&path);
}

static struct hash128 glob(struct box *b, const char *pattern, size_t n)
{
	struct hash128 h;
	struct str bad;
	size_t count;
	int err;

	assert_int_equal(filehash_glob(b->fh, str_of(pattern), NULL, &h, &count, &err, &bad), FILE_REGULAR);
	assert_int_equal(count, n);
	return h;
}

static void a_pattern_counts_names_and_contents(void **state)
{
	struct box *b = *state;
	struct hash128 h, none = glob(b, "src/*.c", 0);

	mkdirat(b->fd, "src", 0700);
	assert_true(hash_eq(glob(b, "src/*.c", 0), none));
	put(b, "src/b.c", "b");
	put(b, "src/a.c", "a");
	put(b, "src/a.h", "h");
	h = glob(b, "src/*.c", 2);
	assert_false(hash_eq(h, none));
	put(b, "src/a.h", "H");
	assert_true(hash_eq(glob(b, "src/*.c", 2), h));
	put(b, "src/a.c", "A");
	assert_false(hash_eq(glob(b, "src/*.c", 2), h));
	put(b, "src/a.c", "a");
	assert_true(hash_eq(glob(b, "src/*.c", 2), h));
	renameat(b->fd, "src/b.c", b->fd, "src/c.c");
	assert_false(hash_eq(glob(b, "src/*.c", 2), h));
	assert_false(hash_eq(glob(b, "**", 3), h));
}

#define MANY 700

static const char *many_name(struct box *b, int i)
{
	return arena_printf(&b->arena, "many/%d", i).p;
}

static struct str many_text(struct box *b, int i)
{
	return arena_printf(&b->arena, "text %d", i * i);
}

/* Some of them are large enough to be read in pieces, some are no files. */
static void make_many(struct box *b)
{
	char *large = calloc(1, HASH_SMALL + 2);

	memset(large, 'x', HASH_SMALL + 1);
	mkdirat(b->fd, "many", 0700);
	for (int i = 0; i < MANY; i++) {
		put(b, many_name(b, i), i % 100 == 7 ? large : many_text(b, i).p);
		stamp(b, many_name(b, i), 1500000000 * NS_PER_S + 1);
	}
	free(large);
	unlinkat(b->fd, "many/3", 0);
	unlinkat(b->fd, "many/4", 0);
	mkdirat(b->fd, "many/4", 0700);
	unlinkat(b->fd, "many/5", 0);
	assert_int_equal(symlinkat("6", b->fd, "many/5"), 0);
	unlinkat(b->fd, "many/8", 0);
	assert_int_equal(symlinkat("none", b->fd, "many/8"), 0);
	unlinkat(b->fd, "many/9", 0);
	mkfifoat(b->fd, "many/9", 0600);
	sleep_ms(40);
}

static void look_ahead(struct box *b, bool fresh, bool outputs)
{
	struct filehash_wish wishes[MANY];

	for (int i = 0; i < MANY; i++)
		wishes[i] = (struct filehash_wish){file(b, many_name(b, i)), fresh};
	filehash_ahead(b->fh, wishes, MANY, outputs);
}

/* Everything about each of them, as it comes out one by one. */
static struct hash128 all_one_by_one(struct box *b, bool fresh)
{
	struct hasher h = hasher_new();
	struct hash128 out;

	for (int i = 0; i < MANY; i++) {
		struct filehash_file *f = file(b, many_name(b, i));
		unsigned char facts[] = {(unsigned char)filehash_hash(b->fh, f, fresh), f->hashed, f->executable, (unsigned char)f->err};

		hasher_add(&h, facts, sizeof facts);
		hasher_add(&h, &f->hash, f->hashed ? sizeof f->hash : 0);
	}
	out = hasher_end(&h);
	hasher_free(&h);
	return out;
}

static void note_sight(void *self, const struct filehash_sight *s)
{
	unsigned char facts[] = {s->stat != NULL, s->through, s->failed, s->folder, s->changed};

	hasher_add(self, s->path.p, s->path.n);
	hasher_add(self, facts, sizeof facts);
	if (s->stat)
		hasher_add(self, s->stat, sizeof *s->stat);
}

static struct hash128 all_sights(struct box *b)
{
	struct hasher h = hasher_new();
	struct hash128 out;

	filehash_sights(b->fh, note_sight, &h);
	out = hasher_end(&h);
	hasher_free(&h);
	return out;
}

static void many_looked_at_together_are_what_each_is_alone(void **state)
{
	struct box *b = *state;
	struct hash128 alone, sights;

	make_many(b);
	alone = all_one_by_one(b, false);
	sights = all_sights(b);
	for (int known = 0; known < 2; known++) {
		if (!known)
			unlinkat(b->state_fd, "log", 0);
		else
			assert_true(recorded(b, many_name(b, 0)));
		next_run(b);
		look_ahead(b, false, false);
		assert_true(hash_eq(all_one_by_one(b, false), alone));
		filehash_ahead_end(b->fh);
		assert_true(hash_eq(all_sights(b), sights));
		look_ahead(b, true, false);
		assert_true(hash_eq(all_one_by_one(b, true), alone));
		filehash_ahead_end(b->fh);
		assert_true(hash_eq(all_sights(b), sights));
	}
}

/* Beyond this size a file is hashed by a thread of its own. */
static char *large_text(char first)
{
	size_t n = (size_t)5 << 20;
	char *p = malloc(n + 1);

	memset(p, first, n);
	p[n] = '\0';
	return p;
}

static void few_that_are_large_are_looked_at_together(void **state)
{
	static const char *const names[] = {"a", "small", "b", "c"};
	struct box *b = *state;
	char *texts[] = {large_text('a'), strdup("small"), large_text('b'), large_text('c')};
	struct filehash_wish wishes[4];

	for (int round = 0; round < 3; round++) {
		bool outputs = round == 2;

		for (int i = 0; i < 4; i++) {
			texts[i][1] = (char)('0' + round);
			put(b, names[i], texts[i]);
			stamp(b, names[i], (1500000000 + round) * NS_PER_S + 1);
		}
		sleep_ms(40);
		for (int i = 0; i < 4; i++)
			wishes[i] = (struct filehash_wish){file(b, names[i]), round > 0};
		filehash_ahead(b->fh, wishes, 4, outputs);
		for (int i = 0; i < 4; i++)
			assert_true(wishes[i].file->hashed); /* nothing is left to who asks */
		for (int i = 0; i < 4; i++) {
			if (outputs)
				output(b, names[i]);
			else
				assert_hash(b, names[i], round > 0, texts[i]);
			assert_true(hash_eq(wishes[i].file->hash, hash_bytes(texts[i], strlen(texts[i]))));
			assert_true(recorded(b, names[i]));
		}
		filehash_ahead_end(b->fh);
	}
	for (int i = 0; i < 4; i++)
		free(texts[i]);
}

static void what_was_looked_at_ahead_is_taken_once(void **state)
{
	struct box *b = *state;
	struct filehash_file *f;

	make_many(b);
	look_ahead(b, true, false);
	put(b, "many/0", "other");
	put(b, "many/1", "other");
	put(b, "many/2", "other");
	assert_hash(b, "many/0", true, "text 0"); /* as it was when all were looked at */
	assert_hash(b, "many/0", true, "other");
	filehash_ahead_end(b->fh);
	assert_hash(b, "many/1", true, "other");
	f = file(b, "many/2");
	assert_int_equal(filehash_hash(b->fh, f, false), FILE_REGULAR);
	assert_true(hash_eq(f->hash, hash_bytes("text 4", 6)));
}

static void changes_are_seen_by_who_looks_ahead(void **state)
{
	struct box *b = *state;
	struct hash128 before, after;

	make_many(b);
	look_ahead(b, false, false);
	before = all_one_by_one(b, false);
	filehash_ahead_end(b->fh);
	put(b, "many/20", "other");
	unlinkat(b->fd, "many/21", 0);
	put(b, "many/3", "new");
	stamp(b, "many/3", clock_wall_ns() + 100 * NS_PER_S);
	look_ahead(b, false, false);
	assert_true(hash_eq(all_one_by_one(b, false), before));
	filehash_ahead_end(b->fh);
	look_ahead(b, true, false);
	after = all_one_by_one(b, true);
	filehash_ahead_end(b->fh);
	assert_false(hash_eq(after, before));
	assert_true(hash_eq(all_one_by_one(b, true), after));
	assert_hash(b, "many/20", false, "other");
	assert_hash(b, "many/3", false, "new");
	assert_int_equal(filehash_hash(b->fh, file(b, "many/21"), false), FILE_MISSING);
	assert_false(recorded(b, "many/3")); /* by its stamp it might change once more and look the same */
	assert_true(recorded(b, "many/22"));
}

static void a_tree_of_many_is_what_its_files_are(void **state)
{
	struct box *b = *state;
	struct hash128 few, h;
	struct str bad;
	int err;

	make_many(b);
	for (int i = 200; i < MANY; i++)
		unlinkat(b->fd, many_name(b, i), 0);
	assert_int_equal(filehash_tree(b->fh, STR("many"), NULL, &few, &err, &bad), FILE_FOLDER);
	for (int i = 200; i < MANY; i++)
		put(b, many_name(b, i), many_text(b, i).p);
	assert_int_equal(filehash_tree(b->fh, STR("many"), NULL, &h, &err, &bad), FILE_FOLDER);
	assert_false(hash_eq(h, few));
	/* The same content, put together from files that were each looked at alone. */
	struct filehash_parts parts = {0};
	assert_int_equal(filehash_parts(b->fh, &b->arena, OUTPUT_TREE, STR("many"), NULL, &parts, &err, &bad), FILE_FOLDER);
	assert_int_equal(parts.of.n, MANY - 1);
	next_run(b);
	for (size_t i = 0; i < parts.of.n; i++) {
		struct filehash_part *p = &parts.of.p[i], alone;

		filehash_part(b->fh, &b->arena, p->path, false, &alone, &err);
		assert_int_equal(alone.kind, p->kind);
		assert_true(p->kind == PART_FOLDER || hash_eq(filehash_part_hash(&alone), filehash_part_hash(p)));
	}
	for (int i = 200; i < MANY; i++)
		unlinkat(b->fd, many_name(b, i), 0);
	assert_int_equal(filehash_tree(b->fh, STR("many"), NULL, &h, &err, &bad), FILE_FOLDER);
	assert_true(hash_eq(h, few));
}

#define IN_BOX(test) cmocka_unit_test_setup_teardown(test, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    IN_BOX(kinds_of_files_are_told_apart),
	    IN_BOX(unreadable_files_say_why),
	    IN_BOX(inputs_are_hashed_through_links_and_outside_the_root),
	    IN_BOX(a_file_is_looked_at_once_a_run_unless_fresh),
	    IN_BOX(an_old_file_is_hashed_once_for_all_runs),
	    IN_BOX(the_content_of_a_short_output_is_handed_over),
	    IN_BOX(a_file_just_changed_is_not_recorded),
	    IN_BOX(a_change_within_the_clock_s_tick_is_seen),
	    IN_BOX(a_change_behind_a_mtime_set_back_is_seen),
	    IN_BOX(whole_seconds_are_doubted_for_two_seconds),
	    IN_BOX(stamps_of_the_future_are_not_believed),
	    IN_BOX(another_inode_or_size_is_hashed_again),
	    IN_BOX(without_a_log_all_is_hashed),
	    IN_BOX(an_output_counts_by_content_x_bit_and_link_text),
	    IN_BOX(an_output_is_looked_at_each_time),
	    IN_BOX(an_old_output_is_not_read_again),
	    IN_BOX(everything_in_a_tree_counts),
	    IN_BOX(a_tree_hashes_the_same_under_another_name_and_without_git),
	    IN_BOX(a_tree_that_is_none_is_told),
	    IN_BOX(a_deep_tree_needs_no_stack_and_few_descriptors),
	    IN_BOX(a_pattern_counts_names_and_contents),
	    IN_BOX(many_looked_at_together_are_what_each_is_alone),
	    IN_BOX(few_that_are_large_are_looked_at_together),
	    IN_BOX(what_was_looked_at_ahead_is_taken_once),
	    IN_BOX(changes_are_seen_by_who_looks_ahead),
	    IN_BOX(a_tree_of_many_is_what_its_files_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
