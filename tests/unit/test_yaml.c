#include "load_fixture.h"

#include "load/yaml.h"

static struct node *parse_n(struct fixture *f, struct str text)
{
	return yaml_parse(&f->a, f->d, diag_source(f->d, STR("f"), text), text);
}

static struct node *parse(struct fixture *f, const char *text)
{
	return parse_n(f, str_of(text));
}

static void assert_at(const struct node *n, uint32_t line, uint32_t col)
{
	assert_int_equal(n->at.line, line);
	assert_int_equal(n->at.col, col);
}

static void a_tree_knows_kinds_styles_and_places(void **state)
{
	struct node *top = parse(*state, "é: [a, 'b', \"c\"]\nk:\n  t: |\n    x\n  n:\n");
	struct node *list, *map;

	assert_int_equal(top->kind, NODE_MAP);
	assert_at(top, 1, 1);
	list = node_get(top, STR("é"));
	assert_int_equal(list->n, 3);
	assert_at(list, 1, 4);
	assert_at(list->items[1], 1, 8);
	assert_int_equal(list->items[0]->style, STYLE_PLAIN);
	assert_int_equal(list->items[1]->style, STYLE_QUOTED);
	map = node_get(top, STR("k"));
	assert_at(map, 3, 3);
	assert_at(map->pairs[0].value, 3, 6);
	assert_int_equal(map->pairs[0].value->style, STYLE_BLOCK);
	assert_text(map->pairs[0].value->text, "x\n");
	assert_true(node_is_null(map->pairs[1].value));
	assert_null(node_get(top, STR("nope")));
}

static void null_is_plain_only(void **state)
{
	struct node *l = parse(*state, "- ~\n- null\n- Null\n- NULL\n-\n- 'null'\n- \"\"\n- no\n- !!str null\n");

	for (size_t i = 0; i < l->n; i++)
		assert_int_equal(node_is_null(l->items[i]), i < 5);
}

static void merge_keys_lose_to_own_keys_and_to_earlier_merges(void **state)
{
	struct node *top = parse(
	    *state, "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2, w: 2}\nc: {<<: [*a, *b], w: 3}\nd: {w: 4, <<: *b}\ne: {'<<': 5}\n");
	struct node *c = node_get(top, STR("c")), *d = node_get(top, STR("d"));

	assert_int_equal(c->n, 4);
	assert_text(node_get(c, STR("x"))->text, "1");
	assert_text(node_get(c, STR("y"))->text, "1");
	assert_text(node_get(c, STR("z"))->text, "2");
	assert_text(node_get(c, STR("w"))->text, "3");
	assert_int_equal(d->n, 3);
	assert_text(node_get(d, STR("w"))->text, "4");
	assert_non_null(node_get(node_get(top, STR("e")), STR("<<")));
}

static void aliases_share_their_node(void **state)
{
	struct node *top = parse(*state, "- &x [1]\n- *x\n- &x 2\n- *x\n");

	assert_ptr_equal(top->items[0], top->items[1]);
	assert_ptr_equal(top->items[2], top->items[3]);
}

static void a_byte_order_mark_is_no_character(void **state)
{
	assert_at(parse(*state, "\xef\xbb\xbfk: v")->pairs[0].value, 1, 4);
}

static void dollars_know_where_their_line_begins(void **state)
{
	struct node *l =
	    parse(*state, "- ${a}\n- \"${b}\"\n- |\n\n    x\n     ${c}\n- \"\\t${d}\"\n- |2\n    ${e}\n- >\n  ${f}\n- plain\n");
	static const uint16_t cols[] = {3, 4, 5, 0, 3, 0, 0};

	for (size_t i = 0; i < l->n; i++) {
		assert_int_equal(l->items[i]->first_col, cols[i]);
		assert_int_equal(l->items[i]->is_block, i == 2 || i == 4);
	}
}

/* Text and what must be said of it. */
static const struct {
	const char *text, *want;
} faults[] = {
    {"", "f: error: the file holds nothing"},
    {"# nothing\n", "f: error: the file holds nothing"},
    {"---\n", "f: error: the file holds nothing"},
    {"k:\n\t- a\n", "f:2:1: error: a tab where only spaces may indent"},
    {"k:\n  - a: b\n\tc: d\n", "f:3:1: error: a tab"},
    {"k: @x\n", "hint: quote it: \"@x\""},
    {"k: `ls`\n", "f:1:4: error: a value cannot begin with '`'"},
    {"k: %x\n", "hint: quote it: \"%x\""},
    {"%x\nk: v\n", "f:1:1: error: a line that begins with '%' is a directive"},
    {"k: [a, *.md]\n", "f:1:8: error: a value that begins with '*' is an alias"},
    {"k:\n  - **/*.md\n", "hint: quote it: \"**/*.md\""},
    {"k: [a, !src/gen/**]\n", "f:1:8: error: a value that begins with '!' is a tag"},
    {"k:\n  - !src/gen/**\n", "f:2:5: error: '!src/gen/**' is an unknown YAML tag"},
    {"k:\n  - !src/gen/**\n", "hint: quote it: \"!src/gen/**\""},
    {"k: !!set {a: b}\n", "is an unknown YAML tag"},
    {"- {t: ${x}}\n", "hint: quote a value that holds a comma"},
    {"- [${x}]\n", "f:1:5: error: ',' or ']' is wanted here"},
    {"k: [a, b\n", "f:1:4: error: this '[' is never closed"},
    {"k: {a: b\n", "f:1:4: error: this '{' is never closed"},
    {"k: \"abc\nd: e\n", "f:1:4: error: this quote is never closed"},
    {"a: b\nk: 'don't\n", "f:2:"},
    {"k: \"a\\qb\"\n", "f:1:6: error: '\\' begins an escape in double quotes"},
    {"k: a: b\n", "f:1:5: error: a second ':' makes no key"},
    {"k: v\nx\ny: z\n", "f:2:1: error: a line 'key: value' is wanted here"},
    {"- a: b\n c: d\n", "f:2:2: error: the next '- ' of the list"},
    {"k: - a\n", "f:1:4: error: a list cannot begin here"},
    {"k: | x\n", "hint: the text begins on the line after '|'"},
    {"a: 1\n---\nb: 2\n", "f:2:1: error: a second YAML document begins here"},
    {"a: 1\nb: 2\na: 3\n", "f:3:1: error: the key 'a' stands twice in one map"},
    {"a: 1\nb: 2\na: 3\n", "f:1:1: note: it stands here already"},
    {"{a: b}: c\n", "f:1:1: error: a key must be a text"},
    {"k: &a [1, *a]\n", "f:1:11: error: '*a' stands inside what it names"},
    {"k: *nope\n", "f:1:4: error: '*nope' is an alias, but nothing is marked '&nope'"},
    {"k: {<<: 3}\n", "f:1:9: error: '<<' wants a map"},
    {"k: {<<: [{}, 3]}\n", "f:1:14: error: '<<' wants a map"},
    {"k: \"a\\0b\"\n", "f:1:4: error: a text cannot hold a NUL character"},
    {"k: v\n\xc3\xa9\xff: x\n", "f:2:2: error: byte 0xff is not UTF-8"},
    {"k: \xc3\xa9\xe2\x82z\n", "f:1:5: error: byte 0xe2 is not UTF-8"},
    {"k: \xe2\x82", "f:1:4: error: byte 0xe2 is not UTF-8"},
    {"\xff\xfek", "f:1:1: error: byte 0xff is not UTF-8"},
    {"k: \xc3\xa9\x01\n", "f:1:5: error: the control character 0x01 cannot stand in YAML"},
    {"task: Fix issue #42 now\n", "f:1:17: warning: a comment cuts 'task' short here"},
    {"- run: echo #x\n", "f:1:13: warning: a comment cuts 'run' short here"},
};

static void each_fault_is_said_at_its_place_with_what_to_do(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
		parse(f, faults[i].text);
		assert_holds(printed(f), faults[i].want);
		forget(f);
	}
}

static void comments_that_look_like_comments_are_not_warned_of(void **state)
{
	struct fixture *f = *state;

	parse(f, "task: Fix it # soon\nrun: 'x' #42\nname: a #42\nprompt: |\n  #42\n");
	assert_int_equal(diag_errors(f->d) + diag_warnings(f->d), 0);
}

static void a_nul_byte_is_found_where_it_is(void **state)
{
	struct fixture *f = *state;

	assert_null(parse_n(f, STR("a: b\nk: \xc3\xa9\0x\n")));
	assert_holds(printed(f), "f:2:5: error: a NUL byte cannot stand in YAML");
}

static void several_mistakes_are_reported_in_one_go(void **state)
{
	struct fixture *f = *state;

	assert_non_null(parse(f, "a: *x\nb: !y z\na: 1\n"));
	assert_int_equal(diag_errors(f->d), 3);
}

static struct str repeat(struct fixture *f, const char *s, size_t times)
{
	struct sbuf b = {0};
	struct str all;

	while (times--)
		sbuf_lit(&b, s);
	all = arena_copy(&f->a, sbuf_view(&b));
	sbuf_free(&b);
	return all;
}

static void nesting_ends_at_64(void **state)
{
	struct fixture *f = *state;
	static const char *const openings[] = {"[", "- ", "{a: "};
	char close[65] = {0};

	memset(close, ']', 64);
	assert_non_null(parse_n(f, arena_printf(&f->a, "%.*s%s", STR_ARG(repeat(f, "[", 64)), close)));
	assert_int_equal(diag_errors(f->d), 0);
	assert_null(parse_n(f, arena_printf(&f->a, "[%.*s%s]", STR_ARG(repeat(f, "[", 64)), close)));
	assert_holds(printed(f), "f:1:65: error: lists and maps are nested more than 64 deep");
	for (size_t i = 0; i < 3; i++) {
		forget(f);
		assert_null(parse_n(f, repeat(f, openings[i], 10000)));
		assert_holds(printed(f), "error: lists and maps are nested more than 64 deep");
	}
}

static void alias_bombs_end_at_four_million_nodes(void **state)
{
	struct fixture *f = *state;
	struct sbuf b = {0};

	sbuf_lit(&b, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
	for (int i = 1; i < 12; i++)
		sbuf_printf(&b, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1, i - 1, i - 1,
		            i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	assert_null(parse_n(f, sbuf_view(&b)));
	assert_holds(printed(f), "error: aliases add more than 4000000 nodes");
	forget(f);
	sbuf_clear(&b);
	sbuf_lit(&b, "a: &a\n");
	for (int i = 0; i < 2000; i++)
		sbuf_printf(&b, "  k%d: 1\n", i);
	for (int i = 0; i < 2000; i++)
		sbuf_printf(&b, "b%d: {<<: *a}\n", i);
	assert_null(parse_n(f, sbuf_view(&b)));
	assert_holds(printed(f), "error: aliases add more than 4000000 nodes");
	sbuf_free(&b);
}

static void keys_of_large_maps_are_compared_too(void **state)
{
	struct fixture *f = *state;
	struct sbuf b = {0};
	struct node *top;

	for (int i = 0; i < 50000; i++)
		sbuf_printf(&b, "k%d: 1\n", i);
	top = parse_n(f, sbuf_view(&b));
	assert_int_equal(top->n, 50000);
	assert_int_equal(diag_errors(f->d), 0);
	sbuf_lit(&b, "k49: 2\n");
	parse_n(f, sbuf_view(&b));
	assert_holds(printed(f), "f:50001:1: error: the key 'k49' stands twice");
	sbuf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(a_tree_knows_kinds_styles_and_places),
	    CASE(null_is_plain_only),
	    CASE(merge_keys_lose_to_own_keys_and_to_earlier_merges),
	    CASE(aliases_share_their_node),
	    CASE(a_byte_order_mark_is_no_character),
	    CASE(dollars_know_where_their_line_begins),
	    CASE(each_fault_is_said_at_its_place_with_what_to_do),
	    CASE(comments_that_look_like_comments_are_not_warned_of),
	    CASE(a_nul_byte_is_found_where_it_is),
	    CASE(several_mistakes_are_reported_in_one_go),
	    CASE(nesting_ends_at_64),
	    CASE(alias_bombs_end_at_four_million_nodes),
	    CASE(keys_of_large_maps_are_compared_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
