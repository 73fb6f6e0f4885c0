/* What a view holds, and how it comes to the root: layers of an overlay made by hand, and copies. */
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "state/publish.h"
#include "state/treecopy.h"
#include "state/views.h"
#include "store_fixture.h"

static void sh(const char *script)
{
	assert_int_equal(system(script), 0);
}

static void is(const char *path, const char *want)
{
	struct arena a = {0};
	struct str text;
	assert_int_equal(os_read_file(&a, AT_FDCWD, path, 1 << 20, &text), 0);
	assert_string_equal(text.p, want);
	arena_free(&a);
}

static void whiteout(const char *path)
{
	assert_int_equal(mknod(path, S_IFCHR, makedev(0, 0)), 0);
}

/* A root with a file in a folder, and an empty upper layer. */
static void begin(struct box *b)
{
	assert_true(store_open(&b->s, &b->arena, true, &b->err));
	sh("mkdir -p up tree/sub && echo old > tree/file && echo old > tree/sub/deep");
}

static unsigned kept_calls;

static void kept(void *self, struct str path)
{
	(void)self;
	(void)path;
	kept_calls++;
}

static struct publish publishing(struct box *b, const char *from)
{
	struct publish p = {.arena = &b->arena, .store = &b->s, .task = STR("t"), .kept = kept};
	p.from_fd = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(p.from_fd >= 0);
	clock_gettime(CLOCK_REALTIME, &p.since);
	p.since.tv_sec += 60; /* nothing is newer */
	kept_calls = 0;
	return p;
}

static struct changes layer(struct box *b)
{
	struct changes c = {0};
	struct str bad;
	int fd = open("up", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(changes_of_layer(&b->arena, fd, &c, &bad), 0);
	close(fd);
	return c;
}

static void whiteouts_hide_and_remove(void **state)
{
	struct box *b = *state;
	begin(b);
	sh("mkdir up/tree");
	whiteout("up/tree/file");
	whiteout("up/tree/sub");
	struct changes c = layer(b);
	struct publish p = publishing(b, "up");
	assert_int_equal(changes_get(&c, STR("tree/file"))->kind, CHANGE_GONE);
	assert_true(changes_hide(&c, STR("tree/sub/deep")));
	assert_false(changes_hide(&c, STR("tree")));
	assert_false(changes_hide(&c, STR("tree/other")));
	assert_int_equal(publish_remove(&p, STR("tree/file")), 0);
	assert_int_equal(publish_remove(&p, STR("tree/sub")), 0);
	assert_int_equal(publish_remove(&p, STR("tree/sub")), 0);
	assert_int_equal(publish_end(&p), 0);
	assert_int_equal(rmdir("tree"), 0);
	close(p.from_fd);
	changes_free(&c);
}

static void an_opaque_folder_hides_all_and_keeps_what_is_new(void **state)
{
	struct box *b = *state;
	begin(b);
	sh("mkdir -p up/tree/sub && echo new > up/tree/file");
	if (setxattr("up/tree", "user.overlay.opaque", "y", 1, 0))
		skip(); /* this file system has no such attributes */
	struct changes c = layer(b);
	struct publish p = publishing(b, "up");
	assert_true(changes_get(&c, STR("tree"))->opaque);
	assert_true(changes_hide(&c, STR("tree/sub/deep")));
	assert_int_equal(publish_clear(&p, &c, changes_get(&c, STR("tree"))), 0);
	is("tree/file", "old\n"); /* the view has one of that name: it is replaced, never missing */
	assert_true(changes_get(&c, STR("tree/sub"))->opaque); /* though it has no mark of its own: nothing is below it */
	assert_int_equal(publish_clear(&p, &c, changes_get(&c, STR("tree/sub"))), 0);
	assert_int_equal(access("tree/sub/deep", F_OK), -1);
	assert_int_equal(publish_file(&p, changes_get(&c, STR("tree/file"))), 0);
	assert_int_equal(publish_end(&p), 0);
	is("tree/file", "new\n");
	close(p.from_fd);
	changes_free(&c);
}

static void links_of_the_root_are_not_written_through(void **state)
{
	struct box *b = *state;
	begin(b);
	sh("mkdir outside up/way && ln -s outside way && ln -s outside/x link && echo 1 > up/way/file && echo 2 > up/link");
	struct changes c = layer(b);
	struct publish p = publishing(b, "up");
	assert_int_equal(publish_file(&p, changes_get(&c, STR("way/file"))), ELOOP);
	assert_int_equal(publish_file(&p, changes_get(&c, STR("link"))), 0);
	assert_int_equal(publish_end(&p), 0);
	is("link", "2\n");
	assert_int_equal(rmdir("outside"), 0);
	close(p.from_fd);
	changes_free(&c);
}

static void modes_and_kinds_come_along(void **state)
{
	struct box *b = *state;
	struct stat st;
	begin(b);
	sh("mkdir up/new && echo x > up/new/run && chmod 755 up/new/run && echo r > up/new/ro && chmod 444 up/new/ro && ln -s run up/new/l && chmod 555 up/new && "
	   "echo file > up/tree");
	if (!setxattr("up/new/run", "user.overlay.origin", "y", 1, 0))
		assert_int_equal(setxattr("up/new/run", "user.own", "y", 1, 0), 0);
	struct changes c = layer(b);
	struct publish p = publishing(b, "up");
	assert_int_equal(publish_folder(&p, changes_get(&c, STR("new"))), 0);
	for (size_t i = 0; i < c.all.n; i++)
		if (c.all.p[i].kind == CHANGE_FILE)
			assert_int_equal(publish_file(&p, &c.all.p[i]), 0);
	assert_int_equal(publish_end(&p), 0);
	assert_true(!stat("new", &st) && (st.st_mode & 07777) == 0555);
	assert_true(!stat("new/run", &st) && (st.st_mode & 07777) == 0755);
	assert_true(!stat("new/ro", &st) && (st.st_mode & 07777) == 0444);
	assert_true(!lstat("new/l", &st) && S_ISLNK(st.st_mode));
	assert_true(getxattr("new/run", "user.overlay.origin", NULL, 0) < 0);
	is("tree", "file\n");
	sh("chmod 755 new");
	close(p.from_fd);
	changes_free(&c);
}

static void what_is_newer_is_kept(void **state)
{
	struct box *b = *state;
	begin(b);
	sh("mkdir up/tree && echo new > up/tree/file");
	struct changes c = layer(b);
	struct publish p = publishing(b, "up");
	p.since = (struct timespec){0, 0};
	assert_int_equal(publish_file(&p, changes_get(&c, STR("tree/file"))), 0);
	assert_int_equal(publish_remove(&p, STR("tree/sub")), 0);
	assert_int_equal(publish_end(&p), 0);
	assert_int_equal(kept_calls, 2);
	is(".axmake/tasks/t/edited/tree/file", "old\n");
	is(".axmake/tasks/t/edited/tree/sub/deep", "old\n");
	close(p.from_fd);
	changes_free(&c);
}

static struct changes copied(struct box *b, const char *script)
{
	struct changes c = {0};
	struct sbuf folders = {0};
	struct str bad, dir = views_dir(&b->arena, STR("t"));
	struct timespec copying, since;
	begin(b);
	sh("mkdir same other && echo a > same/x && echo b > other/x && ln -s /somewhere/tree/file abs && ln -s tree/file rel");
	assert_int_equal(views_make(&b->s, dir, VIEW_COPY), 0);
	assert_int_equal(views_begin_copy(&b->s, dir), 0);
	int fd = views_open(&b->s, dir, VIEW_COPY);
	assert_int_equal(treecopy(&b->arena, b->s.root_fd, fd, STR("/somewhere"), STR("/copy"), NULL, &folders, &bad), 0);
	sh("echo beside > tree/meanwhile"); /* comes when its folder has been copied */
	assert_int_equal(views_begin(&b->s, dir, VIEW_COPY, 7), 0);
	assert_true(views_began(&b->s, dir, VIEW_COPY, 7, &copying, &since));
	assert_false(views_began(&b->s, dir, VIEW_COPY, 8, &copying, &since));
	assert_false(views_began(&b->s, dir, VIEW_OVERLAY, 7, &copying, &since));
	assert_true(views_began(&b->s, dir, VIEW_COPY, 7, &copying, &since));
	sh(script);
	assert_int_equal(changes_of_copy(&b->arena, fd, b->s.root_fd, copying, since, sbuf_view(&folders), &c, &bad), 0);
	sbuf_free(&folders);
	close(fd);
	return c;
}

static void a_copy_untouched_holds_no_changes(void **state)
{
	struct box *b = *state;
	char text[64] = {0};
	struct changes c = copied(b, "cat .axmake/views/t/copy/tree/sub/deep > /dev/null; echo later > tree/later; mkdir fresh; rm other/x");
	assert_int_equal(c.all.n, 0);
	assert_int_equal(readlink(".axmake/views/t/copy/abs", text, sizeof text - 1), 15);
	assert_string_equal(text, "/copy/tree/file");
	changes_free(&c);
}

static void a_copy_tells_what_was_done_in_it(void **state)
{
	struct box *b = *state;
	struct changes c = copied(b, "cd .axmake/views/t/copy && mv same tmp && mv other same && mv tmp other && rm -r tree/sub && echo n > tree/file && touch -d @0 tree/file && echo s > new");
	/* Two folders that changed places: not one file in them has another time. */
	assert_int_equal(changes_get(&c, STR("same/x"))->kind, CHANGE_FILE);
	assert_int_equal(changes_get(&c, STR("other/x"))->kind, CHANGE_FILE);
	assert_int_equal(changes_get(&c, STR("tree/sub"))->kind, CHANGE_GONE);
	assert_int_equal(changes_get(&c, STR("tree/file"))->kind, CHANGE_FILE);
	assert_int_equal(changes_get(&c, STR("new"))->kind, CHANGE_FILE);
	assert_null(changes_get(&c, STR("rel")));
	changes_free(&c);
}

static bool take_away(void)
{
	sh("rm -rf going-* turned; echo > turned");
	return false;
}

/* Another task at work in the root meanwhile: some of these folders have been listed by then, and some have not. */
static void folders_that_go_while_they_are_copied_are_passed_over(void **state)
{
	struct box *b = *state;
	struct sbuf folders = {0};
	struct str bad, dir = views_dir(&b->arena, STR("t"));
	begin(b);
	sh("for i in $(seq 100); do echo > many-$i; done; for i in $(seq 30); do mkdir -p going-$i/deep; echo x > going-$i/x; done; mkdir turned");
	assert_int_equal(views_make(&b->s, dir, VIEW_COPY), 0);
	assert_int_equal(views_begin_copy(&b->s, dir), 0);
	int fd = views_open(&b->s, dir, VIEW_COPY);
	assert_int_equal(treecopy(&b->arena, b->s.root_fd, fd, STR("/somewhere"), STR("/copy"), take_away, &folders, &bad), 0);
	sh("cmp many-100 .axmake/views/t/copy/many-100; ! test -e .axmake/views/t/copy/going-1/x");
	sbuf_free(&folders);
	close(fd);
}

static bool never(struct str mark)
{
	(void)mark;
	return false;
}

static bool always(struct str mark)
{
	return str_eq(mark, STR("1-2-3"));
}

static void views_go_whatever_their_modes(void **state)
{
	struct box *b = *state;
	struct stat st;
	begin(b);
	assert_int_equal(views_make(&b->s, STR("views/a"), VIEW_OVERLAY), 0);
	assert_int_equal(views_make(&b->s, STR("views/b"), VIEW_OVERLAY), 0);
	assert_int_equal(views_make(&b->s, STR("views/c"), VIEW_OVERLAY), 0);
	sh("mkdir .axmake/views/a/upper/d .axmake/tasks .axmake/tasks/b && touch .axmake/views/a/upper/d/f .axmake/tasks/b/call && chmod 000 .axmake/views/a/upper/d");
	assert_int_equal(views_leave(&b->s, STR("views/c"), STR("1-2-3")), 0);
	assert_int_equal(views_sweep(&b->s, always), 0);
	assert_int_equal(stat(".axmake/views/a", &st), -1);
	assert_int_equal(stat(".axmake/views/b/upper", &st), 0);
	assert_int_equal(stat(".axmake/views-left/1-2-3", &st), 0);
	sh("rm .axmake/tasks/b/call");
	assert_int_equal(views_sweep(&b->s, never), 0);
	assert_int_equal(stat(".axmake/views", &st), -1);
	assert_int_equal(stat(".axmake/views-left", &st), -1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(whiteouts_hide_and_remove),
		T(an_opaque_folder_hides_all_and_keeps_what_is_new),
		T(links_of_the_root_are_not_written_through),
		T(modes_and_kinds_come_along),
		T(what_is_newer_is_kept),
		T(a_copy_untouched_holds_no_changes),
		T(folders_that_go_while_they_are_copied_are_passed_over),
		T(a_copy_tells_what_was_done_in_it),
		T(views_go_whatever_their_modes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
