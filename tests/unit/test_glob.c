#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/glob.h"
#include "base/os.h"

struct match_case {
	const char *pattern, *path;
	bool plain, dots; /* expected without and with `dots` */
};

static void check_matches(const struct match_case *c, size_t n)
{
	for (; n--; c++) {
		if (glob_match(str_of(c->pattern), str_of(c->path), false) != c->plain)
			fail_msg("'%s' against '%s': not %d", c->pattern, c->path, c->plain);
		if (glob_match(str_of(c->pattern), str_of(c->path), true) != c->dots)
			fail_msg("'%s' against '%s' with dots: not %d", c->pattern, c->path, c->dots);
	}
}

static void wildcards_stay_within_a_part(void **state)
{
	static const struct match_case cases[] = {
	    {"a.c", "a.c", true, true},
	    {"a.c", "a.h", false, false},
	    {"*", "a", true, true},
	    {"*", "a/b", false, false},
	    {"*.c", "a.c", true, true},
	    {"*.c", "src/a.c", false, false},
	    {"src/*.c", "src/a.c", true, true},
	    {"src/*.c", "src/x/a.c", false, false},
	    {"./src//*.c", "src/a.c", true, true},
	    {"a*b*c", "a-b-b-c", true, true},
	    {"a*b*c", "a-b-b-", false, false},
	    {"*", "", false, false},
	    {"?", "a", true, true},
	    {"?", "ab", false, false},
	    {"a?", "a", false, false},
	    {"a?b", "a/b", false, false},
	    {"?", "\xc3\xbc", true, true}, /* one character, two bytes */
	    {"??", "\xc3\xbc", false, false},
	    {"\\*", "*", true, true},
	    {"\\*", "a", false, false},
	    {"a\\?", "a?", true, true},
	    {"a\\", "a\\", true, true},
	    {"/a/*", "/a/b", true, true},
	    {"/a/*", "a/b", false, false},
	    {"a/*", "/a/b", false, false},
	    {"../*.c", "../a.c", true, true},
	    {"*/a.c", "../a.c", false, false},
	};

	(void)state;
	check_matches(cases, sizeof cases / sizeof *cases);
}

static void sets(void **state)
{
	static const struct match_case cases[] = {
	    {"[a-c]", "b", true, true},
	    {"[a-c]", "d", false, false},
	    {"[!a-c]", "d", true, true},
	    {"[!a-c]", "b", false, false},
	    {"[abx-z]1", "y1", true, true},
	    {"[]a]", "]", true, true},
	    {"[!]a]", "]", false, false},
	    {"[a-]", "-", true, true},
	    {"[-a]", "-", true, true},
	    {"[\\]]", "]", true, true},
	    {"[\\\\]", "\\", true, true},
	    {"[a\\-c]", "b", false, false},
	    {"[\xc3\xa0-\xc3\xbf]", "\xc3\xbc", true, true},
	    {"[!a]", "\xc3\xbc", true, true},
	    {"[z-a]", "m", false, false},
	    {"*[0-9].txt", "a7.txt", true, true},
	    {"[", "[", true, true},
	    {"[a", "[a", true, true},
	    {"[a", "a", false, false},
	    {"a[", "a[", true, true},
	    {"[]", "[]", true, true},
	    {"[!]", "[!]", true, true},
	    {"[a/b]", "[a/b]", true, true}, /* a slash ends the part, so no bracket closes */
	    {"[a/b]", "a", false, false},
	    {"[a*", "[abc", true, true},
	};

	(void)state;
	check_matches(cases, sizeof cases / sizeof *cases);
}

static void double_stars_pass_over_parts(void **state)
{
	static const struct match_case cases[] = {
	    {"**", "a", true, true},
	    {"**", "a/b/c", true, true},
	    {"**", ".", false, false},
	    {"**/x", "x", true, true},
	    {"**/x", "a/b/x", true, true},
	    {"**/x", "a/xx", false, false},
	    {"a/**", "a/b", true, true},
	    {"a/**", "a/b/c", true, true},
	    {"a/**", "a", false, false},
	    {"a/**", "ab/c", false, false},
	    {"a/*/**", "a/b", false, false},
	    {"a/*/**", "a/b/c", true, true},
	    {"a/**/b", "a/b", true, true},
	    {"a/**/b", "a/x/y/b", true, true},
	    {"a/**/b", "a/x/y/b/c", false, false},
	    {"**/a/**/b/**", "x/a/a/y/b/z", true, true},
	    {"**/a/**/b/**", "x/a/a/y/b", false, false},
	    {"**/**/**/x", "x", true, true},
	    {"**/**/**/x", "a/b/c/d/x", true, true},
	    {"**/**", "a", true, true},
	    {"**.c", "a/b.c", false, false}, /* not a whole part: a star */
	    {"**.c", "b.c", true, true},
	    {"/**/x", "/a/x", true, true},
	    {"**/*.c", "a/b/c.c", true, true},
	};

	(void)state;
	check_matches(cases, sizeof cases / sizeof *cases);
}

static void a_leading_dot_is_matched_by_a_dot(void **state)
{
	static const struct match_case cases[] = {
	    {"*", ".a", false, true},
	    {"?a", ".a", false, true},
	    {"[.]a", ".a", false, true},
	    {".*", ".a", true, true},
	    {"\\.a", ".a", true, true},
	    {"*", "a.b", true, true},
	    {"**", ".a/b", false, true},
	    {"**", "a/.b", false, true},
	    {"**/b", "a/.x/b", false, true},
	    {"**/.x/**", "a/.x/b", true, true},
	    {"**/.x/**", ".x/.x/b", false, true},
	    {"**/.a/**/x", ".a/b/.a/x", false, true},
	    {"**/*/.b/**/x", "a/.b/c/.b/x", false, true},
	    {"**", "../a", false, false},
	};

	(void)state;
	check_matches(cases, sizeof cases / sizeof *cases);
}

/* By the definition, trying everything: short texts only. */
static bool slow_part(const char *p, const char *s)
{
	if (*p == '*')
		return slow_part(p + 1, s) || (*s && slow_part(p, s + 1));
	return *p ? *s && (*p == '?' || *p == *s) && slow_part(p + 1, s + 1) : !*s;
}

static bool slow_match(const char *const *p, size_t pn, const char *const *s, size_t sn, bool dots)
{
	if (!pn)
		return !sn;
	if (!strcmp(p[0], "**")) {
		if (pn > 1 && slow_match(p + 1, pn - 1, s, sn, dots))
			return true;
		if (!sn || (s[0][0] == '.' && !dots))
			return false;
		return (pn == 1 && sn == 1) || slow_match(p, pn, s + 1, sn - 1, dots);
	}
	return sn && (s[0][0] != '.' || p[0][0] == '.' || dots) && slow_part(p[0], s[0]) &&
	       slow_match(p + 1, pn - 1, s + 1, sn - 1, dots);
}

static size_t random_parts(unsigned *seed, const char *const *from, size_t n, const char **parts, char *joined)
{
	size_t count = 1 + (*seed = *seed * 1103515245 + 12345, *seed >> 16) % 6;

	*joined = '\0';
	for (size_t i = 0; i < count; i++) {
		parts[i] = from[(*seed = *seed * 1103515245 + 12345, *seed >> 16) % n];
		strcat(strcat(joined, i ? "/" : ""), parts[i]);
	}
	return count;
}

static void matching_agrees_with_its_definition(void **state)
{
	static const char *const wild[] = {"**", "**", "a", "*", ".a", ".*", "a*b", "?"}, *const names[] = {"a", ".a", "ab", "b",
	                                                                                                    ".b"};
	unsigned seed = 1;

	(void)state;
	for (int round = 0; round < 200000; round++) {
		const char *p[6], *s[6];
		char pattern[64], path[64];
		size_t pn = random_parts(&seed, wild, 8, p, pattern), sn = random_parts(&seed, names, 5, s, path);
		bool dots = round & 1;

		if (glob_match(str_of(pattern), str_of(path), dots) != slow_match(p, pn, s, sn, dots))
			fail_msg("'%s' against '%s', dots %d", pattern, path, dots);
	}
}

/* No pair that some path matches may be called apart. */
static void patterns_that_share_a_path_may_meet(void **state)
{
	static const char *const wild[] = {"**", "a", "*", "a*", "?b", "*b", ".a", "[ab]", "a[b]"}, *const names[] = {"a", ".a",
	                                                                                                              "ab", "b",
	                                                                                                              "cb"};
	unsigned seed = 7;
	size_t shared = 0, apart = 0;

	(void)state;
	for (int round = 0; round < 200000; round++) {
		const char *parts[6];
		char a[64], b[64], path[64];
		bool meet;

		random_parts(&seed, wild, 9, parts, a);
		random_parts(&seed, wild, 9, parts, b);
		random_parts(&seed, names, 5, parts, path);
		meet = glob_may_meet(str_of(a), str_of(b));
		assert_int_equal(meet, glob_may_meet(str_of(b), str_of(a)));
		apart += !meet;
		if (!glob_match(str_of(a), str_of(path), true) || !glob_match(str_of(b), str_of(path), true))
			continue;
		shared++;
		if (!meet)
			fail_msg("'%s' and '%s' share '%s'", a, b, path);
	}
	assert_true(shared > 100);
	assert_true(apart > 1000);
}

static void patterns_that_plainly_differ_do_not_meet(void **state)
{
	(void)state;
	assert_false(glob_may_meet(STR("src/*.c"), STR("src/*.h")));
	assert_false(glob_may_meet(STR("src/**"), STR("doc/**")));
	assert_false(glob_may_meet(STR("a*"), STR("b*")));
	assert_false(glob_may_meet(STR("*/x"), STR("*/*/x")));
	assert_false(glob_may_meet(STR("out/a"), STR("out/b")));
	assert_true(glob_may_meet(STR("out/a"), STR("out/a")));
	assert_true(glob_may_meet(STR("."), STR("\\.")) && glob_may_meet(STR("\\."), STR(".")));
	assert_true(glob_may_meet(STR("out/**"), STR("**/*.md")));
	assert_true(glob_may_meet(STR("out/**"), STR("out/x/y")));
	assert_false(glob_may_meet(STR("/out/**"), STR("out/x")));
	assert_false(glob_may_meet(STR("a\\*b"), STR("a[cd]b")));
}

static void a_quoted_name_meets_the_patterns_that_match_it(void **state)
{
	static const char *const rows[][2] = {{"a\\*b", "a?b"}, {"a\\*b", "a\\*b"}, {"out/x\\[1\\]", "out/x?1?"}, {"\\\\", "?"}, {"a\\?/b", "a[?]/*"}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_true(glob_may_meet(str_of(rows[i][0]), str_of(rows[i][1])));
		assert_true(glob_may_meet(str_of(rows[i][1]), str_of(rows[i][0])));
	}
}

static void hard_patterns_take_little_time(void **state)
{
	char path[4001], parts[4001], pattern[4001];
	int64_t began_ns = clock_ns();

	(void)state;
	memset(path, 'a', 4000);
	path[4000] = '\0';
	assert_false(glob_match(STR("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b"), str_of(path), false));
	for (size_t i = 0; i < 4000; i += 2)
		memcpy(parts + i, "a/", 2);
	parts[3999] = '\0';
	assert_false(glob_match(STR("**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/b"), str_of(parts), false));
	assert_false(glob_match(STR("**/**/**/**/**/**/**/**/**/**/**/x"), str_of(parts), false));
	for (size_t i = 0; i < 3999; i += 3)
		memcpy(pattern + i, "**/", 3);
	pattern[3999] = '\0';
	assert_true(glob_match(str_of(pattern), str_of(parts), false));
	assert_true(glob_may_meet(str_of(pattern), STR("**/a*/**/*b/**")));
	assert_true(clock_ns() - began_ns < 3 * NS_PER_S);
}

static void only_unquoted_wildcards_make_a_pattern(void **state)
{
	(void)state;
	assert_true(glob_is_pattern(STR("a/*.c")));
	assert_true(glob_is_pattern(STR("a?")));
	assert_true(glob_is_pattern(STR("[ab]")));
	assert_true(glob_is_pattern(STR("\\\\*")));
	assert_false(glob_is_pattern(STR("a/b.c")));
	assert_false(glob_is_pattern(STR("a\\*b\\?\\[x]")));
	assert_false(glob_is_pattern(STR("a[b"))); /* no bracket closes: it stands for itself */
	assert_false(glob_is_pattern(STR("")));
}

static void prefix_is_the_folder_of_every_match(void **state)
{
	static const char *const cases[][2] = {
	    {"src/gen/*.c", "src/gen"},
	    {"*.c", "."},
	    {"**", "."},
	    {"a/**/b", "a"},
	    {"a/b", "a"},
	    {"a", "."},
	    {"/*", "/"},
	    {"/usr/*.h", "/usr"},
	    {"./src/*", "src"},
	    {"src//x/*", "src"},
	    {"../x/*", "../x"},
	    {"a[/b/*", "a[/b"},
	    {"a\\*/b/*", "."},
	    {"", "."},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (!str_eq(glob_prefix(str_of(cases[i][0])), str_of(cases[i][1])))
			fail_msg("prefix of '%s' is not '%s'", cases[i][0], cases[i][1]);
}

struct tree {
	char path[32];
	int fd;
	struct arena arena;
};

static void make_file(struct tree *t, const char *path)
{
	char *slash, *folder = strdup(path);

	slash = strrchr(folder, '/');
	if (slash) {
		*slash = '\0';
		assert_int_equal(os_mkdirs(t->fd, folder, 0777), 0);
	}
	free(folder);
	assert_int_equal(os_replace_file(t->fd, path, 0666, STR("x")), 0);
}

static int make_tree(void **state)
{
	static const char *const files[] = {
	    "a.c",           "b.c",         "b.h",         ".hidden",
	    "src/a.c",       "src/.h.c",    "src/gen/g.c", "src/gen/deep/d.c",
	    "src/.cfg/c.c",  "src/x*y/q.c", ".git/config", "src/.git/c.c",
	    ".axmake/log.c", "doc/a.md",    "doc/b.md",    "src/odd [1].c",
	};
	struct tree *t = calloc(1, sizeof *t);

	strcpy(t->path, "/tmp/test-glob-XXXXXX");
	if (!mkdtemp(t->path))
		return -1;
	t->fd = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		make_file(t, files[i]);
	assert_int_equal(symlinkat("a.c", t->fd, "to_file.c"), 0);
	assert_int_equal(symlinkat("src", t->fd, "to_folder"), 0);
	assert_int_equal(symlinkat("nowhere", t->fd, "dangling.c"), 0);
	assert_int_equal(symlinkat("..", t->fd, "src/gen/up"), 0);
	mkdirat(t->fd, "src/folder.c", 0777);
	mkfifoat(t->fd, "pipe.c", 0666);
	*state = t;
	return 0;
}

static int drop_tree(void **state)
{
	struct tree *t = *state;
	int err = os_remove_tree(AT_FDCWD, t->path);

	close(t->fd);
	arena_free(&t->arena);
	free(t);
	return err;
}

/* The paths found, in order, joined by spaces. */
static const char *joined(struct tree *t, struct glob_list *l)
{
	struct sbuf b = {0};
	struct str s;

	glob_sort(l);
	sbuf_lit(&b, "");
	for (size_t i = 0; i < l->paths.n; i++)
		sbuf_printf(&b, "%s%s", i ? " " : "", l->paths.p[i].p);
	s = arena_copy(&t->arena, sbuf_view(&b));
	sbuf_free(&b);
	return s.p;
}

static const char *walk(struct tree *t, const char *pattern)
{
	struct glob_list l = {0};
	struct str bad = STR_NONE;

	assert_int_equal(glob_walk(&t->arena, t->fd, str_of(pattern), &l, &bad), 0);
	return joined(t, &l);
}

static void a_walk_finds_files_and_links_to_files(void **state)
{
	struct tree *t = *state;

	assert_string_equal(walk(t, "*.c"), "a.c b.c to_file.c");
	assert_string_equal(walk(t, "a.c"), "a.c");
	assert_string_equal(walk(t, "./src/../a.c"), "a.c");
	assert_string_equal(walk(t, "src/*.c"), "src/a.c src/odd [1].c");
	assert_string_equal(walk(t, "src/.*.c"), "src/.h.c");
	assert_string_equal(walk(t, "src/gen/**"), "src/gen/deep/d.c src/gen/g.c");
	assert_string_equal(walk(t, "**/d.c"), "src/gen/deep/d.c");
	assert_string_equal(walk(t, "*/gen/*.c"), "src/gen/g.c");
	assert_string_equal(walk(t, "*/a.c"), "src/a.c");
	assert_string_equal(walk(t, "src/**/.cfg/*"), "src/.cfg/c.c");
	assert_string_equal(walk(t, "**/*.md"), "doc/a.md doc/b.md");
	assert_string_equal(walk(t, "src/*/**"), "src/gen/deep/d.c src/gen/g.c src/x*y/q.c");
	assert_string_equal(walk(t, "src/x\\*y/*"), "src/x*y/q.c");
	assert_string_equal(walk(t, "src/odd \\[1\\].c"), "src/odd [1].c");
}

static void a_missing_folder_finds_nothing(void **state)
{
	struct tree *t = *state;

	assert_string_equal(walk(t, "nothere/*.c"), "");
	assert_string_equal(walk(t, "a.c/*"), "");
	assert_string_equal(walk(t, "*/nothere/x"), "");
	assert_string_equal(walk(t, "src"), ""); /* a folder is no file */
	assert_string_equal(walk(t, "dangling.c"), "");
}

static void own_and_version_folders_are_never_entered(void **state)
{
	struct tree *t = *state;

	assert_string_equal(walk(t, ".git/*"), "");
	assert_string_equal(walk(t, ".axmake/log.c"), "");
	assert_string_equal(walk(t, "src/.git/*.c"), "");
	assert_string_equal(walk(t, ".*/*"), "");
}

static void a_linked_folder_is_entered_only_as_the_literal_prefix(void **state)
{
	struct tree *t = *state;

	assert_string_equal(walk(t, "to_folder/a*.c"), "to_folder/a.c");
	assert_string_equal(walk(t, "to_f*/a.c"), "");
	assert_string_equal(walk(t, "**/up/a.c"), "");
}

static void a_tree_holds_hidden_names_too(void **state)
{
	struct tree *t = *state;
	struct glob_list l = {0};
	struct str bad = STR_NONE;

	assert_int_equal(glob_walk_tree(&t->arena, t->fd, STR("src"), &l, &bad), 0);
	assert_string_equal(joined(t, &l),
	                    "src/.cfg/c.c src/.h.c src/a.c src/gen/deep/d.c src/gen/g.c src/odd [1].c src/x*y/q.c");
	l.paths.n = 0;
	assert_int_equal(glob_walk_tree(&t->arena, t->fd, STR("src/x*y"), &l, &bad), 0);
	assert_string_equal(joined(t, &l), "src/x*y/q.c");
	l.paths.n = 0;
	assert_int_equal(glob_walk_tree(&t->arena, t->fd, STR("."), &l, &bad), 0);
	assert_int_equal(l.paths.n, 14);
	l.paths.n = 0;
	assert_int_equal(glob_walk_tree(&t->arena, t->fd, STR(".git"), &l, &bad), 0);
	assert_int_equal(glob_walk_tree(&t->arena, t->fd, STR("nothere"), &l, &bad), 0);
	assert_int_equal(l.paths.n, 0);
}

static void lists_from_several_walks_hold_each_path_once(void **state)
{
	struct tree *t = *state;
	struct glob_list l = {0};
	struct str bad = STR_NONE;

	assert_int_equal(glob_walk(&t->arena, t->fd, STR("b.*"), &l, &bad), 0);
	assert_int_equal(glob_walk(&t->arena, t->fd, STR("*.c"), &l, &bad), 0);
	assert_string_equal(joined(t, &l), "a.c b.c b.h to_file.c");
}

static void a_loop_of_links_is_an_error_with_its_path(void **state)
{
	struct tree *t = *state;
	struct glob_list l = {0};
	struct str bad = STR_NONE;

	assert_int_equal(symlinkat("loop.c", t->fd, "src/loop.c"), 0);
	assert_int_equal(glob_walk(&t->arena, t->fd, STR("src/*.c"), &l, &bad), ELOOP);
	assert_string_equal(bad.p, "src/loop.c");
	assert_int_equal(glob_walk(&t->arena, t->fd, STR("src/loop.c/*.c"), &l, &bad), ELOOP);
	assert_string_equal(bad.p, "src/loop.c");
	/* It matters only to those whom it meets. */
	assert_int_equal(glob_walk(&t->arena, t->fd, STR("src/*.h"), &l, &bad), 0);
	assert_int_equal(unlinkat(t->fd, "src/loop.c", 0), 0);
}

/* In a child without privileges, for whom an unreadable folder is one. */
static void a_forbidden_folder_is_an_error_with_its_path(void **state)
{
	struct tree *t = *state;
	struct glob_list l = {0};
	struct str bad = STR_NONE;
	uid_t was = geteuid();

	assert_int_equal(fchmod(t->fd, 0755), 0);
	assert_int_equal(fchmodat(t->fd, "src/gen", 0, 0), 0);
	if (!was)
		assert_int_equal(seteuid(65534), 0);
	assert_int_equal(glob_walk(&t->arena, t->fd, STR("src/**/*.c"), &l, &bad), EACCES);
	assert_string_equal(bad.p, "src/gen");
	/* One that cannot match is not entered. */
	assert_int_equal(glob_walk(&t->arena, t->fd, STR("src/x*/*.c"), &l, &bad), 0);
	assert_int_equal(glob_walk_tree(&t->arena, t->fd, STR("src/gen"), &l, &bad), EACCES);
	assert_string_equal(bad.p, "src/gen");
	assert_int_equal(seteuid(was), 0);
	assert_int_equal(fchmodat(t->fd, "src/gen", 0777, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(wildcards_stay_within_a_part),
	    cmocka_unit_test(sets),
	    cmocka_unit_test(double_stars_pass_over_parts),
	    cmocka_unit_test(a_leading_dot_is_matched_by_a_dot),
	    cmocka_unit_test(matching_agrees_with_its_definition),
	    cmocka_unit_test(patterns_that_share_a_path_may_meet),
	    cmocka_unit_test(patterns_that_plainly_differ_do_not_meet),
	    cmocka_unit_test(a_quoted_name_meets_the_patterns_that_match_it),
	    cmocka_unit_test(hard_patterns_take_little_time),
	    cmocka_unit_test(only_unquoted_wildcards_make_a_pattern),
	    cmocka_unit_test(prefix_is_the_folder_of_every_match),
	    cmocka_unit_test(a_walk_finds_files_and_links_to_files),
	    cmocka_unit_test(a_missing_folder_finds_nothing),
	    cmocka_unit_test(own_and_version_folders_are_never_entered),
	    cmocka_unit_test(a_linked_folder_is_entered_only_as_the_literal_prefix),
	    cmocka_unit_test(a_tree_holds_hidden_names_too),
	    cmocka_unit_test(lists_from_several_walks_hold_each_path_once),
	    cmocka_unit_test(a_loop_of_links_is_an_error_with_its_path),
	    cmocka_unit_test(a_forbidden_folder_is_an_error_with_its_path),
	};

	return cmocka_run_group_tests_name("glob", tests, make_tree, drop_tree);
}
