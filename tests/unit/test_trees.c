/* Trees of workflow files that earlier runs have read: the same as from YAML, or not taken. */
#include "load_fixture.h"

#include <endian.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "load/treebytes.h"
#include "load/trees.h"
#include "load/yaml.h"

#define FILE_NAME "trees"
#define PROGRAM STR("one")
#define START 20
#define LISTED 40

/* All that a node can be, and a comment that makes the file a large one. */
static struct str text_of(struct fixture *f, const char *what)
{
	struct sbuf b = {0};
	struct str s;

	sbuf_lit(&b, "base: &base {a: 1, 'q$': \"x\\ty $(z)\", empty: , nothing: ''}\nlist:\n- one\n-   two words\n- |\n    "
	             "block $x\n      more\n\n- >-\n  folded\n  text\n"
	             "- []\n- {}\n- [[[deep]], {a: [b]}]\n- *base\nmerged:\n  <<: *base\n  own: \xc3\xa4\xe2\x82\xac\n  \"a "
	             "key\": !!str 12\n");
	sbuf_lit(&b, what);
	sbuf_char(&b, '\n');
	while (b.n < TREES_FROM)
		sbuf_lit(&b, "# a comment, of which nothing is kept\n");
	s = arena_copy(&f->a, sbuf_view(&b));
	sbuf_free(&b);
	return s;
}

static void assert_same(const struct node *x, const struct node *y)
{
	assert_int_equal(x->kind, y->kind);
	assert_int_equal(x->at.source, y->at.source);
	assert_int_equal(x->at.line, y->at.line);
	assert_int_equal(x->at.col, y->at.col);
	if (x->kind == NODE_SCALAR) {
		assert_int_equal(x->style, y->style);
		assert_int_equal(x->is_block, y->is_block);
		assert_int_equal(x->first_col, y->first_col);
		assert_true(str_eq(x->text, y->text));
		assert_int_equal(x->text.p[x->text.n], '\0');
		return;
	}
	assert_int_equal(x->n, y->n);
	for (size_t i = 0; i < x->n; i++) {
		if (x->kind == NODE_LIST) {
			assert_same(x->items[i], y->items[i]);
		} else {
			assert_same(x->pairs[i].key, y->pairs[i].key);
			assert_same(x->pairs[i].value, y->pairs[i].value);
		}
	}
}

static struct node *parse(struct fixture *f, struct trees *t, struct str text)
{
	return trees_parse(t, &f->a, f->d, diag_source(f->d, STR("w.yaml"), text), text, NULL);
}

/* Reads the text, and keeps its tree. */
static void keep(struct fixture *f, struct str text)
{
	struct trees *t = trees_open(AT_FDCWD, FILE_NAME, PROGRAM, true);

	assert_non_null(parse(f, t, text));
	trees_keep(t, AT_FDCWD, FILE_NAME);
	trees_close(t);
}

static struct str whole_file(struct fixture *f)
{
	struct str s;

	assert_int_equal(os_read_file(&f->a, AT_FDCWD, FILE_NAME, SIZE_MAX, &s), 0);
	return s;
}

static void write_file(struct str s)
{
	assert_int_equal(os_replace_file(AT_FDCWD, FILE_NAME, 0600, s), 0);
}

/* Is a kept tree taken? Kept trees here say "planted" where the text says "written". */
static bool takes(struct fixture *f, struct str text, struct str program)
{
	struct trees *t = trees_open(AT_FDCWD, FILE_NAME, program, false);
	struct node *top = parse(f, t, text);
	struct node *own = top ? node_get(top, STR("own")) : NULL;
	bool planted = own && str_eq(own->text, STR("planted"));

	assert_non_null(own);
	assert_true(planted || str_eq(own->text, STR("written")));
	trees_close(t);
	return planted;
}

static void put_sum(struct str bytes, size_t at, size_t from, size_t n)
{
	uint64_t sum = htole64(hash64_bytes(bytes.p + from, n));

	memcpy((char *)bytes.p + at, &sum, sizeof sum);
}

/* Checksums that are right again; of a file with one tree. */
static void mend(struct str bytes)
{
	if (bytes.n < START + LISTED)
		return;
	put_sum(bytes, START + 32, START + LISTED, bytes.n - START - LISTED);
	put_sum(bytes, 8, START, LISTED);
}

/* A file with one tree for a text, whose value was changed in it. */
static struct str plant(struct fixture *f, struct str text)
{
	struct str bytes;
	size_t at;

	keep(f, text);
	bytes = whole_file(f);
	at = str_find(bytes, STR("written"), 0);
	assert_true(at < bytes.n);
	memcpy((char *)bytes.p + at, "planted", 7);
	mend(bytes);
	write_file(bytes);
	return bytes;
}

static void a_tree_is_what_yaml_would_be(void **state)
{
	struct fixture *f = *state;
	struct str text = text_of(f, "own: written");
	struct node *yaml = yaml_parse(&f->a, f->d, diag_source(f->d, STR("w.yaml"), text), text);
	struct sbuf b = {0};

	assert_non_null(yaml);
	assert_true(treebytes_put(&b, yaml, 1000));
	assert_same(treebytes_take(&f->a, yaml->at.source, sbuf_view(&b), NULL), yaml);
	keep(f, text);
	struct trees *t = trees_open(AT_FDCWD, FILE_NAME, PROGRAM, true);
	assert_same(parse(f, t, text), yaml);
	assert_same(parse(f, t, text), yaml);
	trees_close(t);
	assert_same(parse(f, NULL, text), yaml);
	assert_int_equal(diag_mark(f->d), 0);
	sbuf_free(&b);
}

/* Of lists right below the top, members that nobody names are left out; all else stands where it stood. */
static void members_can_be_left_out(void **state)
{
	static const char text[] = "before: [a, b]\ntasks:\n- name: one\n  run: x\n- run: y\n  name: two\n  of:\n  - name: three\n- four\n- {run: z}\nafter: {k: v}\n";
	struct fixture *f = *state;
	struct node *yaml = yaml_parse(&f->a, f->d, diag_source(f->d, STR("w.yaml"), str_of(text)), str_of(text)), *some, *tasks, *whole = node_get(yaml, STR("tasks"));
	struct map only = {0};
	struct sbuf b = {0};

	assert_true(treebytes_put(&b, yaml, 1000));
	assert_same(treebytes_take(&f->a, yaml->at.source, sbuf_view(&b), NULL), yaml);
	*map_slot(&only, STR("two")) = f;
	some = treebytes_take(&f->a, yaml->at.source, sbuf_view(&b), &only);
	tasks = node_get(some, STR("tasks"));
	assert_int_equal(tasks->n, 1);
	assert_same(tasks->items[0], whole->items[1]);
	assert_same(node_get(some, STR("after")), node_get(yaml, STR("after")));
	assert_int_equal(node_get(some, STR("before"))->n, 0); /* whatever they are */
	map_free(&only);
	sbuf_free(&b);
}

static void only_trees_of_this_text_and_program_are_taken(void **state)
{
	struct fixture *f = *state;
	struct str text = text_of(f, "own: written");

	assert_false(takes(f, text, PROGRAM));
	plant(f, text);
	assert_true(takes(f, text, PROGRAM));
	assert_false(takes(f, text, STR("another")));
	assert_false(takes(f, text_of(f, "own: written #"), PROGRAM));
	assert_false(takes(f, text_of(f, " \nown: written"), PROGRAM));
	assert_true(takes(f, text, PROGRAM));
}

static void a_small_text_has_no_tree(void **state)
{
	struct fixture *f = *state;

	keep(f, STR("own: written"));
	assert_int_equal(access(FILE_NAME, F_OK), -1);
}

static void what_is_warned_of_is_warned_of_each_time(void **state)
{
	struct fixture *f = *state;
	struct str text = text_of(f, "run: echo a #b");

	keep(f, text);
	assert_int_equal(access(FILE_NAME, F_OK), -1);
	assert_int_equal(diag_warnings(f->d), 1);
}

static void who_does_not_keep_writes_nothing(void **state)
{
	struct fixture *f = *state;
	struct trees *t = trees_open(AT_FDCWD, FILE_NAME, PROGRAM, false);

	assert_non_null(parse(f, t, text_of(f, "own: written")));
	trees_keep(t, AT_FDCWD, FILE_NAME);
	trees_close(t);
	assert_int_equal(access(FILE_NAME, F_OK), -1);
}

static void trees_that_nobody_used_go(void **state)
{
	struct fixture *f = *state;
	struct str one = text_of(f, "own: written"), two = text_of(f, "own:  written"), three = text_of(f, "own:   written");
	struct trees *t;

	plant(f, one);
	t = trees_open(AT_FDCWD, FILE_NAME, PROGRAM, true);
	parse(f, t, one);
	parse(f, t, two);
	trees_keep(t, AT_FDCWD, FILE_NAME);
	trees_close(t);
	assert_true(takes(f, one, PROGRAM)); /* kept as it was, beside the other */
	assert_int_equal(whole_file(f).p[16], 2);
	keep(f, three);
	assert_int_equal(whole_file(f).p[16], 1);
	assert_false(takes(f, one, PROGRAM));
}

static void no_damage_is_believed(void **state)
{
	struct fixture *f = *state;
	struct str text = text_of(f, "own: written"), whole = plant(f, text);

	for (size_t n = 0; n < whole.n; n++) {
		write_file(str_sub(whole, 0, n));
		if (takes(f, text, PROGRAM))
			fail_msg("cut to %zu of %zu bytes it is taken", n, whole.n);
	}
	for (size_t i = 0; i < whole.n; i++)
		for (unsigned bit = 0; bit < 8; bit += 7) {
			struct str bytes = arena_copy(&f->a, whole);

			((char *)bytes.p)[i] ^= (char)(1u << bit);
			write_file(bytes);
			if (takes(f, text, PROGRAM))
				fail_msg("byte %zu of %zu does not count", i, whole.n);
		}
	write_file(whole);
	assert_true(takes(f, text, PROGRAM));
	unlink(FILE_NAME);
	assert_int_equal(mkfifo(FILE_NAME, 0600), 0);
	assert_false(takes(f, text, PROGRAM));
	unlink(FILE_NAME);
	write_file(whole);
	rename(FILE_NAME, "elsewhere");
	assert_int_equal(symlink("elsewhere", FILE_NAME), 0);
	assert_false(takes(f, text, PROGRAM));
}

/* Bytes that somebody made with care lead nowhere either; what comes of them is a tree or none. */
static void no_bytes_lead_out_of_bounds(void **state)
{
	struct fixture *f = *state;
	struct str text = text_of(f, "own: written"), all;
	struct node *top = yaml_parse(&f->a, f->d, diag_source(f->d, STR("w.yaml"), text), text);
	struct sbuf b = {0}, twice = {0};

	assert_true(treebytes_put(&b, top, 1000));
	all = sbuf_view(&b);
	for (size_t n = 0; n < all.n; n++) {
		char *exact = malloc(n ? n : 1); /* so that a look behind its end is noticed */

		memcpy(exact, all.p, n);
		assert_null(treebytes_take(&f->a, 1, (struct str){exact, n}, NULL));
		free(exact);
	}
	for (size_t i = 0; i < all.n; i++)
		for (unsigned v = 0; v < 256; v++) {
			char *exact = malloc(all.n);
			struct node *got;

			memcpy(exact, all.p, all.n);
			exact[i] = (char)v;
			got = treebytes_take(&f->a, 1, (struct str){exact, all.n}, NULL);
			if (got && treebytes_put(&twice, got, 1000))
				sbuf_clear(&twice);
			free(exact);
		}
	sbuf_char(&b, '\0');
	assert_null(treebytes_take(&f->a, 1, sbuf_view(&b), NULL));
	sbuf_free(&b);
	sbuf_free(&twice);
}

static void what_aliases_make_large_is_not_kept(void **state)
{
	struct fixture *f = *state;
	struct str text = text_of(
	    f,
	    "own: written\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\na1: &a1 [*a0, *a0, *a0, *a0, *a0, *a0, *a0, *a0, *a0, *a0]\n"
	    "a2: &a2 [*a1, *a1, *a1, *a1, *a1, *a1, *a1, *a1, *a1, *a1]\na3: &a3 [*a2, *a2, *a2, *a2, *a2, *a2, *a2, *a2, *a2, "
	    "*a2]\n"
	    "a4: [*a3, *a3, *a3, *a3, *a3, *a3, *a3, *a3, *a3, *a3]");

	keep(f, text);
	assert_int_equal(access(FILE_NAME, F_OK), -1);
}

#define IN_BOX(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    IN_BOX(a_tree_is_what_yaml_would_be),
	    IN_BOX(members_can_be_left_out),
	    IN_BOX(only_trees_of_this_text_and_program_are_taken),
	    IN_BOX(a_small_text_has_no_tree),
	    IN_BOX(what_is_warned_of_is_warned_of_each_time),
	    IN_BOX(who_does_not_keep_writes_nothing),
	    IN_BOX(trees_that_nobody_used_go),
	    IN_BOX(no_damage_is_believed),
	    IN_BOX(no_bytes_lead_out_of_bounds),
	    IN_BOX(what_aliases_make_large_is_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
