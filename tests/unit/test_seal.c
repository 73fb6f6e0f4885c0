/* A seal holds as long as all is found as it was, and never when it is damaged. */
#include "store_fixture.h"

#include <endian.h>

#include "base/hash.h"
#include "state/filehash.h"
#include "state/seal.h"

#define SEAL ".axmake/seal"

static const struct hash128 key = {1, 2};

/* Far beyond any clock's grain. */
static void age(const char *path)
{
	struct timespec old[2] = {{1000000000, 7}, {1000000000, 7}};

	assert_int_equal(utimensat(AT_FDCWD, path, old, AT_SYMLINK_NOFOLLOW), 0);
}

static void wait_out_the_clock(void)
{
	nanosleep(&(struct timespec){0, 40 * 1000000}, NULL);
}

/* A run that looks at all kinds of things. */
static struct seen *look(struct box *b, struct filehash **fh)
{
	struct seen *seen = seen_new(&b->arena);
	struct str text;
	struct hash128 h;
	char buf[PATH_MAX];
	int err;

	*fh = filehash_new(&b->arena, b->s.root_fd, NULL);
	filehash_see(*fh, seen);
	assert_int_equal(seen_read_file(seen, &b->arena, AT_FDCWD, "read", SIZE_MAX, &text), 0);
	assert_int_equal(seen_read_file(seen, &b->arena, AT_FDCWD, "absent", SIZE_MAX, &text), ENOENT);
	assert_non_null(seen_realpath(seen, "real/..", buf));
	seen_getenv(seen, "AXMAKE_SEAL_SET");
	seen_getenv(seen, "AXMAKE_SEAL_UNSET");
	assert_int_equal(filehash_hash(*fh, filehash_file(*fh, STR("hashed")), false), FILE_REGULAR);
	assert_int_equal(filehash_hash(*fh, filehash_file(*fh, STR("link")), false), FILE_REGULAR);
	assert_int_equal(filehash_output(*fh, STR("output"), &h, &err), FILE_REGULAR);
	assert_int_equal(filehash_output(*fh, STR("link"), &h, &err), FILE_REGULAR);
	assert_int_equal(filehash_tree(*fh, STR("tree"), NULL, &h, &err, &text), FILE_FOLDER);
	return seen;
}

static void release(struct seen *seen, struct filehash *fh)
{
	filehash_free(fh);
	seen_free(seen);
}

/* Everything there, the run done, the seal made. */
static void make_seal(struct box *b)
{
	struct filehash *fh;
	struct seen *seen;

	setenv("AXMAKE_SEAL_SET", "1", 1);
	unsetenv("AXMAKE_SEAL_UNSET");
	put("read", "r");
	put("hashed", "h");
	put("output", "o");
	mkdir("real", 0700);
	mkdir("tree", 0700);
	mkdir("tree/deep", 0700);
	put("tree/deep/f", "f");
	if (!is_there("link"))
		assert_int_equal(symlink("hashed", "link"), 0);
	open_store(b);
	put(".axmake/log", "the log");
	put(".axmake/lock", "");
	age("hashed");
	wait_out_the_clock();
	seen = look(b, &fh);
	assert_false(seen->spoiled);
	seal_make(&b->s, key, &(struct seal_looks){.seen = seen, .fh = fh}, STR("said\n"));
	release(seen, fh);
	assert_int_equal(mode_of(SEAL), S_IFREG | 0600);
}

static bool holds(struct box *b)
{
	struct str said = STR_NONE;
	bool yes = seal_holds(&b->s, &b->arena, key, &said, NULL);

	if (yes)
		assert_str(said, "said\n");
	return yes;
}

static void holds_while_all_is_as_it_was(void **state)
{
	struct box *b = *state;
	struct str said;

	open_store(b);
	assert_false(holds(b));
	store_close(&b->s);
	make_seal(b);
	assert_true(holds(b));
	assert_true(holds(b));
	assert_false(seal_holds(&b->s, &b->arena, (struct hash128){1, 3}, &said, NULL));
}

static void to_unset(void)
{
	unsetenv("AXMAKE_SEAL_SET");
}

static void to_empty(void)
{
	setenv("AXMAKE_SEAL_SET", "", 1);
}

static void to_other(void)
{
	setenv("AXMAKE_SEAL_SET", "2", 1);
}

static void to_set(void)
{
	setenv("AXMAKE_SEAL_UNSET", "", 1);
}

static void put_absent(void)
{
	put("absent", "");
}

static void put_read(void)
{
	put("read", "r");
}

static void remove_hashed(void)
{
	unlink("hashed");
}

static void write_hashed(void)
{
	put("hashed", "H");
	age("hashed");
}

static void make_executable(void)
{
	assert_int_equal(chmod("output", 0700), 0);
}

static void link_elsewhere(void)
{
	unlink("link");
	assert_int_equal(symlink("./hashed", "link"), 0);
}

static void put_in_tree(void)
{
	put("tree/new", "");
}

static void put_deep(void)
{
	put("tree/deep/new", "");
}

static void move_real(void)
{
	rename("real", "tree/deep/real");
	rename("tree/deep", "kept");
}

static void real_is_a_link(void)
{
	rename("real", "really");
	mkdir("other", 0700);
	mkdir("other/real", 0700);
	assert_int_equal(symlink("other/real", "real"), 0);
}

static void longer_log(void)
{
	put(".axmake/log", "the log, and more");
}

static void no_log(void)
{
	unlink(".axmake/log");
}

static void killed_run(void)
{
	put(".axmake/lock", "12 34 56\n");
}

static void no_lock(void)
{
	unlink(".axmake/lock");
}

static void no_seal(void)
{
	unlink(SEAL);
}

static void linked_seal(void)
{
	rename(SEAL, "seal");
	assert_int_equal(symlink("../seal", SEAL), 0);
}

static void piped_seal(void)
{
	unlink(SEAL);
	assert_int_equal(mkfifo(SEAL, 0600), 0);
}

static void every_change_breaks_it(void **state)
{
	static void (*const changes[])(void) = {
	    to_unset,     to_empty,        to_other,       to_set,      put_absent, put_read,    remove_hashed,
	    write_hashed, make_executable, link_elsewhere, put_in_tree, put_deep,   move_real,   real_is_a_link,
	    longer_log,   no_log,          killed_run,     no_lock,     no_seal,    linked_seal, piped_seal};
	struct box *b = *state;

	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		store_close(&b->s);
		for (const char *const *p = (const char *const[]){"absent", "link", "real", "really", "tree", "kept", "other",
		                                                  "seal", ".axmake", NULL};
		     *p; p++)
			os_remove_tree(AT_FDCWD, *p);
		make_seal(b);
		assert_true(holds(b));
		changes[i]();
		if (holds(b))
			fail_msg("change %zu is not seen", i);
	}
}

static void holds_not_while_another_run_is_on(void **state)
{
	struct box *b = *state;
	struct store other;
	struct lock_holder h;

	make_seal(b);
	assert_true(store_open(&other, &b->arena, true, &b->err));
	assert_int_equal(store_lock(&other, 5, false, &h, &b->err, &b->arena), LOCK_TAKEN);
	assert_false(holds(b));
	store_close(&other);
	assert_true(holds(b));
}

static void holds_not_by_stamps_that_a_change_might_repeat(void **state)
{
	struct box *b = *state;
	struct timespec ahead[2];

	make_seal(b);
	clock_gettime(CLOCK_REALTIME, &ahead[0]);
	ahead[0].tv_sec += 100;
	ahead[1] = ahead[0];
	assert_int_equal(utimensat(AT_FDCWD, "read", ahead, 0), 0);
	no_seal();
	wait_out_the_clock();
	struct filehash *fh;
	struct seen *seen = look(b, &fh);
	seal_make(&b->s, key, &(struct seal_looks){.seen = seen, .fh = fh}, STR("said\n"));
	release(seen, fh);
	assert_false(is_there(SEAL));
}

static void nothing_is_built_on_two_states(void **state)
{
	struct box *b = *state;
	struct filehash *fh;
	struct str text;

	make_seal(b);
	no_seal();
	struct seen *seen = look(b, &fh);
	put("read", "R");
	seen_read_file(seen, &b->arena, AT_FDCWD, "read", SIZE_MAX, &text);
	assert_true(seen->spoiled);
	seal_make(&b->s, key, &(struct seal_looks){.seen = seen, .fh = fh}, STR("said\n"));
	release(seen, fh);
	assert_false(is_there(SEAL));
	seen = look(b, &fh);
	put("hashed", "more");
	filehash_look(fh, filehash_file(fh, STR("hashed")), true);
	assert_true(seen->spoiled);
	release(seen, fh);
}

static void write_seal(struct str bytes)
{
	assert_int_equal(os_replace_file(AT_FDCWD, SEAL, 0600, bytes), 0);
}

#define START 20 /* magic, checksum and length of the head */
#define BLOCK (32 << 10)

static void put_sum(struct str bytes, size_t at, size_t from, size_t to)
{
	uint64_t sum = htole64(hash64_bytes(bytes.p + from, to - from));

	memcpy((char *)bytes.p + at, &sum, sizeof sum);
}

/* Makes the checksums right again, so that what lies behind them is reached. */
static void mend(struct str bytes)
{
	uint32_t head;

	if (bytes.n < START)
		return;
	memcpy(&head, bytes.p + 16, sizeof head);
	head = le32toh(head);
	if (head < START || head > bytes.n)
		return;
	put_sum(bytes, 8, 16, head);
	for (size_t at = head; at + 16 <= bytes.n; at += BLOCK) {
		memcpy((char *)bytes.p + at + 8, bytes.p + 8, 8);
		put_sum(bytes, at, at + 8, bytes.n - at < BLOCK ? bytes.n : at + BLOCK);
	}
}

static void no_damage_is_believed(void **state)
{
	struct box *b = *state;

	make_seal(b);
	struct str whole = content(b, SEAL);
	for (size_t n = 0; n < whole.n; n++) {
		write_seal(str_sub(whole, 0, n));
		assert_false(holds(b));
	}
	for (size_t i = 0; i < whole.n; i++)
		for (unsigned bit = 0; bit < 8; bit += 7) {
			struct str bytes = arena_copy(&b->arena, whole);
			((char *)bytes.p)[i] ^= (char)(1u << bit);
			write_seal(bytes);
			if (holds(b))
				fail_msg("byte %zu of %zu does not count", i, whole.n);
		}
	write_seal(arena_printf(&b->arena, "%.*s", (int)whole.n, "x"));
	assert_false(holds(b));
	write_seal(whole);
	assert_true(holds(b));
}

/* Not even one that somebody made with care leads out of its bounds. */
static void false_lengths_lead_nowhere(void **state)
{
	struct box *b = *state;
	struct str said;

	make_seal(b);
	struct str whole = content(b, SEAL);
	for (size_t i = 16; i < whole.n; i++)
		for (unsigned v = 0; v < 3; v++) {
			struct str bytes = arena_copy(&b->arena, whole);
			((unsigned char *)bytes.p)[i] = (unsigned char)(v == 0 ? 0 : v == 1 ? 255 : whole.p[i] + 1);
			mend(bytes);
			write_seal(bytes);
			seal_holds(&b->s, &b->arena, key, &said, NULL);
		}
	for (size_t n = 17; n < whole.n; n++) {
		struct str bytes = arena_copy(&b->arena, str_sub(whole, 0, n));
		mend(bytes);
		write_seal(bytes);
		assert_false(holds(b));
	}
}

#define MANY 1500

static struct str many_name(struct box *b, int i)
{
	return arena_printf(&b->arena, "many/%0200d", i);
}

static void seal_many(struct box *b)
{
	struct filehash *fh;
	wait_out_the_clock();
	struct seen *seen = look(b, &fh);

	for (int i = 0; i < MANY; i++)
		filehash_look(fh, filehash_file(fh, many_name(b, i)), false);
	seal_make(&b->s, key, &(struct seal_looks){.seen = seen, .fh = fh}, STR("said\n"));
	release(seen, fh);
}

/* So many that they take several blocks, and threads where there are processors. Returns how many blocks. */
static size_t make_large_seal(struct box *b)
{
	make_seal(b);
	mkdir("many", 0700);
	for (int i = 0; i < MANY; i++)
		put(many_name(b, i).p, "m");
	seal_many(b);
	return content(b, SEAL).n / BLOCK + 1;
}

static void every_file_of_many_counts(void **state)
{
	static const int some[] = {0, 1, 150, 151, 700, MANY / 2, MANY - 2, MANY - 1};
	struct box *b = *state;

	assert_in_range(make_large_seal(b), 8, 64);
	assert_true(holds(b));
	for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
		struct str name = many_name(b, some[i]);

		unlink(name.p);
		if (holds(b))
			fail_msg("file %d is not missed", some[i]);
		put(name.p, "M");
		if (holds(b))
			fail_msg("file %d is not looked at", some[i]);
		seal_many(b);
		assert_true(holds(b));
	}
}

static void blocks_do_not_change_places(void **state)
{
	struct box *b = *state;
	size_t blocks = make_large_seal(b);
	struct str whole = content(b, SEAL), bytes;
	uint32_t head;

	memcpy(&head, whole.p + 16, sizeof head);
	head = le32toh(head);
	for (size_t i = 0; i + 2 < blocks; i++) {
		bytes = arena_copy(&b->arena, whole);
		memcpy((char *)bytes.p + head + i * BLOCK, whole.p + head + (i + 1) * BLOCK, BLOCK);
		memcpy((char *)bytes.p + head + (i + 1) * BLOCK, whole.p + head + i * BLOCK, BLOCK);
		write_seal(bytes);
		assert_false(holds(b));
	}
	for (size_t i = 0; i < blocks; i++) {
		bytes = arena_copy(&b->arena, str_sub(whole, 0, head + i * BLOCK));
		write_seal(bytes);
		assert_false(holds(b));
		mend(bytes);
		write_seal(bytes);
		assert_false(holds(b));
	}
	for (size_t i = head; i < whole.n; i += 50021) {
		bytes = arena_copy(&b->arena, whole);
		((char *)bytes.p)[i] ^= 1;
		write_seal(bytes);
		assert_false(holds(b));
	}
	write_seal(whole);
	assert_true(holds(b));
}

/* Of another version, or of other headers: the blocks of one seal are no other's. */
static void blocks_belong_to_their_head(void **state)
{
	struct box *b = *state;
	struct str one, other;
	uint32_t head;
	struct filehash *fh;

	make_seal(b);
	one = content(b, SEAL);
	struct seen *seen = look(b, &fh);
	seal_make(&b->s, (struct hash128){1, 3}, &(struct seal_looks){.seen = seen, .fh = fh}, STR("said\n"));
	release(seen, fh);
	other = content(b, SEAL);
	assert_int_equal(one.n, other.n);
	memcpy(&head, one.p + 16, sizeof head);
	struct str mixed = arena_copy(&b->arena, other);
	memcpy((char *)mixed.p, one.p, le32toh(head));
	write_seal(mixed);
	assert_false(holds(b));
	write_seal(one);
	assert_true(holds(b));
	((char *)one.p)[7] = 1;
	write_seal(one);
	assert_false(holds(b));
}

#define IN_BOX(f) cmocka_unit_test_setup_teardown(f, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    IN_BOX(holds_while_all_is_as_it_was),      IN_BOX(every_change_breaks_it),
	    IN_BOX(holds_not_while_another_run_is_on), IN_BOX(holds_not_by_stamps_that_a_change_might_repeat),
	    IN_BOX(nothing_is_built_on_two_states),    IN_BOX(no_damage_is_believed),
	    IN_BOX(false_lengths_lead_nowhere),        IN_BOX(every_file_of_many_counts),
	    IN_BOX(blocks_do_not_change_places),       IN_BOX(blocks_belong_to_their_head),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
