#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jsonfile.h"
#include "base/jsonfilter.h"
#include "base/jsontext.h"
#include "base/os.h"

/* What the filter makes of a text is compared with what is read of the whole: strings beyond a few bytes are long here. */
#define LONG 8

static int add(void *self, const char *p, size_t n)
{
	sbuf_add(self, p, n);
	return 0;
}

/* What a long string of `text` stands for, decoded in pieces of `piece` bytes. */
static struct sbuf decoded(struct str text, const struct jsonlong *l, bool no_nul, size_t piece)
{
	struct sbuf b = {0};
	struct jsonstring s = {.put = add, .self = &b, .no_nul = no_nul};

	assert_true(l->to <= text.n && l->from <= l->to);
	for (size_t at = l->from; at < l->to; at += piece)
		jsonstring_add(&s, text.p + at, l->to - at < piece ? l->to - at : piece);
	assert_int_equal(jsonstring_end(&s), 0);
	if (!no_nul) {
		assert_int_equal(b.n, l->size);
		assert_true(hash_eq(hash_bytes(b.p, b.n), l->hash));
		assert_int_equal(l->has_text, str_trim(sbuf_view(&b)).n > 0);
	}
	return b;
}

struct compared {
	struct jsonfilter *f;
	struct str text;
	size_t piece, n_long;
};

/* The string as it was. */
static struct sbuf original(struct compared *c, const char *p, size_t n)
{
	struct sbuf b = {0};
	bool no_nul;
	const struct jsonlong *l = jsonfilter_find(c->f, (struct str){p, n}, &no_nul);

	if (l) {
		c->n_long++;
		return decoded(c->text, l, no_nul, c->piece);
	}
	sbuf_add(&b, p, n);
	return b;
}

static void assert_same(struct compared *c, const json_t *whole, const json_t *filtered)
{
	const char *key;
	json_t *value;
	size_t i;

	assert_int_equal(json_typeof(whole), json_typeof(filtered));
	if (json_is_string(whole)) {
		struct sbuf b = original(c, json_string_value(filtered), json_string_length(filtered));

		assert_int_equal(b.n, json_string_length(whole));
		assert_memory_equal(b.p ? b.p : "", json_string_value(whole), b.n);
		sbuf_free(&b);
	} else if (json_is_array(whole)) {
		assert_int_equal(json_array_size(whole), json_array_size(filtered));
		json_array_foreach(whole, i, value) assert_same(c, value, json_array_get(filtered, i));
	} else if (json_is_object(whole)) {
		assert_int_equal(json_object_size(whole), json_object_size(filtered));
		json_object_foreach((json_t *)filtered, key, value)
		{
			struct sbuf b = original(c, key, strlen(key));
			const json_t *other = json_object_get(whole, b.p ? b.p : "");

			assert_non_null(other);
			assert_same(c, other, value);
			sbuf_free(&b);
		}
	} else {
		assert_true(json_equal(whole, filtered));
	}
}

static void compare(struct str text, const json_t *whole, struct jsonfilter *f, size_t piece, size_t *n_long)
{
	struct compared c = {f, text, piece, 0};
	json_t *filtered = jsontext_load(sbuf_view(&f->text), true);

	assert_int_equal(filtered != NULL, whole != NULL);
	if (!whole)
		assert_int_equal(jsontext_is_deep(text), jsontext_is_deep(sbuf_view(&f->text)));
	else
		assert_same(&c, whole, filtered);
	json_decref(filtered);
	*n_long = c.n_long;
}

/* The text in two pieces, cut at `cut`, or in pieces of `piece` bytes. */
static void pass(struct jsonfilter *f, struct str text, size_t cut, size_t piece)
{
	jsonfilter_init(f, 1 << 20);
	f->longest = LONG;
	jsonfilter_begin(f, 0, false);
	if (piece)
		for (size_t at = 0; at < text.n; at += piece)
			jsonfilter_add(f, text.p + at, text.n - at < piece ? text.n - at : piece);
	else {
		assert_int_equal(jsonfilter_add(f, text.p, cut), cut);
		assert_int_equal(jsonfilter_add(f, text.p + cut, text.n - cut), text.n - cut);
	}
}

/* Returns how many long strings it has. */
static size_t each_cut(struct str text)
{
	json_t *whole = jsontext_load(text, true);
	struct jsonfilter f;
	size_t n_long = 0;

	for (size_t cut = 0; cut <= text.n; cut++) {
		pass(&f, text, cut, 0);
		compare(text, whole, &f, cut % 13 + 1, &n_long);
		jsonfilter_free(&f);
	}
	for (size_t piece = 1; piece < 14; piece++) {
		pass(&f, text, 0, piece);
		compare(text, whole, &f, piece, &n_long);
		jsonfilter_free(&f);
	}
	json_decref(whole);
	return n_long;
}

/* The string as value, as key, among others, and where it is never closed. */
static void string_in_places(struct str s, bool is_long)
{
	static const struct {
		const char *before, *between, *behind;
		size_t n;
	} places[] = {
		{"\"", NULL, "\"", 1},
		{"[\"", NULL, "\"]", 1},
		{" {\"a\": \"", NULL, "\", \"b\":\"short\"}", 1},
		{"{\"", NULL, "\":1}", 1},
		{"{\"", "\":\"", "\"}", 2},
		{"[\"", "\",[],\"", "\",1e999]", 2},
		{"{\"", "\":1,\"", "\":2}", 1},
		{"{\"\\u0000\":1,\"x\":\"", NULL, "\"}", 1},
		{"[\"", NULL, "", 0},
		{"[\"", NULL, "\"", 0},
		{"[\"", NULL, "\"]x", 0},
	};

	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		struct sbuf b = {0};

		sbuf_lit(&b, places[i].before);
		sbuf_str(&b, s);
		if (places[i].between) {
			sbuf_lit(&b, places[i].between);
			sbuf_str(&b, s);
		}
		sbuf_lit(&b, places[i].behind);
		size_t found = each_cut(sbuf_view(&b));
		if (i) /* alone it is no text that is mended */
			assert_int_equal(found, is_long ? places[i].n : 0);
		sbuf_free(&b);
	}
}

#define TRICKY(text) string_in_places(STR(text), sizeof(text) - 1 > LONG)

static void a_text_cut_anywhere_reads_as_the_whole(void **state)
{
	(void)state;
	TRICKY("");
	TRICKY("short");
	TRICKY("12345678");
	TRICKY("123456789");
	TRICKY("a string that is long");
	TRICKY("{\\\"no\\\": [\\\"json\\\", {}]}");
	TRICKY("ends in a backslash \\\\");
	TRICKY("\\\"\\\\\\/\\b\\f\\n\\r\\t\\\"\\\\");
	TRICKY("\\u00e4\\u20AC\\ud83d\\uDE00 \\u0041");
	TRICKY("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xc3\xa4\xe2\x82\xac");
	TRICKY("         \\n\\t \\r   ");
}

static void what_a_strict_reader_refuses_is_mended_alike(void **state)
{
	(void)state;
	TRICKY("lone \\ud83d surrogate");
	TRICKY("lone \\ude00 surrogate");
	TRICKY("two \\ud83d\\ud83d\\ude00 of them");
	TRICKY("at the end \\ud83d");
	TRICKY("cut short \\ud83d\\ude0");
	TRICKY("wrong \\x41 \\u12 \\uzzzz \\U0001");
	TRICKY("bad \xc3 \xe2\x82 \xf0\x9f\x98 \xff\xfe bytes");
	TRICKY("bad at its end \xf0\x9f\x98");
	TRICKY("surrogates \xed\xa0\xbd in bytes, overlong \xc0\x80 \xe0\x80\x80, beyond \xf4\x90\x80\x80");
	TRICKY("control \x01\x1f\x7f and\nline\tends\r");
}

static void string_with_nul(const char *before, const char *nul, size_t n)
{
	struct sbuf b = {0};

	sbuf_lit(&b, before);
	sbuf_add(&b, nul, n);
	sbuf_lit(&b, " and more");
	/* jansson has no keys with NULs, so that the comparison by keys is of what is mended. */
	string_in_places(sbuf_view(&b), true);
	sbuf_free(&b);
}

static void nuls_stay_but_where_a_key_has_one(void **state)
{
	(void)state;
	string_with_nul("a string with ", "\\u0000", 6);
	string_with_nul("two of them \\u0000", "\\u0000", 6);
	string_with_nul("one as it is ", "\0", 1);
	string_with_nul("with \\ud800 ", "\\u0000", 6);
}

/* Random texts that are JSON, or nearly. */

static unsigned seed;

static unsigned chance(unsigned n)
{
	seed = seed * 1103515245u + 12345u;
	return (seed >> 16) % n;
}

/* `key`: one that stands there only once. */
static void random_string(struct sbuf *b, const char *key)
{
	static const struct str parts[] = {
		{"a", 1}, {" ", 1}, {"\\n", 2}, {"\\\"", 2}, {"\\\\", 2}, {"\\u0041", 6}, {"\\ud83d\\ude00", 12}, {"\\ud800", 6}, {"\\u0000", 6}, {"\xc3\xa4", 2},
		{"\xf0\x9f\x98\x80", 4}, {"\xff", 1}, {"\\x", 2}, {"\n", 1}, {"{", 1}, {"]", 1}, {"plain text of some length", 25},
	};
	unsigned n = chance(4) ? chance(4) : chance(40);

	/* Most strings are good ones. */
	unsigned kinds = chance(3) ? 7 : sizeof parts / sizeof *parts;

	sbuf_printf(b, "\"%s", key);
	while (n--)
		sbuf_str(b, chance(2) ? parts[chance(kinds)] : parts[sizeof parts / sizeof *parts - 1]);
	sbuf_char(b, '"');
}

static void random_value(struct sbuf *b, int depth)
{
	static const char *const words[] = {"1", "-0.5e3", "true", "null", "12345678901234567890", "NaN", "1e999", "x"};
	unsigned kind = depth > 3 ? chance(2) : chance(6), n = chance(4);

	if (kind == 0)
		sbuf_lit(b, words[chance(chance(4) ? 4 : 8)]);
	else if (kind < 3)
		random_string(b, "");
	else {
		sbuf_lit(b, kind == 3 ? "[" : "{");
		for (unsigned i = 0; i < n; i++) {
			if (kind != 3) {
				char key[16];
				snprintf(key, sizeof key, "k%zu", b->n);
				random_string(b, key);
				sbuf_lit(b, chance(2) ? ":" : " : ");
			}
			random_value(b, depth + 1);
			if (i + 1 < n)
				sbuf_lit(b, ", ");
		}
		sbuf_lit(b, kind == 3 ? "]" : "}");
	}
}

static void damage(struct sbuf *b)
{
	static const char bytes[] = "\"\\{}[]:,a\n\xc3";

	for (unsigned n = chance(3); n > 0 && b->n; n--)
		b->p[chance((unsigned)b->n)] = bytes[chance(sizeof bytes - 1)];
}

static void random_texts_read_as_the_whole(void **state)
{
	size_t read = 0, n_long = 0;

	(void)state;
	seed = 1;
	for (int i = 0; i < 20000; i++) {
		struct sbuf b = {0};
		struct jsonfilter f;
		size_t piece = 1 + chance(40);

		random_value(&b, 0);
		if (chance(3) == 0)
			damage(&b);
		struct str text = sbuf_view(&b);
		json_t *whole = jsontext_load(text, true);
		read += whole != NULL;
		pass(&f, text, 0, piece);
		size_t n;
		compare(text, whole, &f, piece, &n);
		n_long += n;
		json_decref(whole);
		jsonfilter_free(&f);
		sbuf_free(&b);
	}
	assert_true(read > 10000 && n_long > 10000);
}

/* Files */

struct values {
	json_t *of[64];
	size_t n;
};

static void keep(void *self, const json_t *root)
{
	struct values *v = self;

	if (v->n < sizeof v->of / sizeof *v->of)
		v->of[v->n++] = json_incref((json_t *)root);
}

static void drop(struct values *v)
{
	while (v->n)
		json_decref(v->of[--v->n]);
}

static int file_of(struct str text)
{
	char name[] = "/tmp/test_jsonfilter.XXXXXX";
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	unlink(name);
	assert_int_equal(os_write_all(fd, text.p, text.n), 0);
	return fd;
}

/* Returns how many values are in it. */
static size_t file_reads_as_text(struct str text)
{
	struct values whole = {.n = 0}, found = {.n = 0};
	struct jsonfilter f;
	int fd = file_of(text);

	jsonfilter_init(&f, 1 << 20);
	f.longest = LONG;
	jsontext_each(text, keep, &whole);
	struct jsonfile_said said = jsonfile_each(fd, &f, keep, &found);
	assert_int_equal(said.err, 0);
	if (!whole.n)
		assert_int_equal(said.deep, jsontext_is_deep(text));
	assert_int_equal(found.n, whole.n);
	for (size_t i = 0; i < whole.n; i++) {
		struct compared c = {&f, text, 7, 0};

		assert_same(&c, whole.of[i], found.of[i]);
	}
	size_t n = whole.n;
	drop(&whole);
	drop(&found);
	jsonfilter_free(&f);
	close(fd);
	return n;
}

static void objects_are_found_in_a_file_as_in_a_text(void **state)
{
	static const char *const texts[] = {
		"", " \n", "no JSON", "[]", "{}", "\xef\xbb\xbf {\"a\": \"a string that is long\"} \n", "{\"a\":\"a string that is long\"} {\"b\":\"another one, as long\"}",
		"[INFO] started\n{\"a\": \"a string that is long\"}\ndone", "it's 5\" long: {\"a\": \"a string that is long\", \"b\": [1,2,3]} and 6\" wide",
		"{\"never\": \"closed {\\\"a\\\": 1}", "{\"never\" {\"a\": \"a string that is long\"}", "{ {{\"a\":\"a string that is long\"}", "{\"a\":1}{{{{{{\"b\":2}",
		"{x {\"a\": \"a string that is long\\ud800\"}}", "[{\"a\":\"a string that is long\"},{\"b\":2}", "\"{\\\"a\\\":1}\" \"{\"a\":2}\"",
	};
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		file_reads_as_text(str_of(texts[i]));
	assert_int_equal(file_reads_as_text(str_of(texts[6])), 2);
	assert_int_equal(file_reads_as_text(str_of(texts[8])), 1);
}

static void random_files_read_as_texts(void **state)
{
	size_t n = 0;

	(void)state;
	seed = 2;
	for (int i = 0; i < 2000; i++) {
		struct sbuf b = {0};

		/* A third of them lie across the places where it is read on. */
		if (chance(3) == 0)
			for (size_t room = 65536 - chance(80); b.n < room;)
				sbuf_lit(&b, chance(20) ? "word " : "say \"it\" ");
		for (unsigned k = chance(4); k-- > 0;) {
			random_value(&b, 0);
			sbuf_lit(&b, chance(2) ? "\n" : " say \" ");
		}
		if (chance(3) == 0)
			damage(&b);
		n += file_reads_as_text(sbuf_view(&b));
		sbuf_free(&b);
	}
	assert_true(n > 1000);
}

static void what_is_nested_too_deep_is_passed_over(void **state)
{
	struct sbuf b = {0};

	(void)state;
	sbuf_lit(&b, "{\"text\":\"a string that is long\",\"deep\":");
	for (int i = 0; i < 3000; i++)
		sbuf_char(&b, '[');
	for (int i = 0; i < 3000; i++)
		sbuf_char(&b, ']');
	assert_int_equal(file_reads_as_text(sbuf_view(&b)), 0);
	sbuf_char(&b, '}');
	assert_int_equal(file_reads_as_text(sbuf_view(&b)), 0);
	sbuf_lit(&b, " {\"a\":1}");
	assert_int_equal(file_reads_as_text(sbuf_view(&b)), 1);
	sbuf_free(&b);
}

/* Bounds */

static void values_without_number_are_too_big(void **state)
{
	struct sbuf b = {0};
	struct values found = {.n = 0};
	struct jsonfilter f;

	(void)state;
	sbuf_lit(&b, "{\"a\":1} {\"list\":[");
	for (size_t i = 0; i < JSONFILTER_MOST_VALUES; i++)
		sbuf_lit(&b, "{},");
	sbuf_lit(&b, "{}], \"more\": \"a string that is long\"} {\"b\":2}");
	int fd = file_of(sbuf_view(&b));
	jsonfilter_init(&f, JSONFILTER_MOST_BYTES);
	struct jsonfile_said said = jsonfile_each(fd, &f, keep, &found);
	assert_false(said.deep);
	assert_int_equal(found.n, 3); /* what stands before and behind it, and nothing in it */
	assert_null(found.of[1]);
	assert_int_equal(json_integer_value(json_object_get(found.of[2], "b")), 2);
	drop(&found);
	jsonfilter_free(&f);
	close(fd);
	sbuf_free(&b);
}

static void only_what_passes_is_bounded(void **state)
{
	struct jsonfilter f;
	struct sbuf b = {0};

	(void)state;
	for (int i = 0; i < 100000; i++)
		sbuf_lit(&b, "\\u00e4bc");
	jsonfilter_init(&f, 1000);
	jsonfilter_begin(&f, 0, false);
	f.longest = LONG;
	jsonfilter_add(&f, "[\"", 2);
	jsonfilter_add(&f, b.p, b.n);
	jsonfilter_add(&f, "\",1]", 4);
	assert_false(f.too_big);
	assert_int_equal(f.longs.n, 1);
	assert_int_equal(f.longs.p[0].size, 400000);
	for (int i = 0; i < 500; i++)
		jsonfilter_add(&f, " 1", 2);
	assert_true(f.too_big);
	assert_int_equal(f.text.n, 0);
	jsonfilter_begin(&f, 0, false); /* the next text is as good as the first */
	jsonfilter_add(&f, "[\"a string that is long\"]", 25);
	assert_false(f.too_big);
	assert_int_equal(f.longs.n, 2);
	jsonfilter_free(&f);
	sbuf_free(&b);
}

static void a_cut_string_keeps_its_beginning(void **state)
{
	struct jsonfilter f;
	struct sbuf b = {0};

	(void)state;
	sbuf_lit(&b, "{\"a\":\"");
	for (int i = 0; i < 10; i++)
		sbuf_lit(&b, "\\ud83d\\ude00\\n\xc3\xa4\xff");
	sbuf_lit(&b, "\",\"b\":7}");
	for (size_t cut = 1; cut < 40; cut++) {
		jsonfilter_init_cut(&f, 1 << 20, cut);
		f.longest = 64;
		jsonfilter_begin(&f, 0, false);
		jsonfilter_add(&f, b.p, b.n);
		json_t *root = json_loadb(f.text.p, f.text.n, 0, NULL);
		assert_non_null(root);
		assert_int_equal(json_integer_value(json_object_get(root, "b")), 7);
		const char *all = "\xf0\x9f\x98\x80\n\xc3\xa4\xef\xbf\xbd\xf0\x9f\x98\x80\n\xc3\xa4\xef\xbf\xbd\xf0\x9f\x98\x80";
		const char *kept = json_string_value(json_object_get(root, "a"));
		assert_int_equal(strncmp(all, kept, strlen(kept)), 0);
		assert_true(cut < 2 * JSONSTRING_UNIT || strlen(kept) >= 4);
		json_decref(root);
		jsonfilter_free(&f);
	}
	sbuf_free(&b);
}

static void a_mark_is_never_taken_for_text(void **state)
{
	struct jsonfilter f;
	bool no_nul;

	(void)state;
	pass(&f, STR("[\"a string that is long\"]"), 0, 5);
	/* What stands in a later text looks like a mark only where it is one of this filter. */
	struct str mark = str_sub(sbuf_view(&f.text), 2, f.text.n - 2);
	assert_non_null(jsonfilter_find(&f, mark, &no_nul));
	assert_null(jsonfilter_find(&f, STR("00000000000000000000000000000000ffffffffffffffffffffffffffffffff"), &no_nul));
	struct jsonfilter other;
	pass(&other, STR("[\"a string that is long\"]"), 0, 5);
	assert_null(jsonfilter_find(&other, mark, &no_nul));
	jsonfilter_free(&other);
	jsonfilter_free(&f);
}

static void escaping_is_jansson_s(void **state)
{
	struct sbuf b = {0}, ours = {0};

	(void)state;
	for (int c = 0; c < 0x80; c++)
		sbuf_char(&b, (char)c);
	sbuf_lit(&b, "\xc2\x80\xe2\x80\xa8\xef\xbf\xbf\xf4\x8f\xbf\xbf");
	json_t *s = json_stringn(b.p, b.n);
	char *theirs = json_dumps(s, JSON_ENCODE_ANY);
	sbuf_char(&ours, '"');
	jsonstring_escape(&ours, b.p, b.n);
	sbuf_char(&ours, '"');
	assert_string_equal(ours.p, theirs);
	free(theirs);
	json_decref(s);
	sbuf_free(&b);
	sbuf_free(&ours);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_text_cut_anywhere_reads_as_the_whole),
	    cmocka_unit_test(what_a_strict_reader_refuses_is_mended_alike),
	    cmocka_unit_test(nuls_stay_but_where_a_key_has_one),
	    cmocka_unit_test(random_texts_read_as_the_whole),
	    cmocka_unit_test(objects_are_found_in_a_file_as_in_a_text),
	    cmocka_unit_test(random_files_read_as_texts),
	    cmocka_unit_test(what_is_nested_too_deep_is_passed_over),
	    cmocka_unit_test(values_without_number_are_too_big),
	    cmocka_unit_test(only_what_passes_is_bounded),
	    cmocka_unit_test(a_cut_string_keeps_its_beginning),
	    cmocka_unit_test(a_mark_is_never_taken_for_text),
	    cmocka_unit_test(escaping_is_jansson_s),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
