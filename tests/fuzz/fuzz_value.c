/* One value of any kind: durations, sizes, dates, what programs say of waiting, a provider's state, a path, a line to be shown, a script. */
#include <string.h>
#include <wordexp.h>

#include "base/path.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "load/value.h"
#include "run/answer_line.h"
#include "run/quota.h"
#include "run/script_call.h"
#include "state/bucket.h"

#define NOW_NS (INT64_C(1764000000) * 1000000000)

static void check_numbers(struct arena *a, struct str s)
{
	int64_t ns, i;
	double x;
	uint64_t n;
	bool b;
	size_t words;

	if (value_duration(s, &ns))
		always(ns >= 0 && ns <= INT64_C(10) * 366 * 86400 * 1000000000);
	if (value_int(s, -5, 70000, &i))
		always(i >= -5 && i <= 70000);
	if (value_double(s, &x))
		always(x == x);
	if (value_load(s, &x))
		always(x >= 0);
	if (value_usd(s, &x))
		always(x > 0);
	value_bool(s, &b);
	value_size(s, true, &n);
	value_size(s, false, &n);
	value_words(a, s, &words);
	ns = quota_until(s, NOW_NS);
	always(ns > NOW_NS && ns <= NOW_NS + INT64_C(31) * 86400 * 1000000000);
	ns = line_wait_ns(s);
	always(ns >= -1 && ns <= INT64_C(3600) * 1000000000);
}

static void check_bucket(struct str s)
{
	static const struct limit_rule rule = {3, 0.5, 2};
	static const struct bucket_now now = {"boot", INT64_C(77000000000), NOW_NS / 1000000};
	struct bucket b, again;
	char text[BUCKET_TEXT], same[BUCKET_TEXT];

	bucket_parse(s, &b);
	bucket_print(&b, text);
	always(bucket_parse((struct str){text, sizeof text}, &again));
	bucket_print(&again, same);
	always(!memcmp(text, same, sizeof text));
	bucket_settle(&b, &rule, &now);
	always(b.missing >= 0 && bucket_wait_ns(&b, &rule) >= 0);
}

static void check_texts(struct arena *a, struct str s)
{
	struct str line = line_of(a, s), normal = path_normal(a, s), name = path_escape_name(a, s);
	struct sbuf shown = {0};

	always(utf8_invalid(line) == line.n && line.n <= LINE_BYTES);
	always(normal.n && str_eq(path_normal(a, normal), normal));
	always(name.n <= 255 && !memchr(name.p, '/', name.n) && (!name.n || name.p[0] != '.'));
	utf8_escape(&shown, s);
	line = sbuf_view(&shown);
	always(utf8_invalid(line) == line.n);
	for (size_t i = 0; i < line.n; i++)
		always((unsigned char)line.p[i] >= ' ' && line.p[i] != 0x7f);
	if (utf8_invalid(s) == s.n)
		utf8_nfc(a, s);
	utf8_width(s);
	sbuf_free(&shown);
}

/* What needs no shell, a shell takes for the same words. */
static void check_script(struct arena *a, struct str s)
{
	char **words = script_call_words(a, s);
	wordexp_t e;
	size_t n = 0;

	if (!words)
		return;
	always(!wordexp(arena_copy(a, str_trim_end_newlines(s)).p, &e, WRDE_NOCMD | WRDE_UNDEF));
	for (; words[n]; n++)
		always(n < e.we_wordc && !strcmp(words[n], e.we_wordv[n]));
	always(n == e.we_wordc);
	wordfree(&e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str s = fuzz_copy(data, size);
	struct arena a = {0};

	check_numbers(&a, s);
	check_bucket(s);
	check_texts(&a, s);
	check_script(&a, s);
	arena_free(&a);
	free((char *)s.p);
	return 0;
}
