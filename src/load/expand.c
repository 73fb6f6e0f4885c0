#include "load/expand.h"

#include <string.h>

#include "base/utf8.h"

struct pos text_walk_to(struct text_walk *w, size_t offset)
{
	size_t line_start = w->offset;

	if (!w->t.first_col)
		return w->t.at;
	offset = offset < w->t.s.n ? offset : w->t.s.n;
	if (!w->at.line || offset < w->offset) {
		w->at = (struct pos){w->t.at.source, w->t.at.line + w->t.is_block, w->t.first_col};
		line_start = w->offset = 0;
	}
	for (; w->offset < offset; w->offset++)
		if (w->t.s.p[w->offset] == '\n') {
			w->at.line++;
			w->at.col = w->t.first_col;
			line_start = w->offset + 1;
		}
	w->at.col += (uint32_t)utf8_length(str_sub(w->t.s, line_start, offset));
	return w->at;
}

struct pos text_pos(struct text t, size_t offset)
{
	return text_walk_to(&(struct text_walk){.t = t}, offset);
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
static size_t add_ref(struct template *t, struct diag *d, struct text_walk *w, size_t i)
{
	struct str s = w->t.s;
	size_t end = body_end(s, i + 2);
	struct piece p = {.is_ref = true, .offset = i};

	if (end == s.n) {
		diag_error(d, text_walk_to(w, i), "write $${ where the text itself is meant", "'${' without its '}'");
		add_literal(t, s, i, i + 2);
		return i + 2;
	}
	p.text = str_sub(s, i + 2, end);
	p.optional = str_ends(p.text, STR("?"));
	p.text.n -= p.optional;
	if (p.text.n == 0) {
		diag_error(d, text_walk_to(w, i), "write $${ where the text itself is meant", "'${%s}' names nothing",
		           p.optional ? "?" : "");
		add_literal(t, s, i, end + 1);
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
	struct text_walk w = {.t = src};
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
			from = i = add_ref(&t, d, &w, i);
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
