#include "load/expand.h"

#include <string.h>

#include "base/utf8.h"

struct pos text_pos(struct text t, size_t offset)
{
	struct str before = str_sub(t.s, 0, offset);
	size_t line_start = before.n;
	struct pos at = t.at;

	if (!t.first_col)
		return at;
	while (line_start && before.p[line_start - 1] != '\n')
		line_start--;
	at.line += t.is_block;
	for (size_t i = 0; i < line_start; i++)
		at.line += before.p[i] == '\n';
	at.col = t.first_col + (uint32_t)utf8_length(str_sub(before, line_start, before.n));
	return at;
}

/* The offset of the next '$', or s.n. */
static size_t next_dollar(struct str s, size_t from)
{
	const char *p = from < s.n ? memchr(s.p + from, '$', s.n - from) : NULL;

	return p ? (size_t)(p - s.p) : s.n;
}

static bool has_at(struct str s, size_t i, const char *what, size_t n)
{
	return s.n - i >= n && memcmp(s.p + i, what, n) == 0;
}

/* The end of ${body} whose body begins at `from`; s.n when none ends it on its line and before another "${". */
static size_t body_end(struct str s, size_t from)
{
	for (size_t i = from; i < s.n && s.p[i] != '\n'; i++) {
		if (s.p[i] == '}')
			return i;
		if (has_at(s, i, "${", 2))
			break;
	}
	return s.n;
}

static void add_literal(struct template *t, struct str s, size_t from, size_t to)
{
	if (to > from)
		t->pieces[t->n++] = (struct piece){.text = str_sub(s, from, to), .offset = from};
}

/* The reference whose "${" is at i; the offset behind it. What is none stays text, after being reported. */
static size_t add_ref(struct template *t, struct diag *d, struct text src, size_t i)
{
	size_t end = body_end(src.s, i + 2);
	struct piece p = {.is_ref = true, .offset = i};

	if (end == src.s.n) {
		diag_error(d, text_pos(src, i), "write $${ where the text itself is meant", "'${' without its '}'");
		add_literal(t, src.s, i, i + 2);
		return i + 2;
	}
	p.text = str_sub(src.s, i + 2, end);
	p.optional = str_ends(p.text, STR("?"));
	p.text.n -= p.optional;
	if (p.text.n == 0) {
		diag_error(d, text_pos(src, i), "write $${ where the text itself is meant", "'${%s}' names nothing",
		           p.optional ? "?" : "");
		add_literal(t, src.s, i, end + 1);
		return end + 1;
	}
	t->pieces[t->n++] = p;
	t->has_refs = true;
	return end + 1;
}

struct template template_part(struct arena *a, struct diag *d, struct text src, size_t from, size_t to)
{
	struct template t = {0};
	size_t dollars = 0, i;

	src.s = str_sub(src.s, 0, to);
	for (i = next_dollar(src.s, from); i < src.s.n; i = next_dollar(src.s, i + 1))
		dollars++;
	t.pieces = arena_array(a, struct piece, 2 * dollars + 1);
	for (i = next_dollar(src.s, from); i < src.s.n; i = next_dollar(src.s, i)) {
		if (has_at(src.s, i, "$${", 3)) {
			/* The second '$' begins the next literal: nothing is copied. */
			add_literal(&t, src.s, from, i);
			from = i + 1;
			i += 3;
		} else if (has_at(src.s, i, "${", 2)) {
			add_literal(&t, src.s, from, i);
			from = i = add_ref(&t, d, src, i);
		} else {
			i++;
		}
	}
	add_literal(&t, src.s, from, src.s.n);
	return t;
}

struct template template_parse(struct arena *a, struct diag *d, struct text src)
{
	return template_part(a, d, src, 0, src.s.n);
}

size_t template_ref_end(struct str s, size_t at)
{
	size_t end = body_end(s, at + 2);

	return end < s.n ? end + 1 : s.n;
}
