#include "load/value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define TEN_YEARS_NS (INT64_C(3653) * 24 * 3600 * NS_PER_S)

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* A number as people write it, exactly: whole * 10^9 + billionths. */
struct decimal {
	uint64_t whole;
	uint32_t billionths;
	bool has_more; /* less than a billionth is left over */
	bool has_point;
	size_t end; /* where the number ends in the text */
};

static bool decimal_parse(struct str s, struct decimal *out)
{
	uint32_t place = 100000000;
	size_t i = 0;

	*out = (struct decimal){0};
	for (; i < s.n && is_digit(s.p[i]); i++) {
		if (__builtin_mul_overflow(out->whole, 10, &out->whole) ||
		    __builtin_add_overflow(out->whole, (uint64_t)(s.p[i] - '0'), &out->whole))
			return false;
	}
	if (i == 0)
		return false;
	if (i < s.n && s.p[i] == '.') {
		out->has_point = true;
		if (++i == s.n || !is_digit(s.p[i]))
			return false;
		for (; i < s.n && is_digit(s.p[i]); i++, place /= 10) {
			out->billionths += (uint32_t)(s.p[i] - '0') * place;
			out->has_more |= !place && s.p[i] != '0';
		}
	}
	out->end = i;
	return true;
}

bool value_duration(struct str s, int64_t *ns)
{
	static const struct {
		struct str suffix;
		int64_t ns;
	} units[] = {
	    {{"", 0}, NS_PER_S},       {{"ms", 2}, NS_PER_MS},      {{"s", 1}, NS_PER_S},
	    {{"m", 1}, 60 * NS_PER_S}, {{"h", 1}, 3600 * NS_PER_S},
	};
	struct decimal d;
	struct str suffix;
	int64_t total;

	if (!decimal_parse(s, &d))
		return false;
	suffix = str_sub(s, d.end, s.n);
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		if (!str_eq(suffix, units[i].suffix))
			continue;
		if (d.whole > (uint64_t)(TEN_YEARS_NS / units[i].ns))
			return false;
		total = (int64_t)d.whole * units[i].ns + units[i].ns / 1000 * d.billionths / 1000000;
		if (total > TEN_YEARS_NS || (total < NS_PER_MS && (total || d.whole || d.billionths || d.has_more)))
			return false;
		*ns = total;
		return true;
	}
	return false;
}

bool value_int(struct str s, int64_t min, int64_t max, int64_t *out)
{
	bool negative = s.n && s.p[0] == '-';
	int64_t v = 0;

	if (s.n == (size_t)negative)
		return false;
	for (size_t i = negative; i < s.n; i++) {
		if (!is_digit(s.p[i]) || __builtin_mul_overflow(v, 10, &v))
			return false;
		/* Counted downwards when negative, so that the smallest number has room. */
		if (__builtin_add_overflow(v, negative ? -(s.p[i] - '0') : s.p[i] - '0', &v))
			return false;
	}
	if (v < min || v > max)
		return false;
	*out = v;
	return true;
}

/* Moves *i over digits; were there any? */
static bool skip_digits(struct str s, size_t *i)
{
	size_t from = *i;

	while (*i < s.n && is_digit(s.p[*i]))
		++*i;
	return *i > from;
}

/* strtod also takes "inf", "0x1p3" and outer spaces: the form is checked first. */
static bool is_double(struct str s)
{
	size_t i = s.n && s.p[0] == '-';

	if (!skip_digits(s, &i))
		return false;
	if (i < s.n && s.p[i] == '.') {
		i++;
		if (!skip_digits(s, &i))
			return false;
	}
	if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
		i++;
		if (i < s.n && (s.p[i] == '+' || s.p[i] == '-'))
			i++;
		if (!skip_digits(s, &i))
			return false;
	}
	return i == s.n;
}

bool value_double(struct str s, double *out)
{
	char copy[512];
	double v;

	if (s.n >= sizeof copy || !is_double(s))
		return false;
	memcpy(copy, s.p, s.n);
	copy[s.n] = '\0';
	v = strtod(copy, NULL);
	if (!isfinite(v))
		return false;
	*out = v;
	return true;
}

/* word, Word or WORD. */
static bool is_word(struct str s, struct str lower)
{
	if (!str_ieq(s, lower))
		return false;
	if (str_eq(str_sub(s, 1, s.n), str_sub(lower, 1, lower.n)))
		return true;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] >= 'a' && s.p[i] <= 'z')
			return false;
	}
	return true;
}

bool value_bool(struct str s, bool *out)
{
	static const struct {
		struct str word;
		bool value;
	} words[] = {
	    {{"true", 4}, true},   {{"yes", 3}, true}, {{"on", 2}, true},
	    {{"false", 5}, false}, {{"no", 2}, false}, {{"off", 3}, false},
	};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (is_word(s, words[i].word)) {
			*out = words[i].value;
			return true;
		}
	}
	return false;
}

/* The factor that a suffix stands for; 0: none. */
static uint64_t size_unit(struct str suffix, bool binary)
{
	static const char letters[] = "kMGT";
	const char *at;
	uint64_t unit = 1;

	if (suffix.n == 0)
		return 1;
	if (suffix.n == 2 && suffix.p[1] == 'i')
		binary = true;
	else if (suffix.n != 1)
		return 0;
	at = suffix.p[0] == 'K' ? letters : memchr(letters, suffix.p[0], sizeof letters - 1);
	if (!at)
		return 0;
	for (const char *p = letters; p <= at; p++)
		unit *= binary ? 1024 : 1000;
	return unit;
}

bool value_usd(struct str s, double *out)
{
	return value_double(s, out) && *out > 0 && *out <= 1e9;
}

bool value_load(struct str s, double *out)
{
	double load;
	bool ok = value_double(s, &load) && load >= 0;

	if (ok)
		*out = load;
	return ok;
}

bool value_size(struct str s, bool binary, uint64_t *out)
{
	struct decimal d;
	uint64_t unit, total, part;

	if (!decimal_parse(s, &d))
		return false;
	unit = size_unit(str_sub(s, d.end, s.n), binary);
	if (unit == 0 || (unit == 1 && d.has_point))
		return false;
	/* In two steps: unit * billionths would not fit in 64 bits. */
	part = unit / 1000 * d.billionths / 1000000 + unit % 1000 * d.billionths / 1000000000;
	if (__builtin_mul_overflow(d.whole, unit, &total) || __builtin_add_overflow(total, part, &total))
		return false;
	*out = total;
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Copies what stands between double quotes from s.p[i] on; the offset behind the closing one, 0 when there is none. */
static size_t take_double_quoted(struct str s, size_t i, char *to, size_t *n)
{
	for (; i < s.n && s.p[i] != '"'; i++) {
		if (s.p[i] == '\\' && i + 1 < s.n && memchr("\"\\$`\n", s.p[i + 1], 5) && s.p[++i] == '\n')
			continue;
		to[(*n)++] = s.p[i];
	}
	return i < s.n ? i + 1 : 0;
}

static size_t take_single_quoted(struct str s, size_t i, char *to, size_t *n)
{
	for (; i < s.n && s.p[i] != '\''; i++)
		to[(*n)++] = s.p[i];
	return i < s.n ? i + 1 : 0;
}

/* One word from s.p[i], which is not blank, to `to`; the offset behind it, 0 when a quote is open at the end. */
static size_t take_word(struct str s, size_t i, char *to, size_t *n)
{
	while (i < s.n && !is_blank(s.p[i])) {
		char c = s.p[i++];

		if (c == '"') {
			i = take_double_quoted(s, i, to, n);
		} else if (c == '\'') {
			i = take_single_quoted(s, i, to, n);
		} else if (c == '\\') {
			if (i == s.n)
				return 0;
			if (s.p[i] != '\n')
				to[(*n)++] = s.p[i];
			i++;
		} else {
			to[(*n)++] = c;
		}
		if (i == 0)
			return 0;
	}
	return i;
}

struct str *value_words(struct arena *a, struct str s, size_t *n)
{
	/* No word is longer than its source, and between two words stands a blank whose place the NUL takes. */
	char *to = arena_text(a, s.n + 1);
	size_t i = 0, most = 2;
	struct str *words;

	for (size_t k = 0; k < s.n; k++)
		most += is_blank(s.p[k]);
	words = arena_array(a, struct str, most);
	*n = 0;
	for (;;) {
		size_t length = 0;

		while (i < s.n && (is_blank(s.p[i]) || (s.p[i] == '\\' && i + 1 < s.n && s.p[i + 1] == '\n')))
			i += s.p[i] == '\\' ? 2 : 1;
		if (i == s.n)
			return words;
		i = take_word(s, i, to, &length);
		if (i == 0)
			return NULL;
		to[length] = '\0';
		words[(*n)++] = (struct str){to, length};
		to += length + 1;
	}
}
