#include "run/delegation.h"

#include <string.h>

#include "base/fence.h"

/* Where in the text a line stands. */
struct place {
	struct fence fence;
	bool quote; /* a line of a quote stands before, and no empty line since */
};

static struct str trim_blank(struct str s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = str_sub(s, 1, s.n);
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t' || s.p[s.n - 1] == '\r'))
		s.n--;
	return s;
}

/* Indented by up to three spaces, as all blocks may be. */
static bool is_quote(struct str line)
{
	size_t n = 0;
	while (n < 3 && n < line.n && line.p[n] == ' ')
		n++;
	return n < line.n && line.p[n] == '>';
}

/* Is this a line of text that may be a request? Moves on. */
static bool is_open_text(struct place *at, struct str line)
{
	struct str info, text = trim_blank(line);
	enum fence_line is = fence_next(&at->fence, line, &info);
	if (is == FENCE_OPENS)
		at->quote = false;
	if (is != FENCE_OUTSIDE)
		return false;
	if (!text.n)
		at->quote = false;
	else if (is_quote(line))
		at->quote = true;
	return !at->quote;
}

static bool read_request(struct str line, struct delegation_request *out)
{
	static const struct str words = {"DELEGATE TO ", 12};
	bool at = str_starts(line, STR("@"));
	if (!at && !str_starts(line, words))
		return false;
	struct str rest = str_sub(line, at ? 1 : words.n, line.n);
	size_t colon = str_find(rest, STR(":"), 0);
	struct str name = str_sub(rest, 0, colon);
	if (!at)
		name = trim_blank(name);
	*out = (struct delegation_request){name, trim_blank(str_sub(rest, colon < rest.n ? colon + 1 : colon, rest.n))};
	return name.n && out->task.n && trim_blank(name).n == name.n;
}

struct delegation_list delegation_parse(struct arena *a, struct str answer)
{
	struct delegation_list l = {0};
	struct place at = {0};
	for (size_t from = 0, to; from < answer.n; from = to + 1) {
		const char *end = memchr(answer.p + from, '\n', answer.n - from);
		to = end ? (size_t)(end - answer.p) : answer.n;
		struct str line = str_sub(answer, from, to);
		struct delegation_request r;
		if (!is_open_text(&at, line) || !read_request(line, &r))
			continue;
		if (l.of.n < DELEGATION_READ_MOST)
			vec_push(a, &l.of, r);
		else
			l.more++;
	}
	return l;
}
