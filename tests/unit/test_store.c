/* The folder .axmake: made, filled with results, cleaned. */
#include "store_fixture.h"

static void reading_makes_nothing(void **state)
{
	struct box *b = *state;

	assert_true(store_open(&b->s, &b->arena, false, &b->err));
	assert_int_equal(b->s.fd, -1);
	assert_false(store_lock_holder(&b->s).held);
	assert_false(store_has_result(&b->s, hash_bytes("x", 1), 1));
	assert_int_equal(store_marked_start(&b->s, STR("t")), 0);
	assert_int_equal(store_clean(&b->s, true, &b->arena, &b->err.message), 0);
	assert_false(is_there(".axmake"));
}

static void a_run_makes_the_folder_for_its_owner_only(void **state)
{
	struct box *b = *state;

	open_store(b);
	assert_int_equal(mode_of(".axmake"), S_IFDIR | 0700);
	assert_str(content(b, ".axmake/.gitignore"), "*\n");
	assert_int_equal(mode_of(".axmake/.gitignore"), S_IFREG | 0600);
	store_close(&b->s);
	put(".axmake/.gitignore", "mine\n");
	open_store(b);
	assert_str(content(b, ".axmake/.gitignore"), "mine\n");
	assert_true(fcntl(b->s.fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(b->s.root_fd, F_GETFD) & FD_CLOEXEC);
}

static void a_link_to_an_own_folder_will_do(void **state)
{
	struct box *b = *state;

	assert_int_equal(mkdir("elsewhere", 0700), 0);
	assert_int_equal(symlink("elsewhere", ".axmake"), 0);
	open_store(b);
	assert_true(is_there("elsewhere/.gitignore"));
}

static void what_cannot_be_the_folder_is_refused(void **state)
{
	struct box *b = *state;

	put(".axmake", "file");
	assert_refused(b, true, ".axmake is not a folder: move it away, axmake keeps its state there");
	assert_refused(b, false, ".axmake is not a folder: move it away, axmake keeps its state there");
	unlink(".axmake");
	assert_int_equal(symlink("nowhere", ".axmake"), 0);
	assert_refused(b, true, ".axmake is a link to nothing: remove it");
	assert_false(is_there("nowhere"));
}

static void another_owner_s_folder_is_refused(void **state)
{
	struct box *b = *state;

	if (getuid())
		skip();
	assert_int_equal(mkdir(".axmake", 0755), 0);
	assert_int_equal(chown(".axmake", 12345, 12345), 0);
	assert_refused(b, true, ".axmake belongs to another user (uid 12345): remove it, or run as that user");
	assert_false(is_there(".axmake/.gitignore"));
}

static void a_folder_that_may_not_be_written_says_so(void **state)
{
	struct box *b = *state;
	struct lock_holder h;

	assert_int_equal(chmod(".", 0555), 0);
	be_user(true);
	assert_refused(b, true, "cannot create .axmake: Permission denied");
	be_user(false);
	assert_int_equal(chmod(".", 0777), 0);
	be_user(true);
	open_store(b);
	assert_int_equal(chmod(".axmake", 0500), 0);
	assert_int_equal(store_lock(&b->s, 1, false, &h, &b->err, &b->arena), LOCK_FAILED);
	assert_str(b->err.message, "cannot open .axmake/lock: Permission denied");
	assert_int_equal(chmod(".axmake", 0700), 0);
	be_user(false);
	assert_int_equal(b->s.lock_fd, -1);
}

/* ---- results ---- */

static const struct str text = {"the answer\n", 11};

static struct hash128 text_hash(void)
{
	return hash_bytes(text.p, text.n);
}

static const char *result_file(struct box *b, struct hash128 h)
{
	return store_result_path(&b->arena, h).p;
}

static void a_result_is_kept_by_link_and_checked_when_read(void **state)
{
	struct box *b = *state;
	struct hash128 h = text_hash();
	struct stat from, kept;
	struct str got;

	open_store(b);
	assert_int_equal(os_mkdirs(AT_FDCWD, ".axmake/tasks/t", 0700), 0);
	put(".axmake/tasks/t/stdout", text.p);
	assert_false(store_has_result(&b->s, h, text.n));
	assert_false(store_read_result(&b->s, &b->arena, h, &got));
	for (int i = 0; i < 2; i++) { /* the second time it is there already */
		assert_int_equal(store_keep_result(&b->s, "tasks/t/stdout", h), 0);
		assert_true(store_has_result(&b->s, h, text.n));
		assert_false(store_has_result(&b->s, h, text.n + 1));
		assert_true(store_read_result(&b->s, &b->arena, h, &got));
		assert_str(got, text.p);
	}
	assert_int_equal(mode_of(result_file(b, h)), S_IFREG | 0400);
	assert_int_equal(mode_of(".axmake/results"), S_IFDIR | 0700);
	assert_int_equal(stat(".axmake/tasks/t/stdout", &from), 0);
	assert_int_equal(stat(result_file(b, h), &kept), 0);
	assert_int_equal(from.st_ino, kept.st_ino);
	assert_int_equal(kept.st_nlink, 2); /* nothing temporary is left */
	assert_int_equal(store_keep_result(&b->s, "tasks/none/stdout", h), ENOENT);
}

static void a_damaged_result_is_not_given_out_and_can_be_replaced(void **state)
{
	struct box *b = *state;
	struct hash128 h = text_hash();
	struct str got;

	open_store(b);
	assert_int_equal(store_write_result(&b->s, text, h), 0);
	assert_int_equal(mode_of(result_file(b, h)), S_IFREG | 0400);
	put(result_file(b, h), "THE answer\n");
	assert_false(store_read_result(&b->s, &b->arena, h, &got));
	put(result_file(b, h), "the answer\nand more");
	assert_false(store_read_result(&b->s, &b->arena, h, &got));
	assert_true(is_there(result_file(b, h)));
	assert_int_equal(store_write_result(&b->s, text, h), 0);
	assert_true(store_read_result(&b->s, &b->arena, h, &got));
	assert_str(got, text.p);
}

static void doubtful_results_are_read_before_they_are_believed(void **state)
{
	struct box *b = *state;
	struct hash128 h = text_hash();

	open_store(b);
	assert_int_equal(store_write_result(&b->s, text, h), 0);
	put(".axmake/results/note", "no result");
	b->s.doubts = true;
	assert_true(store_has_result(&b->s, h, text.n));
	assert_int_equal(store_sift_results(&b->s), 0);
	assert_true(is_there(result_file(b, h)));
	put(result_file(b, h), "THE answer\n");
	assert_false(store_has_result(&b->s, h, text.n));
	b->s.doubts = false;
	assert_true(store_has_result(&b->s, h, text.n)); /* by its size */
	assert_int_equal(store_sift_results(&b->s), 0);
	assert_false(is_there(result_file(b, h)));
	assert_true(is_there(".axmake/results/note"));
}

static void what_stands_in_a_result_s_place_is_replaced_and_never_followed(void **state)
{
	struct box *b = *state;
	struct hash128 h = text_hash();
	struct str got;

	open_store(b);
	put("victim", text.p);
	assert_int_equal(mkdir(".axmake/results", 0700), 0);
	assert_int_equal(symlink("../../victim", result_file(b, h)), 0);
	assert_false(store_has_result(&b->s, h, text.n));
	assert_false(store_read_result(&b->s, &b->arena, h, &got));
	put(".axmake/from", text.p);
	assert_int_equal(store_keep_result(&b->s, "from", h), 0);
	assert_int_equal(mode_of(result_file(b, h)), S_IFREG | 0400);
	unlink(result_file(b, h));
	assert_int_equal(symlink("../../victim", result_file(b, h)), 0);
	assert_int_equal(store_write_result(&b->s, text, h), 0);
	assert_int_equal(mode_of(result_file(b, h)), S_IFREG | 0400);
	assert_int_equal(mode_of("victim"), S_IFREG | 0600);
	unlink(result_file(b, h));
	assert_int_equal(mkdir(result_file(b, h), 0700), 0);
	assert_false(store_has_result(&b->s, h, text.n));
	assert_false(store_read_result(&b->s, &b->arena, h, &got));
	assert_int_equal(store_keep_result(&b->s, "from", h), EISDIR);
	assert_int_equal(store_write_result(&b->s, text, h), EISDIR);
	rmdir(result_file(b, h));
	assert_int_equal(mkfifo(result_file(b, h), 0600), 0);
	assert_false(store_read_result(&b->s, &b->arena, h, &got));
	/* A link is no source either: its target may be anybody's. */
	assert_int_equal(symlink("../victim", ".axmake/link"), 0);
	assert_int_equal(store_keep_result(&b->s, "link", h), EINVAL);
	assert_int_equal(mode_of("victim"), S_IFREG | 0600);
}

static void the_empty_result_is_made_where_it_is_wanted(void **state)
{
	struct box *b = *state;
	struct hash128 h = hash_bytes("", 0);
	struct str got;

	open_store(b);
	assert_int_equal(store_show_result(&b->s, STR("t"), h), 0);
	assert_str(content(b, ".axmake/tasks/t/result"), "");
	unlink(result_file(b, h));
	assert_true(store_read_result(&b->s, &b->arena, h, &got));
	assert_int_equal(got.n, 0);
	assert_true(store_has_result(&b->s, h, 0));
	assert_str(content(b, result_file(b, h)), "");
	assert_false(store_has_result(&b->s, text_hash(), 0));
}

static void a_task_s_folder_shows_its_latest_result(void **state)
{
	struct box *b = *state;
	struct hash128 h = text_hash(), h2 = hash_bytes("two", 3);

	open_store(b);
	assert_int_equal(store_show_result(&b->s, STR("a/b"), h), ENOENT);
	assert_int_equal(store_write_result(&b->s, text, h), 0);
	assert_int_equal(store_write_result(&b->s, STR("two"), h2), 0);
	assert_str(store_task_dir(&b->arena, STR("a/b")), "tasks/a%2Fb");
	assert_str(store_task_dir(&b->arena, STR("..")), "tasks/%2E.");
	assert_int_equal(store_show_result(&b->s, STR("a/b"), h), 0);
	assert_str(content(b, ".axmake/tasks/a%2Fb/result"), text.p);
	assert_int_equal(store_show_result(&b->s, STR("a/b"), h2), 0);
	assert_int_equal(store_show_result(&b->s, STR("a/b"), h2), 0);
	assert_str(content(b, ".axmake/tasks/a%2Fb/result"), "two");
	put("victim", "precious");
	unlink(".axmake/tasks/a%2Fb/result");
	assert_int_equal(symlink("../../../victim", ".axmake/tasks/a%2Fb/result"), 0);
	assert_int_equal(store_show_result(&b->s, STR("a/b"), h), 0);
	assert_str(content(b, ".axmake/tasks/a%2Fb/result"), text.p);
	assert_str(content(b, "victim"), "precious");
	unlink(".axmake/tasks/a%2Fb/result");
	assert_int_equal(mkdir(".axmake/tasks/a%2Fb/result", 0700), 0);
	assert_int_equal(store_show_result(&b->s, STR("a/b"), h), EISDIR);
}

static void a_result_that_cannot_be_linked_is_copied(void **state)
{
	struct box *b = *state;
	struct hash128 h = text_hash();
	struct str got;
	char shm[] = "/dev/shm/axmake-store-XXXXXX";
	struct stat st;

	if (!mkdtemp(shm))
		skip();
	open_store(b);
	/* results/ on another file system: EXDEV. */
	assert_int_equal(symlink(shm, ".axmake/results"), 0);
	put(".axmake/from", text.p);
	assert_int_equal(store_keep_result(&b->s, "from", h), 0);
	assert_true(store_read_result(&b->s, &b->arena, h, &got));
	assert_str(got, text.p);
	assert_int_equal(mode_of(result_file(b, h)), S_IFREG | 0400);
	assert_int_equal(stat(result_file(b, h), &st), 0);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(store_show_result(&b->s, STR("t"), h), 0);
	assert_str(content(b, ".axmake/tasks/t/result"), text.p);
	os_remove_tree(AT_FDCWD, shm);
}

static void a_full_disk_leaves_no_half_result(void **state)
{
	struct box *b = *state;
	struct hash128 h = text_hash();
	struct rlimit old, small;

	open_store(b);
	assert_int_equal(mkdir(".axmake/results", 0700), 0);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small = old;
	small.rlim_cur = 5;
	setrlimit(RLIMIT_FSIZE, &small);
	assert_int_equal(store_write_result(&b->s, text, h), EFBIG);
	setrlimit(RLIMIT_FSIZE, &old);
	signal(SIGXFSZ, SIG_DFL);
	assert_false(is_there(result_file(b, h)));
	assert_int_equal(rmdir(".axmake/results"), 0); /* empty */
}

/* ---- marks and edited files ---- */

static void the_last_start_is_marked(void **state)
{
	static const char *const senseless[] = {"", "\n", "x\n", "12", "12 \n", "-1\n", "99999999999999999999999\n", " 12\n"};
	struct box *b = *state;

	open_store(b);
	assert_int_equal(store_marked_start(&b->s, STR("t")), 0);
	assert_int_equal(store_mark_start(&b->s, STR("t"), 12), 0);
	assert_int_equal(store_marked_start(&b->s, STR("t")), 12);
	assert_int_equal(store_mark_start(&b->s, STR("t"), UINT64_MAX), 0);
	assert_true(store_marked_start(&b->s, STR("t")) == UINT64_MAX);
	assert_str(content(b, ".axmake/tasks/t/started"), "18446744073709551615\n");
	for (size_t i = 0; i < sizeof senseless / sizeof *senseless; i++) {
		put(".axmake/tasks/t/started", senseless[i]);
		assert_int_equal(store_marked_start(&b->s, STR("t")), 0);
	}
}

static void edited_files_are_kept_and_the_newest_wins(void **state)
{
	struct box *b = *state;

	open_store(b);
	assert_int_equal(os_mkdirs(AT_FDCWD, "src/sub", 0700), 0);
	put("src/sub/f", "one");
	assert_int_equal(store_keep_edited(&b->s, STR("t"), STR("src/sub/f")), 0);
	assert_str(content(b, ".axmake/tasks/t/edited/src/sub/f"), "one");
	assert_int_equal(mode_of(".axmake/tasks/t/edited/src/sub/f"), S_IFREG | 0600);
	put("src/sub/f", "two");
	assert_int_equal(store_keep_edited(&b->s, STR("t"), STR("src/sub/f")), 0);
	assert_str(content(b, ".axmake/tasks/t/edited/src/sub/f"), "two");
	/* A tree, as it is then and without what was there before. */
	put("src/g", "g");
	assert_int_equal(mkdir("src/.git", 0700), 0);
	assert_int_equal(symlink("/nowhere", "src/link"), 0);
	assert_int_equal(mkfifo("src/fifo", 0600), 0);
	assert_int_equal(store_keep_edited(&b->s, STR("t"), STR("src")), 0);
	assert_str(content(b, ".axmake/tasks/t/edited/src/sub/f"), "two");
	assert_str(content(b, ".axmake/tasks/t/edited/src/g"), "g");
	assert_true(S_ISLNK(mode_of(".axmake/tasks/t/edited/src/link")));
	assert_false(is_there(".axmake/tasks/t/edited/src/.git"));
	assert_false(is_there(".axmake/tasks/t/edited/src/fifo"));
	/* A file where a folder was, and back. */
	os_remove_tree(AT_FDCWD, "src");
	put("src", "file");
	assert_int_equal(store_keep_edited(&b->s, STR("t"), STR("src")), 0);
	assert_str(content(b, ".axmake/tasks/t/edited/src"), "file");
	unlink("src");
	assert_int_equal(mkdir("src", 0700), 0);
	put("src/f", "three");
	assert_int_equal(store_keep_edited(&b->s, STR("t"), STR("src/f")), 0);
	assert_str(content(b, ".axmake/tasks/t/edited/src/f"), "three");
	assert_int_equal(store_keep_edited(&b->s, STR("t"), STR("src/none")), ENOENT);
	assert_int_equal(store_keep_edited(&b->s, STR("t"), STR("../x")), EINVAL);
	assert_int_equal(store_keep_edited(&b->s, STR("t"), STR("/etc/passwd")), EINVAL);
	assert_int_equal(store_keep_edited(&b->s, STR("t"), STR(".")), EINVAL);
}

static void keeping_an_edit_never_follows_a_kept_link(void **state)
{
	struct box *b = *state;

	open_store(b);
	assert_int_equal(mkdir("precious", 0700), 0);
	put("precious/f", "precious");
	assert_int_equal(symlink("../../../../precious", "out"), 0);
	assert_int_equal(store_keep_edited(&b->s, STR("t"), STR("out")), 0);
	assert_true(S_ISLNK(mode_of(".axmake/tasks/t/edited/out")));
	assert_str(content(b, ".axmake/tasks/t/edited/out/f"), "precious"); /* it leads there */
	unlink("out");
	assert_int_equal(mkdir("out", 0700), 0);
	put("out/f", "edited");
	assert_int_equal(store_keep_edited(&b->s, STR("t"), STR("out/f")), 0);
	assert_str(content(b, "precious/f"), "precious");
	assert_str(content(b, ".axmake/tasks/t/edited/out/f"), "edited");
}

/* ---- cleaning ---- */

static void fill(struct box *b)
{
	struct lock_holder h;

	open_store(b);
	assert_int_equal(store_lock(&b->s, 1, false, &h, &b->err, &b->arena), LOCK_TAKEN);
	put(".axmake/log", "log");
	put(".axmake/log.bad", "bad");
	put(".axmake/.ax-00.tmp", "left behind");
	assert_int_equal(mkdir(".axmake/runs", 0700), 0);
	assert_int_equal(store_write_result(&b->s, text, text_hash()), 0);
	put(".axmake/results/.ax-00.tmp", "left behind");
	assert_int_equal(store_mark_start(&b->s, STR("t"), 1), 0);
	assert_int_equal(store_mark_start(&b->s, STR("u"), 1), 0);
	assert_int_equal(store_show_result(&b->s, STR("t"), text_hash()), 0);
	put(".axmake/tasks/t/stdout", "out");
	assert_int_equal(mkdir(".axmake/tasks/t/tries", 0700), 0);
	put(".axmake/tasks/t/tries/1", "out");
	put("edited", "by hand");
	assert_int_equal(store_keep_edited(&b->s, STR("t"), STR("edited")), 0);
	put(".axmake/tasks/file", "of nobody");
}

static void cleaning_forgets_but_keeps_what_was_paid_for(void **state)
{
	struct box *b = *state;
	struct str bad;

	fill(b);
	assert_int_equal(store_clean(&b->s, false, &b->arena, &bad), 0);
	assert_false(is_there(".axmake/log"));
	assert_false(is_there(".axmake/log.bad"));
	assert_false(is_there(".axmake/.ax-00.tmp"));
	assert_false(is_there(".axmake/results/.ax-00.tmp"));
	assert_false(is_there(".axmake/tasks/t/started"));
	assert_false(is_there(".axmake/tasks/t/stdout"));
	assert_false(is_there(".axmake/tasks/t/tries"));
	assert_false(is_there(".axmake/tasks/u"));
	assert_true(store_has_result(&b->s, text_hash(), text.n));
	assert_str(content(b, ".axmake/tasks/t/result"), text.p);
	assert_str(content(b, ".axmake/tasks/t/edited/edited"), "by hand");
	assert_true(is_there(".axmake/lock"));
	assert_int_equal(store_lock_holder(&b->s).pid, getpid());
	assert_int_equal(store_clean(&b->s, false, &b->arena, &bad), 0);
}

static void cleaning_all_keeps_the_lock_only(void **state)
{
	struct box *b = *state;
	struct str bad;

	fill(b);
	assert_int_equal(store_clean(&b->s, true, &b->arena, &bad), 0);
	assert_int_equal(store_lock_holder(&b->s).pid, getpid());
	assert_true(is_there(".axmake/.gitignore")); /* hides the lock */
	assert_false(is_there(".axmake/log"));
	assert_false(is_there(".axmake/results"));
	assert_false(is_there(".axmake/tasks"));
	assert_false(is_there(".axmake/runs"));
}

static void cleaning_names_what_it_cannot_remove(void **state)
{
	struct box *b = *state;
	struct str bad;

	assert_int_equal(chmod(".", 0777), 0);
	be_user(true);
	open_store(b);
	assert_int_equal(store_mark_start(&b->s, STR("t"), 1), 0);
	assert_int_equal(chmod(".axmake/tasks/t", 0500), 0);
	assert_int_equal(store_clean(&b->s, false, &b->arena, &bad), EACCES);
	assert_str(bad, ".axmake/tasks/t/started");
	assert_int_equal(chmod(".axmake/tasks/t", 0700), 0);
	assert_int_equal(store_clean(&b->s, false, &b->arena, &bad), 0);
	be_user(false);
}

#define IN_BOX(test) cmocka_unit_test_setup_teardown(test, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    IN_BOX(reading_makes_nothing),
	    IN_BOX(a_run_makes_the_folder_for_its_owner_only),
	    IN_BOX(a_link_to_an_own_folder_will_do),
	    IN_BOX(what_cannot_be_the_folder_is_refused),
	    IN_BOX(another_owner_s_folder_is_refused),
	    IN_BOX(a_folder_that_may_not_be_written_says_so),
	    IN_BOX(a_result_is_kept_by_link_and_checked_when_read),
	    IN_BOX(a_damaged_result_is_not_given_out_and_can_be_replaced),
	    IN_BOX(doubtful_results_are_read_before_they_are_believed),
	    IN_BOX(what_stands_in_a_result_s_place_is_replaced_and_never_followed),
	    IN_BOX(the_empty_result_is_made_where_it_is_wanted),
	    IN_BOX(a_task_s_folder_shows_its_latest_result),
	    IN_BOX(a_result_that_cannot_be_linked_is_copied),
	    IN_BOX(a_full_disk_leaves_no_half_result),
	    IN_BOX(the_last_start_is_marked),
	    IN_BOX(edited_files_are_kept_and_the_newest_wins),
	    IN_BOX(keeping_an_edit_never_follows_a_kept_link),
	    IN_BOX(cleaning_forgets_but_keeps_what_was_paid_for),
	    IN_BOX(cleaning_all_keeps_the_lock_only),
	    IN_BOX(cleaning_names_what_it_cannot_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
